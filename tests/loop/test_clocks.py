from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from app.loop.clocks import STEPS, URGENT, Effect, after_business_days, after_working_hours, due, steps
from app.referrals.lifecycle import OPEN, Status

NEW_YORK = ZoneInfo("America/New_York")
DENVER = ZoneInfo("America/Denver")


def local(text: str, zone: ZoneInfo = NEW_YORK) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


# November 2026: the 20th is a Friday. On March 14, 2027 the clocks of New York go forward, on November 7, 2027 back.
BUSINESS_DAYS = [
    ("2026-11-18 10:00", 1, "2026-11-19 10:00"),  # Wednesday to Thursday
    ("2026-11-20 16:45", 1, "2026-11-23 16:45"),  # Friday to Monday
    ("2026-11-20 16:45", 2, "2026-11-24 16:45"),
    ("2026-11-21 09:00", 1, "2026-11-23 09:00"),  # a Saturday is no business day
    ("2026-11-22 09:00", 1, "2026-11-23 09:00"),  # nor a Sunday
    ("2026-11-18 10:00", 4, "2026-11-24 10:00"),  # over one weekend
    ("2026-11-18 10:00", 0, "2026-11-18 10:00"),
    ("2027-03-12 10:00", 1, "2027-03-15 10:00"),  # the same time of day, one hour less of waiting
    ("2027-11-05 10:00", 1, "2027-11-08 10:00"),
]


@pytest.mark.parametrize(("start", "days", "end"), BUSINESS_DAYS)
def test_business_days_keep_the_time_of_day(start: str, days: int, end: str) -> None:
    assert after_business_days(local(start), days, NEW_YORK) == local(end)


WORKING_HOURS = [
    ("2026-11-18 10:00", 2, "2026-11-18 12:00"),
    ("2026-11-18 07:00", 2, "2026-11-18 11:00"),  # before nine nothing runs
    ("2026-11-18 16:30", 2, "2026-11-19 10:30"),  # what is left of today, the rest tomorrow
    ("2026-11-18 17:00", 2, "2026-11-19 11:00"),  # five o'clock is over
    ("2026-11-18 22:00", 2, "2026-11-19 11:00"),
    ("2026-11-20 16:30", 2, "2026-11-23 10:30"),  # Friday evening to Monday morning
    ("2026-11-21 12:00", 2, "2026-11-23 11:00"),  # all of a Saturday counts for nothing
    ("2026-11-18 09:00", 8, "2026-11-18 17:00"),  # a whole day is still that day
    ("2026-11-18 09:00", 9, "2026-11-19 10:00"),
    ("2026-11-18 10:00", 20, "2026-11-20 14:00"),
]


@pytest.mark.parametrize(("start", "hours", "end"), WORKING_HOURS)
def test_working_hours_run_from_nine_to_five(start: str, hours: int, end: str) -> None:
    assert after_working_hours(local(start), hours, NEW_YORK) == local(end)


def test_the_zone_is_that_of_whoever_has_to_act() -> None:
    friday_night = local("2026-11-20 23:30")  # still half past nine in Denver
    assert after_business_days(friday_night, 1, DENVER) == local("2026-11-23 21:30", DENVER)
    assert after_working_hours(local("2026-11-18 16:30"), 2, DENVER) == local("2026-11-18 16:30", DENVER)


SENT = local("2026-11-19 15:00")  # a Thursday

DUE = [
    ("requested", False, "silent-2", "2026-11-23 15:00"),
    ("requested", False, "silent-4", "2026-11-25 15:00"),
    ("requested", True, "urgent-call", "2026-11-19 17:00"),
    ("requested", True, "silent-1", "2026-11-20 15:00"),
    ("accepted", False, "ask-7", "2026-11-26 15:00"),
    ("accepted", False, "idle-14", "2026-12-03 15:00"),
    ("in-progress", False, "ask-21", "2026-12-10 15:00"),
    ("in-progress", False, "idle-30", "2026-12-19 15:00"),
    ("on-hold", False, "hold-14", "2026-12-03 15:00"),
    ("completed", False, "ask-served", "2026-11-22 15:00"),
    ("completed", False, "ask-again", "2026-11-29 15:00"),
    ("completed", False, "call-patient", "2026-12-06 15:00"),
    ("completed", False, "ask-21", "2026-12-10 15:00"),
    ("completed", False, "give-up", "2026-12-24 15:00"),
]


@pytest.mark.parametrize(("status", "urgent", "name", "when"), DUE)
def test_what_comes_due_and_when(status: str, urgent: bool, name: str, when: str) -> None:  # noqa: FBT001  a row
    step = next(step for step in steps(status, urgent=urgent) if step.name == name)
    assert due(step, SENT, NEW_YORK) == local(when)


def test_the_table_above_is_complete() -> None:
    every = {(status, False, step.name) for status, row in STEPS.items() for step in row}
    every |= {(status, True, step.name) for status, row in URGENT.items() for step in row}
    assert {row[:3] for row in DUE} == every


@pytest.mark.parametrize("status", sorted(OPEN - {Status.DRAFT}))
def test_no_open_referral_is_without_a_clock(status: Status) -> None:
    assert steps(status.value, urgent=False)
    assert steps(status.value, urgent=True)


@pytest.mark.parametrize("status", ["rejected", "failed", "cancelled", "entered-in-error", "draft"])
def test_what_has_ended_without_help_waits_for_nothing(status: str) -> None:
    assert steps(status, urgent=False) == ()


def test_asking_ends_only_after_four_attempts() -> None:
    asking = [step for step in STEPS["completed"] if step.effect is not Effect.GIVE_UP_ASKING]
    assert len(asking) >= 4
    last = STEPS["completed"][-1]
    assert last.effect is Effect.GIVE_UP_ASKING
    assert last.days == 35


@pytest.mark.parametrize("row", [*STEPS.values(), *URGENT.values()])
def test_steps_stand_in_the_order_they_come_due(row: tuple[object, ...]) -> None:
    moments = [due(step, SENT, NEW_YORK) for step in row]  # type: ignore[arg-type]  # a table of steps
    assert all(earlier < later for earlier, later in pairwise(moments))
    assert moments[0] > SENT + timedelta(minutes=1)
