"""A package of directory files: a folder, a zip, or a single file. It is opened file by file and never unpacked.

Somebody else's zip is read with care. What unpacks to a hundred times its size, or to more than any directory, is
refused before it is opened; a file that leads out of the package, or is an archive itself, is passed over and reported.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import stat
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from app.directory import mapping
from app.directory.rows import BROKEN, Problem, Row, normal_name, rows

HARMLESS_SIZE = 64 * 1024 * 1024
HIGHEST_RATIO = 100
"""Tables of text shrink to a tenth or so; repetitive ones to a fiftieth."""
LARGEST_TOTAL = 32 * 1024**3
"""Bytes that a zip may unpack to: a hundred times the directory of the United States."""
MOST_FILES = 10_000
LARGEST_DESCRIPTION = 16 * 1024 * 1024
"""Bytes of a datapackage.json."""
DEEPEST = 2
"""Folders within folders that are looked into; exports come in one of their own, some in two."""

TABLES = frozenset({".csv", ".tsv"})
DOCUMENTS = frozenset({".json", ".ndjson", ".jsonl"})
KINDS = TABLES | DOCUMENTS
_ARCHIVES = frozenset({".zip", ".gz", ".7z", ".rar", ".tar", ".xlsx", ".xls"})
_GZIP = ".gz"
_DESCRIPTION = "datapackage"
_OF_DIRECTORIES = frozenset(name for table in mapping.TABLES for name in (table.name, *table.files))
"""What the files of a directory are called; of others there may be several, such as the notes in every folder."""
_CHUNK = 1024 * 1024


class PackageError(Exception):
    """The path is no package we can read; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Member:
    file: str
    size: int
    open: Callable[[], BinaryIO]
    folder: PurePosixPath
    """Where it lies in the package."""

    @property
    def kind(self) -> str:
        """Its ending, in small letters."""
        return PurePosixPath(self.file).suffix.lower()


class Package:
    """The tables and documents of one package by plain name without ending: `services`, `taxonomy_terms`."""

    def __init__(self, name: str, members: Sequence[Member], problems: Sequence[Problem] = ()) -> None:
        self.name = name
        self.problems = list(problems)
        """What is in the package and not read."""
        self.members: dict[str, Member] = {}
        self.bytes_read = 0
        self.reading = ""
        """The file being read."""
        self.passes = 1
        """How often everything is read."""
        self._aliases = self._described(members)
        # Beside a table there may be a document of its name that only describes it.
        for member in sorted(self._of_one_directory(members), key=lambda member: member.kind in DOCUMENTS):
            self._add(member)

    def find(self, names: Iterable[str]) -> str | None:
        """The first of these names under which there is a file."""
        return next((name for name in names if name in self.members), None)

    @property
    def bytes_total(self) -> int:
        """Bytes that reading everything will read."""
        return self.passes * sum(member.size for member in self.members.values())

    def digest(self) -> str:
        """The same for the same files with the same contents, wherever they lie."""
        found = hashlib.blake2b(digest_size=16)
        for name in sorted(self.members):
            member = self.members[name]
            found.update(f"{member.file}\n{member.size}\n".encode())
            try:
                with member.open() as stream:
                    while chunk := stream.read(_CHUNK):
                        found.update(chunk)
            except BROKEN:  # it is reported when its rows are read
                found.update(b"broken")
        return found.hexdigest()

    def columns(self, name: str) -> frozenset[str]:
        """The normalized column names of a CSV file; none when it has no row."""
        first = next((row for row in self._rows(name, lambda _: None) if isinstance(row, Row)), None)
        return frozenset(first.cells) if first else frozenset()

    def rows(self, *names: str) -> Iterator[Row | Problem]:
        """The rows of the first of these files that is there, and the problems with it; nothing if none is."""
        name = self.find(names)
        if name is None or self.members[name].kind not in TABLES:
            return
        with_progress = self.begin(name)
        yield from self._rows(name, with_progress)
        self.end(name)

    def begin(self, name: str) -> Callable[[int], None]:
        """Say that this member is being read now; what is returned is to be told how many bytes of it have been."""
        self.reading = self.members[name].file
        before = self._before = self.bytes_read

        def on_read(position: int) -> None:
            self.bytes_read = before + position

        return on_read

    def end(self, name: str) -> None:
        self.bytes_read = self._before + self.members[name].size

    def _rows(self, name: str, on_read: Callable[[int], None]) -> Iterator[Row | Problem]:
        member = self.members[name]
        try:
            yield from rows(member.file, member.open, on_read)
        except BROKEN as error:
            yield broken(member.file, error)

    def _of_one_directory(self, members: Sequence[Member]) -> Iterator[Member]:
        """Those of the first directory: a folder that has one of its tables again is another, often with the same ids.

        :raises PackageError: two stand side by side, so nobody knows which is meant.
        """
        first: dict[tuple[str, bool], PurePosixPath] = {}
        others: set[PurePosixPath] = set()
        for member in members:
            name, here = self._name(member), member.folder
            if name not in _OF_DIRECTORIES:
                continue
            there = first.setdefault((name, member.kind in TABLES), here)
            if here != there and len(here.parts) == len(there.parts):
                raise PackageError(
                    f"{self.name} holds more than one directory: {member.file} is in {there} and in {here}."
                    " Take in each of them by itself."
                )
            if here != there:
                others.add(here)
        for member in members:
            if others.isdisjoint((member.folder, *member.folder.parents)):
                yield member
            else:
                reason = "belongs to another directory, in a folder of its own; it was not read"
                self.problems.append(Problem(str(member.folder / member.file), None, None, reason, kept=False))

    def _name(self, member: Member) -> str:
        return self._aliases.get(member.file) or plain_name(member.file)

    def _add(self, member: Member) -> None:
        name = self._name(member)
        if name == _DESCRIPTION:
            return
        if name in self.members:
            reason = f"is there twice; {self.members[name].file} counts"
            self.problems.append(Problem(member.file, None, None, reason, kept=False))
        else:
            self.members[name] = member

    def _described(self, members: Sequence[Member]) -> dict[str, str]:
        """The table of each file, where a datapackage.json says so: packages may call their files anything."""
        for member in members:
            if plain_name(member.file) == _DESCRIPTION and member.size <= LARGEST_DESCRIPTION:
                try:
                    with member.open() as stream:
                        return dict(_resources(json.load(stream)))
                except (ValueError, RecursionError, *BROKEN):
                    self.problems.append(Problem(member.file, None, None, "cannot be read as JSON", kept=True))
        return {}


def broken(file: str, error: Exception) -> Problem:
    """What to say of a file that cannot be read to its end."""
    said = " ".join(str(error).split())[:120]
    return Problem(file, None, None, f"is damaged and was read only as far as it goes: {said}", kept=False)


def plain_name(file: str) -> str:
    """The table a file is named after: “HSDS_Services-2024-03-01.CSV” is `services`."""
    # A browser calls the second copy “services (1).csv”, Airtable the table's view “Services-Grid view.csv”.
    name = normal_name(re.sub(r"\s*\(\d+\)$", "", PurePosixPath(file).name.rpartition(".")[0]))
    name = re.sub(r"^(?:hsds|open_?referral|or)_", "", name)
    return re.sub(r"(?:_?(?:export|grid_view|sheet_?1|\d{4}_?\d{2}_?\d{2}(?:_?\d+)*))+$", "", name) or name


def open_package(path: Path) -> Package:
    """The package in a folder, in a zip, or in a single file; it may lie in a folder of its own.

    :raises PackageError: there is none, or it is not safe to read.
    """
    if path.is_dir():
        return Package(path.resolve().name, *_found(path))
    if not path.exists():
        raise PackageError(f"There is no folder or file {path}.")
    if zipfile.is_zipfile(path) and path.suffix.lower() not in KINDS:
        return _zipped(path)
    if _kind(path) in KINDS:
        member = _member(path, PurePosixPath())
        return Package(PurePosixPath(member.file).stem, [member])
    raise PackageError(f"{path.name} is neither a folder nor a zip file, nor a CSV or JSON file.")


def _resources(document: object) -> Iterator[tuple[str, str]]:
    resources = document.get("resources") if isinstance(document, dict) else None
    for resource in resources if isinstance(resources, list) else ():
        if isinstance(resource, dict) and isinstance(resource.get("name"), str):
            paths = resource.get("path")
            for path in paths if isinstance(paths, list) else [paths]:
                if isinstance(path, str):
                    yield PurePosixPath(path).name, normal_name(resource["name"])


def _found(folder: Path) -> tuple[list[Member], list[Problem]]:
    members, problems = [], []
    # Not sorted all at once: a folder somebody names by mistake may be a whole disk.
    for file in sorted(_files(folder, DEEPEST), key=lambda file: (len(file.parts), file)):
        if file.is_symlink() and not file.resolve().is_relative_to(folder.resolve()):
            problems.append(Problem(file.name, None, None, "leads out of the folder; it was not read", kept=False))
        elif _kind(file) in _ARCHIVES:
            problems.append(_nested(file.name))
        else:
            members.append(_member(file, PurePosixPath(file.parent.relative_to(folder))))
    return members, problems


def _kind(file: Path) -> str:
    """The ending that says what is in it: “.csv” of “services.CSV” and of “services.csv.gz”."""
    ending = file.suffix.lower()
    inner = Path(file.stem).suffix.lower()
    return inner if ending == _GZIP and inner in KINDS else ending


def _member(file: Path, folder: PurePosixPath) -> Member:
    if file.suffix.lower() != _GZIP:
        return Member(file.name, file.stat().st_size, partial(_open, file), folder)
    return Member(file.stem, _unpacked_size(file), partial(_open_gzip, file), folder)


def _unpacked_size(file: Path) -> int:
    """Counted, as a gzip file says it only modulo 4 GB."""
    size, limit = 0, max(HARMLESS_SIZE, HIGHEST_RATIO * file.stat().st_size)
    try:
        with _open_gzip(file) as stream:
            while chunk := stream.read(_CHUNK):
                size += len(chunk)
                if size > limit:
                    raise PackageError(f"{file.name} unpacks to more than a hundred times its size: it is not read.")
    except BROKEN:  # it is reported when its rows are read
        return size
    return size


def _files(folder: Path, depth: int) -> Iterator[Path]:
    for seen, file in enumerate(folder.iterdir()):
        if seen >= MOST_FILES:
            raise PackageError(f"{folder.name} holds more than {MOST_FILES:,} files, so it is no directory.")
        if file.name.startswith((".", "__MACOSX")):
            continue
        if file.is_dir() and depth and not file.is_symlink():
            yield from _files(file, depth - 1)
        elif _kind(file) in KINDS | _ARCHIVES and file.is_file():
            yield file


def _open(file: Path) -> BinaryIO:
    return file.open("rb")


def _open_gzip(file: Path) -> BinaryIO:
    return cast("BinaryIO", gzip.open(file))


def _zipped(path: Path) -> Package:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise PackageError(f"{path.name} is a damaged zip file.") from None
    listed = archive.infolist()
    if len(listed) > MOST_FILES:
        raise PackageError(f"The zip file holds more than {MOST_FILES:,} files, so it is no directory.")
    wanted: list[zipfile.ZipInfo] = []
    members: list[Member] = []
    problems: list[Problem] = []
    for info in sorted(listed, key=lambda info: (info.filename.count("/"), info.filename)):
        place = PurePosixPath(info.filename.replace("\\", "/"))
        if info.is_dir() or any(part.startswith((".", "__MACOSX")) and part != ".." for part in place.parts):
            continue
        if reason := _unfit(info, place):
            problems.append(Problem(info.filename, None, None, reason, kept=False))
        elif place.suffix.lower() in _ARCHIVES:
            problems.append(_nested(info.filename))
        elif place.suffix.lower() in KINDS:
            wanted.append(info)
            members.append(Member(place.name, info.file_size, partial(_open_zipped, archive, info), place.parent))
    _refuse_bombs(wanted)
    return Package(path.stem, members, problems)


def _unfit(info: zipfile.ZipInfo, place: PurePosixPath) -> str | None:
    if ".." in place.parts or place.is_absolute() or ":" in place.parts[0]:
        return "has a path that leads out of the package; it was not read"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "is a link and no file; it was not read"
    return None


def _nested(file: str) -> Problem:
    return Problem(
        file, None, None, "is an archive or a workbook, which is not opened here: unpack it first", kept=False
    )


def _refuse_bombs(wanted: Sequence[zipfile.ZipInfo]) -> None:
    size = sum(info.file_size for info in wanted)
    if size > LARGEST_TOTAL:
        raise PackageError(f"The zip file unpacks to {size // 2**20:,} MB, more than any directory: it is not read.")
    for some in (wanted, *([info] for info in wanted)):
        size, packed = sum(info.file_size for info in some), sum(info.compress_size for info in some)
        if size > HARMLESS_SIZE and size > HIGHEST_RATIO * packed:
            raise PackageError(
                f"The zip file unpacks to {size // 2**20:,} MB, a hundred times its size: it is not read."
            )
    if any(info.flag_bits & 1 for info in wanted):
        raise PackageError("The zip file is encrypted: unpack it first.")


def _open_zipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> BinaryIO:
    return cast("BinaryIO", archive.open(info))
