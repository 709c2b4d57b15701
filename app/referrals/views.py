"""Both sides of a referral: the care team chooses and sends, the agency answers."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from http import HTTPStatus
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app import clock, forms, i18n
from app.db import session
from app.directory import operations as directory_operations
from app.directory import queries as directory
from app.directory.codes import CapacityStatus
from app.directory.queries import Card
from app.errors import Invalid, NotFound
from app.geography.words import words as distance_words
from app.i18n import LANGUAGES, marked
from app.i18n import gettext as _
from app.matching import queries as matching
from app.matching.queries import Match, Matches
from app.needs.vocabulary import NEEDS
from app.patients import operations as patient_operations
from app.patients import phones
from app.patients import queries as patients
from app.patients.models import ConsentKind, Patient
from app.referrals import operations, queries, schemas, words
from app.referrals.lifecycle import ENDED, OPEN, Actor, Reason, Status, next_steps, reasons_for
from app.referrals.models import Transition
from app.referrals.queries import Row
from app.screening import queries as screening
from app.screening.models import Need, NeedStatus
from app.staff import queries as staff
from app.staff.access import allow, me
from app.staff.models import Team
from app.staff.permissions import Action

bp = Blueprint("referrals", __name__)

Page = str | tuple[str, int]
Typed = Mapping[str, Any]

TABS = {
    "new": (marked("New"), (Status.REQUESTED,)),
    "mine": (marked("Mine"), (Status.ACCEPTED, Status.IN_PROGRESS)),
    "waiting": (marked("Waiting"), (Status.ON_HOLD,)),
    "done": (marked("Done"), tuple(sorted(ENDED))),
}
NOTHING_HERE = {
    "new": (
        marked("Nothing new"),
        marked("Requests from care teams come in here. Each one says who needs what, and where."),
    ),
    "mine": (marked("Nobody right now"), marked("Here are the people whom you have said you can help.")),
    "waiting": (
        marked("Nobody is waiting"),
        marked("Here are those on your waiting list, or whose papers are still missing."),
    ),
    "done": (
        marked("Nothing is done yet"),
        marked("Here is what has ended, without names: your access ends with the request."),
    ),
}

PAUSES = {
    7: marked("For a week"),
    14: marked("For two weeks"),
    30: marked("For a month"),
    0: marked("Until we say otherwise"),
}
"""How long a service may be full, in days; 0 has no end."""

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


@bp.post("/needs/<uuid:need_id>/referrals")
@allow(Action.SEND_REFERRAL)
def send(need_id: uuid.UUID) -> Response:
    need = _need(need_id, Action.SEND_REFERRAL)
    data = forms.load(schemas.ReferralIn(), request.form)
    chosen = data["service_at_location_id"]
    shown = next((match for match in _offered(need).items if match.service_at_location_id == chosen), None)
    why = [(reason.code, reason.text()) for reason in shown.reasons] if shown else []
    referral = operations.send(need, chosen, by=me(), note=data["note"] or "", why=why)
    session.commit()
    if following := _following(need):
        flash(_("Sent. Here is the next thing they want help with."), "success")
        return redirect(url_for(".matches", need_id=following.id), HTTPStatus.SEE_OTHER)
    flash(_("Sent. You see here how it goes on."), "success")
    return redirect(url_for("loop.referral", referral_id=referral.id), HTTPStatus.SEE_OTHER)


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
    return patient


def _matches_page(need: Need, values: Typed, errors: Mapping[str, str]) -> Page:
    patient = _patient_of(need)
    offered = _offered(need)
    cards = directory.cards([match.service_at_location_id for match in offered.items])
    page = render_template(
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
        values=values,
        errors=errors,
    )
    return (page, HTTPStatus.UNPROCESSABLE_ENTITY) if errors else page


def _facts(match: Match, card: Card, need: Need) -> dict[str, Any]:
    """What a match card shows. What is not known is left out."""
    near = distance_words(match.distance_miles, match.precision) if match.distance_miles is not None else ""
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
        "reasons": [reason.text() for reason in match.reasons if reason.code != "distance"],
        "cautions": [caution.text() for caution in match.cautions],
    }


def _line(*parts: str | None) -> str:
    """The parts that are known, as one short line."""
    return i18n.sentence(" · ".join(directory.short(part, LONGEST_FACT) for part in parts if part))


# Steps, from either side


@bp.post("/referrals/<uuid:referral_id>/transitions")
@allow(Action.MOVE_REFERRAL)
def move(referral_id: uuid.UUID) -> Response | Page:
    """Take one step. The agency returns to its inbox's page of it, the care team to the referral."""
    referral = queries.referral_for(me(), referral_id, Action.MOVE_REFERRAL)
    if referral is None:
        raise NotFound(_("There is no such referral, or it is not yours to see."))
    agency = operations.actor_of(me(), referral) is Actor.AGENCY
    try:
        step = forms.load(schemas.TransitionIn(), schemas.step_of(request.form))
        new = step.pop("status")
        operations.move(referral, new, by=me(), **step)
    except Invalid as invalid:
        if not agency:
            raise
        return _received_page(_received(referral_id), request.form, schemas.boxes_of(invalid.fields))
    session.commit()
    if agency:
        flash(_(words.SAID[new]), "success")
        return redirect(url_for(".received", referral_id=referral_id), HTTPStatus.SEE_OTHER)
    flash(_("Kept."), "success")
    return redirect(url_for("loop.referral", referral_id=referral_id), HTTPStatus.SEE_OTHER)


# The agency: what it has received


@bp.get("/inbox")
@allow(Action.SEE_INBOX)
def inbox() -> str:
    counts = queries.inbox_counts(me())
    tab = request.args.get("tab", "new")
    if tab not in TABS:
        tab = "new"
    rows = queries.inbox(me(), TABS[tab][1])
    if tab == "new":
        rows.sort(key=lambda row: (not row.need.urgent, row.referral.created_at))
    teams = _teams()
    return render_template(
        "referrals/inbox.html",
        tabs=[
            {
                "href": url_for(".inbox", tab=name),
                "label": _(label),
                "count": sum(counts.get(status, 0) for status in statuses),
                "current": name == tab,
            }
            for name, (label, statuses) in TABS.items()
        ],
        tab=tab,
        empty=[_(sentence) for sentence in NOTHING_HERE[tab]],
        cards=[_card(row, teams) for row in rows],
        paused=[service for service in _services() if service.capacity.status is CapacityStatus.NO_CAPACITY],
    )


def _teams() -> dict[uuid.UUID, Team]:
    return {team.id: team for team in staff.teams()}


def _card(row: Row, teams: Mapping[uuid.UUID, Team]) -> dict[str, Any]:
    """One line of the inbox. A name stands there only while it is theirs to help."""
    standing = _standing(row)
    return {
        "href": url_for(".received", referral_id=row.referral.id),
        "move_href": url_for(".move", referral_id=row.referral.id),
        "title": row.patient.short_name if row.referral.status in _HELPING else _somebody(row),
        "need": row.need.kind,
        "sub": _age_and_team(row, teams[row.patient.team_id]),
        "kind": standing.kind,
        "word": standing.words,
        "urgent": _how_urgent(row) if row.referral.status in OPEN else "",
        "language": LANGUAGES[row.patient.language].autonym,
        "service": row.service.name,
        "new": row.referral.status is Status.REQUESTED,
    }


_HELPING = frozenset({Status.ACCEPTED, Status.IN_PROGRESS, Status.ON_HOLD})


def _somebody(row: Row) -> str:
    return _("Somebody near %(zip)s needs %(what)s", zip=row.patient.postal_code, what=_(NEEDS[row.need.kind].phrase))


def _how_urgent(row: Row) -> str:
    return i18n.sentence(_(NEEDS[row.need.kind].urgent_when)) if row.need.urgent else ""


def _age_and_team(row: Row, team: Team) -> str:
    when = i18n.ago(row.referral.sent_at or row.referral.created_at, clock.now())
    return _("From %(team)s, %(when)s", team=team.name, when=when)


def _standing(row: Row) -> words.Standing:
    referral, now = row.referral, clock.now()
    return words.received(
        referral.status,
        referral.reason_code,
        words.Times(referral.sent_at, referral.seen_at, referral.promised_by),
        urgent=row.need.urgent,
        now=now,
        today=now.astimezone(ZoneInfo(row.patient.time_zone)).date(),
    )


@bp.get("/inbox/<uuid:referral_id>")
@allow(Action.SEE_INBOX)
def received(referral_id: uuid.UUID) -> Page:
    """One referral as the agency sees it. That it was opened is kept: the patient may ask who has seen it."""
    row = _received(referral_id)
    if row.referral.status in OPEN:
        operations.mark_seen(row.referral, by=me())
        session.commit()
    return _received_page(row, request.args, {})


def _received(referral_id: uuid.UUID) -> Row:
    row = queries.row_for(me(), referral_id)
    if row is None:
        raise NotFound(_("There is no such request, or it is not yours to see."))
    return row


def _received_page(row: Row, values: Typed, errors: Mapping[str, str]) -> Page:
    """`values` names the step somebody is about to take, and what they have typed for it."""
    referral, patient = row.referral, row.patient
    steps = next_steps(referral.status, Actor.AGENCY)
    saying = next((step for step in steps if step.value == values.get("status")), None)
    team = _teams()[patient.team_id]
    today = clock.now().astimezone(directory.time_zone(referral.service_at_location_id)).date()
    page = render_template(
        "referrals/received.html",
        row=row,
        vocabulary=NEEDS,
        open=referral.status in OPEN,
        somebody=_somebody(row),
        age=_age_and_team(row, team),
        standing=_standing(row),
        urgent=_how_urgent(row),
        phone=patient.phones[0].number if patient.phones else "",
        phone_words=phones.spoken(patient.phones[0].number) if patient.phones else "",
        no_voicemail=patient.safe_contact is not None and not patient.safe_contact.voicemail_ok,
        language=LANGUAGES[patient.language],
        team=team,
        steps=[(step, _(words.SAY[step])) for step in steps if step in words.SAY],
        saying=saying,
        say=_(words.SAY[saying]) if saying else "",
        reasons=_reasons(saying) if saying else [],
        outcomes=[(code, i18n.sentence(said)) for code, said in words.outcomes().items()],
        days=_days(today),
        likely_day=next(day for day, _words in _days(today) if day > today.isoformat()),
        life=_life(row),
        values=values,
        errors=errors,
    )
    return (page, HTTPStatus.UNPROCESSABLE_ENTITY) if errors else page


def _reasons(new: Status) -> list[tuple[str, str]]:
    return [(code, i18n.sentence(words.reason(code))) for code in reasons_for(new, Actor.AGENCY)]


def _days(today: date) -> list[tuple[str, str]]:
    """When an agency may say it will contact somebody: the next four working days, or within a week."""
    ahead = [today + timedelta(days=n) for n in range(7)]
    working = [day for day in ahead if day.weekday() < 5][:4]  # noqa: PLR2004  Saturday is 5
    said = {today: _("Today"), today + timedelta(days=1): _("Tomorrow")}
    named = [(day.isoformat(), said.get(day) or i18n.day(day)) for day in working]
    return [*named, ((today + timedelta(days=7)).isoformat(), _("Within a week"))]


def _life(row: Row) -> list[dict[str, Any]]:
    """What happened, oldest first."""
    now = clock.now()
    lived = [_lived(step, now) for step in row.referral.transitions]
    if row.referral.seen_at:
        lived.insert(1, {"state": "done", "label": _("Opened by you"), **_moment(row.referral.seen_at, now)})
    return lived


def _lived(step: Transition, now: datetime) -> dict[str, Any]:
    said = words.reason(step.reason_code) if step.reason_code else ""
    if step.outcome_code:
        said = words.outcome(step.outcome_code)
    text = step.reason_text or step.outcome_text or ""
    return {
        "state": "ended" if step.new in ENDED and step.new is not Status.COMPLETED else "done",
        "label": i18n.sentence(words.status(step.new)),
        "text": i18n.sentence(": ".join(filter(None, (said, text)))),
        **_moment(step.at, now),
    }


def _moment(at: datetime, now: datetime) -> dict[str, str]:
    return {"when": i18n.ago(at, now), "at": at.isoformat()}


# The agency: whether it takes people in


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
        directory_operations.set_capacity(service.id, status, None if opening else until, "agency")
    session.commit()
    flash(
        _("Open again. New requests can come.") if opening else _("Paused. It is not offered to anybody new."),
        "success",
    )
    return redirect(url_for(".capacity"), HTTPStatus.SEE_OTHER)


def _services() -> Sequence[directory.ServiceLine]:
    organization_id = me().organization_id
    return directory.services_of(organization_id) if organization_id else []


def _capacity_page(values: Typed, errors: Mapping[str, str]) -> Page:
    services = _services()
    paused = [service for service in services if service.capacity.status is CapacityStatus.NO_CAPACITY]
    taking = [service for service in services if service not in paused]
    page = render_template(
        "referrals/capacity.html",
        paused=paused,
        options=[(str(service.id), service.name) for service in taking],
        pauses=[(days, _(label)) for days, label in PAUSES.items()],
        sentence=i18n.sentence,
        values=values or {"days": 14, "service": [str(taking[0].id)] if len(taking) == 1 else []},
        errors=errors,
    )
    return (page, HTTPStatus.UNPROCESSABLE_ENTITY) if errors else page
