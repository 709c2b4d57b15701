"""What happens when…? The one table of everything the platform does by itself.

A reaction runs in the transaction of the operation that published the fact. It may write rows (a message, a work item,
a question, a clock) and nothing else; a worker talks to the outside. So a referral, its text and its job are committed
together or not at all.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from app import clock
from app.agencies import notices
from app.agencies import operations as agency_answers
from app.agencies import queries as agencies
from app.agencies.models import Link
from app.config import settings
from app.db import session
from app.directory import entries, standins
from app.directory import operations as directory
from app.directory import queries as directory_queries
from app.directory.codes import CapacityStatus
from app.directory.models import Organization
from app.events import (
    AccountClosing,
    AgencyAsked,
    AgencySilent,
    AgencyUnreached,
    AppointmentAnswered,
    AppointmentSet,
    ConsentGiven,
    ConsentLimited,
    ConsentRevoked,
    EmailEnded,
    ListingAsked,
    NoteShared,
    PatientAnswered,
    PatientEnded,
    PatientMoved,
    PatientPaused,
    PatientResumed,
    PatientReturned,
    PhoneOptedOut,
    PhonesDeactivated,
    PromiseMade,
    Reactions,
    ReferralMoved,
    ServicesChanged,
    ServicesWithdrawn,
    StaffLeft,
    TextArrived,
    TextEnded,
    TextHeld,
    TextUnread,
    WalkInKnown,
    WorkFinished,
    publish,
)
from app.geography.calendars import Calendar
from app.i18n import gettext as _
from app.jobs import enqueue
from app.loop import agreements, by_hand, handover, operations, reading, rerouting
from app.loop.barriers import FOLLOW_UPS, FollowUp
from app.loop.clocks import Group
from app.mail.models import Email
from app.matching import operations as matching
from app.matching.models import Bearing
from app.messaging import operations as messaging
from app.messaging.delivery import SOMEWHERE
from app.messaging.models import Inbound, Message
from app.patients import operations as patient_operations
from app.patients import queries as patients
from app.patients.endings import Ending
from app.patients.models import ConsentKind, Patient
from app.referrals import appointments, intake, promises
from app.referrals import notes as referral_notes
from app.referrals import operations as referrals
from app.referrals import queries as referral_queries
from app.referrals.closing import Barrier, Closure, Says, need_status
from app.referrals.lifecycle import ENDED, HELPS, OPEN, Actor, Reason, Status
from app.referrals.meetings import Reply
from app.referrals.models import Appointment, Note, Referral, Transition, WalkIn
from app.referrals.promises import Kept
from app.screening import operations as screening
from app.staff.operations import StillAnswers
from app.worklist import operations as worklist
from app.worklist import paging
from app.worklist.kinds import WITH_THE_PATIENT, Kind
from app.worklist.models import WorkItem

CALLS_BEFORE_A_VISIT = 3
"""After so many calls in vain somebody goes there, or asks the agency: a fourth call would be no other way."""

FULL_FOR = timedelta(days=14)
"""How long a service that declined for being full is not offered, unless it says otherwise."""


# When a referral moves


def withdraw_stale_texts(fact: ReferralMoved) -> None:
    """A text about the step before must not arrive after this one; that a draft is sent makes nothing stale."""
    if fact.old == Status.DRAFT and fact.new == Status.REQUESTED:
        return
    messaging.cancel_queued(regarding=fact.referral_id, reason="superseded")


def tell_patient(fact: ReferralMoved) -> None:
    if fact.on_to:
        return  # they hear of where it goes, and are asked nothing about a step that is over already
    referral = session.get_one(Referral, fact.referral_id)
    patient = session.get_one(Patient, referral.patient_id)
    zone, calendar = patient.zone, operations.calendar_of(patient)
    purpose = f"{fact.transition_id}"
    match Status(fact.new):
        case Status.REQUESTED if not _told_already(referral):
            operations.tell(referral, "referral-sent", purpose, by_day=operations.news_by(referral))
        case Status.ACCEPTED:
            if referral.promised_by is None:
                by_day = calendar.after_business_days(clock.now(), operations.PROMISE_BUSINESS_DAYS)
                referral.promised_by = by_day.astimezone(zone).date()
            operations.withdraw_questions(referral)  # whether it should be asked at all
            asked = operations.pose(referral, operations.GOT_HELP)
            template = "referral-accepted" if asked else "referral-accepted-no-question"
            if not operations.tell(referral, template, purpose, by_day=referral.promised_by):
                operations.withdraw_questions(referral)
        case Status.ON_HOLD:
            _tell_of_wait(referral, patient, purpose)
        case Status.IN_PROGRESS if fact.old == Status.ON_HOLD:
            operations.tell(referral, "status-accepted", purpose)  # the news they were promised
        case Status.REJECTED | Status.FAILED if not _others_are_asked(referral):
            operations.tell(referral, "referral-declined", purpose, by_day=calendar.after_business_days(clock.now(), 1))
        case Status.COMPLETED if settings().served_follow_up_days == 0:
            operations.ask_again(referral, "ask-served", purpose)
        case _:
            pass


def _tell_of_wait(referral: Referral, patient: Patient, purpose: str) -> None:
    """On a waiting list the patient waits; else it waits for the patient, who may not know what to do."""
    if referral.reason_code == "waitlist":
        operations.tell(referral, "referral-waiting", purpose)
    else:
        operations.call_instead(referral, patient, str(referral.reason_code))


def _told_already(referral: Referral) -> bool:
    """The patient heard of it when it was prepared, or with the first of those that were sent together."""
    if referral.instead_of_id:
        return True
    together = referral_queries.group(referral.group_id) if referral.group_id else []
    return any(other.id != referral.id and other.sent_at for other in together)


def _others_are_asked(referral: Referral) -> bool:
    """Somebody else is being asked for the same need, so the patient hears of that and not of this end."""
    tried = referral_queries.services_tried(referral.need_id)
    return any(other.id != referral.id and other.status in OPEN for other in tried)


def watch_the_clock(fact: ReferralMoved) -> None:
    referral = session.get_one(Referral, fact.referral_id)
    operations.start_clocks(referral)
    agreements.wait_for_visit(referral)


def watch_promise(fact: ReferralMoved) -> None:
    """The day by which somebody is to contact the patient; what comes after it keeps the promise or makes it moot."""
    referral = session.get_one(Referral, fact.referral_id)
    if kept := promises.BY_STATUS.get(fact.new):
        agreements.end_promise(referral, kept)
    elif Status(fact.new) is Status.ACCEPTED:
        agreements.watch_promise(referral)


def call_off_appointment(fact: ReferralMoved) -> None:
    if Status(fact.new) in ENDED:
        referral = session.get_one(Referral, fact.referral_id)
        appointments.end_with(referral)
        agreements.forget_time(referral)


_NOT_IN_SERVICE = "30005"
"""The carrier's code for a phone that it does not know, or no longer."""

_WHY_ENDED = {
    Ending.DECEASED: Reason("deceased"),
    Ending.MOVED: Reason("moved"),
    Ending.DELETED: Reason("withdrawn-by-patient"),
}
"""What an agency is told when there is nobody to help any more."""

_ENDED_FOR_GOOD = frozenset({"withdrawn-by-patient", "consent-revoked", "duplicate", "moved", "deceased"})
"""After these nobody is to be called and nothing offered."""


def lay_down_work(fact: ReferralMoved) -> None:
    """The agency has spoken, so nobody needs to phone it; an end leaves nothing to ask and perhaps a next match."""
    referral = session.get_one(Referral, fact.referral_id)
    waited_for_patient = {Kind.CALL_INSTEAD} if fact.old == Status.ON_HOLD else set()
    worklist.settle({Kind.CALL_AGENCY} | waited_for_patient, referral_id=referral.id)
    new = Status(fact.new)
    if new in {Status.REJECTED, Status.FAILED, Status.CANCELLED, Status.ENTERED_IN_ERROR}:
        operations.withdraw_questions(referral)
    if new in {Status.ACCEPTED, Status.COMPLETED}:
        worklist.settle({Kind.RESOLVE_DISPUTE}, referral_id=referral.id)
    if new in {Status.REQUESTED, Status.ACCEPTED, Status.COMPLETED}:  # somebody is asked now
        worklist.settle((), referral_id=referral.id, purpose=operations.next_offer(referral.need_id))
    for_good = new is Status.CANCELLED and fact.reason in _ENDED_FOR_GOOD
    if new is Status.ENTERED_IN_ERROR or for_good:
        worklist.settle(set(Kind), referral_id=referral.id)
    elif new in {Status.REJECTED, Status.FAILED, Status.CANCELLED}:
        why = fact.new if _agency_cancelled(fact) else fact.reason or fact.new
        rerouting.go_on(referral, fact.reason or fact.new, why=why)


def _agency_cancelled(fact: ReferralMoved) -> bool:
    if Status(fact.new) is not Status.CANCELLED:
        return False
    transition = session.get_one(Transition, fact.transition_id)
    return Actor.AGENCY in {transition.actor, transition.said_by}


def recall_the_others(fact: ReferralMoved) -> None:
    if Status(fact.on_to or fact.new) in HELPS:
        rerouting.recall_others(session.get_one(Referral, fact.referral_id))


# The agency: what it is written


def write_to_agency(fact: ReferralMoved) -> None:
    """Whoever answers without an account hears at once of a request, and of one that is taken back."""
    referral = session.get_one(Referral, fact.referral_id)
    if Status(fact.new) is Status.REQUESTED:
        notices.ask(referral)
    elif Status(fact.new) in {Status.CANCELLED, Status.ENTERED_IN_ERROR} and not _agency_cancelled(fact):
        notices.take_back(referral)
    elif Status(fact.old) is Status.REQUESTED:
        for link in agencies.links(referral.id):
            notices.withdraw(link)


def remind_agency(fact: AgencySilent) -> None:
    notices.remind(session.get_one(Referral, fact.referral_id), fact.step)


def ask_of_agency(fact: AgencyAsked) -> None:
    """Whoever accepted without an account reads by e-mail or text what is wanted of them now."""
    notices.want(session.get_one(Referral, fact.referral_id), fact.what, fact.by_day)


def phone_unreached_agency(fact: AgencyUnreached) -> None:
    operations.call_agency(session.get_one(Referral, fact.referral_id), why="unreached")


def write_about_listing(fact: ListingAsked) -> None:
    notices.about_listing(fact.question_id)


def find_another_way(fact: EmailEnded | TextEnded) -> None:
    """What was written to a contact has failed: when nothing else reaches anybody there, a person phones."""
    failed: Email | Message
    if isinstance(fact, EmailEnded):
        failed = session.get_one(Email, fact.email_id)
    else:
        failed = session.get_one(Message, fact.message_id)
    link = session.get(Link, failed.regarding) if failed.regarding else None
    if link is None or fact.state not in {"failed", "undelivered", "expired", "unsure"}:
        return
    referral = session.get_one(Referral, link.referral_id)
    everybody = [other.id for other in agencies.live_links(referral.id)]
    if referral.status is Status.REQUESTED and not agencies.may_have_reached(everybody):
        phone_unreached_agency(AgencyUnreached(referral.id, "failed"))


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


def count_intake(fact: ReferralMoved) -> None:
    """Each place that is asked for, accepted or given back may make a service full for today, or open again."""
    intake.tell_matching(session.get_one(Referral, fact.referral_id))


# When somebody at the agency or in the care team writes

NOTE_ANSWERED_WITHIN = 1
"""Business days, of the care team."""


def pass_note_on(fact: NoteShared) -> None:
    """The care team finds an agency's note on its list; the agency the care team's in its inbox or behind its link.

    Where it has neither, a person tells it on the phone.
    """
    note = session.get_one(Note, fact.note_id)
    referral = session.get_one(Referral, note.referral_id)
    if note.side is Actor.SENDER:
        if note.answers_id:
            worklist.settle_purpose(f"note:{note.answers_id}")
        notices.tell_note(referral, note.id)
        if not referral_notes.can_answer(referral) and not agencies.live_links(referral.id):
            operations.call_agency(referral, why="note-unread")
        return
    patient = session.get_one(Patient, referral.patient_id)
    worklist.ask_person(
        Kind.ANSWER_NOTE,
        f"note:{note.id}" if note.asks else f"notes:{referral.id}",
        due_at=operations.calendar_of(patient).after_business_days(clock.now(), NOTE_ANSWERED_WITHIN),
        team_id=patient.team_id,
        owner_id=referral.owner_id,
        patient_id=patient.id,
        referral_id=referral.id,
        why="question" if note.asks else "note",
    )


def ask_about_walk_in(fact: WalkInKnown) -> None:
    walk_in = session.get_one(WalkIn, fact.walk_in_id)
    patient = session.get_one(Patient, walk_in.patient_id)
    worklist.ask_person(
        Kind.CONFIRM_WALK_IN,
        f"walk-in:{walk_in.id}",
        due_at=operations.calendar_of(patient).after_business_days(clock.now(), NOTE_ANSWERED_WITHIN),
        team_id=patient.team_id,
        owner_id=patient.lead_id,
        patient_id=patient.id,
        agency=session.get_one(Organization, walk_in.organization_id).name,
        walk_in=str(walk_in.id),
    )


def let_go_of_requests(fact: StaffLeft) -> None:
    """What somebody at an agency had is anybody's there when they have left."""
    referrals.unassign(fact.staff_id)


# When the patient has answered


def stop_asking(fact: PatientAnswered) -> None:
    referral = session.get_one(Referral, fact.referral_id)
    operations.clear_clocks(referral, Group.PATIENT)
    if fact.says != Says.NOT_YET or fact.barrier:
        operations.withdraw_questions(referral)
    over = fact.says in {Says.GOT_HELP, Says.NO_LONGER_NEEDED}
    pointless = {Kind.CALL_INSTEAD, Kind.FOLLOW_BARRIER, Kind.RESOLVE_DISPUTE} if over else {Kind.CALL_INSTEAD}
    next_offer = operations.next_offer(referral.need_id) if over else None
    worklist.settle(pointless, referral_id=referral.id, purpose=next_offer)


def follow_up_not_yet(fact: PatientAnswered) -> None:
    """“Not yet” is work: for the lead when the agency says served, else for whoever answers for the referral.

    What else follows from the reason stands in `barriers`.
    """
    referral = session.get_one(Referral, fact.referral_id)
    disputed = referral.closure is Closure.DISPUTED
    if fact.says != Says.NOT_YET and not disputed:
        return
    if fact.says == Says.NOT_YET:
        # Whoever was to help has not, so the same place is no next match.
        matching.remember(referral.patient_id, referral.service_id, referral.organization_id, Bearing.ASKED)
    patient = session.get_one(Patient, referral.patient_id)
    if patient.ended:
        return
    if disputed:  # whoever finds out asks for the reason as well
        worklist.settle({Kind.FOLLOW_BARRIER}, referral_id=referral.id)
    follow_up = FOLLOW_UPS[Barrier(fact.barrier)] if fact.barrier else FollowUp()
    if follow_up.asks_agency and referral.status in OPEN:
        tomorrow = operations.calendar_of(patient).after_business_days(clock.now(), 1)
        publish(AgencyAsked(referral.id, follow_up.asks_agency, tomorrow.date()))
    if not disputed and follow_up.work is Kind.OFFER_NEXT:
        worklist.settle({Kind.FOLLOW_BARRIER}, referral_id=referral.id)
        operations.offer_next(referral, why=str(fact.barrier))
        return
    worklist.ask_person(
        Kind.RESOLVE_DISPUTE if disputed else Kind.FOLLOW_BARRIER,
        f"referral:{referral.id}:{'dispute' if disputed else 'barrier'}",
        due_at=operations.calendar_of(patient).after_business_days(clock.now(), 1),
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


# Appointments and promises


def follow_appointment(fact: AppointmentSet) -> None:
    """The patient hears the time at once and is reminded of it; that there is one keeps the agency's promise."""
    referral = session.get_one(Referral, fact.referral_id)
    agreements.follow(referral, session.get_one(Appointment, fact.appointment_id), fact.change)
    if fact.change in {"made", "moved", "attended"}:
        agreements.end_promise(referral, Kept.KEPT)


def send_to_calendars(fact: AppointmentSet) -> None:
    """Contacts of the agency get the appointment by e-mail, as their calendars take it."""
    referral = session.get_one(Referral, fact.referral_id)
    notices.tell_appointment(referral, session.get_one(Appointment, fact.appointment_id), fact.change)


def follow_reply(fact: AppointmentAnswered) -> None:
    agreements.answered(session.get_one(Referral, fact.referral_id), Reply(fact.reply))


def watch_new_promise(fact: PromiseMade) -> None:
    """Another day than before: whoever was to phone the agency about the first one has done so."""
    referral = session.get_one(Referral, fact.referral_id)
    worklist.settle({Kind.CALL_AGENCY}, referral_id=referral.id)
    agreements.watch_promise(referral)


def keep_promise(fact: PatientAnswered) -> None:
    if fact.says == Says.GOT_HELP:
        agreements.end_promise(session.get_one(Referral, fact.referral_id), Kept.KEPT)


# Consent and phones


def act_on_revoked_consent(fact: ConsentRevoked) -> None:
    if fact.kind == ConsentKind.TEXT:
        messaging.cancel_queued(recipient=fact.patient_id, reason="consent-revoked")
        return
    cancel_all(fact.patient_id, Reason("consent-revoked"))


def act_on_limited_consent(fact: ConsentLimited) -> None:
    """Whoever may not be told any more is called back; a person offers a place that may."""
    for referral in referral_queries.open_of_patient(fact.patient_id):
        if referral.organization_id in fact.organization_ids:
            continue
        if referral.status is Status.DRAFT:
            referrals.move(referral, Status.ENTERED_IN_ERROR, by=None)
        else:
            referrals.move(referral, Status.CANCELLED, by=None, reason=Reason("consent-revoked"))
        operations.offer_next(referral, why="not-them")


def lift_opt_out(fact: ConsentGiven) -> None:
    """Who agrees to texts anew, and has it written down, takes an earlier STOP of their phone back.

    Others who share the phone stay without texts: their own consent ended with that STOP.
    """
    if fact.kind == ConsentKind.TEXT:
        for phone in patients.current_phones(fact.patient_id):
            messaging.lift_suppression(phone.number, source="consent")


OPT_OUT_SEEN_WITHIN = 2
"""Business days within which somebody has to know that a patient gets no more texts, where no request waits for it."""


def record_opt_out(fact: PhoneOptedOut) -> None:
    """STOP is for the phone, so it holds for everybody who shares it; each one's care team calls from now on.

    A second STOP while the first holds is no news, and this does not hear of it.
    """
    messaging.cancel_queued(to=fact.phone, reason="opted-out")
    for patient in patients.patients_with_phone(fact.phone):
        patient_operations.record_consent(
            patient, ConsentKind.TEXT, given=False, how="text", language=patient.language, by=None, phone=fact.phone
        )
        affected = referral_queries.open_of_patient(patient.id)
        for referral in affected:
            operations.call_instead(referral, patient, "opted-out")
        if not affected and not patient.ended:
            worklist.ask_person(
                Kind.CALL_INSTEAD,
                f"patient:{patient.id}:opted-out",
                due_at=operations.calendar_of(patient).after_business_days(clock.now(), OPT_OUT_SEEN_WITHIN),
                team_id=patient.team_id,
                owner_id=patient.lead_id,
                patient_id=patient.id,
                why="opted-out-at-rest",
            )


def cancel_all(patient_id: uuid.UUID, why: Reason) -> None:
    """Take back every open referral of a patient, so that its agency hears; what was never sent was never there."""
    for referral in referral_queries.open_of_patient(patient_id):
        if referral.status is Status.DRAFT:
            referrals.move(referral, Status.ENTERED_IN_ERROR, by=None)
        else:
            referrals.move(referral, Status.CANCELLED, by=None, reason=why)


def let_patient_go(fact: PatientEnded) -> None:
    """Nobody is texted, asked, called or referred any more; agencies hear why.

    A text that speaks of danger stays on somebody's list: a person decides what has come of it.
    """
    how = Ending(fact.how)
    cancel_all(fact.patient_id, _WHY_ENDED[how])
    messaging.let_go(fact.patient_id, how.value)
    operations.lay_down(fact.patient_id)
    worklist.settle_for_patient(set(Kind) - {Kind.URGENT_TEXT}, patient_id=fact.patient_id)
    if how is Ending.DELETED:
        messaging.forget(fact.patient_id)
        screening.forget(fact.patient_id)
        worklist.forget(fact.patient_id)
        referrals.forget(fact.patient_id)
        agency_answers.forget(fact.patient_id)
    for phone in fact.phones:
        operations.ask_what_waits(phone)  # whoever shares it had to wait for this patient's answers


def take_patient_back(fact: PatientReturned) -> None:
    """What was cancelled with them stays cancelled: their agencies were told. Somebody asks whether it is wanted."""
    for referral in referral_queries.cancelled_since(fact.patient_id, fact.since):
        operations.offer_next(referral, why="came-back")


def forget_late_text(fact: TextEnded) -> None:
    """A text that was in flight when its person was deleted has kept its words until now."""
    message = session.get_one(Message, fact.message_id)
    patient = session.get(Patient, message.recipient) if message.recipient else None
    if patient and patient.ended is Ending.DELETED:
        messaging.forget(patient.id)


def lose_unknown_phone(fact: TextEnded) -> None:
    """The carrier does not know the phone we have texted: it is no longer, or soon not, our patient's.

    Unless they got it after that text was written: then the report speaks of whoever had it before.
    """
    if fact.code != _NOT_IN_SERVICE or fact.state not in {"failed", "undelivered"}:
        return
    message = session.get_one(Message, fact.message_id)
    had_it = patients.had_phone([message.phone], message.created_at)
    if any(phone.patient_id == message.recipient for phone in had_it):
        operations.lose_phone(message.phone, why=operations.NOT_IN_SERVICE)


def lose_deactivated_phones(fact: PhonesDeactivated) -> None:
    """Phones that were switched off go to somebody else; who got theirs after that day is the somebody else."""
    midnight = datetime.combine(fact.day + timedelta(days=1), time(), UTC)
    for phone in sorted({held.number for held in patients.had_phone(fact.phones, midnight)}):
        operations.lose_phone(phone, why=operations.NOT_IN_SERVICE)


def leave_alone(fact: PatientPaused) -> None:
    operations.leave_alone(fact.patient_id)


def go_on_after_pause(fact: PatientResumed) -> None:
    """Work that could not be done is due that much later; the clocks stood still by themselves."""
    worklist.postpone(WITH_THE_PATIENT, patient_id=fact.patient_id, since=fact.since, until=fact.ended)


# Texts


def read_text(fact: TextArrived) -> None:
    reading.read(session.get_one(Inbound, fact.inbound_id))


def have_a_person_read(fact: TextUnread) -> None:
    inbound = session.get_one(Inbound, fact.inbound_id)
    senders = patients.patients_with_phone(inbound.phone)
    first, whose = senders[0] if senders else None, senders[0] if len(senders) == 1 else None
    worklist.ask_person(
        Kind.READ_TEXT,
        f"inbound:{inbound.id}",
        due_at=clock.now() + timedelta(hours=1),
        team_id=first.team_id if first else None,
        owner_id=first.lead_id if first else None,
        patient_id=whose.id if whose else None,
        inbound_id=inbound.id,
        why="unread",
    )


def call_when_text_failed(fact: TextEnded) -> None:
    if fact.state not in {"failed", "undelivered", "expired"}:
        return
    message = session.get_one(Message, fact.message_id)
    if message.template in agreements.REMINDERS and fact.state == "expired":
        return  # they know the time; nobody calls to remind them of what is over
    referral = session.get(Referral, message.regarding) if message.regarding else None
    if referral:
        operations.call_instead(
            referral, session.get_one(Patient, referral.patient_id), f"text-{fact.code or fact.state}"
        )


def page_somebody_else(fact: TextEnded) -> None:
    """A page that did not arrive is no page: the next person is found at once."""
    message = session.get_one(Message, fact.message_id)
    if message.purpose == messaging.STAFF_PAGE and fact.state in {"failed", "undelivered", "expired"}:
        enqueue(paging.PAGE_NEXT, message_id=str(message.id))


def tell_staff_of_held_text(fact: TextHeld) -> None:
    """What nobody may send by itself: somebody has to look, or the patient hears nothing."""
    message = session.get_one(Message, fact.message_id)
    patient = session.get(Patient, message.recipient) if message.recipient else None
    referral = session.get(Referral, message.regarding) if message.regarding else None
    worklist.ask_person(
        Kind.READ_TEXT,
        by_hand.held_purpose(message, fact.why),
        due_at=(operations.calendar_of(patient) if patient else Calendar(ZoneInfo(SOMEWHERE))).after_working_hours(
            clock.now(), 4
        ),
        team_id=patient.team_id if patient else None,
        owner_id=referral.owner_id if referral else patient.lead_id if patient else None,
        patient_id=patient.id if patient else None,
        referral_id=referral.id if referral else None,
        why=f"held-{fact.why}",
        message=None if patient else str(message.id),  # where there is no conversation, the card decides
    )


def keep_to_their_clock(fact: PatientMoved) -> None:
    messaging.move_to_zone(fact.patient_id, fact.zone, fact.region)


# Work


def stop_paging(fact: WorkFinished) -> None:
    paging.stop(fact.item_id)


def try_again(fact: WorkFinished) -> None:
    """Nobody is lost for not having been reached: the same work comes back until it is done or no longer needed."""
    if fact.outcome != "not-reached":
        return
    item = session.get_one(WorkItem, fact.item_id)
    patient = session.get(Patient, item.patient_id) if item.patient_id else None
    referral = session.get(Referral, item.referral_id) if item.referral_id else None
    if (
        patient
        and referral
        and item.kind is Kind.CALL_INSTEAD
        and worklist.tries_in_vain(item.purpose) >= CALLS_BEFORE_A_VISIT
    ):
        operations.look_after(referral, patient)
        return
    calendar = operations.calendar_of(patient) if patient else Calendar(ZoneInfo(SOMEWHERE))
    worklist.ask_person(
        item.kind,
        item.purpose,
        due_at=calendar.after_working_hours(clock.now(), 2)
        if item.urgent
        else calendar.after_business_days(clock.now(), 1),
        team_id=item.team_id,
        owner_id=item.owner_id,
        patient_id=item.patient_id,
        referral_id=item.referral_id,
        inbound_id=item.inbound_id,
        urgent=item.urgent,
        **item.detail,
    )


# The directory


def place_services(fact: ServicesChanged) -> None:
    standins.place(fact.service_ids)


def refuse_orphans(fact: AccountClosing) -> None:
    """Nobody leaves while somebody or something would be nobody's: it is handed over first."""
    if handover.caseload(fact.staff_id).anything:
        raise StillAnswers(_("They answer for patients or work. Hand that over first; then close the account."))


def refresh_entries(fact: ServicesChanged) -> None:
    entries.refresh(fact.service_ids)


def count_open_referrals(fact: ServicesWithdrawn) -> None:
    directory.note_open_referrals(fact.import_id, referral_queries.open_with(fact.service_ids))


def refresh_listings(fact: ServicesChanged) -> None:
    matching.refresh(fact.service_ids)


REACTIONS: Reactions = {
    AgencyAsked: (ask_of_agency,),
    AgencySilent: (remind_agency,),
    AgencyUnreached: (phone_unreached_agency,),
    EmailEnded: (find_another_way,),
    ListingAsked: (write_about_listing,),
    ReferralMoved: (
        withdraw_stale_texts,
        remember_offer,
        pause_full_service,
        lay_down_work,  # which may ask the next place, so what was tried and what is full has to be known
        recall_the_others,
        count_intake,
        derive_need,
        tell_patient,
        call_off_appointment,
        watch_the_clock,
        watch_promise,
        write_to_agency,
        dispute_when_served,
    ),
    PatientAnswered: (derive_need, stop_asking, keep_promise, follow_up_not_yet),
    AppointmentSet: (follow_appointment, send_to_calendars),
    AppointmentAnswered: (follow_reply,),
    PromiseMade: (watch_new_promise,),
    ConsentGiven: (lift_opt_out,),
    ConsentLimited: (act_on_limited_consent,),
    ConsentRevoked: (act_on_revoked_consent,),
    PhoneOptedOut: (record_opt_out,),
    TextArrived: (read_text,),
    TextEnded: (find_another_way, call_when_text_failed, page_somebody_else, lose_unknown_phone, forget_late_text),
    TextHeld: (tell_staff_of_held_text,),
    TextUnread: (have_a_person_read,),
    PatientMoved: (keep_to_their_clock,),
    PatientEnded: (let_patient_go,),
    PatientReturned: (take_patient_back,),
    AccountClosing: (refuse_orphans,),
    PatientPaused: (leave_alone,),
    PatientResumed: (go_on_after_pause,),
    PhonesDeactivated: (lose_deactivated_phones,),
    WorkFinished: (stop_paging, try_again),
    ServicesChanged: (place_services, refresh_entries, refresh_listings),
    ServicesWithdrawn: (count_open_referrals,),
    NoteShared: (pass_note_on,),
    WalkInKnown: (ask_about_walk_in,),
    StaffLeft: (let_go_of_requests,),
}
