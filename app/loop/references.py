"""The short references by which people who share a phone tell their requests apart: “Ref 7KQ”, and “7KQ 1” in answer.

Pure. A reference is a digit and two letters, so it is neither an option nor a word of any language. It has no vowels
and no signs that look like another one; whoever writes O for Q, or types it on a Cyrillic keyboard, is understood.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from app.loop import replies
from app.loop.meanings import Kind, Meaning
from app.loop.spelling import as_it_looks, bare, fold

DIGITS = "46789"
"""Not 1 to 3, which answer, nor 0 and 5, which look like letters."""
LETTERS = "CFHJKMPQRTVWXY"

_READ_OTHERWISE = frozenset(
    {
        *("PM", "KM", "CM", "MM", "FT", "YR", "YT", "HR", "WK", "MT", "PT", "CT", "TH", "RT", "PC", "PX"),
        *("FK", "KK", "WT", "WC", "XX", "MF", "CP", "PR", "HP", "HT", "TX", "MR", "RD", "VT"),
    }
)
"""Letters that say something else after a digit (“4 PM”, “6 ft”), or that nobody wants to be sent."""

_PAIRS = ["".join(pair) for pair in itertools.product(LETTERS, repeat=2) if "".join(pair) not in _READ_OTHERWISE]
_SHORT = [digit + pair for digit in DIGITS for pair in _PAIRS]

_ALIKE = {"q": "qo0", "6": "6g", "8": "8b", "v": "vu"}
"""What is taken for a sign of a reference, where it may be confused; no two signs share one."""

LABELS = ("ref", "réf", "reference", "mã số", "번호", "код", "رمز", "编号", "編號", "कोड")
"""What texts call a reference, in any language; people copy it."""
_LABEL = rf"(?:(?:{'|'.join(as_it_looks(fold(label)) for label in LABELS)})[.:# ]*|#)?"
_BETWEEN = r"[ .-]?"
_LOOKS_LIKE_ONE = frozenset({"i", "l"})


def codes(seed: bytes) -> Iterator[str]:
    """References in an order of the seed's own, never the same one twice; longer ones when all short ones are gone."""
    start = int.from_bytes(hashlib.blake2b(seed, digest_size=8).digest())
    for ring in (_SHORT, [code + letter for code in _SHORT for letter in LETTERS]):
        yield from (ring[(start + place) % len(ring)] for place in range(len(ring)))


@dataclass(frozen=True, slots=True)
class Reply:
    """What a text means, and which request it says it is about."""

    meaning: Meaning
    code: str | None = None
    """The one reference it names; None when it names none, or more than one."""


def may_name_one(text: str) -> bool:
    """Whether there is room for a reference in it at all, as there is not in “1”."""
    return len(fold(text)) >= len(_SHORT[0])


def read(text: str, known: Mapping[str, str], language: str | None, *, opt_out_type: str = "") -> Reply:
    """Read a text that may say a reference before or after its answer: “7KQ 1”, “1 7kq”, “Ref. 7-kq: yes”.

    Everything but the reference is read as if it were the whole text, so “7KQ STOP” stops. What a phone quotes is
    nobody's answer. A text that names two requests answers neither, and neither does a reference alone.

    :param known: each reference of this phone, with the language of the person whose request it is.
    :param language: in which a text without a reference is read (BCP 47); None when nobody knows.
    """
    whole = replies.interpret(text, language, opt_out_type=opt_out_type)
    if whole.kind in {Kind.REACTION, Kind.AUTO_REPLY}:
        return Reply(whole)
    said = fold(text)
    named, rest = _named(said, known)
    if not named:
        return Reply(whole)
    code = named.pop() if len(named) == 1 else None
    meaning = replies.interpret(rest, known[code] if code else language, opt_out_type=opt_out_type)
    if bare(rest) in _LOOKS_LIKE_ONE:
        meaning = Meaning(Kind.OPTION, 1)
    if meaning.kind is Kind.EMPTY or (code is None and meaning.kind in _ANSWERS):
        meaning = replace(replies.FREE_TEXT, urgent=meaning.urgent, stops=meaning.stops)
    return Reply(meaning, code)


_ANSWERS = frozenset({Kind.OPTION, Kind.YES, Kind.NO})


def _named(said: str, known: Collection[str]) -> tuple[set[str], str]:
    """Which of these references a folded text names, and the text without them."""
    named, rest = set(), said
    for code in known:
        pattern = _pattern(code)
        # Letters are compared as they look; every one of them stays where it was.
        while found := pattern.search(as_it_looks(rest)):
            named.add(code)
            before, after = found["before"] or "", found["after"] or ""
            rest = f"{rest[: found.start()]} {before} {after} {rest[found.end() :]}"
    return named, rest.strip(" .,:;-")


@lru_cache(maxsize=2048)
def _pattern(code: str) -> re.Pattern[str]:
    """This reference as people write it: with or without its label, in two parts, with the answer right beside it."""
    digit, *letters = [f"[{_ALIKE.get(sign, sign)}]" for sign in code.lower()]
    return re.compile(rf"(?<!\w)(?P<before>[1-9])?{_LABEL}{digit}{_BETWEEN}{''.join(letters)}(?P<after>[1-9il])?(?!\w)")
