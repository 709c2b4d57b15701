"""The agency and the patient contradict each other, in any order, and correct themselves."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session, scoped_session

from app.loop import rerouting
from app.patients.models import Patient
from app.referrals import operations as referrals
from app.referrals import queries as referral_queries
from app.referrals.closing import Barrier, Closure, Says
from app.referrals.lifecycle import Status
from app.referrals.models import Referral
from app.screening.models import Need, NeedStatus
from app.worklist.kinds import Kind
from tests.factories import make_need, make_referral, make_service_at_location
from tests.loop.steps import agency_says, open_work, texts_to, work

Db = scoped_session[Session]


@pytest.fixture
def referral(ana: Patient) -> Referral:
    return make_referral(make_need(ana))


def patient_says(referral: Referral, says: Says, barrier: Barrier | None = None) -> None:
    referrals.record_answer(referral, says, how="spoken", barrier=barrier)


def need_of(session: Db, referral: Referral) -> NeedStatus:
    session.expire_all()
    return session.get_one(Need, referral.need_id).status


@pytest.mark.parametrize("first", ["agency", "patient"])
def test_served_and_not_yet_is_one_piece_of_work_whoever_speaks_first(
    session: Db, referral: Referral, first: str
) -> None:
    agency_says(referral, Status.ACCEPTED)
    if first == "agency":
        agency_says(referral, Status.COMPLETED)
    patient_says(referral, Says.NOT_YET)
    patient_says(referral, Says.NOT_YET, Barrier.NOBODY_ANSWERED)
    if first == "patient":
        agency_says(referral, Status.COMPLETED)
    assert (referral.closure, need_of(session, referral)) == (Closure.DISPUTED, NeedStatus.UNMET)
    assert open_work(referral.id) == {Kind.RESOLVE_DISPUTE}
    assert len(work(Kind.RESOLVE_DISPUTE)) == 1

    patient_says(referral, Says.GOT_HELP)
    assert (referral.closure, need_of(session, referral)) == (Closure.CONFIRMED, NeedStatus.MET)
    assert open_work(referral.id) == set()


@pytest.mark.parametrize("status", [Status.REQUESTED, Status.ACCEPTED])
def test_no_other_place_is_asked_for_what_the_patient_has_already(
    session: Db, referral: Referral, ana: Patient, status: Status
) -> None:
    make_service_at_location()
    if status is Status.ACCEPTED:
        agency_says(referral, Status.ACCEPTED)
    patient_says(referral, Says.GOT_HELP)
    agency_says(
        referral, *((Status.REJECTED, "at-capacity") if status is Status.REQUESTED else (Status.FAILED, "no-show"))
    )
    assert (referral.closure, need_of(session, referral)) == (Closure.DISPUTED, NeedStatus.MET)
    assert referral_queries.successor(referral.id) is None
    assert not {"referral-rerouted", "referral-rerouted-no-question"} & set(texts_to(ana))
    assert open_work(referral.id) == {Kind.RESOLVE_DISPUTE}


def test_silence_about_what_the_patient_has_already_ends_it(session: Db, referral: Referral) -> None:
    patient_says(referral, Says.GOT_HELP)
    rerouting.recall(referral)
    assert (referral.status, need_of(session, referral)) == (Status.CANCELLED, NeedStatus.MET)
    assert Kind.OFFER_NEXT not in open_work(referral.id)
