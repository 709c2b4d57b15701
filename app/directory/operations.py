"""What can be done to the directory: keep what is worked out from it true, and say whether a service has room.

Taking one in is `importing`.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Collection, Iterator, Sequence
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path, PurePath
from typing import IO, Any, cast

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    CursorResult,
    Select,
    Table,
    Text,
    Uuid,
    and_,
    delete,
    func,
    or_,
    select,
    true,
    tuple_,
    union,
    update,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import insert

from app import clock
from app.db import Base, among, changed, session
from app.directory import capacity, formats
from app.directory.codes import CapacityStatus
from app.directory.models import (
    Attribute,
    DirectoryImport,
    Phone,
    Schedule,
    Service,
    ServiceAtLocation,
    ServiceCapacity,
    ServiceNeed,
    StaleService,
    TaxonomyTerm,
)
from app.directory.packages import KINDS, PackageError, open_package
from app.directory.rows import normal_name
from app.errors import NotFound
from app.events import ServicesChanged, publish
from app.i18n import gettext as _
from app.needs.vocabulary import Term, needs_for_name, needs_for_terms

BATCH = 1000
"""Services in one announcement."""

MOST_REMEMBERED = 50_000
"""Sets of taxonomy terms of which it is remembered what needs they answer."""

UPLOADS_KEPT = 20
MAPPINGS = frozenset({".yaml", ".yml"})


def keep_upload(files: Sequence[tuple[str, IO[bytes]]], folder: Path) -> Path:
    """Store a package that was sent as one zip or as its tables, and say where it lies.

    Names from outside are not trusted with a path: of each only the last part counts, in letters that every disk takes.
    The packages before are kept as well, the last twenty, so that a report can be held against what it reports on.

    :raises PackageError: this is no package that we can read; nothing is kept.
    """
    kinds = {PurePath(name).suffix.lower() for name, _stream in files} - MAPPINGS
    if kinds != {".zip"} and not (kinds and kinds <= KINDS):
        raise PackageError(_("Choose one zip file, or all the CSV files of one directory."))
    if sum(PurePath(name).suffix.lower() == ".zip" for name, _stream in files) > 1:
        raise PackageError(_("Choose one zip file at a time."))
    if sum(PurePath(name).suffix.lower() in MAPPINGS for name, _stream in files) > 1:
        raise PackageError(_("Choose one mapping file at a time."))
    place = folder / f"{clock.now():%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:8]}"
    tables = place / "tables"
    tables.mkdir(parents=True)
    try:
        for name, stream in files:
            last = PurePath(name.replace("\\", "/"))
            folder_ = place if last.suffix.lower() in MAPPINGS else tables
            file = folder_ / f"{normal_name(last.stem) or 'table'}{last.suffix.lower()}"
            with file.open("xb") as kept:
                shutil.copyfileobj(stream, kept)
        package = next(tables.glob("*.zip")) if kinds == {".zip"} else tables
        formats.recognize(open_package(package), mapping_of(package))
    except FileExistsError as error:
        shutil.rmtree(place)
        raise PackageError(_("Two of the files have the same name.")) from error
    except PackageError:
        shutil.rmtree(place)
        raise
    for old in sorted(folder.iterdir())[:-UPLOADS_KEPT]:
        shutil.rmtree(old)
    return package


def mapping_of(package: Path) -> Path | None:
    """The mapping file that was uploaded together with a package."""
    place = package.parent if package.is_dir() else package.parent.parent
    return next((file for kind in sorted(MAPPINGS) for file in place.glob(f"*{kind}")), None)


def note_open_referrals(import_id: uuid.UUID, referrals: int) -> None:
    """Keep with an import how many referrals are open with services that it found withdrawn."""
    session.execute(update(DirectoryImport).where(DirectoryImport.id == import_id).values(open_referrals=referrals))


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


def turn_seasons(today: date) -> None:
    """Mark as stale the services whose usual hours begin or end around this day; `settle` does the rest.

    A listing knows the hours of the week in which it was made. It is made anew when something changes, and with a
    season nothing changes but the date.
    """
    first, last = today - timedelta(days=_NIGHTS_MADE_UP_FOR), today + timedelta(days=_WEEK)
    ends = (Schedule.valid_from, Schedule.valid_to, Schedule.dtstart, Schedule.until)
    every_year = (func.to_char(end, "MMDD") for end in (Schedule.valid_from, Schedule.valid_to))
    turning = (
        select(Schedule.service_id, Schedule.location_id, Schedule.service_at_location_id)
        .where(
            Schedule.withdrawn_at.is_(None),
            # A holiday is none of the usual hours.
            ~Schedule.closed,
            or_(Schedule.freq.is_not(None), Schedule.byday.is_not(None)),
            or_(
                and_(~Schedule.yearly, or_(*(end.between(first, last) for end in ends))),
                and_(Schedule.yearly, or_(*(_comes_round(end, f"{first:%m%d}", f"{last:%m%d}") for end in every_year))),
            ),
        )
        .cte("turning")
    )
    services = union(
        select(turning.c.service_id).where(turning.c.service_id.is_not(None)),
        *(
            select(ServiceAtLocation.service_id).join(turning, here == said_of)
            for here, said_of in (
                (ServiceAtLocation.id, turning.c.service_at_location_id),
                (ServiceAtLocation.location_id, turning.c.location_id),
            )
        ),
    )
    session.execute(insert(StaleService).from_select(["service_id"], services).on_conflict_do_nothing())


def _comes_round(day: ColumnElement[str], first: str, last: str) -> ColumnElement[bool]:
    """Whether a day of every year, such as “0229”, lies between two others, also when a new year begins meanwhile."""
    return day.between(first, last) if first <= last else or_(day >= first, day <= last)


_WEEK = 7
_NIGHTS_MADE_UP_FOR = 31
"""When no worker ran."""


def sign_changes(by: str, change: str | None = None) -> None:
    """Have the history name `by` for what this transaction changes from now on in the directory's rows.

    An import need not sign: a change that nobody signed is taken for one of the row's source.

    :param by: a role and an id, such as “staff 3f0c…”; never a name.
    :param change: what the changes are to be called, such as `merge`; by default what they are, such as `update`.
    """
    for name, value in (("loopline.changed_by", by), ("loopline.change", change or "")):
        session.execute(select(func.set_config(name, value, true())))  # until the transaction ends


def set_capacity(
    service_id: uuid.UUID, status: CapacityStatus, until: date | None, source: str, *, by: str | None = None
) -> None:
    """Write down whether a service takes people in, as `source` says now, up to and including `until`.

    :param by: whom the history names; `source` by default.
    :raises NotFound: there is no such service.
    """
    sign_changes(by or source)
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


def set_daily_limit(service_id: uuid.UUID, limit: int | None, *, by: str) -> bool:
    """Write down how many people a service takes in on one day; None is as many as come. False where it was so.

    :param by: whom the history names.
    """
    sign_changes(by)
    return changed(
        update(Service)
        .where(Service.id == service_id, Service.intake_daily_limit.is_distinct_from(limit))
        .values(intake_daily_limit=limit)
    )


def mark_stale(table: str, ids: Sequence[uuid.UUID]) -> None:
    """Note the services of which these rows of `table` say something that matching or their needs depend on."""
    for services in _services_of(table, ids) if ids else ():
        session.execute(insert(StaleService).from_select(["service_id"], services).on_conflict_do_nothing())


def _services_of(table: str, ids: Sequence[uuid.UUID]) -> Iterator[Select[Any]]:
    """Selections that together find those services; none for a table that nothing depends on."""
    at = ServiceAtLocation
    rows = Base.metadata.tables[table]
    these = among(rows.c.id, ids)
    if table == "service":
        yield select(rows.c.id).where(these)
    elif table in {"service_at_location", "service_capacity"}:
        yield select(rows.c.service_id).where(these)
    elif table == "organization":
        yield select(Service.id).where(among(Service.organization_id, ids))
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
    below = select(TaxonomyTerm.id).where(among(TaxonomyTerm.id, term_ids)).cte("below", recursive=True)
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
        self._needs: dict[frozenset[uuid.UUID], Collection[str]] = {}

    def load(self, ids: set[uuid.UUID]) -> None:
        """Make sure that these terms and everything above them are known."""
        while wanted := ids - self._rows.keys():
            columns = (TaxonomyTerm.id, TaxonomyTerm.code, TaxonomyTerm.name, TaxonomyTerm.parent_id)
            found = session.execute(select(*columns).where(among(TaxonomyTerm.id, wanted))).all()
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

    def tell_nothing(self, ids: Collection[uuid.UUID]) -> bool:
        """Whether these are codes alone, which belong to somebody and are never taken apart, or none at all."""
        return all(self._rows[id_][0] == self._rows[id_][1] for id_ in ids)

    def needs(self, ids: frozenset[uuid.UUID]) -> Collection[str]:
        """What a service answers that carries exactly these terms; many carry the same."""
        if ids not in self._needs:
            if len(self._needs) >= MOST_REMEMBERED:
                self._needs.clear()
            self._needs[ids] = frozenset(needs_for_terms([self.term(id_) for id_ in sorted(ids)]))
        return self._needs[ids]


def _work_out_needs(service_ids: Sequence[uuid.UUID], terms: Terms) -> None:
    said = session.execute(
        select(Attribute.link_id, Attribute.taxonomy_term_id).where(
            among(Attribute.link_id, service_ids),
            Attribute.link_entity == Service.__tablename__,
            Attribute.taxonomy_term_id.is_not(None),
            Attribute.withdrawn_at.is_(None),
        )
    ).all()
    terms.load({row.taxonomy_term_id for row in said})
    of: dict[uuid.UUID, set[uuid.UUID]] = {}
    for row in said:
        of.setdefault(row.link_id, set()).add(row.taxonomy_term_id)
    wanted = {(service, need) for service, listed in of.items() for need in terms.needs(frozenset(listed))}
    untold = [id_ for id_ in service_ids if terms.tell_nothing(of.get(id_, ()))]
    names = select(Service.id, Service.name).where(among(Service.id, untold))
    wanted |= {(id_, need) for id_, name in session.execute(names) for need in needs_for_name(name)}
    rows = session.execute(
        select(ServiceNeed.service_id, ServiceNeed.need).where(among(ServiceNeed.service_id, service_ids))
    )
    present = {(row.service_id, row.need) for row in rows}
    if gone := present - wanted:
        session.execute(delete(ServiceNeed).where(tuple_(ServiceNeed.service_id, ServiceNeed.need).in_(gone)))
    if new := wanted - present:
        services, needs = zip(*sorted(new), strict=True)
        columns = sql_cast(list(services), ARRAY(Uuid)), sql_cast(list(needs), ARRAY(Text))
        pairs = select(*map(func.unnest, columns))
        session.execute(insert(ServiceNeed).from_select(["service_id", "need"], pairs).on_conflict_do_nothing())


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
        .where(among(ServiceCapacity.service_id, service_ids), ServiceCapacity.withdrawn_at.is_(None))
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
