"""By when an agency has promised to contact a patient, and what keeps that promise. Pure."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from app.geography.calendars import CLOSES


class Kept(StrEnum):
    KEPT = "kept"
    BROKEN = "broken"
    """The day went by and nobody has heard of any contact."""
    MOOT = "moot"
    """Nothing is left to be kept: the agency named another day in time, keeps them waiting, or it has ended."""


COUNTED = frozenset({Kept.KEPT, Kept.BROKEN})
"""What the share of promises kept is counted over."""

BY_STATUS = {
    "in-progress": Kept.KEPT,
    "completed": Kept.KEPT,
    "on-hold": Kept.MOOT,
    "failed": Kept.MOOT,
    "cancelled": Kept.MOOT,
    "entered-in-error": Kept.MOOT,
}
"""What a step of the referral makes of the promise; any other leaves it as it is."""


def due(by_day: date, made_at: datetime, zone: ZoneInfo) -> datetime:
    """When the day has gone by for an agency in `zone`: as its offices close.

    What is promised for today after they have closed has until they close on the next day.
    """
    closing = datetime.combine(by_day, CLOSES, zone)
    return closing if made_at < closing else datetime.combine(by_day + timedelta(days=1), CLOSES, zone)
