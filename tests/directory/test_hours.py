from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest
from babel.core import Locale

from app.directory.hours import (
    Opening,
    Span,
    in_words,
    is_open,
    next_opening,
    open_until,
    open_words,
    parse_days,
    parse_time,
    spans,
)

ENGLISH = Locale("en", "US")
TUESDAY = date(2026, 3, 3)


def speak(message: str, /, **values: object) -> str:
    return message % values if values else message


def weekly(days: str, opens: str, closes: str, **more: object) -> Opening:
    return Opening(parse_time(opens), parse_time(closes), "WEEKLY", days, **more)  # type: ignore[arg-type]


def march(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment in March 2026 by the clock on the wall."""
    return datetime.combine(date(2026, 3, day), time(hour, minute))


WORKDAYS = weekly("MO,TU,WE,TH,FR", "9am", "5pm")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("09:00", time(9)),
        ("9:00am", time(9)),
        ("9am", time(9)),
        ("4:00 PM", time(16)),
        ("3pm", time(15)),
        ("12:30 p.m.", time(12, 30)),
        ("12 am", time(0)),
        ("noon", time(12)),
        ("Midnight", time(0)),
        ("9.30", time(9, 30)),
        ("0830", time(8, 30)),
        ("08:00:00", time(8)),
        ("14:00-05:00", time(14)),
        ("14:00Z", time(14)),
        ("24:00", time(23, 59)),
    ],
)
def test_times_are_read_as_people_write_them(text: str, expected: time) -> None:
    assert parse_time(text) == expected


@pytest.mark.parametrize("text", ["", "25:00", "9:75", "9-5", "0 am", "by appointment", "9", "900"])
def test_what_is_no_time_is_not_guessed(text: str) -> None:
    with pytest.raises(ValueError, match=r"time of day|morning or afternoon"):
        parse_time(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Monday", "MO"),
        ("Mon, Wed", "MO,WE"),
        ("MO,TU,MO", "MO,TU"),
        ("thurs.", "TH"),
        ("1", "MO"),
        ("7", "SU"),
        ("2TU", "2TU"),
        ("-1FR", "-1FR"),
    ],
)
def test_days_are_read_as_people_write_them(text: str, expected: str) -> None:
    assert parse_days(text) == expected


@pytest.mark.parametrize("text", ["Funday", "8", "6TU", "M-X", "MO-TU-WE"])
def test_an_unknown_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a day of the week"):
        parse_days(text)


@pytest.mark.parametrize(
    ("openings", "lines"),
    [
        # Days with the same hours are one line.
        ([WORKDAYS], ["Mon–Fri 9 am–5 pm"]),
        ([weekly("MO", "9am", "5pm"), weekly("TU", "9am", "5pm")], ["Mon, Tue 9 am–5 pm"]),
        ([weekly("MO,WE,FR", "9:30", "12:00")], ["Mon, Wed, Fri 9:30 am–noon"]),
        ([WORKDAYS, weekly("SA", "10am", "noon")], ["Mon–Fri 9 am–5 pm", "Sat 10 am–noon"]),
        # Days that come round the same, apart.
        ([weekly("MO,TU,WE,FR,SA", "9am", "1pm")], ["Mon–Wed, Fri, Sat 9 am–1 pm"]),
        # Several shifts.
        ([weekly("MO", "8:00", "12:00"), weekly("MO", "14:00", "16:00")], ["Mon 8 am–noon and 2 pm–4 pm"]),
        # The same shift said twice.
        ([WORKDAYS, WORKDAYS], ["Mon–Fri 9 am–5 pm"]),
        # Over midnight, and to the end of the day.
        ([weekly("FR", "22:00", "02:00")], ["Fri 10 pm–2 am"]),
        ([weekly("FR", "18:00", "24:00")], ["Fri 6 pm–midnight"]),
        ([weekly("MO,TU,WE,TH,FR,SA,SU", "0:00", "23:59")], ["Open day and night"]),
        ([weekly("MO,TU,WE,TH,FR,SA,SU", "8:00", "20:00")], ["Every day 8 am–8 pm"]),
        # Opening known, closing not.
        ([Opening(time(9), None, "WEEKLY", "MO")], ["Mon from 9 am"]),
        ([Opening(None, None, "WEEKLY", "MO")], ["Mon"]),
        # By the month.
        ([Opening(time(10), time(12), "MONTHLY", "2TU")], ["2nd Tue of the month 10 am–noon"]),
        ([Opening(time(10), time(12), "MONTHLY", "-1FR")], ["last Fri of the month 10 am–noon"]),
        ([Opening(time(10), time(12), "MONTHLY", bymonthday="1,15")], ["day 1, 15 of the month 10 am–noon"]),
        # Every other week.
        ([weekly("MO", "9am", "5pm", interval=2, dtstart=TUESDAY)], ["Mon 9 am–5 pm, every 2 weeks (until"]),
        # Seasons and what is over.
        (
            [weekly("MO", "9am", "noon", valid_from=date(2026, 5, 1), valid_to=date(2026, 9, 1))],
            ["Mon 9 am–noon (May 1–Sep 1)"],
        ),
        ([weekly("MO", "9am", "noon", valid_to=date(2026, 3, 2))], []),
        ([weekly("MO", "9am", "noon", until=date(2026, 3, 31))], ["Mon 9 am–noon (until Mar 31)"]),
        # Closed for a holiday soon, or for a season.
        (
            [WORKDAYS, Opening(valid_from=date(2026, 3, 17), valid_to=date(2026, 3, 17), closed=True)],
            ["Mon–Fri 9 am–5 pm", "Closed Mar 17"],
        ),
        (
            [Opening(valid_from=date(2000, 6, 1), valid_to=date(2000, 9, 1), closed=True, yearly=True)],
            ["Closed Jun 1–Sep 1"],
        ),
        # Christmas is of no interest in March.
        ([Opening(valid_from=date(2000, 12, 25), valid_to=date(2000, 12, 25), closed=True, yearly=True)], []),
        # What is said in words only is repeated.
        ([Opening(description="Call for hours")], ["Call for hours"]),
        ([], []),
    ],
)
def test_hours_are_said_in_words(openings: list[Opening], lines: list[str]) -> None:
    said = in_words(openings, TUESDAY, speak, ENGLISH)
    assert len(said) == len(lines)
    assert all(line.startswith(expected.removesuffix(" (until")) for line, expected in zip(said, lines, strict=True))


def test_other_languages_write_times_their_own_way() -> None:
    (line,) = in_words([WORKDAYS], TUESDAY, speak, Locale("es", "US"))
    assert line.startswith("lun–vie 9:00")
    assert in_words([WORKDAYS], TUESDAY, speak, Locale("fr")) == ("lun.–ven. 09:00–17:00",)


@pytest.mark.parametrize(
    ("openings", "moment", "words"),
    [
        ([WORKDAYS], march(3, 10), "open now until 5 pm"),
        ([WORKDAYS], march(3, 16, 59), "open now until 5 pm"),
        ([WORKDAYS], march(3, 17), "opens tomorrow at 9 am"),
        ([WORKDAYS], march(3, 7), "opens today at 9 am"),
        ([WORKDAYS], march(7, 12), "opens Mon at 9 am"),
        # Friday's night goes on into Saturday.
        ([weekly("FR", "22:00", "02:00")], march(7, 1), "open now until 2 am"),
        ([weekly("FR", "22:00", "02:00")], march(7, 2), "opens Fri at 10 pm"),
        ([weekly("MO,TU,WE,TH,FR,SA,SU", "0:00", "24:00")], march(3, 3), "open day and night"),
        ([Opening(time(10), time(12), "MONTHLY", "2TU")], march(3, 9), "opens Mar 10 at 10 am"),
        # A holiday overrides the week.
        (
            [WORKDAYS, Opening(valid_from=TUESDAY, valid_to=TUESDAY, closed=True)],
            march(3, 10),
            "opens tomorrow at 9 am",
        ),
        (
            [WORKDAYS, Opening(time(10), time(16), valid_from=TUESDAY, valid_to=TUESDAY)],
            march(3, 9, 30),
            "opens today at 10 am",
        ),
        # Nobody knows.
        ([Opening(description="Call for hours")], march(3, 10), None),
        ([Opening(None, None, "WEEKLY", "TU")], march(3, 10), None),
        ([weekly("TU", "9am", "5pm", interval=2)], march(3, 10), None),
        ([], march(3, 10), None),
    ],
)
def test_whether_it_is_open_now(openings: list[Opening], moment: datetime, words: str | None) -> None:
    assert open_words(openings, moment, speak, ENGLISH) == words
    assert is_open(openings, moment) == (words or "").startswith("open ")


def test_every_second_week_counts_from_its_first() -> None:
    opening = weekly("TU", "9am", "5pm", interval=2, dtstart=TUESDAY)
    assert open_until([opening], march(3, 10)) == march(3, 17)
    assert open_until([opening], march(10, 10)) is None
    assert next_opening([opening], march(3, 10)) == march(17, 9)


def test_shifts_that_touch_are_one() -> None:
    both = [weekly("TU", "9am", "noon"), weekly("TU", "noon", "5pm")]
    assert spans(both, TUESDAY) == (Span(march(3, 9), march(3, 17)),)


def test_a_season_may_go_over_new_year() -> None:
    winter = weekly("TU", "9am", "5pm", valid_from=date(2000, 11, 15), valid_to=date(2000, 4, 1), yearly=True)
    assert spans([winter], TUESDAY)
    assert not spans([winter], date(2026, 5, 5))


UNCLEAR = (
    Opening(time(10), time(18), "WEEKLY", "TH,FR", byweekno="41,42"),
    Opening(time(10), time(18), "WEEKLY", "MO", byyearday="100"),
    Opening(time(10), time(18), "MONTHLY", "1MO", interval=2),
    Opening(time(10), time(18), "MONTHLY", "FR", bymonthday="13"),
    Opening(time(10), time(18), "MONTHLY", bymonthday="first"),
    Opening(time(10), time(18), "WEEKLY", "MO", count=3),
)


@pytest.mark.parametrize("opening", UNCLEAR, ids=[str(opening.unclear) for opening in UNCLEAR])
def test_what_is_not_worked_out_is_claimed_of_no_day(opening: Opening) -> None:
    year = [date(2026, 1, 1) + timedelta(days=ahead) for ahead in range(365)]
    assert opening.unclear
    assert not any(opening.on(day) for day in year)
    assert in_words([opening], date(2026, 1, 1), speak, ENGLISH) == ()
    usual = Opening(time(9), time(17), "WEEKLY", "MO")
    assert spans([usual, opening], date(2026, 1, 5)) == spans([usual], date(2026, 1, 5)), "nor does it hide another"


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("Mon - Fri", "MO,TU,WE,TH,FR"),
        ("Mondays", "MO"),
        ("fri–mon", "FR,SA,SU,MO"),
        ("M, W and F", "MO,WE,FR"),
        ("Tuesday through Thursday", "TU,WE,TH"),
        ("Weekdays", "MO,TU,WE,TH,FR"),
        ("every day", "MO,TU,WE,TH,FR,SA,SU"),
        ("1-5", "MO,TU,WE,TH,FR"),
        ("-1FR", "-1FR"),
    ],
)
def test_ranges_of_days_are_read_too(text: str, days: str) -> None:
    assert parse_days(text) == days


def test_a_spreadsheet_s_share_of_a_day_is_a_time() -> None:
    assert [parse_time(text) for text in ("0.375", "0.5", ".708333333", "0.9999")] == [
        time(9),
        time(12),
        time(17),
        time(23, 59),
    ]
