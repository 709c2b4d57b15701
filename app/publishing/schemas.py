"""What may be asked of the HSDS API, in HSDS's own words, and the envelope of its lists.

What stands in a list is described by the standard's own JSON Schemas; they are not written down here a second time.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, validate

from app.forms import AtMost, Text

PER_PAGE = 50
MOST_PER_PAGE = 500
MOST_MINIMAL = 50_000
"""HSDS wants all services in one answer where only ids are asked for; this many are some 5 MB."""
LAST_PAGE = 1_000_000
FARTHEST = 20_100_000.0
"""Meters; half way around the Earth."""

PAGE_MESSAGE = "Give the number of a page, from 1 on."
PER_PAGE_MESSAGE = f"Ask for 1 to {MOST_PER_PAGE} records a page, or for format=ndjson to get all of them."
MINIMAL_PER_PAGE_MESSAGE = f"Ask for 1 to {MOST_PER_PAGE} records a page, or to {MOST_MINIMAL} when they are minimal."
YES_NO_MESSAGE = "Give true or false."
ID_MESSAGE = "Give an id as this API writes them, such as 3f0c1d1e-0000-4000-8000-000000000001."
MOMENT_MESSAGE = "Give a moment as ISO 8601 writes it, such as 2026-03-01T00:00:00Z."
POSTCODE_MESSAGE = "Give a ZIP code of five digits, such as 21215."
PROXIMITY_MESSAGE = "Give a distance in meters, such as 5000."
NEEDS_POSTCODE_MESSAGE = "Give a postcode as well: the distance is measured from its middle."
FORMAT_MESSAGE = "Give json or ndjson."


class Moment(fields.Field[datetime]):
    """A moment in ISO 8601, or a day, which begins at midnight; without an offset it is UTC."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:  # noqa: ANN401, ARG002  marshmallow's own signature
        text = str(value).strip().upper()
        # A plus sign that nobody quoted arrives as a space.
        moment = _moment(text) or _moment("+".join(text.rsplit(" ", 1)))
        if moment is None:
            raise ValidationError(MOMENT_MESSAGE)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _flag(about: str) -> fields.Boolean:
    return fields.Boolean(
        load_default=False,
        error_messages=dict.fromkeys(("invalid", "null"), YES_NO_MESSAGE),
        metadata={"description": about},
    )


def _id(about: str) -> fields.UUID:
    return fields.UUID(
        load_default=None,
        error_messages=dict.fromkeys(("invalid_uuid", "null"), ID_MESSAGE),
        metadata={"description": about},
    )


class ListIn(Schema):
    """What every list understands. What it does not understand is passed over, as HSDS's own tools send it."""

    class Meta:
        unknown = EXCLUDE

    search = Text(load_default="", validate=AtMost(200), metadata={"description": "Words that must all be there."})
    page = fields.Integer(
        load_default=1,
        validate=validate.Range(1, LAST_PAGE, error=PAGE_MESSAGE),
        error_messages=dict.fromkeys(("invalid", "null", "too_large"), PAGE_MESSAGE),
        metadata={"description": "Which page, from 1 on."},
    )
    per_page = fields.Integer(
        load_default=None,
        validate=validate.Range(1, MOST_PER_PAGE, error=PER_PAGE_MESSAGE),
        error_messages=dict.fromkeys(("invalid", "null", "too_large"), PER_PAGE_MESSAGE),
        metadata={"description": f"Records a page; {PER_PAGE} unless told."},
    )
    format = Text(
        load_default="json",
        validate=validate.OneOf(("json", "ndjson"), error=FORMAT_MESSAGE),
        metadata={"description": "json for a page, ndjson for all records, one a line."},
    )


class TermsIn(ListIn):
    taxonomy_id = _id("Terms of this taxonomy.")
    parent_id = _id("Terms right below this one.")
    top_only = _flag("Only terms that stand below no other.")


class SaidIn(ListIn):
    """Lists that can be narrowed by what is said of their records."""

    taxonomy_term_id = Text(
        load_default=None,
        validate=AtMost(200),
        metadata={"description": "Records of which this term is said; its id or its code."},
    )
    taxonomy_id = _id("Records of which any term of this taxonomy is said.")
    full = _flag("Whether everything about each record is told.")


class OrganizationsIn(SaidIn):
    full_service = _flag("Whether everything about each of its services is told.")


class OrganizationIn(Schema):
    class Meta:
        unknown = EXCLUDE

    full_service = _flag("Whether everything about each of its services is told.")


class ServicesIn(SaidIn):
    organization_id = _id("Services of this organization.")
    modified_after = Moment(
        load_default=None,
        metadata={"description": "What changed then or later, or of which anything did.", "type": "string"},
    )
    minimal = _flag("Only id and modified_date, on a page as large as asked for.")
    per_page = fields.Integer(
        load_default=None,
        validate=validate.Range(1, MOST_MINIMAL, error=MINIMAL_PER_PAGE_MESSAGE),
        error_messages=dict.fromkeys(("invalid", "null", "too_large"), PER_PAGE_MESSAGE),
        metadata={"description": f"Records a page, at most {MOST_PER_PAGE}, or {MOST_MINIMAL} when they are minimal."},
    )

    @post_load
    def _as_many_as_it_holds(self, data: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:  # noqa: ANN401
        if not data["minimal"] and (data["per_page"] or 0) > MOST_PER_PAGE:
            raise ValidationError(PER_PAGE_MESSAGE, "per_page")
        return data


class OffersIn(SaidIn):
    organization_id = _id("Services of this organization.")
    modified_after = Moment(
        load_default=None,
        metadata={"description": "What changed then or later, or of which anything did.", "type": "string"},
    )
    postcode = Text(
        load_default=None,
        validate=validate.Regexp(r"^\s*\d{5}(-\d{4})?\s*$", error=POSTCODE_MESSAGE),
        metadata={"description": "What covers this ZIP code, as far as its service area says; else what is near."},
    )
    proximity = fields.Float(
        load_default=None,
        validate=validate.Range(0, FARTHEST, error=PROXIMITY_MESSAGE),
        error_messages=dict.fromkeys(("invalid", "null", "special", "too_large"), PROXIMITY_MESSAGE),
        metadata={"description": "Meters from the middle of the postcode."},
    )

    @post_load
    def _measured_from_somewhere(self, data: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:  # noqa: ANN401
        if data["proximity"] is not None and data["postcode"] is None:
            raise ValidationError(NEEDS_POSTCODE_MESSAGE, "proximity")
        return data


class AboutOut(Schema):
    version = fields.String(metadata={"description": "Of HSDS."})
    profile = fields.String(metadata={"description": "What the records are described by."})
    openapi_url = fields.String(metadata={"description": "The description of this API."})


class PageOut(Schema):
    """HSDS's envelope of a list."""

    total_items = fields.Integer()
    total_pages = fields.Integer()
    page_number = fields.Integer()
    size = fields.Integer(metadata={"description": "Records on this page."})
    first_page = fields.Boolean()
    last_page = fields.Boolean()
    empty = fields.Boolean(metadata={"description": "Whether this page holds nothing."})
    contents = fields.List(fields.Dict(), metadata={"description": "Records, as the JSON Schemas of HSDS have them."})
