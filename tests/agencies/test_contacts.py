"""Who receives an organization's referrals, and who may say so."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session, scoped_session

from app.agencies import operations, queries
from app.agencies.models import Origin
from app.directory.models import Contact
from app.errors import Invalid
from app.mail import jobs
from app.mail.gateways import PageGateway
from app.messaging.delivery import Accepted
from app.staff.permissions import Role
from tests.agencies.steps import letters
from tests.factories import (
    follow,
    make_contact,
    make_organization,
    make_referral,
    make_service_at_location,
    make_staff,
    sign_in,
)

Db = scoped_session[Session]

pytestmark = pytest.mark.usefixtures("session")


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"name": "Rosa", "email": "", "phone": ""}, {"email"}),
        ({"name": "", "email": "rosa@pantry.example"}, {"name"}),
        ({"name": "Rosa", "email": "rosa"}, {"email"}),
        ({"name": "Rosa", "email": "rosa@pantry.example\r\nBcc: eve@evil.example"}, {"email"}),
        ({"name": "Rosa", "phone": "12"}, {"phone"}),
    ],
)
def test_a_contact_can_be_reached(said: dict[str, str], wrong: set[str]) -> None:
    with pytest.raises(Invalid) as refused:
        operations.add_contact(
            make_organization().id,
            name=said["name"],
            email=said.get("email", ""),
            phone=said.get("phone", ""),
            by=None,
        )
    assert set(refused.value.fields) == wrong


def test_the_contacts_of_a_service_go_before_those_of_the_whole() -> None:
    organization = make_organization()
    place = make_service_at_location(organization=organization)
    other = make_service_at_location(organization=organization, name="Hot meals")
    everybody = make_contact(organization)
    own = operations.add_contact(
        organization.id, name="Joe Park", email="joe@pantry.example", service_id=place.service_id, by=None
    )
    assert operations.contacts_for(organization.id, place.service_id) == [own]
    assert operations.contacts_for(organization.id, other.service_id) == [everybody]


def test_where_nobody_was_set_the_directory_names_somebody(session: Db) -> None:
    organization = make_organization()
    organization.email = "info@pantry.example"
    session.add(Contact(organization_id=organization.id, name="Walter K.", email="Walter@Pantry.example"))
    place = make_service_at_location(organization=organization)
    for _twice in range(2):
        make_referral(at=place)
    (contact,) = queries.contacts(organization.id)
    assert (contact.name, contact.email, contact.origin) == ("Walter K.", "walter@pantry.example", Origin.DIRECTORY)
    assert len(letters(contact)) == 2


def test_who_was_taken_away_is_not_put_back(session: Db) -> None:
    organization = make_organization()
    organization.email = "info@pantry.example"
    place = make_service_at_location(organization=organization)
    make_referral(at=place)
    (contact,) = queries.contacts(organization.id)
    operations.end_contact(contact, by=make_staff(Role.ADMINISTRATOR))
    session.expire_all()
    assert operations.contacts_for(organization.id, place.service_id) == []


def test_only_a_network_that_allows_it_writes_to_what_the_directory_says(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(app.extensions["settings"], contacts_from_directory=False)
    monkeypatch.setitem(app.extensions, "settings", settings)
    organization = make_organization()
    organization.email = "info@pantry.example"
    make_referral(at=make_service_at_location(organization=organization))
    assert not queries.contacts(organization.id)


def test_an_agency_looks_after_its_own_contacts(client: FlaskClient) -> None:
    organization = make_organization()
    sign_in(client, make_staff(Role.AGENCY, organization=organization))
    page = f"/organizations/{organization.id}/contacts"
    assert page in client.get("/contacts").get_data(as_text=True)
    assert client.post(page, data={"name": "Rosa"}).status_code == 422
    form = {"name": "Rosa Diaz", "email": "rosa@pantry.example", "phone": "410-555-0777", "language": "es"}
    assert "Rosa Diaz" in follow(client, client.post(page, data=form)).get_data(as_text=True)
    (contact,) = queries.contacts(organization.id)
    assert (contact.phone, contact.language) == ("+14105550777", "es")
    follow(client, client.post(f"{page}/{contact.id}/end"))
    assert not queries.contacts(organization.id)


def test_an_administrator_finds_any_organization(client: FlaskClient) -> None:
    organization = make_organization("Harbor House 77")
    sign_in(client, make_staff(Role.ADMINISTRATOR))
    assert "Harbor House 77" in client.get("/contacts?q=harbor").get_data(as_text=True)
    assert client.get(f"/organizations/{organization.id}/contacts").status_code == 200


def test_the_mail_page_shows_what_has_left(client: FlaskClient, session: Db) -> None:
    organization = make_organization()
    contact = make_contact(organization)
    make_referral(at=make_service_at_location(organization=organization))
    (letter,) = letters(contact)
    session.commit()
    assert client.get(f"/demo/mail/{letter.id}").status_code == 404
    claim = jobs.claim_next(PageGateway())
    assert claim
    jobs.record(claim, Accepted("", "sent"))
    session.commit()
    assert letter.subject in client.get("/demo/mail").get_data(as_text=True)
    page = client.get(f"/demo/mail/{letter.id}").get_data(as_text=True)
    assert 'href="https://loopline.test/a/' in page
