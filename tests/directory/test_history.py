"""The database itself writes down who changed what in the directory, whoever does it and however."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, scoped_session

from app import clock
from app.db import Base
from app.directory.codes import CapacityStatus
from app.directory.importing import import_directory
from app.directory.mapping import TABLES
from app.directory.models import Metadata, Organization, Service
from app.directory.operations import set_capacity, sign_changes
from tests.directory.packages import ORGANIZATION, SERVICE, town, write
from tests.factories import make_service_at_location

Db = scoped_session[Session]
Change = tuple[str, str, str, str, str, str]


def history(session: Db, *only: str) -> list[Change]:
    """Table, deed, field, before, after, who; of all deeds, or of some."""
    rows = session.execute(
        select(
            Metadata.resource_type,
            Metadata.last_action_type,
            Metadata.field_name,
            Metadata.previous_value,
            Metadata.replacement_value,
            Metadata.updated_by,
        ).order_by(Metadata.changed_at, Metadata.field_name)
    )
    return [change for row in rows if (change := tuple(row)) and (not only or change[1] in only)]  # type: ignore[misc]


def bring_in(tmp_path: Path, **changes: Any) -> None:
    import_directory(write(tmp_path / "town", town(**changes)), "town")


@pytest.fixture
def directory(session: Db, tmp_path: Path) -> Db:
    bring_in(tmp_path)
    return session


def test_an_import_of_what_is_new_or_known_leaves_no_history(directory: Db, tmp_path: Path) -> None:
    bring_in(tmp_path)
    assert history(directory) == []


def test_what_an_import_changes_is_written_down_field_by_field(directory: Db, tmp_path: Path) -> None:
    organization = {"id": ORGANIZATION, "name": "Harbor Table", "website": "", "tax_status": "501(c)(3)"}
    bring_in(tmp_path, organizations=[organization])
    assert history(directory) == [
        ("organization", "update", "name", "Harbor Kitchen", "Harbor Table", "import town"),
        ("organization", "update", "tax_status", "", "501(c)(3)", "import town"),
        ("organization", "update", "website", "http://harbor.example.org", "", "import town"),
    ]


def test_what_an_import_no_longer_lists_is_withdrawn_and_comes_back(directory: Db, tmp_path: Path) -> None:
    phones = town()["phones"]
    other = {**phones[0], "id": "p2"}
    bring_in(tmp_path, phones=[other])
    bring_in(tmp_path, phones=[other, *phones])
    deeds = [(table, deed, who) for table, deed, field, *_values, who in history(directory) if field == "withdrawn_at"]
    assert deeds == [("phone", "withdraw", "import town"), ("phone", "restore", "import town")]


def test_who_signs_is_named_until_the_transaction_ends(directory: Db) -> None:
    sign_changes("staff 7")
    directory.execute(update(Service).values(alert="Closed on Monday"))
    sign_changes("staff 8", "merge")
    directory.execute(update(Service).values(alert=None))
    assert history(directory) == [
        ("service", "update", "alert", "", "Closed on Monday", "staff 7"),
        ("service", "merge", "alert", "Closed on Monday", "", "staff 8"),
    ]


def test_an_agency_that_says_it_is_full_is_named(directory: Db) -> None:
    service = directory.scalars(select(Service)).one()
    set_capacity(service.id, CapacityStatus.NO_CAPACITY, None, "agency", by="agency 9")
    said = {field: (after, who) for _table, _deed, field, _before, after, who in history(directory)}
    assert said["capacity_status"] == ("no-capacity", "agency 9")
    assert set(said) == {"capacity_status", "capacity_source", "capacity_at"}


def test_what_is_made_here_begins_its_history(session: Db) -> None:
    make_service_at_location()
    session.flush()
    assert {(table, deed) for table, deed, *_rest in history(session)} >= {
        ("organization", "create"),
        ("service", "create"),
        ("location", "create"),
    }


def test_a_row_knows_when_it_last_changed(directory: Db) -> None:
    service = directory.scalars(select(Service)).one()
    before = service.changed_at
    directory.execute(update(Service).values(last_seen_in_import_at=clock.now()))
    directory.refresh(service)
    assert service.changed_at == before, "seen again is not changed"
    directory.execute(update(Service).values(alert="Closed on Monday"))
    directory.refresh(service)
    assert service.changed_at > before


def test_the_same_value_again_is_no_change(directory: Db) -> None:
    directory.execute(update(Service).where(Service.id == SERVICE).values(name="Hot lunch"))
    assert history(directory) == []


@pytest.mark.parametrize(
    "change", [update(Metadata).values(updated_by="nobody"), delete(Metadata)], ids=["update", "delete"]
)
def test_nobody_rewrites_our_history(directory: Db, change: Any) -> None:
    directory.execute(update(Service).values(alert="Closed on Monday"))
    with pytest.raises(IntegrityError, match="are evidence"), directory.begin_nested():
        directory.execute(change)


def test_every_table_of_the_directory_has_its_history(session: Db) -> None:
    """Also one that is added later, which a list in a migration would miss."""
    watched = set(
        session.scalars(
            text(
                "SELECT DISTINCT event_object_table FROM information_schema.triggers WHERE trigger_name LIKE '%notes%'"
            )
        )
    )
    tables = {table.name for table in Base.metadata.sorted_tables if "fingerprint" in table.c}
    assert watched == tables - {"metadata"} == {table.name for table in TABLES} - {"metadata"}


def test_a_history_that_came_along_can_be_corrected_upstream(directory: Db, tmp_path: Path) -> None:
    line = {
        "id": "m1",
        "resource_id": ORGANIZATION,
        "resource_type": "organization",
        "last_action_date": "2025-01-02",
        "last_action_type": "update",
        "field_name": "name",
        "previous_value": "",
        "replacement_value": "Harbor Kitchen",
        "updated_by": "Upstream",
    }
    bring_in(tmp_path, metadata=[line])
    bring_in(tmp_path, metadata=[{**line, "updated_by": "Somebody upstream"}])
    assert [who for *_what, who in history(directory)] == ["Somebody upstream"]


def test_a_row_written_past_the_models_has_its_moment(session: Db) -> None:
    session.execute(insert(Organization).values(name="Elsewhere", fingerprint="", source="town"))
    assert session.scalars(select(Organization.changed_at)).one() is not None
