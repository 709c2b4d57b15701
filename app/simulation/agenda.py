"""What simulated people have in mind to do, by when. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime
from itertools import count

Deed = Callable[[], None]


class Agenda:
    """Deeds in the order of their time; at the same moment in the order in which they were planned."""

    def __init__(self) -> None:
        self._planned: list[tuple[datetime, int, Deed]] = []
        self._number = count()

    def at(self, when: datetime, deed: Deed) -> None:
        heapq.heappush(self._planned, (when, next(self._number), deed))

    def next(self) -> datetime | None:
        """When somebody does something next."""
        return self._planned[0][0] if self._planned else None

    def take(self, now: datetime) -> Deed | None:
        """The next deed that is due by `now`."""
        return heapq.heappop(self._planned)[2] if self._planned and self._planned[0][0] <= now else None
