"""How texting runs, for administrators; and the phone simulator, which shows and answers texts as a patient would.

The simulator is there only in a demonstration.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app import clock, i18n, jobs
from app.config import settings
from app.db import session
from app.i18n import gettext as _
from app.i18n import marked
from app.messaging import delivery, gateways, operations, queries
from app.messaging.delivery import BUSY, Act, Person
from app.messaging.models import Message, Pause
from app.messaging.queries import Backlog, Line
from app.messaging.windows import DAILY_CAP, QUIET_HOURS, WEEKLY_CAP
from app.staff.access import allow, public
from app.staff.permissions import Action

texting = Blueprint("texting", __name__)
bp = Blueprint("phone", __name__, url_prefix="/demo")

WHY_PUBLIC = "a pretend phone with pretend people, and only in a demonstration"

NOT_ON_THE_PHONE = {"held", "queued", "sending", "unsure", "failed", "undelivered", "cancelled", "expired"}


LATE = timedelta(minutes=10)
"""What is due for longer is somebody's work."""
LOOKED_FOR = timedelta(minutes=15)
"""By then every look for a text that may exist has been made, unless the provider cannot be asked."""

SWEEPS = "messaging.sweep_"
SWEPT_WITHIN = timedelta(minutes=2)
"""There is a sweep every 15 seconds."""

EXPLANATIONS = "https://www.twilio.com/docs/api/errors"

HELD_BECAUSE = {
    operations.LOOP: marked("a machine seems to answer"),
    "too-long": marked("it is too long to be sent"),
    "empty": marked("there is nothing in it"),
    "": marked("a person has to decide"),
}

_NUMBERS = marked("Put a number that can send texts into the Messaging Service, or name one in TWILIO_FROM.")
_REGISTRATION = marked("Finish the registration of the number and its campaign in the provider's console.")
TO_DO = {
    "20003": marked("Check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN and restart; a token may have been rotated."),
    "21603": _NUMBERS,
    "21606": _NUMBERS,
    "21703": _NUMBERS,
    "21704": _NUMBERS,
    "21705": marked("Check TWILIO_MESSAGING_SERVICE_SID and restart."),
    "30002": marked("Ask the provider why the account is suspended; often a payment failed."),
    "30024": _REGISTRATION,
    "30032": _REGISTRATION,
    "30033": marked("Ask the provider why the campaign is suspended, and answer what they ask."),
    "30034": _REGISTRATION,
    "30035": _REGISTRATION,
    "": marked("Look the code up with the provider and repair what it says."),
}
"""What to do about a pause that does not end by itself."""

PUT_OFF = {
    QUIET_HOURS: marked("at night nobody is texted"),
    DAILY_CAP: marked("they had a text today"),
    WEEKLY_CAP: marked("they had enough texts this week"),
}


@dataclass(frozen=True)
class Alarm:
    """Something about texting that is not as it should be."""

    kind: str
    """needs_you or waiting: whether a person has to act."""
    title: str
    says: str


@texting.get("/operations", endpoint="operations")
@allow(Action.SEE_OPERATIONS)
def operations_page() -> str:
    now = clock.now()
    backlog = queries.backlog()
    swept = jobs.last_done(SWEEPS)
    return render_template(
        "messaging/operations.html",
        alarms=list(_alarms(backlog, swept, now)),
        backlog=backlog,
        oldest=i18n.ago(backlog.oldest_due, now) if backlog.oldest_due else "",
        all_gone=i18n.ago(now + backlog.takes, now) if backlog.due and not backlog.paused else "",
        swept=i18n.ago(swept, now) if swept else "",
        held=[_held(message, now) for message in queries.held()],
        put_off=", ".join(f"{_(PUT_OFF[why])}: {count}" for why, count in backlog.put_off.items()),
        failures=[
            {
                "label": i18n.sentence(_(delivery.rule(code).means)),
                "note": code,
                "note_href": f"{EXPLANATIONS}/{code}" if code.isdecimal() else "",
                "value": count,
            }
            for code, count in backlog.failures.items()
        ],
        cost=f"${backlog.cost_this_month:,.2f}",
    )


def _held(message: Message, now: datetime) -> dict[str, object]:
    """A held text for somebody who may neither read it nor know whose it is."""
    return {
        "id": message.id,
        "why": i18n.sentence(_(HELD_BECAUSE.get(message.hold_reason or "", HELD_BECAUSE[""]))),
        "template": message.template,
        "when": i18n.ago(message.created_at, now),
        "may_send": message.hold_reason in operations.RELEASABLE,
    }


def _alarms(backlog: Backlog, swept: datetime | None, now: datetime) -> Iterator[Alarm]:
    if not jobs.worker_alive():
        yield Alarm(
            "needs_you",
            _("No worker is running"),
            _("Texts wait until one does. Nothing is lost. Start one: flask --app wsgi worker"),
        )
    elif swept and now - swept > SWEPT_WITHIN:
        yield Alarm(
            "needs_you",
            _("Nobody looks after what got stuck"),
            _(
                "The last sweep was %(ago)s; there is one every 15 seconds. Restart the worker.",
                ago=i18n.ago(swept, now),
            ),
        )
    if backlog.held:
        yield Alarm(
            "needs_you",
            _("Texts are held for a person"),
            _("Care teams see theirs on their lists. They can be decided about below, unread."),
        )
    yield from (_paused(pause, now) for pause in backlog.paused)
    if backlog.oldest_due and now - backlog.oldest_due > LATE and not backlog.paused:
        yield Alarm(
            "needs_you",
            _("Texts wait too long"),
            _("The oldest should have left %(ago)s.", ago=i18n.ago(backlog.oldest_due, now)),
        )
    if backlog.oldest_unsure and now - backlog.oldest_unsure > LOOKED_FOR:
        yield Alarm(
            "needs_you",
            _("Nobody knows whether some texts left"),
            _("They cannot be found out about while the provider does not answer. None is sent twice."),
        )
    if backlog.oldest_unread and now - backlog.oldest_unread > queries.READ_BY_THEN:
        yield Alarm(
            "needs_you",
            _("Texts that arrived are not being read"),
            _("The oldest came %(ago)s. Care teams see it under Messages.", ago=i18n.ago(backlog.oldest_unread, now)),
        )
    if any(delivery.rule(code).person is Person.TELL_OPERATOR for code in backlog.failures):
        yield Alarm(
            "needs_you",
            _("Texts fail for a reason that only you can repair"),
            _("The reasons stand below. The code leads to the provider's explanation."),
        )


def _paused(pause: Pause, now: datetime) -> Alarm:
    rule = delivery.RULES.get(pause.code)
    since = i18n.ago(pause.since, now)
    if rule and rule.act is Act.PAUSE:
        title = _("Nothing leaves: %(means)s", means=_(rule.means))
        return Alarm(
            "needs_you",
            title,
            _(TO_DO.get(pause.code, TO_DO[""]))
            + " "
            + _(
                "It began %(since)s, code %(code)s. Every text keeps its place; one tries again every five minutes.",
                since=since,
                code=pause.code,
            ),
        )
    title = _("The provider asks us to slow down") if pause.code == BUSY else _("The provider cannot be reached")
    return Alarm(
        "waiting", title, _("It began %(since)s and will end by itself; every text keeps its place.", since=since)
    )


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
            {"href": url_for(".phone", number=number), "title": number, "sub": body, "when": i18n.ago(at, now)}
            for number, at, body in queries.phones()
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
            "To": queries.last_number(number) or gateways.chosen(settings()).sender,
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
