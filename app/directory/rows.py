"""Read a CSV file of unknown care, row by row, in bounded memory.

A damaged row costs that row and no other. The usual damage is a quote that is never closed: the rest of the file
would be swallowed as one field. So a record that spans lines and does not come out right is given up at its first
line, and reading goes on at its second.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

FIELD_LIMIT = csv.field_size_limit()
"""Characters in one field; the csv module's own limit (131,072), above which it refuses."""

LINE_LIMIT = 1024 * 1024
"""Characters in one line of the file. A longer one is passed over without being kept."""

_UNCLOSED = f"a quoted field is never closed, or is longer than {FIELD_LIMIT:,} characters"
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Row:
    """One record: cells by normalized column name, stripped; where it begins, counted from 1 with the header."""

    file: str
    line: int
    cells: dict[str, str]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with the input: where, why, and whether the row went in all the same."""

    file: str
    line: int | None
    field: str | None
    reason: str
    kept: bool
    of: tuple[str, str] | None = None
    """The table and upstream id of a row that was refused but is still listed upstream."""


def rows(file: str, open_stream: Callable[[], BinaryIO], on_read: Callable[[int], None]) -> Iterator[Row | Problem]:
    """Every row of a CSV file, and every problem with the file itself, in the order of the file.

    :param open_stream: opens the bytes from the beginning; called twice, as the first reading finds the encoding.
    :param on_read: told how many bytes have been read so far.
    """
    with open_stream() as stream:
        encoding = _encoding(stream)
    if encoding == "cp1252":
        yield Problem(file, None, None, "is not UTF-8; it was read as Windows-1252", kept=True)
    with open_stream() as stream, io.TextIOWrapper(stream, encoding, errors="replace", newline="") as text:
        lines = _Lines(text)
        header = _header(lines)
        if not any(header):
            yield Problem(file, 1, None, "has no header line", kept=False)
            return
        for outcome in _records(lines, len(header)):
            on_read(stream.tell())
            if isinstance(outcome, _Damage):
                yield Problem(file, outcome.line, None, outcome.reason, outcome.fields is not None)
            if outcome.fields is not None:
                yield Row(file, outcome.line, _cells(header, outcome.fields))


def normal_name(column: str) -> str:
    """A column's name, however it is capitalized and spaced."""
    return re.sub(r"[^a-z0-9]+", "_", column.strip().lower()).strip("_")


@dataclass(frozen=True, slots=True)
class _Record:
    line: int
    fields: list[str] | None


@dataclass(frozen=True, slots=True)
class _Damage(_Record):
    reason: str


class _TooLongLine(Exception):
    pass


class _Lines:
    """The lines of a text, numbered, of which some can be put back."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._again: deque[str] = deque()
        self.number = 0
        self.taken: list[str] = []
        """The lines of the record being read."""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._text.readline(LINE_LIMIT)
        if not line:
            raise StopIteration
        self.number += 1
        self.taken.append(line)
        if len(line) >= LINE_LIMIT and not line.endswith(("\n", "\r")):
            self._pass_over()
            raise _TooLongLine
        return line

    def begin(self) -> int:
        """Begin a record; its first line's number."""
        self.taken.clear()
        return self.number + 1

    def put_back_all_but_first(self) -> None:
        self._again.extendleft(reversed(self.taken[1:]))
        self.number -= len(self.taken) - 1

    def _pass_over(self) -> None:
        while (part := self._text.readline(LINE_LIMIT)) and not part.endswith(("\n", "\r")):
            pass


def _encoding(stream: BinaryIO) -> str:
    """UTF-8 when all of it is, with or without a byte order mark; UTF-16 by its mark; else Windows-1252."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    first = True
    while chunk := stream.read(_CHUNK):
        if first and chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        first = False
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError:
            return "cp1252"
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def _header(lines: _Lines) -> list[str]:
    try:
        fields, _ = _parse(lines)
    except StopIteration:
        return []
    return [normal_name(name) for name in fields]


def _records(lines: _Lines, width: int) -> Iterator[_Record]:
    """Records that come out right, and the damage between them: one report for a run of lines that make no record."""
    damage: _Damage | None = None
    while True:
        start = lines.begin()
        try:
            fields, reason = _parse(lines)
        except StopIteration:
            break
        if not any(map(str.strip, fields)) and reason is None:
            continue
        whole = lines.taken[-1].endswith(("\n", "\r"))
        reason = reason or _misfit(fields, width, whole=whole)
        if reason is None:
            if damage:
                yield damage
            damage = None
            yield _Record(start, fields)
        elif len(lines.taken) > 1:
            lines.put_back_all_but_first()
            damage = damage or _Damage(start, None, _UNCLOSED)
        elif damage is None:
            yield _damage_of_one_line(start, fields, width, reason, whole=whole)
    if damage:
        yield damage


def _parse(lines: _Lines) -> tuple[list[str], str | None]:
    """The fields of the next record, or why it has none.

    Strictly at first, because a quote that was never closed shows as a closed one with text behind it. Within one line
    that is a mere 5" pipe, and is taken as it stands.

    :raises StopIteration: there are no more lines.
    """
    try:
        return next(csv.reader(lines, strict=True)), None
    except _TooLongLine:
        return [], f"a line is longer than {LINE_LIMIT:,} characters"
    except csv.Error as error:
        # The second is how the csv module says that the file ended within quotes.
        if len(lines.taken) > 1 or "end of data" in str(error):
            return [], _UNCLOSED
    try:
        return next(csv.reader(lines.taken)), None
    except csv.Error:
        return [], f"a field is longer than {FIELD_LIMIT:,} characters"


def _misfit(fields: list[str], width: int, *, whole: bool) -> str | None:
    """Why the fields are not one record under the header; None when they are. Blank cells too many do no harm."""
    if len(fields) == width or (len(fields) > width and not any(map(str.strip, fields[width:]))):
        return None
    reason = f"has {len(fields)} fields and the header {width}"
    return reason if whole else f"{reason}, and the file ends within it"


def _damage_of_one_line(line: int, fields: list[str], width: int, reason: str, *, whole: bool) -> _Damage:
    """A short line is padded, as spreadsheets leave empty last cells away; unless the file broke off in it."""
    if 1 < len(fields) < width and whole:
        return _Damage(line, fields, f"{reason}; the missing ones were taken as empty")
    return _Damage(line, None, reason)


def _cells(header: list[str], fields: list[str]) -> dict[str, str]:
    # PostgreSQL cannot keep a NUL in a text.
    return {name: field.replace("\0", "").strip() for name, field in zip(header, fields, strict=False) if name}
