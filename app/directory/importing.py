"""Taking in somebody else's directory, of whatever format, in whatever state.

An import is too large for one transaction. It reports after every batch, and that is the moment for whoever started
it to commit. Killed and started again with the same package, it goes on after the last batch, and ends with the rows
that it would have ended with undisturbed.
"""

from __future__ import annotations

import gc
import hashlib
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Table, exists, func, or_, select, text, update

from app import clock
from app.db import Base, among, copy_rows, given, held, session
from app.directory import formats, merging, operations, writing
from app.directory.ahead import read_ahead
from app.directory.mapping import BY_NAME, TABLES, Record, Reference, identity, source_name
from app.directory.models import Address, DirectoryImport, ImportProblem
from app.directory.packages import Package, PackageError, open_package
from app.directory.rows import Problem
from app.events import ServicesWithdrawn, publish
from app.geography import zips
from app.geography.distance import miles
from app.geography.places import Point

BATCH = 4000
"""Rows of the package in one transaction."""

PROBLEMS_KEPT = 1000
"""In the answer to whoever started the import; all of them are in the database."""
PROBLEMS_STORED = 250_000
"""Of one import; a file that has more is not worth a list."""

REFUSALS_REMEMBERED = 20_000
"""So that none of them is said twice."""

EXAMPLES = 5
"""Rows of each table that are shown as new, changed or withdrawn."""

EASTERNMOST, SOUTH_TO_NORTH = -64.0, (17.0, 72.0)
"""Around the country, but for its islands in the Pacific, which their ZIP codes vouch for."""
NEAR_ITS_ZIP = 150.0
"""Miles; the largest ZIP code areas of Alaska are as wide."""

MANY = 8_000
"""New rows, from which on the database's idea of how many there are matters."""
OBJECTS_BETWEEN_COLLECTIONS = 20_000
"""Of Python, which by itself looks for garbage after every 700."""

HELD_BACK_ABOVE = 0.2
"""Of what a source listed so far: to withdraw more than this takes a word from somebody, as half a file looks alike."""
HELD_BACK_FROM = 10
"""Rows; a directory of three services may well close one."""


@dataclass
class TableCount:
    """What an import did to one table."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    withdrawn: int = 0
    held_back: int = 0
    """No longer listed, but so many that nothing was withdrawn."""

    @property
    def listed(self) -> int:
        return self.new + self.changed + self.unchanged


@dataclass(frozen=True)
class Progress:
    """How far an import is, and what went wrong since it last said so."""

    reading: str
    bytes_read: int
    bytes_total: int
    rows: int
    problems: tuple[Problem, ...]

    @property
    def share(self) -> float:
        """How much of the package has been read: 0 to 1, and less than 1 until all is done."""
        return min(self.bytes_read / self.bytes_total, 0.99) if self.bytes_total else 0.99


@dataclass(frozen=True)
class Example:
    """A row that is new, changed or withdrawn."""

    table: str
    what: str
    id: str
    """As the source writes it."""
    name: str


@dataclass(frozen=True)
class ImportReport:
    """What an import did, when it is over."""

    id: uuid.UUID
    source: str
    package: str
    format: str
    started_at: datetime
    ended_at: datetime
    tables: dict[str, TableCount]
    problem_count: int
    problems: tuple[Problem, ...]
    """The first thousand."""
    examples: tuple[Example, ...]
    open_referrals: int
    """With services that the import found withdrawn."""

    @property
    def changed_anything(self) -> bool:
        return any(count.new or count.changed or count.withdrawn for count in self.tables.values())

    @property
    def held_back(self) -> int:
        return sum(count.held_back for count in self.tables.values())


@dataclass(frozen=True)
class Wishes:
    """How an import is to be done."""

    mapping: Path | None = None
    """Of a flat table; None for those we know."""
    accept_withdrawals: bool = False
    """Withdraw what is no longer listed, however much that is."""


OnProgress = Callable[[Progress], None]


def import_directory(
    path: Path,
    source: str | None = None,
    on_progress: OnProgress = lambda _progress: None,
    wishes: Wishes = Wishes(),
) -> ImportReport:
    """Take in every good row of a package, and report the others.

    :param source: whose directory this is, in any spelling; the package's name when not given. What an earlier package
        of the same source listed and this one does not is marked as withdrawn.
    :param on_progress: called after each batch; it commits what is to survive a later failure.
    :raises PackageError: the path is no package that we can read; nothing has been done.
    """
    package = open_package(path)
    format_ = formats.recognize(package, wishes.mapping)
    name = _name_of(source, package)
    with _seldom_collecting(), held(f"directory.import {name}") as alone:
        if not alone:
            raise PackageError(f"“{name}” is being taken in at this moment. Try again when that is done.")
        digest = _digest(package, wishes)
        row = _broken_off(name, digest) or _begun(package, format_, name, digest)
        run = _Import(package, format_, name, row)
        _take_in(run, on_progress, wishes)
        _settle(run, on_progress)
        report = run.finish()
        on_progress(run.progress())
    return report


def preview(
    path: Path,
    source: str | None = None,
    on_progress: OnProgress = lambda _progress: None,
    wishes: Wishes = Wishes(),
) -> ImportReport:
    """What `import_directory` would do. It does it all, and then takes it back.

    :param on_progress: called after each batch; it must not commit.
    :raises PackageError: the path is no package that we can read.
    """
    package = open_package(path)
    format_ = formats.recognize(package, wishes.mapping)
    name = _name_of(source, package)
    with _seldom_collecting(), session.begin_nested() as everything:
        run = _Import(package, format_, name, _begun(package, format_, name))
        _take_in(run, on_progress, wishes)
        report = run.finish()
        everything.rollback()
    return report


def _name_of(source: str | None, package: Package) -> str:
    return source_name(source or "") or source_name(package.name) or "directory"


def _digest(package: Package, wishes: Wishes) -> str:
    mapping = wishes.mapping.read_bytes() if wishes.mapping else b""
    return hashlib.blake2b(package.digest().encode() + mapping, digest_size=16).hexdigest()


def _begun(package: Package, format_: formats.Format, source: str, digest: str = "") -> DirectoryImport:
    row = DirectoryImport(
        id=uuid.uuid4(),
        source=source,
        package=package.name,
        format=format_.named(package),
        started_at=_moment_after_the_last(source),
        digest=digest,
        items_done=0,
    )
    session.add(row)
    session.flush()
    return row


def _broken_off(source: str, digest: str) -> DirectoryImport | None:
    """The import of this very package that never ended, if nothing of the source was taken in since."""
    last = session.scalar(
        select(DirectoryImport)
        .where(DirectoryImport.source == source, ~DirectoryImport.dry_run, DirectoryImport.failure.is_(None))
        .order_by(DirectoryImport.started_at.desc())
        .limit(1)
    )
    return last if last and last.ended_at is None and last.digest == digest else None


def _take_in(run: _Import, on_progress: OnProgress, wishes: Wishes) -> None:
    with closing(read_ahead(_parts(run))) as parts:
        for is_in, batch in parts:
            _do_not_wait_for_the_disk()
            if is_in:
                run.pass_over(batch)
            else:
                run.store(batch)
            on_progress(run.progress())
            gc.collect(1)  # statements and their results are circles: few objects, with the ids of a whole batch
    run.check_places()
    run.withdraw(however_many=wishes.accept_withdrawals)
    on_progress(run.progress())


def _settle(run: _Import, on_progress: OnProgress) -> None:
    """Work out what follows from the rows, with the database knowing how many there are.

    It looks by itself only once a minute, and takes a table that was empty a minute ago for an empty one: each of a
    thousand batches would then read all of it.
    """
    settled, look_at = 0, MANY
    _do_not_wait_for_the_disk()
    if run.new >= MANY:
        _look_at_tables()
        on_progress(run.progress())
        _do_not_wait_for_the_disk()
    for services in operations.settle():
        settled += len(services)
        if settled >= look_at:
            _look_at_tables()
            look_at *= 8
        on_progress(run.progress())
        _do_not_wait_for_the_disk()


def _look_at_tables() -> None:
    session.execute(text(f"ANALYZE {', '.join(sorted(Base.metadata.tables))}"))


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """Look for garbage in circles less often: a million rows make none, and looking takes a third of the time."""
    before = gc.get_threshold()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _parts(run: _Import) -> Iterator[tuple[bool, list[Record | Problem]]]:
    """Batches of the package, and of each whether it is in already."""
    items = formats.records(run.package, run.format, run.source)
    yield from ((True, batch) for batch in _batches(islice(items, run.row.items_done)))
    yield from ((False, batch) for batch in _batches(items))


def _do_not_wait_for_the_disk() -> None:
    """For this transaction. Should the machine fail, the last batches are lost whole, and the next import has them."""
    session.execute(text("SET LOCAL synchronous_commit TO off"))


def _batches(items: Iterable[Record | Problem]) -> Iterator[list[Record | Problem]]:
    """Lists of about `BATCH` items; what comes of one row of the package stays together."""
    batch: list[Record | Problem] = []
    for _place, of_one_row in groupby(items, key=lambda item: (item.file, item.line)):
        batch.extend(of_one_row)
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


@dataclass
class _Import:
    """One run. It knows the package by its problems and counts only; the rows themselves are in the database."""

    package: Package
    format: formats.Format
    source: str
    row: DirectoryImport
    counts: dict[str, TableCount] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    problem_count: int = 0
    stored_problems: int = 0
    damaged: set[str] = field(default_factory=set)
    news: list[Problem] = field(default_factory=list)
    unsaved: list[Problem] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)
    started_at: datetime = field(init=False)
    items_done: int = field(init=False)
    rows: int = 0
    refusals: set[Problem] = field(default_factory=set)
    """What has been said of rows that were left out: several rows may come of one line, with one fault."""
    far_off: dict[uuid.UUID, tuple[str, int]] = field(default_factory=dict)
    """File and line of each location outside of the country, for what is found out about it in the end."""

    def __post_init__(self) -> None:
        self.started_at = self.row.started_at
        self.items_done = self.row.items_done
        if self.items_done:
            self._remember()

    def _remember(self) -> None:
        """What this import knew when it broke off."""
        self.counts = {name: TableCount(**count) for name, count in self.row.counts.items()}
        self.examples = [Example(**example) for example in self.row.examples]
        self.problem_count = self.row.problem_count
        self.news = _stored_problems(self.row.id)
        self.stored_problems = len(self.news)
        self.problems = self.news[:PROBLEMS_KEPT]

    @property
    def new(self) -> int:
        """Rows that were not there before."""
        return sum(count.new for count in self.counts.values())

    def pass_over(self, batch: Sequence[Record | Problem]) -> None:
        """Count what an earlier run of this import has written, and remember which files are damaged."""
        self.rows += _rows_in(batch)
        self.damaged |= {item.file for item in batch if isinstance(item, Problem) and item.damages}
        self._note_places([item for item in batch if isinstance(item, Record) and item.table == "location"])

    def store(self, batch: Sequence[Record | Problem]) -> None:
        """Write what is new or changed, mark what is listed, and report the rest."""
        by_table: dict[str, list[Record]] = {table.name: [] for table in TABLES}
        refused: set[tuple[str, int | None]] = set()
        for item in batch:
            if isinstance(item, Problem):
                self._report(item)
                if not item.kept:
                    refused.add((item.file, item.line))
            else:
                by_table[item.table].append(item)
        self._note_places(by_table["location"])
        for table, records in by_table.items():
            for problem in self._store(Base.metadata.tables[table], records, refused) if records else ():
                self._report(problem)
                refused.add((problem.file, problem.line))
        self.rows += _rows_in(batch)
        self.items_done += len(batch)
        self._save()

    def check_places(self) -> None:
        """Hold coordinates outside of the country against the address's ZIP code; put them right or leave them out.

        A minus sign that was lost puts Baltimore into Central Asia, which looks like a place like any.
        """
        table = Base.metadata.tables["location"]
        found = session.execute(
            select(table.c.id, table.c.source_id, table.c.latitude, table.c.longitude, func.min(Address.postal_code))
            .join(Address, Address.location_id == table.c.id)
            .where(
                table.c.source == self.source,
                table.c.last_seen_in_import_at == self.started_at,
                or_(table.c.longitude > EASTERNMOST, ~table.c.latitude.between(*SOUTH_TO_NORTH)),
                func.coalesce(Address.country, "US") == "US",
                Address.postal_code.regexp_match(r"^\d{5}(-|$)"),
                Address.withdrawn_at.is_(None),
            )
            .group_by(table.c.id)
        ).all()
        found = sorted(found, key=lambda row: self.far_off.get(row[0], ("", 0)))
        for id_, source_id, latitude, longitude, postal_code in found:
            placed = zips.find(postal_code[:5])
            if placed is None or miles((latitude, longitude), placed.point) <= NEAR_ITS_ZIP:
                continue
            turned = ((latitude, -longitude), (longitude, latitude), (longitude, -latitude), (-latitude, longitude))
            right = next((point for point in turned if _is_near(point, placed.point)), None)
            said = f"{latitude:g}, {longitude:g} of location “{source_id}” is far from its ZIP code {postal_code[:5]}"
            done = f"taken as {right[0]:g}, {right[1]:g}" if right else "left out"
            file, line = self.far_off.get(id_, (self._file_of("location"), None))
            self._report(Problem(file, line, "latitude", f"{said}; it was {done}", kept=True))
            values = dict(zip(("latitude", "longitude"), right or (None, None), strict=True))
            session.execute(update(table).where(table.c.id == id_).values(values))
        operations.mark_stale("location", [row[0] for row in found])

    def _note_places(self, locations: Sequence[Record]) -> None:
        for record in locations:
            if len(self.far_off) < PROBLEMS_STORED and _is_far_off(record):
                self.far_off[record.id] = record.file, record.line

    def _file_of(self, table: str) -> str:
        name = self.package.find(BY_NAME[table].files)
        return self.package.members[name].file if name else self.package.name

    def withdraw(self, *, however_many: bool) -> None:
        """Mark what this source no longer lists.

        Only in tables whose files were read in full and not empty: half a file is no statement about the other half.
        A file that was cut off between two lines looks whole; so where much is missing, nothing is withdrawn at all
        unless somebody says that it is meant.
        """
        gone: dict[str, int] = {}
        for name in self.format.covers(self.package, self.damaged):
            if self._listed(name) and (missing := self._missing(name)):
                gone[name] = missing
        suspicious = not however_many and any(self._is_suspicious(name, missing) for name, missing in gone.items())
        for name, missing in gone.items():
            if suspicious:
                self._count(name).held_back = missing
            else:
                self._withdraw(name)
        self._save()

    def finish(self) -> ImportReport:
        session.refresh(self.row, ["open_referrals"])
        self.row.ended_at = clock.now()
        self._save()
        return ImportReport(
            id=self.row.id,
            source=self.source,
            package=self.package.name,
            format=self.row.format,
            started_at=self.started_at,
            ended_at=self.row.ended_at,
            tables=self.counts,
            problem_count=self.problem_count,
            problems=tuple(self.problems),
            examples=tuple(self.examples),
            open_referrals=self.row.open_referrals,
        )

    def progress(self) -> Progress:
        news, self.news = tuple(self.news), []
        return self._how_far(news)

    def _how_far(self, news: tuple[Problem, ...] = ()) -> Progress:
        return Progress(self.package.reading, self.package.bytes_read, self.package.bytes_total, self.rows, news)

    def _missing(self, name: str) -> int:
        """How many rows of a table this source listed before and does not list now."""
        table = Base.metadata.tables[name]
        return session.scalar(select(func.count()).select_from(table).where(*self._unseen(table))) or 0

    def _is_suspicious(self, name: str, missing: int) -> bool:
        before = missing + self._count(name).unchanged + self._count(name).changed
        return missing >= HELD_BACK_FROM and missing > before * HELD_BACK_ABOVE

    def _withdraw(self, name: str) -> None:
        table = Base.metadata.tables[name]
        shown = select(table.c.source_id, *_naming(table)).where(*self._unseen(table)).order_by(table.c.id)
        for source_id, *names in session.execute(shown.limit(EXAMPLES)):
            self._example(name, "withdrawn", source_id, _name(names))
        gone = session.scalars(
            update(table).where(*self._unseen(table)).values(withdrawn_at=clock.now()).returning(table.c.id)
        ).all()
        self._count(name).withdrawn = len(gone)
        for start in range(0, len(gone), BATCH):
            operations.mark_stale(name, gone[start : start + BATCH])
        if name == "service":
            publish(ServicesWithdrawn(import_id=self.row.id, service_ids=tuple(gone)))
            merging.undo_for_want_of_the_kept(gone)

    def _unseen(self, table: Table) -> tuple[ColumnElement[bool], ...]:
        return (
            table.c.source == self.source,
            table.c.withdrawn_at.is_(None),
            table.c.last_seen_in_import_at < self.started_at,
        )

    def _example(self, table: str, what: str, source_id: str | None, name: str) -> None:
        if sum(example.table == table and example.what == what for example in self.examples) < EXAMPLES:
            self.examples.append(Example(table, what, source_id or "", name))

    def _report(self, problem: Problem) -> None:
        if not problem.kept and problem in self.refusals:
            return
        if not problem.kept and len(self.refusals) < REFUSALS_REMEMBERED:
            self.refusals.add(problem)
        self.problem_count += 1
        self.news.append(problem)
        self.unsaved.append(problem)
        if len(self.problems) < PROBLEMS_KEPT:
            self.problems.append(problem)
        if problem.of:
            self._mark_listed(*problem.of)
        elif problem.damages:
            self.damaged.add(problem.file)

    def _mark_listed(self, name: str, upstream: str) -> None:
        """A row we refuse now may have been good last time: it is still listed, so it stays as it was."""
        table = Base.metadata.tables[name]
        session.execute(
            update(table)
            .where(table.c.id == identity(self.source, name, upstream), table.c.source == self.source)
            .values(last_seen_in_import_at=self.started_at)
        )

    def _store(self, table: Table, records: Sequence[Record], refused: set[tuple[str, int | None]]) -> list[Problem]:
        stored = writing.stored(table, [record.id for record in records])
        good, problems = self._admit(records, stored, refused)
        fingerprints = {record.id: record.fingerprint() for record in good}
        same, changed, new = [], [], []
        for record in good:
            before = stored.get(record.id)
            if before is None:
                new.append(record)
            elif before.fingerprint == fingerprints[record.id] and not before.withdrawn:
                same.append(record.id)
            else:
                changed.append(record)
        agreed = writing.agreed(table, [record for record in changed if not stored[record.id].withdrawn])
        writing.keep_fingerprints(table, {id_: fingerprints[id_] for id_ in agreed})
        same += agreed
        changed = [record for record in changed if record.id not in agreed]
        operations.mark_stale(table.name, [record.id for record in changed])
        written, failed = self._write(table, new, changed, fingerprints)
        operations.mark_stale(table.name, list(written))
        if same:
            session.execute(update(table).where(among(table.c.id, same)).values(last_seen_in_import_at=self.started_at))
        self._count_up(table.name, written, new, changed, same)
        return problems + failed

    def _count_up(
        self, table: str, written: set[uuid.UUID], new: list[Record], changed: list[Record], same: list[uuid.UUID]
    ) -> None:
        count = self._count(table)
        count.unchanged += len(same)
        for what, records in (("new", new), ("changed", changed)):
            done = [record for record in records if record.id in written]
            setattr(count, what, getattr(count, what) + len(done))
            for record in done[:EXAMPLES]:
                self._example(table, what, record.source_id, _name(map(record.values.get, _NAMING)))

    def _admit(
        self, records: Sequence[Record], stored: dict[uuid.UUID, writing.Stored], refused: set[tuple[str, int | None]]
    ) -> tuple[list[Record], list[Problem]]:
        """The records that may go in, each once and with its references in order, and why the others may not."""
        absent = self._absent(records)
        good: dict[uuid.UUID, Record] = {}
        problems: list[Problem] = []
        for record in records:
            before = stored.get(record.id)
            missing = [name for name, link in record.references.items() if link.id in absent[link.table]]
            vital = next((name for name in missing if record.references[name].vital), None)
            if BY_NAME[record.table].belongs and len(missing) == len(record.references):
                vital = vital or missing[0]
            if record.id in good or (before and before.seen_at == self.started_at):
                if not self._is_repetition(record, good.get(record.id), before):
                    reason = f"“{record.source_id}” is there twice; the first one counts"
                    problems.append(_refusal(record, "id", reason))
            elif before and before.source != self.source:
                problems.append(_refusal(record, "id", f"“{record.source_id}” belongs to the source “{before.source}”"))
            elif vital:
                # What else a refused row gave rise to goes with it, without a word.
                if (record.file, record.line) not in refused:
                    problems.append(_refusal(record, vital, _missing(record.references[vital]), still_listed=True))
            else:
                for name in missing:
                    record.values[name] = None
                    self._report(Problem(record.file, record.line, name, _missing(record.references[name]), kept=True))
                good[record.id] = record
        return list(good.values()), problems

    def _is_repetition(self, record: Record, first: Record | None, before: writing.Stored | None) -> bool:
        """Whether a row that was there already says the same again, in a format in which rows come again."""
        if not self.format.repeats:
            return False
        said = first.fingerprint() if first else before.fingerprint if before else ""
        return said == record.fingerprint()

    def _absent(self, records: Sequence[Record]) -> dict[str, set[uuid.UUID]]:
        """Of the rows these records refer to, those that are not there or that the package lists no more."""
        wanted: dict[str, set[uuid.UUID]] = {}
        for record in records:
            for link in record.references.values():
                wanted.setdefault(link.table, set()).add(link.id)
        absent = {}
        for name, ids in wanted.items():
            table = Base.metadata.tables[name]
            wanted_ids = given(ids)
            there = exists().where(table.c.id == wanted_ids.c.id)
            if self._listed(name):
                there = there.where(table.c.last_seen_in_import_at == self.started_at)
            absent[name] = set(session.scalars(select(wanted_ids.c.id).where(~there)))
        return absent

    def _write(
        self, table: Table, new: Sequence[Record], changed: Sequence[Record], fingerprints: dict[uuid.UUID, str]
    ) -> tuple[set[uuid.UUID], list[Problem]]:
        """Insert and overwrite; when the database refuses one row in spite of all checks, the others still go in."""
        written: set[uuid.UUID] = set()
        problems: list[Problem] = []
        for records, how in ((new, writing.insert_new), (changed, writing.overwrite)):
            rows = {record.id: self._as_stored(record, fingerprints[record.id]) for record in records}
            refused = set(writing.write(table, list(rows.values()), how))
            written |= rows.keys() - refused
            problems += [
                _refusal(record, None, "was refused by the database", still_listed=True)
                for record in records
                if record.id in refused
            ]
        return written, problems

    def _as_stored(self, record: Record, fingerprint: str) -> dict[str, Any]:
        return {
            **record.values,
            "id": record.id,
            "source": self.source,
            "source_id": record.source_id,
            "fingerprint": fingerprint,
            "last_seen_in_import_at": self.started_at,
            "withdrawn_at": None,
        }

    def _listed(self, table: str) -> int:
        """How many rows of a table the package has listed so far."""
        return self.counts[table].listed if table in self.counts else 0

    def _count(self, table: str) -> TableCount:
        return self.counts.setdefault(table, TableCount())

    def _save(self) -> None:
        """Keep counts and problems where an administrator can see them while the import runs."""
        self.row.counts = {name: asdict(count) for name, count in self.counts.items()}
        self.row.examples = [asdict(example) for example in self.examples]
        self.row.problem_count = self.problem_count
        self.row.items_done = self.items_done
        self.row.progress = 1.0 if self.row.ended_at else self._how_far().share
        session.flush()
        room = max(0, PROBLEMS_STORED - self.stored_problems)
        store_problems(self.row.id, self.stored_problems, self.unsaved[:room])
        self.stored_problems += len(self.unsaved[:room])
        self.unsaved = []


def _is_far_off(location: Record) -> bool:
    """Whether it has coordinates, and they are not in the country."""
    latitude, longitude = location.values["latitude"], location.values["longitude"]
    south, north = SOUTH_TO_NORTH
    return latitude is not None and (longitude > EASTERNMOST or not south <= latitude <= north)


def _is_near(point: Point, other: Point) -> bool:
    return abs(point[0]) <= 90 and miles(point, other) <= NEAR_ITS_ZIP  # noqa: PLR2004  the pole


def _moment_after_the_last(source: str) -> datetime:
    """Now; but later than every import of this source before, even where the clock stands still or was set back.

    The moment is what a row is marked with to say that this import has seen it.
    """
    before = session.scalar(select(func.max(DirectoryImport.started_at)).where(DirectoryImport.source == source))
    return max(clock.now(), before + timedelta(microseconds=1)) if before else clock.now()


def _rows_in(batch: Sequence[Record | Problem]) -> int:
    return len({(item.file, item.line) for item in batch})


def _stored_problems(import_id: uuid.UUID) -> list[Problem]:
    rows = session.execute(
        select(ImportProblem.file, ImportProblem.line, ImportProblem.field, ImportProblem.reason, ImportProblem.kept)
        .where(ImportProblem.import_id == import_id)
        .order_by(ImportProblem.number)
    )
    return [Problem(*row) for row in rows]


def store_problems(import_id: uuid.UUID, already: int, problems: Sequence[Problem]) -> None:
    """Keep problems where somebody can download them, numbered after those that are there."""
    rows = [
        {
            "import_id": import_id,
            "number": number,
            "file": problem.file,
            "line": problem.line,
            "field": problem.field,
            "reason": problem.reason,
            "kept": problem.kept,
        }
        for number, problem in enumerate(problems, start=already + 1)
    ]
    if rows:
        copy_rows(ImportProblem.__table__, rows)


def _refusal(record: Record, column: str | None, reason: str, *, still_listed: bool = False) -> Problem:
    of = (record.table, record.source_id) if still_listed else None
    return Problem(record.file, record.line, column, reason, kept=False, of=of)


def _missing(link: Reference) -> str:
    return f"there is no {link.table.replace('_', ' ')} “{link.upstream}”"


_NAMING = ("name", "number", "address_1", "document", "description", "label", "code")
"""Columns by which a row can be told, the best first."""


def _naming(table: Table) -> list[ColumnElement[Any]]:
    return [table.c[name] for name in _NAMING if name in table.c] or [table.c.source_id]


def _name(said: Iterable[object]) -> str:
    return next((str(one)[:80] for one in said if one), "")
