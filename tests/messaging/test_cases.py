"""The acceptance cases of sending and receiving, against a Twilio that hangs, resets, fails and forgets."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session, scoped_session

from app import clock
from app.db import db
from app.db import session as the_session
from app.events import PhonesDeactivated, TextArrived
from app.messaging import delivery, gateways, jobs, operations, queries
from app.messaging.delivery import Outcome, Outgoing
from app.messaging.gateways import TwilioGateway
from tests import fake_twilio
from tests.messaging.conftest import Provider, Write
from tests.messaging.steps import OTHER_PHONE, PHONE, later, states, sweep, work

INBOUND = "https://loopline.test/sms/inbound"


class Killed(BaseException):
    """The end of a worker, at once: nothing of it runs any more."""


def count(table: str) -> int:
    the_session.rollback()
    return int(the_session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())  # noqa: S608  a name of ours


def column(name: str) -> object:
    the_session.rollback()
    return the_session.execute(text(f"SELECT {name} FROM sms_message")).scalar_one()  # noqa: S608  a name of ours


def test_case_01_the_same_webhook_five_times_is_one_text_and_one_effect(
    provider: Provider, committed: scoped_session[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[uuid.UUID] = []

    def settle(fact: TextArrived) -> None:
        arrived = queries.inbound(fact.inbound_id)
        assert arrived is not None
        read.append(arrived.id)
        operations.settle(arrived, "answered")

    monkeypatch.setattr("app.events._reactions", {TextArrived: (settle,)})
    fields = {
        "MessageSid": "SM" + "1" * 32,
        "AccountSid": fake_twilio.ACCOUNT,
        "From": PHONE,
        "To": fake_twilio.NUMBER,
        "Body": "1",
    }
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _n: provider.call_back(INBOUND, fields), range(5)))
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.text for answer in answers} == {'<?xml version="1.0" encoding="UTF-8"?><Response />'}
    assert {answer.mimetype for answer in answers} == {"text/xml"}
    assert count("sms_inbound") == 1
    assert count("procrastinate_jobs") == 1
    inbound_id = committed.execute(text("SELECT id FROM sms_inbound")).scalar_one()
    for _again in range(2):
        jobs.read(str(inbound_id))
        committed.commit()
    assert read == [inbound_id]


@pytest.mark.parametrize("order", [("delivered", "sent", "queued"), ("queued", "delivered", "sent")])
def test_case_02_late_and_doubled_callbacks_leave_delivered_delivered(
    provider: Provider, write: Write, order: tuple[str, ...]
) -> None:
    write("Hello")
    work()
    for status in (*order, *order):
        assert provider.call_back(*provider.twilio.texts[0].report(status)).status_code == 204
    assert states() == {"Hello": "delivered"}
    assert count("sms_callback") == 3


def test_case_03_a_callback_before_the_answer_to_the_post_is_proof_enough(provider: Provider, write: Write) -> None:
    url = callback_url(write("Hello").id)

    def call_back_at_once() -> None:
        early = fake_twilio.Sent("SM" + "0" * 31 + "1", PHONE, "Hello", {"StatusCallback": url})
        assert provider.call_back(*early.report("sent")).status_code == 204

    provider.twilio.during_post.append(call_back_at_once)
    work()
    assert states() == {"Hello": "sent"}
    assert column("sid") == provider.twilio.texts[0].sid


def test_case_03_a_callback_for_an_unknown_id_is_kept_and_counts_later(provider: Provider, write: Write) -> None:
    sid = "SM" + "0" * 31 + "1"  # the first that the fake will give
    stray = fake_twilio.Sent(sid, PHONE, "Hello", {"StatusCallback": callback_url(uuid.uuid4())})
    assert provider.call_back(*stray.report("delivered")).status_code == 204
    write("Hello")
    work()
    assert states() == {"Hello": "delivered"}
    the_session.rollback()
    assert the_session.execute(text("SELECT count(*) FROM sms_callback WHERE message_id IS NULL")).scalar_one() == 0


def callback_url(message_id: uuid.UUID) -> str:
    return f"https://loopline.test/sms/status/{message_id}"


def test_case_04_a_worker_killed_before_the_post_costs_time_and_no_text(
    provider: Provider, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("Hello")
    with monkeypatch.context() as killing:
        killing.setattr(TwilioGateway, "send", kill)
        die()
    sweep()
    assert states() == {"Hello": "sending"}  # its lease still holds: the worker may be slow
    later(91)
    sweep()
    assert states() == {"Hello": "unsure"}
    assert work_and_look_until_settled() == {"Hello": "accepted"}
    assert provider.twilio.bodies() == ["Hello"]


def kill(*_arguments: object) -> Outcome:
    raise Killed


def die() -> None:
    """Work until killed; the database connection goes with the worker."""
    with pytest.raises(Killed):
        jobs.send()
    the_session.remove()


def work_and_look_until_settled() -> dict[str, str]:
    """Both looks, each when it is due, and the worker after each."""
    for seconds in (61, 241):
        later(seconds)
        sweep()
        work()
    return states()


def test_case_05_a_worker_killed_after_acceptance_is_found_out_and_nothing_is_resent(
    provider: Provider, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("Hello")
    send = TwilioGateway.send

    def send_and_die(gateway: TwilioGateway, message: Outgoing) -> Outcome:
        send(gateway, message)
        raise Killed

    with monkeypatch.context() as killing:
        killing.setattr(TwilioGateway, "send", send_and_die)
        die()
    later(91)
    sweep()
    assert work_and_look_until_settled() == {"Hello": "accepted"}
    assert provider.twilio.bodies() == ["Hello"]
    assert column("sid") == provider.twilio.texts[0].sid


def test_case_05_on_the_console_a_killed_worker_is_found_out_by_the_next_sweep(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("Hello")
    send = gateways.ConsoleGateway.send

    def send_and_die(gateway: gateways.ConsoleGateway, message: Outgoing) -> Outcome:
        send(gateway, message)
        raise Killed

    with monkeypatch.context() as killing:
        killing.setattr(gateways.ConsoleGateway, "send", send_and_die)
        die()
    later(16)
    sweep()
    assert states() == {"Hello": "delivered"}
    assert count("sms_console_text") == 1


@pytest.mark.parametrize("fault", ["hang-after", "reset-after", "500-after", "broken-after", "empty-after"])
def test_case_06_an_answer_lost_after_acceptance_is_looked_up(provider: Provider, write: Write, fault: str) -> None:
    provider.twilio.next.append(fault)
    write("Hello")
    work()
    assert states() == {"Hello": "unsure"}
    sweep()
    assert states() == {"Hello": "unsure"}  # too early to look
    later(61)
    sweep()
    assert states() == {"Hello": "accepted"}
    assert provider.twilio.posts == 1


@pytest.mark.parametrize("fault", ["hang-after", "reset-after", "500-after", "broken-after", "empty-after"])
def test_case_06_or_its_callback_tells(provider: Provider, write: Write, fault: str) -> None:
    provider.twilio.next.append(fault)
    write("Hello")
    write("Next")
    work()
    assert states() == {"Hello": "unsure", "Next": "queued"}  # the order of one phone holds
    provider.call_back(*provider.twilio.texts[0].report("delivered"))
    work()
    assert states() == {"Hello": "delivered", "Next": "accepted"}
    assert provider.twilio.bodies() == ["Hello", "Next"]


def test_case_06_texts_of_others_and_of_ours_that_are_known_are_not_taken_for_the_missing_one(
    provider: Provider, write: Write
) -> None:
    write("Hello")
    work()
    provider.twilio.accept({"To": OTHER_PHONE, "From": fake_twilio.NUMBER, "Body": "Hello"})
    provider.twilio.accept({"To": PHONE, "From": fake_twilio.NUMBER, "Body": "Something else"})
    provider.twilio.next.append("reset-before")
    second = write("Hello")
    work()
    work_and_look_until_settled()
    assert provider.twilio.posts == 3
    the_session.rollback()
    assert the_session.get_one(type(second), second.id).sid == provider.twilio.texts[-1].sid


@pytest.mark.parametrize("fault", ["500", "503", "reset-before", "hang-before"])
def test_case_07_after_two_empty_looks_it_is_sent_exactly_once(provider: Provider, write: Write, fault: str) -> None:
    provider.twilio.next.append(fault)
    write("Hello")
    work()
    assert states() == {"Hello": "unsure"}
    later(61)
    sweep()
    work()
    assert (states(), provider.twilio.posts) == ({"Hello": "unsure"}, 1)  # one look is not enough
    later(241)
    sweep()
    work()
    assert states() == {"Hello": "accepted"}
    assert provider.twilio.bodies() == ["Hello"]


def test_case_07_a_look_that_fails_is_not_an_empty_look(provider: Provider, write: Write) -> None:
    provider.twilio.next.append("reset-after")
    provider.twilio.lists_fail = True
    write("Hello")
    work()
    for _look in range(4):
        later(300)
        sweep()
        work()
    assert (states(), provider.twilio.posts) == ({"Hello": "unsure"}, 1)
    provider.twilio.lists_fail = False
    later(300)
    sweep()
    assert states() == {"Hello": "accepted"}


def test_case_07_a_list_that_lags_behind_one_look_doubles_nothing(provider: Provider, write: Write) -> None:
    provider.twilio.next.append("reset-after")
    provider.twilio.listable = False
    write("Hello")
    work()
    later(61)
    sweep()
    provider.twilio.listable = True
    later(241)
    sweep()
    work()
    assert states() == {"Hello": "accepted"}
    assert provider.twilio.posts == 1


def test_case_07_a_provider_that_never_answers_is_given_up_in_the_end(provider: Provider, write: Write) -> None:
    provider.twilio.next.extend(["500"] * jobs.MOST_CYCLES)
    write("Hello")
    work()
    for _cycle in range(jobs.MOST_CYCLES):
        work_and_look_until_settled()
    assert states() == {"Hello": "failed"}
    assert column("error_code") == "unanswered"


def test_case_08_a_busy_provider_is_left_alone_and_costs_no_try(provider: Provider, write: Write) -> None:
    provider.twilio.next.append("429:600")
    for body in ("first", "second", "third"):
        write(body)
    work()
    work()
    assert (states(), provider.twilio.posts) == (dict.fromkeys(("first", "second", "third"), "queued"), 1)
    assert [pause.code for pause in queries.paused()] == ["busy"]
    the_session.rollback()
    assert the_session.execute(text("SELECT max(tries) FROM sms_message")).scalar_one() == 0
    with clock.held_at(clock.now() + timedelta(minutes=9, seconds=50)):
        work()
    assert provider.twilio.posts == 1
    with clock.held_at(clock.now() + timedelta(minutes=10, seconds=5)):
        work()
    assert provider.twilio.bodies() == ["first", "second", "third"]
    assert count("sms_pause") == 0


def test_case_08_a_provider_that_is_not_there_is_the_same(provider: Provider, write: Write) -> None:
    write("Hello")
    port = provider.twilio.server_port
    provider.twilio.shutdown()
    provider.twilio.server_close()
    work()
    assert states() == {"Hello": "queued"}
    assert [pause.code for pause in queries.paused()] == ["ConnectionError"]
    assert port  # nothing listens there: the connection was refused


@pytest.mark.parametrize("jump", [timedelta(0), timedelta(hours=1), timedelta(hours=-1)])
def test_case_09_two_workers_send_one_text_once_whatever_their_clocks_say(
    app: Flask, provider: Provider, write: Write, jump: timedelta
) -> None:
    write("Hello", not_before=clock.now() - timedelta(hours=2))
    both = threading.Barrier(2)

    def one(by: timedelta) -> None:
        with app.app_context(), clock.held_at(clock.now() + by):
            both.wait()
            for job in (jobs.send, partial(jobs.sweep_leases, timestamp=0), jobs.send):
                job()
                the_session.commit()

    threads = [threading.Thread(target=one, args=(by,)) for by in (timedelta(0), jump)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert states() == {"Hello": "accepted"}
    assert provider.twilio.posts == 1


def test_case_09_many_workers_keep_the_order_of_every_phone(app: Flask, provider: Provider, write: Write) -> None:
    for n in range(10):
        for phone in (PHONE, OTHER_PHONE):
            write(f"{phone} {n}", to=phone)

    def one(_n: int) -> None:
        with app.app_context():
            jobs.send()
            the_session.commit()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(4)))
    work()
    for phone in (PHONE, OTHER_PHONE):
        assert [body for body in provider.twilio.bodies() if body.startswith(phone)] == [
            f"{phone} {n}" for n in range(10)
        ]


def test_case_10_a_stop_between_queueing_and_sending_cancels_everything(provider: Provider, write: Write) -> None:
    for n in range(3):
        write(f"text {n}")
    assert provider.text_in("STOP", OptOutType="STOP").status_code == 200
    work()
    assert set(states().values()) == {"cancelled"}
    assert provider.twilio.posts == 0
    assert queries.is_suppressed(PHONE)
    provider.text_in("START", OptOutType="START")
    the_session.rollback()
    assert not queries.is_suppressed(PHONE)


@pytest.mark.parametrize("code", ["21610", "30004"])
def test_case_12_a_stop_known_only_to_the_carrier_is_ours_too(provider: Provider, write: Write, code: str) -> None:
    if code == "21610":
        provider.twilio.next.append(f"400:{code}")
    write("Hello")
    write("Next")
    work()
    if code == "30004":
        provider.call_back(*provider.twilio.texts[0].report("undelivered", code))
    assert states()["Hello"] in {"failed", "undelivered"}
    assert queries.is_suppressed(PHONE)
    work()
    assert provider.twilio.bodies().count("Hello") == (1 if code == "30004" else 0)
    suppression = queries.suppression(PHONE)
    assert suppression is not None
    assert suppression.source == "carrier"


def test_case_21_a_forged_or_tampered_call_changes_nothing(provider: Provider, write: Write) -> None:
    write("Hello")
    work()
    url, fields = provider.twilio.texts[0].report("delivered")
    refused = [
        provider.call_back(url, fields, signature=""),
        provider.call_back(url, fields, signature="AAAA"),
        provider.call_back(url, fields, signature=fake_twilio.sign(url, fields, "another token")),
        provider.call_back(url, fields | {"MessageStatus": "failed"}, signature=fake_twilio.sign(url, fields)),
        provider.call_back(url + "?a=1", fields, signature=fake_twilio.sign(url, fields)),
        provider.call_back(url, fields | {"AccountSid": "AC" + "b" * 32}),
    ]
    assert {answer.status_code for answer in refused} == {403}
    assert (states(), count("sms_callback")) == ({"Hello": "accepted"}, 0)
    assert provider.text_in("STOP", AccountSid="AC" + "b" * 32).status_code == 403
    assert count("sms_inbound") == 0


LIST_DAY = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def switched_off(monkeypatch: pytest.MonkeyPatch) -> list[PhonesDeactivated]:
    """What the platform is told of phones that were switched off."""
    told: list[PhonesDeactivated] = []
    monkeypatch.setattr("app.events._reactions", {PhonesDeactivated: (told.append,)})
    return told


def read_deactivations() -> None:
    with clock.held_at(LIST_DAY):
        jobs.read_deactivations(timestamp=0)


@pytest.mark.usefixtures("committed")
def test_case_24_each_list_of_phones_that_were_switched_off_is_read_once_and_in_pieces(
    provider: Provider, switched_off: list[PhonesDeactivated], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "NUMBERS_AT_ONCE", 2)
    provider.twilio.deactivated = {
        "2026-11-20": ["+14105550001", "14105550002", "no number", "", "+14105550003"],
        "2026-11-23": ["+14105550004"],
        "2026-11-24": ["+14105550005"],  # today's is not whole yet
        "2026-11-16": ["+14105550006"],  # too long ago
    }
    read_deactivations()
    early, late = date(2026, 11, 20), date(2026, 11, 23)
    assert switched_off == [
        PhonesDeactivated(("+14105550001", "+14105550002"), early),
        PhonesDeactivated(("+14105550003",), early),
        PhonesDeactivated(("+14105550004",), late),
    ]
    read_deactivations()
    assert len(switched_off) == 3

    provider.twilio.deactivated["2026-11-21"] = ["+14105550007"]  # it was late
    read_deactivations()
    assert switched_off[3:] == [PhonesDeactivated(("+14105550007",), date(2026, 11, 21))]


@pytest.mark.usefixtures("committed")
def test_case_24_a_list_that_breaks_off_is_read_again(
    provider: Provider, switched_off: list[PhonesDeactivated]
) -> None:
    provider.twilio.deactivated = {"2026-11-23": [f"+1410555{number:04d}" for number in range(20)]}
    provider.twilio.breaks_off = True
    read_deactivations()
    assert count("sms_deactivation_list") == 0
    provider.twilio.breaks_off = False
    switched_off.clear()
    read_deactivations()
    assert sum(len(fact.phones) for fact in switched_off) == 20
    assert count("sms_deactivation_list") == 1


@pytest.mark.usefixtures("committed")
def test_case_24_a_list_without_an_end_is_given_up(
    provider: Provider, switched_off: list[PhonesDeactivated], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateways, "_PIECE", 16)
    monkeypatch.setattr(gateways, "_MOST_PIECES", 4)
    provider.twilio.deactivated = {"2026-11-23": ["+14105550001"] * 1000}
    read_deactivations()
    assert switched_off == []
    assert count("sms_deactivation_list") == 0


@pytest.mark.usefixtures("committed")
def test_case_24_on_the_console_no_phone_is_switched_off(switched_off: list[PhonesDeactivated]) -> None:
    read_deactivations()
    assert switched_off == []


def test_case_31_wrong_credentials_pause_the_queue_and_lose_nothing(provider: Provider, write: Write) -> None:
    provider.twilio.next.append("401:20003")
    write("first")
    write("second", to=OTHER_PHONE)
    work()
    assert (set(states().values()), provider.twilio.posts) == ({"queued"}, 1)
    assert queries.health()["paused"] == ["20003"]
    with clock.held_at(clock.now() + delivery.CONFIGURATION_PAUSE + timedelta(seconds=1)):
        work()
        assert queries.health()["paused"] == []
    assert provider.twilio.bodies() == ["first", "second"]


def test_no_connection_is_held_while_the_provider_is_called(provider: Provider, write: Write) -> None:
    held: list[int] = []
    pool = db.engine.pool
    provider.twilio.during_post.append(lambda: held.append(pool.checkedout()))  # type: ignore[attr-defined]
    write("Hello")
    work()
    assert held == [0]


def test_what_goes_to_the_provider(provider: Provider, write: Write) -> None:
    message = write("Su solicitud: está aquí…", not_after=clock.now() + timedelta(minutes=30))
    work()
    fields = dict(provider.twilio.texts[0].fields)
    assert 1700 < int(fields.pop("ValidityPeriod")) <= 1800
    assert fields == {
        "To": PHONE,
        "From": fake_twilio.NUMBER,
        "Body": "Su solicitud: está aquí…",
        "StatusCallback": callback_url(message.id),
        "SmartEncoded": "false",
    }


def test_a_phone_that_is_off_is_tried_again_and_a_late_receipt_ends_that(provider: Provider, write: Write) -> None:
    write("Hello")
    work()
    provider.call_back(*provider.twilio.texts[0].report("sent"))
    provider.call_back(*provider.twilio.texts[0].report("undelivered", "30003"))
    work()
    assert (states(), provider.twilio.posts) == ({"Hello": "queued"}, 1)
    with clock.held_at(clock.now() + timedelta(minutes=61)):
        work()
    assert (states(), provider.twilio.posts) == ({"Hello": "accepted"}, 2)
    provider.call_back(*provider.twilio.texts[1].report("undelivered", "30003"))
    provider.call_back(*provider.twilio.texts[0].report("sent"))  # of the first, long over
    assert states() == {"Hello": "queued"}
    provider.call_back(*provider.twilio.texts[1].report("delivered"))
    with clock.held_at(clock.now() + timedelta(days=2)):
        work()
    assert (states(), provider.twilio.posts) == ({"Hello": "delivered"}, 2)


def test_a_wrong_number_fails_at_once_and_is_not_tried_again(provider: Provider, write: Write) -> None:
    provider.twilio.next.append("400:21211")
    write("Hello")
    work()
    work()
    assert (states(), provider.twilio.posts) == ({"Hello": "failed"}, 1)
    assert [(line.code, line.why) for line in queries.conversation_with(PHONE)] == [
        ("21211", "the number does not exist")
    ]


def test_a_text_of_which_nobody_speaks_is_asked_after(provider: Provider, write: Write) -> None:
    write("Hello")
    work()
    provider.twilio.texts[0].status = "delivered"
    with clock.held_at(clock.now() + timedelta(hours=5)):
        jobs.sweep_silent(timestamp=0)
        the_session.commit()
    assert states() == {"Hello": "delivered"}


def test_after_three_days_of_silence_nobody_knows(provider: Provider, write: Write) -> None:
    write("Hello")
    work()
    with clock.held_at(clock.now() + timedelta(hours=73)):
        jobs.sweep_silent(timestamp=0)
        the_session.commit()
    assert states() == {"Hello": "unknown"}
    provider.call_back(*provider.twilio.texts[0].report("delivered"))
    assert states() == {"Hello": "delivered"}


def test_replies_that_no_webhook_brought_are_found_by_listing(
    provider: Provider, committed: scoped_session[Session]
) -> None:
    provider.twilio.arrive(PHONE, "1")
    for _again in range(2):
        jobs.sweep_lost_replies(timestamp=0)
        committed.commit()
    assert [(line.direction, line.body) for line in queries.conversation_with(PHONE)] == [("in", "1")]
    assert count("procrastinate_jobs") == 1


def test_a_reading_that_failed_is_repeated_at_growing_intervals(
    provider: Provider, committed: scoped_session[Session]
) -> None:
    provider.text_in("1")
    start = clock.now()
    enqueued = []
    for minute in range(1, 20):
        with clock.held_at(start + timedelta(minutes=minute, seconds=5)):
            jobs.sweep_unread(timestamp=0)
            committed.commit()
        enqueued.append(count("procrastinate_jobs"))
    assert enqueued == [2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5]
