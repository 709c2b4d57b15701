"""In which order services are offered, exactly.

A score is the weighted mean of nine parts, each from 0 to 1; `WEIGHTS` is the one table of how much each counts. What
is not known gets a middling value, so that silence is neither a merit nor a fault.

The order, and so the answer to "the best k", is defined by `order`: by score, ties by id; but a service that stands
there already, and the third listing of one organization, go behind everything else. No score depends on k or on the
radius, so the best five are the first five of the best twenty.
"""

from __future__ import annotations

from bisect import bisect
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from math import floor
from operator import mul
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from app.directory.codes import CapacityStatus
from app.directory.languages import compared_as
from app.geography.distance import FARTHEST_MILES, GRAIN_MILES, miles, stepped
from app.geography.places import Precision
from app.matching import hours
from app.matching.audiences import bits
from app.matching.candidates import Candidate, Question
from app.matching.eligibility import capacity

AT_MOST_PER_ORGANIZATION = 2


class Parts(NamedTuple):
    """One number for each part of a score: its value, or its weight."""

    distance: float
    language: float
    fit: float
    audience: float
    open: float
    capacity: float
    history: float
    ease: float
    helping: float


WEIGHTS = Parts(
    distance=0.30, language=0.17, fit=0.08, audience=0.15, open=0.09, capacity=0.09, history=0.06, ease=0.03,
    helping=0.03,
)  # fmt: skip
URGENT_WEIGHTS = Parts(
    distance=0.30, language=0.12, fit=0.08, audience=0.15, open=0.17, capacity=0.11, history=0.04, ease=0.03,
    helping=0.00,
)  # fmt: skip
"""Tonight matters: open and near and with room before a good record."""

HALFWAY_MILES = 5.0
"""At this distance the part is one half; at twice this, a third."""

COMES_TO_YOU = 0.5
"""The distance part, at least, of what is done remotely or in a service area that takes in the patient."""
PLACE_UNKNOWN = 0.2

SPOKEN, INTERPRETED, NOT_SPOKEN = 1.0, 0.7, 0.0
EVERYWHERE_SPOKEN = "en"
"""A directory of the United States rarely says that English is spoken."""

NOT_KNOWN_TO_BE_FOR_THEM = 0.0
"""What is only for people living with HIV stands behind what is for everybody, unless the patient is known to be."""

OPEN_IN_DAYS = (1.0, 0.9, 0.75, 0.6, 0.45, 0.3, 0.2, 0.2)
"""Open today, tomorrow, … ; the last is later today, a week on."""
OPEN_LATER_TODAY_URGENT = 0.8
HOURS_UNKNOWN = 0.4

ROOM_UNKNOWN = 0.25
ROOM = {
    CapacityStatus.CAPACITY.value: 1.0,
    CapacityStatus.ADDITIONAL_ASSESSMENT.value: 0.75,
    CapacityStatus.WAITLIST.value: 0.5,
    CapacityStatus.UNKNOWN.value: ROOM_UNKNOWN,
    CapacityStatus.NO_CAPACITY.value: 0.0,
}
ROOM_FADES = timedelta(days=90)
"""What was said about capacity counts less every day, and after this as much as nothing."""

EASE = {True: 1.0, None: 0.5, False: 0.0}

GRADES, URGENT_GRADES = (0.33, 0.39), (0.41, 0.47)
"""Where one grade of listings ends and the next begins; see `Bounds`. What is mainly for the need, for everybody, and
tells its hours is of the middle one; of the highest when it says besides that it has room."""

HIGHEST_GRADE = len(GRADES)

ROUNDING = 2e-6
"""More than a sum of rounded products can be off, also when the database rounds to single precision."""

_GRAINS = {precision.value: grain for precision, grain in GRAIN_MILES.items()}
ANCHORED_GRAINS = tuple(grain for precision, grain in GRAIN_MILES.items() if precision is not Precision.NONE)


@dataclass(frozen=True)
class Ranking:
    """How candidates for one question are scored at one moment."""

    question: Question
    at: datetime

    @cached_property
    def weights(self) -> Parts:
        return URGENT_WEIGHTS if self.question.urgent else WEIGHTS

    @cached_property
    def language(self) -> str:
        """As a listing keeps it: zh for zh-Hant and for Cantonese."""
        return compared_as(self.question.language)

    @cached_property
    def _spaced_language(self) -> str:
        return f" {self.language} "

    @cached_property
    def grain(self) -> float:
        place = self.question.known_place
        return GRAIN_MILES[place.precision] if place else 0.0

    @cached_property
    def is_one_of(self) -> int:
        return bits(self.question.is_one_of)

    @cached_property
    def _hours_of_week(self) -> dict[str, int]:
        return {}

    @cached_property
    def _grains(self) -> frozenset[float]:
        return frozenset(max(self.grain, grain) for grain in ANCHORED_GRAINS)

    def distance(self, candidate: Candidate) -> float | None:
        """In miles; None when one end is not known."""
        place = self.question.known_place
        if place is None or candidate.latitude is None or candidate.longitude is None:
            return None
        return miles(place.point, (candidate.latitude, candidate.longitude))

    def scored(self, candidate: Candidate) -> Scored:
        distance = self.distance(candidate)
        values = self.values(candidate, distance)
        return Scored(float(sum(map(mul, self.weights, values))), distance, candidate, values)

    def values(self, candidate: Candidate, distance: float | None) -> Parts:
        helping = candidate.organization_id in self.question.helping_organizations
        return Parts(
            self._nearness(candidate, distance),
            self._spoken(candidate),
            candidate.fit,
            1.0 if not candidate.audience or candidate.audience & self.is_one_of else NOT_KNOWN_TO_BE_FOR_THEM,
            self._openness(candidate),
            self._room(candidate),
            candidate.history,
            EASE[candidate.walk_in],
            1.0 if helping else 0.0,
        )

    def hour(self, time_zone: str) -> int:
        """The hour of the week there."""
        hour = self._hours_of_week.get(time_zone)
        if hour is None:
            hour = hours.hour_of_week(self.at.astimezone(ZoneInfo(time_zone)))
            self._hours_of_week[time_zone] = hour
        return hour

    def nearness_beyond(self, distance: float) -> float:
        """The distance part of an anchored candidate at least this far away is not larger."""
        return max(nearness(stepped(distance, grain)) for grain in self._grains)

    def best_beyond(self, distance: float) -> float:
        """The score of an anchored candidate at least this far away is smaller."""
        return self.weights.distance * self.nearness_beyond(distance) + self._others(HIGHEST_GRADE)

    def reach(self, score: float, grade: int = HIGHEST_GRADE) -> float:
        """Nothing anchored farther away than this scores as much, in miles; 0 when nothing does at all.

        :param grade: of those that are asked about, which are of no higher one.
        """
        needed = (score - self._others(grade)) / self.weights.distance
        if needed <= 0:
            return FARTHEST_MILES
        far = HALFWAY_MILES / needed - HALFWAY_MILES
        # The first step of each grain whose middle lies beyond.
        beyond = max((max(0, floor(far / grain - 0.5) + 1)) * grain for grain in self._grains) + ROUNDING
        return min(beyond, FARTHEST_MILES)

    @cached_property
    def _best(self) -> Parts:
        """What the parts of a score add to it at most."""
        return self.weights._replace(helping=self.weights.helping if self.question.helping_organizations else 0.0)

    def _others(self, grade: int) -> float:
        """The most that all parts but the distance can add to the score of a candidate of this grade."""
        best = self._best
        listed = best.fit + best.audience + best.open + best.capacity + best.ease
        if grade < HIGHEST_GRADE:
            ends = URGENT_GRADES if self.question.urgent else GRADES
            # A listing does not know for whom it is just the right one.
            listed = min(listed, ends[grade] + (best.audience if self.is_one_of else 0.0))
        return listed + best.language + best.history + best.helping + ROUNDING

    def _nearness(self, candidate: Candidate, distance: float | None) -> float:
        comes = candidate.remote or candidate.covered
        if distance is None:
            return COMES_TO_YOU if comes else PLACE_UNKNOWN
        near = nearness(stepped(distance, max(self.grain, _GRAINS[candidate.precision])))
        return max(near, COMES_TO_YOU) if comes else near

    def _spoken(self, candidate: Candidate) -> float:
        if self.language == EVERYWHERE_SPOKEN or self._spaced_language in candidate.languages:
            return SPOKEN
        return INTERPRETED if candidate.interpreter else NOT_SPOKEN

    def _openness(self, candidate: Candidate) -> float:
        if candidate.hours is None:
            return HOURS_UNKNOWN
        hour = self.hour(candidate.time_zone)
        wait = hours.hours_until_open(candidate.hours, hour)
        if wait is None:
            return 0.0
        days = (hour % 24 + wait) // 24
        if self.question.urgent and wait and not days:
            return OPEN_LATER_TODAY_URGENT
        return OPEN_IN_DAYS[days]

    def _room(self, candidate: Candidate) -> float:
        room = ROOM[capacity(candidate, self.at)]
        if candidate.capacity_at is None:
            return ROOM_UNKNOWN
        # Said after `at` happens when somebody asks about yesterday.
        freshness = min(1.0, max(0.0, 1 - (self.at - candidate.capacity_at) / ROOM_FADES))
        return ROOM_UNKNOWN + (room - ROOM_UNKNOWN) * freshness


class Bounds(NamedTuple):
    """What a listing brings along to a score, whoever asks and whenever: by this the database leaves out the beaten.

    To merit and room are added history and what depends on the patient: distance, language, audience, whom they know.
    The sum, less what it loses by not being open today, is never less than the score.
    """

    merit: float
    urgent_merit: float
    """The same for an urgent need."""
    room: float
    """How much more its word about capacity is worth than silence, on the day it was given; not less than 0."""
    closing: int | None
    """When each day of its hours is over; see `hours.closings`."""
    grade: int
    """From 0 to `HIGHEST_GRADE`: the index goes by it, for what brings little along is best only when near."""


def bounds(listing: Mapping[str, Any]) -> Bounds:
    """The most that what is said of a listing, its columns by name, can bring along."""
    week = listing["hours"]
    room = max(0.0, ROOM[listing["capacity"]] - ROOM_UNKNOWN) if listing["capacity_at"] else 0.0

    def merit(weights: Parts) -> float:
        return (
            weights.fit * float(listing["fit"])
            + weights.open * (HOURS_UNKNOWN if week is None else 1.0)
            + weights.capacity * ROOM_UNKNOWN
            + weights.ease * EASE[listing["walk_in"]]
        )

    def grade(weights: Parts, ends: tuple[float, ...]) -> int:
        for_anybody = 0.0 if listing["audience"] else weights.audience
        return bisect(ends, merit(weights) + weights.capacity * room + for_anybody)

    return Bounds(
        merit=merit(WEIGHTS),
        urgent_merit=merit(URGENT_WEIGHTS),
        room=room,
        closing=None if week is None else hours.closings(week),
        grade=max(grade(WEIGHTS, GRADES), grade(URGENT_WEIGHTS, URGENT_GRADES)),
    )


def nearness(distance: float) -> float:
    """The distance part of a score: 1 at the door, and never 0."""
    return 1 / (1 + distance / HALFWAY_MILES)


class Scored(NamedTuple):
    score: float
    """From 0 to 1."""
    distance: float | None
    candidate: Candidate
    values: Parts


def in_order(scored: Iterable[Scored]) -> list[Scored]:
    """Best first; equal scores by id, so that the same question has the same answer twice."""
    return sorted(scored, key=lambda one: (-one.score, one.candidate.id))


def order(scored: Iterable[Scored]) -> list[Scored]:
    """The order in which services are offered: nobody crowds the page while there is somebody else."""
    first, crowding = uncrowded(scored)
    return first + crowding


def uncrowded(scored: Iterable[Scored]) -> tuple[list[Scored], list[Scored]]:
    """Those that are offered first, and those of a service or an organization that has its share; both in order."""
    first: list[Scored] = []
    crowding: list[Scored] = []
    services: set[int] = set()
    organizations: Counter[int] = Counter()
    for one in in_order(scored):
        # Numbers, because a UUID works out its hash anew each time.
        service, organization = one.candidate.service_id.int, one.candidate.organization_id.int
        if service in services or organizations[organization] >= AT_MOST_PER_ORGANIZATION:
            crowding.append(one)
            continue
        services.add(service)
        organizations[organization] += 1
        first.append(one)
    return first, crowding
