"""Whether anybody is left waiting is judged from what happened and who was given the work, never from the clocks."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, select

from app import clock
from app.db import session
from app.loop.models import Clock
from app.referrals.lifecycle import Status
from app.referrals.models import Referral
from app.reports import measures, stays
from app.reports.stays import Judged, Network, Stay, Task
from app.reports.waiting import waiting
from app.staff.models import StaffMember
from app.worklist.kinds import Kind
from tests.factories import make_referral, sign_in
from tests.loop.steps import agency_says, let_pass

MONDAY = datetime(2026, 11, 30, 15, tzinfo=UTC)
EAST = ZoneInfo("America/New_York")

ASKED = Stay(
    status=Status.REQUESTED,
    since=MONDAY,
    until=None,
    answered=False,
    rerouted=False,
    organization_id=uuid.UUID(int=1),
    need="food",
    urgent=False,
    agency_zone=EAST,
    patient_zone=EAST,
    patient_said_at=None,
    asked_out_at=None,
)
SERVED = replace(ASKED, status=Status.COMPLETED)


def judged(stay: Stay, days: float) -> Judged:
    [found] = stays.judge([stay], MONDAY + timedelta(days=days), Network())
    return found


@pytest.mark.parametrize(
    ("what", "days", "due", "in_time"),
    [
        ({}, 3, False, False),  # still Thursday
        ({}, 4.5, False, False),  # Friday, the fourth business day, is not over
        ({}, 5, True, False),
        ({"until": MONDAY + timedelta(days=4, hours=8), "answered": True}, 9, True, True),
        ({"until": MONDAY + timedelta(days=7), "answered": True}, 9, True, False),
        ({"until": MONDAY + timedelta(days=4), "rerouted": True}, 9, True, True),
        ({"until": MONDAY + timedelta(days=1)}, 9, False, False),  # taken back for another reason
    ],
)
def test_an_answer_is_due_by_the_end_of_the_fourth_business_day(
    what: dict[str, object], days: float, *, due: bool, in_time: bool
) -> None:
    found = judged(replace(ASKED, **what), days)  # type: ignore[arg-type]
    assert (found.due, found.due and found.in_time) == (due, in_time)


CALL = Task(Kind.CALL_AGENCY, MONDAY + timedelta(days=2, minutes=1), None)
DONE_BEFORE = Task(Kind.CALL_AGENCY, MONDAY, MONDAY + timedelta(days=1))
OTHER_WORK = Task(Kind.READ_TEXT, MONDAY + timedelta(days=2), None)
CALL_PATIENT = Task(Kind.CALL_INSTEAD, MONDAY + timedelta(days=14, minutes=1), None)


@pytest.mark.parametrize(
    ("stay", "days", "silent", "seen_to"),
    [
        (ASKED, 1, False, False),
        (ASKED, 3, True, False),
        (replace(ASKED, tasks=[CALL]), 3, True, True),
        (replace(ASKED, tasks=[DONE_BEFORE]), 3, True, False),
        (replace(ASKED, tasks=[OTHER_WORK]), 3, True, False),
        (replace(ASKED, tasks=[replace(CALL, created_at=MONDAY + timedelta(days=2, hours=5))]), 3, True, False),
        (replace(ASKED, until=MONDAY + timedelta(days=1), answered=True), 3, False, False),
        (replace(ASKED, urgent=True), 0.3, True, False),
        (SERVED, 13, False, False),
        (SERVED, 15, True, False),
        (replace(SERVED, tasks=[CALL_PATIENT]), 15, True, True),
        (replace(SERVED, patient_said_at=MONDAY + timedelta(days=4)), 15, False, False),
        (replace(SERVED, excused_until=MONDAY + timedelta(days=15)), 15, False, False),
        (replace(ASKED, status=Status.ACCEPTED), 15, True, False),
        (replace(ASKED, status=Status.ACCEPTED, visit_at=MONDAY + timedelta(days=13)), 15, False, False),
        (replace(ASKED, status=Status.REJECTED), 30, False, False),
    ],
)
def test_a_silence_has_to_be_on_somebodys_list(stay: Stay, days: float, *, silent: bool, seen_to: bool) -> None:
    found = judged(stay, days)
    assert (found.silent, found.seen_to) == (silent, seen_to)


def test_what_happened_is_read_from_the_rows(maya: StaffMember) -> None:
    with clock.held_at(MONDAY):
        answered = make_referral(by=maya)
        silent = make_referral(by=maya)
    with clock.held_at(MONDAY + timedelta(hours=3)):
        agency_says(answered, Status.ACCEPTED)
    let_pass(MONDAY, timedelta(days=3))

    with clock.held_at(MONDAY + timedelta(days=6)):
        found = waiting(select(Referral), MONDAY)

    assert (found.count(measures.AWAITED), found.count(measures.ANSWERED_OR_REROUTED)) == (2, 1)
    assert (found.count(measures.SILENCES), found.count(measures.SILENCE_TO_PERSON)) == (1, 1)
    assert (found.open, found.orphans) == (2, 0)

    session.execute(delete(Clock).where(Clock.referral_id == silent.id))
    with clock.held_at(MONDAY + timedelta(days=6)):
        assert waiting(select(Referral), MONDAY).orphans == 1


def test_the_numbers_show_it(client: FlaskClient, maya: StaffMember) -> None:
    make_referral(by=maya)
    sign_in(client, maya)

    page = client.get("/numbers").get_data(as_text=True)

    assert "Is anybody left waiting?" in page
    assert "Forgotten" in page
    assert "Silence that became a task" in page
