"""A wrong setting is one sentence; secrets are made once and shown nowhere."""

from __future__ import annotations

import re
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


def test_the_readme_lists_every_setting_and_no_other() -> None:
    source = "".join((config.ROOT / "app" / name).read_text(encoding="utf-8") for name in ("config.py", "cli.py"))
    read = set(re.findall(r'(?:environ, |environ\.get\(|envvar=)"([A-Z_]+)"', source))
    _, table = (config.ROOT / "README.md").read_text(encoding="utf-8").split("## Settings")
    first_cells = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    assert read == set(re.findall("`([A-Z_]+)`", " ".join(first_cells)))


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


@pytest.mark.parametrize(
    ("written", "numbers"),
    [("+1410", ("+1410",)), (" +1410, +1443 ,+1410,", ("+1410", "+1443")), ("", ())],
)
def test_several_numbers_are_written_with_commas(written: str, numbers: tuple[str, ...]) -> None:
    settings = config.load({**USUAL, "TWILIO_FROM": written})
    assert settings.twilio_numbers == numbers
    assert settings.sender == (numbers or ("",))[0]


TILES = "https://tiles.example.org:8443/{z}/{x}/{y}.png?key=1"


def test_maps_come_from_one_server_that_is_named_with_whom_they_are_owed_to() -> None:
    assert config.load(USUAL).map_tiles is None
    tiles = config.load({**USUAL, "MAP_TILES_URL": TILES, "MAP_ATTRIBUTION": "© Mapmakers"}).map_tiles
    assert tiles
    assert (tiles.url, tiles.origin) == (TILES, "https://tiles.example.org:8443")


@pytest.mark.parametrize(
    ("url", "attribution"),
    [
        ("https://tiles.example.org/", "© Mapmakers"),
        ("tiles.example.org/{z}/{x}/{y}", "© Mapmakers"),
        ("https://tiles.example.org;script-src *;/{z}/{x}/{y}", "© Mapmakers"),
        ("https://*/{z}/{x}/{y}", "© Mapmakers"),
        (TILES, ""),
    ],
)
def test_maps_that_cannot_come_are_explained(url: str, attribution: str) -> None:
    with pytest.raises(config.SettingsError, match="MAP_TILES_URL"):
        config.load({**USUAL, "MAP_TILES_URL": url, "MAP_ATTRIBUTION": attribution})


def test_who_is_asked_about_patients_is_a_setting_of_its_own() -> None:
    settings = config.load({**USUAL, "GEOCODER": "nominatim"})
    assert (settings.geocoder, settings.patient_geocoder) == ("nominatim", "zip")


SMTP = {
    "EMAIL_GATEWAY": "smtp",
    "SMTP_URL": "smtp://maya:hunter2@mail.example.org:587",
    "EMAIL_FROM": "Loopline <referrals@example.org>",
}


def test_e_mail_leaves_only_where_it_is_set_up_and_a_demonstration_shows_it_on_a_page() -> None:
    assert config.load(USUAL).email_gateway == "off"
    assert config.load({**USUAL, "LOOPLINE_DEMO": "1"}).email_gateway == "page"
    settings = config.load({**USUAL, **SMTP})
    assert settings.smtp_starttls
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize(
    ("wrong", "names"),
    [
        ({"EMAIL_GATEWAY": "pigeon"}, "EMAIL_GATEWAY"),
        ({"EMAIL_GATEWAY": "page"}, "EMAIL_GATEWAY"),
        ({"SMTP_URL": ""}, "SMTP_URL"),
        ({"SMTP_URL": "mail.example.org"}, "SMTP_URL"),
        ({"SMTP_URL": "smtp://mail.example.org:port"}, "SMTP_URL"),
        ({"EMAIL_FROM": ""}, "EMAIL_FROM"),
        ({"EMAIL_FROM": "Loopline"}, "EMAIL_FROM"),
        ({"EMAIL_FROM": "a@b.example\r\nBcc: eve@evil.example"}, "EMAIL_FROM"),
    ],
)
def test_e_mail_that_could_not_leave_is_explained(wrong: dict[str, str], names: str) -> None:
    with pytest.raises(config.SettingsError, match=names) as refused:
        config.load({**USUAL, **SMTP, **wrong})
    assert "hunter2" not in str(refused.value)
