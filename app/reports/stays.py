"""How long a referral waited where it was, and who saw to it: what answers in time and silences are counted from.

Pure. What is waited for stands in the table of the clocks, which the network may change; whether it happened is read
from the steps that were taken and the work that people were given, never from the clocks themselves.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from app.geography.calendars import Calendar
from app.loop import clocks
from app.loop.clocks import Effect, Override
from app.referrals.lifecycle import Status
from app.worklist.kinds import Kind

ANSWERED_WITHIN = 4
"""Business days of the agency, that of sending not counted."""

GRACE = timedelta(hours=2)
"""How late a task may come after the clock that it is for: one sweep, put off once."""

_AGENCYS = frozenset({Kind.CALL_AGENCY, Kind.OFFER_NEXT})
_PATIENTS = frozenset({Kind.CALL_INSTEAD, Kind.RESOLVE_DISPUTE})


@dataclass(frozen=True, slots=True)
class Task:
    """Work that was put on a person's list."""

    kind: Kind
    created_at: datetime
    done_at: datetime | None


@dataclass(frozen=True, slots=True)
class Stay:
    """How long one referral had one status, and what happened meanwhile. Times are aware."""

    status: Status
    since: datetime
    until: datetime | None
    """None while it has it still."""
    answered: bool
    """It ended with the agency's word."""
    rerouted: bool
    """It ended because another place is asked instead."""
    organization_id: uuid.UUID
    need: str
    urgent: bool
    agency_zone: ZoneInfo
    patient_zone: ZoneInfo
    patient_said_at: datetime | None
    asked_out_at: datetime | None
    visit_at: datetime | None = None
    """The last appointment, if there was one: until then nobody is silent."""
    excused_until: datetime | None = None
    """How long a person had the conversation, or the patient was let alone."""
    tasks: Sequence[Task] = ()


@dataclass(frozen=True, slots=True)
class Network:
    """What the waits of a network depend on."""

    overrides: Sequence[Override] = ()
    days_off: frozenset[date] = frozenset()


@dataclass(frozen=True, slots=True)
class Judged:
    """What a measure asks of one stay."""

    due: bool
    """An answer was to be expected by now."""
    in_time: bool
    """It came, or the next place was asked, by the end of the fourth business day."""
    silent: bool
    """A side has said nothing for as long as the clocks allow."""
    seen_to: bool
    """That silence was on a person's list."""


def judge(stays: Iterable[Stay], now: datetime, network: Network) -> list[Judged]:
    """What can be said of each at `now`."""
    return [_judge(stay, now, network) for stay in stays]


def _judge(stay: Stay, now: datetime, network: Network) -> Judged:
    due = answer_by(stay, network.days_off)
    silent_from = silence_begins(stay, network)
    silent = silent_from is not None and _is_silent(stay, silent_from, now)
    return Judged(
        due=due is not None and now.astimezone(stay.agency_zone).date() > due and not _moot(stay),
        in_time=due is not None and stay.until is not None and stay.until.astimezone(stay.agency_zone).date() <= due,
        silent=silent,
        seen_to=silent and silent_from is not None and _is_seen_to(stay, silent_from),
    )


def answer_by(stay: Stay, days_off: frozenset[date]) -> date | None:
    """The agency's day by whose end it is to have answered; None when it is not asked."""
    if stay.status is not Status.REQUESTED:
        return None
    calendar = Calendar(stay.agency_zone, days_off)
    return calendar.after_business_days(stay.since, ANSWERED_WITHIN).astimezone(stay.agency_zone).date()


def _moot(stay: Stay) -> bool:
    """Nobody waits any more, for a reason that is neither an answer nor a silence."""
    return stay.until is not None and not stay.answered and not stay.rerouted


def silence_begins(stay: Stay, network: Network) -> datetime | None:
    """When whoever has to speak has been silent for too long; None when nobody has to."""
    effect = Effect.CALL_PATIENT if stay.status is Status.COMPLETED else Effect.CALL_AGENCY
    steps = clocks.steps(stay.status.value, urgent=stay.urgent)
    step = next((step for step in steps if step.effect is effect), None)
    if step is None:
        return None
    wait = clocks.wait_for(step, network.overrides, stay.organization_id, stay.need)
    zone = stay.patient_zone if stay.status is Status.COMPLETED else stay.agency_zone
    begins = wait.after(stay.since, Calendar(zone, network.days_off))
    if stay.status is not Status.COMPLETED:
        return max(begins, stay.visit_at + _AFTER_VISIT) if stay.visit_at else begins
    return max(begins, stay.excused_until) if stay.excused_until else begins


_AFTER_VISIT = timedelta(days=3)


def _is_silent(stay: Stay, begins: datetime, now: datetime) -> bool:
    latest = begins + GRACE
    if latest > now or (stay.until and stay.until <= latest):
        return False
    if stay.status is not Status.COMPLETED:
        return True
    spoken = (stay.patient_said_at, stay.asked_out_at)
    return all(moment is None or moment > latest for moment in spoken)


def _is_seen_to(stay: Stay, begins: datetime) -> bool:
    kinds = _PATIENTS if stay.status is Status.COMPLETED else _AGENCYS
    return any(
        task.kind in kinds and task.created_at <= begins + GRACE and (task.done_at is None or task.done_at >= begins)
        for task in stay.tasks
    )
