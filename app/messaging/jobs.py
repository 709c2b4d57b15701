"""Sending what is queued, and the sweeps that find what a dead worker, a lost answer or a lost callback left behind.

A text is claimed in one short transaction, handed to the gateway in none, and what came of it is recorded in another:
a slow provider must not hold a database connection. So these jobs commit in the middle. Between two commits a worker
may die; then the text stays *sending* until its lease is over and becomes *unsure*, and an unsure text is looked for
before it is ever sent again.

Leases and looks are counted on the database's clock, which all workers share; theirs may be wrong.
"""

from __future__ import annotations

import logging
import random
import re
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, bindparam, exists, func, not_, or_, select, true, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from app import clock
from app.config import settings
from app.db import database_now, session
from app.events import PhonesDeactivated, TextArrived, TextUnread, publish
from app.jobs import enqueue, is_scheduled, queue
from app.messaging import delivery, gateways, operations, queries, windows
from app.messaging.delivery import (
    ANSWER,
    IN_FLIGHT,
    SILENT,
    SOMEWHERE,
    URGENT,
    Accepted,
    NotSent,
    Outcome,
    Outgoing,
    Refused,
    State,
    Unsure,
)
from app.messaging.gateways import MOST_WISHES, Gateway, LookupFailed, Wish
from app.messaging.models import Attempt, DeactivationList, Ended, Inbound, Message, Pace, Pause, Suppression
from app.messaging.windows import ANSWER_WITHIN, WEEK, Delay

log = logging.getLogger(__name__)

WORK_FOR = 15.0
"""Seconds after which a sending job makes way for others; shorter than a worker waits for its jobs when it stops."""

MOST_CYCLES = 8
"""How often a text that vanishes without an answer is sent anew."""

AHEAD = timedelta(seconds=6)
"""How far a sender may run ahead of its speed, so that it need not be looked after every second."""

LOST_JOB_AFTER = timedelta(seconds=20)
SILENT_AFTER = timedelta(hours=4)
GIVEN_UP_AFTER = timedelta(hours=72)
LOST_REPLIES_SINCE = timedelta(hours=48)
LONGEST_REREAD = timedelta(hours=1)
READINGS_ALONE = 3
"""After so many readings that failed, some seven minutes, a person is asked as well."""
AT_ONCE = 200
"""Rows that one sweep takes on."""
LISTS_FOR = 7
"""Days back that a list of phones which were switched off is still looked for."""
NUMBERS_AT_ONCE = 5_000
E164 = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)


def _gateway() -> Gateway:
    return gateways.chosen(settings())


# Sending


@dataclass(frozen=True)
class Claim:
    """A text in the hands of one worker, and the attempt it is making."""

    outgoing: Outgoing
    attempt_id: uuid.UUID


@queue.task(name=operations.SEND)
def send() -> None:
    """Send what is due, the most urgent first, until nothing is or others should have a turn."""
    gateway = _gateway()
    enough = time.monotonic() + WORK_FOR
    while claim := claim_next(gateway):
        session.commit()  # from here until the answer is in, no connection is held
        outcome = gateway.send(claim.outgoing)
        record(claim, outcome, gateway)
        session.commit()
        if time.monotonic() > enough:
            enqueue(operations.SEND)
            return


def claim_next(gateway: Gateway) -> Claim | None:
    """Take the next text that may be sent; those that must not be any more are ended on the way."""
    if session.scalar(select(_is_paused(gateway))):
        return None
    while message := _next_due():
        if message.not_after and message.not_after <= clock.now():
            operations.end(message, State.EXPIRED)
        elif message.purpose != operations.OPT_OUT_CONFIRMATION and queries.is_suppressed(message.phone):
            operations.cancel(message, operations.OPTED_OUT)
        elif delay := delay_of(message):
            if message.not_after and message.not_after <= delay.until:
                operations.end(message, State.EXPIRED)  # now, so that a person has the time to call
            else:
                operations.postpone(message, delay)
        elif not _has_room(message, gateway):
            return None
        elif claim := _take(message, gateway):
            return claim
        session.commit()  # in the evening there may be thousands to put off, and a STOP must not wait for them
    return None


def delay_of(message: Message) -> Delay | None:
    """Why this text may not go out now, by the person's clock and by what they have had from us already."""
    if _at_any_hour(message):
        return None
    counts = message.priority < ANSWER and message.purpose != operations.AGENCY_CONTACT
    caps = settings().text_caps if counts else None
    now, zone = clock.now(), ZoneInfo(message.zone or SOMEWHERE)
    # A day more than a week: days are counted where the person is.
    since = now - WEEK - timedelta(days=1)
    unasked = queries.notices_since(message.phone, since, but=operations.AGENCY_CONTACT) if caps else ()
    return windows.delay(settings().quiet_hours, caps, unasked, now, zone, region=message.region)


def _at_any_hour(message: Message) -> bool:
    """What is urgent, the one confirmation of a STOP, and an answer to somebody who has just texted."""
    if message.priority >= URGENT or message.purpose == operations.OPT_OUT_CONFIRMATION:
        return True
    return message.priority >= ANSWER and queries.has_texted_since(message.phone, clock.now() - ANSWER_WITHIN)


def _has_room(message: Message, gateway: Gateway) -> bool:
    """Whether the sender may send this text now, which then counts; if not, a job will come back when it may.

    What the provider is handed faster waits in its queue, where no answer can overtake it. Answers count and
    never wait.
    """
    speed = settings().segments_per_second
    if speed is None:
        return True
    now, takes = clock.now(), timedelta(seconds=message.segments / speed)
    used = insert(Pace).values(sender=gateway.sender, free_at=now + takes)
    reserved = session.scalar(
        used.on_conflict_do_update(
            index_elements=[Pace.sender],
            set_={"free_at": func.greatest(Pace.free_at, now) + takes},
            where=true() if message.priority >= ANSWER else Pace.free_at <= now + AHEAD,
        ).returning(Pace.free_at)
    )
    if reserved is None and not is_scheduled(operations.SEND, now):
        enqueue(operations.SEND, at=now + AHEAD / 2)
    return reserved is not None


def _is_paused(gateway: Gateway) -> ColumnElement[bool]:
    return exists().where(Pause.sender == gateway.sender, Pause.until > clock.now())


# Written into the statement instead of beside it: PostgreSQL cannot tell that a parameter means what a partial index
# has, so a plan made for all parameters would read the whole table for every text.
_QUEUED = bindparam("queued", State.QUEUED, Message.state.type, literal_execute=True)
_IN_FLIGHT = bindparam("in_flight", sorted(IN_FLIGHT), Message.state.type, expanding=True, literal_execute=True)


def _claimable() -> ColumnElement[bool]:
    """Due, first among the due texts of its phone, and no other text of that phone in flight.

    Being first is asked for although the rows come in order: a row that another worker is just taking is skipped,
    and the next one of the same phone must not overtake it.
    """
    now = clock.now()
    other, earlier = aliased(Message), aliased(Message)
    in_flight = exists().where(other.phone == Message.phone, other.state.in_(_IN_FLIGHT))
    goes_before = exists().where(
        earlier.phone == Message.phone,
        earlier.state == _QUEUED,
        earlier.due_at <= now,
        or_(
            earlier.priority > Message.priority,
            and_(
                earlier.priority == Message.priority,
                tuple_(earlier.due_at, earlier.position) < tuple_(Message.due_at, Message.position),
            ),
        ),
    )
    return and_(Message.state == _QUEUED, Message.due_at <= now, not_(in_flight), not_(goes_before))


def _next_due() -> Message | None:
    return session.scalars(
        select(Message)
        .where(_claimable())
        .order_by(Message.priority.desc(), Message.due_at, Message.position)
        .limit(1)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).first()


def _take(message: Message, gateway: Gateway) -> Claim | None:
    """Begin an attempt; None when another worker has just taken another text of the same phone."""
    made = session.scalar(select(func.count()).where(Attempt.message_id == message.id)) or 0
    attempt = Attempt(id=uuid.uuid4(), message_id=message.id, number=made + 1, started_at=database_now())
    try:
        with session.begin_nested():
            message.state = State.SENDING
            message.sender = gateway.sender
            message.lease_until = database_now() + gateway.lease
            message.waits_for = None
            session.add(attempt)
    except IntegrityError:
        return None
    return Claim(_outgoing(message), attempt.id)


def _outgoing(message: Message) -> Outgoing:
    until = _wrong_from(message)
    return Outgoing(
        message_id=message.id,
        to=message.phone,
        body=message.body,
        segments=message.segments,
        validity=until - clock.now() if until else None,
        number=message.number,
    )


def _wrong_from(message: Message) -> datetime | None:
    """From when on the text must not arrive any more, so that the provider's queue does not deliver it at night."""
    hours = settings().quiet_hours
    closes = (
        windows.closing(hours, clock.now(), ZoneInfo(message.zone or SOMEWHERE), region=message.region)
        if hours and not _at_any_hour(message)
        else None
    )
    return min(filter(None, (message.not_after, closes)), default=None)


def record(claim: Claim, outcome: Outcome, gateway: Gateway) -> None:
    """Write down how the attempt ended. A callback, or a sweep that took us for dead, may have been faster."""
    message = operations.locked(claim.outgoing.message_id)
    attempt = session.get(Attempt, claim.attempt_id, populate_existing=True)
    if message is None or attempt is None:
        return
    attempt.ended_at = clock.now()
    if isinstance(outcome, Accepted):
        _resume(gateway)
        operations.hear(message, outcome.sid, outcome.status, outcome.code, attempt)
        return
    ours = message.state in IN_FLIGHT and attempt.sid is None and attempt.number == _attempts(message)
    match outcome:
        case Refused(code) if ours:
            operations.fail(message, attempt, State.FAILED, code)
        case NotSent(why, retry_after) if ours:
            attempt.outcome, attempt.code = Ended.NOT_SENT, why
            operations.pause(message, delivery.pause(message.deferrals, retry_after, random.random()), why)  # noqa: S311
            message.deferrals += 1
            operations.requeue(message, message.due_at)
        case Unsure(why) if ours and message.state is State.SENDING:
            log.warning("text %s may have been sent or not: %s", message.id, why)
            attempt.code = why
            _doubt(message, attempt, gateway)
        case Refused(code):
            attempt.outcome, attempt.code = attempt.outcome or Ended.REFUSED, code
        case NotSent(why) | Unsure(why):
            attempt.code = why


def _attempts(message: Message) -> int:
    return session.scalar(select(func.max(Attempt.number)).where(Attempt.message_id == message.id)) or 0


def _resume(gateway: Gateway) -> None:
    """A text has gone through: whatever kept the sender back is over."""
    pause = session.get(Pause, gateway.sender)
    if pause is not None and pause.until <= clock.now():
        session.delete(pause)


def _doubt(message: Message, attempt: Attempt, gateway: Gateway) -> None:
    """Nobody knows whether this attempt made a text: look, later."""
    attempt.outcome = Ended.UNSURE
    message.state = State.UNSURE
    message.lease_until = None
    message.looks = 0
    _look_after(message, gateway.looks[0])


def _look_after(message: Message, wait: timedelta) -> None:
    message.look_at = database_now() + wait
    session.flush()  # reads the time back as the database's clock has it
    enqueue(operations.LOOK, at=message.look_at, message_id=str(message.id))


# Looking for what may have been sent


@queue.task(name=operations.LOOK)
def look(message_id: str) -> None:
    """Ask the provider whether an unsure text exists."""
    gateway = _gateway()
    message = _begin_look(uuid.UUID(message_id), gateway)
    if message is None:
        return
    outgoing, looks = _outgoing(message), message.looks
    since = session.scalars(select(func.max(Attempt.started_at)).where(Attempt.message_id == message.id)).one()
    session.commit()
    try:
        found = gateway.find(outgoing, since)
    except LookupFailed as error:
        log.warning("could not look for text %s: %s", message_id, error)
        return  # `_begin_look` has set the time of the next look, and the sweep will find it
    record_look(outgoing.message_id, looks, found, gateway)


def _begin_look(message_id: uuid.UUID, gateway: Gateway) -> Message | None:
    """Reserve the look that is due; None when none is, or somebody else has it.

    One that cannot be made, or that a dead worker never finishes, is due again when its lease is over.
    """
    return session.scalars(
        update(Message)
        .where(Message.id == message_id, Message.state == State.UNSURE, Message.look_at <= database_now())
        .values(look_at=database_now() + gateway.lease)
        .returning(Message)
    ).first()


def record_look(message_id: uuid.UUID, looks: int, found: Sequence[Accepted], gateway: Gateway) -> None:
    """Adopt what was found; when every look was in vain, send it anew."""
    message = operations.locked(message_id)
    if message is None or message.state is not State.UNSURE or message.looks != looks:
        return
    known = set(session.scalars(select(Attempt.sid).where(Attempt.sid.in_([text.sid for text in found]))))
    missing = next((text for text in found if text.sid not in known), None)
    message.looks += 1
    if missing:
        operations.hear(message, missing.sid, missing.status, missing.code)
        operations.wake(message.phone)
    elif message.looks < len(gateway.looks):
        _look_after(message, gateway.looks[message.looks])
    elif message.tries + 1 < MOST_CYCLES:
        message.tries += 1
        operations.requeue(message, message.due_at)
    else:
        operations.end(message, State.FAILED, "unanswered")
        operations.wake(message.phone)


# Who wants no texts


@queue.periodic(cron="*/5 * * * *")
@queue.task(name="messaging.sweep_unmirrored", lock=operations.MIRROR, queueing_lock="messaging.sweep_unmirrored")
def sweep_unmirrored(timestamp: int) -> None:  # noqa: ARG001
    """Wishes that the provider could not be told when they were made."""
    mirror()


@queue.task(name=operations.MIRROR)
def mirror() -> None:
    """Bring the provider's list of who wants no texts up to ours; telling it twice does nothing."""
    if not settings().twilio_mirror_opt_outs:
        return
    gateway = _gateway()
    while wishes := [_wish(row) for row in queries.unmirrored(MOST_WISHES)]:
        session.commit()
        try:
            taken = gateway.mirror(wishes)
        except LookupFailed as error:
            log.warning("could not tell the provider who wants texts: %s", error)
            return
        for wish in wishes:
            if wish.id in taken:
                session.execute(update(Suppression).where(Suppression.id == wish.id).values(mirrored=wish.status))
        session.commit()
        if len(taken) < len(wishes):
            log.error("the provider refused %d of %d wishes about texts", len(wishes) - len(taken), len(wishes))
            return


def _wish(row: Suppression) -> Wish:
    if row.lifted_at:
        return Wish(row.id, row.phone, queries.OPT_IN, row.lifted_at)
    return Wish(row.id, row.phone, queries.OPT_OUT, row.at)


# Reading


_TO_READ = (
    select(Inbound)
    .where(Inbound.id == bindparam("inbound_id"), Inbound.processed_at.is_(None))
    .with_for_update(skip_locked=True)
    .execution_options(populate_existing=True)
)


@queue.task(name=operations.READ)
def read(inbound_id: str) -> None:
    """Tell the platform that a text is there; whoever reacts also settles it, in this transaction."""
    waiting = session.scalar(_TO_READ, {"inbound_id": uuid.UUID(inbound_id)})
    if waiting is not None:
        publish(TextArrived(waiting.id))


# Sweeps. Each may run twice, and none piles up: its queueing lock lets one wait at a time.


@queue.periodic(cron="* * * * * */15")
@queue.task(name="messaging.sweep_leases", queueing_lock="messaging.sweep_leases")
def sweep_leases(timestamp: int) -> None:  # noqa: ARG001  periodic tasks are told when they were due
    """What a dead worker was sending may have been sent or not; it never goes straight back into the queue."""
    gateway = _gateway()
    over = session.scalars(
        select(Message)
        .where(Message.state == State.SENDING, Message.lease_until < database_now())
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    for message in over.all():
        log.warning("the worker that was sending text %s is gone", message.id)
        latest = session.scalars(
            select(Attempt).where(Attempt.message_id == message.id).order_by(Attempt.number.desc()).limit(1)
        ).one()
        _doubt(message, latest, gateway)


@queue.periodic(cron="* * * * * */15")
@queue.task(name="messaging.sweep_looks", queueing_lock="messaging.sweep_looks")
def sweep_looks(timestamp: int) -> None:  # noqa: ARG001
    """Looks that are due and that no job has made."""
    overdue = session.scalars(
        select(Message.id)
        .where(Message.state == State.UNSURE, Message.look_at < database_now())
        .order_by(Message.look_at)
        .limit(AT_ONCE)
    )
    for message_id in overdue.all():
        enqueue(operations.LOOK, message_id=str(message_id))


@queue.periodic(cron="* * * * * */15")
@queue.task(name="messaging.sweep_waiting", queueing_lock="messaging.sweep_waiting")
def sweep_waiting(timestamp: int) -> None:  # noqa: ARG001
    """Texts that are due although no job has come for them, and texts that have become too late."""
    too_late = session.scalars(
        select(Message)
        .where(Message.state.in_(delivery.WAITING), Message.not_after <= clock.now())
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    for message in too_late.all():
        message.hold_reason = None
        operations.end(message, State.EXPIRED)
    lost = exists().where(_claimable(), Message.due_at < clock.now() - LOST_JOB_AFTER)
    if session.scalar(select(and_(lost, not_(_is_paused(_gateway()))))):
        enqueue(operations.SEND)


@queue.periodic(cron="* * * * *")
@queue.task(name="messaging.sweep_unread", queueing_lock="messaging.sweep_unread")
def sweep_unread(timestamp: int) -> None:  # noqa: ARG001
    """Texts that arrived and whose reading failed or never began; again and again, at growing intervals."""
    unread = session.scalars(
        select(Inbound)
        .where(Inbound.processed_at.is_(None), Inbound.read_at <= clock.now())
        .order_by(Inbound.read_at)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    for inbound in unread.all():
        inbound.readings += 1
        inbound.read_at = clock.now() + min(timedelta(minutes=2 ** min(inbound.readings, 6)), LONGEST_REREAD)
        operations.read_soon(inbound.id, inbound.phone)
        if inbound.readings == READINGS_ALONE:
            publish(TextUnread(inbound.id))


@queue.periodic(cron="*/15 * * * *")
@queue.task(name="messaging.sweep_silent", queueing_lock="messaging.sweep_silent")
def sweep_silent(timestamp: int) -> None:  # noqa: ARG001
    """Texts of which nobody said what became of them: ask; after three days say that nobody knows."""
    gateway = _gateway()
    now = clock.now()
    silent = session.execute(
        select(Message.id, Message.sid)
        .where(Message.state.in_(SILENT), Message.accepted_at < now - SILENT_AFTER)
        .order_by(Message.asked_at.nulls_first())
        .limit(AT_ONCE)
    )
    for message_id, sid in silent.all():
        session.commit()
        try:
            said = gateway.report(str(sid))
        except LookupFailed:
            return  # the provider is not to be reached; next time
        message = operations.locked(message_id)
        if message is None:
            continue
        message.asked_at = now
        operations.hear(message, said.sid, said.status, said.code)
        if message.state in SILENT and message.accepted_at and message.accepted_at < now - GIVEN_UP_AFTER:
            operations.end(message, State.UNKNOWN)


@queue.periodic(cron="*/5 * * * *")
@queue.task(name="messaging.sweep_lost_replies", queueing_lock="messaging.sweep_lost_replies")
def sweep_lost_replies(timestamp: int) -> None:  # noqa: ARG001
    """Texts that reached our numbers while our webhook could not be reached."""
    gateway = _gateway()
    since = clock.now() - LOST_REPLIES_SINCE
    session.commit()
    try:
        arrived = gateway.inbox(since)
    except LookupFailed as error:
        log.warning("could not list the texts that arrived: %s", error)
        return
    for fields in arrived:
        operations.receive(fields)
        session.commit()


# Phones that were switched off


@queue.periodic(cron="25 */3 * * *")
@queue.task(
    name="messaging.read_deactivations",
    lock="messaging.read_deactivations",
    queueing_lock="messaging.read_deactivations",
)
def read_deactivations(timestamp: int) -> None:  # noqa: ARG001
    """Which phones the carriers have switched off, so that their next owners are not texted what was meant for ours.

    There is one list a day. One that is not there yet, or breaks off, is read again at the next turn, for a week; to
    read one twice does no harm.
    """
    today = clock.now().date()
    days = [today - timedelta(days=ago) for ago in range(LISTS_FOR, 0, -1)]
    known = set(session.scalars(select(DeactivationList.day).where(DeactivationList.day.in_(days))))
    for day in days:
        if day in known:
            continue
        try:
            _read_deactivations_of(day)
        except LookupFailed as error:
            log.warning("could not read which phones were switched off on %s: %s", day, error)


def _read_deactivations_of(day: date) -> None:
    session.commit()  # no connection is held while the list comes in
    numbers = filter(E164.fullmatch, map(_as_number, _gateway().deactivated(day)))
    while some := tuple(islice(numbers, NUMBERS_AT_ONCE)):
        publish(PhonesDeactivated(some, day))
        session.commit()
    session.execute(insert(DeactivationList).values(day=day, read_at=clock.now()).on_conflict_do_nothing())
    session.commit()


def _as_number(line: str) -> str:
    """A line of the list as E.164; whether it has its plus sign is not said anywhere."""
    return f"+{line.strip().removeprefix('+')}"
