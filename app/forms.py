"""What a form sends, read by the schema that reads the API's JSON, so that a rule about a field is written once.

And what these schemas are made of, because marshmallow's own messages say what is wrong and never what to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sized
from http import HTTPStatus
from typing import Any, TypeVar, cast

from flask import render_template
from marshmallow import Schema, ValidationError, fields, validate
from marshmallow.exceptions import SCHEMA

from app.errors import Invalid
from app.i18n import gettext as _

LONGEST_NUMBER = 6
"""Digits of the number of a page: more are no number of ours."""

Written = TypeVar("Written", bound=Sized)

Page = str | tuple[str, int]
"""What a view answers: a page, or a page and its status."""


class Text(fields.String):
    """Text, and a sentence for programs that send anything else."""

    default_error_messages = dict.fromkeys(("invalid", "null"), "Send text in quotes, or leave it out.")


class YesNo(fields.Boolean):
    """True or false, and a sentence for programs that send anything else."""

    default_error_messages = dict.fromkeys(("invalid", "null"), "Send true or false, or leave it out.")


class AtMost(validate.Length):
    """No text longer than `most` characters, said in the language of the page."""

    def __init__(self, most: int) -> None:
        super().__init__(max=most)
        self.most = most

    def __call__(self, value: Written) -> Written:
        if len(value) > self.most:
            raise ValidationError(_("This is too long. Use %(most)s characters at most.", most=self.most))
        return value


def nested(form: Mapping[str, str]) -> dict[str, Any]:
    """`form` as JSON would have it: “address.line1” stands in “address”, and a box left empty is a value not given.

    :raises Invalid: a name is used for a value and for what values stand in; no page of ours sends that.
    """
    data: dict[str, Any] = {}
    for name, typed in form.items():
        *parents, last = name.split(".")
        place = data
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise Invalid({parent: _("This was sent twice. Go back to the page and send it once more.")})
        if typed.strip():
            place[last] = typed
    return data


def load(schema: Schema, data: Mapping[str, Any]) -> dict[str, Any]:
    """`data` as `schema` reads it.

    :raises Invalid: one sentence for each wrong field, under the name that its box has in the form.
    """
    try:
        return cast("dict[str, Any]", schema.load(data))
    except ValidationError as error:
        raise Invalid(sentences(error.normalized_messages())) from error  # type: ignore[no-untyped-call]


def sentences(messages: Mapping[str, Any], inside: str = "") -> dict[str, str]:
    """The nested messages of marshmallow as one sentence for each field, “address.state” style."""
    found: dict[str, str] = {}
    for key, message in messages.items():
        name = inside if key == SCHEMA else f"{inside}.{key}".removeprefix(".")
        if isinstance(message, Mapping):
            found |= sentences(message, name)
        else:
            found[name] = " ".join(_(sentence) for sentence in message)
    return found


def page(template: str, *, errors: Mapping[str, str], **shown: Any) -> Page:  # noqa: ANN401  whatever a page shows
    """A page with a form; where `errors` say what is wrong with what was sent, with the status that says so, too."""
    rendered = render_template(template, errors=errors, **shown)
    return (rendered, HTTPStatus.UNPROCESSABLE_ENTITY) if errors else rendered


def page_number(typed: str | None) -> int:
    """Which page of a list is asked for, from 1; the first one when that is no number."""
    is_number = typed and typed.isascii() and typed.isdecimal() and len(typed) <= LONGEST_NUMBER
    return max(1, int(typed)) if typed and is_number else 1


def our_page(address: str) -> str | None:
    """`address` if it is a path of ours: a form may say where to go on, and nobody else may."""
    plain = "".join(char for char in address.replace("\\", "/") if char.isprintable())
    # Browsers drop line breaks, and read two slashes or more as the beginning of a host.
    return address if plain.startswith("/") and not plain.startswith("//") else None
