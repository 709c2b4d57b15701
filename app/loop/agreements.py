"""What was agreed with an agency, an appointment or a day to be contacted by: what the patient hears, asks and does.

`reactions` says when; `silence` comes here when a date has come.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import func, update

from app import clock
from app.config import settings
from app.db import session
from app.directory import queries as directory
from app.events import AgencyAsked, publish
from app.loop import clocks, operations
from app.loop.barriers import NEW_TIME
from app.loop.clocks import ASK_AFTER_VISIT, PROMISE_DUE, Effect, Group
from app.loop.models import Clock
from app.loop.reminders import SOON_ENDS, Reminder, reminder, reminders
from app.messaging import operations as messaging
from app.patients import queries as patients
from app.patients.models import Patient
from app.referrals import appointments, promises
from app.referrals.meetings import Reply, Way
from app.referrals.models import Appointment, Referral
from app.referrals.promises import Kept
from app.worklist import operations as worklist
from app.worklist.kinds import Kind

REMINDERS = ("appointment-reminder", "appointment-reminder-no-question", "appointment-reminder-call")
TEXTS = ("appointment-made", "appointment-made-call", "appointment-moved", *REMINDERS)
"""Texts that name the time of an appointment, and are wrong when it is another."""

AFTER_VISIT = timedelta(days=1)
"""So long after an appointment the patient is asked whether help came."""
AGENCY_SPEAKS = timedelta(days=3)
"""So long after an appointment an agency that says nothing is silent."""


# Appointments


def follow(referral: Referral, appointment: Appointment, change: str) -> None:
    """An appointment is another than it was: what was said of the old one is taken back, the new one is told."""
    forget_time(referral)
    match change:
        case "made" | "moved":
            worklist.settle({Kind.RESCHEDULE, Kind.CALL_AGENCY}, referral_id=referral.id)
            _tell_time(referral, appointment, change)
            _start_reminders(referral, appointment)
            wait_for_visit(referral)
        case "cancelled":
            _tell_cancelled(referral, appointment)
        case _:
            pass
    if change in {"cancelled", "no-show"} and referral.status in appointments.MAY_HAVE_ONE:
        find_time(referral, change)


def forget_time(referral: Referral) -> None:
    """Nothing is sent, asked or due any more that names the time of an appointment of this referral."""
    operations.clear_clocks(referral, Group.APPOINTMENT)
    operations.withdraw_questions(referral, operations.VISIT)
    messaging.cancel_queued(regarding=referral.id, templates=TEXTS, reason="superseded")


def _tell_time(referral: Referral, appointment: Appointment, change: str) -> None:
    template = "appointment-moved" if change == "moved" else "appointment-made"
    if change == "made" and appointment.way is Way.BY_PHONE:
        template = "appointment-made-call"
    operations.tell(
        referral,
        template,
        _purpose(appointment, change),
        at=appointment.starts_at,
        not_after=appointment.starts_at - SOON_ENDS,
    )


def _tell_cancelled(referral: Referral, appointment: Appointment) -> None:
    operations.tell(referral, "appointment-cancelled", _purpose(appointment, "cancelled"), at=appointment.starts_at)


def _purpose(appointment: Appointment, what: str) -> str:
    return f"appointment:{appointment.id}:{appointment.sequence}:{what}"


def _start_reminders(referral: Referral, appointment: Appointment) -> None:
    for each in _reminders(referral, appointment):
        operations.start_dated(referral, each.step, each.not_before)


def _reminders(referral: Referral, appointment: Appointment) -> Sequence[Reminder]:
    patient = session.get_one(Patient, referral.patient_id)
    return reminders(
        appointment.starts_at,
        appointment.changed_at,
        patient.zone,
        settings().quiet_hours,
        region=patients.region(patient),
    )


def wait_for_visit(referral: Referral) -> None:
    """While an appointment is ahead nobody asks whether help came, and the agency is not silent."""
    appointment = appointments.ahead(referral.id)
    if appointment is None or appointment.starts_at <= clock.now():
        return
    asked_at = appointment.starts_at + AFTER_VISIT
    live = (Clock.referral_id == referral.id, Clock.ended_at.is_(None))
    too_early = session.scalars(
        update(Clock)
        .where(*live, Clock.group == Group.PATIENT.value, Clock.effect == Effect.ASK.value, Clock.due_at < asked_at)
        .values(ended_at=clock.now(), outcome="cleared")
        .returning(Clock.id)
        .execution_options(synchronize_session=False)
    ).all()
    if too_early or operations.is_live(referral, ASK_AFTER_VISIT.name):
        operations.start_dated(referral, ASK_AFTER_VISIT, asked_at)
    session.execute(
        update(Clock)
        .where(*live, Clock.group == Group.AGENCY.value)
        .values(due_at=func.greatest(Clock.due_at, appointment.starts_at + AGENCY_SPEAKS))
        .execution_options(synchronize_session=False)
    )


def remind(referral: Referral, step: str) -> None:
    """Remind the patient, unless it is too late for that, or the time is no longer what it was."""
    appointment = appointments.ahead(referral.id)
    if appointment is None or appointment.reply is Reply.CANNOT_COME:
        return
    due = reminder(step, tuple(_reminders(referral, appointment)))
    if due is None or due.not_after <= clock.now():
        return
    asked = appointment.way is Way.IN_PERSON and _ask(referral)
    template = "appointment-reminder" if asked else "appointment-reminder-no-question"
    if appointment.way is Way.BY_PHONE:
        template = "appointment-reminder-call"
    told = operations.tell(
        referral, template, _purpose(appointment, step), at=appointment.starts_at, not_after=due.not_after
    )
    if asked and not told:
        operations.withdraw_questions(referral)


def _ask(referral: Referral) -> bool:
    """Whether the patient is asked now if they come; what else was asked about this referral comes up again later."""
    operations.withdraw_questions(referral)
    return operations.pose(referral, operations.VISIT)


def answered(referral: Referral, reply: Reply) -> None:
    """The patient says whether they come."""
    if reply is Reply.CANNOT_COME:
        forget_time(referral)
        find_time(referral, "cannot-come")
    elif reply is Reply.NEEDS_RIDE:
        find_ride(referral)


def find_time(referral: Referral, why: str) -> None:
    """Ask the agency, and whoever answers for the referral, for another time."""
    patient = session.get_one(Patient, referral.patient_id)
    calendar = operations.calendar_of(patient)
    due_at = calendar.after_working_hours(clock.now(), 4)
    operations.ask_owner(referral, patient, Kind.RESCHEDULE, f"referral:{referral.id}:reschedule", due_at, why=why)
    publish(AgencyAsked(referral.id, NEW_TIME, calendar.after_business_days(clock.now(), 1).date()))


def find_ride(referral: Referral) -> None:
    """The patient wants help with getting there: a need of its own, and somebody who finds what meets it."""
    patient = session.get_one(Patient, referral.patient_id)
    need = appointments.open_ride(referral)
    now = clock.now()
    due_at = operations.calendar_of(patient).after_working_hours(now, 4)
    starts_at = _next_start(referral)
    if starts_at:
        due_at = max(now, min(due_at, starts_at - SOON_ENDS))
    operations.ask_owner(
        referral,
        patient,
        Kind.FIND_RIDE,
        f"referral:{referral.id}:ride",
        due_at,
        why="appointment" if starts_at else "barrier",
        need=str(need.id),
        urgent=starts_at is not None and starts_at - now < timedelta(days=1),
    )


def told_of_ride(referral: Referral) -> None:
    """The patient has told somebody of us that they want help with getting there."""
    operations.withdraw_questions(referral, operations.RIDE)
    worklist.settle({Kind.FOLLOW_BARRIER}, referral_id=referral.id)
    appointment = appointments.ahead(referral.id)
    if appointment is None or not appointments.answer(appointment, Reply.NEEDS_RIDE):
        find_ride(referral)


def contact_day(referral: Referral) -> date:
    """By when somebody contacts the patient about what they have just answered: before the appointment."""
    patient = session.get_one(Patient, referral.patient_id)
    next_day = operations.calendar_of(patient).after_business_days(clock.now(), 1)
    starts_at = _next_start(referral)
    soonest: datetime = min(next_day, starts_at) if starts_at else next_day
    return soonest.astimezone(patient.zone).date()


def _next_start(referral: Referral) -> datetime | None:
    appointment = appointments.ahead(referral.id)
    return appointment.starts_at if appointment and appointment.starts_at > clock.now() else None


def offer_ride(referral: Referral) -> bool:
    """Ask the patient whether to look for a ride; False when that cannot be asked now, and a person has to."""
    if referral.ride_need_id:
        return False
    operations.withdraw_questions(referral)
    return operations.pose(referral, operations.RIDE)


# Promises


def watch_promise(referral: Referral) -> None:
    """From now on somebody sees to it that the agency contacts the patient by the day it has named."""
    promise = appointments.hold_to_promise(referral)
    operations.clear_clocks(referral, Group.PROMISE)
    if promise:
        zone = directory.time_zone(referral.service_at_location_id)
        operations.start_dated(referral, PROMISE_DUE, promises.due(promise.by_day, promise.made_at, zone))


def end_promise(referral: Referral, kept: Kept) -> None:
    if appointments.end_promise(referral, kept):  # without a promise no day is waited for
        operations.clear_clocks(referral, Group.PROMISE)


def break_promise(referral: Referral) -> None:
    """The day went by: the patient hears an apology and what happens next, and somebody phones the agency.

    Who is left alone hears no apology: nobody calls them the next day. The agency is held to its word all the same.
    """
    promise = appointments.open_promise(referral)
    if promise is None or not appointments.end_promise(referral, Kept.BROKEN):
        return
    patient = session.get_one(Patient, referral.patient_id)
    next_day = operations.calendar_of(patient).after_business_days(clock.now(), 1)
    if not patients.is_paused(patient.id):
        operations.tell(referral, "promise-broken", f"promise:{promise.id}", by_day=next_day)
    operations.call_agency(referral, why=clocks.PROMISE_DUE.name)
