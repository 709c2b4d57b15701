"""What the job engine writes into a log."""

from __future__ import annotations

import io
import logging

from app.jobs import WORKER, WithoutWhatPeopleTyped


def test_an_error_in_a_job_is_logged_without_what_people_typed() -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    logger = logging.getLogger(f"procrastinate.worker.{WORKER}.test")
    logger.addFilter(WithoutWhatPeopleTyped())
    logger.addHandler(handler)
    try:
        raise ValueError("Failing row contains (+14105550123, “he hit me”)")  # noqa: TRY301  it needs a traceback
    except ValueError:
        logger.exception("Job %s ended", "messaging.read")
    said = written.getvalue()
    assert "Job messaging.read ended (ValueError at" in said
    assert "test_jobs.py" in said
    assert "4105550123" not in said
    assert "hit me" not in said
