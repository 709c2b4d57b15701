"""What happens when…? The one table of everything the platform does by itself.

A reaction runs in the transaction of the operation that published the fact. It may write rows (a message, a work item,
a question, a clock) and nothing else; a worker talks to the outside. So a referral, its text and its job are committed
together or not at all.
"""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from app import clock
from app.config import settings
from app.db import session
from app.directory import operations as directory
from app.directory import queries as directory_queries
from app.directory.codes import CapacityStatus
from app.events import (
    ConsentGiven,
    ConsentRevoked,
    PatientAnswered,
    PatientMoved,
    PhoneOptedOut,
    Reactions,
    ReferralMoved,
    ServicesChanged,
    TextArrived,
    TextEnded,
    TextHeld,
    WorkFinished,
)
from app.loop import clocks, operations, reading
from app.loop.clocks import Group
from app.matching import operations as matching
from app.matching.models import Bearing
from app.messaging import operations as messaging
from app.messaging.delivery import SOMEWHERE
from app.messaging.models import Inbound, Message
from app.patients import operations as patient_operations
from app.patients import queries as patients
from app.patients.models import ConsentKind, Patient
from app.referrals import operations as referrals
from app.referrals import queries as referral_queries
from app.referrals.closing import Closure, Says, need_status
from app.referrals.lifecycle import Actor, Reason, Status
from app.referrals.models import Referral, Transition
from app.screening import operations as screening
from app.worklist import operations as worklist
from app.worklist.kinds import Kind
from app.worklist.models import WorkItem

FULL_FOR = timedelta(days=14)
"""How long a service that declined for being full is not offered, unless it says otherwise."""


# When a referral moves


def withdraw_stale_texts(fact: ReferralMoved) -> None:
    """A text about the step before must not arrive after this one."""
    messaging.cancel_queued(regarding=fact.referral_id, reason="superseded")


def tell_patient(fact: ReferralMoved) -> None:
    referral = session.get_one(Referral, fact.referral_id)
    patient = session.get_one(Patient, referral.patient_id)
    zone = operations.zone_of(patient)
    purpose = f"{fact.transition_id}"
    match Status(fact.new):
        case Status.REQUESTED:
            by_day = clocks.after_business_days(clock.now(), 2, zone)
            operations.tell(referral, "referral-sent", purpose, by_day=by_day)
        case Status.ACCEPTED:
            if referral.promised_by is None:
                by_day = clocks.after_business_days(clock.now(), operations.PROMISE_BUSINESS_DAYS, zone)
                referral.promised_by = by_day.astimezone(zone).date()
            asked = operations.pose(referral, operations.GOT_HELP)
            template = "referral-accepted" if asked else "referral-accepted-no-question"
            if not operations.tell(referral, template, purpose, by_day=referral.promised_by):
                operations.withdraw_questions(referral)
        case Status.ON_HOLD:
            operations.tell(referral, "referral-waiting", purpose)
        case Status.REJECTED | Status.FAILED:
            operations.tell(
                referral, "referral-declined", purpose, by_day=clocks.after_business_days(clock.now(), 1, zone)
            )
        case Status.COMPLETED if settings().served_follow_up_days == 0:
            operations.ask_again(referral, "ask-served", purpose)
        case _:
            pass


def watch_the_clock(fact: ReferralMoved) -> None:
    operations.start_clocks(session.get_one(Referral, fact.referral_id))


_ENDED_FOR_GOOD = frozenset({"withdrawn-by-patient", "consent-revoked", "duplicate", "moved", "deceased"})
"""After these nobody is to be called and nothing offered."""


def lay_down_work(fact: ReferralMoved) -> None:
    """The agency has spoken, so nobody needs to phone it; an end leaves nothing to ask and perhaps a next match."""
    referral = session.get_one(Referral, fact.referral_id)
    worklist.settle({Kind.CALL_AGENCY}, referral_id=referral.id)
    new = Status(fact.new)
    if new in {Status.REJECTED, Status.FAILED, Status.CANCELLED, Status.ENTERED_IN_ERROR}:
        operations.withdraw_questions(referral)
    if new in {Status.ACCEPTED, Status.COMPLETED}:
        worklist.settle({Kind.RESOLVE_DISPUTE}, referral_id=referral.id)
    if new in {Status.REQUESTED, Status.ACCEPTED, Status.COMPLETED}:
        worklist.settle_for_need({Kind.OFFER_NEXT}, need_id=referral.need_id)  # somebody is asked now
    for_good = new is Status.CANCELLED and fact.reason in _ENDED_FOR_GOOD
    if new is Status.ENTERED_IN_ERROR or for_good:
        worklist.settle(set(Kind), referral_id=referral.id)
    elif new in {Status.REJECTED, Status.FAILED, Status.CANCELLED}:
        why = fact.new if _agency_cancelled(fact) else fact.reason or fact.new
        operations.offer_next(referral, why=why)


def _agency_cancelled(fact: ReferralMoved) -> bool:
    if Status(fact.new) is not Status.CANCELLED:
        return False
    transition = session.get_one(Transition, fact.transition_id)
    return Actor.AGENCY in {transition.actor, transition.said_by}


def pause_full_service(fact: ReferralMoved) -> None:
    """“We are full” is news about the service, not only about this referral: it is not offered to the next patient."""
    if fact.reason == "at-capacity":
        referral = session.get_one(Referral, fact.referral_id)
        there = directory_queries.time_zone(referral.service_at_location_id)
        last_day = clock.now().astimezone(there).date() + FULL_FOR
        directory.set_capacity(referral.service_id, CapacityStatus.NO_CAPACITY, last_day, "declined a referral")


_BEARING = {
    Status.REQUESTED: Bearing.ASKED,
    Status.REJECTED: Bearing.ASKED,
    Status.FAILED: Bearing.ASKED,
    Status.ACCEPTED: Bearing.HELPING,
    Status.IN_PROGRESS: Bearing.HELPING,
    Status.ON_HOLD: Bearing.HELPING,
    Status.COMPLETED: Bearing.HELPING,
}
_ASKED_IN_VAIN = frozenset({"recalled-silence", "recalled-by-sender"})


def remember_offer(fact: ReferralMoved) -> None:
    """What was tried is not offered to this patient again, and who helps them now is known to matching."""
    referral = session.get_one(Referral, fact.referral_id)
    bearing = _BEARING.get(Status(fact.new))
    if fact.reason == "patient-declined":
        bearing = Bearing.DECLINED
    elif fact.reason in _ASKED_IN_VAIN:
        bearing = Bearing.ASKED
    if bearing:
        matching.remember(referral.patient_id, referral.service_id, referral.organization_id, bearing)
    else:
        matching.forget(referral.patient_id, referral.service_id)


def derive_need(fact: ReferralMoved | PatientAnswered) -> None:
    referral = session.get_one(Referral, fact.referral_id)
    need = screening.locked(referral.need_id)
    screening.derive_status(need, need_status(referral_queries.voices_of_need(need.id)))


# When the patient has answered


def stop_asking(fact: PatientAnswered) -> None:
    referral = session.get_one(Referral, fact.referral_id)
    operations.clear_clocks(referral, Group.PATIENT)
    if fact.says != Says.NOT_YET or fact.barrier:
        operations.withdraw_questions(referral)
    over = fact.says in {Says.GOT_HELP, Says.NO_LONGER_NEEDED}
    pointless = {Kind.CALL_INSTEAD, Kind.FOLLOW_BARRIER, Kind.RESOLVE_DISPUTE} if over else {Kind.CALL_INSTEAD}
    worklist.settle(pointless, referral_id=referral.id)
    if over:
        worklist.settle_for_need({Kind.OFFER_NEXT}, need_id=referral.need_id)


def follow_up_not_yet(fact: PatientAnswered) -> None:
    """“Not yet” is work: for the lead when the agency says served, else for whoever answers for the referral."""
    referral = session.get_one(Referral, fact.referral_id)
    disputed = referral.closure is Closure.DISPUTED
    if fact.says != Says.NOT_YET and not disputed:
        return
    if fact.says == Says.NOT_YET:
        # Whoever was to help has not, so the same place is no next match.
        matching.remember(referral.patient_id, referral.service_id, referral.organization_id, Bearing.ASKED)
    patient = session.get_one(Patient, referral.patient_id)
    worklist.ask_person(
        Kind.RESOLVE_DISPUTE if disputed else Kind.FOLLOW_BARRIER,
        f"referral:{referral.id}:{'dispute' if disputed else 'barrier'}",
        due_at=clocks.after_business_days(clock.now(), 1, operations.zone_of(patient)),
        team_id=patient.team_id,
        owner_id=operations.lead_of(patient) if disputed else referral.owner_id,
        patient_id=patient.id,
        referral_id=referral.id,
    )


def dispute_when_served(fact: ReferralMoved) -> None:
    """The agency ends it with “served” after the patient has said “not yet”, or without help after “got help”."""
    referral = session.get_one(Referral, fact.referral_id)
    if referral.closure is Closure.DISPUTED and referral.patient_says:
        follow_up_not_yet(PatientAnswered(referral.id, referral.patient_says.value, None))


# Consent and phones


def act_on_revoked_consent(fact: ConsentRevoked) -> None:
    if fact.kind == ConsentKind.TEXT:
        messaging.cancel_queued(recipient=fact.patient_id, reason="consent-revoked")
        return
    for referral in referral_queries.open_of_patient(fact.patient_id):
        new = Status.ENTERED_IN_ERROR if referral.status is Status.DRAFT else Status.CANCELLED
        referrals.move(referral, new, by=None, reason=Reason("consent-revoked") if new is Status.CANCELLED else None)


def lift_opt_out(fact: ConsentGiven) -> None:
    """Who agrees to texts anew, and has it written down, takes an earlier STOP of their phone back.

    Others who share the phone stay without texts: their own consent ended with that STOP.
    """
    if fact.kind == ConsentKind.TEXT:
        for phone in patients.current_phones(fact.patient_id):
            messaging.lift_suppression(phone.number, source="consent")


def record_opt_out(fact: PhoneOptedOut) -> None:
    """STOP is for the phone, so it holds for everybody who shares it; each one's care team calls from now on."""
    messaging.cancel_queued(to=fact.phone, reason="opted-out")
    for patient in patients.patients_with_phone(fact.phone):
        patient_operations.record_consent(
            patient, ConsentKind.TEXT, given=False, how="text", language=patient.language, by=None, phone=fact.phone
        )
        for referral in referral_queries.open_of_patient(patient.id):
            operations.call_instead(referral, patient, "opted-out")


# Texts


def read_text(fact: TextArrived) -> None:
    reading.read(session.get_one(Inbound, fact.inbound_id))


def call_when_text_failed(fact: TextEnded) -> None:
    if fact.state not in {"failed", "undelivered", "expired"}:
        return
    message = session.get_one(Message, fact.message_id)
    referral = session.get(Referral, message.regarding) if message.regarding else None
    if referral:
        operations.call_instead(
            referral, session.get_one(Patient, referral.patient_id), f"text-{fact.code or fact.state}"
        )


def tell_staff_of_held_text(fact: TextHeld) -> None:
    """What nobody may send by itself: somebody has to look, or the patient hears nothing."""
    message = session.get_one(Message, fact.message_id)
    patient = session.get(Patient, message.recipient) if message.recipient else None
    referral = session.get(Referral, message.regarding) if message.regarding else None
    if patient and referral:
        operations.call_instead(referral, patient, f"held-{fact.why}")
    elif patient:
        worklist.ask_person(
            Kind.READ_TEXT,
            f"patient:{patient.id}:held-{fact.why}",
            due_at=clocks.after_working_hours(clock.now(), 4, operations.zone_of(patient)),
            team_id=patient.team_id,
            owner_id=patient.lead_id,
            patient_id=patient.id,
            why=f"held-{fact.why}",
        )


def keep_to_their_clock(fact: PatientMoved) -> None:
    messaging.move_to_zone(fact.patient_id, fact.zone)


# Work


def try_again(fact: WorkFinished) -> None:
    """Nobody is lost for not having been reached: the same work comes back until it is done or no longer needed."""
    if fact.outcome != "not-reached":
        return
    item = session.get_one(WorkItem, fact.item_id)
    patient = session.get(Patient, item.patient_id) if item.patient_id else None
    zone = operations.zone_of(patient) if patient else ZoneInfo(SOMEWHERE)
    worklist.ask_person(
        item.kind,
        item.purpose,
        due_at=clocks.after_working_hours(clock.now(), 2, zone)
        if item.urgent
        else clocks.after_business_days(clock.now(), 1, zone),
        team_id=item.team_id,
        owner_id=item.owner_id,
        patient_id=item.patient_id,
        referral_id=item.referral_id,
        inbound_id=item.inbound_id,
        urgent=item.urgent,
        **item.detail,
    )


# The directory


def refresh_listings(fact: ServicesChanged) -> None:
    matching.refresh(fact.service_ids)


REACTIONS: Reactions = {
    ReferralMoved: (
        withdraw_stale_texts,
        derive_need,
        remember_offer,
        pause_full_service,
        lay_down_work,
        tell_patient,
        watch_the_clock,
        dispute_when_served,
    ),
    PatientAnswered: (derive_need, stop_asking, follow_up_not_yet),
    ConsentGiven: (lift_opt_out,),
    ConsentRevoked: (act_on_revoked_consent,),
    PhoneOptedOut: (record_opt_out,),
    TextArrived: (read_text,),
    TextEnded: (call_when_text_failed,),
    TextHeld: (tell_staff_of_held_text,),
    PatientMoved: (keep_to_their_clock,),
    WorkFinished: (try_again,),
    ServicesChanged: (refresh_listings,),
}
