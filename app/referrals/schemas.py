from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import EXCLUDE, Schema, fields, post_load, validate

from app.forms import AtMost, Text
from app.i18n import marked
from app.referrals.closing import Barrier, Says
from app.referrals.lifecycle import Actor, Reason, Status

TEXT = AtMost(2000)
ONE_OF = "Choose one of these: {choices}."
WHICH_SERVICE = "Say which service: service_at_location_id of one of the matches."
SAID_BY = "Send “agency” when the agency told you, or leave this out."


class ReferralIn(Schema):
    class Meta:
        unknown = EXCLUDE

    service_at_location_id = fields.UUID(
        required=True,
        error_messages={
            "required": WHICH_SERVICE,
            "null": WHICH_SERVICE,
            "invalid_uuid": "This is not an id; take service_at_location_id of one of the matches.",
        },
    )
    note = Text(load_default="", allow_none=True, validate=TEXT)


class ReasonIn(Schema):
    class Meta:
        unknown = EXCLUDE

    error_messages = {"type": "Send an object with a code and, where it needs one, a text."}  # noqa: RUF012  so declared by marshmallow

    code = Text(
        required=True,
        validate=AtMost(60),
        error_messages=dict.fromkeys(("required", "null", "invalid"), "Send a code, such as “other”."),
    )
    text = Text(load_default="", allow_none=True, validate=TEXT)

    @post_load
    def made(self, data: dict[str, Any], **_: object) -> Reason:
        return Reason(data["code"], data["text"] or "")


class TransitionIn(Schema):
    """One step. Which steps there are, who may take them and what they need stands in `lifecycle`."""

    class Meta:
        unknown = EXCLUDE

    status = fields.Enum(
        Status,
        by_value=True,
        required=True,
        error_messages={"required": "Say the new status.", "null": "Say the new status.", "unknown": ONE_OF},
    )
    reason = fields.Nested(ReasonIn, load_default=None, allow_none=True)
    outcome = fields.Nested(ReasonIn, load_default=None, allow_none=True)
    said_by = Text(
        load_default=None,
        allow_none=True,
        validate=validate.OneOf([Actor.AGENCY.value], error=SAID_BY),
        error_messages={"invalid": SAID_BY},
    )
    promised_by = fields.Date(
        load_default=None,
        allow_none=True,
        error_messages={"invalid": marked("Enter a date as year-month-day, such as 2026-03-27.")},
    )

    @post_load
    def said(self, data: dict[str, Any], **_: object) -> dict[str, Any]:
        return data | {"said_by": data["said_by"] and Actor(data["said_by"])}


class AnswerIn(Schema):
    """What a patient said became of a referral, as somebody of the care team heard it."""

    class Meta:
        unknown = EXCLUDE

    says = fields.Enum(
        Says,
        by_value=True,
        required=True,
        error_messages=dict.fromkeys(("required", "null", "unknown"), marked("Choose what they said.")),
    )
    barrier = fields.Enum(
        Barrier,
        by_value=True,
        load_default=None,
        allow_none=True,
        error_messages={"unknown": marked("Choose what stood in the way, or leave it open.")},
    )


class TransitionOut(Schema):
    old = fields.String(data_key="from", attribute="old")
    new = fields.String(data_key="to", attribute="new")
    at = fields.DateTime()
    by = fields.String()
    actor = fields.String()
    said_by = fields.String(allow_none=True)
    reason = fields.Dict(allow_none=True)
    outcome = fields.Dict(allow_none=True)


class ReferralOut(Schema):
    id = fields.UUID()
    status = fields.String()
    patient_says = fields.String(allow_none=True)
    barrier = fields.String(allow_none=True)
    closure = fields.String()
    need_id = fields.UUID()
    patient_id = fields.UUID()
    service_at_location_id = fields.UUID()
    service = fields.String()
    organization = fields.String()
    sent_at = fields.DateTime(allow_none=True)
    history = fields.List(fields.Nested(TransitionOut))


def step_of(form: Mapping[str, str]) -> dict[str, Any]:
    """The form of a step as JSON would have it, for `TransitionIn`."""
    data: dict[str, Any] = {name: form[name] for name in ("status", "said_by", "promised_by") if form.get(name)}
    for name in ("reason", "outcome"):
        if code := form.get(f"{name}_code"):
            data[name] = {"code": code, "text": form.get(f"{name}_text", "")}
    return data


def boxes_of(fields: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with a step, under the names that its form's boxes have."""
    boxes = {"reason": "reason_code", "outcome": "outcome_code"}
    return {boxes.get(field, field.replace(".", "_")): sentence for field, sentence in fields.items()}
