from __future__ import annotations

import pytest

from app.referrals.closing import Barrier, Says, Voices, need_status, unmet_because
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


def test_why_a_need_is_unmet_is_what_the_patient_said_last() -> None:
    full, papers = Barrier.THEY_WERE_FULL, Barrier.MISSING_PAPERS
    done = Status.COMPLETED
    assert unmet_because([]) is None
    assert unmet_because([(done, NOT_YET, None)]) is None
    assert unmet_because([(Status.REJECTED, NOT_YET, full), (done, NOT_YET, papers)]) is papers
    assert unmet_because([(done, NOT_YET, full), (done, NOT_YET, papers)]) is full
    assert unmet_because([(done, GOT, full)]) is None
