"""Whole directories: the project's own seed, and two real ones where they can be had."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, scoped_session

from app.config import ROOT
from app.directory import searching
from app.directory.importing import ImportReport, import_directory
from app.directory.models import Location, Schedule, Service, ServiceNeed

SHARED = ROOT.parent / "shared" / "data"

pytestmark = pytest.mark.usefixtures("session")


def shared(name: str) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"the directory {name} is not on this machine")
    return folder


def unchanged(report: ImportReport, rows: int) -> bool:
    return not report.changed_anything and report.tables["service"].unchanged == rows


def test_the_seed_has_nothing_to_complain_about() -> None:
    report = import_directory(ROOT / "seed" / "directory", "seed")
    assert report.problems == ()
    assert report.tables["service"].new > 0
    assert {"food", "housing", "transport", "utilities"} <= searching.services_by_need().keys()
    assert not import_directory(ROOT / "seed" / "directory", "seed").changed_anything


def test_baltimore(session: scoped_session[Session]) -> None:
    folder = shared("baltimore")
    report = import_directory(folder, "baltimore")
    assert report.ended_at - report.started_at < timedelta(seconds=60)
    assert report.tables["organization"].new == 748
    assert report.tables["location"].new == 1482
    # One of 1,876 names no location, so nobody knows whose it is.
    assert report.tables["service"].new == 1875
    assert report.tables["phone"].new == 7156
    assert {(p.file, p.field) for p in report.problems} == {
        ("organizations.csv", "website"),
        ("services.csv", "location_id"),
        ("phones.csv", "number"),
    }
    assert session.scalar(select(func.count()).where(Location.latitude.is_(None))) == 133
    by_need = searching.services_by_need()
    assert by_need["food"] > 200
    assert by_need["housing"] > 100
    assert by_need["utilities"] > 30
    assert by_need["transport"] > 30
    assert unchanged(import_directory(folder, "baltimore"), 1875)


def test_a_small_county(session: scoped_session[Session]) -> None:
    folder = shared("small-county")
    report = import_directory(folder, "small-county")
    assert report.tables["service"].new == 23
    # The fourth number without a valid area code, and hours from nine to three in the night.
    assert [(p.file, p.field, p.kept) for p in report.problems] == [
        *[("phones.csv", "number", True)] * 4,
        ("regular_schedules.csv", "closes_at", True),
    ]
    meals = session.scalars(select(Service.id).where(Service.name == "Meals on Wheels - South County")).one()
    assert session.scalars(select(ServiceNeed.need).where(ServiceNeed.service_id == meals)).all() == ["food"]
    assert session.scalar(select(func.count()).where(Schedule.closed, Schedule.yearly)) == 3
    card = next(card for card in searching.search("Passport Photos").cards)
    assert card.hours[:2] == ("Mon 8 am–noon and 2 pm–4 pm", "Wed 10 am–3 pm")
    assert unchanged(import_directory(folder, "small-county"), 23)
