from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime
from typing import cast

from sqlalchemy import ColumnElement, Table, and_, bindparam, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from app import clock
from app.audit import operations as audit
from app.db import changed, session
from app.errors import DomainError
from app.events import WorkFinished, publish
from app.i18n import gettext as _
from app.staff.models import StaffMember
from app.worklist.kinds import Kind
from app.worklist.models import WorkItem

OUTCOMES = ("done", "not-reached", "not-needed")
LONGEST_NOTE = 500


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


def finish(item: WorkItem, outcome: str, *, by: StaffMember, note: str = "") -> None:
    """Take an item off the list.

    :param note: what the next one should know; kept with the item.
    :raises DomainError: somebody else did so first, or the outcome is none of done, not-reached and not-needed.
    """
    if outcome not in OUTCOMES:
        raise DomainError(_("Say what came of it: done, not reached, or not needed."))
    if len(note) > LONGEST_NOTE:
        raise DomainError(_("This is too long. Use %(most)s characters at most.", most=LONGEST_NOTE))
    done = (
        update(WorkItem)
        .where(WorkItem.id == item.id, WorkItem.done_at.is_(None))
        .values(done_at=clock.now(), done_by_id=by.id, outcome=outcome, note=note.strip())
    )
    if not changed(done):
        raise DomainError(_("Somebody else has already taken care of this."))
    audit.record("finished work", "work item", item.id, by=by.id, outcome=outcome)
    publish(WorkFinished(item.id, outcome))


def tries_in_vain(purpose: str) -> int:
    """How often this very work was finished without anybody being reached."""
    vain = select(func.count()).where(WorkItem.purpose == purpose, WorkItem.outcome == "not-reached")
    return session.scalar(vain) or 0


_ITEM = cast("Table", WorkItem.__table__)
_SETTLE = update(_ITEM).where(
    or_(
        and_(_ITEM.c.referral_id == bindparam("of"), _ITEM.c.kind.in_(bindparam("kinds", expanding=True))),
        _ITEM.c.purpose == bindparam("this_one"),  # nothing is equal to none
    ),
    _ITEM.c.done_at.is_(None),
)


def settle(kinds: Collection[Kind], *, referral_id: uuid.UUID, purpose: str | None = None) -> None:
    """Take off every list what an event has just made unnecessary: these kinds for a referral, and this one purpose."""
    done = {"done_at": clock.now(), "outcome": "not-needed"}
    session.execute(_SETTLE, {"of": referral_id, "kinds": list(kinds), "this_one": purpose, **done})


def settle_purpose(purpose: str) -> None:
    """Take off every list what was asked for with this purpose: somebody has just done it elsewhere."""
    _settle(WorkItem.purpose == purpose)


def settle_for_patient(kinds: Collection[Kind], *, patient_id: uuid.UUID) -> None:
    """The same for everything about one patient."""
    _settle(and_(WorkItem.patient_id == patient_id, WorkItem.kind.in_(kinds)))


def _settle(which: ColumnElement[bool]) -> None:
    session.execute(
        update(WorkItem)
        .where(which, WorkItem.done_at.is_(None))
        .values(done_at=clock.now(), outcome="not-needed")
        .execution_options(synchronize_session=False)
    )


def postpone(kinds: Collection[Kind], *, patient_id: uuid.UUID, since: datetime, until: datetime) -> None:
    """Nobody could do this from `since` to `until`, so it is due that much later."""
    waited = until - func.greatest(WorkItem.created_at, since)
    session.execute(
        update(WorkItem)
        .where(
            WorkItem.patient_id == patient_id,
            WorkItem.kind.in_(kinds),
            WorkItem.done_at.is_(None),
            WorkItem.created_at < until,
        )
        .values(due_at=WorkItem.due_at + waited)
        .execution_options(synchronize_session=False)
    )


def forget(patient_id: uuid.UUID) -> None:
    """Blank what was noted in free words about this patient."""
    session.execute(update(WorkItem).where(WorkItem.patient_id == patient_id).values(note=""))
