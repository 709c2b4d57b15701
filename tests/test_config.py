"""A wrong setting is one sentence; secrets are made once and shown nowhere."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app import config

USUAL = {"DATABASE_URL": "postgresql://maya:hunter2@db.example.org/loopline", "SECRET_KEY": "not-secret-in-tests"}
TWILIO = {
    "SMS_GATEWAY": "twilio",
    "TWILIO_ACCOUNT_SID": "AC0",
    "TWILIO_AUTH_TOKEN": "token",
    "TWILIO_FROM": "+14105550100",
}


@pytest.mark.parametrize("url", ["postgresql://u:hunter2@h:abc/x", "postgres://u:hunter2@h:/x"])
def test_a_database_url_that_cannot_be_read_is_explained_and_not_repeated(url: str) -> None:
    with pytest.raises(config.SettingsError, match="DATABASE_URL must look like") as refused:
        config.load({**USUAL, "DATABASE_URL": url})
    assert "hunter2" not in str(refused.value)


def test_settings_show_no_password() -> None:
    assert "hunter2" not in repr(config.load(USUAL))


def test_invented_people_are_not_texted_for_real() -> None:
    with pytest.raises(config.SettingsError, match="LOOPLINE_DEMO=0"):
        config.load({**USUAL, **TWILIO, "LOOPLINE_DEMO": "1"})


@pytest.mark.parametrize("more", [{"TWILIO_API_BASE_URL": "http://127.0.0.1:9"}, {"LOOPLINE_DEMO": "0"}])
def test_a_stand_in_may_have_the_demonstration_and_real_people_may_be_texted(more: dict[str, str]) -> None:
    assert config.load({**USUAL, **TWILIO, "LOOPLINE_DEMO": "1", **more}).sms_gateway == "twilio"


def test_processes_that_start_together_sign_with_one_key(tmp_path: Path) -> None:
    environment = {"DATABASE_URL": USUAL["DATABASE_URL"], "LOOPLINE_INSTANCE": str(tmp_path / "instance")}
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(lambda _: config.load(environment).secret_key, range(8)))
    assert [len(key) for key in keys] == [64]
    (kept,) = (tmp_path / "instance").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
