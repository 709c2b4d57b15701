from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask

from app import i18n
from app.i18n import LANGUAGES


def preview(app: Flask, *options: str) -> tuple[int, str]:
    ran = app.test_cli_runner().invoke(args=["messages", "preview", *options])
    return ran.exit_code, ran.output


def test_every_text_is_shown_in_every_language(app: Flask) -> None:
    _code, said = preview(app)
    shown = re.findall(r"^(\S+)  (\S+)  ", said, re.MULTILINE)
    texts = [path.stem for path in i18n.SMS_TEMPLATES.glob("*.txt")]
    assert sorted(shown) == sorted((text, language) for text in texts for language in LANGUAGES)


def test_a_text_is_shown_with_its_encoding_its_segments_and_its_price(app: Flask) -> None:
    code, said = preview(app, "--text", "referral-sent", "--language", "en", "--language", "es")
    assert code == 0, said
    english, spanish = re.findall(r"^referral-sent .*", said, re.MULTILINE)
    assert re.fullmatch(r"referral-sent  en  source, GSM-7, [12] segments?, \$0\.0(083|166)", english)
    assert re.search(r"  es  draft, UCS-2, [123] segments, \$0\.\d{4}, because of .", spanish)
    assert "Loopline" in said


def test_case_20_a_text_that_could_never_be_sent_fails_the_preview(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "endless.txt").write_text("a" * 1601, encoding="utf-8")
    monkeypatch.setattr("app.i18n.SMS_TEMPLATES", tmp_path)
    monkeypatch.setattr("app.i18n._sms_environment.loader.searchpath", [str(tmp_path)])
    monkeypatch.setattr("app.i18n.review", lambda _template, _language: None)
    code, said = preview(app, "--language", "en")
    assert code == 1
    assert "endless  en  source, GSM-7, 11 segments, $0.0913, cannot be sent: too-long" in said


def test_a_text_that_is_not_there_is_no_preview(app: Flask) -> None:
    code, said = preview(app, "--text", "nonsense")
    assert code == 2
    assert "no such text" in said
