"""What matching asks and what it is answered with, free of how patients and directories are stored."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from app.geography.places import Place, Precision

NOWHERE: frozenset[uuid.UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Question:
    """Who can help with this need? All that matching knows about the person who asks."""

    need: str
    """A code of the needs vocabulary."""
    place: Place | None
    postal_code: str
    language: str
    """BCP 47."""
    age: int | None = None
    urgent: bool = False
    consented_organizations: frozenset[uuid.UUID] | None = None
    """The only organizations that may be told; None when consent names none in particular."""
    declined_services: frozenset[uuid.UUID] = NOWHERE
    """Services the patient has had offered and did not want."""
    asked_services: frozenset[uuid.UUID] = NOWHERE
    """Services that are being asked for this patient, or have just said no."""
    helping_organizations: frozenset[uuid.UUID] = NOWHERE
    """Organizations that already help this household."""
    is_one_of: frozenset[str] = frozenset()
    """The audiences, by code, that the patient is known to belong to."""
    is_none_of: frozenset[str] = frozenset()
    """The audiences that the patient is known not to belong to. Of most we know nothing, and nothing is not no."""

    @property
    def known_place(self) -> Place | None:
        """The place, unless it is one without a location."""
        return self.place if self.place and self.place.precision is not Precision.NONE else None


class Candidate(NamedTuple):
    """One service at one location, for one need: a row of the read model, in the order of its query.

    A tuple rather than a model object: some dozens are looked at for each answer.
    """

    id: uuid.UUID
    """The service at location."""
    service_id: uuid.UUID
    organization_id: uuid.UUID
    latitude: float | None
    longitude: float | None
    precision: str
    """A value of `Precision`."""
    fit: float
    """0 to 1, how much of what the service does answers this need; see `readings.fits`."""
    area_id: int | None
    """The service area that it is limited to, if any."""
    covered: bool | None
    """Whether that takes in the patient; None when there is none, or too little is known of where they live."""
    remote: bool
    """It helps by phone, online or at the patient's door, wherever that is."""
    anchored: bool
    """Only its distance decides whether it is near enough: no area, not remote, and we know where it is."""
    confidential: bool
    audience: int
    """Whom it is only for, as bits; see `audiences`."""
    languages: str
    """What its staff speak, as base languages between spaces: " es zh "."""
    interpreter: bool
    min_age: int | None
    """The youngest age it serves, in whole years."""
    max_age: int | None
    """The oldest age it serves, in whole years, that year included."""
    capacity: str
    """A value of `CapacityStatus`."""
    capacity_at: datetime | None
    """When that was said."""
    capacity_until: datetime | None
    """It holds before this moment; None means until somebody says otherwise."""
    hours: bytes | None
    """The week in its own time zone, 168 hours from Monday midnight, one bit each; None when not known."""
    time_zone: str
    history: float
    """0 to 1, see `records`; the average of the need where there is too little to tell."""
    history_n: int
    """How many referrals that rests on."""
    walk_in: bool | None
    service: str
    organization: str
    city: str
    """These three are for people to read; nothing is decided by them."""
