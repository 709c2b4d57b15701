from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from app.reports.ledger import BYTE_ORDER_MARK, COLUMNS, Entry, harmless, row, written

SENT = datetime(2026, 3, 2, 3, 30, tzinfo=UTC)  # the evening of March 1 in Baltimore


def entry(**other: object) -> Entry:
    said = {
        "reference": "3F9A1C2B",
        "sent_at": SENT,
        "need": "food",
        "service": "Groceries",
        "urgent": True,
        "status": "completed",
        "reason": None,
        "answered_at": SENT.replace(hour=9),
        "accepted": True,
        "outcome": "service-provided",
        "ended_at": SENT.replace(day=5),
        "patient_says": "got-help",
    }
    return Entry(**(said | other))  # type: ignore[arg-type]


def test_a_row_has_days_codes_and_yes_or_no() -> None:
    assert dict(zip(COLUMNS, row(entry(), ZoneInfo("America/New_York")), strict=True)) == {
        "reference": "3F9A1C2B",
        "sent_on": "2026-03-01",
        "need": "food",
        "service": "Groceries",
        "urgent": "yes",
        "status": "completed",
        "reason": "",
        "answered_on": "2026-03-02",
        "hours_to_answer": "6.0",
        "accepted": "yes",
        "served": "yes",
        "outcome": "service-provided",
        "ended_on": "2026-03-04",
        "patient_says": "got-help",
    }


def test_what_is_not_known_is_empty() -> None:
    cells = row(entry(answered_at=None, ended_at=None, patient_says=None, outcome=None), ZoneInfo("UTC"))
    assert [cells[list(COLUMNS).index(name)] for name in ("answered_on", "hours_to_answer", "ended_on")] == ["", "", ""]


@pytest.mark.parametrize("begins", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_no_cell_is_a_formula(begins: str) -> None:
    assert harmless(begins) == f"'{begins}"


def test_other_cells_stay_as_they_are() -> None:
    for cell in ("", "Groceries", "2026-03-01", "5.5", "a=b"):
        assert harmless(cell) == cell


def test_the_table_reads_back_and_comes_in_pieces() -> None:
    services = ["Food, clothes", 'The "Pantry"', "=HYPERLINK(1)", "Comida\ny ropa"]
    pieces = list(written(row(entry(service=service), ZoneInfo("UTC")) for service in services))
    assert len(pieces) == 1 + len(services)
    assert pieces[0].startswith(BYTE_ORDER_MARK)
    read = list(csv.DictReader(io.StringIO("".join(pieces).removeprefix(BYTE_ORDER_MARK))))
    assert [line["service"] for line in read] == [*services[:2], "'=HYPERLINK(1)", services[3]]
