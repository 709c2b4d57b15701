"""The phone simulator: what a patient's phone would show, and a way to answer as the patient.

Only in a demonstration.
"""

from __future__ import annotations

import re
import secrets

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app import clock, i18n
from app.config import settings
from app.db import session
from app.messaging import gateways, operations, queries
from app.messaging.queries import Line
from app.staff.access import public

bp = Blueprint("phone", __name__, url_prefix="/demo")

WHY_PUBLIC = "a pretend phone with pretend people, and only in a demonstration"

NOT_ON_THE_PHONE = {"held", "queued", "sending", "unsure", "failed", "undelivered", "cancelled", "expired"}


@bp.before_request
def _only_in_a_demonstration() -> None:
    if not settings().demo:
        abort(404)


@bp.get("/phones")
@public(WHY_PUBLIC)
def phones() -> str:
    now = clock.now()
    return render_template(
        "messaging/phones.html",
        phones=[
            {"href": url_for(".phone", number=number), "title": number, "when": i18n.ago(at, now)}
            for number, at in queries.phones()
        ],
    )


@bp.get("/phone/<number>")
@public(WHY_PUBLIC)
def phone(number: str) -> str:
    number = _e164(number)
    lines = [line for line in queries.conversation_with(number) if line.status not in NOT_ON_THE_PHONE]
    return render_template("messaging/phone.html", number=number, messages=[_bubble(line) for line in lines])


@bp.post("/phone/<number>")
@public(WHY_PUBLIC)
def answer(number: str) -> Response:
    """A text from this phone, as the provider would bring it."""
    number = _e164(number)
    operations.receive(
        {
            "MessageSid": f"SM{secrets.token_hex(16)}",
            "AccountSid": settings().twilio_account_sid,
            "From": number,
            "To": gateways.chosen(settings()).sender,
            "Body": request.form.get("body", ""),
            "NumMedia": "0",
        }
    )
    session.commit()
    return redirect(url_for(".phone", number=number), 303)


def _e164(typed: str) -> str:
    """A number from an address bar, with or without its plus or its country."""
    digits = re.sub(r"\D", "", typed)
    if not 7 <= len(digits) <= 15:  # noqa: PLR2004  as long as E.164 allows
        abort(404)
    return f"+1{digits}" if len(digits) == 10 else f"+{digits}"  # noqa: PLR2004  a number of North America


def _bubble(line: Line) -> dict[str, object]:
    return {
        "outgoing": line.direction == "out",
        "body": line.body,
        "lang": line.language,
        "dir": i18n.LANGUAGES[line.language].direction if line.language in i18n.LANGUAGES else None,
        "when": i18n.ago(line.at, clock.now()),
        "at": line.at.isoformat(),
    }
