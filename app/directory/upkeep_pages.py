"""Pages that keep the directory true: an agency's own services, questions to agencies, and what is listed twice."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from datetime import time
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, unquote

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from app import clock, forms
from app.config import settings
from app.db import session
from app.directory import corrections, entries, merging, queries, schemas, values, verification
from app.directory.codes import ServiceStatus
from app.directory.corrections import Correction, Hours, Number
from app.directory.languages import Spoken, code_of
from app.directory.merging import Pair
from app.directory.models import LocalEdit, Service
from app.directory.queries import Said
from app.errors import Invalid
from app.forms import Page
from app.geography import areas
from app.geography.areas import Area
from app.i18n import day, language, marked, ngettext
from app.i18n import gettext as _
from app.staff.access import allow, me, public
from app.staff.permissions import Action

bp = Blueprint("upkeep", __name__)

PAGE = 20
ASKED_AT_ONCE = 200
MOST_LINES = 1000
"""Phones, papers or areas that one service may list: some write each ZIP code as an area of its own."""

DAYS = {
    "MO": marked("Monday"),
    "TU": marked("Tuesday"),
    "WE": marked("Wednesday"),
    "TH": marked("Thursday"),
    "FR": marked("Friday"),
    "SA": marked("Saturday"),
    "SU": marked("Sunday"),
}

FIELD_WORDS = {
    "description": marked("What you offer"),
    "eligibility_description": marked("Who can come"),
    "application_process": marked("How to begin"),
    "fees_description": marked("Cost"),
    "wait_time": marked("How long it takes"),
    "email": marked("E-mail"),
    "url": marked("Web page"),
    "minimum_age": marked("From what age"),
    "maximum_age": marked("Up to what age"),
    "language": marked("Languages spoken"),
    "service_area": marked("Where people must live"),
    "status": marked("Whether it is offered"),
    "phone": marked("Phone numbers"),
    "schedule": marked("Opening hours"),
    "required_document": marked("What to bring"),
}

REASON_WORDS = {
    "same-name": marked("the same name"),
    "like-name": marked("a similar name"),
    "same-agency": marked("the same agency"),
    "same-phone": marked("a phone number in common"),
    "same-address": marked("the same address"),
    "near": marked("next door"),
}

ANSWERS = {
    "correct": marked("All of it is right"),
    "changed": marked("Something has changed"),
    "closed": marked("We do not offer this any more"),
}


def _i() -> str:
    """Whom the history names: never by name."""
    return f"{me().role} {me().id}"


def _service(service_id: uuid.UUID, *, locked: bool = False) -> Service:
    return corrections.service_of(service_id, me().organization_id, locked=locked)


# An agency's own services


@bp.get("/directory/ours")
@allow(Action.EDIT_SERVICE)
def ours() -> str:
    """What an agency lists, with what needs a look."""
    organization_id = me().organization_id
    services = verification.asked_about(organization_id) if organization_id else ()
    return render_template("directory/ours.html", rows=[_line(service) for service in services])


def _line(service: Service) -> dict[str, Any]:
    conflicts = corrections.conflicts_of(service.id)
    verified = max(filter(None, (service.last_verified_on, service.assured_date)), default=None)
    stale = verified is None or verified < clock.now().date() - verification.STALE_AFTER
    return {
        "href": url_for(".edit", service_id=service.id),
        "title": service.name,
        "sub": _("Last checked on %(day)s", day=day(verified)) if verified else _("Never checked"),
        "kind": "needs_you" if conflicts else "waiting" if stale else "well",
        "word": _("Please choose") if conflicts else _("Please check") if stale else _("Up to date"),
    }


@bp.get("/directory/ours/<uuid:service_id>")
@allow(Action.EDIT_SERVICE)
def edit(service_id: uuid.UUID) -> Page:
    service = _service(service_id)
    listed = queries.said_of_service(service.id)
    return _edit_page(service, listed, _as_it_is(service, listed), {})


@bp.post("/directory/ours/<uuid:service_id>")
@allow(Action.EDIT_SERVICE)
def correct(service_id: uuid.UUID) -> Response | Page:
    service = _service(service_id, locked=True)
    listed = queries.said_of_service(service.id)
    now = _as_it_is(service, listed)
    typed, wrong = _brought_up_to_date(now, request.form)
    try:
        correction = _correction(service, now, typed, wrong)
    except Invalid as invalid:
        return _edit_page(service, listed, typed, invalid.fields)
    corrections.correct(service, correction, by=_i())
    session.commit()
    flash(_("Written down. This is what people see from now on."), "success")
    return redirect(url_for(".edit", service_id=service.id), HTTPStatus.SEE_OTHER)


@bp.post("/directory/ours/<uuid:service_id>/choices")
@allow(Action.EDIT_SERVICE)
def choose(service_id: uuid.UUID) -> Response:
    """Settle where the source and the agency say different things."""
    service = _service(service_id, locked=True)
    field = request.form.get("field", "")
    conflict = next((edit for edit in corrections.conflicts_of(service.id) if edit.field == field), None)
    if conflict is not None and request.form.get("choice") == "theirs":
        corrections.take_theirs(conflict, service, by=_i())
    elif conflict is not None:
        corrections.keep_ours(conflict)
    session.commit()
    flash(_("Chosen."), "success")
    return redirect(url_for(".edit", service_id=service.id), HTTPStatus.SEE_OTHER)


def _edit_page(service: Service, listed: Said, typed: dict[str, str], wrong: dict[str, str]) -> Page:
    now = json.dumps(_as_it_is(service, listed))
    return forms.page(
        "directory/edit.html",
        service=service,
        values=typed,
        errors=wrong,
        shown=quote(now),  # without a space, so that nobody takes it for something written
        days=[(code, _(name)) for code, name in DAYS.items()],
        hours=listed.hours,
        conflicts=[_conflict(edit, service) for edit in corrections.conflicts_of(service.id)],
    )


def _conflict(edit: LocalEdit, service: Service) -> dict[str, str]:
    a_list = edit.value is None
    return {
        "field": edit.field,
        "label": _(FIELD_WORDS[edit.field]),
        "ours": "" if a_list else edit.value or _("nothing"),
        "theirs": _("It has been changed there.") if a_list else edit.offered or _("nothing"),
        "source": service.source,
    }


def _as_it_is(service: Service, listed: Said) -> dict[str, str]:
    """What stands in the boxes of the form."""
    return {
        **{field: corrections.said(service, field) for field in corrections.FIELDS},
        "phones": "\n".join(listed.phones),
        "documents": "\n".join(listed.documents),
        "languages": "\n".join(listed.languages),
        "areas": "\n".join(listed.areas),
        **{f"{code}-{end}": value for code, ends in listed.weekly.items() for end, value in ends.items()},
    }


def _brought_up_to_date(now: dict[str, str], form: MultiDict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """What was typed, and in the boxes left alone what holds by now; a sentence for each that two have changed."""
    try:
        shown = {str(name): str(text) for name, text in json.loads(unquote(form["shown"])).items()}
    except (KeyError, ValueError, AttributeError, RecursionError):
        shown = now
    typed, wrong = {}, {}
    for name, text in form.items():
        typed[name] = text if _new(form, shown, name) else now.get(name, "")
        if _new(now, shown, name) and _new(typed, now, name):
            says = now[name] or _("nothing")
            wrong[name] = _("Somebody has changed this meanwhile. It says now: %(text)s", text=says)
    return typed, wrong


def _correction(service: Service, before: dict[str, str], typed: dict[str, str], wrong: dict[str, str]) -> Correction:
    """What was typed, and only where it is not as it was: what a source says need not please our rules.

    :raises Invalid: a sentence for each wrong box.
    """
    changed = {name: typed[name] for name in corrections.FIELDS if _new(typed, before, name)}
    try:
        said = forms.load(schemas.CorrectionIn(), changed)
    except Invalid as invalid:
        raise Invalid({**wrong, **invalid.fields}) from invalid
    fields = {name: values.block(text) for name, text in said.items()}
    if fields.get("url"):
        try:
            fields["url"] = values.web_address(fields["url"])
        except values.Unreadable:
            wrong["url"] = _("Enter a web address such as https://example.org.")
    if fields.get("email") and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", fields["email"]):
        wrong["email"] = _("Enter an e-mail address such as help@example.org.")
    low, high = ({**before, **fields}[name] for name in ("minimum_age", "maximum_age"))
    if low and high and float(low) > float(high):
        wrong["maximum_age"] = _("The last age is below the first one. Please check both.")
    phones = _phones(typed.get("phones", ""), wrong) if _new(typed, before, "phones") else None
    documents = _lines(typed.get("documents", "")) if _new(typed, before, "documents") else None
    boxes = [f"{code}-{end}" for code in DAYS for end in ("from", "to")]
    hours = _hours(typed, wrong) if any(_new(typed, before, box) for box in boxes) else None
    spoken = None
    if _new(typed, before, "languages"):
        spoken = _languages(typed["languages"], _lines(before["languages"]), wrong)
    served = _areas(service, typed["areas"], _lines(before["areas"]), wrong) if _new(typed, before, "areas") else None
    if wrong:
        raise Invalid(wrong)
    return Correction(fields, phones, documents, hours, spoken, served)


def _new(typed: Mapping[str, str], before: Mapping[str, str], name: str) -> bool:
    plain = values.block if name in corrections.FIELDS else _lines
    return name in typed and plain(typed[name]) != plain(before.get(name, ""))


def _lines(text: str) -> list[str]:
    return [values.line(line)[: areas.LONGEST_LIST] for line in text.splitlines() if line.strip()][:MOST_LINES]


def _phones(text: str, wrong: dict[str, str]) -> list[Number]:
    found = []
    for line in _lines(text):
        try:
            found.append(Number(line, values.dialable(line)))
        except values.Unreadable:
            wrong["phones"] = _("Enter one phone number on each line, such as 410-555-0123.")
    return found


def _languages(text: str, before: list[str], wrong: dict[str, str]) -> list[Spoken]:
    found = {}
    for line in _lines(text):
        if (code := code_of(line, language())) or line in before:
            found[code or line] = Spoken(code or "", line)
        else:
            wrong["languages"] = _("We do not know the language “%(name)s”. Please write its usual name.", name=line)
    return list(found.values())


def _areas(service: Service, text: str, before: list[str], wrong: dict[str, str]) -> dict[str, Area]:
    """A name that stands there already stays, whether it means anything to us or not."""
    state = entries.states_of({service.id}).get(service.id, "")
    found = {line: areas.read([line], state=state) for line in _lines(text)}
    if unknown := next((line for line, area in found.items() if not area and line not in before), None):
        wrong["areas"] = _(
            "We do not know the place “%(name)s”. Please write a county, a state or ZIP codes.", name=unknown
        )
    return found


def _hours(typed: dict[str, str], wrong: dict[str, str]) -> list[Hours]:
    found = []
    for code in DAYS:
        opens, closes = (_time(typed.get(f"{code}-{end}", "")) for end in ("from", "to"))
        if opens and closes:
            found.append(Hours(code, opens, closes))
        elif typed.get(f"{code}-from") or typed.get(f"{code}-to"):
            wrong[f"{code}-from"] = _("Enter from when to when, such as 9:00 and 17:00, or leave both empty.")
    return found


def _time(text: str) -> time | None:
    try:
        return time.fromisoformat(text.strip()) if text.strip() else None
    except ValueError:
        return None


# Questions to agencies


@bp.get("/directory/upkeep")
@allow(Action.KEEP_DIRECTORY)
def upkeep_list() -> str:
    page = request.args.get("page", default=1, type=int)
    page = min(max(page, 1), schemas.MOST_PAGES)
    found = verification.unconfirmed(PAGE + 1, PAGE * (page - 1))
    return render_template(
        "directory/upkeep.html",
        agencies=found[:PAGE],
        previous=url_for(".upkeep_list", page=page - 1) if page > 1 else "",
        following=url_for(".upkeep_list", page=page + 1) if len(found) > PAGE and page < schemas.MOST_PAGES else "",
        answers=verification.answers_to_handle(PAGE),
        to_ask=verification.left_to_ask(ASKED_AT_ONCE) if settings().email_gateway != "off" else 0,
    )


@bp.post("/directory/questions")
@allow(Action.KEEP_DIRECTORY)
def ask() -> Response:
    organization_id = request.form.get("organization", type=uuid.UUID) or abort(HTTPStatus.BAD_REQUEST)
    question = verification.send(organization_id, by=_i())
    session.commit()
    return redirect(url_for(".asked", question_id=question.id), HTTPStatus.SEE_OTHER)


@bp.post("/directory/questions/all")
@allow(Action.KEEP_DIRECTORY)
def ask_all() -> Response:
    """Ask all whose address is known, some hundreds at a time: whoever asks reads the answers, too."""
    asked = verification.send_to_all(ASKED_AT_ONCE, by=_i())
    session.commit()
    flash(ngettext("%(n)s agency is being asked.", "%(n)s agencies are being asked.", asked), "success")
    return redirect(url_for(".upkeep_list"), HTTPStatus.SEE_OTHER)


@bp.get("/directory/questions/<uuid:question_id>")
@allow(Action.KEEP_DIRECTORY)
def asked(question_id: uuid.UUID) -> str:
    """The link for one agency, which goes to its address if it has one, and can be sent, told or printed."""
    question, organization = verification.a_question(question_id)
    link = f"{settings().public_base_url}{url_for('.listing', token=verification.token_of(question))}"
    subject = _("Is what we tell people about you still right?")
    body = _("Please look at your services and tell us with one tap whether they are still right: %(link)s", link=link)
    return render_template(
        "directory/asked.html",
        organization=organization.name,
        link=link,
        subject=subject,
        mail=f"mailto:{quote(organization.email)}?subject={quote(subject)}&body={quote(body)}"
        if organization.email
        else "",
        asked=bool(organization.email) and settings().email_gateway != "off",
        answered=question.answered_at is not None,
    )


@bp.post("/directory/questions/<uuid:question_id>/finish")
@allow(Action.KEEP_DIRECTORY)
def finish(question_id: uuid.UUID) -> Response:
    """Somebody has seen to an answer; services that the agency has given up are closed with it, when that is asked."""
    question, _organization = verification.a_question(question_id)
    listed = {service.id: service for service in verification.listed_of(question)}
    for service_id in request.form.getlist("close", type=uuid.UUID):
        if question.answers.get(str(service_id)) == "closed" and service_id in listed:
            corrections.close_service(listed[service_id], by=_i())
    verification.finish(question)
    session.commit()
    flash(_("Done. It is off the list."), "success")
    return redirect(url_for(".upkeep_list"), HTTPStatus.SEE_OTHER)


@bp.get("/listing/<token>")
@public("the agency answers from a signed link, without an account; it shows what the directory shows")
def listing(token: str) -> str:
    question, organization = verification.question_of(token)
    if question.answered_at is not None:
        return render_template("directory/listing.html", organization=organization.name, thanks=True)
    services = [
        {"id": service.id, "name": service.name, "said": queries.said_of_service(service.id), "row": service}
        for service in verification.asked_about(organization.id)
        if service.status is ServiceStatus.ACTIVE
    ]
    return render_template(
        "directory/listing.html",
        organization=organization.name,
        thanks=False,
        services=services,
        answers=[(value, _(words)) for value, words in ANSWERS.items()],
    )


@bp.post("/listing/<token>")
@public("the agency answers from a signed link, without an account")
def answer(token: str) -> Response:
    question, _organization = verification.question_of(token)
    said = {}
    for service in verification.asked_about(question.organization_id):
        chosen = request.form.get(f"service-{service.id}", "")
        if chosen in ANSWERS:
            said[service.id] = chosen
    note = request.form.get("note", "")[:4000]
    if said or note.strip():
        verification.answer(question, said, note)
        session.commit()
    else:
        flash(_("Choose an answer for at least one service."), "error")
    return redirect(url_for(".listing", token=token), HTTPStatus.SEE_OTHER)


# Listed twice


@bp.get("/directory/duplicates")
@allow(Action.KEEP_DIRECTORY)
def duplicates() -> str:
    return render_template(
        "directory/duplicates.html",
        pairs=[_pair(pair) for pair in merging.possible_duplicates(PAGE)],
        merges=merging.merges(PAGE),
    )


def _pair(pair: Pair) -> dict[str, Any]:
    return {
        "one": pair.one,
        "other": pair.other,
        "reasons": [_(REASON_WORDS[reason]) for reason in pair.reasons if reason in REASON_WORDS],
    }


@bp.post("/directory/duplicates")
@allow(Action.KEEP_DIRECTORY)
def decide() -> Response:
    one = request.form.get("one", type=uuid.UUID) or abort(HTTPStatus.BAD_REQUEST)
    other = request.form.get("other", type=uuid.UUID) or abort(HTTPStatus.BAD_REQUEST)
    if request.form.get("choice") == "two":
        merging.keep_apart(one, other)
        flash(_("They stay two. You are not asked again."), "success")
    else:
        kept, gone = (other, one) if request.form.get("choice") == "other" else (one, other)
        merging.merge(kept, gone, by=_i())
        flash(_("They are one now. You can undo it below."), "success")
    session.commit()
    return redirect(url_for(".duplicates"), HTTPStatus.SEE_OTHER)


@bp.post("/directory/merges/<uuid:merge_id>/undo")
@allow(Action.KEEP_DIRECTORY)
def undo(merge_id: uuid.UUID) -> Response:
    merging.undo_merge(merge_id, by=_i())
    session.commit()
    flash(_("They are two again."), "success")
    return redirect(url_for(".duplicates"), HTTPStatus.SEE_OTHER)
