"""When somebody is reminded of an appointment: two days and three hours before, by day, and never too late. Pure.

A reminder has a window: before it the hour is wrong, after it the news is. Three hours before that fall into the night
are moved to the evening before that night, because nobody is woken, and at nine it would be too late to find a ride.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from app.loop.clocks import REMIND_EARLY, REMIND_SOON, Dated
from app.messaging import windows
from app.messaging.windows import Hours

EARLY = 2
"""Days on the patient's clock."""
SOON = timedelta(hours=3)

EARLY_ENDS = timedelta(days=1)
"""So long before the appointment the first reminder is no longer worth it: the second comes."""
SOON_ENDS = timedelta(hours=1)
"""So long before it, nobody can do anything about it any more."""

EVENING = timedelta(hours=2)
"""The last part of the hours in which texts may go out."""

JUST_TOLD = timedelta(hours=4)
"""Who has been told the time so recently need not be reminded of it."""


@dataclass(frozen=True, slots=True)
class Reminder:
    """A reminder, from when on and until when it may go out (aware)."""

    step: Dated
    not_before: datetime
    not_after: datetime


def reminders(
    starts_at: datetime, told_at: datetime, zone: ZoneInfo, hours: Hours | None, *, region: str | None = None
) -> tuple[Reminder, ...]:
    """The reminders of an appointment, the first one first.

    :param told_at: when the patient was told of this time.
    :param hours: of a day in which texts may go out; None for around the clock.
    :param region: the US state the patient lives in, which may narrow them.
    """
    every = (_early(starts_at, zone, hours, region), _soon(starts_at, zone, hours, region))
    return tuple(
        reminder
        for reminder in every
        if reminder.not_before >= told_at + JUST_TOLD and reminder.not_before < reminder.not_after
    )


def reminder(step: str, of: tuple[Reminder, ...]) -> Reminder | None:
    """The one that a step of the clocks stands for."""
    return next((each for each in of if each.step.name == step), None)


def _early(starts_at: datetime, zone: ZoneInfo, hours: Hours | None, region: str | None) -> Reminder:
    local = starts_at.astimezone(zone)
    same_time = datetime.combine(local.date() - timedelta(days=EARLY), local.time(), zone)
    opening = windows.next_opening(hours, same_time, zone, region=region) if hours else same_time
    return Reminder(REMIND_EARLY, opening.astimezone(starts_at.tzinfo), starts_at - EARLY_ENDS)


def _soon(starts_at: datetime, zone: ZoneInfo, hours: Hours | None, region: str | None) -> Reminder:
    wanted = starts_at - SOON
    if hours is None or windows.closing(hours, wanted, zone, region=region):
        return Reminder(REMIND_SOON, wanted, starts_at - SOON_ENDS)
    day = wanted.astimezone(zone).date()
    opens, closes = windows.window(hours, day, zone, region=region)
    if wanted < opens:
        opens, closes = windows.window(hours, day - timedelta(days=1), zone, region=region)
    not_before = max(opens, closes - EVENING)
    return Reminder(REMIND_SOON, not_before.astimezone(starts_at.tzinfo), closes.astimezone(starts_at.tzinfo))
