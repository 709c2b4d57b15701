"""Asking an outside geocoder where the agencies are whose directory does not say."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app import clock
from app.db import session
from app.directory.codes import LocationType
from app.directory.models import Address, Location, PlacedLocation, ServiceAtLocation
from app.directory.operations import sign_changes
from app.events import ServicesChanged, publish
from app.geography import operations as geography
from app.geography import zips
from app.geography.places import Precision

ASKED_AGAIN_AFTER = timedelta(days=30)


def unplaced(limit: int) -> Sequence[uuid.UUID]:
    """Locations with an address and without coordinates that an outside geocoder may be asked about.

    Never a confidential one, and none that it was asked about within the last month.
    """
    asked = select(PlacedLocation.location_id).where(
        PlacedLocation.location_id == Location.id, PlacedLocation.asked_at > clock.now() - ASKED_AGAIN_AFTER
    )
    addressed = select(Address.id).where(
        Address.location_id == Location.id, Address.address_1.is_not(None), Address.withdrawn_at.is_(None)
    )
    return session.scalars(
        select(Location.id)
        .where(
            Location.latitude.is_(None),
            Location.confidential.is_(False),
            Location.location_type == LocationType.PHYSICAL,
            Location.withdrawn_at.is_(None),
            addressed.exists(),
            ~asked.exists(),
        )
        .order_by(Location.id)
        .limit(limit)
    ).all()


def place_location(location_id: uuid.UUID) -> bool:
    """Ask the geocoder for agencies where a location is, and write it down when it knows the street at least.

    What it knows no better than the ZIP code is left open: matching and searching place it by that ZIP code anyway.
    """
    location = session.get_one(Location, location_id)
    address = session.scalars(
        select(Address)
        .where(Address.location_id == location_id, Address.address_1.is_not(None), Address.withdrawn_at.is_(None))
        .order_by(Address.address_type != LocationType.PHYSICAL, Address.id)
        .limit(1)
    ).first()
    asked = insert(PlacedLocation).values(location_id=location_id, asked_at=clock.now())
    session.execute(asked.on_conflict_do_update(index_elements=["location_id"], set_={"asked_at": clock.now()}))
    if address is None or location.confidential:
        return False
    five = zips.five_digits(address.postal_code or "") or ""
    place = geography.geocode(
        address.address_1 or "",
        address.city or "",
        address.state_province or "",
        five if zips.find(five) else "",
        whose=geography.Whose.AGENCY,
    )
    if place is None or place.precision not in {Precision.ROOFTOP, Precision.STREET}:
        return False
    sign_changes("geocoder")
    location.latitude, location.longitude = place.latitude, place.longitude
    session.flush()
    services = session.scalars(
        select(ServiceAtLocation.service_id).where(ServiceAtLocation.location_id == location_id)
    ).all()
    publish(ServicesChanged(tuple(services)))
    return True
