"""Somebody on a waiting list is not helped yet, so whoever was asked together with it is asked on."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session, scoped_session

from app.agencies import operations as agencies
from app.directory.models import Organization
from app.loop.models import Question
from app.patients.models import Patient
from app.referrals import operations as referrals
from app.referrals.lifecycle import Reason, Status
from app.referrals.models import Referral
from app.staff.models import StaffMember
from app.staff.permissions import Role
from app.worklist.kinds import Kind
from tests.factories import make_need, make_referral, make_service_at_location, make_staff, sign_in
from tests.loop.steps import agency_says, live_clocks, open_work, texts_to, waiting_for

Db = scoped_session[Session]


@pytest.fixture
def asked(ana: Patient, maya: StaffMember) -> list[Referral]:
    """Three places that were asked at once."""
    places = [make_service_at_location().id for _ in range(3)]
    return referrals.send_together(make_need(ana), places, by=maya)


def keeps_waiting(referral: Referral) -> None:
    agencies.answer(referral.id, Status.ON_HOLD, name="Rosa Diaz", how="link", reason=Reason("waitlist"))


def standings(session: Db, asked: list[Referral]) -> list[Status]:
    for referral in asked:
        session.refresh(referral)
    return [referral.status for referral in asked]


def test_a_waiting_list_recalls_nobody(session: Db, ana: Patient, asked: list[Referral]) -> None:
    keeps_waiting(asked[0])
    assert standings(session, asked) == [Status.ON_HOLD, Status.REQUESTED, Status.REQUESTED]
    assert "silent-4" in live_clocks(asked[1])
    assert waiting_for(ana) == ["referral-waiting"]
    assert session.scalar(select(func.count()).select_from(Question)) == 0, "nothing is asked about a waiting list"


def test_the_first_to_help_recalls_the_list_as_well(session: Db, ana: Patient, asked: list[Referral]) -> None:
    keeps_waiting(asked[0])
    agency_says(asked[1], Status.ACCEPTED)
    assert standings(session, asked) == [Status.CANCELLED, Status.ACCEPTED, Status.CANCELLED]
    assert waiting_for(ana) == ["referral-accepted"], "a place on a list is no news any more"


def test_whose_turn_has_come_needs_nobody_else(session: Db, ana: Patient, asked: list[Referral]) -> None:
    keeps_waiting(asked[0])
    agency_says(asked[0], Status.IN_PROGRESS)
    assert standings(session, asked) == [Status.IN_PROGRESS, Status.CANCELLED, Status.CANCELLED]
    assert waiting_for(ana) == ["status-accepted"], "the news that they were promised"


def test_who_has_helped_at_once_recalls_the_others(session: Db, asked: list[Referral]) -> None:
    agencies.answer(asked[2].id, Status.COMPLETED, name="Rosa Diaz", how="text", outcome=Reason("service-provided"))
    assert standings(session, asked) == [Status.CANCELLED, Status.CANCELLED, Status.COMPLETED]


def test_a_waiting_list_that_was_told_on_the_phone_recalls_nobody(
    session: Db, client: FlaskClient, maya: StaffMember, ana: Patient, asked: list[Referral]
) -> None:
    sign_in(client, maya)
    told = client.post(f"/referrals/{asked[0].id}/write-down/on-hold", data={"reason_code": "waitlist"})
    assert told.status_code == 303
    assert standings(session, asked) == [Status.ON_HOLD, Status.REQUESTED, Status.REQUESTED]
    assert waiting_for(ana) == ["referral-waiting"]


def test_a_waiting_list_that_is_said_in_an_inbox_recalls_nobody(
    session: Db, client: FlaskClient, asked: list[Referral]
) -> None:
    sign_in(client, make_staff(Role.AGENCY, organization=session.get_one(Organization, asked[0].organization_id)))
    here = f"/inbox/{asked[0].id}"
    assert f"{here}?status=on-hold" in client.get(here).text
    assert client.post(f"{here}/transitions", data={"status": "on-hold"}).status_code == 422
    assert standings(session, asked) == [Status.REQUESTED] * 3, "half of it is nothing"
    told = client.post(f"{here}/transitions", data={"status": "on-hold", "reason_code": "waitlist"})
    assert told.status_code == 303
    assert standings(session, asked) == [Status.ON_HOLD, Status.REQUESTED, Status.REQUESTED]


@pytest.mark.parametrize("reason", ["awaiting-documents", "awaiting-patient"])
def test_what_waits_for_the_patient_is_no_waiting_list_but_a_call(ana: Patient, reason: str) -> None:
    referral = make_referral(make_need(ana), status=Status.ACCEPTED)
    agency_says(referral, Status.ON_HOLD, reason)
    assert "referral-waiting" not in texts_to(ana)
    assert open_work(referral.id) == {Kind.CALL_INSTEAD}
    assert live_clocks(referral) == {"hold-14"}
    agency_says(referral, Status.IN_PROGRESS)
    assert open_work(referral.id) == set(), "they wait no longer"
