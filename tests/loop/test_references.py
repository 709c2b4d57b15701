"""How people say which request they answer. The table is the specification."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.i18n import LANGUAGES
from app.loop import replies
from app.loop.meanings import Kind
from app.loop.references import Reply, codes, read

KNOWN = {"7KQ": "en", "4MP": "es", "8RV": "ru", "6TX": "ar"}

# fmt: off
SAID: dict[tuple[str | None, str], list[str]] = {
    ("7KQ", "option:1"): [
        "7KQ 1", "7kq 1", "1 7kq", "Ref 7KQ 1", "ref: 7kq 1", "Ref. 7KQ: 1", "Ref7KQ 1", "REF #7KQ 1", "#7kq 1",
        "7KQ1", "17kq", "7KQ-1", "7KQ, 1", "7KQ=1", "(7KQ) 1.", "“7KQ 1”", "7KQ 1 please", "7KQ\n1", "1\nRef 7KQ",
        "7 KQ 1", "7-KQ 1", "7KQ one", "7KQ 1️⃣", "7KQ ①", "７ＫＱ １", "٧KQ ١", "१ ७KQ", "۷kq ۱",
        "\u200f7KQ 1\u200f", "\u202b7KQ\u202c 1", "7KO 1", "7K0 1", "7КО 1", "7KQ I", "7kq l", "7KQ 7KQ 1",
    ],
    ("7KQ", "yes"): ["7KQ yes", "yes 7KQ", "7KQ ✅", "Ref 7KQ - YES!"],
    ("7KQ", "no"): ["7KQ not yet", "no 7kq"],
    ("4MP", "option:3"): ["4MP 3", "4 MP 3", "3 4mp", "34mp", "4МР 3", "4MP tres"],
    ("4MP", "yes"): ["4MP sí", "Ref. 4MP sí, gracias"],
    ("8RV", "option:2"): ["Код 8RV 2", "код 8rv: 2", "BRV 2", "8RU 2", "8RV два"],
    ("6TX", "option:1"): ["رمز 6TX 1", "رمز\n6TX\n1", "6TX واحد", "GTX 1", "٦TX ١"],
    ("7KQ", "stop"): ["7KQ STOP", "stop 7kq"],
    ("7KQ", "urgent"): ["7KQ he hit me"],
    ("7KQ", "help"): ["7KQ ?", "7KQ help"],
    ("7KQ", "free_text"): ["7KQ", "Ref 7KQ", "7KQ 11", "7KQ 1 or 2?", "7KQ I got 1 box", "7KQ yes ❌", "7KQ 1/2",
                           "77KQ 1"],
    # two requests at once, or none that this phone has
    (None, "free_text"): ["7KQ 1 4MP 2", "7KQ 4MP 1", "yes 7KQ 4MP", "7KR 1", "9KQ 1", "7KQX 1", "A7KQ 1",
                          "7 1", "KQ 1", "at 7 I was told"],
    (None, "option:1"): ["1", "1.", "١"],
    (None, "yes"): ["yes"],
    # a phone quotes the whole text
    (None, "reaction"): ["Liked “Your request was accepted.\nRef 7KQ”", "👍 to “Reply 1\nRef 7KQ”",
                         "Reacted ❤️ to “Ref 7KQ”", "Le gustó “Ref. 7KQ 1”"],
    (None, "auto_reply"): ["I'm driving. Ref 7KQ 1"],
    (None, "stop"): ["STOP", "STOP 7KQ 4MP"],
}
# fmt: on


@pytest.mark.parametrize(
    ("text", "code", "meaning"), [(text, *expected) for expected, texts in SAID.items() for text in texts]
)
def test_a_reply_says_what_it_is_about_and_what_it_means(text: str, code: str | None, meaning: str) -> None:
    reply = read(text, KNOWN, "en")

    assert (reply.code, str(reply.meaning)) == (code, meaning)


@pytest.mark.parametrize(
    ("text", "urgent", "stops"), [("7KQ 4MP he hit me", True, False), ("7KQ 4MP STOP", False, True)]
)
def test_naming_two_requests_hides_no_danger_and_no_stop(text: str, urgent: bool, stops: bool) -> None:  # noqa: FBT001
    reply = read(text, KNOWN, "en")

    assert (reply.meaning.urgent, reply.meaning.stops, reply.code) == (urgent, stops, None)


def test_the_language_is_that_of_whose_request_it_is() -> None:
    assert read("7KQ K", {"7KQ": "vi"}, "en").meaning.kind is Kind.NO
    assert read("7KQ K", {"7KQ": "en"}, "vi").meaning.kind is Kind.ACK


def test_what_the_carrier_took_it_for_still_decides() -> None:
    assert read("7KQ 1", KNOWN, "en", opt_out_type="STOP").meaning.kind is Kind.STOP


@given(st.text(), st.sampled_from([None, *LANGUAGES]))
def test_without_references_everything_means_what_it_meant(text: str, language: str | None) -> None:
    assert read(text, {}, language) == Reply(replies.interpret(text, language))


@given(st.text(alphabet="7KQkqoO0 1234MPmp.-#\u200f١", max_size=20))
def test_whatever_is_typed_names_one_request_or_answers_none_of_several(text: str) -> None:
    reply = read(text, KNOWN, "en")

    assert reply.code in {None, *KNOWN}
    assert str(reply) == str(read(text, dict(reversed(KNOWN.items())), "en"))


# What they look like


def all_codes() -> list[str]:
    return list(itertools.takewhile(lambda code: len(code) == 3, codes(b"any")))


def test_a_reference_is_a_digit_and_two_letters_that_cannot_be_confused() -> None:
    assert all(re.fullmatch("[46789][CFHJKMPQRTVWXY]{2}", code) for code in all_codes())
    assert not {code[1:] for code in all_codes()} & {"PM", "KM", "FT", "TH"}


@pytest.mark.parametrize("language", [None, *LANGUAGES])
def test_a_reference_alone_is_no_word_of_any_language(language: str | None) -> None:
    meant = {code for code in all_codes() if replies.interpret(code, language).kind is not Kind.FREE_TEXT}
    letters = {code[1:] for code in all_codes() if replies.interpret(code[1:], language).stops}

    assert not meant | letters


def test_no_two_references_are_read_as_each_other() -> None:
    every = dict.fromkeys(all_codes(), "en")

    assert [code for code in every if read(f"{code} 1", every, "en").code != code] == []


def test_references_of_a_request_come_in_an_order_of_its_own_and_never_end_too_soon() -> None:
    first = list(itertools.islice(codes(b"one"), 2000))

    assert first == list(itertools.islice(codes(b"one"), 2000))
    assert len(set(first)) == len(first)
    assert next(codes(b"other")) != first[0]
    assert {len(code) for code in first} == {3, 4}
