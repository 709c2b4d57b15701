"""The agencies of a simulation: they answer, refuse, forget, serve, and say so the way each of them does."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import TypedDict

from app import clock
from app.agencies import operations as agencies
from app.agencies import queries as agency_queries
from app.db import session
from app.referrals import appointments
from app.referrals import operations as referrals
from app.referrals.lifecycle import Actor, Reason, Status
from app.referrals.meetings import Plan
from app.referrals.models import Referral
from app.simulation import people
from app.simulation.people import COURSES, WHY_FAILED, Answer, Course, Decision, Way, pick
from app.simulation.stage import Stage, now_in
from app.staff.models import StaffMember

_REACHED_BY_PHONE = 0.75
_BY_TEXT = {
    (Status.ACCEPTED, ""): "A {code}",
    (Status.REJECTED, "at-capacity"): "FULL {code}",
    (Status.REJECTED, "not-eligible"): "D {code} 2",
    (Status.REJECTED, "outside-area"): "D {code} 3",
    (Status.REJECTED, "language"): "D {code} 4",
    (Status.REJECTED, "closed"): "D {code} 5",
    (Status.REJECTED, "wrong-service"): "D {code} 6",
    (Status.REJECTED, "other"): "D {code} 7",
    (Status.ON_HOLD, "waitlist"): "W {code}",
    (Status.COMPLETED, ""): "done {code}",
}
"""What a contact texts; whatever has no word of its own is said by the link."""
_SERVED = Reason("service-provided")


@dataclass(frozen=True)
class _Word:
    """What somebody at an agency says."""

    new: Status
    reason: str = ""
    promises: int | None = None


class _Evidence(TypedDict, total=False):
    """What goes with a step."""

    reason: Reason
    outcome: Reason
    promised_by: date


class Desks:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    # They hear of something

    def asked(self, referral: Referral) -> None:
        agency, rolled = self._stage.agency(referral), self._stage.dice("answers", self._stage.name(referral))
        hours = people.hours_to_answer(rolled, agency.temper)
        if hours is None or agency.way is Way.PHONE:
            return
        when = people.at_work(clock.now(), hours, self._stage.calendar(agency.town))
        self._stage.agenda.at(when, partial(self._answer, referral.id))

    def accepted(self, referral: Referral) -> None:
        """Somebody there begins to help, or means to."""
        rolled = self._stage.dice("helps", self._stage.name(referral))
        days = min(6 * rolled.lognormvariate(0, 0.6), 25.0)
        match pick(rolled, COURSES):
            case Course.SERVED:
                self._plan(referral, days, _Word(Status.COMPLETED))
            case Course.SERVED_SLOWLY:
                self._plan(referral, min(days, 2.0), _Word(Status.IN_PROGRESS))
                self._plan(referral, days + 3, _Word(Status.COMPLETED))
            case Course.AT_APPOINTMENT:
                self._plan_appointment(referral, days, came=True)
            case Course.MISSED:
                self._plan_appointment(referral, days, came=False)
            case Course.FAILED:
                self._plan(referral, days, _Word(Status.FAILED, pick(rolled, WHY_FAILED)))
            case Course.CANCELLED:
                self._plan(referral, days, _Word(Status.CANCELLED, "duplicate"))
            case Course.FORGOTTEN:
                pass

    def waitlisted(self, referral: Referral) -> None:
        rolled = self._stage.dice("waits", self._stage.name(referral))
        days = rolled.uniform(5, 30)
        self._plan(referral, days, _Word(Status.IN_PROGRESS))
        self._plan(referral, days + rolled.uniform(1, 6), _Word(Status.COMPLETED))

    def phoned(self, referral: Referral, *, by: StaffMember) -> bool:
        """Somebody of the care team calls, and writes down what is said; False when nobody picks up."""
        agency = self._stage.agency(referral)
        rolled = self._stage.dice("phoned", self._stage.name(referral), now_in(self._stage, agency.town))
        if rolled.random() > _REACHED_BY_PHONE:
            return False
        word = self._by_phone(referral)
        if word:
            self._told(referral, word, by)
        return True

    def _by_phone(self, referral: Referral) -> _Word | None:
        name = self._stage.name(referral)
        if referral.status is Status.REQUESTED:
            temper = self._stage.agency(referral).temper
            return _word(people.decision(self._stage.dice("decides", name), temper))
        became = {Status.COMPLETED: 70, Status.FAILED: 12, None: 18}
        new = pick(self._stage.dice("became", name, now_in(self._stage, self._stage.agency(referral).town)), became)
        if new is None or referral.status not in {Status.ACCEPTED, Status.IN_PROGRESS, Status.ON_HOLD}:
            return None
        return _Word(new, "no-resources" if new is Status.FAILED else "")

    def _told(self, referral: Referral, word: _Word, by: StaffMember) -> None:
        if word.new is Status.ON_HOLD and referral.status is Status.REQUESTED:
            referrals.move(referral, Status.ACCEPTED, by=by, said_by=Actor.AGENCY)
        referrals.move(referral, word.new, by=by, said_by=Actor.AGENCY, **self._said(referral, word))

    # They do something

    def _answer(self, referral_id: uuid.UUID) -> None:
        referral = session.get_one(Referral, referral_id)
        if referral.status is Status.REQUESTED:
            rolled = self._stage.dice("decides", self._stage.name(referral))
            self._say(referral, _word(people.decision(rolled, self._stage.agency(referral).temper)))

    def _plan(self, referral: Referral, days: float, word: _Word) -> None:
        calendar = self._stage.calendar(self._stage.agency(referral).town)
        when = people.at_work(clock.now() + timedelta(days=days), 0, calendar)
        self._stage.agenda.at(when, partial(self._do, referral.id, word))

    def _do(self, referral_id: uuid.UUID, word: _Word) -> None:
        referral = session.get_one(Referral, referral_id)
        if referral.status in {Status.ACCEPTED, Status.IN_PROGRESS, Status.ON_HOLD} and referral.status is not word.new:
            self._say(referral, word)

    def _plan_appointment(self, referral: Referral, days: float, *, came: bool) -> None:
        agency = self._stage.agency(referral)
        calendar = self._stage.calendar(agency.town)
        rolled = self._stage.dice("appointment", self._stage.name(referral))
        day = (clock.now() + timedelta(days=2 + days)).astimezone(calendar.zone).date()
        starts_at = people.office_minute(rolled, day, calendar)
        self._stage.agenda.at(clock.now() + timedelta(hours=2), partial(self._schedule, referral.id, Plan(starts_at)))
        self._stage.agenda.at(starts_at + timedelta(hours=3), partial(self._after_visit, referral.id, came=came))

    def _schedule(self, referral_id: uuid.UUID, plan: Plan) -> None:
        referral = session.get_one(Referral, referral_id)
        if referral.status in appointments.MAY_HAVE_ONE:
            appointments.schedule(referral, plan, by=self._account(referral))

    def _after_visit(self, referral_id: uuid.UUID, *, came: bool) -> None:
        referral = session.get_one(Referral, referral_id)
        appointment = appointments.ahead(referral_id)
        if appointment is None or referral.status not in appointments.MAY_HAVE_ONE:
            return
        appointments.record_visit(appointment, came=came, by=self._account(referral))
        self._plan(referral, 0.1, _Word(Status.COMPLETED) if came else _Word(Status.FAILED, "no-show"))

    # They say something

    def _say(self, referral: Referral, word: _Word) -> None:
        agency = self._stage.agency(referral)
        if agency.way is Way.ACCOUNT:
            self._say_at_desk(referral, word)
        elif agency.way is Way.TEXT and (word.new, word.reason) in _BY_TEXT:
            code = agencies.code_of(referral)
            self._stage.text(agency.phone, _BY_TEXT[word.new, word.reason].format(code=code))
        elif agency.way is not Way.PHONE:
            self._say_by_link(referral, word)

    def _say_at_desk(self, referral: Referral, word: _Word) -> None:
        account = self._account(referral)
        if referral.seen_at is None:
            referrals.mark_seen(referral, by=account)
        if word.new is Status.ON_HOLD and referral.status is Status.REQUESTED:
            referrals.move(referral, Status.ACCEPTED, by=account)
        referrals.move(referral, word.new, by=account, **self._said(referral, word))

    def _say_by_link(self, referral: Referral, word: _Word) -> None:
        link = next(iter(agency_queries.live_links(referral.id)), None)
        if link is None:
            return  # nothing has reached them
        name = agencies.introduce(link, f"Desk of {self._stage.agency(referral).name}")
        agencies.answer(referral.id, word.new, name=name, how="link", **self._said(referral, word))

    def _said(self, referral: Referral, word: _Word) -> _Evidence:
        """What goes with a step: why, what came of it, by when."""
        said: _Evidence = {}
        if word.reason:
            words = "Not for us." if word.reason == "other" else ""
            said["reason"] = Reason(word.reason, words, attempts=4 if word.reason == "cannot-contact" else None)
        if word.new is Status.COMPLETED:
            said["outcome"] = _SERVED
        if word.promises is not None:
            zone = self._stage.calendar(self._stage.agency(referral).town).zone
            said["promised_by"] = clock.now().astimezone(zone).date() + timedelta(days=word.promises)
        return said

    def _account(self, referral: Referral) -> StaffMember | None:
        """Who signs in there; None where nobody does, and a contact without an account is meant."""
        account = self._stage.network.accounts.get(referral.organization_id)
        return session.get_one(StaffMember, account) if account else None


def _word(decision: Decision) -> _Word:
    match decision.answer:
        case Answer.ACCEPT:
            return _Word(Status.ACCEPTED, promises=decision.promises)
        case Answer.WAITLIST:
            return _Word(Status.ON_HOLD, "waitlist")
        case Answer.DECLINE:
            return _Word(Status.REJECTED, decision.reason)
