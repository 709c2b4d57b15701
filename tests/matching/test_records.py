from __future__ import annotations

import uuid

import pytest

from app.matching.records import NOTHING_KNOWN, Record, Standing, Standings

GOOD, POOR, NEW, UNKNOWN = (uuid.UUID(int=n) for n in range(4))

STANDINGS = Standings([Record(GOOD, "food", 40, 40, 36), Record(POOR, "food", 40, 10, 4), Record(NEW, "food", 9, 9, 9)])


def test_a_record_is_drawn_towards_the_average() -> None:
    average = STANDINGS.average("food")
    good, poor = STANDINGS.of(GOOD, "food"), STANDINGS.of(POOR, "food")
    assert poor.value < average < good.value < 38 / 40
    assert poor.value > 7 / 40
    assert (good.n, poor.n) == (40, 40)


@pytest.mark.parametrize("organization", [NEW, UNKNOWN])
def test_with_fewer_than_ten_referrals_the_average_stands_in(organization: uuid.UUID) -> None:
    assert STANDINGS.of(organization, "food") == Standing(STANDINGS.average("food"), 0)


def test_a_need_nobody_was_asked_about_is_in_the_middle() -> None:
    assert STANDINGS.of(GOOD, "legal") == Standing(NOTHING_KNOWN, 0)
