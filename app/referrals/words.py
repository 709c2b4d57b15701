"""What staff read instead of codes: a plain word or half-sentence for each, and where a referral stands in one line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.geography.calendars import Calendar
from app.i18n import ago, day, marked, sentence
from app.i18n import gettext as _
from app.referrals.closing import Barrier, Closure, Says
from app.referrals.lifecycle import OUTCOMES, REASONS, Status

STATUS = {
    Status.DRAFT: marked("not sent yet"),
    Status.REQUESTED: marked("sent"),
    Status.ACCEPTED: marked("accepted"),
    Status.REJECTED: marked("declined"),
    Status.IN_PROGRESS: marked("being served"),
    Status.ON_HOLD: marked("waiting"),
    Status.COMPLETED: marked("served"),
    Status.FAILED: marked("not served"),
    Status.CANCELLED: marked("recalled"),
    Status.ENTERED_IN_ERROR: marked("sent by mistake"),
}

KIND = {
    Status.DRAFT: "waiting",
    Status.REQUESTED: "waiting",
    Status.ACCEPTED: "well",
    Status.IN_PROGRESS: "well",
    Status.ON_HOLD: "waiting",
    Status.COMPLETED: "well",
    Status.REJECTED: "needs_you",
    Status.FAILED: "needs_you",
    Status.CANCELLED: "ended",
    Status.ENTERED_IN_ERROR: "ended",
}
"""Which of the colors and shapes a status has: waiting, well, needs_you, ended."""

REASON = {
    "at-capacity": marked("we are full"),
    "not-eligible": marked("this person does not qualify"),
    "outside-area": marked("outside our area"),
    "language": marked("we do not speak the language"),
    "closed": marked("we are closed"),
    "duplicate": marked("we have this request already"),
    "cannot-contact": marked("could not reach the person"),
    "patient-declined": marked("the person does not want it"),
    "wrong-service": marked("this is not what we do"),
    "other": marked("another reason"),
    "waitlist": marked("on our waiting list"),
    "awaiting-documents": marked("waiting for documents"),
    "awaiting-patient": marked("waiting for the person"),
    "no-show": marked("the person did not come"),
    "ineligible-after-intake": marked("does not qualify after all"),
    "no-resources": marked("we ran out of what is needed"),
    "withdrawn-by-patient": marked("the patient no longer needs it"),
    "consent-revoked": marked("the patient withdrew consent"),
    "recalled-silence": marked("the agency did not answer"),
    "recalled-by-sender": marked("recalled by the care team"),
    "moved": marked("the patient moved away"),
    "deceased": marked("the patient has died"),
}

OUTCOME = {
    "service-provided": marked("they got the help"),
    "partly-provided": marked("they got part of it"),
    "enrolled": marked("they are enrolled"),
    "information-given": marked("they got information"),
    "referred-onward": marked("we sent them on to somebody else"),
    "other": marked("something else"),
}

SAYS = {
    Says.GOT_HELP: marked("got help"),
    Says.NOT_YET: marked("not yet"),
    Says.NO_LONGER_NEEDED: marked("no longer needed"),
}

BARRIER = {
    Barrier.NOBODY_ANSWERED: marked("nobody answered"),
    Barrier.THEY_WERE_FULL: marked("they were full"),
    Barrier.MISSING_PAPERS: marked("papers were missing"),
    Barrier.COULD_NOT_GET_THERE: marked("could not get there"),
    Barrier.DID_NOT_WANT_IT: marked("did not want it"),
    Barrier.OTHER: marked("another reason"),
}

SAY = {
    Status.ACCEPTED: marked("Yes, we can"),
    Status.REJECTED: marked("No, because…"),
    Status.IN_PROGRESS: marked("We have begun"),
    Status.ON_HOLD: marked("They have to wait"),
    Status.COMPLETED: marked("It is done"),
    Status.FAILED: marked("We could not help"),
    Status.CANCELLED: marked("It is no longer needed"),
}
"""What an agency says in taking a step."""

SAID = {
    Status.ACCEPTED: marked("Thank you. They are told that you will contact them."),
    Status.REJECTED: marked("Thank you for answering. The care team offers them another place."),
    Status.IN_PROGRESS: marked("Kept."),
    Status.ON_HOLD: marked("Kept. They are told that they have to wait."),
    Status.COMPLETED: marked("Thank you. We ask them whether the help arrived."),
    Status.FAILED: marked("Thank you for telling. The care team offers them another place."),
    Status.CANCELLED: marked("Kept."),
}

NONE_WANTED = {
    "too-far": marked("too far away"),
    "wrong-times": marked("open at the wrong times"),
    "been-there": marked("has been there, and not again"),
    "language": marked("they do not speak the language"),
    "privacy": marked("somebody they know works there"),
    "later": marked("wants to think about it"),
    "other": marked("another reason"),
}
"""Why a patient wants none of the places that were offered."""

CLOSURE = {
    Closure.OPEN: marked("open"),
    Closure.CONFIRMED: marked("closed: both say help arrived"),
    Closure.DISPUTED: marked("they contradict each other"),
    Closure.UNCONFIRMED: marked("served, not confirmed by the patient"),
    Closure.NOT_SERVED: marked("ended without help"),
}


def status(code: Status) -> str:
    return _(STATUS[code])


def reason(code: str) -> str:
    return _(REASON[code])


def outcome(code: str) -> str:
    return _(OUTCOME[code])


def says(code: Says) -> str:
    return _(SAYS[code])


def barrier(code: Barrier) -> str:
    return _(BARRIER[code])


def agency_quoted(status_now: Status, code: str | None, text: str | None) -> str:
    """The agency's last word, with what it added in its own words: “served: they got part of it (one box)”.

    :param code: the outcome of what it served, or its reason.
    """
    said = outcome(code) if code in OUTCOME and status_now is Status.COMPLETED else reason(code) if code else ""
    words = ": ".join(filter(None, (status(status_now), said)))
    return f"{words} ({text})" if text else words


def patient_quoted(said: Says | None, behind: Barrier | None) -> str:
    """What the patient says and why: “not yet: nobody answered”."""
    return ": ".join(filter(None, (says(said) if said else "", barrier(behind) if behind else "")))


def none_wanted(code: str) -> str:
    return _(NONE_WANTED[code])


def closure(code: Closure) -> str:
    return _(CLOSURE[code])


def reasons(new: Status) -> dict[str, str]:
    """The reasons there are for a step to `new`, in the order they are offered."""
    return {code: reason(code) for code in REASONS[new]}


def outcomes() -> dict[str, str]:
    return {code: outcome(code) for code in OUTCOMES}


@dataclass(frozen=True)
class Standing:
    """Where a referral stands, in words for the care team, and which of the colors and shapes that is."""

    kind: str
    """waiting, well, needs_you or ended."""
    words: str


@dataclass(frozen=True)
class Times:
    """What a referral's line depends on beside both voices."""

    sent_at: datetime | None = None
    seen_at: datetime | None = None
    promised_by: date | None = None
    asked_out_at: datetime | None = None
    appointment: datetime | None = None
    """The one ahead, or of which nobody has said whether they came; on the clock of whoever reads."""


def standing(  # noqa: PLR0913  two voices, their reason, whose they are, and the times
    status: Status, says: Says | None, reason_code: str | None, times: Times, *, name: str, now: datetime, today: date
) -> Standing:
    """One line for both voices, such as “They say served, Ana says not yet”.

    :param name: what the patient is called; `today` is the day it is for them.
    """
    kind, sentence = _line(status, says, reason_code, times, today)
    if times.appointment and not says:
        kind, sentence = _MEET if times.appointment > now else _MET
    dated = times.appointment or times.promised_by
    return Standing(
        kind,
        _(
            sentence,
            name=name,
            why=_(REASON[reason_code]) if reason_code else "",
            ago=ago(times.sent_at, now) if times.sent_at else "",
            day=day(dated) if dated else "",
        ),
    )


def _line(status: Status, says: Says | None, reason_code: str | None, times: Times, today: date) -> tuple[str, str]:
    if says and status in _HEARD_BOTH:
        return _HEARD_BOTH[status][says]
    if status is Status.REQUESTED and times.seen_at:
        return "waiting", marked("Sent %(ago)s, they have seen it")
    if status is Status.ACCEPTED and times.promised_by:
        return _PROMISED if today <= times.promised_by else _PROMISE_PASSED
    if status is Status.ON_HOLD and reason_code:
        return "waiting", _ON_HOLD[reason_code]
    if status is Status.COMPLETED and times.asked_out_at:
        return "ended", marked("They say served, %(name)s did not answer")
    never_sent = status is Status.ENTERED_IN_ERROR and not times.sent_at
    return _NEVER_SENT if never_sent else _ALONE[status]


_ALONE = {
    Status.DRAFT: ("waiting", marked("Not sent yet")),
    Status.REQUESTED: ("waiting", marked("Sent %(ago)s")),
    Status.ACCEPTED: ("well", marked("Accepted")),
    Status.REJECTED: ("needs_you", marked("They declined: “%(why)s”")),
    Status.IN_PROGRESS: ("well", marked("Being served")),
    Status.ON_HOLD: ("waiting", marked("Waiting")),
    Status.COMPLETED: ("waiting", marked("They say served, we are asking %(name)s")),
    Status.FAILED: ("needs_you", marked("Not served: “%(why)s”")),
    Status.CANCELLED: ("ended", marked("Recalled: %(why)s")),
    Status.ENTERED_IN_ERROR: ("ended", marked("Sent by mistake")),
}
_NEVER_SENT = ("ended", marked("Never sent"))
"""The next place was not asked after all, for example because the patient did not want it."""
_MEET = ("well", marked("%(name)s has an appointment on %(day)s"))
_MET = ("waiting", marked("%(name)s had an appointment on %(day)s"))
_PROMISED = ("well", marked("Accepted, they will call %(name)s by %(day)s"))
_PROMISE_PASSED = ("waiting", marked("Accepted; they were to call %(name)s by %(day)s"))
_ON_HOLD = {
    "waitlist": marked("%(name)s is on their waiting list"),
    "awaiting-documents": marked("They wait for documents from %(name)s"),
    "awaiting-patient": marked("They wait for %(name)s"),
}
_UNDER_WAY = {
    Says.GOT_HELP: ("well", marked("%(name)s got help; they have not said so yet")),
    Says.NO_LONGER_NEEDED: ("ended", marked("%(name)s no longer needs it")),
}
_WITHOUT_HELP = {
    Says.GOT_HELP: ("needs_you", marked("They say not served, %(name)s says got help")),
    Says.NOT_YET: ("needs_you", marked("Not served, and %(name)s says not yet")),
    Says.NO_LONGER_NEEDED: ("ended", marked("%(name)s no longer needs it")),
}
_HEARD_BOTH = {
    Status.REQUESTED: {**_UNDER_WAY, Says.NOT_YET: ("waiting", marked("Sent, %(name)s says not yet"))},
    Status.ACCEPTED: {**_UNDER_WAY, Says.NOT_YET: ("waiting", marked("Accepted, %(name)s says not yet"))},
    Status.IN_PROGRESS: {**_UNDER_WAY, Says.NOT_YET: ("waiting", marked("Being served, %(name)s says not yet"))},
    Status.ON_HOLD: {**_UNDER_WAY, Says.NOT_YET: ("waiting", marked("Waiting, %(name)s says not yet"))},
    Status.COMPLETED: {
        Says.GOT_HELP: ("well", marked("Closed: they say served, %(name)s got help")),
        Says.NOT_YET: ("needs_you", marked("They say served, %(name)s says not yet")),
        Says.NO_LONGER_NEEDED: ("ended", marked("They say served, %(name)s no longer needs it")),
    },
    Status.REJECTED: _WITHOUT_HELP,
    Status.FAILED: _WITHOUT_HELP,
    Status.CANCELLED: {
        Says.GOT_HELP: ("needs_you", marked("Recalled, %(name)s says got help")),
        Says.NOT_YET: ("ended", marked("Recalled, %(name)s says not yet")),
        Says.NO_LONGER_NEEDED: ("ended", marked("Recalled: %(name)s no longer needs it")),
    },
}
"""What both voices together come to; a status that is not here says all by itself."""


ANSWER_WITHIN = timedelta(hours=24)
"""After this somebody is kept waiting for an agency's answer."""


def received(  # noqa: PLR0913  its state, and what the words depend on
    status: Status, reason_code: str | None, times: Times, *, urgent: bool, now: datetime, today: date
) -> Standing:
    """Where a referral stands, in words for the agency that received it.

    :param today: the day it is for the patient.
    """
    why = reason(reason_code) if reason_code else ""
    match status:
        case Status.REQUESTED:
            waits = times.sent_at is not None and now - times.sent_at > ANSWER_WITHIN
            return Standing("needs_you", _("Please answer")) if waits or urgent else Standing("waiting", _("New"))
        case _ if times.appointment:
            on, ahead = day(times.appointment), times.appointment > now
            asks = _("Did they come on %(day)s?", day=on)
            return Standing("well", _("Appointment on %(day)s", day=on)) if ahead else Standing("needs_you", asks)
        case Status.ACCEPTED if times.promised_by:
            by, late = day(times.promised_by), times.promised_by < today
            was = _("Contact was due %(day)s", day=by)
            return Standing("needs_you", was) if late else Standing("well", _("Contact them by %(day)s", day=by))
        case Status.ACCEPTED | Status.IN_PROGRESS | Status.COMPLETED:
            return Standing("well", sentence(_(STATUS[status])))
        case Status.ON_HOLD:
            return Standing("waiting", sentence(why))
        case _:
            return Standing("ended", ": ".join(filter(None, (sentence(_(STATUS[status])), why))))


PROMISED_AHEAD = 4
"""Business days that are offered by name."""


def promise_days(today: date, calendar: Calendar) -> list[tuple[str, str]]:
    """When an agency may say it will contact somebody: the next business days, and the last one within a week."""
    working = [each for each in (today + timedelta(days=n) for n in range(8)) if calendar.is_business_day(each)]
    said = {today: _("Today"), today + timedelta(days=1): _("Tomorrow")}
    named = [(each.isoformat(), said.get(each) or day(each)) for each in working[:-1][:PROMISED_AHEAD]]
    return [*named, (working[-1].isoformat(), _("Within a week"))]
