"""The pages of leads and administrators: who answers for whom, how long may be waited, and what must never be."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app import clock, forms
from app.db import session
from app.directory import queries as directory
from app.errors import DomainError, Invalid, NotFound
from app.forms import Page
from app.i18n import ago, marked, ngettext
from app.i18n import gettext as _
from app.loop import clocks, handover, waits, words
from app.loop.clocks import Override, Step
from app.loop.waits import Kept
from app.needs.vocabulary import NEEDS
from app.patients.models import Patient
from app.staff import queries as staff
from app.staff.access import allow, me
from app.staff.models import StaffMember
from app.staff.permissions import Action, Relation, relation

bp = Blueprint("oversight", __name__)


# Handing over


@bp.get("/hand-over")
@allow(Action.HAND_OVER)
def caseloads() -> str:
    """Who answers for how much: in the own team, or for an administrator everywhere. Who has left comes first."""
    people = [person for person in staff.everybody() if handover.may_hand_over(person, by=me())]
    rows = [(person, handover.caseload(person.id)) for person in people]
    return render_template(
        "loop/caseloads.html",
        rows=[
            {
                "href": url_for(".hand_over", staff_id=person.id),
                "title": person.name,
                "sub": f"{person.team.name if person.team else ''} · {_how_much(load)}",
                "kind": "needs_you",
                "word": "" if person.active else _("has left"),
            }
            for person, load in sorted(rows, key=lambda row: (row[0].active, row[0].name))
            if person.active or load.anything
        ],
    )


def _how_much(load: handover.Caseload) -> str:
    return ", ".join(
        [
            ngettext("one patient", "%(n)s patients", load.patients),
            ngettext("one open referral", "%(n)s open referrals", load.referrals),
            ngettext("one thing to do", "%(n)s things to do", load.work),
            ngettext("one conversation", "%(n)s conversations", load.conversations),
        ]
    )


@bp.get("/people/<uuid:staff_id>/hand-over")
@allow(Action.HAND_OVER)
def hand_over(staff_id: uuid.UUID) -> Page:
    return _hand_over_page(_person(staff_id), {}, {})


@bp.post("/people/<uuid:staff_id>/hand-over")
@allow(Action.HAND_OVER)
def hand_over_now(staff_id: uuid.UUID) -> Response | Page:
    """Hand over to `to`: everything, or with `which=some` the patients chosen with `patient`."""
    of = _person(staff_id)
    try:
        to, only = _successor(of), _chosen(of)
        moved = handover.hand_over(of, to, by=me(), only=only)
    except Invalid as invalid:
        return _hand_over_page(of, request.form, invalid.fields)
    session.commit()
    flash(_("%(name)s answers from now on for: %(what)s.", name=to.name, what=_how_much(moved)), "success")
    return redirect(url_for(".hand_over", staff_id=of.id), HTTPStatus.SEE_OTHER)


def _successor(of: StaffMember) -> StaffMember:
    to = next((one for one in handover.successors(of, by=me()) if str(one.id) == request.form.get("to")), None)
    if to is None:
        raise Invalid({"to": _("Choose somebody else who can sign in and whom you may hand over to.")})
    return to


def _chosen(of: StaffMember) -> set[uuid.UUID] | None:
    """Which patients; None for everything."""
    if request.form.get("which") != "some":
        return None
    chosen = {patient.id for patient in _choosable(of) if str(patient.id) in request.form.getlist("patient")}
    if not chosen:
        raise Invalid({"patient": _("Choose at least one patient.")})
    return chosen


def _person(staff_id: uuid.UUID) -> StaffMember:
    person = staff.staff_by_id(staff_id)
    if person is None or not handover.may_hand_over(person, by=me()):
        raise NotFound(_("There is no such person, or not in your team."))
    return person


def _choosable(of: StaffMember) -> Sequence[Patient]:
    """Whom a lead may pick; an administrator sees no patients and hands over everything."""
    return handover.patients_of(of.id) if relation(me().role, Action.HAND_OVER) is Relation.TEAM else ()


def _named(one: StaffMember, of: StaffMember) -> str:
    """Somebody of another team with the name of that team: it cares for the patients from then on."""
    return one.name if one.team is None or one.team_id == of.team_id else f"{one.name} · {one.team.name}"


def _hand_over_page(of: StaffMember, values: Mapping[str, Any], errors: Mapping[str, str]) -> Page:
    load, to = handover.caseload(of.id), handover.successors(of, by=me())
    return forms.page(
        "loop/hand_over.html",
        person=of,
        load=load,
        to_options=[(one.id, _named(one, of)) for one in to],
        other_teams=any(one.team_id != of.team_id for one in to),
        patient_options=[(patient.id, patient.name) for patient in _choosable(of)],
        values=values or {"which": "all"},
        errors=errors,
    )


# How long may be waited


SECTIONS = (
    (marked("While nobody has answered"), ("draft", "requested")),
    (marked("When the need cannot wait"), ("urgent",)),
    (marked("After the agency has accepted"), ("accepted", "on-hold", "in-progress")),
    (marked("After the agency says served"), ("completed",)),
)


@bp.get("/clocks")
@allow(Action.SET_CLOCKS)
def waiting_times() -> Page:
    return _clocks_page({}, {})


@bp.post("/clocks")
@allow(Action.SET_CLOCKS)
def set_wait() -> Response | Page:
    try:
        waits.set_wait(_typed(), by=me())
    except Invalid as invalid:
        session.rollback()
        return _clocks_page(request.form, invalid.fields)
    session.commit()
    flash(_("Set. It holds for what begins to wait from now on."), "success")
    return redirect(url_for(".waiting_times"), HTTPStatus.SEE_OTHER)


MOST_NAMED = 5


def _organization(name: str) -> uuid.UUID:
    """The one that is called so, or, when no other is, that has these words in its name."""
    if exactly := staff.organization_named(name):
        return exactly
    found = directory.organizations(name, limit=MOST_NAMED)
    if len(found) == 1:
        return found[0].id
    if not found:
        raise Invalid({"organization": _("The directory has nobody of this name.")})
    names = "; ".join(one.name for one in found)
    raise Invalid({"organization": _("Which one do you mean: %(names)s?", names=names)})


LONGEST_NUMBER = 4


def _typed() -> Override:
    """What the form asks for; an amount that is no number is none.

    :raises Invalid: no agency of the directory, or several of them, are called so.
    """
    amount, name = request.form.get("amount", ""), request.form.get("organization", "").strip()
    organization_id = _organization(name) if name else None
    need = request.form.get("need")
    return Override(
        request.form.get("step", ""),
        int(amount) if amount.isdecimal() and len(amount) <= LONGEST_NUMBER else 0,
        organization_id,
        need if need in NEEDS else None,
    )


@bp.post("/clocks/<uuid:override_id>/removal")
@allow(Action.SET_CLOCKS)
def remove_wait(override_id: uuid.UUID) -> Response:
    try:
        waits.remove(override_id, by=me())
    except DomainError as refused:
        session.rollback()
        flash(refused.sentence, "error")
    else:
        session.commit()
        flash(_("Removed. What the table says holds again."), "success")
    return redirect(url_for(".waiting_times"), HTTPStatus.SEE_OTHER)


def _clocks_page(values: Mapping[str, str], errors: Mapping[str, str]) -> Page:
    kept = waits.kept()
    sections = [
        (_(title), [_step(step, kept) for status in statuses for step in _row(status)]) for title, statuses in SECTIONS
    ]
    return forms.page(
        "loop/clocks.html",
        sections=sections,
        steps=[(step["name"], step["words"]) for _title, steps in sections for step in steps],
        needs=[(code, _(known.label)) for code, known in NEEDS.items()],
        values=values,
        errors=errors,
    )


def _row(status: str) -> Sequence[Step]:
    if status == "urgent":
        return [step for row in clocks.URGENT.values() for step in row]
    # A step that stands in two rows is one and the same, and shown where it comes first.
    before = {step.name for row in list(clocks.STEPS)[: list(clocks.STEPS).index(status)] for step in clocks.STEPS[row]}
    return [step for step in clocks.STEPS[status] if step.name not in before]


def _step(step: Step, kept: Sequence[Kept]) -> dict[str, Any]:
    return {
        "name": step.name,
        "words": _(words.CLOCK_ROWS[step.name], wait=words.wait(step.wait.amount, step.wait.unit)),
        "others": [
            {
                "id": one.override.id,
                "whom": " · ".join(
                    filter(None, [one.organization, _(NEEDS[one.override.need].label) if one.override.need else ""])
                ),
                "wait": words.wait(one.override.amount, step.wait.unit),
                "by": _("set by %(name)s %(ago)s", name=one.by, ago=ago(one.override.set_at, clock.now())),
            }
            for one in kept
            if one.override.step == step.name
        ],
    }


# What must never be


@dataclass(frozen=True)
class Alarm:
    """Something about the loop that an administrator has to know; as the alarms of the page about texting."""

    title: str
    says: str
    kind: str = "needs_you"


def loop_alarms() -> list[Alarm]:
    """Open requests that nothing and nobody looks after."""
    found, alarms = handover.orphans(), []
    if found.without_clock:
        alarms.append(
            Alarm(
                _("Open referrals without a live clock: %(n)s", n=found.without_clock),
                _("Nothing would ever happen about them. Tell whoever runs Loopline."),
            )
        )
    if found.without_owner:
        alarms.append(
            Alarm(
                _("Open referrals whose owner has left: %(n)s", n=found.without_owner),
                _("Hand over what they answered for: under More, “Hand over”."),
            )
        )
    return alarms


@bp.app_context_processor
def _alarms() -> dict[str, Any]:
    """For the page about texting, which stands below this feature and cannot ask."""
    return {"loop_alarms": loop_alarms}
