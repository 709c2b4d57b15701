"""One place cannot help, and the next is asked: within consent, never twice, told to the patient, bounded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session, scoped_session

from app import clock
from app.directory import operations as directory
from app.directory.codes import CapacityStatus
from app.directory.models import Organization, Service
from app.errors import DomainError
from app.loop import operations
from app.matching import queries as matching
from app.patients import operations as patients
from app.patients.models import ConsentKind, Patient
from app.referrals import operations as referrals
from app.referrals import queries as referral_queries
from app.referrals.closing import Says
from app.referrals.lifecycle import OPEN, Reason, Status
from app.referrals.models import Referral
from app.referrals.onward import MOST_IN_A_ROW
from app.screening.models import Need, NeedStatus
from app.staff.models import StaffMember
from app.worklist.kinds import Kind
from tests.factories import make_need, make_patient, make_referral, make_service_at_location, sign_in
from tests.loop.steps import (
    agency_says,
    deliver_texts,
    last_text_to,
    let_pass,
    live_clocks,
    open_work,
    phone_of,
    text_from,
    texts_to,
    waiting_for,
)

Db = scoped_session[Session]

MONDAY = datetime(2026, 11, 16, 15, tzinfo=UTC)


@pytest.fixture
def referral(ana: Patient) -> Referral:
    with clock.held_at(MONDAY):
        return make_referral(make_need(ana))


def all_of(referral: Referral, session: Db) -> list[Referral]:
    session.flush()
    return referral_queries.services_tried(referral.need_id)


def next_of(referral: Referral) -> Referral:
    successor = referral_queries.successor(referral.id)
    assert successor is not None
    return successor


@pytest.mark.parametrize("reason", ["at-capacity", "closed", "outside-area"])
def test_the_next_best_place_is_asked_at_once(referral: Referral, ana: Patient, reason: str, session: Db) -> None:
    other = make_service_at_location()
    with clock.held_at(MONDAY):
        agency_says(referral, Status.REJECTED, reason)
        successor = next_of(referral)
        assert successor.service_at_location_id == other.id
        assert (successor.owner_id, successor.sent_by_id) == (referral.owner_id, referral.sent_by_id)
        assert successor.sent_at is None, "the patient has two working hours to say no"
        assert waiting_for(ana) == ["referral-rerouted"]
        assert live_clocks(successor) == {"veto-over"}
        assert open_work(referral.id) == set()
        assert session.get_one(Need, referral.need_id).status is NeedStatus.PLANNED
    let_pass(MONDAY, timedelta(hours=2))
    assert successor.status is Status.REQUESTED
    assert texts_to(ana) == ["referral-sent", "referral-rerouted"]


def test_silence_takes_the_referral_back_and_asks_the_next(referral: Referral, ana: Patient) -> None:
    make_service_at_location()
    let_pass(MONDAY, timedelta(days=4))
    assert (referral.status, referral.reason_code) == (Status.CANCELLED, "recalled-silence")
    assert texts_to(ana)[-1] == "referral-rerouted"
    let_pass(MONDAY, timedelta(days=5))
    assert next_of(referral).status is Status.REQUESTED


def test_a_silent_agency_keeps_the_referral_while_nobody_else_can_be_asked(referral: Referral) -> None:
    let_pass(MONDAY, timedelta(days=4))
    assert referral.status is Status.REQUESTED
    assert Kind.OFFER_NEXT in open_work(referral.id)
    assert live_clocks(referral) == {"silent-4"}


def test_no_agency_is_asked_twice_for_one_need(referral: Referral, ana: Patient, session: Db) -> None:
    """The same organization has another site, which is no other answer."""
    make_service_at_location(organization=session.get_one(Organization, referral.organization_id))
    agency_says(referral, Status.REJECTED, "closed")
    assert referral_queries.successor(referral.id) is None
    assert open_work(referral.id) == {Kind.OFFER_NEXT}
    assert waiting_for(ana) == ["referral-declined"]


def test_it_goes_on_by_itself_only_so_often(referral: Referral, ana: Patient, session: Db) -> None:
    for _ in range(MOST_IN_A_ROW + 2):
        make_service_at_location()
    current = referral
    for _ in range(MOST_IN_A_ROW):
        agency_says(current, Status.REJECTED, "closed")
        current = next_of(current)
        deliver_texts()
        text_from(phone_of(ana), "1")
        session.refresh(current)
        assert current.status is Status.REQUESTED
    agency_says(current, Status.REJECTED, "closed")
    assert referral_queries.successor(current.id) is None
    assert open_work(current.id) == {Kind.OFFER_NEXT}
    assert len({one.organization_id for one in all_of(referral, session)}) == MOST_IN_A_ROW + 1


def test_nothing_is_shared_further_without_consent(ana: Patient, maya: StaffMember) -> None:
    need = make_need(ana)
    make_service_at_location()
    referral = make_referral(need)
    patients.record_consent(
        ana, ConsentKind.SHARE, given=False, how="spoken", language="es", by=maya, phone=phone_of(ana)
    )
    assert referral.status is Status.CANCELLED
    assert referral_queries.successor(referral.id) is None


@pytest.mark.parametrize("reason", ["not-eligible", "language", "wrong-service"])
def test_what_may_hold_for_the_next_place_is_looked_at_by_a_person(referral: Referral, reason: str) -> None:
    make_service_at_location()
    agency_says(referral, Status.REJECTED, reason)
    assert referral_queries.successor(referral.id) is None
    assert open_work(referral.id) == {Kind.OFFER_NEXT}


def test_a_place_that_is_full_is_not_asked_unasked(referral: Referral) -> None:
    make_service_at_location(capacity=CapacityStatus.NO_CAPACITY)
    agency_says(referral, Status.REJECTED, "closed")
    assert referral_queries.successor(referral.id) is None


def test_safety_never_goes_on_by_itself(ana: Patient) -> None:
    referral = make_referral(make_need(ana, "safety"), make_service_at_location(needs=["safety"]))
    make_service_at_location(needs=["safety"])
    agency_says(referral, Status.REJECTED, "at-capacity")
    assert referral_queries.successor(referral.id) is None
    assert Kind.OFFER_NEXT in open_work(referral.id)


# The patient's no


def test_a_no_before_it_was_sent_keeps_it_from_being_sent(referral: Referral, ana: Patient, session: Db) -> None:
    make_service_at_location()
    with clock.held_at(MONDAY):
        agency_says(referral, Status.REJECTED, "closed")
        text_from(phone_of(ana), "2")
    successor = next_of(referral)
    session.refresh(successor)
    assert successor.status is Status.ENTERED_IN_ERROR
    assert successor.sent_at is None
    assert open_work(successor.id) == {Kind.OFFER_NEXT}
    assert live_clocks(successor) == set()
    assert waiting_for(ana)[-1] == "thanks-not-yet"


@pytest.mark.parametrize("waited", [timedelta(), timedelta(hours=3)], ids=["not sent yet", "sent"])
def test_a_place_that_was_not_wanted_is_not_offered_again(
    referral: Referral, ana: Patient, session: Db, waited: timedelta
) -> None:
    make_service_at_location()
    with clock.held_at(MONDAY):
        agency_says(referral, Status.REJECTED, "closed")
    let_pass(MONDAY, waited)
    with clock.held_at(MONDAY + waited):
        text_from(phone_of(ana), "2")
        question = matching.question_for(session.get_one(Need, referral.need_id), ana)
        offered = {match.service_at_location_id for match in matching.matches(question).items}
    assert next_of(referral).service_at_location_id not in offered


def test_a_late_no_takes_it_back(referral: Referral, ana: Patient, session: Db) -> None:
    make_service_at_location()
    with clock.held_at(MONDAY):
        agency_says(referral, Status.REJECTED, "closed")
    let_pass(MONDAY, timedelta(hours=3))
    with clock.held_at(MONDAY + timedelta(hours=4)):
        text_from(phone_of(ana), "2")
    successor = next_of(referral)
    session.refresh(successor)
    assert (successor.status, successor.reason_code) == (Status.CANCELLED, "withdrawn-by-patient")
    assert Kind.OFFER_NEXT in open_work(successor.id)


def test_a_yes_sends_it_at_once(referral: Referral, ana: Patient, session: Db) -> None:
    make_service_at_location()
    with clock.held_at(MONDAY):
        agency_says(referral, Status.REJECTED, "closed")
        text_from(phone_of(ana), "1")
        successor = next_of(referral)
        session.refresh(successor)
        assert successor.status is Status.REQUESTED
        assert operations.open_question(phone_of(ana)) is None


def test_acceptance_asks_whether_help_came_whatever_was_asked_before(referral: Referral, ana: Patient) -> None:
    make_service_at_location()
    with clock.held_at(MONDAY):
        agency_says(referral, Status.REJECTED, "closed")
    let_pass(MONDAY, timedelta(hours=3))
    successor = next_of(referral)
    agency_says(successor, Status.ACCEPTED)
    question = operations.open_question(phone_of(ana))
    assert question is not None
    assert question.asks == operations.GOT_HELP


def test_who_cannot_be_texted_is_called_and_the_next_place_asked_at_once(maya: StaffMember) -> None:
    patient = make_patient(maya, text=False)
    referral = make_referral(make_need(patient))
    make_service_at_location()
    agency_says(referral, Status.REJECTED, "closed")
    successor = next_of(referral)
    assert successor.status is Status.REQUESTED
    assert open_work(successor.id) == {Kind.CALL_INSTEAD}


def test_what_cannot_wait_does_not_wait_for_a_no(ana: Patient) -> None:
    referral = make_referral(make_need(ana, urgent=True))
    make_service_at_location()
    agency_says(referral, Status.REJECTED, "at-capacity")
    assert next_of(referral).status is Status.REQUESTED
    assert waiting_for(ana)[-1] == "referral-rerouted-no-question"


@pytest.mark.parametrize(("said", "status"), [("agrees", Status.REQUESTED), ("minds", Status.ENTERED_IN_ERROR)])
def test_what_the_patient_says_on_the_phone_counts_as_well(  # noqa: PLR0913, PLR0917  who says what to whom
    referral: Referral, client: FlaskClient, maya: StaffMember, session: Db, said: str, status: Status
) -> None:
    make_service_at_location()
    with clock.held_at(MONDAY):
        agency_says(referral, Status.REJECTED, "closed")
        successor = next_of(referral)
        session.flush()
        sign_in(client, maya)
        page = client.get(f"/referrals/{successor.id}").text
        assert "does not want that" in page
        assert "sent by mistake" not in page, "it was not sent"
        assert client.get(f"/referrals/{successor.id}/write-down/{said}").status_code == 200
        assert client.post(f"/referrals/{successor.id}/write-down/{said}").status_code == 303
        page = client.get(f"/referrals/{successor.id}").text
        assert ("Not sent after all" in page) is (said == "minds")
        assert "sent by mistake" not in page.replace("It was sent by mistake", ""), "it was not"
    session.refresh(successor)
    assert successor.status is status
    assert open_work(successor.id) == ({Kind.OFFER_NEXT} if said == "minds" else set())


# Several at once


@pytest.fixture
def together(ana: Patient, maya: StaffMember) -> list[Referral]:
    need, places = make_need(ana), [make_service_at_location() for _ in range(3)]
    return referrals.send_together(need, [place.id for place in places], by=maya)


def test_several_are_asked_and_the_patient_hears_once(together: list[Referral], ana: Patient) -> None:
    assert [one.status for one in together] == [Status.REQUESTED] * 3
    assert waiting_for(ana) == ["referral-sent"]


def test_the_first_acceptance_recalls_the_others(together: list[Referral], ana: Patient, session: Db) -> None:
    agency_says(together[1], Status.ACCEPTED)
    for one in together:
        session.refresh(one)
    assert [one.status for one in together] == [Status.CANCELLED, Status.ACCEPTED, Status.CANCELLED]
    assert all(one.reason_code in {None, "recalled-by-sender"} for one in together)
    assert all(open_work(one.id) == set() for one in together)
    assert waiting_for(ana)[-1] == "referral-accepted"


def test_one_refusal_among_several_asks_nobody_new(together: list[Referral], ana: Patient) -> None:
    make_service_at_location()
    agency_says(together[0], Status.REJECTED, "closed")
    assert referral_queries.successor(together[0].id) is None
    assert open_work(together[0].id) == set()
    assert "referral-declined" not in texts_to(ana)


def test_the_last_refusal_of_several_asks_the_next(together: list[Referral], session: Db) -> None:
    other = make_service_at_location()
    for one in together:
        agency_says(one, Status.REJECTED, "closed")
    assert next_of(together[2]).service_at_location_id == other.id
    assert len([one for one in all_of(together[0], session) if one.status in OPEN]) == 1


def test_several_that_stay_silent_do_not_wait_for_each_other(maya: StaffMember, ana: Patient, session: Db) -> None:
    with clock.held_at(MONDAY):
        need, places = make_need(ana), [make_service_at_location() for _ in range(2)]
        asked = referrals.send_together(need, [place.id for place in places], by=maya)
    other = make_service_at_location()
    let_pass(MONDAY, timedelta(days=5))
    assert [one.reason_code for one in asked] == ["recalled-silence"] * 2
    (next_one,) = [one for one in all_of(asked[0], session) if one.status in OPEN]
    assert next_one.service_at_location_id == other.id


def test_the_last_of_several_that_stay_silent_is_a_persons_work(maya: StaffMember, ana: Patient) -> None:
    with clock.held_at(MONDAY):
        need, places = make_need(ana), [make_service_at_location() for _ in range(2)]
        asked = referrals.send_together(need, [place.id for place in places], by=maya)
    let_pass(MONDAY, timedelta(days=5))
    (still_asked,) = [one for one in asked if one.status in OPEN]
    assert live_clocks(still_asked) == {"silent-4"}
    assert Kind.OFFER_NEXT in open_work(still_asked.id)


def test_more_than_the_network_allows_are_not_sent_together(ana: Patient, maya: StaffMember) -> None:
    places = [make_service_at_location().id for _ in range(4)]
    with pytest.raises(DomainError, match="at most 3"):
        referrals.send_together(make_need(ana), places, by=maya)


def test_an_urgent_recall_by_a_person_is_not_rerouted(referral: Referral, maya: StaffMember, session: Db) -> None:
    make_service_at_location()
    referrals.move(referral, Status.CANCELLED, by=maya, reason=Reason("recalled-by-sender"))
    assert not session.scalars(select(Referral).where(Referral.instead_of_id == referral.id)).all()


# What was prepared, and what happened before it was sent


@pytest.fixture
def prepared(referral: Referral, ana: Patient) -> Referral:  # noqa: ARG001  whose place the next one has to be near
    """The next place, of which the patient has been told."""
    make_service_at_location()
    with clock.held_at(MONDAY):
        agency_says(referral, Status.REJECTED, "closed")
    return next_of(referral)


def test_a_place_that_closed_meanwhile_is_not_asked(prepared: Referral, session: Db) -> None:
    with clock.held_at(MONDAY):
        directory.set_capacity(prepared.service_id, CapacityStatus.NO_CAPACITY, None, "agency")
    let_pass(MONDAY, timedelta(hours=3))
    session.refresh(prepared)
    assert prepared.status is Status.ENTERED_IN_ERROR
    assert open_work(prepared.id) == {Kind.OFFER_NEXT}


def test_a_place_that_nobody_lists_any_more_is_not_asked(prepared: Referral, session: Db) -> None:
    session.get_one(Service, prepared.service_id).withdrawn_at = MONDAY
    let_pass(MONDAY, timedelta(hours=3))
    session.refresh(prepared)
    assert prepared.status is Status.ENTERED_IN_ERROR
    assert open_work(prepared.id) == {Kind.OFFER_NEXT}


@pytest.mark.parametrize("says", [Says.GOT_HELP, Says.NO_LONGER_NEEDED])
def test_nobody_is_asked_for_what_is_not_needed_any_more(
    referral: Referral, prepared: Referral, maya: StaffMember, says: Says, session: Db
) -> None:
    with clock.held_at(MONDAY):
        referrals.record_answer(referral, says, how="staff", by=maya)
    let_pass(MONDAY, timedelta(hours=3))
    session.refresh(prepared)
    assert prepared.status is Status.ENTERED_IN_ERROR
    assert Kind.OFFER_NEXT not in open_work(prepared.id)


def test_nobody_is_asked_while_somebody_else_helps(prepared: Referral, maya: StaffMember, session: Db) -> None:
    with clock.held_at(MONDAY):
        need = session.get_one(Need, prepared.need_id)
        other = referrals.send(need, make_service_at_location().id, by=maya)
        agency_says(other, Status.ACCEPTED)
    let_pass(MONDAY, timedelta(hours=3))
    session.refresh(prepared)
    assert prepared.status is Status.ENTERED_IN_ERROR
    assert open_work(prepared.id) == set()


@pytest.mark.parametrize("urgent", [False, True])
def test_the_patient_is_told_a_day_by_which_they_really_hear(ana: Patient, urgent: bool, session: Db) -> None:  # noqa: FBT001
    """An agency that stays silent is recalled on that day, and the next one asked."""
    patients.choose_language(ana, "en", how="spoken")
    with clock.held_at(MONDAY):
        first = make_referral(make_need(ana, urgent=urgent))
        make_service_at_location()
    told = last_text_to(phone_of(ana)).body
    day = MONDAY + timedelta(days=1 if urgent else 4)
    assert f"You will hear from us by {day:%A}" in told
    let_pass(MONDAY, day - MONDAY)
    session.refresh(first)
    assert first.status is Status.CANCELLED
    again = last_text_to(phone_of(ana)).body
    assert "we are asking another" in again
    hears_by = f"{day + timedelta(days=1 if urgent else 7):%A}"  # not on Thanksgiving
    assert f"You will hear from us by {hears_by}" in again
