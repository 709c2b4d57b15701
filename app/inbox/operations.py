"""What an agency does with a request beside its steps: it sends the patient on to somebody who can help."""

from __future__ import annotations

import uuid

from app import clock
from app.audit import operations as audit
from app.config import settings
from app.db import session
from app.directory import queries as directory
from app.directory.models import ServiceAtLocation
from app.directory.queries import Card
from app.errors import DomainError, Invalid
from app.i18n import gettext as _
from app.loop import operations as loop
from app.loop import rerouting
from app.patients import queries as patients
from app.patients.models import Patient
from app.referrals import intake, notes, queries
from app.referrals import operations as referrals
from app.referrals.lifecycle import Reason, Status
from app.referrals.models import Referral
from app.screening import operations as screening
from app.staff.models import StaffMember
from app.worklist import operations as worklist
from app.worklist.kinds import Kind

SENT_ON = Reason("referred-onward")
OFFERED_WITHIN = 1
"""Business days, of the care team."""


def send_on(
    referral: Referral, place_id: uuid.UUID, *, by: StaffMember, reason: Reason | None = None, note: str = ""
) -> Referral | None:
    """End this request and name a place that can help better: the care team offers it, or it is asked at once.

    Which of the two is a setting of the network. The new request, when there is one, is returned; it says of itself
    that it came from this one.

    :param reason: why a request that was not yet accepted is declined.
    :raises DomainError: the patient has not agreed to be known to organizations, the place has been asked for this
        need before, or it is one's own. (409)
    :raises Invalid: there is no such place, or a reason is missing. (422)
    """
    session.refresh(referral, with_for_update=True)
    need = screening.locked(referral.need_id)
    place = directory.card(place_id)
    if place is None:
        raise Invalid({"to": _("Choose where they can get help.")})
    _refuse_circle(referral, place)
    if not patients.may_tell(referral.patient_id, place.organization_id):
        raise DomainError(_("The patient has not agreed that others learn of this. Ask the care team."))
    successor = None
    if settings().onward_referrals == "direct":
        successor = _successor(referral, place)
    elif referral.status is Status.REQUESTED:
        _ask_care_team(referral, place, purpose=loop.next_offer(need.id))  # before the end asks for the same
    if note.strip():
        notes.write(referral, note, by=by, shared=True)
    if referral.status is Status.REQUESTED:
        referrals.move(referral, Status.REJECTED, by=by, reason=reason)
    else:
        referrals.move(referral, Status.COMPLETED, by=by, outcome=Reason(SENT_ON.code, place.organization))
        if successor is None:
            _ask_care_team(referral, place, purpose=f"onward:{referral.id}")
    if successor is not None:
        rerouting.tell(successor, need)
    audit.record("sent on", "referral", referral.id, by=by.id, to=str(place_id), directly=successor is not None)
    return successor


def _refuse_circle(referral: Referral, place: Card) -> None:
    if place.organization_id == referral.organization_id:
        raise DomainError(_("This is your own organization. Choose another."))
    if any(place.organization_id == tried.organization_id for tried in queries.services_tried(referral.need_id)):
        raise DomainError(_("They have been asked for this already. Choose another."))


def _successor(referral: Referral, place: Card) -> Referral:
    intake.hold([place.id])
    intake.refuse_full(session.get_one(ServiceAtLocation, place.id))
    successor = referrals.draft_instead(referral, place.id, why=[("sent-on", _("Suggested by another organization"))])
    if successor is None:
        raise DomainError(_("This request has been sent on already."))
    return successor


def _ask_care_team(referral: Referral, place: Card, *, purpose: str) -> None:
    patient = session.get_one(Patient, referral.patient_id)
    worklist.ask_person(
        Kind.OFFER_NEXT,
        purpose,
        due_at=loop.calendar_of(patient).after_business_days(clock.now(), OFFERED_WITHIN),
        team_id=patient.team_id,
        owner_id=referral.owner_id,
        patient_id=patient.id,
        referral_id=referral.id,
        why="onward",
        suggested=f"{place.organization}: {place.service}",
        place=str(place.id),
    )
