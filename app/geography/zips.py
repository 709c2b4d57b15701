"""The ZIP gazetteer: where a US ZIP code is, without asking anybody.

The `zipcodes` package is read at the first look-up (0.3 s, 55 MB, once per process), not at start-up; after that one
takes half a millisecond, so what was asked once is remembered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import zipcodes

from app.geography.distance import miles
from app.geography.places import Place, Point, Precision

_ZIP = re.compile(r"([0-9]{5})(?:[- ]?[0-9]{4})?")

# The gazetteer's one slip: a town in Alaska where its time zone should be.
_TIME_ZONE_SLIPS = {"Napakiak": "America/Anchorage"}


def locate(city: str, state: str, postal_code: str) -> Place | None:
    """The best the gazetteer can say about an address: its ZIP code, else its city. Never complains."""
    five = five_digits(postal_code)
    return (find(five) if five else None) or (find_city(city, state) if city.strip() else None)


def five_digits(postal_code: str) -> str | None:
    """The ZIP code in a ZIP or ZIP+4, or None when it is neither."""
    match = _ZIP.fullmatch(postal_code.strip())
    return match[1] if match else None


@lru_cache(maxsize=50_000)  # every ZIP code there is: some 15 MB when all of them have been asked for
def find(five: str) -> Place | None:
    """The middle of a ZIP code area; None when there is no such code, or it is a military one that moves about."""
    found = [row for row in zipcodes.matching(five) if _located(row)]
    return _place(found[0]) if found else None


@lru_cache(maxsize=2_000)
def find_city(city: str, state: str) -> Place | None:
    """The middle of a city's ZIP codes, for an address that has none; None when we know no such city."""
    wanted = city.strip().casefold()
    found = [
        row
        for row in zipcodes.filter_by_state(state.strip().upper())
        if _located(row) and wanted in map(str.casefold, (row["city"], *row["acceptable_cities"]))
    ]
    if not found:
        return None
    # Only its main name counts when there is one: "Arlington" is also an accepted name of Baltimore's 21215.
    main = [row for row in found if row["city"].casefold() == wanted] or found
    first = _place(main[0])
    return Place(
        latitude=sum(float(row["lat"]) for row in main) / len(main),
        longitude=sum(float(row["long"]) for row in main) / len(main),
        precision=Precision.COUNTY,
        time_zone=first.time_zone,
        city=first.city,
        state=first.state,
        county=first.county,
    )


def everything() -> Iterator[tuple[str, Place]]:
    """Every ZIP code that has a place, once."""
    seen: set[str] = set()
    for row in zipcodes.list_all():
        if _located(row) and row["zip_code"] not in seen:
            seen.add(row["zip_code"])
            yield row["zip_code"], _place(row)


def nearest(point: Point) -> Place | None:
    """The ZIP code whose middle is nearest; None when there is none within 60 miles."""
    found = [row for row in zipcodes.filter_by_coordinates(*point, 60) if _located(row)]
    places = map(_place, found)
    return min(places, key=lambda place: miles(place.point, point), default=None)


def _located(row: dict[str, Any]) -> bool:
    """The gazetteer writes 0, 0 for what has no place."""
    return bool(row["timezone"]) and float(row["lat"]) != 0


def _place(row: dict[str, Any]) -> Place:
    return Place(
        latitude=float(row["lat"]),
        longitude=float(row["long"]),
        precision=Precision.ZIP,
        time_zone=_TIME_ZONE_SLIPS.get(row["timezone"], row["timezone"]),
        city=row["city"],
        state=row["state"],
        county=row["county"],
    )
