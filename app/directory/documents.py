"""Read a directory that comes as JSON: HSDS 3 objects with what belongs to them inside, as its API writes them.

One object may be a list, a line of its own, a page with `contents`, or the whole directory under the names of its
tables. Objects are read one at a time; a file of any length takes the memory of its largest object.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.directory.mapping import TABLES
from app.directory.packages import BROKEN, DOCUMENTS, Member, Package, broken
from app.directory.rows import Problem, Row, encoding_of, normal_name

LARGEST_OBJECT = 16 * 1024 * 1024
"""Characters of one object, such as an organization with all its services."""
DEEPEST = 12
MOST_INSIDE = 50_000
"""Rows that one object may give rise to."""

HsdsRow = tuple[str, Row]

_PAGES = ("contents", "items", "data", "results")
"""Under which a page has its objects: HSDS's name first."""

_TABLE_OF = {name: table.name for table in TABLES for name in (table.name, *table.files)} | {
    "capacities": "service_capacity",
    "additional_urls": "url",
    "additional_websites": "url",
    "taxonomy_detail": "taxonomy",
    "identifiers": "organization_identifier",
    "costs": "cost_option",
    "service_at_locations": "service_at_location",
    "physical_addresses": "address",
    "parent_organization": "organization",
}
_LINKS = {table.name: frozenset(link.name for link in table.links) for table in TABLES}
_CHUNK = 256 * 1024
_SPACE = " \t\r\n\ufeff\x1e"
_DECODER = json.JSONDecoder()
_PAGE = re.compile(rf'"(?:{"|".join([*_PAGES, *_TABLE_OF])})"\s*:\s*\[')
_BEGINNING = 2000

# What an object is when nothing else says so: the first of which it has a field.
_SIGNS = (
    ("service_at_location", ("location", "location_id")),
    (
        "service",
        ("organization", "organization_id", "service_at_locations", "service_areas", "eligibility_description"),
    ),
    ("location", ("addresses", "latitude", "location_type")),
    ("taxonomy_term", ("taxonomy_detail", "taxonomy", "parent_id", "code", "term_uri")),
    ("organization", ("services", "locations", "programs", "website", "legal_status", "tax_status", "email")),
    ("taxonomy", ("version", "uri")),
    ("organization", ("name",)),
)


def recognizes(package: Package) -> bool:
    """Whether any of the package's JSON files begins as a directory's would."""
    return any(_looks_like_directory(name, package.members[name]) for name in _names(package))


def rows(package: Package) -> Iterator[HsdsRow | Problem]:
    """Every object and what is in it as HSDS rows."""
    for name in _names(package):
        member = package.members[name]
        on_read = package.begin(name)
        try:
            for entry, value in _objects(name, member, on_read):
                if isinstance(value, str):
                    yield Problem(member.file, entry, None, value, kept=False)
                else:
                    yield from _Reading(member.file, entry).rows(*value)
        except BROKEN as error:
            yield broken(member.file, error)
        package.end(name)


def _names(package: Package) -> list[str]:
    """The JSON files; those first that others speak of."""
    order = {name: place for place, name in enumerate(_TABLE_OF[name] for name in _TABLE_OF)}
    found = [name for name, member in package.members.items() if member.kind in DOCUMENTS]
    return sorted(found, key=lambda name: (order.get(_TABLE_OF.get(name, ""), len(order)), name))


def _looks_like_directory(name: str, member: Member) -> bool:
    if name in _TABLE_OF:
        return True
    try:
        for _entry, value in _objects(name, member, lambda _position: None):
            if not isinstance(value, str):
                table, cells = value
                return table != "organization" or "name" in cells
            return False
    except BROKEN:
        return False
    return False


_Object = tuple[str, dict[str, Any]]


def _objects(name: str, member: Member, on_read: Callable[[int], None]) -> Iterator[tuple[int, _Object | str]]:
    """The objects of a file with the table of each, numbered; or why one cannot be read."""
    with member.open() as stream:
        encoding = encoding_of(stream)
    with member.open() as stream, encoding.text(stream) as text:
        if encoding.note:
            yield 1, encoding.note
        reader = _Reader(text.read)
        for number, (said, value) in enumerate(reader.values(_TABLE_OF.get(name)), start=1):
            on_read(stream.tell())
            if isinstance(value, dict):
                yield number, (said or _table_of(value), value)
            else:
                yield number, value if isinstance(value, str) else "is no object"


def _table_of(value: Mapping[str, Any]) -> str:
    return next((table for table, signs in _SIGNS if any(value.get(sign) for sign in signs)), "organization")


@dataclass
class _Reader:
    """The objects in a stream of JSON, however they are wrapped, and sentences in place of what cannot be read."""

    read: Callable[[int], str]
    text: str = ""
    ended: bool = False

    def values(self, table: str | None) -> Iterator[tuple[str | None, Any]]:
        while self._skip(_SPACE + ","):
            if self.text[0] == "[":
                self.text = self.text[1:]
                yield from self._list(table)
            elif self.text[0] == "{":
                yield from self._object(table)
            else:
                yield table, "is not JSON; the line was passed over"
                self._pass_over_line()

    def _list(self, table: str | None) -> Iterator[tuple[str | None, Any]]:
        while self._skip(_SPACE + ","):
            if self.text[0] == "]":
                self.text = self.text[1:]
                return
            value = self._decoded()
            if isinstance(value, _Unreadable):
                # Nobody can tell where in a list the next object begins: a part of this one could pass for one.
                yield table, f"{value.reason}; the rest of the file was not read"
                self._give_up()
                return
            yield table, value if isinstance(value, dict) else "is no object"
        yield table, "the file ends within a list"

    def _object(self, table: str | None) -> Iterator[tuple[str | None, Any]]:
        """One object; of a page, those in it. What does not fit into memory at once is read key by key."""
        value = self._decoded()
        if isinstance(value, dict):
            yield from _unwrapped(table, value)
        elif value.too_long or self._begins_page():
            yield from self._long_object(table)
        else:
            yield table, f"{value.reason}; the line was passed over"
            self._pass_over_line()

    def _long_object(self, table: str | None) -> Iterator[tuple[str | None, Any]]:
        self.text = self.text[1:]
        rest: dict[str, Any] = {}
        while self._skip(_SPACE + ","):
            if self.text[0] == "}":
                self.text = self.text[1:]
                if not _is_wrapping(rest):
                    yield table, rest
                return
            key = self._decoded()
            if not isinstance(key, str) or not self._skip(_SPACE) or self.text[0] != ":":
                break
            self.text = self.text[1:]
            self._skip(_SPACE)
            inside = normal_name(key)
            if self.text[:1] == "[" and "id" not in rest and (inside in _PAGES or inside in _TABLE_OF):
                self.text = self.text[1:]
                yield from self._list(table if inside in _PAGES else _TABLE_OF[inside])
                continue
            value = self._decoded()
            if isinstance(value, _Unreadable):
                break
            rest[key] = value
        yield table, "is not JSON from here on; the rest of the file was not read"
        self._give_up()

    def _begins_page(self) -> bool:
        """Whether what begins here is a page or a whole directory, rather than an object that stands for itself."""
        page = _PAGE.search(self.text, 0, _BEGINNING)
        return page is not None and '"id"' not in self.text[: page.start()]

    def _decoded(self) -> Any:  # noqa: ANN401  whatever JSON holds
        """The next value; more is read until it is whole."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self.text)
            except json.JSONDecodeError as error:
                # A mistake well before the end of what was read is one that no more text will mend.
                settled = error.pos < len(self.text) - _CHUNK // 4 and not error.msg.startswith("Unterminated")
                if settled or self.ended:
                    return _Unreadable(f"is not JSON: {error.msg}, character {error.pos:,} of it")
                if len(self.text) >= LARGEST_OBJECT:
                    return _Unreadable(f"is longer than {LARGEST_OBJECT:,} characters", too_long=True)
                self._more(len(self.text))
                continue
            except RecursionError:
                return _Unreadable("is nested too deeply")
            if end == len(self.text) and not self.ended and not isinstance(value, dict | list | str):
                self._more()  # a number may go on
                continue
            self.text = self.text[end:]
            return value

    def _skip(self, what: str) -> bool:
        """Pass over these characters; whether anything is left."""
        self.text = self.text.lstrip(what)
        while not self.text and not self.ended:
            self._more()
            self.text = self.text.lstrip(what)
        if len(self.text) < _CHUNK // 16:
            self._more()
        return bool(self.text)

    def _more(self, least: int = 0) -> None:
        chunk = self.read(max(_CHUNK, least)) if not self.ended else ""
        self.ended = not chunk
        self.text += chunk

    def _give_up(self) -> None:
        self.text, self.ended = "", True

    def _pass_over_line(self) -> None:
        while "\n" not in self.text and not self.ended:
            self.text = ""
            self._more()
        self.text = self.text.partition("\n")[2]


@dataclass(frozen=True, slots=True)
class _Unreadable:
    reason: str
    too_long: bool = False


def _is_wrapping(value: Mapping[str, Any]) -> bool:
    """Whether an object is only there for what is in it."""
    return "id" not in value and not value.get("name")


def _unwrapped(table: str | None, value: dict[str, Any]) -> Iterator[tuple[str | None, Any]]:
    if not _is_wrapping(value):
        yield table, value
        return
    lists = [(normal_name(key), inside) for key, inside in value.items() if isinstance(inside, list)]
    lists = [(name, inside) for name, inside in lists if name in _PAGES or name in _TABLE_OF]
    if not lists:
        yield table, value
    order = [name.name for name in TABLES]
    lists.sort(key=lambda pair: order.index(_TABLE_OF[pair[0]]) if pair[0] in _TABLE_OF else -1)
    for name, inside in lists:
        for one in inside:
            yield _TABLE_OF.get(name, table or ""), one if isinstance(one, dict) else "is no object"


@dataclass
class _Reading:
    """One object on its way to rows."""

    file: str
    entry: int
    made: int = 0

    def rows(self, table: str, value: dict[str, Any]) -> Iterator[HsdsRow | Problem]:
        yield from self._rows(table, value, {}, f"{self.file}:{self.entry}", DEEPEST)
        if self.made > MOST_INSIDE:
            reason = f"has more than {MOST_INSIDE:,} rows in it; the rest was left out"
            yield Problem(self.file, self.entry, None, reason, kept=False)

    def _rows(
        self, table: str, value: dict[str, Any], given: Mapping[str, str], place: str, depth: int
    ) -> Iterator[HsdsRow | Problem]:
        """The row of one object between those that it speaks of and those that speak of it."""
        self.made += 1
        if self.made > MOST_INSIDE:
            return
        named = {normal_name(key): inside for key, inside in value.items()}
        plain = {name: inside for name, inside in named.items() if not _is_nested(name, inside)}
        cells = {**given, **{name: text for name, inside in plain.items() if (text := _text(inside))}}
        # What stands inside another object often has no id of its own; its place in there is one.
        id_ = cells.setdefault("id", place) if given else cells.get("id", "")
        before: list[HsdsRow | Problem] = []
        after: list[HsdsRow | Problem] = []
        for name, inside in named.items():
            if name in plain or not depth:
                continue
            for number, one in enumerate(inside if isinstance(inside, list) else [inside], start=1):
                if not isinstance(one, dict):
                    continue
                child = _TABLE_OF[name]
                where = f"{id_ or place}:{name}:{number}"
                if isinstance(inside, list):
                    after.extend(self._rows(child, one, _said_of(table, id_, child), where, depth - 1))
                else:
                    before.extend(self._rows(child, one, {"id": where}, where, depth - 1))
                    link = _link(table, name, child)
                    cells[link] = cells.get(link) or _text(one.get("id")) or where
        yield from before
        yield table, Row(self.file, self.entry, cells)
        yield from after
        if table == "service":
            yield from self._offers(id_, named.get("locations"))

    def _offers(self, service: str, locations: object) -> Iterator[HsdsRow]:
        """Where a service is given, when its locations stand in it without anything between."""
        for location in locations if isinstance(locations, list) else ():
            if isinstance(location, dict) and (id_ := _text(location.get("id"))):
                cells = {"id": f"{service}:at:{id_}", "service_id": service, "location_id": id_}
                yield "service_at_location", Row(self.file, self.entry, cells)


def _is_nested(name: str, inside: object) -> bool:
    if name not in _TABLE_OF or not isinstance(inside, dict | list):
        return False
    return isinstance(inside, dict) or any(isinstance(one, dict) for one in inside)


def _link(table: str, name: str, child: str) -> str:
    return next((link for link in (f"{name}_id", f"{child}_id") if link in _LINKS[table]), f"{child}_id")


def _said_of(table: str, id_: str, child: str) -> dict[str, str]:
    """The cells by which a row inside another says whose it is."""
    if child == "attribute":
        return {"link_id": id_, "link_entity": table}
    if child == "metadata":
        return {"resource_id": id_, "resource_type": table}
    return {f"{table}_id": id_} if f"{table}_id" in _LINKS[child] else {"": ""}


def _text(value: object) -> str:
    """A value as a table would write it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value.replace("\0", "").strip()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list) and all(isinstance(one, str | int | float) for one in value):
        return ", ".join(map(str, value))
    return json.dumps(value, ensure_ascii=False)
