"""What is listed twice becomes one, and two again if that was wrong."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice
from typing import Any

from sqlalchemy import and_, func, select, update
from sqlalchemy.dialects.postgresql import insert

from app import clock
from app.db import among, changed, session
from app.directory import corrections, duplicates
from app.directory.duplicates import LIKELY, Candidate
from app.directory.models import (
    OFFERED,
    Address,
    Location,
    Merge,
    Organization,
    Phone,
    PossibleDuplicate,
    Service,
    ServiceAtLocation,
)
from app.directory.operations import sign_changes
from app.errors import DomainError, NotFound
from app.events import ServicesChanged, publish
from app.geography import zips
from app.i18n import gettext as _

LARGEST_BLOCK = 20
"""Services that share a number or an address; where more do, it is a switchboard or a tower, and says nothing."""
PAIRS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Side:
    """One of two services that look like one."""

    id: uuid.UUID
    name: str
    organization: str
    source: str
    places: tuple[str, ...]
    phones: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    one: Side
    other: Side
    score: float
    reasons: tuple[str, ...]


def find_duplicates() -> Iterator[int]:
    """Look through the whole directory for services that look like one, and note them for somebody to decide.

    Only those are compared that share a name in a ZIP code, a number or a street address. Yields how many pairs were
    noted, after each few hundred; the caller may commit there.
    """
    pairs = _pairs()
    while some := list(islice(pairs, PAIRS_AT_ONCE)):
        yield _note(sorted(set(some)))


def _pairs() -> Iterator[tuple[uuid.UUID, uuid.UUID]]:
    listed = select(Service.id).where(OFFERED).subquery()
    places = (
        select(
            ServiceAtLocation.service_id,
            func.lower(Address.address_1).label("line"),
            func.left(Address.postal_code, 5).label("zip"),
        )
        .join(listed, listed.c.id == ServiceAtLocation.service_id)
        .join(Address, Address.location_id == ServiceAtLocation.location_id)
        .where(ServiceAtLocation.withdrawn_at.is_(None), Address.withdrawn_at.is_(None))
        .subquery()
    )
    by_name = (
        select(places.c.service_id, func.concat(func.lower(Service.name), " ", places.c.zip).label("key"))
        .join(Service, Service.id == places.c.service_id)
        .where(places.c.zip.is_not(None))
    )
    by_address = select(places.c.service_id, func.concat(places.c.line, " ", places.c.zip).label("key")).where(
        places.c.line.is_not(None)
    )
    by_phone = (
        select(Phone.service_id, Phone.e164.label("key"))
        .join(listed, listed.c.id == Phone.service_id)
        .where(Phone.e164.is_not(None), Phone.withdrawn_at.is_(None))
    )
    for block in (by_name, by_address, by_phone):
        rows = block.subquery()
        ids = func.array_agg(rows.c.service_id.distinct()).label("ids")
        blocks = (
            select(ids).group_by(rows.c.key).having(func.count(rows.c.service_id.distinct()).between(2, LARGEST_BLOCK))
        )
        # The caller commits between two batches, which ends a cursor: what is kept of a block is its ids only.
        for found in session.scalars(blocks).all():
            yield from combinations(sorted(found), 2)


def _note(pairs: Sequence[tuple[uuid.UUID, uuid.UUID]]) -> int:
    candidates = _candidates({service_id for pair in pairs for service_id in pair})
    found = []
    for one, other in pairs:
        if one in candidates and other in candidates:
            like = duplicates.likeness(candidates[one], candidates[other])
            if like.score >= LIKELY:
                reasons = [reason.value for reason in like.reasons]
                found.append({"one_id": one, "other_id": other, "score": like.score, "reasons": reasons})
    if found:
        statement = insert(PossibleDuplicate)
        written = {name: statement.excluded[name] for name in ("score", "reasons")}
        session.execute(
            statement.on_conflict_do_update(index_elements=["one_id", "other_id"], set_=written),
            [{**row, "found_at": clock.now()} for row in found],
        )
    return len(found)


def _candidates(service_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Candidate]:
    ids = list(service_ids)
    names = session.execute(
        select(Service.id, Service.name, Organization.name.label("organization"))
        .join(Organization, Organization.id == Service.organization_id)
        .where(among(Service.id, ids), Service.withdrawn_at.is_(None))
    ).all()
    phones: dict[uuid.UUID, set[str]] = {}
    for row in session.execute(
        select(Phone.service_id, Phone.e164).where(
            among(Phone.service_id, ids), Phone.e164.is_not(None), Phone.withdrawn_at.is_(None)
        )
    ):
        phones.setdefault(row.service_id, set()).add(row.e164)
    addresses: dict[uuid.UUID, set[str]] = {}
    points: dict[uuid.UUID, set[tuple[float, float]]] = {}
    for row in _places(ids):
        if row.latitude is not None:
            points.setdefault(row.service_id, set()).add((row.latitude, row.longitude))
        key = duplicates.address_key(row.address_1 or "", zips.five_digits(row.postal_code or "") or "")
        if key:
            addresses.setdefault(row.service_id, set()).add(key)
    return {
        row.id: Candidate(
            row.name,
            row.organization,
            frozenset(phones.get(row.id, ())),
            frozenset(addresses.get(row.id, ())),
            tuple(sorted(points.get(row.id, ()))),
        )
        for row in names
    }


def _places(service_ids: Sequence[uuid.UUID]) -> Sequence[Any]:
    return session.execute(
        select(
            ServiceAtLocation.service_id,
            Location.confidential,
            Location.latitude,
            Location.longitude,
            Address.address_1,
            Address.city,
            Address.postal_code,
        )
        .join(Location, Location.id == ServiceAtLocation.location_id)
        .outerjoin(Address, and_(Address.location_id == Location.id, Address.withdrawn_at.is_(None)))
        .where(among(ServiceAtLocation.service_id, service_ids), ServiceAtLocation.withdrawn_at.is_(None))
        .order_by(ServiceAtLocation.service_id, Address.id)
    ).all()


def possible_duplicates(limit: int, offset: int = 0) -> list[Pair]:
    """Pairs that nobody has decided about, the likeliest first."""
    one, other = (select(Service.id, Service.withdrawn_at).subquery() for _side in range(2))
    rows = session.scalars(
        select(PossibleDuplicate)
        .join(one, one.c.id == PossibleDuplicate.one_id)
        .join(other, other.c.id == PossibleDuplicate.other_id)
        .where(PossibleDuplicate.settled_at.is_(None), one.c.withdrawn_at.is_(None), other.c.withdrawn_at.is_(None))
        .order_by(PossibleDuplicate.score.desc(), PossibleDuplicate.one_id, PossibleDuplicate.other_id)
        .limit(limit)
        .offset(offset)
    ).all()
    sides = _sides({service_id for row in rows for service_id in (row.one_id, row.other_id)})
    return [Pair(sides[row.one_id], sides[row.other_id], row.score, tuple(row.reasons)) for row in rows]


def _sides(service_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Side]:
    ids = list(service_ids)
    places: dict[uuid.UUID, dict[str, None]] = {}
    for row in _places(ids):
        # Whoever tidies up need not know where a shelter is.
        line = row.city if row.confidential else ", ".join(filter(None, (row.address_1, row.city, row.postal_code)))
        if line:
            places.setdefault(row.service_id, {}).setdefault(line)
    phones: dict[uuid.UUID, list[str]] = {}
    for phone in session.scalars(
        select(Phone).where(among(Phone.service_id, ids), Phone.withdrawn_at.is_(None)).order_by(Phone.number)
    ):
        if phone.service_id:
            phones.setdefault(phone.service_id, []).append(phone.number)
    rows = session.execute(
        select(Service.id, Service.name, Service.source, Organization.name.label("organization"))
        .join(Organization, Organization.id == Service.organization_id)
        .where(among(Service.id, ids))
    )
    return {
        row.id: Side(
            row.id, row.name, row.organization, row.source, tuple(places.get(row.id, ())), tuple(phones.get(row.id, ()))
        )
        for row in rows
    }


def merge(kept_id: uuid.UUID, gone_id: uuid.UUID, *, by: str) -> Merge:
    """Two services are one: `gone_id` is not listed any more, also when an import brings it again.

    Its rows stay as they are, and so do referrals to it; `undo_merge` lists it again. What `kept_id` says nothing of,
    as a phone number or opening hours, it takes from the other.

    :raises DomainError: one of them is not listed, or they are the same.
    """
    both = session.scalars(
        select(Service)
        .where(Service.id.in_([kept_id, gone_id]), Service.withdrawn_at.is_(None))
        .order_by(Service.id)
        .with_for_update()
    ).all()
    if len(both) != 2:  # noqa: PLR2004
        raise DomainError(_("One of these is no longer in the directory. Please look again."))
    kept, gone = both if both[0].id == kept_id else reversed(both)
    row = Merge(id=uuid.uuid4(), kept_id=kept_id, gone_id=gone_id, by=by, at=clock.now())
    session.add(row)
    sign_changes(by, "merge")
    row.taken = corrections.take_what_is_missing(kept, gone, by=by, mark=str(row.id))
    session.flush()
    session.execute(update(Service).where(Service.id == gone_id).values(withdrawn_at=clock.now()))
    _settle(kept_id, gone_id, settled=True)
    publish(ServicesChanged((kept_id, gone_id)))
    return row


def undo_merge(merge_id: uuid.UUID, *, by: str) -> None:
    """The two are two again, and may be decided about anew.

    :raises NotFound: there is no such merge, or it has been undone.
    :raises DomainError: what was kept has been merged into yet another, which took over what both say.
    """
    row = session.get(Merge, merge_id)
    if row and session.scalar(select(Merge.id).where(Merge.gone_id == row.kept_id, Merge.undone_at.is_(None))):
        raise DomainError(_("It was merged into another one later. Please undo that first."))
    undone = update(Merge).where(Merge.id == merge_id, Merge.undone_at.is_(None))
    if row is None or not changed(undone.values(undone_at=clock.now(), undone_by=by)):
        raise NotFound(_("There is nothing to undo here."))
    sign_changes(by, "undo merge")
    kept, gone = session.get_one(Service, row.kept_id), session.get_one(Service, row.gone_id)
    corrections.give_back(kept, gone, row.taken, mark=str(row.id))
    if _is_listed_there(gone):
        session.execute(update(Service).where(Service.id == row.gone_id).values(withdrawn_at=None))
    else:
        undo_for_want_of_the_kept([gone.id])
    _settle(row.kept_id, row.gone_id, settled=False)
    publish(ServicesChanged((row.kept_id, row.gone_id)))


def _is_listed_there(service: Service) -> bool:
    """Whether its source still listed it when it was last taken in."""
    last = session.scalar(select(func.max(Service.last_seen_in_import_at)).where(Service.source == service.source))
    return service.last_seen_in_import_at == last


def undo_for_want_of_the_kept(service_ids: Iterable[uuid.UUID]) -> None:
    """What is not listed any more stands for nothing: what was merged into it is listed again."""
    kept = select(Merge.id).where(among(Merge.kept_id, list(service_ids)), Merge.undone_at.is_(None))
    for merge_id in session.scalars(kept.order_by(Merge.at.desc(), Merge.id)).all():
        undo_merge(merge_id, by="import")
    sign_changes("")  # the rest of the import is its source's


def keep_apart(one_id: uuid.UUID, other_id: uuid.UUID) -> None:
    """They are two, however much alike; nobody is asked again."""
    _settle(one_id, other_id, settled=True)


def _settle(one_id: uuid.UUID, other_id: uuid.UUID, *, settled: bool) -> None:
    first, second = sorted((one_id, other_id))
    session.execute(
        update(PossibleDuplicate)
        .where(PossibleDuplicate.one_id == first, PossibleDuplicate.other_id == second)
        .values(settled_at=clock.now() if settled else None)
    )


@dataclass(frozen=True, slots=True)
class Merged:
    id: uuid.UUID
    kept: str
    gone: str
    organization: str
    by: str


def merges(limit: int) -> list[Merged]:
    """The latest that have not been undone, newest first."""
    rows = session.scalars(
        select(Merge).where(Merge.undone_at.is_(None)).order_by(Merge.at.desc(), Merge.id).limit(limit)
    ).all()
    sides = _sides({service_id for row in rows for service_id in (row.kept_id, row.gone_id)})
    return [
        Merged(row.id, sides[row.kept_id].name, sides[row.gone_id].name, sides[row.gone_id].organization, row.by)
        for row in rows
    ]
