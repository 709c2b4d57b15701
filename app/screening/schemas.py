from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from app.forms import Text

MOST_ANSWERS = 200
WHICH_INSTRUMENT = "Say which instrument, such as loopline-core."
AN_ANSWER = "Give an answer code, or a list of answer codes."
WHAT_ANSWERS = "Send the answers as an object: question code and answer code."


class AnswerField(fields.Field[Any]):
    """An answer code, or a list of them where several may be chosen."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:  # noqa: ANN401, ARG002
        if isinstance(value, str):
            return value
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return value
        raise ValidationError(AN_ANSWER)


class Answers(fields.Dict):
    """Answers by question code; what is wrong with one is said under its code."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        try:
            return super()._deserialize(value, attr, data, **kwargs)  # type: ignore[no-untyped-call]
        except ValidationError as error:
            if not isinstance(error.messages, dict):
                raise
            # A key of JSON is always text, so that it is the values that are wrong.
            raise ValidationError({code: wrong["value"] for code, wrong in error.messages.items()}) from error


class ScreeningIn(Schema):
    class Meta:
        unknown = EXCLUDE

    instrument = Text(required=True, error_messages=dict.fromkeys(("required", "null", "invalid"), WHICH_INSTRUMENT))
    language = Text(load_default="en")
    answers = Answers(
        keys=fields.String(),
        values=AnswerField(error_messages={"null": AN_ANSWER}),
        required=True,
        validate=[
            validate.Length(min=1, error="Send at least one answer."),
            validate.Length(max=MOST_ANSWERS, error=f"Send at most {MOST_ANSWERS} answers."),
        ],
        error_messages=dict.fromkeys(("required", "null", "invalid"), WHAT_ANSWERS),
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
