"""Whom a service is only for, as far as its directory says so: people living with HIV, veterans, women.

A service that names several audiences is for any of them. One that also says “anyone”, or names more than a few, is
taken to describe its visitors, not to turn others away. What an audience is called is data: a row of `AUDIENCES`. Rows
are only ever added at the end, because listings keep them as bits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from app.i18n import marked


@dataclass(frozen=True, slots=True)
class Audience:
    code: str
    words: str
    """Completes “For …”."""
    terms: frozenset[str]
    """Names of taxonomy terms, in lower case, that say it."""
    said: re.Pattern[str]
    """What says it in the eligibility text of a directory without such terms."""


def _audience(code: str, words: str, terms: str, said: str) -> Audience:
    names = frozenset(name.strip() for name in terms.split(","))
    return Audience(code, words, names, re.compile(rf"\b(?:{said})\b", re.IGNORECASE))


AUDIENCES = (
    _audience(
        "hiv", marked("people living with HIV"),
        "hiv/aids, hiv, aids, hiv-positive, people living with hiv, people with hiv/aids",
        r"hiv(?:/aids)?|aids",
    ),
    _audience("veterans", marked("veterans"), "veterans, veteran, military veterans, disabled veterans", "veterans?"),
    _audience("women", marked("women"), "women, females, adult women, single women", "women|females?|mothers"),
    _audience("men", marked("men"), "men, males, adult men, single men", "men|males?|fathers"),
    _audience(
        "pregnant", marked("people who are pregnant"),
        "pregnancy, pregnant, pregnant women, pregnant people, pregnant women specialized care, expectant mothers",
        "pregnant|expectant",
    ),
    _audience(
        "families", marked("families with children"),
        "families, families with children, families with children under 18, single parents, parents",
        r"families with (?:\w+ )?children|single parents?|parents (?:with|of)",
    ),
    _audience(
        "homeless", marked("people without a home"), "homeless, homeless people, homeless persons", "homeless"
    ),
    _audience("refugees", marked("refugees"), "refugees, refugee, asylum seekers", "refugees?|asylum seekers?"),
    _audience("immigrants", marked("immigrants"), "immigrants, migrants, undocumented", "immigrants?|migrants?"),
    _audience("lgbtq", marked("LGBTQ people"), "lgbt, lgbtq, lgbtq+, transgender", r"lgbtq?\+?|transgender"),
    _audience(
        "disability", marked("people with a disability"),
        "disability, disabilities, all disabilities, physical disability, developmental disability,"
        " intellectual disability, learning disability, people with disabilities",
        "disabled|disability|disabilities",
    ),
    _audience(
        "survivors", marked("survivors of violence"),
        "domestic violence survivors, domestic violence, abuse or neglect survivors, sexual assault survivors,"
        " human trafficking survivors",
        "domestic violence|battered|abused",
    ),
    _audience(
        "released", marked("people who were in prison"),
        "ex-offenders, ex-offender, formerly incarcerated, criminal history, previously incarcerated",
        "ex-offenders?|incarcerated|parolees?",
    ),
)  # fmt: skip

BITS = {audience.code: 1 << number for number, audience in enumerate(AUDIENCES)}
DISCREET = frozenset({"hiv"})
"""That a patient belongs to these is shown nowhere, not even as a reason."""
EVERYBODY = 0
"""The bits of a service that is for nobody in particular."""

_MOST = 3
"""Whoever names more audiences than this turns nobody away."""
_OPEN = re.compile(
    r"\b(?:any(?:one|body)|every(?:one|body)|all (?:people|persons|individuals|residents|ages)|general public|open to"
    r"|most programs|primarily|mainly|priority|preference|not (?:limited|restricted)|(?:women|men|male|female)"
    r"(?: and |/| or |, )(?:women|men|male|female))\b",
    re.IGNORECASE,
)
_EXAMPLES = re.compile(
    r"\b(?:including|such as|because of|especially|e\.g\.|as well as|with or without)\b.*", re.IGNORECASE
)
_FIRST_WORDS = 200
"""Of an eligibility text; further on it tells stories."""


def of_terms(names: Iterable[str]) -> int:
    """The bits of the audiences that these taxonomy terms name."""
    plain = {" ".join(name.casefold().removesuffix(" only").split()) for name in names}
    return _limited(audience for audience in AUDIENCES if audience.terms & plain)


def of_text(eligibility: str | None) -> int:
    """The bits of the audiences that an eligibility text names, when it plainly is for them."""
    text = " ".join((eligibility or "").split())[:_FIRST_WORDS]
    if _OPEN.search(text):
        return EVERYBODY
    text = _EXAMPLES.sub("", text)
    return _limited(audience for audience in AUDIENCES if audience.said.search(text))


def bits(codes: Iterable[str]) -> int:
    return sum(BITS[code] for code in set(codes))


def named(audience_bits: int) -> tuple[str, ...]:
    """The codes of these bits."""
    return tuple(code for code, bit in BITS.items() if audience_bits & bit)


def words(code: str) -> str:
    """What completes “For …”, in English: a message id."""
    return next(audience.words for audience in AUDIENCES if audience.code == code)


def _limited(found: Iterable[Audience]) -> int:
    codes = {audience.code for audience in found}
    if {"women", "men"} <= codes or len(codes) > _MOST:
        return EVERYBODY
    return bits(codes)
