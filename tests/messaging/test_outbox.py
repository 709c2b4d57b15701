from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, scoped_session

from app import clock, events
from app import jobs as queue
from app.events import Fact, PhoneOptedOut, TextEnded
from app.messaging import operations, queries
from app.messaging.delivery import State
from app.messaging.models import ConsoleText, Message
from tests.messaging.conftest import Write
from tests.messaging.steps import OTHER_PHONE, PHONE, states, sweep, work


@pytest.fixture
def facts(committed: scoped_session[Session], monkeypatch: pytest.MonkeyPatch) -> list[Fact]:  # noqa: ARG001  comes after it
    """What is published, instead of what the platform does about it."""
    published: list[Fact] = []
    kinds = (TextEnded, PhoneOptedOut, events.TextArrived)
    monkeypatch.setattr("app.events._reactions", dict.fromkeys(kinds, (published.append,)))
    return published


def jobs_of(session: scoped_session[Session], task: str = operations.SEND) -> int:
    return int(
        session.execute(text("SELECT count(*) FROM procrastinate_jobs WHERE task_name = :t"), {"t": task}).scalar_one()
    )


def test_a_text_and_its_job_are_written_together_or_not_at_all(committed: scoped_session[Session]) -> None:
    wanted: dict[str, Any] = {
        "to": PHONE,
        "recipient": None,
        "regarding": None,
        "purpose": "test",
        "dedupe_key": "k",
        "language": "en",
        "template": "test",
        "body": "Hello",
    }
    operations.queue_text(**wanted)
    committed.rollback()
    assert (states(), jobs_of(committed)) == ({}, 0)
    operations.queue_text(**wanted)
    committed.commit()
    assert (states(), jobs_of(committed)) == ({"Hello": "queued"}, 1)


def test_the_same_purpose_is_written_once_ever(committed: scoped_session[Session], write: Write) -> None:
    first = write("Accepted", dedupe_key="referral:7:accepted")
    work()
    again = write("Accepted, worded anew", dedupe_key="referral:7:accepted")
    assert again.id == first.id
    assert states() == {"Accepted": "delivered"}
    assert jobs_of(committed) == 1


def test_the_console_delivers_at_once_and_tells_the_log_nothing_personal(
    write: Write, facts: list[Fact], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        message = write("Ana, your request was accepted.")
        work()
    assert states() == {"Ana, your request was accepted.": "delivered"}
    assert facts == [TextEnded(message.id, "delivered", None)]
    assert str(message.id) in caplog.text
    assert "Ana" not in caplog.text
    assert PHONE not in caplog.text


def test_a_worker_sends_what_is_queued(app: Flask, write: Write) -> None:
    write("By a real worker")
    queue.work(app, once=True)
    assert states() == {"By a real worker": "delivered"}


def test_the_more_urgent_goes_first_and_then_the_order_of_writing(
    write: Write, committed: scoped_session[Session]
) -> None:
    for body, priority in (("reminder 1", 0), ("reminder 2", 0), ("reply", 10), ("reminder 3", 0)):
        write(body, priority=priority)
    work()
    sent = committed.scalars(
        select(Message.body).join(ConsoleText, ConsoleText.message_id == Message.id).order_by(ConsoleText.at)
    )
    assert sent.all() == ["reply", "reminder 1", "reminder 2", "reminder 3"]


def test_a_text_for_later_waits(write: Write) -> None:
    later = clock.now() + timedelta(hours=1)
    write("Later", not_before=later)
    work()
    assert states() == {"Later": "queued"}
    with clock.held_at(later):
        work()
    assert states() == {"Later": "delivered"}


def test_what_would_come_too_late_expires_instead(write: Write, facts: list[Fact]) -> None:
    ride = write("Your ride comes at 3", not_after=clock.now() + timedelta(hours=1))
    with clock.held_at(clock.now() + timedelta(hours=2)):
        work()
    assert states() == {"Your ride comes at 3": "expired"}
    assert facts == [TextEnded(ride.id, "expired", None)]


def test_a_held_text_expires_too(write: Write) -> None:
    write("Held", hold="missing-translation", not_after=clock.now() + timedelta(hours=1))
    with clock.held_at(clock.now() + timedelta(hours=2)):
        sweep()
    assert states() == {"Held": "expired"}


@pytest.mark.parametrize(
    ("body", "reason"), [("", "empty"), (" \n", "empty"), ("a" * 1601, "too-long"), ("😀" * 801, "too-long")]
)
def test_what_the_provider_would_refuse_is_held_for_a_person(write: Write, body: str, reason: str) -> None:
    message = write(body)
    assert (message.state, message.hold_reason) == (State.HELD, reason)


def test_a_held_text_can_be_released_once(write: Write, committed: scoped_session[Session]) -> None:
    message = write("Hello", hold="missing-translation")
    work()
    assert states() == {"Hello": "held"}
    assert [operations.release(message), operations.release(message)] == [True, False]
    committed.commit()
    work()
    assert states() == {"Hello": "delivered"}


def test_queued_and_held_texts_can_be_taken_back(write: Write, committed: scoped_session[Session]) -> None:
    referral = uuid.uuid4()
    write("about it", regarding=referral)
    write("about it, held", regarding=referral, hold="missing-translation")
    write("about something else", regarding=uuid.uuid4())
    assert operations.cancel_queued(regarding=referral, reason="recalled") == 2
    committed.commit()
    work()
    assert states() == {
        "about it": "cancelled",
        "about it, held": "cancelled",
        "about something else": "delivered",
    }


def test_taking_back_everything_of_everybody_is_refused() -> None:
    with pytest.raises(ValueError, match="never meant"):
        operations.cancel_queued(reason="oops")


def test_a_stop_cancels_what_waits_and_what_comes_after_but_not_its_confirmation(
    write: Write, committed: scoped_session[Session], facts: list[Fact]
) -> None:
    write("waiting")
    write("somebody else", to=OTHER_PHONE)
    assert [operations.suppress(PHONE, "reply"), operations.suppress(PHONE, "reply")] == [True, False]
    committed.commit()
    write("You will get no more texts.", purpose=operations.OPT_OUT_CONFIRMATION)
    late = write("written afterwards")
    assert late.cancel_reason == operations.OPTED_OUT
    work()
    assert states() == {
        "waiting": "cancelled",
        "somebody else": "delivered",
        "You will get no more texts.": "delivered",
        "written afterwards": "cancelled",
    }
    assert [fact for fact in facts if isinstance(fact, PhoneOptedOut)] == [PhoneOptedOut(PHONE)]


def test_a_text_that_slipped_past_a_stop_is_cancelled_when_its_turn_comes(
    write: Write, committed: scoped_session[Session]
) -> None:
    write("slipped")
    committed.execute(
        text("INSERT INTO sms_suppression (id, phone, scope, source, at) VALUES (:id, :phone, 'all', 'reply', now())"),
        {"id": uuid.uuid4(), "phone": PHONE},
    )
    committed.commit()
    work()
    assert states() == {"slipped": "cancelled"}


def test_a_suppression_can_be_lifted_and_stays_in_the_history(committed: scoped_session[Session]) -> None:
    operations.suppress(PHONE, "reply")
    assert queries.is_suppressed(PHONE)
    assert operations.lift_suppression(PHONE, "reply")
    assert not queries.is_suppressed(PHONE)
    assert not operations.lift_suppression(PHONE, "reply")
    assert operations.suppress(PHONE, "staff")
    committed.commit()
    assert committed.execute(text("SELECT count(*) FROM sms_suppression")).scalar_one() == 2


def test_a_job_that_was_lost_is_missed_by_a_sweep(app: Flask, write: Write, committed: scoped_session[Session]) -> None:
    write("forgotten")
    committed.execute(text("DELETE FROM procrastinate_jobs"))
    committed.commit()
    with clock.held_at(clock.now() + timedelta(minutes=1)):
        sweep()
    assert jobs_of(committed) == 1
    queue.work(app, once=True)
    assert states() == {"forgotten": "delivered"}


@pytest.mark.parametrize(
    "impossible",
    [
        "state = 'sending'",
        "state = 'unsure'",
        "state = 'held'",
        "state = 'cancelled'",
        "state = 'delivered'",
        "lease_until = now()",
        "state = 'lost'",
    ],
)
def test_the_database_refuses_a_state_without_its_evidence(
    write: Write, committed: scoped_session[Session], impossible: str
) -> None:
    write("Hello")
    with pytest.raises(IntegrityError):
        committed.execute(text(f"UPDATE sms_message SET {impossible}"))  # noqa: S608  from the list above
    committed.rollback()


def test_the_database_refuses_two_texts_of_one_phone_in_flight(
    write: Write, committed: scoped_session[Session]
) -> None:
    write("one")
    write("two")
    with pytest.raises(IntegrityError):
        committed.execute(text("UPDATE sms_message SET state = 'sending', lease_until = now()"))
    committed.rollback()


def test_a_conversation_has_both_directions_in_order(write: Write, committed: scoped_session[Session]) -> None:
    patient = uuid.uuid4()
    noon = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
    with clock.held_at(noon):
        write("Did you get help?", recipient=patient, language="es")
        work()
    with clock.held_at(noon + timedelta(minutes=5)):
        received = operations.receive({"MessageSid": "SM1", "From": PHONE, "To": "console", "Body": "1"})
    read = queries.inbound(received.id)
    assert read is not None
    assert operations.settle(read, "answered", recipient=patient, meaning="option-1")
    assert not operations.settle(read, "answered", recipient=patient, meaning="option-2")
    committed.commit()
    for lines in (queries.conversation(patient), queries.conversation_with(PHONE)):
        assert [(line.direction, line.body, line.status, line.meaning) for line in lines] == [
            ("out", "Did you get help?", "delivered", None),
            ("in", "1", "answered", "option-1"),
        ]


def test_a_text_that_waits_can_be_taken_back_once(write: Write, committed: scoped_session[Session]) -> None:
    message = write("a person changed their mind", written_by=uuid.uuid4())
    assert operations.take_back(message)
    assert not operations.take_back(message)
    assert not operations.release(message)
    committed.commit()
    committed.refresh(message)
    assert (message.state, message.cancel_reason) == (State.CANCELLED, operations.BY_HAND)


def test_health_tells_ages_and_causes(write: Write) -> None:
    write("waits")
    write("later", not_before=clock.now() + timedelta(hours=1))
    with clock.held_at(clock.now() + timedelta(minutes=2)):
        health = queries.health()
    assert health["waiting"] == 1
    assert 119 <= health["oldest_waiting_seconds"] <= 121
    assert (health["unsure"], health["unread"], health["paused"]) == (0, 0, [])
