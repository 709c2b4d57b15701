from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time
from typing import Any

import pytest
from sqlalchemy.orm import Session, scoped_session

from app.directory.codes import LocationType
from app.directory.models import (
    Address,
    Language,
    Location,
    Organization,
    Schedule,
    Service,
    ServiceArea,
    ServiceAtLocation,
    ServiceNeed,
)

BALTIMORE = (39.3446, -76.6794)
"""The middle of 21215."""


@dataclass(frozen=True)
class Offer:
    """A service at a location."""

    id: uuid.UUID
    service: Service
    location: Location
    organization: Organization


class Town:
    """A directory, made offer by offer."""

    def __init__(self, session: scoped_session[Session]) -> None:
        self._session = session

    def offer(  # noqa: PLR0913  a directory knows this much of a service
        self,
        name: str = "Pantry",
        *,
        needs: Sequence[str] = ("food",),
        point: tuple[float, float] | None = BALTIMORE,
        postal_code: str | None = "21215",
        virtual: bool = False,
        confidential: bool = False,
        languages: Sequence[str] = (),
        opens: str | None = None,
        areas: Sequence[Sequence[str]] = (),
        organization: Organization | None = None,
        **service: Any,
    ) -> Offer:
        organization = organization or Organization(id=uuid.uuid4(), name=f"{name} Organization")
        offered = Service(id=uuid.uuid4(), organization_id=organization.id, name=name, **service)
        location = Location(
            id=uuid.uuid4(),
            organization_id=organization.id,
            location_type=LocationType.VIRTUAL if virtual else LocationType.PHYSICAL,
            latitude=point[0] if point else None,
            longitude=point[1] if point else None,
            confidential=confidential,
        )
        at_location = ServiceAtLocation(id=uuid.uuid4(), service_id=offered.id, location_id=location.id)
        self._save(organization)
        self._save(offered, location)
        self._save(
            at_location,
            *(ServiceNeed(service_id=offered.id, need=need) for need in needs),
            *(Language(service_id=offered.id, code=code) for code in languages),
            *(ServiceArea(service_id=offered.id, postal_codes=list(area)) for area in areas),
        )
        if postal_code:
            self._save(Address(location_id=location.id, city="Baltimore", state_province="MD", postal_code=postal_code))
        if opens:
            self._save(
                Schedule(service_id=offered.id, freq="WEEKLY", byday=opens, opens_at=time(9), closes_at=time(17))
            )
        return Offer(at_location.id, offered, location, organization)

    def _save(self, *rows: object) -> None:
        # No relationships order these rows, so each step is written before the next refers to it.
        self._session.add_all(rows)
        self._session.flush()


@pytest.fixture
def town(session: scoped_session[Session]) -> Town:
    return Town(session)
