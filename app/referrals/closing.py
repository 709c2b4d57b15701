"""Two voices, and what follows from them.

The agency speaks through the status; the patient speaks for themselves. Whether the loop is closed, and whether the
need is met, is derived from both and never typed in.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from app.referrals.lifecycle import ENDED, Status


class Says(StrEnum):
    """What a patient says became of a referral."""

    GOT_HELP = "got-help"
    NOT_YET = "not-yet"
    NO_LONGER_NEEDED = "no-longer-needed"


class Barrier(StrEnum):
    """What stands behind “not yet”."""

    NOBODY_ANSWERED = "nobody-answered"
    THEY_WERE_FULL = "they-were-full"
    MISSING_PAPERS = "missing-papers"
    COULD_NOT_GET_THERE = "could-not-get-there"
    DID_NOT_WANT_IT = "did-not-want-it"
    OTHER = "other"


class Closure(StrEnum):
    OPEN = "open"
    CONFIRMED = "confirmed"
    """The agency says served and the patient says “I got help”."""
    DISPUTED = "disputed"
    """They contradict each other."""
    UNCONFIRMED = "unconfirmed"
    """Served, says the agency; the patient never said so, whether silent or no longer in need."""
    NOT_SERVED = "not-served"
    """It ended without help."""


_SERVED = {
    Says.GOT_HELP: Closure.CONFIRMED,
    Says.NOT_YET: Closure.DISPUTED,
    Says.NO_LONGER_NEEDED: Closure.UNCONFIRMED,
}
"""What it comes to when the agency says served and the patient says this."""


def closure(status: Status, says: Says | None, *, asked_out: bool = False) -> Closure:
    """Where the loop stands. `asked_out` means that every way of asking the patient has been tried."""
    if status is Status.COMPLETED:
        return (Closure.UNCONFIRMED if asked_out else Closure.OPEN) if says is None else _SERVED[says]
    if status not in ENDED:
        return Closure.OPEN
    contradicted = says is Says.GOT_HELP and status is not Status.ENTERED_IN_ERROR
    return Closure.DISPUTED if contradicted else Closure.NOT_SERVED


def need_status(referrals: Iterable[tuple[Status, Says | None]]) -> str:
    """What the referrals of one wanted need make of it, in the words of NeedStatus.

    A patient who got help has the need met whatever an agency says; “no longer needed” withdraws it; work under way
    outranks what failed before. With no referral left that counts the patient still wants help, and somebody has to
    offer the next one: that is why an ended referral alone never makes a need unmet.
    """
    alive = [(status, says) for status, says in referrals if status is not Status.ENTERED_IN_ERROR]
    if any(says is Says.GOT_HELP for _, says in alive):
        return "met"
    if any(says is Says.NO_LONGER_NEEDED for _, says in alive):
        return "withdrawn"
    if any(status in {Status.ACCEPTED, Status.IN_PROGRESS, Status.ON_HOLD, Status.COMPLETED} for status, _ in alive):
        return "in-progress"
    if any(status in {Status.DRAFT, Status.REQUESTED} for status, _ in alive):
        return "planned"
    return "wants-help"
