"""Texts that leave, texts that arrive, and whom we may not text.

Messaging knows phone numbers and languages. Whom a text is for (`recipient`) and what it is about (`regarding`) are
ids that only the caller can read.
"""

from __future__ import annotations

import uuid
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, CreatedAt, Id, words
from app.messaging.delivery import State

_WAITING = text("state = 'queued'")


class Message(Base):
    """A text to one phone, for one purpose, once.

    It is written in the transaction of what it tells about and sent later by a worker. `dedupe_key` says what it is
    for, so the same thing can be asked for any number of times.
    """

    __tablename__ = "sms_message"
    __table_args__ = (
        CheckConstraint("(state = 'sending') = (lease_until IS NOT NULL)", name="sending_has_a_lease"),
        CheckConstraint("(state = 'unsure') = (look_at IS NOT NULL)", name="unsure_has_a_next_look"),
        CheckConstraint("(state = 'held') = (hold_reason IS NOT NULL)", name="held_has_a_reason"),
        CheckConstraint("state <> 'cancelled' OR cancel_reason IS NOT NULL", name="cancelled_has_a_reason"),
        CheckConstraint(
            "state NOT IN ('accepted', 'sent', 'unknown', 'undelivered', 'delivered') OR sid IS NOT NULL",
            name="accepted_has_a_sid",
        ),
        CheckConstraint("not_before IS NULL OR not_after IS NULL OR not_before < not_after", name="window_is_open"),
        Index(
            "uq_sms_message_in_flight", "phone", unique=True, postgresql_where=text("state IN ('sending', 'unsure')")
        ),
        Index("ix_sms_message_next", text("priority DESC"), "due_at", "position", postgresql_where=_WAITING),
        Index("ix_sms_message_waiting_phone", "phone", postgresql_where=_WAITING),
        Index("ix_sms_message_phone_created", "phone", "created_at"),
        Index("ix_sms_message_recipient_created", "recipient", "created_at"),
        Index("ix_sms_message_regarding", "regarding"),
        Index("ix_sms_message_state", "state"),
    )

    id: Mapped[Id]
    position: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    """The order of writing, which the clock alone cannot tell within one transaction."""
    created_at: Mapped[CreatedAt]
    phone: Mapped[str]
    sender: Mapped[str | None]
    """Which number or Messaging Service of ours it went out from."""
    number: Mapped[str | None]
    """Which of our numbers it has to come from, where we have several; who answers writes to it."""
    recipient: Mapped[uuid.UUID | None]
    regarding: Mapped[uuid.UUID | None]
    written_by: Mapped[uuid.UUID | None]
    """The caller's id of the person who wrote it by hand; None when it is one of our own texts."""
    purpose: Mapped[str]
    dedupe_key: Mapped[str] = mapped_column(unique=True)
    language: Mapped[str]
    zone: Mapped[str | None]
    """The time zone of the person, when the caller knows it."""
    region: Mapped[str | None]
    """The US state in which the person lives, such as FL: some have hours of their own."""
    template: Mapped[str]
    body: Mapped[str]
    encoding: Mapped[str]
    segments: Mapped[int]
    priority: Mapped[int]
    """Higher goes first."""

    state: Mapped[State] = mapped_column(words(State))
    due_at: Mapped[datetime]
    waits_for: Mapped[str | None]
    """Why `due_at` was put off although it could have gone: quiet-hours, daily-cap, weekly-cap."""
    not_before: Mapped[datetime | None]
    not_after: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    look_at: Mapped[datetime | None]
    looks: Mapped[int] = mapped_column(default=0)
    """How often a look at the provider has found nothing since it became unsure."""
    tries: Mapped[int] = mapped_column(default=0)
    """Failures that used up a try."""
    deferrals: Mapped[int] = mapped_column(default=0)
    """Waits in a row that used up none: the provider was busy or could not be reached."""
    sid: Mapped[str | None] = mapped_column(unique=True)
    error_code: Mapped[str | None]
    hold_reason: Mapped[str | None]
    cancel_reason: Mapped[str | None]
    accepted_at: Mapped[datetime | None]
    asked_at: Mapped[datetime | None]
    """When we last asked the provider what became of it, because nobody told us."""
    ended_at: Mapped[datetime | None]


class Sender(Base):
    """From which of our numbers a person is texted on a phone: people who share it have one each, while they last."""

    __tablename__ = "sms_sender"
    __table_args__ = (UniqueConstraint("phone", "place"),)

    phone: Mapped[str] = mapped_column(primary_key=True)
    recipient: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    place: Mapped[int]
    """Who came first, second … on this phone, from 0."""
    number: Mapped[str]


class Ended(StrEnum):
    """How one call to the provider ended."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    NOT_SENT = "not-sent"
    UNSURE = "unsure"
    FAILED = "failed"
    """Accepted, and the network gave it up later."""


class Attempt(Base):
    """One call that was meant to create a text at the provider; begun before it, ended after it."""

    __tablename__ = "sms_attempt"
    __table_args__ = (UniqueConstraint("message_id", "number"),)

    id: Mapped[Id]
    message_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("sms_message.id", ondelete="CASCADE"))
    number: Mapped[int]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[Ended | None] = mapped_column(words(Ended))
    sid: Mapped[str | None] = mapped_column(unique=True)
    code: Mapped[str | None]


class Callback(Base):
    """What the provider reported about a text, exactly as it came; never changed except to link it to its text."""

    __tablename__ = "sms_callback"
    __table_args__ = (UniqueConstraint("sid", "status", "error_code"),)

    id: Mapped[Id]
    received_at: Mapped[CreatedAt]
    sid: Mapped[str]
    status: Mapped[str]
    error_code: Mapped[str]
    """Empty when there is none."""
    reference: Mapped[uuid.UUID]
    """The id in the address it was sent to, which is the text's own, or nobody's."""
    message_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("sms_message.id", ondelete="SET NULL"), index=True)
    raw: Mapped[bytes]


class Inbound(Base):
    """A text that reached one of our numbers."""

    __tablename__ = "sms_inbound"
    __table_args__ = (
        CheckConstraint("(processed_at IS NULL) = (result IS NULL)", name="processed_has_a_result"),
        Index("ix_sms_inbound_phone_received", "phone", "received_at"),
        Index("ix_sms_inbound_recipient_received", "recipient", "received_at"),
        Index("ix_sms_inbound_unread", "read_at", postgresql_where=text("processed_at IS NULL")),
    )

    id: Mapped[Id]
    received_at: Mapped[CreatedAt]
    sid: Mapped[str] = mapped_column(unique=True)
    phone: Mapped[str]
    """Theirs."""
    number: Mapped[str]
    """Ours, which they wrote to."""
    body: Mapped[str]
    """As it can be shown: what PostgreSQL cannot hold is replaced by U+FFFD. `raw` has every field as it came."""
    opt_out: Mapped[str | None]
    """STOP, START or HELP when the provider has already acted on it and answered."""
    media: Mapped[list[Any]]
    raw: Mapped[bytes]
    read_at: Mapped[datetime]
    """When to read it, again if the last time failed."""
    readings: Mapped[int] = mapped_column(default=0)
    processed_at: Mapped[datetime | None]
    result: Mapped[str | None]
    meaning: Mapped[str | None]
    recipient: Mapped[uuid.UUID | None]
    regarding: Mapped[uuid.UUID | None]


class Suppression(Base):
    """A phone that nobody may text, for any purpose, from when until when and why."""

    __tablename__ = "sms_suppression"
    __table_args__ = (
        CheckConstraint("(lifted_at IS NULL) = (lifted_by IS NULL)", name="lifted_by_something"),
        Index("uq_sms_suppression_now", "phone", "scope", unique=True, postgresql_where=text("lifted_at IS NULL")),
    )

    id: Mapped[Id]
    phone: Mapped[str]
    scope: Mapped[str]
    source: Mapped[str]
    at: Mapped[CreatedAt]
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None]
    mirrored: Mapped[str | None]
    """What the provider was last told of this phone: opt-out or opt-in."""


class Pause(Base):
    """Nothing leaves from this sender before `until`; what waits keeps its place."""

    __tablename__ = "sms_pause"

    sender: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]
    until: Mapped[datetime]
    code: Mapped[str]
    """The error code that says why; it stays until a text has gone through again."""


class Pace(Base):
    """Until when a sender has used up what it may send."""

    __tablename__ = "sms_pace"

    sender: Mapped[str] = mapped_column(primary_key=True)
    free_at: Mapped[datetime]


class DeactivationList(Base):
    """A day whose list of phones that were switched off has been read to its end."""

    __tablename__ = "sms_deactivation_list"

    day: Mapped[date] = mapped_column(primary_key=True)
    read_at: Mapped[CreatedAt]


class ConsoleText(Base):
    """What the console gateway "sent": the memory a real provider would have, so that no crash makes it send twice."""

    __tablename__ = "sms_console_text"

    message_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    sid: Mapped[str] = mapped_column(unique=True)
    at: Mapped[CreatedAt]
