"""Fills an empty installation with the town under `seed/`: its directory, its people, and what has happened to them.

The history is not inserted, it is played: each line goes through the operation a person would use, at the moment it
says, with the clocks and the texts of the days between. Loading it again changes nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from app import clock, datafile
from app.agencies import operations as agencies
from app.datafile import Node
from app.db import session
from app.directory import importing as directory
from app.directory.models import DirectoryImport, Location, Organization, Service, ServiceAtLocation
from app.geography.calendars import SATURDAY
from app.loop import reading, silence
from app.loop.models import Clock
from app.mail import jobs as mail_jobs
from app.mail.gateways import PageGateway
from app.messaging import jobs as messaging_jobs
from app.messaging import operations as messaging
from app.messaging.delivery import Accepted
from app.messaging.gateways import ConsoleGateway
from app.messaging.models import Inbound
from app.patients import operations as patients
from app.patients.models import ConsentKind, Patient
from app.patients.operations import Address, Particulars
from app.referrals import operations as referrals
from app.referrals.closing import Barrier, Says
from app.referrals.lifecycle import Actor, Reason, Status
from app.referrals.models import Referral
from app.screening import operations as screening
from app.screening.models import Need
from app.screening.scoring import Given
from app.staff import operations as staff
from app.staff.models import StaffMember, Team
from app.staff.permissions import Role
from app.worklist import operations as worklist
from app.worklist.models import WorkItem

SOURCE = "seed"
STAYS_ON_THE_LIST = timedelta(days=4)


def load(folder: Path) -> None:
    """Load the town; safe to do at every start, also after one that was cut off: people come whole or not at all.

    :raises DataFileError: one sentence naming the file and the place of the first mistake.
    """
    if _changed_since_loaded(folder):
        directory.import_directory(folder / "directory", SOURCE, on_progress=lambda _progress: session.commit())
        session.commit()
    town = datafile.read(folder / "people.yaml")
    if session.scalar(select(Team.id).where(Team.name == town.child("team").text("name"))) is None:
        _Town(town).play()
        session.commit()


def _changed_since_loaded(folder: Path) -> bool:
    """Whether a file of the town is younger than its last whole import; comparing each row would take a second more."""
    youngest = max(file.stat().st_mtime for file in folder.rglob("*") if file.is_file())
    loaded = session.scalar(
        select(func.max(DirectoryImport.started_at)).where(
            DirectoryImport.source == SOURCE,
            DirectoryImport.ended_at.is_not(None),
            DirectoryImport.failure.is_(None),
            DirectoryImport.dry_run.is_(False),
        )
    )
    return loaded is None or loaded.timestamp() <= youngest


@dataclass(order=True)
class _Moment:
    at: datetime
    order: int
    """Two things at the same moment happen in the order of the file."""
    patient: str = field(compare=False)
    what: Node = field(compare=False)


class _Town:
    def __init__(self, town: Node) -> None:
        self.town = town
        self.now = clock.now()
        self.zone = ZoneInfo(town.child("team").text("time_zone"))
        self.staff: dict[str, StaffMember] = {}
        self.patients: dict[str, Patient] = {}
        self.referrals: dict[str, Referral] = {}
        self.deeds: dict[str, Callable[[Patient, Node], None]] = {
            "consent": self._consent,
            "safe_contact": self._safe_contact,
            "screen": self._screen,
            "wants_help": self._wants_help,
            "refer": self._refer,
            "open": self._open,
            "move": self._move,
            "reply": self._reply,
            "says": self._says,
        }

    def play(self) -> None:
        self._hire()
        for moment in sorted(self._history()):
            self._let_time_pass(moment.at)
            with clock.held_at(moment.at):
                if moment.patient not in self.patients:
                    self._register(moment.patient, moment.what)
                else:
                    self.deeds[moment.what.text("do")](self.patients[moment.patient], moment.what)
                session.flush()
                _deliver_texts()
                _deliver_letters()
        self._let_time_pass(self.now)
        self._work_off()

    def _work_off(self) -> None:
        """People here are no slower than elsewhere: what has been on their lists for days is done."""
        old = select(WorkItem).where(WorkItem.done_at.is_(None), WorkItem.created_at < self.now - STAYS_ON_THE_LIST)
        for item in session.scalars(old):
            with clock.held_at(item.due_at):
                worklist.finish(item, "done", by=self._colleague(item.owner_id))

    def _colleague(self, staff_id: uuid.UUID | None) -> StaffMember:
        lead = next(person for person in self.staff.values() if person.role is Role.LEAD)
        return next((person for person in self.staff.values() if person.id == staff_id), lead)

    # Time

    def _history(self) -> Iterator[_Moment]:
        for patient in self.town.children("patients"):
            key = patient.code("key")
            yield _Moment(self._when(patient.child("registered")), -1, key, patient)
            for order, line in enumerate(patient.children("history") if "history" in patient else []):
                yield _Moment(self._when(line), order, key, line)

    def _when(self, line: Node) -> datetime:
        if "hours_ago" in line:
            return self.now - timedelta(hours=line.whole("hours_ago"))
        day = self.now.astimezone(self.zone).date()
        if "business_days_ago" in line:
            day = _business_days_before(day, line.whole("business_days_ago"))
        else:
            day -= timedelta(days=line.whole("days_ago"))
        moment = datetime.combine(day, time.fromisoformat(line.text("time")), self.zone)
        return min(moment.astimezone(UTC), self.now)

    def _let_time_pass(self, until: datetime) -> None:
        """Fire the clocks that came due meanwhile, each at its own moment, and send what they cause."""
        while due := session.scalar(
            select(func.min(Clock.due_at)).where(Clock.ended_at.is_(None), Clock.due_at <= until)
        ):
            with clock.held_at(due):
                silence.fire_due_clocks()
                session.flush()
                _deliver_texts()
                _deliver_letters()

    # People

    def _hire(self) -> None:
        facts = self.town.child("team")
        team = Team(
            id=uuid.uuid4(), name=facts.text("name"), phone=facts.text("phone"), time_zone=facts.text("time_zone")
        )
        session.add(team)
        session.flush()  # people point to the row
        for person in self.town.children("staff"):
            role = Role(person.code("role"))
            employer = _named(Organization, person.text("organization")) if role is Role.AGENCY else None
            self.staff[person.code("key")] = staff.add_staff(
                email=person.text("email"),
                name=person.text("name"),
                role=role,
                password=self.town.text("demo_password"),
                team_id=team.id,
                organization_id=employer,
                language=person.code("language"),
            )
        session.flush()
        for person in self.town.children("staff"):
            if "phone" in person:
                somebody = self.staff[person.code("key")]
                staff.set_paging(somebody, phone=person.text("phone"), on_call=person.flag("on_call"), by=somebody)
        session.flush()
        for person in self.town.children("contacts") if "contacts" in self.town else ():
            agencies.add_contact(
                _named(Organization, person.text("organization")),
                name=person.text("name"),
                email=person.text("email"),
                phone=person.text("phone"),
                language=person.code("language"),
                by=None,
            )

    def _register(self, key: str, facts: Node) -> None:
        place = facts.child("address")
        numbers = facts.texts("phones") if "phones" in facts else ()
        patient = patients.register(
            Particulars(
                given_name=facts.text("given_name"),
                family_name=facts.text("family_name"),
                birth_date=date.fromisoformat(facts.text("birth_date")),
                phone=numbers[0] if numbers else "",
                language=facts.code("language"),
                address=Address(
                    place.text("line1"), place.text("city"), place.text("state"), place.text("postal_code")
                ),
            ),
            consent={},
            how="spoken",
            by=self.staff[facts.child("registered").code("by")],
        )
        self.patients[key] = patient

    # What happened

    def _consent(self, patient: Patient, line: Node) -> None:
        patients.record_consent(
            patient,
            ConsentKind(line.code("kind")),
            given=line.flag("given"),
            how=line.code("how"),
            language=patient.language,
            by=self.staff[line.code("by")],
        )

    def _safe_contact(self, patient: Patient, line: Node) -> None:
        patients.set_safe_contact(
            patient,
            text_nothing=line.flag("text_nothing"),
            voicemail_ok=line.flag("voicemail_ok"),
            note=line.optional_text("note") or "",
            by=self.staff[line.code("by")],
        )

    def _screen(self, patient: Patient, line: Node) -> None:
        answers = {question: _answer(answer) for question, answer in line.child("answers").fields()}
        screening.record(
            patient, line.code("instrument"), line.code("language"), answers, by=self.staff[line.code("by")]
        )

    def _wants_help(self, patient: Patient, line: Node) -> None:
        for kind, _ in line.child("needs").fields():
            wanted = line.child("needs").flag(kind)
            screening.decide(_live_need(patient, kind), wants_help=wanted, by=self.staff[line.code("by")])

    def _refer(self, patient: Patient, line: Node) -> None:
        to = line.child("to")
        place = session.scalars(
            select(ServiceAtLocation.id)
            .join(Service, Service.id == ServiceAtLocation.service_id)
            .join(Organization, Organization.id == Service.organization_id)
            .join(Location, Location.id == ServiceAtLocation.location_id)
            .where(
                Organization.name == to.text("organization"),
                Service.name == to.text("service"),
                Location.name == to.text("location"),
            )
        ).one()
        self.referrals[line.code("as")] = referrals.send(
            _live_need(patient, line.code("need")),
            place,
            by=self.staff[line.code("by")],
            note=line.optional_text("note") or "",
        )

    def _open(self, _patient: Patient, line: Node) -> None:
        referral = self.referrals[line.code("referral")]
        referrals.mark_seen(referral, by=self.staff[line.code("by")] if "by" in line else None)

    def _move(self, _patient: Patient, line: Node) -> None:
        referral = self.referrals[line.code("referral")]
        new = Status(line.code("to"))
        by = self.staff.get(line.code("by"))
        contacts = agencies.contacts_for(referral.organization_id, referral.service_id) if by is None else ()
        told = (by is None and not contacts) or "said_by" in line
        promise = clock.now().astimezone(self.zone).date()
        referrals.move(
            referral,
            new,
            by=by,
            reason=_reason(line, "reason"),
            outcome=_reason(line, "outcome"),
            contact=contacts[0].name if contacts else None,
            said_by=Actor.AGENCY if told else None,
            promised_by=promise + timedelta(days=line.whole("promised_in_days"))
            if "promised_in_days" in line
            else None,
        )

    def _reply(self, patient: Patient, line: Node) -> None:
        phone = patient.phones[0].number
        received = messaging.receive(
            {
                "MessageSid": f"SM{uuid.uuid4().hex}",
                "From": phone,
                "To": "",
                "Body": line.text("body"),
                "NumMedia": "0",
            }
        )
        reading.read(session.get_one(Inbound, received.id))

    def _says(self, _patient: Patient, line: Node) -> None:
        barrier = line.optional_text("barrier")
        referrals.record_answer(
            self.referrals[line.code("referral")],
            Says(line.code("says")),
            how="staff",
            barrier=Barrier(barrier) if barrier else None,
            by=self.staff[line.code("by")],
        )


def _deliver_texts() -> None:
    """Every text that is due reaches its phone at once; without the commits between which a real one is sent."""
    gateway = ConsoleGateway()
    while claim := messaging_jobs.claim_next(gateway):
        sid = f"SM{claim.outgoing.message_id.hex}"
        messaging_jobs.record(claim, Accepted(sid, "delivered"), gateway)
        session.flush()


def _deliver_letters() -> None:
    """The same for e-mail to agencies."""
    gateway = PageGateway()
    while claim := mail_jobs.claim_next(gateway):
        mail_jobs.record(claim, Accepted(str(claim.letter.email_id), "sent"))
        session.flush()


def _named(kind: type[Organization], name: str) -> uuid.UUID:
    return session.scalars(select(kind.id).where(kind.name == name)).one()


def _live_need(patient: Patient, kind: str) -> Need:
    return session.scalars(
        select(Need).where(Need.patient_id == patient.id, Need.kind == kind).order_by(Need.found_at.desc()).limit(1)
    ).one()


def _answer(node: Node) -> Given:
    return [choice.as_code() for choice in node.items()] if isinstance(node.value, list) else node.as_code()


def _reason(line: Node, key: str) -> Reason | None:
    if key not in line:
        return None
    node = line.child(key)
    return Reason(node.code("code"), node.optional_text("text") or "")


def _business_days_before(day: date, count: int) -> date:
    while count:
        day -= timedelta(days=1)
        if day.weekday() < SATURDAY:
            count -= 1
    return day
