from __future__ import annotations

import uuid
from typing import Any

from flask_smorest import Blueprint

from app.db import session
from app.patients import queries as patients
from app.patients.models import Patient
from app.screening import operations, schemas
from app.staff.access import allow, me, missing
from app.staff.permissions import Action

bp = Blueprint("api_screening", __name__, url_prefix="/api/v1", description="Screenings and the needs they find")


@bp.route("/patients/<uuid:patient_id>/screenings", methods=["POST"])
@allow(Action.SCREEN)
@bp.arguments(schemas.ScreeningIn)
@bp.response(201, schemas.ScreeningOut)
def screen(data: dict[str, Any], patient_id: uuid.UUID) -> dict[str, Any]:
    """Record a whole screening; the answer names the needs it found."""
    patient = patients.patient_for(me(), patient_id, Action.SCREEN)
    if patient is None:
        raise missing(Patient, patient_id)
    screening, needs = operations.record(patient, data["instrument"], data["language"], data["answers"], by=me())
    session.commit()
    return {
        "id": screening.id,
        "instrument": screening.instrument,
        "version": screening.version,
        "scores": screening.scores,
        "needs": needs,
    }
