"""What can be asked about texts. Nothing here changes a row."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, case, exists, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on

from app import clock
from app.config import settings
from app.db import session
from app.messaging import delivery
from app.messaging.delivery import ANSWER, FAILURES, State
from app.messaging.models import Inbound, Message, Pause, Suppression

OPT_OUT: Final = "opt-out"
OPT_IN: Final = "opt-in"


@dataclass(frozen=True)
class Line:
    """One text of a conversation, in either direction."""

    id: uuid.UUID
    direction: Literal["in", "out"]
    at: datetime
    """When it arrived or left; for one that waits, when it is to leave."""
    phone: str
    body: str
    status: str
    """A State for what we send; "received" or, once read, what was done about it for what arrives."""
    language: str | None = None
    purpose: str | None = None
    segments: int | None = None
    code: str | None = None
    """The error code of a failure."""
    why: str | None = None
    """Why it failed, waits or was taken back: words for a code, otherwise the reason given."""
    meaning: str | None = None
    recipient: uuid.UUID | None = None
    regarding: uuid.UUID | None = None


def message(message_id: uuid.UUID) -> Message | None:
    return session.get(Message, message_id)


def inbound(inbound_id: uuid.UUID) -> Inbound | None:
    return session.get(Inbound, inbound_id)


def is_suppressed(phone: str) -> bool:
    """Whether nobody may text this phone now."""
    return bool(session.scalar(select(_suppressed(phone).exists())))


def _suppressed(phone: str) -> Any:  # noqa: ANN401  a select, for `exists`
    return select(Suppression.id).where(Suppression.phone == phone, Suppression.lifted_at.is_(None))


def suppression(phone: str) -> Suppression | None:
    """What keeps us from texting this phone now."""
    return session.scalars(
        select(Suppression).where(Suppression.phone == phone, Suppression.lifted_at.is_(None)).limit(1)
    ).first()


def unmirrored(limit: int) -> Sequence[Suppression]:
    """The newest word of each phone about wanting texts, where the provider's list does not have it yet."""
    newest = (
        select(Suppression.id)
        .ext(distinct_on(Suppression.phone))
        .order_by(Suppression.phone, Suppression.lifted_at.is_(None).desc(), Suppression.at.desc())
    )
    wanted = case((Suppression.lifted_at.is_(None), OPT_OUT), else_=OPT_IN)
    return session.scalars(
        select(Suppression)
        .where(Suppression.id.in_(newest), Suppression.mirrored.is_distinct_from(wanted))
        .order_by(Suppression.at)
        .limit(limit)
    ).all()


def has_texted_since(phone: str, moment: datetime) -> bool:
    """Whether somebody wrote to us from this phone after `moment`."""
    return bool(session.scalar(select(exists().where(Inbound.phone == phone, Inbound.received_at > moment))))


def notices_since(phone: str, moment: datetime) -> Sequence[datetime]:
    """When texts that nobody had asked for left for this phone after `moment`."""
    return [
        left
        for left in session.scalars(
            select(Message.accepted_at).where(
                Message.phone == phone, Message.accepted_at > moment, Message.priority < ANSWER
            )
        )
        if left
    ]


def answers_since(phone: str, moment: datetime) -> Sequence[str]:
    """What was written to this phone since `moment` in answer to its texts and not held back."""
    return session.scalars(
        select(Message.body).where(
            Message.phone == phone,
            Message.created_at > moment,
            Message.priority >= ANSWER,
            Message.state != State.HELD,
        )
    ).all()


def has_left(phone: str, written_since: datetime, by: datetime) -> bool:
    """Whether a text that was written to this phone since then had left `by` then."""
    left = exists().where(Message.phone == phone, Message.created_at >= written_since, Message.accepted_at <= by)
    return bool(session.scalar(select(left)))


def last_template(phone: str, templates: Collection[str]) -> str | None:
    """Which of these texts was written to this phone last; None when none was."""
    return session.scalar(
        select(Message.template)
        .where(Message.phone == phone, Message.template.in_(templates))
        .order_by(Message.position.desc())
        .limit(1)
    )


def conversation(recipient: uuid.UUID) -> list[Line]:
    """Everything texted to a person, and everything they texted that was understood as theirs; oldest first."""
    return _lines(Message.recipient == recipient, Inbound.recipient == recipient)


def conversation_with(phone: str) -> list[Line]:
    """Everything texted to and from a phone, whoever uses it; oldest first."""
    return _lines(Message.phone == phone, Inbound.phone == phone)


def _lines(ours: ColumnElement[bool], theirs: ColumnElement[bool]) -> list[Line]:
    sent = session.scalars(select(Message).where(ours).order_by(Message.position))
    came = session.scalars(select(Inbound).where(theirs).order_by(Inbound.received_at))
    lines = [*map(_line_in, came), *map(_line_out, sent)]  # at the same moment, an answer stands below what it answers
    return sorted(lines, key=lambda line: line.at)


def _line_out(message: Message) -> Line:
    explained = delivery.rule(message.error_code).means if message.error_code else None
    return Line(
        id=message.id,
        direction="out",
        at=message.accepted_at or message.ended_at or message.due_at,
        phone=message.phone,
        body=message.body,
        status=message.state.value,
        language=message.language,
        purpose=message.purpose,
        segments=message.segments,
        code=message.error_code,
        why=explained or message.hold_reason or message.cancel_reason or message.waits_for,
        recipient=message.recipient,
        regarding=message.regarding,
    )


def _line_in(inbound: Inbound) -> Line:
    return Line(
        id=inbound.id,
        direction="in",
        at=inbound.received_at,
        phone=inbound.phone,
        body=inbound.body,
        status=inbound.result or "received",
        meaning=inbound.meaning,
        recipient=inbound.recipient,
        regarding=inbound.regarding,
    )


def phones() -> list[tuple[str, datetime]]:
    """Every phone we have texted or heard from, with the time of its last text; the latest first."""
    seen = (
        select(Message.phone, Message.created_at.label("at"))
        .union_all(select(Inbound.phone, Inbound.received_at))
        .subquery()
    )
    last = func.max(seen.c.at)
    return [
        (phone, at)
        for phone, at in session.execute(select(seen.c.phone, last).group_by(seen.c.phone).order_by(last.desc()))
    ]


LONG_CODE = 1.0
"""Segments a second that carriers let an ordinary number send, where nobody has said what ours may."""

READ_BY_THEN = timedelta(minutes=5)


def unhandled_inbound(limit: int = 200) -> Sequence[Inbound]:
    """Texts a person must look at, oldest first: what the reading left to one, and what nothing has read for long."""
    unread = Inbound.processed_at.is_(None) & (Inbound.received_at < clock.now() - READ_BY_THEN)
    left_to_a_person = Inbound.for_a_person & Inbound.handled_at.is_(None)
    return session.scalars(
        select(Inbound).where(or_(unread, left_to_a_person)).order_by(Inbound.received_at).limit(limit)
    ).all()


@dataclass(frozen=True)
class Backlog:
    """What waits, how long already, and what went wrong in the last 24 hours."""

    due: int
    oldest_due: datetime | None
    later: int
    """Queued for a time that has not come yet."""
    segments_waiting: int
    """Of what is due."""
    takes: timedelta
    """Until all that is due has left, at the speed of our sender."""
    held: int
    unsure: int
    oldest_unsure: datetime | None
    unread: int
    oldest_unread: datetime | None
    failures: dict[str, int]
    """Error code → how many texts ended with it; the most frequent first."""
    put_off: dict[str, int]
    """Why texts wait that could have gone → how many."""
    texts_this_month: int
    segments_this_month: int
    cost_this_month: float
    """US dollars."""
    paused: Sequence[Pause]
    """The senders that nothing leaves from now, and why."""


def backlog() -> Backlog:
    now = clock.now()
    due = (Message.state == State.QUEUED) & (Message.due_at <= now)
    waits = session.execute(
        select(
            func.count().filter(due),
            func.min(Message.due_at).filter(due),
            func.count().filter((Message.state == State.QUEUED) & (Message.due_at > now)),
            func.coalesce(func.sum(Message.segments).filter(due), 0),
            func.count().filter(Message.state == State.HELD),
            func.count().filter(Message.state == State.UNSURE),
            func.min(Message.due_at).filter(Message.state == State.UNSURE),
        ).where(Message.state.in_([State.QUEUED, State.HELD, State.UNSURE]))
    ).one()
    due_count, oldest_due, later, segments, held, unsure, oldest_unsure = waits
    unread = session.execute(
        select(func.count(), func.min(Inbound.received_at)).where(Inbound.processed_at.is_(None))
    ).one()
    failures = session.execute(
        select(func.coalesce(Message.error_code, "unknown"), func.count())
        .where(Message.state.in_(FAILURES), Message.ended_at > now - timedelta(days=1))
        .group_by(Message.error_code)
        .order_by(func.count().desc())
    )
    put_off = session.execute(
        select(Message.waits_for, func.count())
        .where(Message.state == State.QUEUED, Message.waits_for.is_not(None))
        .group_by(Message.waits_for)
    )
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    texts, spent = session.execute(
        select(func.count(), func.coalesce(func.sum(Message.segments), 0)).where(Message.accepted_at >= month)
    ).one()
    return Backlog(
        due=due_count,
        oldest_due=oldest_due,
        later=later,
        segments_waiting=segments,
        takes=timedelta(seconds=segments / (settings().segments_per_second or LONG_CODE)),
        held=held,
        unsure=unsure,
        oldest_unsure=oldest_unsure,
        unread=unread[0],
        oldest_unread=unread[1],
        failures=dict(failures.all()),
        put_off={why: count for why, count in put_off if why},
        texts_this_month=texts,
        segments_this_month=spent,
        cost_this_month=spent * settings().price_per_segment,
        paused=paused(),
    )


def paused() -> Sequence[Pause]:
    """The senders that nothing leaves from now."""
    return session.scalars(select(Pause).where(Pause.until > clock.now())).all()


def health() -> dict[str, Any]:
    """Messaging in a few numbers, for a machine that watches; ages in whole seconds."""
    now = clock.now()
    waits = backlog()

    def age(since: datetime | None) -> int:
        return max(0, int((now - since).total_seconds())) if since else 0

    return {
        "waiting": waits.due,
        "oldest_waiting_seconds": age(waits.oldest_due),
        "unsure": waits.unsure,
        "unread": waits.unread,
        "oldest_unread_seconds": age(waits.oldest_unread),
        "paused": sorted({row.code for row in waits.paused}),
    }
