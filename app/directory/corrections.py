"""What agencies say anew of their services, and what becomes of it when their directory is imported again.

What an agency has corrected stays until somebody decides otherwise: the database itself keeps it against imports, and
notes beside it when the source says something new (see the migration of `local_edit`). Every change is signed, so the
history of the directory names who made it.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from typing import cast

from sqlalchemy import ColumnElement, Float, Select, and_, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import InstrumentedAttribute

from app import clock
from app.db import among, session
from app.directory.codes import CapacityStatus, Frequency, ServiceStatus
from app.directory.languages import Spoken
from app.directory.models import (
    LOCAL,
    Imported,
    Language,
    LocalEdit,
    Phone,
    RequiredDocument,
    Schedule,
    Service,
    ServiceArea,
    ServiceAtLocation,
)
from app.directory.operations import sign_changes
from app.errors import NotFound
from app.events import ServicesChanged, publish
from app.geography.areas import Area
from app.i18n import gettext as _

FIELDS = (
    "description",
    "eligibility_description",
    "application_process",
    "fees_description",
    "wait_time",
    "email",
    "url",
    "minimum_age",
    "maximum_age",
)
"""What an agency may say anew of its service, each a column."""


@dataclass(frozen=True, slots=True)
class Number:
    words: str
    e164: str | None


@dataclass(frozen=True, slots=True)
class Hours:
    """Open on one day of the week, every week."""

    day: str
    """“MO” to “SU”."""
    opens_at: time
    closes_at: time


@dataclass(frozen=True)
class Correction:
    """What somebody says of a service; None leaves a list as it is."""

    fields: Mapping[str, str]
    """By the names in `FIELDS`; ages in whole years."""
    phones: Sequence[Number] | None = None
    documents: Sequence[str] | None = None
    hours: Sequence[Hours] | None = None
    languages: Sequence[Spoken] | None = None
    """The code is empty of one that nobody here knows."""
    areas: Mapping[str, Area] | None = None
    """What each was called. None at all: it does not matter where somebody lives."""


_Row = Phone | RequiredDocument | Schedule | Language | ServiceArea
_Kind = type[_Row]
_LISTS: tuple[_Kind, ...] = (Phone, RequiredDocument, Schedule, Language, ServiceArea)
"""Of which an agency says all anew or nothing."""


def service_of(service_id: uuid.UUID, organization_id: uuid.UUID | None, *, locked: bool = False) -> Service:
    """A listed service of this agency; of any, when None.

    :param locked: for whoever changes it, so that nobody else does meanwhile; an import locks a service first as well.
    :raises NotFound: it is not theirs, or not listed.
    """
    query = select(Service).where(Service.id == service_id, Service.withdrawn_at.is_(None))
    if organization_id:
        query = query.where(Service.organization_id == organization_id)
    if locked:
        query = query.with_for_update().execution_options(populate_existing=True)
    service = session.scalar(query)
    if service is None:
        raise NotFound(_("There is no such service."))
    return service


def correct(service: Service, correction: Correction, *, by: str) -> None:
    """Write down what an agency says of its service, and that it was looked at today.

    :param by: a role and an id.
    """
    sign_changes(by)
    for field, value in correction.fields.items():
        before = said(service, field)
        if value != before:
            _remember(service, field, value, before, by)
            _say(service, field, value)
    if correction.phones is not None:
        listed = _as_listed(service, Phone, "number")
        numbers = [
            row
            for one in correction.phones
            for row in listed.get(one.words, [])[:1] or [Phone(service_id=service.id, number=one.words, e164=one.e164)]
        ]
        _replace(service, Phone, numbers, by)
    if correction.documents is not None:
        named = (RequiredDocument(service_id=service.id, document=document) for document in correction.documents)
        _replace(service, RequiredDocument, named, by)
    if correction.hours is not None:
        weekly = (
            Schedule(
                service_id=service.id,
                freq=Frequency.WEEKLY,
                byday=hours.day,
                opens_at=hours.opens_at,
                closes_at=hours.closes_at,
            )
            for hours in correction.hours
        )
        _replace(service, Schedule, weekly, by)
    if correction.languages is not None:
        spoken = (Language(service_id=service.id, code=one.code or None, name=one.name) for one in correction.languages)
        _replace(service, Language, spoken, by)
    if correction.areas is not None:
        listed = _as_listed(service, ServiceArea, "name")
        served = [
            row
            for name, area in correction.areas.items()
            for row in listed.get(name)
            or [ServiceArea(service_id=service.id, name=name, postal_codes=sorted(area.postal_codes))]
        ]
        _replace(service, ServiceArea, served, by)
    confirm([service.id], by=by)


def said(service: Service, field: str) -> str:
    """One of `FIELDS` as people write it."""
    value = getattr(service, field)
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _say(service: Service, field: str, text: str) -> None:
    number = isinstance(Service.__table__.c[field].type, Float)
    setattr(service, field, float(text) if number and text else text or None)


def confirm(service_ids: Sequence[uuid.UUID], *, by: str) -> None:
    """Somebody has looked today, and all of it is true."""
    sign_changes(by)
    session.flush()  # corrections first: the database keeps them only once it knows of them
    session.execute(
        update(Service)
        .where(among(Service.id, service_ids))
        .values(last_verified_on=clock.now().date(), last_verified_by=by)
    )
    publish(ServicesChanged(tuple(service_ids)))


def conflicts_of(service_id: uuid.UUID) -> Sequence[LocalEdit]:
    """Where the source has said something new since the agency corrected it."""
    return session.scalars(
        select(LocalEdit)
        .where(LocalEdit.service_id == service_id, LocalEdit.offered.is_not(None))
        .order_by(LocalEdit.field)
    ).all()


def keep_ours(edit: LocalEdit) -> None:
    """The correction stands; the source is not heard again until it says yet something else."""
    edit.upstream, edit.offered = edit.offered, None


def take_theirs(edit: LocalEdit, service: Service, *, by: str) -> None:
    """What the source says holds from now on, and what it says next as well."""
    sign_changes(by)
    offered, field = edit.offered, edit.field
    session.delete(edit)
    session.flush()  # the database keeps a correction until it is gone
    if field == "status":
        service.status = ServiceStatus(offered or ServiceStatus.ACTIVE)
    elif field in FIELDS:
        _say(service, field, offered or "")
        _take_other_age(service, field)
    else:
        kind = next(kind for kind in _LISTS if kind.__tablename__ == field)
        _withdraw(kind, service, kind.source == LOCAL)
        theirs = and_(_belongs(kind, service), kind.source != LOCAL)
        last_seen = select(func.max(kind.last_seen_in_import_at)).where(theirs).scalar_subquery()
        session.execute(update(kind).where(theirs, kind.last_seen_in_import_at == last_seen).values(withdrawn_at=None))
    session.flush()
    publish(ServicesChanged((service.id,)))


_AGES = frozenset({"minimum_age", "maximum_age"})


def _take_other_age(service: Service, taken: str) -> None:
    """Where only one of two ages cannot be taken, both are: what the source says of both goes together."""
    youngest, oldest = service.minimum_age, service.maximum_age
    if youngest is None or oldest is None or youngest <= oldest:
        return
    with session.no_autoflush:  # the database takes no age above the other
        others = select(LocalEdit).where(LocalEdit.service_id == service.id, LocalEdit.field.in_(_AGES - {taken}))
        for edit in session.scalars(others).all():
            session.execute(delete(LocalEdit).where(LocalEdit.id == edit.id))
            _say(service, edit.field, edit.theirs)


def take_what_is_missing(kept: Service, gone: Service, *, by: str, mark: str) -> list[str]:
    """Have `kept` say what only `gone` says; fields as `LocalEdit` names them.

    Neither ages nor areas: who says nothing of them helps everybody. Nor what its agency has corrected to nothing.

    :param mark: what the copied rows are known by; see `give_back`.
    """
    taken = []
    decided = set(session.scalars(select(LocalEdit.field).where(LocalEdit.service_id == kept.id))) | _LIMITS
    for field in FIELDS:
        if field not in decided and not said(kept, field) and (value := said(gone, field)):
            _remember(kept, field, value, "", by)
            _say(kept, field, value)
            taken.append(field)
    for kind in _LISTS:
        if kind.__tablename__ in decided or _listed(kind, _said_of(kind, kept)):
            continue
        if rows := _listed(kind, _belongs(kind, gone)):
            _replace(kept, kind, (_copy(row, kept, mark) for row in rows), by)
            taken.append(kind.__tablename__)
    for told, columns in _ROOM.items():
        if getattr(kept, told) is None and getattr(gone, told) is not None:
            for column in columns:
                setattr(kept, column, getattr(gone, column))
            taken.append(told)
    return taken


def give_back(kept: Service, gone: Service, taken: Collection[str], *, mark: str) -> None:
    """Undo `take_what_is_missing`, as far as nobody has said anything else since."""
    edits = {edit.field: edit for edit in session.scalars(select(LocalEdit).where(LocalEdit.service_id == kept.id))}
    for told, columns in _ROOM.items():
        if told in taken and getattr(kept, told) == getattr(gone, told):
            for column in columns:
                setattr(kept, column, CapacityStatus.UNKNOWN if column == "capacity_status" else None)
    for field in taken:
        if field in _ROOM:
            continue
        kind = next((kind for kind in _LISTS if kind.__tablename__ == field), None)
        still = _listed(kind, kind.source_id == mark) if kind else said(kept, field) == said(gone, field)
        if not still:
            continue
        edit = edits.get(field)
        if edit is not None:
            session.delete(edit)
            session.flush()  # the database keeps a correction until it is gone
        if kind:
            _withdraw(kind, kept, kind.source_id == mark)
        else:
            _say(kept, field, edit.theirs if edit else "")
    session.flush()


_ROOM: Mapping[str, tuple[str, ...]] = {
    "capacity_at": ("capacity_status", "capacity_until", "capacity_source", "capacity_at"),
    "intake_daily_limit": ("intake_daily_limit",),
}
"""What is said of room, by the column that tells whether anything is."""

_LIMITS = _AGES | {ServiceArea.__tablename__}


def _listed(kind: _Kind, which: ColumnElement[bool]) -> Sequence[_Row]:
    listed = session.scalars(select(kind).where(which, kind.withdrawn_at.is_(None)).order_by(kind.id))
    return cast("Sequence[_Row]", listed.all())


def _as_listed(service: Service, kind: _Kind, called: str) -> dict[str, list[_Row]]:
    """Copies of what is listed now by what it is called: of a phone its extension stays, of an area its outline."""
    found: dict[str, list[_Row]] = {}
    for row in _listed(kind, _said_of(kind, service)):
        found.setdefault(getattr(row, called), []).append(_copy(row, service))
    return found


def _copy(row: _Row, service: Service, mark: str | None = None) -> _Row:
    """What a row says, said of this service as a whole; nothing of where it came from."""
    says = (column.key for column in row.__table__.c if column.key not in _ORIGIN and not column.foreign_keys)
    return type(row)(service_id=service.id, source_id=mark, **{name: getattr(row, name) for name in says})


_ORIGIN = frozenset(Imported.__annotations__)


def _remember(service: Service, field: str, value: str | None, before: str | None, by: str) -> None:
    """Before the row changes, so that the database lets the change through and keeps it."""
    if service.source == LOCAL:
        return  # no source will ever say otherwise
    statement = insert(LocalEdit).values(
        id=uuid.uuid4(), service_id=service.id, field=field, value=value, upstream=before, by=by, at=clock.now()
    )
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["service_id", "field"], set_={"value": value, "by": by, "at": clock.now()}
        )
    )


def _replace(service: Service, kind: _Kind, rows: Iterable[_Row], by: str) -> None:
    _remember(service, kind.__tablename__, None, None, by)
    _withdraw(kind, service, kind.withdrawn_at.is_(None))
    ordered = list(rows)
    for row, id_ in zip(ordered, sorted(uuid.uuid4() for _row in ordered), strict=True):
        row.id = id_  # in the order in which they are read
        session.add(row)


def _withdraw(kind: _Kind, service: Service, which: ColumnElement[bool]) -> None:
    session.execute(
        update(kind)
        .where(_belongs(kind, service), kind.withdrawn_at.is_(None), which)
        .values(withdrawn_at=clock.now())
        .execution_options(synchronize_session=False)
    )


def _belongs(kind: _Kind, service: Service) -> ColumnElement[bool]:
    """What is said of the service, everywhere or at one of its locations."""
    of_service = kind.service_id == service.id
    if not issubclass(kind, Phone | Schedule | ServiceArea):
        return of_service
    return or_(of_service, kind.service_at_location_id.in_(_places(ServiceAtLocation.id, service)))


def _said_of(kind: _Kind, service: Service) -> ColumnElement[bool]:
    """That, and what is said of its locations, whoever is there."""
    if not issubclass(kind, Phone | Schedule | Language):
        return _belongs(kind, service)
    return or_(_belongs(kind, service), kind.location_id.in_(_places(ServiceAtLocation.location_id, service)))


def _places(column: InstrumentedAttribute[uuid.UUID], service: Service) -> Select[uuid.UUID]:
    return select(column).where(ServiceAtLocation.service_id == service.id, ServiceAtLocation.withdrawn_at.is_(None))


def close_service(service: Service, *, by: str) -> None:
    """The agency does not offer it any more. The source may still list it: then that is a conflict to look at."""
    sign_changes(by)
    if service.source != LOCAL:
        _remember(service, "status", ServiceStatus.INACTIVE.value, service.status.value, by)
    service.status = ServiceStatus.INACTIVE
    session.flush()
    publish(ServicesChanged((service.id,)))
