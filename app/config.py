"""Settings come from the environment, once, and are checked before anything starts.

A wrong value stops the program with one sentence that says which variable is wrong and what it may be.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Literal, cast
from urllib.parse import urlsplit

from flask import current_app
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

ROOT = Path(__file__).resolve().parent.parent

SmsGateway = Literal["console", "twilio"]
EmailGateway = Literal["off", "page", "smtp"]
HsdsApi = Literal["open", "token"]
Onward = Literal["ask", "direct"]


class SettingsError(Exception):
    """A setting is missing or impossible; the message is one sentence for the person who starts Loopline."""


@dataclass(frozen=True)
class QuietHours:
    """The window in which a text may be sent, in the patient's own time zone; None means at any time."""

    opens: time
    closes: time


@dataclass(frozen=True)
class TextCaps:
    """How many texts a person may get that answer none of theirs; None means any number."""

    a_day: int
    a_week: int


@dataclass(frozen=True)
class MapTiles:
    """A server of map pictures in the usual scheme, 256 pixels wide."""

    url: str
    """With {z}, {x} and {y} in it."""
    attribution: str
    """Whom the map is owed to, as the server's terms want it said."""

    @property
    def origin(self) -> str:
        """The only other host that a page with a map may load pictures from."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"


USUAL_CAPS = TextCaps(a_day=1, a_week=3)


@dataclass(frozen=True)
class Settings:
    database_url: str = field(repr=False)
    secret_key: str = field(repr=False)
    demo: bool
    network_name: str
    network_phone: str
    public_base_url: str
    sms_gateway: SmsGateway
    twilio_account_sid: str
    twilio_auth_token: str = field(repr=False)
    twilio_messaging_service_sid: str
    twilio_from: str
    """The number our texts come from, or several with commas between them; see `twilio_numbers`."""
    twilio_api_base_url: str
    twilio_timeout: float
    """Seconds for connecting, and for each read."""
    twilio_looks: tuple[float, ...]
    """Seconds after which we look for a text whose answer was lost, each from the look before."""
    twilio_mirror_opt_outs: bool
    email_gateway: EmailGateway
    """How e-mail leaves: not at all, onto a page of the demonstration, or through a server."""
    smtp_url: str = field(repr=False)
    email_from: str
    smtp_starttls: bool
    """Whether a server that offers no encryption is refused."""
    contacts_from_directory: bool
    """Whether an agency without contacts is written to at the address the directory has of it."""
    quiet_hours: QuietHours | None
    text_caps: TextCaps | None
    segments_per_second: float | None
    """How fast our sender may send; None for as fast as the provider takes them."""
    price_per_segment: float
    """US dollars."""
    page_again_after: timedelta
    """How long a page about an urgent text has to work before the next person is paged."""
    urgent_fallback_phone: str
    """Who is paged when nobody else is left; E.164, or empty."""
    served_follow_up_days: int
    days_off: frozenset[date]
    """Besides weekends and federal holidays: nobody is expected to work then."""
    referrals_at_once: int
    """How many agencies one need may be sent to at the same time."""
    onward_referrals: Onward
    """When an agency names a place that can help better: ask the care team to offer it, or ask that place directly."""
    text_languages: tuple[str, ...]
    """What patients may be texted in (BCP 47); empty means every language we have."""
    allow_draft_languages: bool
    """Whether a translation may be sent that no native speaker has reviewed."""
    geocoder: str
    """Who is asked where an agency is."""
    geocoder_options: tuple[tuple[str, str], ...] = field(repr=False)
    """What the geocoder is set up with, such as its key: pairs of names and values."""
    patient_geocoder: str
    """Who is asked where a patient lives; a choice of its own, because it tells an outsider who seeks help."""
    patient_geocoder_options: tuple[tuple[str, str], ...] = field(repr=False)
    geocoder_timeout: float
    """Seconds."""
    hsds_api: HsdsApi
    """Who may read the directory at /hsds/v3: anybody, or programs with a token of somebody who is signed up here."""
    map_tiles: MapTiles | None
    """Where pictures of maps come from; None shows lists only."""
    web_processes: int
    instance: Path

    @property
    def sender(self) -> str:
        """Who our texts come from: a Messaging Service when there is one, else a number."""
        return self.twilio_messaging_service_sid or (self.twilio_numbers or ("",))[0]

    @property
    def twilio_numbers(self) -> tuple[str, ...]:
        """The numbers of ours; with a Messaging Service, those of its pool, as far as they are named.

        Where there are several, people who share a phone are texted from one each.
        """
        return tuple(dict.fromkeys(filter(None, (number.strip() for number in self.twilio_from.split(",")))))

    @property
    def twilio_auth_tokens(self) -> tuple[str, ...]:
        """The first signs our requests; a webhook may be signed with any, so that a token can be rotated.

        TWILIO_AUTH_TOKEN holds one token, or several with commas between them.
        """
        return tuple(filter(None, (token.strip() for token in self.twilio_auth_token.split(","))))


def instance_folder(environ: Mapping[str, str]) -> Path:
    """Where this installation keeps what is its own: the embedded database and the session key."""
    return Path(environ.get("LOOPLINE_INSTANCE") or ROOT / "instance").resolve()


def database_folder(environ: Mapping[str, str]) -> Path:
    """Where the embedded PostgreSQL keeps its data."""
    return instance_folder(environ) / "postgres"


def sqlalchemy_url(url: str) -> str:
    """The same database, named the way SQLAlchemy chooses psycopg 3.

    Hosting platforms hand out ``postgres://`` and ``postgresql://``; both mean PostgreSQL, nothing about a driver.
    """
    return re.sub(r"^postgres(ql)?(\+psycopg)?://", "postgresql+psycopg://", url)


def libpq_url(url: str) -> str:
    """The same database in the form that psycopg and the job engine take."""
    return re.sub(r"^postgres(ql)?(\+psycopg)?://", "postgresql://", url)


def load(environ: Mapping[str, str]) -> Settings:
    """Read and check every setting.

    :raises SettingsError: one sentence naming the variable and what it may be.
    """
    demo = _flag(environ, "LOOPLINE_DEMO", default=False)
    folder = instance_folder(environ)
    gateway = environ.get("SMS_GATEWAY", "console")
    if gateway not in {"console", "twilio"}:
        raise SettingsError(f"SMS_GATEWAY must be console or twilio, not “{gateway}”.")
    quiet_hours = _quiet_hours(environ.get("QUIET_HOURS", "off" if demo else "09:00-20:00"))
    settings = Settings(
        database_url=_database_url(environ),
        secret_key=environ.get("SECRET_KEY") or _kept_secret(folder),
        demo=demo,
        network_name=environ.get("NETWORK_NAME", "Loopline"),
        network_phone=environ.get("NETWORK_PHONE", "410-555-0100"),
        public_base_url=_base_url(environ, "PUBLIC_BASE_URL", f"http://127.0.0.1:{environ.get('PORT', '8000')}"),
        sms_gateway=cast("SmsGateway", gateway),
        twilio_account_sid=environ.get("TWILIO_ACCOUNT_SID", ""),
        twilio_auth_token=environ.get("TWILIO_AUTH_TOKEN", ""),
        twilio_messaging_service_sid=environ.get("TWILIO_MESSAGING_SERVICE_SID", ""),
        twilio_from=environ.get("TWILIO_FROM", ""),
        twilio_api_base_url=_base_url(environ, "TWILIO_API_BASE_URL", "") if environ.get("TWILIO_API_BASE_URL") else "",
        twilio_timeout=_seconds(environ, "TWILIO_TIMEOUT", 30.0),
        twilio_looks=_looks(environ.get("TWILIO_LOOKS", "60,240")),
        twilio_mirror_opt_outs=_flag(environ, "TWILIO_MIRROR_OPT_OUTS", default=False),
        email_gateway=_email_gateway(environ, demo=demo),
        smtp_url=environ.get("SMTP_URL", ""),
        email_from=environ.get("EMAIL_FROM", ""),
        smtp_starttls=_flag(environ, "SMTP_STARTTLS", default=True),
        contacts_from_directory=_flag(environ, "CONTACTS_FROM_DIRECTORY", default=demo),
        quiet_hours=quiet_hours,
        text_caps=_text_caps(environ.get("TEXT_CAPS", "on" if quiet_hours else "off")),
        segments_per_second=_amount(environ, "SMS_SEGMENTS_PER_SECOND", 0.0) or None,
        price_per_segment=_amount(environ, "SMS_PRICE_PER_SEGMENT", 0.0083),
        page_again_after=_minutes(environ, "PAGE_AGAIN_AFTER", 5),
        urgent_fallback_phone=_phone(environ, "URGENT_FALLBACK_PHONE"),
        days_off=_dates(environ.get("DAYS_OFF", "")),
        referrals_at_once=_between(environ, "REFERRALS_AT_ONCE", 3, 1, 5),
        onward_referrals=_onward(environ.get("ONWARD_REFERRALS", "ask")),
        served_follow_up_days=_days(environ, "SERVED_FOLLOW_UP_DAYS", 0 if demo else 3),
        text_languages=_codes(environ.get("TEXT_LANGUAGES", "")),
        allow_draft_languages=_flag(environ, "ALLOW_DRAFT_LANGUAGES", default=demo),
        geocoder=environ.get("GEOCODER", "zip"),
        geocoder_options=_options(environ, "GEOCODER_OPTIONS"),
        patient_geocoder=environ.get("PATIENT_GEOCODER", "zip"),
        patient_geocoder_options=_options(environ, "PATIENT_GEOCODER_OPTIONS"),
        geocoder_timeout=_seconds(environ, "GEOCODER_TIMEOUT", 3.0),
        hsds_api=_hsds_api(environ.get("HSDS_API", "open")),
        map_tiles=_map_tiles(environ),
        web_processes=_between(environ, "WEB_CONCURRENCY", 2, 1, 64),
        instance=folder,
    )
    if gateway == "twilio":
        _require_twilio(settings)
        _spare_invented_people(settings)
    if settings.email_gateway == "smtp":
        _require_smtp(settings)
    return settings


def settings() -> Settings:
    """The running application's settings."""
    return cast("Settings", current_app.extensions["settings"])


def _database_url(environ: Mapping[str, str]) -> str:
    url = environ.get("DATABASE_URL", "")
    if not url:
        raise SettingsError(
            "DATABASE_URL is not set: start Loopline with “make run”, which brings its own PostgreSQL, "
            "or set DATABASE_URL to a PostgreSQL 14 or newer."
        )
    if not re.match(r"^postgres(ql)?(\+psycopg)?://", url):
        raise SettingsError("DATABASE_URL must begin with postgresql:// because Loopline needs PostgreSQL.")
    try:
        make_url(url)
    except (ArgumentError, ValueError):  # a ValueError for a port that is no number
        raise SettingsError(
            "DATABASE_URL must look like postgresql://user:password@host:5432/database; special letters in the "
            "password are written as %40 for @ and so on."
        ) from None
    return url


def _base_url(environ: Mapping[str, str], name: str, default: str) -> str:
    url = (environ.get(name) or default).rstrip("/")
    if url and (urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).netloc):
        raise SettingsError(f"{name} must be a whole address such as https://loopline.example.org, not “{url}”.")
    return url


def _flag(environ: Mapping[str, str], name: str, *, default: bool) -> bool:
    value = environ.get(name, "").strip().lower()
    if value in {"", "1", "true", "yes", "on", "0", "false", "no", "off"}:
        return default if value == "" else value in {"1", "true", "yes", "on"}
    raise SettingsError(f"{name} must be 1 or 0, not “{value}”.")


def _days(environ: Mapping[str, str], name: str, default: int) -> int:
    value = environ.get(name, str(default))
    if not value.isdecimal():
        raise SettingsError(f"{name} must be a whole number of days, not “{value}”.")
    return int(value)


def _minutes(environ: Mapping[str, str], name: str, default: int) -> timedelta:
    value = environ.get(name) or str(default)
    if not re.fullmatch(r"[1-9]|[1-5]\d|60", value):
        raise SettingsError(f"{name} must be a whole number of minutes from 1 to 60, not “{value}”.")
    return timedelta(minutes=int(value))


def _phone(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "").strip()
    if value and not re.fullmatch(r"\+[1-9]\d{7,14}", value):
        raise SettingsError(f"{name} must be a phone number with its country, such as +14105550123.")
    return value


def _between(environ: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    value = environ.get(name, str(default))
    if not value.isdecimal() or not least <= int(value) <= most:
        raise SettingsError(f"{name} must be a whole number from {least} to {most}, not “{value}”.")
    return int(value)


def _dates(value: str) -> frozenset[date]:
    try:
        return frozenset(date.fromisoformat(day) for day in value.replace(",", " ").split())
    except ValueError as error:
        raise SettingsError(f"DAYS_OFF must list days such as 2026-11-27, 2026-12-24, not “{value}”.") from error


def _seconds(environ: Mapping[str, str], name: str, default: float) -> float:
    value = environ.get(name, str(default))
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 60:  # noqa: PLR2004  a minute
        raise SettingsError(f"{name} must be a number of seconds up to 60, not “{value}”.")
    return seconds


def _options(environ: Mapping[str, str], name: str) -> tuple[tuple[str, str], ...]:
    try:
        given = json.loads(environ.get(name) or "{}")
    except ValueError:
        given = None
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise SettingsError(f'{name} must be a JSON object of texts such as {{"api_key": "…"}}.')
    return tuple(sorted(given.items()))


def _hsds_api(value: str) -> HsdsApi:
    if value not in {"open", "token"}:
        raise SettingsError(f"HSDS_API must be open or token, not “{value}”.")
    return cast("HsdsApi", value)


def _onward(value: str) -> Onward:
    if value not in {"ask", "direct"}:
        raise SettingsError(f"ONWARD_REFERRALS must be ask or direct, not “{value}”.")
    return cast("Onward", value)


def _map_tiles(environ: Mapping[str, str]) -> MapTiles | None:
    url = environ.get("MAP_TILES_URL", "").strip()
    if not url:
        return None
    # It goes into a header: nothing that ends a source or a directive may stand in the host.
    if not re.fullmatch(r"https?://[A-Za-z0-9.\-]+(:\d+)?/[!-~]*", url) or not all(
        part in url for part in ("{z}", "{x}", "{y}")
    ):
        raise SettingsError(
            "MAP_TILES_URL must be an address with {z}, {x} and {y} in it, such as "
            "https://tiles.example.org/{z}/{x}/{y}.png."
        )
    attribution = environ.get("MAP_ATTRIBUTION", "").strip()
    if not attribution:
        raise SettingsError(
            "MAP_TILES_URL also needs MAP_ATTRIBUTION: whom the map is owed to, such as © OpenStreetMap."
        )
    return MapTiles(url, attribution)


def _codes(value: str) -> tuple[str, ...]:
    return tuple(filter(None, (code.strip() for code in value.split(","))))


def _quiet_hours(value: str) -> QuietHours | None:
    if value == "off":
        return None
    match = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", value)
    if not match:
        raise SettingsError(
            f"QUIET_HOURS must look like 09:00-20:00 (texts go out between these), or be off, not “{value}”."
        )
    h1, m1, h2, m2 = map(int, match.groups())
    opens, closes = time(h1, m1), time(h2, m2)
    if opens >= closes:
        raise SettingsError("QUIET_HOURS must open before it closes, for example 09:00-20:00.")
    return QuietHours(opens, closes)


def _text_caps(value: str) -> TextCaps | None:
    if value in {"on", "off"}:
        return USUAL_CAPS if value == "on" else None
    match = re.fullmatch(r"([1-9]\d?)/day,([1-9]\d?)/week", value)
    if not match:
        raise SettingsError(f"TEXT_CAPS must look like 1/day,3/week, or be on or off, not “{value}”.")
    return TextCaps(int(match[1]), int(match[2]))


def _looks(value: str) -> tuple[float, ...]:
    if not re.fullmatch(r"\d+(\.\d+)?(,\d+(\.\d+)?)+", value):
        raise SettingsError(f"TWILIO_LOOKS must be two or more numbers of seconds such as 60,240, not “{value}”.")
    return tuple(map(float, value.split(",")))


def _amount(environ: Mapping[str, str], name: str, default: float) -> float:
    value = environ.get(name, str(default))
    if not re.fullmatch(r"\d+(\.\d+)?", value):
        raise SettingsError(f"{name} must be a number such as 0.5, not “{value}”.")
    return float(value)


def _require_twilio(settings: Settings) -> None:
    missing = [
        name
        for name, value in {
            "TWILIO_ACCOUNT_SID": settings.twilio_account_sid,
            "TWILIO_AUTH_TOKEN": settings.twilio_auth_token,
            "TWILIO_MESSAGING_SERVICE_SID or TWILIO_FROM": settings.sender,
        }.items()
        if not value
    ]
    if missing:
        raise SettingsError(f"SMS_GATEWAY=twilio also needs {', '.join(missing)}.")


def _email_gateway(environ: Mapping[str, str], *, demo: bool) -> EmailGateway:
    value = environ.get("EMAIL_GATEWAY") or ("page" if demo else "off")
    if value not in {"off", "page", "smtp"}:
        raise SettingsError(f"EMAIL_GATEWAY must be off, page or smtp, not “{value}”.")
    if value == "page" and not demo:
        raise SettingsError("EMAIL_GATEWAY=page is for the demonstration only: nobody would get these e-mails.")
    return cast("EmailGateway", value)


def _require_smtp(settings: Settings) -> None:
    try:
        parts = urlsplit(settings.smtp_url)
        usable = parts.scheme in {"smtp", "smtps"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        usable = False
    if not usable:
        raise SettingsError(
            "EMAIL_GATEWAY=smtp also needs SMTP_URL, such as smtp://user:password@mail.example.org:587."
        )
    if not re.fullmatch(
        r'[^<>\r\n"]*<[^<>@\s]+@[^<>@\s]+\.[^<>@\s]+>|[^<>@\s]+@[^<>@\s]+\.[^<>@\s]+', settings.email_from
    ):
        raise SettingsError("EMAIL_GATEWAY=smtp also needs EMAIL_FROM, such as Loopline <referrals@example.org>.")


def _spare_invented_people(settings: Settings) -> None:
    """The invented town has phone numbers that may be somebody's."""
    if settings.demo and not settings.twilio_api_base_url:
        raise SettingsError(
            "SMS_GATEWAY=twilio would text real phones for the invented people of the demonstration: "
            "set LOOPLINE_DEMO=0, or TWILIO_API_BASE_URL to a stand-in for Twilio."
        )


def _kept_secret(folder: Path) -> str:
    """A session key of this installation's own, made once, so that a restart signs nobody out."""
    path = folder / "secret_key"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _make_secret(path)
    return path.read_text(encoding="ascii")


def _make_secret(path: Path) -> None:
    """Written elsewhere and then given its name, so that nobody ever reads half a key."""
    with NamedTemporaryFile("w", encoding="ascii", dir=path.parent, prefix=".secret_key-") as file:  # mode 0600
        file.write(secrets.token_hex(32))
        file.flush()
        with suppress(FileExistsError):  # another process was faster; its key is as good as ours
            os.link(file.name, path)
