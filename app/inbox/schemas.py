from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, Schema, fields, validate

from app.forms import AtMost, Text, YesNo
from app.i18n import marked
from app.inbox.queries import Tab

AGES = (2, 7, 14)
"""Days."""


class InboxIn(Schema):
    """Which page of an inbox, and what of it."""

    class Meta:
        unknown = EXCLUDE

    tab = fields.Enum(Tab, by_value=True, load_default=Tab.NEW)
    page = fields.Integer(load_default=1, validate=validate.Range(min=1, max=10_000))
    need = Text(load_default=None, validate=AtMost(60))
    service = fields.UUID(load_default=None)
    older_than = fields.Integer(load_default=None, validate=validate.OneOf(AGES))
    whose = Text(load_default=None, validate=AtMost(36))
    urgent = YesNo(load_default=False)
    language = Text(load_default=None, validate=AtMost(12))


_DAY: dict[str, Any] = {"invalid": marked("Enter a date as year-month-day, such as 2026-03-27.")}


class WalkInIn(Schema):
    """Somebody who was served without a referral."""

    class Meta:
        unknown = EXCLUDE

    key = fields.UUID(required=True)
    need = Text(
        required=True,
        validate=AtMost(60),
        error_messages=dict.fromkeys(("required", "null"), marked("Choose what they came for.")),
    )
    served_on = fields.Date(
        required=True,
        error_messages=_DAY | dict.fromkeys(("required", "null"), marked("Say on which day you helped them.")),
    )
    agreed = YesNo(load_default=False)
    given_name = Text(load_default="", validate=AtMost(100))
    family_name = Text(load_default="", validate=AtMost(100))
    birth_date = fields.Date(load_default=None, allow_none=True, error_messages=_DAY)
    phone = Text(load_default="", validate=AtMost(40))


class OnwardIn(Schema):
    """Another service that may help where one's own cannot."""

    class Meta:
        unknown = EXCLUDE

    to = fields.UUID(
        required=True,
        error_messages=dict.fromkeys(("required", "null", "invalid_uuid"), marked("Choose where they can get help.")),
    )
    reason_code = Text(load_default="", validate=AtMost(60))
    note = Text(load_default="", validate=AtMost(2000))
