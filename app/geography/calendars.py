"""When people work: business days and working hours, reckoned where they are.

Saturdays, Sundays and the federal holidays of the United States (5 U.S.C. 6103) are off, and the days a network adds.
The holidays of a single state are not: they differ, most offices keep working, and a clock that runs a day too long
hurts a patient more than one call to a closed office.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import holidays

SATURDAY = 5
OPENS, CLOSES = time(9), time(17)
"""Working hours: a clock of two working hours does not run at night."""

FARTHEST = 366
"""Days in a row that may be off; a calendar with more of them is a mistake, and nobody waits for its end."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Working days and hours in one place."""

    zone: ZoneInfo
    days_off: frozenset[date] = frozenset()
    """Besides weekends and federal holidays."""

    def is_business_day(self, day: date) -> bool:
        return day.weekday() < SATURDAY and day not in self.days_off and day not in _federal(day.year)

    def after_business_days(self, start: datetime, days: int) -> datetime:
        """The same time of day, `days` business days after `start` (aware), in the zone of `start`."""
        local = start.astimezone(self.zone)
        for _ in range(days):
            local = datetime.combine(self._next_business_day(local.date() + timedelta(days=1)), local.time(), self.zone)
        return local.astimezone(start.tzinfo)

    def after_working_hours(self, start: datetime, hours: int) -> datetime:
        """`hours` of working time later: 4:30 PM on a Friday and two hours make 10:30 AM on Monday."""
        local = self.next_opening(start).astimezone(self.zone)
        left = timedelta(hours=hours)
        while (today := datetime.combine(local.date(), CLOSES, self.zone) - local) < left:
            left -= today
            tomorrow = self._next_business_day(local.date() + timedelta(days=1))
            local = datetime.combine(tomorrow, OPENS, self.zone)
        return (local + left).astimezone(start.tzinfo)

    def next_opening(self, moment: datetime) -> datetime:
        """`moment` itself (aware) when people work then, else when they start again, in the zone of `moment`."""
        local = moment.astimezone(self.zone)
        if self.is_business_day(local.date()) and local.time() < CLOSES:
            return max(moment, datetime.combine(local.date(), OPENS, self.zone).astimezone(moment.tzinfo))
        following = local.date() + timedelta(days=1)
        return datetime.combine(self._next_business_day(following), OPENS, self.zone).astimezone(moment.tzinfo)

    def _next_business_day(self, day: date) -> date:
        for waited in range(FARTHEST):
            if self.is_business_day(day + timedelta(days=waited)):
                return day + timedelta(days=waited)
        raise ValueError(f"there is no business day within a year of {day}")


@cache
def _federal(year: int) -> Container[date]:
    return frozenset(holidays.country_holidays("US", years=year, expand=False))
