from __future__ import annotations

from app.jobs import queue
from app.loop import operations


@queue.periodic(cron="* * * * *")
@queue.task(name="loop.watch_clocks", queueing_lock="loop.watch_clocks")
def watch_clocks(timestamp: int) -> None:  # noqa: ARG001  periodic tasks are told when they were due
    """Do what has come due: ask a patient, put a silent agency on somebody's list."""
    operations.fire_due_clocks()
