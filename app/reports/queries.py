from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, TypeVarTuple

from sqlalchemy import ColumnElement, Date, Select, Text, cast, func, select, tuple_

from app.db import session
from app.directory.models import Organization, Service
from app.patients.models import Patient
from app.referrals.closing import Says
from app.referrals.lifecycle import Status
from app.referrals.models import Promise, Referral
from app.referrals.promises import COUNTED, Kept
from app.referrals.queries import Row, visible_to
from app.reports import measures
from app.reports.measures import Measure, State
from app.screening.models import Need
from app.staff.models import StaffMember
from app.staff.permissions import Action

PAGE = 50

Ts = TypeVarTuple("Ts")


class Dimension(StrEnum):
    """What the numbers can be broken down by."""

    NEED = "need"
    LANGUAGE = "language"
    AGENCY = "agency"
    WEEK = "week"


# A week begins on Monday where the patient lives.
_KEYS: dict[Dimension, ColumnElement[Any]] = {
    Dimension.NEED: Need.kind.expression,
    Dimension.LANGUAGE: Patient.language.expression,
    Dimension.AGENCY: Referral.organization_id.expression,
    Dimension.WEEK: cast(func.date_trunc("week", func.timezone(Patient.time_zone, Referral.sent_at)), Date),
}

_NOTHING_SAID = ""
_STATE: tuple[ColumnElement[Any], ...] = (
    cast(Referral.status, Text),
    func.coalesce(cast(Referral.patient_says, Text), _NOTHING_SAID),
    Referral.sent_at.is_not(None),
    Referral.seen_at.is_not(None),
    Referral.accepted_at.is_not(None),
    Referral.asked_out_at.is_not(None),
)


@dataclass(frozen=True)
class Slice:
    """A part of the referrals: those with every value that is given."""

    need: str | None = None
    language: str | None = None
    agency: uuid.UUID | None = None
    week: date | None = None

    def values(self) -> dict[Dimension, Any]:
        given = {dimension: getattr(self, dimension.value) for dimension in Dimension}
        return {dimension: value for dimension, value in given.items() if value is not None}


EVERYTHING = Slice()


@dataclass(frozen=True)
class Tally:
    """How many of some referrals each measure counts, by its code."""

    counts: Counter[str]

    def __getitem__(self, measure: Measure[State]) -> int:
        return self.counts[measure.code]

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.counts + other.counts)


def _of(columns: Select[*Ts], staff: StaffMember, action: Action, part: Slice) -> Select[*Ts]:
    visible = visible_to(staff, action).with_only_columns(Referral.id).subquery()
    chosen = (
        columns.select_from(Referral)
        .join(visible, visible.c.id == Referral.id)
        .join(Patient, Patient.id == Referral.patient_id)
        .join(Need, Need.id == Referral.need_id)
    )
    return chosen.where(*(_KEYS[dimension] == value for dimension, value in part.values().items()))


def tallies(staff: StaffMember, by: Dimension, part: Slice = EVERYTHING) -> dict[Any, Tally]:
    """The measures for each value of `by` under which something was sent."""
    key = _KEYS[by].label("key")
    rows = session.execute(
        _of(select(key, *_STATE, func.count()), staff, Action.SEE_NUMBERS, part).group_by(key, *_STATE)
    )
    found: dict[Any, Counter[str]] = {}
    for value, *values, n in rows:
        tally = found.setdefault(value, Counter())
        for code in _counted(_state(values)):
            tally[code] += n
    return {value: Tally(tally) for value, tally in found.items() if tally[measures.SENT.code]}


def tally(staff: StaffMember, part: Slice = EVERYTHING) -> Tally:
    """The measures for all of the referrals whose numbers `staff` may see."""
    rows = session.execute(_of(select(*_STATE, func.count()), staff, Action.SEE_NUMBERS, part).group_by(*_STATE))
    counts: Counter[str] = Counter()
    for *values, n in rows:
        for code in _counted(_state(values)):
            counts[code] += n
    return Tally(counts)


def _state(values: list[Any]) -> State:
    status, says, *flags = values
    return State(Status(status), Says(says) if says else None, *flags)


def _counted(state: State) -> list[str]:
    return [code for code, measure in measures.OF_REFERRALS.items() if measure.counts(state)]


def counted_by(measure: Measure[State]) -> ColumnElement[bool]:
    """The measure as SQL: the referral is in one of the states that it counts."""
    states = [
        (
            state.status.value,
            state.says.value if state.says else _NOTHING_SAID,
            state.sent,
            state.seen,
            state.accepted,
            state.asked_out,
        )
        for state in measures.states()
        if measure.counts(state)
    ]
    return tuple_(*_STATE).in_(states)


def needs_met(staff: StaffMember) -> int:
    """How many of the needs for which something was sent are met."""
    statuses = session.scalars(
        _of(select(Need.status), staff, Action.SEE_NUMBERS, EVERYTHING)
        .where(counted_by(measures.SENT))
        .group_by(Need.id)
    )
    return sum(measures.NEEDS_MET.counts(status.value) for status in statuses)


def promises(staff: StaffMember) -> Counter[Kept]:
    """What became of the promises whose day has come, or that were kept before it."""
    rows = session.execute(
        _of(select(Promise.kept, func.count()), staff, Action.SEE_NUMBERS, EVERYTHING)
        .join(Promise, Promise.referral_id == Referral.id)
        .where(counted_by(measures.SENT), Promise.kept.in_(COUNTED))
        .group_by(Promise.kept)
    )
    return Counter({kept: n for kept, n in rows if kept})


def first_sent(staff: StaffMember) -> datetime | None:
    """Since when there is something to count."""
    return session.scalar(
        _of(select(func.min(Referral.sent_at)), staff, Action.SEE_NUMBERS, EVERYTHING).where(counted_by(measures.SENT))
    )


def behind(staff: StaffMember, measure: Measure[State], part: Slice = EVERYTHING, *, page: int = 1) -> list[Row]:
    """The referrals that a number counts, sent last first, fifty a page; nobody's for who may only see numbers."""
    chosen = _of(select(Referral, Patient, Need, Service, Organization), staff, Action.SEE_REFERRAL, part)
    return [
        Row(*row)
        for row in session.execute(
            chosen.join(Service, Service.id == Referral.service_id)
            .join(Organization, Organization.id == Referral.organization_id)
            .where(counted_by(measure))
            .order_by(Referral.sent_at.desc(), Referral.id)
            .limit(PAGE)
            .offset(PAGE * (page - 1))
        )
    ]


def agency_names(agency_ids: set[uuid.UUID]) -> dict[uuid.UUID, str]:
    rows = session.execute(select(Organization.id, Organization.name).where(Organization.id.in_(agency_ids)))
    return {row.id: row.name for row in rows}
