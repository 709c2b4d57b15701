"""Answering without an account, from a signed link; and the staff pages around it: contacts, and what agencies ask.

Mail scanners open every link, follow what is on the page and ask twice. So GET never changes anything and shows what
is needed, where and in which language; what a person does is a POST of a form, and who it is about is shown only after
somebody has said who they are. That is kept in their browser: whoever a link is forwarded to introduces themselves.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from http import HTTPStatus
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask import session as browser
from werkzeug.wrappers import Response

from app import clock, forms, i18n, unsent
from app.agencies import holding, notices, operations, queries, room
from app.agencies.holding import Standing
from app.agencies.models import Contact, Question
from app.agencies.operations import Opened
from app.db import session
from app.directory import queries as directory
from app.directory.models import Organization, Service
from app.errors import DomainError, Invalid, NotFound
from app.forms import Page
from app.i18n import LANGUAGES, STAFF_LANGUAGES, marked
from app.i18n import gettext as _
from app.patients.phones import spoken
from app.referrals import answering, appointment_pages, appointments, intake, schemas, words
from app.referrals import queries as referral_queries
from app.referrals.lifecycle import Reason, Status, sayable
from app.referrals.meetings import Became, Way
from app.referrals.models import Appointment, Referral
from app.referrals.queries import Row
from app.staff.access import allow, me, public
from app.staff.models import Team
from app.staff.permissions import Action

answers = Blueprint("answers", __name__)
bp = Blueprint("agencies", __name__)

WHY_PUBLIC = "an agency answers from a signed link, without an account"

Typed = Mapping[str, Any]

NAMES_KEPT = 20
"""How many links a browser remembers to have introduced itself to."""

FULL = "full"
AT_CAPACITY = Reason("at-capacity")

WAITING_LIST = marked("Waiting list")
"""What is said to a request at once; later there are other reasons to wait."""

ROOM = {
    room.OPEN: marked("Yes, we take people in"),
    room.WAITLIST: marked("We have a waiting list"),
    room.FULL: marked("We are full for now"),
    room.CLOSED: marked("We no longer offer this"),
}

GONE = {
    Standing.NOT_NEEDED: (
        marked("No longer needed"),
        marked("This request was taken back. There is nothing for you to do. Thank you."),
    ),
    Standing.ANSWERED: (
        marked("This is answered"),
        marked("Thank you. Who it was is no longer shown: your access ends with the request."),
    ),
    Standing.DISOWNED: (
        marked("This link is closed"),
        marked("Somebody said that it was not for them. If it is for you after all, please phone the network."),
    ),
}


@answers.after_request
def _keep_out_of_sight(response: Response) -> Response:
    """The address is a key. Referrer-Policy stays “same-origin”, which the check of our own forms needs."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response


# Who is there


def _opened(token: str) -> Opened:
    found = operations.opened(token)
    if "lang" not in request.args and "language" not in browser:
        i18n.speak(found.contact.language)
    return found


def _standing(found: Opened) -> Standing:
    if not found.current and found.link.disowned_at is None:
        return Standing.EXPIRED
    return holding.standing(
        found.referral.status,
        renewed_at=found.link.renewed_at,
        ended_at=found.referral.ended_at,
        disowned=found.link.disowned_at is not None,
        now=clock.now(),
    )


def _name_given(found: Opened) -> str | None:
    """Who this browser has said it is, for this edition of this link."""
    kept: dict[str, str] = browser.get("answers_as") or {}
    return kept.get(_key(found))


def _key(found: Opened) -> str:
    return f"{found.link.id.hex[:12]}.{found.link.edition}"


def _remember(found: Opened, name: str) -> None:
    kept: dict[str, str] = browser.get("answers_as") or {}
    others = [(key, value) for key, value in kept.items() if key != _key(found)]
    browser["answers_as"] = dict([*others, (_key(found), name)][-NAMES_KEPT:])


@dataclass(frozen=True)
class Visitor:
    """Somebody who may answer: the link holds, the referral is open, and they have said who they are."""

    found: Opened
    name: str


def _visitor(token: str) -> Visitor | Response | Page:
    """Whoever sends a form; or where they have to go first. What they have typed goes with them."""
    found = _opened(token)
    if _standing(found) is not Standing.OPEN:
        return _back(token)
    if name := _name_given(found):
        return Visitor(found, name)
    form = unsent.refused()
    return _first_page(found, token, {"name": _last_name()}, {}, form) if form else _back(token)


def _back(token: str, status: str | None = None) -> Response:
    return redirect(url_for(".request_page", token=token, status=status), HTTPStatus.SEE_OTHER)


# One referral


@answers.get("/a/<token>")
@public(WHY_PUBLIC)
def request_page(token: str) -> Page:
    found = _opened(token)
    standing = _standing(found)
    if standing is Standing.EXPIRED:
        return render_template("agencies/expired.html", token=token)
    if standing is not Standing.OPEN:
        title, says = GONE[standing]
        return render_template("agencies/gone.html", title_words=_(title), says=_(says))
    name = _name_given(found)
    if name is None:
        return _first_page(found, token, {"name": _last_name()}, {})
    return _request_page(found, token, name, request.args, {})


def _last_name() -> str:
    """What this browser said the last time, to be confirmed."""
    kept: dict[str, str] = browser.get("answers_as") or {}
    return list(kept.values())[-1] if kept else ""


def _first_page(
    found: Opened, token: str, values: Typed, errors: Mapping[str, str], form: unsent.Unsent | None = None
) -> Page:
    """The page to say who one is on; `form` is what was being sent before that."""
    row = queries.row_of(found.referral.id)
    page = render_template(
        "agencies/first.html",
        token=token,
        row=row,
        organization=row.organization.name,
        somebody=answering.somebody(row, discreet=True),
        urgent=answering.how_urgent(row, discreet=True),
        language=LANGUAGES[row.patient.language],
        asked=row.referral.status is Status.REQUESTED and form is None,
        unsent=form,
        values=values,
        errors=errors,
    )
    return (page, HTTPStatus.UNPROCESSABLE_ENTITY) if errors or form else page


@answers.post("/a/<token>/introduction")
@public(WHY_PUBLIC)
def introduce(token: str) -> Response | Page:
    """Say who one is, and go on to what one wanted to say. “We are full” needs nothing more."""
    found = _opened(token)
    if _standing(found) is not Standing.OPEN:
        return _back(token)
    form = unsent.carried()
    wrong: dict[str, str] = {}
    try:
        name = operations.introduce(found.link, request.form.get("name", ""))
    except Invalid as invalid:
        wrong |= invalid.fields
    if not request.form.get("confirmed"):
        wrong["confirmed"] = _("Confirm that you answer for this organization.")
    if wrong:
        session.rollback()
        return _first_page(found, token, request.form, wrong, form)
    session.commit()  # who it was is kept even if somebody else at the agency was faster to answer
    _remember(found, name)
    if form:
        return unsent.page(form, _("Thank you. Look at it and send it once more."))
    wants = request.form.get("then", "")
    if wants == FULL and found.referral.status is Status.REQUESTED:
        return _say(Visitor(found, name), token, Status.REJECTED, reason=AT_CAPACITY)
    return _back(token, wants if wants in set(Status) else None)


def _request_page(found: Opened, token: str, name: str, values: Typed, errors: Mapping[str, str]) -> Page:
    """The request for somebody who has said who they are.

    A name is needed to know whether they have this request already; a phone only by whoever has accepted.
    """
    row = queries.row_of(found.referral.id)
    status, patient = row.referral.status, row.patient
    asked = status is Status.REQUESTED
    steps = [step for step in sayable(status) if step in words.SAY]
    saying = next((step for step in steps if step.value == values.get("status")), None)
    zone = directory.time_zone(row.referral.service_at_location_id)
    phone = "" if asked else patient.phone
    return forms.page(
        "agencies/request.html",
        token=token,
        me_name=name,
        row=row,
        link=found.link,
        somebody=answering.somebody(row, discreet=True),
        urgent=answering.how_urgent(row, discreet=True),
        standing=_where_it_stands(row, zone),
        language=LANGUAGES[patient.language],
        team=session.get_one(Team, patient.team_id),
        phone=phone,
        phone_words=spoken(phone) if phone else "",
        no_voicemail=patient.safe_contact is not None and not patient.safe_contact.voicemail_ok,
        asked=asked,
        steps=[
            (step, _(WAITING_LIST if asked and step is Status.ON_HOLD else words.SAY[step]))
            for step in steps
            if step is not Status.CANCELLED
        ],
        **answering.choices(row.referral, saying, zone),
        ways=[(way.value, _(said)) for way, said in appointment_pages.WAYS.items()],
        in_person=Way.IN_PERSON.value,
        notes=queries.notes_to_agency(row.referral.id),
        questions=queries.questions(row.referral.id),
        rooms=[(word, _(ROOM[word])) for word in (room.OPEN, room.WAITLIST, room.FULL)],
        values=values,
        errors=errors,
    )


def _where_it_stands(row: Row, zone: ZoneInfo) -> words.Standing:
    referral, now = row.referral, clock.now()
    return words.received(
        referral.status,
        referral.reason_code,
        referral_queries.times(referral, zone),
        urgent=row.need.urgent,
        now=now,
        today=now.astimezone(zone).date(),
    )


@answers.post("/a/<token>/transitions")
@public(WHY_PUBLIC)
def move(token: str) -> Response | Page:
    visitor = _visitor(token)
    if not isinstance(visitor, Visitor):
        return visitor
    status = visitor.found.referral.status
    try:
        step = forms.load(schemas.TransitionIn(), schemas.step_of(request.form))
        if step["status"] not in {*sayable(status), status}:
            return _refused(token, DomainError(_("This cannot be said any more. Here is how it stands now.")))
        evidence = {name: step[name] for name in ("reason", "outcome", "promised_by")}
        return _say(visitor, token, step["status"], **evidence)
    except Invalid as invalid:
        session.rollback()
        return _request_page(visitor.found, token, visitor.name, request.form, schemas.boxes_of(invalid.fields))


def _say(visitor: Visitor, token: str, new: Status, **evidence: Any) -> Response:  # noqa: ANN401  as `answer` takes it
    try:
        said = operations.answer(visitor.found.referral.id, new, name=visitor.name, how="link", **evidence)
    except Invalid:
        raise
    except DomainError as error:
        return _refused(token, error)
    session.commit()
    flash(_(words.SAID[new]) if said else _("That was kept already."), "success")
    return _back(token)


def _refused(token: str, error: DomainError) -> Response:
    """Somebody else was faster: say so on the page, where it stands as it is now."""
    session.rollback()
    flash(error.sentence, "error")
    return _back(token)


@answers.post("/a/<token>/appointments")
@public(WHY_PUBLIC)
def make_appointment(token: str) -> Response | Page:
    """Agree on a time, or on another one than before."""
    visitor = _visitor(token)
    if not isinstance(visitor, Visitor):
        return visitor
    referral = visitor.found.referral
    try:
        data = forms.load(schemas.AppointmentIn(), forms.nested(request.form))
        plan = appointment_pages.plan_of(data, appointment_pages.zone_of(referral))
        appointments.schedule(referral, plan, by=None)
    except Invalid as invalid:
        session.rollback()
        errors = {"day" if field == "starts_at" else field: said for field, said in invalid.fields.items()}
        return _request_page(visitor.found, token, visitor.name, request.form, errors)
    except DomainError as error:
        return _refused(token, error)
    session.commit()
    kept = appointment_pages.DONE["made"]
    flash(_(kept), "success")
    return _back(token)


@answers.post("/a/<token>/appointments/<uuid:appointment_id>/changes")
@public(WHY_PUBLIC)
def change_appointment(token: str, appointment_id: uuid.UUID) -> Response | Page:
    """Call it off, or say whether they came."""
    visitor = _visitor(token)
    if not isinstance(visitor, Visitor):
        return visitor
    appointment = appointments.ahead(visitor.found.referral.id)
    what = request.form.get("change", "")
    if appointment is None or appointment.id != appointment_id or what not in _CHANGES:
        return _back(token)
    try:
        _CHANGES[what](appointment)
    except DomainError as error:
        return _refused(token, error)
    session.commit()
    flash(_(appointment_pages.DONE[what]), "success")
    return _back(token)


_CHANGES: Mapping[str, Callable[[Appointment], None]] = {
    Became.CANCELLED: partial(appointments.cancel, by=None),
    Became.ATTENDED: partial(appointments.record_visit, came=True, by=None),
    Became.NO_SHOW: partial(appointments.record_visit, came=False, by=None),
}


@answers.post("/a/<token>/questions")
@public(WHY_PUBLIC)
def ask(token: str) -> Response | Page:
    visitor = _visitor(token)
    if not isinstance(visitor, Visitor):
        return visitor
    try:
        operations.ask(visitor.found.link, request.form.get("question", ""), name=visitor.name)
    except Invalid as invalid:
        return _request_page(visitor.found, token, visitor.name, request.form, invalid.fields)
    session.commit()
    flash(_("Asked. You get the answer the way this request came."), "success")
    return _back(token)


@answers.post("/a/<token>/capacity")
@public(WHY_PUBLIC)
def set_capacity(token: str) -> Response | Page:
    """One tap: whether the service that was asked takes more people in."""
    visitor = _visitor(token)
    if not isinstance(visitor, Visitor):
        return visitor
    word = request.form.get("room", "")
    if word in (room.OPEN, room.WAITLIST, room.FULL):
        room.say(visitor.found.referral.service_id, word)
        session.commit()
        flash(_("Kept. People are sent to you accordingly from now on."), "success")
    return _back(token)


@answers.post("/a/<token>/disownment")
@public(WHY_PUBLIC)
def disown(token: str) -> Response:
    """“This is not for me”: whoever has the link may say so without a name."""
    found = _opened(token)
    if _standing(found) is Standing.OPEN:
        operations.disown(found.link)
        session.commit()
    return _back(token)


@answers.post("/a/<token>/link")
@public(WHY_PUBLIC)
def renew(token: str) -> Response:
    """A new link, to the address we have. The answer is the same whatever becomes of it."""
    found = _opened(token)
    session.refresh(found.link, with_for_update=True)
    notices.renew(found.link)
    session.commit()
    flash(_("If the request is still open, a new link is on its way to you."), "success")
    return _back(token)


# Room


@answers.get("/room/<token>")
@public(WHY_PUBLIC)
def room_page(token: str) -> Page:
    """Nothing here is about a patient, so the contact's own name stands there already, and one tap is one tap."""
    asked = room.opened(token)
    limits = {f"limit-{service.id}": service.intake_daily_limit or "" for service in asked.services}
    return _room_page(token, {"name": _last_name() or asked.contact.name, **limits}, {})


def _room_page(token: str, values: Typed, errors: Mapping[str, str]) -> Page:
    asked = room.opened(token)
    if "lang" not in request.args and "language" not in browser:
        i18n.speak(asked.contact.language)
    lines = {line.id: line for line in directory.services_of(asked.organization.id)}
    return forms.page(
        "agencies/room.html",
        token=token,
        asked=asked,
        services=[
            {
                "id": service.id,
                "name": service.name,
                "now": i18n.sentence(lines[service.id].capacity.words) if service.id in lines else "",
                "said": i18n.ago(service.capacity_at, clock.now()) if service.capacity_at else "",
            }
            for service in asked.services
        ],
        answers=[(word, _(said)) for word, said in ROOM.items()],
        usual=(clock.now().astimezone(directory.UNPLACED).date() + room.USUAL_PAUSE).isoformat(),
        values=values,
        errors=errors,
    )


@answers.post("/room/<token>")
@public(WHY_PUBLIC)
def say_room(token: str) -> Response | Page:
    """What is said of each service; `all` is the one tap that says the same of all of them."""
    asked = room.opened(token)
    name = operations.name_of(request.form.get("name", ""))
    one_tap = request.form.get("all", "")
    said: dict[uuid.UUID, tuple[str, date | None]] = {}
    for service in asked.services:
        word = one_tap or request.form.get(f"service-{service.id}", "")
        if word in room.ANSWERS:
            said[service.id] = (word, _day(request.form.get(f"until-{service.id}", "")))
    errors = {}
    if name is None:
        errors["name"] = _("Say who you are: your name, at most %(most)s characters.", most=operations.LONGEST_NAME)
    limits: Mapping[uuid.UUID, int | None] = {}
    try:
        limits = intake.read_limits(request.form, [service.id for service in asked.services])
    except Invalid as invalid:
        errors |= invalid.fields
    was = {service.id: service.intake_daily_limit for service in asked.services}
    if not said and all(limits[service_id] == was[service_id] for service_id in limits):
        errors.setdefault("_schema", _("Choose an answer for at least one service."))
    if name is None or errors:
        return _room_page(token, request.form, errors)
    try:
        room.answer(asked, said, name=name, limits=limits)
        session.commit()
        flash(_("Kept. People are sent to you accordingly from now on."), "success")
    except DomainError as error:
        session.rollback()
        flash(error.sentence, "error")
    return redirect(url_for(".room_page", token=token), HTTPStatus.SEE_OTHER)


def _day(typed: str) -> date | None:
    try:
        return date.fromisoformat(typed)
    except ValueError:
        return None


# The pages of staff about contacts


@bp.get("/contacts")
@allow(Action.KEEP_CONTACTS)
def organizations() -> Page:
    """Whose contacts there are to look after; an agency has only its own."""
    mine = me().organization_id
    if mine:
        return _contacts_page(mine, {}, {})
    typed = request.args.get("q", "")
    return render_template(
        "agencies/organizations.html",
        typed=typed,
        rows=[
            {
                "href": url_for(".contacts", organization_id=line.id),
                "title": line.name,
                "sub": i18n.ngettext("%(n)s contact", "%(n)s contacts", line.contacts)
                if line.contacts
                else _("nobody yet"),
            }
            for line in queries.organizations(me(), typed)
        ],
    )


@bp.get("/organizations/<uuid:organization_id>/contacts")
@allow(Action.KEEP_CONTACTS)
def contacts(organization_id: uuid.UUID) -> Page:
    return _contacts_page(organization_id, {}, {})


@bp.post("/organizations/<uuid:organization_id>/contacts")
@allow(Action.KEEP_CONTACTS)
def add_contact(organization_id: uuid.UUID) -> Response | Page:
    organization = _organization(organization_id)
    try:
        operations.add_contact(
            organization.id,
            name=request.form.get("name", ""),
            email=request.form.get("email", ""),
            phone=request.form.get("phone", ""),
            language=request.form.get("language", ""),
            service_id=request.form.get("service_id", type=uuid.UUID),
            by=me(),
        )
    except Invalid as invalid:
        return _contacts_page(organization_id, request.form, invalid.fields)
    session.commit()
    flash(_("Kept. They receive what is sent from now on."), "success")
    return redirect(url_for(".contacts", organization_id=organization_id), HTTPStatus.SEE_OTHER)


@bp.post("/organizations/<uuid:organization_id>/contacts/<uuid:contact_id>/end")
@allow(Action.KEEP_CONTACTS)
def end_contact(organization_id: uuid.UUID, contact_id: uuid.UUID) -> Response:
    contact = queries.contact_of(_organization(organization_id).id, contact_id)
    if contact is None:
        raise NotFound(_("There is no such contact."))
    operations.end_contact(contact, by=me())
    session.commit()
    flash(_("Taken away. They receive nothing more."), "success")
    return redirect(url_for(".contacts", organization_id=organization_id), HTTPStatus.SEE_OTHER)


def _organization(organization_id: uuid.UUID) -> Organization:
    organization = queries.organization_for(me(), organization_id, Action.KEEP_CONTACTS)
    if organization is None:
        raise NotFound(_("There is no such organization, or it is not yours."))
    return organization


def _contacts_page(organization_id: uuid.UUID, values: Typed, errors: Mapping[str, str]) -> Page:
    organization = _organization(organization_id)
    services = queries.services(organization_id)
    return forms.page(
        "agencies/contacts.html",
        organization=organization,
        mine=me().organization_id is not None,
        contacts=[_contact(contact, services) for contact in queries.contacts(organization_id)],
        services=[(service.id, service.name) for service in services],
        languages=[(code, LANGUAGES[code].autonym) for code in STAFF_LANGUAGES],
        values=values or {"language": STAFF_LANGUAGES[0]},
        errors=errors,
    )


def _contact(contact: Contact, services: Sequence[Service]) -> dict[str, Any]:
    named = {service.id: service.name for service in services}
    return {
        "id": contact.id,
        "name": contact.name,
        "email": contact.email or "",
        "phone": spoken(contact.phone) if contact.phone else "",
        "language": LANGUAGES[contact.language].autonym,
        "service": named.get(contact.service_id, "") if contact.service_id else "",
        "from_directory": contact.origin.value == "directory",
    }


# Staff: what agencies ask


@bp.get("/referrals/<uuid:referral_id>/questions")
@allow(Action.ANSWER_AGENCY)
def questions(referral_id: uuid.UUID) -> Page:
    return _questions_page(_asked_referral(referral_id), {}, {})


@bp.post("/referrals/<uuid:referral_id>/questions")
@allow(Action.ANSWER_AGENCY)
def answer_question(referral_id: uuid.UUID) -> Response | Page:
    referral = _asked_referral(referral_id)
    wanted = request.form.get("question", type=uuid.UUID)
    question = next((one for one in queries.questions(referral.id) if one.id == wanted), None)
    if question is None:
        raise NotFound(_("There is no such question."))
    try:
        operations.answer_question(question, request.form.get("answer", ""), by=me())
    except Invalid as invalid:
        return _questions_page(referral, request.form, invalid.fields)
    notices.tell_answer(session.get_one(Question, question.id))
    session.commit()
    flash(_("Sent. They get a link to your answer."), "success")
    return redirect(url_for(".questions", referral_id=referral_id), HTTPStatus.SEE_OTHER)


def _asked_referral(referral_id: uuid.UUID) -> Referral:
    referral = referral_queries.referral_for(me(), referral_id, Action.ANSWER_AGENCY)
    if referral is None:
        raise NotFound(_("There is no such referral, or it is not yours to see."))
    return referral


def _questions_page(referral: Referral, values: Typed, errors: Mapping[str, str]) -> Page:
    return forms.page(
        "agencies/questions.html",
        row=queries.row_of(referral.id),
        questions=[
            {"row": question, "when": i18n.ago(question.asked_at, clock.now())}
            for question in queries.questions(referral.id)
        ],
        values=values,
        errors=errors,
    )
