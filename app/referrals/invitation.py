"""An appointment as a calendar takes it (iCalendar, RFC 5545; how it is sent, RFC 5546). Pure.

The same appointment always has the same UID; each change has a higher SEQUENCE, so that a calendar which gets them in
the wrong order keeps the newest. Times are those of the clock at the place, with the rules of its time zone beside
them. No name stands in it: calendars are shared, printed and shown on walls.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, Timezone, TimezoneDaylight, TimezoneStandard

AROUND = timedelta(days=366)
"""The rules of the zone are given for a year before and after, so the change before and the one after are there."""


@dataclass(frozen=True)
class Entry:
    """One appointment, as it stands."""

    uid: uuid.UUID
    sequence: int
    starts_at: datetime
    length: timedelta
    changed_at: datetime
    summary: str
    """What a calendar shows of it to everybody: no name."""
    place: str = ""
    note: str = ""
    cancelled: bool = False

    def method(self, attendee: str) -> str:
        """What a calendar is to do with it: take it back, answer it, or only show it."""
        return "CANCEL" if self.cancelled else "REQUEST" if attendee else "PUBLISH"


def write(entry: Entry, zone: ZoneInfo, *, host: str, organizer: str, attendee: str = "") -> bytes:
    """The iCalendar file.

    :param zone: of the place; the file carries its rules around the day of the appointment.
    :param host: who we are in the world's names of appointments.
    :param organizer: our e-mail address, without which a calendar takes no cancellation.
    :param attendee: the e-mail address it is sent to; empty for a file that is fetched.
    """
    starts_at = entry.starts_at.astimezone(zone)
    calendar = Calendar()
    calendar.add("prodid", "-//Loopline//Loopline//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", entry.method(attendee))
    calendar.add_component(_rules(zone, entry.starts_at))
    event = Event()
    event.add("uid", f"{entry.uid}@{host}")
    event.add("sequence", entry.sequence)
    event.add("dtstamp", entry.changed_at)
    event.add("dtstart", starts_at)
    event.add("dtend", (entry.starts_at + entry.length).astimezone(zone))
    event.add("summary", entry.summary)
    event.add("status", "CANCELLED" if entry.cancelled else "CONFIRMED")
    event.add("class", "PRIVATE")
    for name, value in (("location", entry.place), ("description", entry.note)):
        if value:
            event.add(name, value)
    event.add("organizer", f"mailto:{organizer}")
    if attendee:
        event.add("attendee", f"mailto:{attendee}")
    calendar.add_component(event)
    file: bytes = calendar.to_ical()
    return file


def _rules(zone: ZoneInfo, moment: datetime) -> Timezone:
    """The zone's VTIMEZONE: the offset that holds at first, and each change, at the time the clocks show before it.

    icalendar can make one from a zone, and gives the onset of daylight saving on the clock after the change.
    """
    rules = Timezone()
    rules.add("tzid", zone.key)
    first, last = moment - AROUND, moment + AROUND
    rules.add_component(_observance(first.astimezone(zone).replace(tzinfo=None), first, first, zone))
    for change in _changes(zone, first, last):
        before = change - timedelta(seconds=1)
        onset = (change + _offset(before, zone)).replace(tzinfo=None)
        rules.add_component(_observance(onset, before, change, zone))
    return rules


def _changes(zone: ZoneInfo, first: datetime, last: datetime) -> Iterator[datetime]:
    """The moments (UTC) between `first` and `last` at which the offset of `zone` changes."""
    day = first.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    while day < last:
        following = day + timedelta(days=1)
        if _offset(day, zone) != _offset(following, zone):
            yield _change_between(day, following, zone)
        day = following


def _change_between(early: datetime, late: datetime, zone: ZoneInfo) -> datetime:
    """The moment after `early` from which on the offset is that of `late`, to the second."""
    while late - early > timedelta(seconds=1):
        middle = early + timedelta(seconds=(late - early) // timedelta(seconds=2))
        if _offset(middle, zone) == _offset(early, zone):
            early = middle
        else:
            late = middle
    return late


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def _observance(
    onset: datetime, before: datetime, after: datetime, zone: ZoneInfo
) -> TimezoneDaylight | TimezoneStandard:
    local = after.astimezone(zone)
    observance = TimezoneDaylight() if local.dst() else TimezoneStandard()
    observance.add("dtstart", onset)
    observance.add("tzname", local.tzname())
    observance.add("tzoffsetfrom", _offset(before, zone))
    observance.add("tzoffsetto", _offset(after, zone))
    return observance
