"""What a set of answers means: which needs, how urgent, which score; and which question comes next.

Answers are `{question code: answer code}`, or a list of answer codes where several may be chosen.
LOINC codes stand for ours wherever the instrument gives them. Everything except `validate` expects
answers that `validate` accepts; what it would refuse is ignored, never guessed at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from app.screening.instruments import Answer, Condition, Instrument, Kind, Question, Rule, ScoreRule

Given = str | Sequence[str]
Answers = Mapping[str, Given]
Because = tuple[str, str]  # (question code, answer code)
T = TypeVar("T")

NOT_CALCULATED = "not-calculated"


@dataclass(frozen=True, slots=True)
class FoundNeed:
    """A need and the answers it came from; the codes are suggestions for a clinician to confirm."""

    need: str
    urgent: bool
    because: tuple[Because, ...]
    icd10cm: tuple[str, ...]
    snomed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """A published score. `loinc_value` is None when it was not calculated."""

    code: str
    value: str
    loinc: str | None
    loinc_value: str | None


@dataclass(frozen=True, slots=True)
class Result:
    """Needs in the order the instrument finds them, each once. Questions are codes.

    `unanswered`: asked for and not given, leaving out what is optional. `declined`: the person
    would rather not say.
    """

    needs: tuple[FoundNeed, ...]
    scores: Mapping[str, Score]
    unanswered: tuple[str, ...]
    declined: tuple[str, ...]

    @property
    def complete(self) -> bool:
        return not self.unanswered


def score(instrument: Instrument, answers: Answers) -> Result:
    """What these answers mean. An answer to a question that is not shown counts for nothing."""
    given = _shown(instrument, answers)
    return Result(
        needs=_needs(instrument, given),
        scores={rule.code: _score(rule, instrument, given) for rule in instrument.scores},
        unanswered=tuple(
            question.code
            for question in visible_questions(instrument, answers)
            if question.code not in given and not question.optional
        ),
        declined=tuple(code for code in given if _is_declined(instrument, code, given)),
    )


def validate(instrument: Instrument, answers: Mapping[str, object]) -> dict[str, str]:
    """A sentence for each key, as it was given, whose answer cannot be used; empty if none.

    An unfinished screening is valid; `score` says what is missing.
    """
    errors: dict[str, str] = {}
    key_of: dict[str, str] = {}
    for key, value in answers.items():
        question = instrument.question(key)
        if question is None:
            errors[key] = f'{instrument.title.text("en")} has no question "{key}".'
        elif question.code in key_of:
            errors[key] = f'This question is answered twice, also as "{key_of[question.code]}".'
        else:
            key_of[question.code] = key
            problem = _problem(question, value)
            if problem:
                errors[key] = problem
    if not errors:
        shown = _shown(instrument, _as_answers(answers))
        for code, key in key_of.items():
            if code not in shown:
                errors[key] = "This question is not asked after the other answers given."
    return errors


def canonical(instrument: Instrument, answers: Answers) -> dict[str, str | list[str]]:
    """The answers as we keep them: our codes, the instrument's order, hidden questions left out."""
    shown = _shown(instrument, answers)
    return {
        question.code: list(codes) if question.kind is Kind.MANY else codes[0]
        for question in instrument.questions
        if (codes := shown.get(question.code))
    }


def visible_questions(instrument: Instrument, answers: Answers) -> tuple[Question, ...]:
    """The questions to ask, given the answers so far, in order."""
    shown = _shown(instrument, answers)
    return tuple(question for question in instrument.questions if _is_shown(question, shown))


def next_question(instrument: Instrument, answers: Answers) -> Question | None:
    """The first question shown and not answered yet; None when nothing is left to ask."""
    answered = _shown(instrument, answers)
    visible = visible_questions(instrument, answers)
    return next((question for question in visible if question.code not in answered), None)


def progress(instrument: Instrument, answers: Answers) -> tuple[int, int]:
    """How many of the questions now shown are answered, and how many are shown: (2, 6)."""
    return len(_shown(instrument, answers)), len(visible_questions(instrument, answers))


def position(instrument: Instrument, answers: Answers, question: str) -> tuple[int, int]:
    """Where a question stands among those now shown: (3, 6) is said "3 of 6".

    Raises LookupError when it is not shown.
    """
    codes = [shown.code for shown in visible_questions(instrument, answers)]
    if question not in codes:
        raise LookupError(f'The question "{question}" is not asked after the answers given.')
    return codes.index(question) + 1, len(codes)


def _problem(question: Question, value: object) -> str | None:
    codes = _codes(value)
    if codes is None:
        return "This must be an answer code, or a list of answer codes."
    if question.kind is Kind.ONE and not isinstance(value, str):
        return "Only one answer can be chosen here, so give its code and not a list."
    if not any(codes):
        return "Choose an answer, or leave this question out."
    unknown = next((code for code in codes if question.answer(code) is None), None)
    if unknown is not None:
        choices = ", ".join(answer.code for answer in question.answers)
        return f'"{unknown}" is not an answer to this question; the answers are {choices}.'
    return _conflict([answer for code in codes if (answer := question.answer(code))])


def _conflict(chosen: Sequence[Answer]) -> str | None:
    alone = next((answer for answer in chosen if answer.exclusive or answer.declined), None)
    if alone and any(answer != alone for answer in chosen):
        return f'"{alone.text("en")}" cannot be chosen together with another answer.'
    return None


def _codes(value: object) -> tuple[str, ...] | None:
    """The answer codes given, or None when it is not even the shape of an answer."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, Sequence) and all(isinstance(code, str) for code in value):
        return tuple(value)
    return None


def _as_answers(answers: Mapping[str, object]) -> dict[str, Given]:
    return {key: codes for key, value in answers.items() if (codes := _codes(value)) is not None}


def _shown(instrument: Instrument, answers: Answers) -> dict[str, tuple[str, ...]]:
    """Our codes of the answers to questions that are shown, in the instrument's order.

    One pass is enough: a question's condition looks only at questions before it.
    """
    given = {}
    for key, value in answers.items():
        question = instrument.question(key)
        if question is not None and question.code not in given:
            given[question.code] = _known(question, _codes(value) or ())
    shown: dict[str, tuple[str, ...]] = {}
    for question in instrument.questions:
        if given.get(question.code) and _is_shown(question, shown):
            shown[question.code] = given[question.code]
    return shown


def _known(question: Question, codes: Iterable[str]) -> tuple[str, ...]:
    """The answers these codes stand for, each once, in the order they are offered."""
    chosen = {answer.code for code in codes if (answer := question.answer(code))}
    ordered = tuple(answer.code for answer in question.answers if answer.code in chosen)
    return ordered[:1] if question.kind is Kind.ONE else ordered


def _is_shown(question: Question, shown: Mapping[str, tuple[str, ...]]) -> bool:
    return not question.shown_if or any(_holds(condition, shown) for condition in question.shown_if)


def _holds(condition: Condition, shown: Mapping[str, tuple[str, ...]]) -> bool:
    return not condition.answers.isdisjoint(shown.get(condition.question, ()))


def _needs(instrument: Instrument, given: Mapping[str, tuple[str, ...]]) -> tuple[FoundNeed, ...]:
    matched: dict[str, list[tuple[Rule, tuple[Because, ...]]]] = {}
    for rule in instrument.rules:
        because = tuple((rule.question, code) for code in given.get(rule.question, ()) if code in rule.answers)
        if because:
            matched.setdefault(rule.need, []).append((rule, because))
    return tuple(_found(need, matches) for need, matches in matched.items())


def _found(need: str, matches: Sequence[tuple[Rule, tuple[Because, ...]]]) -> FoundNeed:
    return FoundNeed(
        need=need,
        urgent=any(rule.urgent for rule, _ in matches),
        because=_each_once(pair for _, because in matches for pair in because),
        icd10cm=_each_once(code for rule, _ in matches for code in rule.icd10cm),
        snomed=_each_once(code for rule, _ in matches for code in rule.snomed),
    )


def _each_once(items: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(items))


def _score(rule: ScoreRule, instrument: Instrument, given: Mapping[str, tuple[str, ...]]) -> Score:
    answered = [code for code in rule.questions if code in given and not _is_declined(instrument, code, given)]
    if not answered:
        return Score(rule.code, NOT_CALCULATED, rule.loinc, None)
    positive = any(not rule.positive_answers.isdisjoint(given[code]) for code in answered)
    value = rule.positive if positive else rule.negative
    return Score(rule.code, value.code, rule.loinc, value.loinc)


def _is_declined(instrument: Instrument, code: str, given: Mapping[str, tuple[str, ...]]) -> bool:
    question = instrument.question(code)
    return question is not None and any(answer.declined and answer.code in given[code] for answer in question.answers)
