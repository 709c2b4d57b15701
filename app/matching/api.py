from __future__ import annotations

import uuid
from typing import Any

from flask_smorest import Blueprint

from app.db import session
from app.matching import queries, schemas
from app.patients.models import Patient
from app.patients.operations import refuse_ended
from app.screening import queries as screening
from app.screening.models import Need
from app.staff.access import allow, me, missing
from app.staff.permissions import Action

bp = Blueprint("api_matching", __name__, url_prefix="/api/v1", description="Who can help with a need, and why")


@bp.route("/needs/<uuid:need_id>/matches")
@allow(Action.SEE_MATCHES)
@bp.arguments(schemas.MatchesIn, location="query")
@bp.response(200, schemas.MatchesOut)
def matches(wanted: dict[str, Any], need_id: uuid.UUID) -> queries.Matches:
    """The best services for a need, each with its reasons; as many as `limit`, from `radius_miles` or farther."""
    need = screening.need_for(me(), need_id, Action.SEE_MATCHES)
    if need is None:
        raise missing(Need, need_id)
    patient = session.get_one(Patient, need.patient_id)
    refuse_ended(patient)
    return queries.matches(queries.question_for(need, patient), wanted["limit"], wanted["radius_miles"])


@bp.route("/needs/<uuid:need_id>/matches/<uuid:service_at_location_id>/why-not")
@allow(Action.SEE_MATCHES)
@bp.response(200, schemas.WhyNotOut)
def why_not(need_id: uuid.UUID, service_at_location_id: uuid.UUID) -> dict[str, Any]:
    """Everything that speaks against this service for this need; when nothing does, that others fit better."""
    need = screening.need_for(me(), need_id, Action.SEE_MATCHES)
    if need is None:
        raise missing(Need, need_id)
    patient = session.get_one(Patient, need.patient_id)
    return {"reasons": queries.why_not(queries.question_for(need, patient), service_at_location_id)}
