"""What keeps the directory true: agencies correct their services and say what holds, and what is listed twice is one.

What an agency has corrected stays until somebody decides otherwise: the database itself keeps it against imports, and
notes beside it when the source says something new (see the migration of `local_edit`). Every change is signed, so the
history of the directory names who made it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from itertools import combinations, islice
from typing import Any

from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import ARRAY, Uuid, and_, any_, cast, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from app import clock
from app.config import settings
from app.db import changed, session
from app.directory import duplicates
from app.directory.codes import Frequency, LocationType, ServiceStatus
from app.directory.duplicates import LIKELY, Candidate
from app.directory.models import (
    LOCAL,
    Address,
    ListingQuestion,
    LocalEdit,
    Location,
    Merge,
    Organization,
    Phone,
    PlacedLocation,
    PossibleDuplicate,
    RequiredDocument,
    Schedule,
    Service,
    ServiceAtLocation,
)
from app.directory.operations import sign_changes
from app.errors import DomainError, NotFound
from app.events import ServicesChanged, publish
from app.geography import operations as geography
from app.geography import zips
from app.geography.places import Precision
from app.i18n import gettext as _

FIELDS = (
    "description",
    "eligibility_description",
    "application_process",
    "fees_description",
    "wait_time",
    "email",
    "url",
)
"""What an agency may say anew of its service, each a column."""

STALE_AFTER = timedelta(days=90)
ASKED_AGAIN_AFTER = timedelta(days=30)
LINK_HOLDS = timedelta(days=60)
LARGEST_BLOCK = 20
"""Services that share a number or an address; where more do, it is a switchboard or a tower, and says nothing."""
PAIRS_AT_ONCE = 500
SERVICES_ASKED_ABOUT = 60
"""On one page for one agency."""


# Corrections


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
    """By the names in `FIELDS`."""
    phones: Sequence[Number] | None = None
    documents: Sequence[str] | None = None
    hours: Sequence[Hours] | None = None


def service_of(service_id: uuid.UUID, organization_id: uuid.UUID | None) -> Service:
    """A listed service of this agency; of any, when None.

    :raises NotFound: it is not theirs, or not listed.
    """
    query = select(Service).where(Service.id == service_id, Service.withdrawn_at.is_(None))
    if organization_id:
        query = query.where(Service.organization_id == organization_id)
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
        before = getattr(service, field) or ""
        if value != before:
            _remember(service, field, value, before, by)
            setattr(service, field, value or None)
    if correction.phones is not None:
        numbers = (Phone(service_id=service.id, number=one.words, e164=one.e164) for one in correction.phones)
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
    confirm([service.id], by=by)


def confirm(service_ids: Sequence[uuid.UUID], *, by: str) -> None:
    """Somebody has looked today, and all of it is true."""
    sign_changes(by)
    session.flush()  # corrections first: the database keeps them only once it knows of them
    session.execute(
        update(Service)
        .where(_among(Service.id, service_ids))
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
        setattr(service, field, offered or None)
    else:
        kind = next(kind for kind in (Phone, RequiredDocument, Schedule) if kind.__tablename__ == field)
        _withdraw(kind, service, kind.source == LOCAL)
        theirs = and_(_belongs(kind, service), kind.source != LOCAL)
        last_seen = select(func.max(kind.last_seen_in_import_at)).where(theirs).scalar_subquery()
        session.execute(update(kind).where(theirs, kind.last_seen_in_import_at == last_seen).values(withdrawn_at=None))
    session.flush()
    publish(ServicesChanged((service.id,)))


_Kind = type[Phone] | type[RequiredDocument] | type[Schedule]


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


def _replace(service: Service, kind: _Kind, rows: Iterable[Phone | RequiredDocument | Schedule], by: str) -> None:
    _remember(service, kind.__tablename__, None, None, by)
    _withdraw(kind, service, kind.withdrawn_at.is_(None))
    session.add_all(rows)


def _withdraw(kind: _Kind, service: Service, which: Any) -> None:  # noqa: ANN401  a condition
    session.execute(
        update(kind)
        .where(_belongs(kind, service), kind.withdrawn_at.is_(None), which)
        .values(withdrawn_at=clock.now())
        .execution_options(synchronize_session=False)
    )


def _belongs(kind: _Kind, service: Service) -> Any:  # noqa: ANN401  a condition
    of_service = kind.service_id == service.id
    if kind is RequiredDocument:
        return of_service
    places = select(ServiceAtLocation.id).where(ServiceAtLocation.service_id == service.id)
    return or_(of_service, kind.service_at_location_id.in_(places))  # type: ignore[union-attr]


def _among(column: Any, ids: Sequence[uuid.UUID]) -> Any:  # noqa: ANN401  a column in, a condition out
    return column == any_(cast(list(ids), ARRAY(Uuid)))


# Places


def unplaced(limit: int) -> Sequence[uuid.UUID]:
    """Locations with an address and without coordinates that an outside geocoder may be asked about.

    Never a confidential one, and none that it was asked about within the last month.
    """
    asked = select(PlacedLocation.location_id).where(
        PlacedLocation.location_id == Location.id, PlacedLocation.asked_at > clock.now() - ASKED_AGAIN_AFTER
    )
    addressed = select(Address.id).where(
        Address.location_id == Location.id, Address.address_1.is_not(None), Address.withdrawn_at.is_(None)
    )
    return session.scalars(
        select(Location.id)
        .where(
            Location.latitude.is_(None),
            Location.confidential.is_(False),
            Location.location_type == LocationType.PHYSICAL,
            Location.withdrawn_at.is_(None),
            addressed.exists(),
            ~asked.exists(),
        )
        .order_by(Location.id)
        .limit(limit)
    ).all()


def place_location(location_id: uuid.UUID) -> bool:
    """Ask the geocoder for agencies where a location is, and write it down when it knows the street at least.

    What it knows no better than the ZIP code is left open: matching and searching place it by that ZIP code anyway.
    """
    location = session.get_one(Location, location_id)
    address = session.scalars(
        select(Address)
        .where(Address.location_id == location_id, Address.address_1.is_not(None), Address.withdrawn_at.is_(None))
        .order_by(Address.address_type != LocationType.PHYSICAL, Address.id)
        .limit(1)
    ).first()
    asked = insert(PlacedLocation).values(location_id=location_id, asked_at=clock.now())
    session.execute(asked.on_conflict_do_update(index_elements=["location_id"], set_={"asked_at": clock.now()}))
    if address is None or location.confidential:
        return False
    five = zips.five_digits(address.postal_code or "") or ""
    place = geography.geocode(
        address.address_1 or "",
        address.city or "",
        address.state_province or "",
        five if zips.find(five) else "",
        whose=geography.Whose.AGENCY,
    )
    if place is None or place.precision not in {Precision.ROOFTOP, Precision.STREET}:
        return False
    sign_changes("geocoder")
    location.latitude, location.longitude = place.latitude, place.longitude
    session.flush()
    services = session.scalars(
        select(ServiceAtLocation.service_id).where(ServiceAtLocation.location_id == location_id)
    ).all()
    publish(ServicesChanged(tuple(services)))
    return True


# Listed twice


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
    listed = select(Service.id).where(Service.withdrawn_at.is_(None), Service.status == ServiceStatus.ACTIVE).subquery()
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
        .where(_among(Service.id, ids), Service.withdrawn_at.is_(None))
    ).all()
    phones: dict[uuid.UUID, set[str]] = {}
    for row in session.execute(
        select(Phone.service_id, Phone.e164).where(
            _among(Phone.service_id, ids), Phone.e164.is_not(None), Phone.withdrawn_at.is_(None)
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
        .where(_among(ServiceAtLocation.service_id, service_ids), ServiceAtLocation.withdrawn_at.is_(None))
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
        select(Phone).where(_among(Phone.service_id, ids), Phone.withdrawn_at.is_(None)).order_by(Phone.number)
    ):
        if phone.service_id:
            phones.setdefault(phone.service_id, []).append(phone.number)
    rows = session.execute(
        select(Service.id, Service.name, Service.source, Organization.name.label("organization"))
        .join(Organization, Organization.id == Service.organization_id)
        .where(_among(Service.id, ids))
    )
    return {
        row.id: Side(
            row.id, row.name, row.organization, row.source, tuple(places.get(row.id, ())), tuple(phones.get(row.id, ()))
        )
        for row in rows
    }


def merge(kept_id: uuid.UUID, gone_id: uuid.UUID, *, by: str) -> Merge:
    """Two services are one: `gone_id` is not listed any more, also when an import brings it again.

    Its rows stay as they are, and so do referrals to it; `undo_merge` lists it again.

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
    row = Merge(id=uuid.uuid4(), kept_id=kept_id, gone_id=gone_id, by=by, at=clock.now())
    session.add(row)
    sign_changes(by, "merge")
    session.execute(update(Service).where(Service.id == gone_id).values(withdrawn_at=clock.now()))
    _settle(kept_id, gone_id, settled=True)
    publish(ServicesChanged((kept_id, gone_id)))
    return row


def undo_merge(merge_id: uuid.UUID, *, by: str) -> None:
    """The two are two again, and may be decided about anew.

    :raises NotFound: there is no such merge, or it has been undone.
    """
    row = session.get(Merge, merge_id)
    undone = update(Merge).where(Merge.id == merge_id, Merge.undone_at.is_(None))
    if row is None or not changed(undone.values(undone_at=clock.now(), undone_by=by)):
        raise NotFound(_("There is nothing to undo here."))
    sign_changes(by, "undo merge")
    session.execute(update(Service).where(Service.id == row.gone_id).values(withdrawn_at=None))
    _settle(row.kept_id, row.gone_id, settled=False)
    publish(ServicesChanged((row.kept_id, row.gone_id)))


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


# What still holds


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """An agency with services that nobody has confirmed for long."""

    id: uuid.UUID
    name: str
    email: str | None
    services: int
    asked: bool


def unconfirmed(limit: int, offset: int = 0) -> list[Unconfirmed]:
    """Agencies with services last verified more than 90 days ago, or never, by name."""
    day = clock.now().date() - STALE_AFTER
    stale = _stale(day)
    asked = (
        select(ListingQuestion.id)
        .where(
            ListingQuestion.organization_id == Organization.id,
            ListingQuestion.answered_at.is_(None),
            ListingQuestion.asked_at > clock.now() - LINK_HOLDS,
        )
        .exists()
    )
    count = select(func.count(Service.id)).where(stale, Service.organization_id == Organization.id).scalar_subquery()
    rows = session.execute(
        select(Organization.id, Organization.name, Organization.email, count.label("services"), asked.label("asked"))
        .where(
            Organization.withdrawn_at.is_(None),
            select(Service.id).where(stale, Service.organization_id == Organization.id).exists(),
        )
        .order_by(Organization.name, Organization.id)
        .limit(limit)
        .offset(offset)
    )
    return [Unconfirmed(row.id, row.name, row.email, row.services, row.asked) for row in rows]


def _stale(before: date) -> Any:  # noqa: ANN401  a condition
    verified = func.greatest(Service.last_verified_on, Service.assured_date)
    return and_(
        Service.status == ServiceStatus.ACTIVE,
        Service.withdrawn_at.is_(None),
        or_(verified.is_(None), verified < before),
    )


def ask_agency(organization_id: uuid.UUID, *, by: str) -> ListingQuestion:
    """Begin to ask an agency about its services; while a link of it holds, that one is asked again.

    :raises NotFound: there is no such agency.
    """
    organization = session.scalar(
        select(Organization)
        .where(Organization.id == organization_id, Organization.withdrawn_at.is_(None))
        .with_for_update()
    )
    if organization is None:
        raise NotFound(_("There is no such organization."))
    question = session.scalar(
        select(ListingQuestion)
        .where(
            ListingQuestion.organization_id == organization_id,
            ListingQuestion.answered_at.is_(None),
            ListingQuestion.asked_at > clock.now() - LINK_HOLDS / 2,
        )
        .order_by(ListingQuestion.asked_at.desc())
        .limit(1)
    )
    if question is None:
        question = ListingQuestion(id=uuid.uuid4(), organization_id=organization_id, asked_by=by, asked_at=clock.now())
        session.add(question)
    return question


def a_question(question_id: uuid.UUID) -> tuple[ListingQuestion, Organization]:
    """:raises NotFound: there is no such question."""
    question = session.get(ListingQuestion, question_id)
    if question is None:
        raise NotFound(_("There is nothing with this id. Please check it."))
    return question, session.get_one(Organization, question.organization_id)


def token_of(question: ListingQuestion) -> str:
    """What stands in the link: it names the question, and nobody else can make one."""
    return _signer().dumps(question.id.hex)


def question_of(token: str) -> tuple[ListingQuestion, Organization]:
    """The question that a link is about.

    :raises NotFound: the link is not ours, or older than 60 days.
    """
    try:
        named = uuid.UUID(_signer().loads(token, max_age=int(LINK_HOLDS.total_seconds())))
    except (BadSignature, ValueError):
        raise NotFound(_("This link does not work any more. Please ask for a new one.")) from None
    return a_question(named)


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(settings().secret_key, salt="directory.listing-question")


def asked_about(organization_id: uuid.UUID) -> Sequence[Service]:
    """The listed services of an agency, those confirmed longest ago first."""
    verified = func.greatest(Service.last_verified_on, Service.assured_date)
    return session.scalars(
        select(Service)
        .where(
            Service.organization_id == organization_id,
            Service.status == ServiceStatus.ACTIVE,
            Service.withdrawn_at.is_(None),
        )
        .order_by(verified.asc().nulls_first(), Service.name, Service.id)
        .limit(SERVICES_ASKED_ABOUT)
    ).all()


def answer(question: ListingQuestion, answers: Mapping[uuid.UUID, str], note: str) -> None:
    """What the agency says: “correct” counts as confirmed today; the rest is for somebody to act on.

    :raises DomainError: it has been answered.
    """
    listed = {service.id for service in asked_about(question.organization_id)}
    said = {service_id: answer for service_id, answer in answers.items() if service_id in listed}
    needs_hands = bool(note.strip()) or any(answer != "correct" for answer in said.values())
    first = update(ListingQuestion).where(ListingQuestion.id == question.id, ListingQuestion.answered_at.is_(None))
    if not changed(
        first.values(
            answered_at=clock.now(),
            answers={str(service_id): answer for service_id, answer in said.items()},
            note=note.strip() or None,
            handled_at=None if needs_hands else clock.now(),
        )
    ):
        raise DomainError(_("This has been answered already. Thank you."))
    correct_ones = [service_id for service_id, answer in said.items() if answer == "correct"]
    if correct_ones:
        confirm(correct_ones, by=f"agency-link {question.id}")


@dataclass(frozen=True, slots=True)
class Answered:
    id: uuid.UUID
    organization: str
    note: str
    changed: tuple[tuple[uuid.UUID, str], ...]
    closed: tuple[tuple[uuid.UUID, str], ...]


def answers_to_handle(limit: int) -> list[Answered]:
    """What agencies answered and somebody here still has to act on, the oldest first."""
    rows = session.execute(
        select(ListingQuestion, Organization.name)
        .join(Organization, Organization.id == ListingQuestion.organization_id)
        .where(ListingQuestion.answered_at.is_not(None), ListingQuestion.handled_at.is_(None))
        .order_by(ListingQuestion.answered_at, ListingQuestion.id)
        .limit(limit)
    ).all()
    ids = [uuid.UUID(key) for question, _name in rows for key in question.answers]
    services = session.execute(select(Service.id, Service.name).where(_among(Service.id, ids)))
    names = {row.id: row.name for row in services}

    def those(question: ListingQuestion, answer: str) -> tuple[tuple[uuid.UUID, str], ...]:
        found = [uuid.UUID(key) for key, said in question.answers.items() if said == answer]
        return tuple((id_, names[id_]) for id_ in found if id_ in names)

    return [
        Answered(question.id, name, question.note or "", those(question, "changed"), those(question, "closed"))
        for question, name in rows
    ]


def finish(question: ListingQuestion) -> None:
    """Somebody has done what the answer asks for."""
    question.handled_at = question.handled_at or clock.now()


def close_service(service: Service, *, by: str) -> None:
    """The agency does not offer it any more. The source may still list it: then that is a conflict to look at."""
    sign_changes(by)
    if service.source != LOCAL:
        _remember(service, "status", ServiceStatus.INACTIVE.value, service.status.value, by)
    service.status = ServiceStatus.INACTIVE
    session.flush()
    publish(ServicesChanged((service.id,)))
