"""Screening instruments as data: what is asked, in which words, and what an answer means.

An instrument is one YAML file in `library/`, with a code and a version. A version that has been
used is never edited: answers given to it must keep their meaning. A new wording is a new version,
and the old file stays.

Our own codes ("food-worried", "often") name questions and answers everywhere inside. A LOINC code
is accepted for the same question or answer, in two strengths: `loinc` says this *is* that LOINC
question, word for word; `maps_to` says ours, in our own words, asks after the same thing, and must
not be reported as the original.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import NamedTuple

from app import datafile
from app.datafile import Node
from app.needs.vocabulary import NEEDS

SOURCE_LANGUAGE = "en"

ICD10CM = re.compile(r"[A-Z]\d[0-9A-Z](\.[0-9A-Z]{1,4})?")
LOINC = re.compile(r"(LA)?\d{1,7}-\d")
SNOMED = re.compile(r"\d{6,18}")


class UnknownInstrument(LookupError):
    """No instrument in use has this code; the message is one plain sentence."""


class Edition(NamedTuple):
    """Which wording was used: enough to find the instrument again years later."""

    code: str
    version: int


class Kind(StrEnum):
    ONE = "one"
    MANY = "many"


@dataclass(frozen=True, slots=True)
class Translation:
    """Where the words of one language come from; no native speaker has reviewed a draft yet."""

    language: str
    draft: bool
    by: str
    on: date | None


@dataclass(frozen=True, slots=True)
class Wording:
    """One piece of text in every language of its instrument."""

    texts: Mapping[str, str]

    def text(self, language: str) -> str:
        """In that language ("es-MX" is answered in "es"), or in English when there is none."""
        base = language.replace("_", "-").split("-")[0]
        return self.texts.get(language) or self.texts.get(base) or self.texts[SOURCE_LANGUAGE]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer a person can choose.

    `exclusive`: it stands alone ("none of these"). `declined`: the person was asked and would
    rather not say, which is neither a yes nor a no and can never find a need.
    """

    code: str
    wording: Wording
    exclusive: bool = False
    declined: bool = False
    loinc: str | None = None
    maps_to: str | None = None

    def text(self, language: str) -> str:
        return self.wording.text(language)

    @property
    def known_as(self) -> frozenset[str]:
        """Every code by which this answer may arrive."""
        return frozenset(code for code in (self.code, self.loinc, self.maps_to) if code)


@dataclass(frozen=True, slots=True)
class Condition:
    """An earlier answer that makes a question relevant."""

    question: str
    answers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to ask.

    `shown_if`: asked only when any of these holds; always when empty. `optional`: leaving it out is
    complete. `sensitive`: ask it only in private; its answer may never cause a text. `staff_note`
    is for the person asking and is never shown to the person asked.
    """

    code: str
    kind: Kind
    wording: Wording
    answers: tuple[Answer, ...]
    shown_if: tuple[Condition, ...] = ()
    optional: bool = False
    sensitive: bool = False
    hint: Wording | None = None
    staff_note: Wording | None = None
    loinc: str | None = None
    maps_to: str | None = None

    def text(self, language: str) -> str:
        return self.wording.text(language)

    def answer(self, code: str) -> Answer | None:
        """The answer with this code, ours or LOINC's."""
        return next((answer for answer in self.answers if code in answer.known_as), None)

    @property
    def known_as(self) -> frozenset[str]:
        """Every code by which this question may arrive."""
        return frozenset(code for code in (self.code, self.loinc, self.maps_to) if code)


@dataclass(frozen=True, slots=True)
class Rule:
    """Any of these answers finds this need; the codes are suggestions for a clinician."""

    question: str
    answers: frozenset[str]
    need: str
    urgent: bool
    icd10cm: tuple[str, ...]
    snomed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScoreValue:
    code: str
    loinc: str | None
    wording: Wording


@dataclass(frozen=True, slots=True)
class ScoreRule:
    """A published yes/no score: positive when any of the questions has any of the positive answers.

    Negative when at least one question was answered and none positively; not calculated when none
    was answered.
    """

    code: str
    loinc: str | None
    wording: Wording
    questions: tuple[str, ...]
    positive_answers: frozenset[str]
    positive: ScoreValue
    negative: ScoreValue


@dataclass(frozen=True, slots=True)
class Instrument:
    """A questionnaire in one version. Questions are in the order they are asked."""

    code: str
    version: int
    retired: bool
    title: Wording
    about: Wording
    citation: str | None
    loinc: str | None
    maps_to: str | None
    translations: Mapping[str, Translation]
    questions: tuple[Question, ...]
    rules: tuple[Rule, ...]
    scores: tuple[ScoreRule, ...]

    @property
    def edition(self) -> Edition:
        return Edition(self.code, self.version)

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(self.translations)

    def is_draft(self, language: str) -> bool:
        """Whether the words seen in this language still wait for a native speaker's review."""
        translation = self.translations.get(language)
        return translation.draft if translation else False

    def question(self, code: str) -> Question | None:
        """The question with this code, ours or LOINC's."""
        return next((question for question in self.questions if code in question.known_as), None)


Library = Mapping[Edition, Instrument]


def current(code: str, library: Library | None = None) -> Instrument:
    """The newest version in use of the instrument with this code, ours or its LOINC panel's.

    Raises UnknownInstrument when there is none.
    """
    found = [
        instrument
        for instrument in (LIBRARY if library is None else library).values()
        if code in (instrument.code, instrument.loinc) and not instrument.retired
    ]
    if not found:
        raise UnknownInstrument(f'There is no screening instrument "{code}".')
    return max(found, key=lambda instrument: instrument.version)


def load(folder: Traversable) -> dict[Edition, Instrument]:
    """Every instrument in a folder of YAML files.

    Raises DataFileError with one sentence naming the file and the place of the first mistake.
    """
    library: dict[Edition, Instrument] = {}
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if not file.name.endswith(".yaml"):
            continue
        root = datafile.read(file)
        instrument = _instrument(root)
        if instrument.edition in library:
            raise root.error(f"version {instrument.version} of {instrument.code!r} is in another file")
        library[instrument.edition] = instrument
    return library


def _instrument(root: Node) -> Instrument:
    root.only(
        "code", "version", "retired", "title", "about", "citation", "loinc", "maps_to",
        "languages", "questions", "rules", "scores",
    )  # fmt: skip
    translations = _translations(root.child("languages"))
    reader = _Reader(frozenset(translations))
    questions = reader.questions(root)
    return Instrument(
        code=root.code("code"),
        version=root.whole("version"),
        retired=root.flag("retired"),
        title=reader.wording(root.child("title")),
        about=reader.wording(root.child("about")),
        citation=root.optional_text("citation"),
        loinc=_optional_code(root, "loinc", LOINC),
        maps_to=_optional_code(root, "maps_to", LOINC),
        translations=MappingProxyType(translations),
        questions=questions,
        rules=tuple(_rule(node, questions) for node in root.children("rules")),
        scores=tuple(reader.score(node, questions) for node in root.children("scores")),
    )


def _translations(node: Node) -> dict[str, Translation]:
    translations = {}
    for language, entry in node.fields():
        entry.only("draft", "by", "on")
        translations[language] = Translation(language, entry.flag("draft"), entry.text("by"), entry.optional_date("on"))
    if SOURCE_LANGUAGE not in translations:
        raise node.error(f"{SOURCE_LANGUAGE!r} is missing; every text falls back to it")
    return translations


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads whatever has words, and insists on them in every language the instrument claims."""

    languages: frozenset[str]

    def wording(self, node: Node) -> Wording:
        texts = {language: text.as_text() for language, text in node.fields()}
        for language in sorted(self.languages - texts.keys()):
            raise node.error(f"the text in {language!r} is missing")
        for language in sorted(texts.keys() - self.languages):
            raise node.error(f"{language!r} is not one of this instrument's languages")
        return Wording(MappingProxyType(texts))

    def optional_wording(self, node: Node, key: str) -> Wording | None:
        return self.wording(node.child(key)) if key in node else None

    def questions(self, root: Node) -> tuple[Question, ...]:
        questions: list[Question] = []
        for node in root.children("questions"):
            question = self.question(node, questions)
            for other in questions:
                for code in sorted(question.known_as & other.known_as):
                    raise node.error(f"the code {code!r} belongs to another question")
            questions.append(question)
        if not questions:
            raise root.error("asks no questions")
        return tuple(questions)

    def question(self, node: Node, earlier: list[Question]) -> Question:
        node.only(
            "code", "type", "text", "hint", "staff_note", "optional", "sensitive", "show_if",
            "loinc", "maps_to", "answers",
        )  # fmt: skip
        kind = node.text("type")
        if kind not in set(Kind):
            raise node.child("type").error('must be "one" or "many"')
        return Question(
            code=node.code("code"),
            kind=Kind(kind),
            wording=self.wording(node.child("text")),
            answers=self.answers(node, Kind(kind)),
            shown_if=_conditions(node, earlier),
            optional=node.flag("optional"),
            sensitive=node.flag("sensitive"),
            hint=self.optional_wording(node, "hint"),
            staff_note=self.optional_wording(node, "staff_note"),
            loinc=_optional_code(node, "loinc", LOINC),
            maps_to=_optional_code(node, "maps_to", LOINC),
        )

    def answers(self, node: Node, kind: Kind) -> tuple[Answer, ...]:
        answers: list[Answer] = []
        for entry in node.children("answers"):
            answer = self.answer(entry)
            for other in answers:
                for code in sorted(answer.known_as & other.known_as):
                    raise entry.error(f"the code {code!r} belongs to another answer")
            if answer.exclusive and kind is Kind.ONE:
                raise entry.error("only a question of type many has exclusive answers")
            answers.append(answer)
        if not answers:
            raise node.error("offers no answers")
        return tuple(answers)

    def answer(self, node: Node) -> Answer:
        node.only("code", "text", "exclusive", "declined", "loinc", "maps_to")
        return Answer(
            code=node.code("code"),
            wording=self.wording(node.child("text")),
            exclusive=node.flag("exclusive"),
            declined=node.flag("declined"),
            loinc=_optional_code(node, "loinc", LOINC),
            maps_to=_optional_code(node, "maps_to", LOINC),
        )

    def score(self, node: Node, questions: tuple[Question, ...]) -> ScoreRule:
        node.only("code", "loinc", "text", "questions", "positive_answers", "positive", "negative")
        codes = node.texts("questions")
        if not codes:
            raise node.error("'questions' is missing")
        positive = frozenset(node.texts("positive_answers"))
        for code in codes:
            _check_answers(node, _known_question(node, code, questions), positive)
        return ScoreRule(
            code=node.code("code"),
            loinc=_optional_code(node, "loinc", LOINC),
            wording=self.wording(node.child("text")),
            questions=codes,
            positive_answers=positive,
            positive=self.score_value(node.child("positive")),
            negative=self.score_value(node.child("negative")),
        )

    def score_value(self, node: Node) -> ScoreValue:
        node.only("code", "loinc", "text")
        return ScoreValue(
            code=node.code("code"),
            loinc=_optional_code(node, "loinc", LOINC),
            wording=self.wording(node.child("text")),
        )


def _conditions(node: Node, earlier: list[Question]) -> tuple[Condition, ...]:
    if "show_if" not in node:
        return ()
    conditions = []
    for code, entry in node.child("show_if").fields():
        question = _known_question(entry, code, earlier, "an earlier question")
        answers = frozenset(item.as_text() for item in entry.items())
        _check_answers(entry, question, answers)
        conditions.append(Condition(code, answers))
    return tuple(conditions)


def _rule(node: Node, questions: tuple[Question, ...]) -> Rule:
    node.only("question", "answers", "need", "urgent", "icd10cm", "snomed")
    question = _known_question(node, node.text("question"), questions)
    answers = frozenset(node.texts("answers"))
    _check_answers(node, question, answers)
    for answer in question.answers:
        if answer.declined and answer.code in answers:
            raise node.error(f"{answer.code!r} is declining to say, which cannot find a need")
    rule = Rule(
        question=question.code,
        answers=answers,
        need=node.text("need"),
        urgent=node.flag("urgent"),
        icd10cm=_codes(node, "icd10cm", ICD10CM),
        snomed=_codes(node, "snomed", SNOMED),
    )
    if rule.need not in NEEDS:
        raise node.error(f"{rule.need!r} is not a need we know")
    if NEEDS[rule.need].sensitive and not question.sensitive:
        raise node.error(f"{question.code!r} finds {rule.need!r}, so it must be marked sensitive")
    if question.sensitive and (rule.icd10cm or rule.snomed):
        raise node.error("a sensitive answer must not suggest a condition")
    return rule


def _known_question(node: Node, code: str, questions: Sequence[Question], kind: str = "a question here") -> Question:
    for question in questions:
        if question.code == code:
            return question
    raise node.error(f"{code!r} is not {kind}")


def _check_answers(node: Node, question: Question, answers: frozenset[str]) -> None:
    if not answers:
        raise node.error("names no answers")
    for code in sorted(answers - {answer.code for answer in question.answers}):
        raise node.error(f"{code!r} is not an answer to {question.code!r}")


def _codes(node: Node, key: str, form: re.Pattern[str]) -> tuple[str, ...]:
    for entry in node.children(key):
        if not form.fullmatch(entry.as_text()):
            raise entry.error(f"{entry.as_text()!r} does not look like such a code")
    return node.texts(key)


def _optional_code(node: Node, key: str, form: re.Pattern[str]) -> str | None:
    code = node.optional_text(key)
    if code is not None and not form.fullmatch(code):
        raise node.child(key).error(f"{code!r} does not look like such a code")
    return code


LIBRARY: Library = MappingProxyType(load(files("app.screening") / "library"))
