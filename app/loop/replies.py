"""What a texted reply means, in fifteen languages.

Pure. A text is read in this order: what a phone wrote by itself, STOP in any language (47 CFR 64.1200(a)(10): any
reasonable means), danger, a number, yes or no, and then everything else.

Only the whole message counts, because “I got 1 box” answers nothing and “when does it end?” is no END. Only the wish
for no more texts and a cry for help are also heard inside a longer text. Whatever is not certain is left to a person.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import replace

from app.loop.meanings import Kind, Meaning
from app.loop.spelling import as_it_looks, bare, fold, plain
from app.loop.vocabulary import SCRIPTS, WORDS, Phrase, Senses

FREE_TEXT = Meaning(Kind.FREE_TEXT)
_CARRIER = {"STOP": Kind.STOP, "START": Kind.START, "HELP": Kind.HELP}

_ENGLISH = "en"
_SHORT = 3
"""Latin words of fewer letters are too easily something else to be read in a language that is not the sender's."""


def interpret(text: str, language: str | None, *, opt_out_type: str = "") -> Meaning:
    """What `text` means from somebody who speaks `language` (BCP 47; None when nobody knows).

    :param opt_out_type: what the carrier took it for (Twilio's OptOutType); that decides, except that START may stand
        for YES, which answers a question and never asks for texts again.
    """
    said = fold(text)
    meaning = _read(said, language)
    carrier = _CARRIER.get(opt_out_type)
    if carrier and (carrier, meaning.kind) != (Kind.START, Kind.YES):
        meaning = Meaning(carrier)
    if meaning.kind in {Kind.REACTION, Kind.AUTO_REPLY}:
        return meaning
    urgent = meaning.kind is Kind.URGENT or _speaks_of(WORDS.danger, said)
    stops = meaning.kind in {Kind.STOP, Kind.MAYBE_STOP} or (urgent and _stops_inside(said))
    return replace(meaning, urgent=urgent, stops=stops)


def _read(said: str, language: str | None) -> Meaning:
    if any(pattern.search(said) for pattern in WORDS.reactions):
        return Meaning(Kind.REACTION)
    if any(pattern.search(said) for pattern in WORDS.automatic):
        return Meaning(Kind.AUTO_REPLY)
    words = bare(said)
    if not words:
        return _of_signs(said)
    meaning = next(filter(None, (_of_word(form, language) for form in _forms(words))), None)
    if meaning:
        return FREE_TEXT if _contradicts(meaning.kind, _signs_in(said)) else meaning
    if _speaks_of(WORDS.no_more_texts, said):
        return Meaning(Kind.STOP)
    return Meaning(Kind.URGENT) if _speaks_of(WORDS.danger, said) else FREE_TEXT


# What the words mean

_LONG_DRAWN = re.compile(r"([^\W\d_])\1{2,}")


def _forms(words: str) -> Iterator[str]:
    """What was said, and then the same without please and thank you, without repetition, not long-drawn."""
    yield words
    shorter = WORDS.courtesy_after.sub("", words)
    polite = WORDS.courtesy_before.sub("", shorter)
    yield from (form for form in (shorter, WORDS.courtesy_before.sub("", words), polite) if form and form != words)
    polite = polite or words
    first, *others = polite.split()
    if others and set(others) == {first} and not first.isdigit() and len(first) > 1:
        yield first
    short = _LONG_DRAWN.sub(r"\1", polite)
    if short != polite and len(short) > 1:
        yield short


def _of_word(words: str, language: str | None) -> Meaning | None:
    """What these words mean as a whole message: as they were written, else without accents."""
    if re.fullmatch(r"[1-9]", words):
        return Meaning(Kind.OPTION, int(words))
    unmarked = plain(words)
    # In Vietnamese another accent is another word, so only what was typed without any is read without them.
    senses = {code: sense for code, sense in WORDS.plain.get(unmarked, {}).items() if code != "vi" or words == unmarked}
    return (
        _sense(words, WORDS.exact.get(words, {}), language, exact=True)
        or _sense(unmarked, senses, language, exact=False)
        or (Meaning(Kind.STOP) if as_it_looks(words) in WORDS.stop_looks and not words.isascii() else None)
    )


def _sense(word: str, senses: Senses, language: str | None, *, exact: bool) -> Meaning | None:
    doubt = WORDS.doubts.get(word)
    if doubt:
        if doubt.maybe_stop:
            return Meaning(Kind.MAYBE_STOP) if doubt.counts_for(language) else None
        senses = {code: sense for code, sense in senses.items() if doubt.admits(code, language)}
    if any(sense.kind is Kind.STOP for sense in senses.values()):
        return Meaning(Kind.STOP)
    own = senses.get(language or "") or senses.get(SCRIPTS.get(language or "", ""))
    if own and own.kind is not Kind.LANGUAGE:
        return own
    if word in WORDS.names:
        codes = WORDS.names[word]
        return Meaning(Kind.LANGUAGE, language=language if language in codes else codes[0])
    return own or _in_another_language(word, senses, exact=exact)


def _in_another_language(word: str, senses: Senses, *, exact: bool) -> Meaning | None:
    """What a word means that only people of other languages use, when they all mean the same by it."""
    english = senses.get(_ENGLISH)
    if english:
        spoken = None if word in _EVERYWHERE or english.kind in {Kind.ACK, Kind.OPTION} else _ENGLISH
        return replace(english, spoken=spoken)
    if word.isascii() and len(word) < _SHORT:
        return None
    others = {code: sense for code, sense in senses.items() if sense.kind is not Kind.OPTION}
    if len(set(others.values())) != 1:
        return None
    meaning = next(iter(others.values()))
    if meaning.kind in {Kind.YES, Kind.NO} and not exact:
        return None  # an accent less makes too many words alike, and names
    return replace(meaning, spoken=_only(others))


_EVERYWHERE = frozenset({"yes", "no", "help", "start", "info"})
"""English that people of every language use, so it says nothing about theirs."""


def _only(codes: Iterable[str]) -> str | None:
    """The one language among these, the two scripts of Chinese being one."""
    one, *others = sorted(codes)
    return one if not others or others == [SCRIPTS.get(one)] else None


# What pictures mean


def _of_signs(said: str) -> Meaning:
    """What a text without a letter or a digit means."""
    if not said:
        return Meaning(Kind.EMPTY)
    if set(said) <= {"?", "؟", " "}:
        return Meaning(Kind.HELP)
    if not any(unicodedata.category(char) == "So" for char in said):
        return FREE_TEXT  # “…” or “!!!”
    kinds = _signs_in(said)
    clear = kinds - {Kind.ACK}
    if len(clear) == 1:
        return Meaning(clear.pop())
    return Meaning(Kind.ACK if kinds == {Kind.ACK} else Kind.REACTION)


def _signs_in(said: str) -> set[Kind]:
    return {WORDS.signs[char] for char in said if char in WORDS.signs}


def _contradicts(kind: Kind, signs: set[Kind]) -> bool:
    """Whether a picture beside an answer says the opposite of it, as in “yes ❌”."""
    against = {Kind.YES: Kind.NO, Kind.OPTION: Kind.NO, Kind.NO: Kind.YES}.get(kind)
    return against in signs


# What is heard inside a longer text


def _speaks_of(phrases: Iterable[Phrase], said: str) -> bool:
    unmarked = plain(said)
    return any(
        phrase.marked.search(said) or ((said == unmarked or not phrase.needs_marks) and phrase.plain.search(unmarked))
        for phrase in phrases
    )


_CLAUSE_ENDS = re.compile(r"[.,;:!?]+")
_NOT_TO_US = frozenset(
    {"to", "him", "her", "it", "them", "not", "never", "cant", "wont", "didnt", "doesnt", "dont", "bus"}
)


def _stops_inside(said: str) -> bool:
    """Whether a cry for help also has a STOP word on its own: as a clause, or as the first or last word."""
    clauses = [bare(clause) for clause in _CLAUSE_ENDS.split(said)]
    words = bare(said).split()
    ends = {words[0]} if words else set()
    if len(words) > 1 and words[-2] not in _NOT_TO_US:
        ends.add(words[-1])
    return _speaks_of(WORDS.no_more_texts, said) or any(_is_stop(form) for form in {*clauses, *ends})


def _is_stop(words: str) -> bool:
    return words not in WORDS.doubts and any(
        sense.kind is Kind.STOP for sense in {**WORDS.exact.get(words, {}), **WORDS.plain.get(words, {})}.values()
    )
