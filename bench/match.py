"""How fast matching answers, and whether it answers right, on a made-up directory of the United States.

    python -m bench.match --rows 10000,100000,1000000

For each size it makes that many listings, scattered as people are, and asks for random patients. What is timed is the
whole of `matches()`: the search, the rows, the reasons. Each answer is compared with brute force: everything in the
radius, fetched by a plain query and scored one by one.

In the same run, for the same patients, what others would do:

- `postgis`: the same question answered with PostGIS. Rows come in the order of `place <-> point` from a cursor, with
  the same filters, are scored by the same ranking in the same program, and are asked for until the k-th score cannot be
  beaten by anything farther away; what has no distance to be ordered by comes first, in one question. Each answer, with
  its reasons, has to be the one of `matches()`; where it is not, it counts in `postgis_wrong`.
- `postgis_nearest`: what directories do instead: the nearest k that the filters let through. It answers less, with an
  index on the place, and (`postgis_nearest_by_need`) with one on the need and the place.
- `box`: the same nearest k from a box of latitude and longitude, without PostGIS.

Statements are prepared by the driver wherever it can. CPU time is of this process and of the server's for one question,
which a busy machine does not change as it changes the clock's. `web_rss_mb` is the memory of a process of
the web server of its own, after 20 questions and after 500 more.

PostGIS is looked for among the installed programs and run in a throw-away cluster:

    apt-get install postgresql postgresql-15-postgis-3      # Debian 12; the number is that of its PostgreSQL

or, if there is a server already, named by `--postgis postgresql:///an_empty_database`. Without it those columns say
null. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import chain, cycle, islice
from math import cos, inf, radians
from multiprocessing import get_context
from pathlib import Path
from statistics import quantiles
from typing import Any, Self, cast
from urllib.parse import quote

import psycopg
import zipcodes
from flask import current_app
from flask_migrate import upgrade
from rich.console import Console
from sqlalchemy import event, text
from sqlalchemy.dialects import postgresql

from app import config, create_app
from app.db import Base, db, session
from app.embedded import start
from app.geography import zips
from app.geography.boxes import WORLD, Box, around
from app.geography.distance import GRAIN_MILES
from app.geography.places import Place, Precision
from app.matching import ranking
from app.matching.audiences import BITS, EVERYBODY
from app.matching.candidates import Candidate, Question
from app.matching.eligibility import Against, against
from app.matching.models import Listing
from app.matching.operations import NEVER_ENDS
from app.matching.queries import Matches, answer, matches
from app.matching.ranking import Ranking, Scored, order
from app.matching.rings import Found, Seen, counts_as_near, scopes, within
from app.needs.vocabulary import NEEDS
from app.staff.models import StaffMember
from tests.factories import make_need, make_patient, make_staff, sign_in

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
            zips.find(spot.code)  # as when somebody is registered: after that the gazetteer knows it by heart
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
    with _driver().cursor() as cursor:
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
            "listing": (", ".join(_LISTING_COLUMNS), listings),
        }
        for table, (columns, values) in tables.items():
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                for value in values:
                    copy.write_row(value)
    session.commit()
    with psycopg.connect(config.libpq_url(config.settings().database_url), autocommit=True) as alone:
        alone.execute("VACUUM (ANALYZE)")


_LISTING_COLUMNS = tuple(column.name for column in Listing.__table__.columns)


def _areas(cursor: psycopg.Cursor[Any], country: Country) -> dict[str, int]:
    """Service areas: the first three digits of a ZIP code, about the size of a county."""
    by_prefix: dict[str, list[str]] = {}
    for spot in country.spots:
        by_prefix.setdefault(spot.code[:3], []).append(spot.code)
    ids = {prefix: number for number, prefix in enumerate(by_prefix, start=1)}
    with cursor.copy("COPY listing_area (id, digest) FROM STDIN") as copy:
        for prefix, id_ in ids.items():
            copy.write_row((id_, prefix))
    with cursor.copy("COPY listing_area_key (key, area_id) FROM STDIN") as copy:
        for prefix, codes in by_prefix.items():
            for code in codes:
                copy.write_row((f"zip:{code}", ids[prefix]))
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
        at_location, need, service = country.uuid(), chance.choice(needs), country.uuid()
        said_at = None if capacity == "unknown" else NOW - timedelta(days=chance.randint(0, 60))
        fit = chance.choice((1.0, 1.0, 0.5, 0.25, 0.1))
        week = chance.choice(HOURS) if chance.random() < 0.6 else None  # noqa: PLR2004
        walk_in = chance.choice((None, None, True, False))
        row = {
            "service_at_location_id": at_location,
            "need": need,
            "service_id": service,
            "organization_id": chance.choice(organizations),
            "service": f"Service {service.hex[:6]}",
            "organization": "An organization",
            "city": spot.city,
            "latitude": latitude if located else None,
            "longitude": longitude if located else None,
            "precision": precision,
            "grain": GRAIN_MILES[Precision(precision)],
            "fit": fit,
            "area_id": areas[spot.code[:3]] if limited else None,
            "drawn": False,
            "remote": remote,
            "anchored": located and not limited,
            "confidential": False,
            "audience": chance.choice(list(BITS.values())) if chance.random() < 0.1 else EVERYBODY,  # noqa: PLR2004
            "languages": chance.choices(languages, language_weights)[0],
            "interpreter": chance.random() < 0.2,  # noqa: PLR2004
            "min_age": chance.choice((None, None, None, None, 18, 60)),
            "max_age": chance.choice((None, None, None, None, None, 24)),
            "capacity": capacity,
            "capacity_at": said_at,
            "capacity_until": None,
            "full_until": NEVER_ENDS if capacity == "no-capacity" else None,
            "hours": week,
            "time_zone": spot.time_zone,
            "history": chance.random() if record else 0.5,
            "history_n": chance.randint(10, 200) if record else 0,
            "walk_in": walk_in,
        }
        row |= ranking.bounds(row)._asdict()
        yield tuple(row[name] for name in _LISTING_COLUMNS)


class BruteForce:
    """The answer by the definition: all listings as far as it looks, scored one by one.

    It shares with the search what a score is and whom it excludes, which is the definition, and nothing of how it is
    found: no ring, no bound, no limit, no area table.
    """

    def __init__(self, k: int, radius: float) -> None:
        self.k = k
        self.radius = radius
        prefixes = session.execute(text("SELECT id, digest FROM listing_area"))
        self.prefix: dict[int, str] = dict(prefixes.all())

    def __call__(self, question: Question) -> list[uuid.UUID]:
        scoring = Ranking(question, NOW)
        place = cast("Place", question.known_place)
        for scope in scopes(self.radius):
            boxes = (WORLD,) if scope == inf else around(place.point, scope)
            offered, full = self._scored(scoring, boxes)
            if scope == inf or sum(counts_as_near(one, scope) for one in offered) >= self.k:
                best = order(one for one in offered or full if within(one, scope))[: self.k]
                return [one.candidate.id for one in best]
        raise AssertionError("everywhere is always far enough")

    def _scored(self, scoring: Ranking, boxes: Iterable[Box]) -> tuple[list[Scored], list[Scored]]:
        offered: list[Scored] = []
        full: list[Scored] = []
        for candidate in self._all(scoring.question, boxes):
            objections = against(scoring.question, candidate, scoring.at)
            if objections in ([], [Against.FULL]):
                scored = scoring.scored(candidate)
                (full if objections else offered).append(scored)
        return offered, full

    def _all(self, question: Question, boxes: Iterable[Box]) -> Iterator[Candidate]:
        away = session.execute(_AWAY, {"need": question.need})
        near = (
            session.execute(
                _IN_BOX,
                {"need": question.need, "s": box.south, "n": box.north, "w": box.west, "e": box.east},
            )
            for box in boxes
        )
        for row in chain(away, *near):
            candidate = Candidate._make(row)
            if candidate.area_id is None:
                yield candidate
            else:
                yield candidate._replace(covered=question.postal_code[:3] == self.prefix[candidate.area_id])


_SAME = {"id": "service_at_location_id", "covered": "NULL::boolean"}
_FIELDS = ", ".join(_SAME.get(name, name) for name in Candidate._fields)
_AWAY = text(f"SELECT {_FIELDS} FROM listing WHERE need = :need AND NOT anchored")  # noqa: S608  our own words
_IN_BOX = text(
    f"SELECT {_FIELDS} FROM listing WHERE need = :need AND anchored"  # noqa: S608  our own words
    " AND latitude BETWEEN :s AND :n AND longitude BETWEEN :w AND :e"
)

# What the others are asked for: the same filters.
_FILTERS = (
    "need = %(need)s AND (min_age IS NULL OR min_age <= %(age)s) AND (max_age IS NULL OR max_age >= %(age)s)"
    " AND (full_until IS NULL OR full_until <= %(at)s) AND (area_id IS NULL OR area_id IN"
    " (SELECT area_id FROM listing_area_key WHERE key = %(zip)s))"
)
_CANDIDATE = ", ".join(
    {"id": "service_at_location_id", "covered": "CASE WHEN area_id IS NOT NULL THEN true END"}.get(name, name)
    for name in Candidate._fields
)
_UNPLACED = f"SELECT {_CANDIDATE} FROM listing WHERE NOT anchored AND {_FILTERS}"  # noqa: S608  our own words
_POINT = "ST_SetSRID(ST_MakePoint(%(longitude)s, %(latitude)s), 4326)::geography"
_NEAREST = (
    f"SELECT *, place <-> {_POINT} AS meters FROM listing WHERE {_FILTERS}"  # noqa: S608  our own words
    f" ORDER BY place <-> {_POINT} LIMIT %(k)s"
)
_BY_DISTANCE = (
    f"SELECT {_CANDIDATE} FROM listing WHERE anchored AND {_FILTERS}"  # noqa: S608  our own words
    f" ORDER BY place <-> {_POINT}"
)
_BOX = (
    f"SELECT * FROM listing WHERE {_FILTERS} AND latitude BETWEEN %(south)s AND %(north)s"  # noqa: S608  our own words
    " AND longitude BETWEEN %(west)s AND %(east)s"
    " ORDER BY power(latitude - %(latitude)s, 2) + power((longitude - %(longitude)s) * %(narrowing)s, 2) LIMIT %(k)s"
)


AT_A_TIME = 60
"""Rows, by distance, and then twice as many: fewer trips are worth some rows too many."""


@dataclass(frozen=True)
class Others:
    """The same patients, asked for elsewhere."""

    connection: psycopg.Connection[Any]
    k: int
    radius: float

    def best(self, question: Question) -> Matches:
        """The answer of `matches()`: the nearest are looked at until nothing farther away could change it."""
        ranking = Ranking(question, NOW)
        seen = Seen(ranking, self.k, only=[])
        values = self._values(question)
        seen.look_at(map(Candidate._make, self.connection.execute(_UNPLACED, values)))
        with self.connection.cursor(name="by_distance") as nearest:
            nearest.execute(_BY_DISTANCE, values)
            return answer(ranking, self._until_settled(seen, nearest), self.radius)

    def _until_settled(self, seen: Seen, nearest: psycopg.ServerCursor[Any]) -> Found:
        reached, size = 0.0, AT_A_TIME
        for scope in scopes(self.radius):
            while reached <= scope:
                worth = seen.worth(scope)
                if reached == inf or (worth is not None and seen.ranking.best_beyond(reached) < worth):
                    break
                rows = nearest.fetchmany(size)
                candidates = [Candidate._make(row) for row in rows]
                seen.look_at(candidates)
                last = seen.ranking.distance(candidates[-1]) if len(rows) == size else None
                size *= 2
                # The sphere of ours and the spheroid of PostGIS differ by half a percent.
                reached = inf if last is None else last * 0.994
            if seen.enough(scope):
                return seen.found(scope, widened=scope > self.radius)
        raise AssertionError("everywhere is always far enough")

    def nearest(self, question: Question) -> object:
        return self.connection.execute(_NEAREST, self._values(question)).fetchall()

    def in_box(self, question: Question) -> object:
        place = cast("Place", question.known_place)
        [box, *_] = around(place.point, self.radius)
        sides = {side: getattr(box, side) for side in ("south", "west", "north", "east")}
        return self.connection.execute(_BOX, self._values(question) | sides).fetchall()

    def _values(self, question: Question) -> dict[str, Any]:
        place = cast("Place", question.known_place)
        return {
            "need": question.need,
            "age": question.age,
            "at": NOW,
            "zip": f"zip:{question.postal_code}",
            "latitude": place.latitude,
            "longitude": place.longitude,
            "narrowing": cos(radians(place.latitude)),
            "k": self.k,
        }


_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


def copy_to_postgis(url: str) -> psycopg.Connection[Any]:
    """Put the same listings into PostGIS, with a geography of each."""
    ours = psycopg.connect(config.libpq_url(config.settings().database_url))
    theirs = psycopg.connect(url, autocommit=True)
    for table in ("listing", "listing_area_key"):
        columns = ", ".join(
            f"{column.name} {column.type.compile(_DIALECT)}" for column in Base.metadata.tables[table].c
        )
        names = ", ".join(column.name for column in Base.metadata.tables[table].c)
        theirs.execute(f"DROP TABLE IF EXISTS {table}")
        theirs.execute(f"CREATE TABLE {table} ({columns})")
        with (
            ours.cursor().copy(f"COPY {table} ({names}) TO STDOUT") as out,
            theirs.cursor().copy(f"COPY {table} ({names}) FROM STDIN") as in_,
        ):
            for block in out:
                in_.write(block)
    ours.close()
    for statement in (
        "CREATE EXTENSION IF NOT EXISTS postgis",
        "CREATE EXTENSION IF NOT EXISTS btree_gist",
        "CREATE INDEX ON listing_area_key (key)",
        "ALTER TABLE listing ADD place geography(Point)",
        "UPDATE listing SET place = ST_SetSRID(ST_MakePoint(longitude, latitude), 4326) WHERE latitude IS NOT NULL",
        "CREATE INDEX listing_place ON listing USING gist (place)",
        "CREATE INDEX ON listing (need, area_id) WHERE NOT anchored",
        "VACUUM (FULL, ANALYZE) listing",
    ):
        theirs.execute(statement)
    theirs.autocommit = False
    return theirs


def programs() -> Path | None:
    """Where a PostgreSQL with PostGIS is installed, the newest of them."""
    found = [folder for folder in Path("/usr/lib/postgresql").glob("*/bin") if (folder / "initdb").exists()]
    shared = Path("/usr/share/postgresql")
    ready = [one for one in found if (shared / one.parent.name / "extension" / "postgis.control").exists()]
    return max(ready, key=lambda one: float(one.parent.name), default=None)


@contextmanager
def cluster(folder: Path) -> Iterator[str | None]:
    """The address of a throw-away server with PostGIS; None when it is not installed."""
    bin_ = programs()
    if bin_ is None:
        yield None
        return
    folder.mkdir()
    run_as: tuple[str, ...] = ()
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(folder, "postgres")
        folder.parent.chmod(0o755)
        run_as = ("runuser", "-u", "postgres", "--")
    data = folder / "data"
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c max_wal_size=8GB -c jit=off"
    _quietly(*run_as, str(bin_ / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8")
    _quietly(*run_as, str(bin_ / "pg_ctl"), "-D", str(data), "-l", str(folder / "log"), "-o", options, "-w", "start")
    try:
        yield f"postgresql://postgres@/postgres?host={quote(str(folder), safe='')}"
    finally:
        _quietly(*run_as, str(bin_ / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop")


def _quietly(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")  # noqa: S603  installed programs


def timed(
    ask: Callable[[Question], object],
    patients: list[Question],
    what: str,
    end: Callable[[], object] = session.rollback,
) -> tuple[list[float], list[Any]]:
    """Milliseconds for each patient, and each answer.

    :param end: ends the transaction, as every request that only reads does; not timed.
    """
    for patient in patients[: len(patients) // 10]:
        ask(patient)
    times, answers = [], []
    with console.status(f"{what} for {len(patients):,} patients"):
        for patient in patients:
            started = time.perf_counter()
            answers.append(ask(patient))
            times.append((time.perf_counter() - started) * 1000)
            end()
    return times, answers


class CpuTime:
    """Milliseconds of CPU for each of `n` questions: of this process, and of the server's behind `backend`."""

    def __init__(self, what: str, backend: psycopg.Connection[Any], n: int) -> None:
        self._what, self._n = what, n
        self._stat = Path(f"/proc/{backend.info.backend_pid}/stat")
        self._began = self._now()

    def result(self) -> dict[str, float | None]:
        """None where the system does not tell the times of other processes."""
        python, server = (
            None if then is None or now is None else round((now - then) * 1000 / self._n, 2)
            for then, now in zip(self._began, self._now(), strict=True)
        )
        return {f"{self._what}python_cpu_ms": python, f"{self._what}postgres_cpu_ms": server}

    def _now(self) -> tuple[float, float | None]:
        if not self._stat.exists():
            return time.process_time(), None
        user, system = self._stat.read_text().rpartition(")")[2].split()[11:13]
        return time.process_time(), (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def percentiles(times: list[float]) -> tuple[float, float, float]:
    cuts = quantiles(times, n=100)
    return round(cuts[49], 2), round(cuts[94], 2), round(cuts[98], 2)


class Counted:
    """How many questions an answer asks the database, and how many rows it is given: what no busy machine changes."""

    def __init__(self) -> None:
        self.questions = self.rows = 0

    def __enter__(self) -> Self:
        event.listen(db.engine, "after_cursor_execute", self._count)
        return self

    def __exit__(self, *_error: object) -> None:
        event.remove(db.engine, "after_cursor_execute", self._count)

    def _count(self, _connection: object, cursor: Any, *_rest: object) -> None:  # noqa: ANN401  SQLAlchemy's
        self.questions += 1
        self.rows += max(0, cursor.rowcount)


def measure_page(patients: list[Question], url: str) -> dict[str, float]:
    """The page with the matches of a need, as somebody who is signed in gets it, and the memory that takes."""
    worker = make_staff()
    needs = [
        make_need(make_patient(worker, postal_code=one.postal_code, language=one.language), one.need)
        for one in patients[:PAGES]
    ]
    paths = [f"/needs/{need.id}/matches" for need in needs]
    session.commit()
    client = current_app.test_client()
    sign_in(client, worker)
    times = []
    for path in chain(paths[: PAGES // 10], paths):
        started = time.perf_counter()
        response = client.get(path)
        times.append((time.perf_counter() - started) * 1000)
        if response.status_code != HTTPStatus.OK:
            raise SystemExit(f"The page says {response.status_code}.")
    session.commit()
    with ProcessPoolExecutor(1, get_context("spawn")) as web:
        first, last = web.submit(web_memory, url, worker.id, paths).result()
    return {**_named("page", times[PAGES // 10 :]), "web_rss_mb_at_first": first, "web_rss_mb": last}


PAGES = 200


def web_memory(url: str, staff_id: uuid.UUID, paths: list[str]) -> tuple[float, float]:
    """Megabytes of a web process after its first 20 pages, and after 500 more; run in a process of its own."""
    app = create_app(config.load({"DATABASE_URL": url, "SECRET_KEY": "bench"}))
    client = app.test_client()
    with app.app_context():
        sign_in(client, session.get_one(StaffMember, staff_id))
    pages = cycle(paths)
    sizes = []
    for many in (20, 500):
        for path in islice(pages, many):
            client.get(path).get_data()
        # The second number of pages that are in memory.
        resident = int(Path("/proc/self/statm").read_text().split()[1])
        sizes.append(round(resident * os.sysconf("SC_PAGE_SIZE") / 1e6, 1))
    return sizes[0], sizes[1]


def measure(country: Country, rows: int, asked: argparse.Namespace, url: str, postgis: str | None) -> dict[str, Any]:
    with console.status(f"Making {rows:,} listings"):
        fill(country, rows)
    patients = country.patients(asked.patients)
    times, answers = timed(lambda one: matches(one, asked.k, asked.radius, NOW), patients, "Matching")
    cpu = CpuTime("", _driver(), len(patients))
    with Counted() as counted:
        for patient in patients:
            matches(patient, asked.k, asked.radius, NOW)
            session.rollback()
    p50, p95, p99 = percentiles(times)
    result: dict[str, Any] = {
        "p50_ms": p50,
        "p95_ms": p95,
        "p99_ms": p99,
        **cpu.result(),
        "questions": round(counted.questions / len(patients), 2),
        "rows_read": round(counted.rows / len(patients), 1),
        "widened": sum(answer.widened for answer in answers),
    }
    with index_of_boxes():
        result |= measure_others(patients, asked, postgis, answers)
        found = [[match.service_at_location_id for match in answer.items] for answer in answers]
        expected = timed(BruteForce(asked.k, asked.radius), patients, "Brute force")[1]
    result |= measure_page(patients, url)
    result["wrong"] = sum(one != other for one, other in zip(found, expected, strict=True))
    console.print(f"{rows:>9,} listings: {result}")
    return result


@contextmanager
def index_of_boxes() -> Iterator[None]:
    """What a plain box would have for its index, and ours does without."""
    session.execute(text("CREATE INDEX listing_box ON listing (need, latitude, longitude)"))
    session.commit()
    yield
    session.execute(text("DROP INDEX listing_box"))
    session.commit()


def _driver() -> psycopg.Connection[Any]:
    return cast("psycopg.Connection[Any]", session.connection().connection.driver_connection)


def measure_others(
    patients: list[Question], asked: argparse.Namespace, postgis: str | None, expected: list[Matches]
) -> dict[str, Any]:
    result: dict[str, Any] = {}
    with psycopg.connect(config.libpq_url(config.settings().database_url)) as connection:
        others = Others(connection, asked.k, asked.radius)
        result |= _named("box", timed(others.in_box, patients, "A plain box", connection.rollback)[0])
    if not postgis:
        return {**result, "postgis_p95_ms": None, "postgis_nearest_p95_ms": None}
    with console.status("Filling PostGIS"):
        theirs = copy_to_postgis(postgis)
    with theirs:
        others = Others(theirs, asked.k, asked.radius)
        result |= _named("postgis_nearest", timed(others.nearest, patients, "PostGIS", theirs.rollback)[0])
        theirs.execute("DROP INDEX listing_place")
        theirs.execute("CREATE INDEX ON listing USING gist (need, place)")
        theirs.execute("ANALYZE listing")
        theirs.commit()
        by_need = timed(others.nearest, patients, "PostGIS by need", theirs.rollback)[0]
        result |= _named("postgis_nearest_by_need", by_need)
        times, answers = timed(others.best, patients, "PostGIS, the same question", theirs.rollback)
        result |= _named("postgis", times)
        cpu = CpuTime("postgis_", theirs, len(patients))
        for patient in patients:
            others.best(patient)
            theirs.rollback()
        result |= cpu.result()
        result["postgis_wrong"] = sum(one.items != other.items for one, other in zip(answers, expected, strict=True))
    return result


def _named(what: str, times: list[float]) -> dict[str, float]:
    return dict(zip((f"{what}_p50_ms", f"{what}_p95_ms", f"{what}_p99_ms"), percentiles(times), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", default="10000,100000", help="how many listings, several sizes with commas")
    parser.add_argument("--patients", type=int, default=2000)
    parser.add_argument("--k", type=int, default=20)
    parser.add_argument("--radius", type=float, default=50.0, help="miles")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", help="an empty database that may be filled, such as postgresql:///bench")
    parser.add_argument("--postgis", help="an empty database with PostGIS available, rather than a cluster of its own")
    asked = parser.parse_args()
    results = {}
    for rows in (int(size) for size in asked.rows.split(",")):
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
            url = asked.database
            if not url:
                server = start(folder / "postgres")
                stack.callback(server.stop)
                url = server.url
            postgis = asked.postgis or stack.enter_context(cluster(folder / "postgis"))
            app = create_app(config.load({"DATABASE_URL": url, "SECRET_KEY": "bench"}))
            with app.app_context():
                upgrade()
                results[str(rows)] = measure(Country(asked.seed), rows, asked, url, postgis)
                session.remove()
                db.engine.dispose()
    if not postgis:
        console.print("No PostGIS is installed here; the top of bench/match.py says how to.")
    print(json.dumps({"rows": results}))


if __name__ == "__main__":
    main()
