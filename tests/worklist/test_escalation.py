"""Who is paged, and who next: the table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.worklist import escalation
from app.worklist.escalation import STEPS, Pageable, Roster, Round

OWNER, FIRST, SECOND, THIRD, FALLBACK = (Pageable(f"+1410555010{n}") for n in range(5))
USUAL = Roster(responsible=[OWNER], on_call=[FIRST, SECOND, THIRD, FALLBACK])


@pytest.mark.parametrize(
    ("steps_done", "roster", "paged", "whom", "done"),
    [
        # At once: who is responsible, and the first on call.
        (0, USUAL, [], (OWNER, FIRST), 1),
        # Who is responsible has no phone.
        (0, Roster([], [FIRST, SECOND]), [], (FIRST,), 1),
        # Nobody is on call.
        (0, Roster([OWNER], []), [], (OWNER,), 1),
        # Who is responsible is on call as well: another one is paged beside them.
        (0, Roster([FIRST], [FIRST, SECOND]), [], (FIRST, SECOND), 1),
        # Then one more at a time.
        (1, USUAL, [OWNER, FIRST], (SECOND,), 2),
        (2, USUAL, [OWNER, FIRST, SECOND], (THIRD,), 3),
        (3, USUAL, [OWNER, FIRST, SECOND, THIRD], (FALLBACK,), 4),
        # Nobody new: everybody, at once.
        (1, Roster([OWNER], [FIRST]), [OWNER, FIRST], (FIRST, OWNER), 5),
        # Everybody, twice in all.
        (4, USUAL, [OWNER, FIRST, SECOND, THIRD, FALLBACK], (FIRST, SECOND, THIRD, FALLBACK, OWNER), 5),
        (5, USUAL, [OWNER, FIRST, SECOND, THIRD, FALLBACK], (FIRST, SECOND, THIRD, FALLBACK, OWNER), 6),
    ],
)
def test_who_is_next(
    steps_done: int, roster: Roster, paged: list[Pageable], whom: tuple[Pageable, ...], done: int
) -> None:
    assert escalation.next_round(steps_done, roster, {person.phone for person in paged}) == Round(whom, done)


def test_it_ends() -> None:
    assert escalation.next_round(len(STEPS), USUAL, set()) is None
    assert escalation.next_round(0, Roster([], []), set()) is None


def test_instead_of_a_page_that_failed_somebody_new_or_nobody() -> None:
    assert escalation.replacement(1, USUAL, {OWNER.phone, FIRST.phone}) == Round((SECOND,), 2)
    assert escalation.replacement(1, USUAL, {person.phone for person in USUAL.everybody}) is None
    assert escalation.replacement(len(STEPS), USUAL, set()) is None


def test_the_next_step_is_counted_from_the_last_page() -> None:
    late = datetime(2026, 11, 24, 3, 17, tzinfo=UTC)
    assert escalation.next_at(late, 1, timedelta(minutes=5)) == late + timedelta(minutes=5)
    assert escalation.next_at(late, len(STEPS), timedelta(minutes=5)) is None
