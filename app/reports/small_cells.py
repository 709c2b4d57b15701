"""Hiding counts so small that a person could be recognized behind them.

A hidden count must not follow from the others and the total, so a single hidden one takes a second with it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

SMALLEST_SHOWN = 5
AT_LEAST_TOGETHER = 2


def lump(counts: Sequence[int]) -> list[int]:
    """The positions of the groups too small to stand alone, to be shown as one group of others.

    A single small group would follow from the total, and so would few people of several: the next smallest joins them.
    """
    smallest_first = sorted(range(len(counts)), key=lambda place: counts[place])
    others = [place for place in smallest_first if counts[place] < SMALLEST_SHOWN]
    rest = smallest_first[len(others) :]
    while (
        others and rest and (len(others) < AT_LEAST_TOGETHER or sum(counts[place] for place in others) < SMALLEST_SHOWN)
    ):
        others.append(rest.pop(0))
    return sorted(others)


def hide(counts: Sequence[int], also: Collection[int] = ()) -> list[int | None]:
    """The counts of one column, each of 1 to 4 replaced by None; nobody at all can be said.

    :param also: positions to hide in any case, because another column hides them.
    """
    hidden = {place for place, count in enumerate(counts) if 0 < count < SMALLEST_SHOWN} | set(also)
    shown = [place for place in range(len(counts)) if place not in hidden]
    if len(hidden) == 1 and shown:
        # A zero hides little: take the smallest of the others, and a zero only where there are no others.
        hidden.add(min(shown, key=lambda place: (counts[place] == 0, counts[place])))
    return [None if place in hidden else count for place, count in enumerate(counts)]
