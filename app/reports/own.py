"""The numbers of one organization, for itself and for those who pay for it: of its own referrals and no others'."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import aliased

from app.audit import operations as audit
from app.db import session
from app.directory.models import Organization, Service
from app.directory.queries import UNPLACED
from app.referrals.closing import Says
from app.referrals.lifecycle import Status
from app.referrals.models import Referral, Transition, WalkIn
from app.referrals.queries import visible_to
from app.reports.ledger import Entry
from app.screening.models import Need
from app.staff.models import StaffMember
from app.staff.permissions import Action

AT_ONCE = 500
"""Rows that are fetched at a time."""


@dataclass(frozen=True)
class Period:
    """Days, the last one included, by the clock of the network."""

    first: date
    last: date

    @property
    def begins(self) -> datetime:
        return datetime.combine(self.first, time(), UNPLACED)

    @property
    def ends(self) -> datetime:
        """The moment after its last day."""
        return datetime.combine(self.last + timedelta(days=1), time(), UNPLACED)


@dataclass(frozen=True)
class Count:
    """Of the referrals that were sent in a period."""

    sent: int = 0
    accepted: int = 0
    served: int = 0
    confirmed: int = 0
    """The patient says that help came, whatever the organization says."""
    closed: int = 0
    """Both say so."""

    def __add__(self, other: Count) -> Count:
        return Count(*(mine + theirs for mine, theirs in zip(self.values(), other.values(), strict=True)))

    def values(self) -> tuple[int, int, int, int, int]:
        return self.sent, self.accepted, self.served, self.confirmed, self.closed


@dataclass(frozen=True)
class Report:
    total: Count
    people: int
    """Different patients for whom somebody asked."""
    people_served: int
    by_need: dict[str, Count]
    answered: int
    median_answer: timedelta | None
    """From sending to the first yes or no."""
    walk_ins: Counter[str]
    """People who came without a referral, by need; none of them is counted above."""


def report(staff: StaffMember, period: Period) -> Report:
    """What became of what the organization of `staff` was sent in a period."""
    served, confirmed = Referral.status == Status.COMPLETED, Referral.patient_says == Says.GOT_HELP
    counts = (
        func.count(),
        func.count().filter(Referral.accepted_at.is_not(None)),
        func.count().filter(served),
        func.count().filter(confirmed),
        func.count().filter(and_(served, confirmed)),
    )
    received = _received(staff, period).join(Need, Need.id == Referral.need_id)
    by_need = {
        need: Count(*values)
        for need, *values in session.execute(
            received.with_only_columns(Need.kind, *counts, maintain_column_froms=True).group_by(Need.kind)
        )
    }
    people, people_served = session.execute(
        _received(staff, period).with_only_columns(
            func.count(Referral.patient_id.distinct()), func.count(Referral.patient_id.distinct()).filter(served)
        )
    ).one()
    answered, seconds = session.execute(_answer_times(staff, period)).one()
    walked = select(WalkIn.need, func.count()).where(
        WalkIn.organization_id == staff.organization_id, WalkIn.served_on.between(period.first, period.last)
    )
    return Report(
        total=sum(by_need.values(), Count()),
        people=people,
        people_served=people_served,
        by_need=by_need,
        answered=answered,
        median_answer=None if seconds is None else timedelta(seconds=float(seconds)),
        walk_ins=Counter(dict(session.execute(walked.group_by(WalkIn.need)).all())),
    )


def _received(staff: StaffMember, period: Period) -> Select[Referral]:
    return visible_to(staff, Action.SEE_OWN_NUMBERS).where(
        Referral.sent_at >= period.begins, Referral.sent_at < period.ends
    )


def _answer_times(staff: StaffMember, period: Period) -> Select[Any]:
    """How many were answered, and the median of the seconds that took."""
    answer = _first_answer()
    waited = func.extract("epoch", answer.at - Referral.sent_at)
    return (
        _received(staff, period)
        .join(answer, _answers(answer))
        .with_only_columns(func.count(), func.percentile_cont(0.5).within_group(waited), maintain_column_froms=True)
    )


def _first_answer() -> type[Transition]:
    return aliased(Transition)


def _answers(answer: type[Transition]) -> Any:  # noqa: ANN401  a condition
    """A referral leaves “sent” once at most, by the agency's yes or no, or because it is taken back."""
    return and_(
        answer.referral_id == Referral.id,
        answer.old == Status.REQUESTED,
        answer.new.in_((Status.ACCEPTED, Status.REJECTED)),
    )


def entries(staff: StaffMember, period: Period) -> Iterator[Entry]:
    """Every referral that the organization was sent in a period, in the order of sending, a few hundred at a time."""
    answer = _first_answer()
    chosen: Select[*tuple[Any, ...]] = (
        _received(staff, period)
        .join(Need, Need.id == Referral.need_id)
        .join(Service, Service.id == Referral.service_id)
        .outerjoin(answer, _answers(answer))
        .with_only_columns(
            Referral.id,
            Referral.sent_at,
            Need.kind,
            Service.name,
            Need.urgent,
            Referral.status,
            Referral.reason_code,
            answer.at,
            Referral.accepted_at.is_not(None),
            Referral.outcome_code,
            Referral.ended_at,
            Referral.patient_says,
            maintain_column_froms=True,
        )
        .order_by(Referral.sent_at, Referral.id)
        .execution_options(yield_per=AT_ONCE)
    )
    for (
        referral_id,
        sent_at,
        need,
        service,
        urgent,
        status,
        reason,
        answered_at,
        accepted,
        outcome,
        ended_at,
        says,
    ) in session.execute(chosen):
        yield Entry(
            reference=str(referral_id)[:8].upper(),
            sent_at=sent_at,
            need=need,
            service=service,
            urgent=urgent,
            status=status.value,
            reason=reason,
            answered_at=answered_at,
            accepted=accepted,
            outcome=outcome,
            ended_at=ended_at,
            patient_says=says.value if says else None,
        )


def note_export(staff: StaffMember, period: Period) -> None:
    """Write down who took the table out, and of which days."""
    audit.record(
        "exported referrals",
        "organization",
        staff.organization_id,
        by=staff.id,
        first=period.first.isoformat(),
        last=period.last.isoformat(),
    )


def name_of(staff: StaffMember) -> str:
    """What the organization of `staff` is called."""
    organization = session.get(Organization, staff.organization_id) if staff.organization_id else None
    return organization.name if organization else ""
