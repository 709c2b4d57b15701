"""An organization's own numbers: all of its own, and nothing of anybody else's."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session, scoped_session

from app import clock
from app.audit.models import AuditEntry
from app.directory.models import Service, ServiceAtLocation
from app.referrals import operations as referrals
from app.referrals.closing import Says
from app.referrals.lifecycle import Status
from app.referrals.models import Referral, WalkIn
from app.reports import own
from app.reports.own import Count, Period
from app.staff.models import StaffMember
from app.staff.permissions import Role
from tests.factories import (
    make_need,
    make_organization,
    make_patient,
    make_referral,
    make_service_at_location,
    make_staff,
    sign_in,
    text_of,
)

Db = scoped_session[Session]
MARCH = Period(date(2026, 3, 1), date(2026, 3, 31))
NOON = datetime(2026, 3, 10, 16, tzinfo=UTC)


@pytest.fixture
def rosa(session: Db) -> StaffMember:  # noqa: ARG001
    return make_staff(Role.AGENCY, organization=make_organization("Eastside Pantry"), name="Rosa Diaz")


@pytest.fixture
def place(rosa: StaffMember, session: Db) -> ServiceAtLocation:
    found = make_service_at_location()
    service = session.get_one(Service, found.service_id)
    service.organization_id = rosa.organization_id  # type: ignore[assignment]
    session.flush()
    return found


def receive(  # noqa: PLR0913
    maya: StaffMember,
    place: ServiceAtLocation,
    status: Status = Status.REQUESTED,
    says: Says | None = None,
    *,
    kind: str = "food",
    at: datetime = NOON,
) -> Referral:
    with clock.held_at(at):
        referral = make_referral(make_need(make_patient(maya), kind), place, by=maya, status=status)
        if says:
            referrals.record_answer(referral, says, how="staff", by=maya)
    return referral


def test_it_counts_what_was_sent_in_these_days_and_no_other_organizations(
    maya: StaffMember, rosa: StaffMember, place: ServiceAtLocation
) -> None:
    receive(maya, place, Status.COMPLETED, Says.GOT_HELP)
    receive(maya, place, Status.COMPLETED)
    receive(maya, place, Status.ACCEPTED, Says.GOT_HELP, kind="housing")
    receive(maya, place, Status.REJECTED)
    receive(maya, place, Status.ENTERED_IN_ERROR)
    receive(maya, make_service_at_location(), Status.COMPLETED, Says.GOT_HELP)
    receive(maya, place, at=datetime(2026, 4, 1, 3, 59, tzinfo=UTC))  # still March 31 in Baltimore
    receive(maya, place, at=datetime(2026, 4, 1, 4, 1, tzinfo=UTC))
    receive(maya, place, at=datetime(2026, 3, 1, 4, 59, tzinfo=UTC))  # still February there

    report = own.report(rosa, MARCH)

    assert report.by_need == {
        "food": Count(sent=4, accepted=2, served=2, confirmed=1, closed=1),
        "housing": Count(sent=1, accepted=1, served=0, confirmed=1, closed=0),
    }
    assert report.total == Count(5, 3, 2, 2, 1)
    assert (report.people, report.people_served) == (5, 2)


def test_the_time_to_answer_is_the_middle_one(maya: StaffMember, rosa: StaffMember, place: ServiceAtLocation) -> None:
    for hours in (1, 3, 50):
        referral = receive(maya, place)
        with clock.held_at(NOON + timedelta(hours=hours)):
            referrals.move(referral, Status.ACCEPTED, by=rosa)
    receive(maya, place)
    report = own.report(rosa, MARCH)
    assert (report.answered, report.median_answer) == (3, timedelta(hours=3))


def test_walk_ins_are_a_number_of_their_own(
    maya: StaffMember, rosa: StaffMember, place: ServiceAtLocation, session: Db
) -> None:
    receive(maya, place)
    assert rosa.organization_id
    for day in (date(2026, 3, 31), date(2026, 4, 1)):
        session.add(WalkIn(organization_id=rosa.organization_id, need="food", served_on=day, by_id=rosa.id))
    session.flush()
    report = own.report(rosa, MARCH)
    assert (report.total.sent, report.walk_ins) == (1, {"food": 1})


def test_the_page_shows_both_denominators_and_hides_small_counts(
    client: FlaskClient, maya: StaffMember, rosa: StaffMember, place: ServiceAtLocation
) -> None:
    for number in range(12):
        receive(maya, place, Status.COMPLETED, Says.GOT_HELP if number < 7 else None)
    for _ in range(3):
        receive(maya, place, kind="housing")
    sign_in(client, rosa)

    page = client.get("/numbers/ours?first=2026-03-01&last=2026-03-31").get_data(as_text=True)
    said = text_of(page)

    assert "Eastside Pantry" in said
    assert "7 of 15" in said  # over all that was sent
    assert "7 of 12" in said  # over all that was served
    assert "2 others 15" in said
    assert "Housing" not in said
    assert "data-print" in page


def test_the_table_has_a_row_for_each_of_ones_own_and_taking_it_is_written_down(
    client: FlaskClient, maya: StaffMember, rosa: StaffMember, place: ServiceAtLocation, session: Db
) -> None:
    session.get_one(Service, place.service_id).name = "=1+1"
    mine = receive(maya, place, Status.COMPLETED, Says.GOT_HELP)
    receive(maya, make_service_at_location())
    mine.note = "Ana comes on Thursdays"
    session.flush()
    sign_in(client, rosa)

    response = client.get("/numbers/ours.csv?first=2026-03-01&last=2026-03-31")

    text = response.get_data(as_text=True)
    assert response.mimetype == "text/csv"
    assert response.headers["Content-Disposition"] == 'attachment; filename="referrals-2026-03-01-2026-03-31.csv"'
    (line,) = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    assert (line["reference"], line["service"], line["served"]) == (str(mine.id)[:8].upper(), "'=1+1", "yes")
    assert "Ana" not in text
    audited = session.scalars(select(AuditEntry).where(AuditEntry.action == "exported referrals")).one()
    assert (audited.staff_id, audited.subject_id) == (rosa.id, rosa.organization_id)


@pytest.mark.parametrize("days", ["first=x", "first=1000-01-01", "first=2026-03-02&last=2026-03-01"])
def test_days_that_make_no_sense_are_not_there(client: FlaskClient, rosa: StaffMember, days: str) -> None:
    sign_in(client, rosa)
    assert client.get(f"/numbers/ours?{days}").status_code == 404


def test_without_days_it_is_this_year(client: FlaskClient, rosa: StaffMember) -> None:
    sign_in(client, rosa)
    assert client.get("/numbers/ours").status_code == 200
    assert client.get("/numbers/ours.csv").status_code == 200
