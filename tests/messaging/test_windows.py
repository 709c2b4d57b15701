from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.datafile import DataFileError
from app.messaging import windows
from app.messaging.windows import Delay, OpenHours

NEW_YORK = ZoneInfo("America/New_York")
PHOENIX = ZoneInfo("America/Phoenix")
ZONES = ("America/New_York", "America/Phoenix", "America/Denver", "Pacific/Honolulu", "America/St_Johns")


@dataclass(frozen=True)
class Hours:
    opens: time
    closes: time


@dataclass(frozen=True)
class Caps:
    a_day: int = 1
    a_week: int = 3


NINE_TO_EIGHT = Hours(time(9), time(20))


def at(text: str, zone: ZoneInfo = NEW_YORK) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "opening"),
    [
        ("2026-11-23 08:59:59", "2026-11-23 09:00"),
        ("2026-11-23 09:00", "2026-11-23 09:00"),
        ("2026-11-23 19:59:59", "2026-11-23 19:59:59"),
        ("2026-11-23 20:00", "2026-11-24 09:00"),
        ("2026-11-23 23:30", "2026-11-24 09:00"),
        ("2027-03-13 21:00", "2027-03-14 09:00"),  # the night is an hour shorter
        ("2026-10-31 21:00", "2026-11-01 09:00"),  # and this one longer
    ],
)
def test_case_26_a_text_waits_for_the_next_opening(now: str, opening: str) -> None:
    assert windows.next_opening(NINE_TO_EIGHT, at(now), NEW_YORK) == at(opening)


@pytest.mark.parametrize(
    ("opens", "closes", "day", "first", "last"),
    [
        # 02:30 does not exist on the 14th of March 2027: the clock goes from 02:00 to 03:00.
        ("02:30", "20:00", "2027-03-14", "2027-03-14T07:30", "2027-03-15T00:00"),
        ("01:00", "02:30", "2027-03-14", "2027-03-14T06:00", "2027-03-14T06:30"),
        ("02:10", "02:50", "2027-03-14", "2027-03-14T07:10", "2027-03-14T07:50"),  # moved, not skipped
        # 01:30 comes twice on the 1st of November 2026.
        ("01:30", "20:00", "2026-11-01", "2026-11-01T06:30", "2026-11-02T01:00"),
        ("00:30", "01:30", "2026-11-01", "2026-11-01T04:30", "2026-11-01T05:30"),
        ("01:10", "01:50", "2026-11-01", "2026-11-01T05:10", "2026-11-01T05:50"),  # the first time only
    ],
)
def test_case_26_in_the_nights_in_which_the_clocks_change(
    opens: str, closes: str, day: str, first: str, last: str
) -> None:
    hours = Hours(time.fromisoformat(opens), time.fromisoformat(closes))
    found = windows.window(hours, date.fromisoformat(day), NEW_YORK)
    assert found == (datetime.fromisoformat(first + "Z"), datetime.fromisoformat(last + "Z"))


def test_case_26_arizona_keeps_its_clock() -> None:
    for day in ("2026-10-31", "2026-11-02", "2027-03-13", "2027-03-15"):
        assert windows.next_opening(NINE_TO_EIGHT, at(f"{day} 03:00", PHOENIX), PHOENIX) == at(f"{day} 09:00", PHOENIX)
        assert at(f"{day} 09:00", PHOENIX).hour == 16


@given(
    moment=st.integers(0, 150 * 24 * 60).map(lambda minutes: at("2026-10-25 00:00") + timedelta(minutes=minutes)),
    zone=st.sampled_from(ZONES),
    opens=st.integers(0, 22 * 60),
    length=st.integers(61, 23 * 60),
)
def test_case_26_never_outside_and_never_a_day_skipped(moment: datetime, zone: str, opens: int, length: int) -> None:
    closes = min(opens + length, 23 * 60 + 59)
    hours = Hours(time(*divmod(opens, 60)), time(*divmod(closes, 60)))
    there = ZoneInfo(zone)
    opening = windows.next_opening(hours, moment, there)
    shown = opening.astimezone(there).time()
    assert opening >= moment
    assert hours.opens <= shown < hours.closes or closes - opens <= 60
    assert opening - moment < timedelta(hours=26)
    assert windows.next_opening(hours, opening, there) == opening
    assert windows.closing(hours, opening, there)


def test_the_window_says_when_it_closes() -> None:
    assert windows.closing(NINE_TO_EIGHT, at("2026-11-23 19:59"), NEW_YORK) == at("2026-11-23 20:00")
    assert windows.closing(NINE_TO_EIGHT, at("2026-11-23 20:00"), NEW_YORK) is None


@pytest.mark.parametrize(
    ("unasked", "delay"),
    [
        ([], None),
        (["2026-11-22 19:00"], None),
        (["2026-11-23 09:00"], Delay(at("2026-11-24 09:00"), windows.DAILY_CAP)),
        (["2026-11-17 09:00", "2026-11-19 09:00", "2026-11-21 09:00"], Delay(at("2026-11-24 09:00"), "weekly-cap")),
        (["2026-11-19 09:00", "2026-11-20 09:00", "2026-11-23 09:00"], Delay(at("2026-11-26 09:00"), "daily-cap")),
        (["2026-11-16 09:00", "2026-11-19 09:00", "2026-11-21 09:00"], None),
    ],
)
def test_one_a_day_and_three_in_seven_days(unasked: list[str], delay: Delay | None) -> None:
    now = at("2026-11-23 12:00")
    assert windows.delay(NINE_TO_EIGHT, Caps(), map(at, unasked), now, NEW_YORK) == delay


def test_days_are_counted_where_the_person_is() -> None:
    late = at("2026-11-22 23:30", PHOENIX)  # in New York it is the 23rd already
    now = at("2026-11-23 12:00", PHOENIX)
    assert windows.delay(None, Caps(), [late], now, PHOENIX) is None
    assert windows.delay(None, Caps(), [late], now, NEW_YORK) == Delay(at("2026-11-24 00:00"), windows.DAILY_CAP)


def test_without_hours_and_limits_nothing_waits() -> None:
    assert windows.delay(None, None, [at("2026-11-23 03:00")], at("2026-11-23 03:00"), NEW_YORK) is None


NINE_TO_NINE_THERE = OpenHours(time(9), time(21))


@pytest.mark.parametrize(
    ("region", "day", "opens", "closes"),
    [
        ("MA", date(2026, 11, 24), time(9), time(21)),  # no hours of its own
        (None, date(2026, 11, 24), time(9), time(21)),
        ("MD", date(2026, 11, 24), time(9), time(20)),
        ("FL", date(2026, 11, 24), time(9), time(20)),
        ("OK", date(2026, 11, 24), time(9), time(20)),
        ("CT", date(2026, 11, 24), time(9), time(20)),
        ("TX", date(2026, 11, 24), time(9), time(21)),
        ("TX", date(2026, 11, 29), time(12), time(21)),  # a Sunday
    ],
)
def test_case_26_a_state_narrows_the_hours_of_the_network(
    region: str | None, day: date, opens: time, closes: time
) -> None:
    narrowed = windows.narrowed(NINE_TO_NINE_THERE, region, day)
    assert (narrowed.opens, narrowed.closes) == (opens, closes)


def test_case_26_a_state_never_widens_them() -> None:
    assert windows.narrowed(OpenHours(time(10), time(16)), "MD", date(2026, 11, 24)) == OpenHours(time(10), time(16))


def test_case_26_where_the_hours_never_meet_the_law_holds() -> None:
    assert windows.narrowed(OpenHours(time(6), time(8)), "CT", date(2026, 11, 24)) == OpenHours(time(9), time(20))


@pytest.mark.parametrize(
    ("region", "zone", "now", "opening"),
    [
        # Both DST nights, and a Sunday in Texas, which 14 Mar 2027 and 1 Nov 2026 are.
        ("TX", "America/Chicago", "2027-03-14T09:30", "2027-03-14T12:00"),
        ("TX", "America/Chicago", "2026-11-01T09:30", "2026-11-01T12:00"),
        ("MD", "America/New_York", "2027-03-13T20:30", "2027-03-14T09:00"),
        ("MD", "America/New_York", "2026-10-31T20:30", "2026-11-01T09:00"),
        ("MA", "America/New_York", "2026-10-31T20:30", "2026-10-31T20:30"),
        ("FL", "America/Chicago", "2026-11-24T20:15", "2026-11-25T09:00"),  # the west of Florida has its own clock
    ],
)
def test_case_26_a_text_waits_for_the_state(region: str, zone: str, now: str, opening: str) -> None:
    there = ZoneInfo(zone)
    moment = datetime.fromisoformat(now).replace(tzinfo=there).astimezone(UTC)
    opens = datetime.fromisoformat(opening).replace(tzinfo=there).astimezone(UTC)
    assert windows.next_opening(NINE_TO_NINE_THERE, moment, there, region=region) == opens
    delay = windows.delay(NINE_TO_NINE_THERE, None, (), moment, there, region=region)
    assert (delay.until if delay else moment) == opens


def test_case_26_no_quiet_hours_stay_none_in_every_state() -> None:
    night = datetime(2026, 11, 24, 4, tzinfo=UTC)
    assert windows.delay(None, None, (), night, ZoneInfo("America/New_York"), region="MD") is None


@pytest.mark.parametrize(
    "wrong",
    [
        "{state: XX, name: X, source: law, checked: 2026-11-22, hours: {every-day: nine}}",
        "{state: XX, name: X, source: law, checked: 2026-11-22, hours: {every-day: '20:00-08:00'}}",
        "{state: XX, name: X, source: law, hours: {every-day: '08:00-20:00'}}",
        "{state: XX, name: X, checked: 2026-11-22, hours: {every-day: '08:00-20:00'}}",
    ],
)
def test_a_row_without_its_source_or_with_impossible_hours_is_refused(wrong: str, tmp_path: Path) -> None:
    file = tmp_path / "state_hours.yaml"
    file.write_text(f"states:\n  - {wrong}\n", encoding="utf-8")
    with pytest.raises(DataFileError):
        windows.load_states(file)
