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


def unmet_because(referrals: Iterable[tuple[Status, Says | None, Barrier | None]]) -> Barrier | None:
    """Why a need is unmet that somebody says was served: what stood in the way, as the patient said last.

    :param referrals: newest first, each with what the patient says and what was in the way.
    """
    barriers = (why for status, says, why in referrals if status is Status.COMPLETED and says is Says.NOT_YET)
    return next(filter(None, barriers), None)


Voices = tuple[Status, Says | None, str | None]
"""Of one referral: where it stands, what the patient says, and what came of it as the agency says."""

_PARTLY = "partly-provided"
_HELPING = frozenset({Status.ACCEPTED, Status.IN_PROGRESS, Status.ON_HOLD})


def need_status(referrals: Iterable[Voices]) -> str:
    """What the referrals of one wanted need make of it, in the words of NeedStatus.

    A patient who got help has the need met whatever an agency says, but for one that says it gave a part of it; “no
    longer needed” withdraws it; work under way outranks what failed before. A need that somebody says was served and
    the patient says was not is unmet. Ended otherwise, the patient still wants help, and somebody has to offer the next
    place: that is why an ended referral alone never makes a need unmet.
    """
    alive = [voices for voices in referrals if voices[0] is not Status.ENTERED_IN_ERROR]
    helped = [outcome for _, says, outcome in alive if says is Says.GOT_HELP]
    if helped:
        return "partly-met" if set(helped) == {_PARTLY} else "met"
    if any(says is Says.NO_LONGER_NEEDED for _, says, _ in alive):
        return "withdrawn"
    served = [says for status, says, _ in alive if status is Status.COMPLETED]
    if None in served or any(status in _HELPING for status, _, _ in alive):
        return "in-progress"
    if any(status in {Status.DRAFT, Status.REQUESTED} for status, _, _ in alive):
        return "planned"
    return "unmet" if served else "wants-help"
