"""Every text in every language: whole, cheap, answered by numbers, dated right; and no draft goes out unasked."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.catalog import Message

from app import config, create_app, i18n
from app.config import SettingsError
from app.i18n import LANGUAGES, MissingTranslation, NotAllowed, Review
from app.loop import references, replies
from app.loop.meanings import Kind, Meaning
from app.messaging.segments import count
from tests.conftest import ENVIRONMENT
from translations import extract

TEXTS = sorted(path.stem for path in i18n.SMS_TEMPLATES.glob("*.txt"))
QUESTIONS = [name for name in TEXTS if re.search(r"\b1\b", i18n.english(name))]
_ABOUT = re.compile("appointment|ask|closed|offer|promise|referral|status|thanks")
ABOUT_A_REQUEST = [name for name in TEXTS if _ABOUT.match(name)]
TRANSLATED = [code for code in LANGUAGES if code != "en"]

BUDGET = dict.fromkeys(LANGUAGES, 2) | dict.fromkeys(("es", "pt", "fr", "vi", "ru"), 3)
"""Segments, with what a text usually names."""

NAMES = {"network": "Loopline", "phone": "410-555-0100", "reference": "7KQ", "choices": "\n7KQ 1\n4MP 1\n9CT 1"}
MARKED = {name: f"<{name}>" for name in ("network", "phone", "day", "time", "reference", "choices")}

GSM = {
    **dict.fromkeys(("en", "tl", "ht", "so", "hmn"), ""),
    "fr": "û",  # août
}
"""Languages that can be written without costly letters, each with those that it may have."""

COSTLY = re.compile(
    "[\u00a0\u202f\u2009"  # spaces that look like a plain one
    "‘’“”–—…"  # what ', \", - and ... say as well
    "\uff10-\uff19\u0660-\u0669\u06f0-\u06f9\u0966-\u096f"  # digits of other scripts: an option is answered by 1
    "\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]"  # nothing to see
)
OWNED = {
    "stopall",
    "unsubscribe",
    "cancel",
    "end",
    "quit",
    "revoke",
    "optout",
    "start",
    "yes",
    "unstop",
    "help",
    "info",
}

A_DAY = date(2026, 11, 26)
SAID = {
    "en": "Thursday, Nov 26",
    "es": "jueves 26 de noviembre",
    "zh-Hans": "11月26日星期四",
    "zh-Hant": "11月26日星期四",
    "vi": "Thứ Năm, ngày 26 tháng 11",
    "ko": "11월 26일 목요일",
    "tl": "Huwebes, Nobyembre 26",
    "ru": "26 ноября (четверг)",
    "ar": "الخميس 26 نوفمبر",
    "ht": "jedi 26 novanm",
    "fr": "jeudi 26 novembre",
    "pt": "quinta-feira, 26 de novembro",
    "so": "Khamiis, 26 Noofeembar",
    "hmn": "hnub plaub (Thursday), lub kaum ib hlis tim 26",
    "hi": "गुरुवार, 26 नवंबर",
}


@pytest.fixture(autouse=True, scope="module")
def loaded() -> None:
    i18n.load()


@pytest.fixture
def nothing_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As before anybody said what may be sent; afterwards as it was."""
    monkeypatch.setattr(i18n, "_sendable", i18n._Sendable())


def day(language: str, on: date) -> str:
    with i18n.speaking(language):
        return i18n.day(on)


@cache
def longest_day(language: str) -> str:
    """The dearest day of a year."""
    said = (day(language, A_DAY + timedelta(days)) for days in range(366))
    return max(said, key=lambda words: (count(words).encoding, count(words).units))


@cache
def longest_time(language: str) -> str:
    """The dearest time of a day, to the minute."""
    midnight = datetime(2026, 11, 26, tzinfo=UTC)
    with i18n.speaking(language):
        said = [i18n.clock_time(midnight + timedelta(minutes=n), ZoneInfo("UTC")) for n in range(24 * 60)]
    return max(said, key=lambda words: (count(words).encoding, count(words).units))


def text(template: str, language: str) -> str:
    return i18n.preview(template, language, day=longest_day(language), time=longest_time(language), **NAMES)


def marked(template: str, language: str) -> str:
    return i18n.preview(template, language, **MARKED)


def entries(language: str) -> list[Message]:
    catalog = extract.read(i18n.TRANSLATIONS / language / "LC_MESSAGES" / "patient.po")
    return [message for message in catalog if message.id]


def options(body: str) -> list[str]:
    return re.findall(r"(?<!\w)[0-9](?=\s)", body)


# Every text in every language


ACTED_ON = {Kind.STOP, Kind.MAYBE_STOP, Kind.START, Kind.HELP, Kind.WRONG_NUMBER, Kind.URGENT}
"""What a reply must not be taken for by mistake, because something happens at once."""


@pytest.mark.parametrize("template", TEXTS)
def test_an_english_text_is_one_line(template: str) -> None:
    assert "\n" not in i18n.english(template)


@pytest.mark.parametrize("language", TRANSLATED)
@pytest.mark.parametrize("template", TEXTS)
def test_a_text_names_what_its_english_names(template: str, language: str) -> None:
    body = marked(template, language)

    assert sorted(re.findall(r"<\w+>", body)) == sorted(re.findall(r"<\w+>", marked(template, "en")))
    assert "%(" not in body


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", TEXTS)
def test_a_text_has_no_letter_for_which_there_is_a_cheaper_one(template: str, language: str) -> None:
    body = text(template, language)

    assert COSTLY.findall(body) == []
    assert unicodedata.is_normalized("NFC", body)
    if language in GSM:
        assert set(count(body).offending) <= set(GSM[language])


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", TEXTS)
def test_a_text_keeps_to_its_budget(template: str, language: str) -> None:
    assert count(text(template, language)).segments <= BUDGET[language]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", ABOUT_A_REQUEST)
def test_a_text_keeps_to_its_budget_with_a_reference_as_well(template: str, language: str) -> None:
    with_reference = f"{text(template, language)}\n{text('reference', language)}"

    assert count(with_reference).segments <= BUDGET[language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_reference_is_called_may_be_copied_into_the_answer(language: str) -> None:
    label = text("reference", language)

    assert references.read(f"{label} 1", {"7KQ": language}, language).meaning == Meaning(Kind.OPTION, 1)


@pytest.mark.parametrize("language", TRANSLATED)
@pytest.mark.parametrize("template", TEXTS)
def test_a_text_invites_stop_where_the_english_does_and_no_other_word_of_the_provider(
    template: str, language: str
) -> None:
    words = re.findall("[A-Za-z]+", marked(template, language))

    assert words.count("STOP") == i18n.english(template).count("STOP")
    assert [word for word in words if word.casefold() in OWNED] == []
    assert [word for word in words if re.fullmatch("[A-Z]{2,}", word) and word != "STOP"] == []


@pytest.mark.parametrize("language", TRANSLATED)
@pytest.mark.parametrize("template", QUESTIONS)
def test_a_question_offers_the_same_numbers_in_the_same_order(template: str, language: str) -> None:
    assert options(marked(template, language)) == options(marked(template, "en"))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", QUESTIONS)
def test_an_option_sent_back_in_words_neither_ends_the_texts_nor_asks_for_help(template: str, language: str) -> None:
    offered = re.findall(r"(?<!\w)[0-9] ([^,，.。।\n]+)", marked(template, language))

    assert len(offered) == len(options(marked(template, language)))
    meant = {words: replies.interpret(words, language).kind for words in offered}
    assert {words for words, kind in meant.items() if kind in ACTED_ON} == set()


@pytest.mark.parametrize("template", TEXTS)
def test_what_is_not_arabic_stands_on_a_line_of_its_own(template: str) -> None:
    """So that a phone shows it in the right order without marks for the direction."""
    lines = marked(template, "ar").splitlines()

    named = [line for line in lines if re.search("<(network|phone|reference|choices)>", line)]
    assert [line for line in named if not re.fullmatch(r"<\w+>", line)] == []
    assert [line for line in lines if re.search(r"[0-9]", line[1:]) and not line.isdecimal()] == []
    assert [line for line in lines if "STOP" in line and not line.endswith("STOP")] == []


# Drafts and reviews


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_says_whether_somebody_has_reviewed_it(language: str) -> None:
    unclear = [
        (message.id, message.auto_comments)
        for message in entries(language)
        if message.auto_comments != ["draft"]
        and not re.fullmatch(r"reviewed \S.* \d{4}-\d\d-\d\d", "\n".join(message.auto_comments))
    ]

    assert unclear == []


def test_a_review_is_known_by_its_name_and_day(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    one_review(monkeypatch, tmp_path, "reviewed Nguyễn Thị Hoa 2026-12-01")

    assert i18n.review("opted-in", "vi") == Review(by="Nguyễn Thị Hoa", on=date(2026, 12, 1))
    assert i18n.review("opted-out", "vi") is None


@pytest.mark.parametrize("template", TEXTS)
def test_the_catalogs_know_a_text_by_its_english(template: str) -> None:
    """Also one that names something; or its review would never be found."""
    assert i18n.english(template) in {message.id for message in entries("vi")}


@pytest.mark.parametrize("mark", ["reviewed", "reviewed Hoa", "reviewed 2026-12-01", "reviewed Hoa 2026-13-01"])
def test_a_review_without_a_name_or_a_day_is_found_at_start_up(
    mark: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"patient\.po: write “reviewed NAME YYYY-MM-DD”"):
        one_review(monkeypatch, tmp_path, mark)


def one_review(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mark: str) -> None:
    """Load catalogs that hold one text, with this mark."""
    path = tmp_path / "vi" / "LC_MESSAGES" / "patient.po"
    path.parent.mkdir(parents=True)
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
    entry = f'#. {mark}\nmsgid "{i18n.english("opted-in")}"\nmsgstr "…"\n'
    path.write_text(head + entry, encoding="utf-8")
    with monkeypatch.context() as patch:
        patch.setattr(i18n, "TRANSLATIONS", tmp_path)
        patch.setattr(i18n, "_catalogs", {})
        monkeypatch.setattr(i18n, "_reviews", {})
        i18n.load()


# What may be sent


@pytest.mark.usefixtures("nothing_allowed")
def test_a_draft_is_not_sent_until_drafts_are_allowed() -> None:
    with pytest.raises(NotAllowed):
        i18n.sms("help", "vi", **NAMES)

    i18n.allow(drafts=True)

    assert i18n.sms("help", "vi", **NAMES) == i18n.preview("help", "vi", **NAMES)


@pytest.mark.usefixtures("nothing_allowed")
def test_what_was_reviewed_is_sent_also_where_drafts_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_reviews", {"vi": {i18n.english("help"): Review("Hoa", A_DAY)}})

    assert i18n.sms("help", "vi", **NAMES)
    with pytest.raises(NotAllowed):
        i18n.sms("opted-out", "vi", **NAMES)


@pytest.mark.usefixtures("nothing_allowed")
def test_only_the_languages_that_the_network_chose_are_sent_and_english() -> None:
    i18n.allow(["vi", "ht"], drafts=True)

    assert i18n.sms("help", "vi", **NAMES)
    assert i18n.sms("help", "en", **NAMES)
    with pytest.raises(NotAllowed):
        i18n.sms("help", "ru", **NAMES)


@pytest.mark.usefixtures("nothing_allowed")
def test_a_text_in_a_language_that_we_do_not_have_is_missing() -> None:
    i18n.allow(drafts=True)

    with pytest.raises(MissingTranslation) as missing:
        i18n.sms("help", "xx", **NAMES)
    assert not isinstance(missing.value, NotAllowed)


def test_the_settings_say_which_languages_and_whether_drafts() -> None:
    environment = {"DATABASE_URL": "postgresql://", "SECRET_KEY": "k"}
    by_default = config.load(environment)
    chosen = config.load({**environment, "TEXT_LANGUAGES": "en, es,vi", "ALLOW_DRAFT_LANGUAGES": "1"})

    assert (by_default.text_languages, by_default.allow_draft_languages) == ((), False)
    assert (chosen.text_languages, chosen.allow_draft_languages) == (("en", "es", "vi"), True)
    assert config.load({**environment, "LOOPLINE_DEMO": "1"}).allow_draft_languages


@pytest.mark.usefixtures("nothing_allowed")
def test_a_language_that_there_is_not_stops_the_start() -> None:
    settings = config.load({**ENVIRONMENT, "DATABASE_URL": "postgresql://", "TEXT_LANGUAGES": "en,xx"})

    with pytest.raises(SettingsError, match=r"TEXT_LANGUAGES must be some of en,es,.*, not “xx”\."):
        create_app(settings)


# Days


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_day_is_said_as_people_say_it(language: str) -> None:
    assert day(language, A_DAY) == SAID[language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_sixty_days_are_all_different_and_have_their_weekday(language: str) -> None:
    days = [A_DAY + timedelta(n) for n in range(60)]
    said = [day(language, on) for on in days]

    assert len(set(said)) == len(days)
    for on, words in zip(days, said, strict=True):
        assert str(on.day) in re.findall("[0-9]+", words)
        assert COSTLY.findall(words) == []
    december = [re.sub("[0-9]+", "", day(language, on)) for on in days if on.month == 12]
    assert len(set(december)) == 7


def test_a_time_is_said_by_the_day_where_the_patient_is() -> None:
    moment = datetime(2026, 11, 27, 2, 30, tzinfo=ZoneInfo("UTC"))
    with i18n.speaking("hmn"):
        assert i18n.day(moment, ZoneInfo("America/Chicago")) == SAID["hmn"]


@pytest.mark.parametrize("language", ["xx", "mww", "zh_Hans", "", "x" * 50])
def test_a_language_that_nobody_knows_has_english_days(language: str) -> None:
    assert day(language, A_DAY) == SAID["en"]
