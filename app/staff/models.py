from __future__ import annotations

import uuid
from datetime import datetime

from flask_login import UserMixin
from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db import Base, CreatedAt, Id, words
from app.staff.permissions import Role


class Team(Base):
    """People who care for the same patients: a clinic, a county unit, a mobile van."""

    __tablename__ = "team"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)
    phone: Mapped[str]
    time_zone: Mapped[str]


class StaffMember(UserMixin, Base):
    """Somebody who signs in: of a care team, of an agency, or an administrator."""

    __tablename__ = "staff_member"
    __table_args__ = (
        CheckConstraint("(role = 'agency') = (organization_id IS NOT NULL)", name="agency_has_organization"),
        CheckConstraint("(role IN ('health-worker', 'lead')) = (team_id IS NOT NULL)", name="care_has_team"),
        CheckConstraint("NOT on_call OR phone IS NOT NULL", name="on_call_has_a_phone"),
        CheckConstraint("email = lower(email)", name="email_is_lower_case"),
    )

    id: Mapped[Id]
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    role: Mapped[Role] = mapped_column(words(Role))
    password_hash: Mapped[str]
    team_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("team.id"), index=True)
    organization_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("organization.id"), index=True)
    language: Mapped[str] = mapped_column(default="en")
    active: Mapped[bool] = mapped_column(default=True)
    phone: Mapped[str | None]
    """Where they are paged when a text speaks of danger; E.164. Shown to administrators only."""
    on_call: Mapped[bool] = mapped_column(default=False)
    weekly_digest: Mapped[bool] = mapped_column(default=False)
    """Whether somebody of an agency wants its week by e-mail."""
    session_epoch: Mapped[int] = mapped_column(default=0)
    """Part of every session of theirs; counting it up ends them all, wherever the cookies are."""
    created_at: Mapped[CreatedAt]

    team: Mapped[Team | None] = relationship()

    @property
    def is_active(self) -> bool:
        """Flask-Login's question; a person who was switched off is signed out at the next click."""
        return self.active

    def get_id(self) -> str:
        """What Flask-Login keeps in a session: who, and as of which epoch."""
        return f"{self.id}:{self.session_epoch}"


class ApiToken(Base):
    """A bearer token; only its SHA-256 is kept, so a stolen database signs nobody in."""

    __tablename__ = "api_token"

    id: Mapped[Id]
    staff_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff_member.id"), index=True)
    sha256: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]

    staff: Mapped[StaffMember] = relationship()


class SignInFailure(Base):
    """A wrong password, kept for as long as it counts against the next try.

    One row for each thing it counts against, such as the account and the network it came from, of which only a keyed
    hash is kept.
    """

    __tablename__ = "sign_in_failure"
    __table_args__ = (Index("ix_sign_in_failure_counted_at", "counted", "at"),)

    id: Mapped[Id]
    counted: Mapped[str]
    at: Mapped[datetime]
