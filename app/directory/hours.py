"""Opening hours: read as people write them, asked about, and said in words.

Times are wall-clock times at the place itself. A span that closes at or before it opens ends on the next day.
Nothing is guessed: where a schedule does not say when, `spans` says nothing and its own words are repeated.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby

from babel.core import Locale
from babel.dates import format_date, format_time, get_day_names

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
LAST_MINUTE = time(23, 59)
LONGEST_NIGHT = timedelta(hours=16)
"""A shelter is open 5 pm to 8 am; "9 am to 3" is not eighteen hours but a slip of the pen."""

_ORDINAL_DAY = re.compile(r"([+-]?[1-5])?(MO|TU|WE|TH|FR|SA|SU)")
_TIME = re.compile(
    r"(?P<hour>\d{1,2})(?:[:.](?P<minute>\d{2}))?(?::\d{2}(?:\.\d+)?)?\s*(?P<half>[ap])?\.?(?:m\.?)?"
    r"\s*(?P<zone>z|[+-]\d{2}:?\d{2})?",
    re.IGNORECASE,
)
_MILITARY = re.compile(r"\d{4}")
_MONTH_DAYS = re.compile(r"(?:-?\d{1,2}(?:\s*,\s*-?\d{1,2})*)?")
_SHARE_OF_A_DAY = re.compile(r"0?\.(?:\d|\d{3,})")
"""As a spreadsheet has a time: 0.375 is nine o'clock."""
_NAMED_TIMES = {"noon": time(12), "midday": time(12), "midnight": time(0)}
_DAY_NAMES = {
    **{name.lower(): code for name, code in zip(calendar.day_name, DAYS, strict=True)},
    **{f"{name.lower()}s": code for name, code in zip(calendar.day_name, DAYS, strict=True)},
    **{code.lower(): code for code in DAYS},
    **{str(number): code for number, code in enumerate(DAYS, start=1)},
    **{
        short: code
        for code, shorts in {
            "MO": "mon m",
            "TU": "tue tues t",
            "WE": "wed weds w",
            "TH": "thu thur thurs",
            "FR": "fri f",
            "SA": "sat",
            "SU": "sun",
        }.items()
        for short in shorts.split()
    },
}
_DAY_RANGES = {
    "every day": "mo-su",
    "everyday": "mo-su",
    "daily": "mo-su",
    "7 days a week": "mo-su",
    "seven days a week": "mo-su",
    "weekdays": "mo-fr",
    "weekends": "sa,su",
}
# What a month can be without anybody being able to tell: far enough to find the next second Tuesday.
_LOOK_AHEAD = 35
_WEEK = 7
_NOON = time(12)


Speak = Callable[..., str]
"""Translates a message and fills in its `%(name)s` from keywords, as `gettext` does."""


@dataclass(frozen=True, slots=True)
class Opening:
    """One HSDS schedule row, as far as it says when somebody is there."""

    opens_at: time | None = None
    closes_at: time | None = None
    freq: str | None = None
    byday: str | None = None
    bymonthday: str | None = None
    interval: int | None = None
    dtstart: date | None = None
    until: date | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    description: str | None = None
    closed: bool = False
    yearly: bool = False
    byweekno: str | None = None
    byyearday: str | None = None
    count: int | None = None
    """Of times; `until` is then the day of the last one."""

    @property
    def unclear(self) -> tuple[str, str] | None:
        """The column that makes days out of the others in a way that is not worked out here, and the reason.

        “Every Monday” would be said of what is open on one Monday of the year.
        """
        rules = (
            ("byweekno", self.byweekno, "picks single weeks of the year"),
            ("byyearday", self.byyearday, "picks single days of the year"),
            ("interval", self.freq == "MONTHLY" and (self.interval or 1) > 1, "skips months"),
            ("bymonthday", self.bymonthday and self.byday, "is given together with days of the week"),
            ("bymonthday", not _MONTH_DAYS.fullmatch(self.bymonthday or ""), "is no list of days of the month"),
            ("count", self.count and not self.until, "is a number of times without a beginning or an end"),
        )
        return next(((column, reason) for column, unclear, reason in rules if unclear), None)

    @property
    def exceptional(self) -> bool:
        """Whether it replaces the usual hours on its dates, as a holiday does."""
        return self.closed or not (self.freq or self.byday or self.bymonthday or self.unclear)

    def on(self, day: date) -> bool:
        """Whether it says something about `day`."""
        if not self._in_force(day) or self.unclear:
            return False
        if self.exceptional:
            return self.valid_from is not None or self.valid_to is not None
        if self.bymonthday:
            return _matches_month_day(self.bymonthday, day)
        if self.byday:
            return _matches_days(self.byday, day) and self._week_is_on(day)
        return self.dtstart is not None and day.weekday() == self.dtstart.weekday() and self._week_is_on(day)

    def _in_force(self, day: date) -> bool:
        if self.yearly:
            return _in_season(day, self.valid_from, self.valid_to)
        first = max(filter(None, (self.valid_from, self.dtstart)), default=date.min)
        last = min(filter(None, (self.valid_to, self.until)), default=date.max)
        return first <= day <= last

    def _week_is_on(self, day: date) -> bool:
        """Every second week is only known when the first one is."""
        if self.freq == "MONTHLY" or (self.interval or 1) == 1:
            return True
        if self.dtstart is None:
            return False
        weeks = (_monday(day) - _monday(self.dtstart)).days // _WEEK
        return weeks % (self.interval or 1) == 0


@dataclass(frozen=True, slots=True)
class Span:
    """From when until when somebody is there, in local time."""

    start: datetime
    end: datetime


def parse_time(text: str) -> time:
    """Read "09:00", "9:00am", "4 PM", "noon", "14:00-05:00" as the time on the wall; "24:00" is the last minute.

    An offset from UTC is dropped: the time before it is already the local one.

    :raises ValueError: one sentence saying why it is no time.
    """
    cleaned = text.strip().lower()
    if cleaned in _NAMED_TIMES:
        return _NAMED_TIMES[cleaned]
    if _SHARE_OF_A_DAY.fullmatch(cleaned):
        return time(*divmod(min(round(float(cleaned) * 24 * 60), 24 * 60 - 1), 60))
    if _MILITARY.fullmatch(cleaned):
        cleaned = f"{cleaned[:2]}:{cleaned[2:]}"
    match = _TIME.fullmatch(cleaned)
    if not match:
        raise ValueError(f"“{text}” is not a time of day")
    if match["minute"] is None and match["half"] is None:
        raise ValueError(f"“{text}” does not say whether it is morning or afternoon")
    hour, minute = int(match["hour"]), int(match["minute"] or 0)
    if match["half"] and hour <= 12:  # noqa: PLR2004  "14:00 pm" is 14:00 all the same
        if hour == 0:
            raise ValueError(f"“{text}” is not a time of day")
        hour = hour % 12 + (12 if match["half"] == "p" else 0)
    if (hour, minute) == (24, 0):
        return LAST_MINUTE
    try:
        return time(hour, minute)
    except ValueError:
        raise ValueError(f"“{text}” is not a time of day") from None


def parse_days(text: str) -> str:
    """Read "Monday", "Mon, Wed", "Mon - Fri", "MO,TU", "2TU", "1" as HSDS's byday: "MO,WE".

    :raises ValueError: one sentence naming the day we do not know.
    """
    words = re.sub(r"\s*(?:[-–—]|\b(?:to|through|thru)\b)\s*(?=[^\W\d_])", "-", text.strip(), flags=re.IGNORECASE)
    words = _DAY_RANGES.get(words.lower(), words)
    parts = [part for part in re.split(r"[,;/&\s]+|\band\b", words, flags=re.IGNORECASE) if part]
    return ",".join(dict.fromkeys(code for part in parts for code in _days_in(part)))


def _days_in(part: str) -> list[str]:
    if _ORDINAL_DAY.fullmatch(part.upper()):
        return [part.upper().lstrip("+")]
    ends = [_DAY_NAMES.get(end.lower().rstrip(".")) for end in part.split("-")]
    if None in ends or len(ends) > 2:  # noqa: PLR2004  from, to
        raise ValueError(f"“{part}” is not a day of the week")
    first, last = (DAYS.index(end or "") for end in (ends[0], ends[-1]))
    return [DAYS[(first + step) % _WEEK] for step in range((last - first) % _WEEK + 1)]


def span_length(opens_at: time, closes_at: time) -> timedelta:
    """How long from opening to closing, over midnight if need be; a whole day when both are the same."""
    start = datetime.combine(date.min, opens_at)
    end = datetime.combine(date.min, closes_at)
    return end - start if end > start else end - start + timedelta(days=1)


def spans(openings: Sequence[Opening], day: date) -> tuple[Span, ...]:
    """When somebody is there, of the spans that begin on `day`, joined where they touch."""
    today = [opening for opening in openings if opening.on(day)]
    exceptions = [opening for opening in today if opening.exceptional]
    if any(opening.closed for opening in exceptions):
        return ()
    found = sorted(
        (_span(opening, day) for opening in exceptions or today if opening.opens_at),
        key=lambda span: span.start,
    )
    return tuple(_joined(found))


def is_open(openings: Sequence[Opening], moment: datetime) -> bool:
    """Whether they are known to be open at `moment` (local time, naive): `open_until` without saying until when."""
    yesterday = moment.date() - timedelta(days=1)
    return any(span.start <= moment < span.end for span in _spans_from(openings, yesterday, 2))


def open_until(openings: Sequence[Opening], moment: datetime) -> datetime | None:
    """When they close, if they are open at `moment` (local time, naive); None if they are not known to be open."""
    found: datetime | None = None
    first = moment.date() - timedelta(days=1)
    for span in _joined(_spans_from(openings, first, _WEEK + 2)):
        if span.start <= moment < span.end:
            found = span.end
    return found


def next_opening(openings: Sequence[Opening], moment: datetime, within_days: int = _LOOK_AHEAD) -> datetime | None:
    """When they open next after `moment` (local time, naive), at most `within_days` later; None if not known."""
    for span in _spans_from(openings, moment.date(), within_days + 1):
        if span.start > moment:
            return span.start
    return None


def open_words(openings: Sequence[Opening], moment: datetime, speak: Speak, locale: Locale) -> str | None:
    """“open now until 5 pm”, “opens tomorrow at 9 am”; None when the schedules do not say.

    :param moment: local time at the place, naive.
    """
    closes = open_until(openings, moment)
    if closes:
        if closes - moment > timedelta(days=2):
            return speak("open day and night")
        if closes.date() - moment.date() > timedelta(days=1):
            return speak("open now")
        return speak("open now until %(time)s", time=clock_words(closes.time(), speak, locale))
    opens = next_opening(openings, moment)
    return _opens_words(opens, moment, speak, locale) if opens else None


def in_words(openings: Sequence[Opening], today: date, speak: Speak, locale: Locale) -> tuple[str, ...]:
    """The hours as lines: “Mon–Fri 9 am–5 pm”, “2nd Tue of the month 10 am–noon”, “Closed Jan 1”.

    What is over is left out; what a schedule says only in its own words is repeated.
    """
    current = [opening for opening in openings if _not_over(opening, today)]
    usual = [opening for opening in current if not opening.exceptional and not opening.unclear]
    lines: list[str] = []
    # Hours that hold in different seasons or rhythms are different lines, however alike.
    for key, alike in groupby(sorted(usual, key=_rhythm_order), key=_rhythm):
        frame = _frame(key, today, speak, locale)
        lines.extend(frame(line) for line in _lines(tuple(alike), speak, locale))
    lines.extend(_exception_line(o, speak, locale) for o in current if _is_telling(o, today))
    lines.extend(opening.description for opening in current if opening.description)
    return tuple(dict.fromkeys(lines))


def clock_words(moment: time, speak: Speak, locale: Locale) -> str:
    """“9 am”, “5:30 pm”, “noon”, “midnight”; as `locale` writes it when that is not English."""
    if moment == _NOON:
        return speak("noon")
    if moment in {time(0), LAST_MINUTE}:
        return speak("midnight")
    if locale.language == "en":
        words = format_time(moment, "h:mm a" if moment.minute else "h a", locale=locale).lower()
    else:
        words = format_time(moment, "short", locale=locale)
    # Babel puts no-break spaces of several widths here; a text message would turn to UCS-2.
    return words.replace("\u202f", " ").replace("\xa0", " ")


def _opens_words(opens: datetime, moment: datetime, speak: Speak, locale: Locale) -> str:
    words = clock_words(opens.time(), speak, locale)
    days = (opens.date() - moment.date()).days
    if days == 0:
        return speak("opens today at %(time)s", time=words)
    if days == 1:
        return speak("opens tomorrow at %(time)s", time=words)
    day = _day_word(opens.weekday(), locale) if days < _WEEK else _date_word(opens.date(), locale)
    return speak("opens %(day)s at %(time)s", day=day, time=words)


def _span(opening: Opening, day: date) -> Span:
    opens_at = opening.opens_at or time(0)
    start = datetime.combine(day, opens_at)
    if opening.closes_at is None:
        # Known to be there at that time, not for how long.
        return Span(start, start)
    if opening.closes_at == LAST_MINUTE:
        return Span(start, datetime.combine(day, time(0)) + timedelta(days=1))
    return Span(start, start + span_length(opens_at, opening.closes_at))


def _joined(found: Iterable[Span]) -> list[Span]:
    joined: list[Span] = []
    for span in found:
        if joined and span.start <= joined[-1].end:
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return joined


def _spans_from(openings: Sequence[Opening], first: date, days: int) -> list[Span]:
    return [span for n in range(days) for span in spans(openings, first + timedelta(days=n))]


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _in_season(day: date, first: date | None, last: date | None) -> bool:
    start = (first.month, first.day) if first else (1, 1)
    end = (last.month, last.day) if last else (12, 31)
    here = (day.month, day.day)
    return start <= here <= end if start <= end else here >= start or here <= end


def _matches_month_day(bymonthday: str, day: date) -> bool:
    length = calendar.monthrange(day.year, day.month)[1]
    numbers = [int(part) for part in bymonthday.split(",") if part.strip().lstrip("-").isdecimal()]
    return any(number in {day.day, day.day - length - 1} for number in numbers)


def _matches_days(byday: str, day: date) -> bool:
    length = calendar.monthrange(day.year, day.month)[1]
    nth = (day.day - 1) // _WEEK + 1
    nth_last = -((length - day.day) // _WEEK + 1)
    for ordinal, code in _day_parts(byday):
        if DAYS.index(code) == day.weekday() and ordinal in {None, nth, nth_last}:
            return True
    return False


def _day_parts(byday: str) -> list[tuple[int | None, str]]:
    parts = []
    for part in byday.split(","):
        match = _ORDINAL_DAY.fullmatch(part.strip())
        if match:
            parts.append((int(match[1]) if match[1] else None, match[2]))
    return parts


def _not_over(opening: Opening, today: date) -> bool:
    ends = [end for end in (opening.valid_to, opening.until) if end]
    return opening.yearly or not ends or min(ends) >= today


def _is_telling(opening: Opening, today: date) -> bool:
    """Holidays are worth a line when they are near; whole seasons always."""
    if not opening.exceptional or not (opening.closed or opening.opens_at):
        return False
    if opening.valid_from and opening.valid_to and (opening.valid_to - opening.valid_from).days > 1:
        return True
    return any(opening.on(today + timedelta(days=n)) for n in range(_LOOK_AHEAD))


_Rhythm = tuple[int, date | None, date | None, bool]


def _rhythm(opening: Opening) -> _Rhythm:
    interval = opening.interval or 1
    first = opening.valid_from or opening.dtstart
    return (interval, first, opening.valid_to or opening.until, opening.yearly)


def _rhythm_order(opening: Opening) -> tuple[int, date, date, bool]:
    interval, first, last, yearly = _rhythm(opening)
    return (interval, first or date.min, last or date.min, yearly)


def _frame(rhythm: _Rhythm, today: date, speak: Speak, locale: Locale) -> Callable[[str], str]:
    """What is added to each line because it does not hold every week and all year."""
    interval, first, last, yearly = rhythm
    begins = _date_word(first, locale) if first and (yearly or first > today) else None
    ends = _date_word(last, locale) if last else None

    def framed(line: str) -> str:
        if interval > 1:
            line = speak("%(hours)s, every %(n)s weeks", hours=line, n=interval)
        if begins and ends:
            return speak("%(hours)s (%(first)s–%(last)s)", hours=line, first=begins, last=ends)
        if begins:
            return speak("%(hours)s (from %(first)s)", hours=line, first=begins)
        if ends:
            return speak("%(hours)s (until %(last)s)", hours=line, last=ends)
        return line

    return framed


def _lines(openings: Sequence[Opening], speak: Speak, locale: Locale) -> list[str]:
    weekly: dict[int, set[tuple[time | None, time | None]]] = {}
    monthly: list[str] = []
    for opening in openings:
        shift = (opening.opens_at, opening.closes_at)
        if opening.bymonthday:
            monthly.append(_month_day_line(opening.bymonthday, shift, speak, locale))
            continue
        for ordinal, code in _days_of(opening):
            if ordinal is None:
                weekly.setdefault(DAYS.index(code), set()).add(shift)
            else:
                monthly.append(_ordinal_line(ordinal, code, shift, speak, locale))
    return _weekly_lines(weekly, speak, locale) + monthly


def _days_of(opening: Opening) -> list[tuple[int | None, str]]:
    if opening.byday:
        return _day_parts(opening.byday)
    return [(None, DAYS[opening.dtstart.weekday()])] if opening.dtstart else []


def _weekly_lines(weekly: dict[int, set[tuple[time | None, time | None]]], speak: Speak, locale: Locale) -> list[str]:
    by_hours: dict[str, list[int]] = {}
    for day in sorted(weekly):
        by_hours.setdefault(_shift_words(weekly[day], speak, locale), []).append(day)
    return [_weekly_line(days, hours, speak, locale) for hours, days in by_hours.items()]


def _weekly_line(days: list[int], hours: str, speak: Speak, locale: Locale) -> str:
    if len(days) == _WEEK and hours == speak("day and night"):
        return speak("Open day and night")
    return f"{_days_words(days, speak, locale)} {hours}".strip()


def _days_words(days: list[int], speak: Speak, locale: Locale) -> str:
    if len(days) == _WEEK:
        return speak("Every day")
    runs = []
    for _, run in groupby(enumerate(days), key=lambda pair: pair[1] - pair[0]):
        run_days = [day for _, day in run]
        first, last = _day_word(run_days[0], locale), _day_word(run_days[-1], locale)
        if len(run_days) > 2:  # noqa: PLR2004  two days are named, three make a range
            runs.append(f"{first}–{last}")
        else:
            runs.extend(_day_word(day, locale) for day in run_days)
    return ", ".join(runs)


def _shift_words(shifts: Iterable[tuple[time | None, time | None]], speak: Speak, locale: Locale) -> str:
    known = sorted((opens, closes) for opens, closes in shifts if opens and closes)
    words = [_from_to(opens, closes, speak, locale) for opens, closes in known]
    words += [
        speak("from %(time)s", time=clock_words(opens, speak, locale))
        for opens, closes in shifts
        if opens and not closes
    ]
    return speak(" and ").join(words)


def _from_to(opens: time, closes: time, speak: Speak, locale: Locale) -> str:
    if opens == time(0) and closes == LAST_MINUTE:
        return speak("day and night")
    return f"{clock_words(opens, speak, locale)}–{clock_words(closes, speak, locale)}"


def _ordinal_line(ordinal: int, code: str, shift: tuple[time | None, time | None], speak: Speak, locale: Locale) -> str:
    which = {
        1: speak("1st %(day)s of the month"),
        2: speak("2nd %(day)s of the month"),
        3: speak("3rd %(day)s of the month"),
        4: speak("4th %(day)s of the month"),
        5: speak("5th %(day)s of the month"),
        -1: speak("last %(day)s of the month"),
    }.get(ordinal, speak("some %(day)s of the month"))
    line = which % {"day": _day_word(DAYS.index(code), locale)}
    return f"{line} {_shift_words([shift], speak, locale)}".strip()


def _month_day_line(bymonthday: str, shift: tuple[time | None, time | None], speak: Speak, locale: Locale) -> str:
    line = speak("day %(days)s of the month", days=bymonthday.replace(",", ", "))
    return f"{line} {_shift_words([shift], speak, locale)}".strip()


def _exception_line(opening: Opening, speak: Speak, locale: Locale) -> str:
    first, last = opening.valid_from or opening.valid_to, opening.valid_to or opening.valid_from
    days = _date_word(first, locale) if first else ""
    if first and last and first != last:
        days = f"{days}–{_date_word(last, locale)}"
    if opening.closed:
        return speak("Closed %(days)s", days=days)
    hours = _shift_words([(opening.opens_at, opening.closes_at)], speak, locale)
    return f"{days} {hours}"


def _day_word(weekday: int, locale: Locale) -> str:
    return str(get_day_names("abbreviated", locale=locale)[weekday])


def _date_word(day: date, locale: Locale) -> str:
    pattern = "d MMM" if locale.language == "es" else "MMM d"
    return format_date(day, pattern, locale=locale)
