from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db import Base, CreatedAt, Id
from app.referrals.models import Referral


class Question(Base):
    """What a phone was asked and has not answered.

    At most one is open between a phone and a number of ours, so that “1” means one thing.
    """

    __tablename__ = "question"
    __table_args__ = (
        CheckConstraint("(asks = 'language') = (referral_id IS NULL)", name="about_a_referral"),
        CheckConstraint("(asks = 'language') = (language IS NOT NULL)", name="offers_a_language"),
        Index(
            "uq_question_open_phone_number",
            "phone",
            "number",
            unique=True,
            postgresql_where=text("closed_at IS NULL"),
        ),
        Index("ix_question_phone_opened_at", "phone", "opened_at"),
    )

    id: Mapped[Id]
    phone: Mapped[str]
    number: Mapped[str] = mapped_column(default="")
    """From which of our numbers it is asked; empty where we have but one."""
    patient_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("patient.id"), index=True)
    referral_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("referral.id"), index=True)
    referral: Mapped[Referral | None] = relationship(viewonly=True)
    asks: Mapped[str]
    """got-help, barrier after “not yet”, or language."""
    language: Mapped[str | None]
    """The language that is offered."""
    opened_at: Mapped[CreatedAt]
    closed_at: Mapped[datetime | None]
    answer: Mapped[str | None]


class Reference(Base):
    """What a referral is called in texts to a phone that several people share; it keeps it for good."""

    __tablename__ = "reference"
    __table_args__ = (UniqueConstraint("phone", "code"),)

    referral_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("referral.id"), primary_key=True)
    phone: Mapped[str] = mapped_column(primary_key=True)
    code: Mapped[str]


class Takeover(Base):
    """A person talks with a patient by text themselves; until it ends, nothing is asked by itself. One at a time."""

    __tablename__ = "takeover"
    __table_args__ = (
        CheckConstraint("ended_by_id IS NULL OR ended_at IS NOT NULL", name="given_back_when_ended"),
        Index("uq_takeover_now", "patient_id", unique=True, postgresql_where=text("ended_at IS NULL")),
    )

    id: Mapped[Id]
    patient_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("patient.id"))
    staff_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff_member.id"))
    since: Mapped[datetime]
    until: Mapped[datetime]
    """Then it is over by itself, so that a conversation nobody gives back is not silent for ever."""
    ended_at: Mapped[datetime | None]
    ended_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    """Who gave it back; None when it ran out."""


class Clock(Base):
    """A step that is due later, such as asking the patient on day 7. Firing it twice does nothing twice."""

    __tablename__ = "clock"
    __table_args__ = (
        Index("uq_clock_live", "referral_id", "step", unique=True, postgresql_where=text("ended_at IS NULL")),
        Index("ix_clock_due", "due_at", postgresql_where=text("ended_at IS NULL")),
    )

    id: Mapped[Id]
    referral_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("referral.id"))
    group: Mapped[str]
    """agency or patient: a real event on one side clears the pending steps of that side."""
    step: Mapped[str]
    effect: Mapped[str]
    due_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    """fired or cleared."""


class ClockOverride(Base):
    """Another wait for an agency, for a kind of need, or for both; see `app.loop.clocks.wait_for`."""

    __tablename__ = "clock_override"
    __table_args__ = (
        CheckConstraint("organization_id IS NOT NULL OR need IS NOT NULL", name="for_somebody"),
        CheckConstraint("amount > 0", name="waits"),
        UniqueConstraint("step", "organization_id", "need"),
        Index(
            "uq_clock_override_agency",
            "step",
            "organization_id",
            unique=True,
            postgresql_where=text("need IS NULL"),
        ),
        Index(
            "uq_clock_override_need",
            "step",
            "need",
            unique=True,
            postgresql_where=text("organization_id IS NULL"),
        ),
    )

    id: Mapped[Id]
    step: Mapped[str]
    """A name of the table of clocks."""
    amount: Mapped[int]
    """In the unit of the step."""
    organization_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("organization.id"), index=True)
    need: Mapped[str | None]
    """A code of the needs vocabulary."""
    set_at: Mapped[CreatedAt]
    set_by_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff_member.id"))
