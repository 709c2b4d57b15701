"""What the loop does by the hour."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session, scoped_session

from app import clock
from app.loop.jobs import learn_agencies
from app.matching.models import AgencyRecord
from app.matching.records import Record
from app.referrals import operations, queries
from app.referrals.closing import Says
from app.referrals.lifecycle import Actor, Status
from app.referrals.models import Referral
from tests.factories import make_need, make_patient, make_referral, make_service_at_location, make_staff

pytestmark = pytest.mark.usefixtures("session")


def test_an_agency_is_known_by_what_it_answered_in_time_and_whom_it_helped(session: scoped_session[Session]) -> None:
    maya, place = make_staff(), make_service_at_location()

    def sent(status: Status, *, days_ago: int = 0) -> Referral:
        with clock.held_at(clock.now() - timedelta(days=days_ago)):
            return make_referral(make_need(make_patient(maya)), place, by=maya, status=status)

    helped = sent(Status.COMPLETED)
    operations.record_answer(helped, Says.GOT_HELP, how="staff", by=maya)
    sent(Status.REJECTED)
    late = sent(Status.REQUESTED, days_ago=5)
    operations.move(late, Status.ACCEPTED, by=maya, said_by=Actor.AGENCY)
    sent(Status.ENTERED_IN_ERROR)

    organization = helped.organization_id
    assert queries.agency_records() == [Record(organization, "food", asked=3, answered=2, helped=1)]
    learn_agencies(timestamp=0)
    known = session.get_one(AgencyRecord, (organization, "food"))
    assert (known.asked, known.answered, known.helped) == (3, 2, 1)
