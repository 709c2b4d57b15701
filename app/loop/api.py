from __future__ import annotations

import uuid
from typing import Any

from flask_smorest import Blueprint

from app.loop import schemas
from app.messaging import queries as messaging
from app.patients import queries as patients
from app.patients.models import Patient
from app.staff.access import allow, me, missing
from app.staff.permissions import Action

bp = Blueprint("api_messages", __name__, url_prefix="/api/v1", description="Texts to and from a patient")


@bp.route("/patients/<uuid:patient_id>/messages")
@allow(Action.SEE_MESSAGES)
@bp.response(200, schemas.ConversationOut)
def conversation(patient_id: uuid.UUID) -> dict[str, Any]:
    """Every text to and from a patient, oldest first."""
    patient = patients.patient_for(me(), patient_id, Action.SEE_MESSAGES)
    if patient is None:
        raise missing(Patient, patient_id)
    return {"messages": messaging.conversation(patient.id)}
