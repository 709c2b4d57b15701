from __future__ import annotations

import re
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session, scoped_session

from app import clock
from app.config import settings
from app.messaging import delivery, operations, views
from app.messaging.delivery import Act, State
from app.messaging.models import Attempt, Message, Pause
from app.staff.permissions import Role
from tests.factories import make_staff, sign_in, text_of

Db = scoped_session[Session]

NOTHING = "Nothing to do"


@pytest.fixture
def page(client: FlaskClient, app: Flask, session: Db, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """An administrator's browser, while a worker runs and somebody can be paged."""
    monkeypatch.setitem(app.extensions, "settings", replace(settings(), urgent_fallback_phone="+14105550100"))
    sign_in(client, make_staff(Role.ADMINISTRATOR))
    session.execute(text("INSERT INTO procrastinate_workers DEFAULT VALUES"))
    return client


def read(page: FlaskClient) -> str:
    return text_of(page.get("/operations").text)


def a_text(state: State, **said: object) -> Message:
    message = operations.queue_text(
        to="+14105550177",
        recipient=None,
        regarding=None,
        purpose="test",
        dedupe_key=str(uuid.uuid4()),
        language="en",
        template="test",
        body="a" * 200,
    )
    message.state = state
    for name, value in said.items():
        setattr(message, name, value)
    return message


def test_a_quiet_day_is_green(page: FlaskClient) -> None:
    assert NOTHING in read(page)


def test_a_paused_queue_says_why_in_words(page: FlaskClient, session: Db) -> None:
    now = clock.now()
    session.add(Pause(sender="+1", since=now - timedelta(hours=2), until=now + timedelta(minutes=3), code="30034"))
    session.flush()
    said = read(page)
    assert "Nothing leaves: our number is not registered" in said
    assert "2 hours ago" in said
    assert NOTHING not in said


def test_a_busy_provider_is_nobodys_work(page: FlaskClient, session: Db) -> None:
    now = clock.now()
    session.add(Pause(sender="+1", since=now, until=now + timedelta(minutes=3), code="busy"))
    session.flush()
    said = read(page)
    assert "The provider asks us to slow down" in said
    assert "by itself" in said


def test_what_waits_too_long_and_how_long_it_will_take(page: FlaskClient, session: Db) -> None:
    for _each in range(30):
        a_text(State.QUEUED, due_at=clock.now() - timedelta(hours=3))
    a_text(State.QUEUED, due_at=clock.now() + timedelta(hours=9), waits_for="quiet-hours")
    session.flush()
    said = read(page)
    assert "Texts wait too long" in said
    assert "To leave now 30 The oldest was due 3 hours ago All will have left in 1 minute" in said
    assert "at night nobody is texted: 1" in said


def test_what_may_have_been_sent_and_is_never_found_out_about(page: FlaskClient, session: Db) -> None:
    a_text(State.UNSURE, look_at=clock.now(), due_at=clock.now() - timedelta(hours=1))
    session.flush()
    assert "Nobody knows whether some texts left" in read(page)


def test_failures_are_counted_by_their_reason_and_the_month_has_a_price(page: FlaskClient, session: Db) -> None:
    now = clock.now()
    for number, code in enumerate(("30003", "30003", "30007")):
        failed = a_text(State.UNDELIVERED, sid=f"SM{number}", error_code=code, ended_at=now, accepted_at=now)
        session.add(Attempt(message_id=failed.id, number=1, started_at=now, sid=f"SM{number}"))
    session.flush()
    said = read(page)
    assert re.search(r"The phone is off or out of reach 30003 2 .*The carrier filtered it as unwanted 30007 1", said)
    assert "only you can repair" in said
    assert "Texts 3 Segments 6 Cost $0.05" in said
    assert 'href="https://www.twilio.com/docs/api/errors/30007"' in page.get("/operations").text


def test_what_was_sent_anew_is_paid_for_again(page: FlaskClient, session: Db) -> None:
    again = a_text(State.QUEUED, due_at=clock.now() + timedelta(hours=1))
    for number in (1, 2):
        session.add(Attempt(message_id=again.id, number=number, started_at=clock.now(), sid=f"SM{number}"))
    session.add(Attempt(message_id=again.id, number=3, started_at=clock.now(), code="21611"))
    session.flush()
    assert "Texts 2 Segments 4 Cost $0.03" in read(page)


@pytest.mark.parametrize(
    ("code", "to_do"), [("20003", "Check TWILIO_ACCOUNT_SID"), ("30034", "Finish the registration")]
)
def test_a_pause_says_what_to_do(page: FlaskClient, session: Db, code: str, to_do: str) -> None:
    now = clock.now()
    session.add(Pause(sender="+1", since=now, until=now + timedelta(minutes=3), code=code))
    a_text(State.QUEUED)
    session.flush()
    said = read(page)
    assert to_do in said
    assert "All will have left" not in said


def test_every_cause_of_a_pause_has_something_to_do() -> None:
    assert {rule.code for rule in delivery.RULES.values() if rule.act is Act.PAUSE} == set(views.TO_DO) - {""}


SWEPT = text(
    "INSERT INTO procrastinate_periodic_defers (task_name, defer_timestamp) VALUES ('messaging.sweep_waiting', :due)"
)


def test_the_last_sweep_is_named_and_missed_when_it_is_long_ago(page: FlaskClient, session: Db) -> None:
    session.execute(SWEPT, {"due": int(clock.now().timestamp()) - 20})
    said = read(page)
    assert "Last sweep" in said
    assert NOTHING in said
    with clock.held_at(clock.now() + timedelta(minutes=10)):
        assert "Nobody looks after what got stuck" in read(page)


def test_a_held_text_is_somebodys_work(page: FlaskClient, session: Db) -> None:
    a_text(State.HELD, hold_reason=operations.LOOP)
    session.flush()
    said = read(page)
    assert "Texts are held for a person" in said
    assert "A machine seems to answer" in said
    assert "Send it anyway" in said


def test_without_a_worker_nothing_leaves(page: FlaskClient, session: Db) -> None:
    session.execute(text("DELETE FROM procrastinate_workers"))
    assert "No worker is running" in read(page)
