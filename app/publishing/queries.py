"""What the directory tells the outside: records of HSDS, with all that belongs to them, in a fixed number of queries.

Nothing that its source no longer lists is told, nor what belongs to that; nor a stand-in, which no source lists. Of a
confidential location neither address nor coordinates are told, nor anything that could hold them; it is never found by
how near it is, because who may ask for many distances could work out the place.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    RowMapping,
    Select,
    Uuid,
    and_,
    any_,
    cast,
    exists,
    false,
    func,
    or_,
    select,
)
from sqlalchemy.orm import InstrumentedAttribute

from app.db import Base, session
from app.directory.entries import area_of
from app.directory.models import (
    Address,
    AreaServed,
    Attribute,
    Location,
    Organization,
    Service,
    ServiceArea,
    ServiceAtLocation,
    Taxonomy,
    TaxonomyTerm,
)
from app.directory.standins import STAND_IN
from app.geography import boxes, zips
from app.geography.areas import Whereabouts, covers
from app.geography.distance import EARTH_RADIUS_MILES
from app.geography.places import Point
from app.publishing.hsds import (
    ATTRIBUTE,
    BY_NAME,
    INSIDE_CONFIDENTIAL_LOCATION,
    OF_CONFIDENTIAL_LOCATION,
    PRIVATE,
    Field,
    Nested,
)

Record = dict[str, Any]
"""One row in HSDS's words, as JSON has it: never with a null."""

AT_A_TIME = 500
"""Records in memory while all of them are streamed."""

DRAWN_AT_A_TIME = 50
"""Drawn areas in memory; one may hold a hundred thousand corners."""

COVERED_MILES = 25.0
"""A service that says nothing of its area is taken to cover what is this near."""

METERS_A_MILE = 1609.344

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(frozen=True)
class Wanted:
    """Which records of a table are asked for; everything that is given narrows them down."""

    search: str = ""
    """Words, all of which must be in a name or in a description."""
    taxonomy_term_id: str | None = None
    """The id of a term, or its code."""
    taxonomy_id: uuid.UUID | None = None
    organization_id: uuid.UUID | None = None
    modified_after: datetime | None = None
    postcode: str | None = None
    proximity: float | None = None
    """Meters from the middle of the ZIP code."""
    parent_id: uuid.UUID | None = None
    top_only: bool = False


@dataclass(frozen=True)
class Page:
    records: Sequence[Record]
    total: int


def page(table: str, wanted: Wanted, inside: Sequence[Nested], *, limit: int, offset: int) -> Page:
    """A part of the records, ordered by id, so that nobody misses one who reads all pages."""
    ids = _wanted(table, wanted)
    id_ = Base.metadata.tables[table].c.id
    total = session.scalar(select(func.count()).select_from(ids.subquery())) or 0
    found = session.scalars(ids.order_by(id_).limit(limit).offset(offset)).all() if offset < total else ()
    return Page(records(table, found, inside), total)


def stream(table: str, wanted: Wanted, inside: Sequence[Nested]) -> Iterator[Record]:
    """All of the records, ordered by id, a few hundred in memory at a time."""
    ids = _wanted(table, wanted)
    id_ = Base.metadata.tables[table].c.id
    last: uuid.UUID | None = None
    while found := session.scalars(
        (ids if last is None else ids.where(id_ > last)).order_by(id_).limit(AT_A_TIME)
    ).all():
        yield from records(table, found, inside)
        last = found[-1]


def minimal(wanted: Wanted, *, limit: int, offset: int) -> Page:
    """Services by id with the moment of their last change only."""
    ids = _wanted("service", wanted)
    total = session.scalar(select(func.count()).select_from(ids.subquery())) or 0
    return Page(list(_minimal(ids.limit(limit).offset(offset))), total)


def stream_minimal(wanted: Wanted) -> Iterator[Record]:
    """All services by id with the moment of their last change only."""
    return _minimal(_wanted("service", wanted))


def _minimal(ids: Select[Any]) -> Iterator[Record]:
    rows = ids.add_columns(Service.changed_at).order_by(Service.id)
    for row in session.execute(rows, execution_options={"yield_per": AT_A_TIME}):
        yield {"id": str(row.id), "modified_date": row.changed_at.isoformat()}


def record(table: str, id_: uuid.UUID, inside: Sequence[Nested]) -> Record | None:
    """One record; None when there is none or nobody lists it any more."""
    listed = session.scalars(_wanted(table, Wanted()).where(Base.metadata.tables[table].c.id == id_)).all()
    return next(iter(records(table, listed, inside)), None)


def records(table: str, ids: Sequence[uuid.UUID], inside: Sequence[Nested]) -> list[Record]:
    """These rows in this order with everything that stands inside of them."""
    if not ids:
        return []
    rows = Base.metadata.tables[table]
    loading = _Loading()
    found = loading.rows(table, _among(rows.c.id, ids))
    loading.fill(table, found, inside)
    loading.describe()
    by_id = {row["id"]: row for row in found}
    return [by_id[id_] for id_ in map(str, ids) if id_ in by_id]


@dataclass
class _Loading:
    """Loads a tree of rows level by level: one query for each kind of thing inside another, however many there are."""

    describable: dict[str, list[Record]] = field(default_factory=dict)
    """Every row read so far that may carry attributes, by its table."""

    def rows(self, table: str, where: ColumnElement[bool]) -> list[Record]:
        columns = Base.metadata.tables[table].c
        told = dict.fromkeys([*(field_.column for field_ in BY_NAME[table].fields), "changed_at"])
        query = select(*(columns[name] for name in told)).where(where, columns.withdrawn_at.is_(None))
        query = query.where(*no_stand_in(table, columns))
        found = [_plain(table, row._mapping) for row in session.execute(query.order_by(columns.id))]  # noqa: SLF001  SQLAlchemy's public name
        if table not in {"attribute", "taxonomy", "taxonomy_term"}:
            self.describable.setdefault(table, []).extend(row for row in found if not _hidden(row))
        return found

    def fill(self, table: str, rows: Sequence[Record], inside: Sequence[Nested]) -> None:
        for nested in inside:
            owners = [
                row
                for row in rows
                if table != "location" or not _hidden(row) or nested.name in INSIDE_CONFIDENTIAL_LOCATION
            ]
            if nested.many:
                self._fill_many(owners, nested)
            else:
                self._fill_one(owners, nested)

    def describe(self) -> None:
        """Give every row the taxonomy terms that are said of it."""
        owners = {(table, row["id"]): row for table, rows in self.describable.items() for row in rows}
        if not owners:
            return
        ids = {uuid.UUID(id_) for _table, id_ in owners}
        attributes = self.rows("attribute", _among(Attribute.link_id, list(ids)))
        self.fill("attribute", attributes, ATTRIBUTE)
        by_owner: dict[tuple[str, str], list[Record]] = {}
        for attribute in attributes:
            by_owner.setdefault((attribute["link_entity"], attribute["link_id"]), []).append(attribute)
        for table, rows in self.describable.items():
            for row in rows:  # one row may stand in several places
                if said := by_owner.get((table, row["id"])):
                    row["attributes"] = said

    def _fill_many(self, owners: Sequence[Record], nested: Nested) -> None:
        ids = [uuid.UUID(row["id"]) for row in owners]
        inner = Base.metadata.tables[nested.table]
        found = self.rows(nested.table, and_(_among(inner.c[nested.by], ids), *_listed_beside(nested))) if ids else []
        self.fill(nested.table, found, nested.inside)
        of: dict[str, list[Record]] = {}
        for row in found:
            of.setdefault(row[nested.by], []).append(row)
        for owner in owners:
            owner[nested.name] = of.get(owner["id"], [])

    def _fill_one(self, owners: Sequence[Record], nested: Nested) -> None:
        ids = {uuid.UUID(row[nested.by]) for row in owners if nested.by in row}
        inner = Base.metadata.tables[nested.table]
        found = self.rows(nested.table, _among(inner.c.id, list(ids))) if ids else []
        self.fill(nested.table, found, nested.inside)
        by_id = {row["id"]: row for row in found}
        for owner in owners:
            if (one := by_id.get(owner.get(nested.by, ""))) is not None:
                owner[nested.name] = one
                if nested.table == "location" and _hidden(one):
                    owner.pop("description", None)  # of a service at a location, it says where that is


def _listed_beside(nested: Nested) -> Iterator[ColumnElement[bool]]:
    """A row between two others is told only while its other side is listed."""
    if nested.table == "service_at_location":
        yield exists().where(Location.id == ServiceAtLocation.location_id, Location.withdrawn_at.is_(None))


def no_stand_in(table: str, columns: Any) -> Iterator[ColumnElement[bool]]:  # noqa: ANN401  of a table or an alias of it
    """That a row is one of its source, not one that we put in its place; see `app.directory.standins`."""
    if table in STOOD_IN:
        yield columns.source != STAND_IN


STOOD_IN = ("location", "service_at_location")


def _hidden(row: Record) -> bool:
    return bool(row.get("confidential"))


def _plain(table: str, row: RowMapping) -> Record:
    resource = BY_NAME[table]
    hidden = table == "location" and row["confidential"]
    plain: Record = {}
    for field_ in resource.fields:
        if (table, field_.name) in PRIVATE or (hidden and field_.name not in OF_CONFIDENTIAL_LOCATION):
            continue
        value = _json(field_, row[field_.column])
        if value is not None:
            plain[field_.name] = value
    if table == "service":
        plain.setdefault("last_modified", row["changed_at"].isoformat())
    return plain


def _json(field_: Field, value: object) -> object:
    """A value as JSON Schema wants it in this field; None when there is nothing to tell."""
    if value is None or value == []:
        return "" if field_.required and field_.kind == "string" else None
    plain: object = value
    if isinstance(value, StrEnum):
        plain = value.value
    elif isinstance(value, uuid.UUID):
        plain = str(value)
    elif isinstance(value, datetime | date | time):
        plain = value.isoformat()
    elif isinstance(value, float) and value.is_integer():
        plain = int(value)
    elif isinstance(value, str):
        plain = _text(field_, value)
    return plain


def _text(field_: Field, value: str) -> object:
    """A text where HSDS has one; what does not look as HSDS says is left out."""
    if field_.name == "extension":
        return int(value) if value.isdecimal() else None
    if field_.name == "extension_text":
        return None if value.isdecimal() else value
    if field_.kind == "email":
        return value if _EMAIL.fullmatch(value) else None
    if field_.kind == "uri":
        return value if _is_uri(value) else None
    return value


def _is_uri(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return (
        bool(parts.scheme and (parts.netloc or parts.path))
        and text.isascii()
        and not re.search(r'[\s<>"{}|\\^`]', text)
    )


def _wanted(table: str, wanted: Wanted) -> Select[Any]:
    """The ids of the listed records of `table` that are asked for."""
    return {
        "service": _services,
        "service_at_location": _offers,
        "organization": _organizations,
        "taxonomy": _taxonomies,
        "taxonomy_term": _terms,
    }[table](wanted)


def _services(wanted: Wanted) -> Select[Any]:
    query = (
        select(Service.id)
        .join(Organization, Organization.id == Service.organization_id)
        .where(Service.withdrawn_at.is_(None), Organization.withdrawn_at.is_(None))
    )
    return query.where(*_of_service(wanted))


def _of_service(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    for word in wanted.search.split():
        yield _contains(word, Service.name, Service.alternate_name, Service.description, Organization.name)
    if wanted.organization_id:
        yield Service.organization_id == wanted.organization_id
    yield from _said(wanted, Service.id)
    if wanted.modified_after:
        yield _modified(wanted.modified_after)


def _offers(wanted: Wanted) -> Select[Any]:
    query = (
        select(ServiceAtLocation.id)
        .join(Service, Service.id == ServiceAtLocation.service_id)
        .join(Organization, Organization.id == Service.organization_id)
        .join(Location, Location.id == ServiceAtLocation.location_id)
        .where(*(row.withdrawn_at.is_(None) for row in (ServiceAtLocation, Service, Organization, Location)))
        .where(ServiceAtLocation.source != STAND_IN)
    )
    for word in wanted.search.split():
        query = query.where(
            or_(
                _contains(word, Service.name, Service.alternate_name, Service.description, Organization.name),
                and_(_contains(word, Location.name), Location.confidential.is_(False)),
            )
        )
    if wanted.organization_id:
        query = query.where(Service.organization_id == wanted.organization_id)
    query = query.where(*_said(wanted, Service.id, ServiceAtLocation.id))
    if wanted.modified_after:
        since = wanted.modified_after
        query = query.where(
            or_(
                _modified(since),
                ServiceAtLocation.changed_at >= since,
                Location.changed_at >= since,
                *_changed_beside("service_at_location_id", ServiceAtLocation.id, since),
                *_changed_beside("location_id", Location.id, since),
            )
        )
    return query.where(*_covering(wanted))


def _organizations(wanted: Wanted) -> Select[Any]:
    query = select(Organization.id).where(Organization.withdrawn_at.is_(None))
    for word in wanted.search.split():
        query = query.where(_contains(word, Organization.name, Organization.alternate_name, Organization.description))
    theirs = exists().where(Service.organization_id == Organization.id, Service.withdrawn_at.is_(None))
    for own, of_service in zip(_said(wanted, Organization.id), _said(wanted, Service.id), strict=True):
        query = query.where(or_(own, theirs.where(of_service)))
    return query


def _taxonomies(wanted: Wanted) -> Select[Any]:
    query = select(Taxonomy.id).where(Taxonomy.withdrawn_at.is_(None))
    for word in wanted.search.split():
        query = query.where(_contains(word, Taxonomy.name, Taxonomy.description))
    return query


def _terms(wanted: Wanted) -> Select[Any]:
    query = select(TaxonomyTerm.id).where(TaxonomyTerm.withdrawn_at.is_(None))
    for word in wanted.search.split():
        query = query.where(_contains(word, TaxonomyTerm.name, TaxonomyTerm.description, TaxonomyTerm.code))
    if wanted.taxonomy_id:
        query = query.where(TaxonomyTerm.taxonomy_id == wanted.taxonomy_id)
    if wanted.parent_id:
        query = query.where(TaxonomyTerm.parent_id == wanted.parent_id)
    if wanted.top_only:
        query = query.where(TaxonomyTerm.parent_id.is_(None))
    return query


def _said(wanted: Wanted, *owners: InstrumentedAttribute[uuid.UUID]) -> Iterator[ColumnElement[bool]]:
    """That the wanted terms are said of one of these rows."""
    said = (
        exists()
        .where(Attribute.taxonomy_term_id == TaxonomyTerm.id, Attribute.withdrawn_at.is_(None))
        .where(or_(*(Attribute.link_id == owner for owner in owners)))
    )
    if wanted.taxonomy_term_id:
        id_ = _uuid(wanted.taxonomy_term_id)
        yield said.where(TaxonomyTerm.id == id_ if id_ else TaxonomyTerm.code == wanted.taxonomy_term_id)
    if wanted.taxonomy_id:
        yield said.where(TaxonomyTerm.taxonomy_id == wanted.taxonomy_id)


def _modified(since: datetime) -> ColumnElement[bool]:
    """Services of which anything has changed: the row itself, or a row that belongs to it."""
    return or_(
        Service.changed_at >= since,
        Service.last_modified >= since,
        *_changed_beside("service_id", Service.id, since),
    )


def _changed_beside(
    column: str, owner: InstrumentedAttribute[uuid.UUID], since: datetime
) -> Iterator[ColumnElement[bool]]:
    """That a row of some table that belongs to `owner` has changed; asked of each, as lists may outgrow the memory."""
    for resource in BY_NAME.values():
        rows = Base.metadata.tables[resource.name].alias()
        if column in rows.c:
            yield exists().where(rows.c[column] == owner, rows.c.changed_at >= since)


def _covering(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    """Services at locations for people of one ZIP code.

    Who names an area by ZIP codes, counties or states, or draws one, is taken at that word; who does not covers what
    is near.
    """
    if wanted.postcode is None:
        return
    five = zips.five_digits(wanted.postcode)
    place = zips.find(five) if five else None
    if five is None or place is None:
        yield false()
        return
    where = Whereabouts.of_zip(five)
    covered = _of_area(
        or_(
            AreaServed.nationwide,
            AreaServed.postal_codes.contains([five]),
            AreaServed.counties.contains([where.county]),
            AreaServed.states.contains([where.state]),
            _among(AreaServed.service_area_id, _drawn_around(place.point)),
        )
    )
    listed = (AreaServed.postal_codes, AreaServed.counties, AreaServed.states)
    is_plain = or_(AreaServed.nationwide, AreaServed.south.is_not(None), *(func.cardinality(one) > 0 for one in listed))
    says_nothing = ~_of_area(is_plain)
    if wanted.proximity is not None:
        yield or_(covered, says_nothing)
        yield _near(five, place.point, wanted.proximity / METERS_A_MILE)
    else:
        yield or_(covered, and_(says_nothing, _near(five, place.point, COVERED_MILES)))


def _drawn_around(point: Point) -> list[uuid.UUID]:
    """Drawn areas in which a point lies: the database looks at the boxes around them, the rule at the few it finds."""
    latitude, longitude = point
    boxed = select(AreaServed).where(
        AreaServed.south <= latitude,
        AreaServed.north >= latitude,
        AreaServed.west <= longitude,
        AreaServed.east >= longitude,
    )
    here = Whereabouts(point=point)
    found = session.scalars(boxed, execution_options={"yield_per": DRAWN_AT_A_TIME})
    return [drawn.service_area_id for drawn in found if covers(area_of(drawn), here)]


def _of_area(such: ColumnElement[bool]) -> ColumnElement[bool]:
    """Services at locations that have such an area, or whose service has one."""
    owners = ((Service.id, ServiceArea.service_id), (ServiceAtLocation.id, ServiceArea.service_at_location_id))
    there = exists().where(AreaServed.service_area_id == ServiceArea.id, ServiceArea.withdrawn_at.is_(None), such)
    return or_(*(there.where(owner == id_) for id_, owner in owners))


def _near(postcode: str, center: Point, miles: float) -> ColumnElement[bool]:
    """Locations within a circle; one without coordinates is where its ZIP code is. Never a confidential one."""
    north = func.radians(Location.latitude - center[0]) / 2
    east = func.radians(Location.longitude - center[1]) / 2
    half_chord = func.pow(func.sin(north), 2) + func.cos(func.radians(Location.latitude)) * func.cos(
        func.radians(center[0])
    ) * func.pow(func.sin(east), 2)
    in_circle = and_(
        or_(
            *(
                and_(Location.latitude.between(box.south, box.north), Location.longitude.between(box.west, box.east))
                for box in boxes.around(center, miles)
            )
        ),
        2 * EARTH_RADIUS_MILES * func.asin(func.sqrt(func.least(half_chord, 1.0))) <= miles,
    )
    there = exists().where(
        Address.location_id == Location.id,
        Address.withdrawn_at.is_(None),
        Address.postal_code.startswith(postcode, autoescape=True),
    )
    return and_(Location.confidential.is_(False), or_(in_circle, and_(Location.latitude.is_(None), there)))


def _contains(word: str, *columns: Any) -> ColumnElement[bool]:  # noqa: ANN401  columns of any text
    return or_(*(column.icontains(word, autoescape=True) for column in columns))


def _among(column: Any, ids: Sequence[uuid.UUID]) -> ColumnElement[bool]:  # noqa: ANN401
    """`IN`, with one parameter however many ids."""
    among: ColumnElement[bool] = column == any_(cast(list(ids), ARRAY(Uuid)))
    return among


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
