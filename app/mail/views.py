"""The mail page: what a demonstration has sent, as readers would find it; and what is wrong with e-mail."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from app import clock, i18n
from app.config import settings
from app.db import session
from app.i18n import gettext as _
from app.mail import operations, queries
from app.staff.access import allow, me, public
from app.staff.permissions import Action

mailing = Blueprint("mailing", __name__)
bp = Blueprint("mail", __name__, url_prefix="/demo/mail")

LATE = timedelta(minutes=15)
"""What was written longer ago and has not left is somebody's work."""

WHY_PUBLIC = "pretend letters to pretend agencies, and only in a demonstration"


@dataclass(frozen=True)
class Alarm:
    """Something about e-mail that is not as it should be."""

    kind: str
    """needs_you or waiting: whether a person has to act."""
    title: str
    says: str


def mail_alarms() -> list[Alarm]:
    """What is wrong with e-mail, the worst first."""
    alarms, backlog, now = [], queries.backlog(), clock.now()
    if backlog.oldest_due and now - backlog.oldest_due > LATE:
        says = _("The oldest was written %(ago)s.", ago=i18n.ago(backlog.oldest_due, now))
        if backlog.code:
            says = f"{says} " + _("The server's last word was: %(code)s.", code=backlog.code)
        alarms.append(Alarm("needs_you", _("E-mails do not leave"), says))
    if backlog.failed or backlog.unsure:
        counts = _("In the last 24 hours %(failed)s failed, and of %(unsure)s nobody knows.", **vars(backlog))
        says = f"{counts} " + _(
            "None is sent twice by itself. Where nothing else reached an agency, somebody is asked to phone."
        )
        alarms.append(Alarm("waiting", _("Some e-mails did not arrive"), says))
    return alarms


@mailing.app_context_processor
def _alarms() -> dict[str, Any]:
    """For the page about texting, which stands below this feature and cannot ask."""
    return {"mail_alarms": mail_alarms, "unsure_emails": _unsure}


def _unsure() -> list[dict[str, Any]]:
    now = clock.now()
    return [
        {
            "id": email.id,
            "address": email.address,
            "subject": email.subject,
            "when": i18n.ago(email.ended_at or email.created_at, now),
        }
        for email in queries.unsure()
    ]


@mailing.post("/emails/<uuid:email_id>/again")
@allow(Action.SEND_AGAIN)
def send_again(email_id: uuid.UUID) -> Response:
    """Send an e-mail of which nobody knows whether it has arrived; pressed twice, it goes out once more and no more."""
    operations.send_again(email_id, by=me())
    session.commit()
    flash(_("It goes out now."), "success")
    return redirect(url_for("texting.operations"), HTTPStatus.SEE_OTHER)


@bp.before_request
def _only_in_a_demonstration() -> None:
    if not settings().demo or settings().email_gateway != "page":
        abort(404)


@bp.get("")
@public(WHY_PUBLIC)
def letters() -> str:
    now = clock.now()
    return render_template(
        "mail/letters.html",
        letters=[
            {
                "href": url_for(".letter", email_id=email.id),
                "title": email.subject,
                "sub": email.address,
                "when": i18n.ago(email.ended_at or email.created_at, now),
            }
            for email in queries.sent()
        ],
    )


@bp.get("/<uuid:email_id>")
@public(WHY_PUBLIC)
def letter(email_id: uuid.UUID) -> str:
    email = queries.letter(email_id) or abort(404)
    return render_template(
        "mail/letter.html", email=email, when=i18n.ago(email.ended_at or email.created_at, clock.now())
    )
