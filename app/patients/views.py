from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask import session as browser
from werkzeug.wrappers import Response

from app import clock, forms
from app.db import session
from app.errors import Invalid, NotFound
from app.i18n import LANGUAGES, ago
from app.i18n import gettext as _
from app.patients import operations, phones, queries, schemas
from app.patients.models import Consent, ConsentKind, Patient
from app.patients.wordings import Wording
from app.staff.access import allow, me
from app.staff.permissions import Action

bp = Blueprint("patients", __name__)

FOUND = "found"
"""Whom somebody has just looked for: ids in their browser's session. What they typed is kept nowhere."""

Typed = Mapping[str, Any]
Page = str | tuple[str, int]


@bp.get("/patients")
@allow(Action.FIND_PATIENTS)
def find() -> str:
    searched = FOUND in request.args
    ids = [uuid.UUID(hex=found) for found in browser.get(FOUND, [])]
    people = queries.these(me(), ids) if searched else queries.recent(me())
    return render_template(
        "patients/find.html", searched=searched, people=[_row(patient) for patient in people], most=queries.MOST_FOUND
    )


def _row(patient: Patient) -> dict[str, str]:
    return {
        "href": url_for("loop.patient", patient_id=patient.id),
        "title": patient.name,
        "sub": _(
            "%(age)s years, born %(born)s · %(language)s · near %(zip)s",
            age=patient.age_on(clock.now().date()),
            born=patient.birth_date.isoformat(),
            language=LANGUAGES[patient.language].autonym,
            zip=patient.postal_code,
        ),
    }


@bp.post("/patients")
@allow(Action.FIND_PATIENTS)
def search() -> Response:
    """Look for somebody and go on to a page with an address, so that “back” leads to the people found."""
    typed = request.form.get("q", "").strip()
    if not typed:
        return redirect(url_for(".find"), HTTPStatus.SEE_OTHER)
    browser[FOUND] = [patient.id.hex for patient in queries.find(me(), typed)]
    return redirect(url_for(".find", found=1), HTTPStatus.SEE_OTHER)


@bp.get("/patients/new")
@allow(Action.REGISTER_PATIENT)
def register() -> Page:
    return _register_page({}, {})


@bp.post("/patients/new")
@allow(Action.REGISTER_PATIENT)
def registering() -> Response | Page:
    try:
        data = forms.load(schemas.PatientFormIn(), forms.nested(request.form))
        particulars = schemas.particulars(data)
        if "anyway" not in request.form and (alike := _alike(particulars)):
            return _register_page(request.form, {}, alike)
        asked = schemas.answers(forms.load(schemas.ConsentAnswersIn(), forms.nested(request.form).get("consent", {})))
        patient = operations.register(particulars, consent=asked, how="spoken", by=me())
    except Invalid as invalid:
        session.rollback()
        return _register_page(request.form, invalid.fields)
    session.commit()
    flash(_("Registered. Next: ask what they need."), "success")
    return _to_patient(patient.id)


def _alike(particulars: operations.Particulars) -> Sequence[Patient]:
    return queries.possible_duplicates(
        me(),
        given_name=particulars.given_name,
        family_name=particulars.family_name,
        birth_date=particulars.birth_date,
        phone=particulars.phone,
    )


def _register_page(values: Typed, errors: Mapping[str, str], alike: Sequence[Patient] = ()) -> Page:
    page = render_template(
        "patients/register.html",
        values=values,
        errors=errors,
        alike=[_row(patient) for patient in alike],
        wordings=_wordings(),
        language_options=_language_options(),
    )
    return (page, HTTPStatus.UNPROCESSABLE_ENTITY) if errors else page


@bp.get("/patients/<uuid:patient_id>/edit")
@allow(Action.CHANGE_PATIENT)
def edit(patient_id: uuid.UUID) -> Page:
    patient = _patient(patient_id, Action.CHANGE_PATIENT)
    return _edit_page(patient, _values(patient), {})


@bp.post("/patients/<uuid:patient_id>/edit")
@allow(Action.CHANGE_PATIENT)
def change(patient_id: uuid.UUID) -> Response | Page:
    patient = _patient(patient_id, Action.CHANGE_PATIENT)
    try:
        data = forms.load(schemas.PatientFormIn(), forms.nested(request.form))
        operations.change(patient, schemas.particulars(data), by=me())
    except Invalid as invalid:
        session.rollback()
        return _edit_page(patient, request.form, invalid.fields)
    session.commit()
    flash(_("Changed."), "success")
    return _to_patient(patient_id)


def _values(patient: Patient) -> dict[str, str]:
    return {
        "given_name": patient.given_name,
        "family_name": patient.family_name,
        "birth_date": patient.birth_date.isoformat(),
        "phone": phones.spoken(patient.phones[0].number) if patient.phones else "",
        "language": patient.language,
        "address.line1": patient.line1,
        "address.city": patient.city,
        "address.state": patient.state,
        "address.postal_code": patient.postal_code,
    }


def _edit_page(patient: Patient, values: Typed, errors: Mapping[str, str]) -> Page:
    page = render_template(
        "patients/edit.html", patient=patient, values=values, errors=errors, language_options=_language_options()
    )
    return (page, HTTPStatus.UNPROCESSABLE_ENTITY) if errors else page


@bp.get("/patients/<uuid:patient_id>/consents")
@allow(Action.RECORD_CONSENT)
def consents(patient_id: uuid.UUID) -> str:
    patient = _patient(patient_id, Action.RECORD_CONSENT)
    return render_template(
        "patients/consents.html",
        patient=patient,
        held={kind.value: queries.has_consent(patient.id, kind) for kind in ConsentKind},
        past=[_said(consent) for consent in queries.consents(patient.id)],
        wordings=_wordings(),
    )


def _said(consent: Consent) -> dict[str, Any]:
    return {
        "kind": consent.kind.value,
        "given": consent.given,
        "when": ago(consent.at, clock.now()),
        "at": consent.at.isoformat(),
    }


@bp.post("/patients/<uuid:patient_id>/consents")
@allow(Action.RECORD_CONSENT)
def record_consent(patient_id: uuid.UUID) -> Response:
    """Keep what was answered; what was not asked stays as it was. `next` may say where to go on."""
    patient = _patient(patient_id, Action.RECORD_CONSENT)
    data = forms.load(schemas.ConsentAnswersIn(), forms.nested(request.form))
    for kind, given in schemas.answers(data).items():
        operations.record_consent(patient, kind, given=given, how=data["how"], language=patient.language, by=me())
    session.commit()
    flash(_("Kept."), "success")
    return _to_patient(patient_id)


@bp.get("/patients/<uuid:patient_id>/safe-contact")
@allow(Action.CHANGE_PATIENT)
def safe_contact(patient_id: uuid.UUID) -> Page:
    patient = _patient(patient_id, Action.CHANGE_PATIENT)
    plan = patient.safe_contact
    values = {
        "text_nothing": plan.text_nothing if plan else False,
        "voicemail_ok": plan.voicemail_ok if plan else True,
        "note": plan.note if plan else "",
    }
    return _safe_contact_page(patient, values, {})


@bp.post("/patients/<uuid:patient_id>/safe-contact")
@allow(Action.CHANGE_PATIENT)
def set_safe_contact(patient_id: uuid.UUID) -> Response | Page:
    patient = _patient(patient_id, Action.CHANGE_PATIENT)
    try:
        data = forms.load(schemas.SafeContactIn(), forms.nested(request.form))
    except Invalid as invalid:
        return _safe_contact_page(patient, request.form, invalid.fields)
    operations.set_safe_contact(patient, **data, by=me())
    session.commit()
    flash(_("Kept. It holds from now on."), "success")
    return _to_patient(patient_id)


def _safe_contact_page(patient: Patient, values: Typed, errors: Mapping[str, str]) -> Page:
    page = render_template("patients/safe_contact.html", patient=patient, values=values, errors=errors)
    return (page, HTTPStatus.UNPROCESSABLE_ENTITY) if errors else page


def _patient(patient_id: uuid.UUID, action: Action) -> Patient:
    patient = queries.patient_for(me(), patient_id, action)
    if patient is None:
        raise NotFound(_("There is no such patient, or not in your team."))
    return patient


def _to_patient(patient_id: uuid.UUID) -> Response:
    ahead = forms.our_page(request.form.get("next", "")) or url_for("loop.patient", patient_id=patient_id)
    return redirect(ahead, HTTPStatus.SEE_OTHER)


def _language_options() -> list[tuple[str, str]]:
    return [(code, known.autonym) for code, known in LANGUAGES.items()]


def _wordings() -> dict[str, Wording]:
    return {kind.value: operations.words_to_read(kind) for kind in ConsentKind}
