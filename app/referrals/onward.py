"""When one place cannot help, may the next be asked at once, or does a person have to offer it? A table, pure.

The patient agreed to be referred, not to this one agency; what they agreed to, and how often somebody else may choose
for them, bounds what goes on by itself.
"""

from __future__ import annotations

from enum import StrEnum

REROUTED = frozenset({"at-capacity", "closed", "outside-area", "recalled-silence"})
"""Reasons that say nothing about the patient, so that the next place may be asked without asking anybody first.

Each other reason ("not eligible", "wrong service", "cannot contact" …) may hold for the next place as well: a person
looks at it.
"""

MOST_IN_A_ROW = 3
"""How often one need goes on by itself. After that something else is wrong, and a person finds out what."""


class Person(StrEnum):
    """Why a person has to offer the next place."""

    REASON = "reason"
    """What ended it may hold for the next place, too."""
    NO_CONSENT = "no-consent"
    SENSITIVE = "sensitive"
    """Nothing about this need happens unasked."""
    ENOUGH = "enough"
    """It has gone on by itself often enough."""
    NO_MATCH = "no-match"
    """Nobody else nearby is known to help."""


def who_asks_next(*, reason: str, shares: bool, sensitive: bool, in_a_row: int) -> Person | None:
    """Why the next place is not asked by itself; None when it is.

    :param reason: why the referral ended.
    :param shares: whether the patient's consent to share is in force.
    :param in_a_row: how many referrals of this need were sent by themselves, one after the other, up to this one.
    """
    if reason not in REROUTED:
        return Person.REASON
    if not shares:
        return Person.NO_CONSENT
    if sensitive:
        return Person.SENSITIVE
    if in_a_row >= MOST_IN_A_ROW:
        return Person.ENOUGH
    return None
