"""What is done about a text that arrived: somebody is paged, answered, asked back, or heard out by a person.

`replies` says what the text means. Nothing here guesses: what is not certain goes to the care team.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from sqlalchemy import bindparam, select

from app import clock, i18n
from app.agencies import texting as agency_texts
from app.config import settings
from app.db import session
from app.loop import agreements, by_hand, operations, references, replies, rerouting, spelling
from app.loop.barriers import FOLLOW_UPS
from app.loop.meanings import Kind as Said
from app.loop.meanings import Meaning
from app.loop.models import Question, Takeover
from app.loop.operations import ASKS, ASKS_YES_OR_NO, BARRIER, GOT_HELP, LANGUAGE, OPTIONS, RIDE, VETO, VISIT
from app.messaging import operations as messaging
from app.messaging import queries as messages
from app.messaging.delivery import ANSWER, URGENT
from app.messaging.models import Inbound
from app.patients import operations as patient_operations
from app.patients import queries as patients
from app.patients.models import ConsentKind, Patient
from app.referrals import appointments
from app.referrals import operations as referrals
from app.referrals import queries as referral_queries
from app.referrals.closing import Barrier, Says
from app.referrals.lifecycle import Status
from app.referrals.meetings import Reply
from app.referrals.models import Referral
from app.screening.models import Need
from app.worklist import operations as worklist
from app.worklist import paging
from app.worklist.kinds import Kind

PAGED_WITHIN = timedelta(minutes=1)
"""By when somebody has to see a text that speaks of danger."""

FOR_A_PERSON = "for-a-person"
REPEATED = "repeated"
ASKED_WHICH = "which-request"
"""What became of a text, where its meaning does not say it."""

MOST_CHOICES = 6
"""Requests that somebody is asked to choose from by text."""

STATUS_TEXTS = {
    Status.REQUESTED: "status-sent",
    Status.ACCEPTED: "status-accepted",
    Status.IN_PROGRESS: "status-accepted",
    Status.ON_HOLD: "referral-waiting",
}


@dataclass(frozen=True)
class Text:
    """A text that arrived, and what is known about it."""

    inbound: Inbound
    meaning: Meaning
    senders: Sequence[Patient]
    """Everybody who has this phone; somebody does."""
    users: Sequence[Patient]
    """Those of them who may have written to this number of ours; somebody has."""
    patient: Patient | None
    """Whose text it is; None when nobody can tell."""
    question: Question | None
    """What was asked and is not answered: about the request it names, else on this phone from this number of ours."""
    about: Referral | None
    """The request it names by its reference."""

    @property
    def phone(self) -> str:
        return self.inbound.phone

    @property
    def first(self) -> Patient:
        """Whose language and care team it is answered in: of several who share a phone, who was registered first."""
        return self.patient or self.users[0]


def read(inbound: Inbound) -> None:
    """Understand a text that arrived and do what it says. Reading it again does nothing."""
    if inbound.processed_at:
        return
    if agency_texts.read(inbound, spelling.fold(inbound.body)):
        return
    senders = patients.patients_with_phone(inbound.phone)
    if not senders:
        _from_nobody_known(inbound)
        return
    text = _recognized(inbound, senders)
    result = _act(text)
    a_stranger = text.meaning.kind is Said.WRONG_NUMBER and not text.meaning.asks_who
    asked = text.question if text.patient else None
    regarding = text.about.id if text.about else asked.referral_id if asked else None
    messaging.settle(
        inbound,
        result,
        recipient=text.patient.id if text.patient and not a_stranger else None,
        regarding=regarding if result != ASKED_WHICH else None,
        meaning=str(text.meaning),
    )


def _recognized(inbound: Inbound, senders: Sequence[Patient]) -> Text:
    """Who wrote, about what, and what it means."""
    users = operations.users_of(inbound.phone, inbound.number, senders)
    question = _question_to(senders, users, inbound)
    patient = _who(users, question, inbound.phone)
    called = operations.referrals_called(inbound.phone, senders) if references.may_name_one(inbound.body) else {}
    languages = {sender.id: sender.language for sender in senders}
    said = references.read(
        inbound.body,
        {code: languages[referral.patient_id] for code, referral in called.items()},
        (patient or users[0]).language,
        opt_out_type=inbound.opt_out or "",
    )
    about = called[said.code] if said.code else None
    if about:
        question = operations.open_question_about(about)
        patient = next(sender for sender in senders if sender.id == about.patient_id)
    return Text(inbound, said.meaning, senders, users, patient, question, about)


def _question_to(senders: Sequence[Patient], users: Sequence[Patient], inbound: Inbound) -> Question | None:
    """What these users were asked from the number they wrote to.

    When whoever was asked has another phone by now, nobody can answer it.
    """
    question = operations.open_question(inbound.phone, inbound.number)
    if question and question.patient_id not in {patient.id for patient in senders}:
        operations.close_question(question, None)
        return None
    return question if question and question.patient_id in {patient.id for patient in users} else None


def _who(users: Sequence[Patient], question: Question | None, phone: str) -> Patient | None:
    """Whose text it is: the only one it can be, else the only one we have asked, else nobody can tell."""
    if len(users) == 1:
        return users[0]
    if question is None:
        return None
    asked = {question.patient_id} | {each.patient_id for each in operations.wait_for_an_answer(phone, users)}
    return next((user for user in users if asked == {user.id}), None)


def _act(text: Text) -> str:
    """Do what the text says; the answer is what became of it, for the conversation."""
    said = text.meaning
    result = said.kind.value
    if said.urgent:
        _page(text)
    if said.stops:
        _stop(text)
    elif said.kind in {Said.REACTION, Said.AUTO_REPLY} or (said.kind is Said.ACK and not _with_a_person(text)):
        pass  # nobody answers a machine, and “OK” is no answer to anything that we ask
    elif said.kind is Said.START:
        _start(text)
    elif said.kind is Said.WRONG_NUMBER and not said.asks_who:
        _wrong_number(text)
    elif messages.is_suppressed(text.phone):
        result = _to_a_person(text, acknowledge=False)
    elif said.kind is Said.URGENT:
        _reply(text, "urgent", f"urgent:{text.inbound.id}", priority=URGENT)
    elif said.kind is not Said.HELP and (taken := _with_a_person(text)):
        result = _to_a_person(text, why="taken-over", acknowledge=False, owner_id=taken.staff_id)
    else:
        result = _understood(text)
        _offer_language(text, result)
    return result


def _understood(text: Text) -> str:
    """What somebody who may be texted says to us."""
    result = text.meaning.kind.value
    match text.meaning.kind:
        case Said.OPTION | Said.YES | Said.NO:
            result = _answer(text)
        case Said.HELP:
            if not text.inbound.opt_out:  # else the carrier has answered
                _reply(text, "help", f"help:{text.inbound.id}")
        case Said.WRONG_NUMBER:
            _reply(text, "help", f"help:{text.inbound.id}")
            result = _to_a_person(text, why="asks-who", acknowledge=False)
        case Said.LANGUAGE if text.patient:
            result = _language(text, text.patient)
        case Said.STATUS if text.patient:
            template, about = _how_it_stands(text)
            _reply(text, template, f"status:{text.inbound.id}", about=about)
        case Said.HUMAN if text.patient:
            _call(text, text.patient)
        case _:
            result = _to_a_person(text)
    return result


# Danger


def _page(text: Text) -> None:
    """Somebody has to call within a minute, whatever else the text says."""
    referral = session.get(Referral, text.question.referral_id) if text.question and text.question.referral_id else None
    purpose = f"inbound:{text.inbound.id}:urgent"
    worklist.ask_person(
        Kind.URGENT_TEXT,
        purpose,
        due_at=clock.now() + PAGED_WITHIN,
        team_id=text.first.team_id,
        owner_id=referral.owner_id if referral else text.first.lead_id,
        patient_id=text.patient.id if text.patient else None,
        inbound_id=text.inbound.id,
        urgent=True,
    )
    paging.start(purpose)


# No more texts, and texts again


def _stop(text: Text) -> None:
    """Text this phone no more, and confirm it once, as the law has it."""
    new = messaging.suppress(text.phone, source="text")
    perhaps = text.meaning.kind is Said.MAYBE_STOP
    if new and not text.inbound.opt_out:  # else the carrier has confirmed it already
        template = "opted-out-urgent" if text.meaning.urgent else "opted-out-perhaps" if perhaps else "opted-out"
        _reply(text, template, f"opted-out:{text.inbound.id}", purpose=messaging.OPT_OUT_CONFIRMATION)
    if perhaps:
        _to_a_person(text, why="maybe-stop", acknowledge=False)


def _start(text: Text) -> None:
    messaging.lift_suppression(text.phone, source="text")
    for patient in text.senders:
        patient_operations.record_consent(
            patient, ConsentKind.TEXT, given=True, how="text", language=patient.language, by=None, phone=text.phone
        )
    if not text.inbound.opt_out:
        _reply(text, "opted-in", f"opted-in:{text.inbound.id}")


def _wrong_number(text: Text) -> None:
    """The phone belongs to somebody else now: no more texts there, and nobody of ours is reached by it any more."""
    confirmed = text.inbound.opt_out or _reaches_nobody(text)
    language = text.first.language
    new = operations.lose_phone(text.phone, why="wrong-number", inbound_id=text.inbound.id)
    if new and not confirmed:
        purpose = messaging.OPT_OUT_CONFIRMATION
        _tell_stranger(text.inbound, "wrong-number", f"wrong-number:{text.inbound.id}", language, purpose=purpose)


# Answers to the one open question


def _answer(text: Text) -> str:
    question = text.question
    if question is None:
        return _answer_unasked(text)
    option = _option(text.meaning, question.asks)
    if option and _repeats(text, option) and not _may_have_read(text, question):
        return REPEATED  # the same key twice; what we ask next had not even left
    if text.about is None and (others := _others_it_may_answer(text, question)):
        return _ask_which(text, [_referral_of(question), *others])
    if option is None or option > len(OPTIONS[question.asks]):
        return _to_a_person(text)
    if text.meaning.kind is Said.YES and question.asks == GOT_HELP and not _asked_yes_or_no(question.patient_id):
        _reply(text, "ask-got-help", f"ask-clearly:{question.id}", about=_referral_of(question))
        return Said.ACK.value
    _answered(text, question, option)
    return Said.LANGUAGE.value if question.asks == LANGUAGE else text.meaning.kind.value


def _answer_unasked(text: Text) -> str:
    """An answer although nothing is asked, of which the text may still say what it is about."""
    if text.about and operations.waits_for_an_answer(text.about):
        return _answer_before_asked(text, text.about)
    if text.about is None and (meant := _others_it_may_answer(text, None)):
        return _ask_which(text, meant)
    return _too_late(text)


def _option(meaning: Meaning, asks: str) -> int | None:
    """Which numbered answer it is; yes and no are the first two of what can be answered so."""
    if meaning.option or asks == BARRIER:
        return meaning.option
    return {Said.YES: 1, Said.NO: 2}[meaning.kind]


def _referral_of(question: Question) -> Referral | None:
    return session.get_one(Referral, question.referral_id) if question.referral_id else None


def _may_have_read(text: Text, question: Question) -> bool:
    """Whether anything that was written since `question` was opened had left before this text came."""
    users = [patient.id for patient in text.users]
    return messages.has_left(text.phone, question.opened_at, text.inbound.received_at, to=users)


def _asked_yes_or_no(patient_id: uuid.UUID) -> bool:
    return messages.last_template(patient_id, ASKS) in ASKS_YES_OR_NO


def _answer_before_asked(text: Text, referral: Referral) -> str:
    """An answer about a request that another question kept us from asking about; it says which, so it counts."""
    option = _option(text.meaning, GOT_HELP)
    if option is None or option > len(OPTIONS[GOT_HELP]):
        return _to_a_person(text)
    asked_clearly = f"ask-clearly:{referral.id}"
    if text.meaning.kind is Said.YES and not messages.is_written(asked_clearly):
        _reply(text, "ask-got-help", asked_clearly, about=referral)  # they may only have read the news
        return Said.ACK.value
    choice = OPTIONS[GOT_HELP][option - 1]
    _answered_about(referral, text, operations.keep_answer(referral, text.phone, choice), choice)
    return text.meaning.kind.value


# Several people, one phone, one number of ours


def _others_it_may_answer(text: Text, question: Question | None) -> list[Referral]:
    """What besides `question` a bare answer may be meant for, where people share a phone and a number of ours."""
    if len(text.users) == 1:
        return []
    option = _option(text.meaning, GOT_HELP)
    if option is None or option > len(OPTIONS[GOT_HELP]):
        return []
    waiting = operations.wait_for_an_answer(text.phone, text.users)
    return [referral for referral in waiting if question is None or referral.id != question.referral_id]


def _ask_which(text: Text, referrals_meant: Sequence[Referral | None]) -> str:
    """Ask once which request it is about; a person asks when that did not help.

    So they do where two were never called by a reference on this phone: nobody could say which of them is which.
    """
    meant = [referral for referral in referrals_meant if referral]
    strange = [referral for referral in meant if not operations.is_called(referral, text.phone)]
    if len(strange) > 1 or len(meant) < len(referrals_meant) or len(meant) > MOST_CHOICES:
        return _to_a_person(text, why=ASKED_WHICH)
    codes = sorted(operations.reference_of(referral, text.phone) for referral in meant)
    purpose = f"which-request:{text.phone}:{'-'.join(codes)}"
    if messages.is_written(purpose):
        return _to_a_person(text, why=ASKED_WHICH)
    option = _option(text.meaning, GOT_HELP)
    _reply(text, ASKED_WHICH, purpose, choices="".join(f"\n{code} {option}" for code in codes))
    return ASKED_WHICH


# Answers said again, or too late


def _repeats(text: Text, option: int) -> bool:
    """Whether this is the answer that closed the last question of this phone, or of the request it names."""
    last = _last_closed(text)
    return last is not None and last.answer is not None and OPTIONS[last.asks].index(last.answer) + 1 == option


_LAST_CLOSED = (
    select(Question)
    .where(Question.phone == bindparam("phone"), Question.closed_at.is_not(None))
    .order_by(Question.closed_at.desc(), Question.opened_at.desc())
    .limit(1)
)
_LAST_CLOSED_ABOUT = _LAST_CLOSED.where(Question.referral_id == bindparam("about"))
_LAST_CLOSED_TO = _LAST_CLOSED.where(Question.patient_id.in_(bindparam("users", expanding=True)))


def _last_closed(text: Text) -> Question | None:
    if text.about:
        return session.scalar(_LAST_CLOSED_ABOUT, {"phone": text.phone, "about": text.about.id})
    return session.scalar(_LAST_CLOSED_TO, {"phone": text.phone, "users": [patient.id for patient in text.users]})


def _too_late(text: Text) -> str:
    """An answer while nothing is asked: said already, or to a question that is closed, or to none of ours."""
    last = _last_closed(text)
    option = _option(text.meaning, last.asks) if last else None
    if last is None or option is None:
        return _to_a_person(text)
    if _repeats(text, option):
        return REPEATED
    if text.meaning.option:
        key = f"closed-question:{text.phone}:{_today(text.first)}"
        _reply(text, "closed-question", key, about=text.about)
    return _to_a_person(text, why="closed-question", acknowledge=not text.meaning.option)


def _answered(text: Text, question: Question, option: int) -> None:
    choice = OPTIONS[question.asks][option - 1]
    if not operations.close_question(question, choice):
        return
    patient = session.get_one(Patient, question.patient_id)
    if question.referral_id is None:
        if question.language and choice == "yes":
            _switch(text, patient, question.language)
    else:
        referral = session.get_one(Referral, question.referral_id)
        _answered_about(referral, replace(text, patient=patient), question, choice)
    operations.ask_what_waits(text.phone, question.number)


def _answered_about(referral: Referral, text: Text, question: Question, choice: str) -> None:
    """The patient's voice on a referral."""
    inbound_id, reply_key = text.inbound.id, f"answer:{question.id}"
    next_day = operations.calendar_of(text.first).after_business_days(clock.now(), 1)
    if question.asks == VETO:
        if choice == "no":
            rerouting.veto(referral)
            _reply(text, "thanks-not-yet", reply_key, by_day=next_day, about=referral)
        else:
            rerouting.agree(referral)
        return
    if question.asks == VISIT:
        _answered_visit(referral, text, Reply(choice), reply_key)
        return
    if question.asks == RIDE:
        if choice == "yes":
            agreements.find_ride(referral)
            worklist.settle({Kind.FOLLOW_BARRIER}, referral_id=referral.id)
        _reply(
            text,
            "thanks-needs-ride" if choice == "yes" else "thanks-not-yet",
            reply_key,
            by_day=next_day,
            about=referral,
        )
        return
    if question.asks == BARRIER:
        barrier = Barrier(choice)
        referrals.record_answer(referral, Says.NOT_YET, how="text", barrier=barrier, inbound_id=inbound_id)
        if FOLLOW_UPS[barrier].offers_ride and agreements.offer_ride(referral):
            _reply(text, "offer-ride", reply_key, about=referral)
        else:
            _reply(text, "thanks-not-yet", reply_key, by_day=next_day, about=referral)
        return
    says = Says(choice)
    referrals.record_answer(referral, says, how="text", inbound_id=inbound_id)
    if says is Says.NOT_YET and operations.pose(referral, BARRIER):
        _reply(text, "ask-barrier", reply_key, about=referral)
    else:
        _reply(text, f"thanks-{says.value}", reply_key, by_day=next_day, about=referral)


def _answered_visit(referral: Referral, text: Text, reply: Reply, reply_key: str) -> None:
    """What the patient says about an appointment; of one that is over or called off, a person reads it."""
    appointment = appointments.ahead(referral.id)
    by_day = agreements.contact_day(referral)
    if appointment is None or not appointments.answer(appointment, reply):
        _to_a_person(text, why="closed-question", acknowledge=False)
        return
    template = {
        Reply.COMES: "thanks-will-come",
        Reply.CANNOT_COME: "thanks-cannot-come",
        Reply.NEEDS_RIDE: "thanks-needs-ride",
    }[reply]
    _reply(text, template, reply_key, by_day=by_day, about=referral)


# How it stands, and who calls


def _how_it_stands(text: Text) -> tuple[str, Referral | None]:
    """Which text says how the newest request stands, or the one that was named.

    About a sensitive one nothing is texted, asked or not.
    """
    told = [
        referral
        for referral in referral_queries.open_of_patient(text.first.id)
        if text.about in {None, referral}
        and operations.may_be_texted_about(session.get_one(Need, referral.need_id))
        and referral.status in STATUS_TEXTS
    ]
    if not told:
        return "status-none", None
    referral = told[-1]
    on_them = referral.status is Status.ON_HOLD and referral.reason_code != "waitlist"
    return STATUS_TEXTS[Status.ACCEPTED if on_them else referral.status], referral


def _call(text: Text, patient: Patient) -> None:
    worklist.ask_person(
        Kind.CALL_INSTEAD,
        f"patient:{patient.id}:call-back",
        due_at=operations.calendar_of(patient).after_working_hours(clock.now(), 4),
        team_id=patient.team_id,
        owner_id=patient.lead_id,
        patient_id=patient.id,
        inbound_id=text.inbound.id,
        why="asked",
    )
    _reply(text, "call-back", f"call-back:{text.inbound.id}")


# Languages


def _language(text: Text, patient: Patient) -> str:
    """Who names a language gets it; who only asks for another one is asked for its name."""
    named = text.meaning.language
    if named is None:
        _reply(text, "language-which", f"language-which:{text.inbound.id}")
    elif not _switch(text, patient, named):
        return _to_a_person(text, why="language", acknowledge=False)
    return Said.LANGUAGE.value


def _switch(text: Text, patient: Patient, language: str) -> bool:
    """Text in `language` from now on; False, and nothing changes, when we have no texts in it."""
    try:
        _words("language-changed", language)
    except i18n.MissingTranslation:
        return False
    patient_operations.choose_language(patient, language, how="text")
    _reply(text, "language-changed", f"language-changed:{text.inbound.id}")
    return True


def _offer_language(text: Text, result: str) -> None:
    """Ask once, in both languages, whether somebody who answers in another one wants to be texted in it.

    Only while nothing else is asked on this phone, since a number means one thing.
    """
    patient, spoken = text.patient, text.meaning.spoken
    if patient is None or spoken is None or result == FOR_A_PERSON or _reaches_nobody(text):
        return
    try:
        both = [_words("language-offer", spoken), _words("language-offer-here", patient.language)]
    except i18n.MissingTranslation:
        return
    question = operations.pose_language(patient, text.phone, spoken)
    if question:
        _send(
            text.inbound,
            "language-offer",
            "\n".join(both),
            language=spoken,
            dedupe_key=f"language-offer:{question.id}",
            recipient=patient,
        )


# Texts that only a person can understand


def _with_a_person(text: Text) -> Takeover | None:
    """Who talks with whoever sent this, or with one of those who may have."""
    whose = [text.patient] if text.patient else text.senders
    return next(filter(None, (by_hand.who_has(patient.id) for patient in whose)), None)


def _to_a_person(
    text: Text, *, why: str | None = None, acknowledge: bool = True, owner_id: uuid.UUID | None = None
) -> str:
    """Put a text in front of the care team, with one polite note a day to whoever sent it.

    :param owner_id: who is to read it; by default whoever answers for the patient.
    """
    first = text.first
    worklist.ask_person(
        Kind.READ_TEXT,
        f"inbound:{text.inbound.id}",
        due_at=operations.calendar_of(first).after_working_hours(clock.now(), 4),
        team_id=first.team_id,
        owner_id=owner_id or first.lead_id,
        patient_id=text.patient.id if text.patient else None,
        inbound_id=text.inbound.id,
        why=why,
    )
    if acknowledge:
        _reply(text, "not-understood", f"not-understood:{text.phone}:{_today(first)}", a_person_knows=True)
    return FOR_A_PERSON


def _today(patient: Patient) -> date:
    return clock.now().astimezone(patient.zone).date()


def _from_nobody_known(inbound: Inbound) -> None:
    """A number we do not know: a person sees it, the sender learns nothing about anybody."""
    meaning = replies.interpret(inbound.body, None, opt_out_type=inbound.opt_out or "")
    messaging.settle(inbound, "unknown-number", meaning=str(meaning))
    if meaning.kind in {Said.REACTION, Said.AUTO_REPLY}:
        return
    if meaning.kind is Said.START:
        messaging.lift_suppression(inbound.phone, source="text")
    gone = meaning.stops or meaning.kind is Said.WRONG_NUMBER
    if gone:
        messaging.suppress(inbound.phone, source="text")
    worklist.ask_person(
        Kind.URGENT_TEXT if meaning.urgent else Kind.READ_TEXT,
        f"inbound:{inbound.id}",
        due_at=clock.now() + (PAGED_WITHIN if meaning.urgent else timedelta(days=1)),
        team_id=None,
        inbound_id=inbound.id,
        urgent=meaning.urgent,
        agency=agency_texts.writer(inbound.phone),
    )
    paging.start(f"inbound:{inbound.id}")
    if gone or messages.is_suppressed(inbound.phone):
        return
    if meaning.urgent:
        _tell_stranger(inbound, "urgent", f"urgent:{inbound.id}", priority=URGENT)
    elif not agency_texts.explain(inbound):
        _tell_stranger(inbound, "unknown-number", f"unknown-number:{inbound.phone}")


# Texts that answer


def _reply(  # noqa: PLR0913  a text is this many facts
    text: Text,
    template: str,
    dedupe_key: str,
    *,
    by_day: date | None = None,
    about: Referral | None = None,
    choices: str = "",
    purpose: str | None = None,
    priority: int = ANSWER,
    a_person_knows: bool = False,
) -> None:
    """Answer in the patient's language. Where we have no words in it, or may not text at all, a person answers."""
    try:
        code = operations.reference_of(about, text.phone) if about and len(text.users) > 1 else None
        body = (
            None
            if _reaches_nobody(text)
            else operations.words_for(text.first, template, by_day, about=code, choices=choices)
        )
    except i18n.MissingTranslation:
        body = None
    if body is None:
        if not a_person_knows:
            _to_a_person(text, why="text-nothing" if _reaches_nobody(text) else "no-words", acknowledge=False)
        return
    _send(
        text.inbound,
        template,
        body,
        language=text.first.language,
        dedupe_key=dedupe_key,
        recipient=text.first,
        purpose=purpose,
        priority=priority,
    )


def _reaches_nobody(text: Text) -> bool:
    """Whether somebody with this phone must not be texted, not even in answer."""
    return any(patient.safe_contact and patient.safe_contact.text_nothing for patient in text.senders)


def _tell_stranger(  # noqa: PLR0913  a text is this many facts
    inbound: Inbound,
    template: str,
    dedupe_key: str,
    language: str = "en",
    *,
    purpose: str | None = None,
    priority: int = ANSWER,
) -> None:
    """Answer somebody who is no patient of ours, unless this network may not write in that language."""
    try:
        body = _words(template, language)
    except i18n.MissingTranslation:
        return
    _send(inbound, template, body, dedupe_key=dedupe_key, language=language, purpose=purpose, priority=priority)


def _words(template: str, language: str) -> str:
    return i18n.sms(template, language, network=settings().network_name, phone=settings().network_phone)


def _send(  # noqa: PLR0913  a text is this many facts
    inbound: Inbound,
    template: str,
    body: str,
    *,
    dedupe_key: str,
    language: str,
    recipient: Patient | None = None,
    purpose: str | None = None,
    priority: int = ANSWER,
) -> None:
    messaging.queue_text(
        to=inbound.phone,
        recipient=recipient.id if recipient else None,
        regarding=None,
        purpose=purpose or template,
        dedupe_key=dedupe_key,
        language=language,
        template=template,
        body=body,
        priority=priority,
        zone=recipient.time_zone if recipient else None,
        region=patients.region(recipient) if recipient else None,
        number=inbound.number,
    )
