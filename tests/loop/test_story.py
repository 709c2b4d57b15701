"""The page of a referral tells what happened between the steps of the two sides, too."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session, scoped_session

from app import clock
from app.loop import by_hand, silence, words
from app.loop import operations as loop
from app.loop.clocks import Group
from app.patients import operations as patients
from app.patients.models import Patient
from app.patients.pauses import Why
from app.referrals import appointments
from app.referrals.lifecycle import Status
from app.referrals.models import Referral
from app.referrals.promises import Kept
from app.staff.models import StaffMember
from app.staff.permissions import Role
from app.worklist import operations as worklist
from app.worklist.kinds import Kind
from app.worklist.models import WorkItem
from tests.factories import (
    make_need,
    make_organization,
    make_patient,
    make_referral,
    make_service_at_location,
    make_staff,
    sign_in,
)
from tests.loop.steps import agency_says

Db = scoped_session[Session]

TUESDAY = datetime(2026, 12, 1, 15, tzinfo=UTC)


def sent_on_tuesday() -> tuple[StaffMember, Patient, Referral]:
    with clock.held_at(TUESDAY):
        maya = make_staff()
        ana = make_patient(maya)
        place = make_service_at_location(organization=make_organization("Eastside Pantry"))
        return maya, ana, make_referral(make_need(ana), place)


def life(client: FlaskClient, referral: Referral) -> list[str]:
    """The labels of the line of life, from top to bottom."""
    page = client.get(f"/referrals/{referral.id}").text.partition('aria-label="What happened and what comes next"')[2]
    return [re.sub(r"<[^>]*>", "", label) for label in re.findall(r'<p class="life__label">(.*?)</p>', page)]


def test_reminders_texts_and_calls_stand_where_they_happened(client: FlaskClient, session: Db) -> None:
    maya, ana, referral = sent_on_tuesday()
    with clock.held_at(TUESDAY + timedelta(days=1, hours=1)):
        silence.fire_due_clocks()
        loop.call_instead(referral, ana, "asked")
        worklist.finish(session.scalars(select(WorkItem)).one(), "done", by=maya, note="Knows about it")
    sign_in(client, maya)
    with clock.held_at(TUESDAY + timedelta(days=1, hours=2)):
        steps = life(client, referral)
        assert "Knows about it" in client.get(f"/referrals/{referral.id}").text
    assert steps[:4] == [
        "Sent to Eastside Pantry",
        "Text to Ana: waiting to be sent",
        "Eastside Pantry was reminded",
        "Calling Ana: done",
    ]
    assert steps[-1].startswith("Both sides agree: the loop is closed")


def test_the_agency_reads_nothing_of_that(client: FlaskClient, session: Db) -> None:  # noqa: ARG001
    maya, ana, referral = sent_on_tuesday()
    with clock.held_at(TUESDAY + timedelta(hours=1)):
        loop.call_instead(referral, ana, "asked")
    pantry = make_staff(Role.AGENCY)
    pantry.organization_id = referral.organization_id
    sign_in(client, pantry)
    page = client.get(f"/referrals/{referral.id}", follow_redirects=True).text
    assert "Text to Ana" not in page
    assert "Also asked" not in page
    assert maya.name not in page


def test_there_are_words_for_every_kind_of_work() -> None:
    assert set(words.WORK) == set(words.WORKED) == set(Kind)


def test_nobody_is_said_to_be_asked_on_a_day_of_a_pause_or_of_a_conversation(client: FlaskClient) -> None:
    maya, ana, referral = sent_on_tuesday()
    sign_in(client, maya)
    with clock.held_at(TUESDAY):
        agency_says(referral, Status.ACCEPTED)
        appointments.end_promise(referral, Kept.KEPT)  # what is next is the question
        loop.clear_clocks(referral, Group.PROMISE)
        assert "We ask Ana whether help came: Tuesday, Dec 8" in next_of(client, referral)
    with clock.held_at(TUESDAY + timedelta(days=6)):
        by_hand.take_over(ana, by=maya)
        assert "We ask Ana whether help came: Thursday, Dec 10" in next_of(client, referral)
        patients.pause([ana], Why.HOSPITAL, date(2026, 12, 12), by=maya)
        assert "We ask Ana whether help came: Saturday, Dec 12" in next_of(client, referral)
        patients.pause([ana], Why.HOSPITAL, date(2026, 12, 20), by=maya)
        assert "whether help came" not in next_of(client, referral), "the agency's silence comes first now"


def next_of(client: FlaskClient, referral: Referral) -> str:
    """What is still to come, as the line of life says it."""
    return life(client, referral)[-2]
