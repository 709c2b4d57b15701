"""What follows from each reason behind “not yet”: one table, pure. A person has work from every row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from app.referrals.closing import Barrier
from app.worklist.kinds import Kind

CONTACT, CAPACITY, NEW_TIME = "contact", "capacity", "new-time"
"""What the platform may ask of an agency."""


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What is done about a barrier."""

    work: Kind = Kind.FOLLOW_BARRIER
    """For whoever answers for the referral."""
    asks_agency: str | None = None
    """What the agency is asked at once, while the referral is open."""
    offers_ride: bool = False
    """The patient is asked whether to look for a ride."""


FOLLOW_UPS: Mapping[Barrier, FollowUp] = MappingProxyType(
    {
        Barrier.NOBODY_ANSWERED: FollowUp(asks_agency=CONTACT),
        Barrier.THEY_WERE_FULL: FollowUp(work=Kind.OFFER_NEXT, asks_agency=CAPACITY),
        Barrier.MISSING_PAPERS: FollowUp(),
        Barrier.COULD_NOT_GET_THERE: FollowUp(offers_ride=True),
        # What a patient does not want ends only after somebody has asked them why.
        Barrier.DID_NOT_WANT_IT: FollowUp(),
        Barrier.OTHER: FollowUp(),
    }
)
