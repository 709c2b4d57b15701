"""The tables of HSDS, written down once in words and compared with our own and with the standard's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from app.config import ROOT
from app.db import Base
from app.directory.mapping import BY_NAME as READ
from app.publishing.hsds import BASIC, BY_NAME, FULL, LEFT_OUT, RESOURCES, Field, Nested, Resource

REFERENCE = ROOT.parent / "shared" / "reference" / "hsds" / "datapackage-3.2.3.json"

FIELDS = [(resource, field) for resource in RESOURCES for field in resource.fields]

# Read from several cells at once, or told apart from the cell they stand in.
READ_TOGETHER = {
    ("location", "latitude"),
    ("location", "longitude"),
    ("language", "name"),
    ("language", "code"),
    ("schedule", "byday"),
    ("schedule", "opens_at"),
    ("schedule", "closes_at"),
    ("service_area", "postal_codes"),
    ("attribute", "link_id"),
    ("metadata", "resource_id"),
}


def name_of(pair: tuple[Resource, Field]) -> str:
    return f"{pair[0].name}.{pair[1].name}"


@pytest.mark.parametrize("pair", FIELDS, ids=name_of)
def test_every_field_has_its_column(pair: tuple[Resource, Field]) -> None:
    resource, field = pair
    assert field.column in Base.metadata.tables[resource.name].c


@pytest.mark.parametrize("pair", FIELDS, ids=name_of)
def test_every_field_is_read_by_the_import(pair: tuple[Resource, Field]) -> None:
    resource, field = pair
    table = READ[resource.name]
    read = {"id", *(column.name for column in table.columns), *(link.name for link in table.links)}
    assert field.column in read or (resource.name, field.name) in READ_TOGETHER


def test_every_file_is_found_by_the_import() -> None:
    assert {
        resource.name: resource.file.removesuffix(".csv") in READ[resource.name].files for resource in RESOURCES
    } == (dict.fromkeys(READ, True))


def test_what_is_referred_to_comes_first() -> None:
    seen: set[str] = set()
    for resource in RESOURCES:
        assert set(resource.links.values()) <= {*seen, resource.name}
        seen.add(resource.name)


def inside(nested: tuple[Nested, ...], table: str) -> Iterator[tuple[str, Nested]]:
    for one in nested:
        yield table, one
        yield from inside(one.inside, one.table)


@pytest.mark.parametrize("tree", [BASIC, FULL])
def test_what_stands_inside_of_a_record_is_linked_to_it(tree: dict[str, tuple[Nested, ...]]) -> None:
    for table, nested in tree.items():
        for outer, one in inside(nested, table):
            pointing = BY_NAME[one.table if one.many else outer]
            assert pointing.links[one.by] == (outer if one.many else one.table), one


# Beside the standard


@pytest.fixture(scope="module")
def standard() -> dict[str, dict[str, Any]]:
    if not REFERENCE.exists():
        pytest.skip("the tabular package of HSDS is not beside the project")
    return {resource["name"]: resource for resource in json.loads(REFERENCE.read_text("utf-8"))["resources"]}


def test_every_table_of_the_standard_is_here_or_left_out_for_a_reason(standard: dict[str, dict[str, Any]]) -> None:
    assert set(standard) == {*BY_NAME, *(name for name in LEFT_OUT if "." not in name)}


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: str(resource.name))
def test_a_table_is_as_the_standard_has_it(standard: dict[str, dict[str, Any]], resource: Resource) -> None:
    theirs = standard[resource.name]
    kept = [
        (field["name"], field.get("format") or field["type"], field["constraints"]["required"])
        for field in theirs["schema"]["fields"]
        if f"{resource.name}.{field['name']}" not in LEFT_OUT
    ]
    ours = [(field.name, field.kind, field.required) for field in resource.fields if not field.extension]
    assert ours == kept
    assert resource.file == theirs["path"]


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: str(resource.name))
def test_every_link_of_the_standard_is_a_link_here(standard: dict[str, dict[str, Any]], resource: Resource) -> None:
    theirs = {
        link["fields"]: link["reference"]["resource"]
        for link in standard[resource.name]["schema"].get("foreignKeys", ())
    }
    assert dict(resource.links) == theirs
