from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import EXCLUDE, Schema, fields, post_load, validate

from app.i18n import marked
from app.referrals.closing import Barrier, Says
from app.referrals.lifecycle import Actor, Reason, Status

TEXT = validate.Length(max=2000)
ONE_OF = "Choose one of these: {choices}."


class ReferralIn(Schema):
    class Meta:
        unknown = EXCLUDE

    service_at_location_id = fields.UUID(
        required=True,
        error_messages={
            "required": "Say which service: service_at_location_id of one of the matches.",
            "invalid_uuid": "This is not an id; take service_at_location_id of one of the matches.",
        },
    )
    note = fields.String(load_default="", allow_none=True, validate=TEXT)


class ReasonIn(Schema):
    class Meta:
        unknown = EXCLUDE

    code = fields.String(required=True, validate=validate.Length(min=1, max=60))
    text = fields.String(load_default="", allow_none=True, validate=TEXT)

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
        error_messages={"required": "Say the new status.", "unknown": "Choose one of these: {choices}."},
    )
    reason = fields.Nested(ReasonIn, load_default=None, allow_none=True)
    outcome = fields.Nested(ReasonIn, load_default=None, allow_none=True)
    said_by = fields.Enum(
        Actor,
        by_value=True,
        load_default=None,
        allow_none=True,
        validate=validate.Equal(Actor.AGENCY, error="Only “agency” can be given here."),
    )
    promised_by = fields.Date(load_default=None, allow_none=True)


class AnswerIn(Schema):
    """What a patient said became of a referral, as somebody of the care team heard it."""

    class Meta:
        unknown = EXCLUDE

    says = fields.Enum(
        Says,
        by_value=True,
        required=True,
        error_messages={"required": marked("Choose what they said."), "unknown": marked("Choose what they said.")},
    )
    barrier = fields.Enum(Barrier, by_value=True, load_default=None, allow_none=True)


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
