"""Read a CSV file of unknown care, row by row, in bounded memory.

A damaged row costs that row and no other. The usual damage is a quote that is never closed: the rest of the file
would be swallowed as one field. So a record that spans lines and does not come out right is given up at its first
line, and reading goes on at its second.
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import re
import zipfile
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import BinaryIO

FIELD_LIMIT = csv.field_size_limit()
"""Characters in one field; the csv module's own limit (131,072), above which it refuses."""

LINE_LIMIT = 1024 * 1024
"""Characters in one line of the file. A longer one is passed over without being kept."""

BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError)
"""What reading a damaged or unreadable member of a zip can raise."""

_UNCLOSED = f"a quoted field is never closed, or is longer than {FIELD_LIMIT:,} characters"
_CHUNK = 1024 * 1024
_SAMPLE = 4096
_PROGRESS_LINES = 64
_BLANK_LINES = 20
"""That may stand before the header, or titles."""
_FEWEST_COLUMNS = 3
"""Of a table that has a title."""
_DELIMITERS = ",;\t|"
_NUL = "holds NUL characters, which were left out"


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

    @property
    def damages(self) -> bool:
        """Whether the file cannot be taken for a full list any more: nobody knows what stood there."""
        return not self.kept and self.field is None and self.of is None


def rows(file: str, open_stream: Callable[[], BinaryIO], on_read: Callable[[int], None]) -> Iterator[Row | Problem]:
    """Every row of a CSV file, and every problem with the file itself, in the order of the file.

    :param open_stream: opens the bytes from the beginning; called twice, as the first reading finds the encoding.
    :param on_read: told how many bytes have been read so far.
    """
    with open_stream() as stream:
        encoding = encoding_of(stream)
    if encoding.note:
        yield Problem(file, None, None, encoding.note, kept=True)
    with open_stream() as stream, encoding.text(stream) as text:
        lines = _Lines(text)
        header = _header(lines)
        if not any(header):
            yield Problem(file, 1, None, "has no header line", kept=False)
            return
        yield from _unclear_columns(file, header)
        cells = _cells if len(set(header)) == len(header) else _cells_of_twins
        for outcome in _records(lines, len(header)):
            if outcome.line % _PROGRESS_LINES == 0:
                on_read(stream.tell())
            if isinstance(outcome, _Damage):
                yield Problem(file, outcome.line, None, outcome.reason, outcome.fields is not None)
            if lines.slips:
                yield from (Problem(file, line, None, reason, kept=True) for line, reason in lines.slips)
                lines.slips.clear()
            if outcome.fields is not None:
                yield Row(file, outcome.line, cells(header, outcome.fields))


def harmless(cell: str | int | None) -> str | int:
    """A cell of a report: a spreadsheet runs what begins with these signs, and the file is somebody else's."""
    text = "" if cell is None else cell
    return f"'{text}" if isinstance(text, str) and text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


@lru_cache(maxsize=4096)
def normal_name(column: str) -> str:
    """A column's name, however it is capitalized and spaced: “Organization ID” and “organizationId” are one."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])|(?<=[a-z])(?=ID(?:s?$|[^A-Za-z]))", "_", column.strip())
    return re.sub(r"[^a-z0-9]+", "_", apart.lower()).strip("_")


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the bytes of a file are to be read, and what is to be said about it."""

    name: str
    note: str | None = None

    def text(self, stream: BinaryIO) -> io.TextIOWrapper:
        return io.TextIOWrapper(stream, self.name, errors=_AS_WINDOWS, newline="")


def encoding_of(stream: BinaryIO) -> Encoding:
    """UTF-8 or UTF-16, with or without a mark at the beginning; what is neither is read as Windows-1252.

    Files that were put together from several come in a mixture of UTF-8 and Windows-1252: each is read as what it is.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    good, bad = 0, 0
    for number, chunk in enumerate(_chunks(stream)):
        if number == 0 and (wide := _wide(chunk)):
            return Encoding(wide)
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError:
            some_good, some_bad = _beyond_ascii(chunk)
            good, bad = good + some_good, bad + some_bad
            decoder.reset()
        else:
            good += 1 if not chunk.isascii() else 0
    if decoder.getstate()[0]:
        bad += 1
    if not bad:
        return Encoding("utf-8-sig")
    if good:
        return Encoding("utf-8-sig", "is UTF-8 only in parts; what is not was read as Windows-1252")
    return Encoding("utf-8-sig", "is not UTF-8; it was read as Windows-1252")


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    """As far as a damaged file goes; what is wrong with it is said when its rows are read."""
    try:
        while chunk := stream.read(_CHUNK):
            yield chunk
    except BROKEN:
        return


def _wide(beginning: bytes) -> str | None:
    """UTF-16 by its mark, or by every other byte of its first characters being zero."""
    if beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    sample = beginning[:_SAMPLE]
    for name, zeros in (("utf-16-le", sample[1::2]), ("utf-16-be", sample[::2])):
        if zeros and zeros.count(0) > len(zeros) * 0.6:
            return name
    return None


def _beyond_ascii(chunk: bytes) -> tuple[int, int]:
    """How many characters of a chunk beyond ASCII are UTF-8, and how many bytes are not."""
    text = chunk.decode("utf-8", errors="surrogateescape")
    bad = sum("\udc80" <= character <= "\udcff" for character in text)
    return sum(character > "\x7f" for character in text) - bad, bad


def _as_windows(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", errors="replace"), error.end


_AS_WINDOWS = "loopline-as-windows-1252"
codecs.register_error(_AS_WINDOWS, _as_windows)


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
        self.slips: list[tuple[int, str]] = []
        """Lines in which something was put right."""
        self.delimiter = ","

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        again = bool(self._again)
        line = self._again.popleft() if again else self._text.readline(LINE_LIMIT)
        if not line:
            raise StopIteration
        self.number += 1
        self.taken.append(line)
        if len(line) >= LINE_LIMIT and not line.endswith(("\n", "\r")):
            if not again:
                self._pass_over()
            raise _TooLongLine
        if "\0" in line and not again:
            self.slips.append((self.number, _NUL))
        return line

    def begin(self) -> int:
        """Begin a record; its first line's number."""
        self.taken.clear()
        return self.number + 1

    def put_back_all_but(self, number: int) -> None:
        """Put back what was taken since `begin` but for that many lines."""
        self._again.extendleft(reversed(self.taken[number:]))
        self.number -= len(self.taken) - number

    def _pass_over(self) -> None:
        while (part := self._text.readline(LINE_LIMIT)) and not part.endswith(("\n", "\r")):
            pass


def _header(lines: _Lines) -> list[str]:
    """The names in the first line that is not blank nor a title, whatever stands between them."""
    lines.begin()
    beginning = list(itertools.islice(_stripped(lines), _BLANK_LINES))
    place = _place_of_header(beginning)
    lines.put_back_all_but(place or 0)
    if place is None:
        return []
    lines.delimiter = _delimiter(beginning[place])
    try:
        lines.begin()
        fields, _reason = _parse(lines)
    except StopIteration:
        return []
    return [normal_name(name) for name in fields]


def _stripped(lines: _Lines) -> Iterator[str]:
    try:
        yield from (line.replace("\0", "").strip() for line in lines)
    except _TooLongLine:
        return


def _place_of_header(beginning: Sequence[str]) -> int | None:
    """Above a table there may be its title, the date, and whose it is: lines with one cell, before one with several."""
    filled = [0 if line.casefold().startswith("sep=") else _filled_cells(line) for line in beginning]
    first = next((place for place, cells in enumerate(filled) if cells), None)
    if first is None or filled[first] > 1:
        return first
    return next((place for place, cells in enumerate(filled) if cells >= _FEWEST_COLUMNS), first)


def _delimiter(line: str) -> str:
    return max(_DELIMITERS, key=re.sub(r'"[^"]*"', "", line).count)


def _filled_cells(line: str) -> int:
    return sum(bool(cell.strip(' "')) for cell in re.sub(r'"[^"]*"', "x", line).split(_delimiter(line)))


def _unclear_columns(file: str, header: Sequence[str]) -> Iterator[Problem]:
    for name, times in Counter(filter(None, header)).items():
        if times > 1:
            yield Problem(
                file, 1, name, f"is the name of {times} columns; the last one that is filled counts", kept=True
            )


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
            lines.put_back_all_but(1)
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
        return next(csv.reader(lines, strict=True, delimiter=lines.delimiter)), None
    except _TooLongLine:
        return [], f"a line is longer than {LINE_LIMIT:,} characters"
    except csv.Error as error:
        # The second is how the csv module says that the file ended within quotes.
        if len(lines.taken) > 1 or "end of data" in str(error):
            return [], _UNCLOSED
    try:
        return next(csv.reader(lines.taken, delimiter=lines.delimiter)), None
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
        padded = fields + [""] * (width - len(fields))
        return _Damage(line, padded, f"{reason}; the missing ones were taken as empty")
    return _Damage(line, None, reason)


def _cells(header: list[str], fields: list[str]) -> dict[str, str]:
    # PostgreSQL cannot keep a NUL in a text.
    return {name: field.replace("\0", "").strip() for name, field in zip(header, fields, strict=False) if name}


def _cells_of_twins(header: list[str], fields: list[str]) -> dict[str, str]:
    """The same where several columns have one name: the last one that is filled counts."""
    filled = {name: text for name, field in zip(header, fields, strict=False) if (text := field.strip())}
    return {name: filled.get(name, "").replace("\0", "") for name in header if name}
