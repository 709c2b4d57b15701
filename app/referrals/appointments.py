"""What can be done about appointments, and about the day by which an agency has promised to contact a patient.

As everywhere, who calls these commits, and `app.loop.reactions` says what follows. A referral is locked before its
appointment.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date
from email.utils import parseaddr
from urllib.parse import urlsplit

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from app import clock
from app.audit import operations as audit
from app.config import settings
from app.db import CompareAndSet, changed, session
from app.directory import queries as directory
from app.errors import DomainError, Invalid
from app.events import AppointmentAnswered, AppointmentSet, PromiseMade, publish
from app.i18n import gettext as _
from app.needs.vocabulary import NEEDS
from app.patients.models import Patient
from app.referrals import invitation, meetings, operations
from app.referrals.invitation import Entry
from app.referrals.lifecycle import Status
from app.referrals.meetings import Became, Plan, Reply, Way
from app.referrals.models import Appointment, Promise, Referral
from app.referrals.promises import Kept
from app.screening import operations as screening
from app.screening.models import Need
from app.staff.models import StaffMember

MAY_HAVE_ONE = frozenset({Status.ACCEPTED, Status.IN_PROGRESS, Status.ON_HOLD})

NO_SHOW = "no-show"
"""The reason of a request that ended because somebody did not come."""

NO_REPLY = "noreply@loopline.invalid"
"""The organizer of appointments where this network sends no e-mail; a calendar asks for some address."""


def ahead(referral_id: uuid.UUID) -> Appointment | None:
    """The appointment of a referral that is not over yet, as far as anybody has said."""
    return session.scalar(
        select(Appointment)
        .where(Appointment.referral_id == referral_id, Appointment.became == Became.PLANNED)
        .execution_options(populate_existing=True)
    )


def all_of(referral_id: uuid.UUID) -> Sequence[Appointment]:
    """Every appointment of a referral, whatever became of it, in the order in which they were made."""
    made = select(Appointment).where(Appointment.referral_id == referral_id).order_by(Appointment.created_at)
    return session.scalars(made).all()


def schedule(referral: Referral, plan: Plan, *, by: StaffMember | None) -> Appointment:
    """Agree on a time; where one is agreed already, this is the new time.

    :param by: who says so; None for a contact of the agency without an account.
    :raises DomainError: the agency has not accepted it, or it has ended.
    :raises Invalid: the time is past, or too far away to be meant.
    """
    _lock(referral)
    if referral.status not in MAY_HAVE_ONE:
        raise DomainError(_("Accept the request first; then you can make an appointment."))
    _refuse_impossible(plan)
    current = ahead(referral.id)
    if current and current.starts_at > clock.now():
        return _move(current, plan, by=by)
    if current:
        _end(current, Became.PASSED)
    now = clock.now()
    appointment = Appointment(
        id=uuid.uuid4(),
        referral_id=referral.id,
        starts_at=plan.starts_at,
        way=plan.way,
        place=plan.place.strip() if plan.way is Way.IN_PERSON else "",
        note=plan.note.strip(),
        created_at=now,
        changed_at=now,
        made_by_id=by.id if by else None,
    )
    session.add(appointment)
    session.flush()  # reactions ask the database
    _tell(appointment, "made", by)
    return appointment


def _move(appointment: Appointment, plan: Plan, *, by: StaffMember | None) -> Appointment:
    place = plan.place.strip() if plan.way is Way.IN_PERSON else ""
    agreed = (appointment.starts_at, appointment.way, appointment.place, appointment.note)
    if agreed == (plan.starts_at, plan.way, place, plan.note.strip()):
        return appointment
    appointment.starts_at, appointment.way, appointment.place = plan.starts_at, plan.way, place
    appointment.note = plan.note.strip()
    appointment.sequence += 1
    appointment.changed_at = clock.now()
    appointment.reply = appointment.replied_at = None  # it was an answer to another time
    session.flush()  # reactions ask the database
    _tell(appointment, "moved", by)
    return appointment


def cancel(appointment: Appointment, *, by: StaffMember | None) -> None:
    """Call it off.

    :raises DomainError: it is over or called off already.
    """
    _end(appointment, Became.CANCELLED)
    _tell(appointment, "cancelled", by)


def record_visit(appointment: Appointment, *, came: bool, by: StaffMember | None) -> None:
    """Say whether the patient came. That they did not ends nothing by itself.

    :raises DomainError: it is still ahead, or somebody has said so already.
    """
    if appointment.starts_at > clock.now():
        raise DomainError(_("This appointment is still ahead. Say so when its time has come."))
    _end(appointment, Became.ATTENDED if came else Became.NO_SHOW)
    _tell(appointment, "attended" if came else "no-show", by)


def likely_reason(referral: Referral, new: Status) -> str:
    """Why it most likely comes to `new`: the last appointment was missed. Empty where nothing is likely."""
    if new is not Status.FAILED:
        return ""
    last = select(Appointment.became).where(Appointment.referral_id == referral.id)
    became = session.scalar(last.order_by(Appointment.starts_at.desc()).limit(1))
    return NO_SHOW if became is Became.NO_SHOW else ""


def end_with(referral: Referral) -> None:
    """The referral has ended: nobody has to come any more. What is over already stays as it was."""
    appointment = ahead(referral.id)
    if appointment is None:
        return
    if appointment.starts_at <= clock.now():
        _end(appointment, Became.PASSED)
    else:
        cancel(appointment, by=None)


def answer(appointment: Appointment, reply: Reply) -> bool:
    """Keep what the patient says about the time as it stands; False when it is over or called off."""
    now = clock.now()
    kept = changed(
        update(Appointment)
        .where(Appointment.id == appointment.id, Appointment.became == Became.PLANNED, Appointment.starts_at > now)
        .values(reply=reply, replied_at=now)
    )
    if kept:
        audit.record("patient replied", "appointment", appointment.id, by=None, reply=reply.value)
        publish(AppointmentAnswered(appointment.referral_id, appointment.id, reply.value))
    return kept


def _lock(referral: Referral) -> None:
    session.scalars(
        select(Referral)
        .where(Referral.id == referral.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one()


def _refuse_impossible(plan: Plan) -> None:
    why = meetings.impossible(plan, clock.now())
    if why == "past":
        raise Invalid({"starts_at": _("This time is over. Choose a time that is still to come.")})
    if why:
        raise Invalid({"starts_at": _("Choose a day within the next year.")})


def _end(appointment: Appointment, became: Became) -> None:
    ended = (
        update(Appointment)
        .where(Appointment.id == appointment.id, Appointment.became == Became.PLANNED)
        .values(became=became, ended_at=clock.now(), changed_at=clock.now(), sequence=Appointment.sequence + 1)
    )
    if not changed(ended):
        session.expire(appointment)
        raise DomainError(_("Somebody else has just changed this appointment. Look at it again."))
    session.refresh(appointment)


def _tell(appointment: Appointment, change: str, by: StaffMember | None) -> None:
    audit.record(change, "appointment", appointment.id, by=by.id if by else None)
    publish(AppointmentSet(appointment.referral_id, appointment.id, change))


# As a calendar takes it


def calendar_file(appointment: Appointment, *, attendee: str = "") -> bytes:
    """The appointment as an iCalendar file for the agency: a reference and initials, never a name.

    :param attendee: the e-mail address it is sent to; empty for a file that is fetched.
    """
    return invitation.write(
        entry(appointment),
        directory.time_zone(session.get_one(Referral, appointment.referral_id).service_at_location_id),
        host=urlsplit(settings().public_base_url).hostname or "localhost",
        organizer=parseaddr(settings().email_from)[1] or NO_REPLY,
        attendee=attendee,
    )


def entry(appointment: Appointment) -> Entry:
    """What a calendar shows of it."""
    referral = session.get_one(Referral, appointment.referral_id)
    patient = session.get_one(Patient, referral.patient_id)
    need = session.get_one(Need, referral.need_id)
    initials = ". ".join(name[:1] for name in (patient.given_name, patient.family_name) if name)
    return Entry(
        uid=appointment.id,
        sequence=appointment.sequence,
        starts_at=appointment.starts_at,
        length=meetings.LENGTH,
        changed_at=appointment.changed_at,
        summary=f"{_(NEEDS[need.kind].short_label)}: {initials}. ({str(referral.id)[:8]})",
        place=appointment.place if appointment.way is Way.IN_PERSON else _("By phone"),
        note=appointment.note,
        cancelled=appointment.became is Became.CANCELLED,
    )


# Getting there


def open_ride(referral: Referral) -> Need:
    """The patient's need for transport, which they want help with; the one they have already, if it is still live."""
    _lock(referral)
    if referral.ride_need_id:
        return session.get_one(Need, referral.ride_need_id)
    need = screening.open_need(referral.patient_id, "transport")
    referral.ride_need_id = need.id
    session.flush()  # whoever is asked to find a ride looks it up
    audit.record("asked for a ride", "referral", referral.id, by=None)
    return need


# Promises


def promise(referral: Referral, by_day: date, *, by: StaffMember | None) -> None:
    """The agency names another day by which it will contact the patient.

    :raises DomainError: the referral is not waiting for that.
    :raises Invalid: the day is past, or too far away.
    """
    _lock(referral)
    if referral.status is not Status.ACCEPTED:
        raise DomainError(_("Nobody waits to be contacted about this request."))
    today = clock.now().astimezone(directory.time_zone(referral.service_at_location_id)).date()
    operations.refuse_strange_day(by_day, today)
    referral.promised_by = by_day
    session.flush()  # reactions ask the database
    audit.record("promised", "referral", referral.id, by=by.id if by else None)
    publish(PromiseMade(referral.id))


def open_promise(referral: Referral) -> Promise | None:
    return session.scalar(
        select(Promise)
        .where(Promise.referral_id == referral.id, Promise.ended_at.is_(None))
        .execution_options(populate_existing=True)
    )


def hold_to_promise(referral: Referral) -> Promise | None:
    """Write down what was promised, instead of what was promised before; None when nothing is."""
    current = open_promise(referral)
    if referral.promised_by is None or (current and current.by_day == referral.promised_by):
        return current
    end_promise(referral, Kept.MOOT)
    session.execute(
        insert(Promise)
        .values(id=uuid.uuid4(), referral_id=referral.id, by_day=referral.promised_by, made_at=clock.now())
        .on_conflict_do_nothing(index_elements=["referral_id"], index_where=Promise.ended_at.is_(None))
    )
    return open_promise(referral)


_PROMISE = Promise.__table__.c
_END_PROMISE = CompareAndSet(Promise, _PROMISE.referral_id == bindparam("of"), _PROMISE.ended_at.is_(None))


def end_promise(referral: Referral, kept: Kept) -> bool:
    """What has become of the promise; False when none was open."""
    if kept is Kept.KEPT:
        referral.promised_by = None  # or pages would go on to say that it is due
    return _END_PROMISE({"kept": kept, "ended_at": clock.now()}, of=referral.id) == 1
