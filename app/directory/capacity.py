"""Whether a service takes people in, read from what HSDS counts and from what somebody said until a date."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from app.directory.codes import CapacityStatus

_WAITING = re.compile(r"wait(ing|[- ]?list)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Count:
    """One HSDS service_capacity row: units free at a moment, and a sentence about them."""

    available: float
    description: str | None
    updated: datetime


def status_of(counts: Iterable[Count]) -> CapacityStatus:
    """What the counts of one service come to: room, a waiting list where they speak of one, or no room."""
    listed = tuple(counts)
    if not listed:
        return CapacityStatus.UNKNOWN
    if any(count.available > 0 for count in listed):
        return CapacityStatus.CAPACITY
    if any(_WAITING.search(count.description or "") for count in listed):
        return CapacityStatus.WAITLIST
    return CapacityStatus.NO_CAPACITY


def holds_on(status: CapacityStatus, until: date | None, day: date) -> CapacityStatus:
    """The status on `day`: past its last day nobody knows."""
    return CapacityStatus.UNKNOWN if until is not None and day > until else status
