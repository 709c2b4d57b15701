"""A typical week as 168 bits, to know whether it is open now and, if not, how soon.

Coarse on purpose, for ranking only: whole hours, no holidays, no "second Tuesday of the month". What a person reads
about opening times comes from the schedules themselves.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import lru_cache

from app.directory.hours import Opening, Span, spans

HOURS = 168
_ALL = (1 << HOURS) - 1
_DAY = (1 << 24) - 1
_HOUR = timedelta(hours=1)
_HALF_AN_HOUR = timedelta(minutes=30)


@lru_cache(maxsize=4096)
def typical_week(openings: tuple[Opening, ...], today: date) -> bytes | None:
    """The week that these schedules describe now; None when they describe none."""
    weekly = [opening for opening in openings if _is_weekly(opening)]
    week = 0
    for ahead in range(7):
        for span in spans(weekly, today + timedelta(days=ahead)):
            week |= _bits(span)
    return week.to_bytes(HOURS // 8, "little") if weekly and week else None


def hour_of_week(local: datetime) -> int:
    """From 0, the first hour of Monday, to 167."""
    return local.weekday() * 24 + local.hour


def hours_until_open(week: bytes, hour: int) -> int | None:
    """How many hours after `hour` of the week the next open one begins: 0 is open now, None never."""
    bits = int.from_bytes(week, "little")
    ahead = (bits >> hour | bits << (HOURS - hour)) & _ALL
    return (ahead & -ahead).bit_length() - 1 if ahead else None


def days_until_open(week: bytes, hour: int) -> int | None:
    """In how many days it is next open: 0 is today, counting only what is left of it; None is never."""
    wait = hours_until_open(week, hour)
    return None if wait is None else (hour % 24 + wait) // 24


def closings(week: bytes) -> int:
    """When each day is over: of every weekday the hour after its last open one, 0 when it is closed all day.

    Five bits each, from Monday. With this the database knows on which day a listing is next open, though not whether
    it is open at this hour.
    """
    bits = int.from_bytes(week, "little")
    return sum((bits >> 24 * day & _DAY).bit_length() << 5 * day for day in range(7))


def _is_weekly(opening: Opening) -> bool:
    return (
        not opening.exceptional
        and not opening.bymonthday
        and (opening.interval or 1) == 1
        and not any(character.isdigit() for character in opening.byday or "")
    )


def _bits(span: Span) -> int:
    """The hours that are open for at least half of them, and always the one in which it opens."""
    hour = span.start.replace(minute=0, second=0, microsecond=0)
    bits = 1 << hour_of_week(hour)
    while hour < span.end:
        if min(span.end, hour + _HOUR) - max(span.start, hour) >= _HALF_AN_HOUR:
            bits |= 1 << hour_of_week(hour)
        hour += _HOUR
    return bits
