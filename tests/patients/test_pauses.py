"""Leaving a patient alone for a while: what waits, what does not, and how it ends."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session, scoped_session

from app import clock
from app.errors import DomainError, Invalid
from app.loop import operations as loop
from app.loop import silence
from app.loop.models import Clock, Question
from app.messaging.delivery import State
from app.messaging.models import Message
from app.patients import operations, pauses, queries
from app.patients.endings import Ending
from app.patients.models import Patient, Pause
from app.patients.pauses import Why
from app.referrals.lifecycle import Status
from app.referrals.models import Referral
from app.staff.models import StaffMember
from app.worklist import queries as worklist
from app.worklist.kinds import Kind
from app.worklist.models import WorkItem
from tests.factories import (
    make_need,
    make_patient,
    make_referral,
    make_service_at_location,
    make_staff,
    sign_in,
)
from tests.loop.steps import agency_says, phone_of, text_from

Db = scoped_session[Session]

TUESDAY = datetime(2026, 11, 24, 15, tzinfo=UTC)
ZONE = ZoneInfo("America/New_York")
MIDNIGHT = datetime(2026, 12, 10, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("day", "fits"),
    [
        (date(2026, 11, 24), False),  # today is no pause
        (date(2026, 11, 25), True),
        (date(2027, 2, 22), True),  # ninety days
        (date(2027, 2, 23), False),
        (date(2025, 12, 1), False),
    ],
)
def test_how_long_a_pause_may_last(day: date, fits: bool) -> None:  # noqa: FBT001
    assert pauses.fits(day, date(2026, 11, 24)) is fits


@pytest.mark.parametrize(
    ("ended_at", "now", "holds"),
    [
        (None, MIDNIGHT - timedelta(seconds=1), True),
        (None, MIDNIGHT, False),
        (TUESDAY, TUESDAY, False),
    ],
)
def test_when_a_pause_holds(ended_at: datetime | None, now: datetime, holds: bool) -> None:  # noqa: FBT001
    assert pauses.ends_at(date(2026, 12, 10), ZONE) == MIDNIGHT
    assert pauses.holds(MIDNIGHT, ended_at, now) is holds


def pause(patient: Patient, by: StaffMember, day: date = date(2026, 12, 10)) -> None:
    operations.pause([patient], Why.HOSPITAL, day, by=by)


def questions(session: Db) -> int:
    return len(session.scalars(select(Message).where(Message.template == "ask-got-help")).all())


def test_nobody_is_asked_during_a_pause_and_once_afterwards(session: Db) -> None:
    with clock.held_at(TUESDAY):
        maya = make_staff()
        ana = make_patient(maya)
        for _several in range(2):
            agency_says(make_referral(make_need(ana)), Status.ACCEPTED)
        pause(ana, maya)
    with clock.held_at(TUESDAY + timedelta(days=12)):
        before = questions(session)
        silence.fire_due_clocks()
        assert questions(session) == before
    with clock.held_at(MIDNIGHT + timedelta(minutes=1)):
        assert not queries.is_paused(ana.id)
        silence.fire_due_clocks()
        assert questions(session) == before + 1  # one question at a time, however much has waited
        silence.fire_due_clocks()
        assert questions(session) == before + 1
        later = session.scalars(select(Clock.due_at).where(Clock.ended_at.is_(None), Clock.group == "patient")).all()
        assert min(later) > clock.now() + timedelta(days=5)


def test_agencies_go_on_during_a_pause(session: Db) -> None:
    with clock.held_at(TUESDAY):
        maya = make_staff()
        ana = make_patient(maya)
        make_referral(make_need(ana))
        pause(ana, maya)
    for days in (1, 3):  # Thursday is Thanksgiving
        with clock.held_at(TUESDAY + timedelta(days=days, hours=1)):
            silence.fire_due_clocks()
    with clock.held_at(TUESDAY + timedelta(days=3, hours=1)):
        assert session.scalars(select(WorkItem.kind)).all() == [Kind.CALL_AGENCY]
        assert worklist.count(maya) == 1


def test_an_acceptance_during_a_pause_asks_nothing(session: Db, maya: StaffMember, ana: Patient) -> None:
    referral = make_referral(make_need(ana))
    operations.pause([ana], Why.GRIEF, clock.now().date() + timedelta(days=20), by=maya)
    agency_says(referral, Status.ACCEPTED)
    assert session.scalars(select(Question)).all() == []
    told = session.scalars(select(Message.template).where(Message.template.startswith("referral-accepted"))).all()
    assert told == ["referral-accepted-no-question"]


def test_the_time_to_say_no_stands_still(session: Db) -> None:
    with clock.held_at(TUESDAY):
        maya = make_staff()
        ana = make_patient(maya)
        need = make_need(ana)
        first = make_referral(need)
        make_service_at_location()
        agency_says(first, Status.REJECTED, "at-capacity")
        successor = session.scalars(select(Referral).where(Referral.instead_of_id == first.id)).one()
        assert successor.status is Status.DRAFT
        pause(ana, maya)
    for when, status in (
        (TUESDAY + timedelta(days=3), Status.DRAFT),
        (MIDNIGHT + timedelta(minutes=1), Status.REQUESTED),
    ):
        with clock.held_at(when):
            silence.fire_due_clocks()
            session.refresh(successor)
            assert successor.status is status


def test_a_question_that_has_not_left_is_taken_back(session: Db, maya: StaffMember, ana: Patient) -> None:
    referral = make_referral(make_need(ana))
    agency_says(referral, Status.ACCEPTED)
    loop.ask_again(referral, "ask-got-help", "a test")
    operations.pause([ana], Why.ASKED, clock.now().date() + timedelta(days=5), by=maya)
    asked = session.scalars(select(Message).where(Message.template == "ask-got-help")).one()
    session.refresh(asked)
    assert (asked.state, asked.cancel_reason) == (State.CANCELLED, "paused")
    assert loop.open_question_about(referral) is None


def test_work_with_the_patient_waits_and_is_due_that_much_later(client: FlaskClient, session: Db) -> None:
    with clock.held_at(TUESDAY):
        maya = make_staff()
        ana = make_patient(maya)
        loop.call_instead(make_referral(make_need(ana)), ana, "silent")
        item = session.scalars(select(WorkItem)).one()
        was_due = item.due_at
        pause(ana, maya)
        sign_in(client, maya)
        page = client.get("/today").text
        assert "Nothing needs you now" in page
        assert "In hospital, until Thursday, Dec 10" in page
        assert "Paused: In hospital, until Thursday, Dec 10" in client.get(f"/patients/{ana.id}").text
        assert "Paused: In hospital" in client.get("/patients").text
    with clock.held_at(MIDNIGHT + timedelta(minutes=1)):
        assert operations.end_pauses() == 1
        assert operations.end_pauses() == 0
        session.refresh(item)
        assert item.due_at == was_due + (MIDNIGHT - TUESDAY)
        assert worklist.count(maya) == 1


def test_a_text_that_speaks_of_danger_is_on_top_all_the_same(
    client: FlaskClient, maya: StaffMember, ana: Patient
) -> None:
    operations.pause([ana], Why.TRAVEL, clock.now().date() + timedelta(days=5), by=maya)
    text_from(phone_of(ana), "quiero morir")
    sign_in(client, maya)
    assert "Nobody has it yet" in client.get("/today").text


def test_a_household_is_paused_together_and_goes_on_together(client: FlaskClient, maya: StaffMember) -> None:
    ana = make_patient(maya, phone="+14105550777")
    leo = make_patient(maya, given_name="Leo", phone="+14105550777")
    sign_in(client, maya)
    until = clock.now().date() + timedelta(days=9)
    assert "Leo Reyes" in client.get(f"/patients/{ana.id}/pause").text
    form = {"why": "grief", "until": until.isoformat(), "with": str(leo.id), "note": "Their father has died"}
    assert client.post(f"/patients/{ana.id}/pause", data=form).status_code == 303
    assert queries.is_paused(ana.id)
    assert queries.is_paused(leo.id)
    page = client.get(f"/patients/{leo.id}/pause").text
    assert "Together with Ana." in page
    assert "Their father has died" in page
    client.post(f"/patients/{leo.id}/pause/end", data={"everybody": "yes"})
    assert not queries.is_paused(ana.id)
    assert not queries.is_paused(leo.id)
    assert client.post(f"/patients/{leo.id}/pause/end").status_code == 303  # again: nothing happens


def test_only_the_household_can_be_paused_with_somebody(client: FlaskClient, maya: StaffMember, ana: Patient) -> None:
    ana.line1 = "7 Elm Court"
    stranger = make_patient(maya, given_name="Sol")
    sign_in(client, maya)
    until = (clock.now().date() + timedelta(days=9)).isoformat()
    client.post(f"/patients/{ana.id}/pause", data={"why": "travel", "until": until, "with": str(stranger.id)})
    assert queries.is_paused(ana.id)
    assert not queries.is_paused(stranger.id)


@pytest.mark.parametrize(
    "form", [{}, {"why": "travel"}, {"why": "travel", "until": "2020-01-01"}, {"why": "moon", "until": "2099-01-01"}]
)
def test_a_form_that_says_too_little_keeps_what_was_typed(
    client: FlaskClient, maya: StaffMember, ana: Patient, form: dict[str, str]
) -> None:
    sign_in(client, maya)
    assert client.post(f"/patients/{ana.id}/pause", data={**form, "note": "typed"}).status_code == 422
    assert not queries.is_paused(ana.id)


def test_another_day_takes_the_place_of_the_first(session: Db, maya: StaffMember, ana: Patient) -> None:
    today = clock.now().date()
    operations.pause([ana], Why.TRAVEL, today + timedelta(days=5), by=maya)
    first = session.scalars(select(Pause)).one()
    operations.pause([ana], Why.HOSPITAL, today + timedelta(days=30), by=maya)
    held = queries.pause_of(ana.id)
    assert held is not None
    assert (held.why, held.since) == (Why.HOSPITAL, first.since)


def test_who_has_ended_is_not_paused(session: Db, maya: StaffMember, ana: Patient) -> None:  # noqa: ARG001
    operations.end(ana.id, Ending.MOVED, by=maya)
    with pytest.raises(DomainError):
        operations.pause([ana], Why.TRAVEL, clock.now().date() + timedelta(days=5), by=maya)


def test_no_pause_without_an_end(session: Db, maya: StaffMember, ana: Patient) -> None:  # noqa: ARG001
    with pytest.raises(Invalid):
        operations.pause([ana], Why.TRAVEL, clock.now().date() + timedelta(days=91), by=maya)
