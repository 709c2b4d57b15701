from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, CreatedAt, Id, words
from app.worklist.kinds import Kind


class WorkItem(Base):
    """Something one person has to do, by when and why. At most one open item for each purpose."""

    __tablename__ = "work_item"
    __table_args__ = (
        CheckConstraint("(done_at IS NULL) = (outcome IS NULL)", name="done_has_outcome"),
        Index("uq_work_item_purpose", "purpose", unique=True, postgresql_where=text("done_at IS NULL")),
        Index("ix_work_item_owner", "owner_id", "due_at", postgresql_where=text("done_at IS NULL")),
    )

    id: Mapped[Id]
    kind: Mapped[Kind] = mapped_column(words(Kind))
    purpose: Mapped[str]
    """What it is for, such as referral:…:dispute; asking twice for the same work makes one item."""
    owner_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    team_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("team.id"), index=True)
    """Whose work it is; None for a text from a number nobody knows, which every care team sees."""
    patient_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("patient.id"), index=True)
    referral_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("referral.id"), index=True)
    inbound_id: Mapped[uuid.UUID | None]
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
    urgent: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[CreatedAt]
    due_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    done_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    outcome: Mapped[str | None]
