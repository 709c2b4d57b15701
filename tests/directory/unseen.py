"""Directories as other cities and vendors publish them, each with faults of its own among good rows.

All organizations are made up. What the files look like is not: column names, encodings, links and slips are those of
directories that can be had (Ohana exports, HSDS 1.0 to 3.1, Open Referral UK, iCarol, Airtable, Excel).
"""
# ruff: noqa: E501  a line of a table stays one line

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

Table = Sequence[Sequence[object]]
"""The header first."""


def text_of(table: Table, delimiter: str = ",") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\r\n").writerows(table)
    return out.getvalue()


def put(folder: Path, tables: dict[str, Table], encoding: str = "utf-8", delimiter: str = ",") -> Path:
    """Each table as a file of that name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        (folder / name).write_bytes(text_of(table, delimiter).encode(encoding))
    return folder


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def numbered(row: str, numbers: Iterable[int]) -> list[list[str]]:
    """The same row for each number, which takes the place of every #."""
    return [[cell.replace("#", str(number)) for cell in row.split("|")] for number in numbers]


def ohana_county(folder: Path) -> Path:
    """A county in Massachusetts, exported from Ohana and saved once with Excel: smart quotes, ZIP codes without zero."""
    return put(
        folder / "bay-county",
        {
            "organizations.csv": [
                ["id", "alternate_name", "date_incorporated", "description", "name", "tax_status", "website"],
                ["1", "", "2-Jan-70", "We feed “everybody”.", "Charles River Pantry", "501(c)3", "http://crp.example.org"],
                ["2", "MHA", "1/2/1970", "Homes – and hope", "Mystic Housing Alliance", "", "mystic.example.org"],
                ["3", "", "", "", "", "", ""],
                ["4", "", "", "Rides", "Quincy Wheels", "", "http://"],
            ],
            "locations.csv": [
                ["id", "organization_id", "accessibility", "description", "languages", "lat", "long", "name", "virtual"],
                ["1", "1", "elevator, ramp,wheelchair", "", "Spanish, Haitian Creole", "42.3736", "-71.1097", "Central Sq", "FALSE"],
                ["2", "2", "tty", "", "English,Klingon", "42.4084", "-71.0120", "Chelsea office", "FALSE"],
                ["3", "4", "", "", "", "", "", "By phone", "TRUE"],
                ["4", "3", "", "", "", "42.25", "-71.00", "Nobody's", "FALSE"],
            ],
            "addresses.csv": [
                ["id", "location_id", "street_1", "street_2", "city", "state", "zip", "country_code"],
                ["1", "1", "5 Bishop Allen Dr", "", "Cambridge", "ma", "2139", "US"],
                ["2", "2", "20 Broadway", "Fl 2", "Chelsea", "MA", "2150", "US"],
            ],
            "phones.csv": [
                ["id", "contact_id", "location_id", "organization_id", "service_id", "country_prefix", "department", "extension", "number", "number_type", "vanity_number"],
                ["1", "", "1", "", "", "", "Intake", "", "(617) 354-0100", "voice", ""],
                ["2", "", "", "", "2", "1", "", "12", "617 884 0199", "Voice", ""],
                ["3", "", "2", "", "", "", "", "", "6.17884E+09", "voice", ""],
                ["4", "", "", "", "", "", "", "", "617-555-0100", "voice", ""],
            ],
            "services.csv": [
                ["id", "location_id", "audience", "description", "eligibility", "fees", "keywords", "languages", "name", "required_documents", "service_areas", "status", "taxonomy_ids"],
                ["1", "1", "", "Groceries for a week", "Residents", "None", "food, groceries", "", "Weekly groceries", "Government-issued picture identification", "Middlesex County", "active", "101-01"],
                ["2", "2", "Families", "Rent help", "None", "", "", "Spanish", "Rent fund", "Lease, ID", "02150, 02151", "active", "102-02, 999"],
                ["3", "3", "", "Rides to the doctor", "", "", "", "", "Doctor rides", "None", "", "inactive", "103"],
                ["4", "77", "", "", "", "", "", "", "Lost one", "", "", "active", ""],
                *[[str(n), "1", "", "", "", "", "", "", f"Food class {n}", "", "", "active", "101"] for n in range(10, 22)],
            ],
            "regular_schedules.csv": [
                ["id", "service_id", "location_id", "weekday", "opens_at", "closes_at"],
                ["1", "1", "", "Monday", "9:00 AM", "5:00 PM"],
                ["2", "1", "", "Tues", "09:00", "17:00"],
                ["3", "1", "", "3", "9:30", "12:00"],
                ["4", "2", "", "Funday", "9:30", "12:00"],
                ["5", "", "2", "Friday", "9", "17"],
            ],
            "holiday_schedules.csv": [
                ["id", "service_id", "location_id", "closed", "start_date", "end_date", "opens_at", "closes_at"],
                ["1", "", "1", "true", "12/24/2026", "12/26/26", "", ""],
                ["2", "", "1", "TRUE", "July 4, 2026", "July 4, 2026", "", ""],
                ["3", "", "1", "true", "sometime", "", "", ""],
            ],
            "taxonomy.csv": [
                ["taxonomy_id", "name", "parent_id", "parent_name"],
                ["101", "Food", "", ""],
                ["101-01", "Emergency Food", "101", "Food"],
                ["102", "Housing", "", ""],
                ["102-02", "Help Pay for Housing", "102", "Housing"],
                ["103", "Transit", "", ""],
            ],
        },
        encoding="cp1252",
    )  # fmt: skip


def miami(folder: Path) -> Path:
    """HSDS 1.1 packed on a Mac, in a folder of its own, with capital endings; numbers for ids, tables by hand."""
    tables: dict[str, Table] = {
        "organizations": [
            ["id", "name", "alternate_name", "description", "email", "url", "tax_status"],
            *numbered("#|Biscayne Neighbors #||Helps||biscayne#.example.org|", range(1, 9)),
            ["8", "Twice listed", "", "", "", "", ""],
            [" 9 ", "Padded Id", "", "", "", "", ""],
        ],
        "services": [
            ["id", "organization_id", "program_id", "location_id", "name", "description", "status", "fees"],
            *numbered("#|#|||Pantry #|Food for all|active|Free", range(1, 9)),
            ["20", "9", "", "", "Night shelter", "Beds", "ACTIVE", "none"],
            ["21", "5", "", "", "Old one", "", "Defunct", ""],
            ["22", "5", "", "", "Odd one", "", "who knows", ""],
            ["", "5", "", "", "No id", "", "active", ""],
        ],
        "locations": [
            ["id", "organization_id", "name", "latitude", "longitude"],
            *numbered("#|#|Hall #|25.77#|-80.19#", range(1, 9)),
            ["20", "9", "Shelter", "-80.2", "25.8"],
            ["21", "9", "Nowhere", "NaN", "nan"],
        ],
        "services_at_location": [
            ["id", "service_id", "location_id", "description"],
            *numbered("#|#|#|", range(1, 9)),
            ["20", "20", "20", ""],
            ["21", "20", "99", ""],
        ],
        "physical_addresses": [
            ["id", "location_id", "organization_id", "attention", "address_1", "city", "region", "state_province", "postal_code", "country"],
            *numbered("#|#|||# Flagler St|Miami||FL|3313#|US", range(1, 9)),
            ["20", "20", "", "", "1 Bay St", "Miami", "", "Florida", "33132-1234", "USA"],
        ],
        "postal_addresses": [
            ["id", "location_id", "organization_id", "address_1", "city", "state_province", "postal_code", "country"],
            ["1", "1", "", "PO Box 1", "Miami", "FL", "33131", "US"],
            ["2", "", "2", "PO Box 2", "Miami", "FL", "33131", "US"],
        ],
        "phones": [
            ["id", "location_id", "service_id", "organization_id", "contact_id", "service_at_location_id", "number", "extension", "type", "language", "description"],
            *numbered("#|||#|||(305) 377-010#||||", range(1, 9)),
            ["20", "", "20", "", "", "", "305-377-0120 x 12", "", "voice", "es; ht", ""],
            ["21", "", "20", "", "", "", "1-800-FLA-AIDS", "", "hotline", "", ""],
        ],
        "regular_schedules": [
            ["id", "service_id", "location_id", "service_at_location_id", "weekday", "opens_at", "closes_at"],
            *numbered("#|#|||1|9:00|17:00", range(1, 9)),
            ["20", "20", "", "", "Mon - Fri", "19:00", "07:00"],
            ["21", "20", "", "", "7", "19:00", "19:00"],
        ],
        "taxonomy": [
            ["id", "name", "parent_id", "parent_name", "vocabulary"],
            ["BD", "Food", "", "", "AIRS"],
            ["BD-1800.2000", "Food Pantries", "BD", "Food", "AIRS"],
            ["BH-1800.8500", "Homeless Shelter", "", "", "AIRS"],
        ],
        "service_taxonomy": [
            ["id", "service_id", "taxonomy_id", "taxonomy_detail"],
            *numbered("#|#|BD-1800.2000|", range(1, 9)),
            ["20", "20", "BH-1800.8500", ""],
            ["21", "20", "ZZ", ""],
        ],
        "eligibility": [["id", "service_id", "eligibility"], ["1", "1", "Adults"], ["2", "77", "Nobody"]],
        "languages": [["id", "service_id", "location_id", "language"], ["1", "1", "", "Spanish"], ["2", "2", "", "Creole"]],
    }  # fmt: skip
    files = {f"Miami Export/{name.upper()}.CSV": text_of(table).encode() for name, table in tables.items()}
    litter = {f"__MACOSX/Miami Export/._{name.upper()}.CSV": b"\x00\x05\x16\x07" for name in tables}
    return zipped(folder / "miami.zip", {**files, **litter, "Miami Export/.DS_Store": b"\x00"})


def chicago(folder: Path) -> Path:
    """HSDS 2.0, saved from Excel as “Unicode text”: UTF-16, tabs, empty columns and rows to the right and below."""
    tables: dict[str, Table] = {
        "organization": [["id", "name", "description", "url"], *numbered("o#|Prairie Aid #|Helps|", range(1, 7))],
        "service": [
            ["id", "organization_id", "name", "status", "description", "fees", "deliverable_type", "attending_access", ""],
            *numbered("s#|o#|Coat closet #|active|Coats|||walk-in|", range(1, 7)),
            ["S1", "o2", "Same letters", "active", "", "", "", "", ""],
            ["s1 ", "o2", "Same but for a space", "active", "", "", "", "", ""],
            ["", "", "", "", "", "", "", "", ""],
        ],
        "location": [["id", "name", "latitude", "longitude"], *numbered("l#|Site #|41.88#|-87.63#", range(1, 7))],
        "service_at_location": [["id", "service_id", "location_id"], *numbered("a#|s#|l#", range(1, 7))],
        "physical_address": [
            ["id", "location_id", "address_1", "city", "state_province", "postal_code", "country"],
            *numbered("p#|l#|# Wacker Dr|Chicago|IL|6060#|US", range(1, 7)),
        ],
        "regular_schedule": [
            ["id", "service_id", "opens_at", "closes_at", "valid_from", "valid_to", "dtstart", "freq", "interval", "byday", "bymonthday", "description"],
            *numbered("r#|s#|09:00|17:00||||WEEKLY||MO,WE||", range(1, 4)),
            ["r4", "s4", "10:00", "12:00", "", "", "2026-01-05", "WEEKLY", "2", "MO", "", ""],
            ["r5", "s5", "10:00", "12:00", "", "", "", "MONTHLY", "", "2TU,-1FR", "", ""],
            ["r6", "s6", "10:00", "12:00", "", "", "", "YEARLY", "", "", "", "every spring"],
        ],
        "service_attribute": [["id", "service_id", "taxonomy_term_id"], *numbered("x#|s#|t1", range(1, 7)), ["x9", "s1", "t2"]],
        "taxonomy_term": [
            ["id", "term", "description", "parent_id", "taxonomy", "language"],
            ["t1", "Clothing", "Things to wear", "", "Open Eligibility", "en"],
            ["t2", "Food Pantry", "Groceries", "", "Open Eligibility", "en"],
        ],
        "required_document": [["id", "service_id", "document"], ["d1", "s1", "ID\nand proof of address"], ["d2", "s99", "x"]],
    }  # fmt: skip
    return put(folder / "chicago", {f"{name}.csv": table for name, table in tables.items()}, "utf-16", "\t")


def _oruk_service(number: int, **more: object) -> dict[str, object]:
    return {
        "id": f"oruk-{number}",
        "name": f"Warm room {number}",
        "description": "<p>Hot drinks &amp; company.</p><ul><li>No booking</li></ul>",
        "url": None,
        "email": None,
        "status": "active",
        "fees": None,
        "assured_date": "2026-02-01T00:00:00",
        "attending_type": None,
        "deliverable_type": None,
        "minimum_age": None,
        "organization": {"id": "org-1", "name": "Riverside Centre", "url": "", "description": None},
        "contacts": [{"id": f"c{number}", "name": "Desk", "title": None, "phones": [{"id": f"p{number}", "number": "410 396 0100"}]}],
        "eligibilitys": [{"id": f"e{number}", "eligibility": "Over 18s", "minimum_age": 18.0, "maximum_age": None, "taxonomys": []}],
        "regular_schedules": [
            {"id": f"r{number}", "opens_at": "09:00:00Z", "closes_at": "17:00:00Z", "byday": "MO,TU", "dtstart": None, "freq": "WEEKLY", "interval": None, "bymonthday": None, "valid_from": "2026-01-01", "valid_to": None}
        ],
        "holiday_schedules": [],
        "service_areas": [{"id": f"a{number}", "service_area": "Baltimore County", "extent": None, "uri": None}],
        "service_at_locations": [
            {
                "id": f"sal{number}",
                "location": {
                    "id": f"loc{number}",
                    "name": "Main hall",
                    "latitude": 39.29,
                    "longitude": -76.61,
                    "physical_addresses": [{"id": f"pa{number}", "address_1": "1 Pratt St", "city": "Baltimore", "state_province": "MD", "postal_code": "21202", "country": "GB"}],
                    "accessibility_for_disabilities": [{"id": f"ac{number}", "accessibility": "Step-free"}],
                },
                "regular_schedule": [],
            }
        ],
        "service_taxonomys": [
            {"id": f"st{number}", "taxonomy": {"id": "tax-1", "name": "Emergency food", "vocabulary": "esdServiceTypes"}}
        ],
        "languages": [{"id": f"l{number}", "language": "Spanish"}],
        "cost_options": [{"id": f"co{number}", "amount": 0.0, "amount_description": None, "option": "Free"}],
        "fundings": [{"id": f"f{number}", "source": "City"}],
        "reviews": [],
        **more,
    }  # fmt: skip


def open_referral_uk(folder: Path) -> Path:
    """Pages of Open Referral UK's first API, each saved as a file: `content`, tables under the names of HSDS 1."""
    folder.mkdir(parents=True)
    pages = [
        [_oruk_service(number) for number in range(1, 11)],
        [
            _oruk_service(11, organization=None),
            _oruk_service(12, name=None),
            _oruk_service(13, minimum_age=10**400),
            "not an object",
            *(_oruk_service(number) for number in range(14, 24)),
        ],
    ]
    for number, content in enumerate(pages, 1):
        page = {"totalElements": 24, "totalPages": 2, "number": number, "size": 12, "first": number == 1, "last": number == 2, "empty": False, "content": content}  # fmt: skip
        text = json.dumps(page, indent=1).replace("1" + "0" * 400, "1e400" if number == 1 else "1" + "0" * 400)
        (folder / f"services-page-{number}.json").write_text(text)
    return folder


def hsds_3_page(folder: Path) -> Path:
    """What `/services?full=true` of HSDS 3.1 gives: nulls, everything nested, one location of many services."""
    location = {
        "id": "11111111-2222-4333-8444-555555555501",
        "location_type": "physical",
        "name": "East Side House",
        "latitude": 40.8067,
        "longitude": -73.9168,
        "addresses": [{"id": "ad1", "address_1": "337 Alexander Ave", "city": "Bronx", "state_province": "NY", "postal_code": "10454", "country": "US", "address_type": "physical"}],
        "phones": [],
        "accessibility": [{"id": "acc1", "description": "Ramp"}],
    }  # fmt: skip
    organization = {"id": "11111111-2222-4333-8444-555555555500", "name": "Mott Haven Table", "description": None, "website": "mott.example.org"}  # fmt: skip
    services: list[dict[str, object]] = [
        {
            "id": f"11111111-2222-4333-8444-5555555556{number:02}",
            "name": f"Pantry line {number}",
            "status": "active",
            "description": None,
            "minimum_age": 18.0,
            "maximum_age": None,
            "last_modified": "2026-03-15T10:30:45.123Z",
            "organization": organization,
            "program": None,
            "phones": [{"id": f"ph{number}", "number": "+1 718-555-0199;ext=3", "extension": 3, "type": "voice", "languages": []}],
            "schedules": [{"id": f"sc{number}", "freq": "WEEKLY", "byday": "MO,TU", "valid_from": "2026-01-01", "valid_to": None, "opens_at": "09:00:00-05:00", "closes_at": "17:00:00-05:00", "byweekno": None, "count": None}],
            "service_areas": [{"id": f"sa{number}", "name": "Bronx County", "extent": None, "extent_type": None}],
            "service_at_locations": [{"id": f"at{number}", "description": None, "contacts": [], "phones": [], "schedules": [], "location": location}],
            "required_documents": [{"id": f"rd{number}", "document": "ID"}],
            "languages": [{"id": f"la{number}", "name": None, "code": "es"}],
            "cost_options": None,
            "capacities": [{"id": f"ca{number}", "available": 3, "maximum": 10, "updated": "2026-10-01T00:00:00Z", "unit": {"id": "u1", "name": "Boxes"}}],
            "attributes": [{"id": f"at-{number}", "link_entity": "service", "value": None, "taxonomy_term": {"id": "tt1", "code": "102-05", "name": "Food Pantry", "taxonomy_detail": {"id": "tx1", "name": "Open Eligibility", "description": ""}}}],
            "metadata": [],
        }
        for number in range(1, 21)
    ]  # fmt: skip
    services[4]["schedules"] = [{"id": "odd1", "freq": "WEEKLY", "byday": "TH,FR", "byweekno": "41,42", "opens_at": "10:00", "closes_at": "18:00", "description": "Autumn only"}]  # fmt: skip
    services[5]["schedules"] = [{"id": "odd2", "freq": "WEEKLY", "byday": "MO", "count": 3, "dtstart": "2026-11-02", "opens_at": "10:00", "closes_at": "18:00"}]  # fmt: skip
    services[6]["schedules"] = [{"id": "odd3", "freq": "YEARLY", "byday": "MO", "byyearday": "100", "opens_at": "10:00", "closes_at": "18:00"}]  # fmt: skip
    services[7]["schedules"] = [{"id": "odd4", "freq": "MONTHLY", "interval": 2, "byday": "1MO", "opens_at": "10:00", "closes_at": "18:00", "description": "Every other month"}]  # fmt: skip
    services[8]["organization"] = None
    services[8]["organization_id"] = "11111111-2222-4333-8444-555555555500"
    services[9]["service_at_locations"] = []
    services[10]["name"] = {"en": "Named oddly"}
    services[11]["phones"] = "718-555-0100"
    page = {"total_items": 20, "total_pages": 1, "page_number": 1, "size": 20, "first_page": True, "last_page": True, "empty": False, "contents": services}  # fmt: skip
    folder.mkdir(parents=True)
    (folder / "services.json").write_text("\ufeff" + json.dumps(page))
    return folder / "services.json"


def icarol_2025(folder: Path) -> Path:
    """A 211's export of this year: agencies are their own parents, hours twice, codes joined with stars, HTML."""
    columns = [
        "ResourceAgencyNum", "PublicName", "TaxonomyLevelName", "ParentAgency", "ParentAgencyNum", "PhysicalAddress1", "PhysicalCity", "PhysicalCounty", "PhysicalStateProvince", "PhysicalPostalCode", "PhysicalAddressIsPrivate", "Latitude", "Longitude", "HoursOfOperation", "Phone1Number", "Phone1Name", "Phone1IsPrivate", "PhoneTTY", "AgencyStatus", "AgencyDescription", "CoverageArea", "ExcludeFromWebsite", "DisabilitiesAccess", "DocumentsRequired", "LanguagesOffered", "UpdatedOn", "LastVerifiedOn", "ConnectsToSiteNum", "ConnectsToProgramNum", "TaxonomyTerm", "TaxonomyTerms", "TaxonomyCodes", "Coverage", "Hours",
    ]  # fmt: skip
    agency = {"TaxonomyLevelName": "Agency", "AgencyStatus": "Active", "PhysicalStateProvince": "OH"}
    program = {"TaxonomyLevelName": "Program", "AgencyStatus": "Active", "PhysicalStateProvince": "OH", "LastVerifiedOn": "2025-08-04 0:00:00", "UpdatedOn": "1900-01-01 0:00:00"}  # fmt: skip
    lines: list[dict[str, str]] = []
    for number in range(100, 106):
        own = {
            "ResourceAgencyNum": str(number),
            "ParentAgencyNum": str(number),
            "PublicName": f"Cuyahoga Care {number}",
        }
        lines.append({**agency, **own, "ParentAgency": own["PublicName"], "PhysicalCity": "Cleveland", "PhysicalAddress1": "1 Euclid Ave", "PhysicalPostalCode": "44113", "Latitude": "41.4993", "Longitude": "-81.6944", "Phone1Number": "216-436-2000", "Phone1IsPrivate": "FALSE", "PhoneTTY": "216-436-2001"})  # fmt: skip
    lines += [{**program, "ResourceAgencyNum": str(number), "ParentAgencyNum": str(number - 100), "PublicName": f"Pantry {number}", "AgencyDescription": "<p>Food.<br /><br /><b>More:</b> bring bags &amp; patience</p>", "HoursOfOperation": "Monday-Friday 8am-4pm", "Hours": "Mon 08:00 - 16:00; Tue 08:00 - 16:00; Wed 08:00 - 16:00; Thu 08:00 - 16:00; Fri 08:00 - 16:00; ", "TaxonomyTerm": "Food Pantries; Older Adults; ", "TaxonomyTerms": "Basic Needs - Food - Food Pantries; Target Populations - Older Adults", "TaxonomyCodes": "BD-1800.2000 * YB-8000", "Coverage": "OH - Cuyahoga County; ", "CoverageArea": "Surrounding areas."} for number in range(200, 204)]  # fmt: skip
    odd = {"205": "24 hrs/day, 7 days/wk.", "206": "mon: 8:30:00 - 16:00:00 tues: 8:30:00 - 16:00:00 wed: 9:00:00 - 13:00:00 sat: 0:00:00 - 0:00:00 sun: 0:00:00 - 0:00:00", "207": "Various evenings depending on classes.", "208": "Mon-Fri 9am-5pm; Sat by appt", "209": "M-F 9a-5p; Sat closed"}  # fmt: skip
    lines += [{**program, "ResourceAgencyNum": id_, "ParentAgencyNum": "104", "PublicName": f"Line {id_}", "HoursOfOperation": hours, "TaxonomyTerm": "Soup Kitchens", "TaxonomyCodes": "BD-5000.8300"} for id_, hours in odd.items()]  # fmt: skip
    lines += [
        {**program, "ResourceAgencyNum": "210", "ParentAgencyNum": "104", "PublicName": "Closed down", "AgencyStatus": "Inactive"},
        {**program, "ResourceAgencyNum": "211", "ParentAgencyNum": "104", "PublicName": "Not for the public", "ExcludeFromWebsite": "Yes"},
        {**program, "ResourceAgencyNum": "212", "ParentAgencyNum": "999", "PublicName": "Orphan"},
        {**agency, "TaxonomyLevelName": "Site", "ResourceAgencyNum": "300", "ParentAgencyNum": "104", "PublicName": "West site", "PhysicalCity": "Parma", "PhysicalAddressIsPrivate": "Yes"},
        {"TaxonomyLevelName": "ProgramAtSite", "AgencyStatus": "Active", "ResourceAgencyNum": "400", "ParentAgencyNum": "104", "PublicName": "Line 205 at West site", "ConnectsToSiteNum": "300", "ConnectsToProgramNum": "205"},
        {"TaxonomyLevelName": "ProgramAtSite", "AgencyStatus": "Inactive", "ResourceAgencyNum": "401", "ParentAgencyNum": "104", "PublicName": "Line 206 at West site", "ConnectsToSiteNum": "300", "ConnectsToProgramNum": "206"},
    ]  # fmt: skip
    return put(folder, {"Resources 2025-10.csv": [columns, *([line.get(name, "") for name in columns] for line in lines)]}, "cp1252")  # fmt: skip


def airtable(folder: Path) -> Path:
    """An HSDS base of Airtable: a CSV of each view, columns with capitals and spaces, links by name, no ids at all."""
    return put(
        folder / "airtable",
        {
            "Organizations-Grid view.csv": [
                ["Name", "Description", "Website", "Services", "Phones", "x-Status"],
                *numbered("Tulsa Table #|Helps||Supper #||ok", range(1, 6)),
                ["Comma, Inc.", "", "", "Bread run", "", ""],
            ],
            "Services-Grid view.csv": [
                ["Name", "Organization", "Description", "Status", "Locations", "Taxonomy Terms", "Languages", "x-internal"],
                *numbered("Supper #|Tulsa Table #|Hot meal|Active|Hall #|Free Meals|Spanish|y", range(1, 6)),
                ["Bread run", "Comma, Inc.", "", "active", "Hall 1, Hall 2", "Free Meals", "", ""],
                ["Nobody's", "Unknown Org", "", "active", "", "", "", ""],
                ["", "Tulsa Table 1", "", "active", "", "", "", ""],
            ],
            "Locations-Grid view.csv": [
                ["Name", "Organization", "Latitude", "Longitude", "Address"],
                *numbered("Hall #|Tulsa Table #|36.15|-95.99|# Main St", range(1, 6)),
            ],
            "Phones-Grid view.csv": [
                ["Number", "Services", "Organizations", "Type"],
                *numbered("918-596-210#|Supper #||voice", range(1, 6)),
                ["", "Supper 1", "", ""],
            ],
            "Schedules-Grid view.csv": [
                ["Name", "Services", "Byday", "Opens at", "Closes at", "Freq"],
                *numbered("s#|Supper #|MO, WE|5:00pm|7:00pm|WEEKLY", range(1, 6)),
            ],
            "Taxonomy Terms-Grid view.csv": [["Name", "Taxonomy"], ["Free Meals", "Open Eligibility"]],
        },
        "utf-8-sig",
    )  # fmt: skip


def excel(folder: Path) -> Path:
    """A county's HSDS 3, edited in Excel in a country with semicolons: titles, numbers, dates, columns to the right."""
    titles: Table = [["Hampden County Service Directory"], ["Last saved 3/4/26 by front desk"], []]
    return put(
        folder / "hampden",
        {
            "organizations.csv": [
                *titles,
                ["ID", "Name", "Description", "Website", "Year Incorporated", "Email", "", "", ""],
                *numbered("#|Valley Hands #|Caf\xe9 and “more”|www.hands#.example.org|1987.0|||| ", range(1, 8)),
                ["8", "Bad year", "", "not a site", "nineteen", "", "", "", ""],
                ["", "", "", "", "", "", "", "", ""],
            ],
            "services.csv": [
                ["id", "organization_id", "name", "name", "status", "minimum_age", "maximum_age", "assured_date", "last_modified", "description"],
                *numbered("#|#|Fuel fund #||TRUE|18|99|3/4/26|3/4/2026 9:15|Under <18 years> with parent", range(1, 8)),
                ["8", "8", "Too young", "", "Active", "65", "18", "13/13/2026", "#REF!", "=1+1"],
                ["9", "8", "Nothing", "", "FALSE", "", "", "0", "", ""],
            ],
            "locations.csv": [
                ["id", "organization_id", "name", "latitude", "longitude", "location_type"],
                *numbered("#|#|Office #|42.10#|-72.59#|physical", range(1, 8)),
                ["8", "8", "Comma", "42,1", "-72,5", "physical"],
                ["9", "8", "Far", "42.1", "72.5", "building"],
            ],
            "service_at_location.csv": [["id", "service_id", "location_id"], *numbered("#|#|#", range(1, 10))],
            "addresses.csv": [
                ["id", "location_id", "address_1", "city", "state_province", "postal_code", "country", "address_type"],
                *numbered("#|#|# State St|Springfield|MA|110#|US|physical", range(1, 8)),
                ["9", "9", "9 State St", "Springfield", "Massachusetts", "01109.0", "United States", "physical"],
            ],
            "phones.csv": [
                ["id", "service_id", "number", "extension", "type"],
                *numbered("#|#|4.13788E+09||voice", range(1, 3)),
                *numbered("#|#|413788010#|12.0|voice", range(3, 8)),
                ["8", "8", "413-788", "", "voice"],
                ["9", "8", "call us", "", "voice"],
            ],
            "schedules.csv": [
                ["id", "service_id", "freq", "byday", "opens_at", "closes_at", "valid_from"],
                *numbered("#|#|WEEKLY|MO,TU|9:00:00 AM|5:00:00 PM|3/4/26", range(1, 6)),
                ["6", "6", "WEEKLY", "MO", "0.375", "0.708333333", ""],
                ["7", "7", "Fortnightly", "MO", "9:00", "17:00", ""],
            ],
            "taxonomy_terms.csv": [["id", "code", "name"], ["1", "", "Heating Fuel Payment Assistance"]],
            "attributes.csv": [["id", "link_id", "link_entity", "taxonomy_term_id"], *numbered("#|#|Services|1", range(1, 8))],
        },
        "cp1252",
        ";",
    )  # fmt: skip


def renamed(folder: Path) -> Path:
    """Tables under names of a vendor's own, which only the datapackage.json knows; one of them packed once more."""
    put(
        folder / "deeper",
        {
            "tbl_agency.csv": [["organization_id", "name"], *numbered("a#|Gulf Help #", range(1, 11))],
            "tbl_prog.csv": [["Service ID", "organization_id", "name", "status"], *numbered("p#|a#|Bus passes #|active", range(1, 11))],
            "tbl_misc.csv": [["x"], ["1"]],
        },
    )  # fmt: skip
    terms: Table = [["id", "code", "name"], ["t", "BT-8500.1000", "Bus Fare"]]
    said: Table = [["id", "link_id", "link_entity", "taxonomy_term_id"], *numbered("#|p#|service|t", range(1, 11))]
    (folder / "deeper" / "terms.csv.gz").write_bytes(gzip.compress(text_of(terms).encode()))
    (folder / "deeper" / "attributes.csv").write_text(text_of(said))
    zipped(folder / "deeper" / "old.zip", {"services.csv": b"id\n1\n"})
    resources = [
        {"name": "organizations", "path": "data/tbl_agency.csv"},
        {"name": "services", "path": ["tbl_prog.csv"]},
        {"name": "taxonomy_terms", "path": "terms.csv"},
        {"name": "phones", "path": "not there.csv"},
    ]
    (folder / "datapackage.json").write_text(json.dumps({"resources": resources}))
    return folder


def without_links(folder: Path) -> Path:
    """Three tables and nothing between them: places and categories stand in the services themselves."""
    return put(
        folder / "tacoma",
        {
            "organizations.csv": [["id", "name"], *numbered("#|Rainier Relief #", range(1, 8))],
            "locations.csv": [["id", "name", "latitude", "longitude"], *numbered("#|Place #|47.25|-122.44", range(1, 8))],
            "services.csv": [
                ["id", "organization_id", "location_id", "name", "status", "categories", "languages"],
                *numbered("#|#|#|Help #|active|Food Pantry; Clothing|Spanish, Vietnamese", range(1, 8)),
                ["20", "1", "99", "Elsewhere", "active", "Emergency Shelter", ""],
                ["21", "2", "", "Rainier Food Bank of Tacoma", "active", "", "some Spanish"],
            ],
        },
    )  # fmt: skip


def wrong_bytes(folder: Path) -> Path:
    """HSDS 3 put together from files of several people: one in Windows-1252, one cut off, one with quotes left open."""
    put(
        folder,
        {
            "organizations.csv": [["id", "name"], *numbered("o#|Se\xf1ora # Kitchen", range(1, 11))],
            "services.csv": [
                ["id", "organization_id", "name", "status", "description"],
                *numbered('s#|o#|Comida #|active|5" of soup', range(1, 11)),
            ],
            "taxonomies.csv": [["id", "name", "description"], ["t", "Ours", ""]],
        },
    )
    services = (folder / "services.csv").read_bytes().splitlines(keepends=True)
    services.insert(3, b'x1,o1,"Open quote,active,never closed\r\n')
    services.insert(6, b"x2,o2,Sopa\xa0del d\xeda,active,caf\xe9\r\n")
    services.append(b"x3,o3,Cut o")
    (folder / "services.csv").write_bytes(b"\xef\xbb\xbf" + b"".join(services))
    (folder / "organizations.csv").write_bytes((folder / "organizations.csv").read_bytes().replace(b"\r\n", b"\r"))
    (folder / "schedules.csv").write_bytes(b"")
    (folder / "phones.csv").write_bytes(b"\x00" * 4000)
    return folder


def lines_of_organizations(folder: Path) -> Path:
    """One organization with all it has on each line, gzipped; lists of words where HSDS has lists of objects."""
    lines = [
        json.dumps(
            {
                "id": f"org{number}",
                "name": f"Bayou Outreach {number}",
                "phones": ["504-524-0100"],
                "services": [
                    {
                        "id": f"srv{number}",
                        "name": f"Night beds {number}",
                        "status": "Open",
                        "description": "Beds &amp; breakfast &lt;p&gt;for one night&lt;/p&gt;",
                        "languages": ["Spanish", "Vietnamese", "Gibberish"],
                        "required_documents": ["Photo ID"],
                        "service_areas": ["Orleans Parish"],
                        "schedules": ["Call first"],
                        "locations": [{"id": f"loc{number}", "name": "Mission", "latitude": 29.95, "longitude": 90.07, "addresses": [{"address_1": "1 Canal St", "city": "New Orleans", "state_province": "LA", "postal_code": "70130"}]}],
                        "attributes": [{"taxonomy_term": {"code": "BH-1800.8500", "name": "Homeless Shelter"}}],
                    }
                ],
            }
        )
        for number in range(1, 21)
    ]  # fmt: skip
    lines[4] = lines[4][:-20]
    lines[7] = '{"id": "org8", "name": ""}'
    folder.mkdir(parents=True)
    (folder / "export.ndjson.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    return folder / "export.ndjson.gz"


def flat_of_codes(folder: Path) -> Path:
    """A 211's older flat export: small letters, tabs, taxonomy in numbered columns, codes whose names are not told."""
    columns = ["resourceagencynum", "publicname", "physicaladdress1", "physicalcity", "physicalstate", "physicalzip", "phone1number", "phone1type", "eligibility", "hours", "taxonomycode1", "taxonomy1", "taxonomycodes", "coverage", "agencystatus"]  # fmt: skip
    rows = [
        *numbered("#|St. Ann's Food Pantry #|# Ash St|Portland|ME|410#|207-773-120#|voice|Anyone|9am-noon Sat||" + "|BD-1800.2000|ME - Cumberland County|Active", range(1, 8)),
        *numbered("#|Bus office|# Ash St|Portland|ME|0410#|207-773-120#|voice||24/7|BT-8500.1000|Bus Fare||ME - Cumberland - Portland|Active", range(8, 10)),
        ["20", "Food Bank Volunteers", "", "", "", "", "none", "", "", "Tues", "", "", "PX", "Statewide", "active"],
        ["20", "Twice", "", "", "", "", "", "", "", "", "", "", "", "", "active"],
        ["", "Without a number", "", "", "", "", "", "", "", "", "", "", "", "", ""],
    ]  # fmt: skip
    return put(folder, {"All Resources.csv": [columns, *rows]}, delimiter="\t")
