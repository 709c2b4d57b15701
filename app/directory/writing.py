"""Rows into the tables of the directory: by COPY where they are new, and the good ones also where one is refused."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DataError, IntegrityError

from app.db import among, copy_rows, session
from app.directory.mapping import Record


class Stored(NamedTuple):
    """What an import needs to know of a row that is there already."""

    source: str
    fingerprint: str
    seen_at: datetime | None
    withdrawn: bool


def stored(table: Table, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Stored]:
    """Those of these rows that are there, by id."""
    columns = table.c
    rows = session.execute(
        select(
            columns.id,
            columns.source,
            columns.fingerprint,
            columns.last_seen_in_import_at,
            columns.withdrawn_at.is_not(None),
        ).where(among(columns.id, ids))
    )
    return {row[0]: Stored(*row[1:]) for row in rows}


def agreed(table: Table, records: Sequence[Record]) -> set[uuid.UUID]:
    """Of these records, those that say what is stored already, however it got there: somebody here was faster."""
    if not records:
        return set()
    rows = session.execute(select(table).where(among(table.c.id, [record.id for record in records])))
    by_id = {row.id: row._mapping for row in rows}  # noqa: SLF001  SQLAlchemy's public name
    return {
        record.id for record in records if all(by_id[record.id][name] == said for name, said in record.values.items())
    }


def keep_fingerprints(table: Table, fingerprints: Mapping[uuid.UUID, str]) -> None:
    """Note what the source says of rows that say it already."""
    if fingerprints:
        session.execute(
            update(table).where(table.c.id == bindparam("row_id")).values(fingerprint=bindparam("said")),
            [{"row_id": id_, "said": said} for id_, said in fingerprints.items()],
        )


Rows = list[dict[str, Any]]
# COPY goes past SQLAlchemy, and so do its errors.
_REFUSALS = (DataError, IntegrityError, psycopg.DataError, psycopg.IntegrityError)


def write(table: Table, rows: Rows, how: Callable[[Table, Rows], None]) -> list[uuid.UUID]:
    """Write rows, and say which the database refuses: halves of halves, until each is alone.

    :param how: `insert_new` or `overwrite`.
    """
    if not rows:
        return []
    try:
        with session.begin_nested():
            how(table, rows)
    except _REFUSALS:
        if len(rows) == 1:
            return [rows[0]["id"]]
        middle = len(rows) // 2
        return [*write(table, rows[:middle], how), *write(table, rows[middle:], how)]
    return []


def insert_new(table: Table, rows: Rows) -> None:
    """Rows whose ids are not there."""
    for group in _alike(rows):
        copy_rows(table, group)


def overwrite(table: Table, rows: Rows) -> None:
    """Rows whose ids may be there; only the columns that are given change."""
    statement = insert(table)
    for group in _alike(rows):
        written = {name: statement.excluded[name] for name in group[0] if name != "id"}
        session.execute(statement.on_conflict_do_update(index_elements=[table.c.id], set_=written), group)


def _alike(rows: Rows) -> Iterable[Rows]:
    """Rows by the columns they set: of our own extensions each sets only those that its source speaks of."""
    alike: dict[tuple[str, ...], Rows] = {}
    for row in rows:
        alike.setdefault(tuple(row), []).append(row)
    return alike.values()
