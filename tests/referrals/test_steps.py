"""What a step may say, whoever takes it and however it arrives."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy.orm import Session, scoped_session

from app import clock
from app.directory.models import Organization
from app.errors import Invalid
from app.referrals import operations
from app.referrals.lifecycle import NOT_THE_AGENCYS, REASONS, Actor, Reason, Status, reasons_for
from app.referrals.models import Referral
from app.staff.permissions import Role
from tests.factories import make_referral, make_staff

Db = scoped_session[Session]


@pytest.fixture
def referral(session: Db) -> Referral:  # noqa: ARG001  what it rolls back
    return make_referral()


STRANGE = [date(1900, 1, 1), date(9999, 12, 31)]


@pytest.mark.parametrize("day", STRANGE)
def test_a_day_that_makes_no_sense_never_reaches_the_patient(session: Db, referral: Referral, day: date) -> None:
    walter = make_staff(Role.AGENCY, organization=session.get_one(Organization, referral.organization_id))
    with pytest.raises(Invalid, match="from today on"):
        operations.move(referral, Status.ACCEPTED, by=walter, promised_by=day)
    assert referral.status is Status.REQUESTED


def test_a_day_soon_is_kept(session: Db, referral: Referral) -> None:
    walter = make_staff(Role.AGENCY, organization=session.get_one(Organization, referral.organization_id))
    soon = (clock.now() + timedelta(days=3)).date()
    operations.move(referral, Status.ACCEPTED, by=walter, promised_by=soon)
    assert referral.promised_by == soon


@pytest.mark.parametrize("code", sorted(NOT_THE_AGENCYS))
def test_an_agency_cannot_say_what_only_the_care_team_can(session: Db, referral: Referral, code: str) -> None:
    walter = make_staff(Role.AGENCY, organization=session.get_one(Organization, referral.organization_id))
    with pytest.raises(Invalid, match="Choose one of these reasons"):
        operations.move(referral, Status.CANCELLED, by=walter, reason=Reason(code))


def test_every_reason_is_somebodys() -> None:
    for status, codes in REASONS.items():
        assert reasons_for(status, Actor.SENDER) == codes
        assert set(reasons_for(status, Actor.AGENCY)) == set(codes) - NOT_THE_AGENCYS
