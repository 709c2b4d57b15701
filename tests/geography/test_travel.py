"""How to get there, said no better than it is known."""

from __future__ import annotations

import pytest
from flask import Flask

from app.geography import travel
from app.geography.places import Precision


@pytest.fixture(autouse=True)
def in_english(app: Flask) -> object:
    with app.test_request_context():
        yield


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("Bus 23 and 36 stop at the door", ("23", "36")),
        ("MTA bus lines: 5, 10, 46", ("5", "10", "46")),
        ("Take Route #8 to York Road", ("8",)),
        ("Bus M8/M11", ("M8", "M11")),
        ("Bus 23, bus 23", ("23",)),
        ("Free parking for 20 cars", ()),
        ("On the bus line", ()),
        ("Near the bus stop at 2200 Eutaw Place", ()),
        (None, ()),
    ],
)
def test_only_named_bus_lines_are_named(text: str | None, lines: tuple[str, ...]) -> None:
    assert travel.bus_lines(text) == lines


def test_the_hint_is_one_line() -> None:
    assert travel.hint(2.2, Precision.ZIP, "Bus 23") == "about 2 miles, bus 23"
    assert travel.hint(2.2, Precision.ROOFTOP, "parking") == "2.2 miles"


@pytest.mark.parametrize(
    ("miles", "precision", "ways"),
    [
        (
            0.5,
            Precision.ROOFTOP,
            (
                "on foot 5 to 25 minutes",
                "by bus perhaps 5 to 30 minutes, where one runs",
                "by car 5 to 10 minutes",
            ),
        ),
        (5, Precision.ZIP, ("by bus perhaps 30 to 100 minutes, where one runs", "by car 5 to 45 minutes")),
        (40, Precision.ZIP, ("by car 80 to 265 minutes",)),
        (5, Precision.COUNTY, ()),
        (5, Precision.NONE, ()),
    ],
)
def test_times_are_ranges_that_are_true(miles: float, precision: Precision, ways: tuple[str, ...]) -> None:
    assert travel.ways(miles, precision) == ways
