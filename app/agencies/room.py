"""Whether services still take people in: asked once a week in one message, answered with one tap.

What was said grows old, and a pause ends by itself on its last day. Both are asked about, so that nobody has to
remember to say it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import MappingProxyType

from sqlalchemy import exists, func, or_, select, true, update

from app import clock, sealed
from app.agencies import notices, operations, queries
from app.agencies.models import CapacityQuestion, Contact
from app.agencies.notices import Words
from app.audit import operations as audit
from app.config import settings
from app.db import changed, session
from app.directory import operations as directory
from app.directory import queries as directory_queries
from app.directory import verification
from app.directory.codes import CapacityStatus
from app.directory.models import OFFERED, Organization, Service
from app.errors import DomainError, NotFound
from app.i18n import gettext as _
from app.i18n import marked
from app.referrals import intake
from app.referrals.models import Referral

ASK_EVERY = timedelta(days=7)
OLD_AFTER = timedelta(days=30)
"""What was said of a service longer ago than this is asked about anew."""
ASKED_WITHIN = timedelta(days=30)
"""Services that received somebody within this time are asked about."""
HOLDS = timedelta(days=30)
"""The link in the message."""
LINK = "agencies.room"
"""What it is sealed for."""
AT_ONCE = 200
"""Organizations that one run asks; what is left comes the next day."""

OPEN, FULL, WAITLIST, CLOSED = "open", "full", "waitlist", "closed"
ANSWERS = (OPEN, WAITLIST, FULL, CLOSED)
_STATUS = {OPEN: CapacityStatus.CAPACITY, WAITLIST: CapacityStatus.WAITLIST, FULL: CapacityStatus.NO_CAPACITY}
USUAL_PAUSE = timedelta(days=14)
LONGEST_PAUSE = timedelta(days=366)

SOURCE = "agency"
"""Who said it, as the directory keeps it."""

ASKED = Words(
    marked("Do you still take people in?"),
    marked("Please say for each service of %(organization)s whether it takes people in. It is one tap:"),
    marked("%(network)s: do you still take people in? One tap: %(url)s"),
)


def ask_who_is_due() -> int:
    """Ask the agencies whose word is needed and who have not been asked this week; how many contacts were asked."""
    return sum(_ask(organization_id) for organization_id in _due(clock.now()))


def _due(now: datetime) -> list[uuid.UUID]:
    """Organizations with a service that lately received somebody, whose last word is old, or whose pause is over."""
    today = now.astimezone(directory_queries.UNPLACED).date()
    received = exists().where(Referral.service_id == Service.id, Referral.sent_at > now - ASKED_WITHIN)
    old = Service.capacity_at < now - OLD_AFTER
    over = Service.capacity_until < today
    asked_lately = exists().where(
        CapacityQuestion.organization_id == Service.organization_id, CapacityQuestion.asked_at > now - ASK_EVERY
    )
    has_contact = exists().where(Contact.organization_id == Service.organization_id, Contact.ended_at.is_(None))
    reachable = true() if settings().contacts_from_directory else has_contact
    fresh = Service.capacity_at > now - ASK_EVERY
    rows = session.execute(
        select(Service.organization_id, func.min(Service.capacity_at))
        .where(
            OFFERED,
            or_(over, old, received & or_(Service.capacity_at.is_(None), ~fresh)),
            ~asked_lately,
            reachable,
        )
        .group_by(Service.organization_id)
        .order_by(func.min(Service.capacity_at).nulls_first(), Service.organization_id)
        .limit(AT_ONCE)
    )
    return [row.organization_id for row in rows]


def _ask(organization_id: uuid.UUID) -> int:
    """One message to each contact; how many there are. Two workers ask an agency once: its row is locked meanwhile."""
    organization = session.scalar(
        select(Organization).where(Organization.id == organization_id).with_for_update(skip_locked=True)
    )
    last = queries.last_asked(organization_id)
    now = clock.now()
    if organization is None or (last and last > now - ASK_EVERY):
        return 0
    asked = _whom(organization_id)
    for contact in asked.values():
        question = CapacityQuestion(id=uuid.uuid4(), organization_id=organization_id, contact_id=contact.id)
        session.add(question)
        session.flush()
        named = {
            "network": settings().network_name,
            "organization": organization.name,
            "url": f"{settings().public_base_url}/room/{sealed.seal(question.id, LINK)}",
        }
        notices.write_to(
            contact,
            ASKED,
            named,
            f"room:{question.id}",
            regarding=question.id,
            zone=directory_queries.UNPLACED.key,
        )
    return len(asked)


def _whom(organization_id: uuid.UUID) -> dict[uuid.UUID, Contact]:
    """Everybody who answers for one of its services."""
    return {
        contact.id: contact
        for service in queries.services(organization_id)
        for contact in operations.contacts_for(organization_id, service.id)
    }


# Answering


@dataclass(frozen=True)
class Asked:
    """What a link of the weekly question leads to."""

    question: CapacityQuestion
    contact: Contact
    organization: Organization
    services: list[Service]
    """Those this contact answers for."""
    holds: bool


def opened(token: str) -> Asked:
    """:raises NotFound: the link is not ours."""
    question_id, _edition = sealed.unseal(token, LINK)
    question = session.get(CapacityQuestion, question_id)
    if question is None:
        raise NotFound(_("This link does not work. Please look at the message it came with."))
    contact = session.get_one(Contact, question.contact_id)
    services = [
        service for service in queries.services(question.organization_id) if contact.service_id in {None, service.id}
    ]
    holds = contact.ended_at is None and clock.now() < question.asked_at + HOLDS
    organization = session.get_one(Organization, question.organization_id)
    return Asked(question, contact, organization, services, holds)


def answer(
    asked: Asked,
    said: Mapping[uuid.UUID, tuple[str, date | None]],
    *,
    name: str,
    limits: Mapping[uuid.UUID, int | None] = MappingProxyType({}),
) -> None:
    """Write down what the agency says of its services; matching obeys at once. The newest answer holds.

    A service that is said to be closed takes nobody in from now on, and somebody of the network looks at it.

    :param said: for each service an answer, and for full the last day of it.
    :param limits: for services how many people they take in on one day, None for as many as come.
    :raises DomainError: the link is old.
    """
    if not asked.holds:
        raise DomainError(_("This link is old. The next question brings a new one."))
    theirs = {service.id for service in asked.services}
    for service_id, (word, until) in said.items():
        if service_id in theirs and word in ANSWERS:
            say(service_id, word, until)
    for service_id in theirs & limits.keys():
        intake.set_limit(service_id, limits[service_id], by=SOURCE)
    closed = {service_id: CLOSED for service_id, (word, _until) in said.items() if word == CLOSED}
    if closed:
        listing = verification.ask_agency(asked.organization.id, by="capacity question")
        session.flush()
        verification.answer(listing, closed, "")
    changed(
        update(CapacityQuestion)
        .where(CapacityQuestion.id == asked.question.id)
        .values(answered_at=clock.now(), answered_by=name)
    )
    audit.record("said whether there is room", "organization", asked.organization.id, by=None, services=len(said))


def say(service_id: uuid.UUID, word: str, until: date | None = None) -> None:
    """What the agency says of one service now. Full without a day is full for two weeks, closed has no end."""
    today = clock.now().astimezone(directory_queries.UNPLACED).date()
    if word == FULL:
        last = min(until or today + USUAL_PAUSE, today + LONGEST_PAUSE)
        directory.set_capacity(service_id, CapacityStatus.NO_CAPACITY, max(last, today), SOURCE)
    elif word == CLOSED:
        directory.set_capacity(service_id, CapacityStatus.NO_CAPACITY, None, SOURCE)
    else:
        directory.set_capacity(service_id, _STATUS[word], None, SOURCE)
