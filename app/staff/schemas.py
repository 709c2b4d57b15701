from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields, validate

from app.forms import AtMost
from app.i18n import marked
from app.staff.permissions import Role


class PersonIn(Schema):
    """Somebody who is to sign in."""

    class Meta:
        unknown = EXCLUDE

    email = fields.Email(
        required=True,
        error_messages={
            "required": marked("Enter an e-mail address."),
            "invalid": marked("Enter an e-mail address such as ana@example.org."),
        },
    )
    name = fields.String(
        required=True,
        validate=validate.Length(1, 120, error=marked("Enter a name.")),
        error_messages={"required": marked("Enter a name.")},
    )
    role = fields.Enum(
        Role,
        by_value=True,
        required=True,
        error_messages={
            "required": marked("Choose what this person does."),
            "unknown": marked("Choose what this person does."),
        },
    )
    password = fields.String(required=True, error_messages={"required": marked("Enter a first password.")})
    team_id = fields.UUID(load_default=None, error_messages={"invalid_uuid": marked("Choose a team of the list.")})
    organization = fields.String(load_default="", validate=AtMost(300))
