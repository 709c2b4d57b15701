"""What the tests of the loop say over and over: somebody texts, an agency answers by phone, and what came of it."""

from __future__ import annotations

import itertools
import uuid
from datetime import datetime, timedelta

from sqlalchemy import func, select

from app import clock
from app.db import session
from app.events import TextArrived, publish
from app.loop import silence
from app.loop.models import Clock
from app.messaging import jobs as messaging_jobs
from app.messaging import operations as messaging
from app.messaging.delivery import Accepted, State
from app.messaging.gateways import ConsoleGateway
from app.messaging.models import Inbound, Message
from app.patients.models import Patient
from app.referrals import operations as referrals
from app.referrals.lifecycle import Actor, Reason, Status
from app.referrals.models import Referral
from app.staff.models import StaffMember
from app.worklist.kinds import Kind
from app.worklist.models import WorkItem

_number = itertools.count(1)


def phone_of(patient: Patient) -> str:
    return patient.phones[0].number


def text_from(phone: str, body: str, *, opt_out: str = "", to: str = "+15005550006") -> Inbound:
    """A text arrives and is read, as the webhook and its job would do it."""
    received = messaging.receive(
        {
            "MessageSid": f"SM{next(_number):032x}",
            "From": phone,
            "To": to,
            "Body": body,
            "OptOutType": opt_out,
        }
    )
    inbound = session.get_one(Inbound, received.id)
    publish(TextArrived(inbound.id))
    session.refresh(inbound)
    return inbound


def agency_says(referral: Referral, new: Status, reason: str = "", *, outcome: str = "service-provided") -> None:
    """Somebody of the care team writes down what the agency said on the phone."""
    referrals.move(
        referral,
        new,
        by=session.get_one(StaffMember, referral.owner_id),
        said_by=Actor.AGENCY,
        reason=Reason(reason) if reason else None,
        outcome=Reason(outcome) if new is Status.COMPLETED else None,
    )
    session.flush()  # a request of the same test has a session of its own


def texts_to(patient: Patient, *states: State) -> list[str]:
    """Which texts were written to a patient, in order; with `states`, only those that are in one of them."""
    written = select(Message).where(Message.phone == phone_of(patient)).order_by(Message.position)
    return [text.template for text in session.scalars(written) if not states or text.state in states]


def waiting_for(patient: Patient) -> list[str]:
    """Which texts are on their way to a patient."""
    return texts_to(patient, State.QUEUED)


def open_work(referral_id: uuid.UUID) -> set[Kind]:
    undone = select(WorkItem.kind).where(WorkItem.referral_id == referral_id, WorkItem.done_at.is_(None))
    return set(session.scalars(undone))


def work(kind: Kind) -> list[WorkItem]:
    return list(session.scalars(select(WorkItem).where(WorkItem.kind == kind, WorkItem.done_at.is_(None))))


def last_text_to(phone: str) -> Message:
    return session.scalars(
        select(Message).where(Message.phone == phone).order_by(Message.position.desc()).limit(1)
    ).one()


def deliver_texts() -> None:
    """Every text that is due reaches its phone."""
    gateway = ConsoleGateway()
    while claim := messaging_jobs.claim_next(gateway):
        messaging_jobs.record(claim, Accepted(f"SM{claim.outgoing.message_id.hex}", "delivered"), gateway)
        session.flush()


def let_pass(since: datetime, time: timedelta) -> int:
    """Let this much time pass after `since`: every step comes due at its own moment, and texts go out. How many did."""
    fired = 0
    earliest = select(func.min(Clock.due_at)).where(Clock.ended_at.is_(None), Clock.due_at <= since + time)
    while due := session.scalar(earliest):
        with clock.held_at(due):
            fired += silence.fire_due_clocks()
            deliver_texts()
    return fired


def live_clocks(referral: Referral) -> set[str]:
    return set(session.scalars(select(Clock.step).where(Clock.referral_id == referral.id, Clock.ended_at.is_(None))))
