"""What every answer has in common: errors as a page or as JSON, security headers, and as few bytes as will do."""

from __future__ import annotations

import gzip
import logging
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

from flask import Flask, Response, current_app, flash, jsonify, redirect, render_template, request
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from app.db import session
from app.errors import DomainError, Invalid
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
    500: marked("Something went wrong on our side, and nothing was lost. Please try again in a minute."),
    503: marked("The database does not answer. Please try again in a minute."),
}

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; manifest-src 'self'"
)

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
    app.register_error_handler(Exception, _unforeseen)
    app.session_interface = SessionOfPages()
    app.url_defaults(_name_the_edition)
    app.after_request(_headers)
    app.after_request(_compress)


def wants_json() -> bool:
    return request.path.startswith(("/api/", "/healthz"))


def answer(status: int, sentence: str, fields: dict[str, Any] | None = None) -> tuple[Response | str, int]:
    """One clear sentence with its HTTP status, in the form that whoever asked can read."""
    if wants_json():
        body: dict[str, Any] = {"error": sentence}
        if fields:
            body["fields"] = fields
        return jsonify(body), status
    return render_template("error.html", status=status, sentence=sentence), status


def _refused(error: DomainError) -> tuple[Response | str, int] | AnyResponse:
    session.rollback()
    fields = error.fields if isinstance(error, Invalid) else None
    if request.method == "POST" and not wants_json() and error.status in {401, 409, 422}:
        # A form: say it on the page the person was on, where everything else still stands.
        flash(error.sentence, "error")
        return redirect(_page_before(), HTTPStatus.SEE_OTHER)
    return answer(error.status, error.sentence, fields)


def _page_before() -> str:
    """The page the form stood on, if it was one of ours."""
    referrer = request.referrer or ""
    return referrer if referrer.startswith(request.host_url) else request.host_url


def _stale_form(_error: CSRFError) -> AnyResponse:
    flash(_("This page was open for too long. Please send it once more."), "error")
    return redirect(_page_before(), HTTPStatus.SEE_OTHER)


def _http(error: HTTPException) -> tuple[Response | str, int] | AnyResponse:
    session.rollback()
    status = error.code or 500
    if status < HTTPStatus.BAD_REQUEST:
        return error.get_response()
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        fields = _field_errors(error)
        return answer(status, " ".join(fields.values()) or _(SENTENCES[400]), fields)
    return answer(status, _(SENTENCES.get(status, SENTENCES[400])))


def _field_errors(error: HTTPException) -> dict[str, str]:
    """The nested messages of marshmallow as one sentence for each field, “address.state” style."""
    found: dict[str, str] = {}

    def walk(path: str, node: object) -> None:
        if isinstance(node, dict):
            for key, value in node.items():
                walk(f"{path}.{key}" if path else str(key), value)
        elif isinstance(node, list):
            found[path] = f"{path}: {' '.join(map(str, node))}"

    for location in (getattr(error, "data", None) or {}).get("messages", {}).values():
        walk("", location)
    return found


def _database_gone(error: OperationalError) -> tuple[Response | str, int]:
    log.error("the database does not answer: %s", type(error.orig).__name__)
    session.rollback()
    return answer(503, _(SENTENCES[503]))


def _unforeseen(error: Exception) -> tuple[Response | str, int]:
    # The type and place of the error, never its message: messages carry what people typed.
    last = error.__traceback__
    while last and last.tb_next:
        last = last.tb_next
    place = f"{last.tb_frame.f_code.co_filename}:{last.tb_lineno}" if last else "?"
    log.error(
        "unforeseen %s at %s for %s",
        type(error).__name__,
        place,
        request.endpoint,
        exc_info=log.isEnabledFor(logging.DEBUG),
    )
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
