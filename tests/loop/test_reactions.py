"""Each row of the table of reactions, against the real database: a fact, and what the platform does about it."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, scoped_session

from app import clock, i18n
from app.directory import operations as directory
from app.directory.codes import CapacityStatus, ServiceStatus
from app.directory.models import DirectoryImport, Service
from app.events import ServicesChanged, ServicesWithdrawn, publish
from app.loop import operations, queries, reading, silence
from app.loop.models import Question
from app.matching.models import Bearing, Listing, PastOffer
from app.messaging import operations as messaging
from app.messaging import queries as messages
from app.messaging.delivery import State
from app.messaging.models import Message
from app.patients import operations as patients
from app.patients import queries as patient_queries
from app.patients.models import ConsentKind, Patient
from app.referrals import operations as referrals
from app.referrals.closing import Barrier, Closure, Says
from app.referrals.lifecycle import Reason, Status
from app.referrals.models import Referral, Transition
from app.screening.models import Need, NeedStatus
from app.staff.models import StaffMember
from app.staff.permissions import Role
from app.worklist import operations as worklist
from app.worklist.kinds import Kind
from app.worklist.models import WorkItem
from tests.factories import make_need, make_patient, make_referral, make_service_at_location, make_staff, make_team
from tests.loop.steps import (
    agency_says,
    deliver_texts,
    let_pass,
    live_clocks,
    open_work,
    phone_of,
    text_from,
    texts_to,
    waiting_for,
)

Db = scoped_session[Session]

TUESDAY = datetime(2026, 11, 24, 15, tzinfo=UTC)


@pytest.fixture
def referral(ana: Patient) -> Referral:
    return make_referral(make_need(ana))


def owner_of(referral: Referral, session: Db) -> StaffMember:
    return session.get_one(StaffMember, referral.owner_id)


# A referral moves: the patient hears of it

TOLD = [
    ((Status.REQUESTED, ""), "referral-sent"),
    ((Status.ACCEPTED, ""), "referral-accepted"),
    ((Status.REJECTED, "not-eligible"), "referral-declined"),
]


@pytest.mark.parametrize(("step", "template"), TOLD)
def test_the_patient_hears_of_a_step(ana: Patient, referral: Referral, step: tuple[Status, str], template: str) -> None:
    if step[0] is not Status.REQUESTED:
        agency_says(referral, *step)
    assert waiting_for(ana) == [template]


def test_a_waiting_list_is_told_and_when_their_turn_has_come(ana: Patient, referral: Referral) -> None:
    agency_says(referral, Status.ACCEPTED)
    agency_says(referral, Status.ON_HOLD, "waitlist")
    assert waiting_for(ana) == ["referral-waiting"]
    agency_says(referral, Status.IN_PROGRESS)
    assert waiting_for(ana) == ["status-accepted"]


def test_work_under_way_is_not_told(ana: Patient, referral: Referral) -> None:
    agency_says(referral, Status.ACCEPTED)
    agency_says(referral, Status.IN_PROGRESS)
    assert waiting_for(ana) == []


def test_the_text_is_in_the_language_of_the_patient_and_gives_nothing_away(referral: Referral, session: Db) -> None:
    text = session.scalars(select(Message).where(Message.regarding == referral.id)).one()
    assert text.language == "es"
    assert "solicitud fue enviada" in text.body
    assert not any(word in text.body.lower() for word in ("food", "comida", "pantry", "reyes", "ana "))


def test_news_withdraws_the_text_about_the_step_before(ana: Patient, referral: Referral) -> None:
    agency_says(referral, Status.ACCEPTED)
    assert texts_to(ana, State.CANCELLED) == ["referral-sent"]
    assert waiting_for(ana) == ["referral-accepted"]


def test_accepting_asks_whether_help_came(ana: Patient, referral: Referral) -> None:
    agency_says(referral, Status.ACCEPTED)
    asked = operations.open_question(phone_of(ana))
    assert asked is not None
    assert (asked.referral_id, asked.asks) == (referral.id, operations.GOT_HELP)


def test_accepting_without_a_day_promises_three_business_days(ana: Patient) -> None:
    with clock.held_at(TUESDAY):
        referral = make_referral(make_need(ana), status=Status.ACCEPTED)
    assert referral.promised_by == datetime(2026, 11, 30, tzinfo=UTC).date()  # Thanksgiving is none


def test_a_second_referral_does_not_ask_while_a_question_is_open(ana: Patient, referral: Referral) -> None:
    other = make_referral(make_need(ana, "transport"), make_service_at_location(needs=["transport"]))
    agency_says(referral, Status.ACCEPTED)
    agency_says(other, Status.ACCEPTED)
    assert waiting_for(ana) == ["referral-accepted", "referral-accepted-no-question"]


def test_the_question_that_had_to_wait_comes_when_the_first_is_answered(ana: Patient, referral: Referral) -> None:
    other = make_referral(make_need(ana, "transport"), make_service_at_location(needs=["transport"]))
    agency_says(referral, Status.ACCEPTED)
    agency_says(other, Status.ACCEPTED)
    text_from(phone_of(ana), "1")
    asked = operations.open_question(phone_of(ana))
    assert asked is not None
    assert asked.referral_id == other.id
    assert waiting_for(ana)[-1] == "ask-got-help"


# A referral moves: the need, the directory, matching

DERIVED = [
    ([], NeedStatus.PLANNED),
    ([(Status.ACCEPTED, "")], NeedStatus.IN_PROGRESS),
    ([(Status.REJECTED, "outside-area")], NeedStatus.WANTS_HELP),
    ([(Status.ACCEPTED, ""), (Status.FAILED, "no-show")], NeedStatus.WANTS_HELP),
    ([(Status.ACCEPTED, ""), (Status.COMPLETED, "")], NeedStatus.IN_PROGRESS),  # until the patient says so
]


@pytest.mark.parametrize(("steps", "status"), DERIVED)
def test_the_need_follows(referral: Referral, steps: list[tuple[Status, str]], status: NeedStatus, session: Db) -> None:
    for step in steps:
        agency_says(referral, *step)
    assert session.get_one(Need, referral.need_id).status is status


def test_being_full_pauses_the_service_for_everybody(referral: Referral, session: Db) -> None:
    agency_says(referral, Status.REJECTED, "at-capacity")
    service = session.get_one(Service, referral.service_id, populate_existing=True)
    assert service.capacity_status is CapacityStatus.NO_CAPACITY
    assert service.capacity_until is not None
    listed = session.scalars(select(Listing.capacity).where(Listing.service_id == service.id)).all()
    assert set(listed) == {CapacityStatus.NO_CAPACITY}


def test_another_reason_says_nothing_about_room(referral: Referral, session: Db) -> None:
    agency_says(referral, Status.REJECTED, "language")
    service = session.get_one(Service, referral.service_id, populate_existing=True)
    assert service.capacity_status is CapacityStatus.UNKNOWN


BEARINGS = [
    ([], Bearing.ASKED),
    ([(Status.REJECTED, "closed")], Bearing.ASKED),
    ([(Status.REJECTED, "patient-declined")], Bearing.DECLINED),
    ([(Status.ACCEPTED, "")], Bearing.HELPING),
    ([(Status.ACCEPTED, ""), (Status.FAILED, "no-resources")], Bearing.ASKED),
]


@pytest.mark.parametrize(("steps", "bearing"), BEARINGS)
def test_matching_knows_what_was_tried(
    referral: Referral, steps: list[tuple[Status, str]], bearing: Bearing, session: Db
) -> None:
    for step in steps:
        agency_says(referral, *step)
    known = session.scalars(select(PastOffer.bearing).where(PastOffer.service_id == referral.service_id)).all()
    assert known == [bearing]


def test_what_was_sent_by_mistake_was_never_tried(referral: Referral, maya: StaffMember, session: Db) -> None:
    referrals.move(referral, Status.ENTERED_IN_ERROR, by=maya)
    assert not session.scalars(select(PastOffer)).all()


# A referral moves: work and clocks


@pytest.mark.parametrize("reason", ["at-capacity", "closed", "outside-area", "not-eligible"])
def test_a_decline_asks_somebody_to_offer_the_next_match(referral: Referral, reason: str) -> None:
    agency_says(referral, Status.REJECTED, reason)
    assert open_work(referral.id) == {Kind.OFFER_NEXT}


def test_sending_the_next_match_is_doing_that_work(referral: Referral, session: Db) -> None:
    agency_says(referral, Status.REJECTED, "closed")
    make_referral(session.get_one(Need, referral.need_id))
    assert open_work(referral.id) == set()


def test_an_answer_ends_the_call_to_a_silent_agency(referral: Referral) -> None:
    operations.call_agency(referral, why="silent-2")
    agency_says(referral, Status.ACCEPTED)
    assert open_work(referral.id) == set()


def test_a_recall_for_silence_leads_to_the_next_match(referral: Referral, maya: StaffMember) -> None:
    referrals.move(referral, Status.CANCELLED, by=maya, reason=Reason("recalled-silence"))
    assert open_work(referral.id) == {Kind.OFFER_NEXT}


@pytest.mark.parametrize("reason", ["deceased", "moved", "withdrawn-by-patient"])
def test_nobody_is_called_about_what_has_ended_for_good(
    referral: Referral, maya: StaffMember, ana: Patient, reason: str
) -> None:
    operations.call_instead(referral, ana, "silent")
    operations.offer_next(referral, why="silence")
    referrals.move(referral, Status.CANCELLED, by=maya, reason=Reason(reason))
    assert open_work(referral.id) == set()


CLOCKS = [
    ([], {"nudge-1", "silent-2", "silent-4"}),
    ([(Status.ACCEPTED, "")], {"ask-7", "ask-accepted-21", "idle-14", "promise-due"}),
    ([(Status.ACCEPTED, ""), (Status.ON_HOLD, "waitlist")], {"hold-14"}),
    ([(Status.REJECTED, "closed")], set()),
]


@pytest.mark.parametrize(("steps", "names"), CLOCKS)
def test_each_status_waits_for_its_own(referral: Referral, steps: list[tuple[Status, str]], names: set[str]) -> None:
    for step in steps:
        agency_says(referral, *step)
    assert live_clocks(referral) == names


def test_an_urgent_need_is_phoned_within_two_working_hours(ana: Patient) -> None:
    with clock.held_at(TUESDAY):
        referral = make_referral(make_need(ana, urgent=True))
    assert live_clocks(referral) == {"urgent-call", "silent-1"}
    with clock.held_at(TUESDAY + timedelta(hours=2)):
        assert silence.fire_due_clocks() == 1
    assert open_work(referral.id) == {Kind.CALL_AGENCY}


def test_served_is_asked_about(ana: Patient, referral: Referral) -> None:
    agency_says(referral, Status.ACCEPTED)
    agency_says(referral, Status.COMPLETED)
    assert waiting_for(ana) == ["ask-served"]  # at once in a demonstration, on the third day otherwise
    assert {"ask-again", "call-patient", "give-up"} <= live_clocks(referral)


# The patient answers


@pytest.fixture
def served(referral: Referral) -> Referral:
    agency_says(referral, Status.ACCEPTED)
    agency_says(referral, Status.COMPLETED)
    return referral


def test_1_confirms(ana: Patient, served: Referral, session: Db) -> None:
    text_from(phone_of(ana), "1")
    assert served.closure is Closure.CONFIRMED
    assert session.get_one(Need, served.need_id).status is NeedStatus.MET
    assert texts_to(ana)[-1] == "thanks-got-help"
    assert live_clocks(served) == set()
    assert operations.open_question(phone_of(ana)) is None


def test_2_asks_why_and_3_says_so(ana: Patient, served: Referral) -> None:
    text_from(phone_of(ana), "2")
    assert served.closure is Closure.DISPUTED
    asked = operations.open_question(phone_of(ana))
    assert asked is not None
    assert asked.asks == operations.BARRIER
    assert texts_to(ana)[-1] == "ask-barrier"

    text_from(phone_of(ana), "3")
    assert (served.patient_says, served.barrier) == (Says.NOT_YET, Barrier.MISSING_PAPERS)
    assert texts_to(ana)[-1] == "thanks-not-yet"
    assert operations.open_question(phone_of(ana)) is None


def test_3_withdraws_what_is_no_longer_needed(ana: Patient, referral: Referral, session: Db) -> None:
    agency_says(referral, Status.ACCEPTED)
    text_from(phone_of(ana), "3")
    assert referral.status is Status.CANCELLED
    assert referral.reason_code == "withdrawn-by-patient"
    assert session.get_one(Need, referral.need_id).status is NeedStatus.WITHDRAWN
    assert texts_to(ana)[-1] == "thanks-no-longer-needed"
    assert open_work(referral.id) == set()


def test_a_contradiction_is_work_for_the_lead_of_the_team(session: Db) -> None:
    team = make_team()
    lead, maya = make_staff(Role.LEAD, team=team), make_staff(team=team)
    ana = make_patient(maya)
    referral = make_referral(make_need(ana), status=Status.COMPLETED)
    text_from(phone_of(ana), "2")
    item = session.scalars(select(WorkItem).where(WorkItem.referral_id == referral.id)).one()
    assert (item.kind, item.owner_id) == (Kind.RESOLVE_DISPUTE, lead.id)


def test_not_yet_before_the_agency_has_served_is_work_for_whoever_answers_for_it(
    ana: Patient, referral: Referral, session: Db
) -> None:
    agency_says(referral, Status.ACCEPTED)
    text_from(phone_of(ana), "2")
    item = session.scalars(select(WorkItem).where(WorkItem.referral_id == referral.id)).one()
    assert (item.kind, item.owner_id) == (Kind.FOLLOW_BARRIER, referral.owner_id)


def test_serving_after_not_yet_is_a_contradiction(ana: Patient, referral: Referral) -> None:
    agency_says(referral, Status.ACCEPTED)
    text_from(phone_of(ana), "2")
    agency_says(referral, Status.COMPLETED)
    assert Kind.RESOLVE_DISPUTE in open_work(referral.id)


def test_help_at_last_settles_the_contradiction(ana: Patient, served: Referral, maya: StaffMember) -> None:
    text_from(phone_of(ana), "2")
    referrals.record_answer(served, Says.GOT_HELP, how="staff", by=maya)
    assert served.closure is Closure.CONFIRMED
    assert open_work(served.id) == set()


def test_a_place_that_did_not_help_is_no_next_match(ana: Patient, served: Referral, session: Db) -> None:
    text_from(phone_of(ana), "2")
    assert session.scalars(select(PastOffer.bearing).where(PastOffer.service_id == served.service_id)).all() == [
        Bearing.ASKED
    ]


# Consent and phones


def test_withdrawn_consent_recalls_what_is_open(ana: Patient, referral: Referral, maya: StaffMember) -> None:
    patients.record_consent(ana, ConsentKind.SHARE, given=False, how="spoken", language="es", by=maya)
    assert (referral.status, referral.reason_code) == (Status.CANCELLED, "consent-revoked")
    assert waiting_for(ana) == []
    assert live_clocks(referral) == set()
    assert open_work(referral.id) == set()


def test_it_leaves_what_has_ended_alone(ana: Patient, served: Referral, maya: StaffMember) -> None:
    patients.record_consent(ana, ConsentKind.SHARE, given=False, how="spoken", language="es", by=maya)
    assert served.status is Status.COMPLETED


def test_withdrawn_consent_to_texts_takes_back_what_waits(ana: Patient, referral: Referral, maya: StaffMember) -> None:
    patients.record_consent(ana, ConsentKind.TEXT, given=False, how="spoken", language="es", by=maya)
    assert texts_to(ana, State.CANCELLED) == ["referral-sent"]
    agency_says(referral, Status.ACCEPTED)
    assert waiting_for(ana) == []
    assert open_work(referral.id) == {Kind.CALL_INSTEAD}


def test_text_nothing_holds_at_once(ana: Patient, referral: Referral, maya: StaffMember) -> None:
    patients.set_safe_contact(ana, text_nothing=True, voicemail_ok=False, note="", by=maya)
    agency_says(referral, Status.ACCEPTED)
    assert waiting_for(ana) == []
    assert open_work(referral.id) == {Kind.CALL_INSTEAD}


@pytest.mark.parametrize("word", ["STOP", "parar", "no más mensajes"])
def test_stop_holds_for_everybody_who_shares_the_phone(
    ana: Patient, maya: StaffMember, referral: Referral, word: str
) -> None:
    luis = make_patient(maya, given_name="Luis", phone=phone_of(ana))
    text_from(phone_of(ana), word)
    assert messages.is_suppressed(phone_of(ana))
    for patient in (ana, luis):
        assert not patient_queries.has_consent(patient.id, ConsentKind.TEXT)
    assert waiting_for(ana) == ["opted-out"]  # one confirmation, and nothing else
    assert open_work(referral.id) == {Kind.CALL_INSTEAD}


def test_a_carrier_that_has_confirmed_the_stop_is_not_repeated(ana: Patient, referral: Referral) -> None:
    text_from(phone_of(ana), "stop", opt_out="STOP")
    assert waiting_for(ana) == []
    assert open_work(referral.id) == {Kind.CALL_INSTEAD}


def test_after_stop_a_number_answers_nothing(ana: Patient, served: Referral) -> None:
    text_from(phone_of(ana), "STOP")
    text_from(phone_of(ana), "1")
    assert served.patient_says is None
    assert waiting_for(ana) == ["opted-out"]


def test_start_lets_texts_through_again(ana: Patient, referral: Referral) -> None:
    text_from(phone_of(ana), "STOP")
    text_from(phone_of(ana), "START")
    assert patient_queries.has_consent(ana.id, ConsentKind.TEXT)
    agency_says(referral, Status.ACCEPTED)
    assert waiting_for(ana)[-1] == "referral-accepted"


def test_help_is_answered_and_keeps_the_question_open(ana: Patient, served: Referral) -> None:
    text_from(phone_of(ana), "AYUDA")
    assert waiting_for(ana)[-1] == "help"
    text_from(phone_of(ana), "1")
    assert served.closure is Closure.CONFIRMED


# Texts that only a person can understand


def test_what_is_not_understood_goes_to_a_person_with_one_note_a_day(
    ana: Patient, served: Referral, session: Db
) -> None:
    text_from(phone_of(ana), "nadie abrió la puerta")
    text_from(phone_of(ana), "¿me escuchan?")
    items = session.scalars(select(WorkItem).where(WorkItem.kind == Kind.READ_TEXT)).all()
    assert [item.patient_id for item in items] == [ana.id, ana.id]
    assert texts_to(ana).count("not-understood") == 1
    assert served.patient_says is None


def test_a_number_that_belongs_to_nobody_is_everybodys_to_read(session: Db) -> None:
    text_from("+14435550999", "is this the clinic?")
    item = session.scalars(select(WorkItem)).one()
    assert (item.kind, item.team_id, item.patient_id) == (Kind.READ_TEXT, None, None)
    assert session.scalars(select(Message.template)).all() == ["unknown-number"]


def test_stop_from_a_number_that_belongs_to_nobody_is_heeded_in_silence(session: Db) -> None:
    text_from("+14435550999", "STOP")
    assert messages.is_suppressed("+14435550999")
    assert not session.scalars(select(Message)).all()


def test_of_two_patients_on_one_phone_the_one_who_was_asked_has_answered(
    ana: Patient, maya: StaffMember, served: Referral
) -> None:
    make_patient(maya, given_name="Luis", phone=phone_of(ana))
    inbound = text_from(phone_of(ana), "1")
    assert inbound.recipient == ana.id
    assert served.closure is Closure.CONFIRMED


def test_of_two_patients_on_one_phone_nobody_is_guessed(ana: Patient, maya: StaffMember, session: Db) -> None:
    make_patient(maya, given_name="Luis", phone=phone_of(ana))
    inbound = text_from(phone_of(ana), "1")
    assert inbound.recipient is None
    item = session.scalars(select(WorkItem)).one()
    assert (item.kind, item.team_id, item.patient_id) == (Kind.READ_TEXT, ana.team_id, None)


def test_reading_a_text_twice_answers_once(ana: Patient, served: Referral, session: Db) -> None:
    inbound = text_from(phone_of(ana), "2")
    before = texts_to(ana)
    reading.read(inbound)
    assert texts_to(ana) == before
    assert len(session.scalars(select(Transition).where(Transition.referral_id == served.id)).all()) == 3


# When a text cannot be


def test_nothing_about_safety_is_ever_texted(ana: Patient) -> None:
    referral = make_referral(make_need(ana, "safety"), make_service_at_location(needs=["safety"]))
    assert open_work(referral.id) == {Kind.CALL_INSTEAD}
    agency_says(referral, Status.ACCEPTED)
    agency_says(referral, Status.COMPLETED)
    assert texts_to(ana) == []
    assert operations.open_question(phone_of(ana)) is None


def test_a_question_that_cannot_be_asked_keeps_no_other_from_being_asked(ana: Patient, referral: Referral) -> None:
    safety = make_referral(make_need(ana, "safety"), make_service_at_location(needs=["safety"]))
    agency_says(safety, Status.ACCEPTED)
    agency_says(referral, Status.ACCEPTED)
    assert waiting_for(ana) == ["referral-accepted"]


def test_without_a_translation_a_person_calls(maya: StaffMember, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(i18n._catalogs, ("patient", "vi"), raising=False)
    thanh = make_patient(maya, given_name="Thanh", language="vi")
    referral = make_referral(make_need(thanh))
    agency_says(referral, Status.ACCEPTED)
    assert texts_to(thanh) == []
    assert open_work(referral.id) == {Kind.CALL_INSTEAD}
    assert operations.open_question(phone_of(thanh)) is None


@pytest.mark.parametrize("text", [False, None])
def test_without_consent_a_person_calls(maya: StaffMember, text: bool | None) -> None:  # noqa: FBT001  a row
    referral = make_referral(make_need(make_patient(maya, text=text)))
    assert open_work(referral.id) == {Kind.CALL_INSTEAD}


def test_without_a_phone_somebody_goes_there(maya: StaffMember) -> None:
    referral = make_referral(make_need(make_patient(maya, phone="")))
    assert open_work(referral.id) == {Kind.CALL_INSTEAD}


@pytest.mark.parametrize("state", [State.FAILED, State.UNDELIVERED, State.EXPIRED])
def test_a_text_that_did_not_arrive_becomes_a_call(referral: Referral, state: State, session: Db) -> None:
    text = session.scalars(select(Message).where(Message.regarding == referral.id)).one()
    text.sid = "SM1"
    messaging.end(text, state, "30006")
    assert open_work(referral.id) == {Kind.CALL_INSTEAD}


def test_a_text_that_arrived_is_nobodys_work(referral: Referral, session: Db) -> None:
    text = session.scalars(select(Message).where(Message.regarding == referral.id)).one()
    text.sid = "SM1"
    messaging.end(text, State.DELIVERED)
    assert open_work(referral.id) == set()


# Silence


def test_silence_is_asked_about_then_phoned_about_then_given_up(ana: Patient, maya: StaffMember, session: Db) -> None:
    with clock.held_at(TUESDAY):
        referral = make_referral(make_need(ana), status=Status.COMPLETED)
        deliver_texts()
    let_pass(TUESDAY, timedelta(days=11))
    assert texts_to(ana).count("ask-served") == 2
    let_pass(TUESDAY, timedelta(days=15))
    assert open_work(referral.id) == {Kind.CALL_INSTEAD}
    let_pass(TUESDAY, timedelta(days=25))
    calls = session.scalars(select(WorkItem).where(WorkItem.referral_id == referral.id, WorkItem.done_at.is_(None)))
    assert {call.detail["why"] for call in calls} == {"silent", "look"}
    let_pass(TUESDAY, timedelta(days=36))
    assert queries.attempts(referral.id) == 3
    assert referral.asked_out_at is None, "three attempts are not enough"
    call = session.scalars(select(WorkItem).where(WorkItem.purpose == f"referral:{referral.id}:check")).one()
    worklist.finish(call, "done", by=maya)
    let_pass(TUESDAY, timedelta(days=43))
    assert referral.closure is Closure.UNCONFIRMED
    assert live_clocks(referral) == set()


def test_a_silent_agency_is_phoned_and_then_the_next_match_offered(ana: Patient) -> None:
    with clock.held_at(TUESDAY):
        referral = make_referral(make_need(ana))
    let_pass(TUESDAY, timedelta(days=3))  # one of them is Thanksgiving
    assert open_work(referral.id) == {Kind.CALL_AGENCY}
    let_pass(TUESDAY, timedelta(days=7))
    assert open_work(referral.id) == {Kind.CALL_AGENCY, Kind.OFFER_NEXT}
    assert live_clocks(referral) == {"silent-4"}, "it waits for an answer, and is looked at again"


def test_a_clock_fires_once(ana: Patient) -> None:
    with clock.held_at(TUESDAY):
        make_referral(make_need(ana))
    with clock.held_at(TUESDAY + timedelta(days=1)):
        assert silence.fire_due_clocks() == 1
        assert silence.fire_due_clocks() == 0


def test_after_an_outage_the_steps_keep_their_distance(ana: Patient) -> None:
    """Three weeks without a worker: the agency is reminded, and has its days to answer before anything else happens."""
    with clock.held_at(TUESDAY):
        referral = make_referral(make_need(ana))
    back = TUESDAY + timedelta(days=21)
    with clock.held_at(back):
        assert silence.fire_due_clocks() == 1
        assert silence.fire_due_clocks() == 0
    assert open_work(referral.id) == set()
    assert live_clocks(referral) == {"silent-2", "silent-4"}
    assert referral.status is Status.REQUESTED


# Work, and the directory


def test_who_was_not_reached_comes_back(referral: Referral, ana: Patient, maya: StaffMember, session: Db) -> None:
    operations.call_instead(referral, ana, "silent")
    first = session.scalars(select(WorkItem)).one()
    worklist.finish(first, "not-reached", by=maya)
    again = session.scalars(select(WorkItem).where(WorkItem.done_at.is_(None))).one()
    assert (again.kind, again.purpose, again.detail) == (first.kind, first.purpose, first.detail)
    assert again.due_at > clock.now() + timedelta(hours=12)


@pytest.mark.parametrize("outcome", ["done", "not-needed"])
def test_what_is_done_stays_done(
    referral: Referral, ana: Patient, maya: StaffMember, outcome: str, session: Db
) -> None:
    operations.call_instead(referral, ana, "silent")
    worklist.finish(session.scalars(select(WorkItem)).one(), outcome, by=maya)
    assert open_work(referral.id) == set()


def test_what_the_directory_changes_is_offered_at_once(referral: Referral, session: Db) -> None:
    directory.set_capacity(referral.service_id, CapacityStatus.WAITLIST, None, "agency")
    listed = session.scalars(select(Listing.capacity).where(Listing.service_id == referral.service_id)).all()
    assert listed == [CapacityStatus.WAITLIST]


def test_a_service_that_has_ended_is_listed_no_more(referral: Referral, session: Db) -> None:
    session.get_one(Service, referral.service_id).status = ServiceStatus.DEFUNCT
    session.flush()
    publish(ServicesChanged((referral.service_id,)))
    assert not session.scalars(select(Listing).where(Listing.service_id == referral.service_id)).all()


def test_an_import_says_how_many_referrals_its_withdrawn_services_have(referral: Referral, session: Db) -> None:
    done = DirectoryImport(source="county", package="county", format="HSDS 3 tables")
    session.add(done)
    session.flush()
    publish(ServicesWithdrawn(import_id=done.id, service_ids=(referral.service_id, uuid.uuid4())))
    session.refresh(done)
    assert done.open_referrals == 1


def test_a_phone_is_asked_one_thing_at_a_time(ana: Patient, referral: Referral, session: Db) -> None:
    agency_says(referral, Status.ACCEPTED)
    agency_says(referral, Status.COMPLETED)
    asked = session.scalars(select(Question).where(Question.phone == phone_of(ana), Question.closed_at.is_(None))).all()
    assert len(asked) == 1


def test_a_new_spoken_consent_takes_an_earlier_stop_back(ana: Patient, referral: Referral, maya: StaffMember) -> None:
    text_from(phone_of(ana), "STOP")
    patients.record_consent(ana, ConsentKind.TEXT, given=True, how="spoken", language="es", by=maya)
    agency_says(referral, Status.ACCEPTED)
    assert waiting_for(ana)[-1] == "referral-accepted"


def test_a_phone_that_the_carrier_has_stopped_is_called(ana: Patient, referral: Referral) -> None:
    messaging.suppress(phone_of(ana), source="carrier")
    assert not patient_queries.has_consent(ana.id, ConsentKind.TEXT)
    agency_says(referral, Status.ACCEPTED)
    assert Kind.CALL_INSTEAD in open_work(referral.id)
