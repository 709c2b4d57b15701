"""What is done about a text that arrived: somebody is paged, answered, asked back, or heard out by a person.

`replies` says what the text means. Nothing here guesses: what is not certain goes to the care team.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select

from app import clock, i18n
from app.config import settings
from app.db import session
from app.loop import clocks, operations, replies
from app.loop.meanings import Kind as Said
from app.loop.meanings import Meaning
from app.loop.models import Question
from app.loop.operations import BARRIER, GOT_HELP, LANGUAGE, OPTIONS, zone_of
from app.messaging import operations as messaging
from app.messaging import queries as messages
from app.messaging.delivery import ANSWER, URGENT
from app.messaging.models import Inbound
from app.patients import operations as patient_operations
from app.patients import queries as patients
from app.patients.models import ConsentKind, Patient
from app.referrals import operations as referrals
from app.referrals import queries as referral_queries
from app.referrals.closing import Barrier, Says
from app.referrals.lifecycle import Status
from app.referrals.models import Referral
from app.screening.models import Need
from app.worklist import operations as worklist
from app.worklist.kinds import Kind

PAGED_WITHIN = timedelta(minutes=1)
"""By when somebody has to see a text that speaks of danger."""

FOR_A_PERSON = "for-a-person"
REPEATED = "repeated"
"""What became of a text, where its meaning does not say it."""

ASKS_YES_OR_NO = ("ask-got-help", "ask-served")
ASKS = ("referral-accepted", *ASKS_YES_OR_NO)
"""The texts that ask whether help came. The first tells news as well, so “yes” may only mean that it was read."""

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
    patient: Patient | None
    """Whose text it is; None when nobody can tell."""
    question: Question | None
    """What the phone was asked and has not answered."""

    @property
    def phone(self) -> str:
        return self.inbound.phone

    @property
    def first(self) -> Patient:
        """Whose language and care team it is answered in: of several who share a phone, who was registered first."""
        return self.patient or self.senders[0]


def read(inbound: Inbound) -> None:
    """Understand a text that arrived and do what it says. Reading it again does nothing."""
    if inbound.processed_at:
        return
    senders = patients.patients_with_phone(inbound.phone)
    if not senders:
        _from_nobody_known(inbound)
        return
    question = _question_to(senders, inbound.phone)
    patient = _who(senders, question)
    meaning = replies.interpret(inbound.body, (patient or senders[0]).language, opt_out_type=inbound.opt_out or "")
    result = _act(Text(inbound, meaning, senders, patient, question))
    a_stranger = meaning.kind is Said.WRONG_NUMBER and not meaning.asks_who
    messaging.settle(
        inbound,
        result,
        recipient=patient.id if patient and not a_stranger else None,
        regarding=question.referral_id if question else None,
        meaning=str(meaning),
    )


def _question_to(senders: Sequence[Patient], phone: str) -> Question | None:
    """What this phone was asked, unless whoever was asked has another phone by now."""
    question = operations.open_question(phone)
    if question and question.patient_id not in {patient.id for patient in senders}:
        operations.close_question(question, None)
        return None
    return question


def _who(senders: Sequence[Patient], question: Question | None) -> Patient | None:
    """Whose text it is: the one who was asked, else the only one with this phone, else nobody can tell."""
    if question:
        return next(patient for patient in senders if patient.id == question.patient_id)
    return senders[0] if len(senders) == 1 else None


def _act(text: Text) -> str:
    """Do what the text says; the answer is what became of it, for the conversation."""
    said = text.meaning
    result = said.kind.value
    if said.urgent:
        _page(text)
    if said.stops:
        _stop(text)
    elif said.kind in {Said.REACTION, Said.AUTO_REPLY, Said.ACK}:
        pass  # nobody answers a machine, and “OK” is no answer to anything
    elif said.kind is Said.START:
        _start(text)
    elif said.kind is Said.WRONG_NUMBER and not said.asks_who:
        _wrong_number(text)
    elif messages.is_suppressed(text.phone):
        result = _to_a_person(text, acknowledge=False)
    elif said.kind is Said.URGENT:
        _reply(text, "urgent", f"urgent:{text.inbound.id}", priority=URGENT)
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
            _reply(text, _how_it_stands(text.patient), f"status:{text.inbound.id}")
        case Said.HUMAN if text.patient:
            _call(text, text.patient)
        case _:
            result = _to_a_person(text)
    return result


# Danger


def _page(text: Text) -> None:
    """Somebody has to call within a minute, whatever else the text says."""
    worklist.ask_person(
        Kind.URGENT_TEXT,
        f"inbound:{text.inbound.id}:urgent",
        due_at=clock.now() + PAGED_WITHIN,
        team_id=text.first.team_id,
        owner_id=text.first.lead_id,
        patient_id=text.patient.id if text.patient else None,
        inbound_id=text.inbound.id,
        urgent=True,
    )


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
        return _too_late(text)
    option = _option(text.meaning, question)
    if option is None or option > len(OPTIONS[question.asks]):
        return _to_a_person(text)
    if _repeats(text, option) and not messages.has_left(text.phone, question.opened_at, text.inbound.received_at):
        return REPEATED  # the same key twice; what we ask next had not even left
    if text.meaning.kind is Said.YES and question.asks == GOT_HELP and not _asked_yes_or_no(text.phone):
        _reply(text, "ask-got-help", f"ask-clearly:{question.id}")
        return Said.ACK.value
    _answered(text, question, option)
    return Said.LANGUAGE.value if question.asks == LANGUAGE else text.meaning.kind.value


def _option(meaning: Meaning, question: Question) -> int | None:
    """Which numbered answer it is; yes and no are the first two of what can be answered so."""
    if meaning.option or question.asks == BARRIER:
        return meaning.option
    return {Said.YES: 1, Said.NO: 2}[meaning.kind]


def _asked_yes_or_no(phone: str) -> bool:
    return messages.last_template(phone, ASKS) in ASKS_YES_OR_NO


def _repeats(text: Text, option: int) -> bool:
    """Whether this is the answer that closed the last question of this phone."""
    last = _last_closed(text)
    return last is not None and last.answer is not None and OPTIONS[last.asks].index(last.answer) + 1 == option


def _last_closed(text: Text) -> Question | None:
    return session.scalar(
        select(Question)
        .where(
            Question.phone == text.phone,
            Question.patient_id.in_([patient.id for patient in text.senders]),
            Question.closed_at.is_not(None),
        )
        .order_by(Question.closed_at.desc(), Question.opened_at.desc())
        .limit(1)
    )


def _too_late(text: Text) -> str:
    """An answer while nothing is asked: said already, or to a question that is closed, or to none of ours."""
    last = _last_closed(text)
    option = _option(text.meaning, last) if last else None
    if last is None or option is None:
        return _to_a_person(text)
    if _repeats(text, option):
        return REPEATED
    if text.meaning.option:
        _reply(text, "closed-question", f"closed-question:{text.phone}:{_today(text.first)}")
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
        _answered_about(session.get_one(Referral, question.referral_id), text, question, choice)
    operations.ask_what_waits(text.phone)


def _answered_about(referral: Referral, text: Text, question: Question, choice: str) -> None:
    """The patient's voice on a referral."""
    inbound_id, reply_key = text.inbound.id, f"answer:{question.id}"
    if question.asks == BARRIER:
        referrals.record_answer(referral, Says.NOT_YET, how="text", barrier=Barrier(choice), inbound_id=inbound_id)
        next_day = clocks.after_business_days(clock.now(), 1, zone_of(text.first))
        _reply(text, "thanks-not-yet", reply_key, by_day=next_day)
        return
    says = Says(choice)
    referrals.record_answer(referral, says, how="text", inbound_id=inbound_id)
    if says is Says.NOT_YET and operations.pose(referral, BARRIER):
        _reply(text, "ask-barrier", reply_key)
    else:
        _reply(text, f"thanks-{says.value}", reply_key)


# How it stands, and who calls


def _how_it_stands(patient: Patient) -> str:
    """Which text says how the newest request stands; about a sensitive one nothing is texted, asked or not."""
    told = [
        referral
        for referral in referral_queries.open_of_patient(patient.id)
        if operations.may_be_texted_about(session.get_one(Need, referral.need_id)) and referral.status in STATUS_TEXTS
    ]
    return STATUS_TEXTS[told[-1].status] if told else "status-none"


def _call(text: Text, patient: Patient) -> None:
    worklist.ask_person(
        Kind.CALL_INSTEAD,
        f"patient:{patient.id}:call-back",
        due_at=clocks.after_working_hours(clock.now(), 4, zone_of(patient)),
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


def _to_a_person(text: Text, *, why: str | None = None, acknowledge: bool = True) -> str:
    """Put a text in front of the care team, with one polite note a day to whoever sent it."""
    first = text.first
    worklist.ask_person(
        Kind.READ_TEXT,
        f"inbound:{text.inbound.id}",
        due_at=clocks.after_working_hours(clock.now(), 4, zone_of(first)),
        team_id=first.team_id,
        owner_id=first.lead_id,
        patient_id=text.patient.id if text.patient else None,
        inbound_id=text.inbound.id,
        why=why,
    )
    if acknowledge:
        _reply(text, "not-understood", f"not-understood:{text.phone}:{_today(first)}", a_person_knows=True)
    return FOR_A_PERSON


def _today(patient: Patient) -> date:
    return clock.now().astimezone(zone_of(patient)).date()


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
    )
    if gone or messages.is_suppressed(inbound.phone):
        return
    if meaning.urgent:
        _tell_stranger(inbound, "urgent", f"urgent:{inbound.id}", priority=URGENT)
    else:
        _tell_stranger(inbound, "unknown-number", f"unknown-number:{inbound.phone}")


# Texts that answer


def _reply(  # noqa: PLR0913  a text is this many facts
    text: Text,
    template: str,
    dedupe_key: str,
    *,
    by_day: date | None = None,
    purpose: str | None = None,
    priority: int = ANSWER,
    a_person_knows: bool = False,
) -> None:
    """Answer in the patient's language. Where we have no words in it, or may not text at all, a person answers."""
    if messages.is_suppressed(text.phone) and purpose != messaging.OPT_OUT_CONFIRMATION:
        return
    try:
        body = None if _reaches_nobody(text) else operations.words_for(text.first, template, by_day)
    except i18n.MissingTranslation:
        body = None
    if body is None:
        if not a_person_knows:
            _to_a_person(text, acknowledge=False)
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
    )
