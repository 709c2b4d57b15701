from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from app import clock
from app.audit import operations as audit
from app.db import changed, session
from app.directory import queries as directory
from app.directory.models import Service, ServiceAtLocation
from app.errors import DomainError, Forbidden, Invalid, NotFound
from app.events import PatientAnswered, ReferralMoved, publish
from app.i18n import gettext as _
from app.matching import operations as matching
from app.matching.models import Bearing
from app.matching.queries import Match
from app.patients import queries as patients
from app.patients.models import ConsentKind, Patient
from app.referrals import words
from app.referrals.closing import Barrier, Says
from app.referrals.lifecycle import (
    ENDED,
    MUST_EXPLAIN,
    NEEDS_REASON,
    OPEN,
    Actor,
    ImpossibleStep,
    NotYourStep,
    Reason,
    Status,
    check,
    missing_evidence,
    reasons_for,
)
from app.referrals.models import NoneWanted, PatientReport, Referral, Transition
from app.screening import operations as screening
from app.screening.models import Need, NeedStatus
from app.staff.models import StaffMember

THINKING = "later"
"""The reason for wanting none of the places that is no refusal."""


LONGEST_PROMISE = timedelta(days=62)


def send(  # noqa: PLR0913  a referral is this many facts
    need: Need,
    service_at_location_id: uuid.UUID,
    *,
    by: StaffMember,
    note: str = "",
    why: Sequence[Sequence[str]] = (),
    override: str = "",
) -> Referral:
    """Ask the service at this location to meet the need.

    :param why: the reasons that were shown when it was chosen, as [code, text] pairs.
    :param override: why it is sent without sharing consent; flagged in the audit log.
    :raises DomainError: there is no sharing consent, or the patient does not want help, or this very request is open.
    :raises NotFound: no such service at a location.
    """
    place = session.get(ServiceAtLocation, service_at_location_id)
    if place is None:
        raise NotFound(_("There is no service at a location with this id. Look at the matches again."))
    service = session.get_one(Service, place.service_id)
    need = screening.locked(need.id)
    patient = session.get_one(Patient, need.patient_id)
    if need.status is NeedStatus.DECLINES_HELP:
        raise DomainError(_("The patient does not want help with this. Ask again before you send it."))
    if not patients.has_consent(patient.id, ConsentKind.SHARE):
        if not override.strip():
            raise DomainError(_("Ask the patient first: there is no consent to share with an organization."))
        audit.record("sent without consent", "need", need.id, by=by.id, flagged=True)
    if need.wants_help is None:
        screening.decide(need, wants_help=True, by=by)
    referral = Referral(
        id=uuid.uuid4(),
        need_id=need.id,
        patient_id=patient.id,
        service_at_location_id=place.id,
        service_id=service.id,
        organization_id=service.organization_id,
        status=Status.DRAFT,
        note=note.strip(),
        why=[list(reason) for reason in why],
        sent_by_id=by.id,
        owner_id=patient.lead_id,
    )
    try:
        with session.begin_nested():
            session.add(referral)
    except IntegrityError as error:
        raise DomainError(_("This request is already open. You can follow it on the patient's page.")) from error
    audit.record("sent", "referral", referral.id, by=by.id)
    return move(referral, Status.REQUESTED, by=by)


def want_none(need: Need, offered: Sequence[Match], why: Reason, *, by: StaffMember) -> None:
    """Keep that the patient looked at what was offered and wanted none of it. They are not offered it again.

    Somebody who wants to think about it has not said no, and sees the same places next time.

    :param offered: what was shown, best first.
    :raises Invalid: no reason, or one that says nothing without words of its own.
    """
    if why.code not in words.NONE_WANTED:
        raise Invalid({"reason_code": _("Say why: choose a reason.")})
    if why.code in MUST_EXPLAIN and not why.text.strip():
        raise Invalid({"reason_text": _("Say in a few words what the reason is.")})
    session.add(
        NoneWanted(
            need_id=need.id,
            offered=[str(match.service_at_location_id) for match in offered],
            reason_code=why.code,
            reason_text=why.text.strip(),
            by_id=by.id,
        )
    )
    if why.code != THINKING:
        for match in offered:
            matching.remember(need.patient_id, match.service_id, match.organization_id, Bearing.DECLINED)
    audit.record("wanted none", "need", need.id, by=by.id, reason=why.code, offered=len(offered))


def actor_of(staff: StaffMember, referral: Referral) -> Actor:
    """Which side of this referral `staff` stands on."""
    return Actor.AGENCY if staff.organization_id == referral.organization_id else Actor.SENDER


def move(  # noqa: PLR0913  a step is this many facts
    referral: Referral,
    new: Status,
    *,
    by: StaffMember | None,
    reason: Reason | None = None,
    outcome: Reason | None = None,
    said_by: Actor | None = None,
    promised_by: date | None = None,
) -> Referral:
    """Take one step, leave its Transition, tell the platform.

    :param by: who takes it; None when the platform does, on the sender's side.
    :param said_by: the side whose word is recorded, when it is not the side that writes it down (a phone call).
    :raises DomainError: there is no such step now, or somebody else was faster. (409)
    :raises Forbidden: the step is the other side's. (403)
    :raises Invalid: the reason or outcome that this step needs is missing. (422)
    """
    old = referral.status
    actor = actor_of(by, referral) if by else Actor.SENDER
    _refuse_impossible(old, new, said_by or actor)
    _refuse_incomplete(new, said_by or actor, reason, outcome)
    now = clock.now()
    if promised_by is not None:
        _refuse_strange_day(promised_by, now.astimezone(directory.time_zone(referral.service_at_location_id)).date())
    values: dict[str, Any] = {
        "status": new,
        "reason_code": reason.code if reason and new in NEEDS_REASON else None,
        "reason_text": reason.text.strip() or None if reason and new in NEEDS_REASON else None,
        "outcome_code": outcome.code if outcome and new is Status.COMPLETED else None,
        "outcome_text": outcome.text.strip() or None if outcome and new is Status.COMPLETED else None,
        "ended_at": now if new in ENDED else None,
    }
    if new is Status.REQUESTED:
        values["sent_at"] = now
    if new is Status.ACCEPTED:
        values |= {"accepted_at": now, "promised_by": promised_by}
    if not changed(update(Referral).where(Referral.id == referral.id, Referral.status == old).values(values)):
        session.expire(referral)
        raise DomainError(_("Somebody else has just changed this referral. Look at it again before you go on."))
    # The update above holds the row, so nobody else takes the same number.
    number = session.scalar(select(func.count()).where(Transition.referral_id == referral.id)) or 0
    transition = Transition(
        id=uuid.uuid4(),
        referral_id=referral.id,
        number=number + 1,
        old=old,
        new=new,
        at=now,
        actor=actor,
        by_id=by.id if by else None,
        said_by=said_by if said_by is not actor else None,
        reason_code=values["reason_code"],
        reason_text=values["reason_text"],
        outcome_code=values["outcome_code"],
        outcome_text=values["outcome_text"],
    )
    session.add(transition)
    session.flush()  # reactions ask the database
    session.refresh(referral)
    audit.record("moved", "referral", referral.id, by=by.id if by else None, old=old.value, new=new.value)
    publish(ReferralMoved(referral.id, transition.id, old.value, new.value, values["reason_code"]))
    return referral


def _refuse_strange_day(promised_by: date, today: date) -> None:
    """The patient will read this day in a text."""
    if not today <= promised_by <= today + LONGEST_PROMISE:
        raise Invalid({"promised_by": _("Choose a day from today on, at most two months ahead.")})


def _refuse_impossible(old: Status, new: Status, actor: Actor) -> None:
    try:
        check(old, new, actor)
    except ImpossibleStep as error:
        raise DomainError(
            _("A referral that is “%(old)s” cannot become “%(new)s”.", old=words.status(old), new=words.status(new))
        ) from error
    except NotYourStep as error:
        sentence = (
            _("Only the agency can say this. If they told you, record it as said by the agency.")
            if actor is Actor.SENDER
            else _("Only the care team that sent the referral can do this.")
        )
        raise Forbidden(sentence) from error


def _refuse_incomplete(new: Status, actor: Actor, reason: Reason | None, outcome: Reason | None) -> None:
    match missing_evidence(new, actor, reason, outcome):
        case "reason":
            raise Invalid({"reason": _("Say why: choose a reason.")})
        case "reason-unknown":
            codes = ", ".join(reasons_for(new, actor))
            raise Invalid({"reason": _("Choose one of these reasons: %(codes)s.", codes=codes)})
        case "reason-text":
            raise Invalid({"reason": _("Say in a few words what the reason is.")})
        case "outcome":
            raise Invalid({"outcome": _("Say what came of it: choose an outcome.")})
        case "outcome-unknown":
            raise Invalid({"outcome": _("Choose one of these outcomes: %(codes)s.", codes=", ".join(words.outcomes()))})


def mark_seen(referral: Referral, *, by: StaffMember | None) -> None:
    """Note when somebody at the agency first opened the referral; None is a contact without an account."""
    session.execute(
        update(Referral).where(Referral.id == referral.id, Referral.seen_at.is_(None)).values(seen_at=clock.now())
    )
    audit.record("opened", "referral", referral.id, by=by.id if by else None)


def record_answer(  # noqa: PLR0913  an answer is this many facts
    referral: Referral,
    says: Says,
    *,
    how: str,
    barrier: Barrier | None = None,
    by: StaffMember | None = None,
    inbound_id: uuid.UUID | None = None,
) -> None:
    """Record what the patient says became of the referral. Each answer is kept; the newest holds.

    A patient who no longer needs it withdraws an open referral by saying so.

    :param inbound_id: the text it was read from; reading the same text again changes nothing.
    :raises DomainError: the referral has not been sent.
    """
    if referral.sent_at is None:
        raise DomainError(_("This referral has not been sent yet, so there is nothing to say about it."))
    now = clock.now()
    kept_barrier = barrier if says is Says.NOT_YET else None
    report = (
        insert(PatientReport)
        .values(
            id=uuid.uuid4(),
            referral_id=referral.id,
            says=says,
            barrier=kept_barrier,
            how=how,
            at=now,
            recorded_by_id=by.id if by else None,
            inbound_id=inbound_id,
        )
        .on_conflict_do_nothing(index_elements=[PatientReport.inbound_id])
        .returning(PatientReport.id)
    )
    if session.scalar(report) is None:
        return
    # Written and read anew in one statement: reactions compare the two voices as they are now.
    session.scalars(
        update(Referral)
        .where(Referral.id == referral.id)
        .values(patient_says=says, barrier=kept_barrier, patient_said_at=now)
        .returning(Referral),
        execution_options={"populate_existing": True, "synchronize_session": False},
    ).one()
    audit.record("patient answered", "referral", referral.id, by=by.id if by else None, says=says.value, how=how)
    publish(PatientAnswered(referral.id, says.value, kept_barrier.value if kept_barrier else None))
    if says is Says.NO_LONGER_NEEDED and referral.status in OPEN:
        move(referral, Status.CANCELLED, by=None, reason=Reason("withdrawn-by-patient"))
