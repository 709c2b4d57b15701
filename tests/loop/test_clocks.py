from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from app.geography.calendars import Calendar
from app.loop.clocks import (
    LATE,
    LONGEST,
    STEPS,
    URGENT,
    Effect,
    Override,
    Step,
    Unit,
    Wait,
    Waiting,
    named,
    play,
    steps,
    wait_for,
)
from app.referrals.lifecycle import OPEN, Status

NEW_YORK = ZoneInfo("America/New_York")
HERE = Calendar(NEW_YORK)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)


SENT = local("2026-11-19 15:00")  # a Thursday; a week later is Thanksgiving

DUE = [
    ("draft", False, "veto-over", "2026-11-19 17:00"),
    ("requested", False, "nudge-1", "2026-11-20 15:00"),
    ("requested", False, "silent-2", "2026-11-23 15:00"),
    ("requested", False, "silent-4", "2026-11-25 15:00"),
    ("requested", True, "urgent-call", "2026-11-19 17:00"),
    ("requested", True, "silent-1", "2026-11-20 15:00"),
    ("accepted", False, "ask-7", "2026-11-26 15:00"),
    ("accepted", False, "ask-accepted-21", "2026-12-10 15:00"),
    ("accepted", False, "idle-14", "2026-12-03 15:00"),
    ("in-progress", False, "ask-21", "2026-12-10 15:00"),
    ("in-progress", False, "idle-30", "2026-12-19 15:00"),
    ("on-hold", False, "hold-14", "2026-12-03 15:00"),
    ("completed", False, "ask-served", "2026-11-22 15:00"),
    ("completed", False, "ask-again", "2026-11-29 15:00"),
    ("completed", False, "call-patient", "2026-12-03 15:00"),
    ("completed", False, "ask-21", "2026-12-10 15:00"),
    ("completed", False, "check-24", "2026-12-13 15:00"),
    ("completed", False, "give-up", "2026-12-24 15:00"),
]


@pytest.mark.parametrize(("status", "urgent", "name", "when"), DUE)
def test_what_comes_due_and_when(status: str, urgent: bool, name: str, when: str) -> None:  # noqa: FBT001  a row
    step = next(step for step in steps(status, urgent=urgent) if step.name == name)
    assert step.wait.after(SENT, HERE) == local(when)


def test_the_table_above_is_complete() -> None:
    every = {(status, False, step.name) for status, row in STEPS.items() for step in row}
    every |= {(status, True, step.name) for status, row in URGENT.items() for step in row}
    assert {row[:3] for row in DUE} == every


@pytest.mark.parametrize("status", sorted(OPEN))
@pytest.mark.parametrize("urgent", [False, True])
def test_no_open_referral_is_ever_without_a_clock(status: Status, urgent: bool) -> None:  # noqa: FBT001  a row
    """Something comes back until an event ends it, or a draft is sent."""
    row = steps(status.value, urgent=urgent)
    assert row
    assert any(step.again or step.effect is Effect.SEND for step in row)


@pytest.mark.parametrize("status", ["rejected", "failed", "cancelled", "entered-in-error"])
def test_what_has_ended_without_help_waits_for_nothing(status: str) -> None:
    assert steps(status, urgent=False) == ()


def test_asking_ends_only_after_four_attempts() -> None:
    asking = [step for step in STEPS["completed"] if step.effect is not Effect.GIVE_UP_ASKING]
    assert len(asking) >= 4
    last = STEPS["completed"][-1]
    assert last.effect is Effect.GIVE_UP_ASKING
    assert last.wait == Wait(35, Unit.DAYS)


@pytest.mark.parametrize("row", [*STEPS.values(), *URGENT.values()])
def test_the_steps_of_a_side_stand_in_the_order_they_come_due(row: tuple[Step, ...]) -> None:
    for group in {step.group for step in row}:
        moments = [step.wait.after(SENT, HERE) for step in row if step.group is group]
        assert all(earlier < later for earlier, later in pairwise(moments))
    moments = [step.wait.after(SENT, HERE) for step in row]
    assert moments[0] > SENT + timedelta(minutes=1)


def test_every_step_is_found_by_its_name() -> None:
    every = [step for table in (STEPS, URGENT) for row in table.values() for step in row]
    assert all(named(step.name) == step for step in every if step.name != "ask-21")
    assert named("silent-99") is None


# Other waits for an agency or a need. Each row: what is set for whom, and how long the nudge then waits.
PANTRY, CLINIC = uuid.UUID(int=1), uuid.UUID(int=2)
WAITS = [
    ([], 1),
    ([Override("nudge-1", 3, organization_id=PANTRY)], 3),
    ([Override("nudge-1", 3, organization_id=CLINIC)], 1),  # somebody else's
    ([Override("nudge-1", 2, need="food")], 2),
    ([Override("nudge-1", 2, need="housing")], 1),
    ([Override("silent-2", 5, need="food")], 1),  # another step
    (
        [Override("nudge-1", 2, need="food"), Override("nudge-1", 3, organization_id=PANTRY)],
        3,
    ),  # the agency counts more
    ([Override("nudge-1", 4, PANTRY, "food"), Override("nudge-1", 3, organization_id=PANTRY)], 4),  # both count most
    ([Override("nudge-1", 4, PANTRY, "housing"), Override("nudge-1", 3, organization_id=PANTRY)], 3),
]


@pytest.mark.parametrize(("overrides", "days"), WAITS)
def test_what_is_set_for_an_agency_or_a_need_holds_there(overrides: list[Override], days: int) -> None:
    nudge = STEPS["requested"][0]
    assert wait_for(nudge, overrides, PANTRY, "food") == Wait(days, Unit.BUSINESS_DAYS)


def test_every_unit_has_a_longest_wait() -> None:
    assert set(LONGEST) == set(Unit)


# After an outage. Each row: which live steps, as (number, group, hours until due), then which fire and which move.
NOW = local("2026-11-19 15:00")
ROUNDS = [
    ([], [], {}),
    ([(1, "agency", 1)], [], {}),
    ([(1, "agency", 0)], [1], {}),
    ([(1, "agency", -2), (2, "agency", 20)], [1], {}),
    ([(1, "agency", -2), (2, "patient", -3)], [1, 2], {}),  # one of each side
    ([(1, "agency", -2), (2, "agency", -1)], [1], {}),  # slow, not missed: the second has the next minute
    ([(1, "agency", -24), (2, "agency", 24)], [1], {}),
    (
        [(1, "agency", -48), (2, "agency", -24), (3, "agency", 24)],
        [1],
        {2: 24, 3: 72},
    ),  # two days missed, two days moved
    ([(2, "agency", -24), (1, "agency", -48), (3, "patient", 5)], [1], {2: 24}),  # the other side keeps its time
]


@pytest.mark.parametrize(("live", "fires", "moves"), ROUNDS)
def test_an_outage_stops_the_clocks(live: list[tuple[int, str, int]], fires: list[int], moves: dict[int, int]) -> None:
    turn = play([Waiting(uuid.UUID(int=n), group, NOW + timedelta(hours=due)) for n, group, due in live], NOW)
    assert turn.fire == tuple(uuid.UUID(int=n) for n in fires)
    assert dict(turn.postpone) == {uuid.UUID(int=n): NOW + timedelta(hours=due) for n, due in moves.items()}


def test_late_is_a_day() -> None:
    assert timedelta(days=1) == LATE
