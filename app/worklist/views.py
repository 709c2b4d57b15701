from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from sqlalchemy.exc import OperationalError
from werkzeug.wrappers import Response

from app import clock, forms
from app.config import settings
from app.db import session
from app.errors import NotFound
from app.i18n import ago, clock_time, day, marked, sentence
from app.i18n import gettext as _
from app.needs.vocabulary import NEEDS
from app.patients import pauses
from app.patients import queries as patients
from app.patients.models import Patient, Pause
from app.referrals import queries as referrals
from app.referrals.queries import Row
from app.staff import queries as staff_queries
from app.staff.access import allow, me
from app.staff.models import StaffMember
from app.staff.permissions import Action, may
from app.worklist import navigation, operations, paging, queries, words
from app.worklist.kinds import Kind
from app.worklist.queries import Finished, Scope

bp = Blueprint("worklist", __name__)

FINISHED = {
    "done": marked("Done. It is off the list."),
    "not-reached": marked("Written down. It comes back on the next working day."),
    "not-needed": marked("It is off the list."),
}


@bp.get("/today")
@allow(Action.SEE_TODAY)
def today() -> str:
    """What has to be done: by default one's own, and a lead's whole team's. `who`, `kind`, `overdue`, `page` choose."""
    asked = _asked()
    listing = queries.listing(me(), asked, forms.page_number(request.args.get("page")))
    return render_template(
        "worklist/today.html",
        listing=listing,
        moving=[_as_row(row) for row in queries.moving(me())],
        paused=[_as_paused(patient, pause) for patient, pause in patients.paused_patients(me())],
        date=day(clock.now(), queries.zone_of(me())),
        tabs=_tabs(asked),
        filters=_filters() if may(me().role, Action.LEAD_TEAM) else None,
        earlier=_same_list(listing.page - 1) if listing.page > 1 else "",
        later=_same_list(listing.page + 1) if listing.last < listing.total else "",
    )


def _asked() -> Scope:
    """Which part of the work is asked for; what makes no sense is not asked for."""
    who = request.args.get("who", "")
    scope = {"mine": Scope(owner_id=me().id), "team": queries.EVERYTHING}.get(who) or queries.scope_of(me())
    if may(me().role, Action.LEAD_TEAM) and who not in {"", "mine", "team"}:
        scope = next((Scope(owner_id=one.id) for one in queries.colleagues(me()) if str(one.id) == who), scope)
    kinds = frozenset(kind for kind in Kind if kind.value == request.args.get("kind"))
    return replace(scope, kinds=kinds, overdue=request.args.get("overdue") == "1")


def _same_list(page: int) -> str:
    chosen = {name: request.args.get(name) for name in ("who", "kind", "overdue")}
    return url_for(".today", who=chosen["who"], kind=chosen["kind"], overdue=chosen["overdue"], page=page)


def _tabs(asked: Scope) -> list[dict[str, Any]]:
    mine = Scope(owner_id=me().id)
    plain = not asked.kinds and not asked.overdue
    tabs = [
        (_("Mine"), mine, "mine"),
        (_("The whole team"), queries.EVERYTHING, "team"),
    ]
    return [
        {
            "href": url_for(".today", who=who),
            "label": label,
            "count": queries.count(me(), scope),
            "current": plain and asked == scope,
        }
        for label, scope, who in tabs
    ] + [{"href": url_for(".done"), "label": _("Done today"), "current": False}]


def _filters() -> dict[str, list[tuple[str, str]]]:
    return {
        "who": [("team", _("The whole team")), *((str(one.id), one.name) for one in queries.colleagues(me()))],
        "kind": [("", _("Every kind")), *((kind.value, _(words.KIND[kind])) for kind in Kind)],
    }


def _as_paused(patient: Patient, pause: Pause) -> dict[str, Any]:
    until = day(pause.until, queries.zone_of(me()))
    return {
        "href": url_for("loop.patient", patient_id=patient.id),
        "title": patient.name,
        "sub": _("%(why)s, until %(day)s", why=sentence(pauses.words(pause.why)), day=until),
    }


@bp.get("/today/done")
@allow(Action.SEE_TODAY)
def done() -> str:
    """What was finished today: by oneself, or in a lead's team."""
    leads = may(me().role, Action.LEAD_TEAM)
    finished = [_as_finished(one) for one in queries.finished_today(me(), None if leads else me().id)]
    return render_template("worklist/done.html", finished=finished, leads=leads)


def _as_finished(finished: Finished) -> dict[str, Any]:
    item, patient = finished.item, finished.patient
    return {
        "who": patient.name if patient else _("A number that belongs to no patient"),
        "href": url_for("loop.patient", patient_id=patient.id) if patient and patient.team_id == me().team_id else "",
        "what": _(words.KIND[item.kind]),
        "outcome": _(words.OUTCOME[item.outcome or "done"]),
        "by": finished.by,
        "time": clock_time(item.done_at, queries.zone_of(me())) if item.done_at else "",
        "note": item.note,
    }


def _as_row(row: Row) -> dict[str, Any]:
    standing = referrals.standing(row.referral, row.patient)
    return {
        "href": url_for("loop.referral", referral_id=row.referral.id),
        "title": row.patient.name,
        "sub": f"{_(NEEDS[row.need.kind].short_label)} · {row.organization.name}",
        "need": row.need.kind,
        "kind": standing.kind,
        "word": standing.words,
    }


@bp.post("/work/<uuid:item_id>/outcome")
@allow(Action.FINISH_WORK)
def finish(item_id: uuid.UUID) -> Response:
    """Say what came of it. `next` may say where to go on."""
    item = queries.item_for(me(), item_id)
    if item is None:
        raise NotFound(_("There is no such piece of work, or it is not your team's."))
    outcome = request.form.get("outcome", "")
    operations.finish(item, outcome, by=me(), note=request.form.get("note", ""))
    session.commit()
    flash(_(FINISHED[outcome]), "success")
    return redirect(forms.our_page(request.form.get("next", "")) or url_for(".today"), HTTPStatus.SEE_OTHER)


@bp.post("/work/<uuid:item_id>/taker")
@allow(Action.FINISH_WORK)
def take(item_id: uuid.UUID) -> Response:
    """Say “I am on it”, so that nobody else is paged."""
    item = queries.item_for(me(), item_id)
    if item is None:
        raise NotFound(_("There is no such piece of work, or it is not your team's."))
    paging.take(item, by=me())
    session.commit()
    flash(_("It is yours. Nobody else is paged about it."), "success")
    return redirect(forms.our_page(request.form.get("next", "")) or url_for(".today"), HTTPStatus.SEE_OTHER)


@bp.get("/more")
@allow(Action.SEE_ACCOUNT)
def more() -> str:
    rows = [
        {"href": url_for(entry.endpoint), "title": _(entry.label), "sub": _(entry.says)}
        for entry in navigation.entries(me().role, demo=settings().demo)
    ]
    return render_template("worklist/more.html", rows=rows)


@dataclass(frozen=True)
class PagingAlarm:
    """Something about paging that an administrator has to know; as the alarms of the page about texting."""

    title: str
    says: str
    kind: str = "needs_you"


def paging_alarms() -> list[PagingAlarm]:
    """What is wrong with paging, the worst first."""
    alarms, urgent = [], queries.urgent_untaken()
    if urgent.oldest:
        when = _("The oldest came %(ago)s.", ago=ago(urgent.oldest, clock.now()))
        unpaged = _("Nobody could be paged. Call the care team now.") if urgent.unpaged else ""
        says = f"{when} {unpaged}".strip()
        alarms.append(PagingAlarm(_("Urgent texts that nobody has taken: %(n)s", n=urgent.count), says))
    if not staff_queries.anybody_on_call() and not settings().urgent_fallback_phone:
        alarms.append(
            PagingAlarm(
                _("Nobody is on call"),
                _(
                    "When a text speaks of danger, only the person responsible is paged, if they have a phone here."
                    " Say who is on call."
                ),
            )
        )
    return alarms


@bp.app_context_processor
def _alarms() -> dict[str, Any]:
    """For the page about texting, which stands below this feature and cannot ask."""
    return {"paging_alarms": paging_alarms}


@bp.app_context_processor
def _places() -> dict[str, Any]:
    """The navigation of every page; an error page stands without it when the database is gone."""
    try:
        return {"navigation": _navigation(g.staff)} if g.get("staff") else {}
    except OperationalError:
        return {}


def _navigation(staff: StaffMember) -> list[dict[str, Any]]:
    here = navigation.current(staff.role, request.endpoint or "")
    waits = _waits(staff)
    return [
        {
            "href": url_for(place.endpoint),
            "label": _(place.label),
            "icon": place.icon,
            "current": place is here,
            "count": waits.get(place.endpoint, 0),
        }
        for place in navigation.PLACES[staff.role]
    ]


def _waits(staff: StaffMember) -> dict[str, int]:
    """By endpoint, how much waits there."""
    if staff.organization_id:
        return {"inbox.inbox": queries.count_unanswered(staff)}
    if staff.team_id:
        waiting = queries.count_waiting(staff)
        return {"worklist.today": waiting.work, "loop.messages": waiting.texts}
    return {}
