from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.dialects.postgresql import insert

from app import clock
from app.audit import operations as audit
from app.db import changed, session
from app.errors import DomainError
from app.events import WorkFinished, publish
from app.i18n import gettext as _
from app.referrals.models import Referral
from app.staff.models import StaffMember
from app.worklist.kinds import Kind
from app.worklist.models import WorkItem

OUTCOMES = ("done", "not-reached", "not-needed")


def ask_person(  # noqa: PLR0913  a piece of work is this many facts
    kind: Kind,
    purpose: str,
    *,
    due_at: datetime,
    team_id: uuid.UUID | None,
    owner_id: uuid.UUID | None = None,
    patient_id: uuid.UUID | None = None,
    referral_id: uuid.UUID | None = None,
    inbound_id: uuid.UUID | None = None,
    urgent: bool = False,
    **detail: str | None,
) -> None:
    """Put work on somebody's list, unless the same purpose is open there already."""
    session.execute(
        insert(WorkItem)
        .values(
            id=uuid.uuid4(),
            kind=kind,
            purpose=purpose,
            due_at=due_at,
            team_id=team_id,
            owner_id=owner_id,
            patient_id=patient_id,
            referral_id=referral_id,
            inbound_id=inbound_id,
            urgent=urgent,
            detail=detail,
            created_at=clock.now(),
        )
        .on_conflict_do_nothing(index_elements=["purpose"], index_where=WorkItem.done_at.is_(None))
    )


def finish(item: WorkItem, outcome: str, *, by: StaffMember) -> None:
    """Take an item off the list.

    :raises DomainError: somebody else did so first, or the outcome is none of done, not-reached and not-needed.
    """
    if outcome not in OUTCOMES:
        raise DomainError(_("Say what came of it: done, not reached, or not needed."))
    done = (
        update(WorkItem)
        .where(WorkItem.id == item.id, WorkItem.done_at.is_(None))
        .values(done_at=clock.now(), done_by_id=by.id, outcome=outcome)
    )
    if not changed(done):
        raise DomainError(_("Somebody else has already taken care of this."))
    audit.record("finished work", "work item", item.id, by=by.id, outcome=outcome)
    publish(WorkFinished(item.id, outcome))


def settle(kinds: Collection[Kind], *, referral_id: uuid.UUID) -> None:
    """Take off every list what an event has just made unnecessary."""
    _settle(kinds, WorkItem.referral_id == referral_id)


def settle_for_need(kinds: Collection[Kind], *, need_id: uuid.UUID) -> None:
    """The same for all referrals that were ever made for one need."""
    _settle(kinds, WorkItem.referral_id.in_(select(Referral.id).where(Referral.need_id == need_id)))


def _settle(kinds: Collection[Kind], which: ColumnElement[bool]) -> None:
    session.execute(
        update(WorkItem)
        .where(which, WorkItem.kind.in_(kinds), WorkItem.done_at.is_(None))
        .values(done_at=clock.now(), outcome="not-needed")
        .execution_options(synchronize_session=False)
    )
