"""Directories that nobody here had seen: what must be in the database afterwards, and what the report must say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, scoped_session

from app.directory.importing import ImportReport, import_directory, preview
from app.directory.models import (
    Address,
    AreaServed,
    Language,
    Location,
    Organization,
    Phone,
    RequiredDocument,
    Schedule,
    Service,
    ServiceArea,
    ServiceAtLocation,
    ServiceNeed,
)
from app.directory.packages import PackageError
from app.publishing.operations import Scope, export
from tests.directory import unseen

DB = scoped_session[Session]

Said = Sequence[tuple[str, int | None, str | None, str, str]]
"""File, line, field, the beginning of the reason, and whether the row went in."""


def each(file: str, lines: Iterable[int], field: str | None, reason: str, row: str) -> Said:
    """The same of several lines."""
    return [(file, line, field, reason, row) for line in lines]


@dataclass(frozen=True)
class Expected:
    write: Callable[[Path], Path]
    format: str
    rows: str
    """Of each table, in the order in which they are written."""
    needs: str
    said: Said


GOOD_LINES = (*range(1, 5), 6, 7, *range(9, 21))
"""Of `lines_of_organizations`."""

DIRECTORIES: tuple[Expected, ...] = (
    Expected(
        unseen.ohana_county,
        "Ohana CSV",
        (
            "taxonomy 2, taxonomy_term 7, organization 3, location 4, address 2, accessibility 4, service 15, "
            "service_at_location 15, phone 2, language 5, schedule 6, service_area 2, required_document 3, "
            "attribute 17"
        ),
        "food 2, housing 2",
        (
            ("addresses.csv", 2, "postal_code", "“2139” has lost its first zero; it was taken as 02139", "taken"),
            ("addresses.csv", 3, "postal_code", "“2150” has lost its first zero; it was taken as 02150", "taken"),
            ("holiday_schedules.csv", 4, "valid_from", "“sometime” is not a date; it was left empty", "taken"),
            ("holiday_schedules.csv", 4, "valid_to", "“sometime” is not a date; it was left empty", "taken"),
            ("locations.csv", 5, "organization_id", "there is no organization “3”", "taken"),
            ("organizations.csv", None, None, "is not UTF-8; it was read as Windows-1252", "taken"),
            ("organizations.csv", 4, "name", "is empty", "left out"),
            ("organizations.csv", 5, "website", "“http://” is not a web address; it was left empty", "taken"),
            ("phones.csv", 5, None, "belongs to nothing", "left out"),
            ("phones.csv", 4, "number", "“6.17884E+09” is what a spreadsheet has left of a number", "left out"),
            ("regular_schedules.csv", 5, "byday", "“Funday” is not a day of the week", "left out"),
            ("regular_schedules.csv", 6, "opens_at", "“9” does not say whether it is morning or afternoon", "left out"),
            ("services.csv", 5, "location_id", "“77” is not in the package", "left out"),
            ("services.csv", 3, "taxonomy_ids", "“999” is not in the taxonomy", "taken"),
        ),
    ),
    Expected(
        unseen.miami,
        "HSDS 1 or 2 tables",
        (
            "taxonomy 1, taxonomy_term 3, organization 9, location 10, address 10, service 11, "
            "service_at_location 9, phone 10, language 4, schedule 9, attribute 9"
        ),
        "food 8, housing 1",
        (
            ("LANGUAGES.CSV", 3, "name", "“Creole” is no language we know; its name was kept", "taken"),
            ("LOCATIONS.CSV", 10, "latitude", "“-80.2, 25.8” were the wrong way round and have been swapped", "taken"),
            ("LOCATIONS.CSV", 11, "latitude", "“NaN” is not a number, so the place is left open", "taken"),
            ("ORGANIZATIONS.CSV", 10, "id", "“8” is there twice; the first one counts", "left out"),
            ("POSTAL_ADDRESSES.CSV", 3, "location_id", "is empty", "left out"),
            ("REGULAR_SCHEDULES.CSV", 11, "closes_at", "is the same as opening time", "left out"),
            ("SERVICES.CSV", 13, "id", "is empty", "left out"),
            ("SERVICES.CSV", 12, "status", "“who knows” is none of active, inactive, defunct", "taken"),
            ("SERVICES_AT_LOCATION.CSV", 11, "location_id", "there is no location “99”", "left out"),
            ("SERVICE_TAXONOMY.CSV", 11, "taxonomy_term_id", "there is no taxonomy term “ZZ”", "left out"),
        ),
    ),
    Expected(
        unseen.chicago,
        "HSDS 1 or 2 tables",
        (
            "taxonomy_term 2, organization 6, location 6, address 6, service 7, service_at_location 6, schedule 6, "
            "required_document 1, attribute 7"
        ),
        "essentials 6, food 1",
        (
            ("regular_schedule.csv", 7, "freq", "“YEARLY” is neither WEEKLY nor MONTHLY; the row was taken", "taken"),
            ("required_document.csv", 4, "service_id", "there is no service “s99”", "left out"),
            ("service.csv", 9, "id", "“s1” is there twice; the first one counts", "left out"),
        ),
    ),
    Expected(
        unseen.open_referral_uk,
        "HSDS JSON",
        (
            "taxonomy 1, taxonomy_term 1, organization 1, location 23, address 23, accessibility 23, service 21, "
            "service_at_location 21, contact 21, phone 21, language 21, schedule 21, service_area 21, "
            "cost_option 21, attribute 21, funding 21"
        ),
        "food 21",
        (
            *each("services-page-1.json", range(1, 11), "opens_at", "“09:00:00Z” is in UTC", "taken"),
            ("services-page-2.json", 4, None, "is no object", "left out"),
            ("services-page-2.json", 3, "minimum_age", "“1000000000", "taken"),
            ("services-page-2.json", 2, "name", "is empty", "left out"),
            *each("services-page-2.json", range(1, 4), "opens_at", "“09:00:00Z” is in UTC", "taken"),
            *each("services-page-2.json", range(5, 15), "opens_at", "“09:00:00Z” is in UTC", "taken"),
            ("services-page-2.json", 1, "organization_id", "is empty", "left out"),
        ),
    ),
    Expected(
        unseen.hsds_3_page,
        "HSDS JSON",
        (
            "taxonomy 1, taxonomy_term 1, unit 1, organization 1, location 1, address 1, accessibility 1, "
            "service 19, service_at_location 18, phone 19, language 19, schedule 19, service_area 19, "
            "required_document 19, service_capacity 19, attribute 19"
        ),
        "food 19",
        (
            ("services.json", 5, "byweekno", "“41,42” picks single weeks of the year; these hours are kept", "taken"),
            ("services.json", 7, "freq", "“YEARLY” is neither WEEKLY nor MONTHLY; the row was taken", "taken"),
            ("services.json", 8, "interval", "“2” skips months; these hours are kept", "taken"),
            ("services.json", 11, "name", "is empty", "left out"),
            ("services.json", 11, "name", "is an object and no text; it was left out", "taken"),
        ),
    ),
    Expected(
        unseen.icarol_2025,
        "iCarol CSV",
        (
            "taxonomy_term 3, organization 6, location 7, address 7, service 11, service_at_location 10, phone 12, "
            "schedule 27, service_area 4, attribute 13"
        ),
        "food 9",
        (
            ("Resources 2025-10.csv", 18, "ExcludeFromWebsite", "says that it is not for the public", "left out"),
            ("Resources 2025-10.csv", 19, "organization_id", "there is no organization “999”", "left out"),
        ),
    ),
    Expected(
        unseen.airtable,
        "HSDS 3 tables",
        (
            "taxonomy_term 1, organization 6, location 5, address 5, service 6, service_at_location 7, phone 5, "
            "language 5, schedule 5, attribute 6"
        ),
        "food 6",
        (
            ("Locations-Grid view.csv", 1, "id", "is not a column", "taken"),
            ("Organizations-Grid view.csv", 1, "id", "is not a column", "taken"),
            ("Phones-Grid view.csv", 1, "id", "is not a column", "taken"),
            ("Phones-Grid view.csv", 7, "number", "is empty", "left out"),
            ("Schedules-Grid view.csv", 1, "id", "is not a column", "taken"),
            ("Services-Grid view.csv", 1, "id", "is not a column", "taken"),
            ("Services-Grid view.csv", 9, "name", "is empty", "left out"),
            ("Services-Grid view.csv", 8, "organization_id", "there is no organization “Unknown Org”", "left out"),
            ("Taxonomy Terms-Grid view.csv", 1, "id", "is not a column", "taken"),
        ),
    ),
    Expected(
        unseen.excel,
        "HSDS 3 tables",
        (
            "taxonomy_term 1, organization 8, location 9, address 8, service 9, service_at_location 9, phone 6, "
            "schedule 7, attribute 7"
        ),
        "utilities 7",
        (
            *each("addresses.csv", range(2, 9), "postal_code", "“110", "taken"),
            ("locations.csv", 10, "latitude", "42.1, 72.5 of location “9” is far from its ZIP code 01109", "taken"),
            ("locations.csv", 10, "location_type", "“building” is none of physical, postal, virtual", "taken"),
            ("organizations.csv", None, None, "is not UTF-8; it was read as Windows-1252", "taken"),
            ("organizations.csv", 12, "website", "“not a site” is not a web address; it was left empty", "taken"),
            ("organizations.csv", 12, "year_incorporated", "“nineteen” is not a number; it was left empty", "taken"),
            ("phones.csv", 10, "number", "“call us” has no digits", "left out"),
            ("phones.csv", 2, "number", "“4.13788E+09” is what a spreadsheet has left of a number", "left out"),
            ("phones.csv", 3, "number", "“4.13788E+09” is what a spreadsheet has left of a number", "left out"),
            ("phones.csv", 9, "number", "“413-788” is not a valid phone number; it was kept", "taken"),
            ("schedules.csv", 8, "freq", "“Fortnightly” is neither WEEKLY nor MONTHLY; the row was taken", "taken"),
            ("services.csv", 9, "assured_date", "“13/13/2026” is not a date; it was left empty", "taken"),
            ("services.csv", 10, "assured_date", "“0” is not a date; it was left empty", "taken"),
            ("services.csv", 9, "last_modified", "“#REF!” is not a date and time; it was left empty", "taken"),
            ("services.csv", 9, "minimum_age", "65 is above the maximum age 18; both were left out", "taken"),
            ("services.csv", 1, "name", "is the name of 2 columns; the last one that is filled counts", "taken"),
        ),
    ),
    Expected(
        unseen.renamed,
        "HSDS 3 tables",
        "taxonomy_term 1, organization 10, service 10, attribute 10",
        "transport 10",
        (
            ("old.zip", None, None, "is an archive or a workbook, which is not opened here", "left out"),
            ("tbl_misc.csv", None, None, "is not a file we keep", "left out"),
        ),
    ),
    Expected(
        unseen.without_links,
        "HSDS 3 tables",
        "taxonomy_term 3, organization 7, location 7, service 9, service_at_location 7, language 14, attribute 15",
        "essentials 7, food 8, housing 1",
        (("services.csv", 9, "location_id", "there is no location “99”", "left out"),),
    ),
    Expected(
        unseen.wrong_bytes,
        "HSDS 3 tables",
        "taxonomy 1, organization 10, service 11",
        "",
        (
            ("phones.csv", 1, None, "has no header line", "left out"),
            ("schedules.csv", 1, None, "has no header line", "left out"),
            ("services.csv", 4, None, "a quoted field is never closed, or is longer than 131,072", "left out"),
            ("services.csv", 14, None, "has 3 fields and the header 5, and the file ends within it", "left out"),
            ("services.csv", None, None, "is UTF-8 only in parts; what is not was read as Windows-1252", "taken"),
        ),
    ),
    Expected(
        unseen.lines_of_organizations,
        "HSDS JSON",
        (
            "taxonomy_term 18, organization 18, location 18, address 18, service 18, service_at_location 18, "
            "phone 18, language 54, schedule 18, service_area 18, required_document 18, attribute 18"
        ),
        "housing 18",
        (
            ("export.ndjson", 5, None, "is not JSON: Invalid control character", "left out"),
            *each("export.ndjson", GOOD_LINES, "latitude", "29.95, 90.07 of location “loc", "taken"),
            *each(
                "export.ndjson", GOOD_LINES, "name", "“Gibberish” is no language we know; its name was kept", "taken"
            ),
            ("export.ndjson", 8, "name", "is empty", "left out"),
        ),
    ),
    Expected(
        unseen.flat_of_codes,
        "iCarol CSV",
        (
            "taxonomy_term 3, organization 10, location 10, address 9, service 10, service_at_location 10, phone 9, "
            "schedule 10, service_area 10, attribute 10"
        ),
        "food 7, transport 2",
        (
            ("All Resources.csv", 12, "id", "“20” is there twice; the first one counts", "left out"),
            ("All Resources.csv", 12, "id", "“20:here” is there twice; the first one counts", "left out"),
            ("All Resources.csv", 13, "id", "is empty", "left out"),
            ("All Resources.csv", 11, "number", "“none” has no digits", "left out"),
            *each("All Resources.csv", range(2, 9), "postal_code", "“410", "taken"),
        ),
    ),
    Expected(
        unseen.one_sheet_each,
        "HSDS 3 tables",
        (
            "taxonomy_term 2, organization 2, location 3, address 3, service 5, service_at_location 5, phone 6, "
            "language 2, schedule 6, service_area 2, required_document 2, attribute 5"
        ),
        "food 4, housing 1",
        (
            ("services.csv", 4, "number", "“call us” has no digits", "left out"),
            ("services.csv", 6, "maximum_age", "“Adult” is not an age; it was left empty", "taken"),
        ),
    ),
    Expected(
        unseen.named_by_table,
        "HSDS 3 tables",
        "organization 1, location 3, address 2, service 1, service_at_location 2, phone 1, service_area 2",
        "",
        (
            ("locations.csv", 4, "organization_id", "there is no organization “6a84f8e7", "taken"),
            ("phones.csv", 3, "location_id", "there is no location “5bc27d13", "left out"),
            ("services.csv", 2, "maximum_age", "“200” is not an age; it was left empty", "taken"),
            ("services.csv", 3, "name", "is empty", "left out"),
        ),
    ),
    Expected(
        unseen.database_dump,
        "Ohana CSV",
        (
            "taxonomy 1, taxonomy_term 2, organization 1, location 1, address 1, accessibility 2, service 2, "
            "service_at_location 2, language 4, service_area 2, required_document 2, attribute 2"
        ),
        "food 1",
        (("services.csv", 3, "status", "“{}” is none of active, inactive", "taken"),),
    ),
    Expected(
        unseen.json_of_old_tables,
        "HSDS JSON",
        (
            "taxonomy 1, taxonomy_term 1, organization 2, location 2, address 2, service 2, service_at_location 2, "
            "language 3, attribute 2"
        ),
        "food 2",
        (
            ("eligibility.json", 2, "service_id", "is empty", "left out"),
            ("services_taxonomy.json", 3, "link_id", "there is no service “a0j9”", "left out"),
        ),
    ),
    Expected(
        unseen.icarol_sites,
        "iCarol CSV",
        (
            "taxonomy_term 1, organization 1, location 4, address 4, service 4, service_at_location 4, phone 4, "
            "attribute 4"
        ),
        "food 4",
        (("Resources.csv", 7, "organization_id", "there is no organization “77”", "left out"),),
    ),
)
SAID_ONCE = ("is far from its ZIP code",)
"""Of coordinates that were put right: they are right from then on."""


@pytest.mark.parametrize("expected", DIRECTORIES, ids=[one.write.__name__ for one in DIRECTORIES])
def test_every_good_row_is_in_and_every_fault_is_said(session: DB, tmp_path: Path, expected: Expected) -> None:
    path = expected.write(tmp_path / "given")
    tried = preview(path, "unseen")
    report = import_directory(path, "unseen")

    assert report.format == expected.format
    assert ", ".join(f"{name} {count.new}" for name, count in report.tables.items()) == expected.rows
    found = [(p.file, p.line, p.field, p.reason, "taken" if p.kept else "left out") for p in report.problems]
    unexpected = [one for one in found if not any(_is(one, said) for said in expected.said)]
    missing = [said for said in expected.said if not any(_is(one, said) for one in found)]
    assert (unexpected, missing, len(found)) == ([], [], len(expected.said))
    needs = session.execute(
        select(ServiceNeed.need, func.count()).group_by(ServiceNeed.need).order_by(ServiceNeed.need)
    )
    assert ", ".join(f"{need} {services}" for need, services in needs) == expected.needs

    assert (tried.tables, tried.problems) == (report.tables, report.problems), "a dry run says the same"
    _changes_nothing(import_directory(path, "unseen"), report)
    export(tmp_path / "out", Scope(confidential=True))
    _changes_nothing(import_directory(tmp_path / "out", "unseen"))


def _is(found: tuple[Any, ...], said: tuple[Any, ...]) -> bool:
    return found[:3] == said[:3] and str(found[3]).startswith(said[3]) and found[4] == said[4]


def _changes_nothing(again: ImportReport, first: ImportReport | None = None) -> None:
    assert not again.changed_anything, {name: vars(count) for name, count in again.tables.items()}
    assert not again.held_back
    if first:
        lasting = [p for p in first.problems if not any(words in p.reason for words in SAID_ONCE)]
        assert list(again.problems) == lasting


def taken_in(write: Callable[[Path], Path], tmp_path: Path) -> None:
    import_directory(write(tmp_path / "given"), "unseen")


def hours_of(session: DB, service: str) -> list[tuple[str | None, time | None, time | None, str | None]]:
    rows = session.scalars(
        select(Schedule)
        .join(Service, Service.id == Schedule.service_id)
        .where(Service.name == service)
        .order_by(Schedule.source_id)
    )
    return [(row.byday, row.opens_at, row.closes_at, row.description) for row in rows]


def test_a_spreadsheet_s_numbers_are_what_they_were(session: DB, tmp_path: Path) -> None:
    taken_in(unseen.excel, tmp_path)
    assert set(session.scalars(select(Address.postal_code))) == {*(f"0110{n}" for n in range(1, 8)), "01109"}
    assert session.scalars(select(Organization.year_incorporated).where(Organization.source_id == "1")).one() == 1987
    fund = session.scalars(select(Service).where(Service.source_id == "1")).one()
    assert (fund.name, fund.status, fund.assured_date) == ("Fuel fund 1", "active", date(2026, 3, 4))
    assert fund.description == "Under <18 years> with parent"
    assert hours_of(session, "Fuel fund 6") == [("MO", time(9), time(17), None)]
    assert hours_of(session, "Fuel fund 7") == [(None, None, None, None)]
    comma = session.execute(select(Location.latitude, Location.longitude).where(Location.name == "Comma")).one()
    assert tuple(comma) == (42.1, -72.5)
    assert set(session.scalars(select(Phone.number))) == {*(f"413788010{n}" for n in range(3, 8)), "413-788"}


def test_columns_go_by_their_older_names_too(session: DB, tmp_path: Path) -> None:
    taken_in(unseen.ohana_county, tmp_path)
    lines = select(Address.address_1, Address.state_province, Address.postal_code).order_by(Address.source_id)
    assert [tuple(row) for row in session.execute(lines)] == [
        ("5 Bishop Allen Dr", "MA", "02139"),
        ("20 Broadway", "MA", "02150"),
    ]
    assert session.scalars(select(Location.latitude).where(Location.name == "Central Sq")).one() == 42.3736


def test_an_icarol_export_has_agencies_that_are_their_own_parents(session: DB, tmp_path: Path) -> None:
    taken_in(unseen.icarol_2025, tmp_path)
    assert session.scalar(select(func.count()).where(Service.name == "Cuyahoga Care 105")), "it has no programs"
    assert not session.scalar(select(func.count()).where(Service.name == "Cuyahoga Care 104"))
    pantry = session.scalars(select(Service).where(Service.name == "Pantry 200")).one()
    assert pantry.description == "Food.\n\nMore: bring bags & patience"
    assert pantry.assured_date == date(2025, 8, 4)
    assert hours_of(session, "Pantry 200")[0] == ("MO", time(8), time(16), None)
    counties = select(AreaServed.counties).join(ServiceArea, ServiceArea.id == AreaServed.service_area_id)
    assert session.scalars(counties.where(ServiceArea.service_id == pantry.id)).one() == ["OH:cuyahoga county"]
    assert hours_of(session, "Line 205")[0][1:3] == (time(0), time(23, 59))
    assert [byday for byday, *_ in hours_of(session, "Line 206")] == ["MO", "TU", "WE"]
    assert hours_of(session, "Line 208") == [(None, None, None, "Mon-Fri 9am-5pm; Sat by appt")]
    at = select(Service.name).join(ServiceAtLocation, ServiceAtLocation.service_id == Service.id)
    at = at.join(Location, Location.id == ServiceAtLocation.location_id).where(Location.name == "West site")
    assert session.scalars(at).all() == ["Line 205"], "where another was given is closed"
    assert session.scalars(select(Location.confidential).where(Location.name == "West site")).one()


def test_programs_are_given_at_the_site_they_are_listed_under(session: DB, tmp_path: Path) -> None:
    taken_in(unseen.icarol_sites, tmp_path)
    at = (
        select(Service.name, Organization.name, Location.name)
        .join(Organization, Organization.id == Service.organization_id)
        .join(ServiceAtLocation, ServiceAtLocation.service_id == Service.id)
        .join(Location, Location.id == ServiceAtLocation.location_id)
    )
    assert {tuple(row) for row in session.execute(at)} == {
        ("Agency pantry", "Dallas Care", "Dallas Care"),
        ("Site pantry", "Dallas Care", "South site"),
        ("Pantry above", "Dallas Care", "West hall"),
        ("Own pantry", "Dallas Care", "Own pantry"),
    }


def test_what_stands_in_one_sheet_is_not_lost(session: DB, tmp_path: Path) -> None:
    taken_in(unseen.one_sheet_each, tmp_path)
    ages = select(Service.name, Service.minimum_age, Service.maximum_age, Service.status)
    assert {tuple(row) for row in session.execute(ages)} == {
        ("Night shelter", 18, None, "active"),
        ("Teen meals", 13, 17, "active"),
        ("Hot meals", None, None, "active"),
        ("Formula", 0.5, 3, "active"),
        ("Senior meals", 60, None, "inactive"),
    }
    assert hours_of(session, "Teen meals") == [("MO,TU,WE,TH,FR", time(15), time(19), None)]
    lines = select(Address.address_1, Address.city, Address.postal_code).order_by(Address.source_id)
    assert [tuple(row) for row in session.execute(lines)] == [
        ("12 Main Ave", "Spokane", "99201"),
        ("4 Hill St, Suite 3", "Spokane", "99202-1204"),
        ("Spokane Valley, by the fountain", None, None),
    ]
    hill = select(Schedule.byday, Schedule.opens_at).join(Location, Location.id == Schedule.location_id)
    assert {tuple(row) for row in session.execute(hill.where(Location.name == "Hill Kitchen"))} == {
        ("TU,TH", time(11, 30)),
        ("SA", time(10)),
    }
    phones = select(Phone.description, Phone.e164).join(Location, Location.id == Phone.location_id)
    assert {tuple(row) for row in session.execute(phones)} == {("main", "+15095550101"), ("TDD", "+15095550111")}
    teens = session.scalars(select(Service).where(Service.name == "Teen meals")).one()
    assert teens.interpretation_services == "English, Spanish via interpreter"
    assert session.scalars(select(Service.eligibility_description).where(Service.name == "Hot meals")).one() == "Anyone"


def test_a_database_s_lists_are_lists(session: DB, tmp_path: Path) -> None:
    taken_in(unseen.database_dump, tmp_path)
    assert set(session.scalars(select(RequiredDocument.document))) == {"Photo ID", "Proof of address, any"}
    assert set(session.scalars(select(ServiceArea.name))) == {"Colma", "Daly City"}
    assert set(session.scalars(select(Language.code))) == {"en", "es", "zh"}
    assert set(session.scalars(select(Service.eligibility_description))) == {"60+", None}


def test_tables_of_older_versions_may_come_as_json(session: DB, tmp_path: Path) -> None:
    taken_in(unseen.json_of_old_tables, tmp_path)
    lunch = session.scalars(select(Service).where(Service.source_id == "a0j1")).one()
    assert lunch.eligibility_description == "Kids and teens 18 and under"
    assert set(session.scalars(select(Language.code))) == {"en", "es"}


def test_rows_are_found_by_name_where_there_are_no_ids(session: DB, tmp_path: Path) -> None:
    taken_in(unseen.airtable, tmp_path)
    whose = select(Service.name, Organization.name).join(Organization, Organization.id == Service.organization_id)
    assert ("Bread run", "Comma, Inc.") in {tuple(row) for row in session.execute(whose)}
    where = (
        select(Location.name)
        .join(ServiceAtLocation, ServiceAtLocation.location_id == Location.id)
        .join(Service, Service.id == ServiceAtLocation.service_id)
        .where(Service.name == "Bread run", ServiceAtLocation.source == "unseen")
    )
    assert set(session.scalars(where)) == {"Hall 1", "Hall 2"}
    assert hours_of(session, "Supper 3") == [("MO,WE", time(17), time(19), None)]


def test_the_first_version_of_another_country_s_json_is_read(session: DB, tmp_path: Path) -> None:
    taken_in(unseen.open_referral_uk, tmp_path)
    service = session.scalars(select(Service).where(Service.source_id == "oruk-1")).one()
    assert service.description == "Hot drinks & company.\n\nNo booking"
    assert (service.eligibility_description, service.minimum_age) == ("Over 18s", 18)
    assert hours_of(session, "Warm room 1") == [("MO,TU", time(9), time(17), None)]


def test_words_stand_for_objects(session: DB, tmp_path: Path) -> None:
    taken_in(unseen.lines_of_organizations, tmp_path)
    service = session.scalars(select(Service).where(Service.source_id == "srv1")).one()
    assert (service.status, service.description) == ("active", "Beds & breakfast\nfor one night")
    assert set(session.scalars(select(Language.name).where(Language.service_id == service.id))) == {
        "Spanish",
        "Vietnamese",
        "Gibberish",
    }
    assert hours_of(session, "Night beds 1") == [(None, None, None, "Call first")]


def test_hours_that_are_not_understood_are_kept_and_not_claimed(session: DB, tmp_path: Path) -> None:
    taken_in(unseen.hsds_3_page, tmp_path)
    counted = session.scalars(select(Schedule).where(Schedule.source_id == "odd2")).one()
    assert (counted.count, counted.until) == (3, date(2026, 11, 16))
    weeks = session.scalars(select(Schedule).where(Schedule.source_id == "odd1")).one()
    assert (weeks.byday, weeks.byweekno, weeks.opens_at) == ("TH,FR", "41,42", time(10))


def test_an_archive_in_an_archive_is_refused_in_a_sentence(tmp_path: Path) -> None:
    inner = unseen.zipped(tmp_path / "town.zip", {"services.csv": b"id\n"})
    outer = unseen.zipped(tmp_path / "outer.zip", {"in here/town.zip": inner.read_bytes()})
    with pytest.raises(PackageError, match=r"town\.zip is an archive .* unpack it first"):
        import_directory(outer, "unseen")
