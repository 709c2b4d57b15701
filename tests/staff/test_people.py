from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session, scoped_session

from app.staff import operations, queries
from app.staff.models import StaffMember
from tests.factories import follow, make_organization, make_staff, make_team, sign_in

Db = scoped_session[Session]

NEW = {"name": "Thu Pham", "email": "thu@example.test", "password": "lantern by the sea"}


@pytest.mark.usefixtures("grace")
def test_a_new_health_worker_can_sign_in_and_has_a_team(client: FlaskClient) -> None:
    team = make_team("Bayview Clinic")
    page = follow(client, client.post("/people", data={**NEW, "role": "health-worker", "team_id": str(team.id)}))
    assert "Thu Pham" in page.text
    assert "Bayview Clinic" in page.text
    assert operations.sign_in(NEW["email"], NEW["password"]).team == team


@pytest.mark.usefixtures("grace")
def test_a_person_of_an_agency_belongs_to_the_organization_of_that_name(client: FlaskClient) -> None:
    organization = make_organization("Eastside Pantry")
    page = follow(client, client.post("/people", data={**NEW, "role": "agency", "organization": " eastside pantry "}))
    assert "Eastside Pantry" in page.text
    assert operations.sign_in(NEW["email"], NEW["password"]).organization_id == organization.id


@pytest.mark.usefixtures("grace")
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"email": ""}, "Enter an e-mail address."),
        ({"email": "thu at example"}, "Enter an e-mail address such as ana@example.org."),
        ({"name": " "}, "Enter a name."),
        ({"password": "short"}, "A password needs at least 10 characters."),
        ({"password": ""}, "Enter a first password."),
        ({"role": ""}, "Choose what this person does."),
        ({"role": "queen"}, "Choose what this person does."),
        ({"role": "health-worker"}, "Choose the team this person works in."),
        ({"role": "lead", "team_id": "7"}, "Choose a team of the list."),
        ({"role": "agency", "organization": "Nobody knows it"}, "exactly as the directory has it"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_is_kept(
    session: Db, client: FlaskClient, change: dict[str, str], sentence: str
) -> None:
    response = client.post("/people", data={**NEW, "role": "administrator", **change})
    assert response.status_code == 422
    assert sentence in response.text
    assert NEW["password"] not in response.text
    if "name" not in change:
        assert 'value="Thu Pham"' in response.text
    assert session.scalar(select(StaffMember).where(StaffMember.email == NEW["email"])) is None


@pytest.mark.usefixtures("grace")
def test_an_address_signs_in_one_person_only(client: FlaskClient) -> None:
    make_staff(email=NEW["email"])
    response = client.post("/people", data={**NEW, "email": "THU@example.test", "role": "administrator"})
    assert "Somebody with this e-mail address is already here." in response.text


@pytest.mark.usefixtures("grace")
def test_an_account_is_closed_and_opened_again(session: Db, client: FlaskClient) -> None:
    thu = make_staff(name="Thu Pham")
    token = operations.issue_token(thu)
    assert queries.staff_by_token(token) == thu
    follow(client, client.post(f"/people/{thu.id}/active", data={"active": "no"}))
    session.expire_all()
    assert not thu.active
    assert queries.staff_by_token(token) is None
    follow(client, client.post(f"/people/{thu.id}/active", data={"active": "yes"}))
    session.expire_all()
    assert thu.active


@pytest.mark.usefixtures("grace")
def test_what_closing_an_account_ends_does_not_come_back(session: Db, app: Flask, client: FlaskClient) -> None:
    thu = make_staff(name="Thu Pham")
    token = operations.issue_token(thu)
    session.commit()
    browser = app.test_client()
    sign_in(browser, thu)
    for active in ("no", "yes"):
        client.post(f"/people/{thu.id}/active", data={"active": active})
    session.expire_all()
    assert thu.active
    assert browser.get("/today").status_code == 302
    assert queries.staff_by_token(token) is None


def test_nobody_closes_their_own_account(client: FlaskClient, grace: StaffMember) -> None:
    assert f"/people/{grace.id}/active" not in client.get("/people").text
    page = client.post(f"/people/{grace.id}/active", data={"active": "no"}, follow_redirects=True)
    assert "You cannot close your own account." in page.text
    assert grace.active
