from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, CreatedAt, Id


class Question(Base):
    """What a phone was asked and has not answered. At most one is open for each phone, so that “1” means one thing."""

    __tablename__ = "question"
    __table_args__ = (
        CheckConstraint("(asks = 'language') = (referral_id IS NULL)", name="about_a_referral"),
        CheckConstraint("(asks = 'language') = (language IS NOT NULL)", name="offers_a_language"),
        Index("uq_question_open_phone", "phone", unique=True, postgresql_where=text("closed_at IS NULL")),
        Index("ix_question_phone_opened_at", "phone", "opened_at"),
    )

    id: Mapped[Id]
    phone: Mapped[str]
    patient_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("patient.id"), index=True)
    referral_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("referral.id"), index=True)
    asks: Mapped[str]
    """got-help, barrier after “not yet”, or language."""
    language: Mapped[str | None]
    """The language that is offered."""
    opened_at: Mapped[CreatedAt]
    closed_at: Mapped[datetime | None]
    answer: Mapped[str | None]


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
