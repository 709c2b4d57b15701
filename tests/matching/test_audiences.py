"""Whom a service is only for, by its terms and by its words."""

from __future__ import annotations

import pytest

from app.matching.audiences import EVERYBODY, bits, named, of_terms, of_text


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("Persons over age 18 with end stages HIV/AIDS.  Must be drug free.", {"hiv"}),
        ("Low-income individuals and families living with or at risk of HIV/AIDS.", {"hiv"}),
        ("Homeless women, 18 and older, including those with HIV/AIDS", {"homeless", "women"}),
        ("Veterans and their families", {"veterans"}),
        ("Single parents of small children", {"families"}),
        ("People who cannot come because of age, illness, pregnancy or small children.", set()),
        ("Testing for HIV/STDs is open to anyone.", set()),
        ("Anyone in need.", set()),
        ("Men and women of any age", set()),
        ("Serves adults, ages 18 and older. See notes.", set()),
        ("", set()),
        (None, set()),
    ],
)
def test_an_eligibility_text_limits_only_when_it_plainly_does(text: str | None, codes: set[str]) -> None:
    assert set(named(of_text(text))) == codes


@pytest.mark.parametrize(
    ("names", "codes"),
    [
        (["HIV/AIDS"], {"hiv"}),
        (["Veterans only", "Food Pantry"], {"veterans"}),
        (["Women", "Men"], set()),
        (["Veterans", "Refugees", "Homeless", "LGBTQ"], set()),  # it lists its visitors
        (["HIV Treatment"], set()),  # what it does, not whom it is for
    ],
)
def test_terms_say_whom_it_is_for(names: list[str], codes: set[str]) -> None:
    assert set(named(of_terms(names))) == codes


def test_bits_are_codes() -> None:
    assert named(bits(["women", "hiv"])) == ("hiv", "women")
    assert named(EVERYBODY) == ()
