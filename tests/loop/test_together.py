"""Asking several places at the same time, and how the requests of one need lead to one another."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session, scoped_session

from app.directory.models import Organization, ServiceAtLocation
from app.patients.models import Patient
from app.referrals.lifecycle import Status
from app.referrals.models import Referral
from app.screening.models import Need
from app.staff.models import StaffMember
from app.staff.permissions import Role
from tests.factories import make_need, make_organization, make_referral, make_service_at_location, make_staff, sign_in
from tests.loop.steps import agency_says

Db = scoped_session[Session]


@pytest.fixture
def need(ana: Patient) -> Need:
    return make_need(ana)


@pytest.fixture
def places(session: Db) -> list[ServiceAtLocation]:  # noqa: ARG001  what it rolls back
    return [
        make_service_at_location(organization=make_organization(name))
        for name in ("Eastside Pantry", "Harbor Kitchen", "Hill Street Table", "Penn North Shelf")
    ]


def ask(client: FlaskClient, need: Need, places: list[ServiceAtLocation]) -> int:
    form = {"several": "yes", "together": [str(place.id) for place in places], "note": "Two children"}
    return client.post(f"/needs/{need.id}/referrals", data=form).status_code


def names(session: Db, status: Status) -> set[str]:
    asked = select(Organization.name).join(Referral, Referral.organization_id == Organization.id)
    return set(session.scalars(asked.where(Referral.status == status)))


def test_several_are_asked_and_the_first_to_accept_helps(
    client: FlaskClient, session: Db, maya: StaffMember, need: Need, places: list[ServiceAtLocation]
) -> None:
    sign_in(client, maya)
    page = client.get(f"/needs/{need.id}/matches").text
    assert len(re.findall('name="together"', page)) > 1
    assert ask(client, need, places[:3]) == 303
    asked = session.scalars(select(Referral).order_by(Referral.created_at)).all()
    assert len({referral.group_id for referral in asked}) == 1
    assert all(referral.why and referral.note == "Two children" for referral in asked)
    page = client.get(f"/referrals/{asked[0].id}").text
    assert "Also asked" in page
    assert re.search(r"Harbor Kitchen</a> \(\w*sent", page, re.IGNORECASE)
    page = client.get(f"/patients/{need.patient_id}").text
    assert "Also asked" in page
    assert "Tried before" not in page, "they are asked now"
    agency_says(asked[1], Status.ACCEPTED)
    session.expire_all()
    assert names(session, Status.ACCEPTED) == {"Harbor Kitchen"}
    assert names(session, Status.CANCELLED) == {"Eastside Pantry", "Hill Street Table"}


def test_who_was_recalled_reads_why(
    client: FlaskClient, session: Db, maya: StaffMember, need: Need, places: list[ServiceAtLocation]
) -> None:
    sign_in(client, maya)
    ask(client, need, places[:2])
    first, second = session.scalars(select(Referral).order_by(Referral.created_at)).all()
    agency_says(first, Status.ACCEPTED)
    sign_in(client, make_staff(Role.AGENCY, organization=session.get_one(Organization, second.organization_id)))
    page = client.get(f"/inbox/{second.id}").text
    assert "another one was able to help first. You need not do anything." in page
    assert "Eastside Pantry" not in page.replace("</title>", "")


@pytest.mark.parametrize("how_many", [0, 4])
def test_neither_none_nor_too_many(  # noqa: PLR0913, PLR0917  what a page is made of
    client: FlaskClient, session: Db, maya: StaffMember, need: Need, places: list[ServiceAtLocation], how_many: int
) -> None:
    sign_in(client, maya)
    assert ask(client, need, places[:how_many]) in {409, 422, 303}
    session.expire_all()
    assert session.scalars(select(Referral)).all() == []


def test_one_that_is_ticked_is_asked_alone(
    client: FlaskClient, session: Db, maya: StaffMember, need: Need, places: list[ServiceAtLocation]
) -> None:
    sign_in(client, maya)
    assert ask(client, need, places[:1]) == 303
    assert session.scalars(select(Referral.group_id)).one() is None


def test_a_place_that_there_is_none_of_asks_nobody(
    client: FlaskClient, session: Db, maya: StaffMember, need: Need
) -> None:
    sign_in(client, maya)
    form = {"several": "yes", "together": "not an id"}
    assert client.post(f"/needs/{need.id}/referrals", data=form).status_code in {303, 422}
    assert session.scalars(select(Referral)).all() == []


def test_what_followed_leads_both_ways(
    client: FlaskClient, session: Db, maya: StaffMember, need: Need, places: list[ServiceAtLocation]
) -> None:
    sign_in(client, maya)
    first = make_referral(need, places[0], by=maya)
    agency_says(first, Status.REJECTED, "at-capacity")
    second = session.scalars(select(Referral).where(Referral.instead_of_id == first.id)).one()
    page = client.get(f"/referrals/{second.id}").text
    assert "Instead of" in page
    assert f"/referrals/{first.id}" in page
    page = client.get(f"/referrals/{first.id}").text
    assert "Followed by" in page
    assert f"/referrals/{second.id}" in page
    assert "Text to Ana" in page  # how far the news got, without its words
