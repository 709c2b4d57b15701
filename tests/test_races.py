"""Two people act at the same moment, on connections of their own, as in production."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, text

from app import clock
from app.agencies import operations as agencies
from app.agencies import room
from app.agencies.models import CapacityQuestion
from app.audit.models import AuditEntry
from app.db import Base, session
from app.directory.models import Organization, Service
from app.errors import DomainError
from app.loop import by_hand, handover, rerouting
from app.loop import operations as loop
from app.messaging import operations as messaging
from app.messaging.delivery import State
from app.messaging.models import Message
from app.patients import operations as patients
from app.patients.endings import Ending
from app.patients.models import Patient, Pause
from app.patients.pauses import Why
from app.referrals import operations as referrals
from app.referrals.closing import Closure, Says
from app.referrals.lifecycle import Actor, Reason, Status
from app.referrals.models import Referral
from app.screening import operations as screening
from app.screening.models import Need, NeedStatus, Screening
from app.staff import operations as staff
from app.staff.models import StaffMember
from app.staff.permissions import Role
from app.worklist import operations as worklist
from app.worklist.models import WorkItem
from tests.factories import (
    make_contact,
    make_need,
    make_organization,
    make_patient,
    make_referral,
    make_service_at_location,
    make_staff,
)


@pytest.fixture
def committed(app: Flask) -> Iterator[Flask]:
    """The application with nothing rolled back: everything is emptied afterwards instead."""
    yield app
    with app.app_context():
        tables = ", ".join(f'"{table.name}"' for table in Base.metadata.sorted_tables)
        session.execute(text(f"TRUNCATE {tables}, procrastinate_jobs CASCADE"))
        session.commit()


@contextmanager
def moment(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield
        session.commit()


def together(app: Flask, *acts: Callable[[], object]) -> list[BaseException | None]:
    """Do all of it at once; what each was refused with."""
    start = threading.Barrier(len(acts))
    refused: list[BaseException | None] = [None] * len(acts)

    def act(number: int, what: Callable[[], object]) -> None:
        start.wait()
        try:
            with moment(app):
                what()
        except DomainError as error:
            refused[number] = error

    threads = [threading.Thread(target=act, args=numbered) for numbered in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return refused


@pytest.mark.parametrize("_again", range(4))
def test_two_agencies_that_decline_at_once_leave_the_need_open_for_the_next(committed: Flask, _again: int) -> None:
    with moment(committed):
        maya = make_staff()
        need = make_need(make_patient(maya))
        sent = [make_referral(need, make_service_at_location(), by=maya).id for _ in range(2)]
        need_id, maya_id = need.id, maya.id

    def decline(referral_id: uuid.UUID) -> None:
        referrals.move(
            session.get_one(Referral, referral_id),
            Status.REJECTED,
            by=session.get_one(StaffMember, maya_id),
            reason=Reason("language"),
            said_by=Actor.AGENCY,
        )

    assert together(committed, *[lambda referral_id=one: decline(referral_id) for one in sent]) == [None, None]
    with moment(committed):
        assert session.get_one(Need, need_id).status is NeedStatus.WANTS_HELP


@pytest.mark.parametrize("_again", range(4))
def test_two_screenings_that_end_at_once_find_one_need_between_them(committed: Flask, _again: int) -> None:
    with moment(committed):
        maya = make_staff()
        patient = make_patient(maya)
        started = []
        for _ in range(2):
            held = screening.start(patient, "hunger-vital-sign", "en", by=maya)
            screening.answer(held, {"food-worried": "often"})
            started.append(held.id)
        maya_id = maya.id

    def complete(screening_id: uuid.UUID) -> None:
        held = session.get_one(Screening, screening_id)
        screening.complete(held, by=session.get_one(StaffMember, maya_id))

    together(committed, *[lambda screening_id=one: complete(screening_id) for one in started])
    with moment(committed):
        assert session.query(Need).count() == 1


def received_by_two() -> tuple[uuid.UUID, list[uuid.UUID]]:
    """A request, and two people who might see to it where it was received."""
    maya = make_staff()
    referral = make_referral(make_need(make_patient(maya)), by=maya)
    organization = session.get_one(Organization, referral.organization_id)
    return referral.id, [make_staff(Role.AGENCY, organization=organization).id for _ in range(2)]


@pytest.mark.parametrize("_again", range(4))
def test_two_colleagues_who_take_the_same_request_at_once_one_has_it(committed: Flask, _again: int) -> None:
    with moment(committed):
        referral_id, colleagues = received_by_two()

    def take(staff_id: uuid.UUID) -> None:
        held, mine = session.get_one(Referral, referral_id), session.get_one(StaffMember, staff_id)
        referrals.assign(held, mine, was=None, by=mine)

    refused = together(committed, *[lambda staff_id=one: take(staff_id) for one in colleagues])
    with moment(committed):
        has_it = session.get_one(Referral, referral_id).assigned_to_id
    assert [error is None for error in refused] == [one == has_it for one in colleagues]


@pytest.mark.parametrize("_again", range(4))
def test_two_colleagues_who_accept_at_once_one_does_and_has_it(committed: Flask, _again: int) -> None:
    with moment(committed):
        referral_id, colleagues = received_by_two()

    def accept(staff_id: uuid.UUID) -> None:
        held, me = session.get_one(Referral, referral_id), session.get_one(StaffMember, staff_id)
        referrals.move(held, Status.ACCEPTED, by=me)
        referrals.take_if_free(held, by=me)

    refused = together(committed, *[lambda staff_id=one: accept(staff_id) for one in colleagues])
    with moment(committed):
        has_it = session.get_one(Referral, referral_id).assigned_to_id
    assert [error is None for error in refused] == [one == has_it for one in colleagues]


@pytest.mark.parametrize("_again", range(4))
def test_nobody_is_given_a_request_at_the_moment_they_leave(committed: Flask, _again: int) -> None:
    with moment(committed):
        referral_id, (rosa_id, tom_id) = received_by_two()
        admin_id = make_staff(Role.ADMINISTRATOR).id

    def give() -> None:
        held = session.get_one(Referral, referral_id)
        rosa, tom = session.get_one(StaffMember, rosa_id), session.get_one(StaffMember, tom_id)
        referrals.assign(held, tom, was=None, by=rosa)

    def leave() -> None:
        tom, admin = session.get_one(StaffMember, tom_id), session.get_one(StaffMember, admin_id)
        staff.set_active(tom, active=False, by=admin)

    together(committed, give, leave)
    with moment(committed):
        assert session.get_one(Referral, referral_id).assigned_to_id is None


@pytest.mark.parametrize("_again", range(4))
def test_the_last_place_of_a_day_is_given_once(committed: Flask, _again: int) -> None:
    with moment(committed):
        maya = make_staff()
        place = make_service_at_location()
        session.get_one(Service, place.service_id).intake_daily_limit = 1
        needs = [make_need(make_patient(maya)).id for _ in range(3)]
        maya_id, place_id = maya.id, place.id

    def send(need_id: uuid.UUID) -> None:
        referrals.send(session.get_one(Need, need_id), place_id, by=session.get_one(StaffMember, maya_id))

    refused = together(committed, *[lambda need_id=one: send(need_id) for one in needs])
    assert sorted(error is None for error in refused) == [False, False, True]


@pytest.mark.parametrize("_again", range(4))
def test_the_last_place_of_a_day_is_not_given_to_what_was_prepared_as_well(committed: Flask, _again: int) -> None:
    with moment(committed):
        maya = make_staff()
        place = make_service_at_location()
        session.get_one(Service, place.service_id).intake_daily_limit = 1
        need_id, maya_id, place_id = make_need(make_patient(maya)).id, maya.id, place.id
        first = make_referral(make_need(make_patient(maya)), by=maya)
        prepared = referrals.draft_instead(first, place.id)
        assert prepared
        prepared_id = prepared.id

    def send() -> None:
        referrals.send(session.get_one(Need, need_id), place_id, by=session.get_one(StaffMember, maya_id))

    def go_on() -> None:
        referrals.move(referrals.lock(prepared_id), Status.REQUESTED, by=None)

    refused = together(committed, send, go_on)
    assert sorted(error is None for error in refused) == [False, True]


@pytest.mark.parametrize("_again", range(6))
def test_a_yes_at_the_moment_the_clock_sends_it_sends_it_once(committed: Flask, _again: int) -> None:
    with moment(committed):
        first = make_referral()
        prepared = referrals.draft_instead(first, make_service_at_location().id)
        assert prepared
        prepared_id = prepared.id
    done: list[str] = []

    def agree() -> None:
        rerouting.agree(session.get_one(Referral, prepared_id))
        done.append("agreed")

    def send() -> None:
        with suppress(DomainError):
            rerouting.send_prepared(referrals.lock(prepared_id))
        done.append("sent")

    together(committed, agree, send)
    assert sorted(done) == ["agreed", "sent"], "nobody waited for the other for ever"
    with moment(committed):
        assert [step.new for step in session.get_one(Referral, prepared_id).transitions] == [Status.REQUESTED]
        assert handover.orphans().without_clock == 0


@pytest.mark.parametrize("_again", range(4))
def test_no_longer_needed_at_the_moment_they_accept_ends_it(committed: Flask, _again: int) -> None:
    with moment(committed):
        referral_id = make_referral().id

    def accept() -> None:
        agencies.answer(referral_id, Status.ACCEPTED, name="Rosa Diaz", how="link")

    def answer() -> None:
        referrals.record_answer(session.get_one(Referral, referral_id), Says.NO_LONGER_NEEDED, how="text")

    together(committed, accept, answer)
    with moment(committed):
        referral = session.get_one(Referral, referral_id)
        assert (referral.status, referral.closure) == (Status.CANCELLED, Closure.NOT_SERVED)
        assert session.get_one(Need, referral.need_id).status is NeedStatus.WITHDRAWN


def test_accepting_and_declining_at_once_one_wins_and_the_other_is_told(committed: Flask) -> None:
    with moment(committed):
        maya = make_staff()
        referral_id = make_referral(make_need(make_patient(maya)), by=maya).id
        maya_id = maya.id

    def answer(status: Status, reason: Reason | None = None) -> None:
        referrals.move(
            session.get_one(Referral, referral_id),
            status,
            by=session.get_one(StaffMember, maya_id),
            reason=reason,
            said_by=Actor.AGENCY,
        )

    refused = together(committed, lambda: answer(Status.ACCEPTED), lambda: answer(Status.REJECTED, Reason("language")))
    assert sorted(error is None for error in refused) == [False, True]
    with moment(committed):
        assert len(session.get_one(Referral, referral_id).transitions) == 2


@pytest.mark.parametrize("_again", range(3))
def test_of_several_places_that_accept_at_once_one_helps(committed: Flask, _again: int) -> None:
    with moment(committed):
        maya = make_staff()
        places = [make_service_at_location().id for _ in range(3)]
        asked = [one.id for one in referrals.send_together(make_need(make_patient(maya)), places, by=maya)]

    def accept(referral_id: uuid.UUID) -> None:
        agencies.answer(referral_id, Status.ACCEPTED, name="Luz", how="link")

    refused = together(committed, *[lambda referral_id=one: accept(referral_id) for one in asked])
    assert sum(error is not None for error in refused) == len(asked) - 1
    with moment(committed):
        stands = [session.get_one(Referral, referral_id).status for referral_id in asked]
        assert sorted(stands) == [Status.ACCEPTED, Status.CANCELLED, Status.CANCELLED]


# Texts written by hand


def texts_by_hand() -> list[Message]:
    return list(session.scalars(select(Message).where(Message.purpose == messaging.BY_HAND)))


def writes(patient_id: uuid.UUID, staff_id: uuid.UUID, body: str, key: uuid.UUID) -> Callable[[], object]:
    def write() -> object:
        patient, staff = session.get_one(Patient, patient_id), session.get_one(StaffMember, staff_id)
        return by_hand.write(patient, body, key, by=staff)

    return write


def test_of_two_people_who_answer_at_once_one_does(committed: Flask) -> None:
    with moment(committed):
        maya = make_staff()
        sam = make_staff(team=maya.team, name="Sam Okafor")
        patient = make_patient(maya)
        ids = patient.id, maya.id, sam.id
    for _round in range(5):
        refused = together(
            committed,
            writes(ids[0], ids[1], "Monday?", uuid.uuid4()),
            writes(ids[0], ids[2], "Tuesday?", uuid.uuid4()),
        )
        assert sum(error is not None for error in refused) == 1
        with moment(committed):
            (message,) = texts_by_hand()
            taken = by_hand.who_has(ids[0])
            assert taken is not None
            assert message.written_by == taken.staff_id
            by_hand.give_back(session.get_one(Patient, ids[0]), by=session.get_one(StaffMember, ids[1]))
            session.delete(message)


def test_two_clicks_at_once_write_one_text(committed: Flask) -> None:
    with moment(committed):
        maya = make_staff()
        ids = make_patient(maya).id, maya.id
    key = uuid.uuid4()
    click = writes(*ids, "Monday?", key)
    assert together(committed, click, click) == [None, None]
    with moment(committed):
        assert len(texts_by_hand()) == 1


def test_of_two_decisions_about_a_held_text_one_counts(committed: Flask) -> None:
    with moment(committed):
        maya = make_staff()
        message = messaging.queue_text(
            to="+14105550177",
            recipient=make_patient(maya).id,
            regarding=None,
            purpose="test",
            dedupe_key="test",
            language="en",
            template="test",
            body="Hello",
            hold=messaging.LOOP,
        )
        ids = message.id, maya.id

    def decides(*, send: bool) -> Callable[[], object]:
        return lambda: by_hand.decide(
            session.get_one(Message, ids[0]), send=send, by=session.get_one(StaffMember, ids[1])
        )

    refused = together(committed, decides(send=True), decides(send=False))
    assert sum(error is not None for error in refused) == 1
    with moment(committed):
        state = session.get_one(Message, ids[0]).state
        assert state is (State.CANCELLED if refused[0] else State.QUEUED)


@pytest.mark.parametrize("_again", range(3))
def test_case_25_what_is_sent_at_the_moment_a_patient_ends_is_refused_or_cancelled(
    committed: Flask, _again: int
) -> None:
    with moment(committed):
        worker = make_staff()
        need, place = make_need(make_patient(worker)), make_service_at_location()
        need_id, patient_id, place_id, staff_id = need.id, need.patient_id, place.id, worker.id

    def send() -> None:
        referrals.send(session.get_one(Need, need_id), place_id, by=session.get_one(StaffMember, staff_id))

    def end() -> None:
        patients.end(patient_id, Ending.DECEASED, by=session.get_one(StaffMember, staff_id))

    refused = together(committed, send, end)
    assert refused[1] is None
    with moment(committed):
        assert set(session.scalars(select(Referral.status))) <= {Status.CANCELLED}
        assert set(session.scalars(select(Message.state))) <= {State.CANCELLED}
        assert (refused[0] is None) == bool(session.scalars(select(Referral.id)).all())


@pytest.mark.parametrize("_again", range(4))
def test_two_contacts_of_an_agency_answer_at_once_and_one_of_them_is_heard(committed: Flask, _again: int) -> None:
    with moment(committed):
        referral_id = make_referral().id

    def answer(new: Status, reason: Reason | None = None) -> None:
        agencies.answer(referral_id, new, name="Rosa Diaz", how="link", reason=reason)

    refused = together(committed, lambda: answer(Status.ACCEPTED), lambda: answer(Status.REJECTED, Reason("language")))
    assert sorted(error is None for error in refused) == [False, True]
    with moment(committed):
        assert len(session.get_one(Referral, referral_id).transitions) == 2


@pytest.mark.parametrize("_again", range(4))
def test_a_double_tap_of_a_contact_is_one_answer(committed: Flask, _again: int) -> None:
    with moment(committed):
        referral_id = make_referral().id

    def accept() -> None:
        agencies.answer(referral_id, Status.ACCEPTED, name="Rosa Diaz", how="link")

    assert together(committed, accept, accept) == [None, None]
    with moment(committed):
        assert len(session.get_one(Referral, referral_id).transitions) == 2


def test_two_workers_ask_an_agency_once_whether_it_takes_people_in(committed: Flask) -> None:
    with moment(committed):
        organization = make_organization()
        make_contact(organization)
        make_referral(at=make_service_at_location(organization=organization))
    together(committed, room.ask_who_is_due, room.ask_who_is_due)
    with moment(committed):
        assert session.query(CapacityQuestion).count() == 1


@pytest.mark.parametrize("_again", range(4))
def test_two_who_finish_the_same_work_at_once_one_is_told_so(committed: Flask, _again: int) -> None:
    with moment(committed):
        maya = make_staff()
        joel = make_staff(team=maya.team)
        ana = make_patient(maya)
        loop.call_instead(make_referral(make_need(ana)), ana, "silent")
        item_id, people = session.query(WorkItem).one().id, [maya.id, joel.id]

    def finish(staff_id: uuid.UUID) -> None:
        item = session.get_one(WorkItem, item_id)
        worklist.finish(item, "not-reached", by=session.get_one(StaffMember, staff_id), note="Rings")

    refused = together(committed, *[lambda staff_id=one: finish(staff_id) for one in people])
    assert refused.count(None) == 1
    with moment(committed):
        # It has come back once.
        assert session.query(WorkItem).count() == 2
        assert session.query(WorkItem).filter(WorkItem.done_at.is_(None)).count() == 1


@pytest.mark.parametrize("_again", range(4))
def test_what_goes_on_while_somebody_hands_over_is_nobodys_orphan(committed: Flask, _again: int) -> None:
    with moment(committed):
        maya = make_staff()
        joel = make_staff(team=maya.team)
        ana = make_patient(maya)
        need, other = make_need(ana), make_need(ana, "housing")
        referral = make_referral(need)
        place = make_service_at_location(needs=("food",))
        house = make_service_at_location(needs=("housing",))
        people, referral_id, other_id, house_id = (maya.id, joel.id), referral.id, other.id, house.id
        assert place.id != house.id

    def decline() -> None:
        """Another place is asked by itself, in the name of whoever answers for the first."""
        referrals.move(
            session.get_one(Referral, referral_id),
            Status.REJECTED,
            by=session.get_one(StaffMember, people[0]),
            reason=Reason("outside-area"),
            said_by=Actor.AGENCY,
        )

    def send() -> None:
        referrals.send(session.get_one(Need, other_id), house_id, by=session.get_one(StaffMember, people[0]))

    def hand_over() -> None:
        of, to = (session.get_one(StaffMember, one) for one in people)
        handover.hand_over(of, to, by=of)

    assert together(committed, decline, send, hand_over) == [None, None, None]
    with moment(committed):
        assert session.query(Referral).count() == 3
        assert {referral.owner_id for referral in session.query(Referral)} == {people[1]}
        assert not handover.caseload(people[0]).anything


@pytest.mark.parametrize("_again", range(4))
def test_two_who_pause_and_go_on_at_once_leave_one_pause_at_most(committed: Flask, _again: int) -> None:
    with moment(committed):
        maya = make_staff()
        patient_id, maya_id = make_patient(maya).id, maya.id
        day = clock.now().date() + timedelta(days=9)

    def pause() -> None:
        one, by = session.get_one(Patient, patient_id), session.get_one(StaffMember, maya_id)
        patients.pause([one], Why.TRAVEL, day, by=by)

    assert together(committed, pause, pause) == [None, None]
    with moment(committed):
        assert session.query(Pause).filter(Pause.ended_at.is_(None)).count() == 1
        held = session.query(Pause).filter(Pause.ended_at.is_(None)).one()
        held.since, held.until = clock.now() - timedelta(days=9), clock.now() - timedelta(days=1)
    together(committed, patients.end_pauses, patients.end_pauses)
    with moment(committed):
        assert session.query(Pause).filter(Pause.ended_at.is_(None)).count() == 0
        resumed = session.query(AuditEntry).filter(AuditEntry.action == "resumed")
        assert resumed.count() == 1
