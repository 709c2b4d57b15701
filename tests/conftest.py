"""One real PostgreSQL for the session, one migrated database, and every test in a transaction that is rolled back."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from sqlalchemy.orm import Session, scoped_session
from werkzeug.test import TestResponse

from app import config, create_app
from app.db import db
from app.db import session as the_session
from app.embedded import start
from app.i18n import speaking
from app.patients.models import Patient
from app.staff.models import StaffMember
from app.staff.permissions import Role
from tests.factories import Loop, make_loop, make_patient, make_staff, sign_in

ENVIRONMENT = {"LOOPLINE_DEMO": "1", "SECRET_KEY": "not-secret-in-tests", "PUBLIC_BASE_URL": "https://loopline.test"}


@pytest.fixture(autouse=True)
def _in_english() -> Iterator[None]:
    """A request of an earlier test may have spoken Spanish, and in one thread that goes on."""
    with speaking("en"):
        yield


@pytest.fixture(scope="session")
def database_url() -> Iterator[str]:
    """A PostgreSQL of our own, or the empty database that TEST_DATABASE_URL names."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="loopline-test-", ignore_cleanup_errors=True) as folder:
        server = start(Path(folder) / "postgres")
        try:
            yield server.url
        finally:
            server.stop()


@pytest.fixture(scope="session")
def app(database_url: str) -> Iterator[Flask]:
    application = create_app(config.load({**ENVIRONMENT, "DATABASE_URL": database_url}))
    application.testing = True
    application.config["WTF_CSRF_ENABLED"] = False
    application.test_client_class = OwnContext
    with application.app_context():
        upgrade()
    yield application
    with application.app_context():
        db.engine.dispose()


class OwnContext(FlaskClient):
    """Gives each request an application context of its own, as in production, although the test holds one open."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        with self.application.app_context():
            return super().open(*args, **kwargs)


@pytest.fixture
def session(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[scoped_session[Session]]:
    """The application's session on a connection whose transaction ends with the test; code under test may commit."""
    with app.app_context():
        connection = db.engine.connect()
        outer = connection.begin()
        monkeypatch.setitem(db._app_engines, app, {None: connection})
        the_session.session_factory.configure(join_transaction_mode="create_savepoint")
        try:
            yield the_session
        finally:
            the_session.remove()
            the_session.session_factory.configure(join_transaction_mode="conditional_savepoint")
            outer.rollback()
            connection.close()


@pytest.fixture
def client(app: Flask, session: scoped_session[Session]) -> FlaskClient:  # noqa: ARG001  what it rolls back
    """A browser without a session; what its requests write is rolled back with the test."""
    return app.test_client()


@pytest.fixture
def maya(session: scoped_session[Session]) -> StaffMember:  # noqa: ARG001  what it rolls back
    """A health worker."""
    return make_staff()


@pytest.fixture
def ana(maya: StaffMember) -> Patient:
    """A patient of Maya's, who speaks Spanish and agreed to everything."""
    return make_patient(maya)


@pytest.fixture
def browser(client: FlaskClient, maya: StaffMember) -> FlaskClient:
    """Where Maya has signed in."""
    sign_in(client, maya)
    return client


@pytest.fixture
def worker(maya: StaffMember, browser: FlaskClient) -> StaffMember:  # noqa: ARG001  signs her in
    """Maya, signed in."""
    return maya


@pytest.fixture
def grace(client: FlaskClient) -> StaffMember:
    """An administrator, signed in."""
    administrator = make_staff(Role.ADMINISTRATOR, name="Grace Lin")
    sign_in(client, administrator)
    return administrator


@pytest.fixture
def loop(session: scoped_session[Session]) -> Loop:  # noqa: ARG001  what it rolls back
    """Both sides of one referral that has not been sent yet."""
    return make_loop()
