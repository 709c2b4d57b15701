"""The acceptance cases of reading, against the real database: a text arrives, and this is what becomes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session, scoped_session

from app import clock, i18n
from app.db import session as the_session
from app.events import PhonesDeactivated, TextEnded, publish
from app.loop import operations
from app.loop.models import Question
from app.messaging import operations as messaging
from app.messaging import queries as messages
from app.messaging.delivery import State
from app.messaging.models import Inbound, Message
from app.patients import operations as patients
from app.patients import queries as patient_queries
from app.patients.models import ConsentKind, Patient, PatientPhone
from app.referrals.closing import Barrier, Closure, Says
from app.referrals.lifecycle import Status
from app.referrals.models import PatientReport, Referral
from app.staff.models import StaffMember
from app.worklist import operations as worklist
from app.worklist.kinds import Kind
from tests.factories import make_need, make_patient, make_referral, make_service_at_location, sign_in
from tests.loop.steps import agency_says, last_text_to, open_work, phone_of, text_from, texts_to, waiting_for, work

Db = scoped_session[Session]

STRANGER = "+14435550999"
TUESDAY = datetime(2026, 11, 24, 15, tzinfo=UTC)
MOST_OF_A_TEXT = 1600


def all_left(phone: str) -> None:
    """What was written has gone out by now."""
    for number, text in enumerate(the_session.scalars(select(Message).where(Message.phone == phone))):
        if text.state is State.QUEUED:
            text.sid = f"SM{number}{text.id.hex}"
            text.state, text.accepted_at = State.ACCEPTED, clock.now()
    the_session.flush()


# 11 and 13: no more texts, and texts again


@pytest.mark.parametrize(
    "word", ["PARAR", "توقف", "停止", "ыещз", "dejen de mandar", "CANCEL", "🛑", "CTOП", "no me manden más por favor"]
)
def test_case_11_stop_in_any_language_suppresses_and_the_referral_goes_on(
    ana: Patient, served: Referral, word: str
) -> None:
    text_from(phone_of(ana), word)
    assert messages.is_suppressed(phone_of(ana))
    assert not patient_queries.has_consent(ana.id, ConsentKind.TEXT)
    assert waiting_for(ana) == ["opted-out"]
    assert served.patient_says is None


def test_case_11_staff_are_told_and_call_instead(ana: Patient, accepted: Referral) -> None:
    text_from(phone_of(ana), "ya no me manden mensajes")
    assert open_work(accepted.id) == {Kind.CALL_INSTEAD}
    assert accepted.status is Status.ACCEPTED


def test_case_11_staff_are_told_once_where_no_request_is_open(
    client: FlaskClient, ana: Patient, maya: StaffMember
) -> None:
    text_from(phone_of(ana), "STOP")
    (item,) = work(Kind.CALL_INSTEAD)
    assert (item.owner_id, item.patient_id, item.detail["why"]) == (ana.lead_id, ana.id, "opted-out-at-rest")
    sign_in(client, maya)
    assert "texted STOP and gets no more texts. No referral is open." in client.get("/today").text
    worklist.finish(item, "done", by=maya)
    text_from(phone_of(ana), "STOP")
    assert work(Kind.CALL_INSTEAD) == []


@pytest.mark.parametrize(("language", "word"), [("vi", "DUNG"), ("zh-Hans", "不要")])
def test_case_11_what_may_be_a_stop_is_one_and_is_asked_about(maya: StaffMember, language: str, word: str) -> None:
    linh = make_patient(maya, language=language)
    make_referral(make_need(linh), status=Status.ACCEPTED)
    text_from(phone_of(linh), word)
    assert messages.is_suppressed(phone_of(linh))
    assert waiting_for(linh) == ["opted-out-perhaps"]
    assert [item.detail["why"] for item in work(Kind.READ_TEXT)] == ["maybe-stop"]


@pytest.mark.parametrize("word", ["START", "UNSTOP", "empezar"])
def test_case_13_only_start_lifts_a_stop(ana: Patient, served: Referral, word: str) -> None:
    del served
    text_from(phone_of(ana), "STOP")
    text_from(phone_of(ana), word)
    assert not messages.is_suppressed(phone_of(ana))
    assert waiting_for(ana)[-1] == "opted-in"


@pytest.mark.parametrize("word", ["YES", "sí", "hello", "1", "AYUDA", "gracias", "llámame", "english"])
def test_case_13_anything_else_is_kept_and_not_answered(ana: Patient, served: Referral, word: str) -> None:
    text_from(phone_of(ana), "STOP")
    arrived = text_from(phone_of(ana), word)
    assert messages.is_suppressed(phone_of(ana))
    assert arrived.processed_at is not None
    assert texts_to(ana)[-1] == "opted-out"
    assert served.patient_says is None


def test_case_13_what_an_opted_out_person_says_is_put_in_front_of_staff(ana: Patient) -> None:
    text_from(phone_of(ana), "STOP")
    text_from(phone_of(ana), "hello")
    assert [item.patient_id for item in work(Kind.READ_TEXT)] == [ana.id]


def test_case_13_yes_lifts_nothing_although_the_carrier_takes_it_for_start(ana: Patient, served: Referral) -> None:
    text_from(phone_of(ana), "STOP")
    text_from(phone_of(ana), "Yes.", opt_out="START")
    assert messages.is_suppressed(phone_of(ana))
    assert served.patient_says is None


def test_yes_that_the_carrier_takes_for_start_answers_the_question(ana: Patient, served: Referral) -> None:
    text_from(phone_of(ana), "YES", opt_out="START")
    assert served.patient_says is Says.GOT_HELP


# 14: a number nobody knows


def test_case_14_an_unknown_number_is_read_by_a_person_and_answered_once(session: Db, ana: Patient) -> None:
    for body in ("is this the clinic?", "hello?"):
        text_from(STRANGER, body)
    assert [(item.team_id, item.patient_id) for item in work(Kind.READ_TEXT)] == [(None, None)] * 2
    texts = session.scalars(select(Message).where(Message.phone == STRANGER)).all()
    assert [text.template for text in texts] == ["unknown-number"]
    assert ana.given_name not in texts[0].body
    assert session.scalars(select(Inbound.result)).all() == ["unknown-number"] * 2


def test_case_14_its_cry_for_help_pages_everybody(session: Db) -> None:
    with clock.held_at(TUESDAY):
        text_from(STRANGER, "he hit me")
    (item,) = work(Kind.URGENT_TEXT)
    assert (item.urgent, item.team_id, item.due_at) == (True, None, TUESDAY + timedelta(minutes=1))
    assert session.scalars(select(Message.template)).all() == ["urgent"]


@pytest.mark.parametrize("word", ["STOP", "wrong number", "no me manden mensajes"])
def test_case_14_its_stop_is_heeded_in_silence(session: Db, word: str) -> None:
    text_from(STRANGER, word)
    assert messages.is_suppressed(STRANGER)
    assert not session.scalars(select(Message)).all()


# 15: several patients on one phone


def test_case_15_who_was_asked_has_answered(ana: Patient, maya: StaffMember, served: Referral) -> None:
    make_patient(maya, given_name="Luis", phone=phone_of(ana))
    assert text_from(phone_of(ana), "1").recipient == ana.id
    assert served.closure is Closure.CONFIRMED


@pytest.mark.parametrize("body", ["1", "sí", "estado", "llámame", "english", "numero"])
def test_case_15_when_nobody_was_asked_nobody_is_guessed(ana: Patient, maya: StaffMember, body: str) -> None:
    make_patient(maya, given_name="Luis", phone=phone_of(ana))
    arrived = text_from(phone_of(ana), body)
    assert arrived.recipient is None
    assert [(item.team_id, item.patient_id) for item in work(Kind.READ_TEXT)] == [(ana.team_id, None)]
    assert ana.language == "es"


@pytest.fixture
def luis(ana: Patient, maya: StaffMember) -> Patient:
    """He has the same phone as Ana."""
    return make_patient(maya, given_name="Luis", phone=phone_of(ana), language="en")


@pytest.fixture
def of_luis(luis: Patient) -> Referral:
    """Accepted while Ana's question is open, so he has been told and not asked."""
    return make_referral(make_need(luis), status=Status.ACCEPTED)


def called(referral: Referral) -> str:
    """Its reference on Ana's phone."""
    return operations.reference_of(referral, phone_of(the_session.get_one(Patient, referral.patient_id)))


def open_questions() -> list[Referral]:
    asked = the_session.scalars(select(Question).where(Question.closed_at.is_(None)).order_by(Question.opened_at))
    return [the_session.get_one(Referral, question.referral_id) for question in asked]


def said(*referrals: Referral) -> list[Says | None]:
    return [referral.patient_says for referral in referrals]


def test_case_15_one_is_asked_and_each_text_says_which_request_it_is_about(
    ana: Patient, luis: Patient, session: Db
) -> None:
    hers = make_referral(make_need(ana), status=Status.ACCEPTED)
    his = make_referral(make_need(luis), status=Status.ACCEPTED)
    assert waiting_for(ana) == ["referral-accepted", "referral-accepted-no-question"]
    assert open_questions() == [hers]
    about = select(Message.body).where(Message.state == State.QUEUED).order_by(Message.position)
    assert [body.splitlines()[1:] for body in session.scalars(about)] == [
        [f"Ref. {called(hers)}"],
        [f"Ref {called(his)}"],
    ]
    assert called(hers) != called(his)


def test_case_15_who_shares_a_phone_with_nobody_sees_no_reference(ana: Patient, accepted: Referral) -> None:
    del accepted
    assert "Ref" not in last_text_to(phone_of(ana)).body


@pytest.mark.parametrize("body", ["1", "sí", "١", "3", "no"])
def test_case_15_a_bare_answer_that_may_be_for_either_is_asked_about_and_guessed_never(
    ana: Patient, accepted: Referral, of_luis: Referral, body: str
) -> None:
    all_left(phone_of(ana))
    arrived = text_from(phone_of(ana), body)
    assert said(accepted, of_luis) == [None, None]
    assert (arrived.result, arrived.recipient, arrived.regarding) == ("which-request", None, None)
    (asked,) = waiting_for(ana)
    assert asked == "which-request"
    number = {"sí": "1", "١": "1", "no": "2"}.get(body, body)
    assert last_text_to(phone_of(ana)).body.splitlines()[1:] == sorted(
        f"{called(referral)} {number}" for referral in (accepted, of_luis)
    )
    assert not work(Kind.READ_TEXT)


def test_case_15_two_requests_of_one_person_on_a_shared_phone_are_asked_about_in_their_language(
    ana: Patient, luis: Patient, two_accepted: tuple[Referral, Referral]
) -> None:
    del luis
    all_left(phone_of(ana))
    assert text_from(phone_of(ana), "1").recipient == ana.id
    assert said(*two_accepted) == [None, None]
    asked = last_text_to(phone_of(ana))
    assert (asked.template, asked.language) == ("which-request", "es")


def test_case_15_who_answers_bare_again_is_asked_by_a_person(
    ana: Patient, accepted: Referral, of_luis: Referral
) -> None:
    all_left(phone_of(ana))
    for _twice in range(2):
        text_from(phone_of(ana), "1")
    assert said(accepted, of_luis) == [None, None]
    assert texts_to(ana).count("which-request") == 1
    assert [(item.patient_id, item.detail["why"]) for item in work(Kind.READ_TEXT)] == [(None, "which-request")]


def test_case_15_what_nobody_has_read_of_yet_is_not_listed(ana: Patient, luis: Patient, accepted: Referral) -> None:
    all_left(phone_of(ana))
    his = make_referral(make_need(luis), status=Status.ACCEPTED)
    text_from(phone_of(ana), "1")
    assert said(accepted, his) == [Says.GOT_HELP, None], "the text about his has not left, so it can only be hers"
    assert "which-request" not in texts_to(ana)


def test_case_15_nobody_chooses_between_references_that_were_never_shown(
    ana: Patient, maya: StaffMember, two_accepted: tuple[Referral, Referral]
) -> None:
    all_left(phone_of(ana))
    make_patient(maya, given_name="Luis", phone=phone_of(ana), language="en")
    assert text_from(phone_of(ana), "1").result == "for-a-person"
    assert said(*two_accepted) == [None, None]
    assert [item.detail["why"] for item in work(Kind.READ_TEXT)] == ["which-request"]


@pytest.mark.parametrize("write", ["{} 1", "1 {}", "Ref {} 1", "ref. {}: 1", "#{}1", "\u200f{} ١\u200f"])
@pytest.mark.parametrize("his", [True, False])
def test_case_15_a_reference_says_whose_answer_it_is(
    ana: Patient,
    accepted: Referral,
    of_luis: Referral,
    write: str,
    his: bool,  # noqa: FBT001
) -> None:
    meant, other = (of_luis, accepted) if his else (accepted, of_luis)
    arrived = text_from(phone_of(ana), write.format(called(meant).lower()))
    assert said(meant, other) == [Says.GOT_HELP, None]
    assert (arrived.recipient, arrived.regarding) == (meant.patient_id, meant.id)
    thanks = last_text_to(phone_of(ana)) if his else None
    if thanks:
        assert (thanks.template, thanks.recipient, thanks.language) == ("thanks-got-help", of_luis.patient_id, "en")
        assert thanks.body.endswith(f"\nRef {called(of_luis)}")


def test_case_15_both_answer_one_after_the_other(ana: Patient, accepted: Referral, of_luis: Referral) -> None:
    text_from(phone_of(ana), f"{called(accepted)} 1")
    assert open_questions() == [of_luis]  # now it is asked, with its reference
    assert called(of_luis) in last_text_to(phone_of(ana)).body
    all_left(phone_of(ana))
    text_from(phone_of(ana), "2")  # nothing else can be meant
    assert said(accepted, of_luis) == [Says.GOT_HELP, Says.NOT_YET]


def test_case_15_not_yet_from_who_was_not_asked_has_a_person_follow(
    ana: Patient, accepted: Referral, of_luis: Referral
) -> None:
    text_from(phone_of(ana), f"{called(of_luis)} 2")
    assert said(accepted, of_luis) == [None, Says.NOT_YET]
    assert Kind.FOLLOW_BARRIER in open_work(of_luis.id)
    text = last_text_to(phone_of(ana))
    assert (text.template, open_questions()) == ("thanks-not-yet", [accepted])


def test_case_15_yes_to_news_is_asked_about_before_it_counts(
    ana: Patient, accepted: Referral, of_luis: Referral
) -> None:
    del accepted
    for says in (None, Says.GOT_HELP):
        text_from(phone_of(ana), f"{called(of_luis)} yes")
        assert of_luis.patient_says is says
    assert "ask-got-help" in texts_to(ana)


def test_case_15_a_reaction_that_quotes_the_reference_answers_nothing(
    ana: Patient, accepted: Referral, of_luis: Referral
) -> None:
    text_from(phone_of(ana), f"Liked “{last_text_to(phone_of(ana)).body} 1”")
    assert said(accepted, of_luis) == [None, None]
    assert not work(Kind.READ_TEXT)


@pytest.mark.parametrize("body", ["{0}", "{0} 1 {1} 2", "{0} 4", "{0} I got 1 box"])
def test_case_15_what_names_a_request_and_no_clear_answer_is_for_a_person(
    ana: Patient, accepted: Referral, of_luis: Referral, body: str
) -> None:
    text_from(phone_of(ana), body.format(called(accepted), called(of_luis)))
    assert said(accepted, of_luis) == [None, None]
    assert len(work(Kind.READ_TEXT)) == 1


def test_case_15_a_reference_is_understood_also_when_the_phone_is_no_longer_shared(
    ana: Patient, luis: Patient, accepted: Referral, of_luis: Referral
) -> None:
    luis.phones[0].ended_at = clock.now()
    the_session.flush()
    text_from(phone_of(ana), f"{called(accepted)} 1")
    assert said(accepted, of_luis) == [Says.GOT_HELP, None]


def test_case_15_whoever_cannot_be_meant_is_not_asked_about(
    ana: Patient, maya: StaffMember, accepted: Referral
) -> None:
    """Luis agreed to no texts, so no answer is his."""
    silent = make_patient(maya, given_name="Luis", phone=phone_of(ana), text=False)
    make_referral(make_need(silent), status=Status.ACCEPTED)
    text_from(phone_of(ana), "1")
    assert accepted.patient_says is Says.GOT_HELP


# 15 with several numbers of ours

FIRST, SECOND = "+15005550006", "+15005550007"


@pytest.fixture
def two_numbers(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        app.extensions, "settings", replace(app.extensions["settings"], twilio_from=f"{FIRST}, {SECOND}")
    )


@pytest.mark.usefixtures("two_numbers")
def test_case_15_each_has_a_number_of_ours_and_is_asked_from_it(ana: Patient, luis: Patient, session: Db) -> None:
    hers = make_referral(make_need(ana), status=Status.ACCEPTED)
    his = make_referral(make_need(luis), status=Status.ACCEPTED)
    assert waiting_for(ana) == ["referral-accepted", "referral-accepted"]
    assert open_questions() == [hers, his]
    texts = session.scalars(select(Message).where(Message.state == State.QUEUED).order_by(Message.position)).all()
    assert [(text.recipient, text.number) for text in texts] == [(ana.id, FIRST), (luis.id, SECOND)]
    assert not any("Ref" in text.body for text in texts)


@pytest.mark.usefixtures("two_numbers")
@pytest.mark.parametrize("his", [True, False])
def test_case_15_the_number_it_was_sent_to_says_whose_answer_it_is(ana: Patient, luis: Patient, his: bool) -> None:  # noqa: FBT001
    referrals = [make_referral(make_need(patient), status=Status.ACCEPTED) for patient in (ana, luis)]
    all_left(phone_of(ana))
    meant, other = reversed(referrals) if his else referrals
    arrived = text_from(phone_of(ana), "1", to=SECOND if his else FIRST)
    assert said(meant, other) == [Says.GOT_HELP, None]
    assert arrived.recipient == meant.patient_id
    thanks = last_text_to(phone_of(ana))
    assert (thanks.recipient, thanks.number) == (meant.patient_id, arrived.number)


@pytest.mark.usefixtures("two_numbers")
@pytest.mark.parametrize("body", ["english", "estado", "llámame"])
def test_case_15_the_number_says_who_it_is_also_when_nothing_was_asked(ana: Patient, luis: Patient, body: str) -> None:
    for patient in (ana, luis):
        make_referral(make_need(patient))
    assert text_from(phone_of(ana), body, to=SECOND).recipient == luis.id
    assert ana.language == "es"


@pytest.mark.usefixtures("two_numbers")
def test_case_15_who_writes_to_the_number_of_somebody_who_is_gone_is_heard(ana: Patient, luis: Patient) -> None:
    his = [make_referral(make_need(patient), status=Status.ACCEPTED) for patient in (ana, luis)][1]
    ana.phones[0].ended_at = clock.now()
    the_session.flush()
    assert text_from(phone_of(luis), "1", to=FIRST).recipient == luis.id
    assert his.patient_says is None  # his question stands in the other conversation


@pytest.mark.usefixtures("two_numbers")
def test_case_15_a_stop_to_one_number_is_for_the_phone(ana: Patient, luis: Patient) -> None:
    for patient in (ana, luis):
        make_referral(make_need(patient))
    text_from(phone_of(ana), "STOP", to=SECOND)
    assert messages.is_suppressed(phone_of(ana))
    assert not any(patient_queries.has_consent(patient.id, ConsentKind.TEXT) for patient in (ana, luis))
    assert last_text_to(phone_of(ana)).number == SECOND


@pytest.mark.usefixtures("two_numbers")
def test_case_15_who_comes_third_shares_a_number_and_has_references(
    ana: Patient, luis: Patient, maya: StaffMember
) -> None:
    eva = make_patient(maya, given_name="Eva", phone=phone_of(ana))
    referrals = [make_referral(make_need(patient), status=Status.ACCEPTED) for patient in (ana, luis, eva)]
    assert open_questions() == referrals[:2]
    assert last_text_to(phone_of(ana)).number == FIRST
    assert called(referrals[2]) in last_text_to(phone_of(ana)).body
    all_left(phone_of(ana))
    assert text_from(phone_of(ana), "1", to=SECOND).recipient == luis.id
    assert text_from(phone_of(ana), "1", to=FIRST).result == "which-request"
    text_from(phone_of(ana), f"{called(referrals[2])} 3", to=FIRST)
    assert said(*referrals) == [None, Says.GOT_HELP, Says.NO_LONGER_NEEDED]


def test_case_15_a_number_of_ours_is_kept_and_changes_only_when_it_is_ours_no_more(
    ana: Patient, luis: Patient, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def numbers(ours: str) -> list[str]:
        monkeypatch.setitem(app.extensions, "settings", replace(app.extensions["settings"], twilio_from=ours))
        return [messaging.number_for(phone_of(ana), patient.id) for patient in (ana, luis)]

    assert numbers("+1,+2") == ["+1", "+2"]
    assert numbers("+3,+2,+1") == ["+1", "+2"]
    assert numbers("+3,+2") == ["+3", "+2"]
    assert numbers("+2") == ["", ""]


def test_case_15_an_answer_to_what_was_asked_before_there_were_several_numbers(
    ana: Patient, maya: StaffMember, accepted: Referral, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        app.extensions, "settings", replace(app.extensions["settings"], twilio_from=f"{FIRST},{SECOND}")
    )
    luis = make_patient(maya, given_name="Luis", phone=phone_of(ana))
    make_referral(make_need(luis))
    for number, says in ((SECOND, None), (FIRST, Says.GOT_HELP)):
        text_from(phone_of(ana), "1", to=number)
        assert accepted.patient_says is says


# 16: one number means one thing


@pytest.fixture
def two_accepted(ana: Patient, accepted: Referral) -> tuple[Referral, Referral]:
    other = make_referral(make_need(ana, "transport"), make_service_at_location(needs=["transport"]))
    agency_says(other, Status.ACCEPTED)
    return accepted, other


def test_case_16_of_two_questions_one_is_open_and_has_the_numbers(
    ana: Patient, two_accepted: tuple[Referral, Referral], session: Db
) -> None:
    assert len(session.scalars(select(Question).where(Question.closed_at.is_(None))).all()) == 1
    assert "1" not in last_text_to(phone_of(ana)).body
    text_from(phone_of(ana), "1")
    assert [referral.patient_says for referral in two_accepted] == [Says.GOT_HELP, None]


def test_case_16_the_same_answer_twice_is_not_the_answer_to_what_is_asked_next(
    ana: Patient, two_accepted: tuple[Referral, Referral]
) -> None:
    text_from(phone_of(ana), "1")
    again = text_from(phone_of(ana), "1")  # before the next question has left
    assert again.result == "repeated"
    assert two_accepted[1].patient_says is None
    all_left(phone_of(ana))
    text_from(phone_of(ana), "1")
    assert two_accepted[1].patient_says is Says.GOT_HELP


@pytest.mark.parametrize("again", ["1", "1.", "sí"])
def test_case_16_a_second_1_has_no_effect(ana: Patient, served: Referral, session: Db, again: str) -> None:
    text_from(phone_of(ana), "1")
    before = texts_to(ana)
    text_from(phone_of(ana), again)
    assert texts_to(ana) == before
    assert len(session.scalars(select(PatientReport).where(PatientReport.referral_id == served.id)).all()) == 1
    assert not work(Kind.READ_TEXT)


def test_case_16_a_second_2_does_not_say_why(ana: Patient, served: Referral) -> None:
    for _twice in range(2):
        text_from(phone_of(ana), "2")
    assert (served.patient_says, served.barrier) == (Says.NOT_YET, None)


def test_case_16_another_answer_to_a_closed_question_goes_to_staff_and_says_so(ana: Patient, served: Referral) -> None:
    text_from(phone_of(ana), "1")
    text_from(phone_of(ana), "2")
    assert served.patient_says is Says.GOT_HELP
    assert waiting_for(ana)[-1] == "closed-question"
    assert [item.detail["why"] for item in work(Kind.READ_TEXT)] == ["closed-question"]


def test_case_16_with_a_reference_a_second_1_has_no_effect_and_another_answer_goes_to_staff(
    ana: Patient, accepted: Referral, of_luis: Referral
) -> None:
    text_from(phone_of(ana), f"{called(accepted)} 1")
    before = texts_to(ana)
    all_left(phone_of(ana))
    assert text_from(phone_of(ana), f"{called(accepted)} 1").result == "repeated"
    assert (texts_to(ana), work(Kind.READ_TEXT)) == (before, [])
    text_from(phone_of(ana), f"{called(accepted)} 2")
    assert said(accepted, of_luis) == [Says.GOT_HELP, None]
    assert waiting_for(ana)[-1] == "closed-question"
    assert [(item.patient_id, item.detail["why"]) for item in work(Kind.READ_TEXT)] == [(ana.id, "closed-question")]
    assert open_questions() == [of_luis]


def test_case_16_a_second_not_yet_with_its_reference_does_not_say_why(
    ana: Patient, accepted: Referral, of_luis: Referral
) -> None:
    del of_luis
    for _twice in range(2):
        text_from(phone_of(ana), f"{called(accepted)} 2")
    assert (accepted.patient_says, accepted.barrier) == (Says.NOT_YET, None)
    all_left(phone_of(ana))
    text_from(phone_of(ana), f"{called(accepted)} 4")
    assert accepted.barrier is Barrier.COULD_NOT_GET_THERE


@pytest.mark.parametrize("number", ["4", "9", "nueve"])
def test_case_16_an_answer_that_was_not_offered_goes_to_staff(ana: Patient, served: Referral, number: str) -> None:
    text_from(phone_of(ana), number)
    assert served.patient_says is None
    assert [item.patient_id for item in work(Kind.READ_TEXT)] == [ana.id]


def test_yes_and_no_answer_a_question_that_asks_so(ana: Patient, served: Referral) -> None:
    text_from(phone_of(ana), "todavía no")
    assert served.patient_says is Says.NOT_YET
    assert texts_to(ana)[-1] == "ask-barrier"
    text_from(phone_of(ana), "sí")  # no answer to “why?”
    assert served.barrier is None


def test_yes_to_the_news_of_the_acceptance_is_asked_about_before_it_counts(ana: Patient, accepted: Referral) -> None:
    text_from(phone_of(ana), "sí")
    assert accepted.patient_says is None
    assert waiting_for(ana)[-1] == "ask-got-help"
    text_from(phone_of(ana), "sí")
    assert accepted.patient_says is Says.GOT_HELP


# 17: languages


@pytest.mark.parametrize(("word", "says"), [("네", Says.GOT_HELP), ("да", Says.GOT_HELP), ("sim", Says.GOT_HELP)])
def test_case_17_a_reply_in_another_language_counts_and_asks_once_to_switch(
    ana: Patient, served: Referral, word: str, says: Says
) -> None:
    text_from(phone_of(ana), word)
    assert served.patient_says is says
    assert waiting_for(ana)[-2:] == ["thanks-got-help", "language-offer"]
    assert ana.language == "es"
    text_from(phone_of(ana), "2")
    text_from(phone_of(ana), word)
    assert texts_to(ana).count("language-offer") == 1
    assert ana.language == "es"


def test_case_17_the_offer_is_in_both_languages(ana: Patient, served: Referral) -> None:
    del served
    text_from(phone_of(ana), "네")
    here, there = last_text_to(phone_of(ana)).body.split("\n")
    assert here == i18n.sms("language-offer", "ko", network="Loopline", phone="410-555-0100")
    assert there == i18n.sms("language-offer-here", "es")


def test_case_17_1_switches(ana: Patient, served: Referral) -> None:
    del served
    text_from(phone_of(ana), "네")
    all_left(phone_of(ana))
    text_from(phone_of(ana), "1")
    assert ana.language == "ko"
    assert (last_text_to(phone_of(ana)).template, last_text_to(phone_of(ana)).language) == ("language-changed", "ko")


def test_case_17_an_offer_waits_while_something_else_is_asked(ana: Patient, served: Referral) -> None:
    text_from(phone_of(ana), "아니요")
    asked = operations.open_question(phone_of(ana))
    assert asked is not None
    assert (asked.asks, served.patient_says) == (operations.BARRIER, Says.NOT_YET)
    assert "language-offer" not in texts_to(ana)


def test_an_offer_nobody_answers_keeps_no_other_question_back_for_long(ana: Patient, maya: StaffMember) -> None:
    del maya
    with clock.held_at(TUESDAY):
        text_from(phone_of(ana), "도움")
        assert waiting_for(ana) == ["help", "language-offer"]
    with clock.held_at(TUESDAY + timedelta(hours=25)):
        make_referral(make_need(ana), status=Status.ACCEPTED)
        asked = operations.open_question(phone_of(ana))
    assert asked is not None
    assert asked.asks == operations.GOT_HELP


@pytest.mark.parametrize("word", ["english", "INGLÉS"])
def test_who_names_a_language_gets_it(ana: Patient, served: Referral, word: str) -> None:
    text_from(phone_of(ana), word)
    assert ana.language == "en"
    assert last_text_to(phone_of(ana)).body == "Loopline: From now on we text you in this language."
    text_from(phone_of(ana), "1")
    assert served.patient_says is Says.GOT_HELP


def test_who_asks_for_another_language_is_asked_which(ana: Patient) -> None:
    text_from(phone_of(ana), "idioma")
    assert (waiting_for(ana), ana.language) == (["language-which"], "es")


def test_a_language_we_have_no_texts_in_is_not_promised(ana: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(i18n._catalogs, ("patient", "hmn"))
    text_from(phone_of(ana), "hmoob")
    assert ana.language == "es"
    assert [item.detail["why"] for item in work(Kind.READ_TEXT)] == ["language"]


# 18: digits


@pytest.mark.parametrize("body", ["１", "١", "१", "①", "1️⃣", "1.", " 1\u200f", "uno", "one"])
def test_case_18_a_digit_is_the_first_answer(ana: Patient, served: Referral, body: str) -> None:
    text_from(phone_of(ana), body)
    assert served.closure is Closure.CONFIRMED


@pytest.mark.parametrize("body", ["11", "1 or 2?", "I got 1 box", "1 nadie abrió"])
def test_case_18_what_only_holds_a_digit_is_for_a_person(ana: Patient, served: Referral, body: str) -> None:
    text_from(phone_of(ana), body)
    assert served.patient_says is None
    assert [item.patient_id for item in work(Kind.READ_TEXT)] == [ana.id]
    assert waiting_for(ana)[-1] == "not-understood"


# 19 and 20: what is no answer


NO_ANSWERS = ["Liked “Reply 1 when you got help”", "👍", "ok", "gracias", "😢", "Do Not Disturb While Driving is on."]


@pytest.mark.parametrize("body", NO_ANSWERS)
def test_case_19_nobody_answers_a_machine_or_a_thumb(ana: Patient, served: Referral, body: str) -> None:
    before = texts_to(ana)
    text_from(phone_of(ana), body)
    assert served.patient_says is None
    assert texts_to(ana) == before
    assert not work(Kind.READ_TEXT)
    assert operations.open_question(phone_of(ana)) is not None


def test_case_19_a_picture_without_words_is_kept_and_shown_to_a_person(
    ana: Patient, served: Referral, session: Db
) -> None:
    for _twice in range(2):
        text_from(phone_of(ana), "")
    assert served.patient_says is None
    assert len(work(Kind.READ_TEXT)) == 2
    assert texts_to(ana).count("not-understood") == 1
    assert session.scalars(select(Inbound.meaning)).all() == ["empty"] * 2


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ("a" * (MOST_OF_A_TEXT + 1), "a" * (MOST_OF_A_TEXT + 1)),
        ("parte " * 300, "parte " * 300),
        ("", ""),
        ("nul \x00 nul", "nul \ufffd nul"),
        ("\u202e1 odnes", "\u202e1 odnes"),
        ("casa 🏚️🏳️‍🌈", "casa 🏚️🏳️‍🌈"),
        ("half \ud83d", "half \ufffd"),
    ],
)
def test_case_20_a_strange_text_is_kept_and_shown_to_a_person(
    ana: Patient, served: Referral, body: str, kept: str
) -> None:
    arrived = text_from(phone_of(ana), body)
    assert arrived.body == kept
    assert served.patient_says is None
    assert [item.inbound_id for item in work(Kind.READ_TEXT)] == [arrived.id]


# 24: somebody else's number


@pytest.mark.parametrize("body", ["wrong number", "numero equivocado", "不是我", "не тот номер", "not me"])
def test_case_24_a_wrong_number_is_texted_no_more_and_belongs_to_nobody(
    ana: Patient, accepted: Referral, session: Db, body: str
) -> None:
    phone = phone_of(ana)
    text_from(phone, body)
    assert messages.is_suppressed(phone)
    assert not patient_queries.patients_with_phone(phone)
    assert ana.phones == []
    assert operations.open_question(phone) is None
    (item,) = work(Kind.READ_TEXT)
    assert (item.patient_id, item.detail["why"]) == (ana.id, "wrong-number")
    text = session.scalars(select(Message).where(Message.phone == phone, Message.state == State.QUEUED)).one()
    assert (text.template, text.recipient) == ("wrong-number", None)
    assert not any(word in text.body for word in ("Loopline", "solicitud", "Ana"))
    assert accepted.status is Status.ACCEPTED


def test_case_24_the_patient_has_not_withdrawn_anything(ana: Patient) -> None:
    text_from(phone_of(ana), "wrong number")
    assert patient_queries.has_consent(ana.id, ConsentKind.TEXT)
    assert patient_queries.reach(ana).why_not == "no-phone"


def test_case_24_the_new_owner_sees_nothing_of_the_old_thread(
    ana: Patient, maya: StaffMember, served: Referral
) -> None:
    phone = phone_of(ana)
    text_from(phone, "número equivocado")
    zoe = make_patient(maya, given_name="Zoe", phone=phone)
    arrived = text_from(phone, "1")
    assert served.patient_says is None
    assert arrived.recipient == zoe.id
    hers, before = ({line.body for line in messages.conversation(one.id)} for one in (zoe, ana))
    assert "1" in hers
    assert not hers & before


def test_case_24_an_answer_from_a_phone_that_was_changed_meanwhile_is_nobodys(
    ana: Patient, maya: StaffMember, served: Referral
) -> None:
    """A phone passed on within a family: the question was for the one who had it before."""
    phone = phone_of(ana)
    patients.unlink_phone(phone)
    luis = make_patient(maya, given_name="Luis", phone=phone)
    assert text_from(phone, "1").recipient == luis.id
    assert served.patient_says is None


def test_case_24_all_who_share_the_phone_lose_it(ana: Patient, maya: StaffMember) -> None:
    luis = make_patient(maya, given_name="Luis", phone=phone_of(ana))
    text_from(phone_of(ana), "wrong number")
    assert {item.patient_id for item in work(Kind.READ_TEXT)} == {ana.id, luis.id}


@pytest.mark.parametrize("body", ["who is this?", "¿Quién es?"])
def test_case_24_who_only_asks_who_we_are_is_told_and_stays(ana: Patient, body: str) -> None:
    text_from(phone_of(ana), body)
    assert waiting_for(ana) == ["help"]
    assert ana.phones
    assert [item.detail["why"] for item in work(Kind.READ_TEXT)] == ["asks-who"]


UNKNOWN_PHONE = "30005"


def fails(message: Message, code: str = UNKNOWN_PHONE) -> None:
    """The provider took a text, and the carrier could not deliver it."""
    message.state, message.sid = State.FAILED, f"SM{message.id.hex}"
    message.error_code, message.ended_at = code, clock.now()
    the_session.flush()  # reactions ask the database
    publish(TextEnded(message.id, "failed", code))
    the_session.expire_all()


def switched_off(phone: str, day: date | None = None) -> None:
    publish(PhonesDeactivated(("+15550000000", phone), day or clock.now().date()))
    the_session.expire_all()


@pytest.mark.parametrize("how", ["carrier", "list"])
def test_case_24_a_phone_that_is_no_longer_in_service_is_texted_no_more(
    ana: Patient, accepted: Referral, how: str
) -> None:
    phone = phone_of(ana)
    if how == "carrier":
        fails(last_text_to(phone))
    else:
        switched_off(phone)
        switched_off(phone)  # the same list a second time
    assert messages.is_suppressed(phone)
    assert ana.phones == []
    assert operations.open_question(phone) is None
    (item,) = work(Kind.READ_TEXT)
    assert (item.patient_id, item.detail["why"]) == (ana.id, "not-in-service")
    assert accepted.status is Status.ACCEPTED
    assert patient_queries.has_consent(ana.id, ConsentKind.TEXT)


@pytest.mark.parametrize("how", ["carrier", "list"])
def test_case_24_who_writes_from_it_afterwards_is_unknown_and_sees_nothing(
    ana: Patient, accepted: Referral, how: str
) -> None:
    phone = phone_of(ana)
    fails(last_text_to(phone)) if how == "carrier" else switched_off(phone)
    arrived = text_from(phone, "1")
    assert (arrived.result, arrived.recipient) == ("unknown-number", None)
    assert accepted.patient_says is None
    assert not the_session.scalars(select(Message).where(Message.phone == phone, Message.state == State.QUEUED)).all()
    assert arrived.id in {item.inbound_id for item in work(Kind.READ_TEXT) if item.team_id is None}


def test_case_24_its_next_owner_can_agree_to_texts_and_sees_nothing_of_the_old_thread(
    ana: Patient, maya: StaffMember, accepted: Referral
) -> None:
    phone = phone_of(ana)
    switched_off(phone)
    zoe = make_patient(maya, given_name="Zoe", phone=phone)
    assert not messages.is_suppressed(phone)
    assert messages.conversation(zoe.id) == []
    assert text_from(phone, "1").recipient == zoe.id
    assert accepted.patient_says is None


def test_case_24_a_number_that_is_theirs_again_is_texted_after_a_new_consent(ana: Patient, maya: StaffMember) -> None:
    phone = phone_of(ana)
    switched_off(phone)
    the_session.add(PatientPhone(patient_id=ana.id, number=phone))
    the_session.flush()  # the operation below asks the database
    patients.record_consent(ana, ConsentKind.TEXT, given=True, how="spoken", language="es", by=maya)
    assert not messages.is_suppressed(phone)
    assert patient_queries.reach(ana).phone == phone


def test_case_24_news_of_the_owner_before_do_not_take_it_from_the_next(ana: Patient, maya: StaffMember) -> None:
    phone = phone_of(ana)
    make_referral(make_need(ana))
    hers = last_text_to(phone)
    patients.unlink_phone(phone)
    zoe = make_patient(maya, given_name="Zoe", phone=phone)
    fails(hers)
    switched_off(phone, clock.now().date() - timedelta(days=1))
    assert [held.number for held in zoe.phones] == [phone]
    assert not messages.is_suppressed(phone)


# 32: danger


@pytest.mark.parametrize(
    ("language", "body"), [("en", "he hit me"), ("es", "quiero morirme"), ("zh-Hans", "自杀"), ("es", "he hit me")]
)
def test_case_32_somebody_is_paged_within_a_minute_and_the_text_is_safe(
    maya: StaffMember, language: str, body: str
) -> None:
    patient = make_patient(maya, language=language)
    with clock.held_at(TUESDAY):
        text_from(phone_of(patient), body)
    (item,) = work(Kind.URGENT_TEXT)
    assert (item.urgent, item.owner_id, item.due_at) == (True, maya.id, TUESDAY + timedelta(minutes=1))
    text = last_text_to(phone_of(patient))
    assert (text.template, text.language, text.priority) == ("urgent", language, 20)
    assert "911" in text.body
    assert "988" in text.body


@pytest.mark.parametrize("body", ["he hit me. STOP", "me golpea, no me manden mensajes", "STOP he hit me"])
def test_case_32_a_stop_inside_is_honored_with_one_text_that_also_says_where_help_is(ana: Patient, body: str) -> None:
    text_from(phone_of(ana), body)
    assert messages.is_suppressed(phone_of(ana))
    assert [item.patient_id for item in work(Kind.URGENT_TEXT)] == [ana.id]
    assert waiting_for(ana) == ["opted-out-urgent"]
    assert "988" in last_text_to(phone_of(ana)).body


def test_case_32_who_has_opted_out_is_called_and_not_texted(ana: Patient) -> None:
    text_from(phone_of(ana), "STOP")
    text_from(phone_of(ana), "me golpea")
    assert len(work(Kind.URGENT_TEXT)) == 1
    assert waiting_for(ana) == ["opted-out"]


def test_case_32_who_must_not_be_texted_is_called_and_not_texted(ana: Patient, maya: StaffMember) -> None:
    patients.set_safe_contact(ana, text_nothing=True, voicemail_ok=False, note="", by=maya)
    text_from(phone_of(ana), "he hit me")
    assert len(work(Kind.URGENT_TEXT)) == 1
    assert waiting_for(ana) == []


def test_case_32_a_cry_for_help_answers_no_question(ana: Patient, served: Referral) -> None:
    text_from(phone_of(ana), "no, me golpea")
    assert served.patient_says is None
    assert operations.open_question(phone_of(ana)) is not None


# What else people ask


@pytest.mark.parametrize(
    ("steps", "template"),
    [
        ([], "status-sent"),
        ([(Status.ACCEPTED, "")], "status-accepted"),
        ([(Status.ACCEPTED, ""), (Status.ON_HOLD, "waitlist")], "referral-waiting"),
        ([(Status.REJECTED, "closed")], "status-none"),
    ],
)
def test_who_asks_how_it_stands_is_told_in_one_sentence(
    ana: Patient, steps: list[tuple[Status, str]], template: str
) -> None:
    referral = make_referral(make_need(ana))
    for step in steps:
        agency_says(referral, *step)
    text_from(phone_of(ana), "estado")
    assert waiting_for(ana)[-1] == template


def test_nothing_about_safety_is_told_even_when_asked(ana: Patient) -> None:
    make_referral(make_need(ana, "safety"), make_service_at_location(needs=["safety"]))
    text_from(phone_of(ana), "estado")
    assert waiting_for(ana) == ["status-none"]


def test_who_wants_to_be_called_is_called(ana: Patient) -> None:
    for _twice in range(2):
        text_from(phone_of(ana), "llámenme por favor")
    (item,) = work(Kind.CALL_INSTEAD)
    assert (item.patient_id, item.detail["why"]) == (ana.id, "asked")
    assert waiting_for(ana)[-1] == "call-back"


def test_help_that_the_carrier_has_answered_is_not_answered_again(ana: Patient) -> None:
    text_from(phone_of(ana), "HELP", opt_out="HELP")
    assert texts_to(ana) == []


def test_a_reply_that_there_are_no_words_for_is_given_by_a_person(
    ana: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(i18n._catalogs, ("patient", "es"))
    text_from(phone_of(ana), "ayuda")
    assert texts_to(ana) == []
    assert [item.patient_id for item in work(Kind.READ_TEXT)] == [ana.id]


def test_a_held_back_worker_reads_a_text_once(ana: Patient, served: Referral) -> None:
    arrived = text_from(phone_of(ana), "네")
    before = texts_to(ana)
    messaging.settle(arrived, "again")
    assert texts_to(ana) == before
    assert arrived.result == "yes"
    assert served.patient_says is Says.GOT_HELP


def test_case_27_a_text_about_the_step_before_is_taken_back(ana: Patient) -> None:
    referral = make_referral(make_need(ana))
    assert waiting_for(ana) == ["referral-sent"]
    agency_says(referral, Status.REJECTED, "language")
    assert waiting_for(ana) == ["referral-declined"]
    again = make_referral(make_need(ana, "housing"))
    agency_says(again, Status.ACCEPTED)
    assert waiting_for(ana) == ["referral-declined", "referral-accepted"]
    assert texts_to(ana, State.CANCELLED) == ["referral-sent", "referral-sent"]


def test_case_28_without_a_translation_a_person_calls_and_nothing_goes_out_in_english(
    ana: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_args: object, **_values: object) -> str:
        raise i18n.MissingTranslation("none")

    monkeypatch.setattr(i18n, "sms", missing)
    referral = make_referral(make_need(ana))
    assert waiting_for(ana) == []
    assert open_work(referral.id) == {Kind.CALL_INSTEAD}


@pytest.mark.parametrize("language", list(i18n.LANGUAGES))
def test_case_28_a_name_is_never_taken_for_a_template(language: str) -> None:
    """Also in a language that Babel does not know; and no space that makes an English text cost twice."""
    name = "O’Neil李 {{ 7 * 7 }} %(day)s {% raw %}"
    text = i18n.sms("help", language, network=name, phone="410-555-0100")
    assert name in text
    with i18n.speaking(language):
        day = i18n.day(datetime(2026, 11, 23, 20, 30, tzinfo=UTC).date())
    assert day
    assert not {"\u202f", "\xa0"} & set(day + text)
