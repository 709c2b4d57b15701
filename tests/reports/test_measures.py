from __future__ import annotations

from itertools import pairwise

import pytest

from app.referrals.closing import Closure, Says, closure
from app.referrals.lifecycle import Status
from app.reports.measures import (
    ACCEPTED,
    FUNNEL,
    LEAKS,
    LOOPS_CLOSED,
    NEEDS_MET,
    OF_REFERRALS,
    PATIENT_CONFIRMED,
    SEEN,
    SENT,
    SERVED,
    Measure,
    State,
    states,
)

EVERY = list(states())


def state(status: Status, says: Says | None = None, *, seen: bool = False, accepted: bool = False) -> State:
    return State(status, says, sent=status is not Status.DRAFT, seen=seen, accepted=accepted, asked_out=False)


@pytest.mark.parametrize("measure", OF_REFERRALS.values(), ids=lambda measure: measure.code)
def test_only_what_was_sent_and_is_no_mistake_counts(measure: Measure[State]) -> None:
    assert not [it for it in EVERY if measure.counts(it) and (not it.sent or it.status is Status.ENTERED_IN_ERROR)]


def test_a_loop_is_closed_exactly_when_the_rules_of_closing_say_confirmed() -> None:
    for it in filter(SENT.counts, EVERY):
        confirmed = closure(it.status, it.says, asked_out=it.asked_out) is Closure.CONFIRMED
        assert LOOPS_CLOSED.counts(it) == confirmed


def test_each_step_of_the_funnel_is_a_part_of_the_one_before() -> None:
    for before, after in pairwise(FUNNEL):
        assert not [it for it in EVERY if after.counts(it) and not before.counts(it)]


def test_what_is_lost_and_what_arrives_add_up_to_what_was_sent() -> None:
    ends = [*LEAKS, LOOPS_CLOSED]
    for it in filter(SENT.counts, EVERY):
        assert sum(measure.counts(it) for measure in ends) == 1


@pytest.mark.parametrize(
    ("it", "measures"),
    [
        (state(Status.DRAFT), set()),
        (state(Status.REQUESTED), {SENT}),
        (state(Status.REQUESTED, seen=True), {SENT, SEEN}),
        # Declined by phone: nobody opened a page, and they know of it all the same.
        (state(Status.REJECTED), {SENT, SEEN}),
        (state(Status.CANCELLED), {SENT}),
        (state(Status.ACCEPTED, accepted=True), {SENT, SEEN, ACCEPTED}),
        # Recalled after they had said yes: it was accepted once.
        (state(Status.CANCELLED, accepted=True), {SENT, SEEN, ACCEPTED}),
        (state(Status.COMPLETED, accepted=True), {SENT, SEEN, ACCEPTED, SERVED}),
        (state(Status.COMPLETED, Says.NOT_YET, accepted=True), {SENT, SEEN, ACCEPTED, SERVED}),
        (
            state(Status.COMPLETED, Says.GOT_HELP, accepted=True),
            {SENT, SEEN, ACCEPTED, SERVED, LOOPS_CLOSED, PATIENT_CONFIRMED},
        ),
        # The patient's word counts by itself, whatever the agency says.
        (state(Status.IN_PROGRESS, Says.GOT_HELP, accepted=True), {SENT, SEEN, ACCEPTED, PATIENT_CONFIRMED}),
        (state(Status.REJECTED, Says.GOT_HELP), {SENT, SEEN, PATIENT_CONFIRMED}),
        (state(Status.COMPLETED, Says.NO_LONGER_NEEDED, accepted=True), {SENT, SEEN, ACCEPTED, SERVED}),
        (state(Status.ENTERED_IN_ERROR, Says.GOT_HELP, seen=True, accepted=True), set()),
    ],
)
def test_what_counts(it: State, measures: set[Measure[State]]) -> None:
    assert {measure for measure in (*FUNNEL, PATIENT_CONFIRMED) if measure.counts(it)} == measures


def test_only_a_need_that_is_met_is_met() -> None:
    statuses = ("identified", "wants-help", "declines-help", "planned", "in-progress", "met", "partly-met", "unmet")
    assert [status for status in statuses if NEEDS_MET.counts(status)] == ["met"]


def test_every_measure_says_what_it_is() -> None:
    words = [(measure.label, measure.sentence) for measure in OF_REFERRALS.values()]
    words.append((NEEDS_MET.label, NEEDS_MET.sentence))
    assert len({label for label, _ in words}) == len(words)
    assert all(sentence.endswith(".") for _, sentence in words)
