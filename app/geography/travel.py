"""How one gets there, in words that promise no more than we know: “about 2 miles, bus 23”.

Nobody asks a route planner: a patient's address would go to it. Times are drawn from the distance as the crow flies, as
ranges wide enough to be true: streets are 1.2 to 1.6 times as long, people walk 2.5 to 3.5 miles an hour, a city bus
makes 7 to 12 with its stops and one waits for it up to 20 minutes, a car makes 15 to 35 and is parked.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from app.geography import words
from app.geography.distance import GRAIN_MILES
from app.geography.places import Precision
from app.i18n import gettext as _
from app.i18n import marked

SHORTEST_DETOUR, LONGEST_DETOUR = 1.2, 1.6

WALKABLE_MILES = 1.5
"""As the crow flies: some three quarters of an hour."""
BY_BUS_MILES = 20.0

_LINES = re.compile(
    r"\b(?:bus(?:es)?|(?:bus )?(?:lines?|routes?))\s*(?:lines?|routes?|numbers?|nos?\.?|#)?\s*:?\s*#?"
    r"((?:[A-Z]{0,2}\d{1,3}[A-Z]?)(?:\s*(?:,|/|&|and|or|#)\s*#?(?:[A-Z]{0,2}\d{1,3}[A-Z]?))*)\b",
    re.IGNORECASE,
)
_LINE = re.compile(r"[A-Z]{0,2}\d{1,3}[A-Z]?", re.IGNORECASE)
_CONJUNCTION = re.compile(r"\b(?:and|or)\b", re.IGNORECASE)
MOST_LINES = 4


@dataclass(frozen=True, slots=True)
class Pace:
    """A way of going, in miles an hour and minutes, at its slowest and its fastest."""

    sentence: str
    slow: float
    fast: float
    least: float
    most: float
    """Minutes beside the going itself: waiting, parking."""

    def minutes(self, miles: float, grain: float) -> tuple[int, int]:
        """The shortest and the longest it may take, in steps of five, when a distance is known to about `grain`."""
        low = max(0.0, miles - grain / 2) * SHORTEST_DETOUR / self.fast * 60 + self.least
        high = (miles + grain / 2) * LONGEST_DETOUR / self.slow * 60 + self.most
        return max(5, 5 * math.floor(low / 5)), max(10, 5 * math.ceil(high / 5))


WALK = Pace(marked("on foot %(low)s to %(high)s minutes"), slow=2.5, fast=3.5, least=0, most=0)
BUS = Pace(marked("by bus perhaps %(low)s to %(high)s minutes, where one runs"), slow=7, fast=12, least=5, most=20)
CAR = Pace(marked("by car %(low)s to %(high)s minutes"), slow=15, fast=35, least=0, most=5)


def hint(miles: float, precision: Precision, transportation: str | None) -> str:
    """The distance and the bus lines that the directory names, on one line: “about 2 miles, bus 23”."""
    lines = bus_lines(transportation)
    far = words.words(miles, precision)
    return _("%(far)s, bus %(lines)s", far=far, lines=", ".join(lines)) if lines else far


def ways(miles: float, precision: Precision) -> tuple[str, ...]:
    """How long it takes on foot, by bus and by car, as far as that can be said; nothing when the distance is vague."""
    grain = GRAIN_MILES[precision]
    if precision in {Precision.NONE, Precision.COUNTY}:
        return ()
    paces = [
        *([WALK] if miles + grain / 2 <= WALKABLE_MILES else []),
        *([BUS] if miles <= BY_BUS_MILES else []),
        CAR,
    ]
    return tuple(_range(pace, *pace.minutes(miles, grain)) for pace in paces)


def _range(pace: Pace, low: int, high: int) -> str:
    return _(pace.sentence, low=low, high=high)


def bus_lines(transportation: str | None) -> tuple[str, ...]:
    """The numbers of bus lines that a text plainly names: “Bus 23 and 36 stop at the door” has two."""
    found: dict[str, None] = {}
    for match in _LINES.finditer(transportation or ""):
        for line in _LINE.findall(_CONJUNCTION.sub(" ", match[1])):
            found.setdefault(line.upper())
    return tuple(found)[:MOST_LINES]
