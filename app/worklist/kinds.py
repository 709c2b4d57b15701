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
    ANSWER_AGENCY = "answer-agency"
    """Somebody at the agency, who answers without an account, has asked something."""
    RESCHEDULE = "reschedule"
    """The patient cannot come to an appointment: another time has to be found."""
    FIND_RIDE = "find-ride"
    """The patient wants help with getting there."""
    ANSWER_NOTE = "answer-note"
    """Somebody at the agency has written a note for both sides, or asks for an answer."""
    CONFIRM_WALK_IN = "confirm-walk-in"
    """An agency says that it served somebody without a referral: ask them whether help came."""
    URGENT_TEXT = "urgent-text"
    """A text speaks of danger: call at once."""


WITH_THE_PATIENT = frozenset(
    {
        *(Kind.OFFER_NEXT, Kind.RESOLVE_DISPUTE, Kind.FOLLOW_BARRIER),
        *(Kind.CALL_INSTEAD, Kind.RESCHEDULE, Kind.FIND_RIDE, Kind.CONFIRM_WALK_IN),
    }
)
"""What can only be done together with the patient, so that it waits while they are left alone. Agencies are phoned and
texts are read all the same."""
