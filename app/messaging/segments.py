"""How many segments a text costs, counted the way Twilio's own calculator does.

GSM 03.38 packs 160 letters of seven bits into a message, or 153 into each part of a longer one. One letter outside
that alphabet turns the whole text into UCS-2: 70 units, or 67 in each part. Neither an escaped letter nor what a
reader sees as one letter (an emoji with its skin tone, a Hindi syllable) is ever split between two parts.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

LONGEST = 1600
"""The longest text the provider takes, in UTF-16 units."""

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
ESCAPED = frozenset("\f^{}\\[~]|€")
"""Letters that cost two, because an escape stands before each."""
_GSM = BASIC | ESCAPED

Encoding = Literal["GSM-7", "UCS-2"]


@dataclass(frozen=True)
class Count:
    encoding: Encoding
    segments: int
    units: int
    """Septets of GSM-7 or UTF-16 units of UCS-2, without the headers of the parts."""
    offending: tuple[str, ...]
    """The letters, as a reader sees them, that made it UCS-2; each once, in the order they come."""


def count(text: str) -> Count:
    """What `text` costs; an empty text costs one segment, as the provider counts it."""
    if _GSM.issuperset(text):
        sizes = [2 if letter in ESCAPED else 1 for letter in text]
        return Count("GSM-7", _parts(sizes, alone=160, joined=153), sum(sizes), ())
    clusters = list(_clusters(text))
    sizes = [_utf16_units(cluster) for cluster in clusters]
    offending = tuple(dict.fromkeys(cluster for cluster in clusters if not _GSM.issuperset(cluster)))
    return Count("UCS-2", _parts(sizes, alone=70, joined=67), sum(sizes), offending)


def _utf16_units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _parts(sizes: list[int], *, alone: int, joined: int) -> int:
    if sum(sizes) <= alone:
        return 1
    parts, filled = 1, 0
    for size in sizes:
        if filled + size > joined:
            parts, filled = parts + 1, 0
        filled += size
    return parts


ZERO_WIDTH_JOINER = "\u200d"
_EXTENDS = frozenset("\u200c\u200d\u0e33\u0eb3\uff9e\uff9f")
"""Joined to what stands before although they are neither marks nor modifiers: joiners, Thai and Lao AM, voicing."""


def _clusters(text: str) -> Iterator[str]:
    """`text` in what a reader sees as letters (Unicode Standard Annex 29, extended grapheme clusters)."""
    cluster = ""
    for letter in text:
        if cluster and _joins(cluster, letter):
            cluster += letter
        else:
            if cluster:
                yield cluster
            cluster = letter
    if cluster:
        yield cluster


def _joins(cluster: str, letter: str) -> bool:
    last = cluster[-1]
    if unicodedata.category(last) == "Cc":
        return False
    if unicodedata.category(letter) in {"Mn", "Mc", "Me"} or letter in _EXTENDS or _modifies(letter):
        return True
    if last == ZERO_WIDTH_JOINER:
        return unicodedata.category(letter) == "So"
    if _is_flag_half(letter):
        return len(cluster) == 1 and _is_flag_half(last)
    return _hangul(letter) in _HANGUL_JOINS.get(_hangul(last), "")


def _modifies(letter: str) -> bool:
    """Skin tones, and the invisible tags that spell the flags of regions."""
    return "\U0001f3fb" <= letter <= "\U0001f3ff" or "\U000e0020" <= letter <= "\U000e007f"


def _is_flag_half(letter: str) -> bool:
    return "\U0001f1e6" <= letter <= "\U0001f1ff"


# A Korean syllable may be written in pieces: leading consonants, vowels, trailing consonants. "S" and "C" are whole
# syllables without and with a trailing consonant.
_HANGUL_JOINS = {"L": "LVSC", "V": "VT", "S": "VT", "T": "T", "C": "T"}
_HANGUL_PIECES = (
    ("\u1100", "\u115f", "L"),
    ("\ua960", "\ua97c", "L"),
    ("\u1160", "\u11a7", "V"),
    ("\ud7b0", "\ud7c6", "V"),
    ("\u11a8", "\u11ff", "T"),
    ("\ud7cb", "\ud7fb", "T"),
)
_FIRST_SYLLABLE, _LAST_SYLLABLE = "\uac00", "\ud7a3"
_TRAILING_CONSONANTS = 28


def _hangul(letter: str) -> str:
    if _FIRST_SYLLABLE <= letter <= _LAST_SYLLABLE:
        return "C" if (ord(letter) - ord(_FIRST_SYLLABLE)) % _TRAILING_CONSONANTS else "S"
    return next((kind for first, last, kind in _HANGUL_PIECES if first <= letter <= last), "none")
