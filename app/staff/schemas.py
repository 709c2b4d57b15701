from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields, validate

from app.staff.permissions import Role


class PersonIn(Schema):
    """Somebody who is to sign in."""

    class Meta:
        unknown = EXCLUDE

    email = fields.Email(
        required=True,
        error_messages={
            "required": "Enter an e-mail address.",
            "invalid": "Enter an e-mail address such as ana@example.org.",
        },
    )
    name = fields.String(
        required=True,
        validate=validate.Length(1, 120, error="Enter a name."),
        error_messages={"required": "Enter a name."},
    )
    role = fields.Enum(
        Role,
        by_value=True,
        required=True,
        error_messages={"required": "Choose what this person does.", "unknown": "Choose what this person does."},
    )
    password = fields.String(required=True, error_messages={"required": "Enter a first password."})
    team_id = fields.UUID(load_default=None, error_messages={"invalid_uuid": "Choose a team of the list."})
    organization = fields.String(load_default="", validate=validate.Length(max=300))
