from __future__ import annotations

from datetime import date, time

import pytest

from app.directory.hours import Opening
from app.matching.hours import HOURS, closings, days_until_open, hours_until_open, typical_week

WEDNESDAY = date(2026, 3, 4)
MONDAY, SATURDAY, SUNDAY = 0, 5 * 24, 6 * 24


def week(*openings: Opening) -> bytes:
    packed = typical_week(openings, WEDNESDAY)
    assert packed is not None
    return packed


OFFICE = Opening(time(9), time(17), freq="WEEKLY", byday="MO,TU,WE,TH,FR")
NIGHT = Opening(time(19), time(7), freq="WEEKLY", byday="SU")


@pytest.mark.parametrize(
    ("opening", "hour", "wait", "days"),
    [
        (OFFICE, MONDAY + 9, 0, 0),
        (OFFICE, MONDAY + 16, 0, 0),
        (OFFICE, MONDAY + 17, 16, 1),
        (OFFICE, MONDAY + 8, 1, 0),
        (OFFICE, SATURDAY + 12, 45, 2),
        (NIGHT, SUNDAY + 20, 0, 0),
        (NIGHT, MONDAY + 6, 0, 0),  # the night of Sunday goes on into Monday
        (NIGHT, MONDAY + 7, 156, 6),
        (Opening(time(12, 30), time(16, 30), byday="MO"), MONDAY + 12, 0, 0),
        (Opening(time(12, 40), time(13, 10), byday="MO"), MONDAY + 13, 167, 7),  # ten minutes are no open hour
        (Opening(time(10), None, byday="MO"), MONDAY + 10, 0, 0),
    ],
)
def test_how_long_until_it_is_open(opening: Opening, hour: int, wait: int, days: int) -> None:
    assert hours_until_open(week(opening), hour) == wait
    assert days_until_open(week(opening), hour) == days


@pytest.mark.parametrize(
    "openings",
    [
        (),
        (Opening(description="By appointment"),),
        (Opening(time(9), time(17), freq="MONTHLY", byday="2TU"),),  # not a week's rhythm
        (Opening(time(9), time(17), freq="WEEKLY", byday="MO", interval=2, dtstart=date(2026, 3, 2)),),
        (Opening(time(9), time(17), freq="WEEKLY", byday="MO", valid_to=date(2025, 12, 31)),),  # over
    ],
)
def test_what_is_no_weekly_rhythm_is_not_known(openings: tuple[Opening, ...]) -> None:
    assert typical_week(openings, WEDNESDAY) is None


def test_a_week_that_is_never_open_has_no_next_opening() -> None:
    assert hours_until_open(bytes(21), 0) is None
    assert days_until_open(bytes(21), 0) is None


@pytest.mark.parametrize(
    "some_week",
    [
        bytes(21),
        bytes([255] * 21),
        week(OFFICE),
        week(NIGHT),
        week(Opening(time(7), time(11), byday="WE"), Opening(time(22), time(23), byday="WE,SA")),
    ],
)
def test_the_closings_of_a_week_say_on_which_day_it_is_next_open(some_week: bytes) -> None:
    closes = [closings(some_week) >> 5 * day & 31 for day in range(7)]
    for hour in range(HOURS):
        today, now = divmod(hour, 24)
        open_on = [0] if closes[today] > now else [n for n in range(1, 8) if closes[(today + n) % 7]]
        assert days_until_open(some_week, hour) == (open_on[0] if open_on else None)
