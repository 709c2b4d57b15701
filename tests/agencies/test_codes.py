"""Reply codes: what is read as one, and that a mistyped one is never another."""

from __future__ import annotations

import itertools

import pytest

from app.agencies import codes
from app.agencies.codes import Answer, Reading
from app.loop import spelling
from app.referrals.lifecycle import REASONS, Status

ALL = list(codes.candidates(4711))
ACCEPT, DECLINE, FULL, WAIT, DONE = Answer


def test_the_reasons_are_reasons_to_decline() -> None:
    assert set(codes.REASON_OPTIONS) <= set(REASONS[Status.REJECTED])


def test_every_code_there_is_comes_once() -> None:
    assert len(ALL) == len(set(ALL)) == 9000
    assert all(len(code) == 5 and code[0] != "0" and codes.is_valid(code) for code in ALL)


def test_a_wrong_digit_is_found() -> None:
    for code in ALL[::17]:
        for place, digit in itertools.product(range(5), "0123456789"):
            if digit != code[place]:
                assert not codes.is_valid(f"{code[:place]}{digit}{code[place + 1 :]}")


def test_two_digits_that_changed_places_are_found() -> None:
    for code in ALL:
        for place in range(4):
            one, other = code[place], code[place + 1]
            if one != other:
                assert not codes.is_valid(f"{code[:place]}{other}{one}{code[place + 2 :]}")


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("A 48213", Reading(ACCEPT, "48213")),
        ("a48213", Reading(ACCEPT, "48213")),
        (" a: 482 13. ", Reading(ACCEPT, "48213")),
        ("48213 A", Reading(ACCEPT, "48213")),
        ("A ٤٨٢١٣", Reading(ACCEPT, "48213")),
        ("Ａ ４８２１３", Reading(ACCEPT, "48213")),
        ("a ४८२१३", Reading(ACCEPT, "48213")),
        ("Aceptar 48213", Reading(ACCEPT, "48213")),
        ("D 48213", Reading(DECLINE, "48213")),
        ("D 48213 3", Reading(DECLINE, "48213", 3)),
        ("d-48213-3!", Reading(DECLINE, "48213", 3)),
        ("FULL 48213", Reading(FULL, "48213")),
        ("lleno 48213", Reading(FULL, "48213")),
        ("W48213", Reading(WAIT, "48213")),
        ("Done 48213 :)", Reading(DONE, "48213")),
        ("3", Reading(None, None, 3)),
        # Mistyped, and still meant for us: it is answered, never guessed.
        ("A 4821", Reading(ACCEPT, "4821")),
        ("A 482130", Reading(ACCEPT, "482130")),
        # Nothing of ours: somebody else reads it.
        ("48213", None),
        ("A", None),
        ("A 48213 please", None),
        ("I can be there at 48213 Main Street", None),
        ("yes", None),
        ("12", None),
        ("A 4105550123", None),
        ("", None),
        ("🙂", None),
    ],
)
def test_how_a_text_is_read(typed: str, read: Reading | None) -> None:
    assert codes.read(spelling.fold(typed)) == read
