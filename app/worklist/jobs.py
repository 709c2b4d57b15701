from __future__ import annotations

import uuid

from app.jobs import queue
from app.worklist import paging


@queue.periodic(cron="* * * * *")
@queue.task(name="worklist.page_due", queueing_lock="worklist.page_due")
def page_due(timestamp: int) -> None:  # noqa: ARG001  periodic tasks are told when they were due
    """Page the next person about urgent texts that nobody has taken."""
    paging.page_due()


@queue.task(name=paging.PAGE_NEXT)
def page_next(message_id: str) -> None:
    """Somebody did not get this page: find somebody else."""
    paging.page_instead(uuid.UUID(message_id))
