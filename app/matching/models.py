from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, LargeBinary, SmallInteger, text
from sqlalchemy.dialects.postgresql import JSONB, REAL
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, CreatedAt, words
from app.directory.codes import CapacityStatus
from app.geography.places import Precision

_SEARCHED = (
    "service_at_location_id",
    "service_id",
    "organization_id",
    "grain",
    "history",
    "room",
    "capacity_at",
    "merit",
    "urgent_merit",
    "audience",
    "languages",
    "interpreter",
    "min_age",
    "max_age",
    "full_until",
    "closing",
    "time_zone",
)


class Listing(Base):
    """A service at a location, as an answer to one need: all that an answer looks at and shows, in one row.

    Made from the directory by `operations.refresh`, in the transaction that changes it; nobody else writes here.
    There are no foreign keys because a row never outlives that transaction's view of the directory.
    """

    __tablename__ = "listing"
    __table_args__ = (
        CheckConstraint(
            "(latitude IS NULL) = (precision = 'none') AND (longitude IS NULL) = (precision = 'none')",
            name="placed_has_coordinates",
        ),
        CheckConstraint(
            "anchored = (latitude IS NOT NULL AND area_id IS NULL AND NOT remote)",
            name="anchored_by_distance_only",
        ),
        CheckConstraint("NOT remote OR latitude IS NULL", name="remote_is_nowhere"),
        CheckConstraint("(capacity = 'no-capacity') = (full_until IS NOT NULL)", name="full_until_some_moment"),
        CheckConstraint("room = 0 OR capacity_at IS NOT NULL", name="room_was_said_some_day"),
        # Everything a search weighs stands in the index, so it visits the table only for what it may offer.
        Index(
            "ix_listing_anchored",
            "need",
            "grade",
            text("(floor(latitude * 10)::integer)"),
            "longitude",
            postgresql_include=("latitude", *_SEARCHED),
            postgresql_where=text("anchored"),
        ),
        Index(
            "ix_listing_elsewhere",
            "need",
            "area_id",
            postgresql_include=("latitude", "longitude", "remote", *_SEARCHED),
            postgresql_where=text("NOT anchored"),
        ),
        Index("ix_listing_organization_id", "organization_id", "need"),
    )

    service_at_location_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    need: Mapped[str] = mapped_column(primary_key=True)
    """A code of the needs vocabulary."""
    service_id: Mapped[uuid.UUID] = mapped_column(index=True)
    organization_id: Mapped[uuid.UUID]
    service: Mapped[str]
    """Its name, as the organization's and the town: what an answer shows, it reads here and nowhere else."""
    organization: Mapped[str]
    city: Mapped[str]
    latitude: Mapped[float | None]
    """Of the middle of the ZIP code when the address is confidential: the real one is not kept here."""
    longitude: Mapped[float | None]
    precision: Mapped[Precision] = mapped_column(words(Precision))
    grain: Mapped[float] = mapped_column(REAL)
    """Miles; `GRAIN_MILES` of the precision."""
    fit: Mapped[float] = mapped_column(REAL)
    """How much of what the service does answers this need, 0 to 1."""
    area_id: Mapped[int | None]
    """The service area it is limited to; None when it names none that we understand."""
    drawn: Mapped[bool]
    """The area is drawn on a map, so that no list decides who lives in it."""
    remote: Mapped[bool]
    anchored: Mapped[bool]
    """Its distance alone decides whether it is near enough."""
    confidential: Mapped[bool]
    audience: Mapped[int]
    """Whom it is only for, as bits; see `app.matching.audiences`."""
    languages: Mapped[str]
    """What its staff speak: " es zh ", or "" when nothing is known."""
    interpreter: Mapped[bool]
    min_age: Mapped[int | None]
    max_age: Mapped[int | None]
    capacity: Mapped[CapacityStatus] = mapped_column(words(CapacityStatus))
    capacity_at: Mapped[datetime | None]
    capacity_until: Mapped[datetime | None]
    """It holds before this moment."""
    full_until: Mapped[datetime | None]
    """Nobody is taken in before this moment; the end of time where none is named."""
    room: Mapped[float] = mapped_column(REAL)
    """This and the other numbers of what it brings along to a score: see `ranking.Bounds`."""
    hours: Mapped[bytes | None] = mapped_column(LargeBinary)
    """See `app.matching.hours`."""
    closing: Mapped[int | None] = mapped_column(BigInteger)
    time_zone: Mapped[str]
    history: Mapped[float] = mapped_column(REAL)
    """See `app.matching.records`."""
    history_n: Mapped[int]
    walk_in: Mapped[bool | None]
    merit: Mapped[float] = mapped_column(REAL)
    urgent_merit: Mapped[float] = mapped_column(REAL)
    grade: Mapped[int] = mapped_column(SmallInteger, server_default=text("2"))


class ListingArea(Base):
    """An area that services limit themselves to. Many share one, such as a county."""

    __tablename__ = "listing_area"
    __table_args__ = (
        CheckConstraint("(polygons IS NULL) = (south IS NULL)", name="drawn_areas_have_a_box"),
        Index("ix_listing_area_box", "south", "north", postgresql_where=text("south IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    digest: Mapped[str] = mapped_column(unique=True)
    """Of all that it consists of."""
    polygons: Mapped[list[Any] | None] = mapped_column(JSONB)
    """Polygons of rings of [longitude, latitude]; None when nothing of it is drawn."""
    south: Mapped[float | None]
    west: Mapped[float | None]
    north: Mapped[float | None]
    east: Mapped[float | None]


class ListingAreaKey(Base):
    """Who lives in an area: everybody with one of its keys; see `readings.area_keys`."""

    __tablename__ = "listing_area_key"

    key: Mapped[str] = mapped_column(primary_key=True)
    area_id: Mapped[int] = mapped_column(ForeignKey("listing_area.id"), primary_key=True, index=True)


class AgencyRecord(Base):
    """What became of the referrals an organization received for a need; `operations.learn` keeps it."""

    __tablename__ = "agency_record"
    __table_args__ = (
        CheckConstraint("answered BETWEEN 0 AND asked AND helped BETWEEN 0 AND asked", name="no_more_than_asked"),
    )

    organization_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organization.id"), primary_key=True)
    need: Mapped[str] = mapped_column(primary_key=True)
    asked: Mapped[int]
    answered: Mapped[int]
    helped: Mapped[int]


class Bearing(StrEnum):
    """What an earlier referral means for offering a service again."""

    ASKED = "asked"
    """It is being asked, or has just said no."""
    DECLINED = "declined"
    """The patient had it offered and did not want it."""
    HELPING = "helping"
    """It helps this household now."""


class PastOffer(Base):
    """What happened between a patient and a service, as far as it bears on the next offer.

    Matching stands below referrals and cannot ask them; they tell it through `operations.remember`.
    """

    __tablename__ = "past_offer"

    patient_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("patient.id"), primary_key=True)
    service_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("service.id"), primary_key=True)
    organization_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organization.id"))
    bearing: Mapped[Bearing] = mapped_column(words(Bearing))
    at: Mapped[CreatedAt]


class IntakeFull(Base):
    """A service whose places for today are taken. Matching cannot ask referrals; they tell it so."""

    __tablename__ = "intake_full"

    service_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("service.id"), primary_key=True)
    until: Mapped[datetime]
    """The midnight after which it takes people in again."""
