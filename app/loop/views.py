from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app import clock, forms, i18n
from app.config import settings
from app.db import session
from app.errors import DomainError, Invalid, NotFound
from app.forms import Page
from app.i18n import gettext as _
from app.loop import agreements, by_hand, queries, rerouting, words
from app.loop.queries import ConversationPage, ReferralPage, Said, Talk
from app.messaging import queries as messaging
from app.patients import operations as patients
from app.patients import queries as patient_queries
from app.patients.models import Patient
from app.patients.phones import spoken
from app.referrals import notes
from app.referrals import operations as referrals
from app.referrals import schemas as referral_schemas
from app.referrals.lifecycle import Status
from app.referrals.models import Referral
from app.staff.access import allow, me
from app.staff.permissions import Action, Role
from app.worklist import queries as worklist
from app.worklist.models import WorkItem

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
        return redirect(url_for("inbox.received", referral_id=referral_id), HTTPStatus.SEE_OTHER)
    page = queries.referral_page(me(), referral_id)
    if page is None:
        raise NotFound(_("There is no such referral, or it is not yours to see."))
    return render_template(
        "loop/referral.html",
        page=page,
        notes=notes.visible(page.row.referral, me()),
        may_share=notes.is_theirs(page.row.referral),
        may_ask=notes.can_answer(page.row.referral),
        moment=lambda at: {"when": i18n.ago(at, clock.now()), "at": at.isoformat()},
    )


@bp.get("/referrals/<uuid:referral_id>/write-down/<said>")
@allow(Action.RECORD_ANSWER)
def write_down(referral_id: uuid.UUID, said: str) -> Page:
    """The form for one thing that was said on the phone: a step of the agency, the patient's answer, or a recall."""
    return _write_down_page(*_sayable(referral_id, said), {}, {})


@bp.post("/referrals/<uuid:referral_id>/write-down/<said>")
@allow(Action.RECORD_ANSWER)
def writing_down(referral_id: uuid.UUID, said: str) -> Response | Page:
    page, form = _sayable(referral_id, said)
    try:
        _keep(page.row.referral, form)
    except Invalid as invalid:
        session.rollback()
        return _write_down_page(page, form, request.form, referral_schemas.boxes_of(invalid.fields))
    except DomainError as refused:  # somebody was faster, so this form may not even be there any more
        session.rollback()
        flash(refused.sentence, "error")
        return redirect(url_for(".referral", referral_id=referral_id), HTTPStatus.SEE_OTHER)
    session.commit()
    flash(_said(page.row.referral, form), "success")
    return redirect(url_for(".referral", referral_id=referral_id), HTTPStatus.SEE_OTHER)


def _said(referral: Referral, form: Said) -> str:
    """What has come of it."""
    if form.what == queries.AGREES and referral.status is Status.DRAFT:
        return _("Kept. Today's places there are taken: it is sent by itself as soon as there are new ones.")
    return _("Kept, in their voice.") if form.what == queries.ANSWER else _("Kept.")


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
    if form.what == queries.RIDE:
        agreements.told_of_ride(referral)
        return
    if form.what in {queries.AGREES, queries.MINDS}:
        (rerouting.agree if form.what == queries.AGREES else rerouting.veto)(referral)
        return
    step = forms.load(referral_schemas.TransitionIn(), {**referral_schemas.step_of(request.form), **form.step})
    referrals.say(referral, step.pop("status"), by=me(), **step)


def _write_down_page(page: ReferralPage, form: Said, values: Mapping[str, str], errors: Mapping[str, str]) -> Page:
    today = clock.now().astimezone(page.row.patient.zone).date()
    return forms.page("loop/write_down.html", page=page, form=form, today=today, values=values, errors=errors)


@bp.get("/patients/<uuid:patient_id>/messages")
@allow(Action.SEE_MESSAGES)
def conversation(patient_id: uuid.UUID) -> Page:
    page = _conversation(patient_id)
    patients.note_seen(patient_id, by=me())
    session.commit()
    return _conversation_page(page, {}, {})


@bp.post("/patients/<uuid:patient_id>/messages/preview")
@allow(Action.WRITE_TEXT)
def preview_text(patient_id: uuid.UUID) -> Response | Page:
    """How a text would go out, to look at before it does; `change` goes back to writing with what was typed."""
    page = _conversation(patient_id)
    if "change" in request.form:
        return _conversation_page(page, request.form, {})
    try:
        draft = by_hand.draft(page.patient, request.form.get("body", ""), queries.names_of(me(), page.patient))
    except Invalid as invalid:
        return _conversation_page(page, request.form, invalid.fields)
    except DomainError as refused:
        flash(refused.sentence, "error")
        return redirect(url_for(".conversation", patient_id=patient_id), HTTPStatus.SEE_OTHER)
    goes_out = i18n.when(draft.delay.until, clock.now(), page.patient.zone) if draft.delay else ""
    return render_template(
        "loop/preview.html",
        page=page,
        draft=draft,
        later=_(words.NOT_AT_ONCE[draft.delay.why], when=goes_out) if draft.delay else "",
        cost=f"${draft.counted.segments * settings().price_per_segment:.4f}",
        key=uuid.uuid4(),
        mine=page.taken is None or page.taken.staff_id == me().id,
    )


@bp.post("/patients/<uuid:patient_id>/messages")
@allow(Action.WRITE_TEXT)
def send_text(patient_id: uuid.UUID) -> Response | Page:
    """Write the text that was looked at; the same `key` twice writes one."""
    page = _conversation(patient_id)
    try:
        key = uuid.UUID(request.form.get("key", ""))
    except ValueError:
        raise NotFound(_("Look at the text once more before it is sent.")) from None
    try:
        by_hand.write(page.patient, request.form.get("body", ""), key, by=me())
    except Invalid as invalid:
        session.rollback()
        return _conversation_page(page, request.form, invalid.fields)
    except DomainError as refused:  # somebody was faster, or the patient has just asked for no more texts
        session.rollback()
        flash(refused.sentence, "error")
    else:
        session.commit()
        flash(_("Written. It goes out as soon as it may, and answers come to you."), "success")
    return redirect(url_for(".conversation", patient_id=patient_id), HTTPStatus.SEE_OTHER)


@bp.post("/patients/<uuid:patient_id>/takeover")
@allow(Action.WRITE_TEXT)
def takeover(patient_id: uuid.UUID) -> Response:
    """Take the conversation over, or with `back` give it back."""
    page = _conversation(patient_id)
    try:
        if "back" in request.form:
            by_hand.give_back(page.patient, by=me())
            said = _("Given back. Questions go out by themselves again.")
        else:
            by_hand.take_over(page.patient, by=me())
            said = _("The conversation is yours. Nothing is asked by itself, and answers come to you.")
    except DomainError as refused:
        session.rollback()
        flash(refused.sentence, "error")
    else:
        session.commit()
        flash(said, "success")
    return redirect(url_for(".conversation", patient_id=patient_id), HTTPStatus.SEE_OTHER)


def _conversation(patient_id: uuid.UUID) -> ConversationPage:
    page = queries.conversation_page(me(), patient_id)
    if page is None:
        raise NotFound(_("There is no such patient, or not in your team."))
    return page


def _conversation_page(page: ConversationPage, values: Mapping[str, str], errors: Mapping[str, str]) -> Page:
    return forms.page("loop/conversation.html", page=page, demo=settings().demo, values=values, errors=errors)


@bp.post("/texts/<uuid:message_id>/decision")
@allow(Action.DECIDE_TEXT)
def decide(message_id: uuid.UUID) -> Response:
    """Send a held text anyway, or take back one that waits: `decision` is send or drop. `next` says where to go on."""
    message = queries.text_for(me(), message_id)
    decision = request.form.get("decision")
    if message is None or decision not in {"send", "drop"}:
        raise NotFound(_("There is no such text, or it is not your team's."))
    try:
        by_hand.decide(message, send=decision == "send", by=me())
    except DomainError as refused:
        session.rollback()
        flash(refused.sentence, "error")
    else:
        session.commit()
        flash(_("It goes out now.") if decision == "send" else _("It is not sent."), "success")
    back = url_for("texting.operations") if me().role is Role.ADMINISTRATOR else url_for(".messages")
    return redirect(forms.our_page(request.form.get("next", "")) or back, HTTPStatus.SEE_OTHER)


@bp.get("/work/<uuid:item_id>/number")
@allow(Action.HANDLE_MESSAGES)
def whose_number(item_id: uuid.UUID) -> Page:
    """Whose number it is that a text came from."""
    return _whose_number_page(*_from_stranger(item_id))


@bp.post("/work/<uuid:item_id>/number")
@allow(Action.HANDLE_MESSAGES)
def link_number(item_id: uuid.UUID) -> Response | Page:
    """Find the patient, choose one, and say whether they agreed to texts on this number: a step for each `POST`."""
    item, phone = _from_stranger(item_id)
    typed = request.form.get("q", "")
    chosen = _chosen_patient()
    if chosen is None:
        found = patient_queries.find(me(), typed) if typed.strip() else []
        return _whose_number_page(item, phone, found=found, typed=typed, searched=True)
    agreed = request.form.get("agreed", "")
    if agreed not in {"yes", "no"}:
        errors = {"agreed": _("Say whether they agreed.")} if "link" in request.form else {}
        return _whose_number_page(item, phone, chosen=chosen, errors=errors)
    by_hand.link(item, chosen, agreed=agreed == "yes", by=me())
    session.commit()
    flash(_("Linked. The text stands in the conversation."), "success")
    return redirect(url_for(".conversation", patient_id=chosen.id), HTTPStatus.SEE_OTHER)


def _chosen_patient() -> Patient | None:
    try:
        wanted = uuid.UUID(request.form.get("patient", ""))
    except ValueError:
        return None
    return patient_queries.patient_for(me(), wanted, Action.CHANGE_PATIENT)


def _from_stranger(item_id: uuid.UUID) -> tuple[WorkItem, str]:
    item = worklist.item_for(me(), item_id)
    if item is None or item.done_at:
        raise NotFound(_("There is no such text, or somebody has taken care of it."))
    return item, by_hand.stranger(item)


def _whose_number_page(  # noqa: PLR0913  what has been said so far
    item: WorkItem,
    phone: str,
    *,
    found: Sequence[Patient] = (),
    typed: str = "",
    searched: bool = False,
    chosen: Patient | None = None,
    errors: Mapping[str, str] | None = None,
) -> Page:
    return forms.page(
        "loop/number.html",
        item=item,
        phone=spoken(phone),
        found=found,
        values={"q": typed},
        searched=searched,
        chosen=chosen,
        old=spoken(chosen.phone) if chosen and chosen.phone not in {"", phone} else "",
        stopped=messaging.is_suppressed(phone),
        errors=errors or {},
    )


@bp.get("/messages")
@allow(Action.SEE_MESSAGES)
def messages() -> str:
    texts = worklist.Scope(kinds=frozenset(worklist.TEXTS))
    listing = worklist.listing(me(), texts, forms.page_number(request.args.get("page")))
    talks = [_as_row(talk) for talk in queries.talks(me())]
    return render_template("loop/messages.html", listing=listing, talks=talks)


def _as_row(talk: Talk) -> dict[str, Any]:
    shown = talk.body if len(talk.body) <= queries.SHORT_TEXT else f"{talk.body[: queries.SHORT_TEXT].rstrip()}…"
    return {
        "href": url_for(".conversation", patient_id=talk.patient.id),
        "title": talk.patient.name,
        "sub": _("We: %(text)s", text=shown) if talk.outgoing else shown,
        "kind": "needs_you",
        "word": _("Not delivered") if talk.failed else "",
        "when": i18n.when(talk.at, clock.now(), talk.patient.zone),
    }
