from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.geography.calendars import CLOSES, OPENS, Calendar

NEW_YORK = ZoneInfo("America/New_York")
DENVER = ZoneInfo("America/Denver")
HERE = Calendar(NEW_YORK)
BRIDGE = Calendar(NEW_YORK, frozenset({date(2026, 11, 27)}))


def local(text: str, zone: ZoneInfo = NEW_YORK) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


# November 2026: the 20th is a Friday, the 26th is Thanksgiving. On March 14, 2027 the clocks of New York go forward, on
# November 7, 2027 back.
BUSINESS_DAYS = [
    ("2026-11-18 10:00", 1, "2026-11-19 10:00"),  # Wednesday to Thursday
    ("2026-11-20 16:45", 1, "2026-11-23 16:45"),  # Friday to Monday
    ("2026-11-20 16:45", 2, "2026-11-24 16:45"),
    ("2026-11-21 09:00", 1, "2026-11-23 09:00"),  # a Saturday is no business day
    ("2026-11-22 09:00", 1, "2026-11-23 09:00"),  # nor a Sunday
    ("2026-11-18 10:00", 4, "2026-11-24 10:00"),  # over one weekend
    ("2026-11-18 10:00", 0, "2026-11-18 10:00"),
    ("2026-11-25 10:00", 1, "2026-11-27 10:00"),  # over Thanksgiving
    ("2026-11-26 10:00", 1, "2026-11-27 10:00"),  # from Thanksgiving
    ("2026-11-25 10:00", 2, "2026-11-30 10:00"),
    ("2026-07-02 10:00", 1, "2026-07-06 10:00"),  # July 4 is a Saturday, so Friday is off
    ("2026-12-31 10:00", 1, "2027-01-04 10:00"),  # New Year's Day is a Friday
    ("2027-03-12 10:00", 1, "2027-03-15 10:00"),  # the same time of day, one hour less of waiting
    ("2027-11-05 10:00", 1, "2027-11-08 10:00"),
]


@pytest.mark.parametrize(("start", "days", "end"), BUSINESS_DAYS)
def test_business_days_keep_the_time_of_day(start: str, days: int, end: str) -> None:
    assert HERE.after_business_days(local(start), days) == local(end)


WORKING_HOURS = [
    ("2026-11-18 10:00", 2, "2026-11-18 12:00"),
    ("2026-11-18 07:00", 2, "2026-11-18 11:00"),  # before nine nothing runs
    ("2026-11-18 16:30", 2, "2026-11-19 10:30"),  # what is left of today, the rest tomorrow
    ("2026-11-18 17:00", 2, "2026-11-19 11:00"),  # five o'clock is over
    ("2026-11-18 22:00", 2, "2026-11-19 11:00"),
    ("2026-11-20 16:30", 2, "2026-11-23 10:30"),  # Friday evening to Monday morning
    ("2026-11-21 12:00", 2, "2026-11-23 11:00"),  # all of a Saturday counts for nothing
    ("2026-11-25 16:30", 2, "2026-11-27 10:30"),  # nor does Thanksgiving
    ("2026-11-18 09:00", 8, "2026-11-18 17:00"),  # a whole day is still that day
    ("2026-11-18 09:00", 9, "2026-11-19 10:00"),
    ("2026-11-18 10:00", 20, "2026-11-20 14:00"),
]


@pytest.mark.parametrize(("start", "hours", "end"), WORKING_HOURS)
def test_working_hours_run_from_nine_to_five(start: str, hours: int, end: str) -> None:
    assert HERE.after_working_hours(local(start), hours) == local(end)


def test_a_network_has_days_off_of_its_own() -> None:
    assert BRIDGE.after_business_days(local("2026-11-25 10:00"), 1) == local("2026-11-30 10:00")
    assert BRIDGE.after_working_hours(local("2026-11-25 16:30"), 2) == local("2026-11-30 10:30")


def test_the_zone_is_that_of_whoever_has_to_act() -> None:
    there = Calendar(DENVER)
    friday_night = local("2026-11-20 23:30")  # still half past nine in Denver
    assert there.after_business_days(friday_night, 1) == local("2026-11-23 21:30", DENVER)
    assert there.after_working_hours(local("2026-11-18 16:30"), 2) == local("2026-11-18 16:30", DENVER)


OPENINGS = [
    ("2026-11-18 08:00", "2026-11-18 09:00"),
    ("2026-11-18 12:34", "2026-11-18 12:34"),
    ("2026-11-18 17:00", "2026-11-19 09:00"),
    ("2026-11-25 17:00", "2026-11-27 09:00"),
]


@pytest.mark.parametrize(("moment", "opening"), OPENINGS)
def test_the_next_opening(moment: str, opening: str) -> None:
    assert HERE.next_opening(local(moment)) == local(opening)


def test_a_calendar_without_any_business_day_is_a_mistake() -> None:
    start = date(2026, 11, 18)
    never = Calendar(NEW_YORK, frozenset(start + timedelta(days=day) for day in range(800)))
    with pytest.raises(ValueError, match="no business day"):
        never.after_business_days(local("2026-11-18 10:00"), 1)


moments = st.datetimes(datetime(2024, 1, 1), datetime(2034, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  bounds are naive


@given(moments, st.integers(1, 60))
def test_a_due_moment_is_later_and_falls_on_a_business_day(start: datetime, amount: int) -> None:
    by_days, by_hours = HERE.after_business_days(start, amount), HERE.after_working_hours(start, amount)
    assert by_days > start
    assert by_hours >= start + timedelta(hours=amount)
    assert HERE.is_business_day(by_days.astimezone(NEW_YORK).date())
    local_end = by_hours.astimezone(NEW_YORK)
    assert HERE.is_business_day(local_end.date())
    assert OPENS < local_end.time() <= CLOSES
