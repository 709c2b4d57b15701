from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any, cast

from sqlalchemy import Table, bindparam, func, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from app import clock
from app.audit import operations as audit
from app.config import settings
from app.db import changed, session
from app.directory import queries as directory
from app.directory.models import Organization, Service, ServiceAtLocation
from app.errors import DomainError, Forbidden, Invalid, NotFound
from app.events import PatientAnswered, ReferralMoved, publish
from app.i18n import gettext as _
from app.matching import operations as matching
from app.matching.models import Bearing
from app.matching.queries import Match
from app.patients import operations as current_patients
from app.patients import queries as patients
from app.patients.models import ConsentKind, Patient
from app.referrals import intake, words
from app.referrals.closing import Barrier, Says
from app.referrals.lifecycle import (
    AT_ONCE,
    ENDED,
    FEWEST_ATTEMPTS,
    HELPS,
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
from app.referrals.models import NoneWanted, Note, PatientReport, Referral, Transition
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
    group_id: uuid.UUID | None = None,
) -> Referral:
    """Ask the service at this location to meet the need.

    :param why: the reasons that were shown when it was chosen, as [code, text] pairs.
    :param group_id: of the requests that are sent together for one need, of which the first to be accepted counts.
    :param override: why it is sent without sharing consent; flagged in the audit log.
    :raises DomainError: there is no sharing consent or none for this organization, or the patient does not want help,
        has died, moved away or been deleted, or this very request is open, or the service has taken in today as many
        as it does in a day.
    :raises NotFound: no such service at a location.
    """
    place = session.get(ServiceAtLocation, service_at_location_id)
    if place is None:
        raise NotFound(_("There is no service at a location with this id. Look at the matches again."))
    service = session.get_one(Service, place.service_id)
    patient = current_patients.present(need.patient_id)
    need = screening.locked(need.id)
    intake.hold([place.id])
    intake.refuse_full(place)
    if need.status is NeedStatus.DECLINES_HELP:
        raise DomainError(_("The patient does not want help with this. Ask again before you send it."))
    if not patients.has_consent(patient.id, ConsentKind.SHARE):
        if not override.strip():
            raise DomainError(_("Ask the patient first: there is no consent to share with an organization."))
        audit.record("sent without consent", "need", need.id, by=by.id, flagged=True)
    elif not patients.may_tell(patient.id, service.organization_id):
        raise DomainError(_("The patient agreed that some organizations are told, and this is none of them."))
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
        group_id=group_id,
    )
    try:
        with session.begin_nested():
            session.add(referral)
    except IntegrityError as error:
        raise DomainError(_("This referral is already open. You can follow it on the patient's page.")) from error
    audit.record("sent", "referral", referral.id, by=by.id)
    return move(referral, Status.REQUESTED, by=by)


def send_together(  # noqa: PLR0913  what is sent to each, and to whom
    need: Need,
    service_at_location_ids: Sequence[uuid.UUID],
    *,
    by: StaffMember,
    note: str = "",
    why: Mapping[uuid.UUID, Sequence[Sequence[str]]] = MappingProxyType({}),
    override: str = "",
) -> list[Referral]:
    """Ask several services for one need at the same time: the first to accept counts, the others are recalled.

    :param why: for each of them, the reasons that were shown when it was chosen.
    :raises DomainError: more than the network allows, or what `send` refuses.
    """
    most = settings().referrals_at_once
    if len(service_at_location_ids) > most:
        raise DomainError(_("Choose at most %(n)s places at the same time.", n=most))
    group_id = uuid.uuid4() if len(service_at_location_ids) > 1 else None
    screening.locked(need.id)  # before any place of a service is held, as where one is asked alone
    intake.hold(service_at_location_ids)
    return [
        send(need, place_id, by=by, note=note, why=why.get(place_id, ()), override=override, group_id=group_id)
        for place_id in service_at_location_ids
    ]


def agree_to_tell(
    patient: Patient, organization_ids: Collection[uuid.UUID] | None, *, how: str, by: StaffMember
) -> None:
    """The patient agrees that these organizations are told, and no others; None is all that are chosen together.

    Open requests to others are called back at once.

    :raises Invalid: one of them is not in the directory, or there is none.
    """
    named = set(organization_ids or ())
    if organization_ids is not None and (not named or named - names_of(named).keys()):
        raise Invalid({"organization_ids": _("Name organizations of the directory, at least one.")})
    current_patients.record_consent(
        patient,
        ConsentKind.SHARE,
        given=True,
        how=how,
        language=patient.language,
        by=by,
        only=organization_ids,
    )


def names_of(organization_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """What these organizations are called; unknown ones are left out."""
    named = select(Organization.id, Organization.name).where(Organization.id.in_(organization_ids))
    return dict(session.execute(named).all())


def draft_instead(
    referral: Referral, service_at_location_id: uuid.UUID, *, why: Sequence[tuple[str, str]] = ()
) -> Referral | None:
    """Prepare the request that follows `referral`, which could not help; None when that was done before.

    It goes out in the name of whoever sent the first one and stays with its owner.
    """
    place = session.get_one(ServiceAtLocation, service_at_location_id)
    successor = Referral(
        id=uuid.uuid4(),
        need_id=referral.need_id,
        patient_id=referral.patient_id,
        service_at_location_id=place.id,
        service_id=place.service_id,
        organization_id=session.get_one(Service, place.service_id).organization_id,
        status=Status.DRAFT,
        note=referral.note,
        why=[list(reason) for reason in why],
        sent_by_id=referral.sent_by_id,
        owner_id=referral.owner_id,
        instead_of_id=referral.id,
    )
    try:
        with session.begin_nested():
            session.add(successor)
    except IntegrityError:
        return None
    audit.record("prepared the next", "referral", successor.id, by=None)
    return successor


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
    contact: str | None = None,
    on_to: Status | None = None,
) -> Referral:
    """Take one step, leave its Transition, tell the platform.

    :param by: who takes it; None when the platform does, on the sender's side, or a contact of the agency.
    :param contact: who takes it at the agency without an account, as they call themselves.
    :param said_by: the side whose word is recorded, when it is not the side that writes it down (a phone call).
    :param on_to: the step that the caller takes next, where one word of the agency is two steps.
    :raises DomainError: there is no such step now, somebody else was faster, or a request would be one more than the
        service takes in today. (409)
    :raises Forbidden: the step is the other side's. (403)
    :raises Invalid: the reason or outcome that this step needs is missing. (422)
    """
    old = referral.status
    actor = actor_of(by, referral) if by else Actor.AGENCY if contact else Actor.SENDER
    _refuse_impossible(old, new, said_by or actor)
    _refuse_incomplete(new, said_by or actor, reason, outcome)
    if new in HELPS or new is Status.REQUESTED:
        lock(referral.id)  # the others of its group are recalled with it; and before the need, as everywhere
    if new is Status.REQUESTED:  # what was prepared earlier may find the places of today taken
        screening.locked(referral.need_id)
        intake.hold([referral.service_at_location_id])
        intake.refuse_full(session.get_one(ServiceAtLocation, referral.service_at_location_id))
    now = clock.now()
    if promised_by is not None:
        refuse_strange_day(promised_by, now.astimezone(directory.time_zone(referral.service_at_location_id)).date())
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
        by_name=contact,
        said_by=said_by if said_by is not actor else None,
        reason_code=values["reason_code"],
        reason_text=values["reason_text"],
        outcome_code=values["outcome_code"],
        outcome_text=values["outcome_text"],
        attempts=reason.attempts if reason and new in NEEDS_REASON else None,
    )
    session.add(transition)
    session.flush()  # reactions ask the database
    session.refresh(referral)
    audit.record("moved", "referral", referral.id, by=by.id if by else None, old=old.value, new=new.value)
    publish(ReferralMoved(referral.id, transition.id, old.value, new.value, values["reason_code"], on_to))
    return referral


def say(
    referral: Referral,
    new: Status,
    *,
    promised_by: date | None = None,
    **step: Any,  # noqa: ANN401  as `move` takes it
) -> Referral:
    """Take the step that an agency says in one word, and raise what `move` does.

    Who puts somebody on the waiting list, or has served them, has accepted them; nobody is told of that by itself.
    """
    if referral.status is Status.REQUESTED and new in {*AT_ONCE, Status.IN_PROGRESS}:
        who = {name: step[name] for name in ("by", "contact", "said_by") if name in step}
        move(referral, Status.ACCEPTED, promised_by=promised_by, on_to=new, **who)
        return move(referral, new, **step)
    return move(referral, new, promised_by=promised_by, **step)


def lock(referral_id: uuid.UUID) -> Referral:
    """Hold a referral and those that were asked together with it, as they are now, until this transaction ends.

    Always in one order: two agencies that accept at the same moment each recall the other, and would wait for ever.
    """
    group = select(Referral.group_id).where(Referral.id == referral_id).scalar_subquery()
    held = session.scalars(
        select(Referral)
        .where(or_(Referral.id == referral_id, Referral.group_id == group))
        .order_by(Referral.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    return next(one for one in held if one.id == referral_id)


def refuse_strange_day(promised_by: date, today: date) -> None:
    """Nothing, when the patient may read this day in a text.

    :raises Invalid: it is over, or so far away that it is no promise.
    """
    if not today <= promised_by <= today + LONGEST_PROMISE:
        raise Invalid({"promised_by": _("Choose a day from today on, at most two months ahead.")})


def _refuse_impossible(old: Status, new: Status, actor: Actor) -> None:
    try:
        check(old, new, actor)
    except ImpossibleStep as error:
        sentence = (
            _("This was written down already: it is “%(old)s”.", old=words.status(old))
            if old is new
            else _("A request that is “%(old)s” cannot become “%(new)s”.", old=words.status(old), new=words.status(new))
        )
        raise DomainError(sentence) from error
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
        case "attempts":
            raise Invalid({"attempts": _("Say how often you have tried to reach them.")})
        case "attempts-few":
            raise Invalid(
                {
                    "attempts": _(
                        "Please try at least %(n)s times, at different hours, before you say so.", n=FEWEST_ATTEMPTS
                    )
                }
            )
        case "outcome":
            raise Invalid({"outcome": _("Say what came of it: choose an outcome.")})
        case "outcome-unknown":
            raise Invalid({"outcome": _("Choose one of these outcomes: %(codes)s.", codes=", ".join(words.outcomes()))})


def forget(patient_id: uuid.UUID) -> None:
    """Blank what was written about this patient in free words. Every step stays, with who took it, when and why."""
    theirs = select(Referral.id).where(Referral.patient_id == patient_id)
    wordless = {"reason_text": None, "outcome_text": None}
    session.execute(update(Referral).where(Referral.id.in_(theirs)).values(**wordless, note="", why=[]))
    with _forgetting(Transition):
        session.execute(update(Transition).where(Transition.referral_id.in_(theirs)).values(wordless))
    with _forgetting(Note):
        session.execute(update(Note).where(Note.referral_id.in_(theirs)).values(text=""))
    needs = select(Need.id).where(Need.patient_id == patient_id)
    with _forgetting(NoneWanted):
        session.execute(update(NoneWanted).where(NoneWanted.need_id.in_(needs)).values(reason_text=""))


@contextmanager
def _forgetting(evidence: type[Transition | NoneWanted | Note]) -> Iterator[None]:
    """Evidence that the database lets nobody change may be changed within, for this transaction alone."""
    permit = select(func.set_config("loopline.forgetting", bindparam("table"), true()))
    session.execute(permit, {"table": evidence.__tablename__})
    yield
    session.execute(permit, {"table": ""})


def assign(referral: Referral, to: StaffMember | None, *, was: uuid.UUID | None, by: StaffMember) -> None:
    """Give an agency's request to one of its people, or with None to nobody in particular.

    :param was: who had it on the page from which this is decided.
    :raises DomainError: somebody else has given it away meanwhile, it has ended, or `to` has left or works elsewhere.
    """
    if to is not None:
        # Held until the end: whoever leaves at this moment is waited for, or finds what they have and lets go of it.
        there = select(StaffMember.id).where(
            StaffMember.id == to.id, StaffMember.active, StaffMember.organization_id == referral.organization_id
        )
        if session.scalar(there.with_for_update(read=True)) is None:
            raise DomainError(_("Choose somebody of your own organization who still works there."))
    given = update(Referral).where(
        Referral.id == referral.id,
        Referral.assigned_to_id.is_not_distinct_from(was),
        Referral.status.in_(OPEN),
    )
    if not changed(given.values(assigned_to_id=to.id if to else None)):
        session.expire(referral)
        raise DomainError(_("Somebody else has just changed this request. Look at it again before you go on."))
    audit.record("assigned", "referral", referral.id, by=by.id, to=str(to.id) if to else None)


def take_if_free(referral: Referral, *, by: StaffMember) -> None:
    """Whoever says yes sees to it, unless somebody already does."""
    if by.organization_id == referral.organization_id:
        session.execute(
            update(Referral)
            .where(Referral.id == referral.id, Referral.assigned_to_id.is_(None))
            .values(assigned_to_id=by.id)
        )


def unassign(staff_id: uuid.UUID) -> None:
    """Somebody has left their organization: what they had and is open is anybody's."""
    session.execute(
        update(Referral)
        .where(Referral.assigned_to_id == staff_id, Referral.status.in_(OPEN))
        .values(assigned_to_id=None)
    )


def mark_seen(referral: Referral, *, by: StaffMember | None) -> None:
    """Note when somebody at the agency first opened the referral; None is a contact without an account."""
    session.execute(
        update(Referral).where(Referral.id == referral.id, Referral.seen_at.is_(None)).values(seen_at=clock.now())
    )
    audit.record("opened", "referral", referral.id, by=by.id if by else None)


_REPORTS, _REFERRAL = cast("Table", PatientReport.__table__), cast("Table", Referral.__table__)
_REPORT = insert(_REPORTS).on_conflict_do_nothing(index_elements=[_REPORTS.c.inbound_id]).returning(_REPORTS.c.id)
# Written and read anew in one statement: reactions compare the two voices as they are now.
_HEAR = (
    select(Referral)
    .from_statement(update(_REFERRAL).where(_REFERRAL.c.id == bindparam("of")).returning(*_REFERRAL.c))
    .execution_options(populate_existing=True)
)


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
    report = {
        "referral_id": referral.id,
        "says": says,
        "barrier": kept_barrier,
        "how": how,
        "at": now,
        "recorded_by_id": by.id if by else None,
        "inbound_id": inbound_id,
    }
    if session.scalar(_REPORT, report) is None:
        return
    said = {"patient_says": says, "barrier": kept_barrier, "patient_said_at": now}
    session.scalars(_HEAR, {"of": referral.id, **said}).one()
    audit.record("patient answered", "referral", referral.id, by=by.id if by else None, says=says.value, how=how)
    publish(PatientAnswered(referral.id, says.value, kept_barrier.value if kept_barrier else None))
    if says is Says.NO_LONGER_NEEDED and referral.status in OPEN:
        move(referral, Status.CANCELLED, by=None, reason=Reason("withdrawn-by-patient"))
