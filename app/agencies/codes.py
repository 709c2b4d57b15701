"""Answers by text: one word for what, five digits for which referral, such as “A 48213”.

Pure. The last digit is a check digit after Damm (2004): it finds every single wrong digit and every two neighbors that
were swapped, so a mistyped code is answered and never taken for another referral. What is read here is only ever meant
for phones of contacts; a patient who texts the same is not read by it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

_DAMM = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)
"""Damm's quasigroup of order 10: weakly totally anti-symmetric, with zeros on its diagonal."""

_FIRST, _COUNT = 1000, 9000
"""Four digits without a leading zero, which people leave out."""


def check_digit(digits: str) -> int:
    """What to append to `digits` so that the whole is valid."""
    interim = 0
    for digit in digits:
        interim = _DAMM[interim][int(digit)]
    return interim


def is_valid(code: str) -> bool:
    """Whether the last digit of `code` fits the others."""
    return check_digit(code) == 0


def candidates(seed: int) -> Iterator[str]:
    """Every code there is, each once, from a place that `seed` chooses."""
    for step in range(_COUNT):
        # 7 does not divide 9000 in common with it, so the walk passes every number.
        payload = str(_FIRST + (seed + 7 * step) % _COUNT)
        yield f"{payload}{check_digit(payload)}"


class Answer(StrEnum):
    ACCEPT = "accept"
    DECLINE = "decline"
    FULL = "full"
    WAITLIST = "waitlist"
    DONE = "done"


WORDS = {
    "a": Answer.ACCEPT,
    "accept": Answer.ACCEPT,
    "accepted": Answer.ACCEPT,
    "aceptar": Answer.ACCEPT,
    "acepto": Answer.ACCEPT,
    "d": Answer.DECLINE,
    "decline": Answer.DECLINE,
    "declined": Answer.DECLINE,
    "rechazar": Answer.DECLINE,
    "rechazo": Answer.DECLINE,
    "full": Answer.FULL,
    "lleno": Answer.FULL,
    "w": Answer.WAITLIST,
    "wait": Answer.WAITLIST,
    "waitlist": Answer.WAITLIST,
    "espera": Answer.WAITLIST,
    "done": Answer.DONE,
    "hecho": Answer.DONE,
}
"""What may stand before or after the code. The letters are the same in every language."""

REASON_OPTIONS = ("at-capacity", "not-eligible", "outside-area", "language", "closed", "wrong-service", "other")
"""What 1, 2, 3 … mean when somebody declines: reasons of the lifecycle."""


@dataclass(frozen=True)
class Reading:
    """What a text says."""

    answer: Answer | None
    """None for a number alone, which may answer why somebody declined."""
    code: str | None
    """Five digits, valid or not; None for a number alone."""
    option: int | None = None
    """The number of a reason."""

    @property
    def is_known(self) -> bool:
        """Whether the code is one that we could have given."""
        return self.code is not None and is_valid(self.code)


_CODE_LENGTH = 5
_TOKEN = re.compile(r"\d+|[^\W\d_]+")
_FEWEST, _MOST = 4, 6
"""Digits that are taken for a mistyped code, so that they are answered instead of being read as something else."""


def read(body: str) -> Reading | None:
    """What a text from a contact's phone says; None when it is nothing of ours.

    :param body: folded already, so that the digits of every script are ASCII ones.
    """
    tokens = _TOKEN.findall(body.casefold())
    numbers = [token for token in tokens if token.isdecimal()]
    words = [token for token in tokens if not token.isdecimal()]
    if not words and len(numbers) == 1 and len(numbers[0]) == 1:
        return Reading(None, None, int(numbers[0]))
    if len(words) != 1 or words[0] not in WORDS or not numbers:
        return None
    digits, option = _split(numbers)
    if not _FEWEST <= len(digits) <= _MOST:
        return None
    return Reading(WORDS[words[0]], digits, option)


def _split(numbers: list[str]) -> tuple[str, int | None]:
    """The code, which may be written in groups, and the reason behind it, if there is one."""
    together = "".join(numbers)
    if len(numbers) > 1 and len(numbers[-1]) == 1 and len(together) == _CODE_LENGTH + 1:
        return together[:-1], int(numbers[-1])
    return together, None
