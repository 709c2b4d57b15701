"""A patient dies, moves away, or asks to be forgotten: acceptance case 25, against the real database."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from app import clock
from app.db import session as the_session
from app.errors import DomainError
from app.loop import operations, silence
from app.messaging import jobs
from app.messaging import operations as messaging
from app.messaging import queries as messages
from app.messaging.delivery import State
from app.messaging.gateways import ConsoleGateway
from app.messaging.models import Attempt, Callback, Inbound, Message
from app.patients import endings
from app.patients import operations as patients
from app.patients import queries as patient_queries
from app.patients.endings import Ending
from app.patients.models import ConsentKind, Patient, PatientPhone
from app.referrals import operations as referrals
from app.referrals.closing import Closure
from app.referrals.lifecycle import Reason, Status
from app.referrals.models import NoneWanted, Referral, Transition
from app.screening import operations as screening
from app.screening.models import Need
from app.staff.models import StaffMember
from app.worklist.kinds import Kind
from tests.factories import make_need, make_patient, make_referral, make_screening, make_service_at_location
from tests.loop.steps import last_text_to, live_clocks, open_work, phone_of, text_from, waiting_for, work

ENDINGS = [(Ending.DECEASED, "deceased"), (Ending.MOVED, "moved"), (Ending.DELETED, "withdrawn-by-patient")]


def gone(patient: Patient, how: Ending = Ending.MOVED) -> None:
    patients.end(patient.id, how, by=the_session.get_one(StaffMember, patient.lead_id))
    the_session.expire_all()


@pytest.mark.parametrize(("how", "reason"), ENDINGS)
def test_case_25_what_waits_is_cancelled_and_the_agency_hears_why(
    ana: Patient, accepted: Referral, how: Ending, reason: str
) -> None:
    phone = phone_of(ana)
    assert waiting_for(ana)
    gone(ana, how)
    assert (accepted.status, accepted.reason_code) == (Status.CANCELLED, reason)
    assert not the_session.scalars(select(Message).where(Message.phone == phone, Message.state == State.QUEUED)).all()
    assert operations.open_question(phone) is None
    assert live_clocks(accepted) == set()
    assert not open_work(accepted.id)


@pytest.mark.parametrize(("how", "reason"), ENDINGS)
def test_case_25_nobody_is_asked_about_help_that_was_given(
    ana: Patient, served: Referral, how: Ending, reason: str
) -> None:
    del reason
    gone(ana, how)
    assert (served.status, served.closure) == (Status.COMPLETED, Closure.UNCONFIRMED)
    assert live_clocks(served) == set()
    with clock.held_at(clock.now() + timedelta(days=60)):
        assert silence.fire_due_clocks() == 0


@pytest.mark.parametrize(("how", "reason"), ENDINGS)
def test_case_25_a_late_reply_is_an_unknown_number_and_changes_nothing(
    ana: Patient, served: Referral, how: Ending, reason: str
) -> None:
    del reason
    phone = phone_of(ana)
    gone(ana, how)
    arrived = text_from(phone, "1")
    assert (arrived.result, arrived.recipient) == ("unknown-number", None)
    assert served.patient_says is None
    assert ana.phones == []
    (answer,) = the_session.scalars(select(Message).where(Message.phone == phone, Message.state == State.QUEUED))
    assert (answer.template, answer.recipient) == ("unknown-number", None)
    (item,) = work(Kind.READ_TEXT)
    assert (item.team_id, item.patient_id, item.inbound_id) == (None, None, arrived.id)


@pytest.mark.parametrize(("how", "reason"), ENDINGS)
def test_case_25_a_late_failure_is_kept_and_nothing_is_sent_again(
    ana: Patient, accepted: Referral, how: Ending, reason: str
) -> None:
    del accepted, reason
    phone = phone_of(ana)
    message = last_text_to(phone)
    attempt = Attempt(message_id=message.id, number=1, started_at=clock.now())
    message.state, message.lease_until = State.SENDING, clock.now()
    the_session.add(attempt)
    the_session.flush()  # what is reported finds it there
    messaging.hear(message, "SM1", "sent", None, attempt)
    gone(ana, how)
    messaging.record_status(message.id, {"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "30003"})
    assert jobs.claim_next(ConsoleGateway()) is None
    the_session.expire_all()
    assert message.state is State.UNDELIVERED
    assert not work(Kind.CALL_INSTEAD)
    assert ana.ended is how
    assert the_session.scalars(select(Callback.status)).all() == ["undelivered"]


@pytest.mark.parametrize(("how", "reason"), ENDINGS)
def test_case_25_nothing_new_is_begun_and_one_sentence_says_why(
    ana: Patient, maya: StaffMember, how: Ending, reason: str
) -> None:
    del reason
    need, place = make_need(ana), make_service_at_location()
    gone(ana, how)
    sentence = endings.refused(how)
    for attempt in (
        lambda: screening.start(ana, "loopline-core", "en", by=maya),
        lambda: screening.decide(need, wants_help=True, by=maya),
        lambda: referrals.send(need, place.id, by=maya),
        lambda: patients.record_consent(ana, ConsentKind.TEXT, given=True, how="spoken", language="es", by=maya),
    ):
        with pytest.raises(DomainError) as refused:
            attempt()
        assert refused.value.sentence == sentence
    assert patient_queries.reach(ana).why_not == "ended"


def test_case_25_who_shares_the_phone_is_still_reached(ana: Patient, maya: StaffMember, served: Referral) -> None:
    phone = phone_of(ana)
    luis = make_patient(maya, given_name="Luis", phone=phone)
    theirs = make_referral(make_need(luis), status=Status.ACCEPTED)
    gone(ana)
    question = operations.open_question(phone)
    assert question
    assert question.referral_id == theirs.id
    assert text_from(phone, "1").recipient == luis.id
    assert served.patient_says is None


def test_case_25_a_text_that_speaks_of_danger_stays_with_a_person(ana: Patient) -> None:
    text_from(phone_of(ana), "quiero morirme")
    gone(ana)
    assert [item.patient_id for item in work(Kind.URGENT_TEXT)] == [ana.id]


def test_case_25_deleted_data_are_gone_and_the_evidence_stays(ana: Patient, maya: StaffMember) -> None:
    phone = phone_of(ana)
    patients.set_safe_contact(ana, text_nothing=False, voicemail_ok=False, note="Her brother listens", by=maya)
    held = make_screening(ana, maya)
    screening.answer(held, {"living-now": "steady"})
    need = make_need(ana)
    referral = make_referral(need, note="She has a dog")
    referrals.want_none(need, [], Reason("other", "Too far for Ana"), by=maya)
    text_from(phone, "My name is Ana Reyes")
    gone(ana, Ending.DELETED)

    assert (ana.name, ana.search_name, ana.line1, ana.postal_code) == ("\u2014", "", "", "")
    assert (ana.birth_date, ana.latitude, ana.safe_contact) == (date(1985, 1, 1), None, None)
    assert {line.body for line in messages.conversation(ana.id)} == {""}
    assert not the_session.scalars(select(Inbound.raw).where(Inbound.recipient == ana.id, Inbound.raw != b"")).all()
    assert (held.answers, need.because, referral.note, referral.why) == ({}, [], "", [])
    assert the_session.scalars(select(NoneWanted.reason_text)).all() == [""]
    assert [said.kind for said in patient_queries.consents(ana.id)] == [ConsentKind.TEXT, ConsentKind.SHARE]
    assert the_session.scalars(select(PatientPhone.number).where(PatientPhone.patient_id == ana.id)).all() == [phone]
    assert [step.new for step in referral.transitions] == [Status.REQUESTED, Status.CANCELLED]


def test_case_25_after_a_deletion_evidence_is_as_unchangeable_as_before(ana: Patient) -> None:
    make_referral(make_need(ana))
    gone(ana, Ending.DELETED)
    with pytest.raises(DBAPIError, match="never changed"), the_session.begin_nested():
        the_session.execute(update(Transition).values(reason_text="Ana"))


@pytest.mark.parametrize("how", [Ending.DECEASED, Ending.MOVED])
def test_case_25_a_mistake_is_taken_back(ana: Patient, maya: StaffMember, accepted: Referral, how: Ending) -> None:
    phone = phone_of(ana)
    gone(ana, how)
    patients.take_back_ending(ana.id, by=maya)
    the_session.expire_all()
    assert patient_queries.reach(ana).phone == phone
    assert accepted.status is Status.CANCELLED  # the agency was told
    (item,) = work(Kind.OFFER_NEXT)
    assert (item.referral_id, item.detail["why"]) == (accepted.id, "came-back")
    make_referral(accepted_need(accepted), by=maya)


def accepted_need(referral: Referral) -> Need:
    return the_session.get_one(Need, referral.need_id)


def test_case_25_a_number_that_somebody_else_got_meanwhile_is_not_given_back(ana: Patient, maya: StaffMember) -> None:
    phone = phone_of(ana)
    gone(ana)
    zoe = make_patient(maya, given_name="Zoe", phone=phone)
    patients.take_back_ending(ana.id, by=maya)
    the_session.expire_all()
    assert (ana.phones, [held.number for held in zoe.phones]) == ([], [phone])


def test_case_25_a_deletion_cannot_be_taken_back_and_nobody_ends_twice(ana: Patient, maya: StaffMember) -> None:
    with pytest.raises(DomainError, match="Nothing is recorded"):
        patients.take_back_ending(ana.id, by=maya)
    gone(ana)
    with pytest.raises(DomainError, match="moved away"):
        gone(ana, Ending.DECEASED)
    gone(ana, Ending.DELETED)
    with pytest.raises(DomainError, match="deleted"):
        patients.take_back_ending(ana.id, by=maya)
