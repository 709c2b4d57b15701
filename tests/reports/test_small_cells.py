from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.reports.small_cells import SMALLEST_SHOWN, hide, lump


@pytest.mark.parametrize(
    ("counts", "shown"),
    [
        ([12, 8, 5], [12, 8, 5]),
        # Nobody at all is nobody to recognize.
        ([12, 0], [12, 0]),
        ([12, 8, 4, 3], [12, 8, None, None]),
        # A single hidden count would follow from the total, so the next smallest goes with it.
        ([12, 8, 4], [12, None, None]),
        ([12, 0, 4], [None, 0, None]),
        ([0, 4], [None, None]),
        ([4], [None]),
        ([], []),
    ],
)
def test_small_counts_are_hidden(counts: list[int], shown: list[int | None]) -> None:
    assert hide(counts) == shown


def test_what_another_column_hides_stays_hidden() -> None:
    assert hide([12, 0, 9], also=[1, 2]) == [12, None, None]


@given(st.lists(st.integers(0, 30)))
def test_no_small_count_is_ever_shown_and_none_can_be_worked_out(counts: list[int]) -> None:
    shown = hide(counts)
    assert not [count for count in shown if count is not None and 0 < count < SMALLEST_SHOWN]
    assert len(counts) < 2 or shown.count(None) != 1


@pytest.mark.parametrize(
    ("counts", "others"),
    [
        ([12, 8, 5], []),
        ([12, 8, 4, 3], [2, 3]),
        # One small group alone would follow from the total: the next smallest joins it.
        ([12, 8, 4], [1, 2]),
        # Two people in two groups are still few.
        ([12, 8, 1, 1], [1, 2, 3]),
        ([12, 4], [0, 1]),
        ([4], [0]),
        ([], []),
    ],
)
def test_small_groups_are_shown_together(counts: list[int], others: list[int]) -> None:
    assert lump(counts) == others


@given(st.lists(st.integers(1, 30), min_size=2))
def test_what_is_shown_of_groups_is_never_small_unless_everything_is(counts: list[int]) -> None:
    others = lump(counts)
    alone = [count for place, count in enumerate(counts) if place not in others]
    together = sum(counts[place] for place in others)
    assert all(count >= SMALLEST_SHOWN for count in alone)
    assert not others or together >= SMALLEST_SHOWN or not alone
