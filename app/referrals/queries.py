from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Select, exists, false, func, select
from sqlalchemy.orm import aliased

from app import clock
from app.db import session
from app.directory.models import Organization, Service
from app.matching.records import Record
from app.patients.models import Patient
from app.referrals import words
from app.referrals.closing import Says
from app.referrals.lifecycle import OPEN, Status
from app.referrals.models import PatientReport, Referral, Transition
from app.screening.models import Need
from app.staff.models import StaffMember
from app.staff.permissions import Action, Relation, relation

NEVER_SENT = (Status.DRAFT, Status.ENTERED_IN_ERROR)


def visible_to(staff: StaffMember, action: Action = Action.SEE_REFERRAL) -> Select[Referral]:
    """The referrals to which `staff` may do `action`; every other query of referrals starts here.

    An agency sees what was really sent to it: no draft, and nothing sent by mistake.
    """
    everything = select(Referral)
    held = relation(staff.role, action)
    if held is Relation.TEAM and staff.team_id is not None:
        return everything.join(Patient, Patient.id == Referral.patient_id).where(Patient.team_id == staff.team_id)
    if held is Relation.RECIPIENT and staff.organization_id is not None:
        return everything.where(Referral.organization_id == staff.organization_id, Referral.status.not_in(NEVER_SENT))
    if held is Relation.NETWORK:
        return everything
    return everything.where(false())


def referral_for(staff: StaffMember, referral_id: uuid.UUID, action: Action = Action.SEE_REFERRAL) -> Referral | None:
    return session.scalar(visible_to(staff, action).where(Referral.id == referral_id))


@dataclass(frozen=True)
class Row:
    """A referral with what a list of referrals shows."""

    referral: Referral
    patient: Patient
    need: Need
    service: Service
    organization: Organization


def rows(of: Select[Referral]) -> list[Row]:
    """These referrals with all that a list shows, newest first."""
    chosen = of.with_only_columns(Referral.id).subquery()
    return [
        Row(*row)
        for row in session.execute(
            select(Referral, Patient, Need, Service, Organization)
            .join(chosen, chosen.c.id == Referral.id)
            .join(Patient, Patient.id == Referral.patient_id)
            .join(Need, Need.id == Referral.need_id)
            .join(Service, Service.id == Referral.service_id)
            .join(Organization, Organization.id == Referral.organization_id)
            .order_by(Referral.created_at.desc())
        )
    ]


def standing(referral: Referral, patient: Patient) -> words.Standing:
    """Where a referral stands now, in one line; days are those of the patient."""
    now = clock.now()
    return words.standing(
        referral.status,
        referral.patient_says,
        referral.reason_code,
        words.Times(referral.sent_at, referral.seen_at, referral.promised_by, referral.asked_out_at),
        name=patient.given_name,
        now=now,
        today=now.astimezone(ZoneInfo(patient.time_zone)).date(),
    )


def row_for(staff: StaffMember, referral_id: uuid.UUID) -> Row | None:
    found = rows(visible_to(staff).where(Referral.id == referral_id))
    return found[0] if found else None


def of_patient(staff: StaffMember, patient_id: uuid.UUID) -> list[Row]:
    """All referrals of one patient, newest first."""
    return rows(visible_to(staff).where(Referral.patient_id == patient_id))


def inbox(staff: StaffMember, statuses: Collection[Status] = tuple(Status), limit: int = 200) -> list[Row]:
    """What an agency has received and where it stands so, newest first."""
    received = visible_to(staff, Action.SEE_INBOX).where(Referral.status.in_(statuses))
    return rows(received.order_by(Referral.created_at.desc()).limit(limit))


def inbox_counts(staff: StaffMember) -> dict[Status, int]:
    """How many an agency has received, by where they stand."""
    received = visible_to(staff, Action.SEE_INBOX).with_only_columns(Referral.status, func.count())
    return dict(session.execute(received.group_by(Referral.status)).all())


def open_of_patient(patient_id: uuid.UUID) -> Sequence[Referral]:
    """For the platform itself: it asks for nobody's permission."""
    return session.scalars(
        select(Referral).where(Referral.patient_id == patient_id, Referral.status.in_(OPEN)).order_by(Referral.sent_at)
    ).all()


def voices_of_need(need_id: uuid.UUID) -> list[tuple[Status, Says | None]]:
    """For each referral of a need: its status and what the patient says of it."""
    return [
        (status, says)
        for status, says in session.execute(
            select(Referral.status, Referral.patient_says).where(Referral.need_id == need_id)
        )
    ]


def services_tried(need_id: uuid.UUID) -> list[Referral]:
    """Every referral of this need so far, oldest first: what has been tried is not offered again unasked."""
    return list(session.scalars(select(Referral).where(Referral.need_id == need_id).order_by(Referral.created_at)))


def reports(referral_id: uuid.UUID) -> Sequence[PatientReport]:
    """What the patient said, oldest first."""
    return session.scalars(
        select(PatientReport).where(PatientReport.referral_id == referral_id).order_by(PatientReport.at)
    ).all()


ANSWERED_IN_TIME = timedelta(days=4)
"""Four days of the calendar: two to four business days, whichever weekday it was sent on."""


def agency_records() -> list[Record]:
    """What became of the referrals that each organization received for each need. For the platform itself."""
    answer = aliased(Transition)
    in_time = (
        exists()
        .where(
            answer.referral_id == Referral.id,
            answer.old == Status.REQUESTED,
            answer.new.in_((Status.ACCEPTED, Status.REJECTED)),
            answer.at <= Referral.sent_at + ANSWERED_IN_TIME,
        )
        .correlate(Referral)
    )
    rows = session.execute(
        select(
            Referral.organization_id,
            Need.kind,
            func.count(),
            func.count().filter(in_time),
            func.count().filter(Referral.patient_says == Says.GOT_HELP),
        )
        .join(Need, Need.id == Referral.need_id)
        .where(Referral.status.not_in(NEVER_SENT))
        .group_by(Referral.organization_id, Need.kind)
    )
    return [Record(*row) for row in rows]
