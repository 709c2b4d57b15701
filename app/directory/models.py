"""The directory, in the tables and the words of HSDS 3.1 (Open Referral).

A column that HSDS does not have is marked as an extension. Nothing here is ever deleted: what a newer import no longer
lists gets `withdrawn_at`, because referrals still point to it.
"""

from __future__ import annotations

import uuid
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, CreatedAt, Id, words
from app.directory.codes import CapacityStatus, Frequency, LocationType, ServiceStatus

LOCAL = "local"
"""The source of rows that were made here and not imported."""


class Imported:
    """Where a row comes from. Extensions, all of them."""

    id: Mapped[Id]
    source: Mapped[str] = mapped_column(default=LOCAL)
    source_id: Mapped[str | None]
    """The row's id upstream, as it is written there."""
    fingerprint: Mapped[str] = mapped_column(default="")
    """A hash of what the import wrote; the same fingerprint next time means nothing to do."""
    last_seen_in_import_at: Mapped[datetime | None]
    """When the import that last listed the row had started."""
    withdrawn_at: Mapped[datetime | None]
    """When the source stopped listing the row."""


class Organization(Imported, Base):
    __tablename__ = "organization"

    name: Mapped[str]
    alternate_name: Mapped[str | None]
    description: Mapped[str | None]
    email: Mapped[str | None]
    website: Mapped[str | None]
    tax_status: Mapped[str | None]
    tax_id: Mapped[str | None]
    year_incorporated: Mapped[int | None]
    legal_status: Mapped[str | None]
    # No foreign key: a package may list the parent after the child, in another transaction.
    parent_organization_id: Mapped[uuid.UUID | None] = mapped_column(index=True)


class Program(Imported, Base):
    __tablename__ = "program"

    organization_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organization.id"), index=True)
    name: Mapped[str]
    alternate_name: Mapped[str | None]
    description: Mapped[str | None]


class Service(Imported, Base):
    __tablename__ = "service"
    __table_args__ = (
        CheckConstraint(
            "minimum_age >= 0 AND maximum_age >= 0 AND minimum_age <= maximum_age",
            name="ages_make_sense",
        ),
        CheckConstraint(
            "(capacity_status = 'unknown') = (capacity_at IS NULL)"
            " AND (capacity_status = 'unknown') = (capacity_source IS NULL)"
            " AND (capacity_status <> 'unknown' OR capacity_until IS NULL)",
            name="capacity_has_evidence",
        ),
    )

    organization_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organization.id"), index=True)
    program_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("program.id"), index=True)
    name: Mapped[str]
    alternate_name: Mapped[str | None]
    description: Mapped[str | None]
    url: Mapped[str | None]
    email: Mapped[str | None]
    status: Mapped[ServiceStatus] = mapped_column(words(ServiceStatus), default=ServiceStatus.ACTIVE)
    interpretation_services: Mapped[str | None]
    application_process: Mapped[str | None]
    fees_description: Mapped[str | None]
    wait_time: Mapped[str | None]
    accreditations: Mapped[str | None]
    eligibility_description: Mapped[str | None]
    minimum_age: Mapped[float | None]
    """In years, inclusive."""
    maximum_age: Mapped[float | None]
    """In years, inclusive."""
    assured_date: Mapped[date | None]
    assurer_email: Mapped[str | None]
    alert: Mapped[str | None]
    last_modified: Mapped[datetime | None]

    # Extension: whether the service takes people in, who said so and when.
    capacity_status: Mapped[CapacityStatus] = mapped_column(words(CapacityStatus), default=CapacityStatus.UNKNOWN)
    capacity_until: Mapped[date | None]
    """The last day on which the status holds; None means until somebody says otherwise."""
    capacity_source: Mapped[str | None]
    capacity_at: Mapped[datetime | None]


class Location(Imported, Base):
    __tablename__ = "location"
    __table_args__ = (
        CheckConstraint("(latitude IS NULL) = (longitude IS NULL)", name="coordinates_complete"),
        CheckConstraint(
            "latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180",
            name="coordinates_on_earth",
        ),
    )

    organization_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("organization.id"), index=True)
    location_type: Mapped[LocationType] = mapped_column(words(LocationType), default=LocationType.PHYSICAL)
    name: Mapped[str | None]
    alternate_name: Mapped[str | None]
    description: Mapped[str | None]
    url: Mapped[str | None]
    transportation: Mapped[str | None]
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    external_identifier: Mapped[str | None]
    external_identifier_type: Mapped[str | None]

    # Extension: the address is never shown to anyone, only its town.
    confidential: Mapped[bool] = mapped_column(default=False)


class ServiceAtLocation(Imported, Base):
    __tablename__ = "service_at_location"

    service_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("service.id"), index=True)
    location_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("location.id"), index=True)
    description: Mapped[str | None]


class Address(Imported, Base):
    __tablename__ = "address"

    location_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("location.id"), index=True)
    attention: Mapped[str | None]
    address_1: Mapped[str | None]
    address_2: Mapped[str | None]
    city: Mapped[str | None]
    region: Mapped[str | None]
    state_province: Mapped[str | None]
    postal_code: Mapped[str | None]
    country: Mapped[str | None]
    address_type: Mapped[LocationType] = mapped_column(words(LocationType), default=LocationType.PHYSICAL)


class Contact(Imported, Base):
    __tablename__ = "contact"

    organization_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("organization.id"), index=True)
    service_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("service.id"), index=True)
    service_at_location_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("service_at_location.id"), index=True)
    location_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("location.id"), index=True)
    name: Mapped[str | None]
    title: Mapped[str | None]
    department: Mapped[str | None]
    email: Mapped[str | None]


class Phone(Imported, Base):
    """An agency's number. Patients' numbers are elsewhere and follow stricter rules."""

    __tablename__ = "phone"

    organization_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("organization.id"), index=True)
    service_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("service.id"), index=True)
    service_at_location_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("service_at_location.id"), index=True)
    location_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("location.id"), index=True)
    contact_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("contact.id"), index=True)
    number: Mapped[str]
    """As the source writes it."""
    # Extension: the number as it can be dialed; None when it is not a valid one.
    e164: Mapped[str | None]
    extension: Mapped[str | None]
    type: Mapped[str | None]
    description: Mapped[str | None]


class Language(Imported, Base):
    """A language spoken there, without an interpreter."""

    __tablename__ = "language"

    service_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("service.id"), index=True)
    location_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("location.id"), index=True)
    phone_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("phone.id"), index=True)
    name: Mapped[str | None]
    code: Mapped[str | None]
    """BCP 47, the shortest form; None when the source names something we do not know."""
    note: Mapped[str | None]


class Schedule(Imported, Base):
    """When a service or location is open: an iCalendar recurrence, in the location's own time."""

    __tablename__ = "schedule"

    service_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("service.id"), index=True)
    location_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("location.id"), index=True)
    service_at_location_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("service_at_location.id"), index=True)
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    dtstart: Mapped[date | None]
    until: Mapped[date | None]
    count: Mapped[int | None]
    freq: Mapped[Frequency | None] = mapped_column(words(Frequency))
    interval: Mapped[int | None]
    byday: Mapped[str | None]
    bymonthday: Mapped[str | None]
    description: Mapped[str | None]
    opens_at: Mapped[time | None]
    closes_at: Mapped[time | None]
    """Not later than `opens_at`: on the next day."""
    schedule_link: Mapped[str | None]
    attending_type: Mapped[str | None]
    notes: Mapped[str | None]

    # Extension: shut on these days whatever else is said, as older HSDS had in holiday_schedule.
    closed: Mapped[bool] = mapped_column(default=False)
    # Extension: valid_from and valid_to come round every year, whatever year they carry.
    yearly: Mapped[bool] = mapped_column(default=False)


class ServiceArea(Imported, Base):
    __tablename__ = "service_area"
    __table_args__ = (Index("ix_service_area_postal_codes", "postal_codes", postgresql_using="gin"),)

    service_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("service.id"), index=True)
    service_at_location_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("service_at_location.id"), index=True)
    name: Mapped[str | None]
    description: Mapped[str | None]
    extent: Mapped[str | None]
    extent_type: Mapped[str | None]
    uri: Mapped[str | None]
    # Extension: the ZIP codes when the area is a list of them; empty otherwise.
    postal_codes: Mapped[list[str]] = mapped_column(default=list)


class RequiredDocument(Imported, Base):
    __tablename__ = "required_document"

    service_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("service.id"), index=True)
    document: Mapped[str | None]
    uri: Mapped[str | None]


class CostOption(Imported, Base):
    __tablename__ = "cost_option"

    service_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("service.id"), index=True)
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    option: Mapped[str | None]
    currency: Mapped[str | None]
    amount: Mapped[float | None]
    amount_description: Mapped[str | None]


class Accessibility(Imported, Base):
    __tablename__ = "accessibility"

    location_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("location.id"), index=True)
    description: Mapped[str | None]
    details: Mapped[str | None]
    url: Mapped[str | None]


class Unit(Imported, Base):
    """What a capacity is counted in: beds, places, boxes."""

    __tablename__ = "unit"

    name: Mapped[str]
    scheme: Mapped[str | None]
    identifier: Mapped[str | None]
    uri: Mapped[str | None]


class ServiceCapacity(Imported, Base):
    __tablename__ = "service_capacity"

    service_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("service.id"), index=True)
    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"), index=True)
    available: Mapped[float]
    maximum: Mapped[float | None]
    description: Mapped[str | None]
    updated: Mapped[datetime]


class Taxonomy(Imported, Base):
    __tablename__ = "taxonomy"

    name: Mapped[str]
    description: Mapped[str | None]
    uri: Mapped[str | None]
    version: Mapped[str | None]


class TaxonomyTerm(Imported, Base):
    __tablename__ = "taxonomy_term"

    code: Mapped[str | None]
    name: Mapped[str]
    description: Mapped[str | None]
    # No foreign key: a package may list the parent after the child, in another transaction.
    parent_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    taxonomy: Mapped[str | None]
    language: Mapped[str | None]
    taxonomy_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("taxonomy.id"), index=True)
    term_uri: Mapped[str | None]


class Attribute(Imported, Base):
    """A taxonomy term said of a row in any table, so `link_id` has no foreign key."""

    __tablename__ = "attribute"

    link_id: Mapped[uuid.UUID] = mapped_column(index=True)
    link_entity: Mapped[str]
    """The table of `link_id`."""
    link_type: Mapped[str | None]
    taxonomy_term_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("taxonomy_term.id"), index=True)
    value: Mapped[str | None]
    label: Mapped[str | None]


class ServiceNeed(Base):
    """A need that a service can answer, worked out from its taxonomy terms. Not HSDS."""

    __tablename__ = "service_need"

    service_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("service.id"), primary_key=True)
    need: Mapped[str] = mapped_column(primary_key=True, index=True)


class StaleService(Base):
    """A service whose needs and listing an import still has to work out again. Not HSDS.

    Written in the transaction of the change, so an import that dies leaves a note of what it had not finished.
    """

    __tablename__ = "stale_service"

    service_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("service.id"), primary_key=True)


class DirectoryImport(Base):
    """What one import did. Not HSDS."""

    __tablename__ = "directory_import"

    id: Mapped[Id]
    source: Mapped[str]
    package: Mapped[str]
    """The name of the folder or file, without its path."""
    format: Mapped[str]
    started_at: Mapped[CreatedAt] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]
    """None while it runs, and for good if it died."""
    failure: Mapped[str | None]
    """Why the package could not be read at all."""
    counts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Per table: new, changed, unchanged, withdrawn."""
    problem_count: Mapped[int] = mapped_column(default=0)
    problems: Mapped[list[Any]] = mapped_column(default=list)
    """The first thousand, each with file, line, field, reason and whether the row was kept."""
