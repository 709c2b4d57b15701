"""Languages: catalogs read once at start-up, and one way to speak in somebody else's language.

Two domains: *staff* for pages, *patient* for what a patient reads or receives. English is the source text of both.
`with speaking("es"):` holds everywhere, also in a worker that has no request.
"""

from __future__ import annotations

import gettext as std_gettext
import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.core import Locale, UnknownLocaleError
from babel.dates import format_date, format_time, format_timedelta
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from jinja2 import Environment, FileSystemLoader, StrictUndefined

ROOT = Path(__file__).resolve().parent
SMS_TEMPLATES = ROOT / "templates" / "sms"
TRANSLATIONS = ROOT.parent / "translations"


@dataclass(frozen=True)
class Language:
    """A language patients may speak: `code` is BCP 47, `autonym` its own name for itself."""

    code: str
    name: str
    autonym: str
    direction: str = "ltr"


LANGUAGES = {
    language.code: language
    for language in (
        Language("en", "English", "English"),
        Language("es", "Spanish", "Español"),
        Language("zh-Hans", "Chinese, simplified", "简体中文"),
        Language("zh-Hant", "Chinese, traditional", "繁體中文"),
        Language("vi", "Vietnamese", "Tiếng Việt"),
        Language("ko", "Korean", "한국어"),
        Language("tl", "Tagalog", "Tagalog"),
        Language("ru", "Russian", "Русский"),
        Language("ar", "Arabic", "العربية", "rtl"),
        Language("ht", "Haitian Creole", "Kreyòl ayisyen"),
        Language("fr", "French", "Français"),
        Language("pt", "Portuguese", "Português"),
        Language("so", "Somali", "Soomaali"),
        Language("hmn", "Hmong", "Hmoob"),
        Language("hi", "Hindi", "हिन्दी"),
    )
}
STAFF_LANGUAGES = ("en", "es")

DAYS_OF_A_WEEK = 7
SAME_YEAR = 300
"""Days from which on a date without its year could be mistaken."""


def marked(message: str) -> str:
    """Mark a text for the catalogs where it is only translated later, as in a table of a pure module."""
    return message


_NEAR = {-1: marked("yesterday, %(time)s"), 0: marked("today, %(time)s"), 1: marked("tomorrow, %(time)s")}


class MissingTranslation(LookupError):
    """A text has no translation into this language; it must not be sent in another one unasked."""


_speaking: ContextVar[str] = ContextVar("speaking", default="en")
_catalogs: dict[tuple[str, str], std_gettext.NullTranslations] = {}


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Within the block, everything translatable is in `language` (BCP 47)."""
    token = _speaking.set(language)
    try:
        yield
    finally:
        _speaking.reset(token)


def speak(language: str) -> None:
    """Speak `language` for the rest of this request."""
    _speaking.set(language)


def language() -> str:
    """The language spoken now."""
    return _speaking.get()


def gettext(message: str, **values: object) -> str:
    """`message` for staff in the language spoken now, with `%(name)s` filled in."""
    text = _catalog("staff").gettext(message)
    return text % values if values else text


def ngettext(one: str, many: str, n: int, **values: object) -> str:
    """Like `gettext`, by count; `%(n)s` may be used in both forms."""
    return _catalog("staff").ngettext(one, many, n) % {"n": n, **values}


def sentence(words: str) -> str:
    """These words with a capital letter at their beginning."""
    return words[:1].upper() + words[1:]


def load() -> None:
    """Read every catalog under `translations/`.

    :raises ValueError: a catalog that cannot be read, named with its file, so that a broken one is found at start-up.
    """
    _catalogs.clear()
    for path in sorted(TRANSLATIONS.glob("*/LC_MESSAGES/*.po")):
        _catalogs[path.stem, path.parent.parent.name] = _compiled(path)


def sms(template: str, to_language: str, **values: object) -> str:
    """The text `templates/sms/<template>.txt` for a patient, in that patient's language.

    :raises MissingTranslation: never answers in English when another language was asked for.
    """
    with speaking(to_language):
        body = _sms_environment.get_template(f"{template}.txt").render(**values)
    return " ".join(line.strip() for line in body.strip().splitlines() if line.strip())


def _compiled(path: Path) -> std_gettext.GNUTranslations:
    with path.open("rb") as file:
        catalog = read_po(file, domain=path.stem, abort_invalid=True)
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return std_gettext.GNUTranslations(compiled)


def _catalog(domain: str) -> std_gettext.NullTranslations:
    return _catalogs.get((domain, _speaking.get())) or std_gettext.NullTranslations()


def _patient_gettext(message: str) -> str:
    if _speaking.get() == "en":
        return message
    text = _catalog("patient").gettext(message)
    if text == message:
        raise MissingTranslation(f"No {_speaking.get()} translation of “{message[:40]}…”.")
    return text


def _babel_locale() -> Locale:
    try:
        return Locale.parse(
            {"en": "en_US", "es": "es_US"}.get(language(), language()), sep="-" if "-" in language() else "_"
        )
    except (UnknownLocaleError, ValueError):
        return Locale("en", "US")


def day(moment: datetime | date, zone: ZoneInfo | None = None) -> str:
    """A date as people say it: “Thursday, Nov 26”, in `zone` when `moment` is a time.

    Always the weekday and the date and never “tomorrow”, because a text may be read a day late. Spaces are plain ones:
    CLDR puts a narrow no-break space into English times, which would turn a text into UCS-2.
    """
    local = moment.astimezone(zone) if isinstance(moment, datetime) and zone else moment
    pattern = "EEEE d 'de' MMMM" if language() == "es" else "EEEE, MMM d"
    return _plain(format_date(local, pattern, locale=_babel_locale()))


def clock_time(moment: datetime, zone: ZoneInfo) -> str:
    """The time of day in `zone`: “3:30 PM”."""
    return _plain(format_time(moment, "short", tzinfo=zone, locale=_babel_locale()))


def ago(moment: datetime, now: datetime) -> str:
    """How long ago, or how soon, in words: “3 days ago”, “in 2 hours”, “just now”."""
    if abs(now - moment) < timedelta(minutes=1):
        return gettext("just now")
    return _plain(format_timedelta(moment - now, add_direction=True, locale=_babel_locale()))


def when(moment: datetime, now: datetime, zone: ZoneInfo) -> str:
    """A time as people say it on a page: “today, 3:30 PM”, “Thursday, 3 days ago”, “Thursday, Nov 26”."""
    days = (moment.astimezone(zone).date() - now.astimezone(zone).date()).days
    if days in _NEAR:
        return gettext(_NEAR[days], time=clock_time(moment, zone))
    if -DAYS_OF_A_WEEK < days < 0:
        weekday = _plain(format_date(moment.astimezone(zone), "EEEE", locale=_babel_locale()))
        return gettext("%(weekday)s, %(n)s days ago", weekday=weekday, n=-days)
    return day(moment, zone) if abs(days) < SAME_YEAR else _date_in_full(moment, zone)


def exactly(moment: datetime, zone: ZoneInfo) -> str:
    """Weekday, date, year and time of day: “Thursday, November 26, 2026, 3:30 PM”."""
    return f"{_date_in_full(moment, zone)}, {clock_time(moment, zone)}"


def _date_in_full(moment: datetime, zone: ZoneInfo) -> str:
    return _plain(format_date(moment.astimezone(zone), "full", locale=_babel_locale()))


def _plain(text: str) -> str:
    return text.replace("\u202f", " ").replace("\xa0", " ")


def teach(templates: Environment) -> None:
    """Give the pages' templates `_` and `{% trans %}` in the language spoken now."""
    templates.add_extension("jinja2.ext.i18n")
    templates.install_gettext_callables(  # type: ignore[attr-defined]
        lambda message: _catalog("staff").gettext(message),
        lambda one, many, n: _catalog("staff").ngettext(one, many, n),
        newstyle=True,
    )


def for_templates() -> dict[str, Any]:
    """What every page has to know about the language it is in."""
    spoken_now = LANGUAGES.get(language(), LANGUAGES["en"])
    return {
        "locale": spoken_now.code,
        "text_direction": spoken_now.direction,
        "languages": LANGUAGES,
        "staff_languages": [LANGUAGES[code] for code in STAFF_LANGUAGES],
    }


_sms_environment = Environment(
    loader=FileSystemLoader(SMS_TEMPLATES),
    autoescape=False,  # noqa: S701  plain text, never HTML
    undefined=StrictUndefined,
    extensions=["jinja2.ext.i18n"],
)
_sms_environment.install_gettext_callables(  # type: ignore[attr-defined]
    _patient_gettext, lambda one, many, n: _patient_gettext(one if n == 1 else many), newstyle=True
)
