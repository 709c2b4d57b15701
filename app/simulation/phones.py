"""The patients of a simulation and their phones: they read what arrives, and answer it, or not."""

from __future__ import annotations

import re
import uuid
from collections import Counter
from datetime import timedelta
from functools import partial
from random import Random

from sqlalchemy import select

from app import clock
from app.db import session
from app.geography.calendars import Calendar
from app.loop.models import Reference
from app.messaging.models import Message
from app.referrals.lifecycle import Status
from app.referrals.models import Referral
from app.simulation import people
from app.simulation.people import WORDS, Habit, Person, pick
from app.simulation.stage import Stage

_COMES_BACK = 0.25
"""How many of those who said STOP want texts again later."""
_CARRIER_KNOWS_STOP = 0.3
"""How often the carrier takes a STOP for one by itself."""
_CHOICE = re.compile(r"^(\S{2,8}) (\d)$", re.MULTILINE)

_WHEN_SERVED = {1: 86, 2: 10, 3: 4}
_WHILE_WAITING = {1: 22, 2: 66, 3: 12}
_ASIDE: dict[str, dict[int | None, float]] = {
    "ask-barrier": {1: 25, 2: 18, 3: 12, 4: 15, 5: 6, 6: 12, None: 12},
    "referral-rerouted": {1: 12, 2: 8, None: 80},
    "appointment-reminder": {1: 70, 2: 8, 3: 8, None: 14},
    "language-offer": {1: 50, 2: 10, None: 40},
    "offer-ride": {1: 55, 2: 25, None: 20},
}
"""What is answered to what is asked on the way, by the text that asks it."""
_ANSWERS_NEWS = 0.12
"""How many answer the news of an acceptance at once."""


class Phones:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._got: Counter[int] = Counter()
        self._silent: set[int] = set()
        """Who has said STOP, or is not who we think."""

    def reached(self, message_id: uuid.UUID) -> None:
        """A text has arrived: whoever it is for reads it."""
        message = session.get_one(Message, message_id)
        person = self._stage.people.get(message.recipient) if message.recipient else None
        if person is None or person.number in self._silent:
            return
        self._got[person.number] += 1
        number = self._got[person.number]
        rolled = self._stage.dice("reads", person.number, number)
        if person.wrong_number:
            self._silent.add(person.number)
            self._reply(person, message, rolled, WORDS[person.language].wrong_number)
        elif number == person.stops_after:
            self._stop(person, message, rolled)
        elif body := self._answer(rolled, person, message):
            self._reply(person, message, rolled, body)

    def _stop(self, person: Person, message: Message, rolled: Random) -> None:
        self._silent.add(person.number)
        word = WORDS[person.language].stop
        known = "STOP" if word == "STOP" and rolled.random() < _CARRIER_KNOWS_STOP else ""
        self._reply(person, message, rolled, word, opt_out=known)
        if rolled.random() < _COMES_BACK:
            later = people.when_awake(clock.now() + timedelta(days=rolled.uniform(3, 12)), self._calendar(person))
            self._stage.agenda.at(later, partial(self._start, person, message.number or ""))

    def _start(self, person: Person, to: str) -> None:
        self._silent.discard(person.number)
        self._stage.text(person.phone, "START", to=to)

    def _reply(self, person: Person, message: Message, rolled: Random, body: str, *, opt_out: str = "") -> None:
        calendar = self._calendar(person)
        when = people.when_awake(clock.now() + people.reply_wait(rolled, person.habit), calendar)
        send = partial(self._stage.text, message.phone, body, to=message.number or "", opt_out=opt_out)
        self._stage.agenda.at(when, send)

    def _answer(self, rolled: Random, person: Person, message: Message) -> str | None:
        if message.template == "which-request":
            return self._own_choice(person, message) if person.habit is not Habit.SILENT else None
        option = self._option(rolled, message)
        return people.said(rolled, person, option) if option else None

    def _own_choice(self, person: Person, message: Message) -> str | None:
        """The line of a text that names a request of this person, who knows what theirs is called."""
        lines = dict(_CHOICE.findall(message.body))
        called = session.execute(
            select(Reference.code, Referral)
            .join(Referral, Referral.id == Reference.referral_id)
            .where(Reference.phone == message.phone, Reference.code.in_(lines))
        ).all()
        own = [(self._stage.name(one), code) for code, one in called if self._stage.people[one.patient_id] == person]
        return f"{min(own)[1]} {lines[min(own)[1]]}" if own else None

    def _option(self, rolled: Random, message: Message) -> int | None:
        """What this person would answer, if they answered as they are asked."""
        if message.template in _ASIDE:
            return pick(rolled, _ASIDE[message.template])
        referral = session.get(Referral, message.regarding) if message.regarding else None
        if referral is None:
            return None
        match message.template:
            case "ask-served" | "ask-got-help":
                return pick(rolled, _WHEN_SERVED if referral.status is Status.COMPLETED else _WHILE_WAITING)
            case "referral-accepted" if rolled.random() < _ANSWERS_NEWS:
                return pick(rolled, _WHILE_WAITING)
            case _:
                return None

    def _calendar(self, person: Person) -> Calendar:
        return self._stage.calendar(person.town)
