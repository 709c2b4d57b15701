"""How long a link holds, and what whoever opens it finds. Pure.

Access begins and ends with the referral: a link opens nothing more once the referral has ended, and after a while it
does not even say that. A link that is merely old can be had anew.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from app.referrals.lifecycle import ENDED, Status

HOLDS = timedelta(days=30)
"""From when it was last sent."""
AFTERGLOW = timedelta(days=7)
"""After its end a link still says what became of the referral, without saying who it was."""

RENEW_AGAIN_AFTER = timedelta(minutes=10)
MOST_RENEWALS = 5
"""A day."""


class Standing(StrEnum):
    OPEN = "open"
    ANSWERED = "answered"
    """The referral has ended by what the agency said: there is nothing more to do."""
    NOT_NEEDED = "not-needed"
    """It was taken back."""
    EXPIRED = "expired"
    DISOWNED = "disowned"


_TAKEN_BACK = frozenset({Status.CANCELLED, Status.ENTERED_IN_ERROR})


def standing(
    status: Status, *, renewed_at: datetime, ended_at: datetime | None, disowned: bool, now: datetime
) -> Standing:
    """What the link opens at `now`."""
    if disowned:
        return Standing.DISOWNED
    if now >= renewed_at + HOLDS or (ended_at and now >= ended_at + AFTERGLOW):
        return Standing.EXPIRED
    if status in _TAKEN_BACK or status is Status.DRAFT:
        return Standing.NOT_NEEDED
    return Standing.ANSWERED if status in ENDED else Standing.OPEN


def may_renew(asked: list[datetime], now: datetime) -> bool:
    """Whether a new link may be sent, after those that were asked for at these times."""
    today = [at for at in asked if at > now - timedelta(days=1)]
    return len(today) < MOST_RENEWALS and all(at <= now - RENEW_AGAIN_AFTER for at in today)
