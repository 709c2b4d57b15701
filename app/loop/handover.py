"""Everything that one person answers for becomes another's, at once and with nothing left behind.

Locked as everywhere: patients, then referrals, so that what is sent or goes on meanwhile is seen when it is our turn.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, select, update
from sqlalchemy.orm import InstrumentedAttribute

from app import clock
from app.audit import operations as audit
from app.db import Base, session
from app.errors import Invalid
from app.i18n import gettext as _
from app.loop.models import Clock, Takeover
from app.patients.models import Patient
from app.referrals.lifecycle import OPEN
from app.referrals.models import Referral
from app.staff.models import StaffMember
from app.staff.permissions import Action, Relation, may, relation
from app.worklist.kinds import Kind
from app.worklist.models import WorkItem


@dataclass(frozen=True)
class Caseload:
    """How much somebody answers for."""

    patients: int
    referrals: int
    """Open ones; those that have ended go along, because a late answer has to reach somebody."""
    work: int
    conversations: int

    @property
    def anything(self) -> bool:
        return any((self.patients, self.referrals, self.work, self.conversations))


def caseload(staff_id: uuid.UUID, patient_ids: Collection[uuid.UUID] | None = None) -> Caseload:
    """What this person answers for; with `patient_ids`, only what is about these."""
    return Caseload(
        patients=_count(Patient, _theirs(Patient.lead_id, Patient.id, staff_id, patient_ids), Patient.ended.is_(None)),
        referrals=_count(
            Referral,
            _theirs(Referral.owner_id, Referral.patient_id, staff_id, patient_ids),
            Referral.status.in_(OPEN),
        ),
        work=_count(
            WorkItem,
            _theirs(WorkItem.owner_id, WorkItem.patient_id, staff_id, patient_ids),
            WorkItem.done_at.is_(None),
        ),
        conversations=_count(Takeover, _talking(staff_id, patient_ids)),
    )


def successors(of: StaffMember, *, by: StaffMember) -> Sequence[StaffMember]:
    """Who may answer for all this instead: somebody else of a care team who can sign in, those of the same one first.

    A lead gives to the own team only. Whoever sees to all teams gives to another one as well.
    """
    everywhere = relation(by.role, Action.HAND_OVER) is Relation.NETWORK
    same = StaffMember.team_id == of.team_id
    return session.scalars(
        select(StaffMember)
        .where(StaffMember.team_id.is_not(None) if everywhere else same, StaffMember.active, StaffMember.id != of.id)
        .order_by(~same, StaffMember.name, StaffMember.id)
    ).all()


def may_hand_over(of: StaffMember, *, by: StaffMember) -> bool:
    """A lead does so in the own team, an administrator everywhere; only care teams have patients."""
    if of.team_id is None or not may(by.role, Action.HAND_OVER):
        return False
    return relation(by.role, Action.HAND_OVER) is Relation.NETWORK or of.team_id == by.team_id


def patients_of(staff_id: uuid.UUID) -> Sequence[Patient]:
    """The patients this person answers for, by name."""
    return session.scalars(
        select(Patient).where(Patient.lead_id == staff_id, Patient.ended.is_(None)).order_by(Patient.search_name)
    ).all()


def hand_over(
    of: StaffMember, to: StaffMember, *, by: StaffMember, only: Collection[uuid.UUID] | None = None
) -> Caseload:
    """From now on `to` answers for what `of` answered for; what that was.

    In another team, that team cares for these patients from now on and the old one sees them no more; what `of` did
    about patients of others stays in the old team, with whoever answers for them.

    :param only: the patients to hand over, with all about them; by default everything.
    :raises Invalid: `to` cannot sign in, or is of another team and `by` does not see to both.
    """
    if to not in successors(of, by=by):
        raise Invalid({"to": _("Choose somebody else who can sign in and whom you may hand over to.")})
    # Whoever sends a request holds the patient, and whoever goes on to the next place the referral.
    session.execute(
        select(Patient.id)
        .where(_theirs(Patient.lead_id, Patient.id, of.id, only))
        .order_by(Patient.id)
        .with_for_update(key_share=True)
    )
    session.execute(
        select(Referral.id)
        .where(_theirs(Referral.owner_id, Referral.patient_id, of.id, only), Referral.status.in_(OPEN))
        .order_by(Referral.id)
        .with_for_update()
    )
    moved = caseload(of.id, only)
    if to.team_id != of.team_id:
        _leave_behind(of)
        _change_team(of, to, only)
    session.execute(update(Patient).where(_theirs(Patient.lead_id, Patient.id, of.id, only)).values(lead_id=to.id))
    session.execute(
        update(Referral).where(_theirs(Referral.owner_id, Referral.patient_id, of.id, only)).values(owner_id=to.id)
    )
    work = update(WorkItem).where(
        _theirs(WorkItem.owner_id, WorkItem.patient_id, of.id, only), WorkItem.done_at.is_(None)
    )
    # Who was paged about danger, or was on it, is no longer who answers for it: whoever does hears of it at once.
    anew = {"taken_at": None, "taken_by_id": None, "page_step": 0, "page_at": clock.now()}
    session.execute(work.where(WorkItem.kind == Kind.URGENT_TEXT).values(anew))
    session.execute(work.values(owner_id=to.id))
    session.execute(update(Takeover).where(_talking(of.id, only)).values(staff_id=to.id))
    audit.record(
        "handed over",
        "staff",
        of.id,
        by=by.id,
        to=str(to.id),
        everything=only is None,
        patients=moved.patients,
        referrals=moved.referrals,
        work=moved.work,
        conversations=moved.conversations,
    )
    return moved


def _leave_behind(of: StaffMember) -> None:
    """What `of` does about patients of others goes to those others; what is about nobody is anybody's in the team."""
    others = (Patient.lead_id != of.id, StaffMember.id == Patient.lead_id, StaffMember.active)
    for kind, owner in ((Referral, Referral.owner_id), (WorkItem, WorkItem.owner_id), (Takeover, Takeover.staff_id)):
        session.execute(
            update(kind)
            .where(owner == of.id, kind.patient_id == Patient.id, *others)
            .values({owner.key: Patient.lead_id})
            .execution_options(synchronize_session=False)
        )
    session.execute(
        update(WorkItem)
        .where(WorkItem.owner_id == of.id, WorkItem.patient_id.is_(None), WorkItem.done_at.is_(None))
        .values(owner_id=None)
    )


def _change_team(of: StaffMember, to: StaffMember, only: Collection[uuid.UUID] | None) -> None:
    """The patients of `of` become those of the team of `to`, with whatever anybody of the old team had about them.

    Work that is done goes along, because a list of it names them.
    """
    theirs = select(Patient.id).where(_theirs(Patient.lead_id, Patient.id, of.id, only)).scalar_subquery()
    work = update(WorkItem).where(WorkItem.patient_id.in_(theirs))
    session.execute(work.values(team_id=to.team_id))
    session.execute(work.where(WorkItem.done_at.is_(None)).values(owner_id=to.id))
    session.execute(work.where(WorkItem.done_at.is_(None), WorkItem.taken_by_id.is_not(None)).values(taken_by_id=to.id))
    session.execute(update(Referral).where(Referral.patient_id.in_(theirs)).values(owner_id=to.id))
    talking = and_(Takeover.ended_at.is_(None), Takeover.until > clock.now())
    session.execute(update(Takeover).where(Takeover.patient_id.in_(theirs), talking).values(staff_id=to.id))
    session.execute(update(Patient).where(_theirs(Patient.lead_id, Patient.id, of.id, only)).values(team_id=to.team_id))


def _theirs(
    owner: InstrumentedAttribute[Any],
    patient: InstrumentedAttribute[Any],
    staff_id: uuid.UUID,
    only: Collection[uuid.UUID] | None,
) -> ColumnElement[bool]:
    """Whether `owner` is this person, and `patient` one of those chosen."""
    return owner == staff_id if only is None else and_(owner == staff_id, patient.in_(only))


def _talking(staff_id: uuid.UUID, only: Collection[uuid.UUID] | None) -> ColumnElement[bool]:
    """The conversations that this person has now."""
    now = and_(Takeover.ended_at.is_(None), Takeover.until > clock.now())
    return and_(_theirs(Takeover.staff_id, Takeover.patient_id, staff_id, only), now)


def _count(kind: type[Base], *which: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(kind).where(*which)) or 0


# What must never be


@dataclass(frozen=True)
class Orphans:
    """Open referrals about which nothing would ever happen, or which nobody answers for. Both are 0, or it is a bug."""

    without_clock: int
    without_owner: int
    """Whose owner cannot sign in any more."""


def orphans() -> Orphans:
    """Of the whole network."""
    live = exists().where(Clock.referral_id == Referral.id, Clock.ended_at.is_(None))
    active = exists().where(StaffMember.id == Referral.owner_id, StaffMember.active)
    return Orphans(
        *session.execute(
            select(func.count().filter(~live), func.count().filter(~active))
            .select_from(Referral)
            .where(Referral.status.in_(OPEN))
        ).one()
    )
