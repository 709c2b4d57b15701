from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import EXCLUDE, Schema, fields, post_load, validate

from app.forms import AtMost, Text
from app.i18n import marked
from app.referrals.closing import Barrier, Says
from app.referrals.lifecycle import Actor, Reason, Status
from app.referrals.meetings import Way

TEXT = AtMost(2000)
ONE_OF = "Choose one of these: {choices}."
WHICH_SERVICE = "Say which service: service_at_location_id of one of the matches."
WHICH_ORGANIZATION = "This is not an id; take organization_id of one of the matches."
MOST_NAMED = 50
HOW_OFTEN = marked("Enter a number, such as 4.")
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


class SharingIn(Schema):
    """Which organizations may be told."""

    class Meta:
        unknown = EXCLUDE

    organization_ids = fields.List(
        fields.UUID(error_messages={"invalid_uuid": WHICH_ORGANIZATION}),
        required=True,
        allow_none=True,
        validate=validate.Length(1, MOST_NAMED, error=f"Name 1 to {MOST_NAMED} organizations, or send null for all."),
        metadata={"description": "The only ones; null is all that are chosen together."},
        error_messages=dict.fromkeys(("required", "invalid"), "Send a list of ids, or null for all."),
    )
    how = Text(load_default="api", validate=validate.OneOf(["spoken", "written", "api"], error=ONE_OF))


class SharingOut(Schema):
    organization_ids = fields.List(fields.UUID(), allow_none=True)


class SharingFormIn(Schema):
    """The same from a page."""

    class Meta:
        unknown = EXCLUDE

    whom = Text(load_default="all", validate=validate.OneOf(["all", "some"], error=ONE_OF))
    named = fields.List(fields.UUID(), load_default=list, validate=validate.Length(max=MOST_NAMED))
    q = Text(load_default="", validate=AtMost(120))
    how = Text(load_default="spoken", validate=validate.OneOf(["spoken", "written"], error=ONE_OF))


class TogetherIn(Schema):
    class Meta:
        unknown = EXCLUDE

    together = fields.List(fields.UUID(error_messages={"invalid_uuid": WHICH_SERVICE}), required=True)
    note = Text(load_default="", validate=TEXT)


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

    attempts = fields.Integer(
        load_default=None,
        allow_none=True,
        validate=validate.Range(min=0, max=99, error=HOW_OFTEN),
        error_messages={"invalid": HOW_OFTEN},
    )

    @post_load
    def made(self, data: dict[str, Any], **_: object) -> Reason:
        return Reason(data["code"], data["text"] or "", data["attempts"])


class AppointmentIn(Schema):
    """When and where an agency sees somebody. The time is that of the clock at the place."""

    class Meta:
        unknown = EXCLUDE

    day = fields.Date(
        required=True, error_messages=dict.fromkeys(("required", "null", "invalid"), marked("Choose the day."))
    )
    time = fields.Time(
        required=True,
        error_messages=dict.fromkeys(("required", "null", "invalid"), marked("Enter the time, such as 14:30.")),
    )
    way = fields.Enum(
        Way,
        by_value=True,
        required=True,
        error_messages=dict.fromkeys(
            ("required", "null", "unknown"), marked("Say whether they come, or you call them.")
        ),
    )
    place = Text(load_default="", allow_none=True, validate=AtMost(200))
    note = Text(load_default="", allow_none=True, validate=TEXT)


class PromiseIn(Schema):
    """By when an agency will contact the patient."""

    class Meta:
        unknown = EXCLUDE

    promised_by = fields.Date(
        required=True, error_messages=dict.fromkeys(("required", "null", "invalid"), marked("Choose the day."))
    )


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
    if "reason" in data and form.get("attempts", "").strip():
        data["reason"]["attempts"] = form["attempts"].strip()
    return data


def boxes_of(fields: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with a step, under the names that its form's boxes have."""
    boxes = {"reason": "reason_code", "outcome": "outcome_code", "reason.attempts": "attempts"}
    return {boxes.get(field, field.replace(".", "_")): sentence for field, sentence in fields.items()}
