"""The ways an e-mail can leave: onto a page of the demonstration, or through an SMTP server.

Neither raises for what the outside world does: every way a sending can end is an `Outcome`.
"""

from __future__ import annotations

import logging
import smtplib
import ssl
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from functools import lru_cache
from typing import Protocol
from urllib.parse import unquote, urlsplit

from app import clock
from app.config import Settings
from app.mail import delivery
from app.mail.delivery import Stage
from app.messaging.delivery import Accepted, NotSent, Outcome

log = logging.getLogger(__name__)

TIMEOUT = 30.0
"""Seconds for connecting, and for each answer."""


@dataclass(frozen=True)
class Letter:
    """All that a gateway needs to know of an e-mail."""

    email_id: uuid.UUID
    to: str
    subject: str
    body: str
    language: str
    calendar: str | None


class Gateway(Protocol):
    @property
    def repeatable(self) -> bool:
        """Whether sending twice does no harm, so that a dead worker's e-mail may go straight back."""

    @property
    def lease(self) -> timedelta:
        """How long one sending may take before its worker counts as dead."""

    def send(self, letter: Letter) -> Outcome: ...


class PageGateway:
    """Delivers at once, to the mail page of the demonstration, which shows what the outbox says was sent."""

    repeatable = True
    lease = timedelta(seconds=15)

    def send(self, letter: Letter) -> Outcome:
        log.info("e-mail %s delivered on the page", letter.email_id)
        return Accepted(str(letter.email_id), "sent")


class SmtpGateway:
    """One connection for each e-mail: a network sends a few dozen a day, and a kept connection is one more that dies.

    The conversation is led step by step instead of with `sendmail`, because what counts is where it broke: before the
    text has left nothing can exist, afterwards it may.
    """

    repeatable = False
    lease = timedelta(minutes=10)  # longer than all the answers of one conversation may take together

    def __init__(self, url: str, sender: str, *, starttls: bool, timeout: float = TIMEOUT) -> None:
        """Nothing is connected yet.

        :param url: smtp://user:password@host:587, or smtps:// where the server speaks TLS from the first byte.
        :param sender: such as “Loopline <referrals@example.org>”.
        :param starttls: whether an smtp:// server that offers no encryption is refused; else it is not even asked.
        """
        parts = urlsplit(url)
        self._implicit = parts.scheme == "smtps"
        self._host = parts.hostname or ""
        self._port = parts.port or (smtplib.SMTP_SSL_PORT if self._implicit else 587)
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._sender, self._starttls, self._timeout = sender, starttls, timeout

    def send(self, letter: Letter) -> Outcome:
        content = written(letter, self._sender)
        stage = Stage.GREETING
        try:
            with _quietly_closed(self._greeted()) as server:
                asks: tuple[tuple[Stage, Callable[[], tuple[int, bytes]], range], ...] = (
                    (Stage.SENDER, lambda: server.mail(parseaddr(self._sender)[1]), _SUCCESS),
                    (Stage.RECIPIENT, lambda: server.rcpt(letter.to), _SUCCESS),
                    (Stage.DATA, lambda: server.docmd("DATA"), _GO_AHEAD),
                )
                for stage, ask, good in asks:
                    code, _said = ask()
                    if code not in good:
                        return delivery.outcome(stage, code)
                stage = Stage.TEXT
                server.send(_dotted(content))
                code, _said = server.getreply()
                return delivery.outcome(stage, code)
        except smtplib.SMTPResponseException as error:
            return delivery.outcome(stage, error.smtp_code)
        except smtplib.SMTPNotSupportedError:
            return NotSent("no encryption or sign-in offered")
        except (smtplib.SMTPException, OSError) as error:
            log.warning("e-mail %s: %s at %s", letter.email_id, type(error).__name__, stage.value)
            return delivery.outcome(stage, None)

    def _greeted(self) -> smtplib.SMTP:
        """A connection that is encrypted and signed in, as far as the settings ask for it."""
        context = ssl.create_default_context()
        server = (
            smtplib.SMTP_SSL(self._host, self._port, timeout=self._timeout, context=context)
            if self._implicit
            else smtplib.SMTP(self._host, self._port, timeout=self._timeout)
        )
        try:
            server.ehlo_or_helo_if_needed()
            if self._starttls and not self._implicit:
                server.starttls(context=context)
            if self._user:
                server.login(self._user, self._password)
        except (smtplib.SMTPException, OSError):
            server.close()
            raise
        return server


class _quietly_closed:  # noqa: N801  a context manager that reads like a function
    """QUIT at the end, and never mind what becomes of that: the e-mail's fate is known by then."""

    def __init__(self, server: smtplib.SMTP) -> None:
        self._server = server

    def __enter__(self) -> smtplib.SMTP:
        return self._server

    def __exit__(self, *_error: object) -> None:
        try:
            self._server.docmd("QUIT")
        except (smtplib.SMTPException, OSError):
            log.debug("the server did not say goodbye")
        finally:
            self._server.close()


_GO_AHEAD = range(354, 355)
_SUCCESS = range(200, 300)


def _dotted(content: bytes) -> bytes:
    """The text as it travels: a dot that begins a line is doubled, a line of one dot ends it (RFC 5321, 4.5.2)."""
    stuffed = (b"\r\n" + content).replace(b"\r\n.", b"\r\n..").removeprefix(b"\r\n")
    return stuffed.removesuffix(b"\r\n") + b"\r\n.\r\n"


def written(letter: Letter, sender: str) -> bytes:
    """The letter as it is sent. Its Message-ID stays the same however often it is tried, so that servers know it."""
    domain = parseaddr(sender)[1].rpartition("@")[2]
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = sender
    message["To"] = letter.to
    message["Subject"] = delivery.one_line(letter.subject)
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = f"<{letter.email_id}@{domain}>"
    message["Content-Language"] = letter.language
    message["Auto-Submitted"] = "auto-generated"  # out-of-office replies stay away (RFC 3834)
    message.set_content(letter.body)
    if letter.calendar:
        message.add_attachment(
            letter.calendar.encode(), maintype="text", subtype="calendar", filename="appointment.ics"
        )
    return message.as_bytes()


@lru_cache(maxsize=8)
def chosen(settings: Settings) -> Gateway:
    """The gateway that the settings ask for."""
    if settings.email_gateway == "smtp":
        return SmtpGateway(settings.smtp_url, settings.email_from, starttls=settings.smtp_starttls)
    return PageGateway()
