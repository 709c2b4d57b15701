"""What happens around a text: workers work, sweeps sweep, time passes."""

from __future__ import annotations

from sqlalchemy import text

from app.db import session as the_session
from app.messaging import jobs

PHONE = "+14105550177"
OTHER_PHONE = "+14105550188"


def work() -> None:
    """Send what is due, as the worker does."""
    jobs.send()
    the_session.commit()


def sweep() -> None:
    """Run every sweep and the looks that are due."""
    for job in (jobs.sweep_leases, jobs.sweep_looks, jobs.sweep_waiting):
        job(timestamp=0)
        the_session.commit()
    for (message_id,) in the_session.execute(text("SELECT id FROM sms_message WHERE state = 'unsure'")).all():
        jobs.look(str(message_id))
        the_session.commit()


def later(seconds: float) -> None:
    """Let time pass for leases and looks, which the database's clock counts."""
    the_session.execute(
        text(
            "UPDATE sms_message SET lease_until = lease_until - make_interval(secs => :s), "
            "look_at = look_at - make_interval(secs => :s)"
        ),
        {"s": seconds},
    )
    the_session.commit()


def states() -> dict[str, str]:
    """Body → state of every text, as the database has them."""
    the_session.rollback()
    rows = the_session.execute(text("SELECT body, state FROM sms_message ORDER BY position"))
    return {body: state for body, state in rows}  # noqa: C416  rows are no pairs to a type checker
