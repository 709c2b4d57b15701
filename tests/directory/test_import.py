from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session, scoped_session

from app import clock
from app.db import held
from app.directory import importing, operations, queries
from app.directory.codes import CapacityStatus, ServiceStatus
from app.directory.importing import ImportReport, import_directory
from app.directory.mapping import identity
from app.directory.models import (
    Address,
    Attribute,
    DirectoryImport,
    Language,
    Location,
    Organization,
    Phone,
    Schedule,
    Service,
    ServiceArea,
    ServiceAtLocation,
    ServiceNeed,
    StaleService,
)
from app.directory.operations import set_capacity
from app.directory.packages import PackageError
from app.errors import NotFound
from app.events import ServicesChanged
from tests.directory.packages import LOCATION, ORGANIZATION, SERVICE, TERM, Cells, Files, town, write

DB = scoped_session[Session]
SOURCE = "town"
SERVICE_ID = uuid.UUID(SERVICE)


@pytest.fixture
def announced(monkeypatch: pytest.MonkeyPatch) -> list[uuid.UUID]:
    """The services announced as changed."""
    heard: list[uuid.UUID] = []

    def hear(fact: ServicesChanged) -> None:
        heard.extend(fact.service_ids)

    monkeypatch.setattr(operations, "publish", hear)
    return heard


def take_in(folder: Path, files: Files, source: str = SOURCE) -> ImportReport:
    for old in folder.glob("*.csv"):
        old.unlink()
    return import_directory(write(folder, files), source)


def outcome(report: ImportReport, table: str) -> tuple[int, int, int, int]:
    count = report.tables[table]
    return count.new, count.changed, count.unchanged, count.withdrawn


def reasons(report: ImportReport) -> list[str]:
    return [f"{p.file}:{p.line} {p.field}: {p.reason}" for p in report.problems]


def the_service(session: DB) -> Service:
    session.expire_all()
    return session.get_one(Service, SERVICE_ID)


# What goes in


def test_an_hsds_package_goes_in(session: DB, tmp_path: Path) -> None:
    report = take_in(tmp_path, town())
    assert report.problem_count == 0
    assert report.format == "HSDS 3 tables"
    assert outcome(report, "service") == (1, 0, 0, 0)
    service = the_service(session)
    assert (service.name, service.status, service.source, service.source_id) == (
        "Hot lunch",
        ServiceStatus.ACTIVE,
        SOURCE,
        SERVICE,
    )
    address = session.scalars(select(Address)).one()
    assert (address.state_province, address.id) == ("MD", identity(SOURCE, "address", "a1"))
    assert session.scalars(select(Phone)).one().e164 == "+14102766207"
    assert session.scalars(select(Language)).one().code == "es"
    schedule = session.scalars(select(Schedule)).one()
    assert schedule.opens_at is not None
    assert schedule.opens_at.hour == 9
    assert session.scalars(select(ServiceArea)).one().postal_codes == ["21224", "21231"]
    assert session.scalars(select(Organization)).one().website == "http://harbor.example.org"


def test_taxonomy_terms_become_needs(session: DB, tmp_path: Path, announced: list[uuid.UUID]) -> None:
    take_in(tmp_path, town())
    assert session.scalars(select(ServiceNeed.need)).all() == ["food"]
    assert announced == [SERVICE_ID]
    assert session.scalar(select(func.count()).select_from(StaleService)) == 0


def test_a_second_import_changes_nothing(session: DB, tmp_path: Path, announced: list[uuid.UUID]) -> None:
    take_in(tmp_path, town())
    before = the_service(session).fingerprint
    announced.clear()
    report = take_in(tmp_path, town())
    assert not report.changed_anything
    assert all(count.new == count.changed == count.withdrawn == 0 for count in report.tables.values())
    assert outcome(report, "service") == (0, 0, 1, 0)
    assert the_service(session).fingerprint == before
    assert announced == []


@pytest.mark.usefixtures("session")
def test_imports_at_the_same_moment_are_told_apart(tmp_path: Path) -> None:
    with clock.held_at(datetime(2026, 3, 3, tzinfo=UTC)):
        take_in(tmp_path, town())
        report = take_in(tmp_path, town())
    assert not report.changed_anything
    assert report.problem_count == 0


@pytest.mark.parametrize(
    ("file", "column", "value"),
    [
        ("services", "name", "Hot dinner"),
        ("locations", "latitude", "39.30"),
        ("addresses", "postal_code", "21231"),
        ("languages", "code", "fra"),
        ("schedules", "closes_at", "18:00"),
        ("service_areas", "extent", "21224"),
        ("taxonomy_terms", "name", "Food Pantry"),
    ],
)
def test_what_matching_depends_on_is_announced(  # noqa: PLR0913, PLR0917  three fixtures and a table of three columns
    session: DB, tmp_path: Path, announced: list[uuid.UUID], file: str, column: str, value: str
) -> None:
    take_in(tmp_path, town())
    announced.clear()
    files = town()
    files[file][0][column] = value
    report = take_in(tmp_path, files)
    assert report.changed_anything
    assert announced == [SERVICE_ID]
    assert session.scalar(select(func.count()).select_from(StaleService)) == 0


def test_what_matching_does_not_depend_on_is_not_announced(
    session: DB, tmp_path: Path, announced: list[uuid.UUID]
) -> None:
    take_in(tmp_path, town())
    announced.clear()
    take_in(tmp_path, town(required_documents=[{"id": "d1", "service_id": SERVICE, "document": "Any ID"}]))
    assert announced == []
    assert session.scalar(select(func.count()).select_from(StaleService)) == 0


# What is no longer listed


def test_what_is_no_longer_listed_is_withdrawn_and_not_deleted(
    session: DB, tmp_path: Path, announced: list[uuid.UUID]
) -> None:
    second: Cells = {"id": "2", "organization_id": ORGANIZATION, "name": "Breakfast", "status": "active"}
    both: list[Cells] = [*town()["services"], second]
    take_in(tmp_path, town(services=both))
    announced.clear()
    report = take_in(tmp_path, town())
    gone = identity(SOURCE, "service", "2")
    assert outcome(report, "service") == (0, 0, 1, 1)
    assert session.get_one(Service, gone, populate_existing=True).withdrawn_at is not None
    assert announced == [gone]

    back = take_in(tmp_path, town(services=both))
    assert outcome(back, "service") == (0, 1, 1, 0)
    assert session.get_one(Service, gone, populate_existing=True).withdrawn_at is None


def test_half_a_package_withdraws_nothing_it_does_not_speak_of(session: DB, tmp_path: Path) -> None:
    take_in(tmp_path, town())
    files = town(languages=[])
    del files["phones"]
    report = take_in(tmp_path, files)
    assert not report.changed_anything
    assert session.scalars(select(Phone.withdrawn_at)).all() == [None]
    assert session.scalars(select(Language.withdrawn_at)).all() == [None]


@pytest.mark.usefixtures("session")
def test_a_damaged_file_withdraws_nothing(tmp_path: Path) -> None:
    second: Cells = {"id": "2", "organization_id": ORGANIZATION, "name": "Breakfast", "status": "active"}
    take_in(tmp_path, town(services=[*town()["services"], second]))
    write(tmp_path, town())
    with (tmp_path / "services.csv").open("a") as file:
        file.write('2,"an unclosed quote\n')
    report = import_directory(tmp_path, SOURCE)
    assert outcome(report, "service") == (0, 0, 1, 0)
    assert report.problem_count == 1


def test_a_row_that_went_bad_stays_as_it_was(session: DB, tmp_path: Path) -> None:
    take_in(tmp_path, town())
    nameless = dict(town()["services"][0], name=" ")
    report = take_in(tmp_path, town(services=[nameless]))
    service = the_service(session)
    assert (service.name, service.withdrawn_at) == ("Hot lunch", None)
    assert "services.csv:2 name: is empty" in reasons(report)


def test_sources_do_not_touch_each_other(session: DB, tmp_path: Path) -> None:
    take_in(tmp_path / "one", town())
    other = {"id": ORGANIZATION, "name": "Thief"}
    more = {"id": "9", "name": "Other kitchen"}
    report = take_in(tmp_path / "two", {"organizations": [other, more], "services": []}, "another")
    assert any("belongs to the source “town”" in reason for reason in reasons(report))
    assert session.get_one(Organization, uuid.UUID(ORGANIZATION)).name == "Harbor Kitchen"
    assert the_service(session).withdrawn_at is None


# Bad rows


def service(**cells: object) -> Cells:
    return {"organization_id": ORGANIZATION, "name": "x", "status": "active", **cells}


BAD_ROWS: list[tuple[str, Cells, str]] = [
    # file, the bad row after a good one, what is said of line 3
    ("services", service(id=SERVICE), "id: “3f0c1d1e-0000-4000-8000-000000000002” is there twice"),
    ("services", service(id=""), "id: is empty"),
    ("services", service(id="2", name=" "), "name: is empty"),
    ("services", service(id="2", organization_id=""), "organization_id: is empty"),
    ("services", service(id="2", organization_id="77"), "organization_id: there is no organization “77”"),
    ("locations", {"id": "2", "latitude": "-76.6", "longitude": "39.3"}, "latitude: “-76.6, 39.3” were the wrong way"),
    ("locations", {"id": "2", "latitude": "500", "longitude": "1"}, "latitude: “500, 1” is not a place on earth"),
    ("locations", {"id": "2", "location_type": "castle"}, "location_type: “castle” is none of physical"),
    ("addresses", {"id": "2", "location_id": "77"}, "location_id: there is no location “77”"),
    ("addresses", {"id": "2", "location_id": LOCATION, "postal_code": "212"}, "postal_code: “212” is not a ZIP code"),
    ("phones", {"id": "2", "service_id": SERVICE, "number": "(   )   -"}, "number: “( ) -” has no digits"),
    ("phones", {"id": "2", "service_id": SERVICE, "number": "123-456-7890"}, "number: “123-456-7890” is not a valid"),
    ("phones", {"id": "2", "number": "410 276 6207"}, "None: belongs to nothing"),
    ("schedules", {"id": "2", "service_id": SERVICE, "byday": "Funday"}, "byday: “Funday” is not a day of the week"),
    ("schedules", {"id": "2", "service_id": SERVICE, "byday": "MO", "opens_at": "late"}, "opens_at: “late” is not"),
    (
        "schedules",
        {"id": "2", "service_id": SERVICE, "byday": "MO", "opens_at": "9am", "closes_at": "03:00"},
        "closes_at: “03:00” is before opening time",
    ),
    ("languages", {"id": "2", "service_id": SERVICE, "name": "Klingonese"}, "name: “Klingonese” is no language"),
    (
        "attributes",
        {"id": "2", "link_id": SERVICE, "link_entity": "castle", "taxonomy_term_id": TERM},
        "link_entity: “castle” is no table",
    ),
    (
        "attributes",
        {"id": "2", "link_id": "77", "link_entity": "services", "taxonomy_term_id": TERM},
        "link_id: there is no service “77”",
    ),
]


@pytest.mark.parametrize(("file", "bad", "said"), BAD_ROWS, ids=[f"{row[0]} {row[2][:30]}" for row in BAD_ROWS])
def test_a_bad_row_is_reported_with_its_place_and_the_rest_goes_in(
    session: DB, tmp_path: Path, file: str, bad: Cells, said: str
) -> None:
    columns = dict.fromkeys([*town()[file][0], *bad], "")
    files = town()
    files[file] = [{**columns, **files[file][0]}, {**columns, **bad}]
    report = take_in(tmp_path, files)
    assert [reason for reason in reasons(report) if reason.startswith(f"{file}.csv:3 {said}")]
    assert report.problem_count == 1
    assert the_service(session).name == "Hot lunch"
    again = take_in(tmp_path, files)
    assert not again.changed_anything
    assert reasons(again) == reasons(report)


def test_an_unknown_status_offers_the_service_to_nobody(session: DB, tmp_path: Path) -> None:
    report = take_in(tmp_path, town(services=[dict(town()["services"][0], status="maybe")]))
    assert the_service(session).status is ServiceStatus.INACTIVE
    assert report.problem_count == 1


def test_ages_the_wrong_way_round_exclude_nobody(session: DB, tmp_path: Path) -> None:
    take_in(tmp_path, town(services=[dict(town()["services"][0], minimum_age="65", maximum_age="18")]))
    service = the_service(session)
    assert (service.minimum_age, service.maximum_age) == (None, None)


def test_what_may_be_missing_is_left_out_and_filled_in_later(session: DB, tmp_path: Path) -> None:
    wanting = [dict(town()["services"][0], program_id="p")]
    report = take_in(tmp_path, town(services=wanting))
    assert [(p.field, p.kept) for p in report.problems] == [("program_id", True)]
    assert the_service(session).program_id is None
    program: Cells = {"id": "p", "organization_id": ORGANIZATION, "name": "Meals"}
    report = take_in(tmp_path, town(services=wanting, programs=[program]))
    assert outcome(report, "service") == (0, 1, 0, 0)
    assert the_service(session).program_id == identity(SOURCE, "program", "p")


def test_terms_may_stand_above_each_other(session: DB, tmp_path: Path) -> None:
    terms: list[Cells] = [
        {"id": TERM, "code": "x1", "name": "Soup", "parent_id": "2"},
        {"id": "2", "code": "x2", "name": "Food", "parent_id": TERM},
    ]
    take_in(tmp_path, town(taxonomy_terms=terms))
    assert session.scalars(select(ServiceNeed.need)).all() == ["food"]


def test_a_confidential_location(session: DB, tmp_path: Path) -> None:
    take_in(tmp_path, town(locations=[dict(town()["locations"][0], confidential="yes")]))
    assert session.scalars(select(Location.confidential)).one() is True
    # Whoever wrote something there did not mean "no".
    take_in(tmp_path, town(locations=[dict(town()["locations"][0], confidential="shelter")]))
    assert session.scalars(select(Location.confidential)).one() is True


def test_what_is_no_package_changes_nothing(session: DB, tmp_path: Path) -> None:
    with pytest.raises(PackageError):
        import_directory(tmp_path / "nothing", SOURCE)
    assert session.scalar(select(func.count()).select_from(DirectoryImport)) == 0


# The edge


def test_every_batch_is_reported_so_that_it_can_be_committed(
    session: DB, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH", 3)
    heard: list[importing.Progress] = []
    import_directory(write(tmp_path, town()), SOURCE, heard.append)
    assert [progress.rows for progress in heard] == sorted(progress.rows for progress in heard)
    assert heard[-1].rows == 12
    assert heard[-1].bytes_read == heard[-1].bytes_total
    assert session.scalar(select(func.count()).select_from(ServiceNeed)) == 1


def test_an_import_that_died_is_finished_by_the_next(
    session: DB, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, announced: list[uuid.UUID]
) -> None:
    monkeypatch.setattr(importing, "BATCH", 3)
    write(tmp_path, town())

    class Killed(BaseException):
        pass

    def die_half_way(progress: importing.Progress) -> None:
        session.commit()
        if progress.rows > 6:
            raise Killed

    with pytest.raises(Killed):
        import_directory(tmp_path, SOURCE, die_half_way)
    session.rollback()
    assert announced == []
    assert session.scalar(select(func.count()).select_from(Service)) == 1
    report = import_directory(tmp_path, SOURCE)
    assert report.problem_count == 0
    assert announced == [SERVICE_ID]
    assert session.scalars(select(ServiceNeed.need)).all() == ["food"]


@pytest.mark.parametrize("edited", [False, True])
def test_what_is_in_is_not_written_again_unless_the_package_is_another(
    session: DB, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, edited: bool
) -> None:
    monkeypatch.setattr(importing, "BATCH", 3)
    files = town(organizations=[*town()["organizations"], {"id": "2", "name": ""}])
    write(tmp_path, files)

    class Killed(BaseException):
        pass

    def die_half_way(progress: importing.Progress) -> None:
        session.commit()
        if progress.rows > 6:
            raise Killed

    with pytest.raises(Killed):
        import_directory(tmp_path, SOURCE, die_half_way)
    session.rollback()
    if edited:
        write(tmp_path, {**files, "phones": [{"id": "p1", "service_id": SERVICE, "number": "410-276-6208"}]})
    heard: list[importing.Progress] = []
    report = import_directory(tmp_path, SOURCE, heard.append)
    assert heard[-1].rows == 13
    assert outcome(report, "organization") == ((0, 0, 1, 0) if edited else (1, 0, 0, 0))
    assert [problem.reason for progress in heard for problem in progress.problems] == ["is empty"]
    assert reasons(report) == ["organizations.csv:3 name: is empty"]
    assert session.scalar(select(func.count()).select_from(DirectoryImport)) == (2 if edited else 1)
    assert [problem.number for problem in queries.import_problems(report.id)] == [1]


@pytest.mark.usefixtures("session")
def test_one_source_is_not_taken_in_twice_at_once(tmp_path: Path) -> None:
    write(tmp_path, town())
    with held(f"directory.import {SOURCE}") as mine:
        assert mine
        with pytest.raises(PackageError, match="is being taken in at this moment"):
            import_directory(tmp_path, SOURCE)
        import_directory(tmp_path, "another town")
    import_directory(tmp_path, SOURCE)


def test_the_database_is_told_how_much_has_come(session: DB, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "MANY", 1)
    take_in(tmp_path, town())
    known = text("SELECT reltuples FROM pg_class WHERE relname = 'service'")
    assert session.scalar(known) == 1


def test_the_history_keeps_what_happened(session: DB, tmp_path: Path) -> None:
    report = take_in(tmp_path, town(phones=[{"id": "1", "service_id": SERVICE, "number": "none"}]))
    row = session.get_one(DirectoryImport, report.id)
    assert row.ended_at is not None
    assert row.counts["service"] == {"new": 1, "changed": 0, "unchanged": 0, "withdrawn": 0, "held_back": 0}
    assert row.problem_count == 1
    (problem,) = queries.import_problems(row.id)
    assert (problem.file, problem.line, problem.field) == ("phones.csv", 2, "number")
    assert (problem.reason, problem.kept) == ("“none” has no digits", False)


def test_needs_can_be_mapped_again(session: DB, tmp_path: Path, announced: list[uuid.UUID]) -> None:
    take_in(tmp_path, town())
    session.execute(ServiceNeed.__table__.delete())  # type: ignore[attr-defined]
    announced.clear()
    operations.map_all_needs()
    assert list(operations.settle()) == [(SERVICE_ID,)]
    assert announced == [SERVICE_ID]
    assert session.scalars(select(ServiceNeed.need)).all() == ["food"]


# Ohana


OHANA: dict[str, list[dict[str, object]]] = {
    "taxonomy": [
        {"bom": "", "id": "1", "name": "Food", "taxonomy_id": "102", "parent_id": "", "type": "service"},
        {"bom": "", "id": "2", "name": "Free Meals", "taxonomy_id": "102-05", "parent_id": "102", "type": "service"},
    ],
    "organizations": [{"id": "1", "name": "Harbor Kitchen", "date_incorporated": "January 01, 1970"}],
    "locations": [
        {
            "id": "1",
            "organization_id": "1",
            "name": "Hall",
            "languages": "Spanish, Tagalog",
            "accessibility": "disabled_parking, ramp",
            "latitude": "37.4",
            "longitude": "-122.2",
            "virtual": "false",
        }
    ],
    "addresses": [
        {
            "id": "1",
            "location_id": "1",
            "address_1": "1 Main St",
            "city": "Colma",
            "state_province": "CA",
            "country": "us",
        }
    ],
    "services": [
        {
            "id": "1",
            "location_id": "1",
            "name": "Lunch",
            "status": "active",
            "languages": "Spanish. Language line.",
            "service_areas": "Colma, Daly City",
            "required_documents": "Photo ID, Proof of address",
            "keywords": "Emergency Food, Older Adults",
            "taxonomy_ids": "102-05, 999",
            "audience": "Adults",
            "eligibility": "None",
        }
    ],
    "phones": [{"id": "1", "location_id": "1", "organization_id": "1", "service_id": "1", "number": "410 276-6207"}],
    "regular_schedules": [
        {"id": "1", "service_id": "1", "weekday": "Monday", "opens_at": "9am", "closes_at": "4:00 PM"}
    ],
    "holiday_schedules": [
        {
            "id": "1",
            "service_id": "1",
            "start_date": "June 01, 0001",
            "end_date": "September 01, 0001",
            "closed": "true",
        }
    ],
}


def test_an_ohana_package_goes_in(session: DB, tmp_path: Path) -> None:
    report = take_in(tmp_path, OHANA)
    assert report.format == "Ohana CSV"
    assert reasons(report) == ["services.csv:2 taxonomy_ids: “999” is not in the taxonomy"]
    service = session.scalars(select(Service)).one()
    assert service.organization_id == identity(SOURCE, "organization", "1")
    assert service.interpretation_services == "Spanish. Language line."
    assert service.eligibility_description == "Adults"
    assert session.scalars(select(ServiceAtLocation)).one().service_id == service.id
    assert session.scalars(select(Organization.year_incorporated)).one() == 1970
    assert set(session.scalars(select(ServiceArea.name))) == {"Colma", "Daly City"}
    assert set(session.scalars(select(ServiceNeed.need))) == {"food"}
    phone = session.scalars(select(Phone)).one()
    assert (phone.service_id, phone.location_id, phone.organization_id) == (service.id, None, None)
    codes = session.execute(select(Language.code, Language.service_id.is_not(None)))
    assert set(map(tuple, codes)) == {("es", True), ("es", False), ("tl", False)}
    assert not take_in(tmp_path, OHANA).changed_anything


def test_ohana_holidays_come_round_every_year(session: DB, tmp_path: Path) -> None:
    take_in(tmp_path, OHANA)
    holiday = session.scalars(select(Schedule).where(Schedule.closed)).one()
    assert holiday.yearly
    assert (holiday.valid_from, holiday.valid_to) == (date(2000, 6, 1), date(2000, 9, 1))


def test_categories_may_be_in_a_file_of_their_own(session: DB, tmp_path: Path) -> None:
    services = [{key: value for key, value in OHANA["services"][0].items() if key not in {"keywords", "taxonomy_ids"}}]
    (tmp_path / "service_categories.json").write_text('{"1": ["2", "2"]}')
    report = take_in(tmp_path, {**OHANA, "services": services})
    assert report.problem_count == 0
    assert session.scalar(select(func.count()).select_from(Attribute)) == 1
    assert session.scalars(select(ServiceNeed.need)).all() == ["food"]


def test_broken_categories_are_reported_and_withdraw_nothing(session: DB, tmp_path: Path) -> None:
    take_in(tmp_path, OHANA)
    (tmp_path / "service_categories.json").write_text('["no object"]')
    report = take_in(tmp_path, OHANA)
    assert any("is not a JSON object" in reason for reason in reasons(report))
    assert session.scalar(select(func.count()).select_from(Attribute).where(Attribute.withdrawn_at.is_not(None))) == 0


@pytest.mark.usefixtures("session")
def test_what_comes_of_a_refused_row_goes_with_it_without_a_word(tmp_path: Path) -> None:
    locations = [dict(OHANA["locations"][0], organization_id="77")]
    services = [dict(OHANA["services"][0], taxonomy_ids="102-05")]
    report = take_in(tmp_path, {**OHANA, "locations": locations, "services": services})
    assert [reason for reason in reasons(report) if reason.startswith("services.csv")] == [
        "services.csv:2 organization_id: there is no organization “77”"
    ]


# Capacity


def test_counted_units_say_whether_there_is_room(session: DB, tmp_path: Path) -> None:
    counts: Cells = {
        "id": "c",
        "service_id": SERVICE,
        "unit_id": "u",
        "available": "0",
        "description": "Waiting list: about 2 weeks",
        "updated": "2026-03-01T14:00:00.000Z",
    }
    files = town(units=[{"id": "u", "name": "Beds"}], service_capacity=[counts])
    take_in(tmp_path, files)
    service = the_service(session)
    assert service.capacity_status is CapacityStatus.WAITLIST
    assert service.capacity_source == SOURCE
    assert service.capacity_at == datetime(2026, 3, 1, 14, tzinfo=UTC)


def test_newer_word_than_the_import_s_stands(session: DB, tmp_path: Path) -> None:
    take_in(tmp_path, town())
    set_capacity(SERVICE_ID, CapacityStatus.NO_CAPACITY, date(2026, 3, 9), "agency")
    counts: Cells = {
        "id": "c",
        "service_id": SERVICE,
        "unit_id": "u",
        "available": "5",
        "updated": (clock.now() - timedelta(days=1)).isoformat(),
    }
    take_in(tmp_path, town(units=[{"id": "u", "name": "Beds"}], service_capacity=[counts]))
    service = the_service(session)
    assert (service.capacity_status, service.capacity_until, service.capacity_source) == (
        CapacityStatus.NO_CAPACITY,
        date(2026, 3, 9),
        "agency",
    )


def test_capacity_is_announced_and_can_be_forgotten(session: DB, tmp_path: Path, announced: list[uuid.UUID]) -> None:
    take_in(tmp_path, town())
    announced.clear()
    set_capacity(SERVICE_ID, CapacityStatus.WAITLIST, None, "agency")
    assert announced == [SERVICE_ID]
    set_capacity(SERVICE_ID, CapacityStatus.UNKNOWN, None, "agency")
    service = the_service(session)
    assert (service.capacity_at, service.capacity_source) == (None, None)


@pytest.mark.usefixtures("session")
def test_no_such_service_has_no_capacity() -> None:
    with pytest.raises(NotFound):
        set_capacity(uuid.uuid4(), CapacityStatus.WAITLIST, None, "agency")
