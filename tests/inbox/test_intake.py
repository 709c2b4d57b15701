"""A service that takes in so many people a day is full until tomorrow when they are there."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session, scoped_session

from app import clock
from app.db import session as the_session
from app.directory.models import Metadata, Service
from app.errors import DomainError
from app.loop import rerouting
from app.matching import operations as matching
from app.matching import queries as matches
from app.matching.models import IntakeFull
from app.referrals import intake, operations
from app.referrals.lifecycle import Reason, Status
from app.referrals.models import Referral
from app.referrals.queries import successor
from tests.factories import make_need, make_patient, make_referral, make_service_at_location, sign_in
from tests.inbox.desk import Desk, text_of
from tests.loop.steps import let_pass, live_clocks

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


def test_the_agency_says_how_many_it_takes_in_and_matching_obeys_at_once(
    client: FlaskClient, desk: Desk, session: Db
) -> None:
    box, service_id = f"limit-{desk.place.service_id}", desk.place.service_id
    other = make_service_at_location()
    with clock.held_at(NOON):
        desk.receive()
        sign_in(client, desk.rosa)
        assert client.post("/inbox/daily-limits", data={box: "1", f"limit-{other.service_id}": "1"}).status_code == 303
        assert "Groceries for a week: 1 of today’s 1 places are taken · full until tomorrow" in text_of(
            client, "/inbox"
        )
        assert offered(desk) == [other.id]
        assert session.get_one(Service, other.service_id).intake_daily_limit is None, "only its own"
        signed = select(Metadata.updated_by).where(Metadata.field_name == "intake_daily_limit")
        assert session.scalars(signed).all() == [f"agency {desk.rosa.id}"]
        for wrong in ("0", "-3", "many", "9" * 5000):
            page = client.post("/inbox/daily-limits", data={box: wrong})
            assert page.status_code == 422
            assert re.search(r'value="14" checked', page.text), "without a choice a pause would have no end"
        assert intake.of_organization(desk.pantry.id)[service_id] == intake.Intake(1, 1)
        client.post("/inbox/daily-limits", data={box: " "})
        assert desk.place.id in offered(desk)
        assert intake.of_organization(desk.pantry.id) == {}


def test_a_wrong_answer_about_a_pause_takes_no_limit_away(client: FlaskClient, limited: Desk) -> None:
    sign_in(client, limited.rosa)
    page = client.post("/inbox/capacity", data={"days": "7"}).text
    assert re.search(rf'name="limit-{limited.place.service_id}"[^>]*value="2"', page)


def standing(referral: Referral) -> str:
    """Its status as the database has it."""
    return the_session.scalars(select(Referral.status).where(Referral.id == referral.id)).one().value


def test_what_was_prepared_waits_for_a_place_of_tomorrow(limited: Desk) -> None:
    first = limited.receive(at=make_service_at_location())
    with clock.held_at(NOON):
        operations.move(first, Status.REJECTED, by=None, contact="Tom Lee", reason=Reason("closed"))
        prepared = successor(first.id)
        assert prepared is not None
        assert prepared.service_at_location_id == limited.place.id
        limited.receive()
        limited.receive()
    let_pass(NOON, timedelta(hours=11))
    assert standing(prepared) == "draft", "they are full, so it is not one more than they take in"
    with pytest.raises(DomainError, match="They take in 2 people a day"), clock.held_at(NOON):
        operations.move(prepared, Status.REQUESTED, by=limited.worker)
    let_pass(NOON, timedelta(hours=14))
    assert standing(prepared) == "requested"


def test_a_yes_to_a_place_that_is_full_by_now_is_sent_when_there_is_room(limited: Desk) -> None:
    first = limited.receive(at=make_service_at_location())
    with clock.held_at(NOON):
        operations.move(first, Status.REJECTED, by=None, contact="Tom Lee", reason=Reason("closed"))
        limited.receive()
        limited.receive()
        prepared = successor(first.id)
        assert prepared is not None
        rerouting.agree(prepared)
        assert (standing(prepared), live_clocks(prepared)) == ("draft", {"veto-over"})


def test_whoever_says_yes_for_the_patient_hears_that_it_waits_for_a_place(client: FlaskClient, limited: Desk) -> None:
    first = limited.receive(at=make_service_at_location())
    with clock.held_at(NOON):
        operations.move(first, Status.REJECTED, by=None, contact="Tom Lee", reason=Reason("closed"))
        limited.receive()
        limited.receive()
    prepared = successor(first.id)
    assert prepared is not None
    sign_in(client, limited.worker)
    with clock.held_at(NOON):
        said = client.post(f"/referrals/{prepared.id}/write-down/agrees", follow_redirects=True).text
    assert "it is sent by itself as soon as there are new ones" in said


def test_without_a_limit_nothing_is_counted(desk: Desk) -> None:
    for _ in range(3):
        desk.receive()
    assert intake.of_organization(desk.pantry.id) == {}
    make_referral(make_need(make_patient(desk.worker)), desk.place)
