from __future__ import annotations

import uuid
from typing import Any

from flask_smorest import Blueprint

from app.db import session
from app.patients import queries as patients
from app.patients.models import Patient
from app.referrals import operations, queries, schemas
from app.referrals.models import Referral, Transition
from app.screening import queries as screening
from app.screening.models import Need
from app.staff.access import allow, me, missing
from app.staff.permissions import Action
from app.staff.queries import names

bp = Blueprint("api_referrals", __name__, url_prefix="/api/v1", description="Referrals and their steps")


def as_json(row: queries.Row) -> dict[str, Any]:
    referral = row.referral
    by = names([step.by_id for step in referral.transitions if step.by_id])
    return {
        "id": referral.id,
        "status": referral.status.value,
        "patient_says": referral.patient_says,
        "barrier": referral.barrier,
        "closure": referral.closure.value,
        "need_id": referral.need_id,
        "patient_id": referral.patient_id,
        "service_at_location_id": referral.service_at_location_id,
        "service": row.service.name,
        "organization": row.organization.name,
        "sent_at": referral.sent_at,
        "history": [_step(step, by) for step in referral.transitions],
    }


def _step(step: Transition, by: dict[uuid.UUID, str]) -> dict[str, Any]:
    return {
        "old": step.old.value,
        "new": step.new.value,
        "at": step.at,
        "by": by[step.by_id] if step.by_id else step.by_name or "Loopline",
        "actor": step.actor.value,
        "said_by": step.said_by,
        "reason": {"code": step.reason_code, "text": step.reason_text or ""} if step.reason_code else None,
        "outcome": {"code": step.outcome_code, "text": step.outcome_text or ""} if step.outcome_code else None,
    }


def _shown(referral_id: uuid.UUID) -> dict[str, Any]:
    row = queries.row_for(me(), referral_id)
    if row is None:
        raise missing(Referral, referral_id)
    return as_json(row)


@bp.route("/needs/<uuid:need_id>/referrals", methods=["POST"])
@allow(Action.SEND_REFERRAL)
@bp.arguments(schemas.ReferralIn)
@bp.response(201, schemas.ReferralOut)
def send(data: dict[str, Any], need_id: uuid.UUID) -> dict[str, Any]:
    """Send a referral for a need to one service at one location."""
    need = screening.need_for(me(), need_id)
    if need is None:
        raise missing(Need, need_id)
    referral = operations.send(need, data["service_at_location_id"], by=me(), note=data["note"] or "")
    session.commit()
    return _shown(referral.id)


@bp.route("/patients/<uuid:patient_id>/sharing", methods=["POST"])
@allow(Action.RECORD_CONSENT)
@bp.arguments(schemas.SharingIn)
@bp.response(201, schemas.SharingOut)
def share(data: dict[str, Any], patient_id: uuid.UUID) -> dict[str, Any]:
    """Record that the patient agrees to be known: to all organizations chosen together, or to these only.

    Open referrals to others are called back.
    """
    patient = patients.patient_for(me(), patient_id, Action.RECORD_CONSENT)
    if patient is None:
        raise missing(Patient, patient_id)
    operations.agree_to_tell(patient, data["organization_ids"], how=data["how"], by=me())
    session.commit()
    return {"organization_ids": data["organization_ids"]}


@bp.route("/referrals/<uuid:referral_id>")
@allow(Action.SEE_REFERRAL)
@bp.response(200, schemas.ReferralOut)
def show(referral_id: uuid.UUID) -> dict[str, Any]:
    """One referral, both voices, and every step it took."""
    return _shown(referral_id)


@bp.route("/referrals/<uuid:referral_id>/transitions", methods=["POST"])
@allow(Action.MOVE_REFERRAL)
@bp.arguments(schemas.TransitionIn)
@bp.response(200, schemas.ReferralOut)
def move(data: dict[str, Any], referral_id: uuid.UUID) -> dict[str, Any]:
    """Take one step, or record one that the agency took by phone (`said_by`)."""
    referral = queries.referral_for(me(), referral_id, Action.MOVE_REFERRAL)
    if referral is None:
        raise missing(Referral, referral_id)
    operations.move(
        referral,
        data["status"],
        by=me(),
        reason=data["reason"],
        outcome=data["outcome"],
        said_by=data["said_by"],
        promised_by=data["promised_by"],
    )
    session.commit()
    return _shown(referral_id)
