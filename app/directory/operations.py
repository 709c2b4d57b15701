"""What can be done to the directory: take in a package of it, and say whether a service has room.

An import is too large for one transaction. It reports after every batch, and that is the moment for whoever started
it to commit; killed between two batches and started again, it ends with the same rows.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby
from pathlib import Path, PurePath
from typing import IO, Any, NamedTuple, cast

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    CursorResult,
    Select,
    Table,
    Uuid,
    any_,
    delete,
    func,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import InstrumentedAttribute

from app import clock
from app.db import Base, session
from app.directory import capacity, formats
from app.directory.codes import CapacityStatus
from app.directory.mapping import TABLES, Record, Reference, identity, source_name
from app.directory.models import (
    Attribute,
    DirectoryImport,
    Phone,
    Service,
    ServiceAtLocation,
    ServiceCapacity,
    ServiceNeed,
    StaleService,
    TaxonomyTerm,
)
from app.directory.packages import Package, PackageError, open_package
from app.directory.rows import Problem, normal_name
from app.errors import NotFound
from app.events import ServicesChanged, publish
from app.i18n import gettext as _
from app.needs.vocabulary import Term, needs_for_terms

BATCH = 500
"""Rows of the package in one transaction; services in one announcement."""

PROBLEMS_KEPT = 1000

UPLOADS_KEPT = 20


@dataclass
class TableCount:
    """What an import did to one table."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    withdrawn: int = 0

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

    @property
    def changed_anything(self) -> bool:
        return any(count.new or count.changed or count.withdrawn for count in self.tables.values())


OnProgress = Callable[[Progress], None]


def import_directory(
    path: Path, source: str | None = None, on_progress: OnProgress = lambda _progress: None
) -> ImportReport:
    """Take in every good row of a package, and report the others.

    :param source: whose directory this is, in any spelling; the package's name when not given. What an earlier package
        of the same source listed and this one does not is marked as withdrawn.
    :param on_progress: called after each batch; it commits what is to survive a later failure.
    :raises PackageError: the path is no package that we can read; nothing has been done.
    """
    package = open_package(path)
    name = source_name(source or "") or source_name(package.name) or "directory"
    run = _Import(package, formats.recognize(package), name)
    records = formats.records(package, run.format, run.source)
    for batch in _batches(records):
        run.store(batch)
        on_progress(run.progress())
    run.withdraw()
    on_progress(run.progress())
    for _changed in settle():
        on_progress(run.progress())
    report = run.finish()
    on_progress(run.progress())
    return report


def note_failure(package: str, source: str, reason: str) -> None:
    """Keep in the history that a package could not be read at all."""
    moment = clock.now()
    session.add(
        DirectoryImport(source=source, package=package, format="", started_at=moment, ended_at=moment, failure=reason)
    )


def keep_upload(files: Sequence[tuple[str, IO[bytes]]], folder: Path) -> Path:
    """Store a package that was sent as one zip or as its tables, and say where it lies.

    Names from outside are not trusted with a path: of each only the last part counts, in letters that every disk takes.
    The packages before are kept as well, the last twenty, so that a report can be held against what it reports on.

    :raises PackageError: this is no package that we can read; nothing is kept.
    """
    kinds = {PurePath(name).suffix.lower() for name, _stream in files}
    if kinds != {".zip"} and not (kinds and kinds <= {".csv", ".json"}):
        raise PackageError(_("Choose one zip file, or all the CSV files of one directory."))
    if kinds == {".zip"} and len(files) > 1:
        raise PackageError(_("Choose one zip file at a time."))
    place = folder / f"{clock.now():%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:8]}"
    tables = place / "tables"
    tables.mkdir(parents=True)
    try:
        for name, stream in files:
            last = PurePath(name.replace("\\", "/"))
            file = tables / f"{normal_name(last.stem) or 'table'}{last.suffix.lower()}"
            with file.open("xb") as kept:
                shutil.copyfileobj(stream, kept)
        package = file if kinds == {".zip"} else tables
        formats.recognize(open_package(package))
    except FileExistsError as error:
        shutil.rmtree(place)
        raise PackageError(_("Two of the files have the same name.")) from error
    except PackageError:
        shutil.rmtree(place)
        raise
    for old in sorted(folder.iterdir())[:-UPLOADS_KEPT]:
        shutil.rmtree(old)
    return package


def settle() -> Iterator[tuple[uuid.UUID, ...]]:
    """Work out the needs and capacity of every stale service and announce it, a batch at a time.

    Yields each batch after it is announced; the caller may commit there.
    """
    terms = Terms()
    while True:
        stale = select(StaleService.service_id).limit(BATCH).with_for_update(skip_locked=True)
        ids = tuple(
            session.scalars(
                delete(StaleService).where(StaleService.service_id.in_(stale)).returning(StaleService.service_id)
            )
        )
        if not ids:
            return
        _work_out_needs(ids, terms)
        _take_over_counts(ids)
        publish(ServicesChanged(service_ids=ids))
        yield ids


def map_all_needs() -> None:
    """Mark every service as stale, because the needs or their rules have changed; `settle` does the rest."""
    session.execute(insert(StaleService).from_select(["service_id"], select(Service.id)).on_conflict_do_nothing())


def set_capacity(service_id: uuid.UUID, status: CapacityStatus, until: date | None, source: str) -> None:
    """Write down whether a service takes people in, as `source` says now, up to and including `until`.

    :raises NotFound: there is no such service.
    """
    known = status is not CapacityStatus.UNKNOWN
    result = session.execute(
        update(Service)
        .where(Service.id == service_id)
        .values(
            capacity_status=status,
            capacity_until=until if known else None,
            capacity_source=source if known else None,
            capacity_at=clock.now() if known else None,
        )
    )
    if not cast("CursorResult[Any]", result).rowcount:
        raise NotFound(_("There is no such service."))
    publish(ServicesChanged(service_ids=(service_id,)))


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


class _Stored(NamedTuple):
    """What an import needs to know of a row that is there already."""

    source: str
    fingerprint: str
    seen_at: datetime | None
    withdrawn: bool


@dataclass
class _Import:
    """One run. It knows the package by its problems and counts only; the rows themselves are in the database."""

    package: Package
    format: formats.Format
    source: str
    row: DirectoryImport = field(init=False)
    counts: dict[str, TableCount] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    problem_count: int = 0
    damaged: set[str] = field(default_factory=set)
    news: list[Problem] = field(default_factory=list)
    started_at: datetime = field(init=False)
    rows: int = 0

    def __post_init__(self) -> None:
        self.started_at = _moment_after_the_last(self.source)
        self.row = DirectoryImport(
            id=uuid.uuid4(),
            source=self.source,
            package=self.package.name,
            format=self.format.name,
            started_at=self.started_at,
        )
        session.add(self.row)

    def store(self, batch: Sequence[Record | Problem]) -> None:
        """Write what is new or changed, mark what is listed, and report the rest."""
        by_table: dict[str, list[Record]] = {table.name: [] for table in TABLES}
        for item in batch:
            if isinstance(item, Problem):
                self._report(item)
            else:
                by_table[item.table].append(item)
        # What else a refused row gave rise to goes with it, without a word.
        refused = {(p.file, p.line) for p in batch if isinstance(p, Problem) and not p.kept}
        for table, records in by_table.items():
            wanted = [record for record in records if (record.file, record.line) not in refused]
            for problem in self._store(Base.metadata.tables[table], wanted) if wanted else ():
                self._report(problem)
                refused.add((problem.file, problem.line))
        self.rows += len({(item.file, item.line) for item in batch})
        self._save()

    def withdraw(self) -> None:
        """Mark what this source no longer lists.

        Only in tables whose files were read in full and not empty: half a file is no statement about the other half.
        """
        for name in self.format.covers(self.package, self.damaged):
            if not self._listed(name):
                continue
            table = Base.metadata.tables[name]
            gone = session.scalars(
                update(table)
                .where(
                    table.c.source == self.source,
                    table.c.withdrawn_at.is_(None),
                    table.c.last_seen_in_import_at < self.started_at,
                )
                .values(withdrawn_at=clock.now())
                .returning(table.c.id)
            ).all()
            self._count(name).withdrawn = len(gone)
            _mark_stale(name, gone)
        self._save()

    def finish(self) -> ImportReport:
        self.row.ended_at = clock.now()
        self._save()
        return ImportReport(
            id=self.row.id,
            source=self.source,
            package=self.package.name,
            format=self.format.name,
            started_at=self.started_at,
            ended_at=self.row.ended_at,
            tables=self.counts,
            problem_count=self.problem_count,
            problems=tuple(self.problems),
        )

    def progress(self) -> Progress:
        news, self.news = tuple(self.news), []
        return Progress(self.package.reading, self.package.bytes_read, self.package.csv_bytes, self.rows, news)

    def _report(self, problem: Problem) -> None:
        self.problem_count += 1
        self.news.append(problem)
        if len(self.problems) < PROBLEMS_KEPT:
            self.problems.append(problem)
        if problem.of:
            self._mark_listed(*problem.of)
        elif not problem.kept and problem.field is None:
            self.damaged.add(problem.file)

    def _mark_listed(self, name: str, upstream: str) -> None:
        """A row we refuse now may have been good last time: it is still listed, so it stays as it was."""
        table = Base.metadata.tables[name]
        session.execute(
            update(table)
            .where(table.c.id == identity(self.source, name, upstream), table.c.source == self.source)
            .values(last_seen_in_import_at=self.started_at)
        )

    def _store(self, table: Table, records: Sequence[Record]) -> list[Problem]:
        stored = _stored(table, [record.id for record in records])
        good, problems = self._admit(records, stored)
        fingerprints = {record.id: record.fingerprint() for record in good}
        count = self._count(table.name)
        same, changed, new = [], [], []
        for record in good:
            before = stored.get(record.id)
            if before is None:
                new.append(record)
            elif before.fingerprint == fingerprints[record.id] and not before.withdrawn:
                same.append(record.id)
            else:
                changed.append(record)
        _mark_stale(table.name, [record.id for record in changed])
        written, failed = self._write(table, [*new, *changed], fingerprints)
        _mark_stale(table.name, list(written))
        if same:
            session.execute(
                update(table).where(_among(table.c.id, same)).values(last_seen_in_import_at=self.started_at)
            )
        count.unchanged += len(same)
        count.new += sum(record.id in written for record in new)
        count.changed += sum(record.id in written for record in changed)
        return problems + failed

    def _admit(self, records: Sequence[Record], stored: dict[uuid.UUID, _Stored]) -> tuple[list[Record], list[Problem]]:
        """The records that may go in, each once and with its references in order, and why the others may not."""
        present = self._present(records)
        good: dict[uuid.UUID, Record] = {}
        problems: list[Problem] = []
        for record in records:
            before = stored.get(record.id)
            missing = [name for name, link in record.references.items() if link.id not in present[link.table]]
            vital = next((name for name in missing if record.references[name].vital), None)
            if record.id in good or (before and before.seen_at == self.started_at):
                problems.append(_refusal(record, "id", f"“{record.source_id}” is there twice; the first one counts"))
            elif before and before.source != self.source:
                problems.append(_refusal(record, "id", f"“{record.source_id}” belongs to the source “{before.source}”"))
            elif vital:
                problems.append(_refusal(record, vital, _missing(record.references[vital]), still_listed=True))
            else:
                for name in missing:
                    record.values[name] = None
                    self._report(Problem(record.file, record.line, name, _missing(record.references[name]), kept=True))
                good[record.id] = record
        return list(good.values()), problems

    def _present(self, records: Sequence[Record]) -> dict[str, set[uuid.UUID]]:
        """Of the rows these records refer to, those that are there and that the package still lists."""
        wanted: dict[str, set[uuid.UUID]] = {}
        for record in records:
            for link in record.references.values():
                wanted.setdefault(link.table, set()).add(link.id)
        present = {}
        for name, ids in wanted.items():
            table = Base.metadata.tables[name]
            query = select(table.c.id).where(_among(table.c.id, ids))
            if self._listed(name):
                query = query.where(table.c.last_seen_in_import_at == self.started_at)
            present[name] = set(session.scalars(query))
        return present

    def _write(
        self, table: Table, records: Sequence[Record], fingerprints: dict[uuid.UUID, str]
    ) -> tuple[set[uuid.UUID], list[Problem]]:
        """Upsert; when the database refuses one row in spite of all checks, the others still go in."""
        rows = {
            record.id: {
                **record.values,
                "id": record.id,
                "source": self.source,
                "source_id": record.source_id,
                "fingerprint": fingerprints[record.id],
                "last_seen_in_import_at": self.started_at,
                "withdrawn_at": None,
            }
            for record in records
        }
        if not rows or _upsert(table, list(rows.values())):
            return set(rows), []
        refused = [record for record in records if not _upsert(table, [rows[record.id]])]
        problems = [_refusal(record, None, "was refused by the database", still_listed=True) for record in refused]
        return set(rows) - {record.id for record in refused}, problems

    def _listed(self, table: str) -> int:
        """How many rows of a table the package has listed so far."""
        return self.counts[table].listed if table in self.counts else 0

    def _count(self, table: str) -> TableCount:
        return self.counts.setdefault(table, TableCount())

    def _save(self) -> None:
        """Keep counts and problems where an administrator can see them while the import runs."""
        self.row.counts = {name: asdict(count) for name, count in self.counts.items()}
        self.row.problem_count = self.problem_count
        if len(self.row.problems or ()) != len(self.problems):
            self.row.problems = [
                {"file": p.file, "line": p.line, "field": p.field, "reason": p.reason, "kept": p.kept}
                for p in self.problems
            ]


def _moment_after_the_last(source: str) -> datetime:
    """Now; but later than every import of this source before, even where the clock stands still or was set back.

    The moment is what a row is marked with to say that this import has seen it.
    """
    before = session.scalar(select(func.max(DirectoryImport.started_at)).where(DirectoryImport.source == source))
    return max(clock.now(), before + timedelta(microseconds=1)) if before else clock.now()


_IdColumn = ColumnElement[Any] | InstrumentedAttribute[Any]


def _refusal(record: Record, column: str | None, reason: str, *, still_listed: bool = False) -> Problem:
    of = (record.table, record.source_id) if still_listed else None
    return Problem(record.file, record.line, column, reason, kept=False, of=of)


def _missing(link: Reference) -> str:
    return f"there is no {link.table.replace('_', ' ')} “{link.upstream}”"


def _among(column: _IdColumn, ids: Iterable[uuid.UUID]) -> ColumnElement[bool]:
    """`IN`, with one parameter however many ids."""
    return column == any_(sql_cast(list(ids), ARRAY(Uuid)))


def _stored(table: Table, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, _Stored]:
    columns = table.c
    rows = session.execute(
        select(
            columns.id,
            columns.source,
            columns.fingerprint,
            columns.last_seen_in_import_at,
            columns.withdrawn_at.is_not(None),
        ).where(_among(columns.id, ids))
    )
    return {row[0]: _Stored(*row[1:]) for row in rows}


def _upsert(table: Table, rows: list[dict[str, Any]]) -> bool:
    """Insert or overwrite rows; False, and nothing is written, when the database refuses one of them."""
    statement = insert(table)
    written = {name: statement.excluded[name] for name in rows[0] if name != "id"}
    try:
        with session.begin_nested():
            session.execute(statement.on_conflict_do_update(index_elements=[table.c.id], set_=written), rows)
    except (DataError, IntegrityError):
        return False
    return True


def _mark_stale(table: str, ids: Sequence[uuid.UUID]) -> None:
    """Note the services of which these rows of `table` say something that matching or their needs depend on."""
    for services in _services_of(table, ids) if ids else ():
        session.execute(insert(StaleService).from_select(["service_id"], services).on_conflict_do_nothing())


def _services_of(table: str, ids: Sequence[uuid.UUID]) -> Iterator[Select[Any]]:
    """Selections that together find those services; none for a table that nothing depends on."""
    at = ServiceAtLocation
    rows = Base.metadata.tables[table]
    these = _among(rows.c.id, ids)
    if table == "service":
        yield select(rows.c.id).where(these)
    elif table in {"service_at_location", "service_capacity"}:
        yield select(rows.c.service_id).where(these)
    elif table == "organization":
        yield select(Service.id).where(_among(Service.organization_id, ids))
    elif table == "location":
        yield select(at.service_id).join(rows, rows.c.id == at.location_id).where(these)
    elif table in {"address", "language", "schedule", "service_area"}:
        yield from (_services_by(link, rows).where(these) for link in _OWNERS if link in rows.c)
    elif table == "attribute":
        yield select(Service.id).join(rows, rows.c.link_id == Service.id).where(these)
        yield select(at.service_id).join(rows, rows.c.link_id == at.id).where(these)
        yield select(at.service_id).join(rows, rows.c.link_id == at.location_id).where(these)
    elif table == "taxonomy_term":
        yield _services_under(ids)


_OWNERS = ("service_id", "service_at_location_id", "location_id", "phone_id")


def _services_by(link: str, rows: Table) -> Select[Any]:
    """The services to which a row belongs by one of its possible owners."""
    at = ServiceAtLocation
    if link == "service_id":
        return select(rows.c.service_id).where(rows.c.service_id.is_not(None))
    if link == "phone_id":
        return select(Phone.service_id).join(rows, rows.c.phone_id == Phone.id).where(Phone.service_id.is_not(None))
    owner = at.id if link == "service_at_location_id" else at.location_id
    return select(at.service_id).join(rows, rows.c[link] == owner)


def _services_under(term_ids: Sequence[uuid.UUID]) -> Select[Any]:
    """The services that carry one of these terms or a term below one."""
    below = select(TaxonomyTerm.id).where(_among(TaxonomyTerm.id, term_ids)).cte("below", recursive=True)
    below = below.union(select(TaxonomyTerm.id).where(TaxonomyTerm.parent_id == below.c.id))
    return (
        select(Service.id)
        .join(Attribute, Attribute.link_id == Service.id)
        .join(below, below.c.id == Attribute.taxonomy_term_id)
    )


class Terms:
    """Taxonomy terms with the names above them, read from the database once each."""

    def __init__(self) -> None:
        self._rows: dict[uuid.UUID, tuple[str | None, str, uuid.UUID | None]] = {}

    def load(self, ids: set[uuid.UUID]) -> None:
        """Make sure that these terms and everything above them are known."""
        while wanted := ids - self._rows.keys():
            columns = (TaxonomyTerm.id, TaxonomyTerm.code, TaxonomyTerm.name, TaxonomyTerm.parent_id)
            found = session.execute(select(*columns).where(_among(TaxonomyTerm.id, wanted))).all()
            self._rows.update({row.id: (row.code, row.name, row.parent_id) for row in found})
            ids = {row.parent_id for row in found if row.parent_id}

    def term(self, id_: uuid.UUID) -> Term:
        code, name, parent = self._rows[id_]
        parents: list[str] = []
        passed = {id_}
        while parent in self._rows and parent not in passed:  # a package may say that two terms are above each other
            passed.add(parent)
            _code, parent_name, parent = self._rows[parent]
            parents.append(parent_name)
        return Term(code or "", name, tuple(parents))


def _work_out_needs(service_ids: Sequence[uuid.UUID], terms: Terms) -> None:
    said = session.execute(
        select(Attribute.link_id, Attribute.taxonomy_term_id).where(
            _among(Attribute.link_id, service_ids),
            Attribute.link_entity == Service.__tablename__,
            Attribute.taxonomy_term_id.is_not(None),
            Attribute.withdrawn_at.is_(None),
        )
    ).all()
    terms.load({row.taxonomy_term_id for row in said})
    of: dict[uuid.UUID, list[Term]] = {}
    for row in said:
        of.setdefault(row.link_id, []).append(terms.term(row.taxonomy_term_id))
    wanted = {(service, need) for service, listed in of.items() for need in needs_for_terms(listed)}
    rows = session.execute(
        select(ServiceNeed.service_id, ServiceNeed.need).where(_among(ServiceNeed.service_id, service_ids))
    )
    present = {(row.service_id, row.need) for row in rows}
    if gone := present - wanted:
        session.execute(delete(ServiceNeed).where(tuple_(ServiceNeed.service_id, ServiceNeed.need).in_(gone)))
    if new := wanted - present:
        rows_ = [{"service_id": service, "need": need} for service, need in new]
        session.execute(insert(ServiceNeed).on_conflict_do_nothing(), rows_)


def _take_over_counts(service_ids: Sequence[uuid.UUID]) -> None:
    """Where the source counts free units, say so of the service, unless something newer is known."""
    rows = session.execute(
        select(
            ServiceCapacity.service_id,
            ServiceCapacity.source,
            ServiceCapacity.available,
            ServiceCapacity.description,
            ServiceCapacity.updated,
        )
        .where(_among(ServiceCapacity.service_id, service_ids), ServiceCapacity.withdrawn_at.is_(None))
        .order_by(ServiceCapacity.service_id)
    )
    for service_id, group in groupby(rows, key=lambda row: row.service_id):
        of_service = list(group)
        counts = [capacity.Count(row.available, row.description, row.updated) for row in of_service]
        latest = max(count.updated for count in counts)
        session.execute(
            update(Service)
            .where(Service.id == service_id, or_(Service.capacity_at.is_(None), Service.capacity_at < latest))
            .values(
                capacity_status=capacity.status_of(counts),
                capacity_until=None,
                capacity_source=of_service[0].source,
                capacity_at=latest,
            )
        )
