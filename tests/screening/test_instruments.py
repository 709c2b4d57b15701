from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from app.datafile import DataFileError
from app.needs.vocabulary import NEEDS
from app.screening import instruments
from app.screening.instruments import LIBRARY, Edition, Instrument, UnknownInstrument

HUNGER = LIBRARY[Edition("hunger-vital-sign", 1)]
CORE = LIBRARY[Edition("loopline-core", 1)]
EVERY = pytest.mark.parametrize("instrument", LIBRARY.values(), ids=lambda each: each.code)


def test_the_hunger_vital_sign_is_asked_word_for_word_and_says_where_it_is_from() -> None:
    assert [question.text("en") for question in HUNGER.questions] == [
        ("Within the past 12 months we worried whether our food would run out before we got money to buy more."),
        ("Within the past 12 months the food we bought just didn't last and we didn't have money to get more."),
    ]
    assert [answer.text("en") for answer in HUNGER.questions[0].answers] == [
        "Often true",
        "Sometimes true",
        "Never true",
        "Don't know/refused",
    ]
    assert HUNGER.citation is not None
    assert "10.1542/peds.2009-3146" in HUNGER.citation


def test_the_hunger_vital_sign_is_loinc_and_ours_only_maps_to_it() -> None:
    assert HUNGER.loinc == "88121-9"
    assert [question.loinc for question in HUNGER.questions] == ["88122-7", "88123-5"]
    assert CORE.loinc is None
    assert CORE.maps_to == "96777-8"
    assert not any(question.loinc for question in CORE.questions)
    assert not any(answer.loinc for question in CORE.questions for answer in question.answers)


def test_a_question_and_an_answer_are_found_by_our_code_or_by_loinc() -> None:
    question = HUNGER.question("88122-7")
    assert question is not None
    assert question == HUNGER.question("food-worried")
    assert question.answer("LA6729-3") == question.answer("sometimes")
    assert question.answer("LA33-6") is None
    assert HUNGER.question("71802-3") is None


def test_the_core_screen_finds_the_five_needs() -> None:
    assert list(dict.fromkeys(rule.need for rule in CORE.rules)) == [
        "housing",
        "food",
        "transport",
        "utilities",
        "safety",
    ]


def test_the_safety_question_can_be_skipped_is_asked_last_and_suggests_nothing() -> None:
    safe = CORE.questions[-1]
    assert (safe.code, safe.optional, safe.sensitive) == ("safe", True, True)
    assert safe.staff_note is not None
    rules = [rule for rule in CORE.rules if NEEDS[rule.need].sensitive]
    assert {rule.question for rule in rules} == {"safe"}
    assert not any(rule.icd10cm or rule.snomed for rule in rules)


@EVERY
def test_spanish_is_there_and_marked_as_a_draft(instrument: Instrument) -> None:
    assert instrument.languages == ("en", "es")
    assert not instrument.is_draft("en")
    assert instrument.is_draft("es")
    assert instrument.translations["es"].on == date(2026, 11, 22)


@pytest.mark.parametrize(
    ("language", "seen"),
    [
        ("en", "No"),
        ("es", "No es seguro"),
        ("es-MX", "No es seguro"),
        ("es_US", "No es seguro"),
        ("vi", "No"),
    ],
)
def test_a_text_falls_back_to_its_base_language_and_then_to_english(language: str, seen: str) -> None:
    wording = instruments.Wording({"en": "No", "es": "No es seguro"})
    assert wording.text(language) == seen


def test_spanish_addresses_the_person_formally() -> None:
    words = {word.strip("¿?.,").lower() for question in CORE.questions for word in question.text("es").split()}
    assert not words & {"tú", "tu", "tus", "te", "ti", "tienes", "puedes", "necesitas"}


@EVERY
def test_every_code_has_a_right_check_digit(instrument: Instrument) -> None:
    codes = {instrument.loinc, instrument.maps_to}
    for question in instrument.questions:
        codes |= {question.loinc, question.maps_to}
    assert all(luhn(code) for code in codes if code)
    assert all(luhn(rule.loinc) for rule in instrument.scores if rule.loinc)
    for rule in instrument.rules:
        assert all(map(verhoeff, rule.snomed)), rule


def test_every_snomed_code_of_the_vocabulary_has_a_right_check_digit() -> None:
    for need in NEEDS.values():
        for coding in (*need.snomed, need.goal, need.service_request):
            assert coding is None or verhoeff(coding.code), (need.code, coding)


def test_an_unknown_or_retired_instrument_is_not_offered(tmp_path: Path) -> None:
    with pytest.raises(UnknownInstrument, match='There is no screening instrument "who-5"'):
        instruments.current("who-5")
    (tmp_path / "1.yaml").write_text(GOOD.replace("version: 1", "version: 1\nretired: true"))
    with pytest.raises(UnknownInstrument):
        instruments.current("rides", instruments.load(tmp_path))


def test_the_newest_version_in_use_is_current_and_the_old_one_can_still_be_read(
    tmp_path: Path,
) -> None:
    for version in (1, 2, 10):
        text = GOOD.replace("version: 1", f"version: {version}")
        (tmp_path / f"{version}.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "README.md").write_text("not an instrument", encoding="utf-8")
    library = instruments.load(tmp_path)
    assert instruments.current("rides", library).version == 10
    assert Edition("rides", 1) in library


def test_the_same_version_in_two_files_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "b.yaml").write_text(GOOD, encoding="utf-8")
    with pytest.raises(DataFileError, match=r"b\.yaml: version 1 of 'rides' is in another file"):
        instruments.load(tmp_path)


GOOD = """\
code: rides
version: 1
title: {en: Rides}
about: {en: About rides.}
languages:
  en: {draft: false, by: us, on: 2026-01-31}
questions:
  - code: missed
    type: one
    loinc: 93030-5
    text: {en: Say if you missed a visit}
    answers:
      - {code: yes, loinc: LA33-6, text: {en: Yes}}
      - {code: no, loinc: LA32-8, text: {en: No}}
      - {code: declined, declined: true, text: {en: I would rather not say}}
  - code: why
    type: many
    show_if: {missed: [yes]}
    text: {en: Say why}
    answers:
      - {code: no-car, text: {en: No car}}
      - {code: none, exclusive: true, text: {en: None of these}}
rules:
  - {question: missed, answers: [yes], need: transport, icd10cm: [Z59.82]}
"""


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("code: rides", "kode: rides", ": 'kode' is not known here"),
        ("version: 1", "version: one", " at version: must be a whole number."),
        ("type: many", "type: all", ' at questions[1].type: must be "one" or "many".'),
        ("  en: {draft", "  es: {draft", " at languages: 'en' is missing"),
        ("on: 2026-01-31", "on: soon", " at languages.en.on: must be a date"),
        ("{en: Say why}", "{es: Por qué}", " at questions[1].text: the text in 'en' is missing."),
        ("{en: Say why}", "{en: Say why, es: Y}", " at questions[1].text: 'es' is not one of this"),
        (
            "{missed: [yes]}",
            "{why: [none]}",
            " at questions[1].show_if.why: 'why' is not an earlier",
        ),
        (
            "{missed: [yes]}",
            "{missed: [oui]}",
            " at questions[1].show_if.missed: 'oui' is not an answer",
        ),
        ("code: why", "code: missed", " at questions[1]: the code 'missed' belongs to another"),
        (
            "code: no,",
            "code: yes,",
            " at questions[0].answers[1]: the code 'yes' belongs to another",
        ),
        ("LA32-8", "LA33-6", " at questions[0].answers[1]: the code 'LA33-6' belongs to another"),
        ("LA32-8", "no", " at questions[0].answers[1].loinc: 'no' does not look like"),
        (
            "declined: true",
            "exclusive: true",
            " at questions[0].answers[2]: only a question of type many",
        ),
        ("[yes], need", "[declined], need", " at rules[0]: 'declined' is declining to say"),
        ("need: transport", "need: cars", " at rules[0]: 'cars' is not a need we know."),
        (
            "need: transport",
            "need: safety",
            " at rules[0]: 'missed' finds 'safety', so it must be marked",
        ),
        (
            "type: one",
            "type: one\n    sensitive: true",
            " at rules[0]: a sensitive answer must not suggest",
        ),
        ("question: missed", "question: rode", " at rules[0]: 'rode' is not a question here."),
        ("[Z59.82]", "[Z59-82]", " at rules[0].icd10cm[0]: 'Z59-82' does not look like"),
        ("title: {en: Rides}", "title: Rides", " at title: must be a mapping"),
        ("version: 1", "version: 1\nversion: 2", " at line 3: 'version' is written twice."),
    ],
)
def test_a_mistake_is_one_sentence_naming_the_file_and_the_place(
    tmp_path: Path, old: str, new: str, sentence: str
) -> None:
    assert old in GOOD
    (tmp_path / "i.yaml").write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataFileError) as caught:
        instruments.load(tmp_path)
    assert str(caught.value).startswith(f"i.yaml{sentence}")
    assert str(caught.value).count("\n") == 0


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "i.yaml").write_bytes("title: Teléfono".encode("latin-1"))
    with pytest.raises(DataFileError, match=r"^i\.yaml: is not UTF-8 text\.$"):
        instruments.load(tmp_path)


def luhn(code: str) -> bool:
    """LOINC's check digit: Luhn over the digits, the hyphen left out."""
    digits = [int(digit) for digit in reversed(code.replace("-", ""))]
    doubled = [digit if place % 2 == 0 else sum(divmod(2 * digit, 10)) for place, digit in enumerate(digits)]
    return sum(doubled) % 10 == 0


def verhoeff(code: str) -> bool:
    """SNOMED CT's check digit: Verhoeff's dihedral checksum over all digits is 0."""
    permutation = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
    total = 0
    for place, digit in enumerate(map(int, reversed(code))):
        permuted = digit
        for _ in range(place % 8):
            permuted = permutation[permuted]
        total = dihedral(total, permuted)
    return total == 0


def dihedral(a: int, b: int) -> int:
    """The product of two symmetries of a pentagon: 0 to 4 turn it, 5 to 9 turn it over."""
    if a < 5:
        return (a + b) % 5 if b < 5 else 5 + (a + b) % 5
    return 5 + (a - b) % 5 if b < 5 else (a - b) % 5
