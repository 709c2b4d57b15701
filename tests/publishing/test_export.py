"""The directory written out: whole, valid, the same when it is read in again, and silent about hidden doors."""

from __future__ import annotations

import csv
import io
import json
import uuid
import zipfile
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session, scoped_session

from app.db import Base
from app.db import session as the_session
from app.directory import standins
from app.directory.importing import import_directory
from app.directory.models import Location, Metadata, Organization, Phone, Program, Service, ServiceAtLocation
from app.directory.operations import sign_changes
from app.publishing import cli
from app.publishing.hsds import FULL, RESOURCES, WORDS
from app.publishing.operations import CannotExport, Scope, export
from app.publishing.queries import Wanted, page, records
from tests.directory.packages import SERVICE
from tests.publishing.packages import CONTACT, PHONE, PROGRAM, SECRETS, SHELTER_ADDRESS, write_everything

Db = scoped_session[Session]
Rows = dict[str, list[dict[str, str]]]

EVERYTHING = Scope(confidential=True, history=True)


@pytest.fixture
def directory(session: Db, tmp_path: Path) -> None:
    import_directory(write_everything(tmp_path / "town"), "town")
    session.commit()


def written(path: Path) -> Rows:
    """What stands in the files of a folder, by file."""
    return {
        file.name: list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"), newline="")))
        for file in sorted(path.glob("*.csv"))
    }


def exported(path: Path, scope: Scope = EVERYTHING) -> Rows:
    export(path, scope)
    return written(path)


# What is in it


@pytest.mark.usefixtures("directory")
def test_stand_ins_are_of_no_source_and_no_export(session: Db, tmp_path: Path) -> None:
    organization = Organization(id=uuid.uuid4(), name="Line")
    session.add(organization)
    session.flush()
    service = Service(id=uuid.uuid4(), organization_id=organization.id, name="Cooking class")
    session.add(service)
    session.flush()
    before = exported(tmp_path / "before", Scope(confidential=True))
    standins.place([service.id])
    session.commit()
    assert exported(tmp_path / "after", Scope(confidential=True)) == before
    assert page("service_at_location", Wanted(), (), limit=1000, offset=0).total == len(
        before["service_at_location.csv"]
    )
    [told] = records("organization", [organization.id], FULL["organization"])
    assert not told["locations"]
    [told] = records("service", [service.id], FULL["service"])
    assert not told["service_at_locations"]


@pytest.mark.usefixtures("directory")
def test_every_table_is_there_with_its_rows(tmp_path: Path) -> None:
    rows = exported(tmp_path / "out")
    assert set(rows) == {resource.file for resource in RESOURCES}
    assert [name for name, listed in rows.items() if not listed] == ["metadata.csv"], "nothing has changed yet"
    service = next(row for row in rows["services.csv"] if row["id"] == SERVICE)
    assert service["description"] == "A plate, “sitting down”,\nevery weekday."
    assert service["minimum_age"] == "18"
    assert service["capacity_status"] == "waitlist"
    assert {row["extension"] + "|" + row["extension_text"] for row in rows["phones.csv"]} == {"3|", "|3 then 4", "|"}
    assert rows["service_areas.csv"][0]["postal_codes"] == "21224 21231"
    assert rows["funding.csv"][0]["source"] == "City of Baltimore"


@pytest.mark.usefixtures("directory")
def test_the_package_keeps_what_its_description_promises(tmp_path: Path) -> None:
    sign_changes("staff 7")
    the_session.execute(update(Service).values(alert="Closed on Monday"))
    rows = exported(tmp_path / "out")
    description = json.loads((tmp_path / "out" / "datapackage.json").read_text(encoding="utf-8"))
    ids = {resource["name"]: [row["id"] for row in rows[resource["path"]]] for resource in description["resources"]}
    for resource in description["resources"]:
        listed = rows[resource["path"]]
        fields = {field["name"]: field for field in resource["schema"]["fields"]}
        assert len(set(ids[resource["name"]])) == len(listed)
        for row in listed:
            assert list(row) == list(fields)
            for name, cell in row.items():
                check_cell(fields[name], cell)
            for link in resource["schema"]["foreignKeys"]:
                assert row[link["fields"]] in {"", *ids[link["reference"]["resource"]]}


READ: Mapping[str, Callable[[str], object]] = {
    "string": str,
    "number": float,
    "integer": int,
    "boolean": ("true", "false").index,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "datetime": datetime.fromisoformat,
}


def check_cell(field: Mapping[str, Any], cell: str) -> None:
    """What a validator would check; raises where it would complain."""
    assert cell or not field["constraints"].get("required"), field["name"]
    if not cell:
        return
    READ[field["type"]](cell)
    if field.get("format") == "uuid":
        assert str(uuid.UUID(cell)) == cell
    if words := field["constraints"].get("enum"):
        assert cell in words


def test_every_word_list_is_that_of_its_column() -> None:
    for (table, name), words in WORDS.items():
        column = Base.metadata.tables[table].c[name]
        assert [word.value for word in words] == column.type.enums  # type: ignore[attr-defined]


@pytest.mark.usefixtures("directory")
def test_a_zip_holds_what_a_folder_holds(tmp_path: Path) -> None:
    rows = exported(tmp_path / "out")
    export(tmp_path / "out.zip", EVERYTHING)
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    assert written(tmp_path / "unpacked") == rows
    assert {path.name for path in tmp_path.glob("*")} == {"town", "out", "out.zip", "unpacked"}


# What is not in it


@pytest.mark.usefixtures("directory")
def test_nothing_leads_to_a_confidential_door_unless_asked_for(tmp_path: Path) -> None:
    sign_changes("staff 7")
    hidden = select(Location.id).where(Location.confidential.is_(True))
    the_session.execute(update(Location).where(Location.id.in_(hidden)).values(alternate_name="Hidden"))
    the_session.execute(update(Location).where(Location.id.in_(hidden)).values(alternate_name="behind the red door"))
    the_session.execute(
        update(ServiceAtLocation)
        .where(ServiceAtLocation.location_id.in_(hidden))
        .values(description="behind the red door")
    )
    export(tmp_path / "out", Scope(history=True))

    files = {file.name: file.read_text(encoding="utf-8") for file in (tmp_path / "out").iterdir()}
    assert [(name, secret) for name, text in files.items() for secret in SECRETS if secret in text] == []
    assert SHELTER_ADDRESS not in files["addresses.csv"]
    assert "(410) 276-6209" in files["phones.csv"], "how to call there is told"


@pytest.mark.usefixtures("directory")
def test_with_the_flag_it_is_whole(tmp_path: Path) -> None:
    assert SHELTER_ADDRESS in {row["id"] for row in exported(tmp_path / "out")["addresses.csv"]}


@pytest.mark.usefixtures("directory")
def test_the_history_is_left_out_unless_asked_for(tmp_path: Path) -> None:
    assert "metadata.csv" not in exported(tmp_path / "out", Scope(confidential=True))


@pytest.mark.usefixtures("directory")
def test_every_link_leads_to_a_row_also_when_some_are_withdrawn(session: Db, tmp_path: Path) -> None:
    for kind, id_ in ((Program, PROGRAM), (Phone, PHONE)):
        session.execute(update(kind).where(kind.id == id_).values(withdrawn_at=kind.changed_at))
    rows = exported(tmp_path / "out")
    assert next(row for row in rows["services.csv"] if row["id"] == SERVICE)["program_id"] == ""
    assert "fr" not in {row["code"] for row in rows["languages.csv"]}, "spoken on that phone only"
    assert CONTACT in {row["id"] for row in rows["contacts.csv"]}


@pytest.mark.usefixtures("directory")
def test_with_an_organization_goes_all_that_it_has(session: Db, tmp_path: Path) -> None:
    session.execute(update(Organization).values(withdrawn_at=Organization.changed_at))
    rows = exported(tmp_path / "out", Scope(confidential=True))
    assert {name for name, listed in rows.items() if listed} <= {
        "taxonomies.csv", "taxonomy_terms.csv", "units.csv", "locations.csv", "addresses.csv", "accessibility.csv",
        "phones.csv", "attributes.csv",
    }  # fmt: skip
    assert {row["organization_id"] for row in rows["locations.csv"]} == {""}


# And back


def sizes() -> dict[str, int]:
    return {
        resource.name: the_session.scalar(select(func.count()).select_from(Base.metadata.tables[resource.name])) or 0
        for resource in RESOURCES
    }


@pytest.mark.usefixtures("directory")
def test_taken_in_again_it_changes_nothing(session: Db, tmp_path: Path) -> None:
    export(tmp_path / "out.zip", Scope(confidential=True))
    before = sizes()
    report = import_directory(tmp_path / "out.zip", "town")
    session.commit()

    assert not report.changed_anything, {name: vars(count) for name, count in report.tables.items()}
    assert sizes() == before
    assert session.scalar(select(func.count()).select_from(Metadata)) == 0


@pytest.mark.usefixtures("directory")
def test_what_staff_changed_comes_back_without_a_change(session: Db, tmp_path: Path) -> None:
    sign_changes("staff 7")
    session.execute(
        update(Service)
        .where(Service.id == SERVICE)
        .values(alert="Closed on Monday", intake_daily_limit=12, last_verified_by="agency 9")
    )
    session.commit()
    before = session.scalar(select(func.count()).select_from(Metadata))
    export(tmp_path / "out", Scope(confidential=True))
    report = import_directory(tmp_path / "out", "town")

    assert session.scalar(select(func.count()).select_from(Metadata)) == before == 3
    assert not report.changed_anything, {name: vars(count) for name, count in report.tables.items()}


@pytest.mark.usefixtures("directory")
def test_from_an_empty_directory_the_same_package_comes_out_again(session: Db, tmp_path: Path) -> None:
    sign_changes("staff 7")
    session.execute(update(Service).where(Service.id == SERVICE).values(alert="Closed on Monday"))
    first = exported(tmp_path / "first")
    description = (tmp_path / "first" / "datapackage.json").read_bytes()
    _empty(session)
    report = import_directory(tmp_path / "first", "copy")
    session.commit()

    assert [problem.field for problem in report.problems] == ["byweekno"], "it is kept, and nobody is told of it"
    assert exported(tmp_path / "second") == first
    assert (tmp_path / "second" / "datapackage.json").read_bytes() == description


def _empty(session: Db) -> None:
    session.execute(text("SET LOCAL session_replication_role = replica"))
    session.execute(text(f"TRUNCATE {', '.join(resource.name for resource in RESOURCES)} CASCADE"))
    session.execute(text("SET LOCAL session_replication_role = DEFAULT"))
    session.commit()


# At the command line


@pytest.mark.usefixtures("directory")
def test_the_command_says_how_much_it_wrote(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "hold_still", lambda: None)  # a test looks on from within a transaction
    done = app.test_cli_runner().invoke(args=["directory", "export", str(tmp_path / "out.zip")])
    assert done.exit_code == 0, done.output
    assert f"rows are in {tmp_path / 'out.zip'}." in done.output
    assert zipfile.is_zipfile(tmp_path / "out.zip")


@pytest.mark.usefixtures("session")
def test_nothing_is_overwritten(tmp_path: Path) -> None:
    with pytest.raises(CannotExport, match="There is already something at"):
        export(tmp_path, Scope())
    with pytest.raises(CannotExport, match="There is no folder"):
        export(tmp_path / "nowhere" / "out", Scope())
