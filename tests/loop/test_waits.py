"""Other waits than the table's: for an agency, for a need, never so that the steps change places."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session, scoped_session

from app import clock
from app.audit.models import AuditEntry
from app.loop import clocks, waits, words
from app.loop.clocks import STEPS, URGENT, Override, Refused
from app.loop.models import Clock, ClockOverride
from app.referrals.models import Referral
from app.staff.permissions import Role
from tests.factories import (
    make_need,
    make_organization,
    make_referral,
    make_service_at_location,
    make_staff,
    sign_in,
)

Db = scoped_session[Session]

A, B = uuid.UUID(int=1), uuid.UUID(int=2)

ALLOWED: list[tuple[Override, list[Override], Refused | None]] = [
    (Override("nudge-1", 1, A), [], None),
    (Override("no such step", 1, A), [], Refused.UNKNOWN),
    (Override("nudge-1", 0, A), [], Refused.TOO_SHORT),
    (Override("ask-7", 121, need="food"), [], Refused.TOO_LONG),
    # An agency is reminded after 1, phoned after 2 and recalled after 4 business days.
    (Override("nudge-1", 2, A), [], Refused.OUT_OF_ORDER),
    (Override("silent-2", 4, A), [], Refused.OUT_OF_ORDER),
    (Override("silent-2", 3, A), [], None),
    (Override("silent-4", 10, A), [], None),
    (Override("silent-2", 8, A), [Override("silent-4", 10, A)], None),
    # What is said of another agency does not help.
    (Override("silent-2", 8, A), [Override("silent-4", 10, B)], Refused.OUT_OF_ORDER),
    # Two that are in order each alone, for an agency and for a need, are not so for that need at that agency.
    (Override("silent-2", 5, A), [Override("silent-4", 9, A), Override("silent-4", 5, need="food")], None),
    (
        Override("nudge-1", 3, need="food"),
        [Override("silent-2", 5, need="food"), Override("silent-4", 9, need="food")],
        None,
    ),
    (
        Override("nudge-1", 3, need="food"),
        [Override("silent-2", 5, need="food"), Override("silent-4", 9, need="food"), Override("silent-2", 3, A)],
        Refused.OUT_OF_ORDER,
    ),
    # A business day has eight working hours.
    (Override("urgent-call", 7, A), [], None),
    (Override("urgent-call", 8, A), [], Refused.OUT_OF_ORDER),
]


@pytest.mark.parametrize(("new", "others", "why"), ALLOWED)
def test_what_may_be_set(new: Override, others: list[Override], why: Refused | None) -> None:
    assert clocks.refused(new, others) is why


def test_the_table_is_in_order() -> None:
    assert not clocks.out_of_order([])


def test_every_step_has_its_sentence() -> None:
    names = {step.name for table in (STEPS, URGENT) for row in table.values() for step in row}
    assert set(words.CLOCK_ROWS) == names


def test_an_administrator_sets_changes_and_removes_a_wait(client: FlaskClient, session: Db) -> None:
    pantry = make_organization("Eastside Pantry")
    sign_in(client, make_staff(Role.ADMINISTRATOR, name="Ada Long"))
    page = client.get("/clocks").text
    assert "An agency that has not answered is reminded after one business day" in page
    form = {"step": "silent-4", "amount": "6", "organization": "eastside pantry"}
    for change in ({}, {"amount": "7", "organization": "eastside"}):
        assert client.post("/clocks", data=form | change).status_code == 303
    row = session.scalars(select(ClockOverride)).one()
    assert (row.step, row.amount, row.organization_id, row.need) == ("silent-4", 7, pantry.id, None)
    page = client.get("/clocks").text
    assert "Eastside Pantry: 7 business days" in page
    assert "set by Ada Long" in page
    assert client.post(f"/clocks/{row.id}/removal").status_code == 303
    assert client.post(f"/clocks/{row.id}/removal").status_code == 303  # somebody was faster
    assert session.scalars(select(ClockOverride)).all() == []
    said = session.scalars(select(AuditEntry.action).where(AuditEntry.subject == "clock override")).all()
    assert sorted(said) == ["removed wait", "set wait", "set wait"]


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"step": "nudge-1", "amount": "5", "need": "food"}, "The steps would change places"),
        ({"step": "silent-4", "amount": "61", "need": "food"}, "At most 60"),
        ({"step": "silent-4", "amount": "-1", "need": "food"}, "Enter a whole number"),
        ({"step": "silent-4", "amount": "5"}, "Say for which agency or for which need."),
        ({"step": "silent-4", "amount": "5", "organization": "Nobody"}, "The directory has nobody of this name"),
        ({"step": "silent-4", "amount": "5", "organization": "house"}, "Harbor House; Willow House"),
        ({"step": "", "amount": "5", "need": "food"}, "Choose one of the steps"),
        ({}, "Say for which agency"),
    ],
)
def test_what_is_refused_says_why(client: FlaskClient, session: Db, form: dict[str, str], says: str) -> None:
    make_organization("Harbor House")
    make_organization("Willow House")
    sign_in(client, make_staff(Role.ADMINISTRATOR))
    refused = client.post("/clocks", data=form)
    assert refused.status_code == 422
    assert says in refused.get_data(as_text=True)
    assert session.scalars(select(ClockOverride)).all() == []


def test_what_is_needed_for_the_order_is_not_removed(client: FlaskClient, session: Db) -> None:
    admin = make_staff(Role.ADMINISTRATOR)
    first = waits.set_wait(Override("silent-4", 10, need="food"), by=admin)
    waits.set_wait(Override("silent-2", 8, need="food"), by=admin)
    sign_in(client, admin)
    page = client.post(f"/clocks/{first.id}/removal", follow_redirects=True).text
    assert "Change or remove the others first." in page
    assert len(session.scalars(select(ClockOverride)).all()) == 2


def test_a_wait_that_was_set_holds_for_what_begins_to_wait(session: Db) -> None:
    def recall_of(referral: Referral) -> datetime:
        return session.scalars(
            select(Clock.due_at).where(Clock.referral_id == referral.id, Clock.step == "silent-4")
        ).one()

    with clock.held_at(datetime(2026, 11, 30, 15, tzinfo=UTC)):
        place = make_service_at_location()
        before = make_referral(make_need(), place)
        waits.set_wait(Override("silent-4", 6, before.organization_id), by=make_staff(Role.ADMINISTRATOR))
        after = make_referral(make_need(), place)
    assert recall_of(before) == datetime(2026, 12, 4, 15, tzinfo=UTC)
    assert recall_of(after) == datetime(2026, 12, 8, 15, tzinfo=UTC)
