"""What came of a simulated run, read from the rows it left and from nothing the simulation kept in mind."""

from __future__ import annotations

import re
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from app.config import settings
from app.db import session
from app.messaging import operations as messaging
from app.messaging.delivery import ANSWER, SOMEWHERE
from app.messaging.models import Attempt, Ended, Inbound, Message, Suppression
from app.messaging.windows import ANSWER_WITHIN, STATES, Hours
from app.patients.models import Patient
from app.referrals.closing import Closure
from app.referrals.lifecycle import Status
from app.referrals.models import PatientReport, Referral, Transition
from app.reports import measures
from app.reports.waiting import orphans, waiting

_EVERYTHING = select(Referral)


@dataclass(frozen=True)
class Counts:
    """What is counted of a run, or of a part of it."""

    sent: int
    awaited: int
    """Requests whose fourth business day is over; see `measures.AWAITED`."""
    answered: int
    """Of those, the ones that were answered or passed on by then."""
    confirmed: int
    disputed: int
    silent: int
    silences: int
    seen_to: int
    """Of all silences, those that were on a person's list."""
    forgotten: int
    """Open referrals without a live clock, counted at the end of every day and added up."""
    outside_hours: int
    after_stop: int
    doubled: int

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True)
class Numbers:
    """The measures of a run. Shares are from 0 to 1, everything else is counted."""

    referrals_sent: int
    answered_or_rerouted_by_day_4: float
    """Of the requests whose fourth business day is over, but for those that nobody needed any more."""
    confirmed: int
    """The agency says served and the patient says that help came."""
    disputed: int
    """They contradict each other."""
    silent: int
    """Served, says the agency; the patient did not answer any of all the ways in which they were asked."""
    silence_to_person: float
    """Of all silences past the clocks, of agencies and of patients, those that were on a person's list."""
    open_without_clock: int
    """Open referrals without a live clock, counted at the end of every day and added up."""
    texts_outside_hours: int
    """Texts, but for answers to somebody who had just texted, that left outside the hours where the person is."""
    texts_after_stop: int
    """Texts to a phone that had opted out, but for the one that confirms it."""
    doubled_texts: int
    """Texts that one phone got twice for one purpose."""

    @property
    def harmless(self) -> bool:
        """Whether nothing has happened that never may."""
        return not any((self.open_without_clock, self.texts_outside_hours, self.texts_after_stop, self.doubled_texts))


def numbers(counts: Counts) -> Numbers:
    return Numbers(
        referrals_sent=counts.sent,
        answered_or_rerouted_by_day_4=_share(counts.answered, counts.awaited),
        confirmed=counts.confirmed,
        disputed=counts.disputed,
        silent=counts.silent,
        silence_to_person=_share(counts.seen_to, counts.silences),
        open_without_clock=counts.forgotten,
        texts_outside_hours=counts.outside_hours,
        texts_after_stop=counts.after_stop,
        doubled_texts=counts.doubled,
    )


def _share(count: int, of: int) -> float:
    return round(count / of, 4) if of else 1.0


def orphans_now() -> int:
    return orphans(_EVERYTHING)


def counts(forgotten: int, since: datetime) -> Counts:
    """What came of everything since then.

    :param forgotten: what `orphans_now` said at the end of each day, added up.
    """
    state = waiting(_EVERYTHING, since)
    closures = Counter(
        referral.closure
        for referral in session.scalars(
            select(Referral).where(Referral.sent_at.is_not(None), Referral.status != Status.ENTERED_IN_ERROR)
        )
    )
    sent = list(_accepted_texts())
    return Counts(
        sent=closures.total(),
        awaited=state.count(measures.AWAITED),
        answered=state.count(measures.ANSWERED_OR_REROUTED),
        confirmed=closures[Closure.CONFIRMED],
        disputed=closures[Closure.DISPUTED],
        silent=_asked_in_vain(),
        silences=state.count(measures.SILENCES),
        seen_to=state.count(measures.SILENCE_TO_PERSON),
        forgotten=forgotten,
        outside_hours=sum(1 for _ in _outside_hours(sent)),
        after_stop=_after_stop(sent),
        doubled=_doubled(sent),
    )


def _asked_in_vain() -> int:
    vain = select(func.count()).where(
        Referral.status == Status.COMPLETED, Referral.patient_says.is_(None), Referral.asked_out_at.is_not(None)
    )
    return session.scalar(vain) or 0


# Texts


class _Sent(NamedTuple):
    """One text that the carrier took."""

    message_id: uuid.UUID
    at: datetime
    outcome: Ended
    phone: str
    purpose: str
    template: str
    dedupe_key: str
    priority: int
    regarding: uuid.UUID | None
    zone: str | None
    region: str | None
    lives_in: str | None
    state: str | None


def _accepted_texts() -> Iterator[_Sent]:
    # When an attempt began is told by the database's clock, when it ended by the clock of the run.
    rows = session.execute(
        select(
            Message.id,
            Attempt.ended_at,
            Attempt.outcome,
            Message.phone,
            Message.purpose,
            Message.template,
            Message.dedupe_key,
            Message.priority,
            Message.regarding,
            Message.zone,
            Message.region,
            Patient.time_zone,
            Patient.state,
        )
        .join(Attempt, Attempt.message_id == Message.id)
        .outerjoin(Patient, Patient.id == Message.recipient)
        .where(Attempt.sid.is_not(None))
        .order_by(Message.phone, Attempt.ended_at, Message.position)
    )
    return (_Sent(*tuple(row)) for row in rows)


_ANY_HOUR = frozenset({messaging.OPT_OUT_CONFIRMATION, messaging.STAFF_PAGE})


def _outside_hours(sent: Iterable[_Sent]) -> Iterator[_Sent]:
    """Reckoned anew from where each person lives, not by the rule that let them go."""
    arrived = _arrivals()
    for text in sent:
        if text.purpose in _ANY_HOUR or _answers(text, arrived.get(text.phone, [])):
            continue
        local = text.at.astimezone(ZoneInfo(text.lives_in or text.zone or SOMEWHERE))
        if not _decent(local, text.state or text.region or ""):
            yield text


def _arrivals() -> dict[str, list[datetime]]:
    rows = session.execute(select(Inbound.phone, Inbound.received_at).order_by(Inbound.phone))
    return {phone: [at for _phone, at in group] for phone, group in groupby(rows, key=lambda row: row.phone)}


def _answers(text: _Sent, arrived: Iterable[datetime]) -> bool:
    """Whether it goes to somebody who had just texted."""
    return text.priority >= ANSWER and any(timedelta(0) <= text.at - at <= ANSWER_WITHIN for at in arrived)


def _decent(local: datetime, state: str) -> bool:
    hours = settings().quiet_hours
    law = STATES.get(state)
    windows: list[Hours] = [hours] if hours else []
    if law:
        windows.append(law.on(local.date()))
    return all(window.opens <= local.time() < window.closes for window in windows)


def _after_stop(sent: Iterable[_Sent]) -> int:
    """A confirmation counts too when it is not the first of its STOP."""
    stops: dict[str, list[tuple[datetime, datetime | None]]] = {}
    for phone, at, lifted_at in session.execute(select(Suppression.phone, Suppression.at, Suppression.lifted_at)):
        stops.setdefault(phone, []).append((at, lifted_at))
    wrong, confirmed = 0, Counter[tuple[str, datetime]]()
    for text in sent:
        for at, lifted_at in stops.get(text.phone, ()):
            if text.at <= at or (lifted_at and text.at >= lifted_at):
                continue
            if text.purpose == messaging.OPT_OUT_CONFIRMATION:
                confirmed[text.phone, at] += 1
            else:
                wrong += 1
    return wrong + sum(count - 1 for count in confirmed.values())


_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _doubled(sent: list[_Sent]) -> int:
    """Twice at the carrier, neither given up; or the same step of one referral twice with nothing in between."""
    taken = Counter(text.message_id for text in sent if text.outcome is Ended.ACCEPTED)
    doubled = sum(count - 1 for count in taken.values())
    news = _news()
    last: dict[tuple[str, uuid.UUID, str, str], _Sent] = {}
    for text in sent:
        if text.regarding is None or text.outcome is not Ended.ACCEPTED:
            continue
        # Which step it is for, without the row that let it happen.
        what = (text.phone, text.regarding, text.template, _ID.sub("", text.dedupe_key))
        before = last.get(what)
        last[what] = text
        if before and before.message_id != text.message_id:
            doubled += not any(before.at <= moment <= text.at for moment in news.get(text.regarding, ()))
    return doubled


def _news() -> dict[uuid.UUID, list[datetime]]:
    """By referral, when something happened that a patient may be told or asked about again."""
    found: dict[uuid.UUID, list[datetime]] = {}
    moved = select(Transition.referral_id, Transition.at)
    answered = select(PatientReport.referral_id, PatientReport.at)
    for referral_id, at in session.execute(moved.union_all(answered)):
        found.setdefault(referral_id, []).append(at)
    return found
