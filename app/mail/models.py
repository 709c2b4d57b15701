"""E-mails that leave. Mail knows addresses and languages; whom it is for and what it is about are the caller's ids."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, CreatedAt, Id, words
from app.mail.delivery import State


class Email(Base):
    """An e-mail to one address, for one purpose, once.

    It is written in the transaction of what it tells about and sent later by a worker. `dedupe_key` says what it is
    for, so the same thing can be asked for any number of times.
    """

    __tablename__ = "email"
    __table_args__ = (
        CheckConstraint("(state = 'sending') = (lease_until IS NOT NULL)", name="sending_has_a_lease"),
        CheckConstraint("(state IN ('queued', 'sending')) = (ended_at IS NULL)", name="ended_has_time"),
        CheckConstraint("state <> 'cancelled' OR cancel_reason IS NOT NULL", name="cancelled_has_a_reason"),
        Index("ix_email_next", "due_at", "position", postgresql_where=text("state = 'queued'")),
        Index("ix_email_regarding", "regarding"),
        Index("ix_email_state", "state"),
    )

    id: Mapped[Id]
    position: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    """The order of writing, which the clock alone cannot tell within one transaction."""
    created_at: Mapped[CreatedAt]
    address: Mapped[str]
    recipient: Mapped[uuid.UUID | None]
    regarding: Mapped[uuid.UUID | None]
    purpose: Mapped[str]
    dedupe_key: Mapped[str] = mapped_column(unique=True)
    language: Mapped[str]
    subject: Mapped[str]
    body: Mapped[str]
    """Plain text."""
    calendar: Mapped[str | None]
    """An appointment that is attached, as iCalendar."""

    state: Mapped[State] = mapped_column(words(State))
    due_at: Mapped[datetime]
    not_after: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)
    """Begun so far; it also says whose answer is meant when a worker taken for dead comes back."""
    lease_until: Mapped[datetime | None]
    code: Mapped[str | None]
    """What the server said last that was not yes, such as 550, or where the connection broke."""
    cancel_reason: Mapped[str | None]
    ended_at: Mapped[datetime | None]
