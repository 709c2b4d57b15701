"""The words by which replies are read: `reply_words/<language>.yaml`, and `replies.yaml` for what no language owns.

Pure. All of them are drafts until a native speaker has reviewed them; each file says who and when.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from types import MappingProxyType

from app import datafile
from app.datafile import Node
from app.loop.meanings import Kind, Meaning
from app.loop.spelling import as_it_looks, bare, fold, fold_letters, plain

Senses = Mapping[str, Meaning]
"""Language → what a word means to somebody who speaks it."""

SCRIPTS = {"zh-Hans": "zh-Hant", "zh-Hant": "zh-Hans"}
"""One language in two scripts: whoever speaks the one is understood in the other as in their own."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """A pattern for folded text, and the same for text without accents."""

    marked: re.Pattern[str]
    plain: re.Pattern[str]
    needs_marks: bool
    """Without its accents it would be other words."""


@dataclass(frozen=True, slots=True)
class Review:
    """Whether a native speaker has read the words of a language: who and when, or nobody yet."""

    by: str | None
    on: date | None


@dataclass(frozen=True, slots=True)
class Doubt:
    """How far to trust a word that means different things to different people."""

    read: str
    languages: frozenset[str]

    @property
    def maybe_stop(self) -> bool:
        return self.read == "maybe-stop"

    def counts_for(self, language: str | None) -> bool:
        return not self.languages or language is None or language in self.languages

    def admits(self, code: str, language: str | None) -> bool:
        """Whether the word may be read as people of `code` mean it, when somebody says it who speaks `language`."""
        if self.read == "own-language":
            return code in {language, SCRIPTS.get(language or "")}
        return self.read == "elsewhere" and language not in self.languages


@dataclass(frozen=True, slots=True)
class Vocabulary:
    exact: Mapping[str, Senses]
    """Word, bare of punctuation → what it means."""
    plain: Mapping[str, Senses]
    """The same for words without their accents."""
    stop_looks: frozenset[str]
    """How STOP words look, whatever alphabet their letters come from."""
    names: Mapping[str, tuple[str, ...]]
    """What languages are called, with and without accents."""
    doubts: Mapping[str, Doubt]
    signs: Mapping[str, Kind]
    courtesy_before: re.Pattern[str]
    courtesy_after: re.Pattern[str]
    no_more_texts: tuple[Phrase, ...]
    danger: tuple[Phrase, ...]
    reactions: tuple[re.Pattern[str], ...]
    automatic: tuple[re.Pattern[str], ...]
    reviews: Mapping[str, Review]
    """Language → whether a native speaker has reviewed its words."""


_LISTS = {
    "stop": Meaning(Kind.STOP),
    "urgent": Meaning(Kind.URGENT),
    "yes": Meaning(Kind.YES),
    "no": Meaning(Kind.NO),
    "wrong_number": Meaning(Kind.WRONG_NUMBER),
    "who_is_this": Meaning(Kind.WRONG_NUMBER, asks_who=True),
    "human": Meaning(Kind.HUMAN),
    "status": Meaning(Kind.STATUS),
    "help": Meaning(Kind.HELP),
    "start": Meaning(Kind.START),
    "language": Meaning(Kind.LANGUAGE),
    "ack": Meaning(Kind.ACK),
}
_PHRASES = ("stop_phrases", "urgent_phrases")
_WRITTEN_WITHOUT_SPACES = re.compile(r"[\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class _Words:
    """The file of one language."""

    language: str
    senses: Senses
    """Word → what it means to somebody who speaks this language."""
    names: tuple[str, ...]
    courtesy: tuple[str, ...]
    no_more_texts: tuple[Phrase, ...]
    danger: tuple[Phrase, ...]
    review: Review


def _load() -> Vocabulary:
    here = files(__package__)
    common = datafile.read(here.joinpath("replies.yaml"))
    common.only("signs", "reactions", "automatic", "ambiguous")
    paths = sorted(here.joinpath("reply_words").iterdir(), key=lambda path: path.name)
    languages = [_language(path.name.removesuffix(".yaml"), datafile.read(path)) for path in paths]
    exact = _by_word(languages)
    doubts = dict(_doubts(common))
    for word in exact:
        if word in doubts and doubts[word].read == "never":
            raise common.error(f"“{word}” is never read, yet stands in the words of a language")
    courtesy = {phrase for one in languages for phrase in one.courtesy}
    return Vocabulary(
        exact=exact,
        plain=_by_word(languages, plain),
        stop_looks=frozenset(
            as_it_looks(word)
            for word, senses in exact.items()
            if word not in doubts and any(sense.kind is Kind.STOP for sense in senses.values())
        ),
        names=_names(languages),
        doubts=doubts,
        signs=_signs(common.child("signs")),
        courtesy_before=_one_of(courtesy, at_the_end=False),
        courtesy_after=_one_of(courtesy, at_the_end=True),
        no_more_texts=tuple(phrase for one in languages for phrase in one.no_more_texts),
        danger=tuple(phrase for one in languages for phrase in one.danger),
        reactions=tuple(_pattern(node) for node in common.children("reactions")),
        automatic=tuple(_pattern(node) for node in common.children("automatic")),
        reviews=MappingProxyType({one.language: one.review for one in languages}),
    )


def _language(code: str, node: Node) -> _Words:
    node.only("review", *_LISTS, *_PHRASES, "numbers", "names", "courtesy")
    senses: dict[str, Meaning] = {}
    for word, meaning, place in _listed(node):
        if senses.setdefault(word, meaning) != meaning:
            raise place.error(f"“{word}” is also listed as {senses[word]}")
    return _Words(
        language=code,
        senses=senses,
        names=tuple(_as_key(name) for name in node.child("names").items()),
        courtesy=tuple(_as_key(word) for word in node.child("courtesy").items()),
        no_more_texts=tuple(_phrases(node.child("stop_phrases"), code)),
        danger=tuple(_phrases(node.child("urgent_phrases"), code)),
        review=_review(node.child("review")),
    )


def _listed(node: Node) -> Iterator[tuple[str, Meaning, Node]]:
    for name, meaning in _LISTS.items():
        for place in node.children(name):
            # “?” is the one word without a letter; `_of_signs` knows it.
            if word := _as_key(place):
                yield word, meaning, place
    for number, words in enumerate(node.child("numbers").items(), 1):
        for place in words.items():
            yield _as_key(place), Meaning(Kind.OPTION, number), place


def _as_key(place: Node) -> str:
    return bare(fold(place.as_text()))


def _by_word(languages: Iterable[_Words], form: Callable[[str], str] = str) -> Mapping[str, Senses]:
    """Word → language → meaning. What two words of one language have become alike in `form` means nothing there."""
    found: defaultdict[str, dict[str, set[Meaning]]] = defaultdict(lambda: defaultdict(set))
    for one in languages:
        for word, meaning in one.senses.items():
            found[form(word)][one.language].add(meaning)
    return MappingProxyType(
        {
            word: {code: next(iter(meanings)) for code, meanings in senses.items() if len(meanings) == 1}
            for word, senses in found.items()
        }
    )


def _names(languages: Iterable[_Words]) -> Mapping[str, tuple[str, ...]]:
    named: defaultdict[str, list[str]] = defaultdict(list)
    for one in languages:
        for name in {*one.names, *map(plain, one.names)}:
            named[name].append(one.language)
    return MappingProxyType({name: tuple(codes) for name, codes in named.items()})


def _one_of(phrases: Collection[str], *, at_the_end: bool) -> re.Pattern[str]:
    """Any of these at the beginning or the end of a text, apart from the rest where the script puts spaces."""
    longest_first = sorted({*phrases, *map(plain, phrases)}, key=len, reverse=True)
    joined = "|".join(word for word in longest_first if _WRITTEN_WITHOUT_SPACES.search(word))
    apart = "|".join(word for word in longest_first if not _WRITTEN_WITHOUT_SPACES.search(word))
    return re.compile(rf" (?:{apart})$| ?(?:{joined})$" if at_the_end else rf"^(?:{apart}) |^(?:{joined}) ?")


def _phrases(node: Node, code: str) -> Iterator[Phrase]:
    for place in node.items():
        says, before = place, ""
        if isinstance(place.value, dict):
            place.only("says", "not_after")
            says = place.child("says")
            before = "".join(rf"(?<!\b{re.escape(word)} )" for word in place.texts("not_after"))
        yield Phrase(_pattern(says, before), _pattern(says, before, plain), needs_marks=code == "vi")


def _pattern(place: Node, before: str = "", form: Callable[[str], str] = str) -> re.Pattern[str]:
    """A regular expression for folded text; its letters are folded as the text is."""
    written = fold_letters(place.as_text())
    try:
        return re.compile(before + form(written))
    except re.error as error:
        raise place.error(f"is no regular expression: {error}") from None


def _signs(node: Node) -> Mapping[str, Kind]:
    signs: dict[str, Kind] = {}
    for name, entries in node.fields():
        for entry in entries.items():
            sign = fold(entry.as_text())
            if len(sign) != 1:
                raise entry.error("must be one picture")
            signs[sign] = Kind(name)
    return MappingProxyType(signs)


def _doubts(node: Node) -> Iterator[tuple[str, Doubt]]:
    for entry in node.children("ambiguous"):
        entry.only("words", "read", "languages", "why")
        entry.text("why")
        if entry.text("read") not in {"own-language", "elsewhere", "maybe-stop", "never"}:
            raise entry.child("read").error("must be own-language, elsewhere, maybe-stop or never")
        for word in entry.child("words").items():
            yield _as_key(word), Doubt(entry.text("read"), frozenset(entry.texts("languages")))


def _review(node: Node) -> Review:
    node.only("state", "by", "on")
    review = Review(by=node.optional_text("by"), on=node.optional_date("on"))
    reviewed = {"draft": False, "reviewed": True}.get(node.text("state"))
    if reviewed is None or reviewed != bool(review.by) or reviewed != bool(review.on):
        raise node.error("must be a draft, or reviewed by somebody on a day")
    return review


WORDS = _load()
