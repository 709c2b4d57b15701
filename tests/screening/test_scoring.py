from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.screening.instruments import LIBRARY, Edition, Instrument, Kind
from app.screening.scoring import (
    Given,
    canonical,
    next_question,
    position,
    progress,
    score,
    validate,
    visible_questions,
)

HUNGER = LIBRARY[Edition("hunger-vital-sign", 1)]
CORE = LIBRARY[Edition("loopline-core", 1)]

# Steady, fed, mobile, supplied and safe: the answers that find nothing.
WELL = {
    "living-now": "steady",
    "food-worried": "never",
    "food-ran-out": "never",
    "ride-missed": "no",
    "shut-off": "no",
    "safe": "yes",
}

# (worried, did not last, the score of LOINC 88124-3 and its answer)
RISK: list[tuple[str | None, str | None, str, str | None]] = [
    ("often", "never", "at-risk", "LA19952-3"),
    ("never", "sometimes", "at-risk", "LA19952-3"),
    ("often", "often", "at-risk", "LA19952-3"),
    ("never", "never", "no-risk", "LA19983-8"),
    ("never", "declined", "no-risk", "LA19983-8"),
    ("never", None, "no-risk", "LA19983-8"),
    ("sometimes", "declined", "at-risk", "LA19952-3"),
    ("declined", "declined", "not-calculated", None),
    ("declined", None, "not-calculated", None),
    (None, None, "not-calculated", None),
]


@pytest.mark.parametrize(("worried", "did_not_last", "value", "loinc"), RISK)
def test_the_hunger_risk_is_calculated_as_loinc_defines_it(
    worried: str | None, did_not_last: str | None, value: str, loinc: str | None
) -> None:
    both = {"food-worried": worried, "food-did-not-last": did_not_last}
    result = score(HUNGER, {code: answer for code, answer in both.items() if answer})
    risk = result.scores["food-insecurity-risk"]
    assert (risk.value, risk.loinc, risk.loinc_value) == (value, "88124-3", loinc)
    assert [need.need for need in result.needs] == (["food"] if value == "at-risk" else [])


# (answers beside WELL, need, urgent, ICD-10-CM)
FINDINGS: list[tuple[dict[str, Given], str, bool, tuple[str, ...]]] = [
    ({"living-now": "may-lose"}, "housing", False, ("Z59.811",)),
    ({"living-now": "none"}, "housing", False, ("Z59.00",)),
    ({"living-now": "none", "sleep-tonight": "yes"}, "housing", False, ("Z59.00",)),
    ({"living-now": "none", "sleep-tonight": "no"}, "housing", True, ("Z59.00",)),
    ({"living-now": "may-lose", "sleep-tonight": "not-sure"}, "housing", True, ("Z59.811",)),
    ({"food-worried": "sometimes"}, "food", False, ("Z59.41",)),
    ({"food-ran-out": "often"}, "food", False, ("Z59.41",)),
    ({"food-worried": "often", "food-today": "yes"}, "food", False, ("Z59.41",)),
    ({"food-worried": "often", "food-today": "no"}, "food", True, ("Z59.41",)),
    ({"ride-missed": "yes"}, "transport", False, ("Z59.82",)),
    ({"ride-missed": "yes", "ride-to": ["health", "work"]}, "transport", False, ("Z59.82",)),
    ({"ride-missed": "yes", "ride-to": ["none"]}, "transport", False, ("Z59.82",)),
    ({"shut-off": "warned"}, "utilities", False, ("Z59.861",)),
    ({"shut-off": "off-now"}, "utilities", True, ("Z59.12",)),
    ({"shut-off": "off-now", "off-now": ["heat"]}, "utilities", True, ("Z59.12", "Z59.11")),
    ({"safe": "not-always"}, "safety", False, ()),
    ({"safe": "no"}, "safety", True, ()),
]


@pytest.mark.parametrize(("answers", "need", "urgent", "icd10cm"), FINDINGS)
def test_an_answer_finds_its_need(
    answers: dict[str, Given],
    need: str,
    urgent: bool,  # noqa: FBT001 - a column of the table
    icd10cm: tuple[str, ...],
) -> None:
    (found,) = score(CORE, WELL | answers).needs
    assert (found.need, found.urgent, found.icd10cm) == (need, urgent, icd10cm)


def test_a_need_keeps_every_answer_it_came_from() -> None:
    answers: dict[str, Given] = {"ride-missed": "yes", "ride-to": ["shopping", "health"]}
    (found,) = score(CORE, answers).needs
    assert found.because == (("ride-missed", "yes"), ("ride-to", "health"), ("ride-to", "shopping"))
    assert found.snomed == ("551691000124106", "551731000124103", "551751000124105")


def test_someone_without_needs_has_none_and_the_screening_is_complete() -> None:
    result = score(CORE, WELL)
    assert result.needs == ()
    assert result.complete


def test_declining_finds_nothing_and_is_not_the_same_as_leaving_out() -> None:
    result = score(CORE, WELL | {"food-worried": "declined", "safe": "declined"})
    assert result.needs == ()
    assert result.declined == ("food-worried", "safe")
    assert result.complete


def test_what_is_missing_is_named_and_the_optional_question_is_not_missed() -> None:
    assert score(CORE, {"living-now": "none"}).unanswered == (
        "sleep-tonight",
        "food-worried",
        "food-ran-out",
        "ride-missed",
        "shut-off",
    )


def test_an_answer_to_a_question_no_longer_shown_counts_for_nothing() -> None:
    stale = WELL | {"sleep-tonight": "no"}
    assert score(CORE, stale).needs == ()
    assert "sleep-tonight" not in canonical(CORE, stale)


def test_loinc_codes_mean_the_same_as_ours() -> None:
    ours: dict[str, Given] = {"living-now": "none", "sleep-tonight": "no", "shut-off": "off-now"}
    loinc: dict[str, Given] = {
        "71802-3": "LA31995-6",
        "sleep-tonight": "no",
        "96779-4": "LA32002-0",
    }
    assert validate(CORE, loinc) == {}
    assert score(CORE, loinc) == score(CORE, ours)
    assert canonical(CORE, loinc) == ours


def test_answers_are_kept_in_our_codes_and_in_the_order_offered() -> None:
    given_: dict[str, Given] = {
        "ride-to": ["work", "health", "work"],
        "93030-5": "LA33-6",
    }
    assert canonical(CORE, given_) == {"ride-missed": "yes", "ride-to": ["health", "work"]}


# (answers, the sentence for each wrong key)
REFUSED: list[tuple[Instrument, dict[str, Any], dict[str, str]]] = [
    (HUNGER, {"hungry": "often"}, {"hungry": 'Hunger Vital Sign has no question "hungry".'}),
    (
        HUNGER,
        {"food-worried": "maybe"},
        {
            "food-worried": '"maybe" is not an answer to this question; '
            "the answers are often, sometimes, never, declined."
        },
    ),
    (
        HUNGER,
        {"88122-7": ["LA28397-0"]},
        {"88122-7": "Only one answer can be chosen here, so give its code and not a list."},
    ),
    (
        HUNGER,
        {"88122-7": "LA28397-0", "food-worried": "often"},
        {"food-worried": 'This question is answered twice, also as "88122-7".'},
    ),
    (
        CORE,
        {"ride-missed": "yes", "ride-to": ["none", "work"]},
        {"ride-to": '"None right now" cannot be chosen together with another answer.'},
    ),
    (
        CORE,
        {"ride-missed": "yes", "ride-to": []},
        {"ride-to": "Choose an answer, or leave this question out."},
    ),
    (CORE, {"safe": ""}, {"safe": "Choose an answer, or leave this question out."}),
    (CORE, {"safe": None}, {"safe": "This must be an answer code, or a list of answer codes."}),
    (CORE, {"safe": [1]}, {"safe": "This must be an answer code, or a list of answer codes."}),
    (CORE, {"safe": {"a": 1}}, {"safe": "This must be an answer code, or a list of answer codes."}),
    (
        CORE,
        {"living-now": "steady", "sleep-tonight": "no"},
        {"sleep-tonight": "This question is not asked after the other answers given."},
    ),
]


@pytest.mark.parametrize(("instrument", "answers", "errors"), REFUSED)
def test_answers_that_cannot_be_used_are_refused_with_a_sentence(
    instrument: Instrument, answers: dict[str, Any], errors: dict[str, str]
) -> None:
    assert validate(instrument, answers) == errors


@pytest.mark.parametrize(
    "answers",
    [
        {},
        WELL,
        {"safe": "no"},
        {"ride-missed": "yes", "ride-to": "work"},
        {"ride-missed": "yes", "ride-to": ["none"]},
        {"ride-missed": "yes", "ride-to": ["none", "none"]},
    ],
)
def test_unfinished_answers_can_be_used(answers: dict[str, Any]) -> None:
    assert validate(CORE, answers) == {}


def test_questions_come_one_by_one_and_the_follow_ups_only_when_they_matter() -> None:
    answers: dict[str, Given] = {}
    asked = []
    for given_answer in ("may-lose", "yes", "often", "never", "no", "no", "warned"):
        question = next_question(CORE, answers)
        assert question is not None
        asked.append(question.code)
        answers[question.code] = given_answer
    assert asked == [
        "living-now",
        "sleep-tonight",
        "food-worried",
        "food-ran-out",
        "food-today",
        "ride-missed",
        "shut-off",
    ]
    assert progress(CORE, answers) == (7, 8)
    assert position(CORE, answers, "safe") == (8, 8)


def test_six_questions_are_asked_of_someone_who_is_well() -> None:
    assert progress(CORE, {}) == (0, 6)
    assert position(CORE, {}, "food-ran-out") == (3, 6)
    assert progress(CORE, WELL) == (6, 6)
    assert next_question(CORE, WELL) is None


def test_a_hidden_question_has_no_position() -> None:
    with pytest.raises(LookupError, match='"food-today" is not asked'):
        position(CORE, {}, "food-today")


@st.composite
def sound_answers(draw: st.DrawFn) -> tuple[Instrument, dict[str, Given]]:
    """An instrument and answers as a person could give them, in our codes or LOINC's."""
    instrument = draw(st.sampled_from(list(LIBRARY.values())))
    answers: dict[str, Given] = {}
    while (question := next_question(instrument, answers)) and draw(st.integers(0, 19)):
        together = [code for each in question.answers if not each.exclusive for code in each.known_as]
        if question.kind is Kind.MANY and draw(st.booleans()):
            answers[question.code] = draw(st.lists(st.sampled_from(together), min_size=1))
        else:
            answer = draw(st.sampled_from(question.answers))
            answers[question.code] = draw(st.sampled_from(sorted(answer.known_as)))
    return instrument, answers


@given(sound_answers())
def test_answers_given_in_order_are_always_accepted(
    case: tuple[Instrument, dict[str, Given]],
) -> None:
    instrument, answers = case
    assert validate(instrument, answers) == {}


@given(sound_answers())
def test_keeping_answers_changes_nothing_about_what_they_mean(
    case: tuple[Instrument, dict[str, Given]],
) -> None:
    instrument, answers = case
    kept = canonical(instrument, answers)
    assert score(instrument, kept) == score(instrument, answers)
    assert canonical(instrument, kept) == kept
    assert validate(instrument, kept) == {}


@given(sound_answers())
def test_every_need_has_its_reasons_among_the_answers(
    case: tuple[Instrument, dict[str, Given]],
) -> None:
    instrument, answers = case
    kept = canonical(instrument, answers)
    result = score(instrument, answers)
    assert len({need.need for need in result.needs}) == len(result.needs)
    for need in result.needs:
        assert need.because
        for question, answer in need.because:
            assert answer in kept[question]


@given(sound_answers())
def test_progress_ends_exactly_when_nothing_is_left_to_ask(
    case: tuple[Instrument, dict[str, Given]],
) -> None:
    instrument, answers = case
    done, shown = progress(instrument, answers)
    assert 0 <= done <= shown == len(visible_questions(instrument, answers))
    assert (done == shown) == (next_question(instrument, answers) is None)


@given(
    st.sampled_from(list(LIBRARY.values())),
    st.dictionaries(
        st.sampled_from([question.code for question in CORE.questions]) | st.text(max_size=6),
        st.none() | st.integers() | st.text(max_size=6) | st.lists(st.text(max_size=6), max_size=3),
        max_size=6,
    ),
)
def test_anything_at_all_gets_an_answer_and_not_a_crash(instrument: Instrument, answers: dict[str, Any]) -> None:
    errors = validate(instrument, answers)
    assert errors.keys() <= answers.keys()
    if not errors:
        assert canonical(instrument, answers).keys() == {
            question.code for key in answers if (question := instrument.question(key))
        }
