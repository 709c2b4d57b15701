"""How an installation without the demonstration gets its first people."""

from __future__ import annotations

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session, scoped_session

from app.staff import operations, queries
from app.staff.models import StaffMember, Team
from app.staff.permissions import Role
from tests.factories import make_organization, make_team

Db = scoped_session[Session]
BAYVIEW = ("team", "Bayview", "--phone", "+14105550100", "--time-zone", "America/New_York")
THU = ("add", "Thu@example.test", "--name", "Thu Pham")


def staff(app: Flask, *words: str, typed: str = "") -> Result:
    return app.test_cli_runner().invoke(args=["staff", *words], input=typed)


def test_a_database_without_tables_is_explained_in_a_sentence(app: Flask, session: Db) -> None:
    session.execute(text("SET LOCAL search_path TO nowhere"))
    done = staff(app, "list")
    assert done.exit_code == 1
    assert done.output.startswith("Error: This database is empty")
    assert "flask --app wsgi db upgrade" in done.output


@pytest.mark.usefixtures("session")
def test_the_first_administrator_is_added_with_a_password_that_is_asked_for(app: Flask) -> None:
    done = staff(app, *THU, "--role", "administrator", typed="lantern by the sea\n" * 2)
    assert done.exit_code == 0, done.output
    assert "lantern" not in done.output
    assert operations.sign_in("thu@example.test", "lantern by the sea").role is Role.ADMINISTRATOR


@pytest.mark.usefixtures("session")
def test_a_password_that_was_made_up_is_printed_and_works(app: Flask) -> None:
    done = staff(app, *THU, "--role", "administrator", "--generate-password")
    assert operations.sign_in("thu@example.test", done.output.strip()).name == "Thu Pham"


@pytest.mark.usefixtures("session")
def test_a_team_and_somebody_in_it(app: Flask) -> None:
    assert staff(app, *BAYVIEW).exit_code == 0
    assert staff(app, *THU, "--role", "lead", "--team", "Bayview", "--generate-password").exit_code == 0
    thu = queries.staff_by_email("thu@example.test")
    assert thu is not None
    assert thu.team is not None
    assert (thu.team.name, thu.team.phone, thu.team.time_zone) == ("Bayview", "+14105550100", "America/New_York")


@pytest.mark.usefixtures("session")
def test_somebody_of_an_agency(app: Flask) -> None:
    pantry = make_organization("Eastside Pantry")
    staff(app, *THU, "--role", "agency", "--organization", "eastside pantry", "--generate-password")
    thu = queries.staff_by_email("thu@example.test")
    assert thu is not None
    assert thu.organization_id == pantry.id


def test_a_team_that_is_there_is_changed(session: Db, app: Flask) -> None:
    team = make_team("Bayview", time_zone="America/Chicago")
    assert staff(app, *BAYVIEW).exit_code == 0
    session.expire_all()
    assert team.time_zone == "America/New_York"
    assert session.scalar(select(func.count()).where(Team.name == "Bayview")) == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("team", " ", *BAYVIEW[2:]), "Enter a name."),
        ((*BAYVIEW[:3], "555", *BAYVIEW[4:]), "such as +14105550123."),
        ((*BAYVIEW[:5], "Mars/Base"), "such as America/New_York."),
        ((*THU, "--role", "lead", "--team", "Nowhere", "--generate-password"), "There is no team “Nowhere”"),
        ((*THU, "--role", "lead", "--generate-password"), "Choose the team this person works in."),
        ((*THU, "--role", "agency", "--organization", "X", "--generate-password"), "exactly as the directory has it"),
        (("add", "thu", "--name", "Thu", "--role", "administrator", "--generate-password"), "such as ana@example.org."),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(session: Db, app: Flask, words: tuple[str, ...], sentence: str) -> None:
    refused = staff(app, *words)
    assert refused.exit_code == 1
    assert sentence in refused.output
    assert session.scalar(select(func.count()).select_from(StaffMember)) == 0
    assert session.scalar(select(func.count()).select_from(Team)) == 0
