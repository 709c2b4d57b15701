from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db import Base, CreatedAt, Id, words
from app.referrals.closing import Barrier, Closure, Says, closure
from app.referrals.lifecycle import ENDED, NEEDS_REASON, Actor, Status
from app.referrals.meetings import Became, Reply, Way
from app.referrals.promises import Kept

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
        Index("ix_referral_inbox", "organization_id", "status", "sent_at"),
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
    instead_of_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("referral.id"), unique=True)
    """The referral that could not help and that this one follows by itself; unique, so that it goes on once."""
    group_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    """Referrals of one need that were sent together: the first to be accepted recalls the others."""
    created_at: Mapped[CreatedAt]
    sent_at: Mapped[datetime | None]
    seen_at: Mapped[datetime | None]
    """When somebody at the agency first opened it: a time stamp, not a state."""
    accepted_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    promised_by: Mapped[date | None]
    """By when the agency has said it would contact the patient, in its own days; None once it has kept that."""
    patient_says: Mapped[Says | None] = mapped_column(words(Says))
    barrier: Mapped[Barrier | None] = mapped_column(words(Barrier))
    patient_said_at: Mapped[datetime | None]
    asked_out_at: Mapped[datetime | None]
    """When the last way of asking the patient was used up."""
    assigned_to_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff_member.id"), index=True)
    """Who at the agency sees to it; None for whoever is first."""
    agency_read_at: Mapped[datetime | None]
    """When somebody at the agency last looked at it: what the sender wrote later is new to them."""
    ride_need_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("need.id"))
    """The need for transport that this referral has brought to light."""

    transitions: Mapped[list[Transition]] = relationship(order_by="Transition.number", viewonly=True)
    promises: Mapped[list[Promise]] = relationship(order_by="Promise.made_at", viewonly=True)
    appointment: Mapped[Appointment | None] = relationship(
        primaryjoin="and_(Appointment.referral_id == Referral.id, Appointment.became == 'planned')", viewonly=True
    )
    """The one of which nobody has said yet what became of it."""

    @property
    def closure(self) -> Closure:
        return closure(self.status, self.patient_says, asked_out=self.asked_out_at is not None)


class Transition(Base):
    """One step of one referral: from, to, who, when, why. Append-only: the database refuses to change or delete it."""

    __tablename__ = "transition"
    __table_args__ = (
        UniqueConstraint("referral_id", "number"),
        CheckConstraint("by_name IS NULL OR (by_id IS NULL AND actor = 'agency')", name="named_or_known"),
    )

    id: Mapped[Id]
    referral_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("referral.id"))
    number: Mapped[int]
    old: Mapped[Status] = mapped_column(words(Status, "old"))
    new: Mapped[Status] = mapped_column(words(Status, "new"))
    at: Mapped[datetime]
    actor: Mapped[Actor] = mapped_column(words(Actor))
    by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    """Who took the step; None when the platform did."""
    by_name: Mapped[str | None]
    """Who took it at the agency without an account, as they call themselves."""
    said_by: Mapped[Actor | None] = mapped_column(words(Actor, "said_by"))
    """Set when the step records what the other side said, for example by phone."""
    reason_code: Mapped[str | None]
    reason_text: Mapped[str | None]
    outcome_code: Mapped[str | None]
    outcome_text: Mapped[str | None]
    attempts: Mapped[int | None]
    """How often the agency says that it has tried, where it could not reach the patient."""


class Appointment(Base):
    """When and where an agency sees a patient. Moved, it stays the same; at most one of a referral is ahead."""

    __tablename__ = "appointment"
    __table_args__ = (
        CheckConstraint("(became = 'planned') = (ended_at IS NULL)", name="ended_has_time"),
        CheckConstraint("(reply IS NULL) = (replied_at IS NULL)", name="reply_has_time"),
        Index("uq_appointment_ahead", "referral_id", unique=True, postgresql_where=text("became = 'planned'")),
    )

    id: Mapped[Id]
    referral_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("referral.id"), index=True)
    starts_at: Mapped[datetime]
    way: Mapped[Way] = mapped_column(words(Way))
    place: Mapped[str] = mapped_column(default="")
    note: Mapped[str] = mapped_column(default="")
    """For the care team and the agency's own calendar; it is never texted."""
    sequence: Mapped[int] = mapped_column(default=0)
    """How often it was changed, which calendars go by."""
    created_at: Mapped[CreatedAt]
    made_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    """None for a contact of the agency without an account."""
    changed_at: Mapped[CreatedAt]
    became: Mapped[Became] = mapped_column(words(Became), default=Became.PLANNED)
    ended_at: Mapped[datetime | None]
    reply: Mapped[Reply | None] = mapped_column(words(Reply))
    """To the time as it stands now."""
    replied_at: Mapped[datetime | None]


class Promise(Base):
    """By when an agency said that it would contact the patient, and whether it did; each promise has a row."""

    __tablename__ = "promise"
    __table_args__ = (
        CheckConstraint("(kept IS NULL) = (ended_at IS NULL)", name="ended_has_time"),
        Index("uq_promise_open", "referral_id", unique=True, postgresql_where=text("ended_at IS NULL")),
    )

    id: Mapped[Id]
    referral_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("referral.id"), index=True)
    by_day: Mapped[date]
    """In the agency's own days."""
    made_at: Mapped[CreatedAt]
    kept: Mapped[Kept | None] = mapped_column(words(Kept))
    ended_at: Mapped[datetime | None]


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


class Note(Base):
    """What one side wrote about a referral: for itself, or for both. Append-only, and never texted to the patient."""

    __tablename__ = "note"
    __table_args__ = (
        CheckConstraint("shared OR NOT (asks OR answers_id IS NOT NULL)", name="asked_aloud"),
        Index("ix_note_referral_id", "referral_id", "at"),
    )

    id: Mapped[Id]
    referral_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("referral.id"))
    side: Mapped[Actor] = mapped_column(words(Actor))
    shared: Mapped[bool]
    """Both sides read it; else only the side that wrote it."""
    asks: Mapped[bool]
    """It wants an answer from the other side."""
    text: Mapped[str]
    answers_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("note.id"), unique=True)
    """The question that it answers; unique, so that a question has one answer."""
    by_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff_member.id"))
    at: Mapped[CreatedAt]


class WalkIn(Base):
    """Somebody whom an agency served without a referral.

    Who it was is kept only when exactly one patient fits who agreed that organizations may know of them. The agency is
    never told whether one does.
    """

    __tablename__ = "walk_in"
    __table_args__ = (
        CheckConstraint("num_nonnulls(got_help, answered_at, answered_by_id) IN (0, 3)", name="answered_by_somebody"),
        CheckConstraint("patient_id IS NOT NULL OR (need_id IS NULL AND got_help IS NULL)", name="of_somebody"),
        Index("ix_walk_in_organization_id_served_on", "organization_id", "served_on"),
    )

    id: Mapped[Id]
    organization_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organization.id"))
    need: Mapped[str]
    """A code of the needs vocabulary: what they came for."""
    served_on: Mapped[date]
    by_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff_member.id"))
    at: Mapped[CreatedAt]
    patient_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("patient.id"), index=True)
    need_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("need.id"), index=True)
    """The patient's need that this may have met."""
    got_help: Mapped[bool | None]
    """What the patient says, as the care team heard it."""
    answered_at: Mapped[datetime | None]
    answered_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff_member.id"))
