from __future__ import annotations

from marshmallow import Schema, fields


class TextOut(Schema):
    direction = fields.String(metadata={"enum": ["in", "out"]})
    body = fields.String()
    language = fields.String(allow_none=True)
    status = fields.String()
    at = fields.DateTime()


class ConversationOut(Schema):
    messages = fields.List(fields.Nested(TextOut))
