"""Asking agencies whether what is listed of them still holds, by a link that they answer without an account."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, update

from app import clock, sealed
from app.db import among, changed, counted, session
from app.directory import corrections
from app.directory.models import OFFERED, ListingQuestion, Organization, Service
from app.errors import DomainError, NotFound
from app.events import ListingAsked, publish
from app.i18n import gettext as _

STALE_AFTER = timedelta(days=90)
LINK = "directory.listing-question"
"""What the link in a question to an agency is sealed for."""
LINK_HOLDS = timedelta(days=60)
SERVICES_ASKED_ABOUT = 60
"""On one page for one agency."""


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """An agency with services that nobody has confirmed for long."""

    id: uuid.UUID
    name: str
    email: str | None
    services: int
    asked: bool


def unconfirmed(limit: int, offset: int = 0) -> list[Unconfirmed]:
    """Agencies with services last verified more than 90 days ago, or never, by name."""
    count = select(func.count(Service.id)).where(_stale(), Service.organization_id == Organization.id).scalar_subquery()
    rows = session.execute(
        select(
            Organization.id,
            Organization.name,
            Organization.email,
            count.label("services"),
            _is_asked().label("asked"),
        )
        .where(_has_stale_services())
        .order_by(Organization.name, Organization.id)
        .limit(limit)
        .offset(offset)
    )
    return [Unconfirmed(row.id, row.name, row.email, row.services, row.asked) for row in rows]


def _stale() -> ColumnElement[bool]:
    verified = func.greatest(Service.last_verified_on, Service.assured_date)
    return and_(OFFERED, or_(verified.is_(None), verified < clock.now().date() - STALE_AFTER))


def _has_stale_services() -> ColumnElement[bool]:
    """For a selection of organizations."""
    return and_(
        Organization.withdrawn_at.is_(None), exists().where(_stale(), Service.organization_id == Organization.id)
    )


def _is_asked() -> ColumnElement[bool]:
    return exists().where(
        ListingQuestion.organization_id == Organization.id,
        ListingQuestion.answered_at.is_(None),
        ListingQuestion.asked_at > clock.now() - LINK_HOLDS,
    )


def send(organization_id: uuid.UUID, *, by: str) -> ListingQuestion:
    """Ask an agency, by e-mail where an address is known.

    :raises NotFound: there is no such agency.
    """
    question = ask_agency(organization_id, by=by)
    session.flush()
    publish(ListingAsked(question.id))
    return question


def send_to_all(limit: int, *, by: str) -> int:
    """Ask those whom the directory has an address of and who are not being asked; says how many, `limit` at most."""
    due = session.scalars(_unasked().order_by(Organization.name, Organization.id).limit(limit)).all()
    for organization_id in due:
        send(organization_id, by=by)
    return len(due)


def left_to_ask(limit: int) -> int:
    """How many `send_to_all` would ask now."""
    return counted(_unasked(), limit)


def _unasked() -> Select[uuid.UUID]:
    return select(Organization.id).where(
        _has_stale_services(), ~_is_asked(), Organization.email.regexp_match(_ONE_ADDRESS)
    )


_ONE_ADDRESS = r"^[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]+$"
"""“See our website” and “a@b.org; c@d.org” are none: whoever is asked there never hears of it."""


def ask_agency(organization_id: uuid.UUID, *, by: str) -> ListingQuestion:
    """Begin to ask an agency about its services; while a link of it holds, that one is asked again.

    :raises NotFound: there is no such agency.
    """
    organization = session.scalar(
        select(Organization)
        .where(Organization.id == organization_id, Organization.withdrawn_at.is_(None))
        .with_for_update()
    )
    if organization is None:
        raise NotFound(_("There is no such organization."))
    question = session.scalar(
        select(ListingQuestion)
        .where(
            ListingQuestion.organization_id == organization_id,
            ListingQuestion.answered_at.is_(None),
            ListingQuestion.asked_at > clock.now() - LINK_HOLDS / 2,
        )
        .order_by(ListingQuestion.asked_at.desc())
        .limit(1)
    )
    if question is None:
        question = ListingQuestion(id=uuid.uuid4(), organization_id=organization_id, asked_by=by, asked_at=clock.now())
        session.add(question)
    return question


def a_question(question_id: uuid.UUID) -> tuple[ListingQuestion, Organization]:
    """:raises NotFound: there is no such question."""
    question = session.get(ListingQuestion, question_id)
    if question is None:
        raise NotFound(_("There is nothing with this id. Please check it."))
    return question, session.get_one(Organization, question.organization_id)


def token_of(question: ListingQuestion) -> str:
    """What stands in the link."""
    return sealed.seal(question.id, LINK)


def question_of(token: str) -> tuple[ListingQuestion, Organization]:
    """The question that a link is about.

    :raises NotFound: the link is not ours, or it was asked more than 60 days ago.
    """
    question_id, _edition = sealed.unseal(token, LINK)
    question, organization = a_question(question_id)
    if question.asked_at < clock.now() - LINK_HOLDS:
        raise NotFound(_("This link does not work any more. Please ask for a new one."))
    return question, organization


def asked_about(organization_id: uuid.UUID) -> Sequence[Service]:
    """The listed services of an agency, those confirmed longest ago first."""
    verified = func.greatest(Service.last_verified_on, Service.assured_date)
    return session.scalars(
        select(Service)
        .where(Service.organization_id == organization_id, OFFERED)
        .order_by(verified.asc().nulls_first(), Service.name, Service.id)
        .limit(SERVICES_ASKED_ABOUT)
    ).all()


def answer(question: ListingQuestion, answers: Mapping[uuid.UUID, str], note: str) -> None:
    """What the agency says: “correct” counts as confirmed today; the rest is for somebody to act on.

    :raises DomainError: it has been answered.
    """
    listed = {service.id for service in asked_about(question.organization_id)}
    said = {service_id: answer for service_id, answer in answers.items() if service_id in listed}
    needs_hands = bool(note.strip()) or any(answer != "correct" for answer in said.values())
    first = update(ListingQuestion).where(ListingQuestion.id == question.id, ListingQuestion.answered_at.is_(None))
    if not changed(
        first.values(
            answered_at=clock.now(),
            answers={str(service_id): answer for service_id, answer in said.items()},
            note=note.strip() or None,
            handled_at=None if needs_hands else clock.now(),
        )
    ):
        raise DomainError(_("This has been answered already. Thank you."))
    correct_ones = [service_id for service_id, answer in said.items() if answer == "correct"]
    if correct_ones:
        corrections.confirm(correct_ones, by=f"agency-link {question.id}")


@dataclass(frozen=True, slots=True)
class Answered:
    id: uuid.UUID
    organization: str
    note: str
    changed: tuple[tuple[uuid.UUID, str], ...]
    closed: tuple[tuple[uuid.UUID, str], ...]


def answers_to_handle(limit: int) -> list[Answered]:
    """What agencies answered and somebody here still has to act on, the oldest first."""
    rows = session.execute(
        select(ListingQuestion, Organization.name)
        .join(Organization, Organization.id == ListingQuestion.organization_id)
        .where(ListingQuestion.answered_at.is_not(None), ListingQuestion.handled_at.is_(None))
        .order_by(ListingQuestion.answered_at, ListingQuestion.id)
        .limit(limit)
    ).all()
    ids = [uuid.UUID(key) for question, _name in rows for key in question.answers]
    services = session.execute(select(Service.id, Service.name).where(among(Service.id, ids)))
    names = {row.id: row.name for row in services}

    def those(question: ListingQuestion, answer: str) -> tuple[tuple[uuid.UUID, str], ...]:
        found = [uuid.UUID(key) for key, said in question.answers.items() if said == answer]
        return tuple((id_, names[id_]) for id_ in found if id_ in names)

    return [
        Answered(question.id, name, question.note or "", those(question, "changed"), those(question, "closed"))
        for question, name in rows
    ]


def listed_of(question: ListingQuestion) -> Sequence[Service]:
    """The services that it was answered about and that are still the agency's and listed."""
    ids = [uuid.UUID(key) for key in question.answers]
    theirs = Service.organization_id == question.organization_id
    return session.scalars(select(Service).where(among(Service.id, ids), theirs, Service.withdrawn_at.is_(None))).all()


def finish(question: ListingQuestion) -> None:
    """Somebody has done what the answer asks for."""
    question.handled_at = question.handled_at or clock.now()
