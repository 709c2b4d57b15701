from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Request
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, scoped_session
from werkzeug.datastructures import Headers, MultiDict
from werkzeug.test import EnvironBuilder

from app.messaging import operations, webhooks
from app.messaging.models import Inbound
from tests import fake_twilio
from tests.fake_twilio import ACCOUNT, NUMBER, TOKEN, sign
from tests.messaging.conftest import Provider
from tests.messaging.steps import PHONE

SHARED = Path(__file__).parents[3] / "shared" / "reference" / "signature_vectors.json"
URL = "https://loopline.test/sms/inbound"


def signed(url: str, fields: Any, signature: str, *tokens: str, settings: str = "") -> bool:
    headers = Headers({"X-Twilio-Signature": signature, "X-Twilio-Webhooks-Signature-Settings": settings})
    return webhooks.is_signed(url, fields, headers, tokens)


# The signatures were made once with `openssl dgst -sha1 -hmac … -binary | base64`, by no code of ours or Twilio's.
FIELDS = {"Body": "1", "From": PHONE, "FromCity": "", "MessageSid": "SM1", "To": NUMBER}
SIGNATURE = "qBWZCUa6ATw7RhOCzQGHg5AEqXw="


@pytest.mark.parametrize(
    ("url", "changed", "valid"),
    [
        (URL, {}, True),
        ("https://loopline.test:443/sms/inbound", {}, True),  # the port that https implies
        ("http://loopline.test/sms/inbound", {}, False),  # what an application sees behind a proxy
        ("https://127.0.0.1:8000/sms/inbound", {}, False),
        ("https://LOOPLINE.test/sms/inbound", {}, False),
        (URL + "/", {}, False),
        (URL + "?a=1", {}, False),
        (URL, {"FromCity": None}, False),  # a blank field is signed too
        (URL, {"Body": "1 "}, False),
        (URL, {"Body": "2"}, False),
        (URL, {"Unheard": "of"}, False),
    ],
)
def test_case_21_a_signature_fits_one_address_and_all_fields(
    url: str,
    changed: dict[str, str | None],
    valid: bool,  # noqa: FBT001  a column of the table
) -> None:
    fields = MultiDict({name: value for name, value in (FIELDS | changed).items() if value is not None})
    assert signed(url, fields, SIGNATURE, "secret") is valid


def test_case_21_without_a_token_nothing_is_believed() -> None:
    assert not signed(URL, MultiDict(FIELDS), sign(URL, FIELDS, ""))
    assert signed(URL, MultiDict(FIELDS), sign(URL, FIELDS, "x"), "x")


def test_case_31_while_a_token_is_rotated_either_is_believed() -> None:
    assert signed(URL, MultiDict(FIELDS), SIGNATURE, "new secret", "secret")


def test_case_21_an_algorithm_nobody_knows_is_refused() -> None:
    assert not signed(URL, MultiDict(FIELDS), SIGNATURE, "secret", settings="key=k,algorithm=ROT13")


def test_case_21_repeated_fields_are_signed_each() -> None:
    fields = {"MediaUrl": ["b", "a"], "Body": ""}
    whole = MultiDict([("MediaUrl", "b"), ("MediaUrl", "a"), ("Body", "")])
    assert signed(URL, whole, sign(URL, fields), TOKEN)


@pytest.mark.skipif(not SHARED.exists(), reason="the shared signature vectors are not here")
def test_case_21_the_shared_vectors() -> None:
    vectors = json.loads(SHARED.read_text(encoding="utf-8"))["vectors"]
    wrong = [vector["id"] for vector in vectors if _verdict(vector) is not vector["expected_valid"]]
    assert len(vectors) >= 20
    assert wrong == []


def _verdict(vector: dict[str, Any]) -> bool:
    given = vector["params_given_to_validator"] or vector["params"]
    pairs = given.items() if isinstance(given, dict) else given
    return signed(
        vector["url_given_to_validator"],
        vector["json_body"] or MultiDict([(name, value) for name, value in pairs or []]),
        vector["header_sent"],
        vector["token"],
        settings=f"key=k,algorithm={vector['algorithm']}",
    )


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, "https://public.test/sms/inbound"),
        ({"RAW_URI": "/sms/inbound?lang=es%20mx&tenant=7"}, "https://public.test/sms/inbound?lang=es%20mx&tenant=7"),
        ({"REQUEST_URI": "http://10.0.0.7/sms/inbound?x=%C3%A9"}, "https://public.test/sms/inbound?x=%C3%A9"),
        ({"HTTP_HOST": "evil.test", "wsgi.url_scheme": "http"}, "https://public.test/sms/inbound"),
    ],
)
def test_case_21_the_signed_address_is_ours_whatever_proxies_and_strangers_say(
    environ: dict[str, str], url: str
) -> None:
    builder = EnvironBuilder("/sms/inbound", method="POST", data={})
    asked = builder.get_environ()
    builder.close()
    del asked["REQUEST_URI"], asked["RAW_URI"]
    assert webhooks.public_url(Request(asked | environ), "https://public.test") == url


def test_a_text_is_stored_exactly_as_it_came(provider: Provider, committed: scoped_session[Session]) -> None:
    body = "né\u0301 \x00 \u202e رد 🏠 " + "long " * 400
    answer = provider.text_in(
        body, Unheard="of", NumMedia="1", MediaUrl0="https://m.test/1", MediaContentType0="image/png"
    )
    assert (answer.status_code, answer.text) == (200, webhooks.NO_REPLY)
    stored = committed.query(Inbound).one()
    raw = json.loads(stored.raw)
    assert raw["Body"] == [body]
    assert (raw["Unheard"], raw["FromCity"]) == (["of"], [""])
    assert stored.body == body.replace("\x00", "\ufffd")
    assert (stored.phone, stored.number) == (PHONE, NUMBER)
    assert stored.media == [{"url": "https://m.test/1", "type": "image/png"}]


def test_half_a_surrogate_pair_does_not_stop_a_text(committed: scoped_session[Session]) -> None:
    received = operations.receive({"MessageSid": "SM1", "From": PHONE, "To": NUMBER, "Body": "a\ud83d"})
    committed.commit()
    stored = committed.get_one(Inbound, received.id)
    assert stored.body == "a\ufffd"
    assert json.loads(stored.raw)["Body"] == ["a\ud83d"]


def test_a_call_that_is_signed_and_makes_no_sense_is_refused(provider: Provider) -> None:
    fields = {"AccountSid": ACCOUNT, "Body": "1"}
    assert provider.call_back(URL, fields).status_code == 422
    assert provider.call_back("https://loopline.test/sms/status/" + "0" * 32, fields).status_code in {404, 422}


def test_case_22_without_a_database_the_provider_is_asked_to_try_again(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_database(_fields: object) -> None:
        raise OperationalError("INSERT", {}, ConnectionError("the database is down"))

    monkeypatch.setattr(operations, "receive", no_database)
    assert provider.text_in("1").status_code == 503


def test_webhooks_are_shut_when_no_token_is_set(
    app: Flask, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.extensions, "settings", replace(app.extensions["settings"], twilio_auth_token=""))
    assert provider.call_back(URL, FIELDS, signature=sign(URL, FIELDS, "")).status_code == 403


def test_several_tokens_are_told_apart_by_commas(app: Flask) -> None:
    settings = replace(app.extensions["settings"], twilio_auth_token="new, old,")
    assert settings.twilio_auth_tokens == ("new", "old")
    assert replace(settings, twilio_auth_token="").twilio_auth_tokens == ()
    assert fake_twilio.sign(URL, FIELDS, "secret") == SIGNATURE
