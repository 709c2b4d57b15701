"""When one place cannot help: the next best one is asked, the patient hears of it and may say no.

What may go on by itself stands in `app.referrals.onward`; everything else becomes a person's work. A need goes on by
itself only to organizations that it has not been sent to, within the distance that was asked for, and a bounded number
of times, so that nothing can run in circles.
"""

from __future__ import annotations

from app.db import session
from app.directory import queries as directory
from app.directory.codes import CapacityStatus, ServiceStatus
from app.errors import DomainError
from app.loop import operations
from app.matching import operations as offers
from app.matching import queries as matching
from app.matching.models import Bearing
from app.matching.queries import Match
from app.needs.vocabulary import NEEDS
from app.patients import queries as patients
from app.patients.models import ConsentKind, Patient
from app.referrals import onward
from app.referrals import operations as referrals
from app.referrals import queries as referral_queries
from app.referrals.lifecycle import HELPS, OPEN, Reason, Status
from app.referrals.models import Referral
from app.referrals.onward import Person
from app.screening import operations as screening
from app.screening.models import Need, NeedStatus

LOOK_AT = 20
"""Matches that are looked at for one whose organization has not been asked."""

NOT_UNASKED = frozenset({"full", "waitlist", "assessment", "far", "closed"})
"""What speaks against a match so much that only a person may choose it."""


_NOT_WANTED = frozenset({NeedStatus.MET, NeedStatus.WITHDRAWN, NeedStatus.DECLINES_HELP})
"""Nobody is to be asked for what the patient has already, or does not want."""


def recall(referral: Referral) -> None:
    """The agency stayed silent: take the referral back if the next place can be asked, else let a person offer it.

    Where a person has to, the agency may still answer in the meantime. Of several that were asked together each is
    taken back for its own silence, and the last one asks the next place: they must not wait for each other.
    """
    need = screening.locked(referral.need_id)
    wanted = need.status not in _NOT_WANTED
    if wanted and not _others_open(referral) and isinstance(next_place(referral, need, "recalled-silence"), Person):
        operations.offer_next(referral, why="silence")
        return
    referrals.move(referral, Status.CANCELLED, by=None, reason=Reason("recalled-silence"))


def go_on(referral: Referral, reason: str, *, why: str) -> None:
    """`referral` ended without help: ask the next place, or put that on a person's list.

    :param reason: why it ended, one of the lifecycle's codes.
    :param why: what the person is told.
    """
    need = screening.locked(referral.need_id)
    if need.status in _NOT_WANTED or _others_open(referral):
        return
    found = next_place(referral, need, reason)
    if isinstance(found, Person):
        operations.offer_next(referral, why=why)
        return
    successor = referrals.draft_instead(referral, found.service_at_location_id, why=found.why())
    if successor is not None:
        tell(successor, need)


def next_place(referral: Referral, need: Need, reason: str) -> Match | Person:
    """The best match whose organization has not been asked for this need yet, or why a person has to look."""
    patient = session.get_one(Patient, referral.patient_id)
    tried = referral_queries.services_tried(need.id)
    person = onward.who_asks_next(
        reason=reason,
        shares=patients.has_consent(patient.id, ConsentKind.SHARE),
        sensitive=NEEDS[need.kind].sensitive,
        in_a_row=_in_a_row(referral, tried),
    )
    if person:
        return person
    asked = {earlier.organization_id for earlier in tried}
    found = matching.matches(matching.question_for(need, patient), k=LOOK_AT)
    fitting = (
        match
        for match in found.items
        if match.organization_id not in asked and NOT_UNASKED.isdisjoint(caution.code for caution in match.cautions)
    )
    return next(fitting, Person.NO_MATCH)


def veto(referral: Referral) -> None:
    """The patient does not want this place asked: it is not, or is taken back, and a person offers another."""
    if referral.status is Status.DRAFT:
        referrals.move(referral, Status.ENTERED_IN_ERROR, by=None)
    elif referral.status is Status.REQUESTED:
        referrals.move(referral, Status.CANCELLED, by=None, reason=Reason("withdrawn-by-patient"))
    else:
        return
    # That it ended has made it a place like any other; it must not be the first that is offered again.
    offers.remember(referral.patient_id, referral.service_id, referral.organization_id, Bearing.DECLINED)
    operations.offer_next(referral, why="veto")


def agree(referral: Referral) -> None:
    """The patient wants this place asked: nothing to wait for, but that it has places left today."""
    if referral.status is Status.DRAFT:
        _send_or_wait(referral)


def send_prepared(referral: Referral) -> None:
    """The patient had the time to say no: ask the place, unless nobody needs to be asked any more, or it is closed.

    A draft may wait for days, over a pause or for a place, and the world goes on meanwhile.

    :raises DomainError: today's places are taken. (409)
    """
    need = screening.locked(referral.need_id)
    place = directory.card(referral.service_at_location_id)
    takes_in = (
        place and place.status is ServiceStatus.ACTIVE and place.capacity.status is not CapacityStatus.NO_CAPACITY
    )
    if takes_in and need.status not in _NOT_WANTED and not _others_help(referral):
        referrals.move(referral, Status.REQUESTED, by=None)
        return
    operations.withdraw_questions(referral)
    referrals.move(referral, Status.ENTERED_IN_ERROR, by=None)
    if session.get_one(Need, need.id).status.waits:
        operations.offer_next(referral, why="closed-meanwhile")


def recall_others(referral: Referral) -> None:
    """One of several that were asked together helps; the others need not, and nobody waits on a list of theirs."""
    if referral.group_id is None:
        return
    for other in referral_queries.group(referral.group_id):
        if other.id != referral.id and other.status in {Status.REQUESTED, Status.ON_HOLD}:
            referrals.move(other, Status.CANCELLED, by=None, reason=Reason("recalled-by-sender"))


def tell(successor: Referral, need: Need) -> None:
    """Tell the patient, who may say no while there is time; where nobody can be told or time presses, send at once.

    Where somebody else has just taken today's last place, it goes out when there are new ones.
    """
    asked = not need.urgent and operations.pose(successor, operations.VETO)
    template = "referral-rerouted" if asked else "referral-rerouted-no-question"
    told = operations.tell(
        successor, template, f"instead-of:{successor.instead_of_id}", by_day=operations.news_by(successor)
    )
    if asked and told:
        operations.start_clocks(successor)
    else:
        operations.withdraw_questions(successor)
        _send_or_wait(successor)


def _send_or_wait(referral: Referral) -> None:
    """Send what was prepared, or let the clocks try it until the place has room."""
    try:
        with session.begin_nested():
            referrals.move(referral, Status.REQUESTED, by=None)
    except DomainError:
        operations.start_clocks(referral)


def _others_open(referral: Referral) -> bool:
    tried = referral_queries.services_tried(referral.need_id)
    return any(other.id != referral.id and other.status in OPEN for other in tried)


def _others_help(referral: Referral) -> bool:
    tried = referral_queries.services_tried(referral.need_id)
    return any(other.id != referral.id and other.status in OPEN & HELPS for other in tried)


def _in_a_row(referral: Referral, tried: list[Referral]) -> int:
    """How many referrals up to this one followed another by themselves."""
    by_id = {one.id: one for one in tried}
    count, current = 0, referral
    while current.instead_of_id and count < onward.MOST_IN_A_ROW:
        count, current = count + 1, by_id[current.instead_of_id]
    return count
