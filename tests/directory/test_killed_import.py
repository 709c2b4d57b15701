"""An import that is killed for real, the process and all, and begun again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask_migrate import upgrade
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import make_url

from app import config, create_app
from app.config import ROOT
from app.db import Base, db
from app.directory.mapping import TABLES
from tests.conftest import ENVIRONMENT
from tests.directory.packages import SERVICE, town, write

PATIENCE = 180.0
"""Seconds, on a machine that has much else to do."""

MOMENTS = {"last_seen_in_import_at", "changed_at", "started_at", "ended_at", "import_id", "found_at"}
WORKED_OUT = ("service_need", "directory_entry", "listing", "area_served", "stale_service")


@pytest.fixture(scope="module")
def urls(database_url: str) -> Iterator[tuple[str, str]]:
    """Two migrated databases with nothing in them."""
    names = [f"killed_{uuid.uuid4().hex[:8]}" for _ in range(2)]
    admin = create_engine(config.sqlalchemy_url(database_url), isolation_level="AUTOCOMMIT")
    first, second = (make_url(database_url).set(database=name).render_as_string(hide_password=False) for name in names)
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {names[0]}"))
        application = create_app(config.load({**ENVIRONMENT, "DATABASE_URL": first}))
        with application.app_context():
            upgrade()
            db.engine.dispose()
        connection.execute(text(f"CREATE DATABASE {names[1]} TEMPLATE {names[0]}"))
        yield first, second
        for name in names:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


def begin(folder: Path, url: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "directory", "import", str(folder), "--source", "town"]
    environment = {**os.environ, **ENVIRONMENT, "DATABASE_URL": url}
    return subprocess.Popen(command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE)


def run(folder: Path, url: str) -> str:
    said, _nothing = begin(folder, url).communicate(timeout=PATIENCE)
    return said


@contextmanager
def engine_of(url: str) -> Iterator[Engine]:
    engine = create_engine(config.sqlalchemy_url(url))
    yield engine
    engine.dispose()


def kill_at(table: str, folder: Path, url: str) -> None:
    """Begin an import, and kill it at the moment when it wants to write to this table."""
    with engine_of(url) as engine, engine.connect() as holder:
        holder.execute(text(f"LOCK TABLE {table} IN EXCLUSIVE MODE"))
        process = begin(folder, url)
        try:
            wait_for_somebody_waiting(engine, table)
        finally:
            process.kill()
            process.communicate()


def wait_for_somebody_waiting(engine: Engine, table: str) -> None:
    waiting = text("SELECT count(*) FROM pg_locks WHERE relation = CAST(:name AS regclass) AND NOT granted")
    deadline = time.monotonic() + PATIENCE
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while not connection.scalar(waiting, {"name": table}):
            assert time.monotonic() < deadline, f"The import never came to {table}."
            time.sleep(0.05)


def everything(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    """What an import leaves behind, without the moments at which it did."""
    found = {}
    for name in (*(table.name for table in TABLES), *WORKED_OUT, "directory_import", "import_problem"):
        table = Base.metadata.tables[name]
        unlike = MOMENTS | ({"id"} if name == "directory_import" else set())
        rows = [
            {column: value for column, value in row.items() if column not in unlike}
            for row in connection.execute(table.select()).mappings()
        ]
        found[name] = sorted(rows, key=repr)
    return found


def a_directory(folder: Path) -> Path:
    """More than fits into one batch, with something wrong at its beginning."""
    organizations = [{"id": f"o{number}", "name": f"Organization {number}", "website": ""} for number in range(4_100)]
    files = town(phones=[{"id": f"p{number}", "service_id": SERVICE, "number": "410-276-6207"} for number in range(9)])
    return write(
        folder,
        {**files, "organizations": [{"id": "o", "name": "", "website": ""}, *organizations, *town()["organizations"]]},
    )


def test_an_import_killed_twice_ends_like_one_that_was_left_alone(urls: tuple[str, str], tmp_path: Path) -> None:
    disturbed, undisturbed = urls
    folder = a_directory(tmp_path / "town")
    kill_at("phone", folder, disturbed)
    kill_at("directory_entry", folder, disturbed)
    with engine_of(disturbed) as engine, engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM organization")).scalar() == 4_101
        assert connection.execute(text("SELECT count(*) FROM directory_entry")).scalar() == 0
    for url in urls:
        said = run(folder, url)
        assert "1 services: 1 new, 0 changed, 0 unchanged, 0 withdrawn; 1 problems reported." in said
    with engine_of(disturbed) as one, engine_of(undisturbed) as other, one.connect() as a, other.connect() as b:
        ended, expected = everything(a), everything(b)
    assert ended == expected
    assert [row["problem_count"] for row in ended["directory_import"]] == [1]
    assert len(ended["directory_entry"]) == 1
