from __future__ import annotations

from app.inbox import digest
from app.jobs import queue
from app.matching import operations as matching


@queue.periodic(cron="0 13 * * 1")
@queue.task(name="inbox.write_weeks", queueing_lock="inbox.write_weeks")
def write_weeks(timestamp: int) -> None:  # noqa: ARG001  periodic tasks are told when they were due
    """On Monday mornings, tell agencies what their week was."""
    digest.send_all()


@queue.periodic(cron="2,32 * * * *")
@queue.task(name="inbox.begin_day", queueing_lock="inbox.begin_day")
def begin_day(timestamp: int) -> None:  # noqa: ARG001
    """After midnight, wherever that is, services whose places of a day were taken have new ones."""
    matching.begin_day()
