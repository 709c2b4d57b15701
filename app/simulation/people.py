"""Who lives in a simulated network and what they are like: tables and draws, pure.

Each decision is drawn from dice of its own, named after who decides what. So a run with the same seed is the same run,
and one text more to one person changes nothing for another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from random import Random
from typing import TypeVar

from app.geography.calendars import CLOSES, OPENS, Calendar

Choice = TypeVar("Choice")


def dice(seed: int, *about: object) -> Random:
    """The chance of one decision; the same question has the same answer."""
    return Random("/".join(map(str, (seed, *about))))  # noqa: S311  chance, no secret


def pick(rolled: Random, weights: Mapping[Choice, float]) -> Choice:
    """One of these, as often as its weight says."""
    return rolled.choices(list(weights), list(weights.values()))[0]


# Places


@dataclass(frozen=True)
class Town:
    name: str
    state: str
    postal_code: str
    zone: str
    area_code: str


TOWNS = (
    Town("Baltimore", "MD", "21202", "America/New_York", "410"),
    Town("Miami", "FL", "33125", "America/New_York", "305"),
    Town("Houston", "TX", "77002", "America/Chicago", "713"),
    Town("Phoenix", "AZ", "85003", "America/Phoenix", "602"),
    Town("Los Angeles", "CA", "90012", "America/Los_Angeles", "213"),
    Town("Chicago", "IL", "60608", "America/Chicago", "312"),
)
"""Four time zones, one without summer time, and states with texting hours of their own."""

HALVES = (TOWNS[0::2], TOWNS[1::2])
"""Nobody is sent from one town to another, so these two parts are played side by side."""

SENSITIVE = "safety"
NEEDS = {"food": 30, "housing": 20, "transport": 16, "utilities": 18, "employment": 14, SENSITIVE: 2}
"""What people need, as often as this."""
AGENCIES_A_NEED = 9
"""In each town."""


# Agencies


class Way(StrEnum):
    """How an agency hears of a referral and answers."""

    ACCOUNT = "account"
    LINK = "link"
    TEXT = "text"
    PHONE = "phone"
    """Only when somebody calls."""


class Temper(StrEnum):
    PROMPT = "prompt"
    SLOW = "slow"
    FORGETFUL = "forgetful"
    FULL = "full"
    SILENT = "silent"


_WAYS = {Way.ACCOUNT: 35, Way.LINK: 30, Way.TEXT: 25, Way.PHONE: 10}
_TEMPERS = {Temper.PROMPT: 50, Temper.SLOW: 22, Temper.FORGETFUL: 13, Temper.FULL: 7, Temper.SILENT: 8}


@dataclass(frozen=True)
class Agency:
    number: int
    name: str
    town: Town
    kind: str
    """The need that it helps with."""
    way: Way
    temper: Temper

    @property
    def phone(self) -> str:
        return f"+1{self.town.area_code}556{self.number:04d}"


def agencies(seed: int) -> Sequence[Agency]:
    every = [(town, kind, n) for town in TOWNS for kind in NEEDS for n in range(AGENCIES_A_NEED)]
    return [_agency(seed, number, town, kind, n) for number, (town, kind, n) in enumerate(every)]


def _agency(seed: int, number: int, town: Town, kind: str, n: int) -> Agency:
    rolled = dice(seed, "agency", number)
    name = f"{town.name} {kind.capitalize()} House {n + 1}"
    return Agency(number, name, town, kind, way=pick(rolled, _WAYS), temper=pick(rolled, _TEMPERS))


class Answer(StrEnum):
    ACCEPT = "accept"
    DECLINE = "decline"
    WAITLIST = "waitlist"


@dataclass(frozen=True)
class Decision:
    """What an agency makes of a request."""

    answer: Answer
    reason: str = ""
    """Of a refusal, one of the lifecycle's codes."""
    promises: int | None = None
    """Days within which it says that it will contact the patient."""


_REASONS = {
    "not-eligible": 28,
    "at-capacity": 22,
    "outside-area": 12,
    "language": 8,
    "closed": 6,
    "wrong-service": 10,
    "cannot-contact": 8,
    "other": 6,
}
_ANSWERS = {
    Temper.FULL: {Answer.ACCEPT: 15, Answer.DECLINE: 70, Answer.WAITLIST: 15},
}
_USUAL_ANSWERS = {Answer.ACCEPT: 76, Answer.DECLINE: 17, Answer.WAITLIST: 7}


def decision(rolled: Random, temper: Temper) -> Decision:
    answer = pick(rolled, _ANSWERS.get(temper, _USUAL_ANSWERS))
    if answer is Answer.DECLINE:
        full = temper is Temper.FULL and rolled.random() < 0.9  # noqa: PLR2004
        return Decision(answer, reason="at-capacity" if full else pick(rolled, _REASONS))
    promises = rolled.randint(1, 4) if answer is Answer.ACCEPT and rolled.random() < 0.5 else None  # noqa: PLR2004
    return Decision(answer, promises=promises)


_ANSWER_HOURS = {Temper.PROMPT: (3.0, 0.9), Temper.SLOW: (11.0, 0.7), Temper.FULL: (3.0, 0.9)}
"""Working hours until an agency answers: median and spread of a log-normal distribution."""
_REMEMBERS = 0.5
_LONGEST_HOURS = 60.0


def hours_to_answer(rolled: Random, temper: Temper) -> float | None:
    """Working hours until it answers by itself; None when it never does."""
    if temper is Temper.SILENT:
        return None
    if temper is Temper.FORGETFUL:
        # Until the reminder of the next business day, if that reminds anybody.
        return 8 + _log_normal(rolled, 4.0, 0.6) if rolled.random() < _REMEMBERS else None
    return _log_normal(rolled, *_ANSWER_HOURS[temper])


def _log_normal(rolled: Random, median: float, spread: float) -> float:
    return min(median * rolled.lognormvariate(0, spread), _LONGEST_HOURS)


class Course(StrEnum):
    """What becomes of a patient whom an agency has accepted."""

    SERVED = "served"
    SERVED_SLOWLY = "served-slowly"
    """First it says that it has begun."""
    AT_APPOINTMENT = "at-appointment"
    MISSED = "missed"
    """They do not come to their appointment."""
    FAILED = "failed"
    CANCELLED = "cancelled"
    FORGOTTEN = "forgotten"
    """Nothing more is heard."""


COURSES = {
    Course.SERVED: 38,
    Course.SERVED_SLOWLY: 18,
    Course.AT_APPOINTMENT: 16,
    Course.MISSED: 4,
    Course.FAILED: 6,
    Course.CANCELLED: 3,
    Course.FORGOTTEN: 15,
}
WHY_FAILED = {"cannot-contact": 4, "no-show": 4, "ineligible-after-intake": 2, "no-resources": 1}


# Patients


class Habit(StrEnum):
    """How somebody answers texts."""

    DIGITS = "digits"
    WORDS = "words"
    ODD = "odd"
    REACTS = "reacts"
    LATE = "late"
    SILENT = "silent"


_HABITS = {Habit.DIGITS: 42, Habit.WORDS: 22, Habit.ODD: 8, Habit.REACTS: 5, Habit.LATE: 8, Habit.SILENT: 15}
_LANGUAGES = {
    "en": 40,
    "es": 24,
    **dict.fromkeys(("zh-Hans", "zh-Hant", "vi", "ko", "tl", "ru", "ar", "ht", "fr", "pt", "so", "hmn", "hi"), 36 / 13),
}
_GIVEN = ("Ana", "Minh", "Fatima", "Ivan", "Rosa", "Kofi", "Mei", "Jean", "Amina", "Luis", "Hana", "Pao", "Ravi", "Joy")
_FAMILY = ("Reyes", "Tran", "Haddad", "Petrov", "Silva", "Mensah", "Chen", "Pierre", "Ali", "Kim", "Vang", "Rao")


@dataclass(frozen=True)
class Person:
    """A patient."""

    number: int
    given_name: str
    family_name: str
    born: date
    language: str
    town: Town
    phone: str
    """E.164; empty for none. Two may have one."""
    shares: bool
    texts: bool | None
    """None was never asked."""
    text_nothing: bool
    habit: Habit
    stops_after: int | None
    """Texts until they want no more."""
    wrong_number: bool
    lost_after: int | None
    """Texts until the carrier does not know the phone any more."""
    comes_on: int
    """Day of the run."""
    needs: Sequence[tuple[str, bool]]
    """What they need, and whether it cannot wait."""


_CHANCE = {"no phone": 0.06, "shared": 0.10, "shares": 0.96, "texts": 0.90, "text nothing": 0.02, "stops": 0.05}
_RARE = {"wrong number": 0.015, "lost": 0.02}
_URGENT = 0.12
_CHANCES_OF_NEEDS = {1: 60, 2: 30, 3: 10}


def patients(seed: int, count: int, days: int) -> Sequence[Person]:
    """The people of a run, who come during its first three quarters."""
    people: list[Person] = []
    for number in range(count):
        people.append(_person(seed, number, max(1, days * 3 // 4), people))
    return people


def _person(seed: int, number: int, last_day: int, others: Sequence[Person]) -> Person:
    rolled = dice(seed, "patient", number)
    happens = {what: rolled.random() < chance for what, chance in (_CHANCE | _RARE).items()}
    relative = next((other for other in reversed(others[-8:]) if other.phone), None) if happens["shared"] else None
    town = relative.town if relative else rolled.choice(TOWNS)
    kinds: dict[str, bool] = {}
    for _ in range(pick(rolled, _CHANCES_OF_NEEDS)):
        kinds[pick(rolled, NEEDS)] = rolled.random() < _URGENT
    own = f"+1{town.area_code}555{number % 10_000:04d}"
    return Person(
        number=number,
        given_name=rolled.choice(_GIVEN),
        family_name=relative.family_name if relative else rolled.choice(_FAMILY),
        born=date(rolled.randint(1945, 2003), rolled.randint(1, 12), rolled.randint(1, 28)),
        language=pick(rolled, _LANGUAGES),
        town=town,
        phone=relative.phone if relative else "" if happens["no phone"] else own,
        shares=happens["shares"],
        texts=True if happens["texts"] else rolled.choice((False, None)),
        text_nothing=happens["text nothing"],
        habit=pick(rolled, _HABITS),
        stops_after=rolled.randint(1, 6) if happens["stops"] else None,
        wrong_number=happens["wrong number"],
        lost_after=rolled.randint(1, 5) if happens["lost"] else None,
        comes_on=rolled.randrange(last_day),
        needs=tuple(kinds.items()),
    )


# What they text


@dataclass(frozen=True)
class Words:
    yes: str
    no: str
    stop: str
    wrong_number: str


WORDS = {
    "en": Words("yes", "no", "STOP", "wrong number"),
    "es": Words("sí", "todavía no", "ya no quiero mensajes", "número equivocado"),
    "zh-Hans": Words("是", "没有", "停止", "打错了"),
    "zh-Hant": Words("是", "沒有", "停止", "打錯了"),
    "vi": Words("có", "chưa", "ngừng", "nhầm số"),
    "ko": Words("네", "아니요", "중지", "잘못 보내셨어요"),
    "tl": Words("oo", "hindi pa", "tigil", "maling numero"),
    "ru": Words("да", "нет", "стоп", "вы ошиблись номером"),
    "ar": Words("نعم", "لا", "توقف", "الرقم خطأ"),
    "ht": Words("wi", "non", "sispann", "move nimewo"),
    "fr": Words("oui", "pas encore", "arrêter", "mauvais numéro"),
    "pt": Words("sim", "ainda não", "parar", "número errado"),
    "so": Words("haa", "maya", "jooji", "lambar khaldan"),
    "hmn": Words("yog", "tsis tau", "nres", "tsis yog kuv"),
    "hi": Words("हाँ", "नहीं", "बंद करो", "गलत नंबर"),
}
"""What simulated people text; not how the product reads it, which has words of its own."""

_DIGITS = {1: ("1", "1", "1", "1.", " 1 ", "１", "①", "1️⃣"), 2: ("2", "2", "2", "2!", "２"), 3: ("3", "3", "3.", "３")}
_ODD = ("1 or 2?", "I got 1 box", "11", "ok", "👍", "When will somebody call me?", "Who is this?", "…", "HELP")
_REACTIONS = ("Liked “Did the help come?”", "👍", "❤️", "Ok thanks")


def said(rolled: Random, person: Person, option: int) -> str | None:
    """How this person texts the answer `option` to a question of ours; None for not at all."""
    match person.habit:
        case Habit.SILENT:
            return None
        case Habit.ODD if rolled.random() < 0.6:  # noqa: PLR2004
            return rolled.choice(_ODD)
        case Habit.REACTS if rolled.random() < 0.7:  # noqa: PLR2004
            return rolled.choice(_REACTIONS)
        case Habit.WORDS if option in {1, 2}:
            words = WORDS[person.language]
            return words.yes if option == 1 else words.no
        case _ if rolled.random() < 0.12:  # noqa: PLR2004  everybody overlooks a text at times
            return None
        case _:
            return rolled.choice(_DIGITS[option]) if option in _DIGITS else str(option)


def reply_wait(rolled: Random, habit: Habit) -> timedelta:
    """How long somebody takes to answer."""
    if habit is Habit.LATE:
        return timedelta(hours=rolled.uniform(24, 24 * 6))
    return timedelta(minutes=min(_log_normal(rolled, 25, 1.3), 60 * 40))


# When people do things

_AWAKE = range(7, 23)
_MORNING = 8


def when_awake(moment: datetime, calendar: Calendar) -> datetime:
    """`moment`, or the next morning when that is at night."""
    local = moment.astimezone(calendar.zone)
    if local.hour in _AWAKE:
        return moment
    day = local.date() + timedelta(days=local.hour >= _AWAKE.stop)
    morning = datetime(day.year, day.month, day.day, _MORNING, local.minute, tzinfo=calendar.zone)
    return morning.astimezone(moment.tzinfo)


def at_work(moment: datetime, hours: float, calendar: Calendar) -> datetime:
    """So many working hours after `moment`, when people work there."""
    whole = int(hours)
    later = calendar.after_working_hours(moment, whole)
    return calendar.next_opening(later + timedelta(hours=hours - whole))


def office_minute(rolled: Random, day: date, calendar: Calendar) -> datetime:
    """Some minute of `day`, or of the next business day after it, at which people work."""
    opens = calendar.next_opening(datetime(day.year, day.month, day.day, OPENS.hour, tzinfo=calendar.zone))
    return opens + timedelta(minutes=rolled.randrange((CLOSES.hour - OPENS.hour) * 60))
