"""Sending e-mails that are queued, and the sweeps that find what a dead worker or a lost job left behind.

An e-mail is claimed in one short transaction, handed to the gateway in none, and what came of it is recorded in
another: a slow server must not hold a database connection. Leases are counted on the database's clock.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import exists, select

from app import clock
from app.config import settings
from app.db import database_now, session
from app.jobs import enqueue, queue
from app.mail import delivery, gateways, operations
from app.mail.delivery import State
from app.mail.gateways import Gateway, Letter
from app.mail.models import Email
from app.messaging.delivery import Accepted, NotSent, Outcome, Refused, Unsure

log = logging.getLogger(__name__)

WORK_FOR = 15.0
"""Seconds after which a sending job makes way for others."""
LOST_JOB_AFTER = timedelta(seconds=20)
AT_ONCE = 200
"""Rows that one sweep takes on."""


@dataclass(frozen=True)
class Claim:
    """An e-mail in the hands of one worker, and which try that is."""

    letter: Letter
    number: int


@queue.task(name=operations.SEND)
def send() -> None:
    """Send what is due until nothing is, the server cannot be reached, or others should have a turn."""
    if not operations.enabled():
        return
    gateway = gateways.chosen(settings())
    enough = time.monotonic() + WORK_FOR
    while claim := claim_next(gateway):
        session.commit()  # from here until the answer is in, no connection is held
        outcome = gateway.send(claim.letter)
        record(claim, outcome)
        session.commit()
        if isinstance(outcome, NotSent):
            return  # the sweep begins again: whoever cannot be reached now is not asked for each e-mail
        if time.monotonic() > enough:
            enqueue(operations.SEND)
            return


def claim_next(gateway: Gateway) -> Claim | None:
    """Take the next e-mail that is due; those that have become wrong are ended on the way."""
    while email := session.scalars(
        select(Email)
        .where(Email.state == State.QUEUED, Email.due_at <= clock.now())
        .order_by(Email.purpose == delivery.LISTING, Email.due_at, Email.position)
        .limit(1)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).first():
        if email.not_after and email.not_after <= clock.now():
            operations.end(email, State.EXPIRED)
            continue
        email.state = State.SENDING
        email.tries += 1
        email.lease_until = database_now() + gateway.lease
        session.flush()
        letter = Letter(email.id, email.address, email.subject, email.body, email.language, email.calendar)
        return Claim(letter, email.tries)
    return None


def record(claim: Claim, outcome: Outcome) -> None:
    """Write down how the try ended, unless a later one has begun. It may have been taken for lost in the meantime."""
    email = session.scalars(
        select(Email)
        .where(Email.id == claim.letter.email_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    if email.state not in {State.SENDING, State.UNSURE} or email.tries != claim.number:
        return
    match outcome:
        case Accepted():
            operations.end(email, State.SENT)
        case Refused(code):
            operations.end(email, State.FAILED, code)
        case NotSent(why):
            again = delivery.retry_at(email.tries, clock.now())
            if again is None:
                operations.end(email, State.FAILED, delivery.GAVE_UP)
            else:
                email.state, email.due_at, email.code = State.QUEUED, again, why
                email.lease_until = email.ended_at = None
                enqueue(operations.SEND, at=again)
        case Unsure(why) if email.state is State.SENDING:
            operations.end(email, State.UNSURE, why)
        case _:
            pass


@queue.periodic(cron="* * * * * */15")
@queue.task(name="mail.sweep", queueing_lock="mail.sweep")
def sweep(timestamp: int) -> None:  # noqa: ARG001  periodic tasks are told when they were due
    """What a dead worker was sending may exist or not; and what is due although no job has come for it."""
    if not operations.enabled():
        return
    repeatable = gateways.chosen(settings()).repeatable
    over = session.scalars(
        select(Email)
        .where(Email.state == State.SENDING, Email.lease_until < database_now())
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    for email in over.all():
        if repeatable:
            email.state, email.lease_until = State.QUEUED, None
        else:
            operations.end(email, State.UNSURE, "worker gone")
    session.flush()
    if session.scalar(select(exists().where(Email.state == State.QUEUED, Email.due_at < clock.now() - LOST_JOB_AFTER))):
        enqueue(operations.SEND)
