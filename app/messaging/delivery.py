"""What can become of a text, and what is done when it fails.

A text's state only ever moves forward by rank: callbacks come late, twice and out of order, and a late "sent" cannot
undo "delivered". A provider's answer that leaves open whether the text exists makes it *unsure*: it is never sent
again before somebody has looked.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from importlib.resources import files
from types import MappingProxyType
from zoneinfo import ZoneInfo

from app import datafile
from app.datafile import Node

NOTICE, ANSWER, URGENT = 0, 10, 20
"""Priorities: what we say unasked, what answers a text, what answers a text that speaks of danger."""


class State(StrEnum):
    HELD = "held"
    """A person or a rule keeps it back."""
    QUEUED = "queued"
    SENDING = "sending"
    """A worker has it; its lease says until when we believe that worker alive."""
    UNSURE = "unsure"
    """It was handed over and the answer was lost: it may exist or not."""
    ACCEPTED = "accepted"
    """The provider has it."""
    SENT = "sent"
    """The carrier has it."""
    UNKNOWN = "unknown"
    """Nobody ever said whether it arrived."""
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    """It would have come too late to be true."""


WAITING = frozenset({State.HELD, State.QUEUED})
IN_FLIGHT = frozenset({State.SENDING, State.UNSURE})
"""At most one text of a phone is in one of these, so that a person reads texts in the order they were written."""
SILENT = frozenset({State.ACCEPTED, State.SENT})
FAILURES = frozenset({State.UNDELIVERED, State.FAILED})

# Ours before the network's. A text cancelled or expired after it was handed over (we were unsure, and stopped
# looking) exists all the same if the network says so, hence rank 0. "Delivered" outranks a failure: carriers report
# both for one text, and a receipt is the stronger evidence.
_RANK = {
    State.HELD: 0,
    State.QUEUED: 0,
    State.SENDING: 0,
    State.UNSURE: 0,
    State.CANCELLED: 0,
    State.EXPIRED: 0,
    State.ACCEPTED: 1,
    State.SENT: 3,
    State.UNKNOWN: 4,
    State.UNDELIVERED: 9,
    State.FAILED: 9,
    State.DELIVERED: 10,
}

_HEARD = {
    "accepted": State.ACCEPTED,
    "scheduled": State.ACCEPTED,
    "queued": State.ACCEPTED,
    "sending": State.ACCEPTED,
    "sent": State.SENT,
    "partially_delivered": State.SENT,
    "delivered": State.DELIVERED,
    "read": State.DELIVERED,
    "undelivered": State.UNDELIVERED,
    "failed": State.FAILED,
    "canceled": State.FAILED,
}


def heard(status: str) -> State | None:
    """What a status word of the provider means to us; None for words about texts *we* receive and for new words."""
    return _HEARD.get(status.lower())


def forward(now: State, news: State) -> State | None:
    """The state after `news`, or None when it tells us nothing newer than `now`."""
    return news if _RANK[news] > _RANK[now] else None


@dataclass(frozen=True)
class Outgoing:
    """All that a gateway needs to know of a text."""

    message_id: uuid.UUID
    to: str
    body: str
    segments: int
    validity: timedelta | None
    """How long it may wait in the provider's queue; None for as long as the provider likes."""
    number: str | None = None
    """Which number of ours it has to come from; None where there is no choice, or the provider's."""


@dataclass(frozen=True)
class Accepted:
    """The provider has created it under `sid`, and says `status` of it."""

    sid: str
    status: str = "accepted"
    code: str | None = None
    """Why it failed, when `status` says that it has."""


@dataclass(frozen=True)
class Refused:
    """The provider answered that it did not create it; `code` is in the table of error codes, or will be."""

    code: str


BUSY = "busy"
"""Why nothing was sent when the provider had too many requests."""


@dataclass(frozen=True)
class NotSent:
    """It certainly was not created, and not for anything that is wrong with it."""

    why: str
    retry_after: timedelta | None = None
    """How long the provider asks us to wait, if it said so."""


@dataclass(frozen=True)
class Unsure:
    """It may have been created or not."""

    why: str


Outcome = Accepted | Refused | NotSent | Unsure


class Act(StrEnum):
    RETRY = "retry"
    GIVE_UP = "give-up"
    SUPPRESS = "suppress"
    PAUSE = "pause"
    WAIT = "wait"
    LOOK = "look"


class Person(StrEnum):
    """What somebody should do about a failure."""

    FIX_PHONE = "fix-phone"
    CALL = "call"
    TELL_OPERATOR = "tell-operator"


@dataclass(frozen=True)
class NextClock:
    """The next moment at which a clock in `zone` (None: where the phone is) shows `hour`:`minute`."""

    hour: int
    minute: int
    zone: str | None


Wait = timedelta | NextClock


@dataclass(frozen=True)
class Rule:
    """What an error code means, in words for staff, and what is done about it."""

    code: str
    means: str
    act: Act
    after: tuple[Wait, ...]
    person: Person | None


_DURATION = re.compile(r"(\d+) (s|min|h)")
_CLOCK = re.compile(r"(\d\d):(\d\d)(?: (\S+))?")
_UNITS = {"s": "seconds", "min": "minutes", "h": "hours"}
SOMEWHERE = "America/New_York"
"""The zone of a phone of which nobody said where it is."""


def _wait(text: str, node: Node) -> Wait:
    if found := _DURATION.fullmatch(text):
        return timedelta(**{_UNITS[found[2]]: int(found[1])})
    if found := _CLOCK.fullmatch(text):
        return NextClock(int(found[1]), int(found[2]), found[3])
    raise node.error(f"{text!r} is neither a duration nor a time of day")


def _rule(code: str, node: Node) -> Rule:
    node.only("means", "do", "after", "person")
    person = node.optional_text("person")
    return Rule(
        code=code,
        means=node.text("means"),
        act=Act(node.code("do")),
        after=tuple(_wait(text, node) for text in node.texts("after")),
        person=Person(person) if person else None,
    )


def _read_rules() -> Mapping[str, Rule]:
    table = datafile.read(files(__package__) / "error_codes.yaml")
    return MappingProxyType({code: _rule(code, node) for code, node in table.fields()})


RULES = _read_rules()


def rule(code: str | None) -> Rule:
    """The rule for an error code, also for one nobody has seen yet."""
    return RULES.get(code or "") or RULES["unknown"]


def retry_at(found: Rule, tries: int, now: datetime, zone: str | None) -> datetime | None:
    """When to try again after `tries` earlier failures, or None when that was the last time."""
    if found.act is not Act.RETRY or tries >= len(found.after):
        return None
    wait = found.after[tries]
    if isinstance(wait, timedelta):
        return now + wait
    local = now.astimezone(ZoneInfo(wait.zone or zone or SOMEWHERE))
    then = local.replace(hour=wait.hour, minute=wait.minute, second=0, microsecond=0)
    return then if then > local else then + timedelta(days=1)


SHORTEST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=2)
CONFIGURATION_PAUSE = timedelta(minutes=5)
"""How long until one text tries whether the operator has repaired what was wrong."""


def pause(deferrals: int, asked: timedelta | None, jitter: float) -> timedelta:
    """How long to leave the provider alone: what it asked for, else twice as long each time.

    :param jitter: 0 to 1, spreads the workers so that they do not come back in one wave.
    """
    if asked is not None:
        return max(asked, SHORTEST_PAUSE) + timedelta(seconds=jitter)
    # The exponent is bounded so that a long outage cannot overflow.
    longer = timedelta(seconds=SHORTEST_PAUSE.total_seconds() * 2.0 ** min(deferrals, 10))
    return min(longer, LONGEST_PAUSE) * (1 + jitter / 4)
