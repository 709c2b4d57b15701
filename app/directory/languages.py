"""Which languages a directory means: from "Spanish", "spa" or "Spanish and limited French. Language line." to codes.

A code is BCP 47 in its shortest form. A language counts only when it is named plainly; "some Spanish" or "Spanish
brochures" promises nobody a conversation, so such words are handed back as they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from babel.core import Locale, get_global

_ALIASES = {
    "asl": "ase",
    "american sign language": "ase",
    "sign language": "ase",
    "mandarin": "cmn",
    "chinese (mandarin)": "cmn",
    "mandarin chinese": "cmn",
    "cantonese": "yue",
    "chinese (cantonese)": "yue",
    "cantonese chinese": "yue",
    "taiwanese": "nan",
    "chinese": "zh",
    "tagalog": "tl",
    "tl": "tl",  # CLDR calls it Filipino
    "filipino": "tl",
    "filipino (tagalog)": "tl",
    "tagalog (filipino)": "tl",
    "pilipino": "tl",
    "farsi": "fa",
    "dari": "prs",
    "hmong": "hmn",
    "haitian": "ht",
    "kreyol": "ht",
    "castilian": "es",
    # What they call themselves, which some directories write beside the English name.
    "español": "es",
    "espanol": "es",
    "français": "fr",
    "português": "pt",
    "tiếng việt": "vi",
    "中文": "zh",
    "kreyòl ayisyen": "ht",
    "kiswahili": "sw",
    "khmer": "km",
    "cambodian": "km",
}
_COMPARED_AS = {"cmn": "zh", "yue": "zh", "nan": "zh", "fil": "tl", "prs": "fa", "hnj": "hmn", "mww": "hmn"}

_SENTENCES = re.compile(r"(?<=[a-z)]{2})\s*[.;]\s*|[\n;]", re.IGNORECASE)
_BETWEEN = re.compile(r"\s*(?:,|&|/|\band\b)\s*", re.IGNORECASE)
_NOT_SPEECH = re.compile(
    r"brochure|literature|publication|material|form|book|interpret|translat|accom|arrange|possib", re.IGNORECASE
)
_CODE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")


@dataclass(frozen=True, slots=True)
class Spoken:
    """A language and what the source calls it."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Listed:
    """What a free text says about languages."""

    languages: tuple[Spoken, ...]
    rest: str | None
    """The words beyond plain names, unchanged: interpreters, conditions, languages we do not know."""


def code_of(text: str, written_in: str = "en") -> str | None:
    """The code of one language given by its name or by an ISO 639 or BCP 47 code; None if we do not know it.

    :param written_in: the language of the name; an English one is always understood.
    """
    words = " ".join(text.split()).strip(" .").casefold()
    if not words:
        return None
    known = _ALIASES.get(words) or _codes_by_name().get(words) or _codes_by_name(written_in).get(words)
    if known:
        return known
    return _normal_code(words) if _CODE.fullmatch(words) else None


def read_list(text: str) -> Listed:
    """Take a free text apart into the languages it plainly names and everything else it says."""
    found: dict[str, Spoken] = {}
    everything_understood = True
    for sentence in filter(None, _SENTENCES.split(text)):
        parts = [" ".join(part.split()).strip(" .") for part in _BETWEEN.split(sentence)]
        known = {part: _named(part) for part in parts if part}
        unknown = [part for part, code in known.items() if code is None]
        everything_understood &= not unknown
        # "Interpreters for French, Russian" and "French and Russian brochures" are no list of what staff speak.
        if (known and next(iter(known.values())) is None) or any(map(_NOT_SPEECH.search, unknown)):
            continue
        for name, code in known.items():
            if code:
                found.setdefault(code, Spoken(code, name))
    return Listed(tuple(found.values()), None if everything_understood else " ".join(text.split()))


def _named(part: str) -> str | None:
    """The language a word names. Codes do not count here: "so" and "also" are words first."""
    return _ALIASES.get(part.replace(".", "").casefold()) or _codes_by_name().get(part.casefold())


def compared_as(code: str) -> str:
    """The code under which two people are taken to understand each other: `zh` for every Chinese, `es` for `es-MX`."""
    base = code.replace("_", "-").split("-")[0].lower()
    return _COMPARED_AS.get(base, base)


def name_of(code: str, locale: Locale) -> str | None:
    """What a language is called in another, as “Spanish” or “español”, else in English; None if that is not known."""
    same = "fil" if compared_as(code) == "tl" else compared_as(code)
    for names in (locale.languages, Locale("en").languages):
        if name := names.get(code) or names.get(same):
            return str(name)
    return None


@cache
def _codes_by_name(language: str = "en") -> dict[str, str]:
    names = Locale.parse(language, sep="-").languages.items()
    # Of two codes with one name the shorter is the usual one; variants such as en_US are no languages of their own.
    ordered = sorted(names, key=lambda item: (len(item[0]), item[0]), reverse=True)
    return {name.casefold(): code for code, name in ordered if "_" not in code}


def _normal_code(words: str) -> str | None:
    base, *variants = words.replace("_", "-").split("-")
    short = str(get_global("language_aliases").get(base, base))
    if short not in Locale("en").languages:
        return None
    return "-".join([short, *(_cased(variant) for variant in variants)])


def _cased(variant: str) -> str:
    """BCP 47's own custom: Hans, MX."""
    return variant.title() if len(variant) == 4 else variant.upper()  # noqa: PLR2004
