from __future__ import annotations

import pytest

from app.referrals.lifecycle import REASONS, Status
from app.referrals.onward import MOST_IN_A_ROW, REROUTED, Person, who_asks_next

# reason, consent to share, sensitive need, how many went on by themselves → who asks the next place (None: nobody)
RULES = [
    ("at-capacity", True, False, 0, None),
    ("closed", True, False, 0, None),
    ("outside-area", True, False, 0, None),
    ("recalled-silence", True, False, 0, None),
    ("not-eligible", True, False, 0, Person.REASON),  # may hold for the next place, too
    ("language", True, False, 0, Person.REASON),
    ("duplicate", True, False, 0, Person.REASON),
    ("cannot-contact", True, False, 0, Person.REASON),  # first find the patient
    ("patient-declined", True, False, 0, Person.REASON),
    ("wrong-service", True, False, 0, Person.REASON),
    ("other", True, False, 0, Person.REASON),
    ("no-show", True, False, 0, Person.REASON),
    ("no-resources", True, False, 0, Person.REASON),
    ("recalled-by-sender", True, False, 0, Person.REASON),
    ("at-capacity", False, False, 0, Person.NO_CONSENT),
    ("at-capacity", True, True, 0, Person.SENSITIVE),
    ("at-capacity", True, False, MOST_IN_A_ROW - 1, None),
    ("at-capacity", True, False, MOST_IN_A_ROW, Person.ENOUGH),
]


@pytest.mark.parametrize(("reason", "shares", "sensitive", "in_a_row", "who"), RULES)
def test_who_asks_the_next_place(
    reason: str,
    shares: bool,  # noqa: FBT001  a row of the table
    sensitive: bool,  # noqa: FBT001
    in_a_row: int,
    who: Person | None,
) -> None:
    assert who_asks_next(reason=reason, shares=shares, sensitive=sensitive, in_a_row=in_a_row) is who


def test_what_goes_on_by_itself_are_reasons_of_the_lifecycle() -> None:
    assert {*REASONS[Status.REJECTED], *REASONS[Status.CANCELLED]} >= REROUTED
