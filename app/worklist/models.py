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
        CheckConstraint("(taken_at IS NULL) = (taken_by_id IS NULL)", name="taken_by_somebody"),
        Index(
            "ix_work_item_page_at",
            "page_at",
            postgresql_where=text("page_at IS NOT NULL AND taken_at IS NULL AND done_at IS NULL"),
        ),
        Index("ix_work_item_owner", "owner_id", "due_at", postgresql_where=text("done_at IS NULL")),
        Index("ix_work_item_done", "team_id", "done_at", postgresql_where=text("done_by_id IS NOT NULL")),
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
    note: Mapped[str] = mapped_column(default="")
    """What whoever finished it wants to be known about it."""
    taken_at: Mapped[datetime | None]
    """When somebody said “I am on it”; from then on nobody else is paged."""
    taken_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    page_step: Mapped[int] = mapped_column(default=0)
    """How many steps of `escalation.STEPS` are used up."""
    page_at: Mapped[datetime | None]
    """When to page the next person; None when nobody is to be paged."""


class StaffPage(Base):
    """Somebody was paged about an urgent text. One text may serve several: nobody gets ten for ten urgent texts."""

    __tablename__ = "staff_page"
    __table_args__ = (
        Index("ix_staff_page_message_id", "message_id"),
        Index("ix_staff_page_phone_at", "phone", "at"),
    )

    id: Mapped[Id]
    item_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("work_item.id"), index=True)
    step: Mapped[int]
    staff_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    """None for the network's fallback number."""
    phone: Mapped[str]
    message_id: Mapped[uuid.UUID]
    """The text in the outbox."""
    at: Mapped[datetime]
    failed_at: Mapped[datetime | None]
    """When it was known that this phone does not get it."""
