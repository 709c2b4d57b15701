"""What the platform does by itself: texts a patient, asks, reads the answer, fires a clock.

Nothing here sends. A text is a row in the outbox, written in the transaction of what it is about.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from app import clock, i18n
from app.config import settings
from app.db import changed, session
from app.directory import queries as directory
from app.loop import clocks, replies
from app.loop.clocks import Effect, Group
from app.loop.models import Clock, Question
from app.loop.replies import Meaning
from app.messaging import operations as messaging
from app.messaging import queries as messages
from app.messaging.delivery import WAITING
from app.messaging.models import Inbound
from app.needs.vocabulary import NEEDS
from app.patients import operations as patient_operations
from app.patients import queries as patients
from app.patients.models import ConsentKind, Patient
from app.referrals import operations as referrals
from app.referrals.closing import Barrier, Says
from app.referrals.lifecycle import Status
from app.referrals.models import Referral
from app.screening.models import Need
from app.staff import queries as staff
from app.worklist import operations as worklist
from app.worklist.kinds import Kind

REPLY_PRIORITY = 10
"""Answers to somebody who just texted go before what we have to say unasked."""

GOT_HELP = "got-help"
BARRIER = "barrier"
OPTIONS: dict[str, tuple[str, ...]] = {
    GOT_HELP: tuple(says.value for says in Says),
    BARRIER: tuple(barrier.value for barrier in Barrier),
}
"""What 1, 2, 3 … mean for each question."""

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
    worklist.ask_person(
        Kind.CALL_INSTEAD,
        f"referral:{referral.id}:call",
        due_at=clocks.after_business_days(clock.now(), 1, zone_of(patient)),
        team_id=patient.team_id,
        owner_id=referral.owner_id,
        patient_id=patient.id,
        referral_id=referral.id,
        why=why,
    )


def offer_next(referral: Referral, *, why: str) -> None:
    """Ask a person to offer the patient the next best match: at once when it is urgent, else within a business day."""
    patient = session.get_one(Patient, referral.patient_id)
    need = session.get_one(Need, referral.need_id)
    now = clock.now()
    worklist.ask_person(
        Kind.OFFER_NEXT,
        f"need:{need.id}:offer-next",
        due_at=clocks.after_working_hours(now, 2, zone_of(patient))
        if need.urgent
        else clocks.after_business_days(now, 1, zone_of(patient)),
        team_id=patient.team_id,
        owner_id=referral.owner_id,
        patient_id=patient.id,
        referral_id=referral.id,
        urgent=need.urgent,
        why=why,
    )


def call_agency(referral: Referral, *, why: str) -> None:
    """Ask the referral's owner to phone the agency."""
    patient = session.get_one(Patient, referral.patient_id)
    need = session.get_one(Need, referral.need_id)
    worklist.ask_person(
        Kind.CALL_AGENCY,
        f"referral:{referral.id}:call-agency",
        due_at=clocks.after_working_hours(clock.now(), 2, zone_of(patient)),
        team_id=patient.team_id,
        owner_id=referral.owner_id,
        patient_id=patient.id,
        referral_id=referral.id,
        urgent=need.urgent,
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
    session.execute(
        insert(Question)
        .values(
            id=uuid.uuid4(),
            phone=phone,
            patient_id=patient.id,
            referral_id=referral.id,
            asks=asks,
            opened_at=clock.now(),
        )
        .on_conflict_do_nothing(index_elements=["phone"], index_where=Question.closed_at.is_(None))
    )
    current = open_question(phone)
    return current is not None and current.referral_id == referral.id and current.asks == asks


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


# Reading what arrives


def read(inbound: Inbound) -> None:
    """Understand a text that arrived and do what it says. Reading it again does nothing."""
    if inbound.processed_at:
        return
    senders = patients.patients_with_phone(inbound.phone)
    if not senders:
        _from_nobody_known(inbound)
        return
    question = open_question(inbound.phone)
    patient = _who(senders, question)
    language = (patient or senders[0]).language
    meaning = replies.interpret(
        inbound.body,
        language,
        options=len(OPTIONS[question.asks]) if question else 0,
        opt_out_type=inbound.opt_out or "",
    )
    messaging.settle(
        inbound,
        meaning.kind.value,
        recipient=patient.id if patient else None,
        regarding=question.referral_id if question else None,
        meaning=meaning.kind.value if meaning.option is None else str(meaning.option),
    )
    match meaning.kind:
        case replies.Kind.STOP:
            _stop(inbound, patient or senders[0])
        case replies.Kind.START:
            _start(inbound, senders)
        case replies.Kind.OPTION if question and not messages.is_suppressed(inbound.phone):
            _answered(inbound, question, meaning)
        case replies.Kind.HELP if not messages.is_suppressed(inbound.phone):
            _reply(inbound, patient or senders[0], "help", f"help:{inbound.id}")
        case _:
            _to_a_person(inbound, senders, patient)


def _who(senders: Sequence[Patient], question: Question | None) -> Patient | None:
    """Whose text it is: the one who was asked, else the only one with this phone, else nobody can tell."""
    if question:
        return next((patient for patient in senders if patient.id == question.patient_id), None)
    return senders[0] if len(senders) == 1 else None


def _reply(  # noqa: PLR0913  a text is this many facts
    inbound: Inbound,
    patient: Patient,
    template: str,
    dedupe_key: str,
    *,
    by_day: date | None = None,
    purpose: str | None = None,
) -> None:
    """Answer a text in the patient's language; without a translation a person answers instead."""
    try:
        body = words_for(patient, template, by_day)
    except i18n.MissingTranslation:
        _to_a_person(inbound, [patient], patient, acknowledge=False)
        return
    messaging.queue_text(
        to=inbound.phone,
        recipient=patient.id,
        regarding=None,
        purpose=purpose or template,
        dedupe_key=dedupe_key,
        language=patient.language,
        template=template,
        body=body,
        priority=REPLY_PRIORITY,
        zone=patient.time_zone,
    )


def _stop(inbound: Inbound, patient: Patient) -> None:
    new = messaging.suppress(inbound.phone, source="text")
    if new and not inbound.opt_out:  # else the carrier has confirmed already, and one confirmation is the law
        _reply(inbound, patient, "opted-out", f"opted-out:{inbound.id}", purpose=messaging.OPT_OUT_CONFIRMATION)


def _start(inbound: Inbound, senders: Sequence[Patient]) -> None:
    messaging.lift_suppression(inbound.phone, source="text")
    for patient in senders:
        patient_operations.record_consent(
            patient, ConsentKind.TEXT, given=True, how="text", language=patient.language, by=None, phone=inbound.phone
        )
    if not inbound.opt_out:
        _reply(inbound, senders[0], "opted-in", f"opted-in:{inbound.id}")


def _answered(inbound: Inbound, question: Question, meaning: Meaning) -> None:
    choice = OPTIONS[question.asks][(meaning.option or 1) - 1]
    if not close_question(question, choice):
        return
    referral = session.get_one(Referral, question.referral_id)
    patient = session.get_one(Patient, question.patient_id)
    if question.asks == BARRIER:
        referrals.record_answer(referral, Says.NOT_YET, how="text", barrier=Barrier(choice), inbound_id=inbound.id)
        next_day = clocks.after_business_days(clock.now(), 1, zone_of(patient))
        _reply(inbound, patient, "thanks-not-yet", f"answer:{question.id}", by_day=next_day)
    else:
        says = Says(choice)
        referrals.record_answer(referral, says, how="text", inbound_id=inbound.id)
        if says is Says.NOT_YET and pose(referral, BARRIER):
            _reply(inbound, patient, "ask-barrier", f"answer:{question.id}")
        else:
            _reply(inbound, patient, f"thanks-{says.value}", f"answer:{question.id}")
    ask_what_waits(inbound.phone)


def _to_a_person(
    inbound: Inbound, senders: Sequence[Patient], patient: Patient | None, *, acknowledge: bool = True
) -> None:
    """A text that only a person can understand goes to the care team, with one polite note a day."""
    first = patient or senders[0]
    worklist.ask_person(
        Kind.READ_TEXT,
        f"inbound:{inbound.id}",
        due_at=clocks.after_working_hours(clock.now(), 4, zone_of(first)),
        team_id=first.team_id,
        owner_id=first.lead_id,
        patient_id=patient.id if patient else None,
        inbound_id=inbound.id,
    )
    if acknowledge and not messages.is_suppressed(inbound.phone):
        today = clock.now().astimezone(zone_of(first)).date()
        _reply(inbound, first, "not-understood", f"not-understood:{inbound.phone}:{today}")


def _from_nobody_known(inbound: Inbound) -> None:
    """A number we do not know: a person sees it, the sender learns nothing about anybody."""
    meaning = replies.interpret(inbound.body, "en", opt_out_type=inbound.opt_out or "")
    messaging.settle(inbound, "unknown-number", meaning=meaning.kind.value)
    if meaning.kind is replies.Kind.STOP:
        messaging.suppress(inbound.phone, source="text")
    worklist.ask_person(
        Kind.READ_TEXT,
        f"inbound:{inbound.id}",
        due_at=clock.now() + timedelta(days=1),
        team_id=None,
        inbound_id=inbound.id,
    )
    if meaning.kind is not replies.Kind.STOP and not messages.is_suppressed(inbound.phone):
        messaging.queue_text(
            to=inbound.phone,
            recipient=None,
            regarding=None,
            purpose="unknown-number",
            dedupe_key=f"unknown-number:{inbound.phone}",
            language="en",
            template="unknown-number",
            body=i18n.sms("unknown-number", "en", network=settings().network_name, phone=settings().network_phone),
            priority=REPLY_PRIORITY,
        )


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
