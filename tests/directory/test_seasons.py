"""Listings know the hours of their week; when a season begins or ends, nothing but the date tells them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, scoped_session

from app import clock
from app.directory import jobs, operations
from app.directory.models import Schedule, StaleService
from app.matching import operations as matching
from app.matching.models import Listing
from tests.matching.conftest import Offer, Town

DB = scoped_session[Session]

TODAY = date(2026, 6, 1)


@pytest.fixture
def town(session: DB) -> Town:
    return Town(session)


def of_the_service(offer: Offer) -> dict[str, Any]:
    return {"service_id": offer.service.id}


def of_the_location(offer: Offer) -> dict[str, Any]:
    return {"location_id": offer.location.id}


def of_the_service_there(offer: Offer) -> dict[str, Any]:
    return {"service_at_location_id": offer.id}


def schedule(session: DB, **said: Any) -> None:
    usual = {"freq": "WEEKLY", "byday": "MO", "opens_at": time(9), "closes_at": time(17)}
    session.add(Schedule(**usual | said))
    session.flush()


@pytest.mark.parametrize("of", [of_the_service, of_the_location, of_the_service_there])
@pytest.mark.parametrize(
    ("said", "turns"),
    [
        ({}, False),
        ({"valid_from": TODAY}, True),
        ({"valid_from": TODAY + timedelta(days=6)}, True),  # in the week that begins today
        ({"valid_from": TODAY + timedelta(days=60)}, False),
        ({"valid_to": TODAY - timedelta(days=1)}, True),
        ({"valid_to": TODAY - timedelta(days=20)}, True),  # no worker ran for weeks
        ({"valid_to": TODAY - timedelta(days=90)}, False),
        ({"dtstart": TODAY + timedelta(days=2)}, True),
        ({"until": TODAY + timedelta(days=2)}, True),
        ({"valid_from": date(2000, 6, 3), "valid_to": date(2000, 9, 1)}, False),
        ({"valid_from": date(2000, 6, 3), "valid_to": date(2000, 9, 1), "yearly": True}, True),
        ({"valid_from": date(2000, 1, 3), "valid_to": date(2000, 5, 31), "yearly": True}, True),
        ({"valid_from": date(2000, 9, 3), "valid_to": date(2000, 12, 1), "yearly": True}, False),
        ({"valid_from": TODAY, "withdrawn_at": datetime(2026, 1, 1, tzinfo=UTC)}, False),
        ({"valid_from": TODAY, "freq": None, "byday": None}, False),  # a holiday is none of the usual hours
        ({"valid_to": TODAY, "closed": True}, False),
    ],
)
def test_who_is_listed_anew(
    session: DB, town: Town, of: Callable[[Offer], dict[str, Any]], said: dict[str, Any], *, turns: bool
) -> None:
    offer = town.offer()
    town.offer("Another")
    schedule(session, **of(offer), **said)
    operations.turn_seasons(TODAY)
    operations.turn_seasons(TODAY)
    assert session.scalars(select(StaleService.service_id)).all() == ([offer.service.id] if turns else [])


@pytest.mark.parametrize(
    ("today", "ends", "turns"),
    [
        (date(2026, 12, 28), date(2000, 1, 2), True),  # a new year begins meanwhile
        (date(2027, 1, 5), date(2000, 12, 15), True),
        (date(2027, 1, 5), date(2000, 2, 1), False),
        (date(2027, 3, 1), date(2000, 2, 29), True),  # not a day of this year
        (date(2027, 4, 20), date(2000, 2, 29), False),
    ],
)
def test_a_season_ends_every_year(session: DB, town: Town, today: date, ends: date, *, turns: bool) -> None:
    schedule(session, service_id=town.offer().service.id, valid_to=ends, yearly=True)
    operations.turn_seasons(today)
    assert len(session.scalars(select(StaleService.service_id)).all()) == turns


def test_hours_of_summer_are_over_when_summer_is(session: DB, town: Town) -> None:
    offer = town.offer("Food pantry")
    schedule(session, service_id=offer.service.id, valid_from=date(2026, 6, 1), valid_to=date(2026, 8, 31))

    def open_on(day: date) -> bool:
        with clock.held_at(datetime(day.year, day.month, day.day, 12, tzinfo=UTC)):
            jobs.turn_seasons(0)
            jobs.settle(0)
        hours = session.scalars(select(Listing.hours).where(Listing.service_id == offer.service.id)).one()
        return hours is not None

    with clock.held_at(datetime(2026, 5, 1, tzinfo=UTC)):
        matching.refresh([offer.service.id])
    assert [open_on(date(2026, month, day)) for month, day in ((5, 2), (5, 30), (7, 1), (8, 30), (9, 2))] == [
        False, True, True, True, False,
    ]  # fmt: skip
