"""What an agency has received: it answers, shares the work, writes to the care team, and says whether it has room."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app import clock, forms, i18n
from app.db import session
from app.directory import operations as directory_operations
from app.directory import queries as directory
from app.directory import searching
from app.directory.codes import CapacityStatus
from app.errors import Invalid, NotFound
from app.forms import Page
from app.i18n import LANGUAGES, marked
from app.i18n import gettext as _
from app.inbox import cards, digest, operations, queries, schemas
from app.inbox.queries import ANYBODY, ME, NOBODY, Filters, Tab
from app.inbox.words import reference
from app.loop import operations as loop
from app.needs.vocabulary import NEEDS
from app.patients import phones
from app.referrals import answering, intake, notes, walk_ins, words
from app.referrals import operations as referrals
from app.referrals import queries as referral_queries
from app.referrals.lifecycle import NOT_REACHED, OPEN, Reason, Status, sayable
from app.referrals.models import Referral, WalkIn
from app.referrals.queries import Row
from app.referrals.schemas import TransitionIn, boxes_of, step_of
from app.staff import queries as staff
from app.staff.access import allow, me
from app.staff.permissions import Action
from app.worklist import operations as worklist

bp = Blueprint("inbox", __name__)

Typed = Mapping[str, Any]

TABS = {
    Tab.NEW: marked("New"),
    Tab.MINE: marked("Mine"),
    Tab.WAITING: marked("Waiting"),
    Tab.DONE: marked("Done"),
}
NOTHING_HERE = {
    Tab.NEW: (
        marked("Nothing new"),
        marked("Requests from care teams come in here. Each one says who needs what, and where."),
    ),
    Tab.MINE: (marked("Nobody right now"), marked("Here are the people whom you have said you can help.")),
    Tab.WAITING: (
        marked("Nobody is waiting"),
        marked("Here are those on your waiting list, or whose papers are still missing."),
    ),
    Tab.DONE: (
        marked("Nothing is done yet"),
        marked("Here is what has ended, without names: your access ends with the request."),
    ),
}
NOTHING_FITS = (marked("Nothing fits"), marked("There are requests, but none that you have asked to see."))

PAUSES = {
    7: marked("For a week"),
    14: marked("For two weeks"),
    30: marked("For a month"),
    0: marked("Until we say otherwise"),
}
"""How long a service may be full, in days; 0 has no end."""


# The list


@bp.get("/inbox")
@allow(Action.SEE_INBOX)
def inbox() -> str:
    asked = _asked()
    tab, number = asked.pop("tab"), asked.pop("page")
    filters = Filters(**asked)
    page = queries.page(me(), tab, filters, number)
    teams = {team.id: team for team in staff.teams()}
    services = _services()
    here = _given(filters)
    return render_template(
        "inbox/inbox.html",
        tabs=[
            {
                "href": url_for(".inbox", **here, tab=which.value),
                "label": _(label),
                "count": page.counts[which],
                "current": which is tab,
            }
            for which, label in TABS.items()
        ],
        tab=tab.value,
        empty=[_(sentence) for sentence in (NOTHING_FITS if filters.any else NOTHING_HERE[tab])],
        cards=[cards.card(line, teams) for line in page.lines],
        others=page.with_colleagues if tab is Tab.MINE else 0,
        others_href=url_for(".inbox", **here | {"whose": ANYBODY}, tab=tab.value),
        pager=_pager(tab, here, number, page.counts[tab]),
        filtered=filters.any,
        values={name: str(value) for name, value in here.items()},
        choices=_choices(),
        paused=[service for service in services if service.capacity.status is CapacityStatus.NO_CAPACITY],
        today=_today(services),
    )


def _asked() -> dict[str, Any]:
    """What the address asks for.

    :raises NotFound: nothing that there is; nobody types these addresses.
    """
    try:
        return forms.load(schemas.InboxIn(), forms.nested(request.args))
    except Invalid as invalid:
        raise NotFound(_("There is no such part of the inbox.")) from invalid


def _given(filters: Filters) -> dict[str, Any]:
    """The filters that are set, as an address has them."""
    return {
        name: "true" if value is True else str(value)
        for name, value in vars(filters).items()
        if value not in {None, False}
    }


def _pager(tab: Tab, here: Mapping[str, Any], number: int, total: int) -> dict[str, str] | None:
    if total <= queries.PAGE:
        return None
    first = queries.PAGE * (number - 1) + 1
    last = min(first + queries.PAGE - 1, total)

    def address(of: int) -> str:
        return url_for(".inbox", **here, tab=tab.value, page=of)

    return {
        "words": _("%(first)s to %(last)s of %(total)s", first=first, last=last, total=total),
        "previous": address(number - 1) if number > 1 else "",
        "next": address(number + 1) if last < total else "",
    }


def _choices() -> dict[str, list[tuple[str, str]]]:
    """What an inbox can be narrowed by."""
    needs, languages = queries.asked_for(me())
    return {
        "need": [(need, _(NEEDS[need].short_label)) for need in needs],
        "service": [(str(service.id), service.name) for service in _services()],
        "older_than": [(str(days), _("Older than %(n)s days", n=days)) for days in schemas.AGES],
        "whose": [
            (ME, _("Mine")),
            (NOBODY, _("Nobody's yet")),
            (ANYBODY, _("Anybody's")),
            *((str(one.id), one.name) for one in queries.colleagues(me()) if one.id != me().id),
        ],
        "language": [(code, LANGUAGES[code].autonym) for code in languages],
    }


def _today(services: Sequence[directory.ServiceLine]) -> list[tuple[str, intake.Intake]]:
    """How many of today's places are taken, of the services that count them."""
    organization_id = me().organization_id
    today = intake.of_organization(organization_id) if organization_id else {}
    return [(service.name, today[service.id]) for service in services if service.id in today]


@bp.post("/inbox/search")
@allow(Action.SEE_INBOX)
def search() -> Response:
    """A request by its reference. Posted, as whatever somebody types may be a name."""
    found = queries.referred_to_as(me(), request.form.get("reference", ""))
    if found is None:
        flash(
            _("No request of yours has this reference. It is in our e-mails, and on the request's own page."), "error"
        )
        return redirect(url_for(".inbox"), HTTPStatus.SEE_OTHER)
    return redirect(url_for(".received", referral_id=found), HTTPStatus.SEE_OTHER)


# One request


@bp.get("/inbox/<uuid:referral_id>")
@allow(Action.SEE_INBOX)
def received(referral_id: uuid.UUID) -> Page:
    """One referral as the agency sees it. That it was opened is kept: the patient may ask who has seen it."""
    row = _received(referral_id)
    if row.referral.status in OPEN:
        referrals.mark_seen(row.referral, by=me())
        notes.mark_read(row.referral)
        session.commit()
    return _received_page(row, request.args, {})


def _received(referral_id: uuid.UUID) -> Row:
    row = referral_queries.row_for(me(), referral_id)
    if row is None:
        raise NotFound(_("There is no such request, or it is not yours to see."))
    return row


def _mine(referral_id: uuid.UUID, action: Action) -> Referral:
    referral = referral_queries.referral_for(me(), referral_id, action)
    if referral is None:
        raise NotFound(_("There is no such request, or it is not yours to see."))
    return referral


def _received_page(row: Row, values: Typed, errors: Mapping[str, str]) -> Page:
    """`values` names the step somebody is about to take, and what they have typed for it."""
    referral, patient = row.referral, row.patient
    steps = sayable(referral.status)
    saying = next((step for step in steps if step.value == values.get("status")), None)
    team = next(team for team in staff.teams() if team.id == patient.team_id)
    line = queries.line(row)
    return forms.page(
        "inbox/received.html",
        row=row,
        vocabulary=NEEDS,
        open=referral.status in OPEN,
        somebody=answering.somebody(row),
        reference=reference(referral.id),
        age=cards.age_and_team(row, team),
        standing=cards.standing(line),
        urgent=answering.how_urgent(row),
        phone=patient.phone,
        phone_words=phones.spoken(patient.phone) if patient.phone else "",
        no_voicemail=patient.safe_contact is not None and not patient.safe_contact.voicemail_ok,
        language=LANGUAGES[patient.language],
        team=team,
        steps=[(step, _(words.SAY[step])) for step in steps if step in words.SAY],
        **answering.choices(referral, saying, line.zone),
        life=cards.life(row, line.zone),
        assigned_to=line.assigned_to,
        colleagues=[(str(one.id), one.name) for one in queries.colleagues(me())],
        notes=[] if saying else notes.visible(referral, me()),
        moment=cards.moment,
        values=values,
        errors=errors,
    )


@bp.post("/inbox/<uuid:referral_id>/transitions")
@allow(Action.MOVE_REFERRAL)
def move(referral_id: uuid.UUID) -> Response | Page:
    """Take one step. Who says yes sees to it, unless somebody does already."""
    referral = _mine(referral_id, Action.MOVE_REFERRAL)
    _mine(referral_id, Action.SEE_INBOX)
    try:
        step = forms.load(TransitionIn(), step_of(request.form))
        new = step.pop("status")
        referrals.say(referral, new, by=me(), **step)
    except Invalid as invalid:
        session.rollback()
        return _received_page(_received(referral_id), request.form, boxes_of(invalid.fields))
    if new is Status.ACCEPTED:
        referrals.take_if_free(referral, by=me())
    session.commit()
    flash(_(words.SAID[new]), "success")
    return redirect(url_for(".received", referral_id=referral_id), HTTPStatus.SEE_OTHER)


@bp.post("/inbox/<uuid:referral_id>/assignee")
@allow(Action.ASSIGN_REFERRAL)
def assign(referral_id: uuid.UUID) -> Response:
    """Give it to a colleague, or to nobody in particular."""
    referral = _mine(referral_id, Action.ASSIGN_REFERRAL)
    chosen, was = _id_of("to"), _id_of("was")
    to = queries.colleague(me(), chosen) if chosen else None
    if chosen and to is None:
        raise NotFound(_("There is no such person in your organization."))
    referrals.assign(referral, to, was=was, by=me())
    session.commit()
    flash(_("%(name)s sees to it.", name=to.name) if to else _("Nobody in particular sees to it now."), "success")
    return redirect(url_for(".received", referral_id=referral_id), HTTPStatus.SEE_OTHER)


def _id_of(name: str) -> uuid.UUID | None:
    return request.form.get(name, type=uuid.UUID)


# Sending on


@bp.get("/inbox/<uuid:referral_id>/onward")
@allow(Action.SEE_INBOX)
def onward(referral_id: uuid.UUID) -> Page:
    return _onward_page(_received(referral_id), request.args, {})


@bp.post("/inbox/<uuid:referral_id>/onward")
@allow(Action.SEND_ON)
def send_on(referral_id: uuid.UUID) -> Response | Page:
    referral = _mine(referral_id, Action.SEND_ON)
    try:
        asked = forms.load(schemas.OnwardIn(), forms.nested(request.form))
        reason = Reason(asked["reason_code"]) if asked["reason_code"] else None
        successor = operations.send_on(referral, asked["to"], by=me(), reason=reason, note=asked["note"])
    except Invalid as invalid:
        session.rollback()
        return _onward_page(_received(referral_id), request.form, boxes_of(invalid.fields))
    session.commit()
    told = _("They are asked now. The patient hears of it and may say no.")
    flash(told if successor else _("Thank you. The care team offers it to them."), "success")
    return redirect(url_for(".received", referral_id=referral_id), HTTPStatus.SEE_OTHER)


PLACES_SHOWN = 10


def _onward_page(row: Row, values: Typed, errors: Mapping[str, str]) -> Page:
    """Who else may help: what the directory lists for the need, or whatever is looked for by its name."""
    if row.referral.status not in OPEN:
        raise NotFound(_("This request has ended."))
    name = str(values.get("q", "")).strip()
    need = None if name else row.need.kind
    near = None if name else row.patient.postal_code
    found = searching.search(name, need, near=near, limit=PLACES_SHOWN + 1)
    tried = {one.organization_id for one in referral_queries.services_tried(row.need.id)}
    offered = [card for card in found.cards if card.organization_id not in tried | {row.organization.id}]
    return forms.page(
        "inbox/onward.html",
        row=row,
        somebody=answering.somebody(row),
        name=name,
        places=[
            (str(card.id), card.organization, " · ".join(filter(None, (card.service, card.place))))
            for card in offered[:PLACES_SHOWN]
        ],
        reasons=[(code, said) for code, said in answering.reasons(Status.REJECTED) if code != NOT_REACHED]
        if row.referral.status is Status.REQUESTED
        else [],
        values=values,
        errors=errors,
    )


# People who came without a referral


@bp.get("/inbox/walk-ins")
@allow(Action.RECORD_WALK_IN)
def new_walk_in() -> Page:
    today = clock.now().astimezone(directory.UNPLACED).date()
    return _walk_in_page({"key": uuid.uuid4(), "served_on": today.isoformat()}, {})


@bp.post("/inbox/walk-ins")
@allow(Action.RECORD_WALK_IN)
def record_walk_in() -> Response | Page:
    """The answer is the same whether we know them or not: an agency does not learn who is a patient."""
    try:
        asked = forms.load(schemas.WalkInIn(), forms.nested(request.form))
        person = _person(asked) if asked["agreed"] else None
        walk_ins.record(asked["key"], asked["need"], asked["served_on"], person, by=me())
    except Invalid as invalid:
        return _walk_in_page(request.form, invalid.fields)
    session.commit()
    flash(_("Thank you. It is counted, and if they have a care team here that may know, it hears of it."), "success")
    return redirect(url_for(".new_walk_in"), HTTPStatus.SEE_OTHER)


def _person(asked: Mapping[str, Any]) -> walk_ins.Person:
    """Who it was.

    :raises Invalid: something is missing without which nobody can be told apart.
    """
    missing = {
        "given_name": _("Enter their first name."),
        "family_name": _("Enter their last name."),
        "birth_date": _("Enter a date of birth."),
        "phone": _("Enter a phone number with its area code."),
    }
    wrong = {name: sentence for name, sentence in missing.items() if not asked[name]}
    if wrong:
        raise Invalid(wrong)
    return walk_ins.Person(asked["given_name"], asked["family_name"], asked["birth_date"], asked["phone"])


def _walk_in_page(values: Typed, errors: Mapping[str, str]) -> Page:
    return forms.page(
        "inbox/walk_ins.html",
        needs=[(code, _(need.short_label)) for code, need in NEEDS.items()],
        values=values,
        errors=errors,
    )


@bp.get("/walk-ins/<uuid:walk_in_id>")
@allow(Action.RECORD_ANSWER)
def walk_in(walk_in_id: uuid.UUID) -> str:
    """The care team asks its patient whether an agency has really helped."""
    found = _walk_in(walk_in_id)
    return render_template("inbox/walk_in.html", walk_in=found, **cards.walk_in(found))


@bp.post("/walk-ins/<uuid:walk_in_id>")
@allow(Action.RECORD_ANSWER)
def answer_walk_in(walk_in_id: uuid.UUID) -> Response:
    found = _walk_in(walk_in_id)
    got_help = request.form.get("got_help") == "yes"
    walk_ins.confirm(found, got_help=got_help, by=me())
    worklist.settle_purpose(f"walk-in:{found.id}")
    if got_help and found.need_id:
        worklist.settle_purpose(loop.next_offer(found.need_id))
    session.commit()
    flash(_("Kept."), "success")
    return redirect(url_for("loop.patient", patient_id=found.patient_id), HTTPStatus.SEE_OTHER)


def _walk_in(walk_in_id: uuid.UUID) -> WalkIn:
    found = walk_ins.walk_in_for(me(), walk_in_id)
    if found is None:
        raise NotFound(_("There is no such walk-in, or its patient is not in your team."))
    return found


# The week


@bp.get("/inbox/week")
@allow(Action.SEE_INBOX)
def week() -> str:
    """What the weekly e-mail says, at any time."""
    found = digest.of(me())
    return render_template(
        "inbox/week.html",
        said=digest.lines(found),
        since=i18n.day(found.since, directory.UNPLACED),
        until=i18n.day(found.until, directory.UNPLACED),
        wanted=me().weekly_digest,
    )


# Whether it takes people in


@bp.get("/inbox/capacity")
@allow(Action.SET_CAPACITY)
def capacity() -> Page:
    return _capacity_page({}, {})


@bp.post("/inbox/capacity")
@allow(Action.SET_CAPACITY)
def set_capacity() -> Response | Page:
    """Pause services, or open them again. Only one's own are touched."""
    chosen = [service for service in _services() if str(service.id) in request.form.getlist("service")]
    if not chosen:
        return _capacity_page(request.form, {"service": _("Choose at least one service.")})
    opening = request.form.get("status") == "open"
    days = request.form.get("days", default=0, type=int)
    until = (
        clock.now().astimezone(directory.UNPLACED).date() + timedelta(days=days) if days in PAUSES and days else None
    )
    for service in chosen:
        status = CapacityStatus.CAPACITY if opening else CapacityStatus.NO_CAPACITY
        directory_operations.set_capacity(
            service.id, status, None if opening else until, "agency", by=f"agency {me().id}"
        )
    session.commit()
    flash(
        _("Open again. New requests can come.") if opening else _("Paused. It is not offered to anybody new."),
        "success",
    )
    return redirect(url_for(".capacity"), HTTPStatus.SEE_OTHER)


@bp.post("/inbox/daily-limits")
@allow(Action.SET_CAPACITY)
def set_daily_limits() -> Response | Page:
    """How many people each service takes in on one day. Only one's own are touched."""
    try:
        limits = intake.read_limits(request.form, [service.id for service in _services()])
    except Invalid as invalid:
        return _capacity_page(request.form, invalid.fields)
    for service_id, limit in limits.items():
        intake.set_limit(service_id, limit, by=f"agency {me().id}")
    session.commit()
    flash(_("Kept. People are sent to you accordingly from now on."), "success")
    return redirect(url_for(".capacity"), HTTPStatus.SEE_OTHER)


def _services() -> Sequence[directory.ServiceLine]:
    organization_id = me().organization_id
    return directory.services_of(organization_id) if organization_id else []


def _capacity_page(values: Typed, errors: Mapping[str, str]) -> Page:
    services = _services()
    paused = [service for service in services if service.capacity.status is CapacityStatus.NO_CAPACITY]
    taking = [service for service in services if service not in paused]
    return forms.page(
        "inbox/capacity.html",
        paused=paused,
        options=[(str(service.id), service.name) for service in taking],
        pauses=[(days, _(label)) for days, label in PAUSES.items()],
        sentence=i18n.sentence,
        today=_today(services),
        limited=[(f"limit-{service.id}", service.name) for service in services],
        limits={f"limit-{one.id}": values.get(f"limit-{one.id}", one.daily_limit or "") for one in services},
        values=values if "days" in values else {"days": 14, "service": [str(taking[0].id)] if len(taking) == 1 else []},
        errors=errors,
    )
