"""A service that takes in so many people a day is full until tomorrow when they are there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session, scoped_session

from app import clock
from app.directory.models import Service
from app.errors import DomainError
from app.matching import operations as matching
from app.matching import queries as matches
from app.matching.models import IntakeFull
from app.referrals import intake, operations
from app.referrals.lifecycle import Reason, Status
from tests.factories import make_need, make_patient, make_referral, make_service_at_location, sign_in
from tests.inbox.desk import Desk, text_of

Db = scoped_session[Session]
NOON = datetime(2026, 11, 23, 17, tzinfo=UTC)


@pytest.fixture
def limited(desk: Desk, session: Db) -> Desk:
    """The pantry takes in two people a day."""
    session.get_one(Service, desk.place.service_id).intake_daily_limit = 2
    session.flush()
    return desk


def offered(desk: Desk) -> list[object]:
    patient = make_patient(desk.worker)
    found = matches.matches(matches.question_for(make_need(patient), patient))
    return [match.service_at_location_id for match in found.items]


def test_when_todays_places_are_taken_it_is_offered_and_sent_to_nobody(limited: Desk) -> None:
    other = make_service_at_location()
    with clock.held_at(NOON):
        limited.receive()
        assert limited.place.id in offered(limited)
        limited.receive()
        assert offered(limited) == [other.id]
        with pytest.raises(DomainError, match="They take in 2 people a day"):
            limited.receive()


def test_a_place_that_is_given_back_is_free_again(limited: Desk) -> None:
    with clock.held_at(NOON):
        limited.receive()
        declined = limited.receive()
        operations.move(declined, Status.REJECTED, by=limited.rosa, reason=Reason("language"))
        assert limited.place.id in offered(limited)
        limited.receive()


def test_who_is_accepted_today_takes_a_place_of_today(limited: Desk) -> None:
    with clock.held_at(NOON - timedelta(days=1)):
        waiting = [limited.receive() for _ in range(2)]
    with clock.held_at(NOON):
        limited.receive()
        operations.move(waiting[0], Status.ACCEPTED, by=limited.rosa)
        with pytest.raises(DomainError):
            limited.receive()


def test_after_midnight_where_it_is_there_are_new_places(limited: Desk, session: Db) -> None:
    with clock.held_at(NOON):
        other = make_service_at_location()
        limited.receive()
        limited.receive()
    with clock.held_at(datetime(2026, 11, 24, 4, 59, tzinfo=UTC)):  # 11:59 PM in Baltimore
        assert offered(limited) == [other.id]
        assert matching.begin_day() == 0
    with clock.held_at(datetime(2026, 11, 24, 5, 1, tzinfo=UTC)):
        assert matching.begin_day() == 1
        assert matching.begin_day() == 0
        assert session.query(IntakeFull).count() == 0
        assert limited.place.id in offered(limited)
        limited.receive()


def test_longer_word_that_it_is_full_is_not_cut_short_by_a_day(limited: Desk) -> None:
    other = make_service_at_location()
    with clock.held_at(NOON):
        limited.receive()
        limited.receive()
        operations.move(
            limited.receive(at=other), Status.REJECTED, by=None, contact="Somebody", reason=Reason("language")
        )
    with clock.held_at(NOON + timedelta(days=1)):
        declined = limited.receive()
        operations.move(declined, Status.REJECTED, by=limited.rosa, reason=Reason("at-capacity"))
        limited.receive()
        limited.receive()
        matching.begin_day()
    with clock.held_at(NOON + timedelta(days=2)):
        matching.begin_day()
        assert limited.place.id not in offered(limited)


def test_the_agency_sees_how_many_are_taken(client: FlaskClient, limited: Desk) -> None:
    with clock.held_at(NOON):
        limited.receive()
        sign_in(client, limited.rosa)
        assert "Groceries for a week: 1 of today’s 2 places are taken" in text_of(client, "/inbox")
        limited.receive()
        assert "full until tomorrow" in text_of(client, "/inbox/capacity")
        assert intake.of_organization(limited.pantry.id)[limited.place.service_id] == intake.Intake(2, 2)


def test_without_a_limit_nothing_is_counted(desk: Desk) -> None:
    for _ in range(3):
        desk.receive()
    assert intake.of_organization(desk.pantry.id) == {}
    make_referral(make_need(make_patient(desk.worker)), desk.place)
