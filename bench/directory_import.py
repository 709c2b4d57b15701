"""How fast a directory comes in, and in how much memory.

    python -m bench.directory_import --services 100000

A made-up directory of so many services is written as HSDS 3 tables, scattered over the ZIP codes of the country, some
six rows for each service. It is taken in by `flask directory import`, a process of its own, until every service can be
found and matched; then once more, when nothing has changed. Beside it, in the same run on the same server, what one
might do instead: COPY of the same files into tables of text, which checks nothing and offers nothing (no import can be
faster), and an ORM object for each row (csv and SQLAlchemy, ids checked by the database, nothing read or worked out).
The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import zipcodes
from psycopg import sql
from rich.console import Console

from app import config, create_app
from app.config import ROOT, libpq_url
from app.db import db, session
from app.directory.mapping import BY_NAME, identity
from app.directory.models import Location, Organization, Service, ServiceAtLocation
from app.directory.packages import open_package
from app.directory.rows import Row
from bench.stage import databases, settings

TERMS = (
    ("BD-1800.2000", "Food Pantries"),
    ("BD-5000.8300", "Soup Kitchens"),
    ("BH-1800.8500", "Homeless Shelter"),
    ("BH-3800.7000", "Rent Payment Assistance"),
    ("BT-4500.6500", "Medical Appointments Transportation"),
    ("BV-8900.9300", "Utility Service Payment Assistance"),
    ("LN-0000.0000", "Outpatient Health Facilities"),
    ("PH-6100.0000", "Parenting Education"),
)
HOURS = (("MO,TU,WE,TH,FR", "9:00am", "5:00 PM"), ("MO,WE,FR", "10:00", "14:00"), ("SA", "08:30", "12:00"))
WORDS = ("Community", "Harbor", "Grace", "Valley", "Family", "North", "Hope", "Bridge", "Cedar", "Unity", "Street")
ORM_SERVICES = 20_000
"""At most; more would only take longer."""

console = Console(stderr=True)


@dataclass(frozen=True)
class Run:
    """One way to take the services in."""

    services: int
    seconds: float
    peak_mb: float | None = None
    cpu_seconds: float | None = None
    """Of the command alone. Unlike the seconds by the clock, these hardly depend on what else the machine does."""
    database_cpu_seconds: float | None = None

    @property
    def per_second(self) -> float:
        return self.services / self.seconds


def write(folder: Path, services: int) -> int:
    """The tables of a directory of so many services; how many rows they have together."""
    chance = random.Random(services)  # noqa: S311  made up
    zips = [row for row in zipcodes.filter_by(zip_code_type="STANDARD", active=True) if float(row["lat"])]
    organizations, locations = max(1, services // 4), max(1, services // 2)
    return sum(
        _table(folder, name, rows)
        for name, rows in (
            ("organizations", _organizations(organizations, chance)),
            ("locations", _locations(locations, organizations, zips, chance)),
            ("addresses", _addresses(locations, zips)),
            ("services", _services(services, organizations, chance)),
            ("service_at_location", _offers(services, locations)),
            ("phones", _phones(services, chance)),
            ("schedules", _schedules(services, chance)),
            ("languages", _languages(services)),
            ("taxonomy_terms", ({"id": _id(9, n), "code": code, "name": name} for n, (code, name) in enumerate(TERMS))),
            ("attributes", _attributes(services, chance)),
        )
    )


Cells = dict[str, object]


def _table(folder: Path, name: str, rows: Iterator[Cells]) -> int:
    first = next(rows)
    with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(first))
        writer.writeheader()
        writer.writerow(first)
        written = 1
        for row in rows:
            writer.writerow(row)
            written += 1
    return written


def _id(kind: int, number: int) -> uuid.UUID:
    """The same id for the same row, looking like any."""
    return uuid.UUID(int=(kind << 120) | ((number * 0x9E3779B97F4A7C15) % 2**64) << 40 | number, version=4)


def _name(chance: random.Random) -> str:
    return " ".join(chance.sample(WORDS, 3))


def _organizations(count: int, chance: random.Random) -> Iterator[Cells]:
    for n in range(count):
        yield {
            "id": _id(1, n),
            "name": _name(chance),
            "description": "A nonprofit. " * 8,
            "website": f"https://a{n}.org",
        }


def _locations(
    count: int, organizations: int, zips: Sequence[dict[str, str]], chance: random.Random
) -> Iterator[Cells]:
    for n in range(count):
        place = zips[n % len(zips)]
        yield {
            "id": _id(2, n),
            "organization_id": _id(1, n % organizations),
            "location_type": "physical",
            "name": _name(chance),
            "latitude": round(float(place["lat"]) + chance.gauss(0, 0.03), 6),
            "longitude": round(float(place["long"]) + chance.gauss(0, 0.03), 6),
        }


def _addresses(count: int, zips: Sequence[dict[str, str]]) -> Iterator[Cells]:
    for n in range(count):
        place = zips[n % len(zips)]
        yield {
            "id": _id(3, n),
            "location_id": _id(2, n),
            "address_1": f"{n % 9000 + 1} Main St",
            "city": place["city"],
            "state_province": place["state"],
            "postal_code": place["zip_code"],
            "country": "US",
            "address_type": "physical",
        }


def _services(count: int, organizations: int, chance: random.Random) -> Iterator[Cells]:
    for n in range(count):
        yield {
            "id": _id(4, n),
            "organization_id": _id(1, n % organizations),
            "name": _name(chance),
            "description": "Walk in or call; bring an identity card if you have one. " * 5,
            "status": "active",
            "application_process": "Walk in.",
            "eligibility_description": "Residents of the county.",
            "minimum_age": 18 if n % 4 == 0 else "",
            "last_modified": "2026-02-11T09:30:00Z",
        }


def _offers(count: int, locations: int) -> Iterator[Cells]:
    for n in range(count):
        yield {"id": _id(5, n), "service_id": _id(4, n), "location_id": _id(2, n % locations)}


def _phones(count: int, chance: random.Random) -> Iterator[Cells]:
    for n in range(count):
        number = (
            f"({chance.choice((410, 312, 213, 404, 713))}) {chance.randrange(200, 999)}-{chance.randrange(10_000):04}"
        )
        yield {"id": _id(6, n), "service_id": _id(4, n), "number": number, "type": "voice"}


def _schedules(count: int, chance: random.Random) -> Iterator[Cells]:
    for n in range(count):
        days, opens, closes = chance.choice(HOURS)
        yield {
            "id": _id(7, n),
            "service_id": _id(4, n),
            "freq": "WEEKLY",
            "byday": days,
            "opens_at": opens,
            "closes_at": closes,
        }


def _languages(count: int) -> Iterator[Cells]:
    for n in range(0, count, 5):
        yield {"id": _id(8, n), "service_id": _id(4, n), "name": "Spanish", "code": "es"}


def _attributes(count: int, chance: random.Random) -> Iterator[Cells]:
    for n in range(count):
        yield {
            "id": _id(10, n),
            "link_id": _id(4, n),
            "link_entity": "service",
            "taxonomy_term_id": _id(9, chance.randrange(len(TERMS))),
        }


def import_it(folder: Path, url: str, services: int) -> Run:
    """As somebody would at the command line; the memory is that of the command alone."""
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "directory", "import", str(folder), "--source", "bench"]
    began, cpu_before = time.monotonic(), _database_cpu(url)
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **settings(url)})  # noqa: S603  our own command
    _pid, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit("The import failed.")
    seconds, cpu = time.monotonic() - began, usage.ru_utime + usage.ru_stime
    return Run(services, seconds, usage.ru_maxrss / 1024, cpu, _database_cpu(url) - cpu_before)


def _database_cpu(url: str) -> float:
    """Seconds of all the server's processes so far, those that have ended among them."""
    with psycopg.connect(libpq_url(url)) as connection:
        server = psutil.Process(connection.info.backend_pid).parent()
        if server is None:
            raise SystemExit("The database server is not one of this machine.")
        times = server.cpu_times()
        ended = times.children_user + times.children_system
        running = sum(sum(child.cpu_times()[:2]) for child in server.children())
        return float(times.user + times.system + ended + running)


def copy_it(folder: Path, url: str, services: int) -> Run:
    """COPY of the files as they are into tables of text without a key."""
    began = time.monotonic()
    with psycopg.connect(libpq_url(url)) as connection:
        for file in sorted(folder.glob("*.csv")):
            with file.open("rb") as stream:
                header = stream.readline().decode().strip().split(",")
                table = sql.Identifier(f"raw_{file.stem}")
                columns = sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(name)) for name in header)
                connection.execute(sql.SQL("CREATE TABLE {} ({})").format(table, columns))
                with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN (FORMAT csv)").format(table)) as copy:
                    while chunk := stream.read(1 << 20):
                        copy.write(chunk)
    return Run(services, time.monotonic() - began)


def orm_it(folder: Path, url: str, services: int) -> Run:
    """An ORM object for each row of the four main tables, flushed by the thousand."""
    app = create_app(config.load(settings(url)))
    began = time.monotonic()
    with app.app_context():
        for name, kind in (
            ("organization", Organization),
            ("location", Location),
            ("service", Service),
            ("service_at_location", ServiceAtLocation),
        ):
            for number, values in enumerate(_read(folder, name)):
                session.add(kind(**values))
                if number % 1000 == 999:  # noqa: PLR2004
                    session.commit()
                    session.expunge_all()
            session.commit()
        seconds = time.monotonic() - began
        db.engine.dispose()
    return Run(services, seconds)


def _read(folder: Path, table: str) -> Iterator[dict[str, object]]:
    package = open_package(folder)
    for row in package.rows(*BY_NAME[table].files):
        if isinstance(row, Row):
            links = {link.name: link.table for link in BY_NAME[table].links}
            yield {
                name: identity("bench", links.get(name, table), text) if name in links or name == "id" else text or None
                for name, text in row.cells.items()
            }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--services", type=int, default=100_000)
    parser.add_argument("--skip-orm", action="store_true", help="Leave out the ORM, which is known to be slow.")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="loopline-bench-") as place, databases() as server:
        folder = Path(place)
        rows = write(folder, asked.services)
        console.print(
            f"{asked.services:,} services, {rows:,} rows, {sum(f.stat().st_size for f in folder.iterdir()) >> 20} MB"
        )
        url = server.fresh("bench_import")
        runs = {"import": import_it(folder, url, asked.services)}
        _say("import", runs["import"])
        runs["import again"] = import_it(folder, url, asked.services)
        _say("import again", runs["import again"])
        runs["copy of text"] = copy_it(folder, server.fresh("bench_copy"), asked.services)
        _say("copy of text", runs["copy of text"])
        if not asked.skip_orm:
            fewer = min(asked.services, ORM_SERVICES)
            part = folder / "part"
            part.mkdir()
            write(part, fewer)
            runs["orm rows"] = orm_it(part, server.fresh("bench_orm"), fewer)
            _say("orm rows", runs["orm rows"])
    print(
        json.dumps(
            {"services": asked.services, "rows": rows, "runs": {name: _numbers(run) for name, run in runs.items()}}
        )
    )


def _numbers(run: Run) -> dict[str, float]:
    numbers = {"services": run.services, "seconds": round(run.seconds, 2), "services_per_s": round(run.per_second, 1)}
    if run.peak_mb and run.cpu_seconds and run.database_cpu_seconds:
        numbers |= {
            "peak_mb": round(run.peak_mb, 1),
            "cpu_seconds": round(run.cpu_seconds, 1),
            "database_cpu_seconds": round(run.database_cpu_seconds, 1),
        }
    return numbers


def _say(name: str, run: Run) -> None:
    memory = f", {run.peak_mb:,.0f} MB" if run.peak_mb else ""
    console.print(f"{name:>14}: {run.services:,} services in {run.seconds:,.1f} s, {run.per_second:,.0f}/s{memory}")


if __name__ == "__main__":
    main()
