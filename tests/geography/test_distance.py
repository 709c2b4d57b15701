from __future__ import annotations

import pytest
from geopy.distance import geodesic
from hypothesis import given
from hypothesis import strategies as st

from app.geography.boxes import around
from app.geography.distance import GRAIN_MILES, coarser, miles, stepped
from app.geography.places import Precision
from app.geography.words import words

latitudes = st.floats(-90, 90)
longitudes = st.floats(-180, 180)
points = st.tuples(latitudes, longitudes)


@given(points, points)
def test_miles_are_within_six_per_mille_of_the_geodesic(a: tuple[float, float], b: tuple[float, float]) -> None:
    assert miles(a, b) == pytest.approx(geodesic(a, b).miles, rel=0.006, abs=1e-6)


@given(points, points)
def test_miles_are_the_same_both_ways(a: tuple[float, float], b: tuple[float, float]) -> None:
    assert miles(a, b) == pytest.approx(miles(b, a), abs=1e-6)


@given(st.floats(0, 12_500), st.floats(0, 12_500), st.sampled_from(list(Precision)))
def test_steps_keep_the_order(a: float, b: float, precision: Precision) -> None:
    nearer, farther = sorted((a, b))
    grain = GRAIN_MILES[precision]
    assert stepped(nearer, grain) <= stepped(farther, grain)


def test_a_difference_below_the_precision_is_none() -> None:
    assert stepped(2.6, GRAIN_MILES[Precision.ZIP]) == stepped(3.6, GRAIN_MILES[Precision.ZIP])
    assert stepped(2.6, GRAIN_MILES[Precision.STREET]) < stepped(3.6, GRAIN_MILES[Precision.STREET])


def test_a_distance_is_known_as_badly_as_its_worse_end() -> None:
    assert coarser(Precision.ROOFTOP, Precision.ZIP) is Precision.ZIP
    assert coarser(Precision.COUNTY, Precision.ZIP) is Precision.COUNTY


@given(points, points, st.floats(0, 13_000))
def test_a_box_holds_every_point_within_the_miles(
    center: tuple[float, float], other: tuple[float, float], radius: float
) -> None:
    if miles(center, other) <= radius:
        assert any(box.holds(other) for box in around(center, radius))


@given(points, st.floats(0, 500), st.floats(0, 500))
def test_a_smaller_box_lies_inside_a_larger_one(center: tuple[float, float], one: float, other: float) -> None:
    smaller, larger = sorted((one, other))
    corners = [
        (latitude, longitude)
        for box in around(center, smaller)
        for latitude in (box.south, box.north)
        for longitude in (box.west, box.east)
    ]
    assert all(any(box.holds(corner) for box in around(center, larger)) for corner in corners)


@pytest.mark.parametrize(
    ("center", "miles_away", "boxes"),
    [
        ((39.34, -76.68), 25, 1),  # Baltimore
        ((51.9, 179.9), 25, 2),  # the Aleutians lie on both sides of the antimeridian
        ((51.9, -179.9), 25, 2),
        ((89.9, 10.0), 25, 1),  # over the pole: all longitudes
        ((0.0, 0.0), 13_000, 1),  # farther than anything on Earth
    ],
)
def test_a_box_is_split_only_at_the_antimeridian(center: tuple[float, float], miles_away: float, boxes: int) -> None:
    assert len(around(center, miles_away)) == boxes


@pytest.mark.parametrize(
    ("distance", "precision", "said"),
    [
        (0.0, Precision.ROOFTOP, "less than 0.1 miles"),
        (0.42, Precision.STREET, "0.4 miles"),
        (1.02, Precision.ROOFTOP, "1 mile"),
        (3.21, Precision.ROOFTOP, "3.2 miles"),
        (18.7, Precision.ROOFTOP, "19 miles"),
        (0.3, Precision.ZIP, "about 2 miles or less"),
        (3.21, Precision.ZIP, "about 3 miles"),
        (2749.9, Precision.ZIP, "about 2,750 miles"),
        (3.2, Precision.COUNTY, "somewhere within 15 miles"),
        (43.0, Precision.COUNTY, "about 40 miles"),
        (3.2, Precision.NONE, "distance not known"),
    ],
)
def test_words_claim_no_more_than_is_known(distance: float, precision: Precision, said: str) -> None:
    assert words(distance, precision) == said
