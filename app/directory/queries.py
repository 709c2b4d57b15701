"""What can be asked of the directory: cards for people to look at, what agencies offer, and what imports did.

Nothing withdrawn is ever in an answer, and never the address of a confidential location.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import phonenumbers
from babel.core import Locale, UnknownLocaleError
from sqlalchemy import ColumnElement, Row, Select, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from app import clock
from app.db import session
from app.directory import capacity, hours
from app.directory.codes import CapacityStatus, Frequency, LocationType, ServiceStatus
from app.directory.hours import Opening
from app.directory.languages import name_of
from app.directory.models import (
    OFFERED,
    Accessibility,
    Address,
    DirectoryImport,
    ImportProblem,
    Language,
    Location,
    Merge,
    Organization,
    Phone,
    RequiredDocument,
    Schedule,
    Service,
    ServiceArea,
    ServiceAtLocation,
)
from app.geography import zips
from app.i18n import day as day_words
from app.i18n import gettext as _
from app.i18n import language as spoken_now

SHORT = 180
"""Characters of a description on a card."""

UNPLACED = ZoneInfo("America/New_York")
"""The time zone of a place nobody can locate: half of the country lives in it."""

_SHOUT = re.compile(r"^(?:OVERVIEW|SERVICES?|DESCRIPTION|NOTES?)\s*:\s*")
_NOT_FOR_VOICE = ("fax", "text", "sms", "textphone", "tty", "pager", "video")


@dataclass(frozen=True)
class PhoneLine:
    words: str
    """As people read it, with its extension: “(410) 555-0142 ext. 3”."""
    e164: str | None
    """For a link; None when it cannot be dialed from everywhere, as 211."""
    about: str | None
    kind: str | None


@dataclass(frozen=True)
class SpokenLanguage:
    code: str | None
    words: str
    """In the language spoken now."""


@dataclass(frozen=True)
class Capacity:
    status: CapacityStatus
    words: str
    until: date | None
    source: str | None
    at: datetime | None
    """When it was said; words about it grow old."""


@dataclass(frozen=True)
class Card:
    """A service at a location, with all that a page says about it."""

    id: uuid.UUID
    service_id: uuid.UUID
    organization_id: uuid.UUID
    location_id: uuid.UUID
    service: str
    organization: str
    location: str | None
    description: str
    full_description: str
    status: ServiceStatus
    place: str
    """The address on one line; only the town, or the area served, when the location is confidential."""
    confidential: bool
    remote: bool
    """By phone, online or at home: there is no place to go to."""
    latitude: float | None
    longitude: float | None
    transportation: str | None
    phones: tuple[PhoneLine, ...]
    email: str | None
    url: str | None
    languages: tuple[SpokenLanguage, ...]
    interpretation: str | None
    hours: tuple[str, ...]
    open_now: str | None
    """“open now until 5 pm”, “opens tomorrow at 9 am”; None when the schedules do not say."""
    documents: tuple[str, ...]
    fees: str | None
    eligibility: str | None
    how_to_apply: str | None
    waiting: str | None
    alert: str | None
    accessibility: tuple[str, ...]
    areas: tuple[str, ...]
    capacity: Capacity
    last_checked: date | None


@dataclass(frozen=True)
class OrganizationLine:
    id: uuid.UUID
    name: str
    description: str
    services: int
    """Active ones."""


@dataclass(frozen=True)
class ServiceLine:
    id: uuid.UUID
    name: str
    capacity: Capacity
    daily_limit: int | None
    """How many people it takes in on one day; None where it has not said so."""


def card(service_at_location_id: uuid.UUID, at: datetime | None = None) -> Card | None:
    """One card; None when there is no such offer or nobody lists it any more."""
    return cards([service_at_location_id], at).get(service_at_location_id)


def kept_instead_of(service_at_location_id: uuid.UUID) -> uuid.UUID | None:
    """Where to look instead of an offer whose service was merged into another; None for any other."""
    gone = select(ServiceAtLocation.service_id).where(ServiceAtLocation.id == service_at_location_id)
    kept = select(Merge.kept_id).where(Merge.gone_id == gone.scalar_subquery(), Merge.undone_at.is_(None))
    return session.scalar(
        select(ServiceAtLocation.id)
        .where(ServiceAtLocation.service_id == kept.scalar_subquery(), ServiceAtLocation.withdrawn_at.is_(None))
        .order_by(ServiceAtLocation.id)
        .limit(1)
    )


def and_what_they_became(service_ids: Iterable[uuid.UUID]) -> frozenset[uuid.UUID]:
    """These services and those that they were merged into."""
    found = new = set(service_ids)
    while new:
        kept = select(Merge.kept_id).where(Merge.gone_id.in_(new), Merge.undone_at.is_(None))
        new = set(session.scalars(kept)) - found
        found = found | new
    return frozenset(found)


def cards(service_at_location_ids: Sequence[uuid.UUID], at: datetime | None = None) -> dict[uuid.UUID, Card]:
    """The cards of these services at locations by id, in a fixed number of queries however many they are.

    :param at: the moment that “open now” is about; the present one by default.
    """
    offers = session.execute(_offers().where(ServiceAtLocation.id.in_(service_at_location_ids))).all()
    if not offers:
        return {}
    around = _Surroundings.of(offers)
    moment = at or clock.now()
    made = {offer.id: _card(offer, around, moment) for offer in offers}
    return {id_: made[id_] for id_ in service_at_location_ids if id_ in made}


def open_among(ids: Sequence[uuid.UUID], moment: datetime) -> set[uuid.UUID]:
    """Which of these are open at a moment, by what their schedules say."""
    keys = (ServiceAtLocation.id, ServiceAtLocation.service_id, ServiceAtLocation.location_id, Service.organization_id)
    narrow: Select[*tuple[Any, ...]] = _offers().with_only_columns(*keys)
    offers = session.execute(narrow.where(ServiceAtLocation.id.in_(ids))).all()
    owners = _owners(offers)
    schedules = _owned(Schedule, owners)
    addresses = _first_addresses(owners["location_id"])
    found = set()
    for offer in offers:
        openings_ = tuple(map(_opening, _nearest(schedules, offer)))
        local = moment.astimezone(_zone(addresses.get(offer.location_id))).replace(tzinfo=None)
        if hours.is_open(openings_, local):
            found.add(offer.id)
    return found


def organizations(text: str = "", limit: int = 50, offset: int = 0) -> list[OrganizationLine]:
    """Organizations by name, each with how many active services it has."""
    services = (
        select(func.count(Service.id)).where(Service.organization_id == Organization.id, OFFERED).scalar_subquery()
    )
    query = select(Organization.id, Organization.name, Organization.description, services.label("services")).where(
        Organization.withdrawn_at.is_(None)
    )
    for word in text.split():
        query = query.where(_contains(word, Organization.name, Organization.alternate_name))
    rows = session.execute(query.order_by(Organization.name, Organization.id).limit(limit).offset(offset))
    return [OrganizationLine(row.id, row.name, short(row.description), row.services) for row in rows]


def services_of(organization_id: uuid.UUID) -> list[ServiceLine]:
    """The active services of an organization by name, each with whether it takes people in today."""
    today = clock.now().astimezone(UNPLACED).date()
    rows = session.execute(
        select(
            Service.id,
            Service.name,
            Service.capacity_status,
            Service.capacity_until,
            Service.capacity_source,
            Service.capacity_at,
            Service.intake_daily_limit,
        )
        .where(Service.organization_id == organization_id, OFFERED)
        .order_by(Service.name, Service.id)
    )
    return [ServiceLine(row.id, row.name, _capacity(row, today), row.intake_daily_limit) for row in rows]


@dataclass(frozen=True)
class Said:
    """What is said of a service itself, not of one of its places."""

    phones: tuple[str, ...]
    documents: tuple[str, ...]
    hours: tuple[str, ...]
    """In words."""
    weekly: dict[str, dict[str, str]]
    """By day, “MO” to “SU”: “from” and “to” as 09:00, when hours are that simple; empty when they are not."""
    languages: tuple[str, ...]
    areas: tuple[str, ...]
    """Whose people it is for."""


def said_of_service(service_id: uuid.UUID) -> Said:
    """Its phones, papers and hours as its pages show them; of several places what is said of any."""
    offers = session.execute(_offers().where(ServiceAtLocation.service_id == service_id)).all()
    owners = _owners(offers) | {"service_id": {service_id}}
    phones, documents, schedules = _owned(Phone, owners), _owned(RequiredDocument, owners), _owned(Schedule, owners)
    spoken_here = _owned(Language, {"service_id": {service_id}}).get(service_id, ())
    by_place = [_nearest(schedules, offer) for offer in offers] or [schedules.get(service_id, [])]
    today, locale = clock.now().astimezone(UNPLACED).date(), reading_locale()
    spoken = [line for rows in by_place for line in hours.in_words(tuple(map(_opening, rows)), today, _, locale)]
    weeks = [_weekly(rows) for rows in by_place]
    return Said(
        tuple(dict.fromkeys(row.number for row in _of_all(phones, offers, service_id))),
        tuple(dict.fromkeys(row.document for row in _of_all(documents, offers, service_id) if row.document)),
        tuple(dict.fromkeys(spoken)),
        weeks[0] if all(week == weeks[0] for week in weeks) else {},
        tuple(sorted(language.words for language in _spoken(spoken_here, locale))),
        tuple(sorted({area.name for area in _of_all(_owned(ServiceArea, owners), offers, service_id) if area.name})),
    )


def _of_all(found: _ByOwner[_Owned], offers: Sequence[Row[Any]], service_id: uuid.UUID) -> list[_Owned]:
    return [row for offer in offers for row in _nearest(found, offer)] or found.get(service_id, [])


def _weekly(schedules: Sequence[Schedule]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for row in schedules:
        special = (row.valid_from, row.valid_to, row.dtstart, row.until, row.bymonthday, row.description, row.notes)
        if any(special) or row.closed or row.freq is not Frequency.WEEKLY or (row.interval or 1) != 1:
            return {}
        for code in (row.byday or "").split(","):
            if len(code) != 2 or code in found or not row.opens_at or not row.closes_at:  # noqa: PLR2004
                return {}
            found[code] = {"from": f"{row.opens_at:%H:%M}", "to": f"{row.closes_at:%H:%M}"}
    return found


def openings(service_at_location_id: uuid.UUID) -> tuple[Opening, ...]:
    """When somebody is there: what is said of the service at the location before the service, before the location."""
    offers = session.execute(_offers().where(ServiceAtLocation.id == service_at_location_id)).all()
    return _Surroundings.of(offers).openings_of(offers[0]) if offers else ()


def time_zone(service_at_location_id: uuid.UUID) -> ZoneInfo:
    """The time zone of a place, as far as its address tells; also of one that is no longer listed."""
    location_id = select(ServiceAtLocation.location_id).where(ServiceAtLocation.id == service_at_location_id)
    return _zone(session.execute(_addresses().where(Address.location_id.in_(location_id))).first())


def import_history(limit: int = 20) -> Sequence[DirectoryImport]:
    """What the latest imports did, newest first."""
    return session.scalars(
        select(DirectoryImport).order_by(DirectoryImport.started_at.desc(), DirectoryImport.id).limit(limit)
    ).all()


def short(text: str | None, limit: int = SHORT) -> str:
    """The beginning of a description, ending with a sentence where it can and otherwise with a word."""
    line = _SHOUT.sub("", " ".join((text or "").split()))
    if len(line) <= limit:
        return line
    beginning = line[:limit]
    sentence = max(beginning.rfind(mark) for mark in (". ", "! ", "? "))
    if sentence > limit // 2:
        return beginning[: sentence + 1]
    return f"{beginning.rsplit(' ', 1)[0].rstrip(' ,;:-')}…"


def _offers() -> Select[*tuple[Any, ...]]:
    """Services at locations that are listed, with their service, organization and location."""
    listed = [row.withdrawn_at.is_(None) for row in (ServiceAtLocation, Service, Organization, Location)]
    return (
        select(
            ServiceAtLocation.id,
            ServiceAtLocation.service_id,
            ServiceAtLocation.location_id,
            Service.organization_id,
            Service.name.label("service"),
            Service.description,
            Service.status,
            Service.url,
            Service.email,
            Service.interpretation_services,
            Service.fees_description,
            Service.eligibility_description,
            Service.application_process,
            Service.wait_time,
            Service.alert,
            func.greatest(Service.assured_date, Service.last_verified_on).label("last_checked"),
            Service.capacity_status,
            Service.capacity_until,
            Service.capacity_source,
            Service.capacity_at,
            Organization.name.label("organization"),
            Organization.website,
            Organization.email.label("organization_email"),
            Location.name.label("location"),
            Location.location_type,
            Location.confidential,
            Location.latitude,
            Location.longitude,
            Location.transportation,
        )
        .join(Service, Service.id == ServiceAtLocation.service_id)
        .join(Organization, Organization.id == Service.organization_id)
        .join(Location, Location.id == ServiceAtLocation.location_id)
        .where(*listed)
    )


def _addresses() -> Select[*tuple[Any, ...]]:
    """Addresses of locations, the one where people go before the one where mail goes."""
    return (
        select(
            Address.location_id,
            Address.address_1,
            Address.address_2,
            Address.city,
            Address.state_province,
            Address.postal_code,
        )
        .where(Address.withdrawn_at.is_(None))
        .order_by(Address.location_id, Address.address_type != LocationType.PHYSICAL, Address.id)
    )


_Owned = TypeVar("_Owned", Phone, Language, Schedule, RequiredDocument, ServiceArea, Accessibility)
_ByOwner = dict[uuid.UUID, list[_Owned]]


@dataclass(frozen=True)
class _Surroundings:
    """The rows of other tables that belong to some offers, by the id of their most particular owner."""

    addresses: dict[uuid.UUID, Row[Any]]
    phones: _ByOwner[Phone]
    languages: _ByOwner[Language]
    schedules: _ByOwner[Schedule]
    documents: _ByOwner[RequiredDocument]
    areas: _ByOwner[ServiceArea]
    accessibility: _ByOwner[Accessibility]

    @classmethod
    def of(cls, offers: Sequence[Row[Any]]) -> _Surroundings:
        owners = _owners(offers)
        phones = _owned(Phone, owners)
        lines = {phone.id for listed in phones.values() for phone in listed}
        return cls(
            addresses=_first_addresses(owners["location_id"]),
            phones=phones,
            languages=_owned(Language, {**owners, "phone_id": lines}),
            schedules=_owned(Schedule, owners),
            documents=_owned(RequiredDocument, owners),
            areas=_owned(ServiceArea, owners),
            accessibility=_owned(Accessibility, owners),
        )

    def openings_of(self, offer: Row[Any]) -> tuple[Opening, ...]:
        return tuple(map(_opening, _nearest(self.schedules, offer)))

    def languages_of(self, offer: Row[Any], phones: Sequence[Phone]) -> list[Language]:
        """Whoever speaks a language there can be asked for: every owner counts, and the lines one may call."""
        owners = (offer.id, offer.service_id, offer.location_id, *(phone.id for phone in phones))
        return [language for owner in owners for language in self.languages.get(owner, ())]


def _owners(offers: Sequence[Row[Any]]) -> dict[str, set[uuid.UUID]]:
    """Whose rows say something of these offers, the most particular owner first."""
    return {
        "service_at_location_id": {offer.id for offer in offers},
        "service_id": {offer.service_id for offer in offers},
        "location_id": {offer.location_id for offer in offers},
        "organization_id": {offer.organization_id for offer in offers},
    }


def _first_addresses(location_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Row[Any]]:
    addresses: dict[uuid.UUID, Row[Any]] = {}
    for row in session.execute(_addresses().where(Address.location_id.in_(location_ids))):
        addresses.setdefault(row.location_id, row)
    return addresses


def _owned(kind: type[_Owned], owners: dict[str, set[uuid.UUID]]) -> _ByOwner[_Owned]:
    """The rows of a table that belong to any of these owners."""
    columns = {name: getattr(kind, name) for name in owners if hasattr(kind, name)}
    rows = session.scalars(
        select(kind)
        .where(kind.withdrawn_at.is_(None), or_(*(column.in_(owners[name]) for name, column in columns.items())))
        .order_by(kind.id)
    )
    found: _ByOwner[_Owned] = {}
    for row in rows:
        owner = next(id_ for name in columns if (id_ := getattr(row, name)))
        found.setdefault(owner, []).append(row)
    return found


def _nearest(found: _ByOwner[_Owned], offer: Row[Any]) -> list[_Owned]:
    """What is said of the offer itself; else of its service, its location, its organization."""
    for owner in (offer.id, offer.service_id, offer.location_id, offer.organization_id):
        # A number of the service at one of its locations is not for the others.
        rows = [row for row in found.get(owner, ()) if getattr(row, "location_id", None) in {None, offer.location_id}]
        if rows:
            return rows
    return []


def _card(offer: Row[Any], around: _Surroundings, moment: datetime) -> Card:
    address = around.addresses.get(offer.location_id)
    phones = _nearest(around.phones, offer)
    openings_ = around.openings_of(offer)
    areas = tuple(area.name for area in _nearest(around.areas, offer) if area.name)
    remote = offer.location_type == LocationType.VIRTUAL
    locale = reading_locale()
    local = moment.astimezone(_zone(address)).replace(tzinfo=None)
    shown = not offer.confidential
    return Card(
        id=offer.id,
        service_id=offer.service_id,
        organization_id=offer.organization_id,
        location_id=offer.location_id,
        service=offer.service,
        organization=offer.organization,
        location=offer.location if shown else None,
        description=short(offer.description),
        full_description=offer.description or "",
        status=offer.status,
        place=_place(address, areas, confidential=offer.confidential, remote=remote),
        confidential=offer.confidential,
        remote=remote,
        latitude=offer.latitude if shown else None,
        longitude=offer.longitude if shown else None,
        transportation=offer.transportation if shown else None,
        phones=_phone_lines(phones),
        email=offer.email or offer.organization_email,
        url=offer.url or offer.website,
        languages=_spoken(around.languages_of(offer, phones), locale),
        interpretation=offer.interpretation_services,
        hours=hours.in_words(openings_, local.date(), _, locale),
        open_now=hours.open_words(openings_, local, _, locale),
        documents=tuple(row.document for row in _nearest(around.documents, offer) if row.document),
        fees=offer.fees_description,
        eligibility=offer.eligibility_description,
        how_to_apply=offer.application_process,
        waiting=offer.wait_time,
        alert=offer.alert,
        accessibility=tuple(row.description for row in _nearest(around.accessibility, offer) if row.description),
        areas=areas,
        capacity=_capacity(offer, local.date()),
        last_checked=offer.last_checked,
    )


def _place(address: Row[Any] | None, areas: tuple[str, ...], *, confidential: bool, remote: bool) -> str:
    town = f"{address.city or ''}, {address.state_province or ''}".strip(", ") if address else ""
    if confidential:
        return town or ", ".join(areas) or _("address kept confidential")
    if remote:
        return _("by phone, online or at home")
    if address is None:
        return ", ".join(areas)
    first, second = address.address_1 or "", address.address_2 or ""
    # Exports often repeat the suite: "55 N Court St #100", "Suite 100".
    street = first if not second or second.casefold() in first.casefold() else f"{first}, {second}".strip(", ")
    return ", ".join(part for part in (street, f"{town} {address.postal_code or ''}".strip()) if part)


def _phone_lines(phones: Iterable[Phone]) -> tuple[PhoneLine, ...]:
    """The numbers one can talk to, each once, those that can be dialed first."""
    lines: dict[str, PhoneLine] = {}
    for phone in phones:
        if (phone.type or "").casefold() in _NOT_FOR_VOICE:
            continue
        words = _number_words(phone)
        lines.setdefault(phone.e164 or words, PhoneLine(words, phone.e164, phone.description, phone.type))
    return tuple(sorted(lines.values(), key=lambda line: line.e164 is None))


def _number_words(phone: Phone) -> str:
    words = phone.number
    if phone.e164 and not re.search("[A-Za-z]", words):  # 555-FOOD is easier to remember
        number = phonenumbers.parse(phone.e164)
        words = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    return _("%(number)s ext. %(extension)s", number=words, extension=phone.extension) if phone.extension else words


def _spoken(languages: Iterable[Language], locale: Locale) -> tuple[SpokenLanguage, ...]:
    found: dict[str, SpokenLanguage] = {}
    for language in languages:
        words = (name_of(language.code, locale) if language.code else None) or language.name or language.code
        if words:
            found.setdefault(language.code or words.casefold(), SpokenLanguage(language.code, words))
    return tuple(found.values())


def _opening(row: Schedule) -> Opening:
    return Opening(
        opens_at=row.opens_at,
        closes_at=row.closes_at,
        freq=row.freq,
        byday=row.byday,
        bymonthday=row.bymonthday,
        interval=row.interval,
        dtstart=row.dtstart,
        until=row.until,
        byweekno=row.byweekno,
        byyearday=row.byyearday,
        count=row.count,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        description=" ".join(filter(None, (row.description, row.notes))) or None,
        closed=row.closed,
        yearly=row.yearly,
    )


def _capacity(offer: Row[*tuple[Any, ...]], today: date) -> Capacity:
    status = capacity.holds_on(offer.capacity_status, offer.capacity_until, today)
    if status is CapacityStatus.UNKNOWN:
        return Capacity(status, _("not known whether they have room"), None, None, None)
    words = {
        CapacityStatus.CAPACITY: _("has room"),
        CapacityStatus.NO_CAPACITY: _("full at the moment"),
        CapacityStatus.WAITLIST: _("has a waiting list"),
        CapacityStatus.ADDITIONAL_ASSESSMENT: _("decides after a first talk"),
    }[status]
    if status is CapacityStatus.NO_CAPACITY and offer.capacity_until:
        words = _("full until %(day)s", day=day_words(offer.capacity_until))
    return Capacity(status, words, offer.capacity_until, offer.capacity_source, offer.capacity_at)


def _zone(address: Row[Any] | None) -> ZoneInfo:
    if address is None:
        return UNPLACED
    place = zips.locate(address.city or "", address.state_province or "", address.postal_code or "")
    return ZoneInfo(place.time_zone) if place else UNPLACED


def reading_locale() -> Locale:
    """How dates and numbers are written for whoever reads now: their language, in the United States."""
    for tag in (f"{spoken_now()}-US", spoken_now()):
        try:
            return Locale.parse(tag, sep="-")
        except (UnknownLocaleError, ValueError):
            continue
    return Locale("en", "US")


def _contains(word: str, *columns: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
    return or_(*(column.icontains(word, autoescape=True) for column in columns))


def an_import(import_id: uuid.UUID) -> DirectoryImport | None:
    return session.get(DirectoryImport, import_id)


def import_problems(import_id: uuid.UUID, limit: int | None = None) -> Iterator[ImportProblem]:
    """What an import reported, in order; read from the database piece by piece."""
    found = select(ImportProblem).where(ImportProblem.import_id == import_id).order_by(ImportProblem.number)
    return iter(session.scalars(found.limit(limit).execution_options(yield_per=1000)))


def import_sources() -> Sequence[str]:
    """Whose directories have been brought in, by name."""
    return session.scalars(select(DirectoryImport.source).distinct().order_by(DirectoryImport.source)).all()
