"""What a texted reply means.

Pure: words come from `replies.yaml`, a draft for each language, and the answer is one `Meaning`. A number counts only
when it is the whole message, because “I got 1 box” answers nothing. STOP is understood in every language we know,
whatever the patient's own (47 CFR 64.1200(a)(10): any reasonable means).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from types import MappingProxyType

from app import datafile


class Kind(StrEnum):
    STOP = "stop"
    START = "start"
    HELP = "help"
    OPTION = "option"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Meaning:
    kind: Kind
    option: int | None = None
    """Which numbered answer was chosen, for OPTION."""


UNCLEAR = Meaning(Kind.UNCLEAR)
_CARRIER = {"STOP": Kind.STOP, "START": Kind.START, "HELP": Kind.HELP}


def normalize(text: str) -> str:
    """`text` for comparing: width, case, digits of any script, quotes and outer punctuation no longer matter."""
    plain = unicodedata.normalize("NFKC", text)
    plain = "".join(
        str(unicodedata.decimal(char)) if unicodedata.category(char) == "Nd" else char
        for char in plain
        # Cf is invisible marks, Me the box of a keycap, FE0F the wish for a colored picture.
        if unicodedata.category(char) not in {"Cf", "Me"} and char != "\ufe0f"
    )
    plain = plain.casefold().replace("’", "'").replace("'", "")
    return re.sub(r"\s+", " ", re.sub(r"^[\W_]+|[\W_]+$", "", plain))


def interpret(text: str, language: str, *, options: int = 0, opt_out_type: str = "") -> Meaning:
    """What `text` from somebody who speaks `language` means, given an open question with `options` numbered answers.

    :param opt_out_type: what the carrier already took it for (Twilio's OptOutType); that decides.
    """
    if opt_out_type in _CARRIER:
        return Meaning(_CARRIER[opt_out_type])
    said = normalize(text)
    if not said:
        return UNCLEAR
    for kind in (Kind.STOP, Kind.START, Kind.HELP):
        if any(said in words[kind] for words in WORDS.values()):
            return Meaning(kind)
    number = int(said) if re.fullmatch(r"[0-9]", said) else _number_word(said, language)
    if number is not None and 1 <= number <= options:
        return Meaning(Kind.OPTION, number)
    return UNCLEAR


def _number_word(said: str, language: str) -> int | None:
    for code in (language, "en"):
        if code in NUMBERS and said in NUMBERS[code]:
            return NUMBERS[code].index(said) + 1
    return None


def _load() -> tuple[Mapping[str, Mapping[Kind, frozenset[str]]], Mapping[str, tuple[str, ...]]]:
    words: dict[str, Mapping[Kind, frozenset[str]]] = {}
    numbers: dict[str, tuple[str, ...]] = {}
    root = datafile.read(files(__package__).joinpath("replies.yaml"))
    for node in root.children("languages"):
        language = node.text("language")
        words[language] = MappingProxyType(
            {kind: _normal(node.texts(kind.value)) for kind in (Kind.STOP, Kind.START, Kind.HELP)}
        )
        numbers[language] = tuple(normalize(word) for word in node.texts("numbers"))
    return MappingProxyType(words), MappingProxyType(numbers)


def _normal(words: Iterable[str]) -> frozenset[str]:
    return frozenset(normalize(word) for word in words)


WORDS, NUMBERS = _load()
