"""Whatever people do, in whatever order, and however much time passes in between: some things never happen."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import func, select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session, scoped_session

from app import clock
from app.db import db
from app.db import session as the_session
from app.directory import operations as directory
from app.directory.codes import CapacityStatus
from app.directory.models import Service
from app.errors import DomainError
from app.loop import by_hand, rerouting
from app.loop.models import Question
from app.messaging.models import Inbound
from app.patients import operations as patients
from app.patients import queries as patient_queries
from app.patients.models import ConsentKind, Patient
from app.patients.pauses import Why
from app.referrals import appointments, intake
from app.referrals import operations as referrals
from app.referrals.closing import Says, need_status
from app.referrals.lifecycle import Actor, Reason, Status
from app.referrals.meetings import Plan
from app.referrals.models import PatientReport, Referral
from app.referrals.queries import voices_of_need
from app.reports.waiting import orphans
from app.screening.models import Need, NeedStatus
from app.simulation import halves, queries
from app.staff.models import StaffMember
from app.worklist import operations as worklist
from app.worklist.models import WorkItem
from tests.factories import make_need, make_patient, make_service_at_location, make_staff
from tests.loop.steps import deliver_texts, let_pass, phone_of, text_from

BEGINS = datetime(2027, 3, 10, 15, tzinfo=UTC)
"""Days before the change to summer time."""
TEXTS = ("1", "2", "3", "4", "sí", "no", "STOP", "START", "👍", "Liked “1 yes 2 no”", "1 or 2?", "ok", "¿quién es?")
ANSWERS = {"option", "yes", "no", "which-request"}

_REASONS = {
    Status.REJECTED: ("at-capacity", "not-eligible"),
    Status.ON_HOLD: ("waitlist",),
    Status.FAILED: ("no-show",),
    Status.CANCELLED: ("duplicate",),
}
_AGENCY_SAYS = (
    *((new, "") for new in (Status.ACCEPTED, Status.IN_PROGRESS, Status.COMPLETED)),
    *((new, reason) for new, reasons in _REASONS.items() for reason in reasons),
)

one_of = st.integers(0, 5)


class Loop(RuleBasedStateMachine):
    """Three patients, two of whom share a phone, four places, and everything that can be done through operations."""

    def __init__(self) -> None:
        super().__init__()
        self.now = BEGINS
        # The test's own connection stands in for the engine, and is rolled back with it.
        self.undo = cast("Connection", cast("object", db.engine)).begin_nested()
        with clock.held_at(self.now):
            self.maya: StaffMember = make_staff()
            first = make_patient(self.maya)
            people = [first, make_patient(self.maya, phone=phone_of(first)), make_patient(self.maya, language="en")]
            self.places = [
                make_service_at_location(needs=("food", "housing"), languages=("en", "es")) for _ in range(4)
            ]
            self.needs = [make_need(person, kind) for person in people for kind in ("food", "housing")]
            self.people = people

    def teardown(self) -> None:
        the_session.remove()
        self.undo.rollback()

    # What is done

    def _try(self, deed: Callable[[], Any]) -> None:
        """Somebody does something, and the rules may refuse it; afterwards all texts that may leave have left."""
        with clock.held_at(self.now):
            with suppress(DomainError), the_session.begin_nested():
                deed()
            the_session.flush()
            deliver_texts()
        the_session.expire_all()
        self.now += timedelta(minutes=7)

    def _referral(self, number: int) -> Referral | None:
        everything = the_session.scalars(select(Referral).order_by(Referral.created_at, Referral.status)).all()
        return everything[number % len(everything)] if everything else None

    @rule(need=one_of, place=one_of)
    def send(self, need: int, place: int) -> None:
        self._try(lambda: referrals.send(self.needs[need % 6], self.places[place % 4].id, by=self.maya))

    @rule(number=one_of, word=st.sampled_from(_AGENCY_SAYS))
    def agency_says(self, number: int, word: tuple[Status, str]) -> None:
        referral, (new, reason) = self._referral(number), word
        if referral:
            self._try(
                lambda: referrals.move(
                    referral,
                    new,
                    by=self.maya,
                    said_by=Actor.AGENCY,
                    reason=Reason(reason) if reason else None,
                    outcome=Reason("service-provided") if new is Status.COMPLETED else None,
                )
            )

    @rule(person=one_of, body=st.sampled_from(TEXTS))
    def patient_texts(self, person: int, body: str) -> None:
        self._try(lambda: text_from(phone_of(self.people[person % 3]), body))

    @rule(number=one_of, says=st.sampled_from(Says))
    def patient_tells_a_person(self, number: int, says: Says) -> None:
        referral = self._referral(number)
        if referral:
            self._try(lambda: referrals.record_answer(referral, says, how="staff", by=self.maya))

    @rule(person=one_of, kind=st.sampled_from(ConsentKind), given=st.booleans())
    def patient_agrees_or_not(self, person: int, kind: ConsentKind, *, given: bool) -> None:
        patient = self.people[person % 3]
        self._try(
            lambda: patients.record_consent(patient, kind, given=given, how="spoken", language="es", by=self.maya)
        )

    @rule(person=one_of, place=one_of)
    def patient_agrees_to_one_place_only(self, person: int, place: int) -> None:
        patient = self.people[person % 3]
        only = [the_session.get_one(Service, self.places[place % 4].service_id).organization_id]
        self._try(lambda: referrals.agree_to_tell(patient, only, how="spoken", by=self.maya))

    @rule(person=one_of, days=st.integers(0, 20))
    def patient_is_left_alone(self, person: int, days: int) -> None:
        patient = self.people[person % 3]
        until = self.now.astimezone(patient.zone).date() + timedelta(days=days)
        held = patient_queries.pause_of(patient.id)
        if held and days == 0:
            self._try(lambda: patients.resume(held.group_id, by=self.maya))
        else:
            self._try(lambda: patients.pause([patient], Why.TRAVEL, until, by=self.maya))

    @rule(person=one_of, back=st.booleans())
    def a_person_talks_with_the_patient(self, person: int, *, back: bool) -> None:
        patient = self.people[person % 3]
        self._try(lambda: (by_hand.give_back if back else by_hand.take_over)(patient, by=self.maya))

    @rule(number=one_of, hours=st.sampled_from((2, 30, 24 * 5, 24 * 30)))
    def they_agree_on_a_time(self, number: int, hours: int) -> None:
        referral = self._referral(number)
        if referral:
            plan = Plan(self.now + timedelta(hours=hours))
            self._try(lambda: appointments.schedule(referral, plan, by=self.maya))

    @rule(number=one_of, came=st.sampled_from((True, False, None)))
    def the_appointment_is_over(self, number: int, came: bool | None) -> None:  # noqa: FBT001
        referral = self._referral(number)
        appointment = appointments.ahead(referral.id) if referral else None
        if appointment and came is None:
            self._try(lambda: appointments.cancel(appointment, by=self.maya))
        elif appointment:
            self._try(lambda: appointments.record_visit(appointment, came=bool(came), by=self.maya))

    @rule(wanted=st.booleans())
    def what_was_prepared_is_decided(self, *, wanted: bool) -> None:
        draft = the_session.scalars(select(Referral).where(Referral.status == Status.DRAFT).limit(1)).first()
        if draft:
            self._try(lambda: (rerouting.agree if wanted else rerouting.veto)(draft))

    @rule(place=one_of, takes_in=st.sampled_from(("anybody", "nobody", "one")))
    def a_place_says_whether_it_takes_people_in(self, place: int, takes_in: str) -> None:
        service_id = self.places[place % 4].service_id
        status = CapacityStatus.NO_CAPACITY if takes_in == "nobody" else CapacityStatus.CAPACITY
        self._try(lambda: directory.set_capacity(service_id, status, None, "agency"))
        self._try(lambda: intake.set_limit(service_id, 1 if takes_in == "one" else None, by="agency"))

    @rule(number=one_of, outcome=st.sampled_from(worklist.OUTCOMES))
    def work_is_done(self, number: int, outcome: str) -> None:
        waiting = the_session.scalars(
            select(WorkItem).where(WorkItem.done_at.is_(None)).order_by(WorkItem.created_at, WorkItem.kind)
        ).all()
        if waiting:
            self._try(lambda: worklist.finish(waiting[number % len(waiting)], outcome, by=self.maya))

    @rule(hours=st.sampled_from((1, 20, 50, 24 * 8, 24 * 40)))
    def time_passes(self, hours: int) -> None:
        let_pass(self.now, timedelta(hours=hours))
        self.now += timedelta(hours=hours)
        self._try(lambda: None)

    # What never happens

    @invariant()
    def nobody_is_forgotten(self) -> None:
        assert orphans(select(Referral)) == 0

    @invariant()
    def nobody_is_texted_who_should_not_be(self) -> None:
        sent = list(queries._accepted_texts())
        assert not list(queries._outside_hours(sent))
        assert queries._after_stop(sent) == 0
        assert queries._doubled(sent) == 0

    @invariant()
    def one_question_at_a_time(self) -> None:
        open_on = select(Question.phone, Question.number).where(Question.closed_at.is_(None))
        several = open_on.group_by(Question.phone, Question.number).having(func.count() > 1)
        assert the_session.execute(several).all() == []

    @invariant()
    def only_an_explicit_answer_speaks_for_a_patient(self) -> None:
        for referral in the_session.scalars(select(Referral).where(Referral.patient_says.is_not(None))):
            newest = the_session.scalars(
                select(PatientReport)
                .where(PatientReport.referral_id == referral.id)
                .order_by(PatientReport.at.desc())
                .limit(1)
            ).one()
            assert newest.says is referral.patient_says
            if newest.how == "text":
                text = the_session.get_one(Inbound, newest.inbound_id)
                assert (text.meaning or "").split("-")[0] in ANSWERS, text.meaning

    @invariant()
    def needs_are_what_their_referrals_make_of_them(self) -> None:
        for need in self.needs:
            voices = voices_of_need(need.id)
            current = the_session.scalars(select(Need.status).where(Need.id == need.id)).one()
            if voices and current is not NeedStatus.DECLINES_HELP:
                assert current == need_status(voices)


def test_nothing_that_never_may_happen_ever_does(
    app: Flask,
    session: scoped_session[Session],  # noqa: ARG001  what it rolls back
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = app.extensions["settings"]
    monkeypatch.setitem(app.extensions, "settings", halves.settings_for(own.database_url, own))
    run_state_machine_as_test(
        Loop,
        settings=settings(
            max_examples=8,
            stateful_step_count=14,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_patients_of_the_machine_share_a_phone(session: scoped_session[Session]) -> None:
    machine = Loop()
    first, second, third = (session.get_one(Patient, person.id) for person in machine.people)
    assert phone_of(first) == phone_of(second) != phone_of(third)
    machine.teardown()
