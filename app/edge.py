"""What every answer has in common: errors as a page or as JSON, security headers, and as few bytes as will do."""

from __future__ import annotations

import gzip
import json
import logging
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, flash, g, jsonify, redirect, render_template, request
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask_smorest import Api
from flask_wtf.csrf import CSRFError
from marshmallow import Schema, fields
from sqlalchemy.exc import DataError, OperationalError
from werkzeug.exceptions import HTTPException, UnsupportedMediaType
from werkzeug.wrappers import Response as AnyResponse

from app import forms, unsent
from app.config import settings
from app.db import session
from app.errors import DomainError, Invalid, place_of
from app.i18n import gettext as _
from app.i18n import marked

log = logging.getLogger(__name__)

SENTENCES = {
    400: marked("That request could not be understood. Please go back and try again."),
    401: marked("Send a valid token: Authorization: Bearer …"),
    403: marked("Your account may not do this. Ask an administrator if you need to."),
    404: marked("There is nothing here, or it is not yours to see. Please check the address."),
    405: marked("This address does not take that kind of request."),
    413: marked("That is too large. Please send a smaller file."),
    415: marked("Send JSON, with the header Content-Type: application/json."),
    429: marked("Too many requests. Please wait a minute and try again."),
    422: marked("Something in it cannot be kept: it is too long, too large or of the wrong kind. Please check it."),
    500: marked("Something went wrong on our side, and nothing was lost. Please try again in a minute."),
    503: marked("The database does not answer. Please try again in a minute."),
}

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; manifest-src 'self'"
)


def policy_with_pictures_from(origin: str) -> str:
    """The policy of a page that shows pictures of one other server: a map, once somebody asks for it."""
    return CONTENT_SECURITY_POLICY.replace("img-src 'self'", f"img-src 'self' {origin}")


NOT_JSON = marked("This is not JSON that can be read. Please check it and send it once more.")
NO_OBJECT = marked("Send one JSON object: names in quotes, each with its value, between { and }.")
TOO_DEEP = marked("This JSON is nested too deeply. Please check it against the description of the API.")
NOT_TEXT = marked("This holds a character that is not text and cannot be kept. Take it out and send it once more.")

LARGEST_JSON = 1024 * 1024
"""Bytes; the longest screening with all its answers takes a hundredth of it."""
DEEPEST_JSON = 20
LARGEST_THROWN_AWAY = 1024 * 1024 * 1024
READ_AT_ONCE = 64 * 1024
"""Bytes."""
UNKEEPABLE = re.compile(r"[\x00\ud800-\udfff]")
"""What PostgreSQL does not keep in a text: NUL, and halves of characters."""

COMPRESSED = {"text/html", "text/css", "text/javascript", "application/javascript", "application/json", "image/svg+xml"}
WORTH_COMPRESSING = 1000
"""Bytes; less than this fits into one packet anyway."""
COMPRESSION = 6
UNCHANGED = timedelta(days=365)


def init_app(app: Flask) -> None:
    app.register_error_handler(DomainError, _refused)
    app.register_error_handler(CSRFError, _stale_form)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(OperationalError, _database_gone)
    app.register_error_handler(DataError, _unkeepable)
    app.register_error_handler(Unreadable, _unreadable)
    app.register_error_handler(Exception, _unforeseen)
    app.session_interface = SessionOfPages()
    app.url_defaults(_name_the_edition)
    app.before_request(_refuse_unreadable)
    app.after_request(_headers)
    app.after_request(_compress)


class ErrorOut(Schema):
    """Every answer of the API that is no success."""

    error = fields.String(required=True, metadata={"description": "What is wrong and what to do, in one text."})
    wrong = fields.Dict(
        data_key="fields",
        keys=fields.String(),
        values=fields.String(),
        metadata={"description": "A sentence for each wrong field, “address.state” style."},
    )


class DescribedApi(Api):  # type: ignore[misc]
    """The API, whose description knows what our errors look like."""

    ERROR_SCHEMA = ErrorOut


class Unreadable(Exception):
    """What was sent cannot even be given to a page or a schema."""

    def __init__(self, status: int, sentence: str, wrong: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.wrong = wrong


def _refuse_unreadable() -> None:
    """Stop what no page and no schema can read, before they do.

    The carrier's webhooks are left out: they keep the bytes as they came, and look at them after the signature only.
    """
    if request.endpoint is None or request.blueprint == "sms_webhooks":
        return
    if request.method == "POST" and (request.path.startswith("/api/") or _may_be_json()):
        _refuse_unkeepable(_texts(_json_sent()))
    _refuse_unkeepable(_typed())


def _may_be_json() -> bool:
    """Whether something was sent as JSON where nothing need be sent."""
    if not (request.path.startswith("/hsds/") and request.is_json):
        return False
    request.max_content_length = LARGEST_JSON
    return bool(request.get_data())


def _json_sent() -> dict[str, Any]:
    request.max_content_length = LARGEST_JSON
    if not request.is_json:
        raise UnsupportedMediaType
    try:
        sent = json.loads(request.get_data().decode())
    except (ValueError, RecursionError) as error:
        raise Unreadable(400, _(NOT_JSON)) from error
    if not isinstance(sent, dict):
        raise Unreadable(422, _(NO_OBJECT))
    return sent


def _texts(sent: object, name: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Every text in `sent`, with the name of the field it stands in."""
    if depth > DEEPEST_JSON:
        raise Unreadable(422, _(TOO_DEEP))
    if isinstance(sent, str):
        yield name, sent
    elif isinstance(sent, dict):
        for key, value in sent.items():
            yield name, key
            yield from _texts(value, f"{name}.{key}".removeprefix("."), depth + 1)
    elif isinstance(sent, list):
        for item in sent:
            yield from _texts(item, name, depth + 1)


def _typed() -> Iterator[tuple[str, str]]:
    for typed in (request.args, request.form):
        for name, text in typed.items(multi=True):
            yield "", name
            yield name, text
    for name, file in request.files.items(multi=True):
        yield name, file.filename or ""


def _refuse_unkeepable(texts: Iterator[tuple[str, str]]) -> None:
    for name, text in texts:
        if UNKEEPABLE.search(text):
            raise Unreadable(422, _(NOT_TEXT), {name: _(NOT_TEXT)} if name else None)


def wants_json() -> bool:
    return request.path.startswith(("/api/", "/hsds/", "/healthz"))


def answer(status: int, sentence: str, wrong: Mapping[str, str] | None = None) -> tuple[Response | str, int]:
    """One clear sentence with its HTTP status, in the form that whoever asked can read.

    :param wrong: a sentence for each wrong field; a program reads those instead, each behind the name of its field.
    """
    if wants_json():
        if not wrong:
            return jsonify({"error": sentence}), status
        named = " ".join(f"{field}: {said}" for field, said in wrong.items())
        return jsonify({"error": named, "fields": dict(wrong)}), status
    return render_template("error.html", status=status, sentence=sentence), status


def _refused(error: DomainError) -> tuple[Response | str, int] | AnyResponse:
    session.rollback()
    wrong = error.fields if isinstance(error, Invalid) else None
    form = None if wants_json() else unsent.refused()
    if form and form.written:
        return unsent.page(form, error.sentence), error.status
    if request.method == "POST" and not wants_json() and error.status in {401, 409, 422}:
        # A form: say it on the page the person was on, where everything else still stands.
        flash(error.sentence, "error")
        return redirect(_page_before(), HTTPStatus.SEE_OTHER)
    return answer(error.status, error.sentence, wrong)


def _unreadable(error: Unreadable) -> tuple[Response | str, int]:
    session.rollback()
    return answer(error.status, error.sentence, error.wrong)


def _page_before() -> str:
    """The page the form stood on, if it was one of ours."""
    return unsent.page_before() or "/"


def _stale_form(_error: CSRFError) -> tuple[str, int] | AnyResponse:
    if form := unsent.refused():
        return unsent.page(form, _("This page was open for too long. Nothing that you typed is lost.")), 422
    flash(_("This page was open for too long. Please send it once more."), "error")
    return redirect(_page_before(), HTTPStatus.SEE_OTHER)


def _http(error: HTTPException) -> tuple[Response | str, int] | AnyResponse:
    session.rollback()
    status = error.code or 500
    if status < HTTPStatus.BAD_REQUEST:
        return error.get_response()
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and g.get("staff"):
        _let_them_finish()
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        return answer(status, _(SENTENCES[status]), _field_errors(error))
    return answer(status, _(SENTENCES.get(status, SENTENCES[400])))


def _let_them_finish() -> None:
    """Throw away what is still coming: a browser that cannot send to the end shows a broken line, and not our page."""
    left = min(request.content_length or 0, LARGEST_THROWN_AWAY)
    while left > 0 and (thrown_away := request.environ["wsgi.input"].read(min(left, READ_AT_ONCE))):
        left -= len(thrown_away)


def _field_errors(error: HTTPException) -> dict[str, str]:
    """What webargs found wrong, whether in the body or in the query."""
    found: dict[str, str] = {}
    for messages in (getattr(error, "data", None) or {}).get("messages", {}).values():
        found |= forms.sentences(messages)
    return found


def _database_gone(error: OperationalError) -> tuple[Response | str, int]:
    log.error("the database does not answer: %s", type(error.orig).__name__)
    session.rollback()
    return answer(503, _(SENTENCES[503]))


def _unkeepable(error: DataError) -> tuple[Response | str, int]:
    log.warning("the database does not take a value: %s for %s", type(error.orig).__name__, request.endpoint)
    session.rollback()
    return answer(422, _(SENTENCES[422]))


def _unforeseen(error: Exception) -> tuple[Response | str, int]:
    log.error("unforeseen %s at %s for %s", type(error).__name__, place_of(error), request.endpoint)
    session.rollback()
    return answer(500, _(SENTENCES[500]))


def _headers(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    elif "edition" in request.args:
        # Asked for by its edition, a file never changes: no page waits for a line to hear that nothing is new.
        response.cache_control.no_cache = None
        response.cache_control.immutable = True
        response.cache_control.max_age = int(UNCHANGED.total_seconds())
    return response


class SessionOfPages(SecureCookieSessionInterface):
    """Files know of no session: “Vary: Cookie” would have them fetched again after every page."""

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002  Flask's own signature
        """Over https, or at the public address when that is https; not at http://127.0.0.1, where it would be lost."""
        public = urlsplit(settings().public_base_url)
        return request.is_secure or (public.scheme == "https" and request.host == public.netloc)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if request.endpoint != "static":
            super().save_session(app, session, response)


def _name_the_edition(endpoint: str, values: dict[str, Any]) -> None:
    """Addresses of our own files say which edition is meant, so that browsers may keep them for good."""
    if endpoint == "static" and current_app.static_folder:
        values["edition"] = int((Path(current_app.static_folder) / values["filename"]).stat().st_mtime)


def _compress(response: Response) -> Response:
    """A page takes a tenth of its bytes, which is what a phone with one bar of signal has to wait for.

    The length of a compressed page can betray a secret in it to another site that has the page fetched over and over,
    each time with another guess in its address (BREACH). Nobody else can have ours fetched: the cookie is SameSite=Lax.
    """
    if response.mimetype not in COMPRESSED or response.status_code in {204, 206, 304}:
        return response
    response.vary.add("Accept-Encoding")
    if not request.accept_encodings.quality("gzip") or "Content-Encoding" in response.headers:
        return response
    response.direct_passthrough = False  # a file, else handed over unread
    body = response.get_data()
    if len(body) < WORTH_COMPRESSING:
        return response
    response.set_data(gzip.compress(body, COMPRESSION, mtime=0))
    response.headers["Content-Encoding"] = "gzip"
    tag, _weak = response.get_etag()
    if tag:
        response.set_etag(tag, weak=True)  # the same content, not the same bytes
    return response
