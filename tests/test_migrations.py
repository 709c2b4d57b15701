"""The migrations and the models say the same, and a step back is a step back."""

from __future__ import annotations

import uuid

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import create_engine, inspect, make_url, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, scoped_session

from app import config, create_app
from app.db import Base, db
from tests.factories import make_referral

EVIDENCE = ("consent", "transition", "patient_report", "audit_entry")


def ours(name: str | None) -> bool:
    return not (name or "").startswith(("procrastinate_", "alembic_"))


def test_an_empty_database_migrated_has_exactly_the_tables_of_the_models(app: Flask) -> None:
    with app.app_context(), db.engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_server_default": True,
                "include_object": lambda _thing, name, kind, _reflected, _compared: kind != "table" or ours(name),
            },
        )
        assert compare_metadata(context, Base.metadata) == []


def test_the_migrations_can_be_undone_and_done_again(database_url: str) -> None:
    name = f"undo_{uuid.uuid4().hex[:8]}"
    admin = create_engine(config.sqlalchemy_url(database_url), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    url = make_url(database_url).set(database=name).render_as_string(hide_password=False)
    application = create_app(
        config.load({"DATABASE_URL": url, "SECRET_KEY": "not-secret-in-tests", "LOOPLINE_DEMO": "1"})
    )
    try:
        with application.app_context():
            upgrade()
            downgrade(revision="base")
            left = [table for table in inspect(db.engine).get_table_names() if table != "alembic_version"]
            assert left == []
            upgrade()
            db.engine.dispose()
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()


@pytest.mark.parametrize("table", EVIDENCE)
@pytest.mark.parametrize("change", ["DELETE FROM {table}", "UPDATE {table} SET id = id"])
def test_the_database_refuses_to_change_evidence(session: scoped_session[Session], table: str, change: str) -> None:
    make_referral()
    with pytest.raises(IntegrityError, match="are evidence"), session.begin_nested():
        session.execute(text(change.format(table=table)))
