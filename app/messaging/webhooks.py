"""Where Twilio tells us that a text arrived, or what became of one we sent.

Nothing is believed, stored or changed before the signature is checked; without a token nothing is believed at all.
The answer is always empty: a reply written into it would be sent twice when Twilio calls twice. What to reply is
queued like any other text.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

from flask import Blueprint, Request, Response, request
from sqlalchemy.exc import SQLAlchemyError
from twilio.request_validator import (
    SIGNATURE_HEADER,
    SIGNATURE_SETTINGS_HEADER,
    RequestValidator,
    get_signature_algorithm,
)
from werkzeug.datastructures import Headers, MultiDict

from app.config import Settings, settings
from app.db import session
from app.errors import Invalid
from app.messaging import operations
from app.staff.access import public

bp = Blueprint("sms_webhooks", __name__, url_prefix="/sms")

log = logging.getLogger(__name__)

NO_REPLY = '<?xml version="1.0" encoding="UTF-8"?><Response />'
LARGEST_CALL = 256 * 1024
"""Bytes that are read from a stranger before the signature can be checked; a text has at most 1600 letters."""
WHY_PUBLIC = "Twilio has no account here; it signs what it sends"


@bp.before_request
def _only_from_twilio() -> Response | None:
    request.max_content_length = LARGEST_CALL
    if is_from_twilio(request, settings()):
        return None
    log.warning("refused an unsigned or wrongly signed call of %s", request.endpoint)
    return Response("The signature is missing or wrong.", HTTPStatus.FORBIDDEN, mimetype="text/plain")


@bp.errorhandler(SQLAlchemyError)
def _not_stored(error: SQLAlchemyError) -> Response:
    """Anything but success makes Twilio try again or use its fallback address."""
    session.rollback()
    log.error("a webhook could not be stored: %s", type(error).__name__)
    return Response("Not stored; please try again.", HTTPStatus.SERVICE_UNAVAILABLE, mimetype="text/plain")


@bp.errorhandler(Invalid)
def _makes_no_sense(error: Invalid) -> Response:
    session.rollback()
    return Response(error.sentence, error.status, mimetype="text/plain")


@bp.post("/inbound")
@public(WHY_PUBLIC)
def inbound() -> Response:
    operations.receive(request.form.to_dict(flat=False))
    session.commit()
    return Response(NO_REPLY, mimetype="text/xml")


@bp.post("/status/<uuid:message_id>")
@public(WHY_PUBLIC)
def status(message_id: uuid.UUID) -> Response:
    operations.record_status(message_id, request.form.to_dict(flat=False))
    session.commit()
    return Response(status=HTTPStatus.NO_CONTENT)


def is_from_twilio(call: Request, ours: Settings) -> bool:
    """Whether Twilio signed this call, with a token of ours and for our account."""
    account = ours.twilio_account_sid
    if account and call.form.get("AccountSid", account) != account:
        return False
    return is_signed(public_url(call, ours.public_base_url), call.form, call.headers, ours.twilio_auth_tokens)


def public_url(call: Request, base: str) -> str:
    """The address Twilio called, by which it signed: what we are called in public, then path and query as asked for.

    The Host header is left out of it: a proxy may change it, and a stranger may choose it.
    """
    asked = call.environ.get("RAW_URI") or call.environ.get("REQUEST_URI") or call.full_path.removesuffix("?")
    if not asked.startswith("/"):  # some proxies ask for the whole address
        parts = urlsplit(asked)
        asked = parts.path + (f"?{parts.query}" if parts.query else "")
    return base + asked


def is_signed(
    url: str, fields: MultiDict[str, str] | str, headers: Headers | Mapping[str, str], tokens: tuple[str, ...]
) -> bool:
    """Whether the signature in `headers` fits `url` and `fields` under one of `tokens`.

    :param fields: every field of the form as it came, blank and unknown ones too; or the raw body when it is JSON.
    """
    signature = headers.get(SIGNATURE_HEADER, "")
    algorithm = get_signature_algorithm(headers.get(SIGNATURE_SETTINGS_HEADER, ""))
    return any(RequestValidator(token).validate(url, fields, signature, algorithm) for token in tokens)
