"""The directory, in the tables and the words of HSDS 3.1 (Open Referral).

A column that HSDS does not have is marked as an extension. Nothing here is ever deleted: what a newer import no longer
lists gets `withdrawn_at`, because referrals still point to it. The database itself writes every change of a row into
`metadata`, whoever makes it and however many rows it is made to; see `operations.sign_changes`.
"""

from __future__ import annotations

import uuid
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, and_, func, text
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from app import clock
from app.db import Base, CreatedAt, Id, words
from app.directory.codes import CapacityStatus, Frequency, LocationType, ServiceStatus, Weekday

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
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=clock.now, server_default=func.now())
    """When what the row says came to be as it is. Kept by the database; no import and no form sets it."""


class Organization(Imported, Base):
    __tablename__ = "organization"
    __table_args__ = (Index("ix_organization_name", "name", "id"),)

    name: Mapped[str]
    alternate_name: Mapped[str | None]
    description: Mapped[str | None]
    email: Mapped[str | None]
    website: Mapped[str | None]
    tax_status: Mapped[str | None]
    tax_id: Mapped[str | None]
    year_incorporated: Mapped[int | None]
    legal_status: Mapped[str | None]
    logo: Mapped[str | None]
    uri: Mapped[str | None]
    # No foreign key: a package may list the parent after the child, in another transaction.
    parent_organization_id: Mapped[uuid.UUID | None] = mapped_column(index=True)


class OrganizationIdentifier(Imported, Base):
    """What somebody else calls an organization: its number in a register of charities, its EIN."""

    __tablename__ = "organization_identifier"

    organization_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organization.id"), index=True)
    identifier_scheme: Mapped[str | None]
    identifier_type: Mapped[str]
    identifier: Mapped[str]


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
        CheckConstraint("intake_daily_limit > 0", name="daily_limit_lets_somebody_in"),
        CheckConstraint("(last_verified_on IS NULL) = (last_verified_by IS NULL)", name="verified_by_somebody"),
        Index("ix_service_gone", "name", "id", postgresql_where=text("status <> 'active' OR withdrawn_at IS NOT NULL")),
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
    licenses: Mapped[str | None]
    alert: Mapped[str | None]
    last_modified: Mapped[datetime | None]

    # Extension: whether the service takes people in, who said so and when.
    capacity_status: Mapped[CapacityStatus] = mapped_column(words(CapacityStatus), default=CapacityStatus.UNKNOWN)
    capacity_until: Mapped[date | None]
    """The last day on which the status holds; None means until somebody says otherwise."""
    capacity_source: Mapped[str | None]
    capacity_at: Mapped[datetime | None]

    # Extension: the most people it takes in on one day, whatever room it has.
    intake_daily_limit: Mapped[int | None]
    # Extension: whether an interpreter can be had; None where only `interpretation_services` speaks of it.
    interpreter: Mapped[bool | None]
    # Extension: who last confirmed to us that all of this is still true. `assured_date` is what the source says of it.
    last_verified_on: Mapped[date | None]
    last_verified_by: Mapped[str | None]


OFFERED = and_(Service.status == ServiceStatus.ACTIVE, Service.withdrawn_at.is_(None))
"""The services that an agency offers now, and that its directory still lists."""


class Location(Imported, Base):
    __tablename__ = "location"
    __table_args__ = (
        Index("ix_location_unplaced", "id", postgresql_where=text("latitude IS NULL")),
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
    code: Mapped[str | None] = mapped_column(index=True)
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
    timezone: Mapped[float | None]
    """Hours ahead of UTC, as the source has it; where a place is says more, as it knows of summer time."""
    until: Mapped[date | None]
    count: Mapped[int | None]
    wkst: Mapped[Weekday | None] = mapped_column(words(Weekday))
    freq: Mapped[Frequency | None] = mapped_column(words(Frequency))
    interval: Mapped[int | None]
    byday: Mapped[str | None]
    byweekno: Mapped[str | None]
    bymonthday: Mapped[str | None]
    byyearday: Mapped[str | None]
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


class Url(Imported, Base):
    """A web address beside the main one."""

    __tablename__ = "url"

    organization_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("organization.id"), index=True)
    service_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("service.id"), index=True)
    label: Mapped[str | None]
    url: Mapped[str]


class Funding(Imported, Base):
    __tablename__ = "funding"

    organization_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("organization.id"), index=True)
    service_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("service.id"), index=True)
    # HSDS calls it source, as we call where a row comes from.
    funder: Mapped[str | None]


class Metadata(Imported, Base):
    """One change of one field of one row, of any table above: HSDS's change history.

    Those of the source `local` are written by the database with the change itself, and nobody can change or delete
    them. Others are the history that an imported directory brought along. `changed_at` is the moment.
    """

    __tablename__ = "metadata"
    __table_args__ = (Index("ix_metadata_resource", "resource_type", "resource_id", "changed_at"),)

    resource_id: Mapped[uuid.UUID]
    resource_type: Mapped[str]
    """The table of `resource_id`."""
    last_action_date: Mapped[date]
    last_action_type: Mapped[str]
    """`create`, `update`, `withdraw`, `restore`, or what an operation calls itself, such as `merge`."""
    field_name: Mapped[str]
    previous_value: Mapped[str]
    """Empty where there was none."""
    replacement_value: Mapped[str]
    updated_by: Mapped[str]
    """“import baltimore”, or a role and an id: never a name."""


class ServiceNeed(Base):
    """A need that a service can answer, worked out from its taxonomy terms. Not HSDS."""

    __tablename__ = "service_need"

    service_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("service.id"), primary_key=True)
    need: Mapped[str] = mapped_column(primary_key=True, index=True)


class AreaServed(Base):
    """A service area in a form that can be asked who lives in it; see `geography.areas`. Not HSDS.

    Worked out from what the area's row says. A row of which nothing is plain covers nobody and excludes nobody.
    """

    __tablename__ = "area_served"
    __table_args__ = (
        CheckConstraint("num_nonnulls(polygons, south, west, north, east) IN (0, 5)", name="what_is_drawn_has_a_box"),
    )

    service_area_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("service_area.id"), primary_key=True)
    nationwide: Mapped[bool]
    states: Mapped[list[str]]
    """Two letters each."""
    counties: Mapped[list[str]]
    """Keys of `areas.county_key`, such as “MD:howard county”."""
    postal_codes: Mapped[list[str]]
    """Five digits each."""
    polygons: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Polygons of rings of [longitude, latitude]; None when there are none."""
    south: Mapped[float | None]
    west: Mapped[float | None]
    north: Mapped[float | None]
    east: Mapped[float | None]


class Entry(Base):
    """A service at a location as a search reads it: one narrow row for each that can be found. Not HSDS.

    Worked out from the tables above, in the transaction of whatever changes them.
    """

    __tablename__ = "directory_entry"
    __table_args__ = (
        Index("ix_directory_entry_tags", "tags", postgresql_using="gin"),
        Index("ix_directory_entry_words", "words", postgresql_using="gin"),
        # Holds all that the most common search asks, what is near for a need, so that it reads nothing else: a million
        # rows lie in no order, and those around a town would be fetched one by one.
        Index(
            "ix_directory_entry_place",
            "latitude",
            "longitude",
            postgresql_include=["service_at_location_id", "name", "needs"],
        ),
    )

    service_at_location_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("service_at_location.id"), primary_key=True)
    service_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("service.id"), index=True)
    name: Mapped[str]
    """Of the service, folded and cut, for putting a list into order."""
    needs: Mapped[list[str]]
    """Those of `tags`, once more and by themselves."""
    tags: Mapped[list[str]]
    """What it can be narrowed by: “need:food”, “speaks:es”, “town:baltimore”, “zip:21215”, “zip3:212”."""
    words: Mapped[str] = mapped_column(TSVECTOR)
    latitude: Mapped[float | None]
    """Of the location, else of the middle of its ZIP code; none when it is confidential, or nobody knows."""
    longitude: Mapped[float | None]


class PlacedLocation(Base):
    """When an outside geocoder was last asked where a location is that came without coordinates. Not HSDS."""

    __tablename__ = "placed_location"

    location_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("location.id"), primary_key=True)
    asked_at: Mapped[datetime] = mapped_column(index=True)


class LocalEdit(Base):
    """Something of a service that its agency has corrected here, and that imports leave alone. Not HSDS.

    A trigger keeps it, whatever statement writes the row; see `corrections`.
    """

    __tablename__ = "local_edit"
    __table_args__ = (
        Index("uq_local_edit_what", "service_id", "field", unique=True),
        Index("ix_local_edit_offered", "service_id", postgresql_where=text("offered IS NOT NULL")),
    )

    id: Mapped[Id]
    service_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("service.id"))
    field: Mapped[str]
    """A column of the service, or a table that holds several rows for it: phone, schedule, required_document."""
    value: Mapped[str | None]
    """What holds here. None for a table, whose rows of the source `local` hold."""
    upstream: Mapped[str | None]
    """What the source said when it was corrected, or when that was last looked at."""
    offered: Mapped[str | None]
    """What the source says now, if it is something new: somebody has to choose. Of a table, that it changed."""
    by: Mapped[str]
    """A role and an id."""
    at: Mapped[CreatedAt]

    @property
    def theirs(self) -> str:
        """What the source says, as far as anybody has heard."""
        return (self.upstream if self.offered is None else self.offered) or ""


class Merge(Base):
    """Two services found to be one: `gone_id` is not listed any more, whatever imports say. Not HSDS."""

    __tablename__ = "directory_merge"
    __table_args__ = (
        CheckConstraint("kept_id <> gone_id", name="of_two"),
        CheckConstraint("(undone_at IS NULL) = (undone_by IS NULL)", name="undone_by_somebody"),
        Index("uq_directory_merge_gone", "gone_id", unique=True, postgresql_where=text("undone_at IS NULL")),
    )

    id: Mapped[Id]
    kept_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("service.id"), index=True)
    gone_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("service.id"))
    by: Mapped[str]
    at: Mapped[CreatedAt]
    taken: Mapped[list[str]] = mapped_column(default=list, server_default=text("'{}'"))
    """What only the other said and `kept_id` says since, as `LocalEdit` names it."""
    undone_by: Mapped[str | None]
    undone_at: Mapped[datetime | None]


class PossibleDuplicate(Base):
    """Two services that look like one; somebody decides. Not HSDS."""

    __tablename__ = "possible_duplicate"
    __table_args__ = (CheckConstraint("one_id < other_id", name="each_pair_once"),)

    one_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("service.id"), primary_key=True)
    other_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("service.id"), primary_key=True, index=True)
    score: Mapped[float] = mapped_column(index=True)
    """From 0 to 1."""
    reasons: Mapped[list[str]]
    found_at: Mapped[CreatedAt]
    settled_at: Mapped[datetime | None]
    """When somebody said that they are two, or merged them."""


class ListingQuestion(Base):
    """What an agency is asked, by a link, about its services that nobody has confirmed for long. Not HSDS."""

    __tablename__ = "listing_question"
    __table_args__ = (
        Index("ix_listing_question_open", "organization_id", postgresql_where=text("answered_at IS NULL")),
        Index("ix_listing_question_answered_at", "answered_at"),
    )

    id: Mapped[Id]
    organization_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organization.id"))
    asked_at: Mapped[CreatedAt]
    asked_by: Mapped[str]
    """A role and an id."""
    answered_at: Mapped[datetime | None]
    answers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """By the id of a service: “correct”, “changed” or “closed”."""
    note: Mapped[str | None]
    """What has changed, in the agency's words."""
    handled_at: Mapped[datetime | None]
    """When somebody here had done what the answer asks for."""


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
    """Per table: new, changed, unchanged, withdrawn, and held back from being withdrawn."""
    problem_count: Mapped[int] = mapped_column(default=0)
    progress: Mapped[float] = mapped_column(default=0.0)
    """How much of the package has been read, 0 to 1."""
    open_referrals: Mapped[int] = mapped_column(default=0)
    """Referrals that are open with services which this import found withdrawn."""
    dry_run: Mapped[bool] = mapped_column(default=False)
    """It only looked at what would change."""
    examples: Mapped[list[Any]] = mapped_column(default=list)
    """A few rows of each table that are new, changed or withdrawn: table, what, id and name."""
    digest: Mapped[str] = mapped_column(default="")
    """Of the package, and of the mapping file it was read with."""
    items_done: Mapped[int] = mapped_column(default=0)
    """How many records and problems of the package are in: where an import that broke off goes on."""


class ImportProblem(Base):
    """Something wrong with what was imported. Not HSDS."""

    __tablename__ = "import_problem"

    import_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("directory_import.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    """In the order in which they were found, from 1."""
    file: Mapped[str]
    line: Mapped[int | None]
    """Of a table or of a file of JSON lines; of other JSON the number of the object."""
    field: Mapped[str | None]
    reason: Mapped[str]
    kept: Mapped[bool]
    """Whether the row went in all the same."""
