from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ARRAY,
    CompoundSelect,
    Select,
    Uuid,
    any_,
    bindparam,
    cast,
    exists,
    false,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import aliased, joinedload

from app import clock
from app.db import session
from app.directory.models import DirectoryImport, Organization, Service
from app.matching.records import Record
from app.patients.models import Patient
from app.referrals import words
from app.referrals.closing import Says, Voices
from app.referrals.lifecycle import OPEN, Status
from app.referrals.models import PatientReport, Referral, Transition, WalkIn
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
            .options(joinedload(Referral.appointment))
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
        times(referral, patient.zone),
        name=patient.given_name,
        now=now,
        today=now.astimezone(patient.zone).date(),
    )


def times(referral: Referral, zone: ZoneInfo) -> words.Times:
    """What the line of a referral depends on beside both voices; days are those of `zone`."""
    appointment = referral.appointment
    return words.Times(
        referral.sent_at,
        referral.seen_at,
        referral.promised_by,
        referral.asked_out_at,
        appointment=appointment.starts_at.astimezone(zone) if appointment else None,
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


def open_of_patient(patient_id: uuid.UUID) -> Sequence[Referral]:
    """For the platform itself: it asks for nobody's permission."""
    return session.scalars(
        select(Referral).where(Referral.patient_id == patient_id, Referral.status.in_(OPEN)).order_by(Referral.sent_at)
    ).all()


def open_with(service_ids: Collection[uuid.UUID]) -> int:
    """How many referrals are open with these services, whoever may see them."""
    mine = Referral.service_id == any_(cast(list(service_ids), ARRAY(Uuid)))
    return session.scalar(select(func.count()).select_from(Referral).where(mine, Referral.status.in_(OPEN))) or 0


def no_longer_listed(staff: StaffMember) -> Select[Referral]:
    """Open referrals of the team's patients with services that their source lists no more; others may have to help."""
    gone = exists().where(Service.id == Referral.service_id, Service.withdrawn_at.is_not(None))
    return visible_to(staff, Action.SEE_MATCHES).where(Referral.status.in_(OPEN), gone)


@dataclass(frozen=True)
class Removed:
    """A service that is not listed any more, and how many referrals are open with it; nobody's name."""

    service: str
    organization: str
    referrals: int


def removed_by(import_id: uuid.UUID, limit: int = 50) -> list[Removed]:
    """The services that an import found withdrawn and somebody still waits for, those of most people first."""
    waiting = func.count(Referral.id)
    rows = session.execute(
        select(Service.name, Organization.name, waiting)
        .join(DirectoryImport, DirectoryImport.source == Service.source)
        .join(Referral, Referral.service_id == Service.id)
        .join(Organization, Organization.id == Service.organization_id)
        .where(
            DirectoryImport.id == import_id,
            Service.withdrawn_at >= DirectoryImport.started_at,
            or_(DirectoryImport.ended_at.is_(None), Service.withdrawn_at <= DirectoryImport.ended_at),
            Referral.status.in_(OPEN),
        )
        .group_by(Service.id, Service.name, Organization.name)
        .order_by(waiting.desc(), Service.name, Service.id)
        .limit(limit)
    )
    return [Removed(*row) for row in rows]


def cancelled_since(patient_id: uuid.UUID, moment: datetime) -> Sequence[Referral]:
    """What was cancelled for a patient at `moment` or later. For the platform itself."""
    return session.scalars(
        select(Referral).where(
            Referral.patient_id == patient_id, Referral.status == Status.CANCELLED, Referral.ended_at >= moment
        )
    ).all()


_NEED_ID = bindparam("need_id", type_=Uuid)
_WALKED_IN: Select[Any, Any, Any] = select(
    literal(Status.COMPLETED, Referral.status.type), literal(Says.GOT_HELP, Referral.patient_says.type), null()
).where(exists().where(WalkIn.need_id == _NEED_ID, WalkIn.got_help.is_(True)))
_VOICES: CompoundSelect[Any, Any, Any] = union_all(
    select(Referral.status, Referral.patient_says, Referral.outcome_code).where(Referral.need_id == _NEED_ID),
    _WALKED_IN,
)


def voices_of_need(need_id: uuid.UUID) -> list[Voices]:
    """For each referral of a need: its status, what the patient says of it, and what the agency says came of it.

    Help that came without a referral, and that the patient has confirmed, speaks as one that has served.
    """
    found = session.execute(_VOICES, {"need_id": need_id})
    return [(status, says, outcome) for status, says, outcome in found]


def taken_in(service_id: uuid.UUID, since: datetime) -> int:
    """How many of a service's places since then are taken: asked for or accepted, and not given back."""
    return session.scalar(_taken([service_id], since).with_only_columns(func.count())) or 0


def taken_lately(service_ids: Iterable[uuid.UUID], since: datetime) -> Sequence[tuple[uuid.UUID, datetime]]:
    """For each place taken since then at any of these services: which, and when, asked for or accepted."""
    last = func.greatest(Referral.sent_at, Referral.accepted_at)
    places = session.execute(_taken(service_ids, since).with_only_columns(Referral.service_id, last))
    return [(service_id, at) for service_id, at in places]


def _taken(service_ids: Iterable[uuid.UUID], since: datetime) -> Select[Referral]:
    given_back = (Status.REJECTED, Status.CANCELLED, Status.FAILED, *NEVER_SENT)
    return select(Referral).where(
        Referral.service_id.in_(list(service_ids)),
        Referral.status.not_in(given_back),
        or_(Referral.sent_at >= since, Referral.accepted_at >= since),
    )


def services_tried(need_id: uuid.UUID) -> list[Referral]:
    """Every referral of this need so far, oldest first: what has been tried is not offered again unasked."""
    return list(session.scalars(select(Referral).where(Referral.need_id == need_id).order_by(Referral.created_at)))


def group(group_id: uuid.UUID) -> Sequence[Referral]:
    """The referrals of one need that were sent together, oldest first."""
    return session.scalars(
        select(Referral).where(Referral.group_id == group_id).order_by(Referral.created_at, Referral.id)
    ).all()


def successor(referral_id: uuid.UUID) -> Referral | None:
    """The referral that followed this one by itself."""
    return session.scalar(select(Referral).where(Referral.instead_of_id == referral_id))


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
