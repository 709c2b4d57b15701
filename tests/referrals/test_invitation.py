"""An appointment as calendars take it, read back as a calendar reads it."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar, Component

from app.referrals.invitation import Entry, write

ENTRY = Entry(
    uid=uuid.UUID(int=7),
    sequence=2,
    starts_at=datetime(2026, 11, 26, 20, tzinfo=UTC),
    length=timedelta(hours=1),
    changed_at=datetime(2026, 11, 20, 15, tzinfo=UTC),
    summary="Food: A. R. (7f3a)",
    place="12 Main Street; Baltimore, MD",
    note="Bring a bag\nand papers",
)


def read(entry: Entry, zone: str = "America/New_York", attendee: str = "") -> Component:
    file = write(entry, ZoneInfo(zone), host="loopline.test", organizer="care@loopline.test", attendee=attendee)
    assert max(map(len, file.split(b"\r\n"))) <= 75
    return Calendar.from_ical(file)


def event(calendar: Component) -> Component:
    (found,) = calendar.walk("VEVENT")
    return found


def test_it_says_what_when_and_where() -> None:
    found = event(read(ENTRY))
    assert (str(found["uid"]), found["sequence"]) == (f"{ENTRY.uid}@loopline.test", 2)
    assert (found.decoded("dtstart"), found.decoded("dtend")) == (ENTRY.starts_at, ENTRY.starts_at + ENTRY.length)
    assert found["dtstart"].params["TZID"] == "America/New_York"
    assert (str(found["location"]), str(found["description"])) == (ENTRY.place, ENTRY.note)
    assert found.decoded("dtstamp") == ENTRY.changed_at
    assert str(found["class"]) == "PRIVATE"


METHODS = [
    (False, "", "PUBLISH", "CONFIRMED"),
    (False, "desk@pantry.test", "REQUEST", "CONFIRMED"),
    (True, "", "CANCEL", "CANCELLED"),
    (True, "desk@pantry.test", "CANCEL", "CANCELLED"),
]


@pytest.mark.parametrize(("cancelled", "attendee", "method", "status"), METHODS)
def test_what_a_calendar_is_to_do_with_it(cancelled: bool, attendee: str, method: str, status: str) -> None:  # noqa: FBT001  a row
    calendar = read(replace(ENTRY, cancelled=cancelled), attendee=attendee)
    assert (str(calendar["method"]), str(event(calendar)["status"])) == (method, status)
    assert str(event(calendar)["organizer"]) == "mailto:care@loopline.test"
    assert ("attendee" in event(calendar)) is bool(attendee)


def test_the_same_appointment_keeps_its_name_when_it_moves() -> None:
    moved = replace(ENTRY, sequence=3, starts_at=ENTRY.starts_at + timedelta(days=1))
    assert event(read(moved))["uid"] == event(read(ENTRY))["uid"]


# The rules of the zone: onsets on the clock before the change, with the offset before and after, in hours.
ZONES = [
    ("America/New_York", [("DAYLIGHT", "2026-03-08 02:00", -5, -4), ("STANDARD", "2026-11-01 02:00", -4, -5)]),
    ("America/Denver", [("DAYLIGHT", "2026-03-08 02:00", -7, -6), ("STANDARD", "2026-11-01 02:00", -6, -7)]),
    ("America/Phoenix", []),
    ("Pacific/Honolulu", []),
    ("America/Anchorage", [("DAYLIGHT", "2026-03-08 02:00", -9, -8), ("STANDARD", "2026-11-01 02:00", -8, -9)]),
]


@pytest.mark.parametrize(("zone", "changes"), ZONES)
def test_the_rules_of_the_zone_are_right(zone: str, changes: list[tuple[str, str, int, int]]) -> None:
    (rules,) = read(ENTRY, zone).walk("VTIMEZONE")
    first, *onsets = rules.subcomponents
    assert str(rules["tzid"]) == zone
    assert first.decoded("tzoffsetfrom") == first.decoded("tzoffsetto")
    found = [
        (
            part.name,
            f"{part.decoded('dtstart'):%Y-%m-%d %H:%M}",
            part.decoded("tzoffsetfrom") / timedelta(hours=1),
            part.decoded("tzoffsetto") / timedelta(hours=1),
        )
        for part in onsets
    ]
    assert [one for one in found if one[1].startswith("2026")] == changes


@pytest.mark.parametrize("month", range(1, 13))
@pytest.mark.parametrize("zone", ["America/New_York", "America/Phoenix"])
def test_a_calendar_that_knows_no_zone_but_ours_reads_the_same_moment(zone: str, month: int) -> None:
    """The file alone says when it is: the zone has a name that no calendar knows."""
    starts_at = datetime(2026, month, 8, 13, 30, tzinfo=ZoneInfo(zone))
    file = write(replace(ENTRY, starts_at=starts_at), ZoneInfo(zone), host="loopline.test", organizer="a@b.test")
    nowhere = f"Nowhere/{zone.rpartition('/')[2]}-{month}"  # another one each time, because the reader remembers them
    ours = Calendar.from_ical(file.replace(zone.encode(), nowhere.encode()))
    assert event(ours).decoded("dtstart").astimezone(UTC) == starts_at.astimezone(UTC)
