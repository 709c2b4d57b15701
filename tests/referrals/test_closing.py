from __future__ import annotations

import pytest

from app.referrals.closing import Says, Voices, need_status
from app.referrals.lifecycle import Status
from app.screening.models import NeedStatus

GOT, NOT_YET, NO_LONGER = Says.GOT_HELP, Says.NOT_YET, Says.NO_LONGER_NEEDED
DONE, PART = "service-provided", "partly-provided"

# The referrals of a need, and what they make of it.
NEEDS: list[tuple[list[Voices], str]] = [
    ([], "wants-help"),
    ([(Status.ENTERED_IN_ERROR, GOT, None)], "wants-help"),
    ([(Status.REQUESTED, None, None)], "planned"),
    ([(Status.REJECTED, None, None)], "wants-help"),
    ([(Status.ON_HOLD, None, None)], "in-progress"),
    ([(Status.COMPLETED, None, DONE)], "in-progress"),  # until the patient says so
    ([(Status.COMPLETED, GOT, DONE)], "met"),
    ([(Status.ACCEPTED, GOT, None)], "met"),
    ([(Status.COMPLETED, GOT, PART)], "partly-met"),
    ([(Status.COMPLETED, GOT, PART), (Status.COMPLETED, GOT, DONE)], "met"),
    ([(Status.COMPLETED, NOT_YET, DONE)], "unmet"),
    ([(Status.COMPLETED, NOT_YET, DONE), (Status.REQUESTED, None, None)], "planned"),  # the next place is asked
    ([(Status.COMPLETED, NOT_YET, DONE), (Status.ACCEPTED, None, None)], "in-progress"),
    ([(Status.COMPLETED, NOT_YET, DONE), (Status.REJECTED, None, None)], "unmet"),
    ([(Status.FAILED, NOT_YET, None)], "wants-help"),
    ([(Status.CANCELLED, NO_LONGER, None)], "withdrawn"),
]


@pytest.mark.parametrize(("referrals", "status"), NEEDS)
def test_what_its_referrals_make_of_a_need(referrals: list[Voices], status: str) -> None:
    assert need_status(referrals) == NeedStatus(status)
