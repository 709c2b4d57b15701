"""Read a directory that comes as JSON: HSDS 3 objects with what belongs to them inside, as its API writes them.

One object may be a list, a line of its own, a page with `contents`, or the whole directory under the names of its
tables. Objects are read one at a time; a file of any length takes the memory of its largest object.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.directory import hsds
from app.directory.mapping import TABLES
from app.directory.packages import DOCUMENTS, Member, Package, broken
from app.directory.rows import BROKEN, Problem, Row, encoding_of, normal_name

LARGEST_OBJECT = 16 * 1024 * 1024
"""Characters of one object, such as an organization with all its services."""
DEEPEST = 12
MOST_INSIDE = 50_000
"""Rows that one object may give rise to."""

HsdsRow = tuple[str, Row]

_PAGES = ("contents", "content", "items", "data", "results")
"""Under which a page has its objects: HSDS's name first, then that of Open Referral UK."""

_TABLE_OF = {name: table.name for table in TABLES for name in (table.name, *table.files)} | {
    "capacities": "service_capacity",
    "additional_urls": "url",
    "additional_websites": "url",
    "taxonomy_detail": "taxonomy",
    "identifiers": "organization_identifier",
    "costs": "cost_option",
    "service_at_locations": "service_at_location",
    "physical_addresses": "address",
    "postal_addresses": "address",
    "holiday_schedules": "schedule",
    "holiday_schedule": "schedule",
    "regular_schedule": "schedule",
    **dict.fromkeys(("service_taxonomy", "service_taxonomys", "service_taxonomies", "services_taxonomy"), "attribute"),
    "parent_organization": "organization",
}
_SAID_IN_WORDS = {
    "languages": "name",
    "phones": "number",
    "service_areas": "name",
    "required_documents": "document",
    "cost_options": "option",
    "schedules": "description",
}
"""Lists of objects for which some write texts, and the field that such a text is."""
_ORDER = {table.name: place for place, table in enumerate(TABLES)}
"""In which tables are written, so that what a row speaks of is there before it."""
_LINKS = {table.name: frozenset(link.name for link in table.links) for table in TABLES}
_COLUMNS = {table.name: frozenset(column.name for column in table.columns) for table in TABLES}
_CHUNK = 256 * 1024
_SPACE = " \t\r\n\ufeff\x1e"
# Numbers stay as they are written: the rules for a cell judge them, and a number of 5,000 digits is no int.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
_PAGE = re.compile(rf'"(?:{"|".join([*_PAGES, *_TABLE_OF])})"\s*:\s*\[')
_BEGINNING = 2000
_SIGN = re.compile(r'"|[\[\]{}]|\\.', re.DOTALL)

# What an object is when nothing else says so: the first of which it has a field.
_SIGNS = (
    ("service_at_location", ("location", "location_id")),
    (
        "service",
        (
            "organization",
            "organization_id",
            "service_at_locations",
            "service_areas",
            "eligibility_description",
            "status",
        ),
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
    known = hsds.Known()
    for name in _names(package):
        member = package.members[name]
        on_read = package.begin(name)
        try:
            for entry, value in _objects(name, member, on_read):
                if isinstance(value, str):
                    yield Problem(member.file, entry, None, value, kept=False)
                elif name in hsds.ELIGIBILITY:
                    cells = {key: _text(key, inside) for key, inside in _named(value[1])}
                    yield from hsds.note_eligibility(Row(member.file, entry, cells), known)
                else:
                    yield from _Reading(member.file, entry, known).rows(*value)
        except BROKEN as error:
            yield broken(member.file, error)
        package.end(name)


def _names(package: Package) -> list[str]:
    """The JSON files; those first that others speak of, or that were made part of others in HSDS 3."""
    found = [name for name, member in package.members.items() if member.kind in DOCUMENTS]
    order = {**_ORDER, **dict.fromkeys(hsds.ELIGIBILITY, -1)}

    def place(name: str) -> int:
        return order.get(_TABLE_OF.get(_named_after(name)) or name, len(order))

    return sorted(found, key=lambda name: (place(name), name))


def _named_after(file: str) -> str:
    """The table's name in that of a file, as in `services` and `services_page_3`; empty when there is none."""
    return next((name for name in (file, re.sub(r"(?:_page)?_\d+$", "", file)) if name in _TABLE_OF), "")


def _looks_like_directory(name: str, member: Member) -> bool:
    if _named_after(name):
        return True
    try:
        for _entry, value in _objects(name, member, lambda _position: None):
            if not isinstance(value, str):
                under, cells = value
                return _table_of(under, cells) != "organization" or "name" in cells
            return False
    except BROKEN:
        return False
    return False


_Object = tuple[str, dict[str, Any]]
"""The name under which it stands, if that is a table's, and what is in it."""


def _objects(name: str, member: Member, on_read: Callable[[int], None]) -> Iterator[tuple[int, _Object | str]]:
    """The objects of a file, numbered; or why one cannot be read."""
    with member.open() as stream:
        encoding = encoding_of(stream)
    with member.open() as stream, encoding.text(stream) as text:
        if encoding.note:
            yield 1, encoding.note
        reader = _Reader(text.read)
        for number, (under, value) in enumerate(reader.values(_named_after(name)), start=1):
            on_read(stream.tell())
            if isinstance(value, dict):
                yield number, (under, value)
            else:
                yield number, value if isinstance(value, str) else "is no object"


def _table_of(under: str, value: Mapping[str, Any]) -> str:
    if under in _TABLE_OF:
        return _TABLE_OF[under]
    return next((table for table, signs in _SIGNS if any(value.get(sign) for sign in signs)), "organization")


@dataclass
class _Reader:
    """The objects in a stream of JSON, however they are wrapped, and sentences in place of what cannot be read."""

    read: Callable[[int], str]
    text: str = ""
    ended: bool = False

    def values(self, under: str) -> Iterator[tuple[str, Any]]:
        while self._skip(_SPACE + ","):
            if self.text[0] == "[":
                self.text = self.text[1:]
                yield from self._list(under)
            elif self.text[0] == "{":
                yield from self._object(under)
            else:
                yield under, "is not JSON; the line was passed over"
                self._pass_over_line()

    def _list(self, under: str) -> Iterator[tuple[str, Any]]:
        while self._skip(_SPACE + ","):
            if self.text[0] == "]":
                self.text = self.text[1:]
                return
            value = self._decoded()
            if isinstance(value, _Unreadable):
                if value.too_long and self._pass_over_value():
                    yield under, f"{value.reason}; it was left out"
                    continue
                # Nobody can tell where in a list the next object begins: a part of this one could pass for one.
                yield under, f"{value.reason}; the rest of the file was not read"
                self._give_up()
                return
            yield under, value if isinstance(value, dict) else "is no object"
        yield under, "the file ends within a list"

    def _object(self, under: str) -> Iterator[tuple[str, Any]]:
        """One object; of a page, those in it. What does not fit into memory at once is read key by key."""
        value = self._decoded()
        if isinstance(value, dict):
            yield from _unwrapped(under, value)
        elif value.too_long or self._begins_page():
            yield from self._long_object(under)
        else:
            yield under, f"{value.reason}; the line was passed over"
            self._pass_over_line()

    def _long_object(self, under: str) -> Iterator[tuple[str, Any]]:
        self.text = self.text[1:]
        rest: dict[str, Any] = {}
        while self._skip(_SPACE + ","):
            if self.text[0] == "}":
                self.text = self.text[1:]
                if not _is_wrapping(rest):
                    yield under, rest
                return
            key = self._decoded()
            if not isinstance(key, str) or not self._skip(_SPACE) or self.text[0] != ":":
                break
            self.text = self.text[1:]
            self._skip(_SPACE)
            inside = normal_name(key)
            if self.text[:1] == "[" and "id" not in rest and (inside in _PAGES or inside in _TABLE_OF):
                self.text = self.text[1:]
                yield from self._list(under if inside in _PAGES else inside)
                continue
            value = self._decoded()
            if not isinstance(value, _Unreadable):
                rest[key] = value
            elif value.too_long and self._pass_over_value():
                yield under, f"“{key[:60]}” {value.reason}; it was left out"
            else:
                break
        yield under, "is not JSON from here on; the rest of the file was not read"
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
            if end == len(self.text) and not self.ended and self.text[-1] not in '"]}':
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

    def _pass_over_value(self) -> bool:
        """Pass over a value that is too long to be kept; False when the file ends within it."""
        depth, in_string = 0, False
        while self.text[:1] in '"[{' or depth or in_string:
            for sign in _SIGN.finditer(self.text):
                if sign[0] == '"':
                    in_string = not in_string
                elif not in_string:
                    depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(sign[0], 0)
                if not depth and not in_string:
                    self.text = self.text[sign.end() :]
                    return True
            # Half of an escaped sign waits for its other half.
            self.text = "\\" * ((len(self.text) - len(self.text.rstrip("\\"))) % 2)
            self._more()
            if self.ended:
                break
        return False

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


def _unwrapped(under: str, value: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    if not _is_wrapping(value):
        yield under, value
        return
    lists = [(normal_name(key), inside) for key, inside in value.items() if isinstance(inside, list)]
    lists = [(name, inside) for name, inside in lists if name in _PAGES or name in _TABLE_OF]
    if not lists:
        yield under, value
    lists.sort(key=lambda pair: _ORDER[_TABLE_OF[pair[0]]] if pair[0] in _TABLE_OF else -1)
    for name, inside in lists:
        for one in inside:
            yield name if name in _TABLE_OF else under, one if isinstance(one, dict) else "is no object"


@dataclass(frozen=True, slots=True)
class _Stand:
    """Where an object stands."""

    place: str
    """What can serve as its id."""
    given: Mapping[str, str] = field(default_factory=dict)
    """The cells that it has of the object around it."""
    under: str = ""
    """The name it has there."""
    depth: int = DEEPEST
    """How many more it may have inside of it, one in the other."""


@dataclass
class _Reading:
    """One object on its way to rows."""

    file: str
    entry: int
    known: hsds.Known
    made: int = 0

    def rows(self, under: str, value: dict[str, Any]) -> Iterator[HsdsRow | Problem]:
        yield from self._rows(_table_of(under, value), value, _Stand(f"{self.file}:{self.entry}", under=under))
        if self.made > MOST_INSIDE:
            reason = f"has more than {MOST_INSIDE:,} rows in it; the rest was left out"
            yield Problem(self.file, self.entry, None, reason, kept=False)

    def _rows(self, table: str, value: dict[str, Any], stand: _Stand) -> Iterator[HsdsRow | Problem]:
        """The row of one object between those that it speaks of and those that speak of it."""
        self.made += 1
        if self.made > MOST_INSIDE:
            return
        named = {name: _objects_for(name, inside) for name, inside in _named(value)}
        nested = {name: inside for name, inside in named.items() if _is_nested(name, inside)}
        plain = {name: inside for name, inside in named.items() if name not in nested}
        cells = {**stand.given, **{name: text for name, inside in plain.items() if (text := _text(name, inside))}}
        if table == "service":
            cells = {**_eligibility(named), **cells}
        # What stands inside another object often has no id of its own; its place in there is one.
        id_ = cells.setdefault("id", stand.place) if stand.given else cells.get("id", "")
        before: list[HsdsRow | Problem] = []
        after: list[HsdsRow | Problem] = []
        for name, number, one in _inside(nested) if stand.depth else ():
            child = _TABLE_OF[name]
            place = f"{id_ or stand.place}:{name}:{number}"
            stands_elsewhere = one.keys() == {"id"}
            if isinstance(nested[name], list):
                given = _said_of(table, id_, child)
                if not stands_elsewhere:
                    after.extend(self._rows(child, one, _Stand(place, given, name, stand.depth - 1)))
            else:
                if not stands_elsewhere:
                    before.extend(self._rows(child, one, _Stand(place, {"id": place}, name, stand.depth - 1)))
                link = _link(table, name, child)
                cells[link] = cells.get(link) or _text("id", one.get("id")) or place
        if nested and not stand.depth:
            reason = f"stands {DEEPEST} objects deep; what is inside of it was left out"
            yield Problem(self.file, self.entry, stand.under, reason, kept=True)
        yield from before
        yield from self._misplaced(table, plain, cells)
        yield from hsds.converted(stand.under, table, Row(self.file, self.entry, cells), self.known)
        yield from after
        if table == "service":
            yield from self._offers(id_, [named.get(name) for name in ("locations", "location_ids", "location_id")])

    def _misplaced(self, table: str, plain: Mapping[str, Any], cells: Mapping[str, str]) -> Iterator[Problem]:
        for name, inside in plain.items():
            if isinstance(inside, dict) and name in _COLUMNS[table] and name not in cells:
                yield Problem(self.file, self.entry, name, "is an object and no text; it was left out", kept=True)

    def _offers(self, service: str, said: list[object]) -> Iterator[HsdsRow]:
        """Where a service is given, when its locations, or their ids, stand in it without anything between."""
        listed = [one for some in said for one in (some if isinstance(some, list) else [some])]
        ids = [_text("id", one.get("id") if isinstance(one, dict) else one) for one in listed]
        for id_ in dict.fromkeys(filter(None, ids)):
            cells = {"id": f"{service}:at:{id_}", "service_id": service, "location_id": id_}
            yield "service_at_location", Row(self.file, self.entry, cells)


def _inside(nested: Mapping[str, Any]) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """The objects under each name, numbered."""
    for name, inside in nested.items():
        for number, one in enumerate(inside if isinstance(inside, list) else [inside], start=1):
            if isinstance(one, dict):
                yield name, number, one


def _named(value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((normal_name(key), inside) for key, inside in value.items())


def _objects_for(name: str, inside: object) -> object:
    """Objects where a text or a list of texts stands for them."""
    if name not in _SAID_IN_WORDS or isinstance(inside, dict):
        return inside
    listed = inside if isinstance(inside, list) else [inside]
    return [{_SAID_IN_WORDS[name]: one} if isinstance(one, str) and one.strip() else one for one in listed]


def _eligibility(named: Mapping[str, Any]) -> dict[str, str]:
    """What a service's own fields say since HSDS 3, from the list of objects that there was before."""
    lists = (named[name] for name in hsds.ELIGIBILITY if isinstance(named.get(name), list))
    rows = [dict(_named(one)) for listed in lists for one in listed if isinstance(one, dict)]
    texts = [text for row in rows if (text := _text("eligibility", row.get("eligibility")))]
    ages = rows[0] if len(rows) == 1 else {}
    return {
        "eligibility_description": "\n".join(texts),
        **{name: _text(name, ages.get(name)) for name in ("minimum_age", "maximum_age")},
    }


def _is_nested(name: str, inside: object) -> bool:
    if name not in _TABLE_OF or not isinstance(inside, dict | list):
        return False
    return isinstance(inside, dict) or any(isinstance(one, dict) for one in inside)


def _link(table: str, name: str, child: str) -> str:
    return next((link for link in (f"{name}_id", f"{child}_id") if link in _LINKS[table]), f"{child}_id")


def _said_of(table: str, id_: str, child: str) -> dict[str, str]:
    """The cells by which a row inside another says whose it is."""
    if child == "attribute":
        return {"link_id": id_, "link_entity": table, f"{table}_id": id_}
    if child == "metadata":
        return {"resource_id": id_, "resource_type": table}
    return {f"{table}_id": id_} if f"{table}_id" in _LINKS[child] else {"": ""}


def _text(name: str, value: object) -> str:
    """A value as a table would write it. Of objects only what is drawn on a map has a way of being written there."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _whole_characters(value).replace("\0", "").strip()
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return _text(name, ", ".join(value))
    return json.dumps(_drawn(value)) if name == "extent" and value else ""


def _drawn(value: object) -> object:
    """GeoJSON with its coordinates as the numbers that they are; see `_DECODER`."""
    if isinstance(value, dict):
        return {key: _drawn(inside) for key, inside in value.items()}
    if isinstance(value, list):
        return [_drawn(inside) if isinstance(inside, list | dict) else _degrees(inside) for inside in value]
    return value


def _degrees(value: object) -> object:
    try:
        number = float(str(value))
    except ValueError:
        return value
    return number if math.isfinite(number) else value


def _whole_characters(text: str) -> str:
    """JSON may have half of a character, which nothing can be done with, as a text that was cut in an emoji."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
