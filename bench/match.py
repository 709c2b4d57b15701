"""How fast matching answers, and whether it answers right, on a made-up directory of the United States.

    python -m bench.match --rows 10000,100000,1000000

For each size it makes that many listings, scattered as people are, and asks for random patients. What is timed is the
whole of `matches()`: the search, the names, the reasons. Each answer is compared with fetching and scoring everything
in one box around the patient, which is timed too; and with the nearest that PostGIS finds, where the database of
`--database` has it (`apt-get install postgresql-17-postgis-3`). Without `--database` the embedded PostgreSQL is used,
which has no extensions. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from math import inf
from pathlib import Path
from statistics import quantiles
from typing import Any, cast

import psycopg
import zipcodes
from flask_migrate import upgrade
from rich.console import Console
from sqlalchemy import text

from app import config, create_app
from app.db import session
from app.embedded import start
from app.geography.boxes import WORLD, around
from app.geography.places import Place, Precision
from app.matching.candidates import Candidate, Question
from app.matching.eligibility import against
from app.matching.queries import Listings, matches
from app.matching.ranking import Ranking, Scored, order
from app.matching.rings import counts_as_near, scopes, within
from app.needs.vocabulary import NEEDS

NOW = datetime(2026, 3, 4, 15, 30, tzinfo=UTC)
SPREAD_DEGREES = 0.03
"""How far around the middle of a ZIP code people live."""

LANGUAGES = (("", 70), (" es ", 18), (" es zh ", 4), (" vi ", 3), (" ar fr ", 3), (" ru ", 2))
HOURS = (bytes(21), bytes([255] * 21), *(random.Random(n).randbytes(21) for n in range(20)))  # noqa: S311  made up
PATIENT_LANGUAGES = ("en", "en", "en", "es", "es", "zh-Hans", "vi")

console = Console(stderr=True)


@dataclass(frozen=True)
class Spot:
    """A ZIP code, and how likely somebody lives there."""

    code: str
    latitude: float
    longitude: float
    time_zone: str
    city: str
    state: str
    weight: float


def spots() -> list[Spot]:
    """Every ordinary ZIP code. Where they lie close, each holds more people: a stand-in for the census."""
    rows = [row for row in zipcodes.filter_by(zip_code_type="STANDARD", active=True) if float(row["lat"])]
    crowds = Counter(_cell(row) for row in rows)
    return [
        Spot(
            row["zip_code"],
            float(row["lat"]),
            float(row["long"]),
            row["timezone"],
            row["city"],
            row["state"],
            crowds[_cell(row)] ** 0.5,
        )
        for row in rows
    ]


def _cell(row: dict[str, Any]) -> tuple[int, int]:
    return int(float(row["lat"]) * 4), int(float(row["long"]) * 4)


class Country:
    """A directory and its patients, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311  repeatable, which is the point
        self.spots = spots()
        self.weights = [spot.weight for spot in self.spots]

    def somewhere(self, n: int) -> list[Spot]:
        return self.random.choices(self.spots, self.weights, k=n)

    def point(self, spot: Spot) -> tuple[float, float]:
        return self.random.gauss(spot.latitude, SPREAD_DEGREES), self.random.gauss(spot.longitude, SPREAD_DEGREES)

    def patients(self, n: int) -> list[Question]:
        found = []
        for spot in self.somewhere(n):
            precision = self.random.choice((Precision.ZIP, Precision.ROOFTOP))
            point = self.point(spot) if precision is Precision.ROOFTOP else (spot.latitude, spot.longitude)
            found.append(
                Question(
                    need=self.random.choice(list(NEEDS)),
                    place=Place(*point, precision, spot.time_zone, spot.city, spot.state, ""),
                    postal_code=spot.code,
                    language=self.random.choice(PATIENT_LANGUAGES),
                    age=self.random.randint(0, 90),
                    urgent=self.random.random() < 0.2,  # noqa: PLR2004
                )
            )
        return found

    def uuid(self) -> uuid.UUID:
        return uuid.UUID(int=self.random.getrandbits(128), version=4)


def fill(country: Country, rows: int) -> None:
    """Put `rows` listings into an empty database, with the directory rows that give them names."""
    connection = cast("psycopg.Connection[Any]", session.connection().connection.driver_connection)
    with connection.cursor() as cursor:
        areas = _areas(cursor, country)
        organizations = [country.uuid() for _ in range(max(1, rows // 3))]
        listings = list(_listings(country, rows, organizations, areas))
        tables: dict[str, tuple[str, Iterable[tuple[Any, ...]]]] = {
            "organization": (
                "id, source, fingerprint, name",
                ((id_, "bench", "", f"Organization {n}") for n, id_ in enumerate(organizations)),
            ),
            "service": (
                "id, source, fingerprint, organization_id, name, status, capacity_status",
                ((one[2], "bench", "", one[3], f"Service {n}", "active", "unknown") for n, one in enumerate(listings)),
            ),
            "location": (
                "id, source, fingerprint, organization_id, location_type, confidential",
                ((one[0], "bench", "", one[3], "physical", False) for one in listings),
            ),
            "service_at_location": (
                "id, source, fingerprint, service_id, location_id",
                ((one[0], "bench", "", one[2], one[0]) for one in listings),
            ),
            "address": (
                "id, source, fingerprint, location_id, city, address_type",
                ((one[0], "bench", "", one[0], "Springfield", "physical") for one in listings),
            ),
            "listing": (_LISTING_COLUMNS, listings),
        }
        for table, (columns, values) in tables.items():
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                for value in values:
                    copy.write_row(value)
    session.commit()
    with psycopg.connect(config.libpq_url(config.settings().database_url), autocommit=True) as alone:
        alone.execute("VACUUM (ANALYZE)")


_LISTING_COLUMNS = (
    "service_at_location_id, need, service_id, organization_id, latitude, longitude, precision, fit, area_id, remote,"
    " anchored, confidential, languages, interpreter, min_age, max_age, capacity, capacity_at, hours, time_zone,"
    " history, history_n, walk_in"
)


def _areas(cursor: psycopg.Cursor[Any], country: Country) -> dict[str, int]:
    """Service areas: the first three digits of a ZIP code, about the size of a county."""
    by_prefix: dict[str, list[str]] = {}
    for spot in country.spots:
        by_prefix.setdefault(spot.code[:3], []).append(spot.code)
    ids = {prefix: number for number, prefix in enumerate(by_prefix, start=1)}
    with cursor.copy("COPY listing_area (id, digest) FROM STDIN") as copy:
        for prefix, id_ in ids.items():
            copy.write_row((id_, prefix))
    with cursor.copy("COPY listing_area_zip (postal_code, area_id) FROM STDIN") as copy:
        for prefix, codes in by_prefix.items():
            for code in codes:
                copy.write_row((code, ids[prefix]))
    return ids


def _listings(
    country: Country, rows: int, organizations: list[uuid.UUID], areas: dict[str, int]
) -> Iterator[tuple[Any, ...]]:
    chance = country.random
    needs = list(NEEDS)
    languages, language_weights = zip(*LANGUAGES, strict=True)
    for spot in country.somewhere(rows):
        latitude, longitude = country.point(spot)
        kind = chance.random()
        remote, nowhere, vague, limited = kind < 0.001, 0.001 < kind < 0.003, kind > 0.92, 0.6 < kind < 0.75  # noqa: PLR2004
        located = not remote and not nowhere
        if vague:
            latitude, longitude = spot.latitude, spot.longitude
        precision = ("zip" if vague else "street") if located else "none"
        capacity = chance.choices(
            ("unknown", "capacity", "waitlist", "no-capacity", "additional-assessment-required"), (70, 15, 6, 5, 4)
        )[0]
        record = chance.random() < 0.3  # noqa: PLR2004
        yield (
            country.uuid(),
            chance.choice(needs),
            country.uuid(),
            chance.choice(organizations),
            latitude if located else None,
            longitude if located else None,
            precision,
            chance.choice((1.0, 1.0, 0.5, 0.25, 0.1)),
            areas[spot.code[:3]] if limited else None,
            remote,
            located and not limited,
            False,
            chance.choices(languages, language_weights)[0],
            chance.random() < 0.2,  # noqa: PLR2004
            chance.choice((None, None, None, None, 18, 60)),
            chance.choice((None, None, None, None, None, 24)),
            capacity,
            None if capacity == "unknown" else NOW - timedelta(days=chance.randint(0, 60)),
            chance.choice(HOURS) if chance.random() < 0.6 else None,  # noqa: PLR2004
            spot.time_zone,
            chance.random() if record else 0.5,
            chance.randint(10, 200) if record else 0,
            chance.choice((None, None, True, False)),
        )


def everything(question: Question, k: int, radius: float) -> list[uuid.UUID]:
    """The answer by the definition: all listings as far as it looks, scored one by one."""
    ranking = Ranking(question, NOW)
    place = cast("Place", question.known_place)
    listings = Listings(ranking)
    for scope in scopes(radius):
        boxes = (WORLD,) if scope == inf else around(place.point, scope)
        offered, full = _scored(ranking, chain(listings.elsewhere(), listings.ring(boxes, (), None)))
        if scope == inf or sum(counts_as_near(one, scope) for one in offered) >= k:
            best = order(one for one in offered or full if within(one, scope))[:k]
            return [one.candidate.id for one in best]
    raise AssertionError("everywhere is always far enough")


def _scored(ranking: Ranking, candidates: Iterable[Candidate]) -> tuple[list[Scored], list[Scored]]:
    offered: list[Scored] = []
    full: list[Scored] = []
    for candidate in candidates:
        objections = against(ranking.question, candidate, ranking.at)
        if len(objections) > 1 or (objections and objections != ["full"]):
            continue
        distance = ranking.distance(candidate)
        scored = Scored(ranking.score(candidate, distance), distance, candidate)
        (full if objections else offered).append(scored)
    return offered, full


def postgis_ready() -> bool:
    """Give the listings a geography with its index, where the database has PostGIS."""
    if not session.scalar(text("SELECT EXISTS (SELECT 1 FROM pg_available_extensions WHERE name = 'postgis')")):
        return False
    for statement in (
        "CREATE EXTENSION IF NOT EXISTS postgis",
        (
            "CREATE TABLE bench_postgis AS SELECT l.*, ST_SetSRID(ST_MakePoint(longitude, latitude), 4326)::geography"
            " AS place FROM listing l WHERE latitude IS NOT NULL"
        ),
        "CREATE INDEX ON bench_postgis USING gist (place)",
        "ANALYZE bench_postgis",
    ):
        session.execute(text(statement))
    session.commit()
    return True


_NEAREST = text(
    "SELECT * FROM bench_postgis WHERE need = :need"
    " ORDER BY place <-> ST_SetSRID(ST_MakePoint(:longitude, :latitude), 4326)::geography LIMIT :k"
)


def postgis_nearest(question: Question, k: int) -> object:
    """What directories usually do: the nearest k, and nothing but the nearest."""
    place = cast("Place", question.known_place)
    return session.execute(
        _NEAREST, {"need": question.need, "latitude": place.latitude, "longitude": place.longitude, "k": k}
    ).all()


def timed(ask: Callable[[Question], object], patients: list[Question], what: str) -> tuple[list[float], list[Any]]:
    """Milliseconds for each patient, and each answer."""
    for patient in patients[: len(patients) // 10]:
        ask(patient)
    times, answers = [], []
    with console.status(f"{what} for {len(patients):,} patients"):
        for patient in patients:
            started = time.perf_counter()
            answers.append(ask(patient))
            times.append((time.perf_counter() - started) * 1000)
            session.rollback()
    return times, answers


def percentiles(times: list[float]) -> tuple[float, float, float]:
    cuts = quantiles(times, n=100)
    return round(cuts[49], 2), round(cuts[94], 2), round(cuts[98], 2)


def measure(country: Country, rows: int, asked: argparse.Namespace) -> dict[str, Any]:
    with console.status(f"Making {rows:,} listings"):
        fill(country, rows)
    patients = country.patients(asked.patients)
    times, answers = timed(lambda one: matches(one, asked.k, asked.radius, NOW), patients, "Matching")
    box_times, expected = timed(lambda one: everything(one, asked.k, asked.radius), patients, "One box")
    found = [[match.service_at_location_id for match in answer.items] for answer in answers]
    p50, p95, p99 = percentiles(times)
    box = percentiles(box_times)
    result: dict[str, Any] = {
        "p50_ms": p50,
        "p95_ms": p95,
        "p99_ms": p99,
        "box_p50_ms": box[0],
        "box_p95_ms": box[1],
        "postgis_p50_ms": None,
        "postgis_p95_ms": None,
        "considered": round(sum(answer.total_considered for answer in answers) / len(answers)),
        "widened": sum(answer.widened for answer in answers),
        "wrong": sum(one != other for one, other in zip(found, expected, strict=True)),
    }
    if postgis_ready():
        gis = percentiles(timed(lambda one: postgis_nearest(one, asked.k), patients, "PostGIS")[0])
        result |= {"postgis_p50_ms": gis[0], "postgis_p95_ms": gis[1]}
    console.print(f"{rows:>9,} listings: {result}")
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", default="10000,100000", help="how many listings, several sizes with commas")
    parser.add_argument("--patients", type=int, default=2000)
    parser.add_argument("--k", type=int, default=20)
    parser.add_argument("--radius", type=float, default=50.0, help="miles")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", help="an empty database that may be filled, such as postgresql:///bench")
    asked = parser.parse_args()
    results = {}
    for rows in (int(size) for size in asked.rows.split(",")):
        with ExitStack() as stack:
            url = asked.database
            if not url:
                folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
                server = start(Path(folder) / "postgres")
                stack.callback(server.stop)
                url = server.url
            app = create_app(config.load({"DATABASE_URL": url, "SECRET_KEY": "bench"}))
            with app.app_context():
                upgrade()
                results[str(rows)] = measure(Country(asked.seed), rows, asked)
                session.remove()
    print(json.dumps({"rows": results}))


if __name__ == "__main__":
    main()
