from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Select, and_, false, func, or_, select

from app import clock
from app.db import session
from app.patients import names, phones
from app.patients.models import Consent, ConsentKind, Patient, PatientPhone
from app.staff.models import StaffMember
from app.staff.permissions import Action, Relation, relation

MOST_FOUND = 30


def visible_to(staff: StaffMember, action: Action = Action.SEE_PATIENT) -> Select[Patient]:
    """The patients to whom `staff` may do `action`; every other query of patients starts here."""
    everyone = select(Patient)
    if relation(staff.role, action) is Relation.TEAM and staff.team_id is not None:
        return everyone.where(Patient.team_id == staff.team_id)
    return everyone.where(false())


def patient_for(staff: StaffMember, patient_id: uuid.UUID, action: Action = Action.SEE_PATIENT) -> Patient | None:
    return session.scalar(visible_to(staff, action).where(Patient.id == patient_id))


def find(staff: StaffMember, typed: str) -> Sequence[Patient]:
    """Patients whose name begins like each word typed, or whose phone or birth date it is; at most 30, by name."""
    wanted = visible_to(staff, Action.FIND_PATIENTS).order_by(Patient.search_name, Patient.id).limit(MOST_FOUND)
    if number := _as_phone(typed):
        return session.scalars(
            wanted.where(
                Patient.id.in_(
                    select(PatientPhone.patient_id).where(
                        PatientPhone.number == number, PatientPhone.ended_at.is_(None)
                    )
                )
            )
        ).all()
    if born := _as_date(typed):
        return session.scalars(wanted.where(Patient.birth_date == born)).all()
    for word in names.fold(typed).split()[:5]:
        wanted = wanted.where(
            or_(
                Patient.search_name.startswith(word, autoescape=True),
                Patient.search_name.contains(f" {word}", autoescape=True),
            )
        )
    return session.scalars(wanted).all()


def _as_phone(typed: str) -> str | None:
    if sum(char.isdigit() for char in typed) < 10:  # noqa: PLR2004  digits of a US number
        return None
    try:
        return phones.e164(typed)
    except phones.NotAPhone:
        return None


def _as_date(typed: str) -> date | None:
    try:
        return date.fromisoformat(typed.strip())
    except ValueError:
        return None


def these(staff: StaffMember, ids: Sequence[uuid.UUID]) -> Sequence[Patient]:
    """Those of these patients whom `staff` may find, by name."""
    wanted = visible_to(staff, Action.FIND_PATIENTS).where(Patient.id.in_(ids))
    return session.scalars(wanted.order_by(Patient.search_name, Patient.id)).all()


def recent(staff: StaffMember, limit: int = 12) -> Sequence[Patient]:
    """The patients registered last."""
    return session.scalars(
        visible_to(staff, Action.FIND_PATIENTS).order_by(Patient.created_at.desc()).limit(limit)
    ).all()


def possible_duplicates(  # noqa: PLR0913  what two records are compared by
    staff: StaffMember,
    *,
    given_name: str,
    family_name: str,
    birth_date: date,
    phone: str,
    besides: uuid.UUID | None = None,
) -> Sequence[Patient]:
    """Patients who may be the same person: born on the same day with a name in common, or a name and a phone in common.

    A warning, never a refusal: twins share a birth date and families share a phone.
    """
    folded = names.fold(f"{family_name} {given_name}").split()
    alike = or_(*[func.strpos(Patient.search_name, word) > 0 for word in folded]) if folded else false()
    number = _as_phone(phone)
    same_phone = (
        Patient.id.in_(
            select(PatientPhone.patient_id).where(PatientPhone.number == number, PatientPhone.ended_at.is_(None))
        )
        if number
        else false()
    )
    wanted = visible_to(staff, Action.FIND_PATIENTS).where(
        and_(alike, or_(Patient.birth_date == birth_date, same_phone))
    )
    if besides:
        wanted = wanted.where(Patient.id != besides)
    return session.scalars(wanted.order_by(Patient.search_name).limit(5)).all()


def current_phones(patient_id: uuid.UUID) -> Sequence[PatientPhone]:
    return session.scalars(
        select(PatientPhone)
        .where(PatientPhone.patient_id == patient_id, PatientPhone.ended_at.is_(None))
        .order_by(PatientPhone.added_at)
    ).all()


def patients_with_phone(number: str) -> Sequence[Patient]:
    """Everybody who can be reached under this number now. For the platform itself: it asks for nobody's permission."""
    return session.scalars(
        select(Patient)
        .join(PatientPhone, PatientPhone.patient_id == Patient.id)
        .where(PatientPhone.number == number, PatientPhone.ended_at.is_(None))
        .order_by(Patient.created_at)
    ).all()


def has_consent(patient_id: uuid.UUID, kind: ConsentKind) -> bool:
    """Whether the newest consent of this kind was given and has not run out."""
    newest = session.scalar(
        select(Consent)
        .where(Consent.patient_id == patient_id, Consent.kind == kind)
        .order_by(Consent.entry.desc())
        .limit(1)
    )
    return newest is not None and newest.given and (newest.until is None or newest.until > clock.now())


def consents(patient_id: uuid.UUID) -> Sequence[Consent]:
    """All that was ever agreed or refused, newest first."""
    return session.scalars(select(Consent).where(Consent.patient_id == patient_id).order_by(Consent.entry.desc())).all()


@dataclass(frozen=True)
class Reach:
    """How a patient may be texted now: the phone, or else why not."""

    phone: str | None
    why_not: str | None = None
    """no-consent, text-nothing, no-phone."""


def reach(patient: Patient) -> Reach:
    """Whether and where this patient may be texted, by consent and by the safe-contact plan."""
    if patient.safe_contact and patient.safe_contact.text_nothing:
        return Reach(None, "text-nothing")
    if not has_consent(patient.id, ConsentKind.TEXT):
        return Reach(None, "no-consent")
    numbers = current_phones(patient.id)
    return Reach(numbers[0].number) if numbers else Reach(None, "no-phone")
