"""What tables made by hand say in columns of their own where HSDS has tables: phones, hours, addresses, areas, papers.

A column counts where a package has no table of it, and of a cell only what is text: codes and nested objects do not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from app.directory.flat import read_hours
from app.directory.languages import read_list
from app.directory.mapping import STREET
from app.directory.rows import Row

HsdsRow = tuple[str, Row]
"""A table and a row under the column names of HSDS 3."""
Tell = Callable[[str, Row], Iterator[HsdsRow]]
"""What a row of a table says of another table."""

MOST_PARTS = 200
"""Of one cell."""

_PHONES = ("phone", "phones", "phone_number", "telephone", "phone_numbers")
_HOURS = ("hours", "hours_of_operation", "opening_hours", "schedule", "x_schedule")
_STREETS = ("address_1", "address", *STREET)
AREAS = ("service_areas", "service_area", "areas_served", "area_served", "coverage_area")
_PAPERS = ("required_documents", "required_document", "documents_required")
_LANGUAGES = ("languages", "language")
_NOTHING = frozenset({"none", "none required", "n/a", "no"})

_PARTS = re.compile(r"[;|\n]")
_NUMBERS = re.compile(r"[;|,\n]")
_LABEL = re.compile(r"([^\d:(+]{2,40}):(.+)")
_DIGITS_OF_A_PHONE = 7


def _phones(owner: str, row: Row) -> Iterator[HsdsRow]:
    numbers: list[str] = []
    for part in _parts(_said(row, _PHONES), _NUMBERS):
        if numbers and sum(map(str.isdigit, part)) < _DIGITS_OF_A_PHONE:
            numbers[-1] = f"{numbers[-1]}, {part}"  # an extension, or when to call
        else:
            numbers.append(part)
    for place, text in enumerate(numbers, start=1):
        labeled = _LABEL.fullmatch(text)
        label, number = labeled.groups() if labeled else ("", text)
        yield _made(row, "phone", owner, f"phone:{place}", number=number.strip(), description=label)


def _hours(owner: str, row: Row) -> Iterator[HsdsRow]:
    for place, stretch in enumerate(read_hours(_said(row, _HOURS)), start=1):
        yield _made(row, "schedule", owner, f"hours:{place}", **stretch)


def _address(owner: str, row: Row) -> Iterator[HsdsRow]:
    cells = row.cells
    street = _said(row, _STREETS)
    if street or cells.get("city"):
        region = cells.get("region") or cells.get("county", "")
        yield _made(row, "address", owner, "address", **{**cells, "address_1": street, "region": region})


def _areas(owner: str, row: Row) -> Iterator[HsdsRow]:
    for area in _parts(_said(row, AREAS), _PARTS):
        yield _made(row, "service_area", owner, f"area:{area}", name=area)


def _papers(owner: str, row: Row) -> Iterator[HsdsRow]:
    for paper in _parts(_said(row, _PAPERS), _PARTS):
        if paper.casefold().strip(" .") not in _NOTHING:
            yield _made(row, "required_document", owner, f"paper:{paper}", document=paper)


def about_languages(row: Row) -> str:
    """What is said of languages beyond their names: “Spanish via interpreter”."""
    return read_list(_said(row, _LANGUAGES)).rest or ""


def _languages(owner: str, row: Row) -> Iterator[HsdsRow]:
    for spoken in read_list(_said(row, _LANGUAGES)).languages:
        yield _made(row, "language", owner, f"speaks:{spoken.code}", name=spoken.name, code=spoken.code)


SAID: Mapping[str, Mapping[str, Tell]] = {
    "organization": {"phone": _phones},
    "location": {"address": _address, "phone": _phones, "language": _languages, "schedule": _hours},
    "service": {
        "phone": _phones,
        "language": _languages,
        "schedule": _hours,
        "service_area": _areas,
        "required_document": _papers,
    },
}
"""By the table that says it, and the table that it is said of."""


def _said(row: Row, columns: Sequence[str]) -> str:
    text = next((row.cells[column] for column in columns if row.cells.get(column)), "")
    return "" if text.startswith(("[", "{")) else text


def _parts(text: str, between: re.Pattern[str]) -> list[str]:
    parts = (" ".join(part.split()) for part in between.split(text)[:MOST_PARTS])
    return list(dict.fromkeys(filter(None, parts)))


def _made(row: Row, table: str, owner: str, what: str, **cells: str) -> HsdsRow:
    id_ = row.cells.get("id", "")
    made = {"id": f"{owner}:{id_}:{what}" if id_ else "", f"{owner}_id": id_}
    return table, Row(row.file, row.line, {**cells, **made})
