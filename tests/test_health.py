from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session, scoped_session

from app.db import db

Db = scoped_session[Session]


def test_well_while_the_database_answers(client: FlaskClient) -> None:
    response = client.get("/healthz")
    assert response.status_code == 200
    assert response.json == {"status": "ok", "database": "ok", "worker": "not seen for 30 seconds"}


def test_a_worker_that_was_heard_of_lately_is_well(session: Db, client: FlaskClient) -> None:
    session.execute(text("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now())"))
    assert client.get("/healthz").json["worker"] == "ok"  # type: ignore[index]


def test_unwell_without_the_database(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with app.app_context():
        monkeypatch.setitem(
            db._app_engines, app, {None: create_engine("postgresql+psycopg://nobody@/none?host=/nowhere")}
        )
    response = app.test_client().get("/healthz")
    assert response.status_code == 503
    assert response.json["status"] == "down"  # type: ignore[index]
