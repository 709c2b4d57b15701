from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session, scoped_session

from app.staff import operations
from app.staff.models import StaffMember
from tests.factories import PASSWORD, follow, make_staff, sign_in

Db = scoped_session[Session]


@pytest.fixture
def maya(session: Db, client: FlaskClient) -> StaffMember:  # noqa: ARG001  rows need a transaction
    staff = make_staff(email="maya@example.test")
    sign_in(client, staff)
    return staff


@pytest.mark.usefixtures("maya")
def test_pages_speak_the_language_that_was_chosen(client: FlaskClient) -> None:
    page = follow(client, client.post("/account/language", data={"language": "es"}))
    assert '<html lang="es"' in page.text
    assert '<html lang="es"' in client.get("/account").text


def test_there_are_no_pages_in_other_languages(client: FlaskClient, maya: StaffMember) -> None:
    page = follow(client, client.post("/account/language", data={"language": "tlh"}))
    assert page.status_code in {200, 302}
    assert maya.language == "en"


def test_the_password_can_be_changed(session: Db, client: FlaskClient, maya: StaffMember) -> None:
    page = follow(client, client.post("/account/password", data={"old": PASSWORD, "new": "a harbor at night"}))
    assert "Your password is changed." in page.text
    session.expire_all()
    assert operations.sign_in(maya.email, "a harbor at night") == maya
    with pytest.raises(operations.SignInRefused):
        operations.sign_in(maya.email, PASSWORD)


def test_a_new_password_ends_every_other_session(app: Flask, client: FlaskClient, maya: StaffMember) -> None:
    other = app.test_client()
    sign_in(other, maya)
    follow(client, client.post("/account/password", data={"old": PASSWORD, "new": "a harbor at night"}))
    assert other.get("/today").location.startswith("/sign-in")
    assert client.get("/today").status_code == 200


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("something else", "a harbor at night", "This is not your present password."),
        (PASSWORD, "xq7", "A password needs at least 10 characters."),
    ],
)
def test_a_refused_password_says_why(client: FlaskClient, maya: StaffMember, old: str, new: str, sentence: str) -> None:
    response = client.post("/account/password", data={"old": old, "new": new})
    assert response.status_code == 422
    assert sentence in response.text
    assert new not in response.text
    assert operations.sign_in(maya.email, PASSWORD) == maya
