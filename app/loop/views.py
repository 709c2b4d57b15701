from __future__ import annotations

import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app import clock, forms, i18n
from app.config import settings
from app.db import session
from app.errors import DomainError, Invalid, NotFound
from app.i18n import gettext as _
from app.loop import queries
from app.loop.operations import zone_of
from app.loop.queries import ReferralPage, Said, Talk
from app.patients import operations as patients
from app.referrals import operations as referrals
from app.referrals import schemas as referral_schemas
from app.referrals.models import Referral
from app.staff.access import allow, me
from app.staff.permissions import Action, Role
from app.worklist import queries as worklist

bp = Blueprint("loop", __name__)


@bp.get("/patients/<uuid:patient_id>")
@allow(Action.SEE_PATIENT)
def patient(patient_id: uuid.UUID) -> str:
    page = queries.patient_page(me(), patient_id)
    if page is None:
        raise NotFound(_("There is no such patient, or not in your team."))
    patients.note_seen(patient_id, by=me())
    session.commit()
    return render_template("loop/patient.html", page=page)


@bp.get("/referrals/<uuid:referral_id>")
@allow(Action.SEE_REFERRAL)
def referral(referral_id: uuid.UUID) -> str | Response:
    """The care team's page of a referral. The agency has one of its own."""
    if me().role is Role.AGENCY:
        return redirect(url_for("referrals.received", referral_id=referral_id), HTTPStatus.SEE_OTHER)
    page = queries.referral_page(me(), referral_id)
    if page is None:
        raise NotFound(_("There is no such referral, or it is not yours to see."))
    return render_template("loop/referral.html", page=page)


@bp.get("/referrals/<uuid:referral_id>/write-down/<said>")
@allow(Action.RECORD_ANSWER)
def write_down(referral_id: uuid.UUID, said: str) -> str:
    """The form for one thing that was said on the phone: a step of the agency, the patient's answer, or a recall."""
    return _write_down_page(*_sayable(referral_id, said), {}, {})


@bp.post("/referrals/<uuid:referral_id>/write-down/<said>")
@allow(Action.RECORD_ANSWER)
def writing_down(referral_id: uuid.UUID, said: str) -> Response | tuple[str, int]:
    page, form = _sayable(referral_id, said)
    try:
        _keep(page.row.referral, form)
    except Invalid as invalid:
        fields = referral_schemas.boxes_of(invalid.fields)
        return _write_down_page(page, form, request.form, fields), HTTPStatus.UNPROCESSABLE_ENTITY
    except DomainError as refused:  # somebody was faster, so this form may not even be there any more
        session.rollback()
        flash(refused.sentence, "error")
        return redirect(url_for(".referral", referral_id=referral_id), HTTPStatus.SEE_OTHER)
    session.commit()
    flash(_("Kept, in their voice.") if form.what == queries.ANSWER else _("Kept."), "success")
    return redirect(url_for(".referral", referral_id=referral_id), HTTPStatus.SEE_OTHER)


def _sayable(referral_id: uuid.UUID, said: str) -> tuple[ReferralPage, Said]:
    page = queries.referral_page(me(), referral_id)
    form = page.may_be_said.get(said) if page else None
    if page is None or form is None:
        raise NotFound(_("This cannot be said of the referral now. Look at it again."))
    return page, form


def _keep(referral: Referral, form: Said) -> None:
    if form.what == queries.ANSWER:
        heard = forms.load(referral_schemas.AnswerIn(), forms.nested(request.form))
        referrals.record_answer(referral, heard["says"], barrier=heard["barrier"], how="staff", by=me())
        return
    step = forms.load(referral_schemas.TransitionIn(), {**referral_schemas.step_of(request.form), **form.step})
    referrals.move(referral, step.pop("status"), by=me(), **step)


def _write_down_page(page: ReferralPage, form: Said, values: Mapping[str, str], errors: Mapping[str, str]) -> str:
    today = clock.now().astimezone(zone_of(page.row.patient)).date()
    return render_template("loop/write_down.html", page=page, form=form, today=today, values=values, errors=errors)


@bp.get("/patients/<uuid:patient_id>/messages")
@allow(Action.SEE_MESSAGES)
def conversation(patient_id: uuid.UUID) -> str:
    page = queries.conversation_page(me(), patient_id)
    if page is None:
        raise NotFound(_("There is no such patient, or not in your team."))
    patients.note_seen(patient_id, by=me())
    session.commit()
    return render_template("loop/conversation.html", page=page, demo=settings().demo)


@bp.get("/messages")
@allow(Action.SEE_MESSAGES)
def messages() -> str:
    cards = worklist.cards(me(), *worklist.TEXTS)
    talks = [_as_row(talk) for talk in queries.talks(me())]
    return render_template("loop/messages.html", cards=cards, talks=talks)


def _as_row(talk: Talk) -> dict[str, Any]:
    shown = talk.body if len(talk.body) <= queries.SHORT_TEXT else f"{talk.body[: queries.SHORT_TEXT].rstrip()}…"
    return {
        "href": url_for(".conversation", patient_id=talk.patient.id),
        "title": talk.patient.name,
        "sub": _("We: %(text)s", text=shown) if talk.outgoing else shown,
        "kind": "needs_you",
        "word": _("Not delivered") if talk.failed else "",
        "when": i18n.when(talk.at, clock.now(), zone_of(talk.patient)),
    }
