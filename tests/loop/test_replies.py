from __future__ import annotations

import pytest

from app.loop.replies import Kind, Meaning, interpret, normalize

ONE, TWO, THREE = (Meaning(Kind.OPTION, number) for number in (1, 2, 3))
UNCLEAR, STOP, START, HELP = (Meaning(kind) for kind in (Kind.UNCLEAR, Kind.STOP, Kind.START, Kind.HELP))

# What arrives, the language of whoever sent it, and what it means while a question with three answers is open.
REPLIES = [
    ("1", "en", ONE),
    (" 2 ", "en", TWO),
    ("3.", "en", THREE),
    ("(1)", "en", ONE),
    ("“1”", "en", ONE),
    ("#2", "en", TWO),
    ("1️⃣", "en", ONE),  # the keycap of a phone's keyboard
    ("①", "en", ONE),
    ("１", "en", ONE),  # full width, as Chinese and Japanese keyboards write it
    ("١", "ar", ONE),  # Arabic
    ("۲", "ar", TWO),  # Persian and Urdu
    ("२", "hi", TWO),  # Devanagari
    ("\u200f1\u200f", "ar", ONE),  # marks of direction that nobody sees
    ("\ufeff2", "en", TWO),
    ("1\u200b", "en", ONE),
    ("one", "en", ONE),
    ("Two!", "en", TWO),
    ("uno", "es", ONE),
    ("Tres", "es", THREE),
    ("dos", "en", UNCLEAR),  # in another language it may be any word
    ("one", "es", ONE),  # English is on every keyboard
    # A number counts only when it is the whole message.
    ("11", "en", UNCLEAR),
    ("1 2", "en", UNCLEAR),
    ("1 or 2?", "en", UNCLEAR),
    ("1,2", "en", UNCLEAR),
    ("I got 1 box", "en", UNCLEAR),
    ("Liked “Reply 1 when you got help, 2 if not yet”", "en", UNCLEAR),
    ("1 nadie abrió la puerta", "es", UNCLEAR),
    ("0", "en", UNCLEAR),
    ("4", "en", UNCLEAR),  # there is no fourth answer
    ("four", "en", UNCLEAR),
    ("½", "en", UNCLEAR),
    # A referral closes on an explicit answer only.
    ("ok", "en", UNCLEAR),
    ("yes", "en", UNCLEAR),
    ("sí", "es", UNCLEAR),
    ("👍", "en", UNCLEAR),
    ("thanks", "en", UNCLEAR),
    ("", "en", UNCLEAR),
    (" ", "en", UNCLEAR),
    ("?!", "en", UNCLEAR),
    # Enough is enough, in any language and whatever is open.
    ("STOP", "en", STOP),
    ("stop.", "es", STOP),
    ("Stop!!!", "en", STOP),
    ("S\u200bTOP", "en", STOP),
    ("ＳＴＯＰ", "en", STOP),
    ("UNSUBSCRIBE", "en", STOP),
    ("Opt-out", "en", STOP),
    ("Don’t text me", "en", STOP),
    ("dont text me", "en", STOP),
    ("remove me", "en", STOP),
    ("PARAR", "en", STOP),
    ("alto", "es", STOP),
    ("No más mensajes", "es", STOP),
    ("no mas", "es", STOP),
    ("dejen de mandar mensajes", "es", STOP),
    ("I want it to stop raining", "en", UNCLEAR),  # a person reads this
    ("start", "en", START),
    ("Empezar", "es", START),
    ("HELP", "en", HELP),
    ("ayuda", "es", HELP),
    ("necesito ayuda con la luz", "es", UNCLEAR),
]


@pytest.mark.parametrize(("text", "language", "meaning"), REPLIES)
def test_what_a_reply_means(text: str, language: str, meaning: Meaning) -> None:
    assert interpret(text, language, options=3) == meaning


@pytest.mark.parametrize("text", ["1", "one", "①"])
def test_a_number_means_nothing_when_nothing_was_asked(text: str) -> None:
    assert interpret(text, "en", options=0) == UNCLEAR


@pytest.mark.parametrize("text", ["4", "four", "５", "6"])
def test_a_longer_question_takes_larger_numbers(text: str) -> None:
    assert interpret(text, "en", options=6).kind is Kind.OPTION


@pytest.mark.parametrize(("carrier", "meaning"), [("STOP", STOP), ("START", START), ("HELP", HELP), ("", ONE)])
def test_what_the_carrier_has_acted_on_decides(carrier: str, meaning: Meaning) -> None:
    assert interpret("1", "en", options=3, opt_out_type=carrier) == meaning


@pytest.mark.parametrize(("text", "plain"), [("  Don’t   TEXT me! ", "dont text me"), ("No  Más", "no más"), ("…", "")])
def test_normalizing(text: str, plain: str) -> None:
    assert normalize(text) == plain
