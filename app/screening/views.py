from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app import clock, forms, i18n
from app.db import session
from app.errors import Invalid, NotFound
from app.forms import Page
from app.i18n import LANGUAGES, STAFF_LANGUAGES
from app.i18n import gettext as _
from app.needs.vocabulary import NEEDS
from app.patients import queries as patients
from app.patients.models import Patient
from app.screening import operations, queries, scoring
from app.screening.instruments import LIBRARY, Instrument, Kind, Question, current
from app.screening.models import Need, NeedStatus, Screening
from app.staff.access import allow, me
from app.staff.permissions import Action

bp = Blueprint("screening", __name__)

DECIDABLE = (NeedStatus.IDENTIFIED, NeedStatus.WANTS_HELP, NeedStatus.DECLINES_HELP)

LARGE, ANYWAY = "large", "anyway"
"""How a question is shown to hand the phone over; a sensitive one only `anyway`, when somebody has chosen so."""

REVIEW = "review"
"""Set while somebody changes one answer from the page that lists them all: afterwards they return to it."""


@bp.get("/patients/<uuid:patient_id>/screenings")
@allow(Action.SCREEN)
def choose(patient_id: uuid.UUID) -> str:
    patient = _patient(patient_id)
    newest = [current(code) for code in sorted({edition.code for edition in LIBRARY}, reverse=True)]
    languages = [LANGUAGES[code] for code in dict.fromkeys(code for one in newest for code in one.languages)]
    spoken = {known.code for known in languages}
    begun = queries.unfinished(patient.id)
    return render_template(
        "screening/choose.html",
        patient=patient,
        instruments=[(one.code, one.title.text(i18n.language()), one.about.text(i18n.language())) for one in newest],
        language_options=[(known.code, known.autonym) for known in languages],
        values={"instrument": newest[0].code, "language": i18n.language() if i18n.language() in spoken else "en"},
        begun=begun,
        begun_when=i18n.ago(begun.started_at, clock.now()) if begun else "",
    )


@bp.post("/patients/<uuid:patient_id>/screenings")
@allow(Action.SCREEN)
def start(patient_id: uuid.UUID) -> Response:
    """Go on with the conversation that was begun; or begin the one that was chosen; or ask which."""
    patient = _patient(patient_id)
    screening = None if "anew" in request.form else queries.unfinished(patient.id)
    if screening is None:
        if "instrument" not in request.form:
            return redirect(url_for(".choose", patient_id=patient.id), HTTPStatus.SEE_OTHER)
        form = request.form
        screening = operations.start(patient, form["instrument"], form.get("language", "en"), by=me())
        session.commit()
    return _where_it_stopped(screening)


@bp.get("/screenings/<uuid:screening_id>/<question>")
@allow(Action.SCREEN)
def question(screening_id: uuid.UUID, question: str) -> Response | Page:
    screening = _screening(screening_id)
    asked = _asked(screening, question)
    if asked is None:
        return _where_it_stopped(screening)
    if asked.sensitive and request.args.get(LARGE) == "1":
        return _hand_back(screening, _address(screening, asked))
    return _question_page(screening, asked)


@bp.post("/screenings/<uuid:screening_id>/<question>")
@allow(Action.SCREEN)
def answer(screening_id: uuid.UUID, question: str) -> Response | Page:
    """Keep the answer, whichever way one goes on from here."""
    screening = _screening(screening_id)
    asked = _asked(screening, question)
    if asked is None:
        return _where_it_stopped(screening)
    way = request.form.get("way", "next")
    chosen = request.form.getlist("answer")
    if not chosen and way == "next":
        return _question_page(screening, asked, error=_("Choose an answer, or skip this question."))
    try:
        if chosen:
            operations.answer(screening, {asked.code: chosen if asked.kind is Kind.MANY else chosen[0]})
            session.commit()
    except Invalid:
        if way == "next":
            sentence = _("One of these answers stands alone. Choose it or the others, not both.")
            return _question_page(screening, asked, chosen, sentence)
    return redirect(_ahead(screening, asked, way), HTTPStatus.SEE_OTHER)


@bp.get("/screenings/<uuid:screening_id>/answers")
@allow(Action.SCREEN)
def answers(screening_id: uuid.UUID) -> Response | str:
    """All that was answered, to look over before it is closed."""
    screening = _screening(screening_id)
    if screening.completed_at:
        return redirect(url_for(".found", screening_id=screening.id))
    if LARGE in request.args:
        return _hand_back(screening, url_for(".answers", screening_id=screening.id))
    instrument = operations.instrument_of(screening)
    lines = [
        _line(screening, asked, i18n.language()) for asked in scoring.visible_questions(instrument, screening.answers)
    ]
    return render_template(
        "screening/answers.html",
        screening=screening,
        patient=_patient(screening.patient_id),
        lines=lines,
        unanswered=sum(line["answer"] is None for line in lines),
    )


@bp.post("/screenings/<uuid:screening_id>/answers")
@allow(Action.SCREEN)
def complete(screening_id: uuid.UUID) -> Response:
    screening = _screening(screening_id)
    operations.complete(screening, by=me())
    session.commit()
    return redirect(url_for(".found", screening_id=screening.id), HTTPStatus.SEE_OTHER)


@bp.get("/screenings/<uuid:screening_id>/needs")
@allow(Action.SCREEN)
def found(screening_id: uuid.UUID) -> Response | Page:
    screening = _screening(screening_id)
    if screening.completed_at is None:
        return _where_it_stopped(screening)
    return _found_page(screening, {}, {})


@bp.post("/screenings/<uuid:screening_id>/needs")
@allow(Action.CHANGE_NEED)
def decide(screening_id: uuid.UUID) -> Response | Page:
    screening = _screening(screening_id)
    needs = [need for need in queries.needs_from(screening.id) if need.status in DECIDABLE]
    errors = {
        f"wants-{need.id}": _("Say whether they want help: %(need)s.", need=_(NEEDS[need.kind].label))
        for need in needs
        if request.form.get(f"wants-{need.id}") not in {"yes", "no"}
    }
    if errors:
        return _found_page(screening, request.form, errors)
    for need in needs:
        wants_help = request.form[f"wants-{need.id}"] == "yes"
        soon = request.form.get(f"soon-{need.id}")
        operations.decide(need, wants_help=wants_help, urgent=soon == "today" if wants_help and soon else None, by=me())
    session.commit()
    return _to_help(screening, needs)


def _to_help(screening: Screening, needs: Sequence[Need]) -> Response:
    """On to the places that can help with what is wanted, the most urgent first."""
    wanted = sorted((need for need in needs if need.wants_help), key=lambda need: not need.urgent)
    if wanted:
        return redirect(url_for("referrals.matches", need_id=wanted[0].id), HTTPStatus.SEE_OTHER)
    flash(_("Kept. There is nothing to send now."), "success")
    return redirect(url_for("loop.patient", patient_id=screening.patient_id), HTTPStatus.SEE_OTHER)


def _found_page(screening: Screening, values: Mapping[str, Any], errors: Mapping[str, str]) -> Page:
    needs = queries.needs_from(screening.id)
    stored: dict[str, str] = {}
    for need in needs:
        stored[f"soon-{need.id}"] = "today" if need.urgent else "later"
        if need.wants_help is not None:
            stored[f"wants-{need.id}"] = "yes" if need.wants_help else "no"
    return forms.page(
        "screening/found.html",
        patient=_patient(screening.patient_id),
        needs=needs,
        decidable=DECIDABLE,
        vocabulary=NEEDS,
        sentence=i18n.sentence,
        because={need.id: _because(screening, need) for need in needs},
        values=values or stored,
        errors=errors,
    )


def _because(screening: Screening, need: Need) -> list[tuple[str, str]]:
    """The questions and answers a need came from. Those of a sensitive one stay unread: others may see this page."""
    if NEEDS[need.kind].sensitive:
        return []
    instrument = operations.instrument_of(screening)
    pairs = []
    for question_code, answer_code in need.because:
        asked = instrument.question(question_code)
        given = asked.answer(answer_code) if asked else None
        if asked and given:
            pairs.append((asked.text(i18n.language()), given.text(i18n.language())))
    return pairs


def _line(screening: Screening, asked: Question, language: str) -> dict[str, Any]:
    """One question with its answer in words; None when there is none yet."""
    given = screening.answers.get(asked.code)
    codes = [given] if isinstance(given, str) else given or []
    words = [answer.text(language) for answer in asked.answers if answer.code in codes]
    hidden = _("Answered. It is not shown here.") if asked.sensitive and words else None
    return {
        "question": asked.text(language),
        "answer": hidden or (", ".join(words) if words else None),
        "href": _address(screening, asked, {REVIEW: "1"}),
    }


# One question at a time


def _question_page(screening: Screening, asked: Question, chosen: Sequence[str] = (), error: str = "") -> Page:
    instrument = operations.instrument_of(screening)
    patient = _patient(screening.patient_id)
    handed_over = _language_handed_over(instrument, screening, patient)
    large = LARGE in request.args
    if large:
        _speak(handed_over)
    shown_in = handed_over if large else screening.language
    given = screening.answers.get(asked.code)
    place, count = scoring.position(instrument, screening.answers, asked.code)
    return forms.page(
        "screening/question_large.html" if large else "screening/question.html",
        instrument=instrument,
        asked=asked,
        answer_options=[(offered.code, offered.text(shown_in)) for offered in asked.answers],
        shown_in=LANGUAGES[shown_in],
        handed_over=LANGUAGES[handed_over],
        place=place,
        count=count,
        values={"answer": chosen or given},
        answered=given is not None,
        errors={"answer": error} if error else {},
        **({"staff_languages": []} if large else {}),
    )


def _hand_back(screening: Screening, ahead: str) -> str:
    """The phone is in the patient's hand, and what comes next is for the one who asks."""
    instrument = operations.instrument_of(screening)
    for_staff = _("The next page is for you.")
    _speak(_language_handed_over(instrument, screening, _patient(screening.patient_id)))
    return render_template("screening/hand_back.html", ahead=ahead, for_staff=for_staff, staff_languages=[])


def _language_handed_over(instrument: Instrument, screening: Screening, patient: Patient) -> str:
    """The patient's own language where the instrument has it, else the one it is asked in."""
    return patient.language if patient.language in instrument.languages else screening.language


def _speak(language: str) -> None:
    """The buttons around a question that is handed over are in its language too, where we have them."""
    if language in STAFF_LANGUAGES:
        i18n.speak(language)


def _asked(screening: Screening, code: str) -> Question | None:
    """The question with this code; None when it is not asked, or not any more."""
    if screening.completed_at:
        return None
    visible = scoring.visible_questions(operations.instrument_of(screening), screening.answers)
    return next((asked for asked in visible if asked.code == code), None)


def _ahead(screening: Screening, asked: Question, way: str) -> str:
    """The address of the page that comes after this question: next, skip, back, large or small."""
    kept = {name: value for name in (LARGE, REVIEW) if (value := request.args.get(name))}
    if way == "large":
        return _address(screening, asked, kept | {LARGE: ANYWAY if asked.sensitive else "1"})
    if way == "small":
        return _address(screening, asked, {name: value for name, value in kept.items() if name != LARGE})
    if kept.get(LARGE):
        kept[LARGE] = "1"
    visible = scoring.visible_questions(operations.instrument_of(screening), screening.answers)
    place = [shown.code for shown in visible].index(asked.code)
    if way == "back":
        if REVIEW in kept or place == 0:
            return _before_the_first(screening, reviewing=REVIEW in kept)
        return _address(screening, visible[place - 1], kept)
    following = visible[place + 1] if place + 1 < len(visible) else None
    if following is None or (REVIEW in kept and not _follows_up(screening, following)):
        return url_for(".answers", screening_id=screening.id, large=kept.get(LARGE))
    return _address(screening, following, kept)


def _before_the_first(screening: Screening, *, reviewing: bool) -> str:
    if reviewing:
        return url_for(".answers", screening_id=screening.id)
    return url_for("loop.patient", patient_id=screening.patient_id)


def _follows_up(screening: Screening, asked: Question) -> bool:
    """Whether a changed answer has only now made this question one to ask."""
    return bool(asked.shown_if) and asked.code not in screening.answers


def _address(screening: Screening, asked: Question, kept: Mapping[str, str] | None = None) -> str:
    values: dict[str, Any] = {"screening_id": screening.id, "question": asked.code, **(kept or {})}
    return url_for(".question", **values)


def _where_it_stopped(screening: Screening) -> Response:
    if screening.completed_at:
        return redirect(url_for(".found", screening_id=screening.id), HTTPStatus.SEE_OTHER)
    asked = scoring.next_question(operations.instrument_of(screening), screening.answers)
    address = _address(screening, asked) if asked else url_for(".answers", screening_id=screening.id)
    return redirect(address, HTTPStatus.SEE_OTHER)


def _patient(patient_id: uuid.UUID) -> Patient:
    patient = patients.patient_for(me(), patient_id, Action.SCREEN)
    if patient is None:
        raise NotFound(_("There is no such patient, or not in your team."))
    return patient


def _screening(screening_id: uuid.UUID) -> Screening:
    screening = queries.screening_for(me(), screening_id)
    if screening is None:
        raise NotFound(_("There is no such screening, or its patient is not in your team."))
    return screening
