"""The catalogs have everything that is said, in both languages of the staff, and a text keeps what texts promise."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.catalog import Catalog, Message

from app import i18n
from app.i18n import LANGUAGES
from app.messaging import delivery
from app.messaging.segments import count
from app.needs.vocabulary import NEEDS, Need
from translations import extract

CATALOGS = extract.catalogs()
SMS = sorted(path.stem for path in i18n.SMS_TEMPLATES.glob("*.txt"))
COMPLETE = ("staff", "patient")
"""What has to be whole in Spanish. In another language a text without a translation is not sent, and a person calls."""

LONG = {
    "network": "Baltimore Cares",
    "phone": "410-555-0100",
    "time": "11:30 PM",
    "reference": "7KQ",
    "choices": "\n7KQ 1\n4MP 1",
}
"""What texts name, about as long as it gets."""

TEXTED = ["en", *(extract.language_of(path) for path in CATALOGS if path.stem == "patient")]
SEGMENTS = {"es": 3, "fr": 3, "pt": 3, "ru": 3, "vi": 3}
"""How many parts a text may cost, 2 where nothing else is said: letters with marks on them make a text dear."""

TWILIO_OWNS = "STOPALL|UNSUBSCRIBE|CANCEL|END|QUIT|REVOKE|OPTOUT|START|YES|UNSTOP|HELP|INFO"
SPANISH_KIN = "ALTO|PARAR|CANCELAR|BAJA|SALIR|SI|SÍ|AYUDA"
"""Words that opt out or in, or that the provider answers itself, or may be set up to; a text invites none but STOP."""

AGENCY_WORDS = {
    "en": ("agency", "agencies", "organization", "shelter", "pantry", "clinic", "program"),
    "es": ("agencia", "agencias", "organización", "refugio", "despensa", "clínica", "programa"),
}

PLACEHOLDER = re.compile(r"%\((\w+)\)s")
MARKUP = re.compile(r"</?\w|&\w+;")


@cache
def in_sources() -> dict[str, Catalog]:
    return extract.texts()


def label(path: Path) -> str:
    return f"{extract.language_of(path)}-{path.stem}"


def spanish(domain: str) -> Catalog:
    return extract.read(extract.TRANSLATIONS / "es" / "LC_MESSAGES" / f"{domain}.po")


def forms(message: Message) -> list[tuple[str, str]]:
    """Each English form with its translation; where there are more of these, with the English plural."""
    if isinstance(message.id, str):
        return [(message.id, str(message.string))]
    one, many = message.id
    return [(many if place else one, said) for place, said in enumerate(message.string or ())]


def entries(catalog: Catalog) -> list[Message]:
    return [message for message in catalog if message.id]


def words_of(need: Need) -> tuple[str, ...]:
    return (need.label, need.short_label, need.phrase, need.urgent_when)


def text(template: str, language: str) -> str:
    """A text as a patient gets it, with the longest that it may have to name."""
    with i18n.speaking(language):
        day = i18n.day(date(2026, 9, 30))
    return i18n.preview(template, language, day=day, **LONG)


@pytest.fixture(autouse=True, scope="module")
def loaded() -> None:
    i18n.load()


# The catalogs


@pytest.mark.parametrize("path", CATALOGS, ids=label)
def test_a_catalog_has_what_the_sources_say_and_nothing_else(path: Path) -> None:
    there = {message.id for message in entries(extract.read(path))}
    wanted = {message.id for message in entries(in_sources()[path.stem])}

    assert there == wanted, "the texts have changed: run `make messages`, then translate what is new"


@pytest.mark.parametrize("path", CATALOGS, ids=label)
def test_make_messages_changes_nothing_in_a_catalog_that_is_up_to_date(path: Path, tmp_path: Path) -> None:
    template = in_sources()[path.stem]
    again = tmp_path / extract.language_of(path) / "LC_MESSAGES" / path.name
    again.parent.mkdir(parents=True)
    again.write_text(extract.updated(path, template), encoding="utf-8")

    assert extract.updated(again, template) == again.read_text(encoding="utf-8")


def test_what_is_new_is_a_draft_and_what_was_reviewed_stays_so(tmp_path: Path) -> None:
    path = tmp_path / "es" / "LC_MESSAGES" / "staff.po"
    path.parent.mkdir(parents=True)
    path.write_text(
        '#. reviewed Ana 2026-11-30\nmsgid "Old"\nmsgstr "Viejo"\n\n#. draft\nmsgid "Gone"\nmsgstr "Ido"\n',
        encoding="utf-8",
    )
    template = Catalog()
    template.add("Old", locations=[("app/a.py", 7)])
    template.add("New", locations=[("app/b.py", 8)])

    written = extract.updated(path, template)

    assert '\n#. reviewed Ana 2026-11-30\n#: app/a.py\nmsgid "Old"\nmsgstr "Viejo"\n' in written
    assert '\n#. draft\n#: app/b.py\nmsgid "New"\nmsgstr ""\n' in written
    assert "Gone" not in written


@pytest.mark.parametrize("domain", COMPLETE)
def test_everything_is_there_in_spanish(domain: str) -> None:
    assert [message.id for message in extract.untranslated(spanish(domain))] == []


@pytest.mark.parametrize("path", CATALOGS, ids=label)
def test_a_translation_names_what_its_english_names(path: Path) -> None:
    differ = [
        (english, said)
        for message in entries(extract.read(path))
        for english, said in forms(message)
        if said and set(PLACEHOLDER.findall(english)) != set(PLACEHOLDER.findall(said))
    ]

    assert differ == []


@pytest.mark.parametrize("path", CATALOGS, ids=label)
def test_a_translation_can_be_filled_in(path: Path) -> None:
    """A lone percent sign would raise where the page is made."""
    for message in entries(extract.read(path)):
        for english, said in forms(message):
            if PLACEHOLDER.search(english):
                assert said % dict.fromkeys(PLACEHOLDER.findall(said), "")


@pytest.mark.parametrize("path", CATALOGS, ids=label)
def test_a_catalog_holds_words_and_no_markup(path: Path) -> None:
    said = [said for message in entries(extract.read(path)) for pair in forms(message) for said in pair]

    assert [words for words in said if MARKUP.search(words)] == []


@pytest.mark.parametrize("domain", COMPLETE)
def test_spanish_begins_and_ends_like_its_english(domain: str) -> None:
    """Sentences are put together, so a space or a full stop too many or too few would show."""

    def frame(words: str) -> tuple[str, str, bool]:
        return (words[: len(words) - len(words.lstrip())], words[len(words.rstrip()) :], words.endswith("."))

    differ = [pair for message in entries(spanish(domain)) for pair in forms(message) if len(set(map(frame, pair))) > 1]

    assert differ == []


def test_what_is_kept_in_data_files_and_translated_later_is_in_the_catalog() -> None:
    catalog = spanish("staff")
    later = {
        words for need in NEEDS.values() for words in (need.label, need.short_label, need.phrase, need.urgent_when)
    }
    later |= {language.name for language in LANGUAGES.values()}
    later |= {rule.means for rule in delivery.RULES.values()}

    assert [words for words in sorted(later) if words not in catalog] == []


# Texts to patients


@pytest.mark.parametrize("language", TEXTED)
@pytest.mark.parametrize("template", SMS)
def test_a_text_is_short(template: str, language: str) -> None:
    assert count(text(template, language)).segments <= SEGMENTS.get(language, 2)


@pytest.mark.parametrize("template", SMS)
def test_an_english_text_needs_no_costly_letters(template: str) -> None:
    assert count(text(template, "en")).offending == ()


@pytest.mark.parametrize("template", SMS)
def test_a_text_that_has_no_translation_is_not_sent_in_english(template: str) -> None:
    with pytest.raises(i18n.MissingTranslation):
        i18n.sms(template, "de", day="", **LONG)


@pytest.mark.parametrize("language", AGENCY_WORDS)
@pytest.mark.parametrize("template", SMS)
def test_a_text_says_neither_what_is_needed_nor_who_helps(template: str, language: str) -> None:
    with i18n.speaking(language):
        needs = {i18n.gettext(words).casefold() for need in NEEDS.values() for words in words_of(need)}
    body = text(template, language).casefold()

    assert [words for words in {*needs, *AGENCY_WORDS[language]} if re.search(rf"\b{re.escape(words)}\b", body)] == []


@pytest.mark.parametrize("language", TEXTED)
@pytest.mark.parametrize("template", SMS)
def test_a_text_invites_no_word_that_the_provider_answers_itself(template: str, language: str) -> None:
    body = text(template, language)
    owned = f"{TWILIO_OWNS}|{SPANISH_KIN}"

    assert re.findall(rf"\b(?:{owned})\b", body) == []
    assert re.findall(rf"\b(?:reply|responda|text|envíe)\s+[“\"]?(?:{owned})\b", body, re.IGNORECASE) == []


@pytest.mark.parametrize("language", TEXTED)
@pytest.mark.parametrize("template", [name for name in SMS if name.startswith("ask-")])
def test_a_question_offers_the_same_numbers_in_every_language(template: str, language: str) -> None:
    assert set(re.findall(r"\d", text(template, language))) == set(re.findall(r"\d", text(template, "en")))


# Dates


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("moment", [datetime(2026, 11, 26, 20, 30, tzinfo=UTC), datetime(2027, 1, 1, 3, 5, tzinfo=UTC)])
def test_dates_and_times_hold_plain_spaces_only(language: str, moment: datetime) -> None:
    zone = ZoneInfo("America/New_York")
    now = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
    with i18n.speaking(language):
        said = [
            i18n.day(moment, zone),
            i18n.clock_time(moment, zone),
            i18n.exactly(moment, zone),
            i18n.when(moment, now, zone),
            i18n.ago(moment, now),
        ]

    assert [words for words in said if re.search(r"[^\S ]", words)] == []


def test_a_day_is_said_as_people_say_it() -> None:
    moment, zone = datetime(2026, 11, 27, 2, 30, tzinfo=UTC), ZoneInfo("America/New_York")
    with i18n.speaking("en"):
        assert i18n.day(moment, zone) == "Thursday, Nov 26"
    with i18n.speaking("es"):
        assert i18n.day(moment, zone) == "jueves 26 de noviembre"
