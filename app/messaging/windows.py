"""When a text may go out: by day where the person is, and not too often.

A person's day has one window, such as 9:00 to 20:00 on their own clock. Where that clock is put forward or back, a
window opens at the later and closes at the earlier of the two readings, so that nothing leaves outside of it; one that
the change would swallow keeps its length instead. What we say unasked is also counted: at most so many a day and so
many in seven days (47 CFR 64.1200(a)(9)(iv) has one and three).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Protocol
from zoneinfo import ZoneInfo

from app import datafile
from app.datafile import Node

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


@dataclass(frozen=True)
class OpenHours:
    """The window of one day."""

    opens: time
    closes: time


@dataclass(frozen=True)
class StateHours:
    """In which hours a state lets texts arrive; more in `state_hours.yaml`."""

    every_day: OpenHours
    sunday: OpenHours

    def on(self, day: date) -> OpenHours:
        return self.sunday if day.isoweekday() == _SUNDAY else self.every_day


_SUNDAY = 7


def load_states(file: Traversable) -> Mapping[str, StateHours]:
    """The table of a YAML file, by the state's two letters.

    :raises DataFileError: one sentence naming the place of the first mistake.
    """
    root = datafile.read(file)
    root.only("states")
    states: dict[str, StateHours] = {}
    for row in root.children("states"):
        row.only("state", "name", "hours", "source", "checked")
        row.text("name"), row.text("source")  # a row that does not say who says so is a mistake
        if row.optional_date("checked") is None:
            raise row.error("needs the day on which it was checked")
        state = row.text("state")
        if state in states:
            raise row.error(f"{state} is there twice")
        states[state] = _state_hours(row.child("hours"))
    return MappingProxyType(states)


def _state_hours(node: Node) -> StateHours:
    node.only("every-day", "sunday")
    every_day = _open_hours(node.child("every-day"))
    return StateHours(every_day, _open_hours(node.child("sunday")) if "sunday" in node else every_day)


def _open_hours(node: Node) -> OpenHours:
    opens, _, closes = node.as_text().partition("-")
    try:
        hours = OpenHours(time.fromisoformat(opens), time.fromisoformat(closes))
    except ValueError:
        raise node.error("must be hours such as 08:00-20:00") from None
    if hours.opens >= hours.closes:
        raise node.error("must open before it closes")
    return hours


STATES = load_states(files(__package__) / "state_hours.yaml")


def narrowed(hours: Hours, region: str | None, day: date) -> Hours:
    """The network's hours of `day` as far as the state lets texts arrive in them.

    Where the two never meet, the state's hours hold: it is the law, and a text that never leaves helps nobody.

    :param region: the state's two letters; None when nobody knows.
    """
    state = STATES.get(region or "")
    if state is None:
        return hours
    lawful = state.on(day)
    both = OpenHours(max(hours.opens, lawful.opens), min(hours.closes, lawful.closes))
    return both if both.opens < both.closes else lawful


def delay(  # noqa: PLR0913  what a delay depends on, each part by name
    hours: Hours | None,
    caps: Caps | None,
    unasked: Iterable[datetime],
    now: datetime,
    zone: ZoneInfo,
    *,
    region: str | None = None,
) -> Delay | None:
    """How long a text has to wait and why; None when it may go now.

    :param hours: None for around the clock.
    :param caps: None when it does not count.
    :param region: the US state they live in, which may narrow the hours.
    :param unasked: when the person got texts that count, those of the last seven days at least.
    """
    today = now.astimezone(zone).date()
    day, why = _day_with_room(caps, unasked, today, zone) if caps else (today, "")
    if day > today:
        return Delay(_opening(hours, day, zone, region), why)
    opening = next_opening(hours, now, zone, region=region) if hours else now
    return Delay(opening, QUIET_HOURS) if opening > now else None


def next_opening(hours: Hours, now: datetime, zone: ZoneInfo, *, region: str | None = None) -> datetime:
    """`now` within the window, else the moment at which the next one opens."""
    today = now.astimezone(zone).date()
    for day in (today, today + timedelta(days=1)):
        opens, closes = window(hours, day, zone, region=region)
        if now < closes:
            return max(now, opens)
    return window(hours, today + timedelta(days=2), zone, region=region)[0]


def closing(hours: Hours, now: datetime, zone: ZoneInfo, *, region: str | None = None) -> datetime | None:
    """When the window closes in which `now` lies; None outside of one."""
    opens, closes = window(hours, now.astimezone(zone).date(), zone, region=region)
    return closes if opens <= now < closes else None


def window(hours: Hours, day: date, zone: ZoneInfo, *, region: str | None = None) -> tuple[datetime, datetime]:
    """When the window of `day` opens and closes, in UTC."""
    hours = narrowed(hours, region, day)
    opens, closes = max(_readings(day, hours.opens, zone)), min(_readings(day, hours.closes, zone))
    if opens >= closes:
        opens, closes = _readings(day, hours.opens, zone)[0], _readings(day, hours.closes, zone)[0]
    return opens, closes


def _readings(day: date, clock: time, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The moments that may be meant by what a clock shows: one, twice, except in the night in which it is changed."""
    shown = datetime.combine(day, clock, zone)
    return shown.astimezone(UTC), shown.replace(fold=1).astimezone(UTC)


def _opening(hours: Hours | None, day: date, zone: ZoneInfo, region: str | None) -> datetime:
    return window(hours, day, zone, region=region)[0] if hours else max(_readings(day, time(0), zone))


def _day_with_room(caps: Caps, unasked: Iterable[datetime], today: date, zone: ZoneInfo) -> tuple[date, str]:
    """The first day from `today` on that has room for one more, and what keeps it from being today."""
    got = Counter(moment.astimezone(zone).date() for moment in unasked)
    why = DAILY_CAP if got[today] >= caps.a_day else WEEKLY_CAP
    day = today
    while got[day] >= caps.a_day or sum(got[day - timedelta(days=n)] for n in range(WEEK.days)) >= caps.a_week:
        day += timedelta(days=1)
    return day, why
