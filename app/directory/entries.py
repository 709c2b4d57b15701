"""What searches read, kept up to date in the transaction of whatever changes the directory.

A search over the HSDS tables joins eight of them and sorts what it finds; with a million services that takes seconds.
So each service at a location that can be found has one narrow row, with all it can be narrowed by in one index.
Likewise an area is read once, when it changes, and not whenever somebody asks who lives in it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Float,
    Row,
    Text,
    Uuid,
    any_,
    cast,
    delete,
    func,
    literal_column,
    or_,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import insert

from app.db import session
from app.directory.codes import ServiceStatus
from app.directory.models import (
    Address,
    AreaServed,
    Entry,
    Language,
    Location,
    Organization,
    Service,
    ServiceArea,
    ServiceAtLocation,
    ServiceNeed,
)
from app.geography import areas, zips
from app.geography.areas import Area
from app.geography.places import Point
from app.patients.names import fold

SEARCHED = 2000
"""Characters of a description that a search looks into."""
ORDERED = 100
"""Characters of a name that put it into order; an entry of an index holds no more than 2,700 bytes."""
_TAG_END = "\n"


def refresh(service_ids: Sequence[uuid.UUID]) -> None:
    """Work out the entries and areas of these services anew."""
    ids = list(dict.fromkeys(service_ids))
    if ids:
        _read_areas(ids)
        _write_entries(ids)


def area_of(row: AreaServed) -> Area:
    """A stored area as the rule takes it."""
    return Area(
        row.nationwide,
        frozenset(row.states),
        frozenset(row.counties),
        frozenset(row.postal_codes),
        tuple(
            tuple(tuple((float(longitude), float(latitude)) for longitude, latitude in ring) for ring in polygon)
            for polygon in row.polygons or ()
        ),
    )


def _among(column: Any, ids: Sequence[uuid.UUID]) -> Any:  # noqa: ANN401  a column in, a condition out
    return column == any_(cast(list(ids), ARRAY(Uuid)))


# Entries


def _write_entries(service_ids: list[uuid.UUID]) -> None:
    offers = session.execute(
        select(
            ServiceAtLocation.id,
            ServiceAtLocation.service_id,
            ServiceAtLocation.location_id,
            Service.organization_id,
            Service.name,
            Service.alternate_name,
            func.left(Service.description, SEARCHED).label("description"),
            Organization.name.label("organization"),
            Location.latitude,
            Location.longitude,
            Location.confidential,
        )
        .join(Service, Service.id == ServiceAtLocation.service_id)
        .join(Organization, Organization.id == Service.organization_id)
        .join(Location, Location.id == ServiceAtLocation.location_id)
        .where(
            _among(ServiceAtLocation.service_id, service_ids),
            Service.status == ServiceStatus.ACTIVE,
            *(kind.withdrawn_at.is_(None) for kind in (ServiceAtLocation, Service, Organization, Location)),
        )
    ).all()
    session.execute(
        delete(Entry).where(
            _among(Entry.service_id, service_ids),
            ~_among(Entry.service_at_location_id, [offer.id for offer in offers]),
        )
    )
    if not offers:
        return
    tags = _tags(service_ids, [offer.location_id for offer in offers])
    addresses = _addresses([offer.location_id for offer in offers])
    rows = [_entry(offer, tags, addresses.get(offer.location_id, [])) for offer in offers]
    # One statement with one array for each column, however many rows.
    columns = list(zip(*rows, strict=True))
    kinds = (Uuid, Uuid, Text, Text, Text, Text, Text, Text, Float, Float)
    arrays: list[ColumnElement[Any]] = [
        cast(list(column), ARRAY(kind)) for column, kind in zip(columns, kinds, strict=True)
    ]
    given = (
        func.unnest(*arrays)
        .table_valued("id", "service_id", "name", "needs", "tags", "called", "by", "about", "latitude", "longitude")
        .render_derived()
    )
    at = given.c
    statement = insert(Entry).from_select(
        ["service_at_location_id", "service_id", "name", "needs", "tags", "words", "latitude", "longitude"],
        select(
            at.id,
            at.service_id,
            at.name,
            func.string_to_array(at.needs, _TAG_END),
            func.string_to_array(at.tags, _TAG_END),
            func.setweight(func.to_tsvector("simple", at.called), literal_column("'A'"))
            .op("||")(func.setweight(func.to_tsvector("simple", at.by), literal_column("'B'")))
            .op("||")(func.to_tsvector("simple", at.about)),
            at.latitude,
            at.longitude,
        ).order_by(at.id),  # always in one order, so that two at a time do not wait for each other in a circle
    )
    written = {
        name: statement.excluded[name]
        for name in ("service_id", "name", "needs", "tags", "words", "latitude", "longitude")
    }
    session.execute(statement.on_conflict_do_update(index_elements=["service_at_location_id"], set_=written))


def _entry(
    offer: Row[Any], tags: dict[uuid.UUID, set[str]], addresses: Sequence[Row[*tuple[Any, ...]]]
) -> tuple[Any, ...]:
    found = {f"of:{offer.organization_id}", *tags.get(offer.service_id, ()), *tags.get(offer.location_id, ())}
    point: Point | None = None
    for address in addresses:
        if town := fold(address.city or ""):
            found.add(f"town:{town}")
        five = zips.five_digits(address.postal_code or "")
        # A ZIP code would narrow down where a confidential place is.
        if five and not offer.confidential:
            found |= {f"zip:{five[:digits]}" for digits in range(1, 6)}
    if not offer.confidential:
        point = (offer.latitude, offer.longitude) if offer.latitude is not None else _middle(addresses)
    return (
        offer.id,
        offer.service_id,
        fold(offer.name)[:ORDERED],
        _TAG_END.join(sorted(tag.removeprefix("need:") for tag in found if tag.startswith("need:"))),
        _TAG_END.join(sorted(found)),
        fold(f"{offer.name} {offer.alternate_name or ''}"),
        fold(offer.organization),
        fold(offer.description or ""),
        point[0] if point else None,
        point[1] if point else None,
    )


def _middle(addresses: Sequence[Row[*tuple[Any, ...]]]) -> Point | None:
    """Where a location without coordinates is, as far as its address tells: it must not vanish from every search."""
    for address in addresses:
        place = zips.locate(address.city or "", address.state_province or "", address.postal_code or "")
        if place:
            return place.point
    return None


def _tags(service_ids: Sequence[uuid.UUID], location_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, set[str]]:
    found: dict[uuid.UUID, set[str]] = {}
    for need in session.execute(
        select(ServiceNeed.service_id, ServiceNeed.need).where(_among(ServiceNeed.service_id, service_ids))
    ):
        found.setdefault(need.service_id, set()).add(f"need:{need.need}")
    spoken = select(func.coalesce(Language.service_id, Language.location_id).label("owner"), Language.code).where(
        Language.withdrawn_at.is_(None),
        Language.code.is_not(None),
        or_(_among(Language.service_id, service_ids), _among(Language.location_id, location_ids)),
    )
    for language in session.execute(spoken):
        found.setdefault(language.owner, set()).add(f"speaks:{language.code}")
    return found


def _addresses(location_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[Row[*tuple[Any, ...]]]]:
    rows = session.execute(
        select(Address.location_id, Address.city, Address.state_province, Address.postal_code)
        .where(_among(Address.location_id, location_ids), Address.withdrawn_at.is_(None))
        .order_by(Address.location_id, Address.id)
    )
    return {key: list(group) for key, group in groupby(rows, key=lambda row: row.location_id)}


# Areas


def _read_areas(service_ids: list[uuid.UUID]) -> None:
    areas_of = (
        select(
            ServiceArea.id,
            func.coalesce(ServiceArea.service_id, ServiceAtLocation.service_id).label("service_id"),
            ServiceArea.name,
            ServiceArea.description,
            ServiceArea.extent,
            ServiceArea.extent_type,
            ServiceArea.postal_codes,
        )
        .outerjoin(ServiceAtLocation, ServiceAtLocation.id == ServiceArea.service_at_location_id)
        .where(ServiceArea.withdrawn_at.is_(None))
    )
    # Two selections, as no index finds what one table or the other says.
    found = session.execute(
        union_all(
            areas_of.where(_among(ServiceArea.service_id, service_ids)),
            areas_of.where(_among(ServiceAtLocation.service_id, service_ids)),
        )
    )
    rows = list({row.id: row for row in found}.values())
    if not rows:
        return
    states = states_of({row.service_id for row in rows})
    served = [_served(row.id, _area(row, states.get(row.service_id, ""))) for row in rows]
    statement = insert(AreaServed)
    written = {name: statement.excluded[name] for name in served[0] if name != "service_area_id"}
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["service_area_id"],
            set_=written,
            where=or_(
                *(getattr(AreaServed, name).is_distinct_from(statement.excluded[name]) for name in written),
            ),
        ),
        sorted(served, key=lambda row: str(row["service_area_id"])),
    )


def _area(row: Row[*tuple[Any, ...]], state: str) -> Area:
    if row.postal_codes:
        return Area(postal_codes=frozenset(row.postal_codes))
    return areas.read(filter(None, (row.name, row.description)), row.extent or "", row.extent_type or "", state)


def _served(area_id: uuid.UUID, area: Area) -> dict[str, Any]:
    box = area.box
    return {
        "service_area_id": area_id,
        "nationwide": area.nationwide,
        "states": sorted(area.states),
        "counties": sorted(area.counties),
        "postal_codes": sorted(area.postal_codes),
        "polygons": json.loads(json.dumps(area.polygons)) if box else None,
        "south": box.south if box else None,
        "west": box.west if box else None,
        "north": box.north if box else None,
        "east": box.east if box else None,
    }


def states_of(service_ids: set[uuid.UUID]) -> dict[uuid.UUID, str]:
    """The state of each service whose places are all in one: which “Howard County” it means."""
    rows = session.execute(
        select(ServiceAtLocation.service_id, Address.state_province)
        .join(Address, Address.location_id == ServiceAtLocation.location_id)
        .where(
            _among(ServiceAtLocation.service_id, list(service_ids)),
            ServiceAtLocation.withdrawn_at.is_(None),
            Address.withdrawn_at.is_(None),
        )
        .distinct()
    )
    return dict(_alone((row.service_id, areas.state_code(row.state_province or "")) for row in rows))


def _alone(pairs: Iterator[tuple[uuid.UUID, str | None]]) -> Iterator[tuple[uuid.UUID, str]]:
    known = sorted({(str(service), service, state) for service, state in pairs if state}, key=lambda item: item[0])
    for _key, group in groupby(known, key=lambda item: item[0]):
        found = list(group)
        if len(found) == 1:
            yield found[0][1], found[0][2]
