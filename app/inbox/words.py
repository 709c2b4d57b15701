"""By when an agency has to answer, and the other words of its inbox that depend on a date."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from app.i18n import clock_time, day, marked
from app.i18n import gettext as _
from app.referrals.meetings import Became
from app.referrals.words import Standing

BECAME = {
    Became.PLANNED: marked("The appointment stands"),
    Became.ATTENDED: marked("They came"),
    Became.NO_SHOW: marked("They did not come"),
    Became.CANCELLED: marked("The appointment was called off"),
    Became.PASSED: marked("The appointment is over, and nobody has said whether they came"),
}
"""What became of an appointment, without a name: of an ended request none is shown."""


def answer_by(due_at: datetime | None, now: datetime, zone: ZoneInfo, *, urgent: bool) -> Standing:
    """How long a new request waits before it goes to somebody else.

    :param due_at: when that is; None when it does not go on by itself.
    """
    if due_at is None:
        return Standing("needs_you", _("Please answer"))
    if due_at <= now:
        return Standing("needs_you", _("Your answer is overdue"))
    days = (due_at.astimezone(zone).date() - now.astimezone(zone).date()).days
    if days == 0:
        return Standing("needs_you", _("Answer by %(time)s today", time=clock_time(due_at, zone)))
    pressing = urgent or days == 1
    return Standing("needs_you" if pressing else "waiting", _("Answer by %(day)s", day=day(due_at, zone)))


def reference(referral_id: object) -> str:
    """What a request is called where no name may stand: the first eight signs of its id."""
    return str(referral_id)[:8].upper()
