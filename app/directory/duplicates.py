"""Whether two services in the directory are one, listed twice: by two sources, or by one that forgot.

A pure rule over names, numbers and places. Two services of one agency at one address with different names are two;
one service that an agency offers at two addresses is two as well. Nothing is merged by a score: a person decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

from app.geography.distance import miles
from app.geography.places import Point
from app.patients.names import fold

LIKELY = 0.75
"""From this score on somebody is asked."""

NEAR_MILES = 0.15
"""Two geocoders seldom put one door farther apart; on the next block there may be another pantry."""
FAR_MILES = 0.6

_OF_NO_ACCOUNT = frozenset(
    {"the", "of", "and", "for", "a", "an", "inc", "incorporated", "llc", "ltd", "corp", "co", "nfp"}
)
_STREETS = {
    "street": "st", "avenue": "ave", "road": "rd", "boulevard": "blvd", "drive": "dr", "lane": "ln", "court": "ct",
    "place": "pl", "highway": "hwy", "parkway": "pkwy", "suite": "ste", "floor": "fl", "north": "n", "south": "s",
    "east": "e", "west": "w", "saint": "st",
}  # fmt: skip
_SUITE = re.compile(r"\b(?:ste|fl|unit|apt|room|rm|bldg)\b.*$")


class Reason(StrEnum):
    SAME_NAME = "same-name"
    LIKE_NAME = "like-name"
    SAME_AGENCY = "same-agency"
    SAME_PHONE = "same-phone"
    SAME_ADDRESS = "same-address"
    NEAR = "near"


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is compared of a service."""

    name: str
    organization: str
    phones: frozenset[str] = frozenset()
    """E.164."""
    addresses: frozenset[str] = frozenset()
    """As `address_key` gives them."""
    points: tuple[Point, ...] = ()


@dataclass(frozen=True, slots=True)
class Likeness:
    score: float
    """From 0, nothing in common, to 1."""
    reasons: tuple[Reason, ...]


def likeness(one: Candidate, other: Candidate) -> Likeness:
    """How much two services look like one, the same whichever comes first.

    Names weigh 0.45, the agency 0.2, a number in common 0.15, the place 0.2. Different names or places known to be
    apart make them two, whatever else agrees.
    """
    reasons: list[Reason] = []
    named = name_likeness(one.name, other.name)
    agency = name_likeness(one.organization, other.organization)
    phone = bool(one.phones & other.phones)
    place = _place_likeness(one, other)
    if named >= 1:
        reasons.append(Reason.SAME_NAME)
    elif named >= 0.6:  # noqa: PLR2004
        reasons.append(Reason.LIKE_NAME)
    if agency >= 0.8:  # noqa: PLR2004
        reasons.append(Reason.SAME_AGENCY)
    if phone:
        reasons.append(Reason.SAME_PHONE)
    if one.addresses & other.addresses:
        reasons.append(Reason.SAME_ADDRESS)
    elif place is not None and place > 0:
        reasons.append(Reason.NEAR)
    if named < 0.6 or place == 0:  # noqa: PLR2004
        return Likeness(0.0, tuple(reasons))
    known_place = 0.5 if place is None else place
    score = 0.45 * named + 0.2 * agency + 0.15 * phone + 0.2 * known_place
    return Likeness(round(score, 3), tuple(reasons))


def name_likeness(one: str, other: str) -> float:
    """From 0 to 1: 1 for the same words in any order, without “the”, “of” and “Inc.”."""
    first, second = _words(one), _words(other)
    if not first or not second:
        return 0.0
    if set(first) == set(second):
        return 1.0
    # Both ways round, because the matcher's answer depends on which text comes first.
    a, b = sorted((" ".join(sorted(first)), " ".join(sorted(second))))
    return min(0.99, SequenceMatcher(None, a, b, autojunk=False).ratio())


def name_key(name: str) -> str:
    """What the same name comes to, in whatever order and spelling; a block of candidates shares it."""
    return " ".join(sorted(set(_words(name))))


def address_key(line: str, postal_code: str) -> str:
    """A street address as it is compared: “100 North Main Street, Suite 5” is “100 n main st”. Empty without number."""
    short = " ".join(_STREETS.get(word, word) for word in fold(line).split())
    street = _SUITE.sub("", short).strip()
    return f"{street} {postal_code[:5]}" if any(map(str.isdigit, street)) else ""


def _words(name: str) -> list[str]:
    return [word for word in fold(name).split() if word not in _OF_NO_ACCOUNT]


def _place_likeness(one: Candidate, other: Candidate) -> float | None:
    """1 at one address or door, 0 when known to be apart, None when nobody knows where one of them is."""
    if one.addresses & other.addresses:
        return 1.0
    distances = _distances(one.points, other.points)
    if distances:
        nearest = min(distances)
        if nearest <= NEAR_MILES:
            return 1.0
        return 0.5 if nearest <= FAR_MILES else 0.0
    return 0.0 if one.addresses and other.addresses else None


def _distances(some: Iterable[Point], others: tuple[Point, ...]) -> list[float]:
    return [miles(a, b) for a in some for b in others]
