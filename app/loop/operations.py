"""What the platform does by itself: texts a patient, asks, fires a clock. `reading` takes in what they answer.

Nothing here sends. A text is a row in the outbox, written in the transaction of what it is about.
"""

from __future__ import annotations

import uuid
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from app import clock, i18n
from app.config import settings
from app.db import changed, session
from app.directory import queries as directory
from app.loop import clocks
from app.loop.clocks import Effect, Group
from app.loop.models import Clock, Question
from app.messaging import operations as messaging
from app.messaging.delivery import WAITING
from app.needs.vocabulary import NEEDS
from app.patients import operations as patient_operations
from app.patients import queries as patients
from app.patients.models import Patient
from app.referrals.closing import Barrier, Says
from app.referrals.lifecycle import Status
from app.referrals.models import Referral
from app.screening.models import Need
from app.staff import queries as staff
from app.worklist import operations as worklist
from app.worklist.kinds import Kind

GOT_HELP = "got-help"
BARRIER = "barrier"
LANGUAGE = "language"
OPTIONS: dict[str, tuple[str, ...]] = {
    GOT_HELP: tuple(says.value for says in Says),
    BARRIER: tuple(barrier.value for barrier in Barrier),
    LANGUAGE: ("yes", "no"),
}
"""What 1, 2, 3 … mean for each question."""

LANGUAGE_WAITS = timedelta(days=1)
"""How long the question about a language may keep others from being asked."""

PROMISE_BUSINESS_DAYS = 3
"""By when an agency that accepts without naming a day is expected to contact the patient."""


def zone_of(patient: Patient) -> ZoneInfo:
    return ZoneInfo(patient.time_zone)


def may_be_texted_about(need: Need) -> bool:
    """Nothing about a sensitive need, such as safety, may ever cause a text."""
    return not NEEDS[need.kind].sensitive


def tell(referral: Referral, template: str, purpose: str, *, by_day: date | None = None, priority: int = 0) -> bool:
    """Text the patient about a referral, or put a call on the list of its owner when that may not or cannot be done.

    :param purpose: what the text is for; the same purpose never makes a second text.
    :returns: whether a text is on its way.
    """
    patient = session.get_one(Patient, referral.patient_id)
    need = session.get_one(Need, referral.need_id)
    reach = patients.reach(patient)
    obstacle = reach.why_not if may_be_texted_about(need) else "sensitive"
    body = None
    if obstacle is None:
        try:
            body = words_for(patient, template, by_day)
        except i18n.MissingTranslation:
            obstacle = "no-translation"
    if reach.phone is None or body is None:
        call_instead(referral, patient, obstacle or "no-phone")
        return False
    message = messaging.queue_text(
        to=reach.phone,
        recipient=patient.id,
        regarding=referral.id,
        purpose=template,
        dedupe_key=f"referral:{referral.id}:{purpose}",
        language=patient.language,
        template=template,
        body=body,
        priority=priority,
        zone=patient.time_zone,
    )
    if message.cancel_reason == messaging.OPTED_OUT:
        call_instead(referral, patient, "opted-out")
    return message.state in WAITING


def words_for(patient: Patient, template: str, by_day: date | None = None) -> str:
    """The text in the patient's language. It names the network and a day, never a need, an agency or a person.

    :raises MissingTranslation: there is none in that language; it must not go out in another.
    """
    with i18n.speaking(patient.language):
        spoken_day = i18n.day(by_day, zone_of(patient)) if by_day else ""
    return i18n.sms(
        template,
        patient.language,
        network=settings().network_name,
        phone=settings().network_phone,
        day=spoken_day,
    )


def call_instead(referral: Referral, patient: Patient, why: str) -> None:
    """Ask the referral's owner to tell the patient by phone or in person what a text could not."""
    due_at = clocks.after_business_days(clock.now(), 1, zone_of(patient))
    _ask_owner(referral, patient, Kind.CALL_INSTEAD, f"referral:{referral.id}:call", due_at, why=why)


def offer_next(referral: Referral, *, why: str) -> None:
    """Ask a person to offer the patient the next best match: at once when it is urgent, else within a business day."""
    patient = session.get_one(Patient, referral.patient_id)
    need = session.get_one(Need, referral.need_id)
    now, zone = clock.now(), zone_of(patient)
    due_at = clocks.after_working_hours(now, 2, zone) if need.urgent else clocks.after_business_days(now, 1, zone)
    _ask_owner(referral, patient, Kind.OFFER_NEXT, f"need:{need.id}:offer-next", due_at, why=why, urgent=need.urgent)


def call_agency(referral: Referral, *, why: str) -> None:
    """Ask the referral's owner to phone the agency."""
    patient = session.get_one(Patient, referral.patient_id)
    need = session.get_one(Need, referral.need_id)
    due_at = clocks.after_working_hours(clock.now(), 2, zone_of(patient))
    purpose = f"referral:{referral.id}:call-agency"
    _ask_owner(referral, patient, Kind.CALL_AGENCY, purpose, due_at, why=why, urgent=need.urgent)


def _ask_owner(  # noqa: PLR0913  a piece of work is this many facts
    referral: Referral,
    patient: Patient,
    kind: Kind,
    purpose: str,
    due_at: datetime,
    *,
    why: str,
    urgent: bool = False,
) -> None:
    worklist.ask_person(
        kind,
        purpose,
        due_at=due_at,
        team_id=patient.team_id,
        owner_id=referral.owner_id,
        patient_id=patient.id,
        referral_id=referral.id,
        urgent=urgent,
        why=why,
    )


# Questions


def open_question(phone: str) -> Question | None:
    return session.scalar(select(Question).where(Question.phone == phone, Question.closed_at.is_(None)))


def pose(referral: Referral, asks: str) -> bool:
    """Open a question about `referral` on the patient's phone, if none is open there: “1” must mean one thing.

    :returns: whether this question is now the open one.
    """
    patient = session.get_one(Patient, referral.patient_id)
    phone = patients.reach(patient).phone
    if phone is None:
        return False
    current = _open(phone, patient, asks, referral_id=referral.id)
    return current is not None and current.referral_id == referral.id and current.asks == asks


def pose_language(patient: Patient, phone: str, language: str) -> Question | None:
    """Open the question whether to text in `language`; None when it was asked before or another one is open."""
    asked = select(Question.id).where(Question.patient_id == patient.id, Question.language == language)
    if session.scalar(asked.limit(1)):
        return None
    current = _open(phone, patient, LANGUAGE, language=language)
    return current if current and current.language == language else None


def _open(
    phone: str, patient: Patient, asks: str, *, referral_id: uuid.UUID | None = None, language: str | None = None
) -> Question | None:
    """Open a question unless one is open on this phone, and return the one that is open then."""
    now = clock.now()
    session.execute(
        update(Question)
        .where(
            Question.phone == phone,
            Question.asks == LANGUAGE,
            Question.opened_at < now - LANGUAGE_WAITS,
            Question.closed_at.is_(None),
        )
        .values(closed_at=now)
        .execution_options(synchronize_session="fetch")
    )
    session.execute(
        insert(Question)
        .values(
            id=uuid.uuid4(),
            phone=phone,
            patient_id=patient.id,
            referral_id=referral_id,
            asks=asks,
            language=language,
            opened_at=now,
        )
        .on_conflict_do_nothing(index_elements=["phone"], index_where=Question.closed_at.is_(None))
    )
    return open_question(phone)


def close_question(question: Question, answer: str | None) -> bool:
    """Close it, with the answer or without one. False when it was closed already."""
    return changed(
        update(Question)
        .where(Question.id == question.id, Question.closed_at.is_(None))
        .values(closed_at=clock.now(), answer=answer)
    )


def withdraw_questions(referral: Referral) -> None:
    """What we asked about this referral no longer matters."""
    session.execute(
        update(Question)
        .where(Question.referral_id == referral.id, Question.closed_at.is_(None))
        .values(closed_at=clock.now())
        .execution_options(synchronize_session="fetch")
    )


def lose_phone(phone: str, *, why: str, inbound_id: uuid.UUID | None = None) -> bool:
    """The number is somebody else's: end it for every patient, text it no more, have the right one found.

    :returns: whether it was not known before that this phone must not be texted.
    """
    session.execute(
        update(Question)
        .where(Question.phone == phone, Question.closed_at.is_(None))
        .values(closed_at=clock.now())
        .execution_options(synchronize_session="fetch")
    )
    # First unlinked, then suppressed: the patient has not withdrawn any consent.
    for patient_id in patient_operations.unlink_phone(phone):
        patient = session.get_one(Patient, patient_id)
        session.expire(patient, ["phones"])
        worklist.ask_person(
            Kind.READ_TEXT,
            f"patient:{patient.id}:phone",
            due_at=clocks.after_business_days(clock.now(), 1, zone_of(patient)),
            team_id=patient.team_id,
            owner_id=patient.lead_id,
            patient_id=patient.id,
            inbound_id=inbound_id,
            why=why,
        )
    return messaging.suppress(phone, source=why)


def ask(referral: Referral, template: str, purpose: str) -> None:
    """Ask the patient whether they got help, unless they have said so, or another question is open on their phone.

    What could not be asked now comes up again with the next clock or when the other question is answered.
    """
    if referral.patient_says in {Says.GOT_HELP, Says.NO_LONGER_NEEDED}:
        return
    need = session.get_one(Need, referral.need_id)
    if not may_be_texted_about(need):
        call_instead(referral, session.get_one(Patient, referral.patient_id), "sensitive")
        return
    patient = session.get_one(Patient, referral.patient_id)
    if patients.reach(patient).phone is None:
        call_instead(referral, patient, patients.reach(patient).why_not or "no-phone")
        return
    if pose(referral, GOT_HELP) and not tell(referral, template, purpose):
        withdraw_questions(referral)  # what was never asked may not keep others from being asked


def ask_again(referral: Referral, template: str, purpose: str) -> None:
    """Ask in new words what may be open already: the old question is withdrawn, so that one answer closes it."""
    withdraw_questions(referral)
    ask(referral, template, purpose)


def ask_what_waits(phone: str) -> None:
    """When a question is answered, ask the next one that had to wait for this phone."""
    if open_question(phone):
        return
    for patient in patients.patients_with_phone(phone):
        waiting = session.scalar(
            select(Referral)
            .where(
                Referral.patient_id == patient.id,
                Referral.status.in_((Status.ACCEPTED, Status.IN_PROGRESS, Status.COMPLETED)),
                Referral.patient_says.is_(None),
                Referral.asked_out_at.is_(None),
                ~select(Question.id).where(Question.referral_id == Referral.id).exists(),
            )
            .order_by(Referral.accepted_at)
            .limit(1)
        )
        if waiting:
            ask(waiting, "ask-got-help", "ask-waiting")
            return


# Clocks


def start_clocks(referral: Referral) -> None:
    """Clear what was waiting and start what this status waits for, so that no open referral is without a live clock."""
    clear_clocks(referral, *Group)
    if referral.status is Status.COMPLETED and referral.patient_says is Says.GOT_HELP:
        return
    patient = session.get_one(Patient, referral.patient_id)
    need = session.get_one(Need, referral.need_id)
    zones = {Group.PATIENT: zone_of(patient), Group.AGENCY: directory.time_zone(referral.service_at_location_id)}
    now = clock.now()
    for step in clocks.steps(referral.status.value, urgent=need.urgent):
        if step.name == "ask-served" and settings().served_follow_up_days == 0:
            continue  # asked at once
        session.add(
            Clock(
                referral_id=referral.id,
                group=step.group.value,
                step=step.name,
                effect=step.effect.value,
                due_at=clocks.due(step, now, zones[step.group]),
            )
        )


def clear_clocks(referral: Referral, *groups: Group) -> None:
    """A real event on a side makes its pending steps unnecessary."""
    session.execute(
        update(Clock)
        .where(
            Clock.referral_id == referral.id,
            Clock.group.in_([group.value for group in groups]),
            Clock.ended_at.is_(None),
        )
        .values(ended_at=clock.now(), outcome="cleared")
        .execution_options(synchronize_session=False)
    )


def fire_due_clocks(limit: int = 200) -> int:
    """Do what has come due, at most `limit` steps, and say how many. Two workers never fire the same one."""
    due = session.scalars(
        select(Clock)
        .where(Clock.ended_at.is_(None), Clock.due_at <= clock.now())
        .order_by(Clock.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for waiting in due:
        waiting.ended_at, waiting.outcome = clock.now(), "fired"
        _fire(session.get_one(Referral, waiting.referral_id), waiting)
    return len(due)


def _fire(referral: Referral, waiting: Clock) -> None:
    match Effect(waiting.effect):
        case Effect.CALL_AGENCY:
            call_agency(referral, why=waiting.step)
        case Effect.OFFER_NEXT:
            offer_next(referral, why="silence")
        case Effect.ASK:
            template = "ask-served" if referral.status is Status.COMPLETED else "ask-got-help"
            ask_again(referral, template, f"{waiting.step}:{waiting.id}")
        case Effect.CALL_PATIENT:
            call_instead(referral, session.get_one(Patient, referral.patient_id), "silent")
        case Effect.GIVE_UP_ASKING:
            withdraw_questions(referral)
            referral.asked_out_at = clock.now()


def lead_of(patient: Patient) -> uuid.UUID:
    """Who decides when the two voices contradict each other: the team's lead, else whoever answers for the patient."""
    lead = staff.team_lead(patient.team_id)
    return lead.id if lead else patient.lead_id
