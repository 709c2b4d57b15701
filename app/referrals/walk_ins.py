"""Somebody comes to an agency without a referral.

The agency does not search patients: it writes down whom it has served, and hears the same words whether we know them
or not. Only when exactly one patient fits, who agreed that it may know of them, their care team is told.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from app import clock
from app.audit import operations as audit
from app.db import changed, session
from app.directory.queries import UNPLACED
from app.errors import DomainError, Forbidden, Invalid
from app.events import WalkInKnown, publish
from app.i18n import gettext as _
from app.needs.vocabulary import NEEDS
from app.patients import queries as patients
from app.patients.models import Patient
from app.referrals.closing import need_status
from app.referrals.models import WalkIn
from app.referrals.queries import voices_of_need
from app.screening import operations as screening
from app.screening.models import Need, NeedStatus
from app.staff.models import StaffMember
from app.staff.permissions import Action, Relation, relation

OLDEST = timedelta(days=31)
_ANSWERED = (NeedStatus.MET, NeedStatus.DECLINES_HELP, NeedStatus.WITHDRAWN)


@dataclass(frozen=True)
class Person:
    """Who it was, as they said themselves."""

    given_name: str
    family_name: str
    birth_date: date
    phone: str


def record(key: uuid.UUID, need: str, served_on: date, person: Person | None, *, by: StaffMember) -> None:
    """Count somebody whom the organization of `by` has served without a referral.

    :param key: made when the form was shown, so that sending it twice counts once.
    :param person: only when they agreed that their care team hears of it.
    :raises Invalid: no such need, or a day to come or long past.
    """
    if by.organization_id is None:
        raise Forbidden(_("Only an organization can record whom it has served."))
    today = clock.now().astimezone(UNPLACED).date()
    if need not in NEEDS:
        raise Invalid({"need": _("Choose what they came for.")})
    if not today - OLDEST <= served_on <= today:
        raise Invalid({"served_on": _("Choose a day of the last month, today at the latest.")})
    patient = _the_one(person, by.organization_id) if person else None
    met = _need_of(patient, need) if patient else None
    kept = session.scalar(
        insert(WalkIn)
        .values(
            id=key,
            organization_id=by.organization_id,
            need=need,
            served_on=served_on,
            by_id=by.id,
            at=clock.now(),
            patient_id=patient.id if patient else None,
            need_id=met.id if met else None,
        )
        .on_conflict_do_nothing(index_elements=[WalkIn.id])
        .returning(WalkIn.id)
    )
    if kept is None:
        return
    audit.record("recorded a walk-in", "walk-in", kept, by=by.id, need=need)
    if patient:
        publish(WalkInKnown(kept))


def _the_one(person: Person, organization_id: uuid.UUID) -> Patient | None:
    found = patients.agreed_to_be_known(
        organization_id,
        given_name=person.given_name,
        family_name=person.family_name,
        birth_date=person.birth_date,
        phone=person.phone,
    )
    return found[0] if len(found) == 1 else None


def _need_of(patient: Patient, kind: str) -> Need | None:
    """The need that this may have met: the newest one of its kind that is not yet answered."""
    return session.scalar(
        select(Need)
        .where(Need.patient_id == patient.id, Need.kind == kind, Need.status.not_in(_ANSWERED))
        .order_by(Need.found_at.desc())
        .limit(1)
    )


def walk_in_for(staff: StaffMember, walk_in_id: uuid.UUID) -> WalkIn | None:
    """The walk-in of a patient of the team of `staff`; None for any other."""
    if relation(staff.role, Action.RECORD_ANSWER) is not Relation.TEAM:
        return None
    return session.scalar(
        select(WalkIn)
        .join(Patient, Patient.id == WalkIn.patient_id)
        .where(WalkIn.id == walk_in_id, Patient.team_id == staff.team_id)
    )


def confirm(walk_in: WalkIn, *, got_help: bool, by: StaffMember) -> None:
    """Write down what the patient says of it; when help came, the need is met.

    :raises DomainError: somebody has done so already. (409)
    """
    answered = {"got_help": got_help, "answered_at": clock.now(), "answered_by_id": by.id}
    if not changed(update(WalkIn).where(WalkIn.id == walk_in.id, WalkIn.answered_at.is_(None)).values(answered)):
        raise DomainError(_("Somebody else has already written this down."))
    audit.record("answered a walk-in", "walk-in", walk_in.id, by=by.id, got_help=got_help)
    if walk_in.need_id and got_help:
        need = screening.locked(walk_in.need_id)
        screening.derive_status(need, need_status(voices_of_need(need.id)))
