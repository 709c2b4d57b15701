"""Two people act at the same moment, on connections of their own, as in production."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from sqlalchemy import text

from app.db import Base, session
from app.errors import DomainError
from app.referrals import operations as referrals
from app.referrals.lifecycle import Actor, Reason, Status
from app.referrals.models import Referral
from app.screening import operations as screening
from app.screening.models import Need, NeedStatus, Screening
from app.staff.models import StaffMember
from tests.factories import make_need, make_patient, make_referral, make_service_at_location, make_staff


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
