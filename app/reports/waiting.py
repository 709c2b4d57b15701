"""Reads from the rows how long referrals waited and who saw to it, for `measures` to count: here and in simulations."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import aliased

from app import clock
from app.config import settings
from app.db import among, session
from app.directory import queries as directory
from app.loop import operations as loop
from app.loop.models import Clock, Takeover
from app.matching import queries as matching
from app.patients.models import Patient, Pause
from app.referrals.lifecycle import OPEN, Actor, Status
from app.referrals.models import Appointment, Referral, Transition
from app.reports import stays
from app.reports.measures import Measure
from app.reports.stays import Judged, Network, Stay, Task
from app.screening.models import Need
from app.worklist.models import WorkItem

AT_ONCE = 2000
"""Referrals whose stays are read together."""


@dataclass(frozen=True)
class Waiting:
    """Whether anybody was left waiting, over some referrals."""

    judged: Sequence[Judged]
    open: int
    """Referrals that somebody still has to say something about."""
    orphans: int
    """Of those, the ones without a live clock. There must be none."""

    def count(self, measure: Measure[Judged]) -> int:
        return sum(measure.counts(one) for one in self.judged)

    def share(self, measure: Measure[Judged]) -> float:
        """From 0 to 1; 1 where there was nothing to count it over."""
        over = self.count(measure.over) if measure.over else len(self.judged)
        return self.count(measure) / over if over else 1.0


def waiting(of: Select[Referral], since: datetime) -> Waiting:
    """What can be said now of those of these referrals that were sent after `since`, and of every open one."""
    network = Network(loop.overrides(), settings().days_off)
    sent = of.with_only_columns(Referral.id).where(
        Referral.sent_at >= since, Referral.status != Status.ENTERED_IN_ERROR
    )
    ids = session.scalars(sent.order_by(None)).all()
    judged: list[Judged] = []
    for start in range(0, len(ids), AT_ONCE):
        judged += stays.judge(_stays(ids[start : start + AT_ONCE]), clock.now(), network)
    return Waiting(judged, _count(_open(of)), orphans(of))


def orphans(of: Select[Referral]) -> int:
    """How many of these referrals are open and have no live clock."""
    live = select(Clock.id).where(Clock.referral_id == Referral.id, Clock.ended_at.is_(None))
    return _count(_open(of).where(~live.exists()))


def _open(of: Select[Referral]) -> Select[Referral]:
    being_asked = and_(
        Referral.status == Status.COMPLETED, Referral.patient_says.is_(None), Referral.asked_out_at.is_(None)
    )
    return of.where(or_(Referral.status.in_(OPEN), being_asked))


def _count(of: Select[Referral]) -> int:
    return session.scalar(of.with_only_columns(func.count(Referral.id)).order_by(None)) or 0


class _Row(NamedTuple):
    referral_id: uuid.UUID
    service_id: uuid.UUID
    organization_id: uuid.UUID
    patient_id: uuid.UUID
    need: str
    urgent: bool
    patient_zone: str
    said_at: datetime | None
    asked_out_at: datetime | None
    status: Status
    since: datetime
    until: datetime | None
    actor: Actor | None
    said_by: Actor | None
    instead: bool


def _stays(ids: Sequence[uuid.UUID]) -> Iterator[Stay]:
    rows = [_Row(*tuple(row)) for row in session.execute(_steps(ids))]
    zones = matching.zones_of({row.service_id for row in rows})
    tasks, visits = _tasks(ids), _visits(ids)
    excused = _excused({row.patient_id for row in rows})
    for row in rows:
        yield Stay(
            status=row.status,
            since=row.since,
            until=row.until,
            answered=Actor.AGENCY in {row.actor, row.said_by},
            rerouted=row.instead and row.until is not None,
            organization_id=row.organization_id,
            need=row.need,
            urgent=row.urgent,
            agency_zone=zones.get(row.service_id, directory.UNPLACED),
            patient_zone=ZoneInfo(row.patient_zone),
            patient_said_at=row.said_at,
            asked_out_at=row.asked_out_at,
            visit_at=visits.get(row.referral_id),
            excused_until=excused.get(row.patient_id),
            tasks=tasks.get(row.referral_id, ()),
        )


def _steps(ids: Sequence[uuid.UUID]) -> Select[*tuple[Any, ...]]:
    """Each status that these referrals had, from when until when, and who ended it."""
    following, successor = aliased(Transition), aliased(Referral)
    return (
        select(
            Referral.id,
            Referral.service_id,
            Referral.organization_id,
            Referral.patient_id,
            Need.kind,
            Need.urgent,
            Patient.time_zone,
            Referral.patient_said_at,
            Referral.asked_out_at,
            Transition.new,
            Transition.at,
            following.at,
            following.actor,
            following.said_by,
            select(successor.id).where(successor.instead_of_id == Referral.id).exists(),
        )
        .join(Referral, Referral.id == Transition.referral_id)
        .join(Need, Need.id == Referral.need_id)
        .join(Patient, Patient.id == Referral.patient_id)
        .outerjoin(
            following,
            and_(following.referral_id == Transition.referral_id, following.number == Transition.number + 1),
        )
        .where(among(Transition.referral_id, ids))
        .order_by(Transition.referral_id, Transition.number)
    )


def _tasks(ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[Task]]:
    rows = session.execute(
        select(WorkItem.referral_id, WorkItem.kind, WorkItem.created_at, WorkItem.done_at)
        .where(among(WorkItem.referral_id, ids))
        .order_by(WorkItem.referral_id)
    )
    return {
        referral_id: [Task(kind, created_at, done_at) for _id, kind, created_at, done_at in group]
        for referral_id, group in groupby(rows, key=lambda row: row.referral_id)
        if referral_id
    }


def _visits(ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, datetime]:
    rows = session.execute(
        select(Appointment.referral_id, func.max(Appointment.starts_at))
        .where(among(Appointment.referral_id, ids))
        .group_by(Appointment.referral_id)
    )
    return {referral_id: starts_at for referral_id, starts_at in rows}  # noqa: C416  rows are no pairs to mypy


def _excused(patient_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, datetime]:
    """Until when somebody talked with these patients themselves, or let them alone."""
    talked = select(Takeover.patient_id, func.coalesce(Takeover.ended_at, Takeover.until).label("until"))
    alone = select(Pause.patient_id, func.coalesce(Pause.ended_at, Pause.until).label("until"))
    both = talked.union_all(alone).subquery()
    rows = session.execute(
        select(both.c.patient_id, func.max(both.c.until))
        .where(among(both.c.patient_id, patient_ids))
        .group_by(both.c.patient_id)
    )
    return {patient_id: until for patient_id, until in rows}  # noqa: C416  rows are no pairs to mypy
