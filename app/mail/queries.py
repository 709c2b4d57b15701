from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.orm import aliased

from app import clock
from app.db import session
from app.mail.delivery import State
from app.mail.models import Email


def sent(limit: int = 100) -> Sequence[Email]:
    """What has left, newest first."""
    return session.scalars(
        select(Email).where(Email.state == State.SENT).order_by(Email.position.desc()).limit(limit)
    ).all()


def letter(email_id: uuid.UUID) -> Email | None:
    """One e-mail that has left."""
    return session.scalar(select(Email).where(Email.id == email_id, Email.state == State.SENT))


def newer_is_written() -> ColumnElement[bool]:
    """Whether the same reader was written something newer about the same thing: an older letter is news no more."""
    newer = aliased(Email)
    return exists().where(
        newer.regarding == Email.regarding, newer.address == Email.address, newer.position > Email.position
    )


def unsure(limit: int = 20) -> Sequence[Email]:
    """Those of which nobody knows whether they exist and that may still be news, newest first."""
    return session.scalars(
        select(Email)
        .where(
            Email.state == State.UNSURE,
            or_(Email.not_after.is_(None), Email.not_after > clock.now()),
            ~newer_is_written(),
        )
        .order_by(Email.position.desc())
        .limit(limit)
    ).all()


def any_alive(regarding: Collection[uuid.UUID]) -> bool:
    """Whether an e-mail about one of these has left or is still on its way."""
    alive = (State.QUEUED, State.SENDING, State.SENT)
    return bool(session.scalar(select(exists().where(Email.regarding.in_(regarding), Email.state.in_(alive)))))


@dataclass(frozen=True)
class Backlog:
    """What waits to be sent, and what did not certainly leave lately."""

    oldest_due: datetime | None
    code: str | None
    """What the server said of the oldest, when it was tried."""
    failed: int
    unsure: int


LATELY = timedelta(hours=24)


def backlog() -> Backlog:
    now = clock.now()
    oldest = session.scalars(
        select(Email).where(Email.state == State.QUEUED).order_by(Email.created_at).limit(1)
    ).first()
    ended = dict(
        session.execute(
            select(Email.state, func.count())
            .where(Email.state.in_((State.FAILED, State.UNSURE)), Email.ended_at > now - LATELY)
            .group_by(Email.state)
        ).all()
    )
    return Backlog(
        oldest_due=oldest.created_at if oldest else None,
        code=oldest.code if oldest else None,
        failed=ended.get(State.FAILED, 0),
        unsure=ended.get(State.UNSURE, 0),
    )
