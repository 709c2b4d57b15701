"""Read HSDS tables of any version, 1.0 to 3.x, as rows of HSDS 3.

Until version 3 there were two tables of addresses and two of opening hours, eligibility and payment had tables of
their own, and a service's categories stood in `service_taxonomy`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from app.directory import sheets
from app.directory.languages import read_list
from app.directory.linking import SAID_BY_SERVICES, Names, known_as
from app.directory.mapping import BY_NAME, TABLES, Table
from app.directory.packages import TABLES as TABLE_FILES
from app.directory.packages import Package
from app.directory.rows import Problem, Row

HsdsRow = tuple[str, Row]
"""A table and a row under the column names of HSDS 3."""

_OLD_FILES = frozenset(
    {
        *("physical_addresses", "physical_address", "postal_addresses", "postal_address"),
        *("regular_schedules", "regular_schedule", "holiday_schedules", "holiday_schedule"),
        *("service_taxonomy", "accessibility_for_disabilities", "payments_accepted", "eligibility"),
    }
)
_NEW_FILES = frozenset({"addresses", "schedules", "attributes", "taxonomies", "taxonomy_terms", "accessibility"})

_OLD_TERMS = "taxonomy"
ELIGIBILITY = ("eligibility", "eligibilities", "eligibilitys")
_LONGEST_ELIGIBILITY = 200_000_000
"""Characters of eligibility in a package that are kept in memory until the services come."""


@dataclass
class Known:
    """What later files need to know of earlier ones."""

    eligibility: dict[str, list[str]] = field(default_factory=dict)
    eligibility_length: int = 0
    vocabularies: set[str] = field(default_factory=set)
    without_id: set[str] = field(default_factory=set)
    names: Names = field(default_factory=Names)
    made: frozenset[str] = frozenset()
    """Tables of which there is no file, so that what other rows say of them counts."""
    terms: set[str] = field(default_factory=set)


def recognizes(package: Package) -> bool:
    """Whether the package has a table of services."""
    name = package.find(BY_NAME["service"].files)
    return name is not None and package.members[name].kind in TABLE_FILES


def version(package: Package) -> str:
    """Which HSDS this seems to be."""
    old, new = _OLD_FILES & package.members.keys(), _NEW_FILES & package.members.keys()
    if not old:
        return "HSDS 3"
    return "HSDS 1 or 2" if not new else "HSDS 2 and 3"


def rows(package: Package) -> Iterator[HsdsRow | Problem]:
    """Every row as HSDS 3 rows, in the order in which they can be written."""
    made = frozenset(table for table in _TOLD_BY if package.find(_files_of_its_own(table)) is None)
    known = Known(names=Names.in_package(package), made=made)
    yield from _eligibility(package, known)
    for table in TABLES:
        for names, convert in _sources(table):
            yield from _read(package, names, table.name, convert, known)


def parts() -> Mapping[str, tuple[tuple[str, ...], ...]]:
    """Of each table, the files it can be made of: any of them makes it."""
    return {
        table.name: (
            (*_files_of_its_own(table.name), *(name for by in _TOLD_BY.get(table.name, ()) for name in _files(by))),
        )
        for table in TABLES
    }


def extra_files() -> frozenset[str]:
    """Files that are read though no table is made of them."""
    return frozenset(ELIGIBILITY) | {"meta_table_description", "meta_table_descriptions"}


_Convert = Callable[[str, Row, Known], Iterator[HsdsRow]]


def converted(name: str, table: str, row: Row, known: Known) -> Iterator[HsdsRow]:
    """A row that stands under `name`, which may be that of a file of any version, as rows of HSDS 3."""
    yield from _CONVERT_BY_FILE.get(name, _as_it_is)(table, row, known)


def _files_of_its_own(table: str) -> tuple[str, ...]:
    return (*_files(table), _OLD_TERMS) if table == "taxonomy_term" else _files(table)


def _files(table: str) -> tuple[str, ...]:
    return tuple(name for names, _ in _sources(BY_NAME[table]) for name in names)


def _sources(table: Table) -> tuple[tuple[tuple[str, ...], _Convert], ...]:
    """The files of a table, each under its alternative names, and how they are read."""
    special = _SPECIAL.get(table.name, ())
    taken = {name for names, _ in special for name in names}
    plain = tuple(name for name in table.files if name not in taken)
    return ((plain, _as_it_is), *special)


def _read(
    package: Package, names: tuple[str, ...], table: str, convert: _Convert, known: Known
) -> Iterator[HsdsRow | Problem]:
    renamed: Mapping[str, str] | None = None
    for row in package.rows(*names):
        if isinstance(row, Problem):
            yield row
            continue
        renamed = known_as(table, row.cells) if renamed is None else renamed
        if renamed:
            cells = {renamed.get(name, name): text for name, text in row.cells.items()}
            row = Row(row.file, row.line, cells)  # noqa: PLW2901
        if "id" not in row.cells:
            if row.file not in known.without_id:
                known.without_id.add(row.file)
                yield Problem(row.file, 1, "id", "is not a column; ids were made from what the rows say", kept=True)
            id_ = known.names.id_of_row(table, row.cells) or made_id(row.cells)
            row = Row(row.file, row.line, {**row.cells, "id": id_})  # noqa: PLW2901
        known.names.note(table, row.cells)
        for linked in known.names.linked(table, row):
            yield from convert(table, linked, known)
            for told, tell in _SAID.get(table, {}).items():
                if told in known.made:
                    yield from tell(linked, known)


def made_id(cells: Mapping[str, str]) -> str:
    """An id for a row that has none: the same for the same contents."""
    text = "\x1f".join(f"{name}={cells[name]}" for name in sorted(cells) if cells[name])
    return f"made:{hashlib.blake2b(text.encode(), digest_size=12).hexdigest()}"


def _as_it_is(table: str, row: Row, _known: Known) -> Iterator[HsdsRow]:
    yield table, row


def _phone(table: str, row: Row, _known: Known) -> Iterator[HsdsRow]:
    """Until version 3 a phone had a department, and named its languages in a column."""
    department = row.cells.get("department", "")
    yield table, _with(row, description=row.cells.get("description") or department) if department else row
    if row.cells.get("language"):
        yield from _spoken_on_the_phone(row)


def _language(table: str, row: Row, _known: Known) -> Iterator[HsdsRow]:
    """A row that names several languages is as many rows, if all of them are plain."""
    cells = row.cells
    listed = read_list(cells.get("name") or cells.get("language", "")) if not cells.get("code") else None
    if listed is None or listed.rest or not listed.languages:
        yield table, row
        return
    for number, spoken in enumerate(listed.languages):
        id_ = f"{cells['id']}:{spoken.code}" if number and cells.get("id") else cells.get("id", "")
        yield table, _with(row, id=id_, name=spoken.name, code=spoken.code)


def _service(table: str, row: Row, known: Known) -> Iterator[HsdsRow]:
    texts = known.eligibility.get(row.cells.get("id", ""))
    if texts and not row.cells.get("eligibility_description"):
        row = _with(row, eligibility_description="\n".join(texts))
    if "language" in known.made and not row.cells.get("interpretation_services"):
        row = _with(row, interpretation_services=sheets.about_languages(row))
    yield table, row


def _where_given(row: Row, known: Known) -> Iterator[HsdsRow]:
    """Where a service is given, for want of a table of that."""
    cells = row.cells
    named = known.names.ids("location", _said(cells, "location"))
    for location in [cells["location_id"]] if cells.get("location_id") else named:
        more = {"id": f"{cells['id']}:at:{location}", "service_id": cells["id"], "location_id": location}
        yield "service_at_location", Row(row.file, row.line, more)


def _said(cells: Mapping[str, str], table: str) -> str:
    return next((cells[column] for column in SAID_BY_SERVICES[table] if cells.get(column)), "")


def _categories(row: Row, known: Known) -> Iterator[HsdsRow]:
    """What kind of service it is, for want of a table of that; and the terms, for want of a table of those."""
    cells = row.cells
    text = _said(cells, "taxonomy_term")
    named = known.names.ids("taxonomy_term", re.sub("[;|]", ",", text)) if text else ()
    for term in dict.fromkeys(named):
        if "taxonomy_term" in known.made and term not in known.terms:
            known.terms.add(term)
            yield "taxonomy_term", Row(row.file, row.line, {"id": term, "name": term})
        said = {"id": f"{cells['id']}:{term}", "link_id": cells["id"], "link_entity": "service"}
        yield "attribute", Row(row.file, row.line, {**said, "taxonomy_term_id": term})


_Tell = Callable[[Row, Known], Iterator[HsdsRow]]


def _in_sheets(owner: str) -> dict[str, _Tell]:
    return {told: _without_known(owner, tell) for told, tell in sheets.SAID[owner].items()}


def _without_known(owner: str, tell: sheets.Tell) -> _Tell:
    return lambda row, _known: tell(owner, row)


_SAID: Mapping[str, Mapping[str, _Tell]] = {
    "organization": _in_sheets("organization"),
    "location": _in_sheets("location"),
    "service": {
        **_in_sheets("service"),
        "service_at_location": _where_given,
        "taxonomy_term": lambda _row, _known: iter(()),
        "attribute": _categories,
    },
}
"""What rows say in columns of their own where a package has no table of it."""
_TOLD_BY: Mapping[str, tuple[str, ...]] = {
    told: tuple(owner for owner in _SAID if told in _SAID[owner])
    for told in {name for some in _SAID.values() for name in some}
}


def _spoken_on_the_phone(row: Row) -> Iterator[HsdsRow]:
    id_ = row.cells.get("id", "")
    for spoken in dict.fromkeys(part.strip() for part in row.cells["language"].replace(";", ",").split(",")):
        if id_ and spoken:
            yield "language", Row(row.file, row.line, {"id": f"phone:{id_}:{spoken}", "phone_id": id_, "name": spoken})


def _postal(table: str, row: Row, _known: Known) -> Iterator[HsdsRow]:
    yield table, _with(row, id=_prefixed("postal", row), address_type="postal")


def _physical(table: str, row: Row, _known: Known) -> Iterator[HsdsRow]:
    yield table, _with(row, address_type=row.cells.get("address_type") or "physical")


def _regular(table: str, row: Row, _known: Known) -> Iterator[HsdsRow]:
    cells = row.cells
    days = cells.get("byday") or cells.get("weekday", "")
    yield table, _with(row, byday=days, freq=cells.get("freq") or ("WEEKLY" if days else ""))


def _holiday(table: str, row: Row, _known: Known) -> Iterator[HsdsRow]:
    cells = row.cells
    first, last = cells.get("start_date", ""), cells.get("end_date", "")
    yield table, _with(row, id=_prefixed("holiday", row), valid_from=first, valid_to=last or first)


def _taxonomy(table: str, row: Row, known: Known) -> Iterator[HsdsRow]:
    """The table `taxonomy` holds terms until version 2, each with its vocabulary; from 3 on it holds taxonomies."""
    cells = row.cells
    if not {"parent_id", "parent_name", "vocabulary"} & cells.keys():
        yield table, row
        return
    vocabulary = cells.get("vocabulary", "")
    if vocabulary and vocabulary not in known.vocabularies:
        known.vocabularies.add(vocabulary)
        yield "taxonomy", Row(row.file, row.line, {"id": f"vocabulary:{vocabulary}", "name": vocabulary})
    more = {"taxonomy": vocabulary, "taxonomy_id": f"vocabulary:{vocabulary}" if vocabulary else ""}
    yield "taxonomy_term", _with(row, code=cells.get("code") or cells.get("id", ""), **more)


def _said_of_service(table: str, row: Row, _known: Known) -> Iterator[HsdsRow]:
    cells = row.cells
    yield (
        table,
        _with(
            row,
            id=_prefixed("service_taxonomy", row),
            link_id=cells.get("service_id", ""),
            link_entity="service",
            taxonomy_term_id=cells.get("taxonomy_term_id") or cells.get("taxonomy_id", ""),
            label=cells.get("taxonomy_detail", ""),
        ),
    )


def _said_of_other(table: str, row: Row, _known: Known) -> Iterator[HsdsRow]:
    """Version 2 wrote the table into `link_type`."""
    entity = row.cells.get("link_entity") or row.cells.get("link_type", "")
    yield table, _with(row, id=_prefixed("other_attribute", row), link_entity=entity, link_type="")


def _payment(table: str, row: Row, _known: Known) -> Iterator[HsdsRow]:
    yield table, _with(row, id=_prefixed("payment", row), option=row.cells.get("payment", ""))


def _eligibility(package: Package, known: Known) -> Iterator[Problem]:
    for row in package.rows(*ELIGIBILITY):
        if isinstance(row, Problem):
            yield row
        else:
            yield from note_eligibility(row, known)


def note_eligibility(row: Row, known: Known) -> Iterator[Problem]:
    """Keep a row of the table of eligibility, which there was until version 3, for its service."""
    text = row.cells.get("eligibility", "")
    service = row.cells.get("service_id", "")
    known.eligibility_length += len(text)
    if not service:
        yield Problem(row.file, row.line, "service_id", "is empty", kept=False)
    elif known.eligibility_length > _LONGEST_ELIGIBILITY:
        yield Problem(row.file, row.line, "eligibility", "is more than can be taken in at once", kept=False)
    elif text:
        known.eligibility.setdefault(service, []).append(text)


def _with(row: Row, **cells: str) -> Row:
    return Row(row.file, row.line, {**row.cells, **cells})


def _prefixed(prefix: str, row: Row) -> str:
    id_ = row.cells.get("id", "")
    return f"{prefix}:{id_}" if id_ else ""


_SPECIAL: Mapping[str, tuple[tuple[tuple[str, ...], _Convert], ...]] = {
    "taxonomy": (((_OLD_TERMS,), _taxonomy),),
    "phone": ((BY_NAME["phone"].files, _phone),),
    "language": ((BY_NAME["language"].files, _language),),
    "service": ((BY_NAME["service"].files, _service),),
    "address": (
        (("physical_addresses", "physical_address"), _physical),
        (("postal_addresses", "postal_address", "mail_addresses"), _postal),
    ),
    "schedule": (
        (("regular_schedules", "regular_schedule"), _regular),
        (("holiday_schedules", "holiday_schedule"), _holiday),
    ),
    "attribute": (
        (("service_taxonomy", "service_taxonomies", "services_taxonomy", "service_taxonomys"), _said_of_service),
        (("service_attributes", "service_attribute"), _said_of_service),
        (("other_attributes", "other_attribute"), _said_of_other),
    ),
    "cost_option": ((("payments_accepted", "payment_accepted"), _payment),),
}

_CONVERT_BY_FILE: Mapping[str, _Convert] = {
    name: convert for sources in _SPECIAL.values() for names, convert in sources for name in names
}
