from __future__ import annotations

import pytest

from app.directory import ages
from app.directory.values import Unreadable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("18", (18, None)),
        ("18.0", (18, None)),
        ("0,5", (0.5, None)),
        ("18 years", (18, None)),
        ("Age 18 yrs.", (18, None)),
        ("18 months", (1.5, None)),
        ("18+", (18, None)),
        ("18+ years", (18, None)),
        ("18 and older", (18, None)),
        ("Ages 60 years or over.", (60, None)),
        ("at least 21", (21, None)),
        ("13-17", (13, 17)),
        ("18 to 24 years old", (18, 24)),
        ("0 - 5 years", (0, 5)),
        ("6 - 36 months", (0.5, 3)),
        ("6 months to 5 years", (0.5, 5)),
        ("1 year – 18 mos", (1, 1.5)),
        ("under 18", (None, 17)),
        ("under 18 months", (None, 1.5)),
        ("18 and under", (None, 18)),
        ("up to 5", (None, 5)),
        ("All ages", (None, None)),
        ("N/A", (None, None)),
    ],
)
def test_a_youngest_age_is_understood_with_what_is_said_beside_it(text: str, expected: ages.Ages) -> None:
    assert ages.youngest(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("24", (None, 24)), ("24 yrs", (None, 24)), ("under 18", (None, 17)), ("13-17", (13, 17)), ("none", (None, None))],
)
def test_an_oldest_age_is_understood_too(text: str, expected: ages.Ages) -> None:
    assert ages.oldest(text) == expected


@pytest.mark.parametrize(
    "text", ["-1", "1800", "200", "Adults", "over 18", "18 or 21", "grades 5-8", "18-", "1e2", "+"]
)
def test_what_leaves_a_doubt_is_never_guessed(text: str) -> None:
    with pytest.raises(Unreadable):
        ages.youngest(text)


def test_open_ended_says_nothing_of_an_oldest_age() -> None:
    with pytest.raises(Unreadable):
        ages.oldest("65+")
