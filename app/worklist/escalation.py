"""Who is paged about an urgent text, and who next while nobody has taken it.

One table, pure. The person responsible and the first on call are paged at once; then one more at a time; then
everybody. After the last step nobody is paged any more: it stays on top of everybody's list, and calls go on there.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Whom(StrEnum):
    RESPONSIBLE_AND_FIRST = "responsible-and-first"
    NEXT = "next"
    EVERYBODY = "everybody"


STEPS = (Whom.RESPONSIBLE_AND_FIRST, Whom.NEXT, Whom.NEXT, Whom.NEXT, Whom.EVERYBODY, Whom.EVERYBODY)

PATIENCE_WITHOUT_ANYBODY = timedelta(minutes=1)
"""While nobody can be paged, how soon to see whether somebody can."""


@dataclass(frozen=True)
class Pageable:
    """Somebody who can be paged; without `staff_id` it is the network's fallback number."""

    phone: str
    staff_id: uuid.UUID | None = None
    language: str = "en"


@dataclass(frozen=True)
class Roster:
    """Who there is, each with a phone."""

    responsible: Sequence[Pageable]
    """Who answers for the patient; nobody when they have no phone."""
    on_call: Sequence[Pageable]
    """In the order in which they are paged."""

    @property
    def everybody(self) -> tuple[Pageable, ...]:
        """Each phone once."""
        return tuple({person.phone: person for person in (*self.on_call, *self.responsible)}.values())


@dataclass(frozen=True)
class Round:
    """Whom to page now, and how many steps of the table are used up then."""

    whom: tuple[Pageable, ...]
    steps_done: int


def next_round(steps_done: int, roster: Roster, paged: AbstractSet[str]) -> Round | None:
    """Whom to page next; None when the table is used up or nobody can be paged.

    A step that finds nobody new gives its turn to the next one that finds somebody.

    :param paged: the phones that were paged about this before, also those that could not be reached.
    """
    for done, whom in enumerate(STEPS[steps_done:], start=steps_done + 1):
        if chosen := _chosen(whom, roster, paged):
            return Round(chosen, done)
    return None


def replacement(steps_done: int, roster: Roster, paged: AbstractSet[str]) -> Round | None:
    """Whom to page at once because a page did not arrive; None when everybody has been paged or all steps are done.

    Only somebody new: an outage in which every page fails must not page the same people again and again.
    """
    fresh = _chosen(Whom.NEXT, roster, paged)
    return Round(fresh, min(steps_done + 1, len(STEPS))) if fresh and steps_done < len(STEPS) else None


def _chosen(whom: Whom, roster: Roster, paged: AbstractSet[str]) -> tuple[Pageable, ...]:
    fresh = tuple(person for person in roster.on_call if person.phone not in paged)[:1]
    match whom:
        case Whom.RESPONSIBLE_AND_FIRST:
            return tuple({person.phone: person for person in (*roster.responsible, *_first_other(roster))}.values())
        case Whom.NEXT:
            return fresh
        case Whom.EVERYBODY:
            return roster.everybody


def _first_other(roster: Roster) -> tuple[Pageable, ...]:
    """Who is on call first, besides the person responsible: two phones ring from the beginning."""
    responsible = {person.phone for person in roster.responsible}
    return tuple(person for person in roster.on_call if person.phone not in responsible)[:1]


def next_at(last: datetime, steps_done: int, patience: timedelta) -> datetime | None:
    """When the next step is due; None after the last one.

    Counted from when people were really paged: after an outage nobody is paged for all the steps that were missed.
    """
    return last + patience if steps_done < len(STEPS) else None
