"""A database for one run, on the server of the network's own: created empty, dropped at the end.

The network's own data are never opened.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.engine import make_url

from app import config
from app.db import session

PREFIX = "loopline_simulation_"


class NotScratch(Exception):
    """The simulation was about to run on a database that is not its own."""


class NoScratch(Exception):
    """The server does not let us make a database; the message is one sentence for whoever asked."""


@contextmanager
def database(server_url: str) -> Iterator[str]:
    """The address of a new, empty database beside that of `server_url`; gone after the block, whatever happened.

    :raises NoScratch: this user may not create databases there.
    """
    name = f"{PREFIX}{uuid.uuid4().hex[:12]}"
    url = config.libpq_url(server_url)
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            # Nothing in it has to outlive a crash, and it is written to some hundred times a second.
            connection.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(sql.Identifier(name)))
    except psycopg.errors.InsufficientPrivilege as error:
        raise NoScratch(
            "The user of DATABASE_URL may not create databases, which a simulation needs: it never touches yours."
        ) from error
    try:
        yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def insist() -> None:
    """Nothing, on an empty database of a simulation.

    :raises NotScratch: on any other.
    """
    name = session.execute(text("SELECT current_database()")).scalar_one()
    if not re.fullmatch(rf"{PREFIX}[0-9a-f]+", name):
        raise NotScratch("A simulation runs in a database of its own and never in the network's.")
    if session.execute(text("SELECT EXISTS (SELECT 1 FROM patient)")).scalar_one():
        raise NotScratch("A simulation begins with an empty database.")
