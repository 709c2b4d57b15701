"""Believable rows for tests. Each function makes one thing and whatever it cannot be without; every name can be given.

What has rules goes through the operations, so that a test starts from a state the product can be in.
"""

from __future__ import annotations

import itertools
import re
import uuid
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from argon2 import PasswordHasher
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import clock
from app.agencies import operations as agencies
from app.agencies.models import Contact
from app.db import session
from app.directory.codes import CapacityStatus
from app.directory.models import (
    Address,
    Language,
    Location,
    Organization,
    Phone,
    RequiredDocument,
    Schedule,
    Service,
    ServiceAtLocation,
    ServiceNeed,
)
from app.events import ServicesChanged, publish
from app.patients import operations as patients
from app.patients.models import ConsentKind, Patient
from app.patients.operations import Particulars
from app.patients.phones import spoken
from app.referrals import operations as referrals
from app.referrals.lifecycle import Actor, Reason, Status
from app.referrals.models import Referral
from app.screening import operations as screening
from app.screening.models import Need, NeedStatus, Screening
from app.staff.models import StaffMember, Team
from app.staff.permissions import Role

PASSWORD = "quiet harbor lantern"

# The product's own hash takes a tenth of a second, which is right there and too long here.
_password_hash = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
_number = itertools.count(1)

_CARE = frozenset({Role.HEALTH_WORKER, Role.LEAD})

_WAY: dict[Status, tuple[Status, ...]] = {
    Status.REQUESTED: (),
    Status.ACCEPTED: (Status.ACCEPTED,),
    Status.REJECTED: (Status.REJECTED,),
    Status.IN_PROGRESS: (Status.ACCEPTED, Status.IN_PROGRESS),
    Status.ON_HOLD: (Status.ACCEPTED, Status.ON_HOLD),
    Status.COMPLETED: (Status.ACCEPTED, Status.COMPLETED),
    Status.FAILED: (Status.ACCEPTED, Status.FAILED),
    Status.CANCELLED: (Status.CANCELLED,),
    Status.ENTERED_IN_ERROR: (Status.ENTERED_IN_ERROR,),
}
_REASONS = {
    Status.REJECTED: Reason("not-eligible"),
    Status.ON_HOLD: Reason("waitlist"),
    Status.FAILED: Reason("no-show"),
    Status.CANCELLED: Reason("recalled-by-sender"),
}
_SENDERS = frozenset({Status.CANCELLED, Status.ENTERED_IN_ERROR})


def make_team(name: str = "", *, time_zone: str = "America/New_York") -> Team:
    team = Team(name=name or f"Bayview Clinic {next(_number)}", phone="+14105550100", time_zone=time_zone)
    session.add(team)
    session.flush()
    return team


def make_staff(  # noqa: PLR0913  a person is this many facts
    role: Role = Role.HEALTH_WORKER,
    *,
    team: Team | None = None,
    organization: Organization | None = None,
    name: str = "Maya Brooks",
    email: str = "",
    language: str = "en",
) -> StaffMember:
    """Somebody who signs in with `PASSWORD`; without a team or an organization they get one of their own."""
    if role in _CARE and team is None:
        team = make_team()
    if role is Role.AGENCY and organization is None:
        organization = make_organization()
    staff = StaffMember(
        email=email or f"staff{next(_number)}@example.test",
        name=name,
        role=role,
        password_hash=_password_hash,
        team_id=team.id if team and role in _CARE else None,
        organization_id=organization.id if organization and role is Role.AGENCY else None,
        language=language,
    )
    session.add(staff)
    session.flush()
    return staff


def sign_in(client: FlaskClient, staff: StaffMember) -> None:
    """The browser is signed in as `staff`, without the time a password takes."""
    with client.session_transaction() as cookie:
        cookie["_user_id"] = staff.get_id()
        cookie["_fresh"] = True


def follow(client: FlaskClient, response: TestResponse) -> TestResponse:
    """The page that a form which was taken leads to."""
    assert response.status_code == 303, response.get_data(as_text=True)
    return client.get(response.location)


def text_of(page: str) -> str:
    """What a page says, in one line and without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def make_patient(  # noqa: PLR0913  a patient is this many facts
    by: StaffMember | None = None,
    *,
    given_name: str = "Ana",
    family_name: str = "Reyes",
    birth_date: date = date(1985, 3, 27),
    phone: str | None = None,
    language: str = "es",
    postal_code: str = "21224",
    share: bool | None = True,
    text: bool | None = True,
) -> Patient:
    """A patient of the team of `by`. A consent of None has not been asked for. Each gets a phone of their own."""
    given = {ConsentKind.SHARE: share, ConsentKind.TEXT: text}
    return patients.register(
        Particulars(
            given_name=given_name,
            family_name=family_name,
            birth_date=birth_date,
            phone=f"+1410555{next(_number) % 10_000:04d}" if phone is None else phone,
            language=language,
            address=patients.Address("1200 Light Street", "Baltimore", "MD", postal_code),
        ),
        consent={kind: agreed for kind, agreed in given.items() if agreed is not None},
        how="spoken",
        by=by or make_staff(),
    )


def make_organization(name: str = "", *, phone: str = "") -> Organization:
    """An organization; with `phone` (E.164) it can be called."""
    organization = Organization(name=name or f"Eastside Pantry {next(_number)}")
    session.add(organization)
    session.flush()
    if phone:
        session.add(Phone(organization_id=organization.id, number=spoken(phone), e164=phone))
        session.flush()
    return organization


def make_contact(
    organization: Organization,
    *,
    name: str = "Rosa Diaz",
    email: str = "rosa@pantry.example",
    phone: str = "",
    language: str = "en",
) -> Contact:
    """Somebody who answers for the organization without an account."""
    return agencies.add_contact(organization.id, name=name, email=email, phone=phone, language=language, by=None)


def make_service_at_location(  # noqa: PLR0913  a service is this many facts
    *,
    organization: Organization | None = None,
    name: str = "Groceries for a week",
    needs: Sequence[str] = ("food",),
    languages: Sequence[str] = ("en", "es"),
    documents: Sequence[str] = (),
    point: tuple[float, float] | None = (39.2904, -76.6122),
    postal_code: str = "21202",
    weekdays: str = "MO,TU,WE,TH,FR",
    capacity: CapacityStatus = CapacityStatus.UNKNOWN,
    confidential: bool = False,
) -> ServiceAtLocation:
    """A service that answers `needs`, open on `weekdays` from 9 to 5, and known to the matching at once."""
    organization = organization or make_organization()
    known = capacity is not CapacityStatus.UNKNOWN
    service = Service(
        organization_id=organization.id,
        name=name,
        capacity_status=capacity,
        capacity_at=clock.now() if known else None,
        capacity_source="agency" if known else None,
    )
    location = Location(
        organization_id=organization.id,
        name=organization.name,
        latitude=point[0] if point else None,
        longitude=point[1] if point else None,
        confidential=confidential,
    )
    session.add_all([service, location])
    session.flush()
    place = ServiceAtLocation(service_id=service.id, location_id=location.id)
    session.add(place)
    session.flush()
    session.add_all(
        [
            Address(
                location_id=location.id,
                address_1=f"{next(_number)} East Baltimore Street",
                city="Baltimore",
                state_province="MD",
                postal_code=postal_code,
                country="US",
            ),
            Schedule(
                service_id=service.id,
                freq="WEEKLY",
                byday=weekdays,
                opens_at=clock.now().replace(hour=9, minute=0).time(),
                closes_at=clock.now().replace(hour=17, minute=0).time(),
            ),
            *(Language(service_id=service.id, code=code) for code in languages),
            *(RequiredDocument(service_id=service.id, document=document) for document in documents),
            *(ServiceNeed(service_id=service.id, need=need) for need in needs),
        ]
    )
    session.flush()
    publish(ServicesChanged((service.id,)))
    return place


def make_screening(patient: Patient, by: StaffMember, instrument: str = "loopline-core") -> Screening:
    """A conversation that has begun and in which nothing has been answered."""
    return screening.start(patient, instrument, "en", by=by)


def make_need(
    patient: Patient | None = None,
    kind: str = "food",
    *,
    wants_help: bool | None = True,
    urgent: bool = False,
) -> Need:
    status = {None: NeedStatus.IDENTIFIED, True: NeedStatus.WANTS_HELP, False: NeedStatus.DECLINES_HELP}[wants_help]
    need = Need(
        id=uuid.uuid4(),
        patient_id=(patient or make_patient()).id,
        kind=kind,
        status=status,
        wants_help=wants_help,
        urgent=urgent,
        because=[],
        codes={},
    )
    session.add(need)
    session.flush()
    return need


def make_referral(
    need: Need | None = None,
    at: ServiceAtLocation | None = None,
    *,
    by: StaffMember | None = None,
    status: Status = Status.REQUESTED,
    note: str = "",
) -> Referral:
    """A referral that was really sent and came all the way to `status`; the agency told its steps by phone."""
    if by is None:
        patient = session.get_one(Patient, need.patient_id) if need else None
        by = session.get_one(StaffMember, patient.lead_id) if patient else make_staff()
    need = need or make_need(make_patient(by))
    referral = referrals.send(need, (at or make_service_at_location()).id, by=by, note=note)
    for step in _WAY[status]:
        referrals.move(
            referral,
            step,
            by=by,
            reason=_REASONS.get(step),
            outcome=Reason("service-provided") if step is Status.COMPLETED else None,
            said_by=None if step in _SENDERS else Actor.AGENCY,
        )
    return referral


class Loop(NamedTuple):
    """Both sides of one referral that has not been sent yet."""

    worker: StaffMember
    agency: StaffMember
    patient: Patient
    need: Need
    organization: Organization
    place: ServiceAtLocation

    @property
    def matches(self) -> str:
        return f"/needs/{self.need.id}/matches"

    @property
    def referrals(self) -> str:
        return f"/needs/{self.need.id}/referrals"


def make_loop() -> Loop:
    worker = make_staff()
    organization = make_organization("Eastside Pantry")
    agency = make_staff(Role.AGENCY, organization=organization)
    patient = make_patient(worker)
    place = make_service_at_location(organization=organization)
    return Loop(worker, agency, patient, make_need(patient), organization, place)
