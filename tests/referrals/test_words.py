from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.geography.calendars import Calendar
from app.i18n import speaking
from app.referrals.closing import Says
from app.referrals.lifecycle import NEEDS_REASON, REASONS, Status
from app.referrals.words import Standing, Times, promise_days, standing

NOW = datetime(2026, 11, 24, 15, tzinfo=UTC)  # a Tuesday
TODAY = NOW.date()
SENT = NOW - timedelta(days=2)
THURSDAY = date(2026, 11, 26)
MONDAY = date(2026, 11, 23)

SAID = [
    # Nobody has spoken yet.
    (Status.DRAFT, None, None, Times(), "waiting", "Not sent yet"),
    (Status.REQUESTED, None, None, Times(SENT), "waiting", "Sent 2 days ago"),
    (Status.REQUESTED, None, None, Times(SENT, seen_at=NOW), "waiting", "Sent 2 days ago, they have seen it"),
    # The agency has.
    (
        Status.ACCEPTED,
        None,
        None,
        Times(SENT, promised_by=THURSDAY),
        "well",
        "Accepted, they will call Ana by Thursday, Nov 26",
    ),
    (
        Status.ACCEPTED,
        None,
        None,
        Times(SENT, promised_by=MONDAY),
        "waiting",
        "Accepted; they were to call Ana by Monday, Nov 23",
    ),
    (
        Status.ACCEPTED,
        None,
        None,
        Times(SENT, promised_by=TODAY),
        "well",
        "Accepted, they will call Ana by Tuesday, Nov 24",
    ),
    (Status.ACCEPTED, None, None, Times(SENT), "well", "Accepted"),
    (Status.ON_HOLD, None, "waitlist", Times(SENT), "waiting", "Ana is on their waiting list"),
    (Status.ON_HOLD, None, "awaiting-documents", Times(SENT), "waiting", "They wait for documents from Ana"),
    (Status.IN_PROGRESS, None, None, Times(SENT), "well", "Being served"),
    (Status.COMPLETED, None, None, Times(SENT), "waiting", "They say served, we are asking Ana"),
    (Status.COMPLETED, None, None, Times(SENT, asked_out_at=NOW), "ended", "They say served, Ana did not answer"),
    (Status.REJECTED, None, "at-capacity", Times(SENT), "needs_you", "They declined: “we are full”"),
    (Status.FAILED, None, "no-show", Times(SENT), "needs_you", "Not served: “the person did not come”"),
    (Status.CANCELLED, None, "recalled-silence", Times(SENT), "ended", "Recalled: the agency did not answer"),
    (Status.ENTERED_IN_ERROR, None, None, Times(SENT), "ended", "Sent by mistake"),
    (Status.ENTERED_IN_ERROR, None, None, Times(), "ended", "Never sent"),
    # An appointment says more than a day to be called by.
    (
        Status.ACCEPTED,
        None,
        None,
        Times(SENT, promised_by=MONDAY, appointment=NOW + timedelta(days=2)),
        "well",
        "Ana has an appointment on Thursday, Nov 26",
    ),
    (
        Status.IN_PROGRESS,
        None,
        None,
        Times(SENT, appointment=NOW - timedelta(hours=1)),
        "waiting",
        "Ana had an appointment on Tuesday, Nov 24",
    ),
    # Both have.
    (Status.COMPLETED, Says.GOT_HELP, None, Times(SENT), "well", "Closed: they say served, Ana got help"),
    (Status.COMPLETED, Says.NOT_YET, None, Times(SENT), "needs_you", "They say served, Ana says not yet"),
    (Status.COMPLETED, Says.NO_LONGER_NEEDED, None, Times(SENT), "ended", "They say served, Ana no longer needs it"),
    (Status.ACCEPTED, Says.NOT_YET, None, Times(SENT, promised_by=THURSDAY), "waiting", "Accepted, Ana says not yet"),
    (Status.IN_PROGRESS, Says.GOT_HELP, None, Times(SENT), "well", "Ana got help; they have not said so yet"),
    (Status.REJECTED, Says.GOT_HELP, "closed", Times(SENT), "needs_you", "They say not served, Ana says got help"),
    (
        Status.CANCELLED,
        Says.NO_LONGER_NEEDED,
        "withdrawn-by-patient",
        Times(SENT),
        "ended",
        "Recalled: Ana no longer needs it",
    ),
]


@pytest.mark.parametrize(("status", "says", "reason", "times", "kind", "words"), SAID)
def test_where_a_referral_stands_in_one_line(  # noqa: PLR0913, PLR0917  a row
    status: Status, says: Says | None, reason: str | None, times: Times, kind: str, words: str
) -> None:
    said = standing(status, says, reason, times, name="Ana", now=NOW, today=TODAY)
    assert said == Standing(kind, words)


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("says", [None, *Says])
@pytest.mark.parametrize("language", ["en", "es"])
def test_there_is_a_line_for_everything_both_can_say(status: Status, says: Says | None, language: str) -> None:
    for reason in REASONS[status] if status in NEEDS_REASON else (None,):
        with speaking(language):
            said = standing(status, says, reason, Times(SENT), name="Ana", now=NOW, today=TODAY)
        assert said.kind in {"waiting", "well", "needs_you", "ended"}
        assert said.words[0].isupper()
        assert "%(" not in said.words


# Each row: today, and the days on which an agency may say it will contact somebody.
PROMISES = [
    ("2026-11-16", ["2026-11-16", "2026-11-17", "2026-11-18", "2026-11-19", "2026-11-23"]),  # a Monday
    ("2026-11-22", ["2026-11-23", "2026-11-24", "2026-11-25", "2026-11-27"]),  # a Sunday before Thanksgiving
    ("2026-11-20", ["2026-11-20", "2026-11-23", "2026-11-24", "2026-11-25", "2026-11-27"]),
]


@pytest.mark.parametrize(("today", "days"), PROMISES)
def test_nobody_promises_a_day_on_which_nobody_works(today: str, days: list[str]) -> None:
    offered = promise_days(date.fromisoformat(today), Calendar(ZoneInfo("America/New_York")))
    assert [day for day, _said in offered] == days
