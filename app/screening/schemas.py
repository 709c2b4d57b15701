from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

MOST_ANSWERS = 200


class AnswerField(fields.Field[Any]):
    """An answer code, or a list of them where several may be chosen."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:  # noqa: ANN401, ARG002
        if isinstance(value, str):
            return value
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return value
        raise ValidationError("Give an answer code, or a list of answer codes.")


class ScreeningIn(Schema):
    class Meta:
        unknown = EXCLUDE

    instrument = fields.String(
        required=True, error_messages={"required": "Say which instrument, such as loopline-core."}
    )
    language = fields.String(load_default="en")
    answers = fields.Dict(
        keys=fields.String(),
        values=AnswerField(),
        required=True,
        validate=validate.Length(max=MOST_ANSWERS),
        error_messages={"required": "Send the answers: question code and answer code."},
    )


class NeedOut(Schema):
    id = fields.UUID()
    need = fields.String(attribute="kind")
    status = fields.String()
    urgent = fields.Boolean()
    wants_help = fields.Boolean(allow_none=True)
    because = fields.List(fields.List(fields.String()))


class ScreeningOut(Schema):
    id = fields.UUID()
    instrument = fields.String()
    version = fields.Integer()
    scores = fields.Dict()
    needs = fields.List(fields.Nested(NeedOut))
