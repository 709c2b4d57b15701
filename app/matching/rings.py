"""The best k without looking at everything, and yet exactly the best k.

A source gives candidates out in the order of the most they could score, a few dozen at a time. Listings that only their
distance decides on ("anchored") come from boxes around the patient, nearest first; those that come to the patient, and
those whose place nobody knows, come all at once: they are kept, never dropped for lack of coordinates. The search
stops when the k-th found scores more than anything that was left out could, near or far.

How far it looks is part of the answer: `radius`, then twice as far and so on up to 100 miles, then everywhere; the
first of these within which at least k can be offered. Services without a place do not count towards the k that are
near enough. Full services count nowhere, and are offered only when there is nobody else at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import Protocol

from app.geography.distance import FARTHEST_MILES
from app.matching.candidates import Candidate
from app.matching.eligibility import Against, against
from app.matching.ranking import ROUNDING, Ranking, Scored, uncrowded

FIRST_REACHES = (3.0, 12.0, 50.0)
"""How far the first question goes: to the nearest of these within which there is plenty."""

NARROWEST, WIDEST = 1.5, 8.0
"""By how much a ring reaches farther than the last one, at least and at most."""

PLENTY = 3
"""The best k are usually settled once this many times k have been seen."""

FEW = 2
"""Times k: how many candidates are looked at first."""

MORE = 4
"""Where these do not settle it, this many times as many are looked at next; and so on."""

MOST_BY_NUMBER = 2000
"""Rather than more than this, all are looked at."""

WIDEST_MILES = 100.0
"""Beyond this there is no use in rings of "near": the next is everywhere."""

REGION_MILES = 250.0
"""Everywhere is looked through this far first: what is found there, the rest of the country has to beat."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What a source gives out at once."""

    candidates: Sequence[Candidate]
    left: float | None
    """What it left out scores at most this; None when it left out nothing."""
    left_near: bool
    """It left out some of those that count as near."""
    reached: float
    """In miles: of the anchored no nearer ones are still to come, except for those left out."""


class Source(Protocol):
    """Where candidates for one question come from, of which all that could be offered come sooner or later.

    A source need not give out what cannot be offered to the patient at all, nor what is full, nor what is sure to score
    less than `worth`. `limit` is how many it gives out at most, those that could score most; None is no limit.
    """

    def nearest(self, reaches: Sequence[float], plenty: int, worth: float | None, limit: int | None) -> Batch:
        """All that is not anchored, and the anchored within the first of `reaches` that holds at least `plenty`."""

    def ring(self, inner: float, outer: float, worth: float | None, limit: int | None) -> Batch:
        """The anchored between two distances in miles, and some others."""

    def anywhere(self, worth: float | None, limit: int | None) -> Batch:
        """All there are, for a patient whose place is not known."""

    def of_the_full(self) -> Source:
        """The same of those that cannot take anybody in now."""


@dataclass(frozen=True, slots=True)
class Found:
    best: tuple[Scored, ...]
    radius: float | None
    """How far it looked, in miles; None is everywhere."""
    widened: bool
    considered: int
    """How many candidates were looked at, some of them again when more was asked for."""


Ask = Callable[[float | None, int | None], Batch]
"""A question to a source, about those that may score at least so much, for so many."""


@dataclass(slots=True)
class Seen:
    """What has been looked at so far, of which the eligible can be offered."""

    ranking: Ranking
    k: int
    only: Sequence[Against]
    """The objections of those that are looked for: none, or that they are full."""
    offered: dict[int, Scored] = field(default_factory=dict)
    considered: int = 0
    _left: list[tuple[float, Ask]] = field(default_factory=list)
    """What those score at most that have been left out, and how to ask for them."""
    _uncrowded: tuple[object, list[Scored], list[Scored]] = (None, [], [])

    def take(self, scope: float, ask: Ask) -> float:
        """Look at the best of what a source gives out, and at as many as it has until enough of them are near.

        :returns: how far it reached.
        """
        for limit in limits(FEW * self.k):
            batch = ask(self.worth(scope), limit)
            self.look_at(batch.candidates)
            if not batch.left_near or self.enough(scope):
                break
        if batch.left is not None:
            self._left.append((batch.left, ask))
        return batch.reached

    def settle(self, scope: float) -> None:
        """Look at all that has been left out and could still change the answer."""
        for most, ask in self._left:
            left: float | None = most
            for limit in limits(FEW * self.k * MORE):
                worth = self.worth(scope)
                if left is None or (worth is not None and worth > left + ROUNDING):
                    break
                batch = ask(worth, limit)
                self.look_at(batch.candidates)
                left = batch.left
        self._left.clear()

    def look_at(self, candidates: Iterable[Candidate]) -> None:
        ranking = self.ranking
        for candidate in candidates:
            self.considered += 1
            if candidate.id.int in self.offered or against(ranking.question, candidate, ranking.at) != self.only:
                continue
            self.offered[candidate.id.int] = ranking.scored(candidate)

    def in_scope(self, scope: float) -> list[Scored]:
        return [one for one in self.offered.values() if within(one, scope)]

    def enough(self, scope: float) -> bool:
        """Whether k of them are near enough that nobody has to look farther than `scope`."""
        return scope == inf or sum(1 for one in self.offered.values() if counts_as_near(one, scope)) >= self.k

    def near(self, reached: float) -> int:
        return sum(1 for one in self.offered.values() if one.distance is not None and one.distance <= reached)

    def worth(self, scope: float) -> float | None:
        """What somebody else must score to change the answer; None while anybody would.

        Sound because whoever comes in takes the place of at most one other: a service belongs to one organization, so
        somebody who takes the place of the same service leaves its organization's share as it was. The k-th score
        therefore never falls.
        """
        if len(self.offered) < self.k or not self.enough(scope):
            return None
        # One that crowds the page would give way to anybody from farther out.
        first, _crowding = self._in_order(scope)
        return first[self.k - 1].score if len(first) >= self.k else None

    def _in_order(self, scope: float) -> tuple[list[Scored], list[Scored]]:
        """Those in scope as `ranking.uncrowded` puts them; worked out once while nothing new is seen."""
        key = (scope, len(self.offered))
        if self._uncrowded[0] != key:
            self._uncrowded = (key, *uncrowded(self.in_scope(scope)))
        return self._uncrowded[1:]

    def found(self, scope: float, *, widened: bool) -> Found:
        first, crowding = self._in_order(scope)
        return Found(
            best=tuple(first[: self.k] + crowding[: max(0, self.k - len(first))]),
            radius=None if scope == inf else scope,
            widened=widened,
            considered=self.considered,
        )


def limits(first: int) -> Iterator[int | None]:
    """How many are looked at, and then how many where that is not enough."""
    while first <= MOST_BY_NUMBER:
        yield first
        first *= MORE
    yield None


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
    found = _search(Seen(ranking, k, only=[]), tuple(scopes(radius)), source)
    if found.best:
        return found
    full = _search(Seen(ranking, k, only=[Against.FULL]), (inf,), source.of_the_full())
    return Found(full.best, found.radius, found.widened, found.considered + full.considered)


def _search(seen: Seen, looking: Sequence[float], source: Source) -> Found:
    """:param looking: how far, and then how far when that is not enough; everywhere at last."""
    ranking, plenty = seen.ranking, PLENTY * seen.k
    if ranking.question.known_place is None:
        seen.take(inf, source.anywhere)
        seen.settle(inf)
        return seen.found(inf, widened=False)
    reached = seen.take(looking[0], partial(source.nearest, _reaches(looking[0]), plenty))
    for scope in looking:
        end = min(scope, FARTHEST_MILES)
        while reached < end:
            worth = seen.worth(scope)
            outer = farther(reached, end, wanted=plenty, found=seen.near(reached))
            if worth is not None:
                # Only the worthy come, so one wide ring costs less than several narrow ones.
                outer = min(ranking.reach(worth), end)
                if reached < REGION_MILES < outer:
                    outer = REGION_MILES
                if outer <= reached:
                    break
            reached = seen.take(scope, partial(source.ring, reached, outer))
        if seen.enough(scope):
            seen.settle(scope)
            return seen.found(scope, widened=scope > looking[0])
    raise AssertionError("everywhere is always far enough")


def _reaches(radius: float) -> tuple[float, ...]:
    widest = min(radius, FIRST_REACHES[-1])
    return (*(reach for reach in FIRST_REACHES if reach < widest), widest)


def farther(reached: float, end: float, *, wanted: int, found: int) -> float:
    """How far out the next ring goes: as far as it should take to find what is wanted, if they lie as close there.

    Every ring is a question to the database, and every listing in it must be scored: few rings where little is found,
    narrow ones where much is.
    """
    grown = reached * min(max((wanted / max(found, 1)) ** 0.5, NARROWEST), WIDEST)
    return end if grown * NARROWEST > end else grown
