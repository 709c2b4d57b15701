from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, CreatedAt, Id


class AuditEntry(Base):
    """Who saw or did what to which record. Append-only: the database refuses to change or delete a row.

    Plain ids without foreign keys: the log outlives what it speaks of.
    """

    __tablename__ = "audit_entry"
    __table_args__ = (Index("ix_audit_entry_subject", "subject", "subject_id", "at"),)

    id: Mapped[Id]
    at: Mapped[CreatedAt]
    staff_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    action: Mapped[str]
    subject: Mapped[str]
    subject_id: Mapped[uuid.UUID | None]
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
