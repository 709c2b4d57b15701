"""What an organization reads of a request and may answer, on the page of an account as on the page of a link."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from app import clock, i18n
from app.config import settings
from app.geography.calendars import Calendar
from app.i18n import gettext as _
from app.needs.vocabulary import NEEDS
from app.referrals import appointments, words
from app.referrals.lifecycle import Actor, Status, reasons_for
from app.referrals.models import Referral
from app.referrals.queries import Row


def somebody(row: Row, *, discreet: bool = False) -> str:
    """The request without a name. `discreet`: for who may not be meant, so without a need that is sensitive, too."""
    if not row.patient.postal_code:  # of somebody who asked to be forgotten
        return _("Somebody needed help")
    need = NEEDS[row.need.kind]
    if discreet and need.sensitive:
        return _("Somebody near %(zip)s needs help", zip=row.patient.postal_code)
    return _("Somebody near %(zip)s needs %(what)s", zip=row.patient.postal_code, what=_(need.phrase))


def how_urgent(row: Row, *, discreet: bool = False) -> str:
    """Why it is urgent, in a sentence; empty when it is not. `discreet` as above."""
    need = NEEDS[row.need.kind]
    told = row.need.urgent and not (discreet and need.sensitive)
    return i18n.sentence(_(need.urgent_when)) if told else ""


def reasons(new: Status) -> list[tuple[str, str]]:
    """The reasons that an organization may give for `new`, by their codes."""
    return [(code, i18n.sentence(words.reason(code))) for code in reasons_for(new, Actor.AGENCY)]


def choices(referral: Referral, saying: Status | None, zone: ZoneInfo) -> dict[str, Any]:
    """What `referrals/_answer.html` offers, and what the page says of `saying`, the step that is being taken.

    :param zone: of the organization; its days are counted there.
    """
    today = clock.now().astimezone(zone).date()
    days = words.promise_days(today, Calendar(zone, settings().days_off))
    return {
        "saying": saying,
        "say": _(words.SAY[saying]) if saying else "",
        "reasons": reasons(saying) if saying else [],
        "likely_reason": appointments.likely_reason(referral, saying) if saying else "",
        "outcomes": [(code, i18n.sentence(said)) for code, said in words.outcomes().items()],
        "days": days,
        "likely_day": next(day for day, _words in days if day > today.isoformat()),
    }
