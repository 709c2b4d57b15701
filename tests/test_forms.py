from __future__ import annotations

import pytest
from marshmallow import Schema, fields

from app import forms
from app.errors import Invalid


class Address(Schema):
    zip = fields.String(required=True, error_messages={"required": "Enter a ZIP code."})


class Person(Schema):
    name = fields.String(required=True, error_messages={"required": "Enter a name."})
    address = fields.Nested(Address, required=True)


def test_a_form_is_read_as_json_would_be() -> None:
    assert forms.nested({"name": "Ana", "address.zip": "21224", "note": " "}) == {
        "name": "Ana",
        "address": {"zip": "21224"},
    }


def test_what_is_wrong_is_named_as_its_box_is() -> None:
    with pytest.raises(Invalid) as refused:
        forms.load(Person(), forms.nested({"name": "", "address.zip": ""}))

    assert refused.value.fields == {"name": "Enter a name.", "address.zip": "Enter a ZIP code."}


@pytest.mark.parametrize(
    ("address", "ours"),
    [
        ("/patients", True),
        ("/needs/1/matches?lang=es", True),
        ("", False),
        ("patients", False),
        ("//evil.test/", False),
        ("/\\evil.test/", False),
        ("https://evil.test/", False),
    ],
)
def test_only_paths_of_ours_are_followed(address: str, ours: bool) -> None:  # noqa: FBT001
    assert forms.our_page(address) == (address if ours else None)
