"""Keeping what matching knows up to date: the listings, the agencies' records, and what a patient already had.

`refresh` is called by the reaction to `ServicesChanged`, so that a listing changes in the same transaction as the
directory it is made from.
"""

from __future__ import annotations

import hashlib
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from sqlalchemy import ColumnElement, Row, Select, and_, delete, func, insert, or_, select, type_coerce, update
from sqlalchemy.dialects.postgresql import REAL
from sqlalchemy.dialects.postgresql import insert as upsert

from app import clock
from app.db import session
from app.directory.codes import LocationType, ServiceStatus
from app.directory.hours import Opening
from app.directory.models import (
    Address,
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
from app.geography.places import Place, Precision
from app.matching import hours, readings
from app.matching.models import AgencyRecord, Bearing, Listing, ListingArea, ListingAreaZip, PastOffer
from app.matching.records import Record, Standings
from app.needs.vocabulary import Term

AT_ONCE = 1000
"""Services that are refreshed together: few round trips, and little memory however large the directory."""

NO_TIME_ZONE = "UTC"
"""Of a listing whose place is not known; its hours are then not known either."""

Progress = Callable[[int], None]


def refresh(service_ids: Sequence[uuid.UUID]) -> int:
    """Make the listings of these services anew from the directory as it stands in this transaction.

    :returns: how many listings they have now.
    """
    standings = _standings()
    return sum(_refresh_some(some, standings) for some in _chunks(sorted(set(service_ids))))


def refresh_all(progress: Progress | None = None) -> int:
    """Make every listing anew, some services at a time.

    :param progress: told after each step how many services are done.
    :returns: how many listings there are now.
    """
    standings = _standings()
    listings = done = 0
    for some in _all_services():
        listings += _refresh_some(some, standings)
        done += len(some)
        if progress:
            progress(done)
    return listings


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


def forget(patient_id: uuid.UUID, service_id: uuid.UUID) -> None:
    """Let the service be offered to the patient like any other again."""
    session.execute(delete(PastOffer).where(PastOffer.patient_id == patient_id, PastOffer.service_id == service_id))


def _chunks(ids: Sequence[uuid.UUID]) -> Iterator[Sequence[uuid.UUID]]:
    for start in range(0, len(ids), AT_ONCE):
        yield ids[start : start + AT_ONCE]


def _all_services() -> Iterator[Sequence[uuid.UUID]]:
    last = uuid.UUID(int=0)
    while some := session.scalars(
        select(Service.id).where(Service.id > last).order_by(Service.id).limit(AT_ONCE)
    ).all():
        yield some
        last = some[-1]


def _refresh_some(service_ids: Sequence[uuid.UUID], standings: Standings) -> int:
    # Two transactions may change one service; the second waits here and then sees what the first wrote.
    session.execute(
        select(Service.id).where(Service.id.in_(service_ids)).order_by(Service.id).with_for_update(key_share=True)
    )
    session.execute(delete(Listing).where(Listing.service_id.in_(service_ids)))
    offers = session.execute(_offers(service_ids)).all()
    if not offers:
        return 0
    around = _Surroundings.of(offers)
    rows = [row for offer in offers for row in _listings(offer, around, standings)]
    if rows:
        session.execute(insert(Listing.__table__), rows)  # type: ignore[arg-type]  # a Table, for its speed
    return len(rows)


def _offers(service_ids: Sequence[uuid.UUID]) -> Select[*tuple[Any, ...]]:
    """Every active service of these at every location where it is offered."""
    listed = (row.withdrawn_at.is_(None) for row in (Service, Organization, Location, ServiceAtLocation))
    return (
        select(
            ServiceAtLocation.id,
            Service.id.label("service_id"),
            Service.organization_id,
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
        )
        .join(Service, Service.id == ServiceAtLocation.service_id)
        .join(Organization, Organization.id == Service.organization_id)
        .join(Location, Location.id == ServiceAtLocation.location_id)
        .where(Service.id.in_(service_ids), Service.status == ServiceStatus.ACTIVE, *listed)
    )


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """What the directory keeps about some offers in other tables, by the id it is said of."""

    needs: dict[uuid.UUID, list[str]]
    fits: dict[uuid.UUID, dict[str, float]]
    addresses: dict[uuid.UUID, Row[*tuple[Any, ...]]]
    languages: dict[uuid.UUID, list[str]]
    openings: dict[uuid.UUID, list[Opening]]
    areas: dict[uuid.UUID, int | None]
    """None for an area that is not a list of ZIP codes."""
    today: date

    @classmethod
    def of(cls, offers: Sequence[Row[*tuple[Any, ...]]]) -> _Surroundings:
        services = list({offer.service_id for offer in offers})
        locations = list({offer.location_id for offer in offers})
        offered = [offer.id for offer in offers]
        return cls(
            needs=_needs(services),
            fits=_fits(services),
            addresses=_addresses(locations),
            languages=_languages(services, locations),
            openings=_openings(services, locations, offered),
            areas=_areas(services, offered),
            today=clock.now().date(),
        )


def _needs(services: list[uuid.UUID]) -> dict[uuid.UUID, list[str]]:
    found: defaultdict[uuid.UUID, list[str]] = defaultdict(list)
    for service_id, need in session.execute(
        select(ServiceNeed.service_id, ServiceNeed.need).where(ServiceNeed.service_id.in_(services))
    ):
        found[service_id].append(need)
    return found


def _fits(services: list[uuid.UUID]) -> dict[uuid.UUID, dict[str, float]]:
    said = session.execute(
        select(Attribute.link_id, Attribute.taxonomy_term_id).where(
            Attribute.link_id.in_(services),
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
    return {service_id: readings.fits(listed) for service_id, listed in of.items()}


def _addresses(locations: list[uuid.UUID]) -> dict[uuid.UUID, Row[*tuple[Any, ...]]]:
    """One address of each location, where people go rather than where mail goes."""
    rows = session.execute(
        select(Address.location_id, Address.city, Address.state_province, Address.postal_code)
        .where(Address.location_id.in_(locations), Address.withdrawn_at.is_(None))
        .order_by(Address.location_id, Address.address_type == LocationType.PHYSICAL, Address.id)
    )
    return {row.location_id: row for row in rows}


def _languages(services: list[uuid.UUID], locations: list[uuid.UUID]) -> dict[uuid.UUID, list[str]]:
    """What is spoken at a service, at a location, or on one of their phone lines."""
    service_id = func.coalesce(Language.service_id, Phone.service_id)
    location_id = func.coalesce(Language.location_id, Phone.location_id)
    found: defaultdict[uuid.UUID, list[str]] = defaultdict(list)
    for service, location, code in session.execute(
        select(service_id, location_id, Language.code)
        .outerjoin(Phone, Phone.id == Language.phone_id)
        .where(
            Language.code.is_not(None),
            Language.withdrawn_at.is_(None),
            or_(
                Language.service_id.in_(services),
                Language.location_id.in_(locations),
                Phone.service_id.in_(services),
                Phone.location_id.in_(locations),
            ),
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
                Schedule.service_at_location_id.in_(offered),
                Schedule.service_id.in_(services),
                Schedule.location_id.in_(locations),
            ),
        )
    ):
        found[row.said_of].append(Opening(**{name: getattr(row, name) for name in _OPENING_COLUMNS}))
    return found


_OPENING_COLUMNS = (
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


def _areas(services: list[uuid.UUID], offered: list[uuid.UUID]) -> dict[uuid.UUID, int | None]:
    """The area that each service or offer is limited to, as one list of ZIP codes."""
    zips: defaultdict[uuid.UUID, set[str]] = defaultdict(set)
    vague: set[uuid.UUID] = set()
    for service_id, offer_id, postal_codes in session.execute(
        select(ServiceArea.service_id, ServiceArea.service_at_location_id, ServiceArea.postal_codes).where(
            ServiceArea.withdrawn_at.is_(None),
            or_(ServiceArea.service_at_location_id.in_(offered), ServiceArea.service_id.in_(services)),
        )
    ):
        said_of = cast("uuid.UUID", offer_id or service_id)
        zips[said_of].update(postal_codes)
        if not postal_codes:
            vague.add(said_of)
    # An area that is only named may reach anywhere: together with it, a list of ZIP codes excludes nobody.
    ids = area_ids({frozenset(codes) for said_of, codes in zips.items() if said_of not in vague})
    return {said_of: None if said_of in vague else ids[frozenset(codes)] for said_of, codes in zips.items()}


def area_ids(areas: set[frozenset[str]]) -> dict[frozenset[str], int]:
    """The ids of these areas, which are written down if they are new."""
    if not areas:
        return {}
    by_digest = {hashlib.sha256(" ".join(sorted(codes)).encode()).hexdigest(): codes for codes in areas}
    new = session.execute(
        upsert(ListingArea)
        .values([{"digest": digest} for digest in sorted(by_digest)])
        .on_conflict_do_nothing()
        .returning(ListingArea.id, ListingArea.digest)
    ).all()
    zips = [{"area_id": area_id, "postal_code": code} for area_id, digest in new for code in by_digest[digest]]
    if zips:
        session.execute(insert(ListingAreaZip.__table__), zips)  # type: ignore[arg-type]  # a Table, for its speed
    known = session.execute(select(ListingArea.id, ListingArea.digest).where(ListingArea.digest.in_(by_digest)))
    return {by_digest[digest]: area_id for area_id, digest in known}


def _listings(offer: Row[*tuple[Any, ...]], around: _Surroundings, standings: Standings) -> Iterator[dict[str, Any]]:
    """The rows of one service at one location, one for each need that it answers."""
    needs = around.needs.get(offer.service_id)
    if not needs:
        return
    said = _said_of(offer, around)
    fits = around.fits.get(offer.service_id, {})
    for need in needs:
        standing = standings.of(offer.organization_id, need)
        # A need that somebody gave it by hand is what it is there for.
        fit = fits.get(need, 1.0)
        yield {**said, "need": need, "fit": fit, "history": standing.value, "history_n": standing.n}


def _said_of(offer: Row[*tuple[Any, ...]], around: _Surroundings) -> dict[str, Any]:
    place = _place(offer, around)
    remote = offer.location_type == LocationType.VIRTUAL
    located = place if not remote else None
    area = around.areas.get(offer.id, around.areas.get(offer.service_id))
    spoken = around.languages.get(offer.service_id, []) + around.languages.get(offer.location_id, [])
    time_zone = place.time_zone if place else NO_TIME_ZONE
    return {
        "service_at_location_id": offer.id,
        "service_id": offer.service_id,
        "organization_id": offer.organization_id,
        "latitude": located.latitude if located else None,
        "longitude": located.longitude if located else None,
        "precision": located.precision if located else Precision.NONE,
        "area_id": area,
        "remote": remote,
        "anchored": located is not None and area is None and not remote,
        "confidential": offer.confidential,
        "languages": readings.languages(spoken),
        "interpreter": readings.interpreter(offer.interpretation_services),
        "min_age": readings.whole_years(offer.minimum_age),
        "max_age": readings.whole_years(offer.maximum_age),
        "capacity": offer.capacity_status,
        "capacity_at": offer.capacity_at,
        "capacity_until": readings.end_of(offer.capacity_until, time_zone),
        "hours": hours.typical_week(_openings_of(offer, around), around.today) if place else None,
        "time_zone": time_zone,
        "walk_in": readings.walk_in(offer.application_process),
    }


def _place(offer: Row[*tuple[Any, ...]], around: _Surroundings) -> Place | None:
    address = around.addresses.get(offer.location_id)
    return readings.place(
        None if offer.latitude is None else (offer.latitude, offer.longitude),
        (address and address.city) or "",
        (address and address.state_province) or "",
        (address and address.postal_code) or "",
        confidential=offer.confidential,
    )


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
        _tell(and_(Listing.need == need, Listing.organization_id.not_in(known)), average, 0)
        for organization_id, standing in known.items():
            _tell(and_(Listing.organization_id == organization_id, Listing.need == need), standing.value, standing.n)


def _tell(which: ColumnElement[bool], value: float, n: int) -> None:
    session.execute(
        update(Listing)
        .where(which, or_(Listing.history != type_coerce(value, REAL), Listing.history_n != n))
        .values(history=value, history_n=n)
        .execution_options(synchronize_session=False)
    )
