from __future__ import annotations

from zoneinfo import available_timezones

import pytest
import zipcodes

from app.geography import zips
from app.geography.places import Precision


@pytest.mark.parametrize(
    ("written", "five"),
    [
        ("21215", "21215"),
        (" 21215 ", "21215"),
        ("21215-1234", "21215"),
        ("212151234", "21215"),
        ("01040", "01040"),
        ("2121", None),
        ("21215-12", None),
        ("K1A 0B1", None),
        ("٢١٢١٥", None),  # digits, but not ours; the gazetteer itself crashes on them
        ("", None),
    ],
)
def test_a_zip_code_is_five_digits_or_nine(written: str, five: str | None) -> None:
    assert zips.five_digits(written) == five


def test_a_zip_code_knows_its_middle_its_county_and_its_time_zone() -> None:
    place = zips.find("21215")
    assert place is not None
    assert place.point == pytest.approx((39.3446, -76.6794))
    assert (place.city, place.state, place.county) == ("Baltimore", "MD", "Baltimore city")
    assert (place.time_zone, place.precision) == ("America/New_York", Precision.ZIP)


def test_a_zip_code_without_a_place_is_not_found() -> None:
    assert zips.find("00000") is None
    assert zips.find("09000") is None  # a military post office


def test_every_place_has_a_real_time_zone() -> None:
    zones = available_timezones()
    places = (zips.find(row["zip_code"]) for row in zipcodes.list_all() if row["timezone"] == "Napakiak")
    found = [place for place in places if place]
    assert found
    assert all(place.time_zone in zones for place in found)


def test_a_city_is_known_less_well_than_a_zip_code() -> None:
    place = zips.find_city("baltimore", "md")
    assert place is not None
    assert place.precision is Precision.COUNTY
    assert place.point == pytest.approx((39.3, -76.6), abs=0.1)
    assert zips.find_city("Atlantis", "MD") is None


def test_the_nearest_zip_code_to_a_point() -> None:
    place = zips.nearest((39.3446, -76.6794))
    assert place is not None
    assert place.city == "Baltimore"
    assert zips.nearest((0.0, 0.0)) is None


def test_what_was_asked_once_is_remembered() -> None:
    assert zips.find("21216") is zips.find("21216")
