from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from app.worklist import words
from app.worklist.kinds import Kind
from app.worklist.priority import SEVERITY, Because, Work, priority

NOW = datetime(2026, 11, 24, 15, tzinfo=UTC)
ZONE = ZoneInfo("America/New_York")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def work(  # noqa: PLR0913  what the rule looks at
    kind: Kind = Kind.CALL_INSTEAD,
    *,
    old: timedelta = timedelta(),
    due: timedelta = 3 * DAY,
    urgent: bool = False,
    sensitive: bool = False,
    taken: bool = False,
) -> Work:
    return Work(kind, NOW - old, NOW + due, urgent=urgent, sensitive=sensitive, taken=taken)


SOONER = [
    ("what cannot wait", work(urgent=True), work()),
    ("what is about safety", work(sensitive=True), work()),
    ("what is overdue", work(due=-HOUR), work(due=HOUR)),
    ("what is long overdue", work(due=-2 * DAY), work(due=-HOUR)),
    ("what is due today", work(due=HOUR), work(due=DAY)),
    ("what is due tomorrow", work(due=DAY), work(due=3 * DAY)),
    ("what is older", work(old=7 * DAY), work(old=DAY)),
    ("a contradiction", work(Kind.RESOLVE_DISPUTE), work(Kind.CALL_AGENCY)),
    ("danger that nobody has taken", work(Kind.URGENT_TEXT), work(Kind.OFFER_NEXT, urgent=True, due=-9 * DAY)),
    ("danger that nobody has taken, then that", work(Kind.URGENT_TEXT), work(Kind.URGENT_TEXT, taken=True, old=DAY)),
]


@pytest.mark.parametrize(("first", "second"), [row[1:] for row in SOONER], ids=[row[0] for row in SOONER])
def test_it_comes_sooner(first: Work, second: Work) -> None:
    assert priority(first, NOW, ZONE).order < priority(second, NOW, ZONE).order


def test_after_two_weeks_age_counts_no_more() -> None:
    assert priority(work(old=14 * DAY), NOW, ZONE).score == priority(work(old=90 * DAY), NOW, ZONE).score


WHY = [
    (work(), ()),
    (work(Kind.URGENT_TEXT), (Because.DANGER,)),
    (work(urgent=True, due=HOUR), (Because.CANNOT_WAIT, Because.DUE_TODAY)),
    (work(Kind.RESOLVE_DISPUTE, due=-HOUR), (Because.CONTRADICTION, Because.OVERDUE)),
    (work(sensitive=True), (Because.SAFETY,)),
    (work(old=6 * DAY), (Because.WAITS_LONG,)),
    # Today ends at midnight where the team is, not in UTC.
    (work(due=13 * HOUR), (Because.DUE_TODAY,)),
    (work(due=14 * HOUR), ()),
]


@pytest.mark.parametrize(("what", "because"), WHY)
def test_why_it_comes_first(what: Work, because: tuple[Because, ...]) -> None:
    assert priority(what, NOW, ZONE).because == because


def test_every_kind_has_a_severity_and_a_name() -> None:
    assert set(SEVERITY) == set(Kind) == set(words.KIND)
    scores = [priority(work(kind), NOW, ZONE).score for kind in sorted(SEVERITY, key=lambda kind: -SEVERITY[kind])]
    assert all(higher >= lower for higher, lower in pairwise(scores))
