"""The table of its own referrals that an organization gives to those who pay for it. Pure.

One row for each referral: codes, days and yes or no. Nobody's name, nothing a patient or another agency wrote.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from app.i18n import marked

COLUMNS = {
    "reference": marked("What the request is called in the inbox; no part of a name."),
    "sent_on": marked("The day on which it was sent to you."),
    "need": marked("What was asked for, as a code of the network."),
    "service": marked("Which of your services was asked."),
    "urgent": marked("Whether it could not wait."),
    "status": marked("Where it stands, in the words of HL7 FHIR."),
    "reason": marked("Why it was declined, is waiting or ended without help, as a code."),
    "answered_on": marked("The day on which you first said yes or no."),
    "hours_to_answer": marked("Hours from sending to that answer, nights and weekends included."),
    "accepted": marked("Whether you ever said yes."),
    "served": marked("Whether you say that you helped."),
    "outcome": marked("What came of it, as a code."),
    "ended_on": marked("The day on which it ended."),
    "patient_says": marked("What the patient says came of it; empty when they have not said."),
}
"""The columns in their order, and what stands in each."""

_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
BYTE_ORDER_MARK = "\ufeff"
"""Without it spreadsheets take UTF-8 for something else."""


@dataclass(frozen=True)
class Entry:
    """What the table says of one referral; times are aware."""

    reference: str
    sent_at: datetime
    need: str
    service: str
    urgent: bool
    status: str
    reason: str | None
    answered_at: datetime | None
    accepted: bool
    outcome: str | None
    ended_at: datetime | None
    patient_says: str | None


def row(entry: Entry, zone: ZoneInfo) -> list[str]:
    """The cells of one referral, in the order of `COLUMNS`; days are those of `zone`."""
    waited = (entry.answered_at - entry.sent_at).total_seconds() / 3600 if entry.answered_at else None
    return [
        entry.reference,
        _day(entry.sent_at, zone),
        entry.need,
        entry.service,
        _yes(said=entry.urgent),
        entry.status,
        entry.reason or "",
        _day(entry.answered_at, zone),
        "" if waited is None else f"{waited:.1f}",
        _yes(said=entry.accepted),
        _yes(said=entry.status == "completed"),
        entry.outcome or "",
        _day(entry.ended_at, zone),
        entry.patient_says or "",
    ]


def _day(moment: datetime | None, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).date().isoformat() if moment else ""


def _yes(*, said: bool) -> str:
    return "yes" if said else "no"


def harmless(cell: str) -> str:
    """`cell` as text in every spreadsheet: one that begins like a formula would be calculated (CWE-1236)."""
    return f"'{cell}" if cell.startswith(_BEGINS_A_FORMULA) else cell


def written(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The table as CSV, in pieces of one line, the names of the columns first."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    buffer.write(BYTE_ORDER_MARK)
    writer.writerow(COLUMNS)
    yield _taken_out(buffer)
    for cells in rows:
        writer.writerow([harmless(cell) for cell in cells])
        yield _taken_out(buffer)


def _taken_out(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text
