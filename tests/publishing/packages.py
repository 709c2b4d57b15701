"""A directory with something in every table of HSDS that we keep, and with what must not get out."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.directory.packages import LOCATION, OFFER, ORGANIZATION, SERVICE, TERM, town, write

TAXONOMY = "3f0c1d1e-0000-4000-8000-000000000006"
PROGRAM = "3f0c1d1e-0000-4000-8000-000000000007"
CONTACT = "3f0c1d1e-0000-4000-8000-000000000008"
PHONE = "3f0c1d1e-0000-4000-8000-000000000009"
UNIT = "3f0c1d1e-0000-4000-8000-00000000000a"
CHILD_TERM = "3f0c1d1e-0000-4000-8000-00000000000b"
SHELTER = "3f0c1d1e-0000-4000-8000-00000000000c"
SHELTER_LOCATION = "3f0c1d1e-0000-4000-8000-00000000000d"
SHELTER_OFFER = "3f0c1d1e-0000-4000-8000-00000000000e"
SHELTER_ADDRESS = "3f0c1d1e-0000-4000-8000-00000000000f"

SECRETS = ("77 Hidden Lane", "21205", "39.2877", "-76.5901", "the red door", "hidden-lane", "Lantern House")
"""Of the shelter: whatever leads to its door."""


def everything() -> dict[str, list[dict[str, object]]]:
    return town(
        organizations=[
            {
                "id": ORGANIZATION,
                "name": "Harbor Kitchen",
                "description": "Feeds people.",
                "website": "harbor.example.org",
                "email": "hello@harbor.example.org",
                "year_incorporated": "1987",
                "logo": "https://harbor.example.org/logo.png",
                "uri": "https://harbor.example.org/",
            }
        ],
        organization_identifiers=[
            {
                "id": "oi1",
                "organization_id": ORGANIZATION,
                "identifier_scheme": "US-EIN",
                "identifier_type": "EIN",
                "identifier": "52-0000000",
            }
        ],
        programs=[{"id": PROGRAM, "organization_id": ORGANIZATION, "name": "Meals"}],
        services=[
            {
                "id": SERVICE,
                "organization_id": ORGANIZATION,
                "program_id": PROGRAM,
                "name": "Hot lunch",
                "description": "A plate, “sitting down”,\nevery weekday.",
                "status": "active",
                "minimum_age": "18",
                "maximum_age": "64.5",
                "assured_date": "2026-02-01",
                "assurer_email": "checks@example.org",
                "licenses": "Food 12",
                "last_modified": "2026-02-01T10:00:00Z",
                "email": "not an address",
                "capacity_status": "waitlist",
                "capacity_at": "2026-02-03T10:00:00Z",
                "capacity_source": "agency",
                "intake_daily_limit": "40",
                "interpreter": "true",
                "last_verified_on": "2026-02-03",
                "last_verified_by": "staff 7",
            },
            {
                "id": SHELTER,
                "organization_id": ORGANIZATION,
                "name": "Night shelter",
                "status": "active",
            },
        ],
        locations=[
            {
                "id": LOCATION,
                "organization_id": ORGANIZATION,
                "location_type": "physical",
                "name": "Parish hall",
                "latitude": "39.29",
                "longitude": "-76.61",
                "confidential": "",
            },
            {
                "id": SHELTER_LOCATION,
                "organization_id": ORGANIZATION,
                "location_type": "physical",
                "name": "Lantern House",
                "description": "Ring at the red door",
                "url": "https://hidden-lane.example.org/",
                "latitude": "39.2877",
                "longitude": "-76.5901",
                "confidential": "true",
            },
        ],
        addresses=[
            *town()["addresses"],
            {
                "id": SHELTER_ADDRESS,
                "location_id": SHELTER_LOCATION,
                "address_1": "77 Hidden Lane",
                "city": "Baltimore",
                "state_province": "MD",
                "postal_code": "21205",
                "country": "US",
                "address_type": "physical",
            },
        ],
        service_at_location=[
            {"id": OFFER, "service_id": SERVICE, "location_id": LOCATION, "description": "Side entrance"},
            {
                "id": SHELTER_OFFER,
                "service_id": SHELTER,
                "location_id": SHELTER_LOCATION,
                "description": "77 Hidden Lane, the red door",
            },
        ],
        contacts=[{"id": CONTACT, "service_id": SERVICE, "name": "Sam Lee", "title": "Cook", "email": "sam@x.example"}],
        phones=[
            {"id": PHONE, "service_id": SERVICE, "number": "(410) 276-6207", "extension": "3", "type": "voice"},
            {"id": "p2", "contact_id": CONTACT, "number": "(410) 276-6208", "extension": "3 then 4"},
            {"id": "p3", "location_id": SHELTER_LOCATION, "number": "(410) 276-6209"},
        ],
        languages=[
            {"id": "l1", "service_id": SERVICE, "name": "Spanish", "code": "es"},
            {"id": "l2", "phone_id": PHONE, "name": "French", "code": "fr"},
        ],
        schedules=[
            {
                "id": "h1",
                "service_id": SERVICE,
                "freq": "WEEKLY",
                "byday": "MO,TU,WE,TH,FR",
                "opens_at": "09:00",
                "closes_at": "17:00",
                "valid_from": "2026-01-01",
                "timezone": "-5",
                "wkst": "MO",
                "byweekno": "1,2",
                "byyearday": "1",
            }
        ],
        accessibility=[{"id": "x1", "location_id": LOCATION, "description": "Ramp", "url": "https://ramp.example.org/"}],
        cost_options=[
            {"id": "c1", "service_id": SERVICE, "option": "Suggested", "amount": "2.50", "currency": "USD"}
        ],
        funding=[{"id": "f1", "service_id": SERVICE, "source": "City of Baltimore"}],
        url=[{"id": "u1", "service_id": SERVICE, "label": "Menu", "url": "https://harbor.example.org/menu"}],
        units=[{"id": UNIT, "name": "plate"}],
        service_capacity=[
            {
                "id": "k1",
                "service_id": SERVICE,
                "unit_id": UNIT,
                "available": "12",
                "maximum": "60",
                "updated": "2026-01-03T10:00:00Z",
            }
        ],
        taxonomies=[{"id": TAXONOMY, "name": "Human services", "version": "1"}],
        taxonomy_terms=[
            {"id": TERM, "code": "BD-1800", "name": "Food", "taxonomy_id": TAXONOMY},
            {"id": CHILD_TERM, "code": "BD-1800.2000", "name": "Meals", "parent_id": TERM, "taxonomy_id": TAXONOMY},
        ],
        attributes=[
            {"id": "t1", "link_id": SERVICE, "link_entity": "service", "taxonomy_term_id": CHILD_TERM, "value": "yes"},
            {"id": "t2", "link_id": LOCATION, "link_entity": "location", "taxonomy_term_id": TERM},
        ],
    )  # fmt: skip


def write_everything(folder: Path) -> Path:
    return write(
        folder, {name: [dict.fromkeys(_columns(rows), "") | row for row in rows] for name, rows in everything().items()}
    )


def _columns(rows: Sequence[Mapping[str, object]]) -> list[str]:
    return list(dict.fromkeys(column for row in rows for column in row))


def many(services: int) -> Mapping[str, Sequence[Mapping[str, object]]]:
    """Many services, each with all that the first one has nearest to it."""
    ids = [str(uuid.uuid5(uuid.NAMESPACE_URL, f"service {number}")) for number in range(services)]
    return town(
        services=[
            {"id": id_, "organization_id": ORGANIZATION, "name": f"Service {id_}", "status": "active"} for id_ in ids
        ],
        service_at_location=[
            {"id": str(uuid.uuid5(uuid.NAMESPACE_URL, id_)), "service_id": id_, "location_id": LOCATION} for id_ in ids
        ],
        phones=[{"id": f"p{id_}", "service_id": id_, "number": "(410) 276-6207"} for id_ in ids],
        languages=[{"id": f"l{id_}", "service_id": id_, "name": "Spanish", "code": "es"} for id_ in ids],
        schedules=[{"id": "h1", "location_id": LOCATION, "freq": "WEEKLY", "byday": "MO", "opens_at": "09:00"}],
        required_documents=[{"id": f"d{id_}", "service_id": id_, "document": "Photo ID"} for id_ in ids],
        service_areas=[{"id": f"s{id_}", "service_id": id_, "name": "21224"} for id_ in ids],
        attributes=[
            {"id": f"t{id_}", "link_id": id_, "link_entity": "service", "taxonomy_term_id": TERM} for id_ in ids
        ],
    )
