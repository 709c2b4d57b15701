"""What a texted reply can mean."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    STOP = "stop"
    MAYBE_STOP = "maybe_stop"
    """May be a wish for no more texts, so it has to be taken for one."""
    START = "start"
    HELP = "help"
    OPTION = "option"
    """One of the numbered answers to a question."""
    YES = "yes"
    NO = "no"
    URGENT = "urgent"
    """Speaks of danger."""
    WRONG_NUMBER = "wrong_number"
    HUMAN = "human"
    """Wants to be called."""
    STATUS = "status"
    """Asks how it stands."""
    LANGUAGE = "language"
    """Wants another language."""
    ACK = "ack"
    """“OK”, “thanks”, a thumb: heard us, answers nothing."""
    REACTION = "reaction"
    """A phone reports that somebody tapped a heart, or the text is nothing but a picture."""
    AUTO_REPLY = "auto_reply"
    EMPTY = "empty"
    FREE_TEXT = "free_text"


@dataclass(frozen=True, slots=True)
class Meaning:
    kind: Kind
    option: int | None = None
    """Which numbered answer was chosen, for OPTION: 1 to 9, whether or not that many were offered."""
    language: str | None = None
    """Which language was named, for LANGUAGE; None for a word that only asks for another one."""
    spoken: str | None = None
    """The language it was said in, when that is not the sender's and only one has such a word."""
    asks_who: bool = False
    """For WRONG_NUMBER: it was only asked who we are, which somebody who knows us well may have forgotten."""
    urgent: bool = False
    """It speaks of danger, whatever else it says."""
    stops: bool = False
    """It wants no more texts, whatever else it says."""

    def __str__(self) -> str:
        return f"{self.kind.value}:{self.option}" if self.option else self.kind.value
