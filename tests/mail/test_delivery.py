"""What a server's answers mean: the policy as a table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.mail import delivery
from app.mail.delivery import Stage
from app.messaging.delivery import Accepted, NotSent, Outcome, Refused, Unsure

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("stage", "code", "outcome"),
    [
        (Stage.TEXT, 250, Accepted),
        # Before the text has left, nothing can exist.
        (Stage.GREETING, None, NotSent),
        (Stage.RECIPIENT, None, NotSent),
        (Stage.DATA, None, NotSent),
        # Afterwards it may.
        (Stage.TEXT, None, Unsure),
        (Stage.TEXT, 354, Unsure),
        # The server says that it did not take it.
        (Stage.TEXT, 451, NotSent),
        (Stage.TEXT, 554, Refused),
        (Stage.RECIPIENT, 450, NotSent),
        (Stage.RECIPIENT, 550, Refused),
        (Stage.DATA, 421, NotSent),
        (Stage.DATA, 554, Refused),
        # What is wrong with us is not wrong with the letter.
        (Stage.GREETING, 535, NotSent),
        (Stage.GREETING, 554, NotSent),
        (Stage.SENDER, 550, NotSent),
    ],
)
def test_what_an_answer_means(stage: Stage, code: int | None, outcome: type[Outcome]) -> None:
    assert isinstance(delivery.outcome(stage, code), outcome)


def test_tries_grow_apart_and_end() -> None:
    waits = [delivery.retry_at(tries, NOW) for tries in range(1, 12)]
    times = [at - NOW for at in waits if at]
    assert times == sorted(times)
    assert times[0] <= timedelta(minutes=1)
    assert waits[len(delivery.WAITS) :] == [None] * (11 - len(delivery.WAITS))


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("Rosa@Pantry.Example", "rosa@pantry.example"),
        (" rosa+referrals@sub.pantry.example ", "rosa+referrals@sub.pantry.example"),
        ("rosa@pantry", None),
        ("rosa@pantry.example, eve@evil.example", None),
        ("rosa@pantry.example\r\nBcc: eve@evil.example", None),
        ("Rosa <rosa@pantry.example>", None),
        ("rosa pantry@pantry.example", None),
        ("rösa@pantry.example", None),
        (f"{'x' * 65}@pantry.example", None),
        ("", None),
    ],
)
def test_what_is_an_address(typed: str, address: str | None) -> None:
    assert delivery.address(typed) == address


@pytest.mark.parametrize(
    "subject", ["Can you help?\r\nBcc: eve@evil.example", "Can you\nhelp?", "Can\x00 you help?", "Can you\u2028help?"]
)
def test_a_subject_stays_one_line(subject: str) -> None:
    line = delivery.one_line(subject)
    assert line.isprintable()
    assert "\n" not in line
