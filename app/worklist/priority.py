"""What comes first, and why: severity × age × safety × deadline, as one table and one product.

A text that speaks of danger and that nobody has taken stands above everything, whatever the product.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from app.worklist.kinds import Kind

SEVERITY: Mapping[Kind, float] = {
    Kind.URGENT_TEXT: 10,
    Kind.RESOLVE_DISPUTE: 5,
    Kind.OFFER_NEXT: 4,
    Kind.FOLLOW_BARRIER: 4,
    Kind.ANSWER_AGENCY: 4,
    Kind.READ_TEXT: 4,
    Kind.RESCHEDULE: 4,
    Kind.FIND_RIDE: 4,
    Kind.ANSWER_NOTE: 3,
    Kind.CONFIRM_WALK_IN: 2,
    Kind.CALL_INSTEAD: 3,
    Kind.CALL_AGENCY: 3,
}
"""How bad it is when nobody does it; 3 for a kind that is not named."""
ORDINARY: float = 3

CANNOT_WAIT: float = 3
"""No food today, nowhere to sleep tonight, unsafe."""
SENSITIVE: float = 2
"""About safety, where nothing is ever texted: only a person can help."""
OVERDUE: float = 2
LONG_OVERDUE: float = 3
"""By more than a day."""
DUE_TODAY: float = 1.5
DUE_TOMORROW: float = 1.2
OLDEST = timedelta(days=14)
"""What has waited so long counts twice; what has waited longer counts no more than that."""
WAITS_LONG = timedelta(days=5)
"""From when on its age is said."""


class Because(StrEnum):
    """Why something stands where it stands, the strongest first."""

    DANGER = "danger"
    CANNOT_WAIT = "cannot-wait"
    CONTRADICTION = "contradiction"
    SAFETY = "safety"
    OVERDUE = "overdue"
    DUE_TODAY = "due-today"
    WAITS_LONG = "waits-long"


@dataclass(frozen=True, slots=True)
class Work:
    """What the rule looks at."""

    kind: Kind
    created_at: datetime
    due_at: datetime
    urgent: bool = False
    sensitive: bool = False
    taken: bool = False
    """Somebody has said “I am on it”."""


@dataclass(frozen=True, slots=True)
class Priority:
    on_top: bool
    score: float
    because: tuple[Because, ...]

    @property
    def order(self) -> tuple[bool, float]:
        """The smaller, the earlier."""
        return not self.on_top, -self.score


def priority(work: Work, now: datetime, zone: ZoneInfo) -> Priority:
    """How much this presses at `now`; “today” is reckoned in `zone`."""
    danger = work.kind is Kind.URGENT_TEXT
    safety = CANNOT_WAIT if work.urgent else SENSITIVE if work.sensitive else 1
    age = 1 + min(max(now - work.created_at, timedelta()), OLDEST) / OLDEST
    reasons = {
        Because.DANGER: danger,
        Because.CANNOT_WAIT: work.urgent and not danger,
        Because.CONTRADICTION: work.kind is Kind.RESOLVE_DISPUTE,
        Because.SAFETY: work.sensitive,
        Because.OVERDUE: work.due_at <= now,
        Because.DUE_TODAY: now < work.due_at and _days(work.due_at, now, zone) == 0,
        Because.WAITS_LONG: now - work.created_at >= WAITS_LONG,
    }
    return Priority(
        on_top=danger and not work.taken,
        score=SEVERITY.get(work.kind, ORDINARY) * safety * age * _deadline(work.due_at, now, zone),
        because=tuple(reason for reason, holds in reasons.items() if holds),
    )


def _deadline(due_at: datetime, now: datetime, zone: ZoneInfo) -> float:
    if due_at <= now:
        return LONG_OVERDUE if now - due_at > timedelta(days=1) else OVERDUE
    return {0: DUE_TODAY, 1: DUE_TOMORROW}.get(_days(due_at, now, zone), 1)


def _days(due_at: datetime, now: datetime, zone: ZoneInfo) -> int:
    return (due_at.astimezone(zone).date() - now.astimezone(zone).date()).days
