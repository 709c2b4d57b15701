"""How a text is written does not matter: letters that mean the same made the same.

Pure. What can be dropped differs between scripts: an accent of “Sí” may go, a vowel sign of “हाँ” or the last letter
of a Hmong word, which is its tone, may not.
"""

from __future__ import annotations

import re
import unicodedata

_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»〝〞「」『』❝❞", '"') | dict.fromkeys("‘’‚‛ʼʻʹ`´′＇", "'"))
_ARABIC = str.maketrans(
    dict.fromkeys("أإآٱ", "ا") | {"ى": "ي", "ی": "ي", "ة": "ه", "ؤ": "و", "ئ": "ي", "ک": "ك", "ـ": ""}
)
_ARABIC_VOWELS = re.compile("[\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed]")
_HEART = re.compile(r"<3(?!\d)")
_SMILEY = re.compile(r"(?<!\S)[:;=]-?3(?!\S)")
_INVISIBLE = re.compile("[\u034f\u20e3\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0100-\U000e01ef]")
"""Grapheme joiners, the box of a keycap, wishes for a colored or a plain picture, and skin tones."""


def fold(text: str) -> str:
    """`text` without what people do not mean: width, case, the script of digits, kinds of quotes, invisible marks.

    Punctuation and pictures stay. Folding twice changes nothing more.
    """
    folded = _fold_once(text)
    while (again := _fold_once(folded)) != folded:  # a mark that goes may let two letters combine
        folded = again
    return folded


def _fold_once(text: str) -> str:
    kept = "".join(" " if char.isspace() else _digit(char) for char in text if not _is_invisible(char))
    letters = fold_letters(unicodedata.normalize("NFKC", kept).casefold())
    spaced = " ".join(_ARABIC_VOWELS.sub("", letters).translate(_QUOTES).split())
    return _SMILEY.sub("☺", _HEART.sub("❤", spaced))  # else they would be a 3


def fold_letters(text: str) -> str:
    """Letters that may be written in more than one way, written in one; for patterns, which `fold` would spoil."""
    return unicodedata.normalize("NFKC", text).translate(_ARABIC)


def _is_invisible(char: str) -> bool:
    return bool(_INVISIBLE.match(char)) or (unicodedata.category(char) in {"Cf", "Cc", "Cs"} and not char.isspace())


def _digit(char: str) -> str:
    """A digit of any script, also circled, as the ASCII one."""
    value = unicodedata.digit(char, None) if unicodedata.category(char) in {"Nd", "No"} else None
    return char if value is None else str(value)


def bare(said: str) -> str:
    """The words of a folded text, one space between them; nothing when it has none."""
    spaced = "".join(_letter_or_space(char) for char in said.replace("'", ""))
    return " ".join(spaced.split())


def _letter_or_space(char: str) -> str:
    return char if unicodedata.category(char)[0] in "LMN" else " "


def plain(words: str) -> str:
    """`words` without accents. Only Latin and Cyrillic letters have any; elsewhere a mark is a vowel or a tone."""
    if words.isascii():
        return words
    kept, accents_go = [], False
    for char in unicodedata.normalize("NFD", words):
        if unicodedata.category(char) == "Mn":
            if accents_go:
                continue
        else:
            accents_go = unicodedata.name(char, "").startswith(("LATIN", "CYRILLIC"))
        kept.append(_STROKED.get(char, char))
    return unicodedata.normalize("NFC", "".join(kept))


_STROKED = {"đ": "d", "ø": "o", "ł": "l", "ı": "i"}
"""Letters whose stroke or missing dot is no mark of its own."""

_LOOKS_LIKE = str.maketrans("авекмнорстухіѕј", "abekmhopctyxisj")


def as_it_looks(words: str) -> str:
    """How it looks, Cyrillic letters as the Latin ones that look the same: STOP is typed in a mixture of both."""
    return words.translate(_LOOKS_LIKE)
