from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session, scoped_session

from app import clock
from app.staff import operations
from app.staff.models import ApiToken, StaffMember
from tests.factories import make_staff

Db = scoped_session[Session]
NUMBERS = "/api/v1/reports/loop"


@pytest.fixture
def maya(session: Db) -> StaffMember:  # noqa: ARG001  rows need a transaction
    return make_staff(email="maya@example.test")


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.usefixtures("maya")
def test_the_command_prints_a_token_that_works(app: Flask, client: FlaskClient) -> None:
    printed = app.test_cli_runner().invoke(args=["staff", "token", "Maya@example.test"])
    assert printed.exit_code == 0
    token = printed.output.strip()
    assert client.get(NUMBERS, headers=bearer(token)).status_code == 200


def test_the_command_refuses_who_cannot_sign_in(session: Db, app: Flask, maya: StaffMember) -> None:
    maya.active = False
    session.commit()
    for email in ("maya@example.test", "nobody@example.test"):
        refused = app.test_cli_runner().invoke(args=["staff", "token", email])
        assert refused.exit_code == 1
        assert "can sign in" in refused.output


def test_the_list_shows_who_can_sign_in(app: Flask, maya: StaffMember) -> None:
    assert f"{maya.email}\thealth-worker\topen" in app.test_cli_runner().invoke(args=["staff", "list"]).output


def test_only_a_hash_of_the_token_is_kept(session: Db, maya: StaffMember) -> None:
    token = operations.issue_token(maya)
    kept = session.scalars(select(ApiToken).where(ApiToken.staff_id == maya.id)).one()
    assert token not in str(vars(kept))


def test_a_token_ends(session: Db, client: FlaskClient, maya: StaffMember) -> None:
    token = operations.issue_token(maya)
    session.commit()
    with clock.held_at(clock.now() + operations.TOKEN_LIFE + timedelta(seconds=1)):
        assert client.get(NUMBERS, headers=bearer(token)).status_code == 401


def test_a_revoked_token_opens_nothing(session: Db, client: FlaskClient, maya: StaffMember) -> None:
    token = operations.issue_token(maya)
    session.scalars(select(ApiToken).where(ApiToken.staff_id == maya.id)).one().revoked_at = clock.now()
    session.commit()
    assert client.get(NUMBERS, headers=bearer(token)).status_code == 401


def test_the_command_revokes_all_tokens_of_a_person(app: Flask, client: FlaskClient, maya: StaffMember) -> None:
    tokens = [operations.issue_token(maya) for _ in range(2)]
    kept = operations.issue_token(make_staff())
    done = app.test_cli_runner().invoke(args=["staff", "revoke", "maya@example.test"])
    assert done.output == "2 tokens revoked.\n"
    assert [client.get(NUMBERS, headers=bearer(token)).status_code for token in [*tokens, kept]] == [401, 401, 200]


def test_nobody_has_tokens_to_revoke(app: Flask, session: Db) -> None:  # noqa: ARG001  rows need a transaction
    refused = app.test_cli_runner().invoke(args=["staff", "revoke", "nobody@example.test"])
    assert refused.exit_code == 1
    assert "Nobody has the address" in refused.output


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer nonsense", "Basic bWF5YTp4", "nonsense"])
def test_nothing_else_is_a_token(client: FlaskClient, header: str) -> None:
    response = client.get(NUMBERS, headers={"Authorization": header})
    assert response.status_code == 401
    assert "Bearer" in response.json["error"]  # type: ignore[index]
