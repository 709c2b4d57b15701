from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, bindparam, exists, false, func, or_, select

from app.agencies.models import CapacityQuestion, Link, Question, Renewal, ReplyCode
from app.agencies.models import Contact as AgencyContact
from app.db import session
from app.directory.models import OFFERED, Contact, Organization, Service
from app.mail import queries as mails
from app.messaging.delivery import FAILURES, State
from app.messaging.models import Message
from app.referrals.lifecycle import Actor
from app.referrals.models import Note, Referral
from app.referrals.queries import Row
from app.referrals.queries import rows as referral_rows
from app.staff.models import StaffMember
from app.staff.permissions import Action, Relation, relation

# Contacts


def organizations_visible_to(staff: StaffMember, action: Action) -> Select[Organization]:
    """The organizations to whose contacts `staff` may do `action`."""
    listed = select(Organization).where(Organization.withdrawn_at.is_(None))
    held = relation(staff.role, action)
    if held is Relation.RECIPIENT and staff.organization_id is not None:
        return listed.where(Organization.id == staff.organization_id)
    return listed if held is Relation.NETWORK else listed.where(false())


def organization_for(staff: StaffMember, organization_id: uuid.UUID, action: Action) -> Organization | None:
    return session.scalar(organizations_visible_to(staff, action).where(Organization.id == organization_id))


@dataclass(frozen=True)
class OrganizationLine:
    id: uuid.UUID
    name: str
    contacts: int


def organizations(staff: StaffMember, typed: str, limit: int = 50) -> Sequence[OrganizationLine]:
    """Organizations by name, each with how many people there receive its referrals."""
    counted = (
        select(func.count())
        .where(AgencyContact.organization_id == Organization.id, AgencyContact.ended_at.is_(None))
        .correlate(Organization)
        .scalar_subquery()
    )
    found = organizations_visible_to(staff, Action.KEEP_CONTACTS)
    if typed.strip():
        found = found.where(Organization.name.icontains(typed.strip(), autoescape=True))
    rows = session.execute(
        found.with_only_columns(Organization.id, Organization.name, counted).order_by(Organization.name).limit(limit)
    )
    return [OrganizationLine(*row) for row in rows]


def contacts(organization_id: uuid.UUID) -> Sequence[AgencyContact]:
    return session.scalars(
        select(AgencyContact)
        .where(AgencyContact.organization_id == organization_id, AgencyContact.ended_at.is_(None))
        .order_by(AgencyContact.service_id.is_not(None), AgencyContact.name, AgencyContact.id)
    ).all()


def contact_of(organization_id: uuid.UUID, contact_id: uuid.UUID) -> AgencyContact | None:
    mine = select(AgencyContact).where(AgencyContact.organization_id == organization_id)
    return session.scalar(mine.where(AgencyContact.id == contact_id))


def contacts_of_service(organization_id: uuid.UUID, service_id: uuid.UUID) -> Sequence[AgencyContact]:
    """The contacts of this service, else those of the whole organization."""
    everybody = contacts(organization_id)
    own = [contact for contact in everybody if contact.service_id == service_id]
    return own or [contact for contact in everybody if contact.service_id is None]


def had_contacts(organization_id: uuid.UUID) -> bool:
    """Whether anybody ever received its referrals: who was taken away is not put back by itself."""
    return bool(session.scalar(select(exists().where(AgencyContact.organization_id == organization_id))))


_CONTACTS_WITH_PHONE = (
    select(AgencyContact)
    .where(AgencyContact.phone == bindparam("phone"), AgencyContact.ended_at.is_(None))
    .order_by(AgencyContact.created_at, AgencyContact.id)
)


def contacts_with_phone(phone: str) -> Sequence[AgencyContact]:
    return session.scalars(_CONTACTS_WITH_PHONE, {"phone": phone}).all()


@dataclass(frozen=True)
class Listed:
    """Whom the directory names."""

    name: str
    email: str


def address_in_directory(organization_id: uuid.UUID, service_id: uuid.UUID) -> Listed | None:
    """Where the directory says that a service can be written to: the service, a contact person, the organization."""
    service = session.get_one(Service, service_id)
    organization = session.get_one(Organization, organization_id)
    person = session.scalars(
        select(Contact)
        .where(
            or_(Contact.service_id == service_id, Contact.organization_id == organization_id),
            Contact.email.is_not(None),
            Contact.withdrawn_at.is_(None),
        )
        .order_by((Contact.service_id == service_id).desc().nulls_last(), Contact.id)
        .limit(1)
    ).first()
    if service.email:
        return Listed(organization.name, service.email)
    if person and person.email:
        return Listed(person.name or organization.name, person.email)
    return Listed(organization.name, organization.email) if organization.email else None


def is_service_of(service_id: uuid.UUID, organization_id: uuid.UUID) -> bool:
    return bool(
        session.scalar(select(exists().where(Service.id == service_id, Service.organization_id == organization_id)))
    )


# Links


def links(referral_id: uuid.UUID) -> Sequence[Link]:
    return session.scalars(select(Link).where(Link.referral_id == referral_id).order_by(Link.created_at)).all()


def live_links(referral_id: uuid.UUID) -> Sequence[Link]:
    """Those whose contact still is one and has not said that it is not for them."""
    return session.scalars(
        select(Link)
        .join(AgencyContact, AgencyContact.id == Link.contact_id)
        .where(Link.referral_id == referral_id, Link.disowned_at.is_(None), AgencyContact.ended_at.is_(None))
    ).all()


def may_have_reached(link_ids: Collection[uuid.UUID]) -> bool:
    """Whether anything written to these links' contacts has left or is still on its way."""
    gone = (*FAILURES, State.CANCELLED, State.EXPIRED)
    texted = session.scalar(select(exists().where(Message.regarding.in_(link_ids), Message.state.not_in(gone))))
    return bool(texted) or mails.any_alive(link_ids)


def renewals(link_id: uuid.UUID, since: datetime) -> list[datetime]:
    return list(session.scalars(select(Renewal.at).where(Renewal.link_id == link_id, Renewal.at > since)))


def row_of(referral_id: uuid.UUID) -> Row:
    """The referral with all that a page of it shows. For whoever has shown a link to it."""
    return referral_rows(select(Referral).where(Referral.id == referral_id))[0]


def referrals_called(code: str, organization_ids: Collection[uuid.UUID]) -> Sequence[Referral]:
    """What these organizations know by this code; more than one when a phone answers for several of them."""
    return session.scalars(
        select(Referral)
        .join(ReplyCode, ReplyCode.referral_id == Referral.id)
        .where(ReplyCode.code == code, ReplyCode.organization_id.in_(organization_ids))
    ).all()


def asked_why(phone: str, since: datetime) -> Sequence[ReplyCode]:
    """What this phone declined since then without having said why."""
    return session.scalars(
        select(ReplyCode).where(ReplyCode.asked_reason_phone == phone, ReplyCode.asked_reason_at > since)
    ).all()


# Questions


def questions(referral_id: uuid.UUID) -> Sequence[Question]:
    """What the agency asked about a referral, oldest first."""
    return session.scalars(
        select(Question).where(Question.referral_id == referral_id).order_by(Question.asked_at, Question.id)
    ).all()


def notes_to_agency(referral_id: uuid.UUID) -> Sequence[Note]:
    """What the care team wrote for the agency to read, oldest first."""
    return session.scalars(
        select(Note)
        .where(Note.referral_id == referral_id, Note.shared, Note.side == Actor.SENDER)
        .order_by(Note.at, Note.id)
    ).all()


# Room


def last_asked(organization_id: uuid.UUID) -> datetime | None:
    return session.scalar(
        select(func.max(CapacityQuestion.asked_at)).where(CapacityQuestion.organization_id == organization_id)
    )


def services(organization_id: uuid.UUID) -> Sequence[Service]:
    """What an organization offers, by name."""
    return session.scalars(
        select(Service).where(Service.organization_id == organization_id, OFFERED).order_by(Service.name, Service.id)
    ).all()
