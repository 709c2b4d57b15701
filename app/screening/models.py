from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, CreatedAt, Id, words


class NeedStatus(StrEnum):
    IDENTIFIED = "identified"
    WANTS_HELP = "wants-help"
    DECLINES_HELP = "declines-help"
    PLANNED = "planned"
    IN_PROGRESS = "in-progress"
    MET = "met"
    PARTLY_MET = "partly-met"
    UNMET = "unmet"
    WITHDRAWN = "withdrawn"

    @property
    def waits(self) -> bool:
        """Whether the patient wants help and nobody is being asked for it."""
        return self in {NeedStatus.WANTS_HELP, NeedStatus.UNMET}


class Screening(Base):
    """One conversation along one instrument. Every answer is kept the moment it is given."""

    __tablename__ = "screening"

    id: Mapped[Id]
    patient_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("patient.id"), index=True)
    instrument: Mapped[str]
    version: Mapped[int]
    language: Mapped[str]
    """The language the questions were asked in."""
    answers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    scores: Mapped[dict[str, Any]] = mapped_column(default=dict)
    started_by_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff_member.id"))
    started_at: Mapped[CreatedAt]
    completed_at: Mapped[datetime | None]


class Need(Base):
    """Something a patient needs, found by a screening. One need may have several referrals over time."""

    __tablename__ = "need"
    __table_args__ = (
        CheckConstraint("(status = 'declines-help') = (wants_help IS FALSE)", name="declined_is_not_wanted"),
        Index("ix_need_patient_id", "patient_id", "kind"),
    )

    id: Mapped[Id]
    patient_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("patient.id"))
    screening_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("screening.id"), index=True)
    kind: Mapped[str]
    """A code of `app.needs.vocabulary`."""
    status: Mapped[NeedStatus] = mapped_column(words(NeedStatus), default=NeedStatus.IDENTIFIED)
    wants_help: Mapped[bool | None]
    """What the patient said when asked; None while nobody asked."""
    urgent: Mapped[bool] = mapped_column(default=False)
    because: Mapped[list[Any]] = mapped_column(default=list)
    """The answers it came from: [[question, answer], …] in the codes of the instrument."""
    codes: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Suggested codes by system, such as {"icd10cm": ["Z59.41"]}; a person confirms them elsewhere."""
    found_at: Mapped[CreatedAt]
