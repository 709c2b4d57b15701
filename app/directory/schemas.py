from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields, validate

from app.forms import AtMost, YesNo
from app.i18n import marked

MOST_PAGES = 50
"""Of one search; nobody reads on, and a page further down costs as much as all before it."""


AGE = marked("Enter an age in years, such as 18, or leave it empty.")
_AGE = validate.Regexp(r"\s*(1?\d?\d)?\s*$", error=AGE)


class SearchIn(Schema):
    """What somebody looks for in the directory. All of it may be left out."""

    class Meta:
        unknown = EXCLUDE

    q = fields.String(load_default="", validate=AtMost(200))
    need = fields.String(load_default=None)
    language = fields.String(load_default=None)
    near = fields.String(load_default=None, validate=AtMost(80))
    open = YesNo(load_default=False)
    """Only what is open at this moment."""


class CorrectionIn(Schema):
    """What an agency says of its service. A box left empty takes back what it said; one that is left out does not."""

    description = fields.String(validate=AtMost(5000))
    eligibility_description = fields.String(validate=AtMost(2000))
    application_process = fields.String(validate=AtMost(2000))
    fees_description = fields.String(validate=AtMost(1000))
    wait_time = fields.String(validate=AtMost(500))
    email = fields.String(validate=AtMost(200))
    url = fields.String(validate=AtMost(500))
    minimum_age = fields.String(validate=_AGE)
    maximum_age = fields.String(validate=_AGE)
