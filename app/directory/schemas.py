from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields, validate

from app.forms import AtMost


class SearchIn(Schema):
    """What somebody looks for in the directory. All of it may be left out."""

    class Meta:
        unknown = EXCLUDE

    q = fields.String(load_default="", validate=AtMost(200))
    need = fields.String(load_default=None)
    language = fields.String(load_default=None)
    near = fields.String(load_default=None, validate=AtMost(80))
    page = fields.Integer(load_default=1, validate=validate.Range(min=1, max=10_000))
