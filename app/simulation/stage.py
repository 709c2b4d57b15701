"""What all who act in a simulation share: the plan, the people, and names for chance that are the same in every run."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from zoneinfo import ZoneInfo

from app import clock
from app.config import settings
from app.db import session
from app.geography.calendars import Calendar
from app.messaging import jobs as messaging_jobs
from app.messaging import operations as messaging
from app.referrals.models import Referral
from app.screening.models import Need
from app.simulation.agenda import Agenda
from app.simulation.network import Network
from app.simulation.people import Agency, Person, Town, dice


@dataclass
class Stage:
    network: Network
    agenda: Agenda = field(default_factory=Agenda)
    people: dict[uuid.UUID, Person] = field(default_factory=dict)
    """By patient."""
    _texts: Counter[str] = field(default_factory=Counter)
    _names: dict[uuid.UUID, str] = field(default_factory=dict)

    def dice(self, *about: object) -> Random:
        return dice(self.network.seed, *about)

    def agency(self, referral: Referral) -> Agency:
        return self.network.agencies[referral.organization_id]

    def name(self, referral: Referral) -> str:
        """What a referral is called where chance is asked about it: never by its id, which no seed knows."""
        if referral.id not in self._names:
            need = session.get_one(Need, referral.need_id)
            person = self.people[referral.patient_id]
            self._names[referral.id] = f"{person.number} {need.kind} {self.agency(referral).number}"
        return self._names[referral.id]

    def calendar(self, town: Town) -> Calendar:
        return Calendar(ZoneInfo(town.zone), settings().days_off)

    def text(self, phone: str, body: str, *, to: str = "", opt_out: str = "") -> None:
        """A text from this phone reaches us, as through the webhook, and the job reads it."""
        self._texts[phone] += 1
        sid = f"SM{int(phone[1:]):022d}{self._texts[phone]:010d}"
        fields = {"MessageSid": sid, "From": phone, "To": to, "Body": body, "NumMedia": "0", "OptOutType": opt_out}
        received = messaging.receive(fields)
        messaging_jobs.read(str(received.id))


def now_in(stage: Stage, town: Town) -> str:
    """The day in a town, for what is drawn anew each day."""
    return clock.now().astimezone(stage.calendar(town).zone).date().isoformat()
