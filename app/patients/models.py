from __future__ import annotations

import uuid
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, ForeignKey, Identity, Index, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db import Base, CreatedAt, Id, words
from app.patients.endings import Ending
from app.patients.pauses import Why
from app.patients.traits import SENSITIVE, Trait


class ConsentKind(StrEnum):
    SHARE = "share"
    """May tell an organization who they are and what they need."""
    TEXT = "text"
    """May send them texts."""


NOBODY = "\u2014"
"""What stands where a name was: a dash."""


class Patient(Base):
    __tablename__ = "patient"
    __table_args__ = (
        CheckConstraint("(latitude IS NULL) = (longitude IS NULL)", name="whole_coordinates"),
        CheckConstraint("num_nonnulls(ended, ended_at, ended_by_id) IN (0, 3)", name="ended_by_somebody"),
        CheckConstraint(
            "ended IS DISTINCT FROM 'deleted' OR ("
            f"given_name = '{NOBODY}' AND concat(family_name, search_name, line1, city, state, postal_code) = ''"
            " AND birth_date = make_date(extract(year FROM birth_date)::int, 1, 1) AND latitude IS NULL)",
            name="deleted_is_nobody",
        ),
        Index("ix_patient_search_name", "search_name", postgresql_ops={"search_name": "text_pattern_ops"}),
    )

    id: Mapped[Id]
    team_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("team.id"), index=True)
    lead_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff_member.id"), index=True)
    given_name: Mapped[str]
    family_name: Mapped[str]
    search_name: Mapped[str]
    """Both names folded by `names.fold`, family name first."""
    birth_date: Mapped[date]
    language: Mapped[str]
    line1: Mapped[str]
    city: Mapped[str]
    state: Mapped[str]
    postal_code: Mapped[str] = mapped_column(index=True)
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    place_precision: Mapped[str]
    time_zone: Mapped[str]
    registered_by_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff_member.id"))
    created_at: Mapped[CreatedAt]
    ended: Mapped[Ending | None] = mapped_column(words(Ending))
    ended_at: Mapped[datetime | None]
    ended_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff_member.id"))

    phones: Mapped[list[PatientPhone]] = relationship(
        order_by="PatientPhone.added_at",
        lazy="selectin",
        primaryjoin="and_(Patient.id == PatientPhone.patient_id, PatientPhone.ended_at.is_(None))",
    )
    safe_contact: Mapped[SafeContact | None] = relationship(lazy="selectin")

    @property
    def phone(self) -> str:
        """The first of their numbers, as E.164; empty when they have none."""
        return self.phones[0].number if self.phones else ""

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.family_name}".strip()

    @property
    def short_name(self) -> str:
        """Enough to know whom we mean on a screen that others may see: “Ana R.”."""
        return f"{self.given_name} {self.family_name[:1]}." if self.family_name else self.given_name

    @property
    def zone(self) -> ZoneInfo:
        """Whose clock counts for them, and for their care team."""
        return ZoneInfo(self.time_zone)

    def age_on(self, day: date) -> int:
        """In whole years."""
        birthday_to_come = (day.month, day.day) < (self.birth_date.month, self.birth_date.day)
        return day.year - self.birth_date.year - birthday_to_come


class PatientPhone(Base):
    """A phone by which a patient can be reached. A number may belong to several patients: families share phones."""

    __tablename__ = "patient_phone"
    __table_args__ = (
        CheckConstraint(r"number ~ '^\+[1-9][0-9]{6,14}$'", name="e164"),
        Index(
            "uq_patient_phone_current", "patient_id", "number", unique=True, postgresql_where=text("ended_at IS NULL")
        ),
        Index("ix_patient_phone_number", "number"),
    )

    id: Mapped[Id]
    patient_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("patient.id"))
    number: Mapped[str]
    added_at: Mapped[CreatedAt]
    ended_at: Mapped[datetime | None]


class Consent(Base):
    """What a patient agreed to or withdrew, in which words. Append-only: the newest row of a kind is what holds."""

    __tablename__ = "consent"
    __table_args__ = (
        CheckConstraint(
            "organization_ids IS NULL OR (kind = 'share' AND given AND cardinality(organization_ids) > 0)",
            name="named_organizations_may_be_told",
        ),
        Index("ix_consent_patient_id_kind", "patient_id", "kind", "entry"),
    )

    id: Mapped[Id]
    entry: Mapped[int] = mapped_column(BigInteger, Identity(always=True), unique=True)
    """Which came later, also when two were recorded in the same moment."""
    patient_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("patient.id"))
    kind: Mapped[ConsentKind] = mapped_column(words(ConsentKind))
    given: Mapped[bool]
    how: Mapped[str]
    """spoken, written, text or api."""
    wording: Mapped[str]
    """The version of the sentence that was read out, such as share-1."""
    language: Mapped[str]
    at: Mapped[datetime]
    until: Mapped[datetime | None]
    organization_ids: Mapped[list[uuid.UUID] | None] = mapped_column(ARRAY(Uuid))
    """The only organizations that may be told; None when they named none in particular."""
    phone: Mapped[str | None]
    """The number a spoken opt-out or a texted STOP came from, when it matters."""
    recorded_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff_member.id"))


class SafeContact(Base):
    """How a patient can be reached without putting them in danger; the server honors it, not the template."""

    __tablename__ = "safe_contact"

    patient_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("patient.id"), primary_key=True)
    text_nothing: Mapped[bool] = mapped_column(default=False)
    voicemail_ok: Mapped[bool] = mapped_column(default=True)
    note: Mapped[str] = mapped_column(default="")
    changed_at: Mapped[datetime]
    changed_by_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff_member.id"))


class PatientTrait(Base):
    """What a patient told of themselves that services ask for; see `app.patients.traits`. No row: not told."""

    __tablename__ = "patient_trait"
    __table_args__ = (
        CheckConstraint(
            f"holds OR trait NOT IN ({', '.join(repr(trait.value) for trait in sorted(SENSITIVE))})",
            name="sensitive_only_when_wished",
        ),
    )

    patient_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("patient.id"), primary_key=True)
    trait: Mapped[Trait] = mapped_column(words(Trait), primary_key=True)
    holds: Mapped[bool]


class Pause(Base):
    """A patient is left alone until a day; several of a household share a `group_id`. At most one that nobody ended.

    It is over by itself when `until` comes (`app.patients.pauses.holds`); `ended_at` is then written by the next sweep.
    """

    __tablename__ = "patient_pause"
    __table_args__ = (
        CheckConstraint("until > since", name="lasts"),
        CheckConstraint("ended_by_id IS NULL OR ended_at IS NOT NULL", name="ended_by_somebody"),
        Index("uq_patient_pause_now", "patient_id", unique=True, postgresql_where=text("ended_at IS NULL")),
    )

    id: Mapped[Id]
    patient_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("patient.id"), index=True)
    group_id: Mapped[uuid.UUID]
    why: Mapped[Why] = mapped_column(words(Why, "why"))
    note: Mapped[str] = mapped_column(default="")
    since: Mapped[CreatedAt]
    until: Mapped[datetime]
    begun_by_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff_member.id"))
    ended_at: Mapped[datetime | None]
    ended_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    """Who ended it early; None when its day came."""
