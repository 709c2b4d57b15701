"""From a row of text to a row of a table: what each HSDS column holds, and what makes a row unusable.

Every format we import is first put into HSDS's table and column names and then read here, so a rule about a value
stands in one place. A value that cannot be read is left out and reported; a row is refused only when it would be
nameless, belong to nothing, or say the wrong thing.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import islice
from typing import Any

from app.directory import ages
from app.directory import values as read
from app.directory.codes import CapacityStatus, Frequency, LocationType, ServiceStatus, Weekday
from app.directory.hours import DAYS, LONGEST_NIGHT, Opening, span_length
from app.directory.languages import code_of
from app.directory.rows import Problem, Row
from app.directory.values import Unreadable

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reference:
    """A row of another table that a record speaks of."""

    table: str
    upstream: str
    id: uuid.UUID
    vital: bool
    """Without it the record says nothing true and is refused; otherwise the field is left empty."""


@dataclass(frozen=True, slots=True)
class Record:
    """A row as it will stand in the table, except that nobody has checked yet that what it refers to is there."""

    table: str
    id: uuid.UUID
    source_id: str
    values: dict[str, Any]
    references: dict[str, Reference]
    file: str
    line: int

    def fingerprint(self) -> str:
        """The same for the same values, in every process and on every machine.

        What is empty does not count, so that a column we begin to keep changes no row that has nothing in it.
        """
        said = {name: value for name, value in self.values.items() if value is not None}
        return hashlib.blake2b(_CANONICAL.encode(said).encode(), digest_size=16).hexdigest()


_CANONICAL = json.JSONEncoder(sort_keys=True, default=str, ensure_ascii=False)


def source_name(given: str) -> str:
    """The one way to write the name of a source: “ Baltimore ” and “baltimore.zip” are the same directory.

    Two spellings would be two directories, and every service in them would be there twice. Empty when nothing is left.
    """
    plain = given.strip().casefold().removesuffix(".zip").removesuffix(".csv")
    return re.sub(r"[\W_]+", "-", plain).strip("-")


def identity(source: str, table: str, upstream: str) -> uuid.UUID:
    """Our id of an upstream row: its own when that is a UUID, else made of source, table and id, always the same."""
    return uuid.UUID(upstream) if _UUID.fullmatch(upstream) else uuid.uuid5(_namespace(source), f"{table}:{upstream}")


@lru_cache(maxsize=64)
def _namespace(source: str) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_URL, f"directory:{source}")


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    read: Callable[[str], Any] = read.line
    also: tuple[str, ...] = ()
    """Names that other versions of HSDS have for it."""
    required: bool = False
    default: Any = None
    """When the cell is empty."""
    fallback: Any = None
    """When the cell cannot be read."""
    ours: bool = False
    """An extension that is known here and rarely upstream: an empty cell says nothing against what is known."""


@dataclass(frozen=True, slots=True)
class Link:
    """A column that holds the id of a row of `table`."""

    name: str
    table: str
    required: bool = False
    vital: bool = True
    checked: bool = True


@dataclass
class Draft:
    """A record in the making."""

    row: Row
    values: dict[str, Any] = field(default_factory=dict)
    references: dict[str, Reference] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def cell(self, *names: str) -> str:
        cells = self.row.cells
        for name in names:
            if text := cells.get(name):
                return text
        return ""

    def complain(self, column: str | None, reason: str) -> None:
        self.problems.append(Problem(self.row.file, self.row.line, column, reason, kept=True))

    def complain_instead(self, column: str, reason: str) -> None:
        """Of a column whose cell alone has been complained of, when the row says more."""
        self.problems = [problem for problem in self.problems if problem.field != column]
        self.complain(column, reason)


class _Refused(Exception):
    def __init__(self, column: str | None, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    files: tuple[str, ...]
    columns: tuple[Column, ...]
    links: tuple[Link, ...] = ()
    belongs: bool = False
    """Whether at least one link must be given."""
    finish: Callable[[Draft, str], None] | None = None
    """What takes more than one cell; told the source."""

    def record(self, source: str, row: Row) -> tuple[Record | None, list[Problem]]:
        """The row as a record, or None when it is refused; and what was wrong, the reason for refusing last."""
        draft = Draft(row)
        upstream = row.cells.get("id", "")
        try:
            self._fill(draft, source)
        except _Refused as refusal:
            of = (self.name, upstream) if upstream else None
            problem = Problem(row.file, row.line, refusal.column, refusal.reason, kept=False, of=of)
            return None, [*draft.problems, problem]
        id_ = identity(source, self.name, upstream)
        record = Record(self.name, id_, upstream, draft.values, draft.references, row.file, row.line)
        return record, draft.problems

    def _fill(self, draft: Draft, source: str) -> None:
        if not draft.cell("id"):
            raise _Refused("id", "is empty")
        cells, values = draft.row.cells, draft.values
        for column in self.columns:
            text = cells.get(column.name) or (draft.cell(*column.also) if column.also else "")
            if text or column.required:
                values[column.name] = _read(column, text, draft)
            elif not column.ours:
                values[column.name] = column.default
        for link in self.links:
            _follow(link, source, draft)
        if self.belongs and not draft.references:
            raise _Refused(None, f"belongs to nothing: {' and '.join(link.name for link in self.links)} are empty")
        if self.finish:
            self.finish(draft, source)


def _read(column: Column, text: str, draft: Draft) -> object:
    if not text:
        raise _Refused(column.name, "is empty")
    try:
        return column.read(text)
    except Unreadable as error:
        if column.required:
            raise _Refused(column.name, str(error)) from None
        done = "left empty" if column.fallback is None else f"taken as {_WORDS.get(column.fallback, column.fallback)}"
        draft.complain(column.name, f"{error}; it was {done}")
        return column.fallback


_WORDS = {True: "true", False: "false"}


def _follow(link: Link, source: str, draft: Draft) -> None:
    upstream = draft.row.cells.get(link.name, "")
    if not upstream:
        if link.required:
            raise _Refused(link.name, "is empty")
        draft.values[link.name] = None
        return
    target = identity(source, link.table, upstream)
    draft.values[link.name] = target
    if link.checked:
        draft.references[link.name] = Reference(link.table, upstream, target, link.vital)


_STATUSES = {
    **dict.fromkeys(("available", "open", "published", "current", "approved", "verified", "enabled"), "active"),
    **dict.fromkeys(("true", "yes"), "active"),
    **dict.fromkeys(("not active", "closed", "suspended", "archived", "draft", "unpublished"), "inactive"),
    **dict.fromkeys(("pending", "unavailable", "false", "no", "active, but do not refer"), "inactive"),
    **dict.fromkeys(("deleted", "discontinued", "permanently closed"), "defunct"),
}
"""What other vendors call the states of HSDS."""


def _status(text: str) -> StrEnum:
    return _word(ServiceStatus)(_STATUSES.get(" ".join(text.casefold().split()), text))


def _word(kind: type[StrEnum]) -> Callable[[str], StrEnum]:
    def read_word(text: str) -> StrEnum:
        try:
            return kind(" ".join(text.casefold().replace("_", " ").split()))
        except ValueError:
            raise Unreadable(f"“{text[:60]}” is none of {', '.join(kind)}") from None

    return read_word


def _frequency(text: str) -> str:
    word = text.strip().upper()
    if word == "DAILY":
        return word
    if word not in set(Frequency):
        raise Unreadable(f"“{text[:60]}” is neither WEEKLY nor MONTHLY")
    return word


def _weekday(text: str) -> Weekday:
    try:
        return Weekday(text.strip().upper())
    except ValueError:
        raise Unreadable(f"“{text[:60]}” is none of {', '.join(Weekday)}") from None


def _daily_limit(text: str) -> int:
    limit = read.whole(text)
    if limit < 1:
        raise Unreadable(f"“{text[:60]}” lets nobody in")
    return limit


def _service(draft: Draft, source: str) -> None:
    if draft.cell("is_active", "isactive", "active").casefold() in read.FALSE:
        draft.values["status"] = ServiceStatus.INACTIVE
    _ages(draft)
    _evidence(draft, source)


def _ages(draft: Draft) -> None:
    """Each column may tell both, as “13-17” does; what stands in its own column counts first."""
    low, other_high = draft.values["minimum_age"] or ages.UNLIMITED
    other_low, high = draft.values["maximum_age"] or ages.UNLIMITED
    low, high = other_low if low is None else low, other_high if high is None else high
    draft.values.update(minimum_age=low, maximum_age=high)
    if low is not None and high is not None and low > high:
        draft.values.update(minimum_age=None, maximum_age=None)
        draft.complain("minimum_age", f"{low:g} is above the maximum age {high:g}; both were left out")


def _evidence(draft: Draft, source: str) -> None:
    """Capacity and verification are believed only with who said so and when."""
    values = draft.values
    status = values.get("capacity_status")
    if status in {None, CapacityStatus.UNKNOWN} or not values.get("capacity_at"):
        if status not in {None, CapacityStatus.UNKNOWN}:
            draft.complain("capacity_at", "is empty or cannot be read, so the capacity was left out")
        for name in ("capacity_status", "capacity_until", "capacity_source", "capacity_at"):
            values.pop(name, None)
    else:
        values.setdefault("capacity_source", source)
        values.setdefault("capacity_until", None)
    if not values.get("last_verified_on") or not values.get("last_verified_by"):
        values.pop("last_verified_on", None)
        values.pop("last_verified_by", None)


def _place(draft: Draft, _source: str) -> None:
    latitude, longitude = draft.cell("latitude", "lat"), draft.cell("longitude", "lng", "lon", "long")
    point, complaint = read.coordinates(latitude, longitude)
    draft.values["latitude"], draft.values["longitude"] = point or (None, None)
    if complaint:
        draft.complain("latitude", complaint)


_ZIP = ("zip", "zip_code", "zipcode", "postcode")
STREET = ("street_1", "street", "street_address", "address_line_1", "address1")


def _address(draft: Draft, _source: str) -> None:
    if not draft.values["city"] and not draft.values["postal_code"]:
        draft.values.update(read.whole_address(draft.cell("address_1", *STREET)))
    code = draft.cell("postal_code", *_ZIP).removesuffix(".0")
    if found := read.with_its_zeros(code, draft.cell("state_province", "state")):
        draft.values["postal_code"] = found
        draft.complain_instead("postal_code", f"“{code}” has lost its first zero; it was taken as {found}")


def _dialable(draft: Draft, _source: str) -> None:
    number = draft.values["number"]
    if not re.search(r"\d", number):
        raise _Refused("number", f"“{number}” has no digits")
    if read.is_rounded(number):
        raise _Refused("number", f"“{number}” is what a spreadsheet has left of a number, so nobody can dial it")
    try:
        draft.values["e164"] = read.dialable(number)
    except Unreadable as error:
        draft.values["e164"] = None
        draft.complain("number", f"{error}; it was kept as it is written")


def _spoken(draft: Draft, _source: str) -> None:
    """HSDS 3 has name and code, HSDS 2 one column for either."""
    name, code = draft.cell("name", "language"), draft.cell("code")
    if not name and not code:
        raise _Refused("name", "is empty")
    draft.values["name"] = name or None
    draft.values["code"] = code_of(code) or code_of(name)
    if draft.values["code"] is None:
        draft.complain("code" if code else "name", f"“{(code or name)[:60]}” is no language we know; its name was kept")


def _area(draft: Draft, _source: str) -> None:
    """A list of ZIP codes is found wherever HSDS leaves room for one."""
    extent = draft.cell("extent") if draft.cell("extent_type").casefold() in {"", "text"} else ""
    texts = (draft.cell("postal_codes"), extent, draft.cell("name", "service_area"))
    draft.values["postal_codes"] = next(filter(None, map(read.postal_codes, texts)), [])


def _recurrence(draft: Draft, _source: str) -> None:
    """Hours that cannot be read in full are refused: half of them would send somebody to a closed door."""
    values = draft.values
    every_other_day = values["freq"] == "DAILY" and (values["interval"] or 1) > 1
    if every_other_day or (draft.cell("freq") and values["freq"] is None):
        values["freq"] = None
        reason = f"“{draft.cell('freq')[:60]}” is neither WEEKLY nor MONTHLY; the row was taken without days and times"
        draft.complain_instead("freq", reason)
        values.update(dict.fromkeys(("byday", "bymonthday", "opens_at", "closes_at")))
        return
    days = draft.cell("byday", "weekday")
    values["byday"] = _or_refuse("byday", read.days, days) if days else None
    if values["freq"] == "DAILY":
        values["freq"], values["byday"] = Frequency.WEEKLY, ",".join(DAYS)
    if values["byday"] and not values["freq"]:
        values["freq"] = Frequency.WEEKLY
    for column in ("opens_at", "closes_at"):
        text = draft.cell(column)
        values[column] = _or_refuse(column, read.time_of_day, text) if text else None
    if (text := draft.cell("opens_at", "closes_at")).endswith(("Z", "z")):
        draft.complain("opens_at", f"“{text}” is in UTC without a time zone; it was read as local time")
    _check_span(draft, values["opens_at"], values["closes_at"])
    if not any(values[name] for name in _ODD):
        return
    values["until"] = _last_day(values) or values["until"]
    if unclear := Opening(**{name: values[name] for name in _OF_OPENING}).unclear:
        column, reason = unclear
        draft.complain(column, f"“{draft.cell(column)[:60]}” {reason}; these hours are kept, and shown to nobody")


_ODD = ("bymonthday", "interval", "byweekno", "byyearday", "count")
_OF_OPENING = ("freq", "byday", "bymonthday", "interval", "dtstart", "until", "byweekno", "byyearday", "count")


def _last_day(values: Mapping[str, Any]) -> date | None:
    """The day of the last of `count` times; None when they are not counted, or go on for longer than anybody plans."""
    first, count = values["dtstart"], values["count"]
    if not first or not count or count < 1:
        return None
    opening = Opening(**{name: values[name] for name in _OF_OPENING if name != "count"})
    days = (first + timedelta(days=ahead) for ahead in range(_LONGEST_COUNT))
    return next(islice(filter(opening.on, days), count - 1, None), None)


_LONGEST_COUNT = 10 * 366
"""Days."""


def _check_span(draft: Draft, opens_at: time | None, closes_at: time | None) -> None:
    if closes_at and not opens_at:
        raise _Refused("opens_at", "is empty although closing time is given")
    if not opens_at or not closes_at:
        return
    length = span_length(opens_at, closes_at)
    if length == timedelta(days=1):
        raise _Refused("closes_at", "is the same as opening time")
    if closes_at < opens_at and length > LONGEST_NIGHT:
        draft.values["closes_at"] = None
        draft.complain("closes_at", f"“{draft.cell('closes_at')}” is before opening time; it was left out")


def _or_refuse(column: str, reader: Callable[[str], Any], text: str) -> object:
    try:
        return reader(text)
    except Unreadable as error:
        raise _Refused(column, str(error)) from None


def _said_of(table_column: str, id_column: str) -> Callable[[Draft, str], None]:
    """A row that names the table it speaks of.

    HSDS writes the table's name; packages in the wild write "services" and "Service".
    """

    def point(draft: Draft, source: str) -> None:
        named = draft.values[table_column]
        entity = next((table.name for table in TABLES if named.casefold() in {table.name, *table.files}), None)
        if entity is None:
            raise _Refused(table_column, f"“{named[:60]}” is no table we keep")
        upstream = draft.cell(id_column)
        if not upstream:
            raise _Refused(id_column, "is empty")
        target = identity(source, entity, upstream)
        draft.values.update({table_column: entity, id_column: target})
        draft.references[id_column] = Reference(entity, upstream, target, vital=True)

    return point


_OWNERS = (
    Link("organization_id", "organization"),
    Link("service_id", "service"),
    Link("service_at_location_id", "service_at_location"),
    Link("location_id", "location"),
)
_URL = Column("url", read.web_address)

# In the order in which they can be written: what is referred to comes first.
TABLES: tuple[Table, ...] = (
    Table(
        "taxonomy",
        ("taxonomies", "taxonomy"),
        (
            Column("name", required=True),
            Column("description", read.block),
            Column("uri"),
            Column("version"),
        ),
    ),
    Table(
        "taxonomy_term",
        ("taxonomy_terms", "taxonomy_term"),
        (
            Column("code"),
            Column("name", also=("term",), required=True),
            Column("description", read.block),
            Column("taxonomy"),
            Column("language"),
            Column("term_uri"),
        ),
        (
            Link("parent_id", "taxonomy_term", checked=False),
            Link("taxonomy_id", "taxonomy", vital=False),
        ),
    ),
    Table(
        "unit",
        ("units", "unit"),
        (Column("name", required=True), Column("scheme"), Column("identifier"), Column("uri")),
    ),
    Table(
        "organization",
        ("organizations", "organization"),
        (
            Column("name", required=True),
            Column("alternate_name"),
            Column("description", read.block),
            Column("email"),
            Column("website", read.web_address, also=("url",)),
            Column("tax_status"),
            Column("tax_id"),
            Column("year_incorporated", read.whole),
            Column("legal_status"),
            Column("logo"),
            Column("uri"),
        ),
        (Link("parent_organization_id", "organization", checked=False),),
    ),
    Table(
        "organization_identifier",
        ("organization_identifiers", "organization_identifier"),
        (
            Column("identifier_scheme"),
            Column("identifier_type", required=True),
            Column("identifier", required=True),
        ),
        (Link("organization_id", "organization", required=True),),
    ),
    Table(
        "program",
        ("programs", "program"),
        (Column("name", required=True), Column("alternate_name"), Column("description", read.block)),
        (Link("organization_id", "organization", required=True),),
    ),
    Table(
        "location",
        ("locations", "location"),
        (
            Column(
                "location_type",
                _word(LocationType),
                default=LocationType.PHYSICAL,
                fallback=LocationType.PHYSICAL,
            ),
            Column("name"),
            Column("alternate_name"),
            Column("description", read.block),
            _URL,
            Column("transportation", read.block),
            Column("external_identifier"),
            Column("external_identifier_type"),
            # An extension. Who wrote something we cannot read there did not mean "no".
            Column("confidential", read.flag, also=("x_confidential",), default=False, fallback=True),
        ),
        (Link("organization_id", "organization", vital=False),),
        finish=_place,
    ),
    Table(
        "address",
        ("addresses", "address", "physical_addresses"),
        (
            Column("attention"),
            Column("address_1", also=STREET),
            Column("address_2", also=("street_2", "address_line_2", "address2")),
            Column("city"),
            Column("region"),
            Column("state_province", read.state, also=("state",)),
            Column("postal_code", read.postal_code, also=_ZIP),
            Column("country", read.country, also=("country_code",)),
            Column(
                "address_type",
                _word(LocationType),
                default=LocationType.PHYSICAL,
                fallback=LocationType.PHYSICAL,
            ),
        ),
        (Link("location_id", "location", required=True),),
        finish=_address,
    ),
    Table(
        "accessibility",
        ("accessibility", "accessibility_for_disabilities"),
        (
            Column("description", read.block, also=("accessibility",)),
            Column("details", read.block),
            _URL,
        ),
        (Link("location_id", "location", required=True),),
    ),
    Table(
        "service",
        ("services", "service"),
        (
            Column("name", required=True),
            Column("alternate_name"),
            Column("description", read.block),
            _URL,
            Column("email"),
            Column(
                "status",
                _status,
                default=ServiceStatus.ACTIVE,
                # Whoever cannot be understood is not offered to anybody.
                fallback=ServiceStatus.INACTIVE,
            ),
            Column("interpretation_services", read.block),
            Column("application_process", read.block),
            Column("fees_description", read.block, also=("fees",)),
            Column("wait_time", read.block),
            Column("accreditations", read.block),
            Column("eligibility_description", read.block, also=("eligibility",)),
            Column("minimum_age", ages.youngest, also=("min_age",)),
            Column("maximum_age", ages.oldest, also=("max_age",)),
            Column("assured_date", read.day),
            Column("assurer_email"),
            Column("licenses"),
            Column("alert", read.block),
            Column("last_modified", read.moment),
            Column("capacity_status", _word(CapacityStatus), ours=True),
            Column("capacity_until", read.day, ours=True),
            Column("capacity_source", ours=True),
            Column("capacity_at", read.moment, ours=True),
            Column("intake_daily_limit", _daily_limit, ours=True),
            Column("interpreter", read.flag, ours=True),
            Column("last_verified_on", read.day, ours=True),
            Column("last_verified_by", ours=True),
        ),
        (
            Link("organization_id", "organization", required=True),
            Link("program_id", "program", vital=False),
        ),
        finish=_service,
    ),
    Table(
        "service_at_location",
        ("service_at_location", "service_at_locations", "services_at_location"),
        (Column("description", read.block),),
        (Link("service_id", "service", required=True), Link("location_id", "location", required=True)),
    ),
    Table(
        "contact",
        ("contacts", "contact"),
        (Column("name"), Column("title"), Column("department"), Column("email")),
        _OWNERS,
        belongs=True,
    ),
    Table(
        "phone",
        ("phones", "phone"),
        (
            Column("number", also=("phone_number", "phone"), required=True),
            # HSDS wants a number there; what is none is written beside it.
            Column("extension", also=("extension_text",)),
            Column("type"),
            Column("description"),
        ),
        (*_OWNERS, Link("contact_id", "contact", vital=False)),
        belongs=True,
        finish=_dialable,
    ),
    Table(
        "language",
        ("languages", "language"),
        (Column("note", read.block),),
        (
            Link("service_id", "service"),
            Link("location_id", "location"),
            Link("phone_id", "phone"),
        ),
        belongs=True,
        finish=_spoken,
    ),
    Table(
        "schedule",
        ("schedules", "schedule", "regular_schedules"),
        (
            Column("valid_from", read.day),
            Column("valid_to", read.day),
            Column("dtstart", read.day),
            Column("timezone", read.number),
            Column("until", read.day),
            Column("count", read.whole),
            Column("wkst", _weekday),
            Column("freq", _frequency),
            Column("interval", read.whole),
            Column("byweekno"),
            Column("bymonthday"),
            Column("byyearday"),
            Column("description", read.block),
            Column("schedule_link", read.web_address),
            Column("attending_type"),
            Column("notes", read.block),
            Column("closed", read.flag, default=False, fallback=True),
            Column("yearly", read.flag, default=False, fallback=False),
        ),
        _OWNERS[1:],
        belongs=True,
        finish=_recurrence,
    ),
    Table(
        "service_area",
        ("service_areas", "service_area"),
        (
            Column("name", also=("service_area",)),
            Column("description", read.block),
            Column("extent"),
            Column("extent_type"),
            Column("uri"),
        ),
        (Link("service_id", "service"), Link("service_at_location_id", "service_at_location")),
        belongs=True,
        finish=_area,
    ),
    Table(
        "required_document",
        ("required_documents", "required_document"),
        (Column("document", read.block), Column("uri")),
        (Link("service_id", "service", required=True),),
    ),
    Table(
        "cost_option",
        ("cost_options", "cost_option"),
        (
            Column("valid_from", read.day),
            Column("valid_to", read.day),
            Column("option"),
            Column("currency"),
            Column("amount", read.number),
            Column("amount_description", read.block),
        ),
        (Link("service_id", "service", required=True),),
    ),
    Table(
        "service_capacity",
        ("service_capacity", "service_capacities"),
        (
            Column("available", read.number, required=True),
            Column("maximum", read.number),
            Column("description", read.block),
            Column("updated", read.moment, required=True),
        ),
        (Link("service_id", "service", required=True), Link("unit_id", "unit", required=True)),
    ),
    Table(
        "attribute",
        ("attributes", "attribute"),
        (
            Column("link_entity", required=True),
            Column("link_type"),
            Column("value"),
            Column("label"),
        ),
        (Link("taxonomy_term_id", "taxonomy_term"),),
        finish=_said_of("link_entity", "link_id"),
    ),
    Table(
        "url",
        ("url", "urls"),
        (Column("label"), Column("url", read.web_address, required=True)),
        (Link("organization_id", "organization"), Link("service_id", "service")),
        belongs=True,
    ),
    Table(
        "funding",
        ("funding", "fundings"),
        (Column("funder", read.block, also=("source",)),),
        (Link("organization_id", "organization"), Link("service_id", "service")),
        belongs=True,
    ),
    Table(
        "metadata",
        ("metadata",),
        (
            Column("resource_type", required=True),
            Column("last_action_date", read.day, required=True),
            Column("last_action_type", required=True),
            Column("field_name", required=True),
            Column("previous_value", str, default=""),
            Column("replacement_value", str, default=""),
            Column("updated_by", required=True),
        ),
        finish=_said_of("resource_type", "resource_id"),
    ),
)

BY_NAME: Mapping[str, Table] = {table.name: table for table in TABLES}
