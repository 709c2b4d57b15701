from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session, scoped_session

from app.messaging import queries
from tests.messaging.conftest import Write
from tests.messaging.steps import PHONE, work


@pytest.fixture
def phone(app: Flask, committed: scoped_session[Session]) -> FlaskClient:
    del committed  # only its database is wanted
    return app.test_client()


def test_the_phone_shows_what_arrived_and_nothing_that_waits(phone: FlaskClient, write: Write) -> None:
    write("¿Recibió ayuda?", language="es")
    work()
    write("Still waiting")
    page = phone.get(f"/demo/phone/{PHONE}").text
    assert "¿Recibió ayuda?" in page
    assert 'lang="es"' in page
    assert "Still waiting" not in page
    assert PHONE in phone.get("/demo/phones").text


@pytest.mark.parametrize("address", [PHONE, PHONE.removeprefix("+"), PHONE.removeprefix("+1"), "(410) 555-0177"])
def test_the_person_can_answer(phone: FlaskClient, address: str) -> None:
    answer = phone.post(f"/demo/phone/{address}", data={"body": "1 <b>"})
    assert answer.status_code == 303
    assert "1 &lt;b&gt;" in phone.get(answer.location).text
    assert [(line.phone, line.direction, line.body) for line in queries.conversation_with(PHONE)] == [
        (PHONE, "in", "1 <b>")
    ]


def test_there_is_no_pretend_phone_outside_a_demonstration(
    app: Flask, phone: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.extensions, "settings", replace(app.extensions["settings"], demo=False))
    assert phone.get("/demo/phones").status_code == 404
    assert phone.post(f"/demo/phone/{PHONE}", data={"body": "1"}).status_code == 404


def test_what_is_no_number_is_not_found(phone: FlaskClient) -> None:
    assert phone.get("/demo/phone/anna").status_code == 404
