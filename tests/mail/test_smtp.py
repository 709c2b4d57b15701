"""The SMTP gateway against a server that misbehaves."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import uuid
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from app.mail.gateways import Letter, SmtpGateway
from app.messaging.delivery import Accepted, NotSent, Outcome, Refused, Unsure
from tests.fake_smtp import HANG_UP, FakeSmtp

SENDER = "Loopline <referrals@network.example>"


def letter(
    body: str = "Hello Rosa,\n\nCan you help?\n", *, subject: str = "Can you help?", calendar: str | None = None
) -> Letter:
    return Letter(uuid.uuid4(), "rosa@pantry.example", subject, body, "en", calendar)


def send(server: FakeSmtp, what: Letter) -> Outcome:
    return SmtpGateway(server.url, SENDER, starttls=False, timeout=10).send(what)


def test_a_letter_arrives_as_it_was_written() -> None:
    what = letter("Hello Rosa,\n\n.a line with a dot\n..and two\n.\nSí, ¿puede?\n")
    with FakeSmtp() as server:
        assert isinstance(send(server, what), Accepted)
    (taken,) = server.taken
    message = message_from_bytes(taken.content, policy=policy.default)
    assert message.get_content().replace("\r\n", "\n") == what.body
    assert (message["To"], message["From"], message["Subject"]) == ("rosa@pantry.example", SENDER, "Can you help?")
    assert message["Message-ID"] == f"<{what.email_id}@network.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert "referrals@network.example" in taken.sender


def test_an_appointment_is_attached() -> None:
    with FakeSmtp() as server:
        send(server, letter(calendar="BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"))
    message = message_from_bytes(server.taken[0].content, policy=policy.default)
    (attached,) = message.iter_attachments()
    assert attached.get_content_type() == "text/calendar"


def test_no_line_break_becomes_a_header() -> None:
    with FakeSmtp() as server:
        send(server, letter(subject="Help\r\nBcc: eve@evil.example\r\n\r\nhello"))
    message = message_from_bytes(server.taken[0].content, policy=policy.default)
    assert message["Bcc"] is None
    assert "eve" in message["Subject"]


@pytest.mark.parametrize(
    ("says", "outcome"),
    [
        ({"greeting": "421 too busy"}, NotSent),
        ({"greeting": HANG_UP}, NotSent),
        ({"MAIL": "550 who are you"}, NotSent),
        ({"MAIL": HANG_UP}, NotSent),
        ({"RCPT": "450 greylisted"}, NotSent),
        ({"RCPT": "550 no such user"}, Refused),
        ({"RCPT": HANG_UP}, NotSent),
        ({"DATA": "451 later"}, NotSent),
        ({"DATA": "554 no"}, Refused),
        ({"DATA": HANG_UP}, NotSent),
        ({"text": "452 full"}, NotSent),
        ({"text": "554 spam"}, Refused),
        ({"text": HANG_UP}, Unsure),
    ],
)
def test_how_a_sending_ends(says: dict[str, str], outcome: type[Outcome]) -> None:
    with FakeSmtp(says) as server:
        assert isinstance(send(server, letter()), outcome)


def test_goodbye_does_not_matter() -> None:
    with FakeSmtp({"QUIT": HANG_UP}) as server:
        assert isinstance(send(server, letter()), Accepted)


def test_nobody_there_is_not_sent() -> None:
    with FakeSmtp() as server:
        gone = SmtpGateway(server.url, SENDER, starttls=False, timeout=10)
    assert isinstance(gone.send(letter()), NotSent)


def test_nothing_leaves_unencrypted() -> None:
    with FakeSmtp() as server:
        secret = server.url.replace("smtp://", "smtp://user:secret@")
        assert isinstance(SmtpGateway(secret, SENDER, starttls=True, timeout=10).send(letter()), NotSent)
    assert not {"AUTH", "MAIL", "DATA"} & set(server.commands)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for 127.0.0.1 that nobody has signed, with its key in the same file."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl here to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    made = folder / "both.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    making = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject, *files]
    subprocess.run(making, check=True, capture_output=True)
    made.write_bytes((folder / "key.pem").read_bytes() + (folder / "cert.pem").read_bytes())
    return made


def encrypting(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_a_letter_travels_encrypted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with FakeSmtp(tls=encrypting(certificate)) as server:
        assert isinstance(SmtpGateway(server.url, SENDER, starttls=True, timeout=10).send(letter()), Accepted)
    assert server.commands.index("STAR") < server.commands.index("MAIL")


def test_a_server_that_is_not_who_it_says_gets_nothing(certificate: Path) -> None:
    with FakeSmtp(tls=encrypting(certificate)) as server:
        assert isinstance(SmtpGateway(server.url, SENDER, starttls=True, timeout=10).send(letter()), NotSent)
    assert "MAIL" not in server.commands
