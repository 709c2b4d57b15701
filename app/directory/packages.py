"""A package of directory files: a folder or a zip, opened file by file and never unpacked.

Somebody else's zip is read with care: what unpacks to a hundred times its size is refused before it is opened.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from app.directory.rows import Problem, Row, normal_name, rows

HARMLESS_SIZE = 64 * 1024 * 1024
HIGHEST_RATIO = 100
"""Tables of text shrink to a tenth or so; repetitive ones to a fiftieth."""

_KINDS = {".csv", ".json"}


class PackageError(Exception):
    """The path is no package we can read; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Member:
    file: str
    size: int
    open: Callable[[], BinaryIO]


class Package:
    """The CSV and JSON files of one package by normalized name without ending: `services`, `taxonomy_terms`."""

    def __init__(self, name: str, members: Sequence[Member]) -> None:
        self.name = name
        self.members = {normal_name(Path(member.file).stem): member for member in members}
        self.bytes_read = 0
        self.reading = ""
        """The file being read."""

    def find(self, names: Sequence[str]) -> str | None:
        """The first of these names under which there is a file."""
        return next((name for name in names if name in self.members), None)

    @property
    def csv_bytes(self) -> int:
        return sum(member.size for member in self.members.values() if member.file.lower().endswith(".csv"))

    def columns(self, name: str) -> frozenset[str]:
        """The normalized column names of a CSV file; none when it has no row."""
        first = next((row for row in self._rows(name, lambda _: None) if isinstance(row, Row)), None)
        return frozenset(first.cells) if first else frozenset()

    def rows(self, *names: str) -> Iterator[Row | Problem]:
        """The rows of the first of these files that is there, and the problems with it; nothing if none is."""
        name = self.find(names)
        if name is None:
            return
        self.reading = self.members[name].file
        before = self.bytes_read

        def on_read(position: int) -> None:
            self.bytes_read = before + position

        yield from self._rows(name, on_read)
        self.bytes_read = before + self.members[name].size

    def _rows(self, name: str, on_read: Callable[[int], None]) -> Iterator[Row | Problem]:
        member = self.members[name]
        return rows(member.file, member.open, on_read)


def open_package(path: Path) -> Package:
    """The package in a folder or in a zip file; in a zip it may lie in a folder of its own.

    :raises PackageError: there is none, or it is not safe to read.
    """
    if path.is_dir():
        return Package(path.resolve().name, list(_files(path)))
    if not path.exists():
        raise PackageError(f"There is no folder or file {path}.")
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError):
        raise PackageError(f"{path.name} is neither a folder nor a zip file.") from None
    return Package(path.stem, _zipped(archive))


def _files(folder: Path) -> Iterator[Member]:
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() in _KINDS and file.is_file() and not file.name.startswith("."):
            yield Member(file.name, file.stat().st_size, partial(_open, file))


def _open(file: Path) -> BinaryIO:
    return file.open("rb")


def _zipped(archive: zipfile.ZipFile) -> list[Member]:
    wanted: dict[str, zipfile.ZipInfo] = {}
    for info in sorted(archive.infolist(), key=lambda info: info.filename.count("/")):
        path = PurePosixPath(info.filename)
        if path.suffix.lower() in _KINDS and not any(part.startswith((".", "__MACOSX")) for part in path.parts):
            wanted.setdefault(path.name, info)
    size = sum(info.file_size for info in wanted.values())
    packed = sum(info.compress_size for info in wanted.values())
    if size > HARMLESS_SIZE and size > HIGHEST_RATIO * packed:
        raise PackageError(f"The zip file unpacks to {size // 2**20:,} MB, a hundred times its size: it is not read.")
    if any(info.flag_bits & 1 for info in wanted.values()):
        raise PackageError("The zip file is encrypted: unpack it first.")
    return [Member(name, info.file_size, partial(_open_zipped, archive, info)) for name, info in sorted(wanted.items())]


def _open_zipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> BinaryIO:
    return cast("BinaryIO", archive.open(info))
