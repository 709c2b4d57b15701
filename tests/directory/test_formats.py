"""The same small directory in every format that we read."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session, scoped_session

from app.directory import flat, importing
from app.directory.flat import MappingError, read_hours
from app.directory.importing import ImportReport, Wishes, import_directory
from app.directory.models import (
    Address,
    Attribute,
    CostOption,
    Language,
    Location,
    Organization,
    Phone,
    Schedule,
    Service,
    ServiceArea,
    ServiceAtLocation,
    ServiceNeed,
    TaxonomyTerm,
)
from app.directory.packages import PackageError
from tests.directory.packages import town, write

DB = scoped_session[Session]

OLD: dict[str, list[dict[str, object]]] = {
    "organizations": [{"id": "1", "name": "Harbor Kitchen", "url": "harbor.example.org"}],
    "services": [{"id": "1", "organization_id": "1", "name": "Hot lunch", "status": "active"}],
    "locations": [{"id": "1", "organization_id": "1", "name": "Hall", "latitude": "39.29", "longitude": "-76.61"}],
    "services_at_location": [{"id": "1", "service_id": "1", "location_id": "1"}],
    "physical_addresses": [
        {"id": "1", "location_id": "1", "address_1": "12 Bank St", "city": "Baltimore", "state_province": " md"}
    ],
    "postal_addresses": [{"id": "1", "location_id": "1", "address_1": "PO Box 1", "city": "Baltimore"}],
    "phones": [{"id": "1", "service_id": "1", "number": "410-276-6207", "language": "es, en", "department": "Desk"}],
    "regular_schedules": [
        {"id": "1", "service_id": "1", "weekday": "Monday", "opens_at": "9:00am", "closes_at": "5:00pm"}
    ],
    "holiday_schedules": [
        {"id": "1", "service_id": "1", "closed": "true", "start_date": "2026-12-25", "end_date": "2026-12-25"}
    ],
    "eligibility": [{"id": "1", "service_id": "1", "eligibility": "Adults"}],
    "payments_accepted": [{"id": "1", "service_id": "1", "payment": "Medicaid"}],
    "taxonomy": [{"id": "BD-5000.8300", "name": "Soup Kitchens", "parent_id": "", "vocabulary": "AIRS"}],
    "service_taxonomy": [{"id": "1", "service_id": "1", "taxonomy_id": "BD-5000.8300", "taxonomy_detail": ""}],
    "accessibility_for_disabilities": [{"id": "1", "location_id": "1", "accessibility": "ramp", "details": ""}],
}


def nothing_wrong(report: ImportReport) -> bool:
    return [f"{p.file}:{p.line} {p.field} {p.reason}" for p in report.problems] == []


def count(session: DB, kind: type[Any]) -> int:
    return session.scalar(select(func.count()).select_from(kind).where(kind.withdrawn_at.is_(None))) or 0


def test_hsds_1_comes_in_as_hsds_3(session: DB, tmp_path: Path) -> None:
    report = import_directory(write(tmp_path, OLD), "old")
    assert nothing_wrong(report)
    assert report.format == "HSDS 1 or 2 tables"
    service = session.scalars(select(Service)).one()
    assert service.eligibility_description == "Adults"
    kinds = session.scalars(select(Address.address_type).order_by(Address.address_type)).all()
    assert list(kinds) == ["physical", "postal"]
    assert session.scalars(select(Phone.description)).one() == "Desk"
    assert set(session.scalars(select(Language.code))) == {"en", "es"}
    days = session.scalars(select(Schedule.byday).where(~Schedule.closed)).one()
    assert days == "MO"
    assert session.scalars(select(Schedule.valid_from).where(Schedule.closed)).one() is not None
    assert session.scalars(select(CostOption.option)).one() == "Medicaid"
    assert session.scalars(select(TaxonomyTerm.code)).one() == "BD-5000.8300"
    assert session.scalars(select(ServiceNeed.need)).all() == ["food"]
    assert not import_directory(tmp_path, "old").changed_anything


def test_several_languages_in_one_cell_are_several(session: DB, tmp_path: Path) -> None:
    said = ("Spanish, Russian", "Vietnamese", "Whistling and Russian")
    languages = [{"id": f"l{n}", "service_id": "1", "language": words} for n, words in enumerate(said)]
    import_directory(write(tmp_path, {**OLD, "phones": [], "languages": languages}), "old")
    found = session.execute(select(Language.source_id, Language.code, Language.name).order_by(Language.source_id)).all()
    assert [tuple(row) for row in found] == [
        ("l0", "es", "Spanish"),
        ("l0:ru", "ru", "Russian"),
        ("l1", "vi", "Vietnamese"),
        ("l2", None, "Whistling and Russian"),
    ]


@pytest.mark.usefixtures("session")
def test_names_may_be_written_in_any_case_in_a_folder_of_a_zip(tmp_path: Path) -> None:
    path = tmp_path / "Town.ZIP"
    with zipfile.ZipFile(path, "w") as archive:
        for name, rows in town().items():
            text = io.StringIO()
            columns = {key: "".join(part.title() for part in key.split("_")) for key in rows[0]}
            writer = csv.DictWriter(text, list(columns.values()), delimiter=";")
            writer.writeheader()
            writer.writerows({columns[key]: value for key, value in row.items()} for row in rows)
            archive.writestr(f"Export 2026/HSDS_{name.upper()}-2026-03-01.CSV", text.getvalue())
    report = import_directory(path, "town")
    assert nothing_wrong(report)
    assert report.tables["service"].new == 1


@pytest.mark.usefixtures("session")
def test_a_datapackage_says_which_file_is_which(tmp_path: Path) -> None:
    write(tmp_path, town())
    (tmp_path / "services.csv").rename(tmp_path / "t07.csv")
    described = {"resources": [{"name": "services", "path": "t07.csv"}]}
    (tmp_path / "datapackage.json").write_text(json.dumps(described))
    report = import_directory(tmp_path, "town")
    assert nothing_wrong(report)
    assert report.tables["service"].new == 1


# JSON

NESTED = {
    "id": "s1",
    "name": "Hot lunch",
    "status": "active",
    "minimum_age": 18,
    "organization": {"id": "o1", "name": "Harbor Kitchen", "description": None},
    "phones": [{"id": "p1", "number": "410-276-6207", "languages": [{"id": "l1", "code": "es", "name": "Spanish"}]}],
    "schedules": [{"id": "h1", "freq": "WEEKLY", "byday": "MO", "opens_at": "09:00", "closes_at": "17:00"}],
    "service_areas": [{"id": "a1", "extent": "21224, 21231", "extent_type": "text"}],
    "service_at_locations": [
        {
            "id": "sl1",
            "location": {
                "id": "loc1",
                "location_type": "physical",
                "latitude": 39.29,
                "longitude": -76.61,
                "addresses": [{"address_1": "12 Bank St", "city": "Baltimore", "postal_code": "21224"}],
            },
        }
    ],
    "attributes": [
        {
            "id": "at1",
            "link_entity": "service",
            "taxonomy_term": {"id": "t1", "code": "BD-5000", "name": "Soup Kitchens"},
        }
    ],
}
SECOND = {"id": "s2", "name": "Breakfast", "status": "active", "organization": NESTED["organization"]}


def page(*objects: object) -> str:
    return json.dumps({"total_items": 2, "page_number": 1, "empty": False, "contents": objects})


JSON_FILES: dict[str, tuple[str, str]] = {
    "a list": ("export.json", json.dumps([NESTED, SECOND], indent=2)),
    "a list in one line": ("services.json", json.dumps([NESTED, SECOND])),
    "lines": ("services.ndjson", f"{json.dumps(NESTED)}\n\n{json.dumps(SECOND)}\n"),
    "a page": ("services.json", page(NESTED, SECOND)),
    "under the name of the table": ("directory.json", json.dumps({"services": [NESTED, SECOND]})),
    "an organization": (
        "organization.json",
        json.dumps({"id": "o1", "name": "Harbor Kitchen", "services": [
            {key: value for key, value in one.items() if key != "organization"} for one in (NESTED, SECOND)
        ]}),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content"), JSON_FILES.values(), ids=JSON_FILES)
def test_json_comes_in_however_it_is_wrapped(session: DB, tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    report = import_directory(tmp_path / name, "json")
    assert nothing_wrong(report)
    assert report.format == "HSDS JSON"
    assert set(session.scalars(select(Service.name))) == {"Hot lunch", "Breakfast"}
    assert session.scalars(select(Organization.name)).one() == "Harbor Kitchen"
    assert session.scalars(select(Location.latitude).where(Location.source == "json")).one() == pytest.approx(39.29)
    assert session.scalars(select(Address.city)).one() == "Baltimore"
    assert session.scalars(select(ServiceArea.postal_codes)).one() == ["21224", "21231"]
    assert session.scalars(select(ServiceAtLocation.source_id).where(ServiceAtLocation.source == "json")).all() == [
        "sl1"
    ]
    assert count(session, Schedule) == count(session, Attribute) == 1
    assert session.scalars(select(Language.phone_id.is_not(None))).one()
    assert session.scalars(select(ServiceNeed.need)).all() == ["food"]
    assert not import_directory(tmp_path / name, "json").changed_anything


def test_files_of_json_are_read_in_the_order_in_which_they_speak_of_each_other(
    session: DB, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH", 1)  # rows of one batch are put in order anyway
    for name, row in {
        "attributes": {"id": "a1", "link_id": "s1", "link_entity": "service", "taxonomy_term_id": "t1"},
        "organizations": {"id": "o1", "name": "Harbor Kitchen"},
        "services": {"id": "s1", "name": "Meals", "organization_id": "o1", "status": "active"},
        "taxonomies": {"id": "x1", "name": "Ours"},
        "taxonomy_terms": {"id": "t1", "code": "BD-1800.2000", "name": "Food Pantries", "taxonomy_id": "x1"},
    }.items():
        (tmp_path / f"{name}.json").write_text(json.dumps([row]))
    assert nothing_wrong(import_directory(tmp_path, "json"))
    assert session.scalars(select(ServiceNeed.need)).all() == ["food"]


def test_what_is_drawn_in_json_is_kept_in_numbers(session: DB, tmp_path: Path) -> None:
    corners = [[-77, 39], [-76.5, 39], [-76.5, 40], [-77, 39]]
    drawn = {"type": "Feature", "properties": {"code": "7"}, "geometry": {"type": "Polygon", "coordinates": [corners]}}
    area = {"id": "a1", "extent": drawn, "extent_type": "geojson"}
    (tmp_path / "services.json").write_text(json.dumps([{**SECOND, "service_areas": [area]}]))
    import_directory(tmp_path, "json")
    assert json.loads(session.scalars(select(ServiceArea.extent)).one() or "") == drawn


@pytest.mark.parametrize(
    "where",
    [
        {"locations": ["l1", "l1"]},
        {"locations": [{"id": "l1"}]},
        {"location_ids": ["l1"]},
        {"location_id": "l1"},
        {"service_at_locations": [{"id": "s1:at:l1", "location": {"id": "l1"}}]},
    ],
)
def test_what_json_only_names_by_its_id_stands_elsewhere(session: DB, tmp_path: Path, where: dict[str, object]) -> None:
    service = {"id": "s1", "name": "Meals", "organization": {"id": "o1"}, "status": "active", **where}
    location = {"id": "l1", "name": "Hall", "latitude": 39.29, "longitude": -76.61}
    files = {"services": [service], "organizations": [{"id": "o1", "name": "Kitchen"}], "locations": [location]}
    (tmp_path / "directory.json").write_text(json.dumps(files))
    assert nothing_wrong(import_directory(tmp_path, "json"))
    assert session.scalars(select(ServiceAtLocation.source_id)).all() == ["s1:at:l1"]
    assert session.scalars(select(Location.name)).all() == ["Hall"]


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        (f'{json.dumps(NESTED)}\n{{"id": "x", "name": "bro\n{json.dumps(SECOND)}\n', 2, "is not JSON"),
        (f"{json.dumps(NESTED)}\n[1]\n{json.dumps(SECOND)}\n", 2, "is no object"),
        (f"[{json.dumps(NESTED)}, {json.dumps(SECOND)}", 3, "the file ends within a list"),
        (f"{page(NESTED, SECOND)[:-2]}", 3, "the file ends within a list"),
        (json.dumps([NESTED, SECOND, "x"]), 3, "is no object"),
    ],
)
def test_damaged_json_is_reported_and_the_rest_comes_in(
    session: DB, tmp_path: Path, content: str, line: int, said: str
) -> None:
    (tmp_path / "services.json").write_text(content)
    report = import_directory(tmp_path, "json")
    found = [(p.line, p.reason) for p in report.problems if said in p.reason]
    assert [number for number, _reason in found] == [line]
    assert set(session.scalars(select(Service.name))) == {"Hot lunch", "Breakfast"}


@pytest.mark.usefixtures("session")
def test_a_bad_phone_in_a_service_does_not_cost_the_service(tmp_path: Path) -> None:
    bad = {**NESTED, "phones": [{"id": "p1", "number": "none"}]}
    (tmp_path / "services.json").write_text(json.dumps([bad, SECOND]))
    report = import_directory(tmp_path, "json")
    assert [(p.line, p.field) for p in report.problems] == [(1, "number")]
    assert report.tables["service"].new == 2
    assert report.tables["schedule"].new == 1


# A flat table

ICAROL: list[dict[str, str]] = [
    {
        "ResourceAgencyNum": "20",
        "ParentAgencyNum": "10",
        "TaxonomyLevelName": "Program",
        "PublicName": "Hot lunch",
        "TaxonomyCodes": "BD-5000.8300; BD-1800.2000",
        "TaxonomyTerms": "Soup Kitchens; Food Pantries",
        "Phone1Number": "410-276-6207",
        "Phone1Type": "Voice",
        "Phone2Number": "410-276-6208",
        "Phone2IsPrivate": "true",
        "HoursOfOperation": "Mon-Fri 9am-5pm; Sat 10:00 am - noon",
        "LanguagesOfferedList": "Spanish; French",
        "CoverageArea": "21224, 21231",
        "DocumentsRequired": "Photo ID",
        "AgencyStatus": "Active",
    },
    {
        "ResourceAgencyNum": "10",
        "ParentAgencyNum": "0",
        "TaxonomyLevelName": "Agency",
        "PublicName": "Harbor Kitchen",
        "PhysicalAddress1": "12 Bank St",
        "PhysicalCity": "Baltimore",
        "PhysicalStateProvince": "MD ",
        "PhysicalPostalCode": "21224",
        "Latitude": "39.29",
        "Longitude": "-76.61",
    },
    {
        "ResourceAgencyNum": "30",
        "ParentAgencyNum": "10",
        "TaxonomyLevelName": "Site",
        "PublicName": "East hall",
        "PhysicalCity": "Baltimore",
    },
    {
        "ResourceAgencyNum": "40",
        "ParentAgencyNum": "10",
        "TaxonomyLevelName": "ProgramAtSite",
        "PublicName": "Hot lunch at East hall",
        "ConnectsToProgramNum": "20",
        "ConnectsToSiteNum": "30",
    },
    {
        "ResourceAgencyNum": "50",
        "ParentAgencyNum": "0",
        "TaxonomyLevelName": "Agency",
        "PublicName": "Grace Pantry",
        "PhysicalCity": "Towson",
        "HoursOfOperation": "By appointment",
        "TaxonomyCodes": "BD-1800.2000",
    },
]


def flat_file(path: Path, rows: list[dict[str, str]], rename: Callable[[str], str] = str) -> Path:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", encoding="cp1252", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(map(rename, columns))
        writer.writerows([row.get(name, "") for name in columns] for row in rows)
    return path


def test_an_icarol_export_comes_in_by_itself(session: DB, tmp_path: Path) -> None:
    path = flat_file(tmp_path / "resources.csv", ICAROL)
    report = import_directory(path, "211")
    assert nothing_wrong(report)
    assert report.format == "iCarol CSV"
    whose = select(Service.name, Organization.name).join(Organization, Organization.id == Service.organization_id)
    services = {row[0]: row[1] for row in session.execute(whose)}
    assert services == {"Hot lunch": "Harbor Kitchen", "Grace Pantry": "Grace Pantry"}
    at = session.execute(
        select(Service.name, Location.name)
        .join(ServiceAtLocation, ServiceAtLocation.service_id == Service.id)
        .join(Location, Location.id == ServiceAtLocation.location_id)
    )
    assert set(at) == {("Hot lunch", "East hall"), ("Grace Pantry", "Grace Pantry")}
    assert set(session.scalars(select(TaxonomyTerm.code))) == {"BD-5000.8300", "BD-1800.2000"}
    assert [phone.e164 for phone in session.scalars(select(Phone))] == ["+14102766207"], "the other one is private"
    hours = session.scalars(select(Schedule).order_by(Schedule.source_id)).all()
    assert [(row.byday, row.description) for row in hours] == [
        ("MO,TU,WE,TH,FR", None),
        ("SA", None),
        (None, "By appointment"),
    ]
    assert set(session.scalars(select(Language.code))) == {"es", "fr"}
    assert session.scalars(select(ServiceNeed.need).distinct()).all() == ["food"]
    assert not import_directory(path, "211").changed_anything


def test_another_vendor_s_table_is_read_through_a_mapping(session: DB, tmp_path: Path) -> None:
    path = flat_file(
        tmp_path / "all.csv", [{"Ref": "7", "Agency": "Harbor", "Program": "Lunch", "Tel 1": "410 276 6207"}]
    )
    with pytest.raises(PackageError, match="no flat table we know"):
        import_directory(path, "other")
    mapping = tmp_path / "other.yaml"
    mapping.write_text(
        """
name: Other
recognize: [Ref, Agency]
rows:
  - {table: organization, once: true, cells: {id: "agency:{Agency}", name: Agency}}
  - {table: service, cells: {id: Ref, organization_id: "agency:{Agency}", name: Program}}
  - {table: phone, repeat: 1-3, when: {"Tel #": "*"}, cells: {id: "{Ref}:#", service_id: Ref, number: "Tel #"}}
"""
    )
    report = import_directory(path, "other", wishes=Wishes(mapping=mapping))
    assert nothing_wrong(report)
    assert report.format == "Other"
    assert session.scalars(select(Service.name)).one() == "Lunch"
    assert session.scalars(select(Phone.e164)).one() == "+14102766207"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rows: [", "cannot be read as a YAML file"),
        ("a: 1", "needs a list of rows"),
        ("rows: [{table: castle, cells: {id: a}}]", "names the table “castle”"),
        ("rows: [{table: service, cells: {name: a}}]", "gives “service” no id"),
        ("rows: [{table: service, cells: {id: a, castle: b}}]", "fills “castle”"),
        ("rows: [{table: service, of: castle, cells: {id: a}}]", "“castle”, which is no kind"),
        ("{rows: [], climbed to: {a: {from: b, past: castle, number: c, next: d}}}", "past “castle”, which is no kind"),
        ("{rows: [], climbed to: {a: {from: b}}}", "not written as a mapping"),
        ("rows: [{table: service, repeat: 1-999, cells: {id: a}}]", "more than 200 times"),
        ("rows: [{table: service, by: '(', cells: {id: a}}]", "not written as a mapping"),
        ("rows: [7]", "not written as a mapping"),
    ],
)
def test_a_mapping_that_nobody_understands_is_refused_in_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "m.yaml").write_text(text)
    with pytest.raises(MappingError, match=said):
        flat.read_mapping(tmp_path / "m.yaml")


@pytest.mark.parametrize(
    ("text", "stretches"),
    [
        ("Mon-Fri 9am-5pm", ["MO,TU,WE,TH,FR 09:00 17:00"]),
        ("Monday, Wednesday & Friday: 8:30 am to noon", ["MO,WE,FR 08:30 12:00"]),
        ("Daily 9:00-17:00", ["MO,TU,WE,TH,FR,SA,SU 09:00 17:00"]),
        ("Fri-Sun 10am - 2pm\nTues 1pm-3pm.", ["FR,SA,SU 10:00 14:00", "TU 13:00 15:00"]),
        ("Mon-Fri 9-5", None),
        ("Mon-Fri 9am-5pm, closed for lunch", None),
        ("24/7", ["MO,TU,WE,TH,FR,SA,SU 00:00 23:59"]),
        ("24 hrs/day, 7 days/wk.", ["MO,TU,WE,TH,FR,SA,SU 00:00 23:59"]),
        ("M-F 9a-5p; Sat closed", ["MO,TU,WE,TH,FR 09:00 17:00"]),
        ("Mon-Thu 9am-12pm, 1pm-5pm", ["MO,TU,WE,TH 09:00 12:00", "MO,TU,WE,TH 13:00 17:00"]),
        ("mon: 8:30:00 - 16:00:00 sat: 0:00:00 - 0:00:00", ["MO 08:30 16:00"]),
        ("8:30 a.m. to 5 p.m., Weekdays", ["MO,TU,WE,TH,FR 08:30 17:00"]),
        ("Sat 9:00 to 3:00pm", ["SA 09:00 15:00"]),
        ("Monday - closed\nSat - 10am - noon", ["SA 10:00 12:00"]),
        ("Sat 7:00 to 9:00pm", None),  # in the morning, or in the evening?
        ("Mon 9:00-5:00", None),
        ("sat: 0:00:00 - 0:00:00", None),  # all day, or not at all?
        ("1st Mon 9am-5pm", None),
        ("Closed", None),
        ("", []),
    ],
)
def test_hours_are_read_whole_or_left_in_words(text: str, stretches: list[str] | None) -> None:
    found = read_hours(text)
    if stretches is None:
        assert found == [{"description": text}]
    else:
        assert [f"{one['byday']} {one['opens_at']} {one['closes_at']}" for one in found] == stretches


@given(st.text(max_size=200))
def test_no_words_about_hours_are_lost(text: str) -> None:
    found = read_hours(text)
    assert all("byday" in one for one in found) or found == [{"description": text}]
