"""Which services are one, listed twice."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.directory.duplicates import LIKELY, Candidate, Reason, address_key, likeness, name_key, name_likeness

PANTRY = Candidate(
    name="Food Pantry",
    organization="Eastside Community Center, Inc.",
    phones=frozenset({"+14105550142"}),
    addresses=frozenset({address_key("100 North Main Street", "21202")}),
    points=((39.2904, -76.6122),),
)
NOWHERE = replace(PANTRY, addresses=frozenset(), points=())


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (PANTRY, True),
        (replace(PANTRY, name="Pantry, Food", organization="The Eastside Community Center"), True),
        (replace(PANTRY, phones=frozenset()), True),
        (replace(PANTRY, addresses=frozenset(), points=((39.2908, -76.6120),)), True),
        (replace(PANTRY, name="Food Pantries", organization="Eastside Community Ctr"), True),
        (NOWHERE, True),
        (replace(PANTRY, name="Tax Help"), False),  # another service in the same house
        (replace(PANTRY, addresses=frozenset(), points=((39.40, -76.61),)), False),  # the same at another address
        (replace(PANTRY, organization="Saint Mary", phones=frozenset()), False),  # two in one house
        (replace(NOWHERE, organization="Saint Mary", phones=frozenset()), False),
    ],
)
def test_two_are_one_when_name_and_place_agree(other: Candidate, same: bool) -> None:  # noqa: FBT001
    assert (likeness(PANTRY, other).score >= LIKELY) is same
    assert likeness(PANTRY, other) == likeness(other, PANTRY)


def test_a_likeness_says_why() -> None:
    assert likeness(PANTRY, PANTRY).reasons == (
        Reason.SAME_NAME,
        Reason.SAME_AGENCY,
        Reason.SAME_PHONE,
        Reason.SAME_ADDRESS,
    )


@given(st.text(max_size=30), st.text(max_size=30))
def test_names_are_as_like_one_way_as_the_other(one: str, other: str) -> None:
    assert name_likeness(one, other) == name_likeness(other, one)
    assert 0 <= name_likeness(one, other) <= 1


def test_keys_forget_what_does_not_matter() -> None:
    assert name_key("The Food Pantry of Maryland, Inc.") == name_key("Maryland food pantry")
    assert address_key("100 North Main Street, Suite 5", "21202-1234") == address_key("100 N. Main St", "21202")
    assert address_key("Corner of Main and Light", "21202") == ""
