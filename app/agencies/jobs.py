from __future__ import annotations

from app.agencies import room
from app.jobs import queue


@queue.periodic(cron="15 15 * * 1-5")
@queue.task(name="agencies.ask_for_room", queueing_lock="agencies.ask_for_room")
def ask_for_room(timestamp: int) -> None:  # noqa: ARG001  periodic tasks are told when they were due
    """Ask agencies whether they still take people in: each once a week, in the morning all over the country."""
    room.ask_who_is_due()
