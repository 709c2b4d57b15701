"""The town is not inserted, it is lived through."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import func, select
from sqlalchemy.orm import Session, scoped_session

from app import seeding
from app.config import ROOT
from app.db import Base
from app.messaging.delivery import WAITING, State
from app.messaging.models import Message
from app.patients.models import Patient
from app.referrals.closing import Closure
from app.referrals.models import Referral
from app.staff import demo
from app.staff.operations import sign_in
from app.worklist.models import WorkItem


def sizes(session: scoped_session[Session]) -> dict[str, int]:
    tables = Base.metadata.sorted_tables
    return {table.name: session.scalar(select(func.count()).select_from(table)) or 0 for table in tables}


def test_the_town_is_lived_through_and_loading_it_again_changes_nothing(session: scoped_session[Session]) -> None:
    """One test, because a town takes some seconds to live through."""
    seeding.load(ROOT / "seed")

    every_way = Counter(referral.closure for referral in session.scalars(select(Referral)))
    assert {Closure.OPEN, Closure.CONFIRMED, Closure.DISPUTED, Closure.NOT_SERVED} <= set(every_way)

    of_ana = select(Referral).join(Patient, Patient.id == Referral.patient_id).where(Patient.given_name == "Ana")
    ana = session.scalars(of_ana).one()
    assert (ana.closure, ana.barrier) == (Closure.DISPUTED, "nobody-answered")

    texts = Counter(session.scalars(select(Message.state)))
    assert texts[State.DELIVERED] > 20
    assert not WAITING & set(texts), "the worker would send what is weeks old"

    waiting = session.scalar(select(func.count()).where(WorkItem.done_at.is_(None))) or 0
    assert 3 <= waiting <= 15, "Today has to be alive, and short enough to read"

    before = sizes(session)
    seeding.load(ROOT / "seed")
    assert sizes(session) == before

    for account in demo.accounts():
        assert sign_in(account.email, account.password).is_active
