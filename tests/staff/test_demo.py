"""The accounts that everybody can read about open nothing where real people are looked after."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.config import settings
from app.db import session
from app.errors import Invalid
from app.staff import demo, operations
from app.staff.permissions import Role
from tests.factories import PASSWORD, make_staff
from tests.folders import temporary_folder
from tests.running import STARTS_WITHIN, begin

WORKER = {"email": "worker@demo.test", "password": demo.PASSWORD}


def account() -> None:
    operations.add_staff(email=WORKER["email"], name="W", role=Role.ADMINISTRATOR, password=demo.PASSWORD)
    session.commit()


@pytest.fixture
def for_real(app: Flask, monkeypatch: pytest.MonkeyPatch, client: FlaskClient) -> FlaskClient:
    """An installation whose demonstration was turned off after it had filled the database."""
    account()
    monkeypatch.setitem(app.extensions, "settings", replace(settings(), demo=False))
    return client


def test_in_the_demonstration_the_published_password_opens(client: FlaskClient) -> None:
    account()
    assert client.post("/sign-in", data=WORKER).status_code == 303


def test_without_it_the_published_password_opens_nothing(for_real: FlaskClient) -> None:
    response = for_real.post("/sign-in", data=WORKER)
    assert response.status_code == 401
    assert "do not belong together" in response.text


@pytest.mark.usefixtures("for_real")
def test_without_it_nobody_chooses_the_published_password() -> None:
    with pytest.raises(Invalid, match="Everybody can read this password"):
        operations.change_password(make_staff(), PASSWORD, demo.PASSWORD)


@pytest.mark.parametrize(("host", "warned"), [("0.0.0.0", True), ("127.0.0.1", False), ("localhost", False)])  # noqa: S104
def test_a_demonstration_that_others_can_reach_says_so(host: str, warned: bool) -> None:  # noqa: FBT001
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nowhere = listener.getsockname()[1]
    with temporary_folder() as folder:
        run = begin(folder / "instance", HOST=host, DATABASE_URL=f"postgresql://someone@127.0.0.1:{nowhere}/loopline")
        run.process.wait(STARTS_WITHIN)
        assert ("published password of the demonstration" in run.said) is warned
