"""The rings against brute force: the same k in the same order, for any directory and any patient."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from math import inf
from operator import mul
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert

from app.db import session as the_session
from app.directory.codes import CapacityStatus
from app.directory.hours import Opening
from app.geography.boxes import Box
from app.geography.places import Place, Precision
from app.matching import hours, operations
from app.matching.candidates import Candidate, Question
from app.matching.eligibility import Against, against
from app.matching.models import Listing
from app.matching.queries import Listings as Listed
from app.matching.ranking import Ranking, Scored, order
from app.matching.rings import Found, Worth, counts_as_near, scopes, search, within

AT = datetime(2026, 3, 4, 15, 30, tzinfo=UTC)
OFFICE_HOURS, WEEKEND = (
    hours.typical_week([Opening(time(9), time(17), byday=days)], AT.date()) for days in ("MO,TU,WE,TH,FR", "SA,SU")
)
IDS = [uuid.UUID(int=n) for n in range(1, 61)]


def brute_force(question: Question, k: int, radius: float, candidates: Iterable[Candidate]) -> Found:
    """The definition: score everything, look as far as it takes, put it in order, take the first k."""
    everything = list(candidates)
    ranking = Ranking(question, AT)
    offered: list[Scored] = []
    full: list[Scored] = []
    for candidate in everything:
        distance = ranking.distance(candidate)
        scored = Scored(ranking.score(candidate, distance), distance, candidate)
        objections = against(question, candidate, AT)
        if not objections:
            offered.append(scored)
        elif objections == [Against.FULL]:
            full.append(scored)
    scope = radius
    for scope in scopes(radius) if question.known_place else [inf]:
        if sum(counts_as_near(one, scope) for one in offered) >= k:
            break
    best = order(one for one in offered or full if within(one, scope))[:k]
    return Found(tuple(best), None if scope == inf else scope, scope > radius and bool(question.known_place), 0)


class Listings:
    """A source that does what the database promises, and no more than it promises."""

    def __init__(self, ranking: Ranking, candidates: list[Candidate]) -> None:
        self.ranking = ranking
        self.candidates = candidates

    def elsewhere(self) -> Iterable[Candidate]:
        return [one for one in self.candidates if not one.anchored and one.covered is not False]

    def anchored(self) -> Iterable[Candidate]:
        return [one for one in self.candidates if one.anchored]

    def ring(self, outer: tuple[Box, ...], inner: tuple[Box, ...], worth: Worth | None) -> Iterable[Candidate]:
        for one in self.anchored():
            point = (one.latitude or 0.0, one.longitude or 0.0)
            in_ring = any(box.holds(point) for box in outer) and not any(box.holds(point) for box in inner)
            if in_ring and (worth is None or self.might_score(one, worth)):
                yield one

    def might_score(self, one: Candidate, worth: Worth) -> bool:
        parts = self.ranking.values(one, None)._replace(distance=worth.nearness)
        return bool(sum(map(mul, self.ranking.weights, parts)) >= worth.score - 1e-6)


def some_place(random: Random, precisions: list[Precision]) -> Place:
    # A town and its surroundings; a few live on the date line, at a pole, or anywhere.
    latitude, longitude = random.choice(
        [
            (random.uniform(39.0, 39.6), random.uniform(-77.2, -76.2)),
            (random.gauss(39.3, 0.05), random.gauss(-76.7, 0.05)),
            (random.gauss(39.3, 0.05), random.gauss(-76.7, 0.05)),
            (random.uniform(51, 53), random.choice([179.5, 179.99, -179.99, -179.2])),
            (random.choice([-90.0, 89.9, 90.0]), random.uniform(-180, 180)),
            (random.uniform(-90, 90), random.uniform(-180, 180)),
        ]
    )
    return Place(latitude, longitude, random.choice(precisions), "America/New_York", "", "MD", "")


def some_candidate(random: Random, number: int) -> Candidate:
    place = some_place(random, [Precision.STREET, Precision.STREET, Precision.ZIP, Precision.COUNTY])
    located = random.random() < 0.9
    service = random.randrange(60)
    return Candidate(
        id=uuid.UUID(int=number),
        service_id=IDS[service],
        organization_id=IDS[service % 12],  # every service is one organization's
        latitude=place.latitude if located else None,
        longitude=place.longitude if located else None,
        precision=place.precision.value if located else "none",
        fit=random.choice([1.0, 0.5, 0.125]),
        covered=random.choice([None, None, None, None, True, False]),
        remote=random.random() < 0.1,
        confidential=False,
        languages=random.choice(["", "", " es ", " es zh ", " vi "]),
        interpreter=random.random() < 0.3,
        min_age=random.choice([None, None, 18, 60]),
        max_age=random.choice([None, None, 17, 64]),
        capacity=random.choice(["unknown", "unknown", "capacity", "waitlist", "no-capacity"]),
        capacity_at=AT - timedelta(days=random.randint(0, 120)),
        capacity_until=random.choice([None, AT, AT + timedelta(days=3)]),
        hours=random.choice([None, OFFICE_HOURS, WEEKEND, bytes(21)]),
        time_zone=place.time_zone,
        history=random.choice([0.5, 0.5, 0.25, 0.875]),  # the same in the database's single precision
        history_n=0,
        walk_in=random.choice([None, True, False]),
    )


def some_question(random: Random) -> Question:
    place = some_place(random, [Precision.ROOFTOP, Precision.ZIP, Precision.COUNTY])
    return Question(
        need="food",
        place=random.choice([place] * 8 + [None, replace(place, precision=Precision.NONE)]),
        postal_code="21215",
        language=random.choice(["en", "es", "zh-Hant"]),
        age=random.choice([None, 5, 17, 40, 70]),
        urgent=random.random() < 0.3,
        consented_organizations=random.choice([None, None, None, frozenset(IDS[:5])]),
        declined_services=random.choice([frozenset(), frozenset(IDS[:10])]),
        asked_services=random.choice([frozenset(), frozenset(IDS[10:15])]),
        helping_organizations=random.choice([frozenset(), frozenset(IDS[:3])]),
    )


# Hypothesis chooses the seeds, not every number: a directory is large, and drawing it so takes milliseconds.
seeds = st.integers(0, 2**32)
sizes = st.integers(0, 150)


@settings(max_examples=400, deadline=None)
@given(seeds, sizes, st.integers(1, 8), st.sampled_from([1.0, 5.0, 25.0, 80.0, 300.0]))
def test_rings_find_what_brute_force_finds(seed: int, size: int, k: int, radius: float) -> None:
    question, candidates = some_case(seed, size)
    ranking = Ranking(question, AT)
    found = search(ranking, k, radius, Listings(ranking, candidates))
    agree(found, brute_force(question, k, radius, candidates))


@settings(max_examples=100, deadline=None)
@given(seeds, sizes)
def test_the_best_five_are_the_first_of_the_best_twenty_when_nobody_looks_farther(seed: int, size: int) -> None:
    question, candidates = some_case(seed, size)
    ranking = Ranking(question, AT)
    five, twenty = (search(ranking, k, 20_000.0, Listings(ranking, candidates)) for k in (5, 20))
    assert five.best == twenty.best[:5]


@settings(max_examples=100, deadline=None)
@given(seeds, st.integers(0, 12_000))
def test_nobody_farther_out_scores_more_than_the_bound(seed: int, reached: int) -> None:
    question, candidates = some_case(seed, 50)
    ranking = Ranking(question, AT)
    for candidate in candidates:
        distance = ranking.distance(candidate)
        score = ranking.score(candidate, distance)
        assert 0 <= score <= 1
        if candidate.anchored and distance is not None and distance >= reached:
            assert score < ranking.best_beyond(reached)


@pytest.mark.usefixtures("session")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seeds, sizes, st.integers(1, 8), st.sampled_from([1.0, 5.0, 25.0, 80.0]))
def test_the_database_finds_what_brute_force_finds(seed: int, size: int, k: int, radius: float) -> None:
    question, candidates = some_case(seed, size)
    store(candidates)
    ranking = Ranking(question, AT)
    found = search(ranking, k, radius, Listed(ranking))
    agree(found, brute_force(question, k, radius, candidates))


def some_case(seed: int, size: int) -> tuple[Question, list[Candidate]]:
    random = Random(seed)  # noqa: S311  repeatable, which is the point
    return some_question(random), [some_candidate(random, number) for number in range(size)]


def agree(found: Found, expected: Found) -> None:
    assert [one.candidate.id for one in found.best] == [one.candidate.id for one in expected.best]
    assert [one.score for one in found.best] == [one.score for one in expected.best]
    assert (found.radius, found.widened) == (expected.radius, expected.widened)


def store(candidates: list[Candidate]) -> None:
    """Make these the listings for food, with a twin of each for another need."""
    the_session.execute(delete(Listing))
    serves, does_not = (area_of([postal_code]) for postal_code in ("21215", "20001"))
    rows = []
    for one in candidates:
        row = {
            **one._asdict(),
            "service_at_location_id": one.id,
            "area_id": {None: None, True: serves, False: does_not}[one.covered],
            "anchored": one.anchored,
            "precision": Precision(one.precision),
            "capacity": CapacityStatus(one.capacity),
        }
        del row["id"], row["covered"]
        rows += [{**row, "need": need} for need in ("food", "legal")]
    if rows:
        the_session.execute(insert(Listing), rows)


def area_of(postal_codes: list[str]) -> int:
    area = frozenset(postal_codes)
    return operations.area_ids({area})[area]
