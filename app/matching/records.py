"""What an agency's record of answering and helping counts, when so little of it is luck.

Ten referrals prove little: every record is drawn towards the average of its need, as if there had been ten average
referrals more. With fewer than ten it is not counted at all, and the average stands in its place, so that an agency is
neither rewarded nor punished for being new.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

ENOUGH = 10
"""With fewer referrals than this a record is neither shown nor counted."""

DRAWN_BY = 10
"""How many average referrals are added to each record."""

NOTHING_KNOWN = 0.5
"""The average of a need for which nobody has been asked yet."""


@dataclass(frozen=True, slots=True)
class Record:
    """What became of the referrals that an organization received for a need."""

    organization_id: uuid.UUID
    need: str
    asked: int
    answered: int
    """Those answered in time."""
    helped: int
    """Those after which the patient got help."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A record as matching counts it."""

    value: float
    """0 to 1."""
    n: int
    """The referrals it rests on; 0 while it is only the average of the need."""


class Standings:
    """How the organizations stand, by need."""

    def __init__(self, records: Iterable[Record]) -> None:
        by_need: defaultdict[str, list[Record]] = defaultdict(list)
        for record in records:
            by_need[record.need].append(record)
        self._average = {need: _average(those) for need, those in by_need.items()}
        self._known = {
            (record.organization_id, need): Standing(_drawn(record, self._average[need]), record.asked)
            for need, those in by_need.items()
            for record in those
            if record.asked >= ENOUGH
        }

    def of(self, organization_id: uuid.UUID, need: str) -> Standing:
        return self._known.get((organization_id, need)) or Standing(self.average(need), 0)

    def average(self, need: str) -> float:
        return self._average.get(need, NOTHING_KNOWN)

    @property
    def known(self) -> Mapping[tuple[uuid.UUID, str], Standing]:
        return self._known


def _merit(record: Record) -> float:
    """Of all referrals: answering and helping count alike."""
    return (record.answered + record.helped) / 2


def _average(records: Iterable[Record]) -> float:
    listed = list(records)
    asked = sum(record.asked for record in listed)
    merit = sum(map(_merit, listed))
    return (merit + DRAWN_BY * NOTHING_KNOWN) / (asked + DRAWN_BY)


def _drawn(record: Record, average: float) -> float:
    return (_merit(record) + DRAWN_BY * average) / (record.asked + DRAWN_BY)
