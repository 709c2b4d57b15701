"""What an appointment may be: in person or by phone, when, and what became of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Way(StrEnum):
    IN_PERSON = "in-person"
    BY_PHONE = "by-phone"


class Became(StrEnum):
    """Where an appointment stands."""

    PLANNED = "planned"
    ATTENDED = "attended"
    NO_SHOW = "no-show"
    CANCELLED = "cancelled"
    PASSED = "passed"
    """Its time is over and nobody has said whether they came."""


class Reply(StrEnum):
    """What the patient answers to a reminder, in the order in which the text offers it."""

    COMES = "comes"
    CANNOT_COME = "cannot-come"
    NEEDS_RIDE = "needs-ride"


LENGTH = timedelta(hours=1)
"""What a calendar keeps free when nobody has said how long it takes."""

FARTHEST = timedelta(days=366)


@dataclass(frozen=True)
class Plan:
    """What is agreed. `starts_at` is aware."""

    starts_at: datetime
    way: Way = Way.IN_PERSON
    place: str = ""
    """Where to come; empty when it is by phone, or at the place that was asked."""
    note: str = ""


def impossible(plan: Plan, now: datetime) -> str | None:
    """Why nobody can be told of it: past, far, or None."""
    if plan.starts_at <= now:
        return "past"
    return "far" if plan.starts_at > now + FARTHEST else None
