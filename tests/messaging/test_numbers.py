"""Several numbers of ours: people who share a phone are texted from one each, and their texts are told apart by it."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy.orm import Session, scoped_session

from app.db import session as the_session
from app.messaging import gateways, jobs, operations, queries
from tests import fake_twilio
from tests.messaging.conftest import Provider, Write
from tests.messaging.steps import PHONE, later, states, sweep, work

SECOND = "+14105550101"
SERVICE = "MG" + "b" * 32

ANA, LUIS = uuid.UUID(int=1), uuid.UUID(int=2)


@pytest.fixture(params=["", SERVICE], ids=["numbers", "service"])
def numbers(
    request: pytest.FixtureRequest, app: Flask, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> Provider:
    """Two numbers, on their own and in the pool of a Messaging Service."""
    settings = replace(
        app.extensions["settings"],
        twilio_from=f"{fake_twilio.NUMBER},{SECOND}",
        twilio_messaging_service_sid=request.param,
        twilio_mirror_opt_outs=True,
    )
    monkeypatch.setitem(app.extensions, "settings", settings)
    return provider


def sent(provider: Provider) -> list[tuple[str, str | None]]:
    return [(text.body, text.fields.get("From")) for text in provider.twilio.texts]


def test_each_person_on_a_phone_is_texted_from_a_number_of_their_own(numbers: Provider, write: Write) -> None:
    for recipient, body in ((ANA, "one"), (LUIS, "two"), (ANA, "three")):
        write(body, recipient=recipient)
    work()
    assert sent(numbers) == [("one", fake_twilio.NUMBER), ("two", SECOND), ("three", fake_twilio.NUMBER)]


def test_an_answer_leaves_from_the_number_that_was_written_to(numbers: Provider, write: Write) -> None:
    write("answer", recipient=ANA, number=SECOND)
    write("to a stranger", recipient=None, number=SECOND)
    write("not ours", recipient=None, number="+1999")
    work()
    assert [number for _body, number in sent(numbers)] == [SECOND, SECOND, fake_twilio.NUMBER]


def test_case_06_the_same_text_to_two_people_on_one_phone_is_told_apart_by_its_number(
    numbers: Provider, write: Write
) -> None:
    """The one for Luis was never made; that there is one for Ana, whose callback is still to come, proves nothing."""
    numbers.twilio.accept({"To": PHONE, "From": fake_twilio.NUMBER, "Body": "Hello", "MessagingServiceSid": SERVICE})
    operations.number_for(PHONE, ANA)
    numbers.twilio.next.append("reset-before")
    for_luis = write("Hello", recipient=LUIS)
    work()
    for wait in (61, 241):
        later(wait)
        sweep()
    work()
    assert sent(numbers) == [("Hello", fake_twilio.NUMBER), ("Hello", SECOND)]
    the_session.rollback()
    assert the_session.get_one(type(for_luis), for_luis.id).sid == numbers.twilio.texts[-1].sid


def test_case_06_a_lost_answer_is_looked_up_at_the_number_it_left_from(numbers: Provider, write: Write) -> None:
    operations.number_for(PHONE, ANA)
    numbers.twilio.next.append("reset-after")
    write("Hello", recipient=LUIS)
    work()
    later(61)
    sweep()
    assert (states(), numbers.twilio.posts) == ({"Hello": "accepted"}, 1)


def test_case_06_a_reference_tells_the_texts_of_two_people_with_one_number_apart(
    provider: Provider, write: Write
) -> None:
    provider.twilio.accept({"To": PHONE, "From": fake_twilio.NUMBER, "Body": "Accepted.\nRef 4MP"})
    provider.twilio.next.append("reset-before")
    write("Accepted.\nRef 7KQ", recipient=LUIS)
    work()
    for wait in (61, 241):
        later(wait)
        sweep()
    work()
    assert provider.twilio.bodies() == ["Accepted.\nRef 4MP", "Accepted.\nRef 7KQ"]


def test_replies_to_every_number_are_found_by_listing(numbers: Provider, committed: scoped_session[Session]) -> None:
    numbers.twilio.arrive(PHONE, "1")
    numbers.twilio.arrive(PHONE, "2").to = SECOND
    jobs.sweep_lost_replies(timestamp=0)
    committed.commit()
    assert {line.body for line in queries.conversation_with(PHONE)} == {"1", "2"}


def test_a_stop_is_told_of_every_sender(app: Flask, numbers: Provider, committed: scoped_session[Session]) -> None:
    operations.suppress(PHONE, "text")
    committed.commit()
    jobs.mirror()
    told = [item["sender_id"] for call in numbers.twilio.consents for item in call]
    service = app.extensions["settings"].twilio_messaging_service_sid
    assert told == ([service] if service else [fake_twilio.NUMBER, SECOND])
    assert not queries.unmirrored(1)


def test_with_one_number_nothing_is_chosen(provider: Provider, write: Write) -> None:
    write("Hello", recipient=ANA)
    work()
    assert sent(provider) == [("Hello", fake_twilio.NUMBER)]
    assert operations.number_for(PHONE, ANA) == ""
    assert queries.numbers_for(PHONE) == {}


def test_a_pause_is_for_all_of_our_numbers(numbers: Provider, write: Write, app: Flask) -> None:
    """What keeps us from sending is the account's, the campaign's or the network's."""
    numbers.twilio.next.append("429:600")
    write("one", recipient=ANA)
    write("two", recipient=LUIS, to="+14105550189")
    work()
    work()
    assert numbers.twilio.posts == 1
    assert [pause.sender for pause in queries.paused()] == [gateways.chosen(app.extensions["settings"]).sender]
