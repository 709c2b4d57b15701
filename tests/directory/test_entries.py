"""What searches read, and areas in a form that can be asked."""

from __future__ import annotations

import json
import uuid

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, scoped_session

from app.directory import entries
from app.directory.models import AreaServed, Entry, Location, Organization, Service, ServiceArea
from app.geography.areas import Area, Whereabouts, covers
from tests.factories import make_service_at_location

Db = scoped_session[Session]

SQUARE = [[-77.0, 39.0], [-76.0, 39.0], [-76.0, 40.0], [-77.0, 40.0], [-77.0, 39.0]]


def area(session: Db, service_id: uuid.UUID, **values: object) -> Area:
    """What is made of an area's row."""
    row = ServiceArea(service_id=service_id, **values)
    session.add(row)
    session.flush()
    entries.refresh([service_id])
    return entries.area_of(session.get_one(AreaServed, row.id))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"postal_codes": ["21202"], "name": "somewhere"}, Area(postal_codes=frozenset({"21202"}))),
        ({"name": "Howard County"}, Area(counties=frozenset({"MD:howard county"}))),
        ({"name": "Statewide"}, Area(states=frozenset({"MD"}))),
        ({"name": "Nationwide"}, Area(nationwide=True)),
        ({"name": "all who need it"}, Area()),
    ],
)
def test_an_area_is_read_once(session: Db, values: dict[str, object], expected: Area) -> None:
    assert area(session, make_service_at_location().service_id, **values) == expected


def test_a_drawn_area_is_kept_with_its_box(session: Db) -> None:
    extent = json.dumps({"type": "Polygon", "coordinates": [SQUARE]})
    found = area(session, make_service_at_location().service_id, extent=extent, extent_type="geojson")
    assert covers(found, Whereabouts.of_zip("21202"))
    assert not covers(found, Whereabouts.of_zip("10001"))
    [row] = session.scalars(select(AreaServed))
    assert (row.south, row.west, row.north, row.east) == (39.0, -77.0, 40.0, -76.0)


def test_an_entry_holds_what_can_be_asked(session: Db) -> None:
    place = make_service_at_location(needs=("food",), languages=("es",), postal_code="21202")
    entry = session.get_one(Entry, place.id)
    assert {"need:food", "speaks:es", "town:baltimore", "zip:21202", "zip:212"} <= set(entry.tags)
    assert (entry.latitude, entry.longitude) == (39.2904, -76.6122)


def test_a_confidential_place_is_nowhere(session: Db) -> None:
    place = make_service_at_location(confidential=True)
    entry = session.get_one(Entry, place.id)
    assert entry.latitude is None
    assert not [tag for tag in entry.tags if tag.startswith("zip:")]
    assert "town:baltimore" in entry.tags


@pytest.mark.parametrize("kind", ["service", "location", "organization"])
def test_what_is_withdrawn_has_no_entry(session: Db, kind: str) -> None:
    place = make_service_at_location()
    service = session.get_one(Service, place.service_id)
    rows: dict[str, Service | Location | Organization] = {
        "service": service,
        "location": session.get_one(Location, place.location_id),
        "organization": session.get_one(Organization, service.organization_id),
    }
    rows[kind].withdrawn_at = service.changed_at
    session.flush()
    entries.refresh([service.id])
    assert session.scalar(select(Entry).where(Entry.service_at_location_id == place.id)) is None
