"""The care teams of a simulation: they register people, send referrals and work off their lists, each in their time."""

from __future__ import annotations

import uuid
from datetime import timedelta
from functools import partial
from random import Random

from sqlalchemy import select

from app import clock
from app.db import session
from app.errors import DomainError
from app.loop import by_hand
from app.matching import queries as matching
from app.matching.queries import Match
from app.patients import operations as patients
from app.patients.models import ConsentKind, Patient
from app.patients.operations import Address, Particulars
from app.referrals import operations as referrals
from app.referrals.closing import Says
from app.referrals.lifecycle import Status
from app.referrals.models import Referral
from app.screening import operations as screening
from app.screening.models import Need
from app.simulation import people
from app.simulation.desks import Desks
from app.simulation.people import Habit, Person, Town, pick
from app.simulation.stage import Stage
from app.staff.models import StaffMember
from app.worklist import operations as worklist
from app.worklist import paging
from app.worklist.kinds import Kind
from app.worklist.models import WorkItem

_HOURS = (4.0, 0.8)
"""Working hours until somebody comes to a piece of work: median and spread of a log-normal distribution."""
_REACHED = 0.6
"""How often a patient picks up."""
_REACHED_WHO_IS_SILENT = 0.03
"""How often somebody does who answers no texts either."""
_TOGETHER = 0.06
"""How often a need is sent to two places at once."""
_UNDERSTOOD = 0.35
"""How often a strange text tells a person whether help came."""
_WRITES_BACK = 0.12
_AFTER_TALKING = {Says.GOT_HELP: 45, Says.NOT_YET: 12, Says.NO_LONGER_NEEDED: 8, None: 35}
_WHEN_CALLED = {Says.GOT_HELP: 70, Says.NOT_YET: 22, Says.NO_LONGER_NEEDED: 8}
_BEING_HELPED = frozenset({Status.ACCEPTED, Status.IN_PROGRESS, Status.COMPLETED})


class Workers:
    def __init__(self, stage: Stage, desks: Desks) -> None:
        self._stage, self._desks = stage, desks

    # Somebody comes

    def meet(self, person: Person) -> None:
        """Register a person, and then find help for each thing that they need."""
        team = self._stage.network.workers[person.town.name]
        by = session.get_one(StaffMember, team[1 + person.number % (len(team) - 1)])
        consent = {ConsentKind.SHARE: person.shares}
        if person.texts is not None:
            consent[ConsentKind.TEXT] = person.texts
        town = person.town
        place = Address(f"{person.number + 1} Home Street", town.name, town.state, town.postal_code)
        patient = patients.register(
            Particulars(
                given_name=person.given_name,
                family_name=person.family_name,
                birth_date=person.born,
                phone=person.phone,
                language=person.language,
                address=place,
            ),
            consent=consent,
            how="spoken",
            by=by,
        )
        self._stage.people[patient.id] = person
        if person.text_nothing:
            patients.set_safe_contact(patient, text_nothing=True, voicemail_ok=False, note="", by=by)
        for number, (kind, urgent) in enumerate(person.needs):
            # One after the other, as people do it: nothing then hangs on the order of two at one moment.
            later = clock.now() + number * timedelta(minutes=4)
            self._stage.agenda.at(later, partial(self._find_help, patient.id, by.id, kind, urgent=urgent))

    def _find_help(self, patient_id: uuid.UUID, by_id: uuid.UUID, kind: str, *, urgent: bool) -> None:
        """Write down a need and send it."""
        patient, by = session.get_one(Patient, patient_id), session.get_one(StaffMember, by_id)
        need = screening.open_need(patient.id, kind)
        if urgent:
            screening.decide(need, wants_help=True, by=by, urgent=True)
        self._refer(need, patient, by, self._stage.dice("chooses", self._stage.people[patient_id].number, kind))

    def _refer(self, need: Need, patient: Patient, by: StaffMember, rolled: Random) -> bool:
        """Send the best match, or one that is nearly as good; False when there is none."""
        places = [match.service_at_location_id for match in self._offered(need, patient)]
        if not places:
            return False
        override = "" if self._stage.people[patient.id].shares else "They asked us to call in their name."
        if len(places) > 1 and rolled.random() < _TOGETHER:
            referrals.send_together(need, places[:2], by=by, override=override)
        else:
            referrals.send(need, places[min(len(places) - 1, int(rolled.random() * 2))], by=by, override=override)
        return True

    def _offered(self, need: Need, patient: Patient) -> list[Match]:
        return list(matching.matches(matching.question_for(need, patient)).items)

    # Work

    def noticed(self, item: WorkItem) -> None:
        """Somebody has a piece of work on their list: they will come to it."""
        town, what = self._town(item), self.called(item)
        rolled = self._stage.dice("comes to", what)
        if item.kind is Kind.URGENT_TEXT:
            when = clock.now() + timedelta(minutes=rolled.uniform(3, 40))
        else:
            hours = min(_HOURS[0] * rolled.lognormvariate(0, _HOURS[1]), 30.0)
            when = people.at_work(clock.now(), hours / 4 if item.urgent else hours, self._stage.calendar(town))
        self._stage.agenda.at(when, partial(self._do, item.id, what))

    def _do(self, item_id: uuid.UUID, what: str) -> None:
        item = session.get_one(WorkItem, item_id)
        if item.done_at:
            return
        by = self._who(item)
        outcome = self._outcome(item, by, self._stage.dice("does", what))
        session.refresh(item)
        if item.done_at is None:  # what came of it may have settled it
            worklist.finish(item, outcome, by=by)

    def _outcome(self, item: WorkItem, by: StaffMember, rolled: Random) -> str:
        referral = session.get(Referral, item.referral_id) if item.referral_id else None
        match item.kind:
            case Kind.CALL_AGENCY if referral:
                return "done" if self._desks.phoned(referral, by=by) else "not-reached"
            case Kind.CALL_INSTEAD | Kind.RESOLVE_DISPUTE | Kind.FOLLOW_BARRIER if referral:
                return self._call(item, referral, by, rolled)
            case Kind.OFFER_NEXT if referral:
                return self._offer(referral, by, rolled)
            case Kind.READ_TEXT:
                self._read(item, by, rolled)
            case Kind.URGENT_TEXT:
                paging.take(item, by=by)
            case _:
                pass
        return "done"

    def _call(self, item: WorkItem, referral: Referral, by: StaffMember, rolled: Random) -> str:
        """Talk with the patient, if they pick up."""
        if not self._picks_up(referral, rolled):
            return "not-reached"
        if referral.status in _BEING_HELPED and referral.sent_at:
            called = item.kind is Kind.CALL_INSTEAD
            says = pick(rolled, _WHEN_CALLED) if called else pick(rolled, _AFTER_TALKING)
            if says and (referral.status is Status.COMPLETED or not called):
                referrals.record_answer(referral, says, how="staff", by=by)
        return "done"

    def _offer(self, referral: Referral, by: StaffMember, rolled: Random) -> str:
        if not self._picks_up(referral, rolled):
            return "not-reached"
        need = session.get_one(Need, referral.need_id)
        patient = session.get_one(Patient, referral.patient_id)
        try:
            with session.begin_nested():
                found = self._refer(need, patient, by, rolled)
        except DomainError:
            found = False  # they want no help any more, or it is asked already
        return "done" if found else "not-needed"

    def _read(self, item: WorkItem, by: StaffMember, rolled: Random) -> None:
        if item.patient_id is None:
            return
        waiting = session.scalar(
            select(Referral)
            .where(
                Referral.patient_id == item.patient_id,
                Referral.status == Status.COMPLETED,
                Referral.patient_says.is_(None),
            )
            .order_by(Referral.accepted_at)
            .limit(1)
        )
        if waiting and rolled.random() < _UNDERSTOOD:
            referrals.record_answer(waiting, pick(rolled, _WHEN_CALLED), how="staff", by=by)
        elif rolled.random() < _WRITES_BACK:
            patient = session.get_one(Patient, item.patient_id)
            if not by_hand.why_not(patient):
                by_hand.write(patient, "Thank you. We call you tomorrow.", uuid.uuid4(), by=by)

    def _picks_up(self, referral: Referral, rolled: Random) -> bool:
        silent = self._stage.people[referral.patient_id].habit is Habit.SILENT
        return rolled.random() < (_REACHED_WHO_IS_SILENT if silent else _REACHED)

    # Who and what

    def _town(self, item: WorkItem) -> Town:
        person = self._stage.people.get(item.patient_id) if item.patient_id else None
        return person.town if person else self._stage.network.towns[0]

    def _who(self, item: WorkItem) -> StaffMember:
        owner = item.owner_id or self._stage.network.workers[self._town(item).name][0]
        return session.get_one(StaffMember, owner)

    def called(self, item: WorkItem) -> str:
        """A name for a piece of work that is the same in every run, unlike its id and its purpose."""
        person = self._stage.people.get(item.patient_id) if item.patient_id else None
        referral = session.get(Referral, item.referral_id) if item.referral_id else None
        about = self._stage.name(referral) if referral else ""
        return f"{person.number if person else '-'} {about} {item.kind.value} {item.created_at.isoformat()}"
