"""What every answer has in common: errors as a page or as JSON, security headers, and /healthz."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, flash, jsonify, redirect, render_template, request
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


def init_app(app: Flask) -> None:
    app.register_error_handler(DomainError, _refused)
    app.register_error_handler(CSRFError, _stale_form)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(OperationalError, _database_gone)
    app.register_error_handler(Exception, _unforeseen)
    app.after_request(_headers)


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
    return response
