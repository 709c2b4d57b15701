"""What can be done with e-mails: write them and take them back. Nothing here sends or commits; `jobs` does."""

from __future__ import annotations

import logging
import uuid
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from app import clock
from app.audit import operations as audit
from app.config import settings
from app.db import changed, session
from app.errors import DomainError, Invalid
from app.events import EmailEnded, publish
from app.i18n import gettext as _
from app.jobs import enqueue
from app.mail import delivery, queries
from app.mail.delivery import State
from app.mail.models import Email
from app.staff.models import StaffMember

log = logging.getLogger(__name__)

SEND = "mail.send"


def enabled() -> bool:
    """Whether this network sends e-mail at all."""
    return settings().email_gateway != "off"


def queue_email(  # noqa: PLR0913  a letter has that many sides, each named by the caller
    *,
    to: str,
    subject: str,
    body: str,
    purpose: str,
    dedupe_key: str,
    language: str,
    recipient: uuid.UUID | None = None,
    regarding: uuid.UUID | None = None,
    calendar: str | None = None,
    not_after: datetime | None = None,
) -> Email:
    """Write an e-mail and the job that sends it, both or neither.

    The same `dedupe_key` gives the e-mail that is already there, whatever became of it.

    :param recipient: the caller's id of the person it is for.
    :param regarding: the caller's id of what it is about.
    :param calendar: an iCalendar object to attach.
    :param not_after: later it would be wrong; then it expires instead of being sent.
    :raises Invalid: no server could deliver to this address.
    """
    address = delivery.address(to)
    if address is None:
        raise Invalid({"email": _("Enter an e-mail address such as name@example.org.")})
    written: Email | None = session.scalar(
        insert(Email)
        .values(
            id=uuid.uuid4(),
            address=address,
            recipient=recipient,
            regarding=regarding,
            purpose=purpose,
            dedupe_key=dedupe_key,
            language=language,
            subject=delivery.one_line(subject),
            body=body,
            calendar=calendar,
            state=State.QUEUED,
            due_at=clock.now(),
            not_after=not_after,
        )
        .on_conflict_do_nothing(index_elements=[Email.dedupe_key])
        .returning(Email)
    )
    if written is None:
        return session.scalars(select(Email).where(Email.dedupe_key == dedupe_key)).one()
    enqueue(SEND)
    return written


def cancel_queued(*, regarding: uuid.UUID, reason: str) -> None:
    """Take back what is about this and still waits. What a worker has in hand is not taken back."""
    session.execute(
        update(Email)
        .where(Email.regarding == regarding, Email.state == State.QUEUED)
        .values(state=State.CANCELLED, cancel_reason=reason, ended_at=clock.now())
        .execution_options(synchronize_session="fetch")
    )


def send_again(email_id: uuid.UUID, *, by: StaffMember) -> None:
    """Somebody decides that an e-mail of which nobody knows whether it exists goes out once more, through the outbox.

    :raises DomainError: it was sent again, or heard of, in the meantime, or something newer was written about the same.
    """
    again = update(Email).where(Email.id == email_id, Email.state == State.UNSURE, ~queries.newer_is_written())
    if not changed(again.values(state=State.QUEUED, due_at=clock.now(), ended_at=None)):
        raise DomainError(_("It is not sent again: somebody has done so already, or something newer was written."))
    audit.record("sent again", "email", email_id, by=by.id)
    enqueue(SEND)


def end(email: Email, state: State, code: str | None = None) -> None:
    """Its last state; what did not certainly leave is told to the platform."""
    email.state, email.code = state, code or email.code
    email.lease_until, email.ended_at = None, clock.now()
    session.flush()  # reactions ask the database
    if state is not State.SENT:
        log.warning("e-mail %s ended %s (%s)", email.id, state.value, code)
        publish(EmailEnded(email.id, state.value, code))
