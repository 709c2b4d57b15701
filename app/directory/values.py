"""Read one value as directories really write it.

Every reader takes the text of a cell, stripped and not empty, and either understands it or raises `Unreadable` with
a reason for the import's report. None of them guesses.
"""

from __future__ import annotations

import html
import math
import re
from datetime import UTC, date, datetime
from functools import lru_cache
from urllib.parse import urlsplit

import phonenumbers

from app.directory.hours import parse_days, parse_time
from app.geography import areas, zips

__all__ = [
    "FALSE",
    "Unreadable",
    "block",
    "coordinates",
    "country",
    "day",
    "days",
    "dialable",
    "flag",
    "is_rounded",
    "line",
    "moment",
    "number",
    "postal_code",
    "postal_codes",
    "state",
    "time_of_day",
    "web_address",
    "whole",
    "whole_address",
    "with_its_zeros",
]

LARGEST_WHOLE = 2**31 - 1
EARLIEST, LATEST = 1901, 2200
"""Years that a date may have; others are slips, or the first day of 1900, which is how some databases write “never”."""

SOUTHERNMOST = -60.0
"""South of this nobody lives: such a latitude is a longitude."""

_DATES = ("%m/%d/%Y", "%m/%d/%y", "%B %d, %Y", "%b %d, %Y", "%Y/%m/%d", "%Y-%m-%d", "%d-%b-%Y", "%d-%b-%y")
_TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_DATE_FORMATS = tuple(f"{day}{time}" for time in _TIMES for day in _DATES)
_ZIP = re.compile(r"\d{5}(-\d{4})?")
_WHOLE_ADDRESS = re.compile(
    r"(?P<address_1>.+)[,\n]\s*(?P<city>[^\d,\n]+),?\s+(?P<state_province>[A-Z]{2}),?\s+"
    r"(?P<postal_code>\d{5}(?:-\d{4})?)(?:[,\s]+(?:US|USA|United States))?(?:\s*\([-\d., ]+\))?",
    re.DOTALL,
)
_LONGEST_ADDRESS = 300
"""Characters."""
_ROUNDED = re.compile(r"\d(?:[.,]\d+)?[eE]\+\d+")
_TAG = re.compile(
    r"</?(?:a|b|i|u|p|em|strong|span|div|font|br|hr|h[1-6]|ul|ol|li|table|tbody|thead|tr|td|th|small|sup|sub|blockquote)"
    r"(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]\w{1,31});")
_BREAKS = re.compile(r"<br\s*/?>|</?(?:p|div|li|tr|h[1-6]|ul|ol|table|blockquote)(?:\s[^<>]*)?>", re.IGNORECASE)
_MOST_LAYERS = 4
"""Of HTML written as HTML once more."""
_ZIP_LIST = re.compile(r"\d{5}(?:-\d{4})?(?:[\s,;/|]+\d{5}(?:-\d{4})?)*[\s,;/|]*")
_SHORT_CODES = frozenset({"211", "311", "411", "511", "711", "811", "911", "988"})
_TRUE = frozenset({"true", "t", "yes", "y", "1", "vrai", "verdadero"})
"""Excel writes the word of its own language."""
FALSE = frozenset({"false", "f", "no", "n", "0", "faux", "falso"})
_UNITED_STATES = frozenset({"USA", "U.S.", "U.S.A.", "UNITED STATES", "UNITED STATES OF AMERICA"})
_THOUSANDS = re.compile(r"-?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?")


# As most numbers are written; the library, which takes a hundred times as long, would say the same of them.
_PLAIN_NUMBER = re.compile(r"(?:\+?1[ .-]?)?\(?(\d{3})\)?[ .-]{0,3}(\d{3})[ .-]?(\d{4})", re.ASCII)
_US = phonenumbers.PhoneMetadata.metadata_for_region("US")
_US_NUMBER = re.compile(str(_US.fixed_line.national_number_pattern) if _US and _US.fixed_line else r"(?!)")


class Unreadable(ValueError):
    """The text is not what its field asks for; the message is the reason, to follow the field's name."""


def line(text: str) -> str:
    """A name: all white space is one space, and HTML is the text it stands for."""
    return " ".join(_without_html(text).split())


def block(text: str) -> str:
    """Paragraphs: lines stay, the padding around them goes, and HTML is the text it stands for."""
    lines = [" ".join(part.split()) for part in _without_html(text).splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _without_html(text: str) -> str:
    """Only tags that texts are formatted with: “under <18 years>” is no HTML."""
    for _layer in range(_MOST_LAYERS):
        if "<" not in text and "&" not in text:
            break
        plain = _TAG.sub("", _BREAKS.sub("\n", _ENTITY.sub(_unescaped, text)))
        if plain == text:
            break
        text = plain
    return text


def _unescaped(entity: re.Match[str]) -> str:
    # PostgreSQL cannot keep a NUL, which some write as a reference.
    return html.unescape(entity[0]).replace("\0", "")


def whole(text: str) -> int:
    value = number(text)
    if value != int(value) or abs(value) > LARGEST_WHOLE:
        raise Unreadable(f"“{_short(text)}” is not a whole number")
    return int(value)


def number(text: str) -> float:
    """A comma is one of thousands where it can be, and a decimal one elsewhere: 1,994 and 0,5."""
    try:
        value = float(text.replace(",", "" if _THOUSANDS.fullmatch(text) else "."))
    except ValueError:
        raise Unreadable(f"“{_short(text)}” is not a number") from None
    if not math.isfinite(value):
        raise Unreadable(f"“{_short(text)}” is not a number")
    return value


def flag(text: str) -> bool:
    word = text.casefold()
    if word not in _TRUE | FALSE:
        raise Unreadable(f"“{_short(text)}” is neither true nor false")
    return word in _TRUE


def day(text: str) -> date:
    """A date in ISO 8601, or as Americans write it; a time after it is dropped."""
    value = _iso(text) or _american(text)
    if value is None or not EARLIEST <= value.year <= LATEST:
        raise Unreadable(f"“{_short(text)}” is not a date")
    return value.date()


def moment(text: str) -> datetime:
    """A moment in ISO 8601; without an offset it is UTC."""
    value = _iso(text) or _american(text)
    if value is None or not EARLIEST <= value.year <= LATEST:
        raise Unreadable(f"“{_short(text)}” is not a date and time")
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def time_of_day(text: str) -> object:
    """A time on the wall."""
    try:
        return parse_time(text)
    except ValueError as error:
        raise Unreadable(str(error)) from None


def days(text: str) -> str:
    """Days of the week, as HSDS's byday."""
    try:
        return parse_days(text)
    except ValueError as error:
        raise Unreadable(str(error)) from None


def web_address(text: str) -> str:
    """An address one may put behind a link: http or https only."""
    address = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or "." not in host or parts.scheme.lower() not in {"http", "https"} or " " in text:
        raise Unreadable(f"“{_short(text)}” is not a web address")
    return address


def state(text: str) -> str:
    """A state as it is written; two letters are made capitals."""
    trimmed = line(text)
    return trimmed.upper() if len(trimmed) == 2 else trimmed  # noqa: PLR2004


def country(text: str) -> str:
    """Two capital letters (ISO 3166)."""
    code = "US" if text.upper() in _UNITED_STATES else text.upper()
    if not re.fullmatch(r"[A-Z]{2}", code):
        raise Unreadable(f"“{_short(text)}” is not a country of two letters")
    return code


def postal_code(text: str) -> str:
    """A US ZIP code, five digits or nine; another country's passes as it is.

    :raises Unreadable: digits only, and not five or nine of them.
    """
    code = re.sub(r"(?<=\d)\.0+$", "", text.strip())
    if re.fullmatch(r"\d{9}", code):
        return f"{code[:5]}-{code[5:]}"
    if re.fullmatch(r"\d{5}-?", code):
        return code[:5]
    if re.fullmatch(r"[\d-]+", code) and not _ZIP.fullmatch(code):
        raise Unreadable(f"“{_short(text)}” is not a ZIP code")
    return code


def with_its_zeros(code: str, state: str) -> str | None:
    """The ZIP code of a state in New England or the Caribbean that a spreadsheet took for a number: 2139 is 02139.

    None when no such code is in that state.
    """
    if len(code) not in {3, 4} or not code.isdecimal():
        return None
    whole_code = code.zfill(5)
    place = zips.find(whole_code)
    return whole_code if place and place.state == areas.state_code(state) else None


def whole_address(text: str) -> dict[str, str]:
    """The parts of an address that is written in one piece, by HSDS's names: “12 Main St, Suite 3, Spokane, WA 99201”.

    None of any other text. Behind it some cities publish where that is.
    """
    parts = _WHOLE_ADDRESS.fullmatch(block(text)) if len(text) <= _LONGEST_ADDRESS else None
    return {name: line(part).strip(" ,") for name, part in parts.groupdict().items()} if parts else {}


def postal_codes(text: str) -> list[str]:
    """The ZIP codes of a text that is nothing but a list of them; of any other text, none."""
    if not _ZIP_LIST.fullmatch(text.strip()):
        return []
    return list(dict.fromkeys(code[:5] for code in re.split(r"[\s,;/|]+", text.strip()) if code))


def is_rounded(text: str) -> bool:
    """Whether a spreadsheet took a number of a telephone for a large one: of 4.13788E+09 the rest is lost."""
    return _ROUNDED.fullmatch(text) is not None


@lru_cache(maxsize=4096)
def dialable(text: str) -> str | None:
    """The number in E.164; None for a code such as 211, which is dialed as it is.

    Letters are read off the dial: (410) 555-FOOD.

    :raises Unreadable: nobody can dial it.
    """
    plain = _PLAIN_NUMBER.fullmatch(text)
    if plain and _US_NUMBER.fullmatch(digits := "".join(plain.groups())):
        return f"+1{digits}"
    if re.sub(r"\D", "", text) in _SHORT_CODES and not re.search(r"[A-Za-z]", text):
        return None
    try:
        parsed = phonenumbers.parse(text, "US")
    except phonenumbers.NumberParseException:
        raise Unreadable(f"“{_short(text)}” is not a phone number") from None
    if not phonenumbers.is_valid_number(parsed):
        raise Unreadable(f"“{_short(text)}” is not a valid phone number")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def coordinates(latitude: str, longitude: str) -> tuple[tuple[float, float] | None, str | None]:
    """Where it is, if that can be, and what was wrong with the two numbers, if anything was.

    Swapped coordinates are put right when only one order is possible; 0, 0 is a default, not a place.
    """
    if not latitude and not longitude:
        return None, None
    try:
        point = _point(latitude, longitude)
    except Unreadable as error:
        return None, f"{error}, so the place is left open"
    if _habitable(*point):
        return point, None
    if _habitable(*reversed(point)):
        return (point[1], point[0]), f"“{latitude}, {longitude}” were the wrong way round and have been swapped"
    return None, f"“{latitude}, {longitude}” is not a place on earth, so it is left open"


def _point(latitude: str, longitude: str) -> tuple[float, float]:
    if not latitude or not longitude:
        raise Unreadable("only one of latitude and longitude is given")
    point = _degrees(latitude), _degrees(longitude)
    if point == (0.0, 0.0):
        raise Unreadable("0, 0 is in the Atlantic")
    return point


def _degrees(text: str) -> float:
    """Degrees have no thousands: in 42,1 the comma is a decimal one."""
    return number(text.replace(",", ".") if "." not in text else text)


def _iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _american(text: str) -> datetime | None:
    for pattern in _DATE_FORMATS:
        try:
            return datetime.strptime(text, pattern).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None


def _habitable(latitude: float, longitude: float) -> bool:
    return SOUTHERNMOST <= latitude <= 90 and -180 <= longitude <= 180  # noqa: PLR2004


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}…"  # noqa: PLR2004
