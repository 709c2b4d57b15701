"""What is done when a step of the clocks comes due.

Each referral is taken under its lock and in a savepoint: one that cannot go on is put off for an hour, which the log
says, and the others do.
"""

from __future__ import annotations

import logging
import uuid
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, ScalarSelect, and_, func, or_, select
from sqlalchemy.orm import aliased

from app import clock
from app.db import session
from app.errors import DomainError
from app.events import AgencySilent, publish
from app.loop import agreements, clocks, operations, queries, rerouting
from app.loop.clocks import Effect, Waiting
from app.loop.models import Clock, Takeover
from app.patients import queries as patients
from app.patients.models import Patient, Pause
from app.referrals.lifecycle import FEWEST_ATTEMPTS, Status
from app.referrals.models import Referral

log = logging.getLogger(__name__)

AT_ONCE = 200
"""Referrals that one sweep takes on; what is left comes a minute later."""

PUT_OFF = timedelta(hours=1)


def fire_due_clocks(limit: int = AT_ONCE) -> int:
    """Do what has come due for at most `limit` referrals; how many steps that was. Two workers never fire the same.

    What would be asked of a patient with whom a person is talking, or who is left alone, waits until that is over.
    """
    overdue = session.scalars(
        select(Clock.referral_id)
        .where(Clock.ended_at.is_(None), Clock.due_at <= clock.now(), _may_fire())
        .group_by(Clock.referral_id)
        .order_by(func.min(Clock.due_at), _begun_at())
        .limit(limit)
    ).all()
    return sum(_play(referral_id) for referral_id in overdue)


def _begun_at() -> ScalarSelect[datetime]:
    """Of several that come due at one moment, who has waited longest is first."""
    referral = aliased(Referral)
    return select(referral.created_at).where(referral.id == Clock.referral_id).scalar_subquery()


def _may_fire() -> ColumnElement[bool]:
    taken_over = (
        select(Takeover.id)
        .join(Referral, Referral.patient_id == Takeover.patient_id)
        .where(Referral.id == Clock.referral_id, Takeover.ended_at.is_(None), Takeover.until > clock.now())
    )
    paused = (
        select(Pause.id)
        .join(Referral, Referral.patient_id == Pause.patient_id)
        .where(Referral.id == Clock.referral_id, patients.paused_now())
    )
    return and_(
        or_(Clock.group.not_in(clocks.NOT_WHILE_TALKING), ~taken_over.exists()),
        or_(Clock.group.not_in(clocks.STANDS_STILL), ~paused.exists()),
    )


def _play(referral_id: uuid.UUID) -> int:
    """Fire the due steps of one referral; how many. None when somebody else holds it: then it is their turn."""
    referral = session.scalar(
        select(Referral)
        .where(Referral.id == referral_id)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    if referral is None:
        return 0
    live = {
        waiting.id: waiting
        for waiting in session.scalars(
            select(Clock)
            .where(Clock.referral_id == referral_id, Clock.ended_at.is_(None), _may_fire())
            .execution_options(populate_existing=True)
        )
    }
    now = clock.now()
    turn = clocks.play([Waiting(one.id, one.group, one.due_at) for one in live.values()], now)
    for clock_id, due_at in turn.postpone:
        live[clock_id].due_at = due_at
    fired = 0
    for clock_id in turn.fire:
        try:
            with session.begin_nested():
                fired += _fire(referral, live[clock_id])
        except DomainError:
            log.warning("step %s of referral %s could not be taken and is put off", live[clock_id].step, referral.id)
            live[clock_id].due_at = now + PUT_OFF
    return fired


def _fire(referral: Referral, waiting: Clock) -> bool:
    """End the step and do what it is for; False when an event of this very round has ended it."""
    session.refresh(waiting)
    if waiting.ended_at is not None:
        return False
    waiting.ended_at, waiting.outcome = clock.now(), "fired"
    session.flush()  # what follows asks the database which steps are live
    _do(referral, waiting)
    step = clocks.named(waiting.step)
    if step and step.again and _is_over(referral, waiting):
        operations.come_back(referral, step)
    return True


def _is_over(referral: Referral, waiting: Clock) -> bool:
    """Whether nothing came of the step, so that it has to come back."""
    status, step = referral.status.value, waiting.step
    still_waits = any(step == one.name for one in (*clocks.STEPS.get(status, ()), *clocks.URGENT.get(status, ())))
    return still_waits and not referral.asked_out_at and not operations.is_live(referral, step)


def _do(referral: Referral, waiting: Clock) -> None:
    match Effect(waiting.effect):
        case Effect.SEND:
            rerouting.send_prepared(referral)  # put off while today's places are taken
        case Effect.NUDGE:
            publish(AgencySilent(referral.id, waiting.step))
        case Effect.CALL_AGENCY:
            operations.call_agency(referral, why=waiting.step)
        case Effect.RECALL:
            rerouting.recall(referral)
        case Effect.BREAK_PROMISE:
            agreements.break_promise(referral)
        case Effect.REMIND:
            agreements.remind(referral, waiting.step)
        case _:
            _try_to_hear(referral, waiting)


def _try_to_hear(referral: Referral, waiting: Clock) -> None:
    """Ask the patient, in one way after the other, until every one has been used."""
    patient = session.get_one(Patient, referral.patient_id)
    match Effect(waiting.effect):
        case Effect.ASK:
            template = "ask-served" if referral.status is Status.COMPLETED else "ask-got-help"
            operations.ask_again(referral, template, f"{waiting.step}:{waiting.id}")
        case Effect.CALL_PATIENT:
            operations.call_instead(referral, patient, "silent")
        case Effect.CHECK:
            operations.look_after(referral, patient)
        case Effect.GIVE_UP_ASKING:
            if queries.attempts(referral.id) >= FEWEST_ATTEMPTS:
                operations.withdraw_questions(referral)
                referral.asked_out_at = clock.now()
            else:
                operations.call_instead(referral, patient, "silent")
