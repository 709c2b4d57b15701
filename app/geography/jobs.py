from __future__ import annotations

from app.geography import operations
from app.jobs import queue


@queue.periodic(cron="40 3 * * *")
@queue.task(name="geography.forget", queueing_lock="geography.forget")
def forget_old_answers(timestamp: int) -> None:  # noqa: ARG001  periodic tasks are told when they were due
    """Keep no more of what outside geocoders answered, and no longer, than is of use."""
    operations.forget_old_answers()
