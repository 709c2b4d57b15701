"""What ranking needs to know, read from what a directory says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from math import floor
from typing import Any
from zoneinfo import ZoneInfo

from app.directory.languages import compared_as
from app.geography import zips
from app.geography.areas import Area, Whereabouts
from app.geography.places import Place, Point, Precision
from app.needs.vocabulary import Term, needs_for_terms

_WALK_IN = re.compile(
    r"\bwalk[\s-]?ins?\b|\bdrop[\s-]?ins?\b|\bno appointment (?:is )?(?:needed|necessary|required)", re.IGNORECASE
)
_NO_WALK_IN = re.compile(
    r"\bno walk[\s-]?ins?\b|\bby appointment\b|\bappointments? (?:only|(?:is |are )?required)", re.IGNORECASE
)
_NO_INTERPRETER = re.compile(r"(?:no|none|n/?a|not available)\W*", re.IGNORECASE)

LONGEST_LANGUAGES = 600
"""A language line claims two hundred; an index entry holds no more than 2,700 bytes in all."""


def place(coordinates: Point | None, city: str, state: str, postal_code: str, *, confidential: bool) -> Place | None:
    """Where a location is, by its own coordinates, else by its address; None when neither says.

    A confidential location is put in the middle of its ZIP code, so that no distance gives it away.
    """
    area = zips.locate(city, state, postal_code)
    if coordinates is None:
        return area
    area = area or zips.nearest(coordinates)
    if area is None:
        return None
    if confidential:
        return area
    return Place(*coordinates, Precision.STREET, area.time_zone, area.city, area.state, area.county)


NATIONWIDE = "us"
"""The key of an area that takes in everybody."""


def area_keys(area: Area) -> list[str]:
    """Whoever has one of these keys lives in the area; it is all there is to ask unless it is drawn as well."""
    return sorted(
        [
            *([NATIONWIDE] if area.nationwide else []),
            *(f"state:{state}" for state in area.states),
            *(f"county:{county}" for county in area.counties),
            *(f"zip:{code}" for code in area.postal_codes),
        ]
    )


def keys_of(where: Whereabouts) -> list[str]:
    """The keys of somebody who lives there."""
    return [NATIONWIDE, f"state:{where.state}", f"county:{where.county}", f"zip:{where.postal_code}"]


def area(keys: Iterable[str], polygons: list[Any] | None) -> Area:
    """An area from its keys and its drawings."""
    by_kind: dict[str, set[str]] = {"us": set(), "state": set(), "county": set(), "zip": set()}
    for key in keys:
        kind, _colon, name = key.partition(":")
        by_kind[kind].add(name)
    return Area(
        nationwide=bool(by_kind["us"]),
        states=frozenset(by_kind["state"]),
        counties=frozenset(by_kind["county"]),
        postal_codes=frozenset(by_kind["zip"]),
        polygons=tuple(
            tuple(tuple((longitude, latitude) for longitude, latitude in ring) for ring in polygon)
            for polygon in polygons or ()
        ),
    )


def fits(terms: Iterable[Term]) -> dict[str, float]:
    """How much of what a service does answers each need: of the terms that answer any need, the share that answer it.

    A soup kitchen is 1 for food; a medical center that also helps to pay for food, among ten other things, is 0.1.
    """
    counts = Counter[str]()
    counted = 0
    for term in terms:
        answered = _answered(term)
        counts.update(answered)
        counted += bool(answered)
    return {need: count / counted for need, count in counts.items()}


@lru_cache(maxsize=4096)
def _answered(term: Term) -> frozenset[str]:
    return needs_for_terms([term])


def walk_in(application_process: str | None) -> bool | None:
    """Whether one may just come; None when it does not say."""
    text = application_process or ""
    if _NO_WALK_IN.search(text) and not _WALK_IN.search(_NO_WALK_IN.sub("", text)):
        return False
    return True if _WALK_IN.search(text) else None


def interpreter(interpretation_services: str | None) -> bool:
    """Whether it offers an interpreter."""
    text = (interpretation_services or "").strip()
    return bool(text) and not _NO_INTERPRETER.fullmatch(text)


def languages(codes: Iterable[str]) -> str:
    """Language codes as a listing keeps them: " es zh ", or "" for none."""
    words = " ".join(sorted({compared_as(code) for code in codes}))
    return (
        f" {words[:LONGEST_LANGUAGES].rpartition(' ')[0] if len(words) > LONGEST_LANGUAGES else words} "
        if words
        else ""
    )


def whole_years(age: float | None) -> int | None:
    """Somebody known to be 0 years old may well be the 6 months that are asked for."""
    return None if age is None else floor(age)


def end_of(day: date | None, time_zone: str) -> datetime | None:
    """The moment when a day is over there."""
    return None if day is None else datetime.combine(day + timedelta(days=1), time(0), ZoneInfo(time_zone))
