"""Everything that can happen in Loopline, and the one way to say that it did.

Facts are past tense and carry ids and plain values only, so no feature needs to know another to announce one.
What the platform does about a fact stands in one table, `app/loop/reactions.py`. Reactions run at once, in the
transaction of the operation that published the fact: they may write rows and enqueue jobs, never talk to the outside.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Fact:
    """Something that has happened."""


@dataclass(frozen=True)
class ServicesChanged(Fact):
    """The directory changed what these services offer, where, when or to whom."""

    service_ids: tuple[uuid.UUID, ...]


@dataclass(frozen=True)
class NeedsFound(Fact):
    """A screening is complete and found these needs (perhaps none)."""

    screening_id: uuid.UUID
    patient_id: uuid.UUID
    need_ids: tuple[uuid.UUID, ...]


@dataclass(frozen=True)
class ReferralMoved(Fact):
    """A referral took one step; `transition_id` is the row that proves it."""

    referral_id: uuid.UUID
    transition_id: uuid.UUID
    old: str
    new: str
    reason: str | None


@dataclass(frozen=True)
class PatientAnswered(Fact):
    """A patient said, in whatever way, what became of a referral."""

    referral_id: uuid.UUID
    says: str
    barrier: str | None


@dataclass(frozen=True)
class ConsentGiven(Fact):
    patient_id: uuid.UUID
    kind: str


@dataclass(frozen=True)
class ConsentRevoked(Fact):
    patient_id: uuid.UUID
    kind: str


@dataclass(frozen=True)
class PatientMoved(Fact):
    """A patient lives in another time zone now."""

    patient_id: uuid.UUID
    zone: str


@dataclass(frozen=True)
class TextArrived(Fact):
    """A text reached one of our numbers and is stored; nobody has read it yet."""

    inbound_id: uuid.UUID


@dataclass(frozen=True)
class TextHeld(Fact):
    """A text to a patient waits for a person, who has to know."""

    message_id: uuid.UUID
    why: str


@dataclass(frozen=True)
class TextEnded(Fact):
    """A text to a patient has its final state; `code` is the carrier's reason when it failed."""

    message_id: uuid.UUID
    state: str
    code: str | None


@dataclass(frozen=True)
class PhoneOptedOut(Fact):
    """Nobody may text this phone any more."""

    phone: str


@dataclass(frozen=True)
class WorkFinished(Fact):
    """A person has said what came of a piece of work: done, not-reached or not-needed."""

    item_id: uuid.UUID
    outcome: str


Reaction = Callable[[Any], None]
Reactions = Mapping[type[Fact], Sequence[Reaction]]

_reactions: dict[type[Fact], Sequence[Reaction]] = {}


def react_with(table: Reactions) -> None:
    """Make `table` what happens from now on. Called once, by the composition root."""
    _reactions.clear()
    _reactions.update(table)


def publish(fact: Fact) -> None:
    """Tell the platform that `fact` happened; its reactions run now, in order, in this transaction."""
    for reaction in _reactions.get(type(fact), ()):
        reaction(fact)
