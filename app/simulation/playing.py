"""Plays a network: lets its people act, its clocks run and its texts travel, on a clock of its own.

Time goes from one thing that happens to the next. At each moment what is due happens through the operations and jobs of
the product; nothing is inserted, and nobody in it knows more than a person in their place would.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import partial

from sqlalchemy import select, text

from app import clock
from app.agencies import jobs as agency_jobs
from app.db import session
from app.errors import DomainError
from app.geography.calendars import SATURDAY
from app.inbox import jobs as inbox_jobs
from app.loop import jobs as loop_jobs
from app.loop import silence
from app.mail import jobs as mail_jobs
from app.mail.gateways import PageGateway
from app.messaging import jobs as messaging_jobs
from app.messaging.delivery import Unsure
from app.patients import jobs as patient_jobs
from app.referrals.lifecycle import Status
from app.referrals.models import Referral
from app.simulation import network, people, scratch
from app.simulation.carrier import SimulatedCarrier
from app.simulation.desks import Desks
from app.simulation.network import Network
from app.simulation.people import Town
from app.simulation.phones import Phones
from app.simulation.stage import Stage
from app.simulation.workers import Workers
from app.worklist import jobs as worklist_jobs
from app.worklist.models import WorkItem

BEGINS = date(2027, 2, 1)
"""A Monday; a federal holiday, and in most places the change to summer time, lie within the first six weeks."""

_ROUNDS = 20
"""How often what travels may lead to more of it at one moment: a text that fails is tried again, not for ever."""
MINUTE = timedelta(minutes=1)
"""How often the worker looks at the clocks, so that nothing happens in between."""

_SWEEPS: tuple[Callable[[int], None], ...] = (
    patient_jobs.end_pauses,
    loop_jobs.learn_agencies,
    messaging_jobs.sweep_unread,
    messaging_jobs.sweep_waiting,
    inbox_jobs.begin_day,
)
"""Of what looks after the rest, the worker does more often than here; nothing waits for it."""
_SWEEP_EVERY = timedelta(hours=6)
_MORNING = time(15, 15)
"""In UTC: when agencies are asked whether they take people in, on business days."""

_NEXT = text(
    """
    SELECT least(
        (SELECT min(due_at) FROM clock WHERE ended_at IS NULL AND due_at > :now),
        (SELECT min(due_at) FROM sms_message WHERE state = 'queued' AND due_at > :now),
        (SELECT min(due_at) FROM email WHERE state = 'queued' AND due_at > :now),
        (SELECT min(until) FROM sms_pause WHERE until > :now),
        (SELECT min(page_at) FROM work_item
          WHERE page_at > :now AND taken_at IS NULL AND done_at IS NULL))
    """
)

_DUE = text(
    """
    SELECT EXISTS (SELECT 1 FROM clock WHERE ended_at IS NULL AND due_at <= :now),
           EXISTS (SELECT 1 FROM sms_message WHERE state = 'queued' AND due_at <= :now)
               AND NOT EXISTS (SELECT 1 FROM sms_pause WHERE until > :now),
           EXISTS (SELECT 1 FROM email WHERE state = 'queued' AND due_at <= :now),
           EXISTS (SELECT 1 FROM work_item WHERE page_at <= :now AND taken_at IS NULL AND done_at IS NULL)
    """
)


class Play:
    """One run of the network of these towns.

    It begins at midnight of the first day in UTC, in an empty database of its own.
    """

    def __init__(self, seed: int, towns: Sequence[Town], patients: int, days: int) -> None:
        """:param patients: how many live in all towns there are, not in these alone."""
        scratch.insist()
        self.days = days
        self.refused = 0
        """How often somebody wanted to do what the rules refuse, as it happens when two act on one thing."""
        self._now = datetime.combine(BEGINS, time(), UTC)
        self._noticed: set[tuple[uuid.UUID, str]] = set()
        everybody = [person for person in people.patients(seed, patients, days) if person.town in towns]
        gone = {person.phone: person.lost_after for person in everybody if person.phone and person.lost_after}
        self._carrier = SimulatedCarrier(seed, gone)
        self._mail = PageGateway()
        with clock.held_at(self._now):
            self._stage = Stage(_network(seed, towns))
            session.commit()
        self._desks = Desks(self._stage)
        self._phones = Phones(self._stage)
        self._workers = Workers(self._stage, self._desks)
        self._expect(everybody)
        self._wind_up()

    @property
    def ended_at(self) -> datetime:
        """The end of the last day that was played."""
        return self._now

    def _expect(self, everybody: Sequence[people.Person]) -> None:
        for person in everybody:
            calendar = self._stage.calendar(person.town)
            rolled = self._stage.dice("comes", person.number)
            when = people.office_minute(rolled, BEGINS + timedelta(days=person.comes_on), calendar)
            # A moment of their own: nothing hangs on who of two is first at the same one.
            self._stage.agenda.at(when + timedelta(milliseconds=person.number), partial(self._workers.meet, person))

    def _wind_up(self) -> None:
        for sweep in _SWEEPS:
            self._repeat(self._now + _SWEEP_EVERY, _SWEEP_EVERY, sweep)
        self._repeat(datetime.combine(BEGINS, _MORNING, UTC), timedelta(days=1), self._ask_for_room)

    def _ask_for_room(self, timestamp: int) -> None:
        if clock.now().weekday() < SATURDAY:
            agency_jobs.ask_for_room(timestamp)

    def _repeat(self, when: datetime, every: timedelta, sweep: Callable[[int], None]) -> None:
        def turn() -> None:
            sweep(0)
            self._repeat(when + every, every, sweep)

        self._stage.agenda.at(when, turn)

    # Time

    def run(self) -> Iterator[date]:
        """Let it all happen; says each day that has ended, at its end."""
        for day in range(self.days):
            midnight = datetime.combine(BEGINS + timedelta(days=day + 1), time(), UTC)
            while (moment := self._next()) < midnight:
                self._now = moment
                with clock.held_at(moment):
                    self._happen(moment)
            self._now = midnight
            with clock.held_at(midnight):
                yield BEGINS + timedelta(days=day)

    def _next(self) -> datetime:
        """The next moment at which anything can happen."""
        due: datetime | None = session.execute(_NEXT, {"now": self._now}).scalar_one()
        session.rollback()
        planned = self._stage.agenda.next()
        minute = _whole_minute(due) if due else None
        return min(filter(None, (minute, planned)), default=datetime.max.replace(tzinfo=UTC))

    def _happen(self, moment: datetime) -> None:
        """All that happens at one moment, until nothing more follows from it."""
        while deed := self._stage.agenda.take(moment):
            self._try(deed)
        self._notice(moment)
        for _round in range(_ROUNDS):
            clocks, texts, letters, pages = session.execute(_DUE, {"now": moment}).one()
            happened = [
                clocks and self._fire_clocks(),
                pages and self._page(),
                texts and self._deliver_texts(),
                letters and self._deliver_letters(),
            ]
            session.commit()
            if not any(happened):
                break
            self._notice(moment)
        session.expunge_all()
        self._noticed.clear()

    def _fire_clocks(self) -> bool:
        fired = silence.fire_due_clocks()
        session.commit()
        return fired > 0

    def _page(self) -> bool:
        worklist_jobs.page_due(0)
        session.commit()
        return True

    def _try(self, deed: Callable[[], None]) -> None:
        """Somebody does something; when the rules refuse it, nothing has happened."""
        try:
            deed()
        except DomainError:
            session.rollback()
            self.refused += 1
        session.commit()

    # What travels

    def _deliver_texts(self) -> bool:
        while claim := messaging_jobs.claim_next(self._carrier):
            outcome = self._carrier.send(claim.outgoing)
            messaging_jobs.record(claim, outcome, self._carrier)
            if isinstance(outcome, Unsure):
                found = self._carrier.find(claim.outgoing, clock.now())
                messaging_jobs.record_look(claim.outgoing.message_id, 0, found, self._carrier)
            session.commit()
        delivered = self._carrier.take_delivered()
        for message_id in delivered:
            self._phones.reached(message_id)
        return bool(delivered)

    def _deliver_letters(self) -> bool:
        sent = False
        while claim := mail_jobs.claim_next(self._mail):
            mail_jobs.record(claim, self._mail.send(claim.letter))
            session.commit()
            sent = True
        return sent

    # Who sees what has just happened

    def _notice(self, moment: datetime) -> None:
        """Agencies find what they were sent, and people what is on their lists."""
        told = select(Referral).where((Referral.sent_at == moment) | (Referral.accepted_at == moment))
        for referral in sorted(session.scalars(told).all(), key=self._stage.name):
            self._notice_referral(referral, moment)
        fresh = select(WorkItem).where(WorkItem.created_at == moment, WorkItem.done_at.is_(None))
        for item in sorted(session.scalars(fresh).all(), key=self._workers.called):
            if self._is_news(item.id, "work"):
                self._workers.noticed(item)
        session.commit()

    def _notice_referral(self, referral: Referral, moment: datetime) -> None:
        match referral.status:
            case Status.REQUESTED if self._is_news(referral.id, "asked"):
                self._desks.asked(referral)
            case Status.ACCEPTED if referral.accepted_at == moment and self._is_news(referral.id, "accepted"):
                self._desks.accepted(referral)
            case Status.ON_HOLD if referral.accepted_at == moment and self._is_news(referral.id, "waits"):
                self._desks.waitlisted(referral)
            case _:
                pass

    def _is_news(self, row_id: uuid.UUID, what: str) -> bool:
        new = (row_id, what) not in self._noticed
        self._noticed.add((row_id, what))
        return new


def _network(seed: int, towns: Sequence[Town]) -> Network:
    return network.build(seed, towns, [agency for agency in people.agencies(seed) if agency.town in towns])


def _whole_minute(moment: datetime) -> datetime:
    """The full minute at or after `moment`."""
    return moment + (-(moment - datetime.min.replace(tzinfo=UTC)) % MINUTE)
