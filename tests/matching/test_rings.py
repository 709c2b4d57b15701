"""The search against brute force: the same k in the same order, for any directory and any patient."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from math import inf
from operator import le
from random import Random

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert

from app.db import session as the_session
from app.directory.codes import CapacityStatus
from app.directory.hours import Opening
from app.geography import areas
from app.geography.areas import Area, Polygon, Whereabouts
from app.geography.boxes import around
from app.geography.distance import FARTHEST_MILES, GRAIN_MILES
from app.geography.places import Place, Point, Precision
from app.matching import hours, operations, ranking
from app.matching.audiences import BITS
from app.matching.candidates import Candidate, Question
from app.matching.eligibility import Against, against, capacity
from app.matching.models import Listing
from app.matching.queries import Listings as Listed
from app.matching.ranking import HIGHEST_GRADE, ROUNDING, URGENT_WEIGHTS, WEIGHTS, Parts, Ranking, Scored, order
from app.matching.rings import Batch, Found, counts_as_near, scopes, search, within

AT = datetime(2026, 3, 4, 15, 30, tzinfo=UTC)
OFFICE_HOURS, WEEKEND = (
    hours.typical_week((Opening(time(9), time(17), byday=days),), AT.date()) for days in ("MO,TU,WE,TH,FR", "SA,SU")
)
IDS = [uuid.UUID(int=n) for n in range(1, 61)]
ZONES = ["America/New_York", "America/New_York", "America/Denver", "Pacific/Kiritimati"]  # in the last it is tomorrow


def one_hour(of_the_week: int) -> bytes:
    return (1 << of_the_week).to_bytes(hours.HOURS // 8, "little")


def square(west: float, south: float, east: float, north: float) -> Polygon:
    return (((west, south), (east, south), (east, north), (west, north), (west, south)),)


AREAS = {
    1: Area(postal_codes=frozenset({"21215"})),
    2: Area(postal_codes=frozenset({"20001"})),
    3: Area(counties=frozenset({"MD:baltimore city"})),
    4: Area(states=frozenset({"VA"}), polygons=(square(-77.0, 39.2, -76.68, 39.5),)),
    5: Area(polygons=(square(-76.68, 39.2, -76.0, 39.5), square(170, 50, 180, 60))),
    6: Area(nationwide=True),
}


def brute_force(question: Question, k: int, radius: float, candidates: Iterable[Candidate]) -> Found:
    """The definition: score everything, look as far as it takes, put it in order, take the first k."""
    scoring = Ranking(question, AT)
    offered: list[Scored] = []
    full: list[Scored] = []
    for candidate in candidates:
        scored = scoring.scored(candidate)
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

    def __init__(self, scoring: Ranking, candidates: list[Candidate], *, full: bool = False) -> None:
        self.scoring = scoring
        self.everybody = candidates
        self.candidates = [one for one in candidates if (capacity(one, AT) == CapacityStatus.NO_CAPACITY) is full]

    def of_the_full(self) -> Listings:
        return Listings(self.scoring, self.everybody, full=True)

    def anywhere(self, worth: float | None, limit: int | None) -> Batch:
        return self.batch(self.candidates, worth, limit, FARTHEST_MILES)

    def nearest(self, reaches: Sequence[float], plenty: int, worth: float | None, limit: int | None) -> Batch:
        elsewhere = [one for one in self.candidates if not one.anchored]
        near: list[Candidate] = []
        reach = 0.0
        for reach in reaches:
            near = list(self.between(0, reach))
            if len(near) >= plenty:
                break
        return self.batch(elsewhere + near, worth, limit, reach)

    def ring(self, inner: float, outer: float, worth: float | None, limit: int | None) -> Batch:
        return self.batch(list(self.between(inner, outer)), worth, limit, outer)

    def between(self, inner: float, outer: float) -> Iterator[Candidate]:
        place = self.scoring.question.known_place
        assert place
        for one in self.candidates:
            point = (one.latitude or 0.0, one.longitude or 0.0)
            if one.anchored and holds(place.point, outer, point) and not holds(place.point, inner, point):
                yield one

    def batch(self, candidates: list[Candidate], worth: float | None, limit: int | None, reached: float) -> Batch:
        worthy = [one for one in candidates if worth is None or self.most(one) >= worth - ROUNDING]
        worthy.sort(key=self.most, reverse=True)
        best, cut = worthy[:limit], worthy[len(worthy[:limit]) :]
        left = self.most(best[-1]) if limit is not None and len(best) >= limit else None
        return Batch(best, left, any(one.anchored or one.area_id for one in cut), reached)

    def most(self, one: Candidate) -> float:
        """What it could score: exactly that, or somewhat more."""
        return self.scoring.scored(one).score + one.id.int % 3 / 50


def holds(center: Point, reach: float, point: Point) -> bool:
    return reach > 0 and any(box.holds(point) for box in around(center, reach))


def some_place(random: Random, precisions: list[Precision]) -> Place:
    # A town and its surroundings; a few live on the date line, at a pole, south of the equator, or anywhere; some just
    # where one band of the index ends and the next begins.
    latitude, longitude = random.choice(
        [
            (random.uniform(39.0, 39.6), random.uniform(-77.2, -76.2)),
            (random.gauss(39.3, 0.05), random.gauss(-76.7, 0.05)),
            (random.gauss(39.3, 0.05), random.gauss(-76.7, 0.05)),
            (random.choice([38.9, 39.0, 39.1, 39.3]), random.choice([-76.7, -76.61])),
            (random.choice([-14.3, -14.27, -0.05, 0.0, -0.1]), random.choice([-170.7, -170.6])),
            (random.uniform(51, 53), random.choice([179.5, 179.99, -179.99, -179.2])),
            (random.choice([-90.0, 89.9, 90.0]), random.uniform(-180, 180)),
            (random.uniform(-90, 90), random.uniform(-180, 180)),
        ]
    )
    return Place(latitude, longitude, random.choice(precisions), random.choice(ZONES), "", "MD", "")


def some_candidate(random: Random, number: int, lives: Whereabouts) -> Candidate:
    place = some_place(random, [Precision.STREET, Precision.STREET, Precision.ZIP, Precision.COUNTY])
    remote = random.random() < 0.1
    located = random.random() < 0.9 and not remote
    area = random.choice([None] * 8 + list(AREAS))
    service = random.randrange(60)
    return Candidate(
        id=uuid.UUID(int=number),
        service_id=IDS[service],
        organization_id=IDS[service % 12],  # every service is one organization's
        latitude=place.latitude if located else None,
        longitude=place.longitude if located else None,
        precision=place.precision.value if located else "none",
        fit=random.choice([1.0, 0.5, 0.125]),
        area_id=area,
        covered=areas.covers(AREAS[area], lives) if area else None,
        remote=remote,
        anchored=located and area is None,
        confidential=False,
        audience=random.choice([0] * 6 + [BITS["hiv"], BITS["women"], BITS["women"] | BITS["veterans"]]),
        languages=random.choice(["", "", " es ", " es zh ", " vi "]),
        interpreter=random.random() < 0.3,
        min_age=random.choice([None, None, 18, 60]),
        max_age=random.choice([None, None, 17, 64]),
        capacity=random.choice(["unknown", "unknown", "capacity", "waitlist", "no-capacity"]),
        capacity_at=AT - timedelta(days=random.randint(0, 120)),
        capacity_until=random.choice([None, AT, AT + timedelta(days=3)]),
        hours=random.choice([None, OFFICE_HOURS, WEEKEND, bytes(21), one_hour(random.randrange(hours.HOURS))]),
        time_zone=place.time_zone,
        history=random.choice([0.5, 0.5, 0.25, 0.875]),  # the same in the database's single precision
        history_n=0,
        walk_in=random.choice([None, True, False]),
        service="Pantry",
        organization="Town",
        city="Baltimore",
    )


def some_question(random: Random) -> Question:
    place = some_place(random, [Precision.ROOFTOP, Precision.ZIP, Precision.COUNTY])
    return Question(
        need="food",
        place=random.choice([place] * 8 + [None, replace(place, precision=Precision.NONE)]),
        postal_code=random.choice(["21215"] * 6 + ["", "00000"]),  # the last is in no gazetteer
        language=random.choice(["en", "es", "zh-Hant"]),
        age=random.choice([None, 5, 17, 40, 70]),
        urgent=random.random() < 0.3,
        consented_organizations=random.choice([None, None, None, frozenset(IDS[:5])]),
        declined_services=random.choice([frozenset(), frozenset(IDS[:10])]),
        asked_services=random.choice([frozenset(), frozenset(IDS[10:15])]),
        helping_organizations=random.choice([frozenset(), frozenset(IDS[:3])]),
        is_one_of=random.choice([frozenset(), frozenset(), frozenset({"hiv", "veterans"})]),
        is_none_of=random.choice([frozenset(), frozenset(), frozenset({"women"})]),
    )


def where_it_lives(question: Question) -> Whereabouts:
    place = question.known_place
    return Whereabouts.of_zip(question.postal_code, place.point if place else None)


# Hypothesis chooses the seeds, not every number: a directory is large, and drawing it so takes milliseconds.
seeds = st.integers(0, 2**32)
sizes = st.integers(0, 150)


@settings(max_examples=400, deadline=None)
@given(seeds, sizes, st.integers(1, 8), st.sampled_from([1.0, 5.0, 25.0, 80.0, 300.0]))
def test_the_search_finds_what_brute_force_finds(seed: int, size: int, k: int, radius: float) -> None:
    question, candidates = some_case(seed, size)
    scoring = Ranking(question, AT)
    found = search(scoring, k, radius, Listings(scoring, candidates))
    agree(found, brute_force(question, k, radius, candidates))


@settings(max_examples=100, deadline=None)
@given(seeds, sizes)
def test_the_best_five_are_the_first_of_the_best_twenty_when_nobody_looks_farther(seed: int, size: int) -> None:
    question, candidates = some_case(seed, size)
    scoring = Ranking(question, AT)
    five, twenty = (search(scoring, k, 20_000.0, Listings(scoring, candidates)) for k in (5, 20))
    assert five.best == twenty.best[:5]


@settings(max_examples=100, deadline=None)
@given(seeds, st.integers(0, 12_000))
def test_nobody_farther_out_scores_more_than_the_bound(seed: int, reached: int) -> None:
    question, candidates = some_case(seed, 50)
    scoring = Ranking(question, AT)
    for candidate in candidates:
        score, distance, *_ = scoring.scored(candidate)
        assert 0 <= score <= 1
        if candidate.anchored and distance is not None:
            assert distance < reached or score < scoring.best_beyond(reached)
            assert distance <= scoring.reach(score) or distance > FARTHEST_MILES
            grade = ranking.bounds(candidate._asdict()).grade
            assert distance <= scoring.reach(score, grade) <= scoring.reach(score) or distance > FARTHEST_MILES


def test_the_less_is_wanted_the_farther_it_reaches() -> None:
    scoring = Ranking(replace(some_case(1, 0)[0], urgent=False), AT)
    scores = [step / 10_000 for step in range(10_001)]
    for grade in range(HIGHEST_GRADE + 1):
        reaches = [scoring.reach(score, grade) for score in scores]
        assert reaches == sorted(reaches, reverse=True)
        assert reaches[0] == FARTHEST_MILES
        assert all(map(le, reaches, map(scoring.reach, scores)))


@pytest.mark.parametrize("weights", [WEIGHTS, URGENT_WEIGHTS])
def test_the_weights_are_parts_of_one(weights: Parts) -> None:
    assert sum(weights) == pytest.approx(1)


@pytest.mark.usefixtures("session")
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seeds, sizes, st.integers(1, 8), st.sampled_from([1.0, 5.0, 25.0, 80.0]))
def test_the_database_finds_what_brute_force_finds(seed: int, size: int, k: int, radius: float) -> None:
    question, candidates = some_case(seed, size)
    store(candidates)
    scoring = Ranking(question, AT)
    found = search(scoring, k, radius, Listed(scoring))
    agree(found, brute_force(question, k, radius, candidates))


@pytest.mark.usefixtures("session")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seeds, st.integers(1, 100), st.integers(1, 10))
def test_the_database_gives_out_the_best_by_what_they_score(seed: int, size: int, few: int) -> None:
    # It expects more than it finds only of what is urgent, holds until a date, or is in another time zone.
    question, candidates = some_case(seed, size)
    assume(question.known_place)
    question = replace(question, urgent=False)
    zone = question.place.time_zone if question.place else ""
    candidates = [one._replace(capacity_until=None, time_zone=zone) for one in candidates if one.area_id is None]
    store(candidates)
    scoring = Ranking(question, AT)
    scores = {one.id: scoring.scored(one).score for one in candidates}
    eligible = [one for one in candidates if not against(question, one, AT)]
    source = Listed(scoring)
    batch = source.nearest((FARTHEST_MILES,), 1, None, few)

    near, placeless = (best_scores(scores, eligible, anchored=anchored)[:few] for anchored in (True, False))
    assert best_scores(scores, batch.candidates, anchored=True) == pytest.approx(near, abs=ROUNDING)
    given_out = best_scores(scores, batch.candidates, anchored=False)
    assert given_out == pytest.approx(placeless[: len(given_out)], abs=ROUNDING)
    assert len(given_out) == len(placeless) or placeless[len(given_out)] <= near[few - 1] + ROUNDING


def best_scores(scores: dict[uuid.UUID, float], some: Iterable[Candidate], *, anchored: bool) -> list[float]:
    return sorted((scores[one.id] for one in some if one.anchored is anchored), reverse=True)


def some_case(seed: int, size: int) -> tuple[Question, list[Candidate]]:
    random = Random(seed)  # noqa: S311  repeatable, which is the point
    question = some_question(random)
    lives = where_it_lives(question)
    return question, [some_candidate(random, number, lives) for number in range(size)]


def agree(found: Found, expected: Found) -> None:
    assert [one.candidate.id for one in found.best] == [one.candidate.id for one in expected.best]
    assert [one.score for one in found.best] == [one.score for one in expected.best]
    assert (found.radius, found.widened) == (expected.radius, expected.widened)


def store(candidates: list[Candidate]) -> None:
    """Make these the listings for food, with a twin of each for another need."""
    the_session.execute(delete(Listing))
    ids = operations.area_ids(set(AREAS.values()))
    rows = []
    for one in candidates:
        area = AREAS[one.area_id] if one.area_id else None
        full = one.capacity == CapacityStatus.NO_CAPACITY
        row = {
            **one._asdict(),
            "service_at_location_id": one.id,
            "area_id": area and ids[area],
            "drawn": bool(area and area.polygons),
            "precision": Precision(one.precision),
            "grain": GRAIN_MILES[Precision(one.precision)],
            "capacity": CapacityStatus(one.capacity),
            "full_until": (one.capacity_until or datetime(9999, 1, 1, tzinfo=UTC)) if full else None,
            **ranking.bounds(one._asdict())._asdict(),
        }
        del row["id"], row["covered"]
        rows += [{**row, "need": need} for need in ("food", "legal")]
    if rows:
        the_session.execute(insert(Listing), rows)
