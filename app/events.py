"""Everything that can happen in Loopline, and the one way to say that it did.

Facts are past tense and carry ids and plain values only, so no feature needs to know another to announce one.
What the platform does about a fact stands in one table, `app/loop/reactions.py`. Reactions run at once, in the
transaction of the operation that published the fact: they may write rows and enqueue jobs, never talk to the outside.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any


@dataclass(frozen=True)
class Fact:
    """Something that has happened."""


@dataclass(frozen=True)
class ServicesChanged(Fact):
    """The directory changed what these services offer, where, when or to whom."""

    service_ids: tuple[uuid.UUID, ...]


@dataclass(frozen=True)
class ServicesWithdrawn(Fact):
    """An import found that its source no longer lists these services."""

    import_id: uuid.UUID
    service_ids: tuple[uuid.UUID, ...]


@dataclass(frozen=True)
class ListingAsked(Fact):
    """Somebody wants to know from an agency whether what is listed of it still holds."""

    question_id: uuid.UUID


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
    on_to: str | None = None
    """The step that follows in the same breath: this one was only passed through."""


@dataclass(frozen=True)
class AgencySilent(Fact):
    """An agency has not answered a referral for as long as `step` of the clocks allows."""

    referral_id: uuid.UUID
    step: str


@dataclass(frozen=True)
class AgencyUnreached(Fact):
    """Nothing that was written to an agency about a referral reaches anybody there; `why` is a code."""

    referral_id: uuid.UUID
    why: str


@dataclass(frozen=True)
class NoteShared(Fact):
    """One side of a referral has written something for the other."""

    note_id: uuid.UUID


@dataclass(frozen=True)
class WalkInKnown(Fact):
    """An agency served somebody without a referral who is one of our patients."""

    walk_in_id: uuid.UUID


@dataclass(frozen=True)
class StaffLeft(Fact):
    """Somebody's account was closed."""

    staff_id: uuid.UUID


@dataclass(frozen=True)
class PatientAnswered(Fact):
    """A patient said, in whatever way, what became of a referral."""

    referral_id: uuid.UUID
    says: str
    barrier: str | None


@dataclass(frozen=True)
class AppointmentSet(Fact):
    """Something became of an appointment; `change` is made, moved, cancelled, attended or no-show."""

    referral_id: uuid.UUID
    appointment_id: uuid.UUID
    change: str


@dataclass(frozen=True)
class AppointmentAnswered(Fact):
    """A patient said whether they come to an appointment; `reply` is comes, cannot-come or needs-ride."""

    referral_id: uuid.UUID
    appointment_id: uuid.UUID
    reply: str


@dataclass(frozen=True)
class PromiseMade(Fact):
    """An agency named the day by which it will contact a patient."""

    referral_id: uuid.UUID


@dataclass(frozen=True)
class AgencyAsked(Fact):
    """The platform wants something of the agency of a referral.

    `what` is contact (the patient, by `by_day`), capacity (whether it takes people in) or new-time (of an appointment).
    """

    referral_id: uuid.UUID
    what: str
    by_day: date


@dataclass(frozen=True)
class ConsentGiven(Fact):
    patient_id: uuid.UUID
    kind: str


@dataclass(frozen=True)
class ConsentLimited(Fact):
    """A patient agreed that these organizations may be told about them, and no others."""

    patient_id: uuid.UUID
    organization_ids: tuple[uuid.UUID, ...]


@dataclass(frozen=True)
class ConsentRevoked(Fact):
    patient_id: uuid.UUID
    kind: str


@dataclass(frozen=True)
class PatientMoved(Fact):
    """A patient lives in another time zone or another state now."""

    patient_id: uuid.UUID
    zone: str
    region: str | None = None
    """The US state, such as FL."""


@dataclass(frozen=True)
class PatientEnded(Fact):
    """A patient has died, has moved away, or has had their data deleted; nothing is done for them any more.

    `phones` are those by which they could be reached until now.
    """

    patient_id: uuid.UUID
    how: str
    phones: tuple[str, ...]


@dataclass(frozen=True)
class PatientReturned(Fact):
    """It was a mistake that a patient had ended; `since` is when that was recorded."""

    patient_id: uuid.UUID
    since: datetime


@dataclass(frozen=True)
class PatientPaused(Fact):
    """Until some day nothing is asked of this patient, and what would be done for them waits."""

    patient_id: uuid.UUID


@dataclass(frozen=True)
class PatientResumed(Fact):
    """A pause from `since` to `ended` is over; what waited meanwhile goes on."""

    patient_id: uuid.UUID
    since: datetime
    ended: datetime


@dataclass(frozen=True)
class AccountClosing(Fact):
    """Somebody is about to lose their account; whatever they answer for has to be somebody else's first."""

    staff_id: uuid.UUID


@dataclass(frozen=True)
class TextArrived(Fact):
    """A text reached one of our numbers and is stored; nobody has read it yet."""

    inbound_id: uuid.UUID


@dataclass(frozen=True)
class TextUnread(Fact):
    """A text that arrived could not be read several times, so a person has to."""

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
class EmailEnded(Fact):
    """An e-mail did not certainly leave: it failed, expired, or nobody knows; `code` is what the server said."""

    email_id: uuid.UUID
    state: str
    code: str | None


@dataclass(frozen=True)
class PhoneOptedOut(Fact):
    """Nobody may text this phone any more."""

    phone: str


@dataclass(frozen=True)
class PhonesDeactivated(Fact):
    """The carriers say that these phones were switched off on `day`; most of them nobody here knows."""

    phones: tuple[str, ...]
    day: date


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
