"""What the pages of an inbox show of a referral, in words. A name stands there only while it is theirs to help."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import url_for

from app import clock, i18n
from app.db import session
from app.directory.models import Organization
from app.i18n import LANGUAGES
from app.i18n import gettext as _
from app.inbox import words as inbox_words
from app.inbox.queries import HELPING, Line
from app.needs.vocabulary import NEEDS
from app.patients.models import Patient
from app.referrals import answering, appointments, words
from app.referrals import queries as referrals
from app.referrals.lifecycle import ENDED, OPEN, Status
from app.referrals.models import Transition, WalkIn
from app.referrals.queries import Row
from app.staff.models import Team
from app.staff.queries import names

_WITH_NAME = frozenset({*HELPING, Status.ON_HOLD})


def card(line: Line, teams: Mapping[uuid.UUID, Team]) -> dict[str, Any]:
    """One card of the list."""
    row, stands = line.row, standing(line)
    return {
        "href": url_for("inbox.received", referral_id=row.referral.id),
        "move_href": url_for("inbox.move", referral_id=row.referral.id),
        "title": row.patient.short_name if row.referral.status in _WITH_NAME else answering.somebody(row),
        "need": row.need.kind,
        "sub": age_and_team(row, teams[row.patient.team_id]),
        "kind": stands.kind,
        "word": stands.words,
        "urgent": answering.how_urgent(row) if row.referral.status in OPEN else "",
        "language": LANGUAGES[row.patient.language].autonym,
        "service": row.service.name,
        "new": row.referral.status is Status.REQUESTED,
        "assigned_to": line.assigned_to,
        "fresh": line.fresh,
    }


def age_and_team(row: Row, team: Team) -> str:
    when = i18n.ago(row.referral.sent_at or row.referral.created_at, clock.now())
    return _("From %(team)s, %(when)s", team=team.name, when=when)


def standing(line: Line) -> words.Standing:
    """Where it stands; of what is new, by when it has to be answered."""
    row, now = line.row, clock.now()
    referral = row.referral
    if referral.status is Status.REQUESTED:
        return inbox_words.answer_by(line.due_at, now, line.zone, urgent=row.need.urgent)
    return words.received(
        referral.status,
        referral.reason_code,
        referrals.times(referral, line.zone),
        urgent=row.need.urgent,
        now=now,
        today=now.astimezone(row.patient.zone).date(),
    )


def life(row: Row, zone: ZoneInfo) -> list[dict[str, Any]]:
    """What happened, oldest first; hours are those of `zone`."""
    lived = [(step.at, _lived(step)) for step in row.referral.transitions]
    if row.referral.seen_at:
        lived.append(_happened(_("Opened by you"), row.referral.seen_at))
    for appointment in appointments.all_of(row.referral.id):
        when = i18n.when(appointment.starts_at, clock.now(), zone)
        lived.append(_happened(_("Appointment made: %(when)s", when=when), appointment.created_at))
        if appointment.ended_at:
            lived.append(_happened(_(inbox_words.BECAME[appointment.became]), appointment.ended_at))
    return [step for _at, step in sorted(lived, key=lambda one: one[0])]


def _happened(label: str, at: datetime) -> tuple[datetime, dict[str, Any]]:
    return at, {"state": "done", "label": label, **moment(at)}


def _lived(step: Transition) -> dict[str, Any]:
    said = words.reason(step.reason_code) if step.reason_code else ""
    if step.outcome_code:
        said = words.outcome(step.outcome_code)
    text = step.reason_text or step.outcome_text or ""
    return {
        "state": "ended" if step.new in ENDED and step.new is not Status.COMPLETED else "done",
        "label": i18n.sentence(words.status(step.new)),
        "text": i18n.sentence(": ".join(filter(None, (said, text)))),
        **moment(step.at),
    }


def moment(at: datetime) -> dict[str, str]:
    return {"when": i18n.ago(at, clock.now()), "at": at.isoformat()}


def walk_in(of: WalkIn) -> dict[str, Any]:
    """What the care team reads of somebody whom an agency has helped without a referral."""
    return {
        "patient": session.get_one(Patient, of.patient_id),
        "agency": session.get_one(Organization, of.organization_id).name,
        "need": _(NEEDS[of.need].short_label),
        "day": i18n.day(of.served_on),
        "recorded_by": names([of.by_id]).get(of.by_id, ""),
    }
