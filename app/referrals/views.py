"""The care team chooses and sends; steps and notes are for both sides. What an agency sees stands in `app.inbox`."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy import func
from werkzeug.wrappers import Response

from app import forms, i18n
from app.config import settings
from app.db import session
from app.directory import queries as directory
from app.directory.codes import CapacityStatus
from app.directory.queries import Card
from app.errors import Invalid, NotFound
from app.forms import Page
from app.geography import travel
from app.i18n import gettext as _
from app.matching import queries as matching
from app.matching.queries import Match, Matches
from app.needs.vocabulary import NEEDS
from app.patients import operations as patient_operations
from app.patients import queries as patients
from app.patients.models import ConsentKind, Patient
from app.referrals import notes, operations, queries, schemas, words
from app.referrals.lifecycle import Actor, Reason
from app.referrals.models import Referral
from app.screening import queries as screening
from app.screening.models import Need, NeedStatus
from app.staff.access import allow, me
from app.staff.permissions import Action

bp = Blueprint("referrals", __name__)

Typed = Mapping[str, Any]

LONGEST_FACT = 90
"""Characters of what a directory says in one line of a card; the rest stands under “more”."""


# The care team: matches, and sending to one of them


@bp.get("/needs/<uuid:need_id>/matches")
@allow(Action.SEE_MATCHES)
def matches(need_id: uuid.UUID) -> Page:
    return _matches_page(_need(need_id, Action.SEE_MATCHES), {}, {})


@bp.post("/needs/<uuid:need_id>/matches")
@allow(Action.SEND_REFERRAL)
def want_none(need_id: uuid.UUID) -> Response | Page:
    """“None of these” is an answer too."""
    need = _need(need_id, Action.SEND_REFERRAL)
    why = Reason(request.form.get("reason_code", ""), request.form.get("reason_text", ""))
    try:
        operations.want_none(need, _offered(need).items, why, by=me())
    except Invalid as invalid:
        return _matches_page(need, request.form, invalid.fields)
    session.commit()
    if why.code == operations.THINKING:
        flash(_("Kept. The same places are here when they have thought about it."), "success")
        return redirect(url_for("loop.patient", patient_id=need.patient_id), HTTPStatus.SEE_OTHER)
    flash(_("Kept. They are not offered these again; here is what comes next."), "success")
    return redirect(url_for(".matches", need_id=need.id), HTTPStatus.SEE_OTHER)


@bp.get("/needs/<uuid:need_id>/others")
@allow(Action.SEE_MATCHES)
def others(need_id: uuid.UUID) -> Page:
    """“Why not this one?” for any service, looked for by its name."""
    need = _need(need_id, Action.SEE_MATCHES)
    patient = _patient_of(need)
    name = request.args.get("q", "").strip()
    shown = matching.why_not_named(matching.question_for(need, patient), name) if name else None
    return render_template(
        "referrals/others.html", need=need, known=NEEDS[need.kind], patient=patient, name=name, shown=shown
    )


@bp.post("/needs/<uuid:need_id>/referrals")
@allow(Action.SEND_REFERRAL)
def send(need_id: uuid.UUID) -> Response | Page:
    """Ask the place whose button was pressed, or with `several` all that were ticked as `together`."""
    need = _need(need_id, Action.SEND_REFERRAL)
    why = {match.service_at_location_id: match.why() for match in _offered(need).items}
    if "several" in request.form:
        several = forms.load(schemas.TogetherIn(), _ticked())
        if not several["together"]:
            return _matches_page(need, request.form, {"together": _("Choose the places to ask.")})
        referral, *_others = operations.send_together(need, several["together"], by=me(), note=several["note"], why=why)
    else:
        data = forms.load(schemas.ReferralIn(), request.form)
        chosen = data["service_at_location_id"]
        referral = operations.send(need, chosen, by=me(), note=data["note"] or "", why=why.get(chosen, []))
    session.commit()
    if following := _following(need):
        flash(_("Sent. Here is the next thing they want help with."), "success")
        return redirect(url_for(".matches", need_id=following.id), HTTPStatus.SEE_OTHER)
    flash(_("Sent. You see here how it goes on."), "success")
    return redirect(url_for("loop.referral", referral_id=referral.id), HTTPStatus.SEE_OTHER)


def _ticked() -> dict[str, Any]:
    """What was ticked, each place once and in the order of the page."""
    return {"together": list(dict.fromkeys(request.form.getlist("together"))), "note": request.form.get("note", "")}


def _following(need: Need) -> Need | None:
    """What else the same screening found, is wanted, and waits for somebody to be asked."""
    found = screening.needs_from(need.screening_id) if need.screening_id else []
    return next((other for other in found if other.id != need.id and other.status is NeedStatus.WANTS_HELP), None)


def _need(need_id: uuid.UUID, action: Action) -> Need:
    need = screening.need_for(me(), need_id, action)
    if need is None:
        raise NotFound(_("There is no such need, or its patient is not in your team."))
    return need


def _offered(need: Need) -> Matches:
    return matching.matches(matching.question_for(need, _patient_of(need)))


def _patient_of(need: Need) -> Patient:
    patient = patients.patient_for(me(), need.patient_id, Action.SEE_MATCHES)
    if patient is None:
        raise NotFound(_("There is no such patient, or not in your team."))
    patient_operations.refuse_ended(patient)
    return patient


def _matches_page(need: Need, values: Typed, errors: Mapping[str, str]) -> Page:
    patient = _patient_of(need)
    offered = _offered(need)
    cards = directory.cards([match.service_at_location_id for match in offered.items])
    return forms.page(
        "referrals/matches.html",
        need=need,
        known=NEEDS[need.kind],
        patient=patient,
        matches=[
            {"id": match.service_at_location_id, "card": card, **_facts(match, card, need)}
            for match in offered.items
            if (card := cards.get(match.service_at_location_id))
        ],
        consented=patients.has_consent(patient.id, ConsentKind.SHARE),
        wording=patient_operations.words_to_read(ConsentKind.SHARE),
        declined=need.status is NeedStatus.DECLINES_HELP,
        none_wanted=[(code, i18n.sentence(words.none_wanted(code))) for code in words.NONE_WANTED],
        most=settings().referrals_at_once,
        values=values,
        errors=errors,
    )


def _facts(match: Match, card: Card, need: Need) -> dict[str, Any]:
    """What a match card shows. What is not known is left out."""
    miles = match.distance_miles
    near = travel.hint(miles, match.precision, card.transportation) if miles is not None else ""
    languages = ", ".join(language.words for language in card.languages) or card.interpretation
    room = card.capacity.words if card.capacity.status is not CapacityStatus.UNKNOWN else ""
    return {
        "need": need.kind,
        "organization": card.organization,
        "gives": card.service if card.service != card.organization else card.description,
        "distance": _line(near, card.place),
        "open": _line(card.open_now),
        "language": _line(languages),
        "wait": _line(room, card.waiting),
        "bring": _line(", ".join(card.documents)),
        "parts": [(part.words, round(100 * part.value), round(100 * part.weight)) for part in match.parts],
        "reasons": [reason.text() for reason in match.reasons if reason.code != "distance"],
        "cautions": [caution.text() for caution in match.cautions],
    }


def _line(*parts: str | None) -> str:
    """The parts that are known, as one short line."""
    return i18n.sentence(" · ".join(directory.short(part, LONGEST_FACT) for part in parts if part))


# Steps, from either side


@bp.get("/referrals/no-longer-listed")
@allow(Action.SEE_MATCHES)
def no_longer_listed() -> Page:
    """Who waits for a service that its source lists no more."""
    return render_template(
        "referrals/no_longer_listed.html",
        rows=[
            {
                "href": url_for("loop.referral", referral_id=row.referral.id),
                "title": row.patient.name,
                "sub": _line(row.service.name, row.organization.name),
                "need": row.need.kind,
                "kind": "needs_you",
                "word": _("Not listed any more"),
            }
            for row in queries.rows(queries.no_longer_listed(me()))
        ],
    )


@bp.app_template_global("removed_by")
def removed_by(import_id: uuid.UUID) -> list[queries.Removed]:
    return queries.removed_by(import_id)


@bp.app_template_global("waiting_for_the_removed")
def waiting_for_the_removed() -> int:
    """How many open referrals that I may see are with services no longer listed."""
    return session.scalar(queries.no_longer_listed(me()).with_only_columns(func.count())) or 0


@bp.post("/referrals/<uuid:referral_id>/transitions")
@allow(Action.MOVE_REFERRAL)
def move(referral_id: uuid.UUID) -> Response:
    """Take one step, and see where that leads."""
    referral = _referral(referral_id, Action.MOVE_REFERRAL)
    step = forms.load(schemas.TransitionIn(), schemas.step_of(request.form))
    operations.move(referral, step.pop("status"), by=me(), **step)
    session.commit()
    flash(_("Kept."), "success")
    return redirect(_page_of(referral), HTTPStatus.SEE_OTHER)


@bp.post("/referrals/<uuid:referral_id>/notes")
@allow(Action.WRITE_NOTE)
def write_note(referral_id: uuid.UUID) -> Response:
    """Write for one's own side, or for both; a question and its answer are for both."""
    referral = _referral(referral_id, Action.WRITE_NOTE)
    whom = request.form.get("whom", "us")
    notes.write(
        referral,
        request.form.get("note", ""),
        by=me(),
        shared=whom == "both",
        asks=whom == "ask",
        answers_id=request.form.get("answers", type=uuid.UUID),
    )
    session.commit()
    flash(_("Kept.") if whom == "us" else _("Sent to the other side."), "success")
    return redirect(f"{_page_of(referral)}#notes", HTTPStatus.SEE_OTHER)


def _referral(referral_id: uuid.UUID, action: Action) -> Referral:
    referral = queries.referral_for(me(), referral_id, action)
    if referral is None:
        raise NotFound(_("There is no such referral, or it is not yours to see."))
    return referral


def _page_of(referral: Referral) -> str:
    """Where the side of whoever is here looks at it."""
    agency = operations.actor_of(me(), referral) is Actor.AGENCY
    return url_for("inbox.received" if agency else "loop.referral", referral_id=referral.id)
