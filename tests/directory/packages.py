"""Small packages for the tests of the import, written as files."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

Cells = Mapping[str, object]
Files = Mapping[str, Sequence[Cells]]

ORGANIZATION = "3f0c1d1e-0000-4000-8000-000000000001"
SERVICE = "3f0c1d1e-0000-4000-8000-000000000002"
LOCATION = "3f0c1d1e-0000-4000-8000-000000000003"
OFFER = "3f0c1d1e-0000-4000-8000-000000000004"
TERM = "3f0c1d1e-0000-4000-8000-000000000005"

TOWN: dict[str, list[dict[str, object]]] = {
    "organizations": [{"id": ORGANIZATION, "name": "Harbor Kitchen", "website": "harbor.example.org"}],
    "services": [
        {
            "id": SERVICE,
            "organization_id": ORGANIZATION,
            "name": "Hot lunch",
            "status": "active",
            "minimum_age": "",
            "maximum_age": "",
        }
    ],
    "locations": [
        {
            "id": LOCATION,
            "organization_id": ORGANIZATION,
            "location_type": "physical",
            "name": "Parish hall",
            "latitude": "39.29",
            "longitude": "-76.61",
            "confidential": "",
        }
    ],
    "service_at_location": [{"id": OFFER, "service_id": SERVICE, "location_id": LOCATION}],
    "addresses": [
        {
            "id": "a1",
            "location_id": LOCATION,
            "address_1": "12 Bank St",
            "address_2": "",
            "city": "Baltimore",
            "state_province": "md ",
            "postal_code": "21224",
            "country": "US",
            "address_type": "physical",
        }
    ],
    "phones": [
        {
            "id": "p1",
            "service_id": SERVICE,
            "location_id": "",
            "organization_id": "",
            "number": "(410) 276-6207",
            "extension": "3",
            "type": "voice",
        }
    ],
    "languages": [{"id": "l1", "service_id": SERVICE, "location_id": "", "name": "Spanish", "code": "spa"}],
    "schedules": [
        {
            "id": "h1",
            "service_id": SERVICE,
            "freq": "WEEKLY",
            "byday": "MO,TU,WE,TH,FR",
            "opens_at": "9:00am",
            "closes_at": "17:00",
        }
    ],
    "required_documents": [{"id": "d1", "service_id": SERVICE, "document": "Photo ID"}],
    "service_areas": [
        {"id": "s1", "service_id": SERVICE, "name": "East side", "extent": "21224, 21231", "extent_type": "text"}
    ],
    "taxonomy_terms": [{"id": TERM, "code": "102-05", "name": "Free Meals", "description": "", "parent_id": ""}],
    "attributes": [{"id": "t1", "link_id": SERVICE, "link_entity": "service", "taxonomy_term_id": TERM}],
}


def town(**changes: Sequence[Cells]) -> dict[str, list[dict[str, object]]]:
    """The package of one service, with whole files replaced."""
    return {name: [dict(cells) for cells in rows] for name, rows in {**TOWN, **changes}.items()}


def write(folder: Path, files: Files, *, encoding: str = "utf-8") -> Path:
    """Write each list of rows as a CSV file; the columns are those of its first row."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in files.items():
        with (folder / f"{name}.csv").open("w", encoding=encoding, newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]) if rows else ["id"])
            writer.writeheader()
            writer.writerows(rows)
    return folder
