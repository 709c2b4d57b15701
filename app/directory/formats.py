"""Which formats of directory we read, and how one is told from another."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.directory import documents, flat, hsds, ohana
from app.directory.mapping import BY_NAME, TABLES, Record
from app.directory.packages import DOCUMENTS, Package, PackageError
from app.directory.rows import Problem, Row

Files = tuple[tuple[str, ...], ...]
"""What one table is made of: for each part the names its file may have. One without parts is made of all files."""


@dataclass(frozen=True, slots=True)
class Format:
    name: str
    recognizes: Callable[[Package], bool]
    rows: Callable[[Package], Iterator[tuple[str, Row] | Problem]]
    """Rows under HSDS's table and column names, in the order in which they can be written."""
    parts: Mapping[str, Files]
    more_files: frozenset[str] = frozenset()
    """Files that are read though no table is made of them."""
    repeats: bool = False
    """Whether the same row may come again and again, as one organization does inside of each of its services."""
    version: Callable[[Package], str] | None = None
    """A more exact name."""

    @property
    def files(self) -> frozenset[str]:
        return self.more_files | {name for files in self.parts.values() for names in files for name in names}

    def named(self, package: Package) -> str:
        return self.version(package) if self.version else self.name

    def covers(self, package: Package, damaged: Collection[str]) -> list[str]:
        """The tables of which this package lists every row: their files are there and could be read to the end.

        :param damaged: the files of which some line could not be read.
        """
        return [table for table, files in self.parts.items() if _whole(package, files, damaged)]


def recognize(package: Package, mapping: Path | None = None) -> Format:
    """The format of a package.

    :param mapping: a mapping file for flat tables; the package is then read with it whatever else it looks like.
    :raises PackageError: it is none we read.
    """
    if mapping is not None:
        mapped = flat.read_mapping(mapping)
        if not mapped.recognizes(package):
            wanted = ", ".join(sorted(mapped.recognize)) or "(none are named)"
            raise PackageError(f"No table in {package.name} has the columns that the mapping is for: {wanted}.")
        return _flat(mapped)
    for format_ in FORMATS:
        if format_.recognizes(package):
            return format_
    passed_over = "".join(f" {problem.file} {problem.reason}." for problem in package.problems[:1])
    raise PackageError(
        f"{package.name} holds no services.csv, no JSON of services and no flat table we know,"
        f" so it is not a directory we can read.{passed_over}"
    )


def records(package: Package, format_: Format, source: str) -> Iterator[Record | Problem]:
    """Everything in the package as records, with what was wrong just before or in place of each."""
    yield from package.problems
    for name, member in package.members.items():
        if format_.files and name not in format_.files:
            yield Problem(member.file, None, None, "is not a file we keep", kept=False)
    for row in format_.rows(package):
        if isinstance(row, Problem):
            yield row
            continue
        record, problems = BY_NAME[row[0]].record(source, row[1])
        if problems:
            yield from problems
        if record:
            yield record


def _whole(package: Package, files: Files, damaged: Collection[str]) -> bool:
    if not files:
        return not any(member.file in damaged for member in package.members.values())
    found = [[name for name in names if name in package.members] for names in files]
    return all(some and all(package.members[name].file not in damaged for name in some) for some in found)


def _flat(mapped: flat.Mapped) -> Format:
    return Format(mapped.name, mapped.recognizes, mapped.rows, mapped.parts())


def _has_no_tables(package: Package) -> bool:
    return all(member.kind in DOCUMENTS for member in package.members.values()) and documents.recognizes(package)


# The first that recognizes a package reads it: the stricter ones come before HSDS.
FORMATS: tuple[Format, ...] = (
    Format("Ohana CSV", ohana.recognizes, ohana.rows, ohana.PARTS),
    Format(
        "HSDS",
        hsds.recognizes,
        hsds.rows,
        hsds.parts(),
        more_files=hsds.extra_files(),
        version=lambda package: f"{hsds.version(package)} tables",
    ),
    _flat(flat.icarol()),
    Format("HSDS JSON", _has_no_tables, documents.rows, {table.name: () for table in TABLES}, repeats=True),
)
