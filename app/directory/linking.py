"""Find the rows that a table speaks of by name, as Airtable and spreadsheets do, and not by id."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from app.directory import sheets
from app.directory.mapping import BY_NAME, TABLES
from app.directory.packages import TABLES as TABLE_FILES
from app.directory.packages import Package
from app.directory.rows import Row

LARGEST = 64 * 1024 * 1024
"""Bytes of a package; a larger one comes out of no spreadsheet, and all its names would have to be remembered."""
MOST_NAMES = 200
"""In one cell."""
SAID_BY_SERVICES: Mapping[str, tuple[str, ...]] = {
    "location": ("locations", "location", "location_name"),
    "taxonomy_term": ("taxonomy_terms", "taxonomy_term", "taxonomy", "categories", "category"),
}
"""Columns in which services name the rows of a table that lies between them and others, where it was left away."""
_IDS = re.compile(r"(?:^|(?<=_))(?:uuid|guid|record_?id)$")
"""What other databases call their ids."""
_PLAIN: Mapping[str, frozenset[str]] = {
    table.name: frozenset(
        {
            "id",
            *(name for column in table.columns for name in (column.name, *column.also)),
            *(link.name for link in table.links),
            *(sheets.AREAS if table.name == "service" else ()),
        }
    )
    for table in TABLES
}
"""Columns of each table that are called as they should be."""


@dataclass(frozen=True, slots=True)
class _Link:
    column: str
    """Where HSDS has the id."""
    table: str
    """Of which it is a row."""
    given: str
    """The column that holds names instead."""


@dataclass
class Names:
    """The ids of those rows that others name."""

    links: Mapping[str, tuple[_Link, ...]] = field(default_factory=dict)
    """By the table that names them."""
    _ids: dict[str, dict[str, str | None]] = field(default_factory=dict)
    """By table and name; None for a name that several rows have."""

    @classmethod
    def in_package(cls, package: Package) -> Names:
        """What is named in the columns of this package."""
        links = {table.name: tuple(_links(package, table.name)) for table in TABLES}
        named = {link.table for some in links.values() for link in some}
        services = _columns(package, "service")
        named |= {table for table, columns in SAID_BY_SERVICES.items() if services.intersection(columns)}
        return cls(links, {table: {} for table in named})

    def id_of_row(self, table: str, cells: Mapping[str, str]) -> str | None:
        """What a row without an id is known by, if others name it."""
        return cells.get("name") or None if table in self._ids else None

    def note(self, table: str, cells: Mapping[str, str]) -> None:
        """Remember a row that others may name."""
        if table not in self._ids:
            return
        name, id_ = cells.get("name", ""), cells.get("id", "")
        if name and id_:
            ids = self._ids[table]
            ids[_key(name)] = id_ if ids.get(_key(name), id_) == id_ else None

    def linked(self, table: str, row: Row) -> Iterator[Row]:
        """The row with ids in place of names; several when it may belong to several, and names them."""
        if not self.links.get(table):
            yield row
            return
        rows = [row.cells]
        for link in self.links[table]:
            ids = self.ids(link.table, row.cells.get(link.given, ""))
            wanted = ids if BY_NAME[table].belongs else ids[:1]
            several = ({**cells, link.column: id_} for cells in rows for id_ in wanted)
            rows = list(islice(several, MOST_NAMES)) or rows
        for number, cells in enumerate(rows):
            id_ = cells.get("id", "")
            yield Row(row.file, row.line, {**cells, "id": f"{id_}:{number + 1}"} if number and id_ else cells)

    def ids(self, table: str, text: str) -> list[str]:
        """The rows that a cell names, or holds the ids of: one, or several with commas, quoted where a name has one."""
        known = self._ids.get(table, {})
        if not text or _key(text) in known:
            return [known.get(_key(text)) or text] if text else []
        try:
            parts = next(csv.reader([" ".join(text.split())], skipinitialspace=True))
        except csv.Error:
            parts = [text]
        return [known.get(_key(part)) or part.strip() for part in parts[:MOST_NAMES] if part.strip()]


def known_as(table: str, columns: Iterable[str]) -> dict[str, str]:
    """What HSDS calls the columns that carry the table's name in front or another word for id: service_uuid."""
    given = frozenset(columns)
    found: dict[str, str] = {}
    for column in sorted(given - _PLAIN[table]):
        name = _IDS.sub("id", column)
        for prefix in (f"{table}_", f"{table.partition('_')[0]}_"):
            if name not in _PLAIN[table]:
                name = name.removeprefix(prefix)
        if name != column and name not in given and name not in found.values():
            found[column] = name
    return found


def _links(package: Package, table: str) -> Iterator[_Link]:
    columns = _columns(package, table)
    for link in BY_NAME[table].links:
        stem = link.name.removesuffix("_id")
        given = next((one for one in (stem, f"{stem}s", f"{stem}_name") if one in columns), None)
        if given and link.name not in columns and package.find(BY_NAME[link.table].files):
            yield _Link(link.name, link.table, given)


def _columns(package: Package, table: str) -> frozenset[str]:
    name = package.find(BY_NAME[table].files)
    if name is None or package.members[name].kind not in TABLE_FILES or package.bytes_total > LARGEST:
        return frozenset()
    columns = package.columns(name)
    renamed = known_as(table, columns)
    return frozenset(renamed.get(column, column) for column in columns)


def _key(name: str) -> str:
    return " ".join(name.split()).casefold()
