from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from sqlalchemy.exc import OperationalError
from werkzeug.wrappers import Response

from app import clock, forms
from app.config import settings
from app.db import session
from app.errors import NotFound
from app.i18n import day, marked
from app.i18n import gettext as _
from app.needs.vocabulary import NEEDS
from app.referrals import queries as referrals
from app.referrals.queries import Row
from app.staff.access import allow, me
from app.staff.models import StaffMember
from app.staff.permissions import Action
from app.worklist import navigation, operations, queries

bp = Blueprint("worklist", __name__)

FINISHED = {
    "done": marked("Done. It is off the list."),
    "not-reached": marked("Written down. It comes back on the next working day."),
    "not-needed": marked("It is off the list."),
}


@bp.get("/today")
@allow(Action.SEE_TODAY)
def today() -> str:
    moving = [_as_row(row) for row in queries.moving(me())]
    date = day(clock.now(), queries.zone_of(me()))
    return render_template("worklist/today.html", cards=queries.cards(me()), moving=moving, date=date)


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
    operations.finish(item, outcome, by=me())
    session.commit()
    flash(_(FINISHED[outcome]), "success")
    return redirect(forms.our_page(request.form.get("next", "")) or url_for(".today"), HTTPStatus.SEE_OTHER)


@bp.get("/more")
@allow(Action.SEE_ACCOUNT)
def more() -> str:
    rows = [
        {"href": url_for(entry.endpoint), "title": _(entry.label), "sub": _(entry.says)}
        for entry in navigation.entries(me().role, demo=settings().demo)
    ]
    return render_template("worklist/more.html", rows=rows)


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
        return {"referrals.inbox": queries.count_unanswered(staff)}
    if staff.team_id:
        waiting = queries.count_waiting(staff)
        return {"worklist.today": waiting.work, "loop.messages": waiting.texts}
    return {}
