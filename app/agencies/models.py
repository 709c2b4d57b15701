"""Organizations that answer without an account: whom to write to there, what was sent, and who answered."""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, CreatedAt, Id, words


class Origin(StrEnum):
    STAFF = "staff"
    DIRECTORY = "directory"
    """Taken from what the directory says, because nobody had said otherwise."""


class Contact(Base):
    """Somebody at an organization who receives its referrals by e-mail, by text or by both."""

    __tablename__ = "agency_contact"
    __table_args__ = (
        CheckConstraint("email IS NOT NULL OR phone IS NOT NULL", name="can_be_reached"),
        CheckConstraint("email = lower(email)", name="email_is_lower_case"),
        CheckConstraint(r"phone ~ '^\+[1-9][0-9]{6,14}$'", name="e164"),
        Index("ix_agency_contact_phone", "phone", postgresql_where=text("ended_at IS NULL")),
        Index("ix_agency_contact_organization_id", "organization_id", postgresql_where=text("ended_at IS NULL")),
        Index(
            "uq_agency_contact_of_directory",
            "organization_id",
            "email",
            unique=True,
            postgresql_where=text("origin = 'directory' AND ended_at IS NULL"),
        ),
    )

    id: Mapped[Id]
    organization_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organization.id"))
    service_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("service.id"), index=True)
    """Only for this service; None for all that have nobody of their own."""
    name: Mapped[str]
    email: Mapped[str | None]
    phone: Mapped[str | None]
    language: Mapped[str] = mapped_column(default="en")
    origin: Mapped[Origin] = mapped_column(words(Origin))
    created_at: Mapped[CreatedAt]
    ended_at: Mapped[datetime | None]


class Link(Base):
    """The signed link by which one contact answers one referral. It names this row and nothing else."""

    __tablename__ = "agency_link"
    __table_args__ = (UniqueConstraint("referral_id", "contact_id"),)

    id: Mapped[Id]
    referral_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("referral.id"))
    contact_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("agency_contact.id"), index=True)
    created_at: Mapped[CreatedAt]
    renewed_at: Mapped[datetime]
    """When it was last sent to its contact; it holds for a month from then."""
    edition: Mapped[int] = mapped_column(default=1)
    """A link that was sent anew has the next one, so that the old one stays dead."""
    disowned_at: Mapped[datetime | None]
    """When somebody who got it said that it is not for them; it opens nothing any more."""


class Introduction(Base):
    """Somebody opened a link and said who they are. Append-only by habit: each time is a row."""

    __tablename__ = "agency_introduction"

    id: Mapped[Id]
    link_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("agency_link.id"), index=True)
    name: Mapped[str]
    at: Mapped[CreatedAt]


class Renewal(Base):
    """Somebody asked for a new link; kept for as long as it counts against the next one."""

    __tablename__ = "agency_renewal"

    id: Mapped[Id]
    link_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("agency_link.id"), index=True)
    at: Mapped[CreatedAt]


class ReplyCode(Base):
    """What a referral is called in texts between us and its agency, such as 48213."""

    __tablename__ = "agency_code"
    __table_args__ = (
        UniqueConstraint("organization_id", "code"),
        CheckConstraint("code ~ '^[0-9]{5}$'", name="five_digits"),
    )

    referral_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("referral.id"), primary_key=True)
    organization_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organization.id"))
    code: Mapped[str]
    asked_reason_at: Mapped[datetime | None]
    """When a contact who declined was asked why; they are asked once."""
    asked_reason_phone: Mapped[str | None]


class Question(Base):
    """What somebody at the agency wants to know before they answer, and what the care team says."""

    __tablename__ = "agency_question"
    __table_args__ = (
        CheckConstraint("num_nonnulls(answer, answered_at, answered_by_id) IN (0, 3)", name="answered_by_somebody"),
    )

    id: Mapped[Id]
    link_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("agency_link.id"), index=True)
    referral_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("referral.id"), index=True)
    asked_by: Mapped[str]
    text: Mapped[str]
    asked_at: Mapped[CreatedAt]
    answer: Mapped[str | None]
    answered_at: Mapped[datetime | None]
    answered_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff_member.id"))


class CapacityQuestion(Base):
    """“Do you still take people in?”, sent to one contact about the services they answer for."""

    __tablename__ = "capacity_question"
    __table_args__ = (
        CheckConstraint("(answered_at IS NULL) = (answered_by IS NULL)", name="answered_by_somebody"),
        Index("ix_capacity_question_organization_id_asked_at", "organization_id", "asked_at"),
    )

    id: Mapped[Id]
    organization_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organization.id"))
    contact_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("agency_contact.id"), index=True)
    asked_at: Mapped[CreatedAt]
    answered_at: Mapped[datetime | None]
    answered_by: Mapped[str | None]
    """As they call themselves."""
