from __future__ import annotations

from marshmallow import Schema, fields


class TextOut(Schema):
    direction = fields.Function(
        lambda line: f"{line.direction}bound", metadata={"type": "string", "enum": ["inbound", "outbound"]}
    )
    body = fields.String()
    language = fields.String(allow_none=True)
    status = fields.String()
    at = fields.DateTime()


class ConversationOut(Schema):
    messages = fields.List(fields.Nested(TextOut))
