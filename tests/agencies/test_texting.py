"""Contacts answer by text, with a code."""

from __future__ import annotations

from html import unescape

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session, scoped_session

from app.agencies import codes
from app.agencies.models import ReplyCode
from app.db import session as the_session
from app.directory.codes import CapacityStatus
from app.directory.models import Service
from app.loop import reading
from app.messaging.models import Message
from app.messaging.segments import count
from app.referrals import operations as referrals
from app.referrals.closing import Says
from app.referrals.lifecycle import Status
from app.referrals.models import Referral, Transition
from app.staff.models import StaffMember
from tests.agencies.steps import PHONE, Asked, asked, text_in, texts
from tests.factories import make_contact, make_need, make_organization, make_patient, make_referral, sign_in

Db = scoped_session[Session]

pytestmark = pytest.mark.usefixtures("session")


def say(case: Asked, words: str, phone: str = PHONE) -> str:
    """Text `words`, with CODE for the code; the answer, or nothing."""
    inbound = text_in(words.replace("CODE", case.code), phone)
    reading.read(inbound)
    assert inbound.processed_at is not None
    return answer_to(inbound.id)


def answer_to(inbound_id: object) -> str:
    return the_session.scalar(select(Message.body).where(Message.dedupe_key == f"agency-reply:{inbound_id}")) or ""


def status(session: Db, case: Asked) -> Status:
    session.refresh(case.referral)
    return case.referral.status


@pytest.mark.parametrize(
    ("words", "becomes", "reason"),
    [
        ("A CODE", Status.ACCEPTED, None),
        ("a  CODE.", Status.ACCEPTED, None),
        ("FULL CODE", Status.REJECTED, "at-capacity"),
        ("W CODE", Status.ON_HOLD, "waitlist"),
        ("DONE CODE", Status.COMPLETED, None),
        ("D CODE 3", Status.REJECTED, "outside-area"),
    ],
)
def test_a_code_answers(session: Db, words: str, becomes: Status, reason: str | None) -> None:
    case = asked()
    assert "Thank you" in say(case, words)
    assert (status(session, case), case.referral.reason_code) == (becomes, reason)
    names = session.scalars(
        select(Transition.by_name).where(Transition.referral_id == case.referral.id).order_by(Transition.number)
    ).all()
    assert names[-1] == "Rosa Diaz"


@pytest.mark.parametrize("words", ["Acepto CODE", "ACEPTO: CODE!", "accepted CODE", "CODE accept"])
def test_a_yes_may_be_said_as_people_say_it(session: Db, words: str) -> None:
    case = asked()
    assert "Thank you" in say(case, words)
    assert status(session, case) is Status.ACCEPTED


def test_a_yes_to_somebody_on_the_waiting_list_says_that_their_turn_has_come(session: Db) -> None:
    case = asked()
    say(case, "W CODE")
    for _ in range(2):
        assert "Thank you" in say(case, "A CODE")
        assert status(session, case) is Status.IN_PROGRESS


def test_full_pauses_the_service(session: Db) -> None:
    case = asked()
    say(case, "FULL CODE")
    assert session.get_one(Service, case.referral.service_id).capacity_status is CapacityStatus.NO_CAPACITY


def test_why_is_asked_once_and_a_number_says_it(session: Db) -> None:
    case = asked()
    question = say(case, "D CODE")
    assert "3 outside our area" in question
    assert status(session, case) is Status.REQUESTED
    assert "Thank you" in say(case, "2")
    assert (status(session, case), case.referral.reason_code) == (Status.REJECTED, "not-eligible")


def test_whoever_says_no_twice_has_said_enough(session: Db) -> None:
    case = asked()
    say(case, "D CODE")
    say(case, "D CODE")
    assert (status(session, case), case.referral.reason_code) == (Status.REJECTED, "other")


def test_a_mistyped_code_is_answered_and_never_guessed(session: Db) -> None:
    case = asked()
    code = case.code
    for wrong in (f"{code[:4]}{(int(code[4]) + 1) % 10}", f"{code[1]}{code[0]}{code[2:]}", code[:4], f"{code}0"):
        if wrong != code:
            assert "do not know this code" in say(case, f"A {wrong}")
    other = next(made for made in codes.candidates(99) if made != code)
    assert "do not know this code" in say(case, f"A {other}")
    assert status(session, case) is Status.REQUESTED


def test_only_the_phone_of_a_contact_of_that_agency_counts(session: Db) -> None:
    case = asked()
    make_contact(make_organization(), phone="+14105550778", email="")
    assert "do not know this code" in say(case, "A CODE", "+14105550778")
    assert say(case, "A CODE", "+14105550779") == ""
    assert status(session, case) is Status.REQUESTED


def test_what_is_answered_already_is_not_changed(session: Db) -> None:
    case = asked()
    say(case, "A CODE")
    assert "Nothing was changed" in say(case, "FULL CODE")
    assert status(session, case) is Status.ACCEPTED


def test_the_same_text_twice_says_it_once(session: Db) -> None:
    case = asked()
    say(case, "A CODE")
    assert "Thank you" in say(case, "A CODE")
    steps = session.scalars(
        select(Transition.new).where(Transition.referral_id == case.referral.id).order_by(Transition.number)
    ).all()
    assert steps.count(Status.ACCEPTED) == 1


def test_a_phone_that_is_a_patients_as_well_reads_codes_first(session: Db) -> None:
    """A number alone is theirs as a patient, whatever they declined as a contact."""
    case = asked()
    patient = make_patient(phone=PHONE)
    theirs = make_referral(make_need(patient), status=Status.ACCEPTED)
    say(case, "D CODE")
    assert say(case, "1") == ""
    session.refresh(theirs)
    assert theirs.patient_says is Says.GOT_HELP
    assert status(session, case) is Status.REQUESTED
    say(case, "A CODE")
    assert status(session, case) is Status.ACCEPTED


def test_a_code_that_means_two_things_is_not_guessed(session: Db) -> None:
    """Somebody answers for two agencies from one phone, and both know the code."""
    case, other = asked(), asked()
    session.get_one(ReplyCode, other.referral.id).code = case.code
    session.flush()
    assert "do not know this code" in say(case, "A CODE")
    assert status(session, case) is Status.REQUESTED


def test_what_was_recalled_cannot_be_accepted(session: Db) -> None:
    case = asked()
    referrals.move(case.referral, Status.ENTERED_IN_ERROR, by=None)
    assert "Nothing was changed" in say(case, "A CODE")
    assert session.get_one(Referral, case.referral.id).status is Status.ENTERED_IN_ERROR


def test_texts_to_contacts_are_short() -> None:
    case = asked()
    (text,) = texts(case.contact)
    counted = count(text)
    assert counted.encoding == "GSM-7"
    assert counted.segments <= 2


def test_a_contact_who_texts_something_else_hears_what_is_understood(session: Db) -> None:
    case = asked()
    assert "a word and the code" in say(case, "We will look into it")
    assert status(session, case) is Status.REQUESTED


def test_what_a_contact_texts_besides_is_read_as_theirs(client: FlaskClient, session: Db) -> None:
    """And not linked to a patient, as a number that nobody knows may be."""
    case = asked()
    say(case, "We will look into it")
    sign_in(client, session.get_one(StaffMember, case.referral.owner_id))
    page = unescape(client.get("/today").text)
    assert f"{case.contact.name}, {case.organization.name}, has sent a text" in page
    assert "Whose number is this?" not in page
    assert "belongs to no patient" not in page
