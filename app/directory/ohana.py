"""Read the CSV of an Ohana directory (Code for America's, and every county that exported one) as HSDS rows.

It is HSDS of 2015 with differences: a service stands at one location and has no organization of its own; languages,
documents and areas are lists in a cell; categories are a column, or a JSON file beside the others.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from app.directory.languages import Listed, read_list
from app.directory.packages import Package
from app.directory.rows import Problem, Row

_TERMS = ("taxonomy", "categories")

# Of each table, the files it is made of.
PARTS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "taxonomy": (_TERMS, ("services",)),
    "taxonomy_term": (_TERMS, ("services",)),
    "organization": (("organizations",),),
    "program": (("programs",),),
    "location": (("locations",),),
    "language": (("locations",), ("services",)),
    "accessibility": (("locations",),),
    "address": (("addresses", "mail_addresses"),),
    "service": (("services",),),
    "service_at_location": (("services",),),
    "service_area": (("services",),),
    "required_document": (("services",),),
    "attribute": (("services",), ("service_categories", "services")),
    "contact": (("contacts",),),
    "phone": (("phones",),),
    "schedule": (("regular_schedules", "holiday_schedules"),),
}

LARGEST_JSON = 64 * 1024 * 1024

HsdsRow = tuple[str, Row]
"""A table and a row under HSDS's column names."""

CATEGORIES = "categories"
KEYWORDS = "keywords"

_PHONE_TYPES = {"sms": "text", "tty": "textphone", "hotline": "voice"}
_PHONE_OWNERS = ("service_id", "location_id", "organization_id")
_NOTHING = frozenset({"", "none", "n/a", "no", "see notes"})
_EVERY_YEAR = "0001"
"""The year Ohana writes for a holiday that comes round."""
_SOME_LEAP_YEAR = "2000"


def recognizes(package: Package) -> bool:
    """Whether the package is of this format: its services name a location and no organization."""
    columns = package.columns("services") if "services" in package.members else frozenset()
    return "location_id" in columns and "organization_id" not in columns


def rows(package: Package) -> Iterator[HsdsRow | Problem]:
    """Every row as HSDS rows, in the order in which they can be written."""
    seen = _Seen(has_contacts="contacts" in package.members)
    yield from _terms(package, seen)
    categories, problem = _service_categories(package)
    if problem:
        yield problem
    for names, convert in (
        (("organizations",), _organization),
        (("programs",), _program),
        (("locations",), _location),
        (("addresses",), _address),
        (("mail_addresses",), _mail_address),
    ):
        for row in package.rows(*names):
            if isinstance(row, Problem):
                yield row
            else:
                yield from convert(row, seen)
    for row in package.rows("services"):
        if isinstance(row, Problem):
            yield row
        else:
            yield from _service(row, seen, categories.get(row.cells.get("id", ""), ()))
    for name, convert in (
        ("contacts", _contact),
        ("phones", _phone),
        ("regular_schedules", _regular_schedule),
        ("holiday_schedules", _holiday),
    ):
        for row in package.rows(name):
            if isinstance(row, Problem):
                yield row
            else:
                yield from convert(row, seen)


@dataclass
class _Seen:
    """What later files need to know of earlier ones."""

    has_contacts: bool
    organization_of: dict[str, str] = field(default_factory=dict)
    """By location."""
    term_of_number: dict[str, str] = field(default_factory=dict)
    terms: dict[str, str] = field(default_factory=dict)
    """The link type of each term, by its code."""
    keywords: set[str] = field(default_factory=set)


def _terms(package: Package, seen: _Seen) -> Iterator[HsdsRow | Problem]:
    for row in package.rows("taxonomy", "categories"):
        if isinstance(row, Problem):
            yield row
            continue
        if not seen.terms:
            yield _hsds(row, "taxonomy", id=CATEGORIES, name="Categories")
        cells = row.cells
        code = cells.get("taxonomy_id") or cells.get("id", "")
        seen.term_of_number[cells.get("id", "")] = code
        seen.terms[code] = "intended_audience" if cells.get("type") == "situation" else "service_type"
        yield _hsds(
            row,
            "taxonomy_term",
            id=code,
            code=code,
            name=cells.get("name", ""),
            parent_id=cells.get("parent_id", ""),
            taxonomy_id=CATEGORIES,
        )


def _service_categories(package: Package) -> tuple[Mapping[str, tuple[str, ...]], Problem | None]:
    """The numbers of each service's categories, from the file some exports have instead of a column."""
    member = package.members.get("service_categories")
    if member is None:
        return {}, None
    if member.size > LARGEST_JSON:
        return {}, Problem(member.file, None, None, "is too large", kept=False)
    try:
        with member.open() as stream:
            document = json.load(stream)
        categories = {str(service): tuple(dict.fromkeys(map(str, numbers))) for service, numbers in document.items()}
    except (ValueError, TypeError, AttributeError, RecursionError):
        reason = "is not a JSON object of lists of category numbers by service"
        return {}, Problem(member.file, None, None, reason, kept=False)
    return categories, None


def _organization(row: Row, _seen: _Seen) -> Iterator[HsdsRow]:
    incorporated = row.cells.get("date_incorporated", "")
    yield _hsds(row, "organization", {**row.cells, "year_incorporated": _year(incorporated)})


def _program(row: Row, _seen: _Seen) -> Iterator[HsdsRow]:
    yield _hsds(row, "program", row.cells)


def _location(row: Row, seen: _Seen) -> Iterator[HsdsRow]:
    cells = row.cells
    id_ = cells.get("id", "")
    seen.organization_of[id_] = cells.get("organization_id", "")
    kind = "virtual" if cells.get("virtual", "").casefold() in {"true", "t", "1"} else "physical"
    yield _hsds(row, "location", {**cells, "location_type": kind, "url": cells.get("website", "")})
    for language in _languages(cells).languages:
        yield _hsds(
            row,
            "language",
            id=f"location:{id_}:{language.code}",
            location_id=id_,
            name=language.name,
            code=language.code,
        )
    for feature in _list(cells.get("accessibility", "")):
        words = feature.replace("_", " ").capitalize()
        yield _hsds(row, "accessibility", id=f"{id_}:{feature}", location_id=id_, description=words)


def _address(row: Row, _seen: _Seen) -> Iterator[HsdsRow]:
    yield _hsds(row, "address", {**row.cells, "address_type": "physical"})


def _mail_address(row: Row, _seen: _Seen) -> Iterator[HsdsRow]:
    id_ = row.cells.get("id", "")
    yield _hsds(row, "address", {**row.cells, "id": f"mail:{id_}" if id_ else "", "address_type": "postal"})


def _service(row: Row, seen: _Seen, category_numbers: tuple[str, ...]) -> Iterator[HsdsRow | Problem]:
    cells = row.cells
    id_, location = cells.get("id", ""), cells.get("location_id", "")
    if location not in seen.organization_of:
        reason = f"“{location}” is not in the package" if location else "is empty, so nobody knows whose service it is"
        yield Problem(row.file, row.line, "location_id", reason, kept=False, of=("service", id_) if id_ else None)
        return
    spoken = _languages(cells)
    yield _hsds(row, "service", _service_cells(cells, seen.organization_of[location], spoken.rest or ""))
    yield _hsds(row, "service_at_location", id=id_, service_id=id_, location_id=location)
    for language in spoken.languages:
        yield _hsds(
            row,
            "language",
            id=f"service:{id_}:{language.code}",
            service_id=id_,
            name=language.name,
            code=language.code,
        )
    for area in _areas(cells.get("service_areas", "")):
        yield _hsds(row, "service_area", id=f"{id_}:{area}", service_id=id_, name=area)
    for document in _list(cells.get("required_documents", "")):
        if document.casefold() not in _NOTHING:
            yield _hsds(row, "required_document", id=f"{id_}:{document}", service_id=id_, document=document)
    yield from _service_terms(row, seen, category_numbers)


def _service_cells(cells: Mapping[str, str], organization: str, about_languages: str) -> dict[str, str]:
    audience, eligibility = cells.get("audience", ""), cells.get("eligibility", "")
    interpretation = cells.get("interpretation_services", "") or about_languages
    return {
        **cells,
        "organization_id": organization,
        "url": cells.get("website", ""),
        "eligibility_description": "\n".join(
            text for text in (audience, eligibility) if text.strip(" .").casefold() not in _NOTHING
        ),
        "eligibility": "",
        "interpretation_services": "" if interpretation.strip(" .").casefold() in _NOTHING else interpretation,
    }


def _service_terms(row: Row, seen: _Seen, category_numbers: tuple[str, ...]) -> Iterator[HsdsRow | Problem]:
    """The service's categories, and its keywords as terms of a taxonomy of their own."""
    id_ = row.cells.get("id", "")
    written = _list(row.cells.get("taxonomy_ids", ""))
    for code in dict.fromkeys([*written, *(seen.term_of_number.get(n, n) for n in category_numbers)]):
        if code in seen.terms:
            yield _attribute(row, id_, code, seen.terms[code])
        else:
            yield Problem(row.file, row.line, "taxonomy_ids", f"“{code}” is not in the taxonomy", kept=True)
    for keyword in _list(row.cells.get("keywords", "")):
        term = f"keyword:{keyword.casefold()}"
        if not seen.keywords:
            yield _hsds(row, "taxonomy", id=KEYWORDS, name="Keywords")
        if term not in seen.keywords:
            seen.keywords.add(term)
            yield _hsds(row, "taxonomy_term", id=term, name=keyword, taxonomy_id=KEYWORDS)
        yield _attribute(row, id_, term, "keyword")


def _attribute(row: Row, service: str, term: str, link_type: str) -> HsdsRow:
    return _hsds(
        row,
        "attribute",
        id=f"service:{service}:{term}",
        link_id=service,
        link_entity="service",
        link_type=link_type,
        taxonomy_term_id=term,
    )


def _contact(row: Row, _seen: _Seen) -> Iterator[HsdsRow]:
    yield _hsds(row, "contact", row.cells)


def _phone(row: Row, seen: _Seen) -> Iterator[HsdsRow]:
    cells = row.cells
    kind = cells.get("number_type", "").casefold()
    # Some exports number contacts and leave the contacts themselves out.
    contact = cells.get("contact_id", "") if seen.has_contacts else ""
    # A number of a service also carries the service's location and organization, of which it is none.
    owners = dict.fromkeys(_PHONE_OWNERS, "")
    owner = next((name for name in _PHONE_OWNERS if cells.get(name)), None)
    if owner:
        owners[owner] = cells[owner]
    yield _hsds(
        row,
        "phone",
        {
            **cells,
            **owners,
            "number": f"{cells.get('country_prefix', '')} {cells.get('number', '')}".strip(),
            "type": _PHONE_TYPES.get(kind, kind),
            "description": cells.get("department", ""),
            "contact_id": contact,
        },
    )


def _regular_schedule(row: Row, _seen: _Seen) -> Iterator[HsdsRow]:
    yield _hsds(row, "schedule", {**row.cells, "freq": "WEEKLY", "byday": row.cells.get("weekday", "")})


def _holiday(row: Row, _seen: _Seen) -> Iterator[HsdsRow]:
    cells = row.cells
    id_, first, last = cells.get("id", ""), cells.get("start_date", ""), cells.get("end_date", "")
    yearly = _EVERY_YEAR in first
    yield _hsds(
        row,
        "schedule",
        {
            **cells,
            "id": f"holiday:{id_}" if id_ else "",
            "valid_from": first.replace(_EVERY_YEAR, _SOME_LEAP_YEAR),
            "valid_to": (last or first).replace(_EVERY_YEAR, _SOME_LEAP_YEAR),
            "yearly": str(yearly),
        },
    )


def _hsds(row: Row, table: str, cells: Mapping[str, str] | None = None, /, **more: str) -> HsdsRow:
    return table, Row(row.file, row.line, {**(cells or {}), **more})


def _languages(cells: Mapping[str, str]) -> Listed:
    text = cells.get("languages", "")
    return read_list(", ".join(_list(text)) if text.startswith("{") else text)


def _list(text: str) -> list[str]:
    """With commas between the words; or as PostgreSQL writes a list, in which a word in quotes may hold some."""
    plain = " ".join(text.split())
    is_array = plain.startswith("{") and plain.endswith("}")
    words = next(csv.reader([plain[1:-1]], escapechar="\\"), []) if is_array else plain.split(",")
    return list(dict.fromkeys(word.strip() for word in words if word.strip()))


def _areas(text: str) -> list[str]:
    """Names one by one; a list of ZIP codes stays one area."""
    names = _list(text)
    return [", ".join(names)] if names and all(name.isdecimal() for name in names) else names


def _year(text: str) -> str:
    digits = "".join(c if c.isdecimal() else " " for c in text).split()
    return next((number for number in digits if len(number) == 4), "")  # noqa: PLR2004
