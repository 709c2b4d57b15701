"""When somebody is reminded of an appointment: by day, in time, and on their own clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.loop.clocks import REMIND_EARLY, REMIND_SOON, at_another_hour
from app.loop.reminders import reminder, reminders

NEW_YORK, PHOENIX, DENVER, HONOLULU = map(
    ZoneInfo, ("America/New_York", "America/Phoenix", "America/Denver", "Pacific/Honolulu")
)


@dataclass(frozen=True)
class Day:
    opens: time
    closes: time


HOURS = Day(time(9), time(20))

# What: where, the appointment, told when, then (from, until) of the first reminder and of the second; None: none.
ROWS = [
    # In the middle of the day: two days before at the same time, three hours before until one hour before.
    (
        NEW_YORK,
        "2026-11-26 15:00",
        "2026-11-20 10:00",
        ("2026-11-24 15:00", "2026-11-25 15:00"),
        ("2026-11-26 12:00", "2026-11-26 14:00"),
    ),
    # Three hours before nine in the morning is night: the evening before.
    (
        NEW_YORK,
        "2026-11-26 09:00",
        "2026-11-20 10:00",
        ("2026-11-24 09:00", "2026-11-25 09:00"),
        ("2026-11-25 18:00", "2026-11-25 20:00"),
    ),
    # At noon it is the opening hour itself.
    (
        NEW_YORK,
        "2026-11-26 12:00",
        "2026-11-20 10:00",
        ("2026-11-24 12:00", "2026-11-25 12:00"),
        ("2026-11-26 09:00", "2026-11-26 11:00"),
    ),
    # Early in the morning: two days before when texts may go out.
    (
        NEW_YORK,
        "2026-11-26 07:30",
        "2026-11-20 10:00",
        ("2026-11-24 09:00", "2026-11-25 07:30"),
        ("2026-11-25 18:00", "2026-11-25 20:00"),
    ),
    # Late in the evening: three hours before falls after closing, so the evening of the same day.
    (
        NEW_YORK,
        "2026-11-26 23:30",
        "2026-11-20 10:00",
        ("2026-11-25 09:00", "2026-11-25 23:30"),
        ("2026-11-26 18:00", "2026-11-26 20:00"),
    ),
    # Clocks go back on November 1st: two days before is the same time on the clock, three hours are three hours.
    (
        NEW_YORK,
        "2026-11-02 10:00",
        "2026-10-25 10:00",
        ("2026-10-31 10:00", "2026-11-01 10:00"),
        ("2026-11-01 18:00", "2026-11-01 20:00"),
    ),
    # Clocks go forward on March 8th.
    (
        NEW_YORK,
        "2026-03-08 13:00",
        "2026-03-01 10:00",
        ("2026-03-06 13:00", "2026-03-07 12:00"),
        ("2026-03-08 10:00", "2026-03-08 12:00"),
    ),
    # Arizona keeps its time all year, its neighbors do not.
    (
        PHOENIX,
        "2026-03-08 13:00",
        "2026-03-01 10:00",
        ("2026-03-06 13:00", "2026-03-07 13:00"),
        ("2026-03-08 10:00", "2026-03-08 12:00"),
    ),
    (
        DENVER,
        "2026-03-09 09:30",
        "2026-03-01 10:00",
        ("2026-03-07 09:30", "2026-03-08 09:30"),
        ("2026-03-08 18:00", "2026-03-08 20:00"),
    ),
    # Told yesterday evening: the first reminder's time is over.
    (HONOLULU, "2026-11-26 15:00", "2026-11-25 19:00", None, ("2026-11-26 12:00", "2026-11-26 14:00")),
    # Told this morning: nobody needs to be reminded of what they have just read.
    (NEW_YORK, "2026-11-26 15:00", "2026-11-26 09:00", None, None),
    # Told this evening for tomorrow early.
    (NEW_YORK, "2026-11-26 09:00", "2026-11-25 17:00", None, None),
]


def at(text: str, zone: ZoneInfo) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(("zone", "starts_at", "told_at", "early", "soon"), ROWS)
def test_when_somebody_is_reminded(
    zone: ZoneInfo, starts_at: str, told_at: str, early: tuple[str, str] | None, soon: tuple[str, str] | None
) -> None:
    found = reminders(at(starts_at, zone).astimezone(ZoneInfo("UTC")), at(told_at, zone), zone, HOURS)
    for step, expected in ((REMIND_EARLY, early), (REMIND_SOON, soon)):
        one = reminder(step.name, found)
        window = (one.not_before.astimezone(zone), one.not_after.astimezone(zone)) if one else None
        assert window == (tuple(at(text, zone) for text in expected) if expected else None)


@pytest.mark.parametrize("hour", range(24))
@pytest.mark.parametrize("zone", [NEW_YORK, PHOENIX, HONOLULU])
@pytest.mark.parametrize("day", ["2026-03-08", "2026-03-09", "2026-11-01", "2026-11-02", "2026-07-04"])
def test_no_reminder_is_late_and_none_comes_at_night(day: str, zone: ZoneInfo, hour: int) -> None:
    starts_at = at(f"{day} {hour:02}:15", zone)
    for one in reminders(starts_at, starts_at - timedelta(days=20), zone, HOURS):
        assert one.not_before < one.not_after < starts_at
        assert HOURS.opens <= one.not_before.astimezone(zone).time() < HOURS.closes
        assert starts_at - one.not_before >= timedelta(hours=3)


def test_a_state_may_close_earlier() -> None:
    """Florida: no texts after eight in the evening; here the network would send until nine."""
    starts_at = at("2026-11-26 09:00", NEW_YORK)
    late = Day(time(9), time(21))
    (_, soon) = reminders(starts_at, starts_at - timedelta(days=9), NEW_YORK, late, region="FL")
    assert soon.not_after.astimezone(NEW_YORK) == at("2026-11-25 20:00", NEW_YORK)


def test_around_the_clock_it_is_two_days_and_three_hours() -> None:
    starts_at = at("2026-11-26 05:00", NEW_YORK)
    early, soon = reminders(starts_at, starts_at - timedelta(days=9), NEW_YORK, None)
    assert (starts_at - early.not_before, starts_at - soon.not_before) == (timedelta(days=2), timedelta(hours=3))


# Asked again at another hour. Each row: when it was asked before, when it is due again, and the hour it gets.
HOURS_AGAIN = [
    ("2026-11-19 09:30", "2026-11-26 09:30", "2026-11-26 17:30"),
    ("2026-11-19 17:30", "2026-11-26 17:30", "2026-11-26 10:00"),
    ("2026-11-19 14:00", "2026-11-26 14:00", "2026-11-26 10:00"),
    ("2026-11-19 13:59", "2026-11-26 13:59", "2026-11-26 17:30"),
    ("2026-11-19 22:00", "2026-11-26 22:00", "2026-11-26 17:30"),  # it went out the next morning
    ("2026-11-19 03:00", "2026-11-26 03:00", "2026-11-26 17:30"),
    ("2026-10-31 10:00", "2026-11-01 09:00", "2026-11-01 17:30"),  # the day on which the clocks go back
]


@pytest.mark.parametrize("zone", [NEW_YORK, PHOENIX])
@pytest.mark.parametrize(("before", "due", "again"), HOURS_AGAIN)
def test_the_second_text_comes_at_another_hour(zone: ZoneInfo, before: str, due: str, again: str) -> None:
    utc = ZoneInfo("UTC")
    assert at_another_hour(at(due, zone).astimezone(utc), at(before, zone).astimezone(utc), zone) == at(again, zone)
