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
from app.forms import Page
from app.i18n import LANGUAGES, ago, day, sentence
from app.i18n import gettext as _
from app.patients import endings, operations, pauses, phones, queries, schemas
from app.patients import traits as trait_rules
from app.patients.endings import Ending
from app.patients.models import Consent, ConsentKind, Patient, Pause
from app.patients.traits import ASKED, GENDERS, Trait
from app.patients.wordings import Wording
from app.staff.access import allow, me
from app.staff.permissions import Action

bp = Blueprint("patients", __name__)

FOUND = "found"
"""Whom somebody has just looked for: ids in their browser's session. What they typed is kept nowhere."""

Typed = Mapping[str, Any]


@bp.get("/patients")
@allow(Action.FIND_PATIENTS)
def find() -> str:
    searched = FOUND in request.args
    ids = [uuid.UUID(hex=found) for found in browser.get(FOUND, [])]
    people = queries.these(me(), ids) if searched else queries.recent(me())
    paused = queries.pauses_of([patient.id for patient in people])
    return render_template(
        "patients/find.html",
        searched=searched,
        people=[_row(patient, paused.get(patient.id)) for patient in people],
        most=queries.MOST_FOUND,
    )


def _row(patient: Patient, paused: Pause | None = None) -> dict[str, str]:
    let_be = _("Paused: %(until)s", until=sentence(pauses.words(paused.why))) if paused else ""
    return {
        "href": url_for("loop.patient", patient_id=patient.id),
        "title": patient.name,
        "kind": "waiting",
        "word": endings.standing(patient.ended) if patient.ended else let_be,
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
    people = queries.find(me(), typed, ended="ended" in request.form)
    browser[FOUND] = [patient.id.hex for patient in people]
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
    return forms.page(
        "patients/register.html",
        values=values,
        errors=errors,
        alike=[_row(patient) for patient in alike],
        wordings=_wordings(),
        language_options=_language_options(),
    )


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
        "phone": phones.spoken(patient.phone) if patient.phone else "",
        "language": patient.language,
        "address.line1": patient.line1,
        "address.city": patient.city,
        "address.state": patient.state,
        "address.postal_code": patient.postal_code,
    }


def _edit_page(patient: Patient, values: Typed, errors: Mapping[str, str]) -> Page:
    return forms.page(
        "patients/edit.html", patient=patient, values=values, errors=errors, language_options=_language_options()
    )


@bp.get("/patients/<uuid:patient_id>/consents")
@allow(Action.RECORD_CONSENT)
def consents(patient_id: uuid.UUID) -> str:
    patient = _patient(patient_id, Action.RECORD_CONSENT)
    return render_template(
        "patients/consents.html",
        patient=patient,
        held={kind.value: queries.has_consent(patient.id, kind) for kind in ConsentKind},
        limited=queries.may_tell_only(patient.id) is not None,
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
    """Keep what was answered; what was not asked stays as it was. `next` may say where to go on.

    Who names some organizations and agrees anew still means these.
    """
    patient = _patient(patient_id, Action.RECORD_CONSENT)
    data = forms.load(schemas.ConsentAnswersIn(), forms.nested(request.form))
    for kind, given in schemas.answers(data).items():
        operations.record_consent(
            patient,
            kind,
            given=given,
            how=data["how"],
            language=patient.language,
            by=me(),
            only=queries.may_tell_only(patient.id) if kind is ConsentKind.SHARE else None,
        )
    session.commit()
    flash(_("Kept."), "success")
    return _to_patient(patient_id)


@bp.get("/patients/<uuid:patient_id>/traits")
@allow(Action.CHANGE_PATIENT)
def traits(patient_id: uuid.UUID) -> Page:
    patient = _patient(patient_id, Action.CHANGE_PATIENT)
    told = queries.traits(patient.id)
    values: dict[str, Any] = {asked.trait.value: str(told.get(asked.trait, "")).lower() for asked in ASKED}
    values["gender"] = next((gender.value for gender in GENDERS if told.get(gender)), "")
    values["hiv"] = told.get(Trait.HIV, False)
    return _traits_page(patient, values, {})


@bp.post("/patients/<uuid:patient_id>/traits")
@allow(Action.CHANGE_PATIENT)
def keep_traits(patient_id: uuid.UUID) -> Response | Page:
    patient = _patient(patient_id, Action.CHANGE_PATIENT)
    try:
        data = forms.load(schemas.TraitsIn(), forms.nested(request.form))
    except Invalid as invalid:
        return _traits_page(patient, request.form, invalid.fields)
    gender = data.pop("gender")
    answers = {Trait(name): holds for name, holds in data.items()}
    operations.keep_traits(patient, trait_rules.told(answers, gender), by=me())
    session.commit()
    flash(_("Kept. Only matching uses it."), "success")
    return _to_patient(patient_id)


def _traits_page(patient: Patient, values: Typed, errors: Mapping[str, str]) -> Page:
    return forms.page(
        "patients/traits.html",
        patient=patient,
        asked=[(asked.trait.value, _(asked.question)) for asked in ASKED],
        values=values,
        errors=errors,
    )


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
    return forms.page("patients/safe_contact.html", patient=patient, values=values, errors=errors)


@bp.get("/patients/<uuid:patient_id>/ending")
@allow(Action.END_PATIENT)
def ending(patient_id: uuid.UUID) -> Page:
    return _ending_page(_patient(patient_id, Action.END_PATIENT), {}, {})


@bp.post("/patients/<uuid:patient_id>/ending")
@allow(Action.END_PATIENT)
def end(patient_id: uuid.UUID) -> Response | Page:
    patient = _patient(patient_id, Action.END_PATIENT)
    try:
        data = forms.load(schemas.EndingIn(), forms.nested(request.form))
    except Invalid as invalid:
        return _ending_page(patient, request.form, invalid.fields)
    operations.end(patient.id, data["how"], by=me())
    session.commit()
    flash(_("Recorded. Nothing more is sent, and agencies that were asked are told."), "success")
    return _to_patient(patient_id)


@bp.post("/patients/<uuid:patient_id>/ending/mistake")
@allow(Action.END_PATIENT)
def take_back_ending(patient_id: uuid.UUID) -> Response:
    operations.take_back_ending(_patient(patient_id, Action.END_PATIENT).id, by=me())
    session.commit()
    flash(_("Taken back. Referrals that were cancelled stay cancelled; offer help again."), "success")
    return _to_patient(patient_id)


def _ending_page(patient: Patient, values: Typed, errors: Mapping[str, str]) -> Page:
    return forms.page(
        "patients/ending.html",
        patient=patient,
        values=values,
        errors=errors,
        choices=endings.choices(patient.ended),
        standing=endings.standing(patient.ended) if patient.ended else "",
        when=ago(patient.ended_at, clock.now()) if patient.ended_at else "",
        may_take_back=patient.ended not in {None, Ending.DELETED},
    )


# Leaving somebody alone for a while


@bp.get("/patients/<uuid:patient_id>/pause")
@allow(Action.PAUSE_PATIENT)
def pause(patient_id: uuid.UUID) -> Page:
    return _pause_page(_patient(patient_id, Action.PAUSE_PATIENT), {}, {})


@bp.post("/patients/<uuid:patient_id>/pause")
@allow(Action.PAUSE_PATIENT)
def begin_pause(patient_id: uuid.UUID) -> Response | Page:
    """Leave this patient alone, and those of the household who were chosen with `with`."""
    patient = _patient(patient_id, Action.PAUSE_PATIENT)
    chosen = set(request.form.getlist("with"))
    household = queries.households([patient]).get(patient.id, ())
    together = [patient, *(member for member in household if str(member.id) in chosen)]
    try:
        data = forms.load(schemas.PauseIn(), forms.nested(request.form))
        operations.pause(together, data["why"], data["until"], by=me(), note=data["note"])
    except Invalid as invalid:
        session.rollback()
        return _pause_page(patient, request.form, invalid.fields)
    session.commit()
    flash(_("Nothing is asked until then. It goes on by itself."), "success")
    return _to_patient(patient_id)


@bp.post("/patients/<uuid:patient_id>/pause/end")
@allow(Action.PAUSE_PATIENT)
def end_pause(patient_id: uuid.UUID) -> Response:
    """Go on now: with this patient only, or with `everybody` who was paused together with them."""
    patient = _patient(patient_id, Action.PAUSE_PATIENT)
    held = queries.pause_of(patient.id)
    if held is None:
        flash(_("It was over already."), "success")
        return _to_patient(patient_id)
    operations.resume(held.group_id, by=me(), only=None if "everybody" in request.form else patient.id)
    session.commit()
    flash(_("It goes on now."), "success")
    return _to_patient(patient_id)


def _pause_page(patient: Patient, values: Typed, errors: Mapping[str, str]) -> Page:
    held = queries.pause_of(patient.id)
    return forms.page(
        "patients/pause.html",
        patient=patient,
        values=values,
        errors=errors,
        choices=pauses.choices(),
        household=queries.households([patient]).get(patient.id, ()),
        held=held,
        held_words=pauses.words(held.why) if held else "",
        until=day(held.until, patient.zone) if held else "",
        together=queries.paused_with(held) if held else (),
    )


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
