from __future__ import annotations

from app.jobs import queue
from app.patients import operations


@queue.periodic(cron="* * * * *")
@queue.task(name="patients.end_pauses", queueing_lock="patients.end_pauses")
def end_pauses(timestamp: int) -> None:  # noqa: ARG001  periodic tasks are told when they were due
    """Let go on what waits for patients whose pause is over."""
    operations.end_pauses()
