from __future__ import annotations

import re
from typing import Any, NamedTuple

from flask.testing import FlaskClient

from app.directory.models import Organization, ServiceAtLocation
from app.patients.models import Patient
from app.referrals.models import Referral
from app.staff.models import StaffMember
from tests.factories import make_need, make_patient, make_referral


class Desk(NamedTuple):
    worker: StaffMember
    rosa: StaffMember
    tom: StaffMember
    pantry: Organization
    place: ServiceAtLocation
    patient: Patient

    def receive(
        self, kind: str = "food", *, patient: Patient | None = None, urgent: bool = False, **given: Any
    ) -> Referral:
        """A request that has come in, of a patient of its own unless one is given."""
        return make_referral(
            make_need(patient or make_patient(self.worker), kind, urgent=urgent), given.pop("at", self.place), **given
        )


def text_of(client: FlaskClient, address: str) -> str:
    """What stands on a page, without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", client.get(address).get_data(as_text=True)).split())
