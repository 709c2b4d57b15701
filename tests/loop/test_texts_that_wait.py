"""What becomes of texts that wait: for an hour of the day, or for a person."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session, scoped_session

from app.messaging import operations as messaging
from app.messaging.delivery import ANSWER
from app.messaging.models import Message
from app.patients import operations as patients
from app.patients.models import Patient
from app.patients.operations import Address, Particulars
from app.staff.models import StaffMember
from app.worklist.kinds import Kind
from app.worklist.models import WorkItem
from tests.factories import make_patient, make_referral

Db = scoped_session[Session]


def answer(patient: Patient, number: int) -> Message:
    return messaging.queue_text(
        to=patient.phones[0].number,
        recipient=patient.id,
        regarding=None,
        purpose="not-understood",
        dedupe_key=f"answer:{number}:{patient.id}",
        language="en",
        template="not-understood",
        body="We could not understand that.",
        priority=ANSWER,
    )


def test_case_29_the_care_team_is_told_once_that_a_machine_answers(session: Db, maya: StaffMember) -> None:
    patient = make_patient(maya)
    for number in range(9):
        answer(patient, number)
    (work,) = session.scalars(select(WorkItem).where(WorkItem.kind == Kind.READ_TEXT))
    assert (work.patient_id, work.owner_id, work.detail["why"]) == (patient.id, maya.id, "held-loop")


def test_a_text_about_a_referral_that_cannot_be_sent_is_its_owners_work(session: Db, maya: StaffMember) -> None:
    referral = make_referral(by=maya)
    messaging.queue_text(
        to="+14105550177",
        recipient=referral.patient_id,
        regarding=referral.id,
        purpose="test",
        dedupe_key="test",
        language="en",
        template="test",
        body="a" * 1601,
    )
    (work,) = session.scalars(select(WorkItem).where(WorkItem.kind == Kind.READ_TEXT))
    assert (work.referral_id, work.owner_id, work.detail["why"]) == (referral.id, maya.id, "held-too-long")


def test_case_26_texts_follow_a_patient_into_another_zone(session: Db, maya: StaffMember) -> None:
    referral = make_referral(by=maya)
    patient = session.get_one(Patient, referral.patient_id)
    moved = Particulars(
        given_name=patient.given_name,
        family_name=patient.family_name,
        birth_date=patient.birth_date,
        phone=patient.phones[0].number,
        language=patient.language,
        address=Address("100 West Washington Street", "Phoenix", "AZ", "85003"),
    )
    patients.change(patient, moved, by=maya)
    zones = session.scalars(select(Message.zone).where(Message.recipient == patient.id)).all()
    assert set(zones) == {"America/Phoenix"}
