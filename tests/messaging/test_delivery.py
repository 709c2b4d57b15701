from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from app.messaging import delivery
from app.messaging.delivery import Act, State

NOON = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)  # in New York


@pytest.mark.parametrize(
    ("now", "word", "then"),
    [
        (State.SENDING, "queued", State.ACCEPTED),  # faster than the answer to the POST
        (State.UNSURE, "sent", State.SENT),  # proof that it exists
        (State.QUEUED, "delivered", State.DELIVERED),  # put back by mistake: it must not be sent again
        (State.CANCELLED, "sent", State.SENT),  # taken back too late
        (State.ACCEPTED, "sending", None),
        (State.ACCEPTED, "sent", State.SENT),
        (State.SENT, "queued", None),
        (State.SENT, "undelivered", State.UNDELIVERED),
        (State.DELIVERED, "sent", None),
        (State.DELIVERED, "failed", None),
        (State.FAILED, "sent", None),
        (State.FAILED, "delivered", State.DELIVERED),  # a receipt is the stronger evidence
        (State.UNDELIVERED, "read", State.DELIVERED),
        (State.UNKNOWN, "delivered", State.DELIVERED),
        (State.UNKNOWN, "sent", None),
    ],
)
def test_states_only_move_forward(now: State, word: str, then: State | None) -> None:
    news = delivery.heard(word)
    assert news is not None
    assert delivery.forward(now, news) is then


def test_words_about_texts_we_receive_and_new_words_say_nothing() -> None:
    assert [delivery.heard(word) for word in ("received", "receiving", "teleported")] == [None, None, None]


def test_a_code_nobody_knows_is_tried_once_more_and_then_left_to_a_person() -> None:
    found = delivery.rule("39999")
    assert (found.code, found.person) == ("unknown", delivery.Person.CALL)
    assert delivery.retry_at(found, 0, NOON, None) == NOON + timedelta(minutes=15)
    assert delivery.retry_at(found, 1, NOON, None) is None


@pytest.mark.parametrize(
    ("code", "act"),
    [
        ("20003", Act.PAUSE),
        ("20429", Act.WAIT),
        ("20500", Act.LOOK),
        ("21211", Act.GIVE_UP),
        ("21610", Act.SUPPRESS),
        ("30001", Act.RETRY),
        ("30004", Act.SUPPRESS),
        ("30006", Act.GIVE_UP),
        ("30007", Act.GIVE_UP),
        ("30034", Act.PAUSE),
    ],
)
def test_what_is_done_about_a_code(code: str, act: Act) -> None:
    assert delivery.rule(code).act is act


def test_every_rule_is_complete() -> None:
    for rule in delivery.RULES.values():
        assert (rule.act is Act.RETRY) == bool(rule.after), rule.code
        assert re.fullmatch(r"\d{5}|unknown|unanswered", rule.code)


def test_a_phone_that_is_off_is_tried_after_one_hour_six_hours_and_in_the_morning_there() -> None:
    found = delivery.rule("30003")
    times = [delivery.retry_at(found, tries, NOON, "America/Los_Angeles") for tries in range(4)]
    assert times == [
        NOON + timedelta(hours=1),
        NOON + timedelta(hours=6),
        datetime(2026, 11, 23, 18, 0, tzinfo=UTC),  # 10:00 in Los Angeles
        None,
    ]


def test_a_daily_limit_is_over_after_midnight_where_the_carrier_counts() -> None:
    at = delivery.retry_at(delivery.rule("30023"), 0, NOON, "America/New_York")
    assert at == datetime(2026, 11, 24, 8, 5, tzinfo=UTC)


def test_pauses_grow_to_a_limit_and_honor_what_the_provider_asks() -> None:
    assert delivery.pause(0, None, 0) == timedelta(seconds=1)
    assert delivery.pause(3, None, 0) == timedelta(seconds=8)
    assert delivery.pause(10_000, None, 1) == delivery.LONGEST_PAUSE * 1.25
    assert delivery.pause(0, timedelta(minutes=10), 0.5) == timedelta(minutes=10, seconds=0.5)
