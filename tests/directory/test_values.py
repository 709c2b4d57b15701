from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from app.directory import values
from app.directory.values import Unreadable


@pytest.mark.parametrize(
    ("read", "text", "expected"),
    [
        (values.line, "  Two \n words ", "Two words"),
        (values.block, "One.  \r\n\r\n\r\n\r\nTwo.   ", "One.\n\nTwo."),
        (values.whole, "1,994", 1994),
        (values.whole, "18.0", 18),
        (values.number, "0,5", 0.5),  # as Excel writes it in half of the world
        (values.number, "1,234,567.5", 1234567.5),
        (values.number, "12,50", 12.5),
        (values.flag, "FAUX", False),
        (values.flag, "Yes", True),
        (values.flag, "f", False),
        (values.day, "2026-03-31", date(2026, 3, 31)),
        (values.day, "2026-03-31T23:00:00Z", date(2026, 3, 31)),
        (values.day, "12/24/15", date(2015, 12, 24)),
        (values.day, "12/24/2015", date(2015, 12, 24)),
        (values.day, "January 01, 1970", date(1970, 1, 1)),
        (values.moment, "2026-03-31T10:00:00Z", datetime(2026, 3, 31, 10, tzinfo=UTC)),
        (values.moment, "2026-03-31 10:00", datetime(2026, 3, 31, 10, tzinfo=UTC)),
        (values.web_address, "www.example.org/a", "http://www.example.org/a"),
        (values.web_address, "https://example.org", "https://example.org"),
        (values.state, " md ", "MD"),
        (values.state, "Maryland", "Maryland"),
        (values.country, "us", "US"),
        (values.country, "USA", "US"),
        (values.country, "United States of America", "US"),
        (values.postal_code, "21215", "21215"),
        (values.postal_code, "940259881", "94025-9881"),
        (values.postal_code, "21215-", "21215"),
        (values.postal_code, "K1A 0B1", "K1A 0B1"),
        (values.postal_codes, "21201, 21202;21215 21201", ["21201", "21202", "21215"]),
        (values.postal_codes, "Colma", []),
        (values.postal_codes, "ZIP codes 01040", []),
        (
            values.whole_address,
            "12 Main St,  Suite 3, Spokane, WA 99201",
            {"address_1": "12 Main St, Suite 3", "city": "Spokane", "state_province": "WA", "postal_code": "99201"},
        ),
        (
            values.whole_address,
            "PO Box 5\nSt. Louis MO 63101-1204\nUSA\n(38.6, -90.2)",
            {"address_1": "PO Box 5", "city": "St. Louis", "state_province": "MO", "postal_code": "63101-1204"},
        ),
        (values.whole_address, "Spokane, by the fountain", {}),
        (values.whole_address, "1 Elm St Dallas TX 75201", {}),  # where does the street end?
        (values.dialable, "(410) 276-6207", "+14102766207"),
        (values.dialable, "410 276-FOOD", "+14102763663"),
        (values.dialable, "+1 4102766207", "+14102766207"),
        (values.dialable, "2-1-1", None),
    ],
)
def test_a_value_is_understood(read: Callable[[str], Any], text: str, expected: object) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (values.number, "many"),
        (values.number, "1,2,3"),
        (values.number, "nan"),
        (values.number, "1e999"),
        (values.whole, "1.5"),
        (values.whole, "99999999999"),
        (values.flag, "perhaps"),
        (values.day, "2026-02-30"),
        (values.day, "0001-01-01"),
        (values.day, "soon"),
        (values.moment, "0001-01-01T00:00:00+05:00"),
        (values.web_address, "javascript:alert(1)"),
        (values.web_address, "see our page"),
        (values.web_address, "http://[::1"),
        (values.country, "Wonderland"),
        (values.postal_code, "2121"),
        (values.dialable, "123-456-7890"),
        (values.dialable, "(F41) 396-5550"),
        (values.dialable, "(410) 526-985"),
        (values.days, "Someday"),
        (values.time_of_day, "late"),
    ],
)
def test_a_value_that_is_not_one_is_never_guessed(read: Callable[[str], Any], text: str) -> None:
    with pytest.raises(Unreadable):
        read(text)


@pytest.mark.parametrize(
    ("latitude", "longitude", "point", "complaint"),
    [
        ("39.3", "-76.6", (39.3, -76.6), None),
        ("", "", None, None),
        ("-76.6", "39.3", (39.3, -76.6), "swapped"),
        ("-122.2", "37.5", (37.5, -122.2), "swapped"),
        ("39.3", "", None, "only one"),
        ("", "-76.6", None, "only one"),
        ("0", "0.0", None, "Atlantic"),
        ("north", "-76.6", None, "not a number"),
        ("500", "600", None, "not a place on earth"),
    ],
)
def test_coordinates(latitude: str, longitude: str, point: tuple[float, float] | None, complaint: str | None) -> None:
    found, said = values.coordinates(latitude, longitude)
    assert found == point
    assert (said is None) if complaint is None else (said is not None and complaint in said)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("<p>Food.<br /><b>Bring</b> bags &amp; patience</p>", "Food.\nBring bags & patience"),
        ("&lt;p&gt;Twice&lt;/p&gt;", "Twice"),
        ("For people <18 or >60", "For people <18 or >60"),
        ("<a href='https://x.example.org'>here</a>", "here"),
        ("R&D; AT&T &copy it", "R&D; AT&T &copy it"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),  # pages escape it; nothing is formatted with it
        ("a&#0;b", "a\ufffdb"),
    ],
)
def test_html_is_the_text_it_stands_for(text: str, plain: str) -> None:
    assert values.block(text) == plain
    assert values.block(plain) == plain, "what is exported comes back as it is"


@pytest.mark.parametrize(
    ("code", "state", "right"),
    [
        ("2139", "MA", "02139"),
        ("601", "PR", "00601"),
        ("2139", "Massachusetts", "02139"),
        ("2139", "MD", None),
        ("2139", "", None),
        ("21224", "MD", None),
        ("12", "NJ", None),
    ],
)
def test_a_zip_code_gets_its_zeros_back_where_its_state_agrees(code: str, state: str, right: str | None) -> None:
    assert values.with_its_zeros(code, state) == right


@pytest.mark.parametrize(
    "text", ["2026-03-04", "3/4/26", "3/4/2026 9:15", "2026-03-04 0:00:00", "4-Mar-26", "3/4/2026 12:00:00 AM"]
)
def test_a_date_is_read_with_whatever_time_is_behind_it(text: str) -> None:
    assert values.day(text) == date(2026, 3, 4)


def test_the_first_day_of_1900_is_how_databases_write_never() -> None:
    with pytest.raises(Unreadable):
        values.day("1900-01-01 0:00:00")
