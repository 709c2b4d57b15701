from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session, scoped_session
from werkzeug.test import TestResponse

from app import clock
from app.db import session as the_session
from app.staff import access, operations, views
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
    first, second = (re.sub(r'"csrf_token" value="[^"]+"', "", page.text) for page in (wrong, unknown))
    assert first.replace("maya@", "nobody@") == second
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
    assert session.scalar(select(func.count()).select_from(SignInFailure)) == 2, "of the account, and of the network"


def spray(client: FlaskClient, tries: int, **more: Any) -> TestResponse:
    """One wrong password for each of many accounts, and what the last of them got."""
    for number in range(tries):
        response = client.post("/sign-in", data={"email": f"{number}@example.test", "password": "wrong"}, **more)
    return response


@pytest.mark.usefixtures("maya")
def test_one_network_cannot_try_every_account(app: Flask, client: FlaskClient) -> None:
    assert "do not belong together" in spray(client, operations.TRIES_OF_A_NETWORK).text
    assert "wait 15 minutes" in try_to(client).text
    elsewhere = app.test_client()
    elsewhere.environ_base["REMOTE_ADDR"] = "8.8.8.8"
    assert try_to(elsewhere).status_code == 303


@pytest.mark.parametrize(
    ("peer", "says", "network"),
    [
        ("8.8.8.8", "", "8.8.8.8"),
        ("8.8.8.8", "9.9.9.9", "8.8.8.8"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "1.1.1.1, 9.9.9.9", "9.9.9.9"),
        ("10.0.0.7", "9.9.9.9", "9.9.9.9"),
        ("10.0.0.7", "nonsense", "10.0.0.7"),
        ("", "", ""),
        ("2a00:1450:4001:81b::200e", "", "2a00:1450:4001:81b::/64"),
        ("::ffff:8.8.8.8", "", "8.8.8.8"),
    ],
)
def test_a_network_is_what_a_client_cannot_choose(app: Flask, peer: str, says: str, network: str) -> None:
    asked = {"environ_base": {"REMOTE_ADDR": peer}, "headers": {"X-Forwarded-For": says}}
    with app.test_request_context("/sign-in", **asked):
        assert access.client_network() == network


@pytest.mark.usefixtures("maya")
def test_a_stranger_who_guesses_does_not_lock_out_the_person(app: Flask, client: FlaskClient) -> None:
    assert try_to(client).status_code == 303
    client.post("/sign-out")
    stranger = app.test_client()
    for _ in range(operations.TRIES):
        try_to(stranger, "wrong")
    spray(stranger, operations.TRIES_OF_A_NETWORK)
    assert "wait 15 minutes" in try_to(stranger).text
    assert try_to(client).status_code == 303


@pytest.mark.usefixtures("maya")
def test_a_browser_that_is_known_has_five_tries_too(client: FlaskClient) -> None:
    try_to(client)
    client.post("/sign-out")
    for _ in range(operations.TRIES):
        assert "do not belong together" in try_to(client, "wrong").text
    assert "wait 15 minutes" in try_to(client).text


@pytest.mark.usefixtures("maya")
def test_a_browser_is_known_for_the_people_who_signed_in_with_it(client: FlaskClient) -> None:
    make_staff(email="thu@example.test")
    try_to(client)
    client.post("/sign-out")
    try_to(client, email="thu@example.test")
    kept = client.get_cookie(views.MARKERS, path="/sign-in")
    assert kept is not None
    assert kept.http_only
    assert kept.value.split(".") == [operations.marker(f"{who}@example.test") for who in ("thu", "maya")]


def test_tries_at_the_same_moment_are_counted_one_after_the_other(app: Flask) -> None:
    """On connections of their own: what they write is committed, and taken away in the end."""
    who = {"email": "parallel@example.test", "password": "wrong"}

    def attempt(_number: int) -> str:
        return app.test_client().post("/sign-in", data=who, environ_base={"REMOTE_ADDR": "9.9.9.9"}).text

    try:
        with ThreadPoolExecutor(10) as threads:
            answers = list(threads.map(attempt, range(10)))
    finally:
        with app.app_context():
            the_session.execute(delete(SignInFailure))
            the_session.commit()
    assert sum("do not belong together" in answer for answer in answers) == operations.TRIES
    assert sum("wait 15 minutes" in answer for answer in answers) == 10 - operations.TRIES


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
        assert set(cookie) == {"_flashes"}
    assert "on every other phone" in client.get("/sign-in").text
    assert client.get("/account").status_code == 302


def test_signing_out_ends_the_sessions_on_every_phone(app: Flask, client: FlaskClient, maya: StaffMember) -> None:
    other = app.test_client()
    sign_in(client, maya)
    sign_in(other, maya)
    assert other.get("/today").status_code == 200
    client.post("/sign-out")
    assert other.get("/today").location.startswith("/sign-in")
    assert try_to(other).status_code == 303
    assert other.get("/today").status_code == 200


def test_a_session_from_before_sessions_were_numbered_opens_nothing(client: FlaskClient, maya: StaffMember) -> None:
    with client.session_transaction() as cookie:
        cookie["_user_id"] = str(maya.id)
    assert client.get("/today").status_code == 302


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
