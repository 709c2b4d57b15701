from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields, validate

from app.matching.queries import BEST, NEAR_MILES
from app.matching.reasons import Reason

MOST = 50
FARTHEST_MILES = 500


class MatchesIn(Schema):
    class Meta:
        unknown = EXCLUDE

    limit = fields.Integer(
        load_default=BEST,
        validate=validate.Range(1, MOST, error=f"Ask for 1 to {MOST} matches."),
        error_messages=dict.fromkeys(("invalid", "too_large"), f"Give a whole number from 1 to {MOST}."),
        metadata={"description": "How many matches at most."},
    )
    radius_miles = fields.Float(
        load_default=NEAR_MILES,
        validate=validate.Range(1, FARTHEST_MILES, error=f"Look 1 to {FARTHEST_MILES} miles far."),
        error_messages=dict.fromkeys(
            ("invalid", "special", "too_large"), f"Give a number of miles from 1 to {FARTHEST_MILES}."
        ),
        metadata={"description": "How far to look; where too few are found, the search goes farther and says so."},
    )


class ReasonOut(Schema):
    code = fields.String(metadata={"description": "Never changes its meaning."})
    text = fields.Function(Reason.text, metadata={"type": "string"})


class PartOut(Schema):
    name = fields.String()
    value = fields.Float()
    weight = fields.Float()


class MatchOut(Schema):
    service_at_location_id = fields.UUID()
    service_id = fields.UUID()
    organization_id = fields.UUID()
    service = fields.String()
    organization = fields.String()
    area = fields.String(metadata={"description": "The town. It is all that is told of a confidential location."})
    confidential = fields.Boolean()
    distance_miles = fields.Float(allow_none=True, metadata={"description": "No more digits than are known."})
    score = fields.Float(metadata={"description": "0 to 1: the weighted mean of the parts."})
    parts = fields.List(fields.Nested(PartOut))
    reasons = fields.List(fields.Nested(ReasonOut))
    cautions = fields.List(fields.Nested(ReasonOut))


class WhyNotOut(Schema):
    reasons = fields.List(fields.Nested(ReasonOut))


class MatchesOut(Schema):
    matches = fields.List(fields.Nested(MatchOut), attribute="items")
    radius_miles = fields.Float(
        attribute="radius_used", allow_none=True, metadata={"description": "How far it looked; null is everywhere."}
    )
    widened = fields.Boolean(metadata={"description": "Too few were found within the radius that was asked for."})
