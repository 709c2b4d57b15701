from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session, scoped_session

from app import clock
from app.audit.models import AuditEntry
from app.directory.models import Service
from app.messaging import operations as messaging
from app.messaging.delivery import State
from app.messaging.models import Message
from app.patients import operations as patients
from app.patients.models import Patient
from app.referrals import appointments
from app.referrals import operations as referrals
from app.referrals.closing import Barrier, Closure, Says
from app.referrals.lifecycle import Status
from app.referrals.meetings import Plan
from app.referrals.models import Referral
from app.screening.models import Need
from app.staff import operations as staff
from app.staff.models import StaffMember
from app.staff.permissions import Role
from app.worklist.kinds import Kind
from tests.factories import (
    follow,
    make_need,
    make_organization,
    make_patient,
    make_referral,
    make_screening,
    make_service_at_location,
    make_staff,
    sign_in,
    text_of,
)
from tests.loop.steps import agency_says, open_work, phone_of, text_from

Db = scoped_session[Session]

TUESDAY = datetime(2026, 11, 24, 15, tzinfo=UTC)


@pytest.fixture
def referral(ana: Patient) -> Referral:
    organization = make_organization("Eastside Pantry", phone="+14105550142")
    return make_referral(make_need(ana), make_service_at_location(organization=organization), note="No oven.")


# A patient


def test_a_new_patient_is_asked_the_questions(browser: FlaskClient, ana: Patient) -> None:
    page = browser.get(f"/patients/{ana.id}").text
    assert "No needs found yet" in page
    assert f'action="/patients/{ana.id}/screenings"' in page
    assert "Ask the questions" in page


def test_a_conversation_that_was_begun_can_go_on(browser: FlaskClient, ana: Patient, maya: StaffMember) -> None:
    make_screening(ana, maya)
    assert "Go on with the questions" in browser.get(f"/patients/{ana.id}").text


def test_the_page_is_about_the_patient_and_its_title_and_address_are_not(browser: FlaskClient, ana: Patient) -> None:
    page = browser.get(f"/patients/{ana.id}").text
    assert "<h1>Ana Reyes</h1>" in page
    assert '<span lang="es">Español</span>' in page
    title = re.search(r"<title>(.*?)</title>", page)
    assert title is not None
    assert "Ana" not in title[1]


def test_how_to_reach_them_safely_stands_on_top(browser: FlaskClient, ana: Patient, maya: StaffMember) -> None:
    patients.set_safe_contact(ana, text_nothing=True, voicemail_ok=False, note="Ask for Rosa", by=maya)
    head = text_of(browser.get(f"/patients/{ana.id}").text.split("</header>")[1])
    for said in ("Text nothing", "No voicemail", "Ask for Rosa"):
        assert said in head


def test_a_need_shows_the_life_of_its_referral_and_what_comes_next(
    browser: FlaskClient, ana: Patient, referral: Referral
) -> None:
    agency_says(referral, Status.ACCEPTED)
    page = text_of(browser.get(f"/patients/{ana.id}").text)
    assert "Accepted, they will call Ana by" in page
    assert "Sent to Eastside Pantry" in page
    assert "has not contacted Ana by" in page
    assert "Both sides agree: the loop is closed (still to come)" in page


def test_a_need_nobody_is_asked_for_leads_to_the_matches(browser: FlaskClient, ana: Patient) -> None:
    need = make_need(ana, "housing")
    page = browser.get(f"/patients/{ana.id}").text
    assert "Wants help, nobody is asked yet" in page
    assert f"/needs/{need.id}/matches" in page


def test_what_was_tried_before_is_kept_below_what_is_tried_now(
    browser: FlaskClient, ana: Patient, referral: Referral, session: Db
) -> None:
    agency_says(referral, Status.REJECTED, "closed")
    next_match = make_service_at_location(organization=make_organization("Bread for All"))
    make_referral(session.get_one(Need, referral.need_id), next_match)
    page = text_of(browser.get(f"/patients/{ana.id}").text)
    assert "Food Bread for All" in page
    assert "Tried before: one place" in page


def test_everything_that_happened_stands_in_one_line_newest_first(
    browser: FlaskClient, ana: Patient, referral: Referral, maya: StaffMember
) -> None:
    agency_says(referral, Status.ACCEPTED)
    text_from(phone_of(ana), "2")
    page = text_of(browser.get(f"/patients/{ana.id}").text).split("Everything, newest first")[1]
    said = (
        "Ana says: not yet",
        "Text from Ana",
        "Accepted",
        "Text to Ana",
        "Sent to Eastside Pantry",
        "Agreed: we may tell organizations",
        "Registered",
    )
    for words in said:
        assert words in page
    assert page.index("Ana says: not yet") < page.index("Sent to Eastside Pantry") < page.index("Registered")
    assert f"by {maya.name}" in page


def test_consent_at_a_glance(browser: FlaskClient, ana: Patient) -> None:
    page = text_of(browser.get(f"/patients/{ana.id}").text)
    assert re.search(r"Sharing Yes, since \w+day", page)
    assert re.search(r"Texting Yes, since \w+day", page)


@pytest.mark.parametrize("page", ["", "/messages"])
def test_a_patient_of_another_team_is_not_there(client: FlaskClient, ana: Patient, page: str) -> None:
    sign_in(client, make_staff())
    assert client.get(f"/patients/{ana.id}{page}").status_code == 404
    assert client.get(f"/patients/{uuid.uuid4()}{page}").status_code == 404


@pytest.mark.parametrize("role", [Role.AGENCY, Role.ADMINISTRATOR])
def test_patients_are_for_care_teams(client: FlaskClient, ana: Patient, role: Role) -> None:
    sign_in(client, make_staff(role))
    for page in ("", "/messages"):
        assert client.get(f"/patients/{ana.id}{page}").status_code == 403


# A referral


def test_both_voices_stand_side_by_side(browser: FlaskClient, ana: Patient, referral: Referral) -> None:
    agency_says(referral, Status.ACCEPTED)
    agency_says(referral, Status.COMPLETED)
    text_from(phone_of(ana), "2")
    text_from(phone_of(ana), "1")
    page = text_of(browser.get(f"/referrals/{referral.id}").text)
    assert "They say served, Ana says not yet" in page
    assert "Eastside Pantry says Served" in page
    assert "Ana says Not yet: nobody answered" in page


def test_what_happens_next_by_when_and_who_answers_for_it(
    client: FlaskClient, maya: StaffMember, ana: Patient, session: Db
) -> None:
    with clock.held_at(TUESDAY):
        referral = make_referral(
            make_need(ana), make_service_at_location(organization=make_organization("Eastside Pantry"))
        )
        session.flush()
        sign_in(client, maya)
        page = text_of(client.get(f"/referrals/{referral.id}").text)
    assert "If nothing is heard by tomorrow, 10:00 AM, Eastside Pantry is reminded" in page
    assert "Maya Brooks answers for this." in page


def test_seeing_it_is_a_step_of_its_life(browser: FlaskClient, referral: Referral, session: Db) -> None:
    keller = StaffMember(
        email="keller@example.test",
        name="Tom Keller",
        role=Role.AGENCY,
        password_hash="-",
        organization_id=referral.organization_id,
    )
    session.add(keller)
    session.flush()
    referrals.mark_seen(referral, by=keller)
    session.expire_all()
    page = text_of(browser.get(f"/referrals/{referral.id}").text)
    assert "Seen by Eastside Pantry" in page
    assert "Eastside Pantry says Seen, no answer yet" in page


def test_a_closed_loop_says_so(browser: FlaskClient, ana: Patient, referral: Referral) -> None:
    agency_says(referral, Status.ACCEPTED)
    agency_says(referral, Status.COMPLETED)
    text_from(phone_of(ana), "1")
    page = text_of(browser.get(f"/referrals/{referral.id}").text)
    assert "Closed: they say served, Ana got help" in page
    assert "Both sides agree: the loop is closed" in page
    assert "still to come" not in page


def test_how_to_reach_the_agency_and_what_was_sent(browser: FlaskClient, referral: Referral) -> None:
    page = browser.get(f"/referrals/{referral.id}").text
    assert "(410) 555-0142" in page
    assert 'href="tel:+14105550142"' in page
    assert "No oven." in page


def test_a_place_the_directory_no_longer_lists_is_no_error(
    browser: FlaskClient, referral: Referral, session: Db
) -> None:
    session.get_one(Service, referral.service_id).withdrawn_at = clock.now()
    session.flush()
    page = browser.get(f"/referrals/{referral.id}")
    assert page.status_code == 200
    assert "The directory no longer lists this place." in page.text


def test_after_a_decline_the_next_match_is_what_to_do(browser: FlaskClient, referral: Referral) -> None:
    agency_says(referral, Status.REJECTED, "closed")
    page = browser.get(f"/referrals/{referral.id}").text
    assert f"/needs/{referral.need_id}/matches" in page


def test_the_agency_has_a_page_of_its_own(client: FlaskClient, referral: Referral, session: Db) -> None:
    keller = StaffMember(
        email="keller@example.test",
        name="Tom Keller",
        role=Role.AGENCY,
        password_hash="-",
        organization_id=referral.organization_id,
    )
    session.add(keller)
    session.flush()
    sign_in(client, keller)
    assert client.get(f"/referrals/{referral.id}").location == f"/inbox/{referral.id}"


def test_a_referral_of_another_team_is_not_there(client: FlaskClient, referral: Referral) -> None:
    sign_in(client, make_staff())
    assert client.get(f"/referrals/{referral.id}").status_code == 404
    assert client.get(f"/referrals/{referral.id}/write-down/accepted").status_code == 404


# Writing down what was said

MAY_BE_SAID = [
    ([], ["accepted", "rejected", "cancelled", "on-hold", "completed", "answer", "recall", "mistake"]),
    (
        [Status.ACCEPTED],
        ["in-progress", "on-hold", "completed", "failed", "cancelled", "answer", "ride", "recall", "mistake"],
    ),
    ([Status.ACCEPTED, Status.COMPLETED], ["answer", "mistake"]),
]


@pytest.mark.parametrize(("steps", "said"), MAY_BE_SAID)
def test_only_what_can_be_said_now_is_offered(
    browser: FlaskClient, referral: Referral, steps: list[Status], said: list[str]
) -> None:
    for step in steps:
        agency_says(referral, step)
    page = browser.get(f"/referrals/{referral.id}").text
    assert re.findall(r"/write-down/([a-z-]+)", page) == said
    for what in said:
        assert browser.get(f"/referrals/{referral.id}/write-down/{what}").status_code == 200
    assert browser.get(f"/referrals/{referral.id}/write-down/requested").status_code == 404


SPOKEN = [
    ("accepted", {"promised_by": "2026-11-27"}, Status.ACCEPTED),
    ("rejected", {"reason_code": "at-capacity"}, Status.REJECTED),
    ("recall", {"reason_code": "recalled-by-sender"}, Status.CANCELLED),
    ("mistake", {}, Status.ENTERED_IN_ERROR),
]


@pytest.mark.parametrize(("said", "typed", "status"), SPOKEN)
def test_the_form_takes_the_step(  # noqa: PLR0913, PLR0917  a row
    browser: FlaskClient, referral: Referral, said: str, typed: dict[str, str], status: Status, session: Db
) -> None:
    page = follow(browser, browser.post(f"/referrals/{referral.id}/write-down/{said}", data=typed))
    assert page.status_code == 200
    session.expire_all()
    assert referral.status is status
    if "promised_by" in typed:
        assert referral.promised_by is not None
        assert "Eastside Pantry told Maya Brooks" in text_of(page.text)


def test_serving_is_written_down_with_what_came_of_it(browser: FlaskClient, referral: Referral, session: Db) -> None:
    agency_says(referral, Status.ACCEPTED)
    came_of_it = {"outcome_code": "partly-provided", "outcome_text": "One box"}
    browser.post(f"/referrals/{referral.id}/write-down/completed", data=came_of_it)
    session.expire_all()
    assert (referral.status, referral.outcome_code, referral.outcome_text) == (
        Status.COMPLETED,
        "partly-provided",
        "One box",
    )


def test_what_the_patient_told_is_kept_in_their_voice(browser: FlaskClient, referral: Referral, session: Db) -> None:
    said = {"says": "not-yet", "barrier": "missing-papers"}
    page = follow(browser, browser.post(f"/referrals/{referral.id}/write-down/answer", data=said))
    session.expire_all()
    assert (referral.patient_says, referral.barrier) == (Says.NOT_YET, Barrier.MISSING_PAPERS)
    assert "told Maya Brooks" in text_of(page.text)


@pytest.mark.parametrize("planned", [True, False])
def test_who_says_on_the_phone_that_they_need_a_ride_gets_one_looked_for(
    browser: FlaskClient, referral: Referral, maya: StaffMember, session: Db, *, planned: bool
) -> None:
    agency_says(referral, Status.ACCEPTED)
    if planned:
        appointments.schedule(referral, Plan(clock.now() + timedelta(days=5)), by=None)
    referrals.record_answer(referral, Says.NOT_YET, how="staff", barrier=Barrier.COULD_NOT_GET_THERE, by=maya)
    assert f"/referrals/{referral.id}/write-down/ride" in browser.get("/today").text
    page = follow(browser, browser.post(f"/referrals/{referral.id}/write-down/ride"))
    session.expire_all()
    assert open_work(referral.id) == {Kind.FIND_RIDE}
    assert f"/needs/{referral.ride_need_id}/matches" in page.text
    assert browser.get(f"/referrals/{referral.id}/write-down/ride").status_code == 404, "it is being looked for"


def test_a_reason_that_is_missing_is_asked_for_and_what_was_typed_stays(
    browser: FlaskClient, referral: Referral, session: Db
) -> None:
    typed = {"reason_text": "Closed for repairs until May."}
    response = browser.post(f"/referrals/{referral.id}/write-down/rejected", data=typed)
    assert response.status_code == 422
    assert "Say why: choose a reason." in response.text
    assert "Closed for repairs until May." in response.text
    session.expire_all()
    assert referral.status is Status.REQUESTED


# Texts


def test_a_conversation_says_what_arrived_and_what_was_understood(
    browser: FlaskClient, ana: Patient, referral: Referral, session: Db
) -> None:
    first = session.scalars(select(Message).where(Message.regarding == referral.id)).one()
    first.sid = "SM1"
    messaging.end(first, State.UNDELIVERED, "30003")
    agency_says(referral, Status.ACCEPTED)
    for body in ("no entiendo", "2", "1"):
        text_from(phone_of(ana), body)
    page = text_of(browser.get(f"/patients/{ana.id}/messages").text)
    assert "not delivered: the phone is off or out of reach" in page
    assert "waiting to be sent" in page
    assert "for a person to read" in page
    assert "Understood : not yet" in page or "Understood: not yet" in page
    assert "not yet: nobody answered" in page


def test_a_text_for_a_person_can_be_settled_where_it_is_read(
    browser: FlaskClient, ana: Patient, referral: Referral
) -> None:
    text_from(phone_of(ana), "nadie abrió la puerta")
    here = f"/patients/{ana.id}/messages"
    page = browser.get(here).text
    assert "Only a person can understand this" in page
    assert f"/referrals/{referral.id}/write-down/answer" in page
    action = re.search(r'action="(/work/[^"]*/outcome)"', page)
    assert action is not None
    response = browser.post(action[1], data={"outcome": "done", "next": here})
    assert response.location == here
    assert "Only a person can understand this" not in browser.get(here).text


def test_a_conversation_without_texts_says_what_will_be_here(browser: FlaskClient, ana: Patient) -> None:
    assert "No texts yet" in browser.get(f"/patients/{ana.id}/messages").text


def test_why_somebody_is_not_texted_is_said(browser: FlaskClient, maya: StaffMember) -> None:
    luis = make_patient(maya, given_name="Luis", text=False)
    assert "Luis has not agreed to texts" in browser.get(f"/patients/{luis.id}/messages").text


def test_the_inbox_has_what_a_person_must_read_and_who_wrote_last(
    browser: FlaskClient, ana: Patient, maya: StaffMember
) -> None:
    with clock.held_at(clock.now() - timedelta(days=1)):
        make_referral(make_need(make_patient(maya, given_name="Luis")))
    make_referral(make_need(ana))
    text_from(phone_of(ana), "¿hola?")
    page = browser.get("/messages").text
    assert "Only a person can understand these" in page
    conversations = page.split("Conversations")[1]
    assert re.findall(r'row__link" href="[^"]*">([^<]*)<', conversations) == ["Ana Reyes", "Luis Reyes"]


def test_the_inbox_holds_nothing_of_another_team(client: FlaskClient, ana: Patient) -> None:
    make_referral(make_need(ana))
    text_from(phone_of(ana), "¿hola?")
    sign_in(client, make_staff())
    page = client.get("/messages").text
    assert "Ana" not in page
    assert "No texts yet" in page


# The API


@pytest.fixture
def token(maya: StaffMember, session: Db) -> dict[str, str]:
    token = staff.issue_token(maya)
    session.flush()
    return {"Authorization": f"Bearer {token}"}


def test_the_api_tells_every_text(client: FlaskClient, token: dict[str, str], ana: Patient, referral: Referral) -> None:
    agency_says(referral, Status.ACCEPTED)
    text_from(phone_of(ana), "1")
    response = client.get(f"/api/v1/patients/{ana.id}/messages", headers=token)
    assert response.status_code == 200
    messages = response.get_json()["messages"]
    assert {tuple(sorted(message)) for message in messages} == {("at", "body", "direction", "language", "status")}
    assert {message["direction"] for message in messages} == {"inbound", "outbound"}
    ours = [message for message in messages if message["direction"] == "outbound"]
    assert {message["language"] for message in ours} == {"es"}
    assert all(datetime.fromisoformat(message["at"]).tzinfo for message in messages)
    assert referral.closure is Closure.OPEN


@pytest.mark.parametrize(("whose", "status"), [("nobody", 404), ("another team", 403)])
def test_the_api_tells_nothing_of_others(client: FlaskClient, token: dict[str, str], whose: str, status: int) -> None:
    patient_id = uuid.uuid4() if whose == "nobody" else make_patient().id
    response = client.get(f"/api/v1/patients/{patient_id}/messages", headers=token)
    assert response.status_code == status
    assert set(response.get_json()) == {"error"}


def test_the_api_wants_a_token(client: FlaskClient, ana: Patient) -> None:
    assert client.get(f"/api/v1/patients/{ana.id}/messages").status_code == 401


def test_who_looks_at_a_patient_leaves_a_line_in_the_log(browser: FlaskClient, ana: Patient, session: Db) -> None:
    looked = select(func.count()).where(AuditEntry.action == "saw", AuditEntry.subject_id == ana.id)
    before = session.scalar(looked) or 0
    browser.get(f"/patients/{ana.id}")
    browser.get(f"/patients/{ana.id}/messages")
    assert session.scalar(looked) == before + 2


def test_a_need_that_was_not_met_says_why(browser: FlaskClient, ana: Patient, referral: Referral) -> None:
    agency_says(referral, Status.ACCEPTED)
    agency_says(referral, Status.COMPLETED)
    referrals.record_answer(referral, Says.NOT_YET, how="staff", barrier=Barrier.MISSING_PAPERS)
    assert "Not met: papers were missing" in text_of(browser.get(f"/patients/{ana.id}").text)
