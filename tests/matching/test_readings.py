from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from app.geography.places import Precision
from app.matching import readings
from app.needs.vocabulary import Term


@pytest.mark.parametrize(
    ("said", "walk_in"),
    [
        ("Walk in or apply by phone.", True),
        ("Walk-ins welcome Monday to Friday", True),
        ("No appointment needed", True),
        ("Call for an appointment", None),
        ("By appointment only.", False),
        ("Appointment required. No walk-ins.", False),
        ("Walk in, or by appointment", True),
        (None, None),
    ],
)
def test_whether_one_may_just_come(said: str | None, walk_in: object) -> None:
    assert readings.walk_in(said) is walk_in


@pytest.mark.parametrize(
    ("said", "offered"), [("Language Line", True), ("None", False), ("N/A", False), (" ", False), (None, False)]
)
def test_whether_there_is_an_interpreter(said: str | None, offered: object) -> None:
    assert readings.interpreter(said) is offered


def test_languages_are_kept_as_they_are_compared() -> None:
    assert readings.languages(["es-MX", "yue", "cmn", "es"]) == " es zh "
    assert readings.languages([]) == ""


def test_a_language_line_of_hundreds_fits_into_an_index() -> None:
    codes = [f"{first}{second}" for first in "abcdefghijklmnopqrst" for second in "abcdefghijklmnopqrst"]
    kept = readings.languages(codes)
    assert len(kept) <= readings.LONGEST_LANGUAGES + 2
    assert set(kept.split()) <= set(codes)


def test_a_share_of_what_a_service_does_is_its_fit() -> None:
    def food(name: str) -> Term:
        return Term("", name, ("Food",))

    kitchen = [food("Free Meals")]
    center = [food("Help Pay for Food"), Term("", "Legal Aid", ("Legal",)), Term("", "Veterans", ("Armed Forces",))]
    assert readings.fits(kitchen) == {"food": 1.0}
    assert readings.fits(center)["food"] == 0.5


def test_a_place_is_read_from_coordinates_and_else_from_the_address() -> None:
    exact = readings.place((39.3, -76.6), "Baltimore", "MD", "21215", confidential=False)
    by_zip = readings.place(None, "", "", "21215-1234", confidential=False)
    by_city = readings.place(None, "Baltimore", "MD", "", confidential=False)
    without_address = readings.place((39.3446, -76.6794), "", "", "", confidential=False)
    assert exact is not None
    assert (exact.point, exact.precision, exact.time_zone) == ((39.3, -76.6), Precision.STREET, "America/New_York")
    assert by_zip is not None
    assert by_zip.precision is Precision.ZIP
    assert by_city is not None
    assert by_city.precision is Precision.COUNTY
    assert without_address is not None
    assert without_address.time_zone == "America/New_York"
    assert readings.place(None, "", "", "", confidential=False) is None


def test_a_confidential_place_is_the_middle_of_its_zip_code() -> None:
    place = readings.place((39.30, -76.60), "Baltimore", "MD", "21215", confidential=True)
    assert place is not None
    assert (place.point, place.precision) == ((39.3446, -76.6794), Precision.ZIP)


def test_a_day_ends_at_midnight_there() -> None:
    assert readings.end_of(date(2026, 3, 4), "America/New_York") == datetime(2026, 3, 5, 5, tzinfo=UTC)
    assert readings.end_of(None, "UTC") is None
