from __future__ import annotations

import pytest
from sqlalchemy.orm import Session, scoped_session

from app.staff.permissions import Role
from tests.factories import make_organization, make_patient, make_service_at_location, make_staff
from tests.inbox.desk import Desk


@pytest.fixture
def desk(session: scoped_session[Session]) -> Desk:  # noqa: ARG001  the rows need its transaction
    """A pantry with two people, and a health worker who sends to it."""
    worker = make_staff()
    pantry = make_organization("Eastside Pantry")
    rosa = make_staff(Role.AGENCY, organization=pantry, name="Rosa Diaz")
    tom = make_staff(Role.AGENCY, organization=pantry, name="Tom Baker")
    return Desk(worker, rosa, tom, pantry, make_service_at_location(organization=pantry), make_patient(worker))
