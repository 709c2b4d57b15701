"""An agency makes an appointment on its page, a care team writes one down, and a calendar gets the file."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from icalendar import Calendar
from sqlalchemy.orm import Session, scoped_session

from app import clock, i18n
from app.directory.models import Organization
from app.patients.models import Patient
from app.referrals import appointments
from app.referrals.lifecycle import Status
from app.referrals.meetings import Became, Plan, Reply
from app.referrals.models import Referral
from app.staff.models import StaffMember
from app.staff.permissions import Role
from tests.factories import follow, make_need, make_referral, make_staff, sign_in

Db = scoped_session[Session]
HERE = ZoneInfo("America/New_York")


@pytest.fixture
def accepted(ana: Patient) -> Referral:
    return make_referral(make_need(ana), status=Status.ACCEPTED)


@pytest.fixture
def pantry(accepted: Referral, session: Db) -> StaffMember:
    return make_staff(Role.AGENCY, organization=session.get_one(Organization, accepted.organization_id), name="Pat Lee")


def typed(days: int = 10, **other: str) -> dict[str, str]:
    day = clock.now().astimezone(HERE).date() + timedelta(days=days)
    return {"day": day.isoformat(), "time": "14:30", "way": "in-person", "place": "12 Main Street", **other}


def test_the_agency_agrees_on_a_time_and_sees_it(client: FlaskClient, accepted: Referral, pantry: StaffMember) -> None:
    sign_in(client, pantry)
    assert "Make an appointment" in client.get(f"/inbox/{accepted.id}").text

    page = follow(client, client.post(f"/referrals/{accepted.id}/appointments", data=typed())).text

    assert "They are told the time." in page
    assert "2:30 PM" in page
    assert "12 Main Street" in page
    appointment = appointments.ahead(accepted.id)
    assert appointment is not None
    assert appointment.starts_at.astimezone(HERE).strftime("%H:%M") == "14:30"


def test_the_form_begins_with_what_is_agreed(client: FlaskClient, accepted: Referral, pantry: StaffMember) -> None:
    sign_in(client, pantry)
    assert 'value="in-person" checked' in client.get(f"/referrals/{accepted.id}/appointment").text
    client.post(f"/referrals/{accepted.id}/appointments", data=typed(note="Ring twice"))
    page = client.get(f"/referrals/{accepted.id}/appointment").text
    assert 'value="14:30"' in page
    assert "Ring twice" in page
    moved = client.post(f"/referrals/{accepted.id}/appointments", data=typed(11))
    assert "They are told the new time." in follow(client, moved).text


WRONG = [
    ({"day": ""}, "Choose the day."),
    ({"time": "half past"}, "Enter the time, such as 14:30."),
    ({"way": "pigeon"}, "Say whether they come, or you call them."),
    ({"day": "2020-01-01"}, "This time is over."),
    ({"day": "2199-01-01"}, "Choose a day within the next year."),
]


@pytest.mark.parametrize(("other", "sentence"), WRONG)
def test_what_cannot_be_is_said_at_its_box_and_kept(
    client: FlaskClient, accepted: Referral, pantry: StaffMember, other: dict[str, str], sentence: str
) -> None:
    sign_in(client, pantry)
    refused = client.post(f"/referrals/{accepted.id}/appointments", data=typed() | other)
    assert refused.status_code == 422
    assert sentence in refused.text
    assert "12 Main Street" in refused.text
    assert appointments.ahead(accepted.id) is None


def test_the_care_team_writes_down_what_it_was_told(client: FlaskClient, accepted: Referral, maya: StaffMember) -> None:
    sign_in(client, maya)
    page = follow(client, client.post(f"/referrals/{accepted.id}/appointments", data=typed(way="by-phone"))).text
    assert "We call them" in page
    assert "12 Main Street" not in page


def test_a_calendar_gets_a_file_without_a_name(
    client: FlaskClient, accepted: Referral, ana: Patient, maya: StaffMember
) -> None:
    appointment = appointments.schedule(accepted, Plan(clock.now() + timedelta(days=5), place="12 Main"), by=maya)
    sign_in(client, maya)
    answer = client.get(f"/appointments/{appointment.id}/calendar")
    assert (answer.status_code, answer.mimetype) == (200, "text/calendar")
    assert answer.headers["Content-Disposition"] == "attachment; filename=appointment.ics"
    assert ana.given_name not in answer.text
    assert ana.family_name not in answer.text
    (event,) = Calendar.from_ical(answer.data).walk("VEVENT")
    assert str(event["summary"]) == f"Food: A. R. ({str(accepted.id)[:8]})"


@pytest.mark.parametrize("became", [Became.ATTENDED, Became.NO_SHOW])
def test_when_its_time_has_come_the_agency_says_whether_they_came(
    client: FlaskClient, accepted: Referral, pantry: StaffMember, became: Became, session: Db
) -> None:
    with clock.held_at(clock.now() - timedelta(days=3)):
        appointment = appointments.schedule(accepted, Plan(clock.now() + timedelta(days=1)), by=pantry)
    sign_in(client, pantry)
    assert "They did not come" in client.get(f"/inbox/{accepted.id}").text
    page = follow(client, client.post(f"/appointments/{appointment.id}/changes", data={"change": became.value})).text
    session.refresh(appointment)
    assert appointment.became is became
    assert "We could not help" in page  # offered, and not done by itself
    assert accepted.status is Status.ACCEPTED


def test_it_is_called_off(client: FlaskClient, accepted: Referral, pantry: StaffMember, session: Db) -> None:
    appointment = appointments.schedule(accepted, Plan(clock.now() + timedelta(days=5)), by=pantry)
    sign_in(client, pantry)
    changes = f"/appointments/{appointment.id}/changes"
    client.post(changes, data={"change": "lost"})
    assert "Say what became of the appointment." in client.get(f"/inbox/{accepted.id}").text
    assert "Called off." in follow(client, client.post(changes, data={"change": "cancelled"})).text
    session.refresh(appointment)
    assert appointment.became is Became.CANCELLED
    client.post(changes, data={"change": "cancelled"})
    assert "Somebody else has just changed" in client.get(f"/inbox/{accepted.id}").text


def test_the_agency_sees_what_the_patient_says(client: FlaskClient, accepted: Referral, pantry: StaffMember) -> None:
    appointment = appointments.schedule(accepted, Plan(clock.now() + timedelta(days=5)), by=pantry)
    appointments.answer(appointment, Reply.CANNOT_COME)
    sign_in(client, pantry)
    assert "They say that they cannot come." in client.get(f"/inbox/{accepted.id}").text


def test_both_sides_see_the_appointment_and_not_the_day_that_it_has_kept(
    client: FlaskClient, accepted: Referral, maya: StaffMember, pantry: StaffMember
) -> None:
    promised = clock.now() + timedelta(days=1)
    appointments.promise(accepted, promised.astimezone(HERE).date(), by=maya)
    at = clock.now() + timedelta(days=5)
    appointments.schedule(accepted, Plan(at), by=pantry)
    on = i18n.day(at, HERE)

    def said(moment: datetime) -> tuple[str, str, str]:
        with clock.held_at(moment):
            sign_in(client, pantry)
            inbox, page = client.get("/inbox?tab=mine").text, client.get(f"/inbox/{accepted.id}").text
            sign_in(client, maya)
            return inbox, page, client.get(f"/referrals/{accepted.id}").text

    for moment, agency, team in (
        (promised + timedelta(days=2), f"Appointment on {on}", f"has an appointment on {on}"),
        (at + timedelta(hours=1), f"Did they come on {on}?", f"had an appointment on {on}"),
    ):
        inbox, page, referral = said(moment)
        assert agency in inbox
        assert agency in page
        assert team in referral
        assert "Contact was due" not in inbox + page
        assert "they were to call" not in referral
        assert f"they will call by {i18n.day(promised, HERE)}" in referral, "what was promised stays in its history"


def test_another_agency_finds_nothing(client: FlaskClient, accepted: Referral, maya: StaffMember) -> None:
    appointment = appointments.schedule(accepted, Plan(clock.now() + timedelta(days=5)), by=maya)
    sign_in(client, make_staff(Role.AGENCY))
    assert client.get(f"/referrals/{accepted.id}/appointment").status_code == 404
    assert client.post(f"/referrals/{accepted.id}/appointments", data=typed()).status_code == 404
    assert client.get(f"/appointments/{appointment.id}/calendar").status_code == 404
    assert client.post(f"/appointments/{appointment.id}/changes", data={"change": "cancelled"}).status_code == 404


def test_another_day_is_promised(client: FlaskClient, accepted: Referral, maya: StaffMember, session: Db) -> None:
    sign_in(client, maya)
    assert "Another day to contact them" in client.get(f"/referrals/{accepted.id}").text
    day = clock.now().astimezone(HERE).date() + timedelta(days=9)
    client.post(f"/referrals/{accepted.id}/promises", data={"promised_by": day.isoformat()})
    session.refresh(accepted)
    assert accepted.promised_by == day
    client.post(f"/referrals/{accepted.id}/promises", data={"promised_by": "2020-01-01"})
    assert "Choose a day from today on" in client.get(f"/referrals/{accepted.id}").text
    session.refresh(accepted)
    assert accepted.promised_by == day
