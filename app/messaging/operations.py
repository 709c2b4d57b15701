"""What can be done with texts: write them, take them back, take in what arrives and what is reported.

Nothing here talks to a provider or commits. `jobs` sends what is queued.
"""

from __future__ import annotations

import hashlib
import json
import logging
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import Table, and_, bindparam, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from app import clock
from app.config import settings
from app.db import CompareAndSet, changed, session
from app.errors import Invalid
from app.events import PhoneOptedOut, TextEnded, TextHeld, publish
from app.jobs import enqueue
from app.messaging import delivery, queries, segments
from app.messaging.delivery import ANSWER, FAILURES, IN_FLIGHT, NOTICE, SILENT, WAITING, Act, State
from app.messaging.models import Attempt, Callback, Ended, Inbound, Message, Pause, Sender, Suppression
from app.messaging.windows import Delay

log = logging.getLogger(__name__)

# The jobs call back into this module, so it knows them by name only.
SEND = "messaging.send"
LOOK = "messaging.look"
READ = "messaging.read"
MIRROR = "messaging.mirror"

OPT_OUT_CONFIRMATION = "opt-out-confirmation"
"""The purpose of the one text that may follow a STOP."""
STAFF_PAGE = "staff-page"
"""The purpose of a text to one of the staff: no patient's hours, limits or agreement apply to it."""
AGENCY_CONTACT = "agency-contact"
"""The purpose of a text to somebody who works for an agency: decent hours hold for it, a patient's limits do not."""
OPTED_OUT = "opted-out"

BY_HAND = "by-hand"
"""The purpose of what a person writes, and why a text is taken back that a person decides not to send."""

LOOP = "loop"
"""Why an answer is held when a machine seems to be at the other end."""
RELEASABLE = frozenset({LOOP})
"""Why a text is held although it could be sent: a person may know better. No decision fills an empty one."""
LOOP_WITHIN = timedelta(minutes=30)
MOST_ALIKE = 5
MOST_ANSWERS = 15
"""Answers to one phone within `LOOP_WITHIN`."""

READ_AGAIN_AFTER = timedelta(minutes=1)

Fields = Mapping[str, str | Sequence[str]]
"""The fields of a webhook; a field that came more than once has a list."""


# Texts that leave


# Written once, since it runs for every text; an insert of the ORM would take more than twice the time.
_MESSAGE = cast("Table", Message.__table__)
_WRITE = select(Message).from_statement(
    insert(_MESSAGE).on_conflict_do_nothing(index_elements=[_MESSAGE.c.dedupe_key]).returning(*_MESSAGE.c)
)


def queue_text(  # noqa: PLR0913  a text has that many sides, each named by the caller
    *,
    to: str,
    recipient: uuid.UUID | None,
    regarding: uuid.UUID | None,
    purpose: str,
    dedupe_key: str,
    language: str,
    template: str,
    body: str,
    priority: int = NOTICE,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
    zone: str | None = None,
    region: str | None = None,
    hold: str | None = None,
    written_by: uuid.UUID | None = None,
    number: str | None = None,
) -> Message:
    """Write a text and the job that sends it, both or neither.

    The same `dedupe_key` gives the text that is already there, whatever became of it. A phone that opted out gets a
    cancelled row, so that people see why nothing was sent. A text that cannot be sent as it is (empty, too long) is
    held for a person instead of failing what it tells about.

    :param to: E.164.
    :param recipient: the caller's id of the person it is for.
    :param regarding: the caller's id of what it is about.
    :param priority: NOTICE, ANSWER or URGENT; higher goes first. Notices keep to the person's hours and are counted;
        answers keep to the hours only when they come late; what is urgent never waits.
    :param not_after: later it would be wrong; then it expires instead of being sent.
    :param zone: the person's time zone, for trying again at a decent hour.
    :param region: the US state the person lives in, such as FL; some have hours of their own.
    :param hold: why it must wait for a person, such as "missing-translation".
    :param written_by: the caller's id of whoever wrote it by hand. No machine writes by hand, so no loop is looked for.
    :param number: which of our numbers it answers for; by default the recipient's own on this phone.
    """
    now = clock.now()
    body = storable(body)
    counted = segments.count(body)
    answers = priority >= ANSWER and written_by is None and purpose != STAFF_PAGE
    standing = queries.standing(to, now - LOOP_WITHIN if answers else None)
    hold = hold or unsendable(body) or _runs_away(body, standing.answers)
    opted_out = purpose != OPT_OUT_CONFIRMATION and standing.suppressed
    state = State.CANCELLED if opted_out else State.HELD if hold else State.QUEUED
    due = max(not_before or now, now)
    written: Message | None = session.scalar(
        _WRITE,
        {
            "phone": to,
            "recipient": recipient,
            "regarding": regarding,
            "written_by": written_by,
            "purpose": purpose,
            "dedupe_key": dedupe_key,
            "language": language,
            "zone": zone,
            "region": region,
            "number": _number(to, recipient, number),
            "template": template,
            "body": body,
            "encoding": counted.encoding,
            "segments": counted.segments,
            "priority": priority,
            "state": state,
            "due_at": due,
            "not_before": not_before,
            "not_after": not_after,
            "hold_reason": hold if state is State.HELD else None,
            "cancel_reason": OPTED_OUT if opted_out else None,
            "ended_at": now if opted_out else None,
        },
    )
    if written is None:
        return session.scalars(select(Message).where(Message.dedupe_key == dedupe_key)).one()
    if written.state is State.QUEUED:
        _send_when_due(written)
    elif written.state is State.HELD and hold:
        publish(TextHeld(written.id, hold))
    return written


def _number(to: str, recipient: uuid.UUID | None, wanted: str | None) -> str | None:
    ours = queries.our_numbers()
    if wanted in ours:
        return wanted
    return (number_for(to, recipient) if recipient else ours[0]) if ours else None


def number_for(phone: str, recipient: uuid.UUID) -> str:
    """From which of our numbers this person is texted on this phone, from now on; empty where we have but one.

    Nobody else on the phone has it as long as there are numbers left. It changes only when it is ours no more. Whoever
    was texted on this phone when we had but one number comes first, so that an answer to that is still theirs.
    """
    ours = queries.our_numbers()
    if not ours:
        return ""
    # Another transaction may take the place that is free now; this one then finds it taken and tries the next.
    while (sender := session.get(Sender, (phone, recipient))) is None:
        place = session.scalars(select(func.coalesce(func.max(Sender.place) + 1, 0)).where(Sender.phone == phone)).one()
        first = queries.texted_without_number(phone) or recipient
        new = {"phone": phone, "recipient": first, "place": place, "number": ours[place % len(ours)]}
        session.execute(insert(Sender).values(new).on_conflict_do_nothing())
    if sender.number not in ours:
        sender.number = ours[sender.place % len(ours)]
    return sender.number


def unsendable(body: str) -> str | None:
    """Why the provider would refuse this text whoever it is for; None when it would not."""
    if not body.strip():
        return "empty"
    return "too-long" if len(body.encode("utf-16-le")) // 2 > segments.LONGEST else None


def _runs_away(body: str, recent: Sequence[str]) -> str | None:
    """Whether a machine seems to answer our answers, which would never end.

    Only answers are counted: what we say unasked has limits of its own.
    """
    return LOOP if len(recent) >= MOST_ANSWERS or recent.count(body) >= MOST_ALIKE else None


def _send_when_due(message: Message) -> None:
    enqueue(SEND, at=message.due_at if message.due_at > clock.now() else None, priority=message.priority)


def release(message: Message) -> bool:
    """Let a held text go; False when it is held no more."""
    released = changed(
        update(Message)
        .where(Message.id == message.id, Message.state == State.HELD)
        .values(state=State.QUEUED, hold_reason=None)
    )
    if released:
        enqueue(SEND)
    return released


def take_back(message: Message) -> bool:
    """A person decides against a text that is held or was written by hand; False when it no longer waits."""
    return changed(
        update(Message)
        .where(
            Message.id == message.id,
            or_(Message.state == State.HELD, and_(Message.state == State.QUEUED, Message.written_by.is_not(None))),
        )
        .values(state=State.CANCELLED, cancel_reason=BY_HAND, hold_reason=None, waits_for=None, ended_at=clock.now())
    )


def cancel_queued(
    *,
    to: str | None = None,
    recipient: uuid.UUID | None = None,
    regarding: uuid.UUID | None = None,
    templates: Collection[str] = (),
    reason: str,
) -> int:
    """Take back every text still waiting that fits all of what is given; says how many.

    What a worker already has in hand is not taken back, and neither is the confirmation of a STOP.

    :param templates: only these texts; by default whatever they say.
    """
    asked = {Message.phone: to, Message.recipient: recipient, Message.regarding: regarding}
    fits = [column == value for column, value in asked.items() if value is not None]
    if not fits:
        raise ValueError("cancelling every text of everybody is never meant")
    if templates:
        fits.append(Message.template.in_(templates))
    taken_back = session.scalars(
        update(Message)
        .where(Message.state.in_(WAITING), Message.purpose != OPT_OUT_CONFIRMATION, *fits)
        .values(state=State.CANCELLED, cancel_reason=reason, hold_reason=None, waits_for=None, ended_at=clock.now())
        .returning(Message.id)
    )
    return len(taken_back.all())


def move_to_zone(recipient: uuid.UUID, zone: str, region: str | None = None) -> None:
    """This person's clock is another one from now on; what waits for the old one is looked at again."""
    now = clock.now()
    waiting = (Message.recipient == recipient, Message.state.in_(WAITING))
    session.execute(update(Message).where(*waiting).values(zone=zone, region=region))
    put_off = session.scalars(
        update(Message)
        .where(*waiting, Message.waits_for.is_not(None))
        .values(due_at=func.greatest(now, Message.not_before), waits_for=None)
        .returning(Message.id)
    )
    if put_off.all():
        enqueue(SEND)


_MAY_COME_BACK = IN_FLIGHT | SILENT | {State.UNKNOWN}
"""Whatever has left and may yet fail, and would then be tried again."""


def let_go(recipient: uuid.UUID, reason: str) -> None:
    """This person is nobody's to text any more: what waits is taken back, and what has left is never sent anew."""
    cancel_queued(recipient=recipient, reason=reason)
    session.execute(
        update(Message)
        .where(Message.recipient == recipient, Message.state.in_(_MAY_COME_BACK))
        .values(not_before=None, not_after=clock.now())
    )


def forget(recipient: uuid.UUID) -> None:
    """Blank what was said to and by this person. That there was a text, when, by which phone and why, stays.

    A text in flight is still needed, to look for: it keeps its words until it has ended.
    """
    session.execute(
        update(Message).where(Message.recipient == recipient, Message.state.not_in(IN_FLIGHT)).values(body="")
    )
    session.execute(update(Inbound).where(Inbound.recipient == recipient).values(body="", media=[], raw=b""))


# Whom we may not text


def suppress(phone: str, source: str, scope: str = "all") -> bool:
    """Text this phone no more, for any purpose, and take back what waits; False when that held already.

    :param source: who says so: "reply", "provider", "carrier", or a person.
    """
    new = session.scalar(
        insert(Suppression)
        .values(phone=phone, scope=scope, source=source)
        .on_conflict_do_nothing()
        .returning(Suppression.id)
    )
    if new is None:
        return False
    cancel_queued(to=phone, reason=OPTED_OUT)
    _mirror()
    publish(PhoneOptedOut(phone))
    return True


def lift_suppression(phone: str, source: str) -> bool:
    """Texts to this phone are allowed again: only after a START word, or by a person with a new consent."""
    lifted = session.scalars(
        update(Suppression)
        .where(Suppression.phone == phone, Suppression.lifted_at.is_(None))
        .values(lifted_at=clock.now(), lifted_by=source)
        .returning(Suppression.id)
    ).all()
    if lifted:
        _mirror()
    return bool(lifted)


def _mirror() -> None:
    """Have the provider's own list follow ours, so that no other sender of the account texts this phone."""
    if settings().twilio_mirror_opt_outs:
        enqueue(MIRROR, lock=MIRROR)


# Texts that arrive

# Built once and without the ORM: this is what every webhook waits for.
_INBOUND = cast("Table", Inbound.__table__)
_STORE = insert(_INBOUND).on_conflict_do_nothing(index_elements=[_INBOUND.c.sid]).returning(_INBOUND.c.id)
_SETTLE = CompareAndSet(Inbound, _INBOUND.c.id == bindparam("inbound_id"), _INBOUND.c.processed_at.is_(None))


@dataclass(frozen=True)
class Received:
    id: uuid.UUID
    new: bool
    """False when this text had arrived before."""


def receive(fields: Fields) -> Received:
    """Store a text exactly as it came and leave the reading to a job; the same MessageSid a second time does nothing.

    :raises Invalid: there is no MessageSid to know it by.
    """
    sid = first(fields, "MessageSid") or first(fields, "SmsMessageSid") or first(fields, "SmsSid")
    if not sid:
        raise Invalid({"MessageSid": "A text needs its MessageSid."})
    phone = first(fields, "From")
    opt_out = first(fields, "OptOutType").upper() or None
    new = session.execute(
        _STORE,
        {
            "sid": sid,
            "phone": phone,
            "number": first(fields, "To"),
            "body": first(fields, "Body"),
            "opt_out": opt_out,
            "media": _media(fields),
            "raw": _as_it_came(fields),
            "read_at": clock.now() + READ_AGAIN_AFTER,
        },
    ).scalar()
    if new is None:
        return Received(session.scalars(select(Inbound.id).where(Inbound.sid == sid)).one(), new=False)
    # The provider has acted already; texts that wait must know before the next one is taken.
    if opt_out == "STOP":
        suppress(phone, "provider")
    elif opt_out == "START" and first(fields, "Body").strip(" .!").casefold() != "yes":
        # It starts again on YES as well, which answers a question of ours and never asks for texts.
        lift_suppression(phone, "provider")
    read_soon(new, phone)
    return Received(new, new=True)


def read_soon(inbound_id: uuid.UUID, phone: str) -> None:
    """Have a text read; those of one phone are read one after the other, in the order they came."""
    # Locks are logged, so this one must not tell the number.
    name = hashlib.blake2b(phone.encode(), digest_size=8).hexdigest()
    enqueue(READ, lock=f"messaging.read.{name}", priority=10, inbound_id=str(inbound_id))


def settle(
    inbound: Inbound,
    result: str,
    *,
    recipient: uuid.UUID | None = None,
    regarding: uuid.UUID | None = None,
    meaning: str | None = None,
) -> bool:
    """Say what a text was taken for, once; False when somebody has said so before.

    :param result: what was done about it, such as "answered".
    :param meaning: what it was read as, such as "option-1".
    """
    values = {
        "processed_at": clock.now(),
        "result": result,
        "recipient": recipient,
        "regarding": regarding,
        "meaning": meaning,
    }
    return _SETTLE(values, inbound_id=inbound.id) == 1


def assign(inbound_ids: Collection[uuid.UUID], recipient: uuid.UUID) -> None:
    """Say whose texts these were, which nobody knew when they were read."""
    session.execute(
        update(Inbound).where(Inbound.id.in_(inbound_ids), Inbound.recipient.is_(None)).values(recipient=recipient)
    )


def first(fields: Fields, name: str) -> str:
    """One field of a webhook as it can be stored; empty when it is absent."""
    value = fields.get(name, "")
    return storable(value if isinstance(value, str) else next(iter(value), ""))


def storable(text: str) -> str:
    """`text` without what a PostgreSQL text cannot hold: NUL and lone halves of surrogate pairs become U+FFFD."""
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return whole.replace("\x00", "\ufffd")


def _as_it_came(fields: Fields) -> bytes:
    whole = {name: [value] if isinstance(value, str) else list(value) for name, value in fields.items()}
    return json.dumps(whole, ensure_ascii=True).encode("ascii")  # escapes keep even what UTF-8 cannot


def _media(fields: Fields) -> list[dict[str, str]]:
    count = first(fields, "NumMedia")
    return [
        {"url": first(fields, f"MediaUrl{n}"), "type": first(fields, f"MediaContentType{n}")}
        for n in range(min(int(count), 10) if count.isdecimal() else 0)
    ]


# What is reported about texts that left


def record_status(reference: uuid.UUID, fields: Fields) -> None:
    """Keep a status callback and let it move its text forward.

    The same report a second time does nothing; one about a text we do not know is kept, and counts once we do.

    :param reference: the id in the address of the callback: our own id of the text.
    :raises Invalid: the report does not say which text or which status.
    """
    sid, status = first(fields, "MessageSid"), first(fields, "MessageStatus") or first(fields, "SmsStatus")
    if not sid or not status:
        raise Invalid({"MessageSid": "A report needs its MessageSid and MessageStatus."})
    code = first(fields, "ErrorCode").removeprefix("0")  # "0" is how some reports say that nothing went wrong
    message = locked(reference) or _locked_by_sid(sid)
    new = session.scalar(
        insert(Callback)
        .values(
            sid=sid,
            status=status,
            error_code=code,
            reference=reference,
            message_id=message.id if message else None,
            raw=_as_it_came(fields),
        )
        .on_conflict_do_nothing()
        .returning(Callback.id)
    )
    if new is None or message is None:
        return
    was_in_flight = message.state in IN_FLIGHT
    hear(message, sid, status, code or None)
    if was_in_flight:
        wake(message.phone)


def locked(message_id: uuid.UUID) -> Message | None:
    """A text as it is now, kept as it is until the transaction ends."""
    return session.get(Message, message_id, with_for_update=True, populate_existing=True)


def _locked_by_sid(sid: str) -> Message | None:
    owner = session.scalar(select(Attempt.message_id).where(Attempt.sid == sid))
    return locked(owner) if owner else None


def hear(message: Message, sid: str, status: str, code: str | None, attempt: Attempt | None = None) -> None:
    """Take in what the provider says of a text; it may be late, early, or said before. `message` is locked.

    :param attempt: the call that created `sid`, when that is known.
    """
    attempt = _linked(message, sid, attempt)
    news = delivery.heard(status)
    if attempt is None or news is None:
        return
    superseded = attempt.outcome is Ended.FAILED or attempt.number < _latest(message).number
    if superseded and news in FAILURES:
        attempt.outcome = Ended.FAILED
        return
    if attempt.outcome is Ended.FAILED and news is not State.DELIVERED:
        return  # it had failed; whatever is late now was said of it before that
    state = delivery.forward(message.state, news)
    if state is None:
        return
    message.sid = sid
    message.accepted_at = message.accepted_at or clock.now()
    message.deferrals = 0
    if state in FAILURES:
        fail(message, attempt, state, code)
    elif state is State.DELIVERED:
        end(message, state)
    else:
        _move(message, state)


def _linked(message: Message, sid: str, attempt: Attempt | None) -> Attempt | None:
    """The attempt that made `sid`, now known to have made it; None when it belongs to another text."""
    known = session.scalar(select(Attempt).where(Attempt.sid == sid))
    if known is not None:
        if known.message_id != message.id:
            log.error("report of a text that belongs to %s came for %s", known.message_id, message.id)
            return None
        return known
    attempt = attempt or _open_attempt(message)
    if message.sid or attempt is None or attempt.sid:
        # Every look came back empty although the first was on its way.
        log.error("text %s exists more than once", message.id)
    if attempt is None or attempt.sid:
        attempt = Attempt(message_id=message.id, number=_latest(message).number + 1, started_at=clock.now())
        session.add(attempt)
    attempt.sid = sid
    attempt.outcome = Ended.ACCEPTED
    attempt.ended_at = attempt.ended_at or clock.now()
    session.flush()  # the reports kept for this sid find their attempt by it
    _hear_orphans(message, sid)
    return attempt


def _open_attempt(message: Message) -> Attempt | None:
    """The newest attempt of which nobody knows whether it made a text."""
    return session.scalar(
        select(Attempt)
        .where(
            Attempt.message_id == message.id,
            Attempt.sid.is_(None),
            Attempt.outcome.is_(None) | (Attempt.outcome == Ended.UNSURE),
        )
        .order_by(Attempt.number.desc())
        .limit(1)
    )


def _latest(message: Message) -> Attempt:
    return session.scalars(
        select(Attempt).where(Attempt.message_id == message.id).order_by(Attempt.number.desc()).limit(1)
    ).one()


def _hear_orphans(message: Message, sid: str) -> None:
    orphans = session.execute(
        update(Callback)
        .where(Callback.sid == sid, Callback.message_id.is_(None))
        .values(message_id=message.id)
        .returning(Callback.received_at, Callback.status, Callback.error_code)
    )
    for _received_at, status, code in sorted(orphans):
        hear(message, sid, status, code or None)


# Moves of a text, for the functions above and for the jobs; the text is locked by the caller


def fail(message: Message, attempt: Attempt, state: State, code: str | None) -> None:
    """Do what the table of error codes says about a text that was refused or given up."""
    rule = delivery.rule(code)
    attempt.outcome = Ended.FAILED if attempt.sid else Ended.REFUSED
    attempt.code = code
    if rule.act is Act.SUPPRESS:
        suppress(message.phone, "carrier")
    again = delivery.retry_at(rule, message.tries, clock.now(), message.zone)
    if again and message.not_after and again >= message.not_after:
        again = None  # known now that it will not arrive in time, so somebody else can act
    if rule.act is Act.PAUSE:
        log.error("nothing can be sent: %s (%s)", rule.means, code)
        pause(message, delivery.CONFIGURATION_PAUSE, code or rule.code)
        requeue(message, message.due_at, code)
    elif again:
        message.tries += 1
        requeue(message, again, code)
    else:
        end(message, state, code)


def requeue(message: Message, due: datetime, code: str | None = None) -> None:
    """Send it anew at `due`; what there was of it has failed or never existed."""
    _move(message, State.QUEUED, code)
    message.sid = message.accepted_at = None
    message.due_at = due
    _send_when_due(message)


def postpone(message: Message, delay: Delay) -> None:
    """It could go, but not to this person at this time; it keeps its place among theirs."""
    message.due_at, message.waits_for = delay.until, delay.why
    _send_when_due(message)


def end(message: Message, state: State, code: str | None = None) -> None:
    """Nothing more will happen to it, unless the network takes it back."""
    _move(message, state, code)
    message.ended_at = clock.now()
    publish(TextEnded(message.id, state.value, code))


def cancel(message: Message, reason: str) -> None:
    _move(message, State.CANCELLED)
    message.cancel_reason = reason
    message.ended_at = clock.now()


def _move(message: Message, state: State, code: str | None = None) -> None:
    message.state = state
    message.error_code = code
    message.lease_until = message.look_at = message.ended_at = message.waits_for = None
    message.looks = 0


def pause(message: Message, wait: timedelta, code: str) -> None:
    """Leave its sender alone for a while; every text that waits keeps its place."""
    until = clock.now() + wait
    statement = insert(Pause).values(sender=message.sender, since=clock.now(), until=until, code=code)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[Pause.sender],
            set_={"until": func.greatest(Pause.until, statement.excluded.until), "code": statement.excluded.code},
        )
    )
    enqueue(SEND, at=until)


def wake(phone: str) -> None:
    """A text of this phone is no longer in flight: the next one may go."""
    waiting = exists().where(Message.phone == phone, Message.state == State.QUEUED, Message.due_at <= clock.now())
    if session.scalar(select(waiting)):
        enqueue(SEND)
