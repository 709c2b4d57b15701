"""Why nothing is done for a patient any more, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from app.i18n import gettext as _
from app.i18n import marked


class Ending(StrEnum):
    DECEASED = "deceased"
    MOVED = "moved"
    """Moved away, or cared for by another network."""
    DELETED = "deleted"
    """They asked for their data to be deleted. This alone cannot be taken back."""


_STANDING: Mapping[Ending, str] = {
    Ending.DECEASED: marked("Has died"),
    Ending.MOVED: marked("Has moved away"),
    Ending.DELETED: marked("Data deleted"),
}

_REFUSED: Mapping[Ending, str] = {
    Ending.DECEASED: marked("This patient has died. If that was recorded by mistake, take it back first."),
    Ending.MOVED: marked("This patient has moved away. If they are back, take that back first."),
    Ending.DELETED: marked("The data of this patient were deleted, as they asked. Register them anew."),
}

_CHOICES: Mapping[Ending, str] = {
    Ending.DECEASED: marked("They have died"),
    Ending.MOVED: marked("They have moved away, or another network cares for them"),
    Ending.DELETED: marked("They ask for their data to be deleted. This cannot be taken back"),
}


def standing(ended: Ending) -> str:
    """In two or three words, for a tag."""
    return _(_STANDING[ended])


def refused(ended: Ending) -> str:
    """Why nothing new can be begun, and what can be done."""
    return _(_REFUSED[ended])


def choices(now: Ending | None) -> list[tuple[str, str]]:
    """What can be recorded of a patient who is `now` ended so, or not at all; as the options of a form."""
    if now is Ending.DELETED:
        return []
    return [(ending.value, _(words)) for ending, words in _CHOICES.items() if now is None or ending is Ending.DELETED]
