"""A person in the conversation: takes it over, writes a text, decides about one that is held, says whose a number is.

What is written by hand goes through the same outbox under the same rules. Whoever writes takes the conversation over,
so of two who answer at once the second is told so and sends nothing.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Select, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from app import clock
from app.audit import operations as audit
from app.db import changed, session
from app.errors import DomainError, Invalid, NotFound
from app.i18n import gettext as _
from app.loop import words
from app.loop.models import Question, Takeover
from app.messaging import jobs as messaging_jobs
from app.messaging import operations as messaging
from app.messaging import queries as messages
from app.messaging import segments
from app.messaging.delivery import ANSWER, NOTICE, State
from app.messaging.models import Inbound, Message
from app.messaging.segments import Count
from app.messaging.windows import Delay
from app.patients import operations as patient_operations
from app.patients import phones
from app.patients import queries as patients
from app.patients.models import ConsentKind, Patient
from app.staff.models import StaffMember
from app.staff.queries import names
from app.worklist import operations as worklist
from app.worklist.kinds import Kind
from app.worklist.models import WorkItem

TAKEN_FOR = timedelta(days=3)
"""How long a conversation stays with a person who does not write in it any more."""
ANSWERED_WITHIN = timedelta(days=1)
"""Who wrote to us that lately gets an answer; whatever is written later is a text that nobody asked for, and counts."""


# Taking a conversation over


_WHO_HAS = select(Takeover).where(
    Takeover.patient_id == bindparam("patient_id"), Takeover.ended_at.is_(None), Takeover.until > bindparam("now")
)


def who_has(patient_id: uuid.UUID) -> Takeover | None:
    """Who talks with this patient now instead of us."""
    return session.scalar(_WHO_HAS, {"patient_id": patient_id, "now": clock.now()})


def take_over(patient: Patient, *, by: StaffMember) -> Takeover:
    """From now on `by` talks with this patient, for `TAKEN_FOR`; again, it begins anew.

    What we asked and nobody has answered is withdrawn: from now on “1” means what the person asks.

    :raises DomainError: somebody else has this conversation.
    """
    now = clock.now()
    session.execute(
        update(Takeover)
        .where(Takeover.patient_id == patient.id, Takeover.ended_at.is_(None), Takeover.until <= now)
        .values(ended_at=Takeover.until)
        .execution_options(synchronize_session="fetch")
    )
    new = session.scalar(
        insert(Takeover)
        .values(patient_id=patient.id, staff_id=by.id, since=now, until=now + TAKEN_FOR)
        .on_conflict_do_nothing(index_elements=["patient_id"], index_where=Takeover.ended_at.is_(None))
        .returning(Takeover.id)
    )
    if new is None and not changed(
        update(Takeover)
        .where(Takeover.patient_id == patient.id, Takeover.ended_at.is_(None), Takeover.staff_id == by.id)
        .values(until=now + TAKEN_FOR)
        .execution_options(synchronize_session="fetch")
    ):
        raise DomainError(_somebody_else_has_it(patient.id))
    if new:
        _withdraw_questions(patient.id)
        audit.record("took over the conversation", "patient", patient.id, by=by.id)
    return session.scalars(select(Takeover).where(Takeover.patient_id == patient.id, Takeover.ended_at.is_(None))).one()


def _somebody_else_has_it(patient_id: uuid.UUID) -> str:
    held = who_has(patient_id)
    if held is None:
        return _("Somebody else had this conversation until now. Try again.")
    name = names([held.staff_id])[held.staff_id]
    return _("%(name)s has this conversation. Nothing was sent; talk with %(name)s, or give it back first.", name=name)


def _withdraw_questions(patient_id: uuid.UUID) -> None:
    session.execute(
        update(Question)
        .where(Question.patient_id == patient_id, Question.closed_at.is_(None))
        .values(closed_at=clock.now())
        .execution_options(synchronize_session="fetch")
    )


def give_back(patient: Patient, *, by: StaffMember) -> None:
    """We go on by ourselves. Anybody of the team may say so, because whoever has it may be ill.

    :raises DomainError: nobody has it.
    """
    if not changed(
        update(Takeover)
        .where(Takeover.patient_id == patient.id, Takeover.ended_at.is_(None))
        .values(ended_at=clock.now(), ended_by_id=by.id)
        .execution_options(synchronize_session="fetch")
    ):
        raise DomainError(_("Nobody has this conversation any more."))
    audit.record("gave back the conversation", "patient", patient.id, by=by.id)


# Writing a text


@dataclass(frozen=True)
class Draft:
    """A text as it would go out, and what to know before it does."""

    body: str
    counted: Count
    phone: str
    delay: Delay | None
    """Why it would not go at once, and when it would."""
    gives_away: Sequence[str]
    """Names that stand in it and that whoever holds the phone may read."""
    shared: bool
    """Somebody else uses this phone too."""


def why_not(patient: Patient) -> str:
    """Why this patient cannot be texted now, as one sentence; empty when they can."""
    reach = patients.reach(patient)
    if reach.why_not:
        return words.no_texts(reach.why_not, patient.given_name)
    if reach.phone is None:
        return words.no_texts("no-phone", patient.given_name)
    if messages.is_suppressed(reach.phone):
        return words.no_texts(messaging.OPTED_OUT, patient.given_name)
    others = (other.safe_contact for other in patients.patients_with_phone(reach.phone))
    if any(plan and plan.text_nothing for plan in others):
        return words.no_texts("shared-text-nothing", patient.given_name)
    return ""


def draft(patient: Patient, typed: str, names_to_keep: Iterable[str] = ()) -> Draft:
    """Look at a text before it is sent; nothing is written.

    :param names_to_keep: names that should not stand in a text, of people and of organizations.
    :raises DomainError: this patient cannot be texted now.
    :raises Invalid: it cannot be sent as it is.
    """
    phone, body = _reachable(patient), _sendable(typed)
    message = Message(
        phone=phone,
        zone=patient.time_zone,
        region=patients.region(patient),
        priority=_priority(phone),
        purpose=messaging.BY_HAND,
    )
    return Draft(
        body=body,
        counted=segments.count(body),
        phone=phone,
        delay=messaging_jobs.delay_of(message),
        gives_away=gives_away(body, names_to_keep),
        shared=len(patients.patients_with_phone(phone)) > 1,
    )


def gives_away(body: str, names_to_keep: Iterable[str]) -> list[str]:
    """Which of these names stand in a text as words of their own, each once."""
    return [
        name
        for name in dict.fromkeys(names_to_keep)
        if name.strip() and re.search(rf"(?<!\w){re.escape(name.strip())}(?!\w)", body, re.IGNORECASE)
    ]


def write(patient: Patient, typed: str, key: uuid.UUID, *, by: StaffMember) -> Message:
    """Send a text that `by` wrote, and take the conversation over; the same `key` again gives the text of before.

    :raises DomainError: this patient cannot be texted now, or somebody else has the conversation.
    :raises Invalid: it cannot be sent as it is.
    """
    dedupe_key = f"by-hand:{patient.id}:{key}"
    before = session.scalar(select(Message).where(Message.dedupe_key == dedupe_key))
    if before:
        return before
    phone, body = _reachable(patient), _sendable(typed)
    take_over(patient, by=by)
    message = messaging.queue_text(
        to=phone,
        recipient=patient.id,
        regarding=None,
        purpose=messaging.BY_HAND,
        dedupe_key=dedupe_key,
        language=patient.language,
        template=messaging.BY_HAND,
        body=body,
        priority=_priority(phone),
        zone=patient.time_zone,
        region=patients.region(patient),
        written_by=by.id,
    )
    if message.cancel_reason == messaging.OPTED_OUT:
        raise DomainError(words.no_texts(messaging.OPTED_OUT, patient.given_name))
    audit.record("wrote a text", "patient", patient.id, by=by.id, message=str(message.id))
    _have_answered(patient, by=by)
    return message


def _have_answered(patient: Patient, *, by: StaffMember) -> None:
    """What they wrote in a conversation that was taken over needs nobody any more: `by` has just gone on with it."""
    for item in session.scalars(
        select(WorkItem).where(
            WorkItem.patient_id == patient.id,
            WorkItem.kind == Kind.READ_TEXT,
            WorkItem.done_at.is_(None),
            WorkItem.detail["why"].astext == "taken-over",
        )
    ).all():
        worklist.finish(item, "done", by=by)


def _reachable(patient: Patient) -> str:
    sentence = why_not(patient)
    phone = patients.reach(patient).phone
    if sentence or phone is None:
        raise DomainError(sentence)
    return phone


def _sendable(typed: str) -> str:
    body = messaging.storable(typed.replace("\r\n", "\n").strip())
    match messaging.unsendable(body):
        case "empty":
            raise Invalid({"body": _("Write what you want to say.")})
        case "too-long":
            most = segments.LONGEST
            raise Invalid({"body": _("This is too long for a text. Use %(most)s characters at most.", most=most)})
    return body


def _priority(phone: str) -> int:
    return ANSWER if messages.has_texted_since(phone, clock.now() - ANSWERED_WITHIN) else NOTICE


# Texts that are held, or wait


def decide(message: Message, *, send: bool, by: StaffMember) -> None:
    """Send what is held anyway, or take back what has not left yet.

    :raises DomainError: it no longer waits, or it is held for a reason that no decision changes.
    """
    held_for = message.hold_reason
    if send:
        _may_go(message)
    if not (messaging.release(message) if send else messaging.take_back(message)):
        raise DomainError(_("Somebody else has decided about this text, or it has left already."))
    session.refresh(message)
    audit.record("sent a held text" if send else "took back a text", "message", message.id, by=by.id)
    if held_for:
        _lay_down(message, held_for, by=by)


def _may_go(message: Message) -> None:
    if message.hold_reason not in messaging.RELEASABLE:
        raise DomainError(_("This text cannot be sent as it is."))
    patient = session.get(Patient, message.recipient) if message.recipient else None
    sentence = why_not(patient) if patient else ""
    if sentence:
        raise DomainError(sentence)
    if messages.is_suppressed(message.phone):
        raise DomainError(words.no_texts(messaging.OPTED_OUT, ""))


def _lay_down(message: Message, held_for: str, *, by: StaffMember) -> None:
    """When nothing of a patient is held for this reason any more, nobody has to decide about it either."""
    if message.recipient:
        more = select(Message.id).where(
            Message.recipient == message.recipient, Message.state == State.HELD, Message.hold_reason == held_for
        )
        if session.scalar(more.limit(1)):
            return
    item = session.scalar(
        select(WorkItem).where(WorkItem.purpose == held_purpose(message, held_for), WorkItem.done_at.is_(None))
    )
    if item:
        worklist.finish(item, "done", by=by)


def held_purpose(message: Message, why: str) -> str:
    """What somebody decides about texts that are held is called: for a patient all at once, for strangers each."""
    return f"patient:{message.recipient}:held-{why}" if message.recipient else f"message:{message.id}:held-{why}"


# Whose number it is


def link(item: WorkItem, patient: Patient, *, agreed: bool, by: StaffMember) -> None:
    """A number that nobody knew is this patient's from now on; what came from it and waits becomes theirs.

    An agreement to be texted is for a number. Whether it holds for this one is what `agreed` says; until it does, no
    text is sent, also when it held for the old number.

    :raises DomainError: somebody else has taken care of this text, or no patient can have that number.
    """
    phone = stranger(item)
    waiting = session.execute(_from_nobody(phone).with_for_update(of=WorkItem)).all()
    if item.id not in {one.id for one, _inbound_id in waiting}:
        raise DomainError(_("Somebody else has already taken care of this."))
    for one, _inbound_id in waiting:
        if one.kind is Kind.URGENT_TEXT:  # knowing who it was is not the call that it asks for
            one.patient_id, one.team_id, one.owner_id = patient.id, patient.team_id, patient.lead_id
        else:
            worklist.finish(one, "done", by=by)
    messaging.assign([inbound_id for _one, inbound_id in waiting], patient.id)
    patient_operations.take_number(patient, phone, by=by)
    if agreed or patients.has_consent(patient.id, ConsentKind.TEXT):
        patient_operations.record_consent(
            patient,
            ConsentKind.TEXT,
            given=agreed,
            how="spoken",
            language=patient.language,
            by=by,
            phone=phone,
        )
    if agreed:
        messaging.lift_suppression(phone, source="consent")


def _from_nobody(phone: str) -> Select[WorkItem, uuid.UUID]:
    """What waits to be read from a number that nobody knew, with its texts."""
    return (
        select(WorkItem, Inbound.id)
        .join(Inbound, Inbound.id == WorkItem.inbound_id)
        .where(
            WorkItem.patient_id.is_(None),
            WorkItem.team_id.is_(None),
            WorkItem.kind.in_((Kind.READ_TEXT, Kind.URGENT_TEXT)),
            WorkItem.done_at.is_(None),
            Inbound.phone == phone,
        )
        .order_by(WorkItem.created_at)
    )


def stranger(item: WorkItem) -> str:
    """The number that a text came from and that nobody knows, as E.164.

    :raises DomainError: it is known, or it is one that no person has, such as a short code.
    """
    inbound = session.get(Inbound, item.inbound_id) if item.inbound_id else None
    if inbound is None or item.patient_id or item.team_id:
        raise NotFound(_("This text is not from a number that nobody knows."))
    try:
        return phones.e164(inbound.phone)
    except phones.NotAPhone:
        raise DomainError(_("No person has this number; a company or a machine wrote from it.")) from None
