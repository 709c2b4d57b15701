"""What happens when nothing happens: the steps that come due while a referral waits.

One table, pure. A referral's status starts its steps; any real event on a side clears that side's pending ones.
Business days are Monday to Friday in the zone of whoever has to act.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

SATURDAY = 5
OPENS, CLOSES = time(9), time(17)
"""Working hours, for what is urgent: a clock of two working hours does not run at night."""


class Group(StrEnum):
    AGENCY = "agency"
    PATIENT = "patient"


class Effect(StrEnum):
    CALL_AGENCY = "call-agency"
    """A person phones the agency."""
    OFFER_NEXT = "offer-next"
    """A person offers the patient the next best match."""
    ASK = "ask"
    """The patient is asked whether they got help."""
    CALL_PATIENT = "call-patient"
    """A person phones the patient, because texts were not answered."""
    GIVE_UP_ASKING = "give-up-asking"
    """Every way of asking has been used: the loop ends unconfirmed."""


@dataclass(frozen=True, slots=True)
class Step:
    """`effect` comes due after this much waiting; `name` is unique within a referral's live clocks."""

    name: str
    group: Group
    effect: Effect
    days: int = 0
    business_days: int = 0
    working_hours: int = 0


_A, _P = Group.AGENCY, Group.PATIENT

STEPS: dict[str, tuple[Step, ...]] = {
    "requested": (
        Step("silent-2", _A, Effect.CALL_AGENCY, business_days=2),
        Step("silent-4", _A, Effect.OFFER_NEXT, business_days=4),
    ),
    "accepted": (
        Step("ask-7", _P, Effect.ASK, days=7),
        Step("idle-14", _A, Effect.CALL_AGENCY, days=14),
    ),
    "in-progress": (
        Step("ask-21", _P, Effect.ASK, days=21),
        Step("idle-30", _A, Effect.CALL_AGENCY, days=30),
    ),
    "on-hold": (Step("hold-14", _A, Effect.CALL_AGENCY, days=14),),
    "completed": (
        Step("ask-served", _P, Effect.ASK, days=3),
        Step("ask-again", _P, Effect.ASK, days=10),
        Step("call-patient", _P, Effect.CALL_PATIENT, days=17),
        Step("ask-21", _P, Effect.ASK, days=21),
        Step("give-up", _P, Effect.GIVE_UP_ASKING, days=35),
    ),
}
URGENT: dict[str, tuple[Step, ...]] = {
    "requested": (
        Step("urgent-call", _A, Effect.CALL_AGENCY, working_hours=2),
        Step("silent-1", _A, Effect.OFFER_NEXT, business_days=1),
    ),
}
"""Replaces the row above when the need cannot wait: no food today, nowhere to sleep tonight, unsafe."""


def steps(status: str, *, urgent: bool) -> tuple[Step, ...]:
    """What comes due while a referral has this status."""
    if urgent and status in URGENT:
        return URGENT[status]
    return STEPS.get(status, ())


def due(step: Step, start: datetime, zone: ZoneInfo) -> datetime:
    """When `step` is due if its waiting began at `start` (aware), reckoned in `zone`; the answer is in UTC."""
    if step.working_hours:
        return after_working_hours(start, step.working_hours, zone)
    if step.business_days:
        return after_business_days(start, step.business_days, zone)
    return start + timedelta(days=step.days)


def after_business_days(start: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The same time of day, `days` business days later."""
    local = start.astimezone(zone)
    while days:
        local += timedelta(days=1)
        if local.weekday() < SATURDAY:
            days -= 1
    return local.astimezone(start.tzinfo)


def after_working_hours(start: datetime, hours: int, zone: ZoneInfo) -> datetime:
    """`hours` of working time later: 4:30 PM on a Friday and two hours make 10:30 AM on Monday."""
    local = _next_opening(start.astimezone(zone))
    left = timedelta(hours=hours)
    while (today := datetime.combine(local.date(), CLOSES, zone) - local) < left:
        left -= today
        local = _next_opening(datetime.combine(local.date() + timedelta(days=1), OPENS, zone))
    return (local + left).astimezone(start.tzinfo)


def _next_opening(local: datetime) -> datetime:
    while local.weekday() >= SATURDAY or local.time() >= CLOSES:
        local = datetime.combine(local.date() + timedelta(days=1), OPENS, local.tzinfo)
    return max(local, datetime.combine(local.date(), OPENS, local.tzinfo))
