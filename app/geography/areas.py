"""Areas that a service is for, and whether a place lies in one.

A directory writes an area as a list of ZIP codes, the name of a county or a state, “nationwide”, or a polygon (HSDS
`service_area.extent` with `extent_type` “geojson”). `read` takes only what is plainly one of these: “Baltimore City and
nearby” is no area we could hold anybody to, and says nothing.

`covers` is exact: a place is in a polygon when its point is, in the plane of longitude and latitude as RFC 7946 draws
it; a point on the boundary is in. Where a patient is known by ZIP code only, the point is the middle of that area.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from app.geography import zips
from app.geography.boxes import Box
from app.geography.places import Point

Position = tuple[float, float]
"""Longitude before latitude, as GeoJSON has it."""
Ring = tuple[Position, ...]
Polygon = tuple[Ring, ...]
"""The outer ring, then its holes."""

LARGEST_EXTENT = 2_000_000
"""Characters of a GeoJSON text; a county drawn to the meter takes a tenth of it."""
MOST_POSITIONS = 50_000
LONGEST_LIST = 20_000
"""Characters; all ZIP codes of a large state are fewer."""
_DEEPEST = 6
"""Collections in collections; nobody means more."""
_SMALLEST_RING = 4
"""Positions; the first and the last are the same."""

_NATIONWIDE = re.compile(
    r"(?:nation[- ]?wide|national|(?:all of )?(?:the )?(?:united states|u\.?s\.?a?\.?)(?: of america)?"
    r"|country[- ]?wide|all (?:50 )?states|unrestricted)",
    re.IGNORECASE,
)
_STATEWIDE = re.compile(r"(?:state[- ]?wide|entire state|(?:the )?whole state)", re.IGNORECASE)
_STATE_WORDS = re.compile(r"^(?:the )?(?:state of |all of |entire )|(?:[- ]?wide|,? (?:entire )?state)$", re.IGNORECASE)
_ENDINGS = ("", " county", " city", " parish", " borough")


@dataclass(frozen=True, slots=True)
class Area:
    """Everything in any of its parts. One without parts covers nobody."""

    nationwide: bool = False
    states: frozenset[str] = frozenset()
    """Two letters."""
    counties: frozenset[str] = frozenset()
    """Keys of `county_key`."""
    postal_codes: frozenset[str] = frozenset()
    """Five digits."""
    polygons: tuple[Polygon, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.nationwide or self.states or self.counties or self.postal_codes or self.polygons)

    def __or__(self, other: Area) -> Area:
        return Area(
            self.nationwide or other.nationwide,
            self.states | other.states,
            self.counties | other.counties,
            self.postal_codes | other.postal_codes,
            self.polygons + other.polygons,
        )

    @property
    def box(self) -> Box | None:
        """The smallest box around its polygons: what an index can ask before the exact question."""
        positions = [position for polygon in self.polygons for position in polygon[0]]
        if not positions:
            return None
        longitudes, latitudes = zip(*positions, strict=True)
        return Box(min(latitudes), min(longitudes), max(latitudes), max(longitudes))


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What is known of where somebody lives; anything may be missing."""

    postal_code: str = ""
    """Five digits."""
    county: str = ""
    """A key of `county_key`."""
    state: str = ""
    point: Point | None = None

    @classmethod
    def of_zip(cls, postal_code: str, point: Point | None = None) -> Whereabouts:
        """What the gazetteer knows of a ZIP code; `point` is where the person really lives, if that is known better."""
        five = zips.five_digits(postal_code) or ""
        place = zips.find(five) if five else None
        if place is None:
            return cls(five, point=point)
        return cls(five, county_key(place.state, place.county), place.state, point or place.point)


def covers(area: Area, where: Whereabouts) -> bool | None:
    """Whether somebody lives in an area; None when too little is known of them to say that they do not."""
    if (
        area.nationwide
        or where.postal_code in area.postal_codes
        or where.county in area.counties
        or where.state in area.states
        or (where.point is not None and any(inside(where.point, polygon) for polygon in area.polygons))
    ):
        return True
    unknown = (
        (area.postal_codes and not where.postal_code)
        or (area.counties and not where.county)
        or (area.states and not where.state)
        or (area.polygons and where.point is None)
    )
    return None if unknown else False


def inside(point: Point, polygon: Polygon) -> bool:
    """Whether a point lies in a polygon or on its boundary, and in none of its holes (but on their boundary is in)."""
    position = (point[1], point[0])
    if not polygon or _side(position, polygon[0]) < 0:
        return False
    return all(_side(position, hole) <= 0 for hole in polygon[1:])


def _side(position: Position, ring: Ring) -> int:
    """1 inside, 0 on the line, -1 outside: a ray to the east crosses the ring an odd number of times from inside."""
    x, y = position
    odd = False
    for (x1, y1), (x2, y2) in itertools.pairwise(ring):
        turn = (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)
        if turn == 0 and min(x1, x2) <= x <= max(x1, x2) and min(y1, y2) <= y <= max(y1, y2):
            return 0
        # Half open, so that a corner counts for one of its two sides.
        if (y1 > y) != (y2 > y) and (turn > 0) == (y2 > y1):
            odd = not odd
    return 1 if odd else -1


def read(texts: Iterable[str], extent: str = "", extent_type: str = "", state: str = "") -> Area:
    """What a directory says of an area, as far as it is plain; an empty area when none of it is.

    :param texts: names, descriptions and lists in which an area may be named; the first plain one counts.
    :param state: two letters, for “Howard County” without its state.
    """
    kind = extent_type.strip().casefold()
    looks_like_json = extent.lstrip()[:1] == "{"
    if kind == "geojson" or (looks_like_json and kind in {"", "text"}):
        polygons = polygons_of(extent)
        if polygons:
            return Area(polygons=polygons)
    names = [*texts, *([extent] if kind in {"", "text"} and not looks_like_json else [])]
    return next(filter(None, (_named(name, state) for name in names)), Area())


def _named(text: str, state: str) -> Area:
    words = " ".join(text.split()).strip(" .;")
    if not words or len(words) > LONGEST_LIST:
        return Area()
    if _NATIONWIDE.fullmatch(words):
        return Area(nationwide=True)
    if _STATEWIDE.fullmatch(words):
        return Area(states=frozenset({state.upper()} & STATES.keys()))
    whole = _one(words, state)
    if whole:
        return whole
    # “Baltimore County; Howard County, 21215”: a list counts when each of its parts does.
    parts = [part for part in re.split(r"\s*[;|/,]\s*|\s+(?:and|&)\s+|(?<=\d)\s+(?=\d)", words) if part]
    found = [_one(part, state) for part in parts]
    if not all(found):
        return Area()
    area = Area()
    for part in found:
        area |= part
    return area


def _one(words: str, state: str) -> Area:
    """One ZIP code, state or county; an empty area for anything else.

    A name that means several, as “Baltimore” a city and a county, stands for all of them: nobody is turned away
    because a directory was short of words.
    """
    five = zips.five_digits(words)
    if five:
        return Area(postal_codes=frozenset({five}))
    from_the_state_down = re.split(r"\s+-\s+", words)
    if len(from_the_state_down) > 1 and (of := state_code(from_the_state_down[0])):
        # “MD - Allegany County”, as 211s write it; of what is narrower only a ZIP code is plain.
        last = from_the_state_down[-1]
        return _one(last, of) if len(from_the_state_down) == 2 or zips.five_digits(last) else Area()  # noqa: PLR2004
    code = state_code(_STATE_WORDS.sub("", words))
    name, _comma, of_state = words.rpartition(",")
    there = state_code(of_state) if name else state
    keys = {county_key(there or "", f"{name or words}{ending}") for ending in _ENDINGS}
    return Area(states=frozenset({code} if code else ()), counties=frozenset(keys & _counties().keys()))


def state_code(words: str) -> str | None:
    """The two letters of a state or territory, given by them or by its name."""
    plain = " ".join(words.replace(".", "").split())
    return plain.upper() if plain.upper() in STATES else _BY_NAME.get(plain.casefold())


def county_key(state: str, county: str) -> str:
    """How a county is compared: “MD:st marys county”. Empty when either is missing.

    “City” stays apart from “County”, because Baltimore has one of each.
    """
    name = re.sub(r"[^a-z0-9 ]", "", county.casefold().replace("saint ", "st ").replace("-", " ").replace(".", ""))
    name = " ".join(name.split())
    return f"{state.strip().upper()}:{name}" if name and state.strip() else ""


def zips_of(area: Area) -> frozenset[str] | None:
    """The ZIP codes of an area by the gazetteer: a county's, a state's, and those whose middle is in a polygon.

    None when it is nationwide. For lists and first looks; `covers` is the exact question.
    """
    if area.nationwide:
        return None
    found = set(area.postal_codes)
    for county in area.counties:
        found |= _counties().get(county, frozenset())
    box = area.box
    for row in _gazetteer() if area.states or box else ():
        if row.state in area.states or (
            box and box.holds(row.point) and any(inside(row.point, polygon) for polygon in area.polygons)
        ):
            found.add(row.postal_code)
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class _Zip:
    postal_code: str
    state: str
    county: str
    point: Point


@cache
def _gazetteer() -> tuple[_Zip, ...]:
    return tuple(
        _Zip(code, place.state, county_key(place.state, place.county), place.point) for code, place in zips.everything()
    )


@cache
def _counties() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for row in _gazetteer():
        if row.county:
            found.setdefault(row.county, set()).add(row.postal_code)
    return {key: frozenset(codes) for key, codes in found.items()}


# GeoJSON (RFC 7946)


def polygons_of(text: str) -> tuple[Polygon, ...]:
    """The polygons of a GeoJSON text, wherever it holds them; none when it is not GeoJSON, is too large or broken.

    All or nothing: half of an area would turn people away who live in it.
    """
    if len(text) > LARGEST_EXTENT:
        return ()
    try:
        found = tuple(_polygon(rings) for rings in _rings(json.loads(text), 0))
    except (ValueError, TypeError, RecursionError):
        return ()
    positions = sum(len(ring) for polygon in found for ring in polygon)
    return found if positions <= MOST_POSITIONS else ()


def geometry(polygons: Sequence[Polygon]) -> dict[str, Any]:
    """Polygons as a GeoJSON geometry."""
    return {
        "type": "MultiPolygon",
        "coordinates": [[[list(position) for position in ring] for ring in polygon] for polygon in polygons],
    }


def _rings(node: Any, depth: int) -> Iterator[Any]:  # noqa: ANN401  somebody else's JSON
    """The coordinates of each polygon. A GeoJSON object that holds something else counts as broken."""
    if not isinstance(node, dict) or depth > _DEEPEST:
        raise TypeError
    match node.get("type"):
        case "Polygon":
            yield node.get("coordinates", None)
        case "MultiPolygon":
            yield from node.get("coordinates") or ()
        case "Feature":
            yield from _rings(node.get("geometry"), depth + 1)
        case "FeatureCollection":
            for feature in node.get("features") or ():
                yield from _rings(feature, depth + 1)
        case "GeometryCollection":
            for part in node.get("geometries") or ():
                yield from _rings(part, depth + 1)
        case _:
            raise ValueError


def _polygon(rings: Any) -> Polygon:  # noqa: ANN401  somebody else's JSON
    if not isinstance(rings, list) or not rings:
        raise TypeError
    return tuple(_ring(ring) for ring in rings)


def _ring(ring: Any) -> Ring:  # noqa: ANN401  somebody else's JSON
    positions = tuple(_position(position) for position in ring)
    if positions and positions[0] != positions[-1]:
        positions = (*positions, positions[0])  # many drawing tools leave the end open
    if len(positions) < _SMALLEST_RING:
        raise ValueError
    return positions


def _position(position: Any) -> Position:  # noqa: ANN401  somebody else's JSON
    longitude, latitude = float(position[0]), float(position[1])
    if not (math.isfinite(longitude) and abs(longitude) <= 180 and abs(latitude) <= 90):  # noqa: PLR2004
        raise ValueError
    return longitude, latitude


STATES = {
    "AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California", "CO": "Colorado",
    "CT": "Connecticut", "DE": "Delaware", "DC": "District of Columbia", "FL": "Florida", "GA": "Georgia",
    "HI": "Hawaii", "ID": "Idaho", "IL": "Illinois", "IN": "Indiana", "IA": "Iowa", "KS": "Kansas", "KY": "Kentucky",
    "LA": "Louisiana", "ME": "Maine", "MD": "Maryland", "MA": "Massachusetts", "MI": "Michigan", "MN": "Minnesota",
    "MS": "Mississippi", "MO": "Missouri", "MT": "Montana", "NE": "Nebraska", "NV": "Nevada", "NH": "New Hampshire",
    "NJ": "New Jersey", "NM": "New Mexico", "NY": "New York", "NC": "North Carolina", "ND": "North Dakota",
    "OH": "Ohio", "OK": "Oklahoma", "OR": "Oregon", "PA": "Pennsylvania", "RI": "Rhode Island",
    "SC": "South Carolina", "SD": "South Dakota", "TN": "Tennessee", "TX": "Texas", "UT": "Utah", "VT": "Vermont",
    "VA": "Virginia", "WA": "Washington", "WV": "West Virginia", "WI": "Wisconsin", "WY": "Wyoming",
    "AS": "American Samoa", "GU": "Guam", "MP": "Northern Mariana Islands", "PR": "Puerto Rico",
    "VI": "Virgin Islands",
}  # fmt: skip
_BY_NAME = {name.casefold(): code for code, name in STATES.items()}
