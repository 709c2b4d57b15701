"""The database: one declarative base, one session, and the few column types every feature shares.

Flask-SQLAlchemy is kept behind this module: features import `Base` and `session`, nothing else of it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, cast

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import DateTime, Enum, MetaData, Text, Update, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column, registry, scoped_session

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


def changed(statement: Update) -> bool:
    """Run a compare-and-set and say whether it found the row as expected.

    Two people act on one referral at once; `UPDATE … WHERE id = … AND status = :old` lets exactly one of them win.
    """
    result = cast("CursorResult[Any]", session.execute(statement.execution_options(synchronize_session="fetch")))
    return result.rowcount == 1


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
