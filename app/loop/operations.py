"""What the platform does by itself: texts a patient, asks, fires a clock. `reading` takes in what they answer.

Nothing here sends. A text is a row in the outbox, written in the transaction of what it is about.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, and_, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import joinedload

from app import clock, i18n
from app.config import settings
from app.db import CompareAndSet, session
from app.directory import queries as directory
from app.geography.calendars import Calendar
from app.loop import by_hand, clocks, references
from app.loop.clocks import Group
from app.loop.models import Clock, ClockOverride, Question, Reference, Takeover
from app.messaging import operations as messaging
from app.messaging import queries as messages
from app.messaging.delivery import WAITING
from app.needs.vocabulary import NEEDS
from app.patients import operations as patient_operations
from app.patients import queries as patients
from app.patients.models import Patient
from app.referrals.closing import Barrier, Says
from app.referrals.lifecycle import Status
from app.referrals.meetings import Reply
from app.referrals.models import Referral
from app.screening.models import Need
from app.staff import queries as staff
from app.worklist import operations as worklist
from app.worklist.kinds import Kind

GOT_HELP = "got-help"
BARRIER = "barrier"
LANGUAGE = "language"
VETO = "veto"
VISIT = "visit"
RIDE = "ride"
OPTIONS: dict[str, tuple[str, ...]] = {
    GOT_HELP: tuple(says.value for says in Says),
    BARRIER: tuple(barrier.value for barrier in Barrier),
    LANGUAGE: ("yes", "no"),
    VETO: ("go-on", "no"),
    VISIT: tuple(reply.value for reply in Reply),
    RIDE: ("yes", "no"),
}
"""What 1, 2, 3 … mean for each question."""

NOT_IN_SERVICE = "not-in-service"
"""Why a phone was lost: its carrier has switched it off, or does not know it."""

ASKS_YES_OR_NO = ("ask-got-help", "ask-served")
ASKS = ("referral-accepted", *ASKS_YES_OR_NO)
"""The texts that ask whether help came. The first tells news as well, so “yes” may only mean that it was read."""

BY_THE_WAY = (LANGUAGE, VISIT, RIDE)
"""What is asked beside the loop's own questions."""
MAY_KEEP_OTHERS = timedelta(days=1)
"""How long such a question may keep others from being asked."""

PROMISE_BUSINESS_DAYS = 3
"""By when an agency that accepts without naming a day is expected to contact the patient."""


def calendar_of(patient: Patient) -> Calendar:
    """When people work where the patient lives: their care team does, too."""
    return Calendar(patient.zone, settings().days_off)


def may_be_texted_about(need: Need) -> bool:
    """Nothing about a sensitive need, such as safety, may ever cause a text."""
    return not NEEDS[need.kind].sensitive


def tell(  # noqa: PLR0913  a text is this many facts
    referral: Referral,
    template: str,
    purpose: str,
    *,
    by_day: date | None = None,
    at: datetime | None = None,
    not_after: datetime | None = None,
    priority: int = 0,
) -> bool:
    """Text the patient about a referral, or put a call on the list of its owner when that may not or cannot be done.

    :param purpose: what the text is for; the same purpose never makes a second text.
    :param at: the moment it names, with its day and hour where the patient is.
    :param not_after: later it would be wrong, and is not sent.
    :returns: whether a text is on its way.
    """
    patient = session.get_one(Patient, referral.patient_id)
    need = session.get_one(Need, referral.need_id)
    reach = patients.reach(patient)
    if reach.why_not == "ended":
        return False
    obstacle = reach.why_not if may_be_texted_about(need) else "sensitive"
    body = None
    if obstacle is None:
        try:
            about = reference_for(referral, patient, reach.phone) if reach.phone else None
            body = words_for(patient, template, at or by_day, about=about, at=at)
        except i18n.NotAllowed:
            obstacle = "not-allowed"
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
        not_after=not_after,
        zone=patient.time_zone,
        region=patients.region(patient),
    )
    if message.cancel_reason == messaging.OPTED_OUT:
        call_instead(referral, patient, "opted-out")
    return message.state in WAITING


def words_for(  # noqa: PLR0913  a text is this many facts
    patient: Patient,
    template: str,
    by_day: date | None = None,
    *,
    about: str | None = None,
    choices: str = "",
    at: datetime | None = None,
) -> str:
    """The text in the patient's language. It names the network and a day, never a need, an agency or a person.

    :param about: the reference of the request it is about, which then stands on a line of its own.
    :param choices: for the question which request is meant: what may be answered, a line each.
    :param at: the moment whose hour it names.
    :raises MissingTranslation: there is none in that language; it must not go out in another.
    """
    with i18n.speaking(patient.language):
        spoken_day = i18n.day(by_day, patient.zone) if by_day else ""
        spoken_time = i18n.clock_time(at, patient.zone) if at else ""
    body = i18n.sms(
        template,
        patient.language,
        network=settings().network_name,
        phone=settings().network_phone,
        day=spoken_day,
        time=spoken_time,
        choices=choices,
    )
    return f"{body}\n{i18n.sms('reference', patient.language, reference=about)}" if about else body


# Several people on one phone


def users_of(phone: str, number: str, everybody: Sequence[Patient]) -> Sequence[Patient]:
    """Which of `everybody` with this phone may have written to this number of ours, in the same order.

    Where each has a number of ours, that says who it was; where several have the same one, it is one of them.
    """
    if number not in messages.our_numbers():
        return everybody
    numbers = messages.numbers_for(phone)
    theirs = [patient for patient in everybody if numbers.get(patient.id) == number]
    without = [patient for patient in everybody if patient.id not in numbers]
    return theirs or without or everybody


def reference_for(referral: Referral, patient: Patient, phone: str) -> str | None:
    """What to call this referral in a text to this phone; None where nobody else could be meant."""
    if not patients.is_shared(phone):
        return None
    everybody = patients.patients_with_phone(phone)
    users = users_of(phone, messaging.number_for(phone, patient.id), everybody)
    return reference_of(referral, phone) if len(users) > 1 else None


def reference_of(referral: Referral, phone: str) -> str:
    """What this referral is called on this phone, now and for good; nothing else is ever called so there."""
    while (reference := session.get(Reference, (referral.id, phone))) is None:
        taken = set(session.scalars(select(Reference.code).where(Reference.phone == phone)))
        code = next(code for code in references.codes(referral.id.bytes) if code not in taken)
        new = {"referral_id": referral.id, "phone": phone, "code": code}
        session.execute(insert(Reference).values(new).on_conflict_do_nothing())
    return reference.code


def is_called(referral: Referral, phone: str) -> bool:
    """Whether a text to this phone has ever called this referral by its reference."""
    return session.get(Reference, (referral.id, phone)) is not None


def referrals_called(phone: str, of: Sequence[Patient]) -> dict[str, Referral]:
    """Everything that was ever given a reference on this phone and belongs to one of these people."""
    called = (
        select(Reference.code, Referral)
        .join(Referral, Referral.id == Reference.referral_id)
        .where(Reference.phone == phone, Referral.patient_id.in_([patient.id for patient in of]))
    )
    return {code: referral for code, referral in session.execute(called)}  # noqa: C416  rows are no pairs to mypy


def wait_for_an_answer(phone: str, of: Sequence[Patient]) -> Sequence[Referral]:
    """What these people have read of on this phone and have not said whether it helped, asked already or not."""
    unanswered = session.scalars(
        select(Referral)
        .where(Referral.patient_id.in_([patient.id for patient in of]), _unanswered())
        .order_by(Referral.accepted_at)
    ).all()
    told = messages.told_about(phone, [referral.id for referral in unanswered])
    return [
        referral
        for referral in unanswered
        if referral.id in told and may_be_texted_about(session.get_one(Need, referral.need_id))
    ]


def waits_for_an_answer(referral: Referral) -> bool:
    """Whether the patient may say now whether it helped."""
    return bool(session.scalar(select(Referral.id).where(Referral.id == referral.id, _unanswered())))


def _unanswered() -> ColumnElement[bool]:
    return and_(
        Referral.status.in_((Status.ACCEPTED, Status.IN_PROGRESS, Status.COMPLETED)), Referral.patient_says.is_(None)
    )


def call_instead(referral: Referral, patient: Patient, why: str) -> None:
    """Ask the referral's owner to tell the patient by phone or in person what a text could not."""
    due_at = calendar_of(patient).after_business_days(clock.now(), 1)
    ask_owner(referral, patient, Kind.CALL_INSTEAD, f"referral:{referral.id}:call", due_at, why=why)


def look_after(referral: Referral, patient: Patient) -> None:
    """Neither texts nor calls were answered: ask the referral's owner to visit, or to ask the agency."""
    due_at = calendar_of(patient).after_business_days(clock.now(), 2)
    ask_owner(referral, patient, Kind.CALL_INSTEAD, f"referral:{referral.id}:check", due_at, why="look")


def next_offer(need_id: uuid.UUID) -> str:
    """What the work of offering the next match is for, whichever referral of the need it began with."""
    return f"need:{need_id}:offer-next"


def offer_next(referral: Referral, *, why: str) -> None:
    """Ask a person to offer the patient the next best match: at once when it is urgent, else within a business day."""
    patient = session.get_one(Patient, referral.patient_id)
    need = session.get_one(Need, referral.need_id)
    now, calendar = clock.now(), calendar_of(patient)
    due_at = calendar.after_working_hours(now, 2) if need.urgent else calendar.after_business_days(now, 1)
    ask_owner(referral, patient, Kind.OFFER_NEXT, next_offer(need.id), due_at, why=why, urgent=need.urgent)


def call_agency(referral: Referral, *, why: str) -> None:
    """Ask the referral's owner to phone the agency."""
    patient = session.get_one(Patient, referral.patient_id)
    need = session.get_one(Need, referral.need_id)
    due_at = calendar_of(patient).after_working_hours(clock.now(), 2)
    purpose = f"referral:{referral.id}:call-agency"
    ask_owner(referral, patient, Kind.CALL_AGENCY, purpose, due_at, why=why, urgent=need.urgent)


def ask_owner(  # noqa: PLR0913  a piece of work is this many facts
    referral: Referral,
    patient: Patient,
    kind: Kind,
    purpose: str,
    due_at: datetime,
    *,
    why: str,
    urgent: bool = False,
    **detail: Any,  # noqa: ANN401  what the sentence on the card names
) -> None:
    """Put work on the list of whoever answers for the referral."""
    if patient.ended:
        return  # nobody is called about somebody who has died or is cared for elsewhere
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
        **detail,
    )


# Questions


# What happens with every answer is written once, as is what follows from it.
_QUESTION = Question.__table__.c
_OPEN_QUESTION = (
    select(Question)
    .where(
        Question.phone == bindparam("phone"),
        Question.number.in_(bindparam("numbers", expanding=True)),
        Question.closed_at.is_(None),
    )
    .order_by(Question.number.desc())
    .limit(1)
    .options(joinedload(Question.referral))  # whoever answers it is heard about that
)
_CLOSE = CompareAndSet(Question, _QUESTION.id == bindparam("question_id"), _QUESTION.closed_at.is_(None))
_WITHDRAW = CompareAndSet(
    Question,
    _QUESTION.referral_id == bindparam("about"),
    _QUESTION.asks.in_(bindparam("only", expanding=True)),
    _QUESTION.closed_at.is_(None),
)


def open_question(phone: str, number: str = "") -> Question | None:
    """What this phone was asked from this number of ours; or from the only one, when it was the only one then."""
    return session.scalar(_OPEN_QUESTION, {"phone": phone, "numbers": [number, ""]})


def open_question_about(referral: Referral) -> Question | None:
    return session.scalar(
        select(Question).where(Question.referral_id == referral.id, Question.closed_at.is_(None)).limit(1)
    )


def pose(referral: Referral, asks: str) -> bool:
    """Open a question about `referral` on the patient's phone, if none is open there: “1” must mean one thing.

    Where each of several people on the phone has a number of ours, each may have an open question. While a person has
    the conversation nothing is asked: what they are answered is not ours to read; nor while the patient is left alone.

    :returns: whether this question is now the open one.
    """
    patient = session.get_one(Patient, referral.patient_id)
    phone = patients.reach(patient).phone
    if phone is None or by_hand.who_has(patient.id) or patients.is_paused(patient.id):
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
    now, number = clock.now(), messaging.number_for(phone, patient.id)
    session.execute(
        update(Question)
        .where(
            Question.phone == phone,
            Question.number == number,
            Question.asks.in_(BY_THE_WAY),
            Question.opened_at < now - MAY_KEEP_OTHERS,
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
            number=number,
            patient_id=patient.id,
            referral_id=referral_id,
            asks=asks,
            language=language,
            opened_at=now,
        )
        .on_conflict_do_nothing(index_elements=["phone", "number"], index_where=Question.closed_at.is_(None))
    )
    return session.scalar(
        select(Question).where(Question.phone == phone, Question.number == number, Question.closed_at.is_(None))
    )


def keep_answer(referral: Referral, phone: str, answer: str) -> Question:
    """Write down as asked and answered what a patient says of a referral that had to wait to be asked about."""
    now = clock.now()
    question = Question(
        phone=phone,
        number=messaging.number_for(phone, referral.patient_id),
        patient_id=referral.patient_id,
        referral_id=referral.id,
        asks=GOT_HELP,
        opened_at=now,
        closed_at=now,
        answer=answer,
    )
    session.add(question)
    session.flush()
    return question


def close_question(question: Question, answer: str | None) -> bool:
    """Close it, with the answer or without one. False when it was closed already."""
    return _CLOSE({"closed_at": clock.now(), "answer": answer}, question_id=question.id) == 1


def withdraw_questions(referral: Referral, *only: str) -> None:
    """What we asked about this referral no longer matters; with `only`, those questions."""
    _WITHDRAW({"closed_at": clock.now()}, about=referral.id, only=only or tuple(OPTIONS))


def leave_alone(patient_id: uuid.UUID) -> None:
    """What would ask this patient and has not left yet is taken back; the clocks ask later."""
    if messaging.cancel_queued(recipient=patient_id, templates=ASKS_YES_OR_NO, reason="paused"):
        session.execute(
            update(Question)
            .where(Question.patient_id == patient_id, Question.asks == GOT_HELP, Question.closed_at.is_(None))
            .values(closed_at=clock.now())
            .execution_options(synchronize_session="fetch")
        )


def lay_down(patient_id: uuid.UUID) -> None:
    """Ask this patient nothing more, about nothing, whatever became of their referrals; nobody talks with them now."""
    now = clock.now()
    session.execute(
        update(Takeover)
        .where(Takeover.patient_id == patient_id, Takeover.ended_at.is_(None))
        .values(ended_at=now)
        .execution_options(synchronize_session="fetch")
    )
    referrals = select(Referral.id).where(Referral.patient_id == patient_id)
    session.execute(
        update(Question)
        .where(Question.patient_id == patient_id, Question.closed_at.is_(None))
        .values(closed_at=now)
        .execution_options(synchronize_session="fetch")
    )
    session.execute(
        update(Clock)
        .where(Clock.referral_id.in_(referrals), Clock.ended_at.is_(None))
        .values(ended_at=now, outcome="cleared")
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(Referral)
        .where(
            Referral.patient_id == patient_id,
            Referral.status == Status.COMPLETED,
            Referral.patient_says.is_(None),
            Referral.asked_out_at.is_(None),
        )
        .values(asked_out_at=now)
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
            due_at=calendar_of(patient).after_business_days(clock.now(), 1),
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


_WAITS = and_(
    _unanswered(),
    Referral.asked_out_at.is_(None),
    ~select(Question.id).where(Question.referral_id == Referral.id).exists(),
)
_ANYTHING_WAITS = (
    select(Referral.id).where(Referral.patient_id.in_(patients.with_phone(bindparam("phone"))), _WAITS).limit(1)
)


def ask_what_waits(phone: str, number: str = "") -> None:
    """When a question is answered, ask the next one that had to wait for this phone, and this number of ours."""
    # Mostly nothing waits, and one question to the database is enough to know.
    if session.scalar(_ANYTHING_WAITS, {"phone": phone}) is None or open_question(phone, number):
        return
    for patient in users_of(phone, number, patients.patients_with_phone(phone)):
        waiting = session.scalar(
            select(Referral).where(Referral.patient_id == patient.id, _WAITS).order_by(Referral.accepted_at).limit(1)
        )
        if waiting:
            ask(waiting, "ask-got-help", "ask-waiting")
            return


# Clocks


def news_by(referral: Referral) -> datetime:
    """By when the patient hears of a request that goes out now: it is answered by then, or taken back for silence.

    One that is only prepared goes out when they had the time to say no.
    """
    patient, need = session.get_one(Patient, referral.patient_id), session.get_one(Need, referral.need_id)
    known, calendar, moment = overrides(), calendar_of(patient), clock.now()
    for status in dict.fromkeys((referral.status, Status.REQUESTED)):
        last = clocks.steps(status.value, urgent=need.urgent)[-1]
        moment = clocks.wait_for(last, known, referral.organization_id, need.kind).after(moment, calendar)
    return moment


def start_clocks(referral: Referral) -> None:
    """Clear what was waiting and start what this status waits for, so that no open referral is without a live clock."""
    clear_clocks(referral, Group.AGENCY, Group.PATIENT)
    if referral.status is Status.COMPLETED and referral.patient_says is Says.GOT_HELP:
        return
    need = session.get_one(Need, referral.need_id)
    at_once = referral.status is Status.COMPLETED and settings().served_follow_up_days == 0
    # With the news of the acceptance the patient is asked for the first time.
    asked_at = clock.now() if referral.status is Status.ACCEPTED or at_once else None
    known = overrides()
    for step in clocks.steps(referral.status.value, urgent=need.urgent):
        if (
            step.name == "ask-served"
            and settings().served_follow_up_days == 0
            and not by_hand.who_has(referral.patient_id)
            and not patients.is_paused(referral.patient_id)
        ):
            continue  # asked at once
        wait = clocks.wait_for(step, known, referral.organization_id, need.kind)
        started = _start(referral, step, wait, asked_before=asked_at if step.effect is clocks.Effect.ASK else None)
        if step.effect is clocks.Effect.ASK:
            asked_at = started.due_at


def _start(referral: Referral, step: clocks.Step, wait: clocks.Wait, *, asked_before: datetime | None = None) -> Clock:
    """Let `step` come due after `wait`.

    :param asked_before: when the patient is asked the time before; this time it is at another hour.
    """
    whose = calendar_of(session.get_one(Patient, referral.patient_id))
    if step.group is Group.AGENCY:
        whose = replace(whose, zone=directory.time_zone(referral.service_at_location_id))
    due_at = wait.after(clock.now(), whose)
    if asked_before:
        due_at = clocks.at_another_hour(due_at, asked_before, whose.zone)
    started = Clock(
        referral_id=referral.id, group=step.group.value, step=step.name, effect=step.effect.value, due_at=due_at
    )
    session.add(started)
    return started


def start_dated(referral: Referral, step: clocks.Dated, due_at: datetime) -> None:
    """Let a step with a date of its own come due then, and no longer on another date."""
    session.execute(
        update(Clock)
        .where(Clock.referral_id == referral.id, Clock.step == step.name, Clock.ended_at.is_(None))
        .values(ended_at=clock.now(), outcome="cleared")
        .execution_options(synchronize_session=False)
    )
    session.add(
        Clock(
            referral_id=referral.id,
            group=step.group.value,
            step=step.name,
            effect=step.effect.value,
            due_at=due_at,
        )
    )


def come_back(referral: Referral, step: clocks.Step) -> None:
    """Nothing came of a step that may not be the last word: it comes due again."""
    if step.again:
        _start(referral, step, step.again)


def is_live(referral: Referral, step: str) -> bool:
    """Whether this step of the clocks is waiting for this referral."""
    live = select(Clock.id).where(Clock.referral_id == referral.id, Clock.step == step, Clock.ended_at.is_(None))
    return session.scalar(live.limit(1)) is not None


def overrides() -> list[clocks.Override]:
    """Every wait that somebody has set otherwise."""
    rows = session.scalars(select(ClockOverride)).all()
    return [clocks.Override(row.step, row.amount, row.organization_id, row.need) for row in rows]


_CLOCK = cast("Table", Clock.__table__)
_CLEAR = update(_CLOCK).where(
    _CLOCK.c.referral_id == bindparam("of"),
    _CLOCK.c.group.in_(bindparam("groups", expanding=True)),
    _CLOCK.c.ended_at.is_(None),
)


def clear_clocks(referral: Referral, *groups: Group) -> None:
    """A real event on a side makes its pending steps unnecessary."""
    which = {"of": referral.id, "groups": [group.value for group in groups]}
    session.execute(_CLEAR, {**which, "ended_at": clock.now(), "outcome": "cleared"})


def lead_of(patient: Patient) -> uuid.UUID:
    """Who decides when the two voices contradict each other: the team's lead, else whoever answers for the patient."""
    lead = staff.team_lead(patient.team_id)
    return lead.id if lead else patient.lead_id
