"""A service that its source lists no more, and the people who wait for it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session, scoped_session

from app import clock
from app.directory.models import DirectoryImport, Service
from app.patients.models import Patient
from app.referrals import queries
from app.referrals.models import Referral
from app.staff.models import StaffMember
from app.staff.permissions import Role
from tests.factories import make_need, make_patient, make_referral, make_service_at_location, make_staff, sign_in

DB = scoped_session[Session]


@pytest.fixture
def gone(session: DB, ana: Patient, maya: StaffMember) -> Referral:
    """An open referral with a service that an import has found withdrawn."""
    referral = make_referral(make_need(ana), make_service_at_location(), by=maya)
    service = session.get_one(Service, referral.service_id)
    now = clock.now()
    service.source, service.withdrawn_at = "county", now
    session.add(
        DirectoryImport(
            source="county",
            package="county",
            format="HSDS 3 tables",
            started_at=now - timedelta(minutes=1),
            ended_at=now + timedelta(minutes=1),
            open_referrals=1,
        )
    )
    session.flush()
    return referral


def test_the_care_team_finds_who_waits_for_what_is_gone(
    client: FlaskClient, gone: Referral, maya: StaffMember, ana: Patient
) -> None:
    sign_in(client, maya)
    assert b"/referrals/no-longer-listed" in client.get("/directory").data
    page = client.get("/referrals/no-longer-listed").text
    assert f"/referrals/{gone.id}" in page
    assert ana.name in page


@pytest.mark.usefixtures("gone")
def test_another_team_does_not_see_them(client: FlaskClient, ana: Patient) -> None:
    other = make_staff()
    make_patient(other)
    sign_in(client, other)
    assert b"/referrals/no-longer-listed" not in client.get("/directory").data
    assert ana.name not in client.get("/referrals/no-longer-listed").text


def test_what_is_listed_is_not_among_them(ana: Patient, maya: StaffMember) -> None:
    make_referral(make_need(ana), make_service_at_location(), by=maya)
    assert queries.rows(queries.no_longer_listed(maya)) == []


def test_an_administrator_sees_which_services_and_how_many_but_not_who(
    client: FlaskClient, gone: Referral, session: DB, ana: Patient
) -> None:
    sign_in(client, make_staff(Role.ADMINISTRATOR))
    page = client.get("/directory/imports").text
    assert session.get_one(Service, gone.service_id).name in page
    assert "1 open referral" in page
    assert ana.family_name not in page
