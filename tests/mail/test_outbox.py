"""An e-mail is neither lost nor doubled, whatever happens to its worker or its server."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session, scoped_session

from app import clock
from app.db import db
from app.db import session as the_session
from app.errors import Invalid
from app.events import EmailEnded
from app.mail import delivery, jobs, operations, views
from app.mail.delivery import State
from app.mail.gateways import PageGateway
from app.mail.models import Email
from app.messaging.delivery import Accepted, NotSent, Refused, Unsure
from tests.fake_smtp import HANG_UP, FakeSmtp

Db = scoped_session[Session]

GATEWAY = PageGateway()


@pytest.fixture
def committed(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Db]:
    """The application's session with real commits, and no reactions of other features."""
    monkeypatch.setattr("app.events._reactions", {EmailEnded: (ENDED.append,)})
    ENDED.clear()
    with app.app_context():
        _empty()
        yield the_session
        the_session.remove()
        _empty()
        db.engine.dispose()


ENDED: list[EmailEnded] = []


def _empty() -> None:
    the_session.execute(text("DELETE FROM email"))
    the_session.execute(text("DELETE FROM procrastinate_jobs"))
    the_session.commit()
    the_session.remove()


def write(**said: str) -> Email:
    email = operations.queue_email(
        to=said.get("to", "rosa@pantry.example"),
        subject="Can you help?",
        body="Hello",
        purpose=said.get("purpose", "test"),
        dedupe_key=said.get("dedupe_key") or str(uuid.uuid4()),
        language="en",
    )
    the_session.commit()
    return email


def state(email: Email) -> State:
    the_session.refresh(email)
    return email.state


@pytest.fixture
def server(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSmtp]:
    """Send through a mail server of this test's own."""
    with FakeSmtp() as running:
        settings = replace(
            app.extensions["settings"],
            email_gateway="smtp",
            smtp_url=running.url,
            email_from="Loopline <referrals@network.example>",
            smtp_starttls=False,
        )
        monkeypatch.setitem(app.extensions, "settings", settings)
        yield running


def test_the_same_thing_is_written_once(committed: Db) -> None:
    assert write(dedupe_key="one").id == write(dedupe_key="one").id
    assert committed.scalar(select(func.count()).select_from(Email)) == 1


@pytest.mark.usefixtures("committed")
def test_an_impossible_address_is_refused() -> None:
    with pytest.raises(Invalid):
        write(to="rosa@pantry.example\nBcc: eve@evil.example")


def test_it_goes_out_once(committed: Db, server: FakeSmtp) -> None:
    emails = [write() for _ in range(3)]
    for _twice in range(2):
        jobs.send()
    committed.commit()
    assert {state(email) for email in emails} == {State.SENT}
    assert len(server.taken) == 3


def test_what_may_exist_is_never_sent_again(committed: Db, server: FakeSmtp) -> None:
    server.says = {"text": HANG_UP}
    email = write()
    for _again in range(3):
        jobs.send()
        jobs.sweep(0)
        committed.commit()
    assert state(email) is State.UNSURE
    assert len(server.taken) == 1
    assert [(fact.email_id, fact.state) for fact in ENDED] == [(email.id, "unsure")]


def test_a_busy_server_is_asked_again_later(committed: Db, server: FakeSmtp) -> None:
    server.says = {"RCPT": "450 greylisted"}
    email = write()
    jobs.send()
    assert state(email) is State.QUEUED
    jobs.send()
    assert len(server.commands) == server.commands.index("QUIT") + 1
    server.says = {}
    with clock.held_at(clock.now() + delivery.WAITS[0] + timedelta(seconds=1)):
        jobs.send()
    committed.commit()
    assert state(email) is State.SENT


def test_tries_come_to_an_end(committed: Db) -> None:
    email = write()
    now = clock.now()
    for _try in range(len(delivery.WAITS) + 1):
        with clock.held_at(now):
            claim = jobs.claim_next(GATEWAY)
            assert claim
            jobs.record(claim, NotSent("greeting: 421"))
            committed.commit()
        now += timedelta(days=1)
    assert state(email) is State.FAILED
    assert email.code == delivery.GAVE_UP


def test_nobody_of_that_name_fails_at_once(committed: Db, server: FakeSmtp) -> None:
    server.says = {"RCPT": "550 no such user"}
    email = write()
    jobs.send()
    committed.commit()
    assert (state(email), email.code) == (State.FAILED, "550")
    assert [fact.code for fact in ENDED] == ["550"]


@pytest.mark.usefixtures("server")
def test_the_letter_of_a_dead_worker_is_not_sent_again(committed: Db) -> None:
    email = write()
    claim = jobs.claim_next(GATEWAY)
    assert claim
    email.lease_until = clock.now() - timedelta(minutes=1)
    committed.commit()
    jobs.sweep(0)
    committed.commit()
    assert state(email) is State.UNSURE
    jobs.record(claim, Accepted("", "sent"))  # it was not dead after all
    committed.commit()
    assert state(email) is State.SENT


def test_a_late_answer_of_an_earlier_try_changes_nothing(committed: Db) -> None:
    email = write()
    first = jobs.claim_next(GATEWAY)
    assert first
    jobs.record(first, NotSent("greeting: 421"))
    committed.commit()
    with clock.held_at(clock.now() + timedelta(hours=1)):
        assert jobs.claim_next(GATEWAY)
        for late in (Unsure("late"), Refused("550"), Accepted("", "sent")):
            jobs.record(first, late)
    committed.commit()
    assert state(email) is State.SENDING


def test_two_workers_take_two_letters(committed: Db) -> None:
    write()
    claim = jobs.claim_next(GATEWAY)
    assert claim
    with Session(db.engine) as other:
        assert not other.scalars(
            select(Email).where(Email.state == State.QUEUED).with_for_update(skip_locked=True)
        ).all()
    committed.rollback()


def test_what_comes_too_late_does_not_leave(committed: Db) -> None:
    email = write()
    email.not_after = clock.now() - timedelta(minutes=1)
    committed.commit()
    assert jobs.claim_next(GATEWAY) is None
    assert state(email) is State.EXPIRED


def test_what_waits_is_taken_back(committed: Db) -> None:
    about = uuid.uuid4()
    email = write()
    email.regarding = about
    committed.commit()
    operations.cancel_queued(regarding=about, reason="superseded")
    committed.commit()
    assert state(email) is State.CANCELLED
    assert jobs.claim_next(GATEWAY) is None


def test_whoever_runs_it_sees_what_is_stuck(committed: Db) -> None:
    assert not views.mail_alarms()
    email = write()
    with clock.held_at(clock.now() + timedelta(minutes=20)):
        assert [alarm.kind for alarm in views.mail_alarms()] == ["needs_you"]
    claim = jobs.claim_next(GATEWAY)
    assert claim
    jobs.record(claim, Refused("550"))
    committed.commit()
    assert state(email) is State.FAILED
    assert [alarm.kind for alarm in views.mail_alarms()] == ["waiting"]


@pytest.mark.usefixtures("committed")
def test_what_hundreds_are_asked_at_once_lets_everything_else_go_first() -> None:
    for purpose in (delivery.LISTING, delivery.LISTING, "test"):
        write(purpose=purpose, to=f"{purpose}@pantry.example")
    claims = [jobs.claim_next(GATEWAY) for _n in range(3)]
    assert [claim and claim.letter.to.partition("@")[0] for claim in claims] == ["test", "listing", "listing"]
