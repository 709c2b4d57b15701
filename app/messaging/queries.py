"""What can be asked about texts. Nothing here changes a row."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Text, bindparam, case, exists, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from app import clock
from app.config import settings
from app.db import session
from app.messaging import delivery
from app.messaging.delivery import ANSWER, FAILURES, State
from app.messaging.models import Attempt, Inbound, Message, Pause, Sender, Suppression

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
    written_by: uuid.UUID | None = None
    hold: str | None = None
    """Why it is held back, when it is."""


def message(message_id: uuid.UUID) -> Message | None:
    return session.get(Message, message_id)


def inbound(inbound_id: uuid.UUID) -> Inbound | None:
    return session.get(Inbound, inbound_id)


# Asked for every text, so these are written once.
_PHONE = bindparam("phone", type_=Text)
_SUPPRESSED = select(Suppression.id).where(Suppression.phone == _PHONE, Suppression.lifted_at.is_(None)).exists()
_IS_SUPPRESSED = select(_SUPPRESSED)
_ANSWERS = select(Message.body).where(
    Message.phone == _PHONE,
    Message.created_at > bindparam("since"),
    Message.priority >= ANSWER,
    Message.state != State.HELD,
)
_STANDING = select(_SUPPRESSED, func.array(_ANSWERS.scalar_subquery()))


def is_suppressed(phone: str) -> bool:
    """Whether nobody may text this phone now."""
    return bool(session.scalar(_IS_SUPPRESSED, {"phone": phone}))


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


def notices_since(phone: str, moment: datetime, *, but: str) -> Sequence[datetime]:
    """When texts that nobody had asked for left for this phone after `moment`, without those of the purpose `but`."""
    return [
        left
        for left in session.scalars(
            select(Message.accepted_at).where(
                Message.phone == phone,
                Message.accepted_at > moment,
                Message.priority < ANSWER,
                Message.purpose != but,
            )
        )
        if left
    ]


@dataclass(frozen=True)
class Standing:
    """What decides whether a phone may be written to."""

    suppressed: bool
    answers: Sequence[str]
    """What was written to it lately in answer to its texts and not held back."""


def standing(phone: str, answers_since: datetime | None) -> Standing:
    """Asked in one go, since it is asked for every text; no answers when None is given."""
    if answers_since is None:
        return Standing(is_suppressed(phone), ())
    return Standing(*session.execute(_STANDING, {"phone": phone, "since": answers_since}).one())


def our_numbers() -> Sequence[str]:
    """Our numbers, where there are several of which one has to be chosen; else none."""
    numbers = settings().twilio_numbers
    return numbers if len(numbers) > 1 else ()


def numbers_for(phone: str) -> Mapping[uuid.UUID, str]:
    """From which of our numbers each person is texted on this phone; nobody where we have but one."""
    ours = our_numbers()
    if not ours:
        return {}
    senders = session.scalars(select(Sender).where(Sender.phone == phone, Sender.number.in_(ours)))
    return {sender.recipient: sender.number for sender in senders}


def texted_without_number(phone: str) -> uuid.UUID | None:
    """Who was texted first on this phone of those who have no number of ours there."""
    has_one = exists().where(Sender.phone == Message.phone, Sender.recipient == Message.recipient)
    return session.scalar(
        select(Message.recipient)
        .where(Message.phone == phone, Message.recipient.is_not(None), ~has_one)
        .group_by(Message.recipient)
        .order_by(func.min(Message.position))
        .limit(1)
    )


def last_number(phone: str) -> str | None:
    """From which of our numbers this phone was texted last; None where there was no choice."""
    return session.scalar(
        select(Message.number).where(Message.phone == phone).order_by(Message.position.desc()).limit(1)
    )


def told_about(phone: str, regarding: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Which of these things somebody with this phone may have read about, as far as we know."""
    told = select(Message.regarding).where(
        Message.phone == phone,
        Message.regarding.in_(regarding),
        Message.state.not_in((State.QUEUED, State.CANCELLED, State.HELD, State.EXPIRED, State.FAILED)),
    )
    return set(filter(None, session.scalars(told)))


def is_written(dedupe_key: str) -> bool:
    """Whether the text for this purpose is there, whatever became of it."""
    return bool(session.scalar(select(exists().where(Message.dedupe_key == dedupe_key))))


def left_about(regarding: uuid.UUID, templates: Collection[str]) -> list[tuple[datetime, str]]:
    """When texts made from these templates about this have gone out, and how far each of them got."""
    gone = (Message.regarding == regarding, Message.template.in_(templates), Message.accepted_at.is_not(None))
    found = session.execute(select(Message.accepted_at, Message.state).where(*gone).order_by(Message.accepted_at))
    return [(at, state.value) for at, state in found if at]


def has_left(phone: str, written_since: datetime, by: datetime, *, to: Collection[uuid.UUID]) -> bool:
    """Whether a text that was written to one of these people on this phone since then had left `by` then."""
    left = exists().where(
        Message.phone == phone,
        Message.recipient.in_(to),
        Message.created_at >= written_since,
        Message.accepted_at <= by,
    )
    return bool(session.scalar(select(left)))


def last_template(recipient: uuid.UUID, templates: Collection[str]) -> str | None:
    """Which of these texts was written to this person last; None when none was."""
    return session.scalar(
        select(Message.template)
        .where(Message.recipient == recipient, Message.template.in_(templates))
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
        written_by=message.written_by,
        hold=message.hold_reason,
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


def phones() -> list[tuple[str, datetime, str]]:
    """Every phone we have texted or heard from, with the time and the words of its last text; the latest first."""
    seen = (
        select(Message.phone, Message.created_at.label("at"), Message.body)
        .union_all(select(Inbound.phone, Inbound.received_at, Inbound.body))
        .subquery()
    )
    last = select(seen).ext(distinct_on(seen.c.phone)).order_by(seen.c.phone, seen.c.at.desc()).subquery()
    return [(phone, at, body) for phone, at, body in session.execute(select(last).order_by(last.c.at.desc()))]


LONG_CODE = 1.0
"""Segments a second that carriers let an ordinary number send, where nobody has said what ours may."""

READ_BY_THEN = timedelta(minutes=5)


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
    # Each attempt that made a text is paid for, also when the network gave it up and it was sent anew.
    texts, spent = session.execute(
        select(func.count(), func.coalesce(func.sum(Message.segments), 0))
        .join(Attempt, Attempt.message_id == Message.id)
        .where(Attempt.sid.is_not(None), Attempt.started_at >= month)
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


def held(limit: int = 50) -> Sequence[Message]:
    """The texts that wait for a person's decision, the oldest first."""
    return session.scalars(
        select(Message).where(Message.state == State.HELD).order_by(Message.position).limit(limit)
    ).all()


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
