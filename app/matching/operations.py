"""Keeping what matching knows up to date: the listings, the agencies' records, and what a patient already had.

`refresh` is called by the reaction to `ServicesChanged`, so that a listing changes in the same transaction as the
directory it is made from.
"""

from __future__ import annotations

import hashlib
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, NamedTuple, cast

import psycopg
from sqlalchemy import (
    ColumnElement,
    Integer,
    Row,
    Select,
    Uuid,
    all_,
    and_,
    column,
    delete,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    union,
    update,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import ARRAY, REAL
from sqlalchemy.dialects.postgresql import insert as upsert

from app import clock
from app.db import among, session
from app.directory import entries
from app.directory.codes import CapacityStatus, LocationType, ServiceStatus
from app.directory.hours import Opening
from app.directory.models import (
    Address,
    AreaServed,
    Attribute,
    Language,
    Location,
    Organization,
    Phone,
    Schedule,
    Service,
    ServiceArea,
    ServiceAtLocation,
    ServiceNeed,
)
from app.directory.operations import Terms
from app.geography.areas import Area, geometry
from app.geography.distance import GRAIN_MILES
from app.geography.places import Place, Precision
from app.matching import audiences, hours, ranking, readings
from app.matching.models import AgencyRecord, Bearing, IntakeFull, Listing, ListingArea, ListingAreaKey, PastOffer
from app.matching.records import Record, Standings
from app.needs.vocabulary import Term

AT_ONCE = 1000
"""Services that are refreshed together: few round trips, and little memory however large the directory."""

NO_TIME_ZONE = "UTC"
"""Of a listing whose place is not known; its hours are then not known either."""

NEVER_ENDS = datetime(9999, 12, 31, tzinfo=UTC)
"""When a service has room again that is full until somebody says otherwise."""


def refresh(service_ids: Sequence[uuid.UUID]) -> int:
    """Make the listings of these services anew from the directory as it stands in this transaction.

    :returns: how many listings they have now.
    """
    standings = _standings()
    return sum(_refresh_some(some, standings) for some in _chunks(sorted(set(service_ids))))


def learn(records: Iterable[Record]) -> None:
    """Take these records of agencies for the truth, and count them from now on."""
    rows = [
        {
            "organization_id": record.organization_id,
            "need": record.need,
            "asked": record.asked,
            "answered": record.answered,
            "helped": record.helped,
        }
        for record in records
    ]
    if not rows:
        return
    statement = upsert(AgencyRecord)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["organization_id", "need"],
            set_={name: statement.excluded[name] for name in ("asked", "answered", "helped")},
        ),
        rows,
    )
    _tell_listings(_standings(), sorted({str(row["need"]) for row in rows}))


def remember(patient_id: uuid.UUID, service_id: uuid.UUID, organization_id: uuid.UUID, bearing: Bearing) -> None:
    """Note what happened between a patient and a service; the newest word counts."""
    values = {"organization_id": organization_id, "bearing": bearing, "at": clock.now()}
    session.execute(
        upsert(PastOffer)
        .values(patient_id=patient_id, service_id=service_id, **values)
        .on_conflict_do_update(index_elements=["patient_id", "service_id"], set_=values)
    )


def set_full_today(service_id: uuid.UUID, until: datetime | None) -> None:
    """Offer the service to nobody before `until`, because its places for today are taken; None: it has some again."""
    if until is None:
        gone = delete(IntakeFull).where(IntakeFull.service_id == service_id).returning(IntakeFull.service_id)
        altered = session.scalar(gone)
    else:
        full = upsert(IntakeFull).values(service_id=service_id, until=until)
        altered = session.scalar(
            full.on_conflict_do_update(
                index_elements=[IntakeFull.service_id],
                set_={"until": until},
                where=IntakeFull.until != until,
            ).returning(IntakeFull.service_id)
        )
    if altered is not None:
        refresh([service_id])


def begin_day() -> int:
    """Offer again what was full until a midnight that has passed; how many services."""
    over = delete(IntakeFull).where(IntakeFull.until <= clock.now()).returning(IntakeFull.service_id)
    services = session.scalars(over).all()
    refresh(services)
    return len(services)


def forget(patient_id: uuid.UUID, service_id: uuid.UUID) -> None:
    """Let the service be offered to the patient like any other again."""
    session.execute(delete(PastOffer).where(PastOffer.patient_id == patient_id, PastOffer.service_id == service_id))


def _chunks(ids: Sequence[uuid.UUID]) -> Iterator[Sequence[uuid.UUID]]:
    for start in range(0, len(ids), AT_ONCE):
        yield ids[start : start + AT_ONCE]


def _refresh_some(service_ids: Sequence[uuid.UUID], standings: Standings) -> int:
    # Two transactions may change one service; the second waits here and then sees what the first wrote.
    session.execute(
        select(Service.id).where(among(Service.id, service_ids)).order_by(Service.id).with_for_update(key_share=True)
    )
    session.execute(delete(Listing).where(among(Listing.service_id, service_ids)))
    offers = session.execute(_offers(service_ids)).all()
    if not offers:
        return 0
    around = _Surroundings.of(offers)
    return _write(row for offer in offers for row in _listings(offer, around, standings))


def _write(rows: Iterable[dict[str, Any]]) -> int:
    """By COPY, which takes a tenth of the time of INSERT; an import makes a million of them."""
    written = 0
    connection = cast("psycopg.Connection[Any]", session.connection().connection.driver_connection)
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        for row in rows:
            copy.write_row([row[name] for name in _COLUMNS])
            written += 1
    return written


_COLUMNS = tuple(column.name for column in Listing.__table__.columns)
_COPY = f"COPY {Listing.__tablename__} ({', '.join(_COLUMNS)}) FROM STDIN"


def _offers(service_ids: Sequence[uuid.UUID]) -> Select[*tuple[Any, ...]]:
    """Every active service of these at every location where it is offered."""
    listed = (row.withdrawn_at.is_(None) for row in (Service, Organization, Location, ServiceAtLocation))
    return (
        select(
            ServiceAtLocation.id,
            Service.id.label("service_id"),
            Service.organization_id,
            Service.name.label("service"),
            Organization.name.label("organization"),
            Service.eligibility_description,
            Location.id.label("location_id"),
            Location.latitude,
            Location.longitude,
            Location.location_type,
            Location.confidential,
            Service.interpretation_services,
            Service.application_process,
            Service.minimum_age,
            Service.maximum_age,
            Service.capacity_status,
            Service.capacity_at,
            Service.capacity_until,
            IntakeFull.until.label("full_today_until"),
        )
        .join(Service, Service.id == ServiceAtLocation.service_id)
        .outerjoin(IntakeFull, and_(IntakeFull.service_id == Service.id, IntakeFull.until > clock.now()))
        .join(Organization, Organization.id == Service.organization_id)
        .join(Location, Location.id == ServiceAtLocation.location_id)
        .where(among(ServiceAtLocation.service_id, service_ids), Service.status == ServiceStatus.ACTIVE, *listed)
    )


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """What the directory keeps about some offers in other tables, by the id it is said of."""

    needs: dict[uuid.UUID, list[str]]
    terms: dict[uuid.UUID, list[Term]]
    addresses: dict[uuid.UUID, Row[*tuple[Any, ...]]]
    languages: dict[uuid.UUID, list[str]]
    openings: dict[uuid.UUID, list[Opening]]
    areas: dict[uuid.UUID, _Area | None]
    """None for an area of which it is not plain who lives in it."""
    today: date

    @classmethod
    def of(cls, offers: Sequence[Row[*tuple[Any, ...]]]) -> _Surroundings:
        services = list({offer.service_id for offer in offers})
        locations = list({offer.location_id for offer in offers})
        offered = [offer.id for offer in offers]
        return cls(
            needs=_needs(services),
            terms=_terms(services),
            addresses=_addresses(locations),
            languages=_languages(services, locations),
            openings=_openings(services, locations, offered),
            areas=_areas(services, offered),
            today=clock.now().date(),
        )


def _needs(services: list[uuid.UUID]) -> dict[uuid.UUID, list[str]]:
    found: defaultdict[uuid.UUID, list[str]] = defaultdict(list)
    for service_id, need in session.execute(
        select(ServiceNeed.service_id, ServiceNeed.need).where(among(ServiceNeed.service_id, services))
    ):
        found[service_id].append(need)
    return found


def _terms(services: list[uuid.UUID]) -> dict[uuid.UUID, list[Term]]:
    said = session.execute(
        select(Attribute.link_id, Attribute.taxonomy_term_id).where(
            among(Attribute.link_id, services),
            Attribute.link_entity == Service.__tablename__,
            Attribute.taxonomy_term_id.is_not(None),
            Attribute.withdrawn_at.is_(None),
        )
    ).all()
    terms = Terms()
    terms.load({row.taxonomy_term_id for row in said})
    of: defaultdict[uuid.UUID, list[Term]] = defaultdict(list)
    for service_id, term_id in {(row.link_id, row.taxonomy_term_id) for row in said}:
        of[service_id].append(terms.term(term_id))
    return of


def _addresses(locations: list[uuid.UUID]) -> dict[uuid.UUID, Row[*tuple[Any, ...]]]:
    """One address of each location, where people go rather than where mail goes."""
    rows = session.execute(
        select(Address.location_id, Address.city, Address.state_province, Address.postal_code)
        .where(among(Address.location_id, locations), Address.withdrawn_at.is_(None))
        .order_by(Address.location_id, Address.address_type == LocationType.PHYSICAL, Address.id)
    )
    return {row.location_id: row for row in rows}


def _languages(services: list[uuid.UUID], locations: list[uuid.UUID]) -> dict[uuid.UUID, list[str]]:
    """What is spoken at a service, at a location, or on one of their phone lines."""
    service_id = func.coalesce(Language.service_id, Phone.service_id)
    location_id = func.coalesce(Language.location_id, Phone.location_id)
    found: defaultdict[uuid.UUID, list[str]] = defaultdict(list)
    spoken = (
        select(service_id, location_id, Language.code)
        .outerjoin(Phone, Phone.id == Language.phone_id)
        .where(Language.code.is_not(None), Language.withdrawn_at.is_(None))
    )
    # Two selections, as no index finds what one table or the other says.
    for service, location, code in session.execute(
        union(
            spoken.where(or_(among(Language.service_id, services), among(Language.location_id, locations))),
            spoken.where(or_(among(Phone.service_id, services), among(Phone.location_id, locations))),
        )
    ):
        # What is said of a service at one location is not said of its other locations; but who speaks a language
        # can be asked for everywhere, so either is enough.
        for said_of in filter(None, (service, location)):
            found[said_of].append(code or "")
    return found


def _openings(
    services: list[uuid.UUID], locations: list[uuid.UUID], offered: list[uuid.UUID]
) -> dict[uuid.UUID, list[Opening]]:
    found: defaultdict[uuid.UUID, list[Opening]] = defaultdict(list)
    for row in session.execute(
        select(
            func.coalesce(Schedule.service_at_location_id, Schedule.service_id, Schedule.location_id).label("said_of"),
            *(getattr(Schedule, name) for name in _OPENING_COLUMNS),
        ).where(
            Schedule.withdrawn_at.is_(None),
            or_(
                among(Schedule.service_at_location_id, offered),
                among(Schedule.service_id, services),
                among(Schedule.location_id, locations),
            ),
        )
    ):
        found[row.said_of].append(Opening(**{name: getattr(row, name) for name in _OPENING_COLUMNS}))
    return found


_OPENING_COLUMNS = (
    "byweekno",
    "byyearday",
    "count",
    "opens_at",
    "closes_at",
    "freq",
    "byday",
    "bymonthday",
    "interval",
    "dtstart",
    "until",
    "valid_from",
    "valid_to",
    "closed",
    "yearly",
)


class _Area(NamedTuple):
    id: int
    drawn: bool


def _areas(services: list[uuid.UUID], offered: list[uuid.UUID]) -> dict[uuid.UUID, _Area | None]:
    """The area that each service or offer is limited to: everywhere that any of its rows names."""
    found: dict[uuid.UUID, Area] = {}
    vague: set[uuid.UUID] = set()
    for area, served in session.execute(
        select(ServiceArea, AreaServed)
        .outerjoin(AreaServed, AreaServed.service_area_id == ServiceArea.id)
        .where(
            ServiceArea.withdrawn_at.is_(None),
            or_(among(ServiceArea.service_at_location_id, offered), among(ServiceArea.service_id, services)),
        )
    ):
        read = cast("AreaServed | None", served)
        said_of = cast("uuid.UUID", area.service_at_location_id or area.service_id)
        where = entries.area_of(read) if read else Area(postal_codes=frozenset(area.postal_codes))
        found[said_of] = found.get(said_of, Area()) | where
        if not where:
            vague.add(said_of)
    # An area that is only named may reach anywhere: together with it, a list of ZIP codes excludes nobody.
    ids = area_ids({where for said_of, where in found.items() if said_of not in vague})
    return {
        said_of: None if said_of in vague else _Area(ids[where], bool(where.polygons))
        for said_of, where in found.items()
    }


def area_ids(areas: Collection[Area]) -> dict[Area, int]:
    """The ids of these areas, which are written down if they are new."""
    if not areas:
        return {}
    by_digest = {_digest(area): area for area in areas}
    new = session.execute(
        upsert(ListingArea)
        .values([{"digest": digest, **_drawing(by_digest[digest])} for digest in sorted(by_digest)])
        .on_conflict_do_nothing()
        .returning(ListingArea.id, ListingArea.digest)
    ).all()
    keys = [
        {"area_id": area_id, "key": key} for area_id, digest in new for key in readings.area_keys(by_digest[digest])
    ]
    if keys:
        session.execute(insert(ListingAreaKey.__table__), keys)  # type: ignore[arg-type]  # a Table, for its speed
    known = session.execute(select(ListingArea.id, ListingArea.digest).where(ListingArea.digest.in_(by_digest)))
    return {by_digest[digest]: area_id for area_id, digest in known}


def _digest(area: Area) -> str:
    said = [*readings.area_keys(area), *sorted(map(repr, area.polygons))]
    return hashlib.sha256(" ".join(said).encode()).hexdigest()


def _drawing(area: Area) -> dict[str, Any]:
    box = area.box
    sides = ("south", "west", "north", "east")
    return {
        "polygons": geometry(area.polygons)["coordinates"] if box else null(),
        **{side: getattr(box, side) if box else None for side in sides},
    }


def _listings(offer: Row[*tuple[Any, ...]], around: _Surroundings, standings: Standings) -> Iterator[dict[str, Any]]:
    """The rows of one service at one location, one for each need that it answers."""
    needs = around.needs.get(offer.service_id)
    if not needs:
        return
    said = _said_of(offer, around)
    fits = readings.fits(around.terms.get(offer.service_id, ()))
    for need in needs:
        standing = standings.of(offer.organization_id, need)
        # A need that no term of it says, but its name, is what it is there for.
        fit = fits.get(need, 1.0)
        listing = {
            **said,
            "need": need,
            "fit": fit,
            "history": standing.value,
            "history_n": standing.n,
        }
        yield {**listing, **ranking.bounds(listing)._asdict()}


def _said_of(offer: Row[*tuple[Any, ...]], around: _Surroundings) -> dict[str, Any]:
    place = _place(offer, around)
    remote = offer.location_type == LocationType.VIRTUAL
    located = place if not remote else None
    area = around.areas.get(offer.id, around.areas.get(offer.service_id))
    spoken = around.languages.get(offer.service_id, []) + around.languages.get(offer.location_id, [])
    time_zone = place.time_zone if place else NO_TIME_ZONE
    precision = located.precision if located else Precision.NONE
    status, said_at, until = _room_of(offer, time_zone)
    address = around.addresses.get(offer.location_id)
    return {
        "service_at_location_id": offer.id,
        "service_id": offer.service_id,
        "organization_id": offer.organization_id,
        "service": offer.service,
        "organization": offer.organization,
        "city": (address and address.city) or "",
        "latitude": located.latitude if located else None,
        "longitude": located.longitude if located else None,
        "precision": precision.value,
        "grain": GRAIN_MILES[precision],
        "area_id": area and area.id,
        "drawn": area is not None and area.drawn,
        "remote": remote,
        "anchored": located is not None and area is None and not remote,
        "confidential": offer.confidential,
        "audience": _audience(offer, around),
        "languages": readings.languages(spoken),
        "interpreter": readings.interpreter(offer.interpretation_services),
        "min_age": readings.whole_years(offer.minimum_age),
        "max_age": readings.whole_years(offer.maximum_age),
        "capacity": status.value,
        "capacity_at": said_at,
        "capacity_until": until,
        "full_until": (until or NEVER_ENDS) if status is CapacityStatus.NO_CAPACITY else None,
        "hours": hours.typical_week(tuple(_openings_of(offer, around)), around.today) if place else None,
        "time_zone": time_zone,
        "walk_in": readings.walk_in(offer.application_process),
    }


def _room_of(offer: Row[*tuple[Any, ...]], time_zone: str) -> tuple[CapacityStatus, datetime | None, datetime | None]:
    """Whether it takes people in, since when that is known, and until when; a day whose places are taken goes first.

    Longer word that it is full stays: a day that ends before it would open the service too early.
    """
    until = readings.end_of(offer.capacity_until, time_zone)
    shut = offer.capacity_status is CapacityStatus.NO_CAPACITY
    if offer.full_today_until and not (shut and (until is None or until >= offer.full_today_until)):
        return CapacityStatus.NO_CAPACITY, clock.now(), offer.full_today_until
    return offer.capacity_status, offer.capacity_at, until


def _place(offer: Row[*tuple[Any, ...]], around: _Surroundings) -> Place | None:
    address = around.addresses.get(offer.location_id)
    return readings.place(
        None if offer.latitude is None else (offer.latitude, offer.longitude),
        (address and address.city) or "",
        (address and address.state_province) or "",
        (address and address.postal_code) or "",
        confidential=offer.confidential,
    )


def _audience(offer: Row[*tuple[Any, ...]], around: _Surroundings) -> int:
    """What its taxonomy terms say goes before its eligibility text."""
    named = audiences.of_terms(term.name for term in around.terms.get(offer.service_id, ()))
    return named or audiences.of_text(offer.eligibility_description)


def _openings_of(offer: Row[*tuple[Any, ...]], around: _Surroundings) -> list[Opening]:
    """What is said of the service at the location goes before the service, and that before the location."""
    for said_of in (offer.id, offer.service_id, offer.location_id):
        if found := around.openings.get(said_of):
            return found
    return []


def _standings() -> Standings:
    return Standings(
        Record(row.organization_id, row.need, row.asked, row.answered, row.helped)
        for row in session.scalars(select(AgencyRecord))
    )


def _tell_listings(standings: Standings, needs: Sequence[str]) -> None:
    for need in needs:
        average = standings.average(need)
        known = {key[0]: standing for key, standing in standings.known.items() if key[1] == need}
        ids = list(known)
        # Organizations change their standing between them, not one by one: there may be thousands.
        of = (
            func.unnest(
                sql_cast(ids, ARRAY(Uuid)),
                sql_cast([standing.value for standing in known.values()], ARRAY(REAL)),
                sql_cast([standing.n for standing in known.values()], ARRAY(Integer)),
            )
            .table_valued(column("id", Uuid), column("value", REAL), column("n", Integer), name="standing")
            .render_derived()
        )
        _tell(need, Listing.organization_id != all_(sql_cast(ids, ARRAY(Uuid))), literal(average, REAL), literal(0))
        _tell(need, Listing.organization_id == of.c.id, of.c.value, of.c.n)


def _tell(need: str, which: ColumnElement[bool], value: ColumnElement[float], n: ColumnElement[int]) -> None:
    session.execute(
        update(Listing)
        .where(Listing.need == need, which, or_(Listing.history != sql_cast(value, REAL), Listing.history_n != n))
        .values(history=value, history_n=n)
        .execution_options(synchronize_session=False)
    )
