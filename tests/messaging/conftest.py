"""Workers commit, so these tests have a database where commits are real; it is emptied around each."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session, scoped_session
from werkzeug.test import TestResponse

from app.db import db
from app.db import session as the_session
from app.messaging import gateways, operations
from app.messaging.models import Message
from tests import fake_twilio
from tests.fake_twilio import FakeTwilio
from tests.messaging.steps import PHONE

TABLES = (
    "sms_callback",
    "sms_message",  # and its attempts
    "sms_inbound",
    "sms_suppression",
    "sms_pause",
    "sms_pace",
    "sms_sender",
    "sms_console_text",
    "sms_deactivation_list",
    "procrastinate_periodic_defers",
    "procrastinate_jobs",
)

Write = Callable[..., Message]


@pytest.fixture
def committed(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[scoped_session[Session]]:
    """The application's session with real commits, and no reactions of other features."""
    monkeypatch.setattr("app.events._reactions", {})
    with app.app_context():
        _empty()
        yield the_session
        the_session.remove()
        _empty()
        db.engine.dispose()


def _empty() -> None:
    for table in TABLES:  # much faster than TRUNCATE where there is so little
        the_session.execute(text(f"DELETE FROM {table}"))  # noqa: S608  from the list above
    the_session.commit()
    the_session.remove()


@pytest.fixture
def write(committed: scoped_session[Session]) -> Write:
    """Queue a text and commit; everything about it can be said otherwise."""

    def _write(body: str = "Your request was accepted.", **said: Any) -> Message:
        message = operations.queue_text(
            **{
                "to": PHONE,
                "recipient": uuid.uuid4(),
                "regarding": None,
                "purpose": "test",
                "dedupe_key": str(uuid.uuid4()),
                "language": "en",
                "template": "test",
                "body": body,
                **said,
            }
        )
        committed.commit()
        return message

    return _write


@dataclass
class Provider:
    """The application talking to a fake Twilio, and the other way round."""

    twilio: FakeTwilio
    app: Flask

    def call_back(self, url: str, fields: Mapping[str, str], signature: str | None = None) -> TestResponse:
        """POST to our webhook as Twilio would, signed unless `signature` says otherwise."""
        with self.app.app_context():
            return self.app.test_client().post(
                url.removeprefix("https://loopline.test"),
                data=fields,
                headers={"X-Twilio-Signature": fake_twilio.sign(url, fields) if signature is None else signature},
            )

    def text_in(self, body: str, **fields: str) -> TestResponse:
        whole = {
            "MessageSid": f"SM{uuid.uuid4().hex}",
            "AccountSid": fake_twilio.ACCOUNT,
            "From": PHONE,
            "To": fake_twilio.NUMBER,
            "Body": body,
            "NumMedia": "0",
            "FromCity": "",
            **fields,
        }
        return self.call_back("https://loopline.test/sms/inbound", whole)


@pytest.fixture
def provider(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """Send through a fake Twilio of this test's own."""
    with FakeTwilio() as twilio:
        settings = replace(
            app.extensions["settings"],
            sms_gateway="twilio",
            twilio_account_sid=fake_twilio.ACCOUNT,
            twilio_auth_token=fake_twilio.TOKEN,
            twilio_from=fake_twilio.NUMBER,
            twilio_messaging_service_sid="",
            twilio_api_base_url=twilio.url,
            twilio_timeout=0.5,
            public_base_url="https://loopline.test",
        )
        monkeypatch.setitem(app.extensions, "settings", settings)
        yield Provider(twilio, app)
        gateway = gateways.chosen(settings)
        assert isinstance(gateway, gateways.TwilioGateway)
        gateway.close()
        gateways.chosen.cache_clear()
