"""When somebody is away for a while: what would be asked of them waits, and it ends by itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from app.i18n import gettext as _
from app.i18n import marked


class Why(StrEnum):
    """Why a patient is left alone for a while."""

    HOSPITAL = "hospital"
    TRAVEL = "travel"
    GRIEF = "grief"
    CUSTODY = "custody"
    ASKED = "asked"
    """They asked for it."""
    OTHER = "other"


LONGEST = timedelta(days=90)
"""Nobody is forgotten for longer without somebody deciding so again."""


def ends_at(day: date, zone: ZoneInfo) -> datetime:
    """When a pause until `day` is over: when that day begins where the patient lives."""
    return datetime.combine(day, time(), zone)


def fits(day: date, today: date) -> bool:
    """Whether a pause may last until this day."""
    return today < day <= today + LONGEST


def holds(until: datetime, ended_at: datetime | None, now: datetime) -> bool:
    """Whether a pause is still on: nobody has ended it, and its day has not come."""
    return ended_at is None and now < until


_WORDS: Mapping[Why, str] = {
    Why.HOSPITAL: marked("in hospital"),
    Why.TRAVEL: marked("traveling"),
    Why.GRIEF: marked("grieving"),
    Why.CUSTODY: marked("in jail or detained"),
    Why.ASKED: marked("asked to be left alone for a while"),
    Why.OTHER: marked("another reason"),
}


def words(why: Why) -> str:
    """Two or three words, for a tag."""
    return _(_WORDS[why])


def choices() -> list[tuple[str, str]]:
    """The options of a form."""
    return [(why.value, words(why)[:1].upper() + words(why)[1:]) for why in Why]
