"""Pages about appointments, for the agency that makes them and for a care team that writes down what it was told."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import date, datetime
from http import HTTPStatus
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, flash, redirect, request, url_for
from werkzeug.wrappers import Response as Answer

from app import clock, forms, i18n
from app.db import session
from app.directory import queries as directory
from app.errors import Invalid, NotFound
from app.forms import Page
from app.i18n import gettext as _
from app.i18n import marked
from app.referrals import appointments, operations, queries, schemas
from app.referrals.lifecycle import Actor
from app.referrals.meetings import Became, Plan, Reply, Way
from app.referrals.models import Appointment, Referral
from app.staff.access import allow, me
from app.staff.permissions import Action

bp = Blueprint("appointments", __name__)


WAYS = {Way.IN_PERSON: marked("They come"), Way.BY_PHONE: marked("We call them")}
REPLY = {
    Reply.COMES: ("well", marked("They say that they will come.")),
    Reply.CANNOT_COME: ("needs_you", marked("They say that they cannot come. Please offer another time.")),
    Reply.NEEDS_RIDE: ("waiting", marked("They want to come and need a ride. The care team looks for one.")),
}
DONE = {
    "made": marked("Kept. They are told the time."),
    "moved": marked("Kept. They are told the new time."),
    "cancelled": marked("Called off. They are told."),
    "attended": marked("Kept."),
    "no-show": marked("Kept. The care team asks what happened."),
}


@bp.get("/referrals/<uuid:referral_id>/appointment")
@allow(Action.MOVE_REFERRAL)
def agree(referral_id: uuid.UUID) -> Page:
    """The form for a time, or for another one."""
    referral = _referral(referral_id)
    return _form(referral, _as_typed(referral), {})


@bp.post("/referrals/<uuid:referral_id>/appointments")
@allow(Action.MOVE_REFERRAL)
def schedule(referral_id: uuid.UUID) -> Answer | Page:
    referral = _referral(referral_id)
    before = appointments.ahead(referral.id)
    try:
        plan = plan_of(forms.load(schemas.AppointmentIn(), forms.nested(request.form)), zone_of(referral))
        appointment = appointments.schedule(referral, plan, by=me())
    except Invalid as invalid:
        errors = {"day" if field == "starts_at" else field: said for field, said in invalid.fields.items()}
        return _form(referral, request.form, errors)
    session.commit()
    done = DONE["moved"] if before and before.id == appointment.id else DONE["made"]
    flash(_(done), "success")
    return _back(referral)


@bp.post("/appointments/<uuid:appointment_id>/changes")
@allow(Action.MOVE_REFERRAL)
def change(appointment_id: uuid.UUID) -> Answer:
    """Call it off, or say whether they came."""
    appointment, referral = _appointment(appointment_id, Action.MOVE_REFERRAL)
    what = request.form.get("change", "")
    if what == Became.CANCELLED:
        appointments.cancel(appointment, by=me())
    elif what in {Became.ATTENDED, Became.NO_SHOW}:
        appointments.record_visit(appointment, came=what == Became.ATTENDED, by=me())
    else:
        raise Invalid({"change": _("Say what became of the appointment.")})
    session.commit()
    flash(_(DONE[what]), "success")
    return _back(referral)


@bp.post("/referrals/<uuid:referral_id>/promises")
@allow(Action.MOVE_REFERRAL)
def promise(referral_id: uuid.UUID) -> Answer:
    """Another day by which the agency will contact the patient."""
    referral = _referral(referral_id)
    data = forms.load(schemas.PromiseIn(), forms.nested(request.form))
    appointments.promise(referral, data["promised_by"], by=me())
    session.commit()
    flash(_("Kept. Until then nobody is called about it."), "success")
    return _back(referral)


@bp.get("/appointments/<uuid:appointment_id>/calendar")
@allow(Action.SEE_REFERRAL)
def calendar(appointment_id: uuid.UUID) -> Response:
    """The appointment as a file for a calendar."""
    appointment, _referral_of_it = _appointment(appointment_id, Action.SEE_REFERRAL)
    file = Response(appointments.calendar_file(appointment), mimetype="text/calendar")
    file.headers["Content-Disposition"] = "attachment; filename=appointment.ics"
    return file


def _referral(referral_id: uuid.UUID) -> Referral:
    referral = queries.referral_for(me(), referral_id, Action.MOVE_REFERRAL)
    if referral is None:
        raise NotFound(_("There is no such referral, or it is not yours to see."))
    return referral


def _appointment(appointment_id: uuid.UUID, action: Action) -> tuple[Appointment, Referral]:
    appointment = session.get(Appointment, appointment_id)
    referral = queries.referral_for(me(), appointment.referral_id, action) if appointment else None
    if appointment is None or referral is None:
        raise NotFound(_("There is no such appointment, or it is not yours to see."))
    return appointment, referral


def zone_of(referral: Referral) -> ZoneInfo:
    """On whose clock an appointment is typed and shown to staff."""
    return directory.time_zone(referral.service_at_location_id)


def plan_of(data: Mapping[str, Any], zone: ZoneInfo) -> Plan:
    """What was typed, on the clock of the place."""
    day: date = data["day"]
    return Plan(
        starts_at=datetime.combine(day, data["time"].replace(tzinfo=None), zone),
        way=data["way"],
        place=data["place"] or "",
        note=data["note"] or "",
    )


def _as_typed(referral: Referral) -> dict[str, str]:
    """What the form begins with: the time that is agreed, else the place that was asked."""
    appointment = appointments.ahead(referral.id)
    if appointment is None:
        place = directory.card(referral.service_at_location_id)
        return {"way": Way.IN_PERSON.value, "place": place.place if place and not place.confidential else ""}
    local = appointment.starts_at.astimezone(zone_of(referral))
    return {
        "day": local.date().isoformat(),
        "time": f"{local:%H:%M}",
        "way": appointment.way.value,
        "place": appointment.place,
        "note": appointment.note,
    }


def _form(referral: Referral, values: Mapping[str, Any], errors: Mapping[str, str]) -> Page:
    return forms.page(
        "referrals/appointment.html",
        referral=referral,
        ahead=appointments.ahead(referral.id),
        back=_back_to(referral),
        ways=[(way.value, _(words)) for way, words in WAYS.items()],
        values=values,
        errors=errors,
    )


def _back(referral: Referral) -> Answer:
    return redirect(_back_to(referral), HTTPStatus.SEE_OTHER)


def _back_to(referral: Referral) -> str:
    agency = operations.actor_of(me(), referral) is Actor.AGENCY
    return url_for("inbox.received" if agency else "loop.referral", referral_id=referral.id)


@bp.app_template_global("appointment_of")
def appointment_of(referral: Referral) -> dict[str, Any] | None:
    """The appointment of a referral as pages show it; None when there is none ahead."""
    appointment = appointments.ahead(referral.id)
    if appointment is None:
        return None
    zone = zone_of(referral)
    reply = REPLY.get(appointment.reply) if appointment.reply else None
    return {
        "id": appointment.id,
        "when": f"{i18n.day(appointment.starts_at, zone)}, {i18n.clock_time(appointment.starts_at, zone)}",
        "way": _(WAYS[appointment.way]),
        "place": appointment.place,
        "note": appointment.note,
        "over": appointment.starts_at <= clock.now(),
        "kind": reply[0] if reply else "",
        "reply": _(reply[1]) if reply else "",
    }


@bp.app_template_global("may_have_appointment")
def may_have_appointment(referral: Referral) -> bool:
    return referral.status in appointments.MAY_HAVE_ONE
