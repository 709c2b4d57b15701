"""Which ages a directory means: the youngest and the oldest, in years, of “18+”, “13 - 17” or “6 months to 5”.

Only words that leave no doubt count: “over 18” may or may not mean somebody of 18.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from app.directory.values import Unreadable, number

Ages = tuple[float | None, float | None]
"""The youngest and the oldest, that year included; None where there is no limit."""
UNLIMITED: Ages = (None, None)

OLDEST = 150
_MONTHS = 12

_YEARS = re.compile(r"\b(?:years?|yrs?|y/?o|old|of age|age[sd]?)\b\.?:?")
_AGE = r"(\d{1,3}(?:[.,]\d+)?)\s*(m(?:o|os|onths?)?\b\.?)?"
_NO_LIMIT = frozenset({"", "all", "any", "none", "no limit", "no minimum", "no maximum", "n/a"})
_SINGLE = re.compile(_AGE)
_FROM = re.compile(rf"{_AGE}\s*(?:\+|plus|(?:and|or|&) (?:older|over|above|up))|at least {_AGE}")
_TO = re.compile(rf"{_AGE}\s*(?:and|or|&) (?:under|younger|below)|up to {_AGE}")
_BELOW = re.compile(rf"(?:under|younger than|less than|below) {_AGE}")
_BETWEEN = re.compile(rf"{_AGE}\s*(?:-|–|—|to|through|thru)\s*{_AGE}")


def youngest(text: str) -> Ages:
    """What stands in a column of youngest ages: one age, or more than that column asks for.

    :raises Unreadable: no age, or none that is plain.
    """
    return _read(text, lambda age: (age, None))


def oldest(text: str) -> Ages:
    """The same of a column of oldest ages, where “65+” says nothing plain."""
    ages = _read(text, lambda age: (None, age))
    if ages[0] is not None and ages[1] is None:
        raise _unreadable(text)
    return ages


def _read(text: str, single: Callable[[float], Ages]) -> Ages:
    words = " ".join(text.casefold().split())
    plain = " ".join(_YEARS.sub(" ", words).split()).strip(" .")
    if plain in _NO_LIMIT:
        return UNLIMITED
    if found := _SINGLE.fullmatch(plain):
        return single(_years(text, *found.groups()))
    if found := _FROM.fullmatch(plain):
        return _years(text, *_filled(found)), None
    if found := _TO.fullmatch(plain):
        return None, _years(text, *_filled(found))
    if found := _BELOW.fullmatch(plain):
        age = _years(text, *found.groups())
        return None, age if found[2] else max(age - 1, 0)
    if found := _BETWEEN.fullmatch(plain):
        low, unit, high, other = found.groups()
        # Of “6-36 months” both are months, of “1 year - 18 months” they are not.
        unit = unit or (None if _YEARS.search(words) else other)
        return _years(text, low, unit), _years(text, high, other)
    raise _unreadable(text)


def _filled(found: re.Match[str]) -> tuple[str, str | None]:
    """The number and the unit of whichever way of writing it was."""
    return (found[1], found[2]) if found[1] else (found[3], found[4])


def _years(text: str, age: str, months: str | None) -> float:
    years = number(age) / (_MONTHS if months else 1)
    if years > OLDEST:
        raise _unreadable(text)
    return years


def _unreadable(text: str) -> Unreadable:
    return Unreadable(f"“{text[:60]}” is not an age")
