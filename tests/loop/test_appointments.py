"""Appointments and promises of agencies: what the patient hears, what follows from the answer, and what is counted."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session, scoped_session

from app import clock, events
from app.db import session as the_session
from app.directory.models import Organization
from app.errors import DomainError, Invalid
from app.events import AgencyAsked, TextEnded, publish
from app.loop import by_hand, queries, silence
from app.loop import operations as loop
from app.loop.barriers import FOLLOW_UPS
from app.loop.models import Clock
from app.messaging.delivery import State
from app.messaging.models import Message
from app.patients import operations as patients
from app.patients.models import Patient
from app.patients.pauses import Why
from app.referrals import appointments, operations
from app.referrals.closing import Barrier, Says
from app.referrals.lifecycle import Actor, Reason, Status
from app.referrals.meetings import Became, Plan, Reply, Way
from app.referrals.models import Appointment, Promise, Referral
from app.referrals.promises import Kept
from app.screening.models import Need, NeedStatus
from app.staff.models import StaffMember
from app.staff.permissions import Role
from app.worklist import operations as worklist
from app.worklist.kinds import Kind
from app.worklist.models import WorkItem
from tests.factories import make_need, make_referral, make_staff, sign_in
from tests.loop.steps import (
    agency_says,
    deliver_texts,
    live_clocks,
    open_work,
    phone_of,
    text_from,
    texts_to,
    waiting_for,
)

Db = scoped_session[Session]

HERE = ZoneInfo("America/New_York")
NOW = datetime(2026, 11, 16, 15, tzinfo=UTC)  # a Monday, 10:00 in Baltimore
THURSDAY = datetime(2026, 11, 26, 15, tzinfo=HERE)


@pytest.fixture(autouse=True)
def _on_a_monday() -> object:
    with clock.held_at(NOW):
        yield


@pytest.fixture
def accepted(ana: Patient) -> Referral:
    referral = make_referral(make_need(ana), status=Status.ACCEPTED)
    deliver_texts()
    return referral


@pytest.fixture
def meeting(accepted: Referral, maya: StaffMember) -> Appointment:
    appointment = appointments.schedule(accepted, Plan(THURSDAY, place="12 Main Street"), by=maya)
    deliver_texts()
    return appointment


def due(referral: Referral, step: str) -> datetime | None:
    return the_session.scalar(
        select(Clock.due_at).where(Clock.referral_id == referral.id, Clock.step == step, Clock.ended_at.is_(None))
    )


def reminded(days_before: float) -> None:
    """It is so many days before the appointment; what is due is done, and texts go out."""
    with clock.held_at(THURSDAY - timedelta(days=days_before)):
        silence.fire_due_clocks()
        deliver_texts()


def last_text(patient: Patient) -> Message:
    newest = select(Message).where(Message.recipient == patient.id).order_by(Message.position.desc()).limit(1)
    return the_session.scalars(newest).one()


# The patient is told


def test_the_patient_is_told_the_time_on_their_clock_and_nothing_else(ana: Patient, meeting: Appointment) -> None:
    text = last_text(ana)
    assert text.template == "appointment-made"
    assert "jueves 26 de noviembre (3:00 p.m.)." in text.body
    assert meeting.place not in text.body
    assert text.not_after == THURSDAY - timedelta(hours=1)


def test_who_is_called_is_told_so(ana: Patient, accepted: Referral, maya: StaffMember) -> None:
    appointments.schedule(accepted, Plan(THURSDAY, Way.BY_PHONE, place="ignored"), by=maya)
    assert last_text(ana).template == "appointment-made-call"
    reminded(2)
    assert last_text(ana).template == "appointment-reminder-call"


def test_another_time_takes_the_first_back(ana: Patient, accepted: Referral, maya: StaffMember) -> None:
    first = appointments.schedule(accepted, Plan(THURSDAY), by=maya)
    later = THURSDAY + timedelta(days=1)
    second = appointments.schedule(accepted, Plan(later), by=maya)

    assert (second.id, second.sequence) == (first.id, 1)
    assert waiting_for(ana)[-1:] == ["appointment-moved"]
    assert "appointment-made" in texts_to(ana, State.CANCELLED)
    assert due(accepted, "remind-2-days") == later - timedelta(days=2)


def test_the_same_time_again_tells_nobody(ana: Patient, accepted: Referral, maya: StaffMember) -> None:
    for _twice in range(2):
        appointments.schedule(accepted, Plan(THURSDAY, note="Bring a bag"), by=maya)
    assert texts_to(ana).count("appointment-made") == 1
    assert "appointment-moved" not in texts_to(ana)


def test_called_off_the_reminders_go_and_somebody_asks_for_another_time(
    ana: Patient, accepted: Referral, meeting: Appointment, maya: StaffMember
) -> None:
    appointments.cancel(meeting, by=maya)
    assert last_text(ana).template == "appointment-cancelled"
    assert not {"remind-2-days", "remind-3-hours"} & live_clocks(accepted)
    assert Kind.RESCHEDULE in open_work(accepted.id)
    with pytest.raises(DomainError):
        appointments.cancel(meeting, by=maya)


@pytest.mark.parametrize(
    ("new", "reason"), [(Status.COMPLETED, ""), (Status.FAILED, "no-resources"), (Status.CANCELLED, "duplicate")]
)
def test_the_end_of_a_referral_calls_it_off(
    ana: Patient, accepted: Referral, meeting: Appointment, new: Status, reason: str
) -> None:
    agency_says(accepted, new, reason)
    the_session.refresh(meeting)
    assert meeting.became is Became.CANCELLED
    assert "appointment-cancelled" in texts_to(ana)
    assert not {"remind-2-days", "remind-3-hours"} & live_clocks(accepted)


def test_a_text_that_did_not_arrive_becomes_a_call(accepted: Referral, meeting: Appointment, ana: Patient) -> None:
    del meeting
    publish(TextEnded(last_text(ana).id, "undelivered", "30003"))
    assert Kind.CALL_INSTEAD in open_work(accepted.id)


# What may not be


@pytest.mark.parametrize("hours", [-1, 0, 24 * 400])
def test_only_a_time_that_is_to_come_can_be_agreed(accepted: Referral, maya: StaffMember, hours: int) -> None:
    with pytest.raises(Invalid):
        appointments.schedule(accepted, Plan(NOW + timedelta(hours=hours)), by=maya)


@pytest.mark.parametrize("status", [Status.REQUESTED, Status.REJECTED, Status.COMPLETED])
def test_only_who_has_accepted_makes_appointments(ana: Patient, maya: StaffMember, status: Status) -> None:
    referral = make_referral(make_need(ana), status=status)
    with pytest.raises(DomainError):
        appointments.schedule(referral, Plan(THURSDAY), by=maya)


# Reminders and their answers


def test_it_is_reminded_of_twice_and_then_asked_about(ana: Patient, accepted: Referral, meeting: Appointment) -> None:
    del meeting
    assert live_clocks(accepted) == {"remind-2-days", "remind-3-hours", "ask-after-visit", "ask-accepted-21", "idle-14"}
    reminded(2)
    reminded(3 / 24)
    assert texts_to(ana)[-2:] == ["appointment-reminder"] * 2
    reminded(-1)
    assert texts_to(ana)[-1] == "ask-got-help"


def test_a_reminder_that_comes_too_late_is_not_sent(ana: Patient, accepted: Referral, meeting: Appointment) -> None:
    """The worker stood still until half an hour before."""
    del meeting
    before = texts_to(ana)
    reminded(0.5 / 24)
    reminded(0.4 / 24)
    assert texts_to(ana) == before
    assert Kind.CALL_INSTEAD not in open_work(accepted.id)


def test_1_is_kept(ana: Patient, meeting: Appointment) -> None:
    reminded(2)
    text_from(phone_of(ana), "1")
    the_session.refresh(meeting)
    assert meeting.reply is Reply.COMES
    assert last_text(ana).template == "thanks-will-come"


def test_2_asks_for_another_time_and_reminds_no_more(ana: Patient, accepted: Referral, meeting: Appointment) -> None:
    reminded(2)
    text_from(phone_of(ana), "2")
    the_session.refresh(meeting)
    assert meeting.reply is Reply.CANNOT_COME
    assert last_text(ana).template == "thanks-cannot-come"
    assert Kind.RESCHEDULE in open_work(accepted.id)
    before = texts_to(ana)
    reminded(3 / 24)
    assert texts_to(ana) == before


def test_another_time_settles_that_and_forgets_the_answer(
    ana: Patient, accepted: Referral, meeting: Appointment, maya: StaffMember
) -> None:
    reminded(2)
    text_from(phone_of(ana), "2")
    appointments.schedule(accepted, Plan(THURSDAY + timedelta(days=6)), by=maya)
    assert meeting.reply is None
    assert Kind.RESCHEDULE not in open_work(accepted.id)


def test_3_opens_a_need_for_transport_and_has_a_ride_found(
    ana: Patient, accepted: Referral, meeting: Appointment
) -> None:
    del meeting
    reminded(2)
    with clock.held_at(THURSDAY - timedelta(days=2)):
        text_from(phone_of(ana), "3")
    the_session.refresh(accepted)
    need = the_session.get_one(Need, accepted.ride_need_id)
    assert (need.kind, need.status, need.patient_id) == ("transport", NeedStatus.WANTS_HELP, ana.id)
    item = the_session.scalars(select(WorkItem).where(WorkItem.kind == Kind.FIND_RIDE)).one()
    assert item.detail["need"] == str(need.id)
    assert item.due_at < THURSDAY
    assert last_text(ana).template == "thanks-needs-ride"


def test_a_need_for_transport_that_is_known_is_not_made_twice(
    ana: Patient, accepted: Referral, meeting: Appointment
) -> None:
    del meeting
    known = make_need(ana, "transport", wants_help=None)
    reminded(2)
    text_from(phone_of(ana), "3")
    the_session.refresh(accepted)
    assert accepted.ride_need_id == known.id
    assert known.status is NeedStatus.WANTS_HELP


def test_an_answer_to_a_time_that_is_over_is_for_a_person(ana: Patient, meeting: Appointment) -> None:
    reminded(2)
    with clock.held_at(THURSDAY + timedelta(hours=1)):
        text_from(phone_of(ana), "3")
    the_session.refresh(meeting)
    assert meeting.reply is None


def test_a_person_who_talks_with_the_patient_is_not_disturbed_by_a_question(
    ana: Patient, maya: StaffMember, meeting: Appointment
) -> None:
    del meeting
    with clock.held_at(THURSDAY - timedelta(days=2, hours=1)):
        by_hand.take_over(ana, by=maya)
    reminded(2)
    assert last_text(ana).template == "appointment-reminder-no-question"


# What became of it


@pytest.mark.parametrize("came", [True, False])
def test_whether_they_came_is_kept_and_ends_nothing(
    accepted: Referral, meeting: Appointment, maya: StaffMember, *, came: bool
) -> None:
    with pytest.raises(DomainError, match="still ahead"):
        appointments.record_visit(meeting, came=came, by=maya)
    with clock.held_at(THURSDAY + timedelta(hours=2)):
        appointments.record_visit(meeting, came=came, by=maya)
    assert meeting.became is (Became.ATTENDED if came else Became.NO_SHOW)
    assert accepted.status is Status.ACCEPTED
    assert (Kind.RESCHEDULE in open_work(accepted.id)) is not came


def test_after_one_that_nobody_spoke_of_there_can_be_another(
    accepted: Referral, meeting: Appointment, maya: StaffMember
) -> None:
    with clock.held_at(THURSDAY + timedelta(days=3)):
        other = appointments.schedule(accepted, Plan(THURSDAY + timedelta(days=9)), by=maya)
    assert other.id != meeting.id
    the_session.refresh(meeting)
    assert meeting.became is Became.PASSED


# Promises


def promises(referral: Referral) -> list[tuple[Kept | None, str]]:
    made = select(Promise).where(Promise.referral_id == referral.id).order_by(Promise.made_at)
    return [(promise.kept, promise.by_day.isoformat()) for promise in the_session.scalars(made)]


def test_a_promise_comes_due_as_the_agency_closes_on_that_day(accepted: Referral) -> None:
    assert promises(accepted) == [(None, "2026-11-19")]
    assert due(accepted, "promise-due") == datetime(2026, 11, 19, 17, tzinfo=HERE)


def test_a_day_that_went_by_is_apologized_for_and_phoned_about(ana: Patient, accepted: Referral) -> None:
    with clock.held_at(datetime(2026, 11, 19, 17, 1, tzinfo=HERE)):
        silence.fire_due_clocks()
        silence.fire_due_clocks()
    assert waiting_for(ana) == ["promise-broken"]
    assert "viernes 20 de noviembre" in last_text(ana).body
    assert open_work(accepted.id) == {Kind.CALL_AGENCY}
    assert promises(accepted) == [(Kept.BROKEN, "2026-11-19")]


# While the patient is left alone


def left_alone(patient: Patient, by: StaffMember) -> None:
    patients.pause([patient], Why.HOSPITAL, THURSDAY.date() + timedelta(days=9), by=by)


def test_who_is_left_alone_is_reminded_and_not_asked(ana: Patient, maya: StaffMember, meeting: Appointment) -> None:
    del meeting
    left_alone(ana, maya)
    reminded(2)
    reminded(0.125)
    assert texts_to(ana)[-2:] == ["appointment-reminder-no-question"] * 2


def test_a_promise_to_somebody_who_is_left_alone_is_watched_and_not_apologized_for(
    ana: Patient, maya: StaffMember, accepted: Referral
) -> None:
    left_alone(ana, maya)
    with clock.held_at(datetime(2026, 11, 19, 17, 1, tzinfo=HERE)):
        silence.fire_due_clocks()
    assert promises(accepted) == [(Kept.BROKEN, "2026-11-19")]
    assert open_work(accepted.id) == {Kind.CALL_AGENCY}
    assert waiting_for(ana) == []


KEEPERS = [
    (Status.IN_PROGRESS, "", Kept.KEPT),
    (Status.COMPLETED, "", Kept.KEPT),
    (Status.ON_HOLD, "waitlist", Kept.MOOT),
    (Status.FAILED, "no-resources", Kept.MOOT),
]


@pytest.mark.parametrize(("new", "reason", "kept"), KEEPERS)
def test_what_the_agency_does_decides_about_its_promise(
    accepted: Referral, new: Status, reason: str, kept: Kept
) -> None:
    agency_says(accepted, new, reason)
    assert promises(accepted) == [(kept, "2026-11-19")]
    assert "promise-due" not in live_clocks(accepted)


def test_an_appointment_keeps_it(accepted: Referral, meeting: Appointment) -> None:
    del meeting
    assert promises(accepted) == [(Kept.KEPT, "2026-11-19")]


def test_a_patient_who_got_help_says_that_it_was_kept(accepted: Referral, maya: StaffMember) -> None:
    operations.record_answer(accepted, Says.GOT_HELP, how="staff", by=maya)
    assert promises(accepted) == [(Kept.KEPT, "2026-11-19")]


def test_another_day_in_time_is_another_promise(accepted: Referral, maya: StaffMember) -> None:
    with clock.held_at(NOW + timedelta(hours=1)):
        appointments.promise(accepted, datetime(2026, 11, 24, tzinfo=HERE).date(), by=maya)
    assert promises(accepted) == [(Kept.MOOT, "2026-11-19"), (None, "2026-11-24")]
    assert due(accepted, "promise-due") == datetime(2026, 11, 24, 17, tzinfo=HERE)


def test_another_day_too_late_leaves_the_first_broken(accepted: Referral, maya: StaffMember) -> None:
    with clock.held_at(datetime(2026, 11, 19, 17, 1, tzinfo=HERE)):
        silence.fire_due_clocks()
        appointments.promise(accepted, datetime(2026, 11, 24, tzinfo=HERE).date(), by=maya)
    assert promises(accepted) == [(Kept.BROKEN, "2026-11-19"), (None, "2026-11-24")]
    assert Kind.CALL_AGENCY not in open_work(accepted.id)


def test_a_promise_for_today_after_hours_has_the_next_day(ana: Patient) -> None:
    evening = datetime(2026, 11, 16, 18, tzinfo=HERE)
    with clock.held_at(evening):
        referral = make_referral(make_need(ana), status=Status.REQUESTED)
        operations.move(
            referral,
            Status.ACCEPTED,
            by=the_session.get_one(StaffMember, referral.owner_id),
            said_by=Actor.AGENCY,
            promised_by=evening.date(),
        )
    assert due(referral, "promise-due") == evening + timedelta(hours=23)


def test_a_reason_is_asked_for_as_ever(accepted: Referral, maya: StaffMember) -> None:
    with pytest.raises(Invalid):
        operations.move(accepted, Status.FAILED, by=maya, said_by=Actor.AGENCY, reason=Reason("bored"))


# Not reached


@pytest.mark.parametrize(("attempts", "taken"), [(None, False), (0, False), (3, False), (4, True), (7, True)])
def test_not_reached_may_be_said_after_four_attempts(
    accepted: Referral, maya: StaffMember, attempts: int | None, *, taken: bool
) -> None:
    why = Reason("cannot-contact", attempts=attempts)
    if taken:
        operations.move(accepted, Status.FAILED, by=maya, said_by=Actor.AGENCY, reason=why)
        assert accepted.transitions[-1].attempts == attempts
        return
    with pytest.raises(Invalid) as refused:
        operations.move(accepted, Status.FAILED, by=maya, said_by=Actor.AGENCY, reason=why)
    assert list(refused.value.fields) == ["attempts"]


def test_who_declines_because_nobody_answered_has_tried_as_often(ana: Patient, maya: StaffMember) -> None:
    asked = make_referral(make_need(ana))
    with pytest.raises(Invalid) as refused:
        operations.move(
            asked, Status.REJECTED, by=maya, said_by=Actor.AGENCY, reason=Reason("cannot-contact", attempts=3)
        )
    assert list(refused.value.fields) == ["attempts"]
    why = Reason("cannot-contact", attempts=4)
    assert operations.move(asked, Status.REJECTED, by=maya, said_by=Actor.AGENCY, reason=why).transitions[-1].attempts


def test_every_form_that_offers_the_reason_asks_how_often(client: FlaskClient, ana: Patient, maya: StaffMember) -> None:
    asked = make_referral(make_need(ana))
    rosa = make_staff(Role.AGENCY, organization=the_session.get_one(Organization, asked.organization_id))
    sign_in(client, maya)
    assert 'name="attempts"' in client.get(f"/referrals/{asked.id}/write-down/rejected").text
    sign_in(client, rosa)
    assert 'name="attempts"' in client.get(f"/inbox/{asked.id}?status=rejected").text
    assert 'value="cannot-contact"' not in client.get(f"/inbox/{asked.id}/onward").text


def test_a_missed_appointment_is_the_likely_reason(
    client: FlaskClient, accepted: Referral, meeting: Appointment, maya: StaffMember
) -> None:
    no_show = re.compile(r'value="no-show"[^>]* checked')
    rosa = make_staff(Role.AGENCY, organization=the_session.get_one(Organization, accepted.organization_id))
    pages = [(maya, f"/referrals/{accepted.id}/write-down/failed"), (rosa, f"/inbox/{accepted.id}?status=failed")]
    for staff, page in pages:
        sign_in(client, staff)
        assert not no_show.search(client.get(page).text)
    with clock.held_at(THURSDAY + timedelta(hours=1)):
        appointments.record_visit(meeting, came=False, by=maya)
        for staff, page in pages:
            sign_in(client, staff)
            assert no_show.search(client.get(page).text)


def test_after_three_calls_in_vain_somebody_goes_there(accepted: Referral, ana: Patient, maya: StaffMember) -> None:
    loop.call_instead(accepted, ana, "silent")
    for tried in range(3):
        item = the_session.scalars(select(WorkItem).where(WorkItem.done_at.is_(None))).one()
        assert item.detail["why"] == "silent"
        with clock.held_at(NOW + timedelta(days=tried)):
            worklist.finish(item, "not-reached", by=maya)
    visit = the_session.scalars(select(WorkItem).where(WorkItem.done_at.is_(None))).one()
    assert (visit.kind, visit.detail["why"]) == (Kind.CALL_INSTEAD, "look")
    with clock.held_at(NOW + timedelta(days=4)):
        worklist.finish(visit, "not-reached", by=maya)
    ways = [(one.way, one.outcome) for one in queries.attempts_made(accepted.id)]
    assert ways == [("text", "delivered"), *[("call", "not-reached")] * 3, ("visit", "not-reached")]
    assert queries.attempts(accepted.id) == 5


def test_the_second_text_goes_out_in_the_evening(accepted: Referral) -> None:
    """It was accepted at ten in the morning."""
    assert due(accepted, "ask-7") == datetime(2026, 11, 23, 17, 30, tzinfo=HERE)
    assert due(accepted, "ask-accepted-21") == datetime(2026, 12, 7, 10, tzinfo=HERE)


# What follows from “not yet”


def says_why(patient: Patient, barrier: int) -> None:
    text_from(phone_of(patient), "2")
    deliver_texts()
    text_from(phone_of(patient), str(barrier))


Row = tuple[int, Kind, str, list[str]]
BARRIERS: list[Row] = [
    (1, Kind.FOLLOW_BARRIER, "thanks-not-yet", ["contact"]),
    (2, Kind.OFFER_NEXT, "thanks-not-yet", ["capacity"]),
    (3, Kind.FOLLOW_BARRIER, "thanks-not-yet", []),
    (4, Kind.FOLLOW_BARRIER, "offer-ride", []),
    (5, Kind.FOLLOW_BARRIER, "thanks-not-yet", []),
    (6, Kind.FOLLOW_BARRIER, "thanks-not-yet", []),
]


@pytest.mark.parametrize("row", BARRIERS)
def test_each_barrier_has_its_own_next_action(
    ana: Patient, accepted: Referral, monkeypatch: pytest.MonkeyPatch, row: Row
) -> None:
    option, work, template, asked = row
    heard: list[str] = []
    monkeypatch.setitem(events._reactions, AgencyAsked, (lambda fact: heard.append(fact.what),))
    says_why(ana, option)
    assert open_work(accepted.id) == {work}
    assert last_text(ana).template == template
    assert heard == asked


def test_every_barrier_is_in_the_table() -> None:
    assert set(FOLLOW_UPS) == set(Barrier)


@pytest.mark.parametrize(
    ("answer", "template", "ride"), [("1", "thanks-needs-ride", True), ("2", "thanks-not-yet", False)]
)
def test_who_could_not_get_there_is_offered_a_ride(
    ana: Patient, accepted: Referral, answer: str, template: str, *, ride: bool
) -> None:
    says_why(ana, 4)
    deliver_texts()
    text_from(phone_of(ana), answer)
    the_session.refresh(accepted)
    assert last_text(ana).template == template
    assert (accepted.ride_need_id is not None) is ride
    assert open_work(accepted.id) == {Kind.FIND_RIDE if ride else Kind.FOLLOW_BARRIER}
