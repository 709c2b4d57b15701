"""What can become of an e-mail, and what an SMTP server's answers mean for it.

Pure. The ways a sending can end are those of texts (`app.messaging.delivery`). One thing differs: nobody can be asked
afterwards whether an e-mail exists, so one whose answer was lost is never sent again by itself.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from enum import StrEnum

from app.messaging.delivery import Accepted, NotSent, Outcome, Refused, Unsure

LISTING = "listing"
"""The purpose of e-mails that are written to hundreds of agencies at once, and that every other one goes before."""


class State(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"
    """A worker has it; its lease says until when we believe that worker alive."""
    SENT = "sent"
    """The server has taken it. That is all one ever hears of an e-mail."""
    UNSURE = "unsure"
    """It was handed over and the answer was lost: it may exist or not. Only a person sends it again."""
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    """It would have come too late to be true."""


ENDED = frozenset(State) - {State.QUEUED, State.SENDING}


class Stage(StrEnum):
    """How far the conversation with the server had come."""

    GREETING = "greeting"
    """Connecting, encrypting, signing in: whatever is wrong there is not wrong with this e-mail."""
    SENDER = "sender"
    RECIPIENT = "recipient"
    DATA = "data"
    """The server was asked whether it wants the text; it has none yet."""
    TEXT = "text"
    """The text has left, wholly or in part."""


_OURS = frozenset({Stage.GREETING, Stage.SENDER})
_TAKEN, _LATER, _NEVER = 2, 4, 5
"""First digits of a reply (RFC 5321, 4.2.1)."""
_HUNDRED = 100


def outcome(stage: Stage, code: int | None) -> Outcome:
    """What an answer at this stage says about whether the e-mail exists.

    :param code: the reply code; None when the connection broke or nobody answered.
    """
    kind = code // _HUNDRED if code else None
    if stage is Stage.TEXT:
        if kind == _TAKEN:
            return Accepted("", "sent")
        if kind not in {_LATER, _NEVER}:
            return Unsure(str(code or "connection lost"))
    if kind == _NEVER and stage not in _OURS:
        return Refused(str(code))
    return NotSent(f"{stage.value}: {code or 'connection lost'}")


WAITS = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=4),
    timedelta(hours=8),
    timedelta(hours=12),
    timedelta(hours=12),
)
"""Between one try and the next: gray lists let one through after minutes, outages last for hours."""

GAVE_UP = "gave-up"
"""Why an e-mail failed that was tried for a day and a half."""


def retry_at(tries: int, now: datetime) -> datetime | None:
    """When to try again after `tries` tries, or None when that was the last one."""
    return now + WAITS[tries - 1] if 0 < tries <= len(WAITS) else None


_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}")
LONGEST_ADDRESS = 254


def address(typed: str) -> str | None:
    """An e-mail address as it is compared and written; None when no server could deliver to it.

    Quoted names and addresses in other scripts are refused: hardly anybody has one, and what cannot be in an address
    cannot smuggle a header into a letter.
    """
    trimmed = typed.strip()
    return trimmed.lower() if len(trimmed) <= LONGEST_ADDRESS and _ADDRESS.fullmatch(trimmed) else None


def one_line(text: str) -> str:
    """`text` as it may stand in a header: whatever breaks a line becomes a space."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
