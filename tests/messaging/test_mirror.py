"""The provider's own list of who wants no texts follows ours."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session, scoped_session

from app import jobs as queue
from app.messaging import jobs, operations
from app.messaging.gateways import MOST_WISHES
from tests import fake_twilio
from tests.messaging.conftest import Provider
from tests.messaging.steps import OTHER_PHONE, PHONE


@pytest.fixture
def mirrored(app: Flask, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Provider:
    settings = replace(app.extensions["settings"], twilio_mirror_opt_outs=True)
    monkeypatch.setitem(app.extensions, "settings", settings)
    return provider


def told(provider: Provider) -> list[list[tuple[str, str]]]:
    return [[(item["contact_id"], item["status"]) for item in call] for call in provider.twilio.consents]


def test_a_stop_and_its_end_are_told_once_each(
    app: Flask, mirrored: Provider, committed: scoped_session[Session]
) -> None:
    operations.suppress(PHONE, "text")
    committed.commit()
    queue.work(app, once=True)
    jobs.mirror()
    operations.lift_suppression(PHONE, "text")
    committed.commit()
    queue.work(app, once=True)
    jobs.sweep_unmirrored(timestamp=0)
    assert told(mirrored) == [[(PHONE, "opt-out")], [(PHONE, "opt-in")]]
    assert {item["sender_id"] for call in mirrored.twilio.consents for item in call} == {fake_twilio.NUMBER}


def test_only_the_last_word_of_a_phone_counts(mirrored: Provider, committed: scoped_session[Session]) -> None:
    for _again in range(2):
        operations.suppress(PHONE, "text")
        operations.lift_suppression(PHONE, "text")
    operations.suppress(PHONE, "staff")
    operations.suppress(OTHER_PHONE, "text")
    operations.lift_suppression(OTHER_PHONE, "text")
    committed.commit()
    jobs.mirror()
    assert [sorted(call) for call in told(mirrored)] == [[(PHONE, "opt-out"), (OTHER_PHONE, "opt-in")]]


def test_a_provider_that_is_away_is_told_later(mirrored: Provider, committed: scoped_session[Session]) -> None:
    mirrored.twilio.next.append("500")
    operations.suppress(PHONE, "text")
    committed.commit()
    jobs.mirror()
    assert told(mirrored) == []
    jobs.sweep_unmirrored(timestamp=0)
    assert told(mirrored) == [[(PHONE, "opt-out")]]


def test_many_are_told_in_as_many_calls_as_it_takes(mirrored: Provider, committed: scoped_session[Session]) -> None:
    for n in range(MOST_WISHES + 1):
        operations.suppress(f"+1410555{n:04d}", "text")
    committed.commit()
    jobs.mirror()
    assert [len(call) for call in mirrored.twilio.consents] == [MOST_WISHES, 1]


def test_nobody_is_told_unless_it_is_asked_for(provider: Provider, committed: scoped_session[Session]) -> None:
    operations.suppress(PHONE, "text")
    committed.commit()
    assert committed.execute(text("SELECT count(*) FROM procrastinate_jobs")).scalar_one() == 0
    jobs.mirror()
    assert told(provider) == []
