"""An agency's week: what is new, what waits, what is overdue, and what became of the week before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, func, select

from app import clock
from app.config import settings
from app.db import session
from app.directory.queries import UNPLACED
from app.i18n import gettext as _
from app.i18n import ngettext, speaking
from app.loop.clocks import Effect
from app.loop.models import Clock
from app.mail import operations as mail
from app.referrals import words
from app.referrals.closing import Says
from app.referrals.lifecycle import ENDED, Status
from app.referrals.models import Referral
from app.referrals.queries import visible_to
from app.staff.models import StaffMember
from app.staff.permissions import Action

WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Week:
    """The seven days up to `until`, of one organization."""

    since: datetime
    until: datetime
    new: int
    """Came in."""
    unanswered: int
    """Wait for an answer now."""
    leaving: int
    """Of those, go to somebody else within a day."""
    uncontacted: int
    """Were to be contacted by a day that has gone by."""
    waiting: int
    """On the waiting list."""
    ended: Sequence[tuple[str, int]]
    """What became of those that ended, in words, the most first."""
    confirmed: int
    """Patients who said that help came."""


def of(staff: StaffMember) -> Week:
    """The last seven days of the organization of `staff`."""
    until = clock.now()
    since = until - WEEK
    today = until.astimezone(UNPLACED).date()
    received = visible_to(staff, Action.SEE_INBOX)
    due = select(Clock.id).where(
        Clock.referral_id == Referral.id,
        Clock.effect == Effect.RECALL.value,
        Clock.ended_at.is_(None),
        Clock.due_at <= until + timedelta(days=1),
    )
    broken = and_(Referral.status == Status.ACCEPTED, Referral.promised_by < today)
    unanswered = Referral.status == Status.REQUESTED
    counts = session.execute(
        received.with_only_columns(
            func.count().filter(Referral.sent_at >= since),
            func.count().filter(unanswered),
            func.count().filter(unanswered, due.exists()),
            func.count().filter(broken),
            func.count().filter(Referral.status == Status.ON_HOLD),
            func.count().filter(Referral.patient_says == Says.GOT_HELP, Referral.patient_said_at >= since),
        )
    ).one()
    ended = session.execute(
        received.with_only_columns(Referral.status, func.count())
        .where(Referral.status.in_(ENDED), Referral.ended_at >= since)
        .group_by(Referral.status)
        .order_by(func.count().desc(), Referral.status)
    )
    new, waiting_for_answer, leaving, uncontacted, waiting, confirmed = counts
    return Week(
        since=since,
        until=until,
        new=new,
        unanswered=waiting_for_answer,
        leaving=leaving,
        uncontacted=uncontacted,
        waiting=waiting,
        ended=[(words.status(status), n) for status, n in ended],
        confirmed=confirmed,
    )


def lines(week: Week) -> list[str]:
    """The week in sentences, for its e-mail and its page; numbers only, so that no letter names a patient."""
    said = [
        ngettext("%(n)s new request came in.", "%(n)s new requests came in.", week.new),
        ngettext("%(n)s request waits for your answer.", "%(n)s requests wait for your answer.", week.unanswered),
    ]
    if week.leaving:
        leaving = ngettext(
            "%(n)s of them goes to somebody else within a day, unless you answer.",
            "%(n)s of them go to somebody else within a day, unless you answer.",
            week.leaving,
        )
        said.append(leaving)
    if week.uncontacted:
        uncontacted = ngettext(
            "%(n)s person was to hear from you by a day that has gone by.",
            "%(n)s people were to hear from you by a day that has gone by.",
            week.uncontacted,
        )
        said.append(uncontacted)
    if week.waiting:
        waiting = ngettext(
            "%(n)s person is on your waiting list.", "%(n)s people are on your waiting list.", week.waiting
        )
        said.append(waiting)
    if week.ended:
        became = ", ".join(f"{n} {what}" for what, n in week.ended)
        said.append(_("What has ended: %(became)s.", became=became))
    if week.confirmed:
        said.append(
            ngettext("%(n)s patient says that help came.", "%(n)s patients say that help came.", week.confirmed)
        )
    return said


def letter(week: Week, address: str) -> tuple[str, str]:
    """Subject and body, in the language spoken now."""
    subject = _("Your week on %(network)s", network=settings().network_name)
    body = "\n".join(
        [
            *lines(week),
            "",
            _("Your inbox: %(address)s", address=address),
            _("You get this once a week. You can stop it under “My account”."),
        ]
    )
    return subject, body


def send_all() -> int:
    """Write this week's letter to everybody who wants one and has not got it; how many want it."""
    if not mail.enabled():
        return 0
    year, number, _day = clock.now().astimezone(UNPLACED).isocalendar()
    wanting = session.scalars(
        select(StaffMember)
        .where(StaffMember.weekly_digest, StaffMember.active, StaffMember.organization_id.is_not(None))
        .order_by(StaffMember.id)
    ).all()
    for staff in wanting:
        with speaking(staff.language):
            subject, body = letter(of(staff), f"{settings().public_base_url}/inbox")
        mail.queue_email(
            to=staff.email,
            subject=subject,
            body=body,
            purpose="week",
            dedupe_key=f"week:{staff.id}:{year}-{number}",
            language=staff.language,
            recipient=staff.id,
        )
    return len(wanting)
