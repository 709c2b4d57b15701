"""The page on which a patient says which organizations may be told about them."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from http import HTTPStatus
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.wrappers import Response

from app import forms
from app.db import session
from app.directory import queries as directory
from app.errors import NotFound
from app.forms import Page
from app.i18n import gettext as _
from app.patients import operations as patient_operations
from app.patients import queries as patients
from app.patients.models import ConsentKind, Patient
from app.referrals import operations, queries, schemas
from app.staff.access import allow, me
from app.staff.permissions import Action

bp = Blueprint("sharing", __name__)


MOST_FOUND = 10


@bp.get("/patients/<uuid:patient_id>/sharing")
@allow(Action.RECORD_CONSENT)
def sharing(patient_id: uuid.UUID) -> Page:
    patient = _patient(patient_id)
    only = patients.may_tell_only(patient.id)
    return _page(patient, limited=only is not None, chosen=only or frozenset())


@bp.post("/patients/<uuid:patient_id>/sharing")
@allow(Action.RECORD_CONSENT)
def share(patient_id: uuid.UUID) -> Response | Page:
    """Keep which organizations may be told; with `look`, only show those that are called like `q`."""
    patient = _patient(patient_id)
    said = forms.load(schemas.SharingFormIn(), {**request.form, "named": request.form.getlist("named")})
    limited = said["whom"] == "some"
    if "look" in request.form:
        return _page(patient, limited=True, chosen=said["named"], looked_for=said["q"].strip())
    if limited and not said["named"]:
        wrong = {"named": _("Choose at least one organization, or all.")}
        return _page(patient, limited=True, chosen=(), errors=wrong)
    only = said["named"] if limited else None
    operations.agree_to_tell(patient, only, how=said["how"], by=me())
    session.commit()
    flash(_("Kept. Open referrals to others were called back.") if limited else _("Kept."), "success")
    return redirect(url_for("patients.consents", patient_id=patient.id), HTTPStatus.SEE_OTHER)


def _page(
    patient: Patient,
    *,
    limited: bool,
    chosen: Collection[uuid.UUID],
    looked_for: str = "",
    errors: dict[str, str] | None = None,
) -> Page:
    asked = {row.organization.id: row.organization.name for row in queries.of_patient(me(), patient.id)}
    found = directory.organizations(looked_for, limit=MOST_FOUND) if looked_for else []
    offered = operations.names_of(chosen) | asked | {one.id: one.name for one in found}
    values: dict[str, Any] = {
        "whom": "some" if limited else "all",
        "named": [str(id_) for id_ in chosen],
        "how": "spoken",
        "q": looked_for,
    }
    return forms.page(
        "referrals/sharing.html",
        patient=patient,
        agreed=patients.has_consent(patient.id, ConsentKind.SHARE),
        wording=patient_operations.words_to_read(ConsentKind.SHARE),
        offered=sorted(offered.items(), key=lambda one: one[1].casefold()),
        nobody=bool(looked_for) and not found,
        values=values,
        errors=errors or {},
    )


def _patient(patient_id: uuid.UUID) -> Patient:
    patient = patients.patient_for(me(), patient_id, Action.RECORD_CONSENT)
    if patient is None:
        raise NotFound(_("There is no such patient, or not in your team."))
    return patient
