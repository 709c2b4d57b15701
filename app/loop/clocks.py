"""What happens when nothing happens: the steps that come due while a referral waits.

One table, pure. A referral's status starts its steps; any real event on a side clears that side's pending ones.
Business days and working hours are those of whoever has to act. An open referral is never without a live step: the
last one of every open status comes back until something happens.

An outage stops the clocks. Somebody who had two days to answer a reminder has them after it as well, so when a step is
found overdue by more than a day, the ones behind it move by as much, and one step of a side fires at a time.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise
from zoneinfo import ZoneInfo

from app.geography.calendars import Calendar


class Group(StrEnum):
    """Whose silence a step is about."""

    AGENCY = "agency"
    PATIENT = "patient"
    PROMISE = "promise"
    """The agency's, about the day by which it said that it would contact the patient."""
    APPOINTMENT = "appointment"


class Effect(StrEnum):
    SEND = "send"
    """The patient had the time to say no: the referral is sent."""
    NUDGE = "nudge"
    """The agency is asked once more."""
    CALL_AGENCY = "call-agency"
    """A person phones the agency."""
    RECALL = "recall"
    """The agency stayed silent: the referral is taken back and the next best match asked, or a person offers it."""
    ASK = "ask"
    """The patient is asked whether they got help."""
    CALL_PATIENT = "call-patient"
    """A person phones the patient, because texts were not answered."""
    CHECK = "check"
    """A person looks: a visit, or a call to the agency."""
    GIVE_UP_ASKING = "give-up-asking"
    """Every way of asking has been used: the loop ends unconfirmed."""
    BREAK_PROMISE = "break-promise"
    """The day is over by which somebody should have contacted the patient."""
    REMIND = "remind"
    """The patient is reminded of an appointment."""


class Unit(StrEnum):
    HOURS = "hours"
    DAYS = "days"
    BUSINESS_DAYS = "business-days"
    WORKING_HOURS = "working-hours"


@dataclass(frozen=True, slots=True)
class Wait:
    amount: int
    unit: Unit

    def after(self, start: datetime, calendar: Calendar) -> datetime:
        """The moment (in the zone of `start`, aware) at which this much waiting is over."""
        match self.unit:
            case Unit.HOURS:
                return start + timedelta(hours=self.amount)
            case Unit.DAYS:
                return start + timedelta(days=self.amount)
            case Unit.BUSINESS_DAYS:
                return calendar.after_business_days(start, self.amount)
            case Unit.WORKING_HOURS:
                return calendar.after_working_hours(start, self.amount)


def _hours(amount: int) -> Wait:
    return Wait(amount, Unit.HOURS)


def _days(amount: int) -> Wait:
    return Wait(amount, Unit.DAYS)


def _business_days(amount: int) -> Wait:
    return Wait(amount, Unit.BUSINESS_DAYS)


def _working_hours(amount: int) -> Wait:
    return Wait(amount, Unit.WORKING_HOURS)


@dataclass(frozen=True, slots=True)
class Step:
    """`effect` comes due after this much waiting; `name` is unique within a referral's live clocks."""

    name: str
    group: Group
    effect: Effect
    wait: Wait
    again: Wait | None = None
    """After it has fired, how long until it comes back; None: it does not."""


_A, _P = Group.AGENCY, Group.PATIENT

STEPS: dict[str, tuple[Step, ...]] = {
    "draft": (Step("veto-over", _P, Effect.SEND, _working_hours(2)),),
    "requested": (
        Step("nudge-1", _A, Effect.NUDGE, _business_days(1)),
        Step("silent-2", _A, Effect.CALL_AGENCY, _business_days(2)),
        Step("silent-4", _A, Effect.RECALL, _business_days(4), again=_business_days(2)),
    ),
    "accepted": (
        Step("ask-7", _P, Effect.ASK, _days(7)),
        Step("ask-accepted-21", _P, Effect.ASK, _days(21)),
        Step("idle-14", _A, Effect.CALL_AGENCY, _days(14), again=_days(7)),
    ),
    "in-progress": (
        Step("ask-21", _P, Effect.ASK, _days(21)),
        Step("idle-30", _A, Effect.CALL_AGENCY, _days(30), again=_days(14)),
    ),
    "on-hold": (Step("hold-14", _A, Effect.CALL_AGENCY, _days(14), again=_days(14)),),
    "completed": (
        Step("ask-served", _P, Effect.ASK, _days(3)),
        Step("ask-again", _P, Effect.ASK, _days(10)),
        Step("call-patient", _P, Effect.CALL_PATIENT, _days(14)),
        Step("ask-21", _P, Effect.ASK, _days(21)),
        Step("check-24", _P, Effect.CHECK, _days(24)),
        Step("give-up", _P, Effect.GIVE_UP_ASKING, _days(35), again=_days(7)),
    ),
}
URGENT: dict[str, tuple[Step, ...]] = {
    "requested": (
        Step("urgent-call", _A, Effect.CALL_AGENCY, _working_hours(2)),
        Step("silent-1", _A, Effect.RECALL, _business_days(1), again=_working_hours(4)),
    ),
}
"""Replaces the row above when the need cannot wait: no food today, nowhere to sleep tonight, unsafe."""

# Steps with a date of their own


@dataclass(frozen=True, slots=True)
class Dated:
    """A step that comes due on the date of something else, such as a promise; it never comes back."""

    name: str
    group: Group
    effect: Effect


PROMISE_DUE = Dated("promise-due", Group.PROMISE, Effect.BREAK_PROMISE)
REMIND_EARLY = Dated("remind-2-days", Group.APPOINTMENT, Effect.REMIND)
REMIND_SOON = Dated("remind-3-hours", Group.APPOINTMENT, Effect.REMIND)
ASK_AFTER_VISIT = Dated("ask-after-visit", Group.PATIENT, Effect.ASK)
"""Instead of asking whether help came while an appointment is still ahead."""

STANDS_STILL = frozenset({Group.PATIENT})
"""Groups whose steps wait while a patient is left alone. A reminder of an appointment helps and asks nothing."""

NOT_WHILE_TALKING = frozenset({Group.PATIENT, Group.PROMISE})
"""Groups of which nothing comes due while a person talks with the patient. An appointment waits for nobody."""

ON_A_DATE = frozenset({Group.PROMISE, Group.APPOINTMENT})
"""Groups whose steps an outage does not move: the appointment is when it is."""

LONGEST = {Unit.HOURS: 72, Unit.DAYS: 120, Unit.BUSINESS_DAYS: 60, Unit.WORKING_HOURS: 80}
"""What an override may make of a wait, at most."""


def steps(status: str, *, urgent: bool) -> tuple[Step, ...]:
    """What comes due while a referral has this status."""
    if urgent and status in URGENT:
        return URGENT[status]
    return STEPS.get(status, ())


def named(name: str) -> Step | None:
    """The step of this name; None when the table has none, such as one of an older version."""
    every = (step for table in (STEPS, URGENT) for row in table.values() for step in row)
    return next((step for step in every if step.name == name), None)


# The hour at which a patient is asked again

_NOON, _NIGHT = time(14), time(20)
_MORNING, _EVENING = time(10), time(17, 30)


def at_another_hour(due_at: datetime, before: datetime, zone: ZoneInfo) -> datetime:
    """`due_at` moved to the other part of its day than that of `before`, which was not answered.

    Who works in the morning reads in the evening. A text of the night goes out in the morning. Both aware; the day and
    the hours are those of `zone`.
    """
    asked = before.astimezone(zone).time()
    other = _MORNING if _NOON <= asked < _NIGHT else _EVENING
    return datetime.combine(due_at.astimezone(zone).date(), other, zone).astimezone(due_at.tzinfo)


# Other waits for an agency or a kind of need


@dataclass(frozen=True, slots=True)
class Override:
    """Another amount for a step, in the unit of the step, where the agency or the need is this one; None is any."""

    step: str
    amount: int
    organization_id: uuid.UUID | None = None
    need: str | None = None


def wait_for(step: Step, overrides: Iterable[Override], organization_id: uuid.UUID, need: str) -> Wait:
    """How long `step` waits here. What is said of an agency counts more than what is said of a need."""
    fitting = [
        override
        for override in overrides
        if override.step == step.name
        and override.organization_id in {None, organization_id}
        and override.need in {None, need}
    ]
    if not fitting:
        return step.wait
    nearest = max(fitting, key=lambda one: (one.organization_id is not None, one.need is not None))
    return Wait(nearest.amount, step.wait.unit)


NOBODY = uuid.UUID(int=0)
"""An agency about which nothing was ever said."""

_IN_DAYS = {Unit.HOURS: 1 / 24, Unit.WORKING_HOURS: 1 / 8, Unit.BUSINESS_DAYS: 1, Unit.DAYS: 1}
"""How long a unit is, near enough to say which of two waits is over first."""


class Refused(StrEnum):
    """Why a wait may not be set."""

    UNKNOWN = "unknown"
    TOO_SHORT = "too-short"
    TOO_LONG = "too-long"
    OUT_OF_ORDER = "out-of-order"
    """An agency would be recalled before it was reminded, or a patient called before they were asked."""


def refused(new: Override, others: Sequence[Override]) -> Refused | None:
    """Why `new` may not hold beside `others`; None when it may."""
    step = named(new.step)
    if step is None:
        return Refused.UNKNOWN
    if new.amount < 1:
        return Refused.TOO_SHORT
    if new.amount > LONGEST[step.wait.unit]:
        return Refused.TOO_LONG
    return Refused.OUT_OF_ORDER if out_of_order([*others, new]) else None


def out_of_order(overrides: Sequence[Override]) -> bool:
    """Whether for some agency and need a step would come before one that the table puts before it."""
    agencies = {NOBODY, *(one.organization_id for one in overrides if one.organization_id)}
    needs = {"", *(one.need for one in overrides if one.need)}
    rows = [row for table in (STEPS, URGENT) for row in table.values()]
    return any(
        not _in_order([wait_for(step, overrides, agency, need) for step in row if step.group is group])
        for row in rows
        for group in Group
        for agency in agencies
        for need in needs
    )


def _in_order(waits: Sequence[Wait]) -> bool:
    days = [wait.amount * _IN_DAYS[wait.unit] for wait in waits]
    return all(earlier < later for earlier, later in pairwise(days))


# After an outage

LATE = timedelta(days=1)
"""A step found overdue by more than this was missed, not merely slow."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A live step of one referral."""

    id: uuid.UUID
    group: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Round:
    """What one sweep does with the live steps of one referral."""

    fire: tuple[uuid.UUID, ...]
    """At most one of each group: the first that was due."""
    postpone: tuple[tuple[uuid.UUID, datetime], ...]
    """The others of a group that comes late, with when they are due now."""


def play(waiting: Sequence[Waiting], now: datetime) -> Round:
    """Which of a referral's live steps fire now, and which move because the clocks stood still."""
    fire: list[uuid.UUID] = []
    postpone: list[tuple[uuid.UUID, datetime]] = []
    for group in sorted({step.group for step in waiting}):
        first, *others = sorted((step for step in waiting if step.group == group), key=lambda step: step.due_at)
        if first.due_at > now:
            continue
        fire.append(first.id)
        missed = now - first.due_at
        if missed > LATE and group not in ON_A_DATE:
            postpone += [(other.id, other.due_at + missed) for other in others]
    return Round(tuple(fire), tuple(postpone))
