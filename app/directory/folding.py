"""What is typed into a search, as the index is asked for it."""

from __future__ import annotations

from app.patients.names import fold

MOST_WORDS = 12
"""Of one question; more narrow nothing down."""


def question(text: str) -> str:
    """`text` as a tsquery: every word has to be there, at least its beginning. Empty when there is no word in it."""
    return " & ".join(f"{word}:*" for word in fold(text).split()[:MOST_WORDS])
