"""Background work: a queue in the same PostgreSQL, so that a change and its job are committed together.

Procrastinate keeps the queue. `enqueue` writes the job through the session's own connection: roll the change back and
the job is gone with it; commit and it cannot be lost. The price is at-least-once: a worker that dies in the middle
leaves its job to be run again, so every task must be able to run twice.

A feature's `jobs.py` declares its tasks with `@queue.task(name="feature.verb")` and, for a sweep, with
`@queue.periodic(cron=…)`. They are plain functions: the worker gives each an application context and commits once, at
its end.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import procrastinate
from flask import Flask
from procrastinate.job_context import JobContext
from procrastinate.manager import JobManager
from procrastinate.tasks import Task, configure_task
from procrastinate.worker import Worker
from psycopg import Connection
from sqlalchemy import text

from app import config
from app.db import session
from app.errors import place_of

# No address here: writing a job uses the session's connection, and the worker brings a pool of its own.
queue = procrastinate.App(connector=procrastinate.SyncPsycopgConnector())

# A running worker makes `queue` asynchronous, and a job that enqueues a job is not: writing has a manager of its own.
_writer = JobManager(procrastinate.SyncPsycopgConnector())

WORKER = "worker"
"""What the engine calls ours in its log."""

DEAD_AFTER = timedelta(seconds=30)
"""A worker that has not been heard for this long is dead; it signs every ten seconds."""


def enqueue(
    task: Task[..., Any, Any] | str,
    *,
    lock: str | None = None,
    at: datetime | None = None,
    priority: int = 0,
    **arguments: Any,  # noqa: ANN401  what a job carries is the task's own business, JSON values only
) -> None:
    """Write a job for `task` in the session's transaction: it exists if and when the session commits.

    :param task: the task, or its name where an operation asks for a job that will call it back.
    :param lock: jobs with the same lock never run at the same time.
    :param at: not before this moment.
    """
    connection = cast("Connection[Any]", session.connection().connection.driver_connection)
    configure_task(
        name=task if isinstance(task, str) else task.name,
        job_manager=_writer,
        queue="default" if isinstance(task, str) else task.queue,
        lock=lock,
        schedule_at=at,
        priority=priority,
        task_kwargs=arguments,
        connection=connection,
    ).defer()


class WithoutWhatPeopleTyped(logging.Filter):
    """Says of an error its type and place, never its message or its traceback: the job engine would log them whole."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            record.msg = f"{record.getMessage()} ({type(error).__name__} at {place_of(error)})"
            record.args, record.exc_info, record.exc_text = (), None, None
        return True


def _keep_logs_clean() -> None:
    # A filter holds for one logger and not for those below it, so each that logs errors gets its own.
    for name in ("procrastinate.worker", f"procrastinate.worker.{WORKER}", "procrastinate.periodic"):
        logger = logging.getLogger(name)
        if not any(isinstance(known, WithoutWhatPeopleTyped) for known in logger.filters):
            logger.addFilter(WithoutWhatPeopleTyped())


def work(app: Flask, *, once: bool = False, concurrency: int = 4) -> None:
    """Run jobs until told to stop (SIGINT or SIGTERM), or, with `once`, until none is due."""

    def in_context(call_next: Callable[[], Any], _context: JobContext, _worker: Worker) -> None:
        with app.app_context():
            call_next()
            session.commit()

    with app.app_context():
        url = config.libpq_url(config.settings().database_url)
    connector = procrastinate.PsycopgConnector(conninfo=url, min_size=1, max_size=concurrency + 2)
    _keep_logs_clean()
    with queue.replace_connector(connector) as running:
        running.run_worker(
            name=WORKER,
            wait=not once,
            concurrency=concurrency,
            delete_jobs="successful",
            fetch_job_polling_interval=2.0,
            stalled_worker_timeout=DEAD_AFTER.total_seconds(),
            shutdown_graceful_timeout=20,
            install_signal_handlers=not once,
            task_middleware=[in_context],
        )


@queue.periodic(cron="* * * * * */15")
@queue.task(name="jobs.rescue", queueing_lock="jobs.rescue")
def rescue(timestamp: int) -> None:  # noqa: ARG001  periodic tasks are told when they were due
    """Hand the jobs of dead workers to living ones."""
    put_back_abandoned()


def put_back_abandoned() -> int:
    """Make every job whose worker died ready to run again, and say how many there were.

    They give up their queueing locks: another job may be waiting under the same one by now, and of those there is one.
    """
    rows = session.execute(
        text(
            """
            UPDATE procrastinate_jobs
               SET status = 'todo', worker_id = NULL, scheduled_at = now(), queueing_lock = NULL
             WHERE status = 'doing' AND (worker_id IS NULL OR NOT EXISTS (
                   SELECT 1 FROM procrastinate_workers
                    WHERE id = procrastinate_jobs.worker_id AND last_heartbeat > now() - :silence))
            RETURNING id
            """
        ),
        {"silence": DEAD_AFTER},
    )
    return len(rows.all())


def worker_alive() -> bool:
    """Whether any worker has been heard of lately."""
    return bool(
        session.execute(
            text("SELECT EXISTS (SELECT 1 FROM procrastinate_workers WHERE last_heartbeat > now() - :silence)"),
            {"silence": DEAD_AFTER},
        ).scalar_one()
    )


def is_scheduled(name: str, now: datetime) -> bool:
    """Whether a job for the task of this name waits for a later time."""
    return bool(
        session.execute(
            text(
                "SELECT EXISTS (SELECT 1 FROM procrastinate_jobs"
                " WHERE task_name = :name AND status = 'todo' AND scheduled_at > :now)"
            ),
            {"name": name, "now": now},
        ).scalar_one()
    )


def last_done(prefix: str) -> datetime | None:
    """For when the newest periodic job was due that has been done and whose task has a name beginning like this."""
    due: int | None = session.execute(
        text(
            "SELECT max(defer_timestamp) FROM procrastinate_periodic_defers"
            " WHERE starts_with(task_name, :prefix) AND job_id IS NULL"  # done jobs are deleted
        ),
        {"prefix": prefix},
    ).scalar_one()
    return None if due is None else datetime.fromtimestamp(due, UTC)


def unfinished(task: Task[..., Any, Any]) -> int:
    """How many jobs for `task` wait or are being done."""
    return int(
        session.execute(
            text("SELECT count(*) FROM procrastinate_jobs WHERE task_name = :name AND status IN ('todo', 'doing')"),
            {"name": task.name},
        ).scalar_one()
    )
