"""The best k without looking at everything, and yet exactly the best k.

Listings that only their distance decides on ("anchored") are asked for ring by ring, nearest first. The search stops
when the k-th found scores more than anything farther out could. Listings that come to the patient, and those whose
place nobody knows, are few and are all looked at: they are kept, never dropped for lack of coordinates.

How far it looks is part of the answer: `radius`, then twice as far and so on up to 100 miles, then everywhere; the
first of these within which at least k can be offered. Services without a place do not count towards the k that are
near enough. Full services count nowhere, and are offered only when there is nobody else at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import inf
from typing import Protocol

from app.geography.boxes import Box, around
from app.geography.distance import FARTHEST_MILES
from app.matching.candidates import Candidate
from app.matching.eligibility import Against, against
from app.matching.ranking import Ranking, Scored, order, uncrowded

FIRST_RING_MILES = 3.0
NARROWEST, WIDEST = 1.5, 8.0
"""By how much a ring reaches farther than the last one, at least and at most."""

PLENTY = 4
"""The best k are usually settled once this many times k have been seen."""

WIDEST_MILES = 100.0
"""Beyond this there is no use in rings of "near": the next is everywhere."""


class Source(Protocol):
    """Where candidates for one question come from."""

    def elsewhere(self) -> Iterable[Candidate]:
        """Every candidate that is not anchored and whose service area, if any, takes in the patient."""

    def ring(self, outer: tuple[Box, ...], inner: tuple[Box, ...], worth: Worth | None) -> Iterable[Candidate]:
        """Every anchored candidate in the outer boxes and not in the inner ones.

        With `worth` it may leave out any of which it is sure that it scores less.
        """

    def anchored(self) -> Iterable[Candidate]:
        """Every anchored candidate, for a patient whose place is not known."""


@dataclass(frozen=True, slots=True)
class Worth:
    """A candidate in a ring must score this, and its distance part there is at most `nearness`."""

    score: float
    nearness: float


@dataclass(frozen=True, slots=True)
class Found:
    best: tuple[Scored, ...]
    radius: float | None
    """How far it looked, in miles; None is everywhere."""
    widened: bool
    considered: int
    """How many candidates were looked at."""


@dataclass(slots=True)
class _Seen:
    """What has been looked at so far, of which the eligible can be offered."""

    ranking: Ranking
    offered: list[Scored] = field(default_factory=list)
    full: list[Scored] = field(default_factory=list)
    considered: int = 0

    def take(self, candidates: Iterable[Candidate]) -> None:
        question, at = self.ranking.question, self.ranking.at
        for candidate in candidates:
            self.considered += 1
            objections = against(question, candidate, at)
            if not objections:
                self.offered.append(self._scored(candidate))
            elif objections == [Against.FULL]:
                self.full.append(self._scored(candidate))

    def _scored(self, candidate: Candidate) -> Scored:
        distance = self.ranking.distance(candidate)
        return Scored(self.ranking.score(candidate, distance), distance, candidate)

    def in_scope(self, scope: float) -> list[Scored]:
        # The full ones only when there is nobody else.
        return [one for one in (self.offered or self.full) if within(one, scope)]

    def enough(self, k: int, scope: float) -> bool:
        """Whether k of them are near enough that nobody has to look farther than `scope`."""
        return scope == inf or sum(1 for one in self.offered if counts_as_near(one, scope)) >= k

    def near(self, reached: float) -> int:
        return sum(1 for one in self.offered if one.distance is not None and one.distance <= reached)

    def worth(self, k: int, scope: float, reached: float) -> Worth | None:
        """What somebody beyond must score to change the answer; None while anybody would.

        Sound because whoever comes in takes the place of at most one other: a service belongs to one organization, so
        somebody who takes the place of the same service leaves its organization's share as it was. The k-th score
        therefore never falls.
        """
        # While there are only full ones, anybody at all would change it.
        if not self.offered or not self.enough(k, scope):
            return None
        # One that crowds the page would give way to anybody from farther out.
        first, _crowding = uncrowded(self.in_scope(scope))
        if len(first) < k:
            return None
        return Worth(first[k - 1].score, self.ranking.nearness_beyond(reached))

    def found(self, k: int, scope: float, *, widened: bool) -> Found:
        return Found(
            best=tuple(order(self.in_scope(scope))[:k]),
            radius=None if scope == inf else scope,
            widened=widened,
            considered=self.considered,
        )


def within(one: Scored, scope: float) -> bool:
    """Whether it can be offered when looking this far."""
    return not one.candidate.anchored or one.distance is None or one.distance <= scope


def counts_as_near(one: Scored, scope: float) -> bool:
    """Whether it is one of the k that make it needless to look farther."""
    return bool(one.candidate.covered) or (one.distance is not None and one.distance <= scope)


def scopes(radius: float) -> Iterator[float]:
    """How far to look, and then how far when that is not enough."""
    yield radius
    while radius < WIDEST_MILES:
        radius = min(2 * radius, WIDEST_MILES)
        yield radius
    yield inf


def search(ranking: Ranking, k: int, radius: float, source: Source) -> Found:
    """The best `k`, as `ranking.order` puts them, of all that can be offered as far as it looks."""
    seen = _Seen(ranking)
    seen.take(source.elsewhere())
    place = ranking.question.known_place
    if place is None:
        seen.take(source.anchored())
        return seen.found(k, inf, widened=False)
    inner: tuple[Box, ...] = ()
    reached = 0.0
    for scope in scopes(radius):
        end = min(scope, FARTHEST_MILES)
        while reached < end:
            worth = seen.worth(k, scope, reached)
            if worth and worth.score > ranking.best_beyond(reached):
                return seen.found(k, scope, widened=scope > radius)
            # Once only the worthy come, a wide ring costs no more than a narrow one.
            found = 0 if worth else seen.near(reached)
            reached = farther(reached, end, wanted=PLENTY * k, found=found)
            outer = around(place.point, reached)
            seen.take(source.ring(outer, inner, worth))
            inner = outer
        if seen.enough(k, scope):
            return seen.found(k, scope, widened=scope > radius)
    raise AssertionError("everywhere is always far enough")


def farther(reached: float, end: float, *, wanted: int, found: int) -> float:
    """How far out the next ring goes: as far as it should take to find what is wanted, if they lie as close there.

    Every ring is a question to the database, and every listing in it must be scored: few rings where little is found,
    narrow ones where much is.
    """
    if not reached:
        return min(FIRST_RING_MILES, end)
    grown = reached * min(max((wanted / max(found, 1)) ** 0.5, NARROWEST), WIDEST)
    return end if grown * NARROWEST > end else grown
