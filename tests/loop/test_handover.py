"""Handing over what somebody answers for: nothing is lost, and nobody leaves with something in their hands."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session, scoped_session

from app import clock
from app.audit.models import AuditEntry
from app.db import Base
from app.db import session as the_session
from app.errors import Invalid
from app.loop import by_hand, handover
from app.loop import operations as loop
from app.loop.clocks import Group
from app.loop.handover import Caseload, Orphans
from app.loop.models import Clock, Question, Takeover
from app.messaging.models import Message
from app.patients.models import Patient
from app.referrals.lifecycle import Status
from app.referrals.models import PatientReport, Referral, Transition
from app.staff import operations as staff
from app.staff.models import StaffMember
from app.staff.operations import StillAnswers
from app.staff.permissions import Role
from app.worklist import operations as worklist
from app.worklist import paging
from app.worklist.kinds import Kind
from app.worklist.models import StaffPage, WorkItem
from tests.factories import make_need, make_patient, make_referral, make_staff, make_team, sign_in
from tests.loop.steps import agency_says, phone_of, text_from, work

Db = scoped_session[Session]


@pytest.fixture
def joel(maya: StaffMember) -> StaffMember:
    return make_staff(team=maya.team, name="Joel Price")


@pytest.fixture
def busy(maya: StaffMember, ana: Patient) -> StaffMember:
    """Maya with two patients, three requests of which one has ended, work, and a conversation that she took over."""
    leo = make_patient(maya, given_name="Leo")
    referral = make_referral(make_need(ana))
    agency_says(make_referral(make_need(leo)), Status.ACCEPTED)
    make_referral(make_need(leo, "housing"), status=Status.REJECTED)
    loop.call_instead(referral, ana, "silent")
    by_hand.take_over(leo, by=maya)
    return maya


def everything(session: Db) -> Mapping[str, int]:
    """How many rows there are of all that a caseload is made of, whoever has it."""
    kinds: list[type[Base]] = [
        *(Patient, Referral, Transition, WorkItem, Takeover),
        *(Clock, Question, Message, PatientReport),
    ]
    return {kind.__name__: session.scalar(select(func.count()).select_from(kind)) or 0 for kind in kinds}


def test_everything_becomes_the_others_and_nothing_is_lost(session: Db, busy: StaffMember, joel: StaffMember) -> None:
    before, load = everything(session), handover.caseload(busy.id)
    assert load.patients == 2
    assert load.referrals == 2
    assert load.conversations == 1
    assert handover.hand_over(busy, joel, by=make_staff(Role.ADMINISTRATOR)) == load
    assert handover.caseload(joel.id) == load
    assert handover.caseload(busy.id) == Caseload(0, 0, 0, 0)
    assert everything(session) == before
    # A late answer about what has ended reaches somebody as well.
    assert set(session.scalars(select(Referral.owner_id))) == {joel.id}
    assert set(session.scalars(select(WorkItem.owner_id).where(WorkItem.done_at.is_(None)))) == {joel.id}
    kept = session.scalars(select(AuditEntry).where(AuditEntry.action == "handed over")).one()
    assert (kept.subject_id, kept.detail["to"], kept.detail["patients"]) == (busy.id, str(joel.id), 2)


def test_who_did_what_stays_as_it_was(session: Db, busy: StaffMember, joel: StaffMember) -> None:
    took = session.execute(select(Transition.id, Transition.by_id).order_by(Transition.id)).all()
    sent = set(session.scalars(select(Referral.sent_by_id)))
    handover.hand_over(busy, joel, by=joel)
    assert session.execute(select(Transition.id, Transition.by_id).order_by(Transition.id)).all() == took
    assert set(session.scalars(select(Referral.sent_by_id))) == sent == {busy.id}


def test_only_some_patients_with_all_about_them(
    session: Db, busy: StaffMember, joel: StaffMember, ana: Patient
) -> None:
    whole, part = handover.caseload(busy.id), handover.caseload(busy.id, {ana.id})
    assert handover.hand_over(busy, joel, by=busy, only={ana.id}) == part
    assert handover.caseload(joel.id) == part
    left = handover.caseload(busy.id)
    assert left.patients == whole.patients - 1
    assert left.referrals == whole.referrals - part.referrals
    assert left.conversations == 1
    assert session.scalars(select(Patient.lead_id).where(Patient.id == ana.id)).one() == joel.id


@pytest.mark.parametrize("whom", ["themselves", "another team", "somebody who has left"])
def test_nobody_takes_on_what_they_could_not_see(busy: StaffMember, joel: StaffMember, whom: str) -> None:
    joel.active = whom != "somebody who has left"
    to = {"themselves": busy, "another team": make_staff(team=make_team())}.get(whom, joel)
    with pytest.raises(Invalid):
        handover.hand_over(busy, to, by=busy)
    assert handover.caseload(busy.id).anything


@pytest.fixture
def far(session: Db) -> StaffMember:  # noqa: ARG001  what it rolls back
    return make_staff(team=make_team("Harbor Van"), name="Noor Aziz")


def test_another_team_takes_it_all_on_and_nothing_is_lost(
    session: Db, busy: StaffMember, joel: StaffMember, far: StaffMember, ana: Patient
) -> None:
    item = session.scalars(select(WorkItem).where(WorkItem.patient_id == ana.id)).one()
    item.owner_id = item.taken_by_id = joel.id  # a colleague is on it
    item.taken_at = clock.now()
    loop.call_agency(session.scalars(select(Referral).where(Referral.patient_id == ana.id)).one(), why="silent-2")
    session.scalars(select(Referral).where(Referral.patient_id == ana.id)).one().owner_id = joel.id
    session.flush()
    before = everything(session)
    handover.hand_over(busy, far, by=make_staff(Role.ADMINISTRATOR))
    session.expire_all()
    assert everything(session) == before
    assert handover.caseload(busy.id) == handover.caseload(joel.id) == Caseload(0, 0, 0, 0)
    assert handover.caseload(far.id) == Caseload(patients=2, referrals=2, work=before["WorkItem"], conversations=1)
    assert (
        set(session.scalars(select(Patient.team_id))) == set(session.scalars(select(WorkItem.team_id))) == {far.team_id}
    )
    assert item.taken_by_id == far.id
    assert handover.orphans() == Orphans(0, 0)


def test_the_old_team_sees_no_more_of_them_and_the_new_one_all(
    client: FlaskClient, busy: StaffMember, far: StaffMember, ana: Patient
) -> None:
    item = the_session.scalars(select(WorkItem).where(WorkItem.patient_id == ana.id)).one()
    worklist.finish(item, "done", by=busy)
    sign_in(client, busy)
    assert "Ana" in client.get("/today/done").text
    handover.hand_over(busy, far, by=make_staff(Role.ADMINISTRATOR))
    the_session.flush()
    assert "Ana" not in client.get("/today/done").text
    assert client.get(f"/patients/{ana.id}").status_code == 404
    sign_in(client, far)
    assert client.get(f"/patients/{ana.id}").status_code == 200


def test_what_was_done_for_a_colleagues_patient_stays_with_the_colleague(
    session: Db, busy: StaffMember, joel: StaffMember, far: StaffMember
) -> None:
    eva = make_patient(joel, given_name="Eva")
    referral = make_referral(make_need(eva))
    referral.owner_id = busy.id
    loop.call_instead(referral, eva, "silent")
    session.flush()
    handover.hand_over(busy, far, by=make_staff(Role.ADMINISTRATOR))
    session.expire_all()
    assert not handover.caseload(busy.id).anything
    assert (referral.owner_id, eva.team_id) == (joel.id, joel.team_id)
    assert session.scalars(select(WorkItem.owner_id).where(WorkItem.patient_id == eva.id)).all() == [joel.id]


def test_an_administrator_finds_other_teams_on_the_page_and_a_lead_does_not(
    client: FlaskClient, busy: StaffMember, far: StaffMember
) -> None:
    lead = make_staff(Role.LEAD, team=busy.team)
    sign_in(client, lead)
    assert "Noor Aziz" not in client.get(f"/people/{busy.id}/hand-over").text
    assert client.post(f"/people/{busy.id}/hand-over", data={"to": far.id, "which": "all"}).status_code == 422
    sign_in(client, make_staff(Role.ADMINISTRATOR))
    assert "Noor Aziz · Harbor Van" in client.get(f"/people/{busy.id}/hand-over").text
    assert client.post(f"/people/{busy.id}/hand-over", data={"to": far.id, "which": "all"}).status_code == 303
    assert handover.caseload(far.id).patients == 2


def test_nobody_leaves_with_something_in_their_hands(session: Db, busy: StaffMember, joel: StaffMember) -> None:
    admin = make_staff(Role.ADMINISTRATOR)
    with pytest.raises(StillAnswers):
        staff.set_active(busy, active=False, by=admin)
    session.refresh(busy)
    open_accounts = select(StaffMember.active).where(StaffMember.id == busy.id)
    assert session.scalar(open_accounts) is True
    handover.hand_over(busy, joel, by=admin)
    staff.set_active(busy, active=False, by=admin)
    session.flush()
    assert session.scalar(open_accounts) is False
    assert handover.orphans() == Orphans(0, 0)


def test_closing_an_account_offers_the_handing_over(client: FlaskClient, busy: StaffMember, joel: StaffMember) -> None:
    sign_in(client, make_staff(Role.ADMINISTRATOR))
    refused = client.post(f"/people/{busy.id}/active", data={"active": "no"}, follow_redirects=True)
    assert "Hand that over first" in refused.text
    assert f"Hand over what {busy.name} answers for" in refused.text
    assert "Ana" not in refused.text  # an administrator sees no patient
    taken = client.post(f"/people/{busy.id}/hand-over", data={"to": str(joel.id)}, follow_redirects=True)
    assert "Joel Price answers from now on for: 2 patients, 2 open referrals," in taken.text
    assert "Nothing to hand over" in taken.text
    assert client.post(f"/people/{busy.id}/active", data={"active": "no"}).location == "/people"


def test_a_lead_chooses_patients(client: FlaskClient, busy: StaffMember, joel: StaffMember, ana: Patient) -> None:
    sign_in(client, make_staff(Role.LEAD, team=busy.team))
    page = client.get(f"/people/{busy.id}/hand-over").text
    assert "Ana Reyes" in page
    assert "Leo Reyes" in page
    form = {"to": str(joel.id), "which": "some"}
    assert client.post(f"/people/{busy.id}/hand-over", data=form).status_code == 422
    assert client.post(f"/people/{busy.id}/hand-over", data={**form, "patient": str(ana.id)}).status_code == 303
    assert handover.caseload(joel.id).patients == 1
    assert "Joel Price" in client.get("/hand-over").text


def test_a_lead_hands_over_in_the_own_team_only(client: FlaskClient, busy: StaffMember) -> None:
    sign_in(client, make_staff(Role.LEAD))
    assert client.get(f"/people/{busy.id}/hand-over").status_code == 404
    assert str(busy.id) not in client.get("/hand-over").text


def test_who_is_on_call_is_said(client: FlaskClient, busy: StaffMember) -> None:
    busy.phone, busy.on_call = "+14105550111", True
    sign_in(client, make_staff(Role.ADMINISTRATOR))
    assert f"{busy.name} is on call" in client.get(f"/people/{busy.id}/hand-over").text


def test_an_orphan_is_an_alarm(client: FlaskClient, session: Db, busy: StaffMember) -> None:
    admin = make_staff(Role.ADMINISTRATOR)
    sign_in(client, admin)
    assert handover.orphans() == Orphans(0, 0)
    assert "Open referrals" not in client.get("/operations").text
    busy.active = False  # as no operation of ours would
    referral = session.scalars(select(Referral).where(Referral.status == Status.REQUESTED)).one()
    loop.clear_clocks(referral, *Group)
    session.flush()
    assert handover.orphans() == Orphans(1, 2)
    page = client.get("/operations").text
    assert "Open referrals without a live clock: 1" in page
    assert "Open referrals whose owner has left: 2" in page


def test_a_conversation_that_ran_out_is_not_handed_over(busy: StaffMember, joel: StaffMember) -> None:
    with clock.held_at(clock.now() + by_hand.TAKEN_FOR + timedelta(minutes=1)):
        assert handover.hand_over(busy, joel, by=joel).conversations == 0


@pytest.mark.parametrize("taken", [True, False])
def test_danger_that_somebody_was_on_pages_whoever_answers_for_it_now(
    session: Db, busy: StaffMember, joel: StaffMember, ana: Patient, *, taken: bool
) -> None:
    joel.phone = "+14105550177"
    text_from(phone_of(ana), "he hit me")
    [item] = work(Kind.URGENT_TEXT)
    if taken:
        paging.take(item, by=busy)
    handover.hand_over(busy, joel, by=make_staff(Role.ADMINISTRATOR))
    session.expire_all()
    assert (item.owner_id, item.taken_at) == (joel.id, None)
    assert paging.page_due() == 1
    assert joel.phone in session.scalars(select(StaffPage.phone)).all()
