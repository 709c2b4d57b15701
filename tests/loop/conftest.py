from __future__ import annotations

import pytest

from app.patients.models import Patient
from app.referrals.lifecycle import Status
from app.referrals.models import Referral
from tests.factories import make_need, make_referral
from tests.loop.steps import agency_says


@pytest.fixture
def accepted(ana: Patient) -> Referral:
    """Ana has been told that it was accepted and how to answer 1, 2 and 3."""
    return make_referral(make_need(ana), status=Status.ACCEPTED)


@pytest.fixture
def served(accepted: Referral) -> Referral:
    """Ana has been asked: “Did you get help?”"""
    agency_says(accepted, Status.COMPLETED)
    return accepted
