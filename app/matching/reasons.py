"""Why a service is offered, what to mind about it, and why another is not: a stable code and plain words for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from babel.core import Locale
from babel.dates import get_day_names
from babel.lists import format_list

from app.directory.codes import CapacityStatus
from app.directory.languages import name_of
from app.geography.distance import coarser
from app.geography.places import Precision
from app.geography.words import words
from app.i18n import gettext as _
from app.i18n import language
from app.matching import audiences, hours
from app.matching.candidates import Candidate, Question
from app.matching.eligibility import Against, capacity
from app.matching.ranking import EVERYWHERE_SPOKEN, Ranking, Scored

MAINLY, ASIDE = 0.5, 0.2
"""A service of which at least, or at most, this share answers the need."""

STALE = timedelta(days=30)
"""Older word about capacity is said with a caution."""


@dataclass(frozen=True)
class Reason:
    """`code` never changes its meaning, for programs; `text()` is for people, in the language spoken now."""

    code: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def text(self) -> str:
        return _TEXTS[self.code](**self.values)


OURS_ALONE = frozenset({"for-them", "fits-told"})
"""They rest on what a patient told for matching only: no request carries them."""


def precision_of(question: Question, candidate: Candidate) -> Precision:
    """How well the distance between the two is known."""
    place = question.known_place
    return coarser(place.precision, Precision(candidate.precision)) if place else Precision.NONE


def honest_miles(distance: float | None, precision: Precision) -> float | None:
    """The distance as a number that shows no more digits than are known."""
    if distance is None or precision is Precision.NONE:
        return None
    if precision is Precision.COUNTY:
        return round(distance, -1)
    return float(round(distance)) if precision is Precision.ZIP else round(distance, 1)


def in_favor(ranking: Ranking, scored: Scored) -> tuple[Reason, ...]:
    """What speaks for a service, what counts most first."""
    return tuple(
        reason
        for say in (_reach, _near, _for_them, _speaks, _mainly, _open, _room, _record, _easy, _helping)
        if (reason := say(ranking, scored)) is not None
    )


def cautions(ranking: Ranking, scored: Scored, *, radius: float) -> tuple[Reason, ...]:
    """What to mind before choosing a service."""
    return tuple(
        reason
        for say in (
            _only_for,
            _place_unknown,
            _far(radius),
            _speaks_not,
            _aside,
            _little_room,
            _old_word,
            _closed,
            _confidential,
        )
        if (reason := say(ranking, scored)) is not None
    )


def objection(against: Against, question: Question, candidate: Candidate) -> Reason:
    """Why a service is not offered."""
    match against:
        case Against.TOO_YOUNG:
            return Reason(against.value, {"age": candidate.min_age})
        case Against.TOO_OLD:
            return Reason(against.value, {"age": candidate.max_age})
        case Against.NOT_FOR_THEM:
            return Reason(against.value, {"audience": audiences.named(candidate.audience)})
        case Against.OUTSIDE_AREA:
            return Reason(against.value, {"zip": question.postal_code})
        case _:
            return Reason(against.value)


Say = Callable[[Ranking, Scored], Reason | None]


def _near(ranking: Ranking, scored: Scored) -> Reason | None:
    if scored.distance is None:
        return None
    precision = precision_of(ranking.question, scored.candidate)
    return Reason("distance", {"miles": scored.distance, "precision": precision})


def _reach(ranking: Ranking, scored: Scored) -> Reason | None:
    if scored.candidate.remote:
        return Reason("remote")
    return Reason("serves-area", {"zip": ranking.question.postal_code}) if scored.candidate.covered else None


def _for_them(ranking: Ranking, scored: Scored) -> Reason | None:
    known = audiences.named(scored.candidate.audience & ranking.is_one_of)
    if not known:
        return None
    told = tuple(code for code in known if code not in audiences.DISCREET)
    return Reason("for-them", {"audience": told}) if told else Reason("fits-told")


def _only_for(ranking: Ranking, scored: Scored) -> Reason | None:
    audience = scored.candidate.audience
    unknown = audience and not audience & ranking.is_one_of
    return Reason("only-for", {"audience": audiences.named(audience)}) if unknown else None


def _speaks(ranking: Ranking, scored: Scored) -> Reason | None:
    if ranking.language == EVERYWHERE_SPOKEN:
        return None
    if f" {ranking.language} " in scored.candidate.languages:
        return Reason("language-spoken", {"language": ranking.question.language})
    return Reason("interpreter") if scored.candidate.interpreter else None


def _mainly(_ranking: Ranking, scored: Scored) -> Reason | None:
    return Reason("mainly") if scored.candidate.fit >= MAINLY else None


def _open(ranking: Ranking, scored: Scored) -> Reason | None:
    candidate = scored.candidate
    if candidate.hours is None:
        return None
    hour = ranking.hour(candidate.time_zone)
    days = hours.days_until_open(candidate.hours, hour)
    match days:
        case None:
            return None
        case 0:
            return Reason("open-today")
        case 1:
            return Reason("open-tomorrow")
        case _:
            return Reason("open-on", {"weekday": (hour // 24 + days) % 7})


def _room(ranking: Ranking, scored: Scored) -> Reason | None:
    if capacity(scored.candidate, ranking.at) == CapacityStatus.CAPACITY:
        return Reason("has-room", {"days": _days_since_said(ranking, scored)})
    return None


def _record(_ranking: Ranking, scored: Scored) -> Reason | None:
    n = scored.candidate.history_n
    return Reason("record", {"n": n, "percent": round(100 * scored.candidate.history)}) if n else None


def _easy(_ranking: Ranking, scored: Scored) -> Reason | None:
    return Reason("walk-in") if scored.candidate.walk_in else None


def _helping(ranking: Ranking, scored: Scored) -> Reason | None:
    helping = scored.candidate.organization_id in ranking.question.helping_organizations
    return Reason("already-helping") if helping else None


def _place_unknown(_ranking: Ranking, scored: Scored) -> Reason | None:
    candidate = scored.candidate
    unknown = scored.distance is None and not candidate.remote and not candidate.covered
    return Reason("place-unknown") if unknown else None


def _far(radius: float) -> Say:
    def far(_ranking: Ranking, scored: Scored) -> Reason | None:
        candidate = scored.candidate
        comes = candidate.remote or candidate.covered
        beyond = not comes and scored.distance is not None and scored.distance > radius
        return Reason("far", {"radius": radius}) if beyond else None

    return far


def _speaks_not(ranking: Ranking, scored: Scored) -> Reason | None:
    if ranking.language == EVERYWHERE_SPOKEN or _speaks(ranking, scored):
        return None
    return Reason("language-unknown", {"language": ranking.question.language})


def _aside(_ranking: Ranking, scored: Scored) -> Reason | None:
    return Reason("aside") if scored.candidate.fit <= ASIDE else None


def _little_room(ranking: Ranking, scored: Scored) -> Reason | None:
    said = capacity(scored.candidate, ranking.at)
    codes = {
        CapacityStatus.WAITLIST.value: "waitlist",
        CapacityStatus.NO_CAPACITY.value: "full",
        CapacityStatus.ADDITIONAL_ASSESSMENT.value: "assessment",
    }
    return Reason(codes[said]) if said in codes else None


def _old_word(ranking: Ranking, scored: Scored) -> Reason | None:
    days = _days_since_said(ranking, scored)
    known = capacity(scored.candidate, ranking.at) != CapacityStatus.UNKNOWN
    return Reason("old-word", {"days": days}) if known and days > STALE.days else None


def _closed(ranking: Ranking, scored: Scored) -> Reason | None:
    candidate = scored.candidate
    if candidate.hours is None:
        return None
    days = hours.days_until_open(candidate.hours, ranking.hour(candidate.time_zone))
    if days is None:
        return Reason("closed")
    # Somebody with nothing to eat today must know it.
    return Reason("not-today") if ranking.question.urgent and days else None


def _confidential(_ranking: Ranking, scored: Scored) -> Reason | None:
    return Reason("confidential") if scored.candidate.confidential else None


def _days_since_said(ranking: Ranking, scored: Scored) -> int:
    said_at = scored.candidate.capacity_at
    return max(0, (ranking.at - said_at).days) if said_at else 0


def _locale() -> Locale:
    return Locale.parse(language(), sep="-")


def _language_name(code: str) -> str:
    return name_of(code, _locale()) or code


def _day_name(weekday: int) -> str:
    return str(get_day_names("wide", locale=_locale())[weekday])


def _said(days: int) -> str:
    if days == 0:
        return _("said today")
    return _("said yesterday") if days == 1 else _("said %(n)s days ago", n=days)


def _distance_words(miles: float, precision: Precision) -> str:
    return _("%(distance)s away", distance=words(miles, precision))


def _audience_words(codes: Sequence[str]) -> str:
    return format_list([_(audiences.words(code)) for code in codes], style="or", locale=_locale())


def part_words(name: str) -> str:
    """What a part of the score is called."""
    return _PARTS[name]()


_PARTS: Mapping[str, Callable[[], str]] = {
    "distance": lambda: _("How near it is"),
    "language": lambda: _("Whether they speak the language"),
    "fit": lambda: _("How much of what it does is this"),
    "audience": lambda: _("Whether it is for people like them"),
    "open": lambda: _("How soon it is open"),
    "capacity": lambda: _("Whether it has room"),
    "history": lambda: _("How often it answers and helps"),
    "ease": lambda: _("Whether they can just walk in"),
    "helping": lambda: _("Whether it helps this household already"),
}

_TEXTS: Mapping[str, Callable[..., str]] = {
    "distance": _distance_words,
    "serves-area": lambda zip: _("Serves ZIP code %(zip)s", zip=zip),  # noqa: A006  the word for it
    "remote": lambda: _("Helps by phone or online"),
    "language-spoken": lambda language: _("Staff speak %(language)s", language=_language_name(language)),
    "interpreter": lambda: _("Offers an interpreter"),
    "for-them": lambda audience: _("For %(people)s", people=_audience_words(audience)),
    "fits-told": lambda: _("Fits what they told us"),
    "only-for": lambda audience: _("For %(people)s: please ask", people=_audience_words(audience)),
    "not-for-them": lambda audience: _("Only for %(people)s", people=_audience_words(audience)),
    "mainly": lambda: _("This is mainly what it does"),
    "open-today": lambda: _("Open today"),
    "open-tomorrow": lambda: _("Open tomorrow"),
    "open-on": lambda weekday: _("Open on %(day)s", day=_day_name(weekday)),
    "has-room": lambda days: _("Has room (%(said)s)", said=_said(days)),
    "record": lambda n, percent: _(
        "Answers and helps: %(percent)s%% over its last %(n)s referrals", percent=percent, n=n
    ),
    "walk-in": lambda: _("No appointment needed"),
    "already-helping": lambda: _("Already helps this household"),
    "place-unknown": lambda: _("We do not know where it is: please ask"),
    "far": lambda radius: _("Farther than %(n)s miles", n=f"{radius:g}"),
    "language-unknown": lambda language: _(
        "Not known to speak %(language)s: please ask", language=_language_name(language)
    ),
    "aside": lambda: _("This is a small part of what it does"),
    "waitlist": lambda: _("Has a waiting list"),
    "full": lambda: _("Has no room now"),
    "assessment": lambda: _("Assesses first whether it can help"),
    "old-word": lambda days: _("Nobody has confirmed that for %(n)s days", n=days),
    "closed": lambda: _("No opening hours this week"),
    "not-today": lambda: _("Not open any more today"),
    "confidential": lambda: _("The address is confidential: only its area is shown"),
    "outside-area": lambda zip: _("Does not serve ZIP code %(zip)s", zip=zip),  # noqa: A006  the word for it
    "too-young": lambda age: _("Only for people of %(age)s and older", age=age),
    "too-old": lambda age: _("Only for people up to %(age)s", age=age),
    "no-consent": lambda: _("The patient's consent does not cover this organization"),
    "declined": lambda: _("The patient was offered this and did not want it"),
    "already-asked": lambda: _("This service has already been asked"),
    "inactive": lambda: _("This service is closed or no longer listed"),
    "another-need": lambda: _("This service is not known to help with this need"),
    "too-far": lambda radius: _("It is more than %(n)s miles away", n=f"{radius:g}"),
    "others-fit-better": lambda: _("It fits, but others fit better"),
}
