"""What staff do with texts: write one, take over, decide about one that is held, say whose number it is."""

from __future__ import annotations

import re
import uuid
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session, scoped_session

from app import clock, config
from app.config import settings
from app.errors import DomainError
from app.loop import by_hand, silence
from app.loop import operations as loop
from app.loop.models import Question
from app.messaging import jobs
from app.messaging import operations as messaging
from app.messaging import queries as messages
from app.messaging.delivery import ANSWER, NOTICE, State
from app.messaging.models import Inbound, Message
from app.patients import operations as patients
from app.patients import queries as patient_queries
from app.patients.endings import Ending
from app.patients.models import ConsentKind, Patient
from app.patients.phones import spoken
from app.referrals.lifecycle import Status
from app.referrals.models import Referral
from app.staff.models import StaffMember
from app.staff.permissions import Role
from app.worklist import operations as worklist
from app.worklist.kinds import Kind
from app.worklist.models import WorkItem
from tests.factories import (
    follow,
    make_need,
    make_organization,
    make_patient,
    make_referral,
    make_service_at_location,
    make_staff,
    sign_in,
    text_of,
)
from tests.loop.steps import agency_says, phone_of, text_from, waiting_for

Db = scoped_session[Session]

TUESDAY = datetime(2026, 11, 24, 15, tzinfo=UTC)
NIGHT = datetime(2026, 11, 24, 3, tzinfo=UTC)
STRANGER = "+14105550188"


@pytest.fixture
def sam(maya: StaffMember) -> StaffMember:
    return make_staff(team=maya.team, name="Sam Okafor")


@pytest.fixture
def by_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quiet hours and caps as in earnest."""
    hours = config.QuietHours(time(9), time(20))
    monkeypatch.setattr(
        "app.messaging.jobs.settings", lambda: replace(settings(), quiet_hours=hours, text_caps=config.TextCaps(1, 3))
    )


def field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, name
    return found[1]


def preview(browser: FlaskClient, patient: Patient, body: str = "¿Puede venir el lunes?") -> str:
    response = browser.post(f"/patients/{patient.id}/messages/preview", data={"body": body})
    assert response.status_code == 200, response.text
    return response.text


def send(browser: FlaskClient, patient: Patient, page: str) -> str:
    data = {"body": field(page, "body"), "key": field(page, "key")}
    return text_of(follow(browser, browser.post(f"/patients/{patient.id}/messages", data=data)).text)


def by_hand_to(patient: Patient, session: Db) -> list[Message]:
    return list(
        session.scalars(select(Message).where(Message.recipient == patient.id, Message.purpose == messaging.BY_HAND))
    )


def work(session: Db, *kinds: Kind) -> list[WorkItem]:
    wanted = select(WorkItem).where(WorkItem.done_at.is_(None), WorkItem.kind.in_(kinds or tuple(Kind)))
    return list(session.scalars(wanted.order_by(WorkItem.created_at)))


# Writing a text


def test_a_text_is_looked_at_before_it_goes(browser: FlaskClient, ana: Patient, session: Db) -> None:
    page = text_of(preview(browser, ana))
    for words in ("¿Puede venir el lunes?", "one text", "GSM-7", "$0.0083", "reads Spanish", "can be read by others"):
        assert words in page
    assert by_hand_to(ana, session) == []


def test_the_letters_that_make_it_dear_are_named(browser: FlaskClient, ana: Patient) -> None:
    page = text_of(preview(browser, ana, "Mañana abrirán la oficina, sí. " * 4))
    assert "UCS-2" in page
    assert "2 texts in one" in page
    assert "some make it longer: á í" in page


def test_who_reads_over_the_shoulder_is_thought_of(browser: FlaskClient, ana: Patient) -> None:
    make_referral(make_need(ana), make_service_at_location(organization=make_organization("Eastside Pantry")))
    page = text_of(preview(browser, ana, "Ana, call Eastside Pantry, Mrs. REYES"))
    assert "It names somebody" in page
    assert "Leave out: Ana, Reyes, Eastside Pantry" in page
    assert "It names somebody" not in text_of(preview(browser, ana, "Analysis is ready"))


def test_what_was_typed_can_be_changed(browser: FlaskClient, ana: Patient) -> None:
    typed = {"body": "Lunes <9>", "change": "1"}
    page = browser.post(f"/patients/{ana.id}/messages/preview", data=typed).text
    assert re.search(r"<textarea[^>]*>Lunes &lt;9&gt;</textarea>", page)


def test_sending_it_twice_sends_it_once(browser: FlaskClient, ana: Patient, maya: StaffMember, session: Db) -> None:
    page = preview(browser, ana)
    for _click in range(2):
        assert "Written." in send(browser, ana, page)
    (message,) = by_hand_to(ana, session)
    assert (message.written_by, message.language, message.state) == (maya.id, "es", State.QUEUED)
    assert f"{maya.name} · waiting to be sent" in text_of(browser.get(f"/patients/{ana.id}/messages").text)


@pytest.mark.parametrize(("body", "sentence"), [(" \n", "Write what you want to say."), ("a" * 1601, "too long")])
def test_what_cannot_be_sent_is_said_and_stays_in_the_box(
    browser: FlaskClient, ana: Patient, body: str, sentence: str
) -> None:
    response = browser.post(f"/patients/{ana.id}/messages/preview", data={"body": body})
    assert response.status_code == 422
    assert sentence in response.text


def test_a_text_without_its_key_is_looked_at_again(browser: FlaskClient, ana: Patient, session: Db) -> None:
    assert browser.post(f"/patients/{ana.id}/messages", data={"body": "x", "key": "x"}).status_code == 404
    assert by_hand_to(ana, session) == []


def texts_nothing(ana: Patient, maya: StaffMember) -> None:
    patients.set_safe_contact(ana, text_nothing=True, voicemail_ok=True, note="", by=maya)


def takes_consent_back(ana: Patient, maya: StaffMember) -> None:
    patients.record_consent(ana, ConsentKind.TEXT, given=False, how="spoken", language="es", by=maya)


def says_stop(ana: Patient, maya: StaffMember) -> None:  # noqa: ARG001  one of the three
    text_from(phone_of(ana), "STOP")


def is_blocked(ana: Patient, maya: StaffMember) -> None:  # noqa: ARG001
    messaging.suppress(phone_of(ana), "carrier")


def shares_a_phone(ana: Patient, maya: StaffMember) -> None:
    luis = make_patient(maya, given_name="Luis", phone=phone_of(ana))
    texts_nothing(luis, maya)


FORBIDDEN = [
    (texts_nothing, "Ana must not be texted"),
    (takes_consent_back, "Ana has not agreed to texts"),
    (says_stop, "so no"),
    (is_blocked, "so no"),
    (shares_a_phone, "Somebody who uses the same phone must not be texted"),
]


@pytest.mark.parametrize(("forbid", "sentence"), FORBIDDEN)
def test_what_comes_between_looking_and_sending_holds(  # noqa: PLR0913, PLR0917  a row
    browser: FlaskClient, ana: Patient, maya: StaffMember, session: Db, forbid: object, sentence: str
) -> None:
    page = preview(browser, ana)
    assert callable(forbid)
    forbid(ana, maya)
    session.flush()
    assert sentence in send(browser, ana, page)
    assert by_hand_to(ana, session) == []
    assert by_hand.who_has(ana.id) is None
    conversation = browser.get(f"/patients/{ana.id}/messages").text
    assert sentence in text_of(conversation)
    assert "<textarea" not in conversation


@pytest.mark.usefixtures("by_day")
def test_at_night_it_waits_and_says_until_when(browser: FlaskClient, ana: Patient) -> None:
    with clock.held_at(NIGHT):
        assert "because at night nobody is texted" in text_of(preview(browser, ana))
        text_from(phone_of(ana), "¿hola?")
        assert "because at night nobody is texted" not in text_of(preview(browser, ana))  # they have just asked


@pytest.mark.usefixtures("by_day")
def test_who_had_a_text_today_gets_the_next_one_tomorrow(browser: FlaskClient, ana: Patient, session: Db) -> None:
    with clock.held_at(TUESDAY):
        make_referral(make_need(ana))
        (first,) = session.scalars(select(Message).where(Message.recipient == ana.id))
        first.state, first.sid, first.accepted_at = State.SENT, "SM1", clock.now()
        session.flush()
        assert "because they had a text today" in text_of(preview(browser, ana))


def test_who_wrote_lately_is_answered(ana: Patient, maya: StaffMember) -> None:
    with clock.held_at(TUESDAY):
        assert by_hand.write(ana, "Hola", uuid.uuid4(), by=maya).priority == NOTICE
    with clock.held_at(TUESDAY + timedelta(hours=1)):
        text_from(phone_of(ana), "¿hola?")
        assert by_hand.write(ana, "Hola", uuid.uuid4(), by=maya).priority == ANSWER


def test_a_text_by_hand_that_waits_can_be_taken_back(
    browser: FlaskClient, ana: Patient, maya: StaffMember, session: Db
) -> None:
    message = by_hand.write(ana, "Hola", uuid.uuid4(), by=maya)
    session.flush()
    here = f"/patients/{ana.id}/messages"
    assert f'action="/texts/{message.id}/decision"' in browser.get(here).text
    page = follow(browser, browser.post(f"/texts/{message.id}/decision", data={"decision": "drop", "next": here}))
    assert "not sent: a person took it back" in text_of(page.text)
    again = browser.post(f"/texts/{message.id}/decision", data={"decision": "drop", "next": here})
    assert "Somebody else has decided" in text_of(follow(browser, again).text)


# Taking over


def test_taking_over_shows_who_has_it_and_asks_nothing_until_given_back(
    browser: FlaskClient, ana: Patient, maya: StaffMember, session: Db
) -> None:
    referral = make_referral(make_need(ana))
    browser.post(f"/patients/{ana.id}/takeover")
    session.expire_all()
    assert "You have this conversation" in browser.get(f"/patients/{ana.id}/messages").text
    agency_says(referral, Status.ACCEPTED)
    assert waiting_for(ana)[-1] == "referral-accepted-no-question"
    assert loop.open_question(phone_of(ana)) is None
    browser.post(f"/patients/{ana.id}/takeover", data={"back": "1"})
    session.expire_all()
    assert by_hand.who_has(ana.id) is None
    assert loop.pose(referral, loop.GOT_HELP)
    assert maya.name not in browser.get(f"/patients/{ana.id}/messages").text.split("<main")[1]


def test_only_one_person_has_a_conversation(
    browser: FlaskClient, ana: Patient, sam: StaffMember, maya: StaffMember, session: Db
) -> None:
    by_hand.take_over(ana, by=sam)
    session.flush()
    conversation = browser.get(f"/patients/{ana.id}/messages").text
    assert "Sam Okafor has this conversation" in conversation
    assert "<textarea" not in conversation
    with pytest.raises(DomainError, match="Sam Okafor has this conversation"):
        by_hand.write(ana, "Hola", uuid.uuid4(), by=maya)
    by_hand.give_back(ana, by=maya)  # whoever has it may be ill
    assert by_hand.write(ana, "Hola", uuid.uuid4(), by=maya).state is State.QUEUED
    with pytest.raises(DomainError, match="Nobody has this conversation"):
        by_hand.give_back(make_patient(maya), by=maya)


def test_nobody_gives_back_is_over_by_itself(ana: Patient, sam: StaffMember, maya: StaffMember) -> None:
    with clock.held_at(TUESDAY):
        by_hand.take_over(ana, by=sam)
    with clock.held_at(TUESDAY + by_hand.TAKEN_FOR):
        assert by_hand.who_has(ana.id) is None
        assert by_hand.take_over(ana, by=maya).staff_id == maya.id


def test_what_was_asked_is_withdrawn_and_the_answer_goes_to_the_person(
    ana: Patient, sam: StaffMember, session: Db
) -> None:
    referral = make_referral(make_need(ana), status=Status.ACCEPTED)
    by_hand.take_over(ana, by=sam)
    assert session.scalars(select(Question.closed_at)).one() is not None
    for body in ("1", "ok", "el lunes está bien"):
        text_from(phone_of(ana), body)
    assert referral.patient_says is None
    items = work(session, Kind.READ_TEXT)
    assert [(item.owner_id, item.detail["why"]) for item in items] == [(sam.id, "taken-over")] * 3
    assert "not-understood" not in waiting_for(ana)
    by_hand.write(ana, "Gracias", uuid.uuid4(), by=sam)
    assert work(session, Kind.READ_TEXT) == []


def test_danger_stop_and_a_wrong_number_are_acted_on_all_the_same(ana: Patient, sam: StaffMember, session: Db) -> None:
    by_hand.take_over(ana, by=sam)
    text_from(phone_of(ana), "quiero morirme")
    assert [item.kind for item in work(session, Kind.URGENT_TEXT)] == [Kind.URGENT_TEXT]
    assert "urgent" in waiting_for(ana)
    text_from(phone_of(ana), "STOP")
    assert messages.is_suppressed(phone_of(ana))


def test_a_wrong_number_ends_it_although_a_person_has_it(ana: Patient, sam: StaffMember) -> None:
    number = phone_of(ana)
    by_hand.take_over(ana, by=sam)
    text_from(number, "wrong number")
    assert patient_queries.patients_with_phone(number) == []


def test_nobody_has_the_conversation_with_a_patient_who_is_no_longer_here(
    browser: FlaskClient, ana: Patient, maya: StaffMember
) -> None:
    by_hand.take_over(ana, by=maya)
    patients.end(ana.id, Ending.MOVED, by=maya)
    assert by_hand.who_has(ana.id) is None
    assert "have this conversation" not in browser.get(f"/patients/{ana.id}/messages").text


def test_a_question_that_comes_due_waits_until_it_is_given_back(
    ana: Patient, maya: StaffMember, referral_long_ago: Referral
) -> None:
    by_hand.take_over(ana, by=maya)
    before = waiting_for(ana)
    silence.fire_due_clocks()
    assert waiting_for(ana) == before
    by_hand.give_back(ana, by=maya)
    silence.fire_due_clocks()
    assert "ask-got-help" in waiting_for(ana)
    assert referral_long_ago.patient_says is None


@pytest.fixture
def referral_long_ago(ana: Patient) -> Referral:
    """Accepted so long ago that the patient is to be asked."""
    with clock.held_at(clock.now() - timedelta(days=8)):
        return make_referral(make_need(ana), status=Status.ACCEPTED)


# Texts that are held


def held(patient: Patient | None, body: str = "We could not understand that.", *, phone: str = STRANGER) -> Message:
    """The answer that a machine gets no more."""
    texts = [
        messaging.queue_text(
            to=phone_of(patient) if patient else phone,
            recipient=patient.id if patient else None,
            regarding=None,
            purpose="not-understood",
            dedupe_key=str(uuid.uuid4()),
            language="en",
            template="not-understood",
            body=body,
            priority=ANSWER,
        )
        for _each in range(6)
    ]
    return texts[-1]


@pytest.mark.parametrize(("decision", "state"), [("send", State.QUEUED), ("drop", State.CANCELLED)])
def test_somebody_decides_about_a_held_text(
    browser: FlaskClient, ana: Patient, session: Db, decision: str, state: State
) -> None:
    message = held(ana)
    session.flush()
    assert "A machine seems to answer our texts to Ana" in browser.get("/today").text
    here = f"/patients/{ana.id}/messages"
    page = browser.get(here).text
    assert "held back: a machine seems to answer" in text_of(page)
    assert "Send it anyway" in page
    data = {"decision": decision, "next": here}
    follow(browser, browser.post(f"/texts/{message.id}/decision", data=data))
    session.expire_all()
    assert message.state is state
    assert work(session) == []


def test_what_is_too_long_can_only_be_given_up(browser: FlaskClient, ana: Patient, session: Db) -> None:
    message = held(ana, "a" * 1601)
    session.flush()
    page = browser.get(f"/patients/{ana.id}/messages").text
    assert "Send it anyway" not in page
    assert "Do not send" in page
    answer = browser.post(f"/texts/{message.id}/decision", data={"decision": "send"})
    assert "cannot be sent as it is" in text_of(follow(browser, answer).text)
    assert message.state is State.HELD


def test_a_held_text_is_not_sent_to_somebody_who_must_not_be_texted(ana: Patient, maya: StaffMember) -> None:
    message = held(ana)
    shares_a_phone(ana, maya)
    with pytest.raises(DomainError, match="must not be texted"):
        by_hand.decide(message, send=True, by=maya)


def test_a_held_answer_to_a_stranger_is_decided_on_its_card(
    browser: FlaskClient, maya: StaffMember, session: Db
) -> None:
    message = held(None)
    session.flush()
    page = browser.get("/messages").text
    assert f'action="/texts/{message.id}/decision"' in page
    browser.post(f"/texts/{message.id}/decision", data={"decision": "drop"})
    session.expire_all()
    assert message.state is State.CANCELLED
    assert work(session) == []
    assert maya.team_id


def test_an_administrator_decides_without_reading(client: FlaskClient, ana: Patient, session: Db) -> None:
    message = held(ana)
    sign_in(client, make_staff(Role.ADMINISTRATOR))
    session.flush()
    page = client.get("/operations").text
    assert f'action="/texts/{message.id}/decision"' in page
    assert message.body not in page
    assert phone_of(ana) not in page
    response = client.post(f"/texts/{message.id}/decision", data={"decision": "send"})
    assert response.location == "/operations"
    session.expire_all()
    assert message.state is State.QUEUED


def test_another_team_decides_nothing(client: FlaskClient, ana: Patient) -> None:
    message = held(ana)
    sign_in(client, make_staff())
    assert client.post(f"/texts/{message.id}/decision", data={"decision": "send"}).status_code == 404
    assert message.state is State.HELD


def test_a_draft_that_may_not_be_sent_says_so(
    browser: FlaskClient, ana: Patient, session: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.i18n._sendable.drafts", False)
    make_referral(make_need(ana))
    session.flush()
    assert "This network sends no texts in Spanish" in browser.get("/today").text


# Texts that the system cannot read


def test_a_text_that_cannot_be_read_is_put_before_a_person(browser: FlaskClient, ana: Patient, session: Db) -> None:
    received = messaging.receive({"MessageSid": "SM1", "From": phone_of(ana), "To": "+15005550006", "Body": "¿hola?"})
    for _failure in range(jobs.READINGS_ALONE):
        session.get_one(Inbound, received.id).read_at = clock.now()
        session.flush()
        assert work(session) == []
        jobs.sweep_unread(0)
    (item,) = work(session, Kind.READ_TEXT)
    assert (item.patient_id, item.inbound_id) == (ana.id, received.id)
    page = text_of(browser.get("/messages").text)
    assert "A text of Ana could not be understood by itself." in page
    assert "¿hola?" in page


def test_an_answer_that_may_not_be_sent_is_a_persons(
    browser: FlaskClient, ana: Patient, session: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.i18n._sendable.drafts", False)
    text_from(phone_of(ana), "ayuda")
    session.flush()
    assert "Ana has written, and we have no answer in Spanish that may be sent." in browser.get("/today").text


# Whose number it is


@pytest.fixture
def from_nobody(session: Db) -> WorkItem:
    text_from(STRANGER, "Soy yo, tengo número nuevo")
    (item,) = work(session, Kind.READ_TEXT)
    return item


def test_a_number_is_linked_and_its_texts_with_it(
    browser: FlaskClient, ana: Patient, from_nobody: WorkItem, session: Db
) -> None:
    text_from(STRANGER, "¿hola?")
    old = phone_of(ana)
    here = f"/work/{from_nobody.id}/number"
    assert here in browser.get("/messages").text
    found = browser.post(here, data={"q": "Reyes"}).text
    assert f'name="patient" value="{ana.id}"' in found
    asked = text_of(browser.post(here, data={"patient": str(ana.id)}).text)
    assert "Agreeing to texts holds for one number" in asked
    assert f"The number we had, {spoken(old)}, is no longer used." in asked
    assert browser.post(here, data={"patient": str(ana.id), "link": "1"}).status_code == 422
    browser.post(here, data={"patient": str(ana.id), "link": "1", "agreed": "yes"})
    session.expire_all()
    assert phone_of(ana) == STRANGER
    assert patient_queries.reach(ana).phone == STRANGER
    assert patient_queries.consents(ana.id)[0].phone == STRANGER
    assert [line.body for line in messages.conversation(ana.id)] == ["Soy yo, tengo número nuevo", "¿hola?"]
    assert work(session) == []
    again = browser.post(here, data={"patient": str(ana.id), "link": "1", "agreed": "yes"})
    assert again.status_code == 404


def test_an_agreement_for_the_old_number_does_not_hold_for_the_new_one(
    browser: FlaskClient, ana: Patient, from_nobody: WorkItem, session: Db
) -> None:
    data = {"patient": str(ana.id), "link": "1", "agreed": "no"}
    browser.post(f"/work/{from_nobody.id}/number", data=data)
    session.expire_all()
    assert phone_of(ana) == STRANGER
    assert patient_queries.reach(ana).why_not == "no-consent"


def test_what_the_number_wrote_before_stays_nobodys(
    ana: Patient, maya: StaffMember, from_nobody: WorkItem, session: Db
) -> None:
    earlier = session.get_one(Inbound, from_nobody.inbound_id)
    worklist.finish(from_nobody, "done", by=maya)
    text_from(STRANGER, "soy Ana")
    session.expire_all()
    (item,) = work(session, Kind.READ_TEXT)
    by_hand.link(item, ana, agreed=True, by=maya)
    assert earlier.recipient is None


def test_an_urgent_text_stays_on_the_list_when_it_is_known_whose_it_is(
    ana: Patient, maya: StaffMember, from_nobody: WorkItem, session: Db
) -> None:
    text_from(STRANGER, "he hit me")
    by_hand.link(from_nobody, ana, agreed=True, by=maya)
    session.expire_all()
    (item,) = work(session, Kind.URGENT_TEXT)
    assert (item.patient_id, item.team_id) == (ana.id, maya.team_id)


def test_no_patient_has_the_number_of_a_machine(browser: FlaskClient, session: Db) -> None:
    text_from("729725", "Your code is 1")
    (item,) = work(session, Kind.READ_TEXT)
    assert "No person has this number" in browser.get(f"/work/{item.id}/number").text
    assert "Mark as read" in browser.get("/messages").text
