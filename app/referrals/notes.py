"""What the two sides of a referral write to each other, and each for itself. Nothing of it is ever texted."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, and_, exists, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from app import clock
from app.audit import operations as audit
from app.db import session
from app.errors import DomainError, Invalid
from app.events import NoteShared, publish
from app.i18n import gettext as _
from app.referrals.lifecycle import OPEN, Actor, Status
from app.referrals.models import Note, Referral
from app.referrals.operations import actor_of
from app.staff.models import StaffMember

LONGEST = 2000


def write(  # noqa: PLR0913  a note is this many facts
    referral: Referral,
    text: str,
    *,
    by: StaffMember,
    shared: bool = False,
    asks: bool = False,
    answers_id: uuid.UUID | None = None,
) -> Note:
    """Keep a note: for the writer's own side, or `shared` with the other.

    :param asks: it wants an answer, which makes it shared.
    :param answers_id: the question of the other side that it answers, which makes it shared, too.
    :raises Invalid: there is nothing in it, or too much. (422)
    :raises DomainError: the other side does not see the referral, or no longer; nobody there can answer; or the
        question has its answer. (409)
    """
    text = text.strip()
    if not text:
        raise Invalid({"note": _("Write a few words first.")})
    if len(text) > LONGEST:
        raise Invalid({"note": _("This is too long. Use %(most)s characters at most.", most=LONGEST)})
    side = actor_of(by, referral)
    shared = shared or asks or answers_id is not None
    if referral.status not in OPEN and (shared or side is Actor.AGENCY):
        raise DomainError(_("This request has ended, so nothing can be added for the other side."))
    if shared and not is_theirs(referral):
        raise DomainError(_("This referral has not been sent yet, so there is nothing to say about it."))
    if asks and side is Actor.SENDER and not can_answer(referral):
        raise DomainError(_("Nobody at this organization signs in here to answer. Share a note: they can write back."))
    if answers_id is not None:
        _refuse_strange_question(referral, side, answers_id)
    written: Note | None = session.scalar(
        insert(Note)
        .values(
            id=uuid.uuid4(),
            referral_id=referral.id,
            side=side,
            shared=shared,
            asks=asks,
            text=text,
            answers_id=answers_id,
            by_id=by.id,
            at=clock.now(),
        )
        .on_conflict_do_nothing(index_elements=[Note.answers_id])
        .returning(Note)
    )
    if written is None:
        raise DomainError(_("Somebody else has just answered this question."))
    audit.record("wrote a note", "referral", referral.id, by=by.id, shared=shared, asks=asks)
    if shared:
        publish(NoteShared(written.id))
    return written


def _refuse_strange_question(referral: Referral, side: Actor, question_id: uuid.UUID) -> None:
    asked = session.get(Note, question_id)
    if asked is None or asked.referral_id != referral.id or not asked.asks or asked.side is side:
        raise DomainError(_("There is no such question to answer. Look at the request again."))


def is_theirs(referral: Referral) -> bool:
    """Whether both sides see the referral now, so that something can be shared."""
    return referral.status in OPEN and referral.status is not Status.DRAFT


def can_answer(referral: Referral) -> bool:
    """Whether somebody of its agency signs in: over a link one reads notes and writes back, but answers no question."""
    someone = exists().where(StaffMember.organization_id == referral.organization_id, StaffMember.active)
    return bool(session.scalar(select(someone)))


@dataclass(frozen=True)
class Line:
    """A note as it is read."""

    id: uuid.UUID
    ours: bool
    """Whether the reader's own side wrote it."""
    shared: bool
    text: str
    by: str
    at: datetime
    waits: bool
    """It asks, and nobody has answered."""
    answers: str
    """The question that it answers."""


def visible(referral: Referral, staff: StaffMember) -> list[Line]:
    """What `staff` may read of the notes about a referral that is theirs to see, oldest first."""
    side = actor_of(staff, referral)
    asked, answer = aliased(Note), aliased(Note)
    answered = exists().where(answer.answers_id == Note.id)
    rows = session.execute(
        select(Note, StaffMember.name, asked.text, answered)
        .join(StaffMember, StaffMember.id == Note.by_id)
        .outerjoin(asked, asked.id == Note.answers_id)
        .where(Note.referral_id == referral.id, or_(Note.shared, Note.side == side))
        .order_by(Note.at, Note.id)
    )
    return [
        Line(
            id=note.id,
            ours=note.side is side,
            shared=note.shared,
            text=note.text,
            by=name,
            at=note.at,
            waits=note.asks and not has_answer,
            answers=question or "",
        )
        for note, name, question, has_answer in rows
    ]


def mark_read(referral: Referral) -> None:
    """The agency has looked: what the sender wrote until now is no longer new to it."""
    session.execute(update(Referral).where(Referral.id == referral.id).values(agency_read_at=clock.now()))


def unread(referral_ids: Iterable[uuid.UUID]) -> Mapping[uuid.UUID, int]:
    """For the agency: how many notes of the sender it has not seen, by referral; those without are left out."""
    found: dict[uuid.UUID, int] = {}
    for referral_id in session.scalars(_unread().where(Note.referral_id.in_(list(referral_ids)))):
        found[referral_id] = found.get(referral_id, 0) + 1
    return found


def _unread() -> Select[uuid.UUID]:
    return (
        select(Note.referral_id)
        .join(Referral, Referral.id == Note.referral_id)
        .where(
            and_(Note.shared, Note.side == Actor.SENDER),
            or_(Referral.agency_read_at.is_(None), Note.at > Referral.agency_read_at),
        )
    )
