from __future__ import annotations

from app.jobs import queue
from app.loop import silence
from app.matching import operations as matching
from app.referrals import queries as referrals


@queue.periodic(cron="* * * * *")
@queue.task(name="loop.watch_clocks", queueing_lock="loop.watch_clocks")
def watch_clocks(timestamp: int) -> None:  # noqa: ARG001  periodic tasks are told when they were due
    """Do what has come due: ask a patient, put a silent agency on somebody's list."""
    silence.fire_due_clocks()


@queue.periodic(cron="20 * * * *")
@queue.task(name="loop.learn_agencies", queueing_lock="loop.learn_agencies")
def learn_agencies(timestamp: int) -> None:  # noqa: ARG001  periodic tasks are told when they were due
    """Let matching know how often each agency answers in time and helps."""
    matching.learn(referrals.agency_records())
