from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus

from flask import Blueprint, current_app, flash, make_response, redirect, request, url_for
from flask import session as browser
from flask_login import login_user, logout_user
from werkzeug.wrappers import Response

from app import forms, unsent
from app.config import settings
from app.db import session
from app.errors import Invalid, NotFound
from app.forms import Page
from app.i18n import LANGUAGES, STAFF_LANGUAGES
from app.i18n import gettext as _
from app.staff import operations, queries, schemas
from app.staff.access import ROLE_WORDS, allow, client_network, me, public, sign_in_page, signed_in
from app.staff.permissions import Action, Role

bp = Blueprint("staff", __name__)

HOME = {
    Role.HEALTH_WORKER: "worklist.today",
    Role.LEAD: "worklist.today",
    Role.AGENCY: "inbox.inbox",
    Role.ADMINISTRATOR: "reports.numbers",
}


MARKERS = "known"
"""The cookie that says, unreadably, who has signed in with this browser before; it opens nothing."""
PEOPLE_OF_A_BROWSER = 8


@bp.get("/")
@allow(Action.SEE_ACCOUNT)
def home() -> Response:
    return redirect(url_for(HOME[me().role]))


@bp.get("/sign-in")
@public("one has to be able to sign in")
def sign_in() -> str | Response:
    if signed_in():
        return redirect(url_for(".home"))
    return sign_in_page()


@bp.post("/sign-in")
@public("one has to be able to sign in")
def signing_in() -> Response | tuple[str, int]:
    email, password = request.form.get("email", ""), request.form.get("password", "")
    try:
        staff = operations.sign_in(email, password, network=client_network(), markers=_markers())
    except operations.SignInRefused as refused:
        session.commit()  # or the try would not be counted
        return sign_in_page(unsent.carried(), {"email": email}, {"email": refused.sentence}), HTTPStatus.UNAUTHORIZED
    session.commit()
    login_user(staff)
    browser.permanent = True  # ends hours after the last click, also in a browser that is never closed
    response: Response = redirect(
        forms.our_page(request.args.get("next", "")) or url_for(".home"), HTTPStatus.SEE_OTHER
    )
    form = unsent.carried()
    if form and form.by != unsent.mark(staff.id):
        flash(_("What somebody else had typed here before you signed in is not shown to you."), "error")
    elif form:
        response = make_response(unsent.page(form, _("You are signed in. Look at it and send it once more.")))
    _mark(response, operations.marker(staff.email))
    return response


def _markers() -> list[str]:
    return request.cookies.get(MARKERS, "").split(".")


def _mark(response: Response, marker: str) -> None:
    """Let this browser show next time that it is known; a shared phone remembers the last few people."""
    markers = [marker, *(other for other in _markers() if other and other != marker)][:PEOPLE_OF_A_BROWSER]
    response.set_cookie(
        MARKERS,
        ".".join(markers),
        max_age=timedelta(days=365),
        path=url_for("staff.sign_in"),
        httponly=True,
        samesite="Lax",
        secure=current_app.session_interface.get_cookie_secure(current_app),
    )


@bp.post("/sign-out")
@public("whoever is signed in may leave, also when the account was closed meanwhile")
def sign_out() -> Response:
    was_in = signed_in()
    if was_in:
        operations.sign_out(me())
        session.commit()
    logout_user()
    browser.clear()  # phones are shared: nothing of whom was looked for stays behind
    if was_in:
        flash(_("You are signed out here, and on every other phone and computer."), "success")
    return redirect(url_for("staff.sign_in"), HTTPStatus.SEE_OTHER)


@bp.get("/account")
@allow(Action.SEE_ACCOUNT)
def account() -> Page:
    return _account_page({})


@bp.post("/account/language")
@allow(Action.SEE_ACCOUNT)
def set_language() -> Response:
    operations.set_language(me(), request.form.get("language", ""))
    session.commit()
    return redirect(url_for("staff.account", lang=me().language), HTTPStatus.SEE_OTHER)


@bp.post("/account/weekly-digest")
@allow(Action.SEE_ACCOUNT)
def set_weekly_digest() -> Response:
    operations.set_weekly_digest(me(), wanted=request.form.get("wanted") == "true")
    session.commit()
    flash(_("Kept."), "success")
    return redirect(url_for("staff.account"), HTTPStatus.SEE_OTHER)


@bp.post("/account/password")
@allow(Action.SEE_ACCOUNT)
def set_password() -> Response | Page:
    try:
        operations.change_password(me(), request.form.get("old", ""), request.form.get("new", ""))
    except Invalid as invalid:
        return _account_page(invalid.fields)
    session.commit()
    login_user(me())  # this browser stays in; every other one has to know the new password
    flash(_("Your password is changed. Wherever else you were signed in, you have to sign in again."), "success")
    return redirect(url_for("staff.account"), HTTPStatus.SEE_OTHER)


def _account_page(errors: Mapping[str, str]) -> Page:
    options = [(code, LANGUAGES[code].autonym) for code in STAFF_LANGUAGES]
    return forms.page("staff/account.html", values={"language": me().language}, errors=errors, language_options=options)


@bp.get("/people")
@allow(Action.MANAGE_STAFF)
def people() -> Page:
    return _people_page({}, {})


@bp.post("/people")
@allow(Action.MANAGE_STAFF)
def add_person() -> Response | Page:
    try:
        person = forms.load(schemas.PersonIn(), forms.nested(request.form))
        organization = queries.organization_named(person.pop("organization"))
        operations.add_staff(**person, organization_id=organization, by=me().id)
    except Invalid as invalid:
        return _people_page(request.form, invalid.fields)
    session.commit()
    flash(_("They can sign in now. Tell them their password in person, not by e-mail."), "success")
    return redirect(url_for("staff.people"), HTTPStatus.SEE_OTHER)


@bp.post("/people/<uuid:staff_id>/active")
@allow(Action.MANAGE_STAFF)
def set_active(staff_id: uuid.UUID) -> Response:
    person = queries.staff_by_id(staff_id)
    if person is None:
        raise NotFound(_("There is no such person."))
    try:
        operations.set_active(person, active=request.form.get("active") == "yes", by=me())
    except operations.StillAnswers as refused:
        session.rollback()
        flash(refused.sentence, "error")
        return redirect(url_for("oversight.hand_over", staff_id=staff_id), HTTPStatus.SEE_OTHER)
    session.commit()
    return redirect(url_for("staff.people"), HTTPStatus.SEE_OTHER)


@bp.get("/on-call")
@allow(Action.MANAGE_STAFF)
def on_call() -> Page:
    return _on_call_page()


@bp.post("/people/<uuid:staff_id>/paging")
@allow(Action.MANAGE_STAFF)
def set_paging(staff_id: uuid.UUID) -> Response | Page:
    person = queries.staff_by_id(staff_id)
    if person is None:
        raise NotFound(_("There is no such person."))
    box = f"phone-{person.id}"  # every person's boxes have names of their own on this page
    phone, is_on_call = request.form.get(box, ""), request.form.get(f"on_call-{person.id}") == "yes"
    try:
        operations.set_paging(person, phone=phone, on_call=is_on_call, by=me())
    except Invalid as invalid:
        return _on_call_page(person.id, {box: invalid.fields["phone"]})
    session.commit()
    flash(_("It is written down."), "success")
    return redirect(url_for("staff.on_call"), HTTPStatus.SEE_OTHER)


def _on_call_page(wrong_id: uuid.UUID | None = None, errors: Mapping[str, str] | None = None) -> Page:
    """Who is paged; of the one whose form was wrong, what was typed stays in it."""
    return forms.page(
        "staff/on_call.html",
        people=queries.care_team_members(),
        nobody=not queries.anybody_on_call(),
        fallback=settings().urgent_fallback_phone,
        minutes=int(settings().page_again_after.total_seconds() // 60),
        wrong_id=wrong_id,
        typed=request.form,
        errors=errors or {},
    )


def _people_page(values: Mapping[str, str], errors: Mapping[str, str]) -> Page:
    people = queries.everybody()
    return forms.page(
        "staff/people.html",
        people=people,
        organizations=queries.organization_names(person.organization_id for person in people if person.organization_id),
        team_options=[(team.id, team.name) for team in queries.teams()],
        roles=[(role.value, _(words)) for role, words in ROLE_WORDS.items()],
        role_words=ROLE_WORDS,
        values=values,
        errors=errors,
    )
