from __future__ import annotations

import pytest
from babel.core import Locale

from app.directory.languages import code_of, compared_as, name_of, read_list


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Spanish", "es"),
        ("spanish.", "es"),
        ("es", "es"),
        ("spa", "es"),
        ("es-mx", "es-MX"),
        ("zh_hans", "zh-Hans"),
        ("Mandarin", "cmn"),
        ("Chinese (Cantonese)", "yue"),
        ("Haitian Creole", "ht"),
        ("American Sign Language", "ase"),
        ("Filipino", "tl"),
        ("Filipino (Tagalog)", "tl"),
        ("Español", "es"),
        # Which creole? And there is no such language.
        ("Creole", None),
        ("Portugese", None),
        ("qq", None),
        ("", None),
    ],
)
def test_a_language_has_a_code(text: str, code: str | None) -> None:
    assert code_of(text) == code


@pytest.mark.parametrize(
    ("text", "codes", "understood"),
    [
        ("Spanish.", ["es"], True),
        ("Spanish, Tagalog", ["es", "tl"], True),
        ("ASL and Spanish.", ["ase", "es"], True),
        ("A.S.L.", ["ase"], True),
        ("Greek & Persian.", ["el", "fa"], True),
        ("Chinese (Mandarin), Tagalog", ["cmn", "tl"], True),
        ("Spanish,", ["es"], True),
        ("Spanish / Español, Vietnamese / Tiếng Việt", ["es", "vi"], True),
        ("Spanish. Accommodations possible.", ["es"], False),
        ("Spanish, Language Line.", ["es"], False),
        ("Spanish, Mai Mai (Somali language)", ["es"], False),
        # Nobody there is said to speak it.
        ("Limited Spanish.", [], False),
        ("Spanish (limited).", [], False),
        ("Spanish and Korean brochures.", [], False),
        ("Interpreter service for Spanish, French, Russian.", [], False),
        ("Accommodations possible.", [], False),
        # Words that are also codes of languages.
        ("So also see", [], False),
        ("", [], True),
    ],
)
def test_only_plain_names_count_as_spoken(text: str, codes: list[str], understood: bool) -> None:  # noqa: FBT001
    listed = read_list(text)
    assert [language.code for language in listed.languages] == codes
    assert (listed.rest is None) is understood
    assert listed.rest in {None, text}


@pytest.mark.parametrize(
    ("code", "expected"), [("es-MX", "es"), ("zh-Hant", "zh"), ("cmn", "zh"), ("fil", "tl"), ("vi", "vi")]
)
def test_varieties_are_compared_as_one_language(code: str, expected: str) -> None:
    assert compared_as(code) == expected


def test_a_language_is_named_in_the_language_of_the_reader() -> None:
    assert name_of("es", Locale("en")) == "Spanish"
    assert name_of("es", Locale("es")) == "español"
    assert name_of("es-MX", Locale("en")) == "Spanish"
