from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """Why a person is needed."""

    OFFER_NEXT = "offer-next"
    """A referral ended without help: offer the patient the next match."""
    RESOLVE_DISPUTE = "resolve-dispute"
    """Agency and patient contradict each other."""
    FOLLOW_BARRIER = "follow-barrier"
    """The patient said “not yet” and why."""
    READ_TEXT = "read-text"
    """A text arrived that only a person can understand."""
    CALL_INSTEAD = "call-instead"
    """A text could not or may not be sent; tell the patient by phone."""
    CALL_AGENCY = "call-agency"
    """The agency is silent, or the need cannot wait for an answer in writing."""
    URGENT_TEXT = "urgent-text"
    """A text speaks of danger: call at once."""
