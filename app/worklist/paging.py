"""Paging: an urgent text reaches a person within a minute, and another one while nobody has taken it.

`escalation` says who comes next. A page is a text in the outbox like any other, so a crash neither loses nor doubles
it; it says nothing about any patient. What is due is written on the piece of work itself, under its row lock, so the
periodic task and a failed page never page for the same step twice.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Select, exists, or_, select, update

from app import clock, i18n
from app.audit import operations as audit
from app.config import settings
from app.db import changed, session
from app.errors import DomainError
from app.i18n import gettext as _
from app.messaging import operations as messaging
from app.messaging.delivery import FAILURES, URGENT, WAITING
from app.messaging.models import Message
from app.staff import queries as staff
from app.staff.models import StaffMember
from app.worklist import escalation
from app.worklist.escalation import Pageable, Roster, Round
from app.worklist.kinds import Kind
from app.worklist.models import StaffPage, WorkItem

PAGE_NEXT = "worklist.page_next"
"""The job that finds somebody else when a page did not arrive; it is known here by name only."""

EXPIRES_AFTER = timedelta(minutes=15)
"""A page that has not left by then would only be noise: the next ones have been written meanwhile."""

AT_ONCE = 100
"""Pieces of work that one run takes on."""

TODAY = "/today"


def start(purpose: str) -> None:
    """Page somebody now about the open piece of work of this purpose. Doing it again changes nothing."""
    item = session.scalar(
        _open().where(WorkItem.purpose == purpose, WorkItem.page_at.is_(None), WorkItem.page_step == 0)
    )
    if item is not None:
        _page(item)


def page_due() -> int:
    """Page the next person about every urgent text that nobody has taken in time; says about how many."""
    due = session.scalars(
        _open().where(WorkItem.page_at <= clock.now()).order_by(WorkItem.page_at, WorkItem.id).limit(AT_ONCE)
    ).all()
    for item in due:
        _page(item)
    return len(due)


def page_instead(message_id: uuid.UUID) -> None:
    """Somebody did not get this page: page the next person at once. Doing it again changes nothing."""
    items = session.scalars(select(StaffPage.item_id).where(StaffPage.message_id == message_id).distinct())
    for item_id in sorted(items):
        item = session.scalar(
            select(WorkItem).where(WorkItem.id == item_id).with_for_update().execution_options(populate_existing=True)
        )
        failed = (
            update(StaffPage)
            .where(StaffPage.item_id == item_id, StaffPage.message_id == message_id, StaffPage.failed_at.is_(None))
            .values(failed_at=clock.now())
        )
        if changed(failed) and item and item.done_at is None and item.taken_at is None:
            _replace(item)


def take(item: WorkItem, *, by: StaffMember) -> None:
    """“I am on it”: nobody else is paged about this.

    :raises DomainError: it is done, or somebody else has it.
    """
    taken = (
        update(WorkItem)
        .where(WorkItem.id == item.id, WorkItem.taken_at.is_(None), WorkItem.done_at.is_(None))
        .values(taken_at=clock.now(), taken_by_id=by.id, owner_id=by.id, page_at=None)
    )
    if not changed(taken):
        raise DomainError(_("Somebody else is on it already, or it is done."))
    audit.record("took", "work item", item.id, by=by.id)
    stop(item.id)


def stop(item_id: uuid.UUID) -> None:
    """Take back the pages about this that have not left."""
    messaging.cancel_queued(regarding=item_id, reason="taken")


def _open() -> Select[WorkItem]:
    """Urgent texts that nobody has taken, locked; one that somebody else works on right now is left out."""
    return (
        select(WorkItem)
        .where(WorkItem.kind == Kind.URGENT_TEXT, WorkItem.taken_at.is_(None), WorkItem.done_at.is_(None))
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )


def _page(item: WorkItem) -> None:
    """Take the next steps until somebody is paged who can be."""
    roster = _roster(item)
    now = clock.now()
    for _step in escalation.STEPS:
        turn = escalation.next_round(item.page_step, roster, _paged(item))
        if turn is None:
            break
        if _write(item, turn, now):
            item.page_at = escalation.next_at(now, item.page_step, settings().page_again_after)
            return
    item.page_at = None
    _begin_again_unless_reached(item)


def _begin_again_unless_reached(item: WorkItem) -> None:
    """While no page has reached anybody, for want of phones or for an outage, look again every minute."""
    if not _reached(item):
        item.page_step, item.page_at = 0, clock.now() + escalation.PATIENCE_WITHOUT_ANYBODY


def _replace(item: WorkItem) -> None:
    now = clock.now()
    for _step in escalation.STEPS:
        turn = escalation.replacement(item.page_step, _roster(item), _paged(item))
        if turn is None:
            break
        if _write(item, turn, now):
            item.page_at = escalation.next_at(now, item.page_step, settings().page_again_after)
            return
    _begin_again_unless_reached(item)


def _write(item: WorkItem, turn: Round, now: datetime) -> bool:
    """Page these people; False when none of them can be texted."""
    item.page_step = turn.steps_done
    leaves = [_text(item, person, now) for person in turn.whom]  # everybody, also after the first who can
    return any(leaves)


def _text(item: WorkItem, person: Pageable, now: datetime) -> bool:
    """Page one person; False when their phone is known not to take texts.

    Who has been paged within the time that a page has to work is not paged for the next urgent text as well: the page
    says “sign in”, and all of them stand there.
    """
    recent = session.scalar(_recent_page(person.phone, now - settings().page_again_after))
    if recent is not None and recent.item_id != item.id:
        message_id, leaves = recent.message_id, True
    else:
        message = messaging.queue_text(
            to=person.phone,
            recipient=person.staff_id,
            regarding=item.id,
            purpose=messaging.STAFF_PAGE,
            dedupe_key=f"page:{item.id}:{item.page_step}:{person.phone}:{now.isoformat()}",
            language=person.language,
            template=messaging.STAFF_PAGE,
            body=words(person.language),
            priority=URGENT,
            not_after=now + EXPIRES_AFTER,
        )
        message_id, leaves = message.id, message.state in WAITING
    session.add(
        StaffPage(
            item_id=item.id,
            step=item.page_step,
            staff_id=person.staff_id,
            phone=person.phone,
            message_id=message_id,
            at=now,
            failed_at=None if leaves else now,
        )
    )
    session.flush()  # the next step looks at who has been paged
    return leaves


def _recent_page(phone: str, since: datetime) -> Select[StaffPage]:
    """The newest page to this phone that has not failed and that nobody has acted upon."""
    return (
        select(StaffPage)
        .join(WorkItem, WorkItem.id == StaffPage.item_id)
        .where(
            StaffPage.phone == phone,
            StaffPage.at > since,
            StaffPage.failed_at.is_(None),
            WorkItem.taken_at.is_(None),
            WorkItem.done_at.is_(None),
        )
        .order_by(StaffPage.at.desc())
        .limit(1)
    )


def words(language: str) -> str:
    """What a page says, in the language of whoever is paged. Nothing about anybody: staff phones lie on tables."""
    with i18n.speaking(language):
        return _(
            "%(network)s: an urgent text needs you now. Sign in: %(address)s",
            network=settings().network_name,
            address=f"{settings().public_base_url}{TODAY}",
        )


def _paged(item: WorkItem) -> set[str]:
    return set(session.scalars(select(StaffPage.phone).where(StaffPage.item_id == item.id)))


def _reached(item: WorkItem) -> bool:
    return bool(session.scalar(select(exists().where(StaffPage.item_id == item.id, StaffPage.failed_at.is_(None)))))


def _roster(item: WorkItem) -> Roster:
    """Whoever answers for the patient, or their team's lead when that person has no phone; and who is on call."""
    lead = staff.team_lead(item.team_id) if item.team_id else None
    candidates: Iterator[uuid.UUID | None] = iter((item.owner_id, lead.id if lead else None))
    responsible = next((found for known in candidates if known and (found := staff.reachable(known))), None)
    fallback = settings().urgent_fallback_phone
    dead = _dead_phones(item)
    on_call = (*_pageable(staff.on_call(item.team_id)), *((Pageable(fallback),) if fallback else ()))
    return Roster(
        responsible=[who for who in _pageable([responsible] if responsible else []) if who.phone not in dead],
        on_call=[who for who in on_call if who.phone not in dead],
    )


def _pageable(people: Sequence[StaffMember]) -> tuple[Pageable, ...]:
    return tuple(Pageable(person.phone, person.id, person.language) for person in people if person.phone)


def _dead_phones(item: WorkItem) -> set[str]:
    """The phones that took no page about this. One that only came too late may take the next."""
    failed = or_(Message.state.in_(FAILURES), Message.cancel_reason == messaging.OPTED_OUT)
    pages = select(StaffPage.phone).join(Message, Message.id == StaffPage.message_id)
    return set(session.scalars(pages.where(StaffPage.item_id == item.id, failed)))
