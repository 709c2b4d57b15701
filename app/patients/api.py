from __future__ import annotations

import uuid
from typing import Any

from flask_smorest import Blueprint

from app.db import session
from app.patients import operations, queries, schemas
from app.patients.models import ConsentKind, Patient
from app.staff.access import allow, me, missing
from app.staff.permissions import Action

bp = Blueprint("api_patients", __name__, url_prefix="/api/v1/patients", description="Patients and their consent")


def as_json(patient: Patient, duplicates: list[uuid.UUID]) -> dict[str, Any]:
    return {
        "id": patient.id,
        "given_name": patient.given_name,
        "family_name": patient.family_name,
        "birth_date": patient.birth_date,
        "language": patient.language,
        "phone": patient.phone or None,
        "address": {
            "line1": patient.line1,
            "city": patient.city,
            "state": patient.state,
            "postal_code": patient.postal_code,
        },
        "consent": {kind.value: queries.has_consent(patient.id, kind) for kind in ConsentKind},
        "ended": patient.ended,
        "ended_at": patient.ended_at,
        "possible_duplicates": duplicates,
    }


@bp.route("", methods=["POST"])
@allow(Action.REGISTER_PATIENT)
@bp.arguments(schemas.PatientIn)
@bp.response(201, schemas.PatientOut)
def register(data: dict[str, Any]) -> dict[str, Any]:
    """Register a patient. Possible duplicates are named, never refused."""
    particulars = schemas.particulars(data)
    alike = queries.possible_duplicates(
        me(),
        given_name=particulars.given_name,
        family_name=particulars.family_name,
        birth_date=particulars.birth_date,
        phone=particulars.phone,
    )
    duplicates = [patient.id for patient in alike]
    patient = operations.register(particulars, consent=schemas.consent(data), how="api", by=me())
    session.commit()
    return as_json(patient, duplicates)


@bp.route("/<uuid:patient_id>")
@allow(Action.SEE_PATIENT)
@bp.response(200, schemas.PatientOut)
def show(patient_id: uuid.UUID) -> dict[str, Any]:
    """One patient of the caller's team."""
    patient = queries.patient_for(me(), patient_id)
    if patient is None:
        raise missing(Patient, patient_id)
    operations.note_seen(patient_id, by=me())
    session.commit()
    return as_json(patient, [])
