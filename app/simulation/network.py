"""Writes the network of a simulation: what agencies offer, who works there, and the care teams.

People come later, one by one, through the operation by which they are registered.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import time

from app.agencies import operations as contacts
from app.db import session
from app.directory.models import (
    Address,
    Language,
    Location,
    Organization,
    Phone,
    Schedule,
    Service,
    ServiceAtLocation,
    ServiceNeed,
)
from app.events import ServicesChanged, publish
from app.geography import zips
from app.patients.phones import spoken
from app.simulation.people import Agency, Town, Way, dice
from app.staff.models import StaffMember, Team
from app.staff.permissions import Role

WORKERS_A_TEAM = 3
NOBODY_SIGNS_IN = "!"
"""No hash of any password."""
_NAMES = uuid.UUID("5f0e7bd1-7f0c-4d0e-9d6b-0c8f6a1f2b11")
_SPOKEN_BY_HALF = 0.5


@dataclass(frozen=True)
class Network:
    """Who is who, by id: sessions come and go."""

    seed: int
    towns: Sequence[Town]
    agencies: Mapping[uuid.UUID, Agency]
    """By organization."""
    accounts: Mapping[uuid.UUID, uuid.UUID]
    """Who signs in for an organization."""
    workers: Mapping[str, Sequence[uuid.UUID]]
    """The care team of a town, by its name."""


def build(seed: int, towns: Sequence[Town], agencies: Sequence[Agency]) -> Network:
    """Write everything; whoever calls commits."""
    workers = {town.name: _hire(town) for town in towns}
    organizations = {_id("organization", agency): agency for agency in agencies}
    for organization_id, agency in organizations.items():
        _list(seed, organization_id, agency)
    session.flush()
    accounts = {
        organization_id: _account(organization_id, agency)
        for organization_id, agency in organizations.items()
        if agency.way is Way.ACCOUNT
    }
    for organization_id, agency in organizations.items():
        if agency.way in {Way.LINK, Way.TEXT}:
            contacts.add_contact(
                organization_id,
                name=f"Desk of {agency.name}",
                email=f"desk{agency.number}@simulated.example" if agency.way is Way.LINK else "",
                phone=agency.phone if agency.way is Way.TEXT else "",
                by=None,
            )
    session.flush()
    publish(ServicesChanged(tuple(_id("service", agency) for agency in agencies)))
    return Network(seed, towns, organizations, accounts, workers)


def _id(what: str, agency: Agency) -> uuid.UUID:
    """The same in every run: between services that fit equally well, ids decide."""
    return uuid.uuid5(_NAMES, f"{what} {agency.number}")


def _hire(town: Town) -> Sequence[uuid.UUID]:
    team = Team(id=uuid.uuid4(), name=f"{town.name} Clinic", phone=f"+1{town.area_code}5550100", time_zone=town.zone)
    session.add(team)
    session.flush()
    people = [
        StaffMember(
            id=uuid.uuid4(),
            email=f"{town.area_code}.{n}@simulated.example",
            name=f"Worker {n} of {town.name}",
            role=Role.HEALTH_WORKER if n else Role.LEAD,
            password_hash=NOBODY_SIGNS_IN,
            team_id=team.id,
            phone=f"+1{town.area_code}557{n:04d}",
            on_call=True,
        )
        for n in range(WORKERS_A_TEAM + 1)
    ]
    session.add_all(people)
    session.flush()
    return [person.id for person in people]


def _account(organization_id: uuid.UUID, agency: Agency) -> uuid.UUID:
    person = StaffMember(
        id=uuid.uuid4(),
        email=f"agency{agency.number}@simulated.example",
        name=f"Intake of {agency.name}",
        role=Role.AGENCY,
        password_hash=NOBODY_SIGNS_IN,
        organization_id=organization_id,
    )
    session.add(person)
    return person.id


def _list(seed: int, organization_id: uuid.UUID, agency: Agency) -> None:
    """What the directory says of an agency."""
    rolled = dice(seed, "place of agency", agency.number)
    town = zips.find(agency.town.postal_code)
    if town is None:
        raise LookupError(agency.town.postal_code)
    service_id, location_id = _id("service", agency), _id("location", agency)
    session.add(Organization(id=organization_id, name=agency.name))
    session.flush()
    session.add_all(
        [
            Phone(organization_id=organization_id, number=spoken(agency.phone), e164=agency.phone),
            Service(id=service_id, organization_id=organization_id, name=f"{agency.kind.capitalize()} help"),
            Location(
                id=location_id,
                organization_id=organization_id,
                name=agency.name,
                latitude=town.latitude + rolled.uniform(-0.05, 0.05),
                longitude=town.longitude + rolled.uniform(-0.05, 0.05),
            ),
        ]
    )
    session.flush()
    languages = ["en", *(["es"] if rolled.random() < _SPOKEN_BY_HALF else [])]
    session.add_all(
        [
            ServiceAtLocation(id=_id("place", agency), service_id=service_id, location_id=location_id),
            Address(
                location_id=location_id,
                address_1=f"{100 + agency.number} Main Street",
                city=agency.town.name,
                state_province=agency.town.state,
                postal_code=agency.town.postal_code,
                country="US",
            ),
            Schedule(
                service_id=service_id, freq="WEEKLY", byday="MO,TU,WE,TH,FR", opens_at=time(9), closes_at=time(17)
            ),
            *(Language(service_id=service_id, code=code) for code in languages),
            ServiceNeed(service_id=service_id, need=agency.kind),
        ]
    )
