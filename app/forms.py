"""What a form sends, read by the schema that reads the API's JSON, so that a rule about a field is written once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from marshmallow import Schema, ValidationError

from app.errors import Invalid
from app.i18n import gettext as _


def nested(form: Mapping[str, str]) -> dict[str, Any]:
    """`form` as JSON would have it: “address.line1” stands in “address”, and a box left empty is a value not given."""
    data: dict[str, Any] = {}
    for name, typed in form.items():
        *parents, last = name.split(".")
        place = data
        for parent in parents:
            place = place.setdefault(parent, {})
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
        raise Invalid(_sentences(error.normalized_messages())) from error  # type: ignore[no-untyped-call]


def _sentences(messages: Mapping[str, Any], inside: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, message in messages.items():
        if isinstance(message, Mapping):
            found |= _sentences(message, f"{inside}{name}.")
        else:
            found[f"{inside}{name}"] = " ".join(_(sentence) for sentence in message)
    return found


def our_page(address: str) -> str | None:
    """`address` if it is a path of ours: a form may say where to go on, and nobody else may."""
    plain = "".join(char for char in address.replace("\\", "/") if char.isprintable())
    # Browsers drop line breaks, and read two slashes or more as the beginning of a host.
    return address if plain.startswith("/") and not plain.startswith("//") else None
