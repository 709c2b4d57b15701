"""Read one flat table, as 211s export from their call-center software, through a mapping file.

A mapping says for each line what it is and which rows of HSDS come of it; `icarol.yaml` beside this file is one, and
says at its top what can be written. Lines come in any order, so the table is read several times: first to learn which
numbers there are, then once for each layer of rows that others speak of.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from app.directory.hours import parse_days, parse_time
from app.directory.mapping import BY_NAME
from app.directory.packages import TABLES as TABLE_FILES
from app.directory.packages import Package, PackageError
from app.directory.rows import Problem, Row, normal_name

HsdsRow = tuple[str, Row]

LARGEST_MAPPING = 1024 * 1024
MOST_REPEATS = 200
MOST_PARTS = 500
"""Of one cell; a longer list is no list of things to say about a service."""
MOST_REMEMBERED = 1_000_000
"""Rows that come of many lines."""
_PARTS = r"[;|\n]+"
_ICAROL = Path(__file__).with_name("icarol.yaml")

# What one reading of the table brings: each layer speaks only of those before it.
_LAYERS = (
    ("taxonomy", "taxonomy_term", "organization", "unit"),
    ("program", "location", "service"),
    ("service_at_location", "contact"),
    (),
)

Cells = Mapping[str, str]
Text = Callable[["_Line"], str]


class MappingError(PackageError):
    """The mapping file cannot be used; the message is one sentence that names the place."""


@dataclass
class _Line:
    """A line of the table while rows are made of it."""

    cells: Cells
    item: str = ""
    number: int = 0
    by: str = _PARTS

    def get(self, name: str) -> str:
        return self.cells.get(name, "")


@dataclass(frozen=True, slots=True)
class _Condition:
    when: Mapping[str, frozenset[str]] = field(default_factory=dict)
    known: tuple[tuple[str, str], ...] = ()
    unknown: tuple[tuple[str, str], ...] = ()

    def holds(self, cells: Cells, seen: Mapping[str, set[str]]) -> bool:
        for name, words in self.when.items():
            word = cells.get(name, "").casefold()
            if word not in words and not (word and "*" in words):
                return False
        return all(cells.get(name, "") in seen[other] for name, other in self.known) and not any(
            cells.get(name, "") in seen[other] for name, other in self.unknown
        )


@dataclass(frozen=True, slots=True)
class _Rule:
    table: str
    kinds: tuple[str, ...]
    when: _Condition
    once: bool
    split: Text | None
    by: str
    hours: Text | None
    cells: tuple[tuple[str, Text], ...]

    def rows(self, row: Row) -> Iterator[HsdsRow]:
        line = _Line(row.cells, by=self.by)
        if self.hours:
            for number, stretch in enumerate(read_hours(self.hours(line)), start=1):
                line.number = number
                yield self._row(row, line, stretch)
        elif self.split:
            said: set[str] = set()
            for number, part in enumerate(_parts(self.split(line), self.by), start=1):
                if part not in said:
                    said.add(part)
                    line.item, line.number = part, number
                    yield self._row(row, line, {})
        else:
            yield self._row(row, line, {})

    def _row(self, row: Row, line: _Line, more: Cells) -> HsdsRow:
        return self.table, Row(row.file, row.line, {**{name: text(line) for name, text in self.cells}, **more})


@dataclass(frozen=True, slots=True)
class Mapped:
    """A mapping that was read: which tables it is for, and what comes of their lines."""

    name: str
    recognize: frozenset[str]
    kinds: Mapping[str, tuple[_Condition, ...]]
    rules: tuple[_Rule, ...]

    def recognizes(self, package: Package) -> bool:
        return bool(self.recognize) and any(self.recognize <= package.columns(name) for name in _tables(package))

    def parts(self) -> Mapping[str, tuple[tuple[str, ...], ...]]:
        """Every table comes of all files; see `whole`."""
        return {rule.table: () for rule in self.rules}

    def rows(self, package: Package) -> Iterator[HsdsRow | Problem]:
        """Every line as HSDS rows, layer by layer."""
        package.passes = 1 + len(_LAYERS)
        names = [name for name in _tables(package) if self.recognize <= package.columns(name)]
        seen: dict[str, set[str]] = {other: set() for other in self._asked_for()}
        for name in names:
            for row in package.rows(name):
                if isinstance(row, Problem):
                    yield row
                    continue
                for other, values in seen.items():
                    values.add(row.cells.get(other, ""))
                yield from _nameless(row)
        for values in seen.values():
            values.discard("")
        remembered: set[tuple[str, str]] = set()
        layered = {table for layer in _LAYERS for table in layer}
        for layer in _LAYERS:
            rules = [rule for rule in self.rules if (rule.table in layer if layer else rule.table not in layered)]
            for name in names:
                for row in package.rows(name):
                    if isinstance(row, Row):
                        yield from self._of_line(row, rules, seen, remembered)

    def _asked_for(self) -> set[str]:
        conditions = [one for some in self.kinds.values() for one in some] + [rule.when for rule in self.rules]
        return {other for one in conditions for _name, other in (*one.known, *one.unknown)}

    def _of_line(
        self, row: Row, rules: Iterable[_Rule], seen: Mapping[str, set[str]], remembered: set[tuple[str, str]]
    ) -> Iterator[HsdsRow]:
        kinds = {name for name, some in self.kinds.items() if any(one.holds(row.cells, seen) for one in some)}
        for rule in rules:
            if (rule.kinds and kinds.isdisjoint(rule.kinds)) or not rule.when.holds(row.cells, seen):
                continue
            for table, made in rule.rows(row):
                if rule.once:
                    key = table, made.cells.get("id", "")
                    if key in remembered or not key[1]:
                        continue
                    if len(remembered) < MOST_REMEMBERED:
                        remembered.add(key)
                yield table, made


@cache
def icarol() -> Mapped:
    """The mapping for iCarol's column names."""
    return read_mapping(_ICAROL)


def read_mapping(path: Path) -> Mapped:
    """A mapping file.

    :raises MappingError: it cannot be read, or says something that nobody understands.
    """
    try:
        if path.stat().st_size > LARGEST_MAPPING:
            raise MappingError(f"{path.name} is too large for a mapping.")
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError):
        raise MappingError(f"{path.name} cannot be read as a YAML file.") from None
    if not isinstance(document, dict) or not isinstance(document.get("rows"), list):
        raise MappingError(f"{path.name} is no mapping: it needs a list of rows.")
    try:
        kinds = {
            str(name): tuple(_condition(one) for one in _listed(some))
            for name, some in (document.get("kinds") or {}).items()
        }
        rules = tuple(rule for number, row in enumerate(document["rows"], 1) for rule in _rules(number, row, kinds))
        recognize = frozenset(normal_name(str(name)) for name in _listed(document.get("recognize") or []))
    except _Unclear as problem:
        raise MappingError(f"{path.name}: {problem}.") from None
    except (TypeError, AttributeError, ValueError, re.error):
        raise MappingError(f"{path.name} is not written as a mapping: see icarol.yaml for what it may say.") from None
    return Mapped(str(document.get("name") or path.stem), recognize, kinds, rules)


_DAY = r"(?:mon|tue|tues|wed|thu|thur|thurs|fri|sat|sun)[a-z]*\.?"
_DAYS = rf"{_DAY}(?:\s*(?:-|–|—|to|through|thru|,|&|and)\s*{_DAY})*|daily|every\s?day|7 days a week"
_CLOCK = r"(?:\d{1,2}(?:[:.]\d{2})?\s*(?:[ap]\.?\s?m\.?|[ap]\b)?|noon|midnight)"
_STRETCH = re.compile(
    rf"\s*(?P<days>{_DAYS})\s*[:,]?\s*(?:from\s+)?(?P<opens>{_CLOCK})\s*(?:-|–|—|to|until)\s*(?P<closes>{_CLOCK})\s*[;,.\n]*",
    re.IGNORECASE,
)


def read_hours(text: str) -> list[dict[str, str]]:
    """Stretches of hours as cells of `schedule`, if all of the text can be read as such; else the text itself.

    Half of somebody's hours would send people to a closed door.
    """
    if not text.strip():
        return []
    found, position = [], 0
    while position < len(text) and (match := _STRETCH.match(text, position)):
        stretch = _stretch(match)
        if stretch is None:
            break
        found.append(stretch)
        position = match.end()
    return found if found and position >= len(text.rstrip()) else [{"description": text}]


def _stretch(match: re.Match[str]) -> dict[str, str] | None:
    days = re.sub(r"daily|every\s?day|7 days a week", "Monday-Sunday", match["days"], flags=re.IGNORECASE)
    days = re.sub(r"\s*(?:–|—|\bto\b|\bthrough\b|\bthru\b)\s*", "-", days, flags=re.IGNORECASE)
    days = re.sub(r"\s*(?:&|\band\b)\s*", ",", days, flags=re.IGNORECASE).replace(".", "")
    opens, closes = match["opens"], match["closes"]
    if not re.search("[apn]", opens, re.IGNORECASE) and not re.search(r"[:.]", opens):
        # “9-5” says neither morning nor evening; “9-5 pm” leaves the first half to be guessed.
        return None
    try:
        byday = _range_of_days(days)
        first, last = parse_time(opens), parse_time(closes)
    except ValueError:
        return None
    return {"byday": byday, "freq": "WEEKLY", "opens_at": f"{first:%H:%M}", "closes_at": f"{last:%H:%M}"}


_ORDER = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def _range_of_days(text: str) -> str:
    """Days and ranges of days as HSDS's byday."""
    found: list[str] = []
    for part in text.split(","):
        ends = [parse_days(end.strip()) for end in part.split("-")]
        first, last = _ORDER.index(ends[0]), _ORDER.index(ends[-1])
        found += [_ORDER[(first + step) % 7] for step in range((last - first) % 7 + 1)]
    return ",".join(dict.fromkeys(found))


# What a table's columns are worked out from, beside the columns themselves.
_MADE_OF_SEVERAL = frozenset(
    {
        "id",
        "latitude",
        "longitude",
        "byday",
        "opens_at",
        "closes_at",
        "link_id",
        "resource_id",
        "postal_codes",
        "code",
        "name",
    }
)


class _Unclear(Exception):
    pass


def _tables(package: Package) -> list[str]:
    return [name for name, member in package.members.items() if member.kind in TABLE_FILES]


def _nameless(row: Row) -> Iterator[Problem]:
    if not any(row.cells.values()):
        yield Problem(row.file, row.line, None, "is empty", kept=False)


def _condition(said: Mapping[str, Any]) -> _Condition:
    when = {
        normal_name(str(name)): frozenset(str(word).casefold() for word in _listed(words))
        for name, words in (said.get("when") or {}).items()
    }
    return _Condition(when, _pairs(said.get("known")), _pairs(said.get("unknown")))


def _pairs(said: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    return tuple((normal_name(str(one)), normal_name(str(other))) for one, other in (said or {}).items())


def _listed(said: object) -> list[Any]:
    return said if isinstance(said, list) else [said]


def _rules(place: int, said: Mapping[str, Any], kinds: Mapping[str, object]) -> Iterator[_Rule]:
    table = str(said.get("table"))
    if table not in BY_NAME:
        raise _Unclear(f"row {place} names the table “{table}”, which is none of ours")
    of = tuple(map(str, _listed(said.get("of") or [])))
    if unknown := [name for name in of if name not in kinds]:
        raise _Unclear(f"row {place} is of “{unknown[0]}”, which is no kind")
    columns = {column.name for column in BY_NAME[table].columns} | {link.name for link in BY_NAME[table].links}
    by = str(said.get("by") or _PARTS)
    re.compile(by)
    for number in _numbers(said.get("repeat")):
        plain = _numbered(said, number)
        yield _Rule(
            table=table,
            kinds=of,
            when=_condition(plain),
            once=bool(said.get("once")),
            split=_text(plain["split"]) if "split" in plain else None,
            by=by,
            hours=_text(plain["hours"]) if "hours" in plain else None,
            cells=tuple((str(name), _text(where)) for name, where in plain["cells"].items()),
        )
    if "id" not in said["cells"]:
        raise _Unclear(f"row {place} gives “{table}” no id")
    if odd := [name for name in said["cells"] if name not in columns | _MADE_OF_SEVERAL]:
        raise _Unclear(f"row {place} fills “{odd[0]}”, which “{table}” does not have")


def _numbers(repeat: object) -> Sequence[int]:
    if repeat is None:
        return (0,)
    first, _, last = str(repeat).partition("-")
    numbers = range(int(first), int(last or first) + 1)
    if len(numbers) > MOST_REPEATS:
        raise _Unclear(f"a row is repeated more than {MOST_REPEATS} times")
    return numbers


def _numbered(said: Any, number: int) -> Any:  # noqa: ANN401  whatever YAML holds
    """The same with the number in place of every #."""
    if isinstance(said, str):
        return said.replace("#", str(number))
    if isinstance(said, list):
        return [_numbered(one, number) for one in said]
    if isinstance(said, dict):
        return {_numbered(name, number): _numbered(one, number) for name, one in said.items()}
    return said


def _text(where: object) -> Text:
    """How the text of a cell is had from a line."""
    if isinstance(where, list):
        several = [_text(one) for one in where]
        return lambda line: next((text for one in several if (text := one(line))), "")
    said = str(where)
    if said.startswith("="):
        return lambda _line: said[1:]
    if "{" in said:
        return _template(said)
    return _column(said)


def _column(said: str) -> Text:
    column, _, empty = said.partition("!")
    name = normal_name(column)
    if empty:
        return lambda line: "" if line.get(name) == empty else line.get(name)
    return lambda line: line.get(name)


def _template(said: str) -> Text:
    pieces = [
        _braced(piece[1:-1]) if piece.startswith("{") else _word(piece) for piece in re.split(r"(\{[^{}]*\})", said)
    ]

    def fill(line: _Line) -> str:
        texts = [piece(line) for piece in pieces]
        return "" if any(text is None for text in texts) else "".join(filter(None, texts))

    return fill


def _word(piece: str) -> Callable[[_Line], str | None]:
    return lambda _line: piece


def _braced(inside: str) -> Callable[[_Line], str | None]:
    name, *pairs = inside.split("|")
    if name == "item":
        return lambda line: line.item or None
    if name == "n":
        return lambda line: str(line.number)
    if name.endswith("[n]"):
        column = normal_name(name.removesuffix("[n]"))
        return lambda line: _nth(line, column)
    column = normal_name(name)
    if pairs:
        words = {pair.partition("=")[0].casefold(): pair.partition("=")[2] for pair in pairs}
        return lambda line: words.get(line.get(column).casefold()) or None
    return lambda line: line.get(column) or None


def _nth(line: _Line, column: str) -> str | None:
    parts = _parts(line.get(column), line.by)
    return parts[line.number - 1] if line.number <= len(parts) else None


def _parts(text: str, by: str) -> list[str]:
    return [part for raw in re.split(by, text)[:MOST_PARTS] if (part := " ".join(raw.split()))]
