"""The search of the directory: one narrow table, read by its indexes, whatever is asked.

Nothing withdrawn is ever in an answer, and a confidential location is found by its town only.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from math import cos, radians
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Select, Text, and_, func, or_, select
from sqlalchemy import cast as sql_cast
from sqlalchemy import text as sql

from app.db import counted, session
from app.directory import folding, queries
from app.directory.languages import name_of
from app.directory.models import OFFERED, Entry, Language, Service, ServiceNeed
from app.geography import boxes, zips
from app.geography.distance import MILES_IN_A_DEGREE
from app.geography.places import Point
from app.needs.vocabulary import NEEDS
from app.patients.names import fold

NEAR_MILES = 25.0
CIRCLES = (2.0, 6.0, NEAR_MILES)
"""Miles around a ZIP code in which a search looks, one after the other, until it has enough."""

COUNTED = 1000
"""What a search finds is counted so far, and what a page says “more than” about."""

LOOKED_AT = 300
"""How many of what is found are looked through for those that are open."""


@dataclass(frozen=True)
class Found:
    """One page of a search."""

    cards: tuple[queries.Card, ...]
    total: int
    more: bool = False
    """There are more than `total`; nobody has counted them."""


def search(  # noqa: PLR0913  each is an independent narrowing of one search
    text: str = "",
    need: str | None = None,
    *,
    language: str | None = None,
    near: str | None = None,
    organization_id: uuid.UUID | None = None,
    open_at: datetime | None = None,
    limit: int = 20,
    offset: int = 0,
) -> Found:
    """Active services at locations, in the order of their names; near a ZIP code the nearest first.

    Reads one narrow table by its indexes, whatever is asked; counts to a thousand and no further.

    :param text: every word must begin a word of the names of service and organization, or of the description.
    :param near: a town, or the first digits of a ZIP code. Of a whole ZIP code: what lies within 25 miles of its
        middle, the nearest first.
    :param open_at: only what is open at this moment, of the first few hundred that the rest of the search finds.
    """
    five = zips.five_digits(near) if near else None
    middle = zips.find(five) if five else None
    if middle:
        narrowed = _narrowed(text, None, language, None, organization_id).where(_within(NEAR_MILES, middle.point))
        if need:
            narrowed = narrowed.where(Entry.needs.contains(sql_cast([need], ARRAY(Text))))
    else:
        narrowed = _narrowed(text, need, language, near, organization_id)
    wanted = LOOKED_AT if open_at else offset + limit
    if middle:
        ids = _nearest_first(narrowed, middle.point, wanted)
        all_found = len(ids) < wanted
        total = len(ids) if all_found or open_at else counted(narrowed, COUNTED + 1)
    else:
        ids, total = _by_name(narrowed, text, wanted)
        all_found = total <= wanted
    more = total > COUNTED
    if open_at:
        is_open = queries.open_among(ids, open_at)
        ids = [id_ for id_ in ids if id_ in is_open]
        total, more = len(ids), not all_found
    page = ids[offset : offset + limit]
    return Found(tuple(queries.cards(page, open_at).values()), min(total, COUNTED), more=more)


def _narrowed(
    text: str, need: str | None, language: str | None, place: str | None, organization_id: uuid.UUID | None
) -> Select[uuid.UUID]:
    tags = [
        *([f"need:{need}"] if need else ()),
        *([f"speaks:{language}"] if language else ()),
        *([f"of:{organization_id}"] if organization_id else ()),
        *([_place_tag(place)] if place and place.strip() else ()),
    ]
    narrowed = select(Entry.service_at_location_id)
    if tags:
        narrowed = narrowed.where(Entry.tags.contains(sql_cast(tags, ARRAY(Text))))
    if words := folding.question(text):
        narrowed = narrowed.where(Entry.words.op("@@")(func.to_tsquery("simple", words)))
    return narrowed


def _place_tag(place: str) -> str:
    """A confidential location is found by its town only: a ZIP code would narrow it down."""
    digits = place.strip().partition("-")[0]
    return f"zip:{digits[:5]}" if digits.isdecimal() else f"town:{fold(place.partition(',')[0])}"


def _by_name(narrowed: Select[uuid.UUID], text: str, wanted: int) -> tuple[list[uuid.UUID], int]:
    """At most `wanted` in the order of their names, and how many there are, counted to a little more than a thousand.

    With a text, those first that have it in their name. Of more than a thousand some thousand: to find the first by
    name of half a million, all of them would have to be looked at. It is those that lie first in the table, so that
    every page of a search is a page of the same thousand.
    """
    session.execute(sql(_AS_THEY_LIE))
    found = narrowed.add_columns(Entry.name, Entry.words).limit(COUNTED + 1).subquery()
    order: list[Any] = [found.c.name, found.c.service_at_location_id]
    if words := folding.question(text):
        in_name = " & ".join(f"{word}A" for word in words.split(" & "))
        order.insert(0, found.c.words.op("@@")(func.to_tsquery("simple", in_name)).desc())
    rows = session.execute(
        select(found.c.service_at_location_id, func.count().over()).order_by(*order).limit(wanted)
    ).all()
    return [row[0] for row in rows], rows[0][1] if rows else 0


_AS_THEY_LIE = """
SELECT set_config('synchronize_seqscans', 'off', true), set_config('max_parallel_workers_per_gather', '0', true)
"""
"""Until the transaction ends, whoever reads a table begins with its first page, and reads it alone."""


def _nearest_first(narrowed: Select[uuid.UUID], center: Point, wanted: int) -> list[uuid.UUID]:
    """The nearest, at most `wanted`: looked for in growing circles, so that a city is not sorted for one page of it."""
    far = _far(center)
    found: list[uuid.UUID] = []
    for radius in CIRCLES:
        in_circle = narrowed.where(_within(radius, center), far <= (radius / MILES_IN_A_DEGREE) ** 2)
        found = list(session.scalars(in_circle.order_by(far, Entry.name, Entry.service_at_location_id).limit(wanted)))
        if len(found) >= wanted:
            break
    return found


def _within(miles: float, center: Point) -> ColumnElement[bool]:
    return or_(
        *(
            and_(Entry.latitude.between(box.south, box.north), Entry.longitude.between(box.west, box.east))
            for box in boxes.around(center, miles)
        )
    )


def _far(center: Point) -> ColumnElement[float | None]:
    """What grows with the distance; over some miles the Earth is flat enough."""
    north = Entry.latitude - center[0]
    east = (Entry.longitude - center[1]) * cos(radians(center[0]))
    return north * north + east * east


def services_by_need() -> dict[str, int]:
    """How many active services answer each need, the most first; counted to a thousand and no further."""
    services = {need: counted(_answers(need), COUNTED) for need in NEEDS}
    return dict(sorted(((need, n) for need, n in services.items() if n), key=lambda item: (-item[1], item[0])))


def _answers(need: str) -> Select[uuid.UUID]:
    return (
        select(ServiceNeed.service_id)
        .join(Service, Service.id == ServiceNeed.service_id)
        .where(ServiceNeed.need == need, OFFERED)
    )


def languages_listed() -> list[queries.SpokenLanguage]:
    """Languages spoken somewhere in the directory, the most common first as far as a thousand places tell."""
    codes = list(session.scalars(sql(_EVERY_LANGUAGE)))
    places = {
        code: counted(select(Language.id).where(Language.code == code, Language.withdrawn_at.is_(None)), COUNTED)
        for code in codes
    }
    locale = queries.reading_locale()
    return [
        queries.SpokenLanguage(code, name_of(code, locale) or code)
        for code in sorted(codes, key=lambda code: (-places[code], code))
        if places[code]
    ]


_EVERY_LANGUAGE = """
WITH RECURSIVE listed (code) AS (
  (SELECT code FROM language WHERE code IS NOT NULL ORDER BY code LIMIT 1)
  UNION ALL
  SELECT (SELECT language.code FROM language WHERE language.code > listed.code ORDER BY language.code LIMIT 1)
  FROM listed WHERE listed.code IS NOT NULL
)
SELECT code FROM listed WHERE code IS NOT NULL
"""
"""Jumps from each code to the next one in the index, instead of reading a million rows for a hundred codes."""
