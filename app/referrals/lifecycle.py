"""The life of a referral, exactly as the FHIR SDOH Clinical Care 3.0.0 Task for Referral Management has it.

Source: HL7/fhir-sdoh-clinicalcare 3.0.0, ValueSet SDOHCC-ValueSetReferralTaskStatus and its state diagram. `received`
and `ready` do not exist here. One table says which step may follow which and who may take it; one says what a step has
to bring along.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    DRAFT = "draft"
    REQUESTED = "requested"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    IN_PROGRESS = "in-progress"
    ON_HOLD = "on-hold"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ENTERED_IN_ERROR = "entered-in-error"


class Actor(StrEnum):
    SENDER = "sender"
    """The care team that owns the patient's side, or the platform acting for it."""
    AGENCY = "agency"
    """The organization that was asked."""


_SENDER = frozenset({Actor.SENDER})
_AGENCY = frozenset({Actor.AGENCY})
_EITHER = frozenset(Actor)

_D, _R, _A, _P, _H = Status.DRAFT, Status.REQUESTED, Status.ACCEPTED, Status.IN_PROGRESS, Status.ON_HOLD

STEPS: dict[tuple[Status, Status], frozenset[Actor]] = {
    (_D, _R): _SENDER,
    (_R, _A): _AGENCY,
    (_R, Status.REJECTED): _AGENCY,
    (_R, Status.CANCELLED): _EITHER,
    (_A, _P): _AGENCY,
    (_A, _H): _AGENCY,
    (_A, Status.COMPLETED): _AGENCY,
    (_A, Status.FAILED): _AGENCY,
    (_A, Status.CANCELLED): _EITHER,
    (_P, _H): _AGENCY,
    (_P, Status.COMPLETED): _AGENCY,
    (_P, Status.FAILED): _AGENCY,
    (_P, Status.CANCELLED): _EITHER,
    (_H, _P): _AGENCY,
    (_H, Status.COMPLETED): _AGENCY,
    (_H, Status.FAILED): _AGENCY,
    (_H, Status.CANCELLED): _EITHER,
    **{(old, Status.ENTERED_IN_ERROR): _SENDER for old in Status if old is not Status.ENTERED_IN_ERROR},
}

ENDED = frozenset({Status.REJECTED, Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.ENTERED_IN_ERROR})
OPEN = frozenset(Status) - ENDED
HELPS = frozenset({Status.ACCEPTED, Status.IN_PROGRESS, Status.COMPLETED})
"""An agency has taken somebody on, so that nobody else need; on its waiting list they still wait."""
NEEDS_REASON = frozenset({Status.REJECTED, Status.CANCELLED, Status.ON_HOLD, Status.FAILED})

REASONS: dict[Status, tuple[str, ...]] = {
    Status.REJECTED: (
        "at-capacity",
        "not-eligible",
        "outside-area",
        "language",
        "closed",
        "duplicate",
        "cannot-contact",
        "patient-declined",
        "wrong-service",
        "other",
    ),
    Status.ON_HOLD: ("waitlist", "awaiting-documents", "awaiting-patient"),
    Status.FAILED: ("cannot-contact", "no-show", "ineligible-after-intake", "no-resources"),
    Status.CANCELLED: (
        "withdrawn-by-patient",
        "consent-revoked",
        "recalled-silence",
        "recalled-by-sender",
        "duplicate",
        "moved",
        "deceased",
    ),
}
NOT_THE_AGENCYS = frozenset({"consent-revoked", "recalled-silence", "recalled-by-sender"})
"""Why only the care team, or the platform for it, takes a referral back."""
MUST_EXPLAIN = frozenset({"other"})
"""Reasons that say nothing without words of their own."""

OUTCOMES: tuple[str, ...] = (
    "service-provided",
    "partly-provided",
    "enrolled",
    "information-given",
    "referred-onward",
    "other",
)


@dataclass(frozen=True)
class Reason:
    code: str
    text: str = ""
    attempts: int | None = None
    """How often it was tried to reach the patient, where that is the reason."""


FEWEST_ATTEMPTS = 4
"""“Not reached” may be recorded only after so many ways of reaching the patient were tried."""

NOT_REACHED = "cannot-contact"
"""The reason that says so, whether they had been accepted or not."""


class ImpossibleStep(Exception):
    """This status cannot follow that one."""


class NotYourStep(Exception):
    """The step exists, and somebody else has to take it."""


def check(old: Status, new: Status, actor: Actor) -> None:
    """Nothing, when `actor` may take a referral from `old` to `new`.

    :raises ImpossibleStep: no such arrow, a step to where it already is included.
    :raises NotYourStep: the arrow is the other side's.
    """
    actors = STEPS.get((old, new))
    if actors is None:
        raise ImpossibleStep(old, new)
    if actor not in actors:
        raise NotYourStep(old, new, actor)


def next_steps(old: Status, actor: Actor) -> tuple[Status, ...]:
    """Where `actor` may take a referral from `old`, in the order of the table."""
    return tuple(new for (start, new), actors in STEPS.items() if start is old and actor in actors)


AT_ONCE = (Status.ON_HOLD, Status.COMPLETED)


def sayable(old: Status) -> tuple[Status, ...]:
    """What an agency may say in one word; of a request also what follows only after it was accepted."""
    steps = next_steps(old, Actor.AGENCY)
    return (*steps, *AT_ONCE) if old is Status.REQUESTED else steps


def reasons_for(new: Status, actor: Actor) -> tuple[str, ...]:
    """Which reasons `actor` may give for a step to `new`, in the order they are offered."""
    codes = REASONS.get(new, ())
    return tuple(code for code in codes if actor is Actor.SENDER or code not in NOT_THE_AGENCYS)


def missing_evidence(new: Status, actor: Actor, reason: Reason | None, outcome: Reason | None) -> str | None:
    """What a step to `new` still lacks, or None.

    That is one of reason, reason-unknown, reason-text, attempts, attempts-few, outcome, outcome-unknown.

    The guide asks for a statusReason on rejected, cancelled, on-hold and failed, and for at least one Task.output on
    completed (requirement refer-10).
    """
    if new in NEEDS_REASON and (lacks := _lacks(new, actor, reason)):
        return lacks
    if new is Status.COMPLETED:
        if outcome is None:
            return "outcome"
        if outcome.code not in OUTCOMES:
            return "outcome-unknown"
    return None


def _lacks(new: Status, actor: Actor, reason: Reason | None) -> str | None:
    if reason is None:
        return "reason"
    if reason.code not in reasons_for(new, actor):
        return "reason-unknown"
    if reason.code in MUST_EXPLAIN and not reason.text.strip():
        return "reason-text"
    if reason.code == NOT_REACHED and (reason.attempts or 0) < FEWEST_ATTEMPTS:
        return "attempts-few" if reason.attempts is not None else "attempts"
    return None
