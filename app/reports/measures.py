"""What is measured, each thing defined once: its name, what counts, over what, and the sentence that says so.

A measure looks at the state of one referral. The queries only count how many referrals are in which state, so the page,
the API and the list behind a number cannot disagree with one another, nor with the rules of closing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Generic, TypeVar

from app.i18n import marked
from app.referrals.closing import Closure, Says, closure
from app.referrals.lifecycle import ENDED, Status
from app.referrals.promises import Kept
from app.reports.stays import Judged

Subject = TypeVar("Subject")


@dataclass(frozen=True)
class State:
    """All that a measure asks of one referral."""

    status: Status
    says: Says | None
    sent: bool
    seen: bool
    accepted: bool
    asked_out: bool


@dataclass(frozen=True)
class Measure(Generic[Subject]):
    """`label` and `sentence` are English message ids; `over` is the denominator, all referrals sent if it is None."""

    code: str
    label: str
    sentence: str
    counts: Callable[[Subject], bool]
    over: Measure[Subject] | None = None


def states() -> Iterator[State]:
    """Every state that a referral can be in, and some that it cannot."""
    yes_or_no = (False, True)
    every = product(Status, (None, *Says), yes_or_no, yes_or_no, yes_or_no, yes_or_no)
    return (State(*values) for values in every)


_ONCE_ACCEPTED = frozenset({Status.ACCEPTED, Status.IN_PROGRESS, Status.ON_HOLD, Status.COMPLETED, Status.FAILED})


def _sent(it: State) -> bool:
    return it.sent and it.status is not Status.ENTERED_IN_ERROR


def _accepted(it: State) -> bool:
    return _sent(it) and (it.accepted or it.status in _ONCE_ACCEPTED)


def _seen(it: State) -> bool:
    # Who answers by phone has seen it, although nobody opened a page.
    return _accepted(it) or (_sent(it) and (it.seen or it.status is Status.REJECTED))


def _served(it: State) -> bool:
    return _sent(it) and it.status is Status.COMPLETED


def _closed(it: State) -> bool:
    return _sent(it) and closure(it.status, it.says, asked_out=it.asked_out) is Closure.CONFIRMED


def _got_help(it: State) -> bool:
    return _sent(it) and it.says is Says.GOT_HELP


SENT = Measure("referrals_sent", marked("Sent"), marked("Referrals sent to an agency, mistakes left out."), _sent)
SEEN = Measure("seen", marked("Seen by the agency"), marked("Somebody at the agency opened it or answered it."), _seen)
ACCEPTED = Measure("accepted", marked("Accepted"), marked("The agency said yes at some time."), _accepted)
SERVED = Measure("served", marked("Agency says served"), marked("The agency says that it gave the help."), _served)
LOOPS_CLOSED = Measure(
    "loops_closed",
    marked("Loops closed"),
    marked("The agency says served, and the patient says that help came."),
    _closed,
)
PATIENT_CONFIRMED = Measure(
    "patient_confirmed",
    marked("People who say they got help"),
    marked("The patient says that help came: by text, by phone or in person."),
    _got_help,
)


def _ended(it: State) -> bool:
    return _sent(it) and it.status in ENDED


REFERRALS_ENDED = Measure(
    "referrals_ended",
    marked("Ended"),
    marked("Served, declined, not served or recalled: the agency has nothing more to do."),
    _ended,
)


def _of_ended(measure: Measure[State], label: str) -> Measure[State]:
    return Measure(
        f"{measure.code}_of_ended",
        label,
        measure.sentence,
        lambda it: measure.counts(it) and _ended(it),
        REFERRALS_ENDED,
    )


OF_ENDED = {
    LOOPS_CLOSED.code: _of_ended(LOOPS_CLOSED, marked("Loops closed, of those that have ended")),
    PATIENT_CONFIRMED.code: _of_ended(PATIENT_CONFIRMED, marked("Got help, of those that have ended")),
}
"""The two that matter over those that have ended, by the code of each: the second denominator, beside all sent."""

PROMISES_KEPT: Measure[Kept] = Measure(
    "promises_kept",
    marked("Promises kept"),
    marked("The agency contacted the patient by the day it had named, of all promises whose day has come."),
    lambda kept: kept is Kept.KEPT,
)
NEEDS_MET: Measure[str] = Measure(
    "needs_met",
    marked("Needs met"),
    marked("One need may take several referrals, so fewer needs than referrals can be met."),
    lambda status: status == "met",
)

FUNNEL = (SENT, SEEN, ACCEPTED, SERVED, LOOPS_CLOSED)
"""From sending to the loop closed. Each step holds for a part of the referrals of the step before."""


def _lost(before: Measure[State], after: Measure[State], code: str, label: str, sentence: str) -> Measure[State]:
    return Measure(code, label, sentence, lambda it: before.counts(it) and not after.counts(it), before)


LEAKS = (
    _lost(SENT, SEEN, "not_seen", marked("Not seen yet"), marked("Sent, and nobody at the agency has opened it.")),
    _lost(SEEN, ACCEPTED, "not_accepted", marked("Not accepted"), marked("The agency has seen it and not said yes.")),
    _lost(ACCEPTED, SERVED, "not_served", marked("Not served"), marked("The agency said yes and not yet served.")),
    _lost(
        SERVED,
        LOOPS_CLOSED,
        "not_confirmed",
        marked("Not confirmed"),
        marked("The agency says served; the patient has not said so."),
    ),
)
"""What is lost between one step of the funnel and the next."""

OF_REFERRALS = {
    measure.code: measure for measure in (*FUNNEL, PATIENT_CONFIRMED, *LEAKS, REFERRALS_ENDED, *OF_ENDED.values())
}


# Whether anybody was left waiting

AWAITED = Measure[Judged](
    "answers_awaited",
    marked("Answers that were due"),
    marked("Referrals whose fourth business day is over, but for those that nobody needed any more."),
    lambda it: it.due,
)
ANSWERED_OR_REROUTED = Measure[Judged](
    "answered_or_rerouted_by_day_4",
    marked("Answered or passed on by day 4"),
    marked("By the end of the fourth business day the agency has answered, or the next place is asked instead."),
    lambda it: it.due and it.in_time,
    AWAITED,
)
SILENCES = Measure[Judged](
    "silences",
    marked("Silences"),
    marked("An agency or a patient has said nothing for as long as the clocks allow."),
    lambda it: it.silent,
)
SILENCE_TO_PERSON = Measure[Judged](
    "silence_to_person",
    marked("Silence that became a task"),
    marked("When somebody stayed silent, it was on a person's list."),
    lambda it: it.silent and it.seen_to,
    SILENCES,
)
LEFT_WAITING = (ANSWERED_OR_REROUTED, SILENCE_TO_PERSON)
"""Whether silence is noticed in time; `app.reports.waiting` reads what they are counted over."""

ORPHANS_LABEL = marked("Forgotten")
ORPHANS_SENTENCE = marked("Open referrals for which nothing will ever come due. There must be none.")
