"""What happens to texts while something is away: the database, our web server, a person, our account."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, scoped_session

from app import clock
from app import jobs as queue
from app.db import session as the_session
from app.messaging import delivery, jobs, operations, queries
from app.messaging.delivery import ANSWER
from tests import fake_twilio
from tests.messaging.conftest import Provider, Write
from tests.messaging.steps import OTHER_PHONE, PHONE, states, work


def arrived() -> list[str]:
    the_session.rollback()
    return list(the_session.scalars(text("SELECT body FROM sms_inbound ORDER BY body")))


def sweep_lost_replies() -> None:
    jobs.sweep_lost_replies(timestamp=0)
    the_session.commit()


def test_a_sweep_that_died_with_its_worker_is_put_back_beside_the_next_one(committed: scoped_session[Session]) -> None:
    for status in ("doing", "todo"):
        committed.execute(
            text(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, status) "
                "VALUES ('default', 'jobs.rescue', 'jobs.rescue', CAST(:status AS procrastinate_job_status))"
            ),
            {"status": status},
        )
    committed.commit()
    assert queue.put_back_abandoned() == 1
    committed.commit()
    assert committed.scalars(text("SELECT status FROM procrastinate_jobs")).all() == ["todo", "todo"]


def test_case_10_after_a_stop_with_three_texts_queued_only_its_confirmation_leaves(
    provider: Provider, write: Write, committed: scoped_session[Session]
) -> None:
    for n in range(3):
        write(f"text {n}")
    assert operations.suppress(PHONE, "text")
    write("You will get no more texts.", priority=ANSWER, purpose=operations.OPT_OUT_CONFIRMATION)
    assert not operations.suppress(PHONE, "text")  # so a second STOP confirms nothing
    committed.commit()
    work()
    assert provider.twilio.bodies() == ["You will get no more texts."]
    assert list(states().values()).count("cancelled") == 3


@pytest.mark.parametrize(
    "body",
    ["", " \n", "a" * 1601, "é" * 1601, "ş" * 1601, "😀" * 801],
)
def test_case_20_what_no_phone_could_show_is_never_sent(provider: Provider, write: Write, body: str) -> None:
    assert write(body).hold_reason in {"empty", "too-long"}
    work()
    assert provider.twilio.posts == 0


def test_case_20_everything_else_arrives_as_it_was_written(provider: Provider, write: Write) -> None:
    bodies = ["a" * 1600, "😀" * 800, "a \u202e b", "né\u0301 𝟏 한국어 العربية", "{braces} %s %(n)s"]
    for body in bodies:
        write(body)
    write("half \ud83d and \x00")
    work()
    assert provider.twilio.bodies() == [*bodies, "half \ufffd and \ufffd"]


def test_case_22_every_reply_of_an_outage_appears_once(
    provider: Provider, committed: scoped_session[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [provider.twilio.arrive(PHONE, f"reply {n}") for n in range(3)]

    def no_database(_fields: object) -> None:
        raise OperationalError("INSERT", {}, ConnectionError("the database is down"))

    with monkeypatch.context() as outage:
        outage.setattr(operations, "receive", no_database)
        assert {provider.text_in(sent.body, MessageSid=sent.sid).status_code for sent in texts} == {503}
    committed.rollback()
    assert arrived() == []
    assert provider.text_in(texts[1].body, MessageSid=texts[1].sid).status_code == 200  # the provider tries again
    for _again in range(2):
        sweep_lost_replies()
    assert provider.text_in(texts[2].body, MessageSid=texts[2].sid).status_code == 200  # a fallback spooled it
    assert arrived() == ["reply 0", "reply 1", "reply 2"]


def test_case_23_after_two_hours_away_one_sweep_finds_every_reply(
    provider: Provider, committed: scoped_session[Session]
) -> None:
    for n in range(60):
        provider.twilio.arrive(PHONE if n % 2 else OTHER_PHONE, f"reply {n:02}").created -= timedelta(hours=2)
    sent = provider.twilio.accept({"To": PHONE, "From": fake_twilio.NUMBER, "Body": "one of ours"})
    provider.twilio.lists_fail = True
    sweep_lost_replies()
    assert arrived() == []
    provider.twilio.lists_fail = False
    sweep_lost_replies()
    assert arrived() == [f"reply {n:02}" for n in range(60)]
    waiting = committed.execute(
        text("SELECT count(*) FROM procrastinate_jobs WHERE task_name = :task"), {"task": operations.READ}
    ).scalar_one()
    assert waiting == 60
    assert sent.sid not in committed.scalars(text("SELECT sid FROM sms_inbound")).all()


def test_case_25_who_is_gone_gets_nothing_and_late_news_of_them_changes_nothing(
    provider: Provider, write: Write, committed: scoped_session[Session]
) -> None:
    gone = uuid.uuid4()
    write("on its way", recipient=gone)
    work()
    write("waits", recipient=gone)
    write("held", recipient=gone, hold="missing-translation")
    write("somebody else", recipient=uuid.uuid4(), to=OTHER_PHONE)
    assert operations.cancel_queued(recipient=gone, reason="deceased") == 2
    committed.commit()
    work()
    assert provider.call_back(*provider.twilio.texts[0].report("delivered")).status_code == 204
    assert states() == {
        "on its way": "delivered",
        "waits": "cancelled",
        "held": "cancelled",
        "somebody else": "accepted",
    }
    assert provider.text_in("Who is this?").status_code == 200
    assert arrived() == ["Who is this?"]
    assert committed.scalar(text("SELECT recipient FROM sms_inbound")) is None


def test_case_25_a_text_that_was_removed_with_its_person_does_not_come_back(
    provider: Provider, write: Write, committed: scoped_session[Session]
) -> None:
    write("Hello")
    work()
    committed.execute(text("DELETE FROM sms_message"))
    committed.commit()
    assert provider.call_back(*provider.twilio.texts[0].report("delivered")).status_code == 204
    assert states() == {}
    assert committed.scalar(text("SELECT count(*) FROM sms_callback WHERE message_id IS NULL")) == 1


@pytest.mark.parametrize("code", ["30034", "30002", "21703"])
def test_case_31_a_suspended_sender_pauses_everything_tries_one_text_and_resumes(
    provider: Provider, write: Write, code: str
) -> None:
    for n in range(3):
        write(f"text {n}", to=f"+1410555000{n}")
    provider.twilio.next.extend([f"400:{code}", f"400:{code}"])
    work()
    assert (set(states().values()), provider.twilio.posts) == ({"queued"}, 1)
    assert queries.health()["paused"] == [code]
    again = clock.now()
    for _try in range(2):
        again += delivery.CONFIGURATION_PAUSE + timedelta(seconds=1)
        with clock.held_at(again):
            work()
    assert provider.twilio.bodies() == ["text 0", "text 1", "text 2"]
    with clock.held_at(again):
        assert queries.health()["paused"] == []


def test_case_31_a_campaign_suspended_after_acceptance_loses_nothing(provider: Provider, write: Write) -> None:
    write("Hello")
    work()
    provider.call_back(*provider.twilio.texts[0].report("failed", "30034"))
    assert states() == {"Hello": "queued"}
    assert queries.health()["paused"] == ["30034"]
    with clock.held_at(clock.now() + delivery.CONFIGURATION_PAUSE + timedelta(seconds=1)):
        work()
    assert states() == {"Hello": "accepted"}


def test_case_31_while_a_token_is_rotated_webhooks_signed_with_either_count(
    app: Flask, provider: Provider, monkeypatch: pytest.MonkeyPatch, committed: scoped_session[Session]
) -> None:
    rotated = replace(app.extensions["settings"], twilio_auth_token=f"the new one, {fake_twilio.TOKEN}")
    monkeypatch.setitem(app.extensions, "settings", rotated)
    assert provider.text_in("signed with the old one").status_code == 200
    only_new = replace(rotated, twilio_auth_token="the new one")
    monkeypatch.setitem(app.extensions, "settings", only_new)
    assert provider.text_in("too late").status_code == 403
    committed.rollback()
    assert arrived() == ["signed with the old one"]
