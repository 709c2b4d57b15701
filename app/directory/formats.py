"""Which formats of directory we read, and how one is told from another."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from app.directory import ohana
from app.directory.mapping import BY_NAME, TABLES, Record
from app.directory.packages import Package, PackageError
from app.directory.rows import Problem, Row

Files = tuple[tuple[str, ...], ...]
"""What one table is made of: for each part the names its file may have."""


@dataclass(frozen=True, slots=True)
class Format:
    name: str
    recognizes: Callable[[Package], bool]
    rows: Callable[[Package], Iterator[tuple[str, Row] | Problem]]
    """Rows under HSDS's table and column names, in the order in which they can be written."""
    parts: Mapping[str, Files]

    @property
    def files(self) -> frozenset[str]:
        return frozenset(name for files in self.parts.values() for names in files for name in names)

    def covers(self, package: Package, damaged: Collection[str]) -> list[str]:
        """The tables of which this package lists every row: their files are there and could be read to the end.

        :param damaged: the files of which some line could not be read.
        """
        return [table for table, files in self.parts.items() if _whole(package, files, damaged)]


def recognize(package: Package) -> Format:
    """The format of a package.

    :raises PackageError: it is none we read.
    """
    for format_ in FORMATS:
        if format_.recognizes(package):
            return format_
    raise PackageError(f"{package.name} holds no services.csv, so it is not a directory we can read.")


def records(package: Package, format_: Format, source: str) -> Iterator[Record | Problem]:
    """Everything in the package as records, with what was wrong just before or in place of each."""
    for name, member in package.members.items():
        if name not in format_.files and member.file.lower().endswith(".csv"):
            yield Problem(member.file, None, None, "is not a file we keep", kept=False)
    for row in format_.rows(package):
        if isinstance(row, Problem):
            yield row
            continue
        record, problems = BY_NAME[row[0]].record(source, row[1])
        yield from problems
        if record:
            yield record


def _whole(package: Package, files: Files, damaged: Collection[str]) -> bool:
    found = [package.find(names) for names in files]
    return all(name is not None and package.members[name].file not in damaged for name in found)


def _is_hsds(package: Package) -> bool:
    return package.find(BY_NAME["service"].files) is not None


def _hsds_rows(package: Package) -> Iterator[tuple[str, Row] | Problem]:
    for table in TABLES:
        for row in package.rows(*table.files):
            yield row if isinstance(row, Problem) else (table.name, row)


# The first that recognizes a package reads it: the stricter ones come before HSDS.
FORMATS: tuple[Format, ...] = (
    Format("Ohana CSV", ohana.recognizes, ohana.rows, ohana.PARTS),
    Format("HSDS", _is_hsds, _hsds_rows, {table.name: (table.files,) for table in TABLES}),
)
