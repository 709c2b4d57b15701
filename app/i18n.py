"""Languages: catalogs read once at start-up, and one way to speak in somebody else's language.

Two domains: *staff* for pages, *patient* for what a patient reads or receives. English is the source text of both.
`with speaking("es"):` holds everywhere, also in a worker that has no request.

Above every translation for patients stands `#. draft`, or `#. reviewed NAME YYYY-MM-DD` once a native speaker has read
it. A draft is sent only where the network allows drafts.
"""

from __future__ import annotations

import gettext as std_gettext
import io
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.core import Locale, UnknownLocaleError
from babel.dates import format_date, format_time, format_timedelta
from babel.messages.catalog import Catalog
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


class NotAllowed(MissingTranslation):
    """There is a translation, but this network does not send texts in that language, or no drafts."""


@dataclass(frozen=True)
class Review:
    """A native speaker has read a translation and found it right."""

    by: str
    on: date


@dataclass
class _Sendable:
    """What may be sent to patients. Until `allow` says more, only what a native speaker has reviewed."""

    languages: frozenset[str] = field(default_factory=lambda: frozenset(LANGUAGES))
    drafts: bool = False


_speaking: ContextVar[str] = ContextVar("speaking", default="en")
_catalogs: dict[tuple[str, str], std_gettext.NullTranslations] = {}
_reviews: dict[str, dict[str, Review]] = {}
"""By language and English text; what is not here is a draft."""
_sendable = _Sendable()


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
    _reviews.clear()
    for path in sorted(TRANSLATIONS.glob("*/LC_MESSAGES/*.po")):
        with path.open("rb") as file:
            catalog = read_po(file, domain=path.stem, abort_invalid=True)
        spoken = path.parent.parent.name
        _catalogs[path.stem, spoken] = _compiled(catalog)
        if path.stem == "patient":
            _reviews[spoken] = _reviews_in(catalog, path)


def allow(languages: Collection[str] = (), *, drafts: bool) -> None:
    """Say what `sms` may give out: texts in these languages, or in all when none is named, and drafts or not.

    English is always among them, because a number that nobody knows is answered in English.
    """
    _sendable.languages = frozenset(languages or LANGUAGES) | {"en"}
    _sendable.drafts = drafts


def sms(template: str, to_language: str, **values: object) -> str:
    """The text `templates/sms/<template>.txt` to send to a patient, in that patient's language.

    :raises MissingTranslation: never answers in English when another language was asked for.
    :raises NotAllowed: the network does not send this language, or not what is only a draft.
    """
    body = preview(template, to_language, **values)
    if to_language not in _sendable.languages:
        raise NotAllowed(f"This network sends no texts in {to_language}.")
    if to_language != "en" and not _sendable.drafts and review(template, to_language) is None:
        raise NotAllowed(f"The {to_language} translation of “{template}” is a draft.")
    return body


def preview(template: str, in_language: str, **values: object) -> str:
    """The same text to look at, whether it may be sent or not.

    An English text is one line. A translation may have more, for Arabic: an option or a phone number on a line of its
    own is shown in the right order without marks for the direction, which would cost letters.

    :raises MissingTranslation: there is none in this language.
    """
    with speaking(in_language):
        body = _sms_environment.get_template(f"{template}.txt").render(**values)
    return "\n".join(" ".join(line.split()) for line in body.strip().splitlines() if line.strip())


def review(template: str, in_language: str) -> Review | None:
    """Who has reviewed this translation; None while it is a draft."""
    return _reviews.get(in_language, {}).get(english(template))


def english(template: str) -> str:
    """The source text of `templates/sms/<template>.txt`, with its placeholders, as the catalogs know it."""
    source = (SMS_TEMPLATES / f"{template}.txt").read_text(encoding="utf-8")
    ((_line, _function, message),) = _sms_environment.extract_translations(source)  # type: ignore[attr-defined]
    # With placeholders it comes as the message followed by nothing for each of them.
    return str(message[0] if isinstance(message, tuple) else message)


def _reviews_in(catalog: Catalog, path: Path) -> dict[str, Review]:
    reviews = {}
    for message in catalog:
        for comment in message.auto_comments:
            if comment.startswith("reviewed"):
                reviews[str(message.id)] = _review(comment, path)
    return reviews


def _review(comment: str, path: Path) -> Review:
    _reviewed, _, signature = comment.partition(" ")
    by, _, on = signature.rpartition(" ")
    try:
        review_day = date.fromisoformat(on)
    except ValueError:
        review_day = None
    if not by or review_day is None:
        raise ValueError(f"{path}: write “reviewed NAME YYYY-MM-DD”, not “{comment}”.")
    return Review(by, review_day)


def _compiled(catalog: Catalog) -> std_gettext.GNUTranslations:
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


_BABEL_LOCALES = {"en": "en-US", "es": "es-US", "tl": "fil"}


def _babel_locale() -> Locale:
    """How Babel knows the language; English for one that it does not know, such as Hmong."""
    try:
        return Locale.parse(_BABEL_LOCALES.get(language(), language()), sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale("en", "US")


_DAY_PATTERNS = {
    "en": "EEEE, MMM d",
    "es": "EEEE d 'de' MMMM",
    "zh-Hans": "M月d日EEEE",
    "zh-Hant": "M月d日EEEE",
    "vi": "EEEE, 'ngày' d 'tháng' M",
    "ko": "M월 d일 EEEE",
    "tl": "EEEE, MMMM d",
    "ru": "d MMMM (EEEE)",  # only the month is declined, so that it can follow “не позднее”
    "ar": "EEEE d MMMM",
    "fr": "EEEE d MMMM",
    "pt": "EEEE, d 'de' MMMM",
    "so": "EEEE, d MMMM",
    "hi": "EEEE, d MMMM",
}
"""Of CLDR: weekday and date in the order and with the words that stand well inside a sentence."""


@dataclass(frozen=True)
class _OwnDates:
    """Dates in a language that Babel does not know, or knows under French names."""

    weekdays: tuple[str, ...]
    """From Monday."""
    months: tuple[str, ...]
    pattern: str

    def say(self, local: date) -> str:
        return self.pattern.format(
            weekday=self.weekdays[local.weekday()], day=local.day, month=self.months[local.month - 1]
        )


_OWN_DATES = {
    "ht": _OwnDates(
        ("lendi", "madi", "mèkredi", "jedi", "vandredi", "samdi", "dimanch"),
        (
            *("janvye", "fevriye", "mas", "avril", "me", "jen"),
            *("jiyè", "out", "septanm", "oktòb", "novanm", "desanm"),
        ),
        "{weekday} {day} {month}",
    ),
    # Hmong counts its days and months; many readers know the days by their English names.
    "hmn": _OwnDates(
        (
            *("hnub ib (Monday)", "hnub ob (Tuesday)", "hnub peb (Wednesday)", "hnub plaub (Thursday)"),
            *("hnub tsib (Friday)", "hnub rau (Saturday)", "hnub xya (Sunday)"),
        ),
        ("ib", "ob", "peb", "plaub", "tsib", "rau", "xya", "yim", "cuaj", "kaum", "kaum ib", "kaum ob"),
        "{weekday}, lub {month} hlis tim {day}",
    ),
}


def day(moment: datetime | date, zone: ZoneInfo | None = None) -> str:
    """A date as people say it: “Thursday, Nov 26”, in `zone` when `moment` is a time.

    Always the weekday and the date and never “tomorrow”, because a text may be read a day late. Spaces are plain ones:
    CLDR puts a narrow no-break space into English times, which would turn a text into UCS-2. In a language that nobody
    told us the days of, English ones are better than none.
    """
    local = moment.astimezone(zone) if isinstance(moment, datetime) and zone else moment
    if own := _OWN_DATES.get(language()):
        return own.say(local)
    return _plain(format_date(local, _DAY_PATTERNS.get(language(), "EEEE, MMM d"), locale=_babel_locale()))


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
