"""What can go wrong by the rules, each as one sentence a person can act on.

The edge turns these into a page or into JSON with their HTTP status; operations only raise them.
"""

from __future__ import annotations

from collections.abc import Mapping


class DomainError(Exception):
    """The rules refuse this now; the message is one plain sentence saying why and what to do."""

    status = 409

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class NotFound(DomainError):
    """There is no such thing, or it is not yours to know that there is."""

    status = 404


class Forbidden(DomainError):
    """You may not do this, whatever its state."""

    status = 403


def place_of(error: BaseException) -> str:
    """Where an error happened, for a log. Its message stays out of there: messages carry what people typed."""
    last = error.__traceback__
    while last and last.tb_next:
        last = last.tb_next
    return f"{last.tb_frame.f_code.co_filename}:{last.tb_lineno}" if last else "nowhere"


class Invalid(DomainError):
    """What was sent cannot be used; `fields` maps each wrong field to its own sentence."""

    status = 422

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(" ".join(fields.values()))
        self.fields = dict(fields)
