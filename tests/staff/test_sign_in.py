from __future__ import annotations

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session, scoped_session
from werkzeug.test import TestResponse

from app import clock
from app.staff import operations
from app.staff.models import SignInFailure, StaffMember
from app.staff.permissions import Role
from tests.factories import PASSWORD, make_staff, sign_in

Db = scoped_session[Session]


@pytest.fixture
def maya(session: Db) -> StaffMember:  # noqa: ARG001  rows need a transaction
    return make_staff(email="maya@example.test")


def try_to(
    client: FlaskClient, password: str = PASSWORD, email: str = "maya@example.test", then: str = ""
) -> TestResponse:
    return client.post(f"/sign-in{then}", data={"email": email, "password": password})


@pytest.mark.usefixtures("maya")
def test_who_knows_the_password_is_in(client: FlaskClient) -> None:
    response = try_to(client)
    assert (response.status_code, response.location) == (303, "/")
    assert client.get("/account").status_code == 200


@pytest.mark.usefixtures("maya")
def test_an_address_may_be_typed_in_any_way(client: FlaskClient) -> None:
    assert try_to(client, email=" Maya@Example.test ").status_code == 303


@pytest.mark.usefixtures("maya")
def test_a_wrong_password_and_an_unknown_address_look_the_same(client: FlaskClient) -> None:
    wrong, unknown = try_to(client, "wrong"), try_to(client, email="nobody@example.test")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.text.replace("maya@", "nobody@") == unknown.text
    assert client.get("/account").status_code == 302


def test_a_closed_account_opens_to_nobody(session: Db, client: FlaskClient, maya: StaffMember) -> None:
    maya.active = False
    session.commit()
    assert try_to(client).status_code == 401


def test_the_password_is_never_sent_back(client: FlaskClient) -> None:
    assert "hunter2" not in try_to(client, "hunter2").text


@pytest.mark.usefixtures("maya")
def test_after_five_wrong_tries_the_right_one_has_to_wait(client: FlaskClient) -> None:
    for _ in range(operations.TRIES):
        assert "do not belong together" in try_to(client, "wrong").text
    assert "wait 15 minutes" in try_to(client).text
    with clock.held_at(clock.now() + operations.TRIES_WITHIN + timedelta(seconds=1)):
        assert try_to(client).status_code == 303


def test_wrong_tries_are_forgotten_when_they_no_longer_count(session: Db, client: FlaskClient) -> None:
    with clock.held_at(clock.now() - operations.TRIES_WITHIN):
        try_to(client, "wrong", email="somebody@example.test")
    try_to(client, "wrong")
    assert session.scalar(select(func.count()).select_from(SignInFailure)) == 1


@pytest.mark.usefixtures("maya")
def test_signing_in_takes_people_where_they_were_going(client: FlaskClient) -> None:
    asked = client.get("/patients?found=1")
    assert asked.location == "/sign-in?next=/patients?found%3D1"
    assert client.post(asked.location, data={"email": "maya@example.test", "password": PASSWORD}).location == (
        "/patients?found=1"
    )


@pytest.mark.usefixtures("maya")
@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.test/",
        "//evil.test/",
        "///evil.test/",
        "/\\evil.test/",
        "\\\\evil.test",
        "/%09/evil.test/",
        "/%0A/evil.test",
        "javascript:alert(1)",
        "evil.test",
    ],
)
def test_signing_in_takes_nobody_elsewhere(client: FlaskClient, elsewhere: str) -> None:
    assert try_to(client, then=f"?next={elsewhere}").location == "/"


@pytest.mark.parametrize(
    ("role", "home"),
    [
        (Role.HEALTH_WORKER, "/today"),
        (Role.LEAD, "/today"),
        (Role.AGENCY, "/inbox"),
        (Role.ADMINISTRATOR, "/numbers"),
    ],
)
def test_everybody_has_a_first_page(client: FlaskClient, session: Db, role: Role, home: str) -> None:  # noqa: ARG001
    sign_in(client, make_staff(role))
    assert client.get("/").location == home
    assert client.get(home).status_code == 200


def test_whoever_is_in_needs_no_sign_in_page(client: FlaskClient, maya: StaffMember) -> None:
    sign_in(client, maya)
    assert client.get("/sign-in").location == "/"


def test_signing_out_leaves_nothing_behind(client: FlaskClient, maya: StaffMember) -> None:
    sign_in(client, maya)
    with client.session_transaction() as cookie:
        cookie["found"] = ["somebody who was looked for"]
    assert client.post("/sign-out").location == "/sign-in"
    with client.session_transaction() as cookie:
        assert not cookie
    assert client.get("/account").status_code == 302


def test_closing_an_account_signs_out_at_the_next_click(session: Db, client: FlaskClient, maya: StaffMember) -> None:
    sign_in(client, maya)
    assert client.get("/account").status_code == 200
    maya.active = False
    session.commit()
    assert client.get("/account").location.startswith("/sign-in")
    assert client.get("/sign-in").status_code == 200


def test_the_page_can_be_read_in_spanish(client: FlaskClient) -> None:
    assert '<html lang="es"' in client.get("/sign-in?lang=es").text
    assert '<html lang="es"' in client.get("/sign-in").text, "it stays so in this browser"
    assert '<html lang="en"' in client.get("/sign-in?lang=en").text


def test_demonstration_accounts_can_be_tried_with_one_tap(client: FlaskClient) -> None:
    assert 'value="worker@demo.test"' in client.get("/sign-in").text
