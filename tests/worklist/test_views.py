from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session, scoped_session

from app import clock
from app.loop import operations as loop
from app.patients import operations as patients
from app.patients.models import Patient
from app.referrals.lifecycle import Status
from app.referrals.models import Referral
from app.staff.models import StaffMember
from app.staff.permissions import Role
from app.worklist import navigation
from app.worklist.kinds import Kind
from app.worklist.models import WorkItem
from tests.factories import (
    make_need,
    make_organization,
    make_patient,
    make_referral,
    make_service_at_location,
    make_staff,
    make_team,
    sign_in,
)
from tests.loop.steps import agency_says, phone_of, text_from

Db = scoped_session[Session]

TUESDAY = datetime(2026, 11, 24, 15, tzinfo=UTC)


@pytest.fixture
def referral(ana: Patient) -> Referral:
    organization = make_organization("Eastside Pantry", phone="+14105550142")
    return make_referral(make_need(ana), make_service_at_location(organization=organization))


def the_item(session: Db) -> WorkItem:
    return session.scalars(select(WorkItem).where(WorkItem.done_at.is_(None))).one()


def test_a_day_without_work_offers_the_first_step(client: FlaskClient, maya: StaffMember) -> None:
    sign_in(client, maya)
    page = client.get("/today").text
    assert "Nothing needs you now" in page
    assert 'href="/patients"' in page


def test_nobody_asks_a_stranger_for_the_patient_whose_number_it_was(
    client: FlaskClient, maya: StaffMember, ana: Patient
) -> None:
    number = phone_of(ana)
    text_from(number, "wrong number")
    sign_in(client, maya)
    page = client.get("/today").text
    assert "belongs to somebody else" in page
    assert f"tel:{number}" not in page


def test_who_texts_of_danger_is_called_on_the_phone_it_came_from(
    client: FlaskClient, maya: StaffMember, ana: Patient
) -> None:
    number = phone_of(ana)
    text_from(number, "I want to die")
    patients.unlink_phone(number)
    sign_in(client, maya)
    assert f'href="tel:{number}"' in client.get("/today").text


def test_a_contradiction_says_so_and_offers_the_call(
    client: FlaskClient, maya: StaffMember, ana: Patient, referral: Referral
) -> None:
    agency_says(referral, Status.ACCEPTED)
    agency_says(referral, Status.COMPLETED)
    text_from(phone_of(ana), "2")
    text_from(phone_of(ana), "1")
    sign_in(client, maya)
    page = client.get("/today").text
    assert "Eastside Pantry says: “served: they got the help”. Ana says: “not yet: nobody answered”." in page
    assert f'href="tel:{phone_of(ana)}"' in page
    assert f"/referrals/{referral.id}" in page
    for outcome in ("done", "not-reached", "not-needed"):
        assert f'name="outcome" value="{outcome}"' in page


def test_a_silent_agency_is_phoned(client: FlaskClient, maya: StaffMember, referral: Referral) -> None:
    loop.call_agency(referral, why="silent-2")
    sign_in(client, maya)
    page = client.get("/today").text
    assert "Eastside Pantry has not answered." in page
    assert "Phone Eastside Pantry" in page
    assert 'href="tel:+14105550142"' in page


def test_a_decline_offers_the_next_match(client: FlaskClient, maya: StaffMember, referral: Referral) -> None:
    agency_says(referral, Status.REJECTED, "at-capacity")
    sign_in(client, maya)
    page = client.get("/today").text
    assert "Eastside Pantry cannot help: “we are full”. Offer Ana the next match." in page
    assert f"/needs/{referral.need_id}/matches" in page


WHY_CALL = [
    ("no-consent", "Ana has not agreed to texts."),
    ("text-nothing", "Ana must not be texted."),
    ("no-translation", "We have no text in Spanish."),
    ("sensitive", "Nothing about this is ever texted."),
    ("silent", "Ana has not answered our texts. Ask whether help came."),
    ("opted-out", "Ana texted STOP and gets no more texts."),
    ("text-30003", "Our text did not arrive: the phone is off or out of reach."),
    ("text-expired", "Our text did not arrive"),
]


@pytest.mark.parametrize(("why", "sentence"), WHY_CALL)
def test_every_call_says_why(  # noqa: PLR0913, PLR0917  what a card is made of
    client: FlaskClient, maya: StaffMember, ana: Patient, referral: Referral, why: str, sentence: str
) -> None:
    loop.call_instead(referral, ana, why)
    sign_in(client, maya)
    assert sentence in client.get("/today").text


def test_how_to_reach_somebody_safely_stands_on_the_card(
    client: FlaskClient, maya: StaffMember, ana: Patient, referral: Referral
) -> None:
    patients.set_safe_contact(ana, text_nothing=False, voicemail_ok=False, note="After 5 PM", by=maya)
    loop.call_instead(referral, ana, "silent")
    sign_in(client, maya)
    page = client.get("/today").text
    assert "Leave no voicemail" in page
    assert "After 5 PM" in page


def test_a_text_from_a_number_nobody_knows_is_read_where_it_stands(client: FlaskClient, maya: StaffMember) -> None:
    text_from("+14435550999", "is this <b>the clinic</b>?")
    sign_in(client, maya)
    page = client.get("/today").text
    assert "A text from a number that belongs to no patient: (443) 555-0999." in page
    assert "is this &lt;b&gt;the clinic&lt;/b&gt;?" in page


def test_what_cannot_wait_comes_first_and_the_team_is_a_tab_away(client: FlaskClient, session: Db) -> None:
    team = make_team()
    maya, joel = make_staff(team=team), make_staff(team=team, name="Joel Price")
    loop.call_instead(make_referral(by=joel), make_patient(joel), "silent")
    for given_name, urgent in (("Mine", False), ("Urgent", True)):
        patient = make_patient(maya, given_name=given_name)
        loop.offer_next(make_referral(make_need(patient, urgent=urgent)), why="silence")
    sign_in(client, maya)
    names = re.findall(r"<h2><a[^>]*>([^<]*)</a></h2>", client.get("/today").text)
    assert names == ["Urgent Reyes", "Mine Reyes"]
    names = re.findall(r"<h2><a[^>]*>([^<]*)</a></h2>", client.get("/today?who=team").text)
    assert names == ["Urgent Reyes", "Mine Reyes", "Ana Reyes"]
    assert session.scalars(select(WorkItem)).all()


def test_what_goes_on_by_itself_is_shown_below(client: FlaskClient, maya: StaffMember, referral: Referral) -> None:
    sign_in(client, maya)
    page = client.get("/today").text
    assert "Going on without you" in page
    assert f"/referrals/{referral.id}" in page


@pytest.mark.parametrize("outcome", ["done", "not-needed"])
def test_an_outcome_takes_it_off_the_list(  # noqa: PLR0913, PLR0917  what a card is made of
    client: FlaskClient, maya: StaffMember, ana: Patient, referral: Referral, outcome: str, session: Db
) -> None:
    loop.call_instead(referral, ana, "silent")
    item = the_item(session)
    sign_in(client, maya)
    response = client.post(f"/work/{item.id}/outcome", data={"outcome": outcome})
    assert (response.status_code, response.location) == (303, "/today")
    session.expire_all()
    assert (item.outcome, item.done_by_id) == (outcome, maya.id)
    assert "Ana has not answered" not in client.get("/today").text


def test_who_was_not_reached_comes_back_and_the_card_says_how_often(
    client: FlaskClient, maya: StaffMember, ana: Patient, referral: Referral, session: Db
) -> None:
    loop.call_instead(referral, ana, "silent")
    sign_in(client, maya)
    for _try in range(2):
        client.post(f"/work/{the_item(session).id}/outcome", data={"outcome": "not-reached"})
        session.expire_all()
    assert "Tried 2 times, not reached" in client.get("/today").text


def test_an_outcome_goes_on_to_a_page_of_ours_only(
    client: FlaskClient, maya: StaffMember, ana: Patient, referral: Referral, session: Db
) -> None:
    for ahead, goes_to in ((f"/patients/{ana.id}", f"/patients/{ana.id}"), ("//evil.test/", "/today")):
        loop.call_instead(referral, ana, "silent")
        sign_in(client, maya)
        response = client.post(f"/work/{the_item(session).id}/outcome", data={"outcome": "done", "next": ahead})
        assert response.location == goes_to
        session.expire_all()


def test_two_people_finish_it_once(
    client: FlaskClient, maya: StaffMember, ana: Patient, referral: Referral, session: Db
) -> None:
    loop.call_instead(referral, ana, "silent")
    item = the_item(session)
    sign_in(client, maya)
    client.post(f"/work/{item.id}/outcome", data={"outcome": "done"})
    again = client.post(f"/work/{item.id}/outcome", data={"outcome": "not-needed"}, follow_redirects=True)
    assert "Somebody else has already taken care of this." in again.text
    session.expire_all()
    assert item.outcome == "done"


def test_an_outcome_that_there_is_none_of_is_refused(
    client: FlaskClient, maya: StaffMember, ana: Patient, referral: Referral, session: Db
) -> None:
    loop.call_instead(referral, ana, "silent")
    item = the_item(session)
    sign_in(client, maya)
    client.post(f"/work/{item.id}/outcome", data={"outcome": "whatever"})
    session.expire_all()
    assert item.done_at is None


def test_the_work_of_another_team_is_not_there(
    client: FlaskClient, ana: Patient, referral: Referral, session: Db
) -> None:
    loop.call_instead(referral, ana, "silent")
    item = the_item(session)
    sign_in(client, make_staff())
    assert "Nothing needs you now" in client.get("/today").text
    assert client.post(f"/work/{item.id}/outcome", data={"outcome": "done"}).status_code == 404
    assert client.post(f"/work/{uuid.uuid4()}/outcome", data={"outcome": "done"}).status_code == 404


PLACES = [
    (Role.HEALTH_WORKER, ["/today", "/patients", "/messages", "/more"]),
    (Role.LEAD, ["/today", "/patients", "/messages", "/more"]),
    (Role.AGENCY, ["/inbox", "/directory/ours", "/directory", "/more"]),
    (Role.ADMINISTRATOR, ["/numbers", "/directory", "/people", "/more"]),
]


@pytest.mark.parametrize(("role", "places"), PLACES)
def test_everybody_has_their_own_places(client: FlaskClient, session: Db, role: Role, places: list[str]) -> None:  # noqa: ARG001
    sign_in(client, make_staff(role))
    page = client.get("/more").text
    assert re.findall(r'<a class="place" href="([^"]*)"', page) == places
    assert '<a class="place" href="/more" aria-current="page">' in page


@pytest.mark.parametrize(("role", "places"), PLACES)
def test_every_place_and_every_entry_can_be_opened(
    client: FlaskClient,
    session: Db,  # noqa: ARG001
    role: Role,
    places: list[str],
) -> None:
    sign_in(client, make_staff(role))
    page = client.get("/more").text
    entries = re.findall(r'class="row__link" href="([^"]*)"', page)
    assert not set(entries) & set(places)
    for href in [*places, *entries]:
        assert client.get(href).status_code == 200, href


@pytest.mark.parametrize(
    ("endpoint", "place"),
    [
        ("worklist.today", "worklist.today"),
        ("loop.patient", "patients.find"),
        ("loop.referral", "patients.find"),
        ("screening.question", "patients.find"),
        ("referrals.matches", "patients.find"),
        ("loop.conversation", "loop.messages"),
        ("staff.account", "worklist.more"),
        ("reports.numbers", "worklist.more"),
    ],
)
def test_where_one_is(endpoint: str, place: str) -> None:
    here = navigation.current(Role.LEAD, endpoint)
    assert here is not None
    assert here.endpoint == place


def test_the_places_say_how_much_waits(
    client: FlaskClient, maya: StaffMember, ana: Patient, referral: Referral
) -> None:
    loop.call_instead(referral, ana, "silent")
    text_from(phone_of(ana), "nadie abrió la puerta")
    sign_in(client, maya)
    counts = re.findall(r'<span class="place__count">(\d+)<', client.get("/more").text)
    assert counts == ["2", "1"]


def test_an_agency_sees_how_many_requests_wait(client: FlaskClient, session: Db, referral: Referral) -> None:
    make_referral(make_need(make_patient()), status=Status.ACCEPTED)
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
    assert re.findall(r'<span class="place__count">(\d+)<', client.get("/more").text) == ["1"]


def test_a_signed_out_person_is_asked_to_sign_in(client: FlaskClient) -> None:
    for address in ("/today", "/more", "/messages"):
        assert client.get(address).location.startswith("/sign-in")


@pytest.mark.parametrize("role", [Role.AGENCY, Role.ADMINISTRATOR])
def test_today_is_for_care_teams(client: FlaskClient, session: Db, role: Role) -> None:  # noqa: ARG001
    sign_in(client, make_staff(role))
    assert client.get("/today").status_code == 403


def test_due_is_said_on_the_clock_of_the_team(client: FlaskClient, session: Db) -> None:
    with clock.held_at(TUESDAY):
        maya = make_staff()
        ana = make_patient(maya)
        loop.call_instead(make_referral(make_need(ana)), ana, "silent")
    sign_in(client, maya)
    for now, words in (
        (TUESDAY, "Due tomorrow"),
        (TUESDAY + timedelta(hours=20), "Due today"),
        (TUESDAY + timedelta(days=2), "Overdue"),
    ):
        with clock.held_at(now):
            assert words in client.get("/today").text
    assert the_item(session).kind is Kind.CALL_INSTEAD
