from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import Select, select

from app.db import session
from app.patients import queries as patients
from app.patients.models import Patient
from app.screening.models import Need, Screening
from app.staff.models import StaffMember
from app.staff.permissions import Action


def visible_to(staff: StaffMember, action: Action = Action.CHANGE_NEED) -> Select[Need]:
    """The needs of the patients to whom `staff` may do `action`."""
    whose = patients.visible_to(staff, action).with_only_columns(Patient.id)
    return select(Need).where(Need.patient_id.in_(whose))


def need_for(staff: StaffMember, need_id: uuid.UUID, action: Action = Action.CHANGE_NEED) -> Need | None:
    return session.scalar(visible_to(staff, action).where(Need.id == need_id))


def screening_for(staff: StaffMember, screening_id: uuid.UUID) -> Screening | None:
    whose = patients.visible_to(staff, Action.SCREEN).with_only_columns(Patient.id)
    return session.scalar(select(Screening).where(Screening.id == screening_id, Screening.patient_id.in_(whose)))


def needs_of(patient_id: uuid.UUID) -> Sequence[Need]:
    """Every need of a patient, newest first."""
    return session.scalars(
        select(Need).where(Need.patient_id == patient_id).order_by(Need.found_at.desc(), Need.kind)
    ).all()


def screenings_of(patient_id: uuid.UUID) -> Sequence[Screening]:
    return session.scalars(
        select(Screening).where(Screening.patient_id == patient_id).order_by(Screening.started_at.desc())
    ).all()


def unfinished(patient_id: uuid.UUID) -> Screening | None:
    """A conversation that was begun and not completed: it can go on where it stopped."""
    return session.scalar(
        select(Screening)
        .where(Screening.patient_id == patient_id, Screening.completed_at.is_(None))
        .order_by(Screening.started_at.desc())
        .limit(1)
    )


def needs_from(screening_id: uuid.UUID) -> Sequence[Need]:
    return session.scalars(
        select(Need).where(Need.screening_id == screening_id).order_by(Need.urgent.desc(), Need.kind)
    ).all()
