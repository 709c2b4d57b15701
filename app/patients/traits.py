"""What a patient may tell of themselves because some services are only for some people.

Nobody has to: what was not told is not known, and not knowing keeps nobody from anything. Only matching and the page on
which it is asked read this; no text, list, log or agency does, unless somebody writes it into a note.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.i18n import marked


class Trait(StrEnum):
    VETERAN = "veteran"
    PREGNANT = "pregnant"
    CHILDREN = "children"
    WOMAN = "woman"
    MAN = "man"
    HIV = "hiv"


SENSITIVE = frozenset({Trait.HIV})
"""Kept only while the patient wishes to be matched on it: there is a yes or nothing, never a no."""

GENDERS = (Trait.WOMAN, Trait.MAN)


@dataclass(frozen=True, slots=True)
class Asked:
    trait: Trait
    question: str


ASKED = (
    Asked(Trait.VETERAN, marked("Did they serve in the military?")),
    Asked(Trait.PREGNANT, marked("Are they pregnant?")),
    Asked(Trait.CHILDREN, marked("Do children live with them?")),
)
"""The plain questions, each answered with yes, no or nothing."""


def told(answers: Mapping[Trait, bool], gender: str) -> dict[Trait, bool]:
    """Everything that these answers say: who says woman, says not a man; who says neither, says nothing of either.

    :param gender: woman, man, or anything else where they said something else or nothing.
    """
    kept = {trait: holds for trait, holds in answers.items() if holds or trait not in SENSITIVE}
    if gender in GENDERS:
        kept |= {trait: trait == gender for trait in GENDERS}
    return kept
