"""When a text may go out: by day where the person is, and not too often.

A person's day has one window, such as 9:00 to 20:00 on their own clock. Where that clock is put forward or back, a
window opens at the later and closes at the earlier of the two readings, so that nothing leaves outside of it; one that
the change would swallow keeps its length instead. What we say unasked is also counted: at most so many a day and so
many in seven days (47 CFR 64.1200(a)(9)(iv) has one and three).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

QUIET_HOURS = "quiet-hours"
DAILY_CAP = "daily-cap"
WEEKLY_CAP = "weekly-cap"

ANSWER_WITHIN = timedelta(minutes=15)
"""Who has just texted us expects an answer, at night too, and it does not count."""

WEEK = timedelta(days=7)


class Hours(Protocol):
    """The window of a day on a person's own clock: from `opens` on, and no more at `closes`."""

    @property
    def opens(self) -> time: ...
    @property
    def closes(self) -> time: ...


class Caps(Protocol):
    """How many texts a person may get unasked."""

    @property
    def a_day(self) -> int: ...
    @property
    def a_week(self) -> int: ...


@dataclass(frozen=True)
class Delay:
    until: datetime
    why: str


def delay(
    hours: Hours | None, caps: Caps | None, unasked: Iterable[datetime], now: datetime, zone: ZoneInfo
) -> Delay | None:
    """How long a text has to wait and why; None when it may go now.

    :param hours: None for around the clock.
    :param caps: None when it does not count.
    :param unasked: when the person got texts that count, those of the last seven days at least.
    """
    today = now.astimezone(zone).date()
    day, why = _day_with_room(caps, unasked, today, zone) if caps else (today, "")
    if day > today:
        return Delay(_opening(hours, day, zone), why)
    opening = next_opening(hours, now, zone) if hours else now
    return Delay(opening, QUIET_HOURS) if opening > now else None


def next_opening(hours: Hours, now: datetime, zone: ZoneInfo) -> datetime:
    """`now` within the window, else the moment at which the next one opens."""
    today = now.astimezone(zone).date()
    for day in (today, today + timedelta(days=1)):
        opens, closes = window(hours, day, zone)
        if now < closes:
            return max(now, opens)
    return window(hours, today + timedelta(days=2), zone)[0]


def closing(hours: Hours, now: datetime, zone: ZoneInfo) -> datetime | None:
    """When the window closes in which `now` lies; None outside of one."""
    opens, closes = window(hours, now.astimezone(zone).date(), zone)
    return closes if opens <= now < closes else None


def window(hours: Hours, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """When the window of `day` opens and closes, in UTC."""
    opens, closes = max(_readings(day, hours.opens, zone)), min(_readings(day, hours.closes, zone))
    if opens >= closes:
        opens, closes = _readings(day, hours.opens, zone)[0], _readings(day, hours.closes, zone)[0]
    return opens, closes


def _readings(day: date, clock: time, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The moments that may be meant by what a clock shows: one, twice, except in the night in which it is changed."""
    shown = datetime.combine(day, clock, zone)
    return shown.astimezone(UTC), shown.replace(fold=1).astimezone(UTC)


def _opening(hours: Hours | None, day: date, zone: ZoneInfo) -> datetime:
    return window(hours, day, zone)[0] if hours else max(_readings(day, time(0), zone))


def _day_with_room(caps: Caps, unasked: Iterable[datetime], today: date, zone: ZoneInfo) -> tuple[date, str]:
    """The first day from `today` on that has room for one more, and what keeps it from being today."""
    got = Counter(moment.astimezone(zone).date() for moment in unasked)
    why = DAILY_CAP if got[today] >= caps.a_day else WEEKLY_CAP
    day = today
    while got[day] >= caps.a_day or sum(got[day - timedelta(days=n)] for n in range(WEEK.days)) >= caps.a_week:
        day += timedelta(days=1)
    return day, why
