"""The database: one declarative base, one session, and the few column types every feature shares.

Flask-SQLAlchemy is kept behind this module: features import `Base` and `session`, nothing else of it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, cast

import psycopg
from flask_sqlalchemy import SQLAlchemy
from psycopg import sql
from sqlalchemy import (
    ColumnElement,
    DateTime,
    Enum,
    FromClause,
    MetaData,
    Select,
    Table,
    Text,
    Update,
    Uuid,
    any_,
    column,
    func,
    literal,
    select,
    text,
    update,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import (
    DeclarativeBase,
    InstrumentedAttribute,
    Session,
    mapped_column,
    registry,
    scoped_session,
)
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.util import identity_key
from sqlalchemy.types import UserDefinedType

from app import clock

NAMES = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """What every model derives from.

    A registry instead of the usual class attributes: Flask-SQLAlchemy 3.1 subclasses the base, which SQLAlchemy 2.1
    refuses when the type map stands on the class.
    """

    registry = registry(
        metadata=MetaData(naming_convention=NAMES),
        type_annotation_map={
            str: Text,
            datetime: DateTime(timezone=True),
            dict[str, Any]: JSONB,
            list[Any]: JSONB,
            list[str]: ARRAY(Text),
        },
    )


db = SQLAlchemy(model_class=Base)
session = cast("scoped_session[Session]", db.session)

Id = Annotated[uuid.UUID, mapped_column(primary_key=True, default=uuid.uuid4)]
CreatedAt = Annotated[datetime, mapped_column(DateTime(timezone=True), default=clock.now)]


def words(kind: type[StrEnum], name: str = "") -> Enum:
    """A column that holds the values of `kind` as text, with a CHECK that the database enforces.

    Text rather than a PostgreSQL enum: adding a word is then an ordinary migration inside a transaction.

    :param name: of the CHECK, where a table has two columns of one kind.
    """
    return Enum(
        kind,
        native_enum=False,
        create_constraint=True,
        length=40,
        values_callable=lambda members: [member.value for member in members],
        name=name or kind.__name__.lower(),
    )


def among(said: ColumnElement[Any] | InstrumentedAttribute[Any], ids: Iterable[uuid.UUID]) -> ColumnElement[bool]:
    """`IN` with one parameter however many ids, written as one text, as that is what takes the least time here."""
    return said == any_(_array(ids))


def given(ids: Iterable[uuid.UUID]) -> FromClause:
    """These ids as the rows of a table with the one column `id`."""
    return func.unnest(_array(ids)).table_valued(column("id", Uuid), name="given").render_derived()


def _array(ids: Iterable[uuid.UUID]) -> ColumnElement[Any]:
    return sql_cast(literal("{" + ",".join(map(str, ids)) + "}", _Untyped()), ARRAY(Uuid))


class _Untyped(UserDefinedType[str]):
    """A text that PostgreSQL reads as whatever it is cast to, once; one that is `text` it would read for each row."""

    cache_ok = True


def copy_rows(table: FromClause, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that set the same columns with COPY, which takes a fifth of the time of INSERT.

    Defaults that are plain values are filled in; the database's own defaults are its own affair.

    :raises psycopg.Error: the database refuses one of them.
    """
    if not rows:
        return
    given = list(rows[0])
    defaults = {
        column.name: cast("Any", column.default).arg
        for column in table.c
        if column.name not in rows[0] and column.default is not None and column.default.is_scalar
    }
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(cast("Table", table).name),
        sql.SQL(", ").join(map(sql.Identifier, (*given, *defaults))),
    )
    more = tuple(defaults.values())
    connection = cast("psycopg.Connection[Any]", session.connection().connection.driver_connection)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row((*row.values(), *more))


@contextmanager
def held(name: str) -> Iterator[bool]:
    """Hold the lock of this name, and say whether nobody else held it.

    It belongs to a connection of its own, so it outlasts transactions, and goes with the process however that dies.
    """
    key = func.hashtextextended(name, 0)
    with db.engine.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        mine = bool(connection.scalar(select(func.pg_try_advisory_lock(key))))
        try:
            yield mine
        finally:
            if mine:
                connection.execute(select(func.pg_advisory_unlock(key)))


def write_aside(statement: Update) -> None:
    """Run a statement in a transaction of its own, whatever becomes of the session's."""
    with db.engine.engine.begin() as connection:
        connection.execute(statement)


def counted(rows: Select[Any], most: int) -> int:
    """How many rows there are, counted to `most` and no further."""
    return session.scalar(select(func.count()).select_from(rows.limit(most).subquery())) or 0


def changed(statement: Update) -> bool:
    """Run a compare-and-set and say whether it found the row as expected.

    Two people act on one referral at once; `UPDATE … WHERE id = … AND status = :old` lets exactly one of them win.
    """
    result = cast("CursorResult[Any]", session.execute(statement.execution_options(synchronize_session="fetch")))
    return result.rowcount == 1


class CompareAndSet:
    """A compare-and-set that runs with every text, written once, which takes a third of the time of `changed`.

    Like there, what is loaded of the rows is as it was written then. For everything else `changed` reads better.
    """

    def __init__(self, model: type[Base], *expected: ColumnElement[bool]) -> None:
        """`expected` says with bound parameters which rows of `model`, and how they must be found.

        It speaks of the columns of the table, not of the attributes of the model: those would make it a statement of
        the ORM again.
        """
        table = model.__table__
        self._model = model
        self._statement = update(cast("Table", table)).where(*expected).returning(table.c.id)

    def __call__(self, values: Mapping[str, Any], **expected: Any) -> int:  # noqa: ANN401  whatever the columns hold
        """Write `values` where the rows are as expected, and say how many were."""
        session.flush()
        ids = session.scalars(self._statement, {**expected, **values}).all()
        for row_id in ids:
            loaded = session.identity_map.get(identity_key(self._model, row_id))
            for name, value in values.items() if loaded else ():
                set_committed_value(loaded, name, value)
        return len(ids)


def database_now() -> ColumnElement[datetime]:
    """The moment on the database's clock, which leases are counted on: those of the workers may differ."""
    return func.clock_timestamp(type_=DateTime(timezone=True))


def ping() -> bool:
    """Whether the database answers a question."""
    return bool(session.execute(text("SELECT 1")).scalar_one())


def engine_options() -> Mapping[str, Any]:
    """A pool that notices a restarted server, and sessions that think in UTC."""
    return {
        "pool_pre_ping": True,
        "hide_parameters": True,  # an error's message must not carry what people typed into a log
        "pool_size": 8,
        "max_overflow": 8,
        "connect_args": {"options": "-c timezone=utc", "connect_timeout": 10},
    }
