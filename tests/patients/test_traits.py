from __future__ import annotations

from app.patients.traits import Trait, told


def test_who_says_woman_says_not_a_man() -> None:
    assert told({}, "woman") == {Trait.WOMAN: True, Trait.MAN: False}


def test_who_says_neither_says_nothing() -> None:
    assert told({}, "") == {}


def test_of_what_is_sensitive_only_a_yes_is_kept() -> None:
    assert told({Trait.HIV: False, Trait.VETERAN: False}, "") == {Trait.VETERAN: False}
    assert told({Trait.HIV: True}, "") == {Trait.HIV: True}
