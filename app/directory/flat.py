"""Read one flat table, as 211s export from their call-center software, through a mapping file.

A mapping says for each line what it is and which rows of HSDS come of it; `icarol.yaml` beside this file is one, and
says at its top what can be written. Lines come in any order, so the table is read several times: first to learn which
numbers there are, then once for each layer of rows that others speak of.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import time
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml

from app.directory.hours import DAYS, LAST_MINUTE, LONGEST_NIGHT, parse_days, parse_time, span_length
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
"""Rows that come of many lines, and lines that are passed on the way to others."""
MOST_STEPS = 10
"""From a line to the one above it, and so on."""
_PARTS = r"[;|*\n]+"
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
_Seen = Mapping[str, Mapping[str, int]]
"""How many lines hold each value, of the columns that are asked for."""


class MappingError(PackageError):
    """The mapping file cannot be used; the message is one sentence that names the place."""


@dataclass
class _Line:
    """A line of the table while rows are made of it."""

    cells: Cells
    item: str = ""
    number: int = 0
    parts: int = 0
    """How many there are of what is split."""
    by: str = _PARTS

    def get(self, name: str) -> str:
        return self.cells.get(name, "")


@dataclass(frozen=True, slots=True)
class _Condition:
    when: Mapping[str, frozenset[str]] = field(default_factory=dict)
    known: tuple[tuple[str, str], ...] = ()
    unknown: tuple[tuple[str, str], ...] = ()

    def holds(self, cells: Cells, seen: _Seen = {}) -> bool:  # noqa: B006  nobody writes to it
        for name, words in self.when.items():
            word = cells.get(name, "").casefold()
            if word not in words and not (word and "*" in words):
                return False
        return all(_elsewhere(cells, name, seen[other], other) for name, other in self.known) and not any(
            _elsewhere(cells, name, seen[other], other) for name, other in self.unknown
        )


def _elsewhere(cells: Cells, name: str, seen: Mapping[str, int], other: str) -> bool:
    """Whether another line holds in the one column what this line holds in the other."""
    value = cells.get(name, "")
    return bool(value) and seen.get(value, 0) > (cells.get(other) == value)


@dataclass(frozen=True, slots=True)
class _Climb:
    """How a column is had from other lines: from one to the next, past all those of one kind."""

    column: str
    start: str
    past: tuple[_Condition, ...]
    number: str
    next: str

    def note(self, cells: Cells, passed: dict[str, str]) -> None:
        """Remember a line that is to be passed."""
        number, following = cells.get(self.number, ""), cells.get(self.next, "")
        if number and following and len(passed) < MOST_REMEMBERED and any(one.holds(cells) for one in self.past):
            passed[number] = following

    def end(self, cells: Cells, passed: Mapping[str, str]) -> str:
        """What stands there in the end; nowhere in particular where lines go in a circle."""
        number = cells.get(self.start, "")
        for _step in range(MOST_STEPS):
            if number not in passed:
                break
            number = passed[number]
        return number


@dataclass(frozen=True, slots=True)
class _Rule:
    table: str
    kinds: tuple[str, ...]
    when: _Condition
    once: bool
    split: Text | None
    by: str
    hours: tuple[Text, ...]
    cells: tuple[tuple[str, Text], ...]

    def rows(self, row: Row) -> Iterator[HsdsRow]:
        line = _Line(row.cells, by=self.by)
        if self.hours:
            texts = (text(line) for text in self.hours)
            for number, stretch in enumerate(read_hours_of(texts), start=1):
                line.number = number
                yield self._row(row, line, stretch)
        elif self.split:
            said: set[str] = set()
            parts = _parts(self.split(line), self.by)
            line.parts = len(parts)
            for number, part in enumerate(parts, start=1):
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
    passed_over: tuple[tuple[_Condition, str, str], ...]
    """Lines that are not for us, with the column that says so and the reason."""
    climbs: tuple[_Climb, ...]
    rules: tuple[_Rule, ...]

    def recognizes(self, package: Package) -> bool:
        return bool(self.recognize) and any(
            self.recognize <= {_plain(column) for column in package.columns(name)} for name in _tables(package)
        )

    def parts(self) -> Mapping[str, tuple[tuple[str, ...], ...]]:
        """Every table comes of all files, as `formats.Files` has it."""
        return {rule.table: () for rule in self.rules}

    def rows(self, package: Package) -> Iterator[HsdsRow | Problem]:
        """Every line as HSDS rows, layer by layer."""
        package.passes = 1 + len(_LAYERS)
        names = [
            name for name in _tables(package) if self.recognize <= {_plain(column) for column in package.columns(name)}
        ]
        seen: dict[str, Counter[str]] = {other: Counter() for other in self._asked_for()}
        passed: dict[str, dict[str, str]] = {climb.column: {} for climb in self.climbs}
        for name in names:
            for row in _rows(package, name):
                yield from self._first_look(row, seen, passed)
        remembered: set[tuple[str, str]] = set()
        layered = {table for layer in _LAYERS for table in layer}
        for layer in _LAYERS:
            rules = [rule for rule in self.rules if (rule.table in layer if layer else rule.table not in layered)]
            for name in names:
                for row in _rows(package, name):
                    if isinstance(row, Row) and not self._passed_over(row):
                        for climb in self.climbs:
                            row.cells[climb.column] = climb.end(row.cells, passed[climb.column])
                        yield from self._of_line(row, rules, seen, remembered)

    def _first_look(
        self, row: Row | Problem, seen: Mapping[str, Counter[str]], passed: Mapping[str, dict[str, str]]
    ) -> Iterator[Problem]:
        """Remember what is asked of other lines, and say what is wrong with this one."""
        if isinstance(row, Problem):
            yield row
            return
        for other, values in seen.items():
            if value := row.cells.get(other):
                values[value] += 1
        for climb in self.climbs:
            climb.note(row.cells, passed[climb.column])
        yield from _nameless(row)
        if reason := self._passed_over(row):
            yield Problem(row.file, row.line, *reason, kept=False)

    def _passed_over(self, row: Row) -> tuple[str, str] | None:
        """The column and the sentence why this line is not for us."""
        return next(((column, reason) for one, column, reason in self.passed_over if one.holds(row.cells)), None)

    def _asked_for(self) -> set[str]:
        conditions = [one for some in self.kinds.values() for one in some] + [rule.when for rule in self.rules]
        return {other for one in conditions for _name, other in (*one.known, *one.unknown)}

    def _of_line(
        self, row: Row, rules: Iterable[_Rule], seen: _Seen, remembered: set[tuple[str, str]]
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
        passed_over = tuple(
            (_condition(one), next(iter(one["when"])), str(one["because"])) for one in document.get("passed over") or ()
        )
        climbs = tuple(_climb(str(name), said, kinds) for name, said in (document.get("climbed to") or {}).items())
        rules = tuple(rule for number, row in enumerate(document["rows"], 1) for rule in _rules(number, row, kinds))
        recognize = frozenset(_plain(str(name)) for name in _listed(document.get("recognize") or []))
    except _Unclear as problem:
        raise MappingError(f"{path.name}: {problem}.") from None
    except (TypeError, AttributeError, ValueError, KeyError, re.error):
        raise MappingError(f"{path.name} is not written as a mapping: see icarol.yaml for what it may say.") from None
    return Mapped(str(document.get("name") or path.stem), recognize, kinds, passed_over, climbs, rules)


_DAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*|m|tu|t|w|th|f|sa|su)\b\.?"
_DAYS = (
    rf"(?:{_DAY}(?:\s*(?:-|–|—|to|through|thru|,|/|&|and)\s*{_DAY})*"
    r"|daily|every\s?day|weekdays|weekends|(?:7|seven) days a week)"
)
_CLOCK = r"(?:\d{1,2}(?:[:.]\d{2}){0,2}\s*(?:[ap]\.?\s?m\b\.?|[ap]\b)?|noon|midnight)"
_SPAN = rf"(?:from\s+)?{_CLOCK}\s*(?:-|–|—|to|until)\s*{_CLOCK}"
_SPANS = rf"{_SPAN}(?:\s*(?:,|&|and)\s*{_SPAN})*"
_ROUND_THE_CLOCK = re.compile(
    r"(?:open )?24\s?/\s?7(?:\s?/\s?365)?"
    r"|24 ?(?:hours|hrs\.?) ?(?:/|a|per)? ?day[,;/]? ?(?:7|seven) days?,? ?(?:/|a|per)? ?(?:week|wk)\.?",
    re.IGNORECASE,
)
_STRETCH = re.compile(
    rf"\s*(?:(?P<days>{_DAYS})\s*[:,;–—-]?\s*(?P<hours>{_SPANS}|closed)"
    rf"|(?P<hours_first>{_SPANS}|closed)\s*[:,]?\s*(?:on\s+)?(?P<days_last>{_DAYS}))\s*[;,.\n]*",
    re.IGNORECASE,
)


def read_hours(text: str) -> list[dict[str, str]]:
    """Stretches of hours as cells of `schedule`, if all of the text can be read as such; else the text itself.

    Half of somebody's hours would send people to a closed door.
    """
    if not text.strip():
        return []
    if _ROUND_THE_CLOCK.fullmatch(" ".join(text.split()).strip(" .,;")):
        return [_cells_of(",".join(DAYS), time(0), LAST_MINUTE)]
    found: list[dict[str, str]] = []
    position = 0
    while position < len(text) and (match := _STRETCH.match(text, position)):
        stretches = _stretches(match["days"] or match["days_last"], match["hours"] or match["hours_first"])
        if stretches is None:
            break
        found += stretches
        position = match.end()
    return found if found and position >= len(text.rstrip()) else [{"description": text}]


def read_hours_of(texts: Iterable[str]) -> list[dict[str, str]]:
    """Of several texts about the same hours the stretches of the first that can be read, and the words of the rest."""
    read = [read_hours(text) for text in dict.fromkeys(texts) if text.strip()]
    stretches = next((one for one in read if "byday" in one[0]), [])
    return stretches + [one[0] for one in read if "byday" not in one[0]]


def _stretches(days: str, hours: str) -> list[dict[str, str]] | None:
    """None when it is not plain; nothing for a day that is closed, which some write as midnight to midnight."""
    found = []
    for span in re.finditer(_SPAN, hours, re.IGNORECASE):
        opens, closes = re.findall(_CLOCK, span[0], re.IGNORECASE)
        if not re.search("[apn]", opens, re.IGNORECASE) and not re.search(r"[:.]", opens):
            # “9-5” says neither morning nor evening; “9-5 pm” leaves the first half to be guessed.
            return None
        try:
            byday, first, last = parse_days(days), parse_time(opens), parse_time(closes)
        except ValueError:
            return None
        if _half_is_guessed(opens, closes, first, last):
            return None
        if last < first and span_length(first, last) > LONGEST_NIGHT:
            return None
        if first != last:
            found.append(_cells_of(byday, first, last))
        elif first != time(0):
            return None
    return found


def _half_is_guessed(opens: str, closes: str, first: time, last: time) -> bool:
    """“7:00 to 9:00 pm” may begin in the evening; “9:00 to 5:00 pm” may not."""
    halved = re.compile("[apn]", re.IGNORECASE)
    return not halved.search(opens) and bool(halved.search(closes)) and first < time(12) and first.hour + 12 < last.hour


def _cells_of(byday: str, opens: time, closes: time) -> dict[str, str]:
    return {"byday": byday, "freq": "WEEKLY", "opens_at": f"{opens:%H:%M}", "closes_at": f"{closes:%H:%M}"}


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


@lru_cache(maxsize=4096)
def _plain(column: str) -> str:
    """Where words begin cannot be seen in RESOURCEAGENCYNUM, so it does not count."""
    return normal_name(column).replace("_", "")


def _rows(package: Package, name: str) -> Iterator[Row | Problem]:
    for row in package.rows(name):
        if isinstance(row, Problem):
            yield row
        else:
            yield Row(row.file, row.line, {_plain(column): text for column, text in row.cells.items()})


def _tables(package: Package) -> list[str]:
    return [name for name, member in package.members.items() if member.kind in TABLE_FILES]


def _nameless(row: Row) -> Iterator[Problem]:
    if not any(row.cells.values()):
        yield Problem(row.file, row.line, None, "is empty", kept=False)


def _condition(said: Mapping[str, Any]) -> _Condition:
    when = {
        _plain(str(name)): frozenset(str(word).casefold() for word in _listed(words))
        for name, words in (said.get("when") or {}).items()
    }
    return _Condition(when, _pairs(said.get("known")), _pairs(said.get("unknown")))


def _climb(name: str, said: Mapping[str, Any], kinds: Mapping[str, tuple[_Condition, ...]]) -> _Climb:
    past = kinds.get(str(said["past"]))
    if past is None or any(one.known or one.unknown for one in past):
        raise _Unclear(f"“{name}” is climbed to past “{said['past']}”, which is no kind that a line shows by itself")
    return _Climb(_plain(name), _plain(said["from"]), past, _plain(said["number"]), _plain(said["next"]))


def _pairs(said: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    return tuple((_plain(str(one)), _plain(str(other))) for one, other in (said or {}).items())


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
            hours=tuple(map(_text, _listed(plain.get("hours") or []))),
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
    name = _plain(column)
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
        column = _plain(name.removesuffix("[n]"))
        return lambda line: _nth(line, column)
    column = _plain(name)
    if pairs:
        words = {pair.partition("=")[0].casefold(): pair.partition("=")[2] for pair in pairs}
        return lambda line: words.get(line.get(column).casefold()) or None
    return lambda line: line.get(column) or None


def _nth(line: _Line, column: str) -> str | None:
    parts = _parts(line.get(column), line.by)
    return parts[line.number - 1] if len(parts) == line.parts else None


def _parts(text: str, by: str) -> list[str]:
    return [part for raw in re.split(by, text)[:MOST_PARTS] if (part := " ".join(raw.split()))]
