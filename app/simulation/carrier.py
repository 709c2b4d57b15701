"""The carrier of a simulation: delivers most texts, loses some, refuses or forgets others, as the seed has it."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum

from app.messaging.delivery import Accepted, NotSent, Outcome, Outgoing, Refused, Unsure
from app.messaging.gateways import Wish
from app.simulation.people import dice, pick


class _Fate(StrEnum):
    """What becomes of a text."""

    DELIVERED = "delivered"
    LOST = "lost"
    """Our call got no answer, and the text may have been sent."""
    BUSY = "busy"
    UNREACHABLE = "30003"
    UNKNOWN = "30008"
    LANDLINE = "30006"
    BLOCKED = "21610"


_FATES = {
    _Fate.DELIVERED: 945,
    _Fate.LOST: 10,
    _Fate.BUSY: 9,
    _Fate.UNREACHABLE: 20,
    _Fate.UNKNOWN: 10,
    _Fate.LANDLINE: 3,
    _Fate.BLOCKED: 3,
}
_NOT_IN_SERVICE = "30005"
_WAIT = timedelta(seconds=20)
"""How long a busy carrier asks us to wait. A wait that we choose ourselves has chance in it that no seed knows."""
_EXISTS = 0.5
"""How often a text whose answer was lost had been sent all the same."""


class SimulatedCarrier:
    """A gateway that keeps in mind what it delivered; nothing leaves the machine."""

    sender = "simulated"
    lease = timedelta(seconds=30)
    looks = (timedelta(0),)

    def __init__(self, seed: int, gone_after: Mapping[str, int]) -> None:
        """:param gone_after: by phone, after how many texts it is not in service any more."""
        self._seed, self._gone_after = seed, gone_after
        self._calls: Counter[str] = Counter()
        self._delivered: list[uuid.UUID] = []
        self._lost: dict[uuid.UUID, Accepted] = {}

    def take_delivered(self) -> Sequence[uuid.UUID]:
        """The texts that have reached their phones since this was asked last, in order."""
        delivered, self._delivered = self._delivered, []
        return delivered

    def send(self, message: Outgoing) -> Outcome:
        self._calls[message.to] += 1
        call = self._calls[message.to]
        rolled = dice(self._seed, "carrier", message.to, call)
        sid = f"SM{message.message_id.hex[:24]}{call:08x}"
        gone = self._gone_after.get(message.to)
        if gone is not None and call > gone:
            return Accepted(sid, "undelivered", _NOT_IN_SERVICE)
        match pick(rolled, _FATES):
            case _Fate.DELIVERED:
                outcome: Outcome = self._deliver(message, sid)
            case _Fate.LOST:
                if rolled.random() < _EXISTS:
                    self._lost[message.message_id] = self._deliver(message, sid)
                outcome = Unsure("timeout")
            case _Fate.BUSY:
                outcome = NotSent("busy", _WAIT)
            case _Fate.BLOCKED as code:
                outcome = Refused(code.value)
            case code:
                outcome = Accepted(sid, "undelivered", code.value)
        return outcome

    def _deliver(self, message: Outgoing, sid: str) -> Accepted:
        self._delivered.append(message.message_id)
        return Accepted(sid, "delivered")

    def find(self, message: Outgoing, since: datetime) -> Sequence[Accepted]:  # noqa: ARG002  the last one is meant
        found = self._lost.pop(message.message_id, None)
        return [found] if found else []

    def report(self, sid: str) -> Accepted:
        return Accepted(sid, "delivered")

    def inbox(self, since: datetime) -> Iterable[Mapping[str, str]]:  # noqa: ARG002  no text is lost on its way in
        return ()

    def mirror(self, wishes: Sequence[Wish]) -> Collection[uuid.UUID]:
        return [wish.id for wish in wishes]

    def deactivated(self, day: date) -> Iterable[str]:  # noqa: ARG002  it says so of each text instead
        return ()
