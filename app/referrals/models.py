from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db import Base, CreatedAt, Id, words
from app.referrals.closing import Barrier, Closure, Says, closure
from app.referrals.lifecycle import ENDED, NEEDS_REASON, Actor, Status

_quoted = ", ".join(f"'{status.value}'" for status in sorted(NEEDS_REASON))
_ended = ", ".join(f"'{status.value}'" for status in sorted(ENDED))


class Referral(Base):
    """Asks one service at one location to meet one need (FHIR: a ServiceRequest and its Task)."""

    __tablename__ = "referral"
    __table_args__ = (
        CheckConstraint(f"(status IN ({_quoted})) = (reason_code IS NOT NULL)", name="reason_when_refused"),
        CheckConstraint("(status = 'completed') = (outcome_code IS NOT NULL)", name="outcome_when_completed"),
        CheckConstraint(f"(status IN ({_ended})) = (ended_at IS NOT NULL)", name="ended_has_time"),
        CheckConstraint("status IN ('draft', 'entered-in-error') OR sent_at IS NOT NULL", name="sent_has_time"),
        CheckConstraint("(patient_says IS NULL) = (patient_said_at IS NULL)", name="answer_has_time"),
        CheckConstraint("barrier IS NULL OR patient_says = 'not-yet'", name="barrier_behind_not_yet"),
        # The same request twice at once is a double tap, not two requests.
        Index(
            "uq_referral_open",
            "need_id",
            "service_at_location_id",
            unique=True,
            postgresql_where=text(f"status NOT IN ({_ended})"),
        ),
    )

    id: Mapped[Id]
    need_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("need.id"), index=True)
    patient_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("patient.id"), index=True)
    service_at_location_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("service_at_location.id"), index=True)
    service_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("service.id"), index=True)
    organization_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organization.id"), index=True)
    status: Mapped[Status] = mapped_column(words(Status), default=Status.DRAFT)
    reason_code: Mapped[str | None]
    reason_text: Mapped[str | None]
    outcome_code: Mapped[str | None]
    outcome_text: Mapped[str | None]
    note: Mapped[str] = mapped_column(default="")
    """What the sender wants the agency to know."""
    why: Mapped[list[Any]] = mapped_column(default=list)
    """The reasons shown when it was chosen: [[code, text], …]."""
    sent_by_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff_member.id"))
    owner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff_member.id"), index=True)
    """The one person who answers for the next silence."""
    created_at: Mapped[CreatedAt]
    sent_at: Mapped[datetime | None]
    seen_at: Mapped[datetime | None]
    """When somebody at the agency first opened it: a time stamp, not a state."""
    accepted_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    promised_by: Mapped[date | None]
    """By when the agency, in accepting, said it would contact the patient; in the agency's own days."""
    patient_says: Mapped[Says | None] = mapped_column(words(Says))
    barrier: Mapped[Barrier | None] = mapped_column(words(Barrier))
    patient_said_at: Mapped[datetime | None]
    asked_out_at: Mapped[datetime | None]
    """When the last way of asking the patient was used up."""

    transitions: Mapped[list[Transition]] = relationship(order_by="Transition.number", viewonly=True)

    @property
    def closure(self) -> Closure:
        return closure(self.status, self.patient_says, asked_out=self.asked_out_at is not None)


class Transition(Base):
    """One step of one referral: from, to, who, when, why. Append-only: the database refuses to change or delete it."""

    __tablename__ = "transition"
    __table_args__ = (UniqueConstraint("referral_id", "number"),)

    id: Mapped[Id]
    referral_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("referral.id"))
    number: Mapped[int]
    old: Mapped[Status] = mapped_column(words(Status, "old"))
    new: Mapped[Status] = mapped_column(words(Status, "new"))
    at: Mapped[datetime]
    actor: Mapped[Actor] = mapped_column(words(Actor))
    by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    """Who took the step; None when the platform did."""
    said_by: Mapped[Actor | None] = mapped_column(words(Actor, "said_by"))
    """Set when the step records what the other side said, for example by phone."""
    reason_code: Mapped[str | None]
    reason_text: Mapped[str | None]
    outcome_code: Mapped[str | None]
    outcome_text: Mapped[str | None]


class NoneWanted(Base):
    """A patient looked at these places and wanted none of them, and why. Append-only."""

    __tablename__ = "none_wanted"

    id: Mapped[Id]
    need_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("need.id"), index=True)
    offered: Mapped[list[Any]]
    """The services at locations that were shown, best first, by id."""
    reason_code: Mapped[str]
    reason_text: Mapped[str] = mapped_column(default="")
    at: Mapped[CreatedAt]
    by_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff_member.id"))


class PatientReport(Base):
    """What the patient said became of a referral, each time they said it. Append-only."""

    __tablename__ = "patient_report"
    __table_args__ = (Index("ix_patient_report_referral_id", "referral_id", "at"),)

    id: Mapped[Id]
    referral_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("referral.id"))
    says: Mapped[Says] = mapped_column(words(Says))
    barrier: Mapped[Barrier | None] = mapped_column(words(Barrier))
    how: Mapped[str]
    """text, or staff who heard it."""
    at: Mapped[datetime]
    recorded_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    inbound_id: Mapped[uuid.UUID | None] = mapped_column(unique=True)
    """The text it was read from; unique, so that reading a text twice answers once."""
