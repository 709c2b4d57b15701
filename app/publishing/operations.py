"""Writes the directory out as an HSDS tabular package: a CSV file for each table, and a description of them all.

What is written can be read in again: the same rows come of it, here or elsewhere. A row stands in the package only with
all that it must have around it, so that every link leads to a row; a link that need not be there is left empty where it
would lead to one that is no longer listed.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import IO, Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, false, null, or_, select
from sqlalchemy.sql.selectable import NamedFromClause

from app.db import Base, session
from app.errors import DomainError
from app.publishing.hsds import (
    BY_NAME,
    FORMATS,
    OF_CONFIDENTIAL_LOCATION,
    PROFILE,
    RESOURCES,
    WORDS,
    Field,
    Resource,
)
from app.publishing.queries import no_stand_in

AT_A_TIME = 2000
"""Rows in memory."""

DESCRIPTION = "datapackage.json"

# Tables that hold, or may hold, where a confidential location is.
_AT_THE_DOOR = ("address", "accessibility", "contact")

# Rows that belong to one of several others; without any they say nothing.
_OWNED = ("contact", "phone", "language", "schedule", "service_area", "url", "funding")

# Rows that name the table and the row they speak of, and the columns in which they do.
_SAYING = {"attribute": ("link_entity", "link_id"), "metadata": ("resource_type", "resource_id")}

_EMPTY_WHERE_NOTHING_WAS = ("previous_value", "replacement_value")

OpenFile = Callable[[str], AbstractContextManager[IO[str]]]


class CannotExport(DomainError):
    """There is no place to write to; the message says why."""


@dataclass(frozen=True)
class Scope:
    """How much is written."""

    confidential: bool = False
    """Whether with the addresses of confidential locations."""
    history: bool = False
    """Whether with every change that was ever made."""


def export(path: Path, scope: Scope, on_table: Callable[[str, int], None] = lambda _table, _rows: None) -> None:
    """Write the directory to a new folder, or to a new zip file if the name ends so.

    It appears under its name only when it is whole.

    :param on_table: told after each table how many rows it has.
    :raises CannotExport: there is already something at `path`, or no folder to put it in.
    """
    if path.exists():
        raise CannotExport(f"There is already something at {path}. Choose another name.")
    if not path.resolve().parent.is_dir():
        raise CannotExport(f"There is no folder {path.resolve().parent}.")
    partial = path.with_name(f".{path.name}.partial")
    with _zip(partial) if path.suffix.lower() == ".zip" else _folder(partial) as open_file:
        resources = [resource for resource in RESOURCES if scope.history or resource.name != "metadata"]
        for resource in resources:
            with open_file(resource.file) as file:
                on_table(resource.name, _write(file, resource, scope))
        with open_file(DESCRIPTION) as file:
            json.dump(description(resources), file, indent=2)
    partial.rename(path)


def description(resources: Sequence[Resource]) -> dict[str, Any]:
    """The package as Frictionless describes packages.

    Required is what our database requires, which is less than HSDS does: a directory in which no address lacks its
    ZIP code would be one that leaves such addresses out.
    """
    return {
        "profile": "tabular-data-package",
        "name": "directory",
        "title": "A directory of human services in HSDS 3.1",
        "homepage": PROFILE,
        "resources": [
            {
                "profile": "tabular-data-resource",
                "name": resource.name,
                "path": resource.file,
                "format": "csv",
                "mediatype": "text/csv",
                "encoding": "utf-8",
                "schema": {
                    "fields": [_described(resource, field) for field in resource.fields],
                    "primaryKey": "id",
                    "foreignKeys": [
                        {"fields": name, "reference": {"resource": table, "fields": "id"}}
                        for name, table in resource.links.items()
                    ],
                },
            }
            for resource in resources
        ],
    }


def _described(resource: Resource, field: Field) -> dict[str, Any]:
    column = Base.metadata.tables[resource.name].c[field.column]
    required = not column.nullable and not field.extension and field.name not in _EMPTY_WHERE_NOTHING_WAS
    constraints: dict[str, Any] = {"required": required}
    if field.name == "id":
        constraints["unique"] = True
    if words := WORDS.get((resource.name, field.name)):
        constraints["enum"] = [word.value for word in words]
    described: dict[str, Any] = {
        "name": field.name,
        "type": "string" if field.kind in FORMATS else field.kind,
        "constraints": constraints,
    }
    if field.kind == "uuid":  # what else is called an address of some kind, is often none
        described["format"] = "uuid"
    if field.extension:
        described["description"] = "An extension of Loopline."
    return described


def _write(file: IO[str], resource: Resource, scope: Scope) -> int:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([field.name for field in resource.fields])
    count = 0
    for row in session.execute(_rows(resource, scope), execution_options={"yield_per": AT_A_TIME}):
        writer.writerow([_cell(field, value) for field, value in zip(resource.fields, row, strict=True)])
        count += 1
    return count


def _cell(field: Field, value: object) -> str:
    if value is None:
        return ""
    text = str(value)
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, float):
        text = str(int(value)) if value.is_integer() else repr(value)
    elif isinstance(value, datetime | date | time):
        text = value.isoformat()
    elif isinstance(value, list):
        text = " ".join(value)
    elif field.name in {"extension", "extension_text"} and text.isdecimal() != (field.name == "extension"):
        text = ""
    return text


def _rows(resource: Resource, scope: Scope) -> Select[Any]:
    """The rows of one table that are told, each column as it is told."""
    table = Base.metadata.tables[resource.name].alias()
    columns = [_value(resource, field, table, scope).label(field.name) for field in resource.fields]
    return select(*columns).where(*_told(resource, table, scope)).order_by(table.c.id)


def _value(resource: Resource, field: Field, table: NamedFromClause, scope: Scope) -> ColumnElement[Any]:
    column: ColumnElement[Any] = table.c[field.column]
    if not scope.confidential and resource.name == "location" and field.name not in OF_CONFIDENTIAL_LOCATION:
        return case((table.c.confidential, null()), else_=column)
    if not scope.confidential and (resource.name, field.name) == ("service_at_location", "description"):
        return case((_is_confidential(table.c.location_id), null()), else_=column)
    if field.name in resource.links and Base.metadata.tables[resource.name].c[field.column].nullable:
        return case((_is_told(resource.links[field.name], column, scope), column), else_=null())
    return column


def _told(resource: Resource, table: NamedFromClause, scope: Scope) -> Iterator[ColumnElement[bool]]:
    """What has to be true of a row for it to be told."""
    yield table.c.withdrawn_at.is_(None)
    yield from no_stand_in(resource.name, table.c)
    owners = []
    for name, target in resource.links.items():
        told = _is_told(target, table.c[name], scope)
        if Base.metadata.tables[resource.name].c[name].nullable:
            owners.append(told)
        else:
            yield told
    if resource.name in _OWNED:
        yield or_(*owners)
    if resource.name in _SAYING:
        yield _about_told_rows(resource, table, scope)
    if not scope.confidential and resource.name in _AT_THE_DOOR:
        yield or_(table.c.location_id.is_(None), ~_is_confidential(table.c.location_id))


def _about_told_rows(resource: Resource, table: NamedFromClause, scope: Scope) -> ColumnElement[bool]:
    """Rows that name the table they speak of: of a confidential location none are told."""
    kind, id_ = (table.c[name] for name in _SAYING[resource.name])
    cases: list[ColumnElement[bool]] = [false()]
    for other in RESOURCES:
        if other.name in _SAYING:
            continue
        about = [kind == other.name, _is_told(other.name, id_, scope)]
        if not scope.confidential and other.name == "location":
            about.append(~_is_confidential(id_))
        if not scope.confidential and other.name == "service_at_location" and resource.name == "metadata":
            offer = Base.metadata.tables[other.name].alias()
            about.append(~exists().where(offer.c.id == id_, _is_confidential(offer.c.location_id)))
        cases.append(and_(*about))
    return or_(*cases)


def _is_told(name: str, id_: ColumnElement[Any], scope: Scope) -> ColumnElement[bool]:
    """Whether the row of table `name` with this id is told.

    Asked of each row by its primary key: a list of all that are told outgrows what PostgreSQL keeps in memory, and is
    then gone through once for each row.
    """
    table = Base.metadata.tables[name].alias()
    return exists().where(table.c.id == id_, *_told(BY_NAME[name], table, scope))


def _is_confidential(location_id: ColumnElement[Any]) -> ColumnElement[bool]:
    location = Base.metadata.tables["location"].alias()
    return exists().where(location.c.id == location_id, location.c.confidential)


@contextmanager
def _folder(path: Path) -> Iterator[OpenFile]:
    path.mkdir(exist_ok=True)
    yield lambda name: (path / name).open("w", encoding="utf-8", newline="")


@contextmanager
def _zip(path: Path) -> Iterator[OpenFile]:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        yield lambda name: io.TextIOWrapper(archive.open(name, "w", force_zip64=True), encoding="utf-8", newline="")
