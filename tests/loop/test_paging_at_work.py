"""Case 32 as it happens: a text is stored, the worker reads it, and phones ring."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select, text

from app import clock
from app import jobs as queue
from app.db import Base, session
from app.messaging import operations as messaging
from app.messaging.models import Message
from app.staff import operations as staff
from app.staff.models import StaffMember
from app.worklist import paging
from app.worklist.models import WorkItem
from tests.factories import make_patient, make_staff
from tests.loop.steps import phone_of

NIGHT = datetime(2026, 11, 25, 7, 30, tzinfo=UTC)
MAYA, LEO = "+14105550141", "+14105550142"


@pytest.fixture
def committed(app: Flask) -> Iterator[Flask]:
    """The application with nothing rolled back: everything is emptied afterwards instead."""
    yield app
    with app.app_context():
        tables = ", ".join(f'"{table.name}"' for table in Base.metadata.sorted_tables)
        session.execute(text(f"TRUNCATE {tables}, procrastinate_jobs, procrastinate_periodic_defers CASCADE"))
        session.commit()


def drain(app: Flask) -> None:
    """Let workers work until nothing is due: one that is asked to work once does not wait for jobs of its own jobs."""
    for _again in range(10):
        queue.work(app, once=True)
        with app.app_context():
            due = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo' AND task_name !~ 'sweep'"
            if not session.execute(text(due)).scalar_one():
                return


def sent() -> dict[str, datetime | None]:
    session.rollback()
    return dict(session.execute(select(Message.phone, Message.accepted_at).order_by(Message.position)).all())


def test_case_32_the_worker_pages_within_the_minute_and_again_until_somebody_is_on_it(committed: Flask) -> None:
    with committed.app_context():
        maya = make_staff()
        leo = make_staff(team=maya.team, name="Leo")
        staff.set_paging(maya, phone=MAYA, on_call=False, by=maya)
        session.commit()
        ana = make_patient(maya)
        phone, maya_id, leo_id = phone_of(ana), maya.id, leo.id
        session.commit()
        with clock.held_at(NIGHT):
            messaging.receive(
                {"MessageSid": f"SM{1:032x}", "From": phone, "To": "+15005550006", "Body": "quiero morirme"}
            )
            session.commit()
    with clock.held_at(NIGHT + timedelta(seconds=30)):
        drain(committed)
        with committed.app_context():
            assert sent() == {MAYA: clock.now(), phone: clock.now()}
    with committed.app_context():
        leo = session.get_one(StaffMember, leo_id)
        staff.set_paging(leo, phone=LEO, on_call=True, by=leo)
        session.commit()
    with clock.held_at(NIGHT + timedelta(minutes=6)), committed.app_context():
        assert paging.page_due() == 1
        session.commit()
        assert paging.page_due() == 0
        session.commit()
        drain(committed)
        assert sent()[LEO] == clock.now()
        item = session.scalars(select(WorkItem)).one()
        paging.take(item, by=session.get_one(StaffMember, maya_id))
        session.commit()
    with clock.held_at(NIGHT + timedelta(hours=1)), committed.app_context():
        assert paging.page_due() == 0
