"""What an agency has received, in a fixed number of questions however much that is."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, Text, and_, cast, false, func, or_, select
from sqlalchemy.orm import joinedload, lazyload

from app import clock
from app.agencies.models import ReplyCode
from app.db import session
from app.directory.models import Organization, Service
from app.directory.queries import UNPLACED
from app.loop.clocks import Effect
from app.loop.models import Clock
from app.matching.queries import zones_of
from app.patients.models import Patient
from app.referrals import notes
from app.referrals.lifecycle import ENDED, OPEN, Status
from app.referrals.models import Referral
from app.referrals.queries import Row, visible_to
from app.screening.models import Need
from app.staff.models import StaffMember
from app.staff.permissions import Action

PAGE = 20


class Tab(StrEnum):
    NEW = "new"
    MINE = "mine"
    WAITING = "waiting"
    DONE = "done"


HELPING = (Status.ACCEPTED, Status.IN_PROGRESS)
_STATUSES: Mapping[Tab, Sequence[Status]] = {
    Tab.NEW: (Status.REQUESTED,),
    Tab.MINE: HELPING,
    Tab.WAITING: (Status.ON_HOLD,),
    Tab.DONE: tuple(sorted(ENDED - {Status.ENTERED_IN_ERROR})),
}


ME, NOBODY, ANYBODY = "me", "nobody", "anybody"


@dataclass(frozen=True)
class Filters:
    """What of an inbox is looked at: all of it where nothing is said."""

    need: str | None = None
    service: uuid.UUID | None = None
    older_than: int | None = None
    """Days since it was sent."""
    whose: str | None = None
    """me, nobody, anybody or the id of a colleague."""
    urgent: bool = False
    language: str | None = None

    @property
    def any(self) -> bool:
        return self != Filters()


@dataclass(frozen=True)
class Line:
    """A request as the list shows it."""

    row: Row
    assigned_to: str
    """A name; empty when nobody has it."""
    due_at: datetime | None
    """When it goes to somebody else unless it is answered."""
    zone: ZoneInfo
    """Of the place that was asked."""
    fresh: int
    """Notes of the sender that nobody here has read."""


@dataclass(frozen=True)
class Page:
    lines: list[Line]
    counts: Mapping[Tab, int]
    """With the same filters."""
    with_colleagues: int
    """Of what is being helped with: what Mine leaves out because somebody else has it."""


def page(staff: StaffMember, tab: Tab, filters: Filters, number: int = 1) -> Page:
    """One page of an inbox, twenty requests long."""
    conditions = {which: _in_tab(staff, which, filters) for which in Tab}
    others = and_(_in_tab(staff, Tab.MINE, replace(filters, whose=ANYBODY)), ~conditions[Tab.MINE])
    narrowed = _narrowed(visible_to(staff, Action.SEE_INBOX), filters)
    counted = narrowed.with_only_columns(
        *(func.count().filter(condition) for condition in (*conditions.values(), others)), maintain_column_froms=True
    )
    *counts, with_colleagues = session.execute(counted).one()
    wanted = narrowed.where(conditions[tab]).order_by(*_ORDER[tab]).limit(PAGE).offset(PAGE * (number - 1))
    return Page(_lines(wanted), dict(zip(Tab, counts, strict=True)), with_colleagues)


def _narrowed(received: Select[Referral], filters: Filters) -> Select[Referral]:
    joined = received.join(Need, Need.id == Referral.need_id).join(Patient, Patient.id == Referral.patient_id)
    if filters.need:
        joined = joined.where(Need.kind == filters.need)
    if filters.urgent:
        joined = joined.where(Need.urgent)
    if filters.language:
        joined = joined.where(Patient.language == filters.language)
    if filters.service:
        joined = joined.where(Referral.service_id == filters.service)
    if filters.older_than:
        joined = joined.where(Referral.sent_at < clock.now() - timedelta(days=filters.older_than))
    return joined


def _in_tab(staff: StaffMember, tab: Tab, filters: Filters) -> ColumnElement[bool]:
    return and_(Referral.status.in_(_STATUSES[tab]), _whose(staff, tab, filters.whose))


def _whose(staff: StaffMember, tab: Tab, whose: str | None) -> ColumnElement[bool]:
    """Mine is what I have and what nobody has: somebody has to see to it."""
    mine, nobodys = Referral.assigned_to_id == staff.id, Referral.assigned_to_id.is_(None)
    match whose:
        case "me":
            return mine
        case "nobody":
            return nobodys
        case None if tab is Tab.MINE:
            return or_(mine, nobodys)
        case None | "anybody":
            return Referral.id.is_not(None)
        case colleague:
            known = _as_id(colleague)
            return Referral.assigned_to_id == known if known else false()


def _as_id(typed: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(typed)
    except ValueError:
        return None


_ORDER: Mapping[Tab, tuple[ColumnElement[Any], ...]] = {
    Tab.NEW: (Need.urgent.desc(), Referral.sent_at.asc(), Referral.id.asc()),
    Tab.MINE: (Referral.promised_by.asc().nulls_last(), Referral.sent_at.asc(), Referral.id.asc()),
    Tab.WAITING: (Referral.sent_at.asc(), Referral.id.asc()),
    Tab.DONE: (Referral.ended_at.desc(), Referral.id.asc()),
}


def _lines(wanted: Select[Referral]) -> list[Line]:
    found = session.execute(
        wanted.join(Service, Service.id == Referral.service_id)
        .join(Organization, Organization.id == Referral.organization_id)
        .outerjoin(StaffMember, StaffMember.id == Referral.assigned_to_id)
        .with_only_columns(Referral, Patient, Need, Service, Organization, StaffMember.name, maintain_column_froms=True)
        .options(lazyload(Patient.phones), lazyload(Patient.safe_contact))  # a list shows neither
        .options(joinedload(Referral.appointment))
    ).all()
    rows = [
        (Row(referral, patient, need, service, ours), name) for referral, patient, need, service, ours, name in found
    ]
    due = _due([row.referral.id for row, _name in rows])
    zones = zones_of({row.service.id for row, _name in rows})
    fresh = notes.unread([row.referral.id for row, _name in rows if row.referral.status in OPEN])
    return [
        Line(
            row,
            name or "",
            due.get(row.referral.id),
            zones.get(row.service.id, UNPLACED),
            fresh.get(row.referral.id, 0),
        )
        for row, name in rows
    ]


def line(row: Row) -> Line:
    """One request with what the list shows of it."""
    referral = row.referral
    assigned_to = session.get(StaffMember, referral.assigned_to_id) if referral.assigned_to_id else None
    return Line(
        row,
        assigned_to.name if assigned_to else "",
        _due([referral.id]).get(referral.id),
        zones_of({referral.service_id}).get(referral.service_id, UNPLACED),
        notes.unread([referral.id]).get(referral.id, 0),
    )


def _due(referral_ids: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, datetime]:
    """When each of these goes to somebody else."""
    live = (
        select(Clock.referral_id, func.min(Clock.due_at))
        .where(Clock.referral_id.in_(referral_ids), Clock.effect == Effect.RECALL.value, Clock.ended_at.is_(None))
        .group_by(Clock.referral_id)
    )
    return dict(session.execute(live).all())


def colleagues(staff: StaffMember) -> Sequence[StaffMember]:
    """Everybody who works at the organization of `staff`, by name."""
    if staff.organization_id is None:
        return []
    return session.scalars(
        select(StaffMember)
        .where(StaffMember.organization_id == staff.organization_id, StaffMember.active)
        .order_by(StaffMember.name, StaffMember.id)
    ).all()


def colleague(staff: StaffMember, staff_id: uuid.UUID) -> StaffMember | None:
    return next((one for one in colleagues(staff) if one.id == staff_id), None)


def asked_for(staff: StaffMember) -> tuple[list[str], list[str]]:
    """Which needs and which languages the requests of an inbox have, to choose from."""
    received = visible_to(staff, Action.SEE_INBOX).join(Need, Need.id == Referral.need_id)
    needs = session.scalars(received.with_only_columns(Need.kind, maintain_column_froms=True).distinct()).all()
    received = visible_to(staff, Action.SEE_INBOX).join(Patient, Patient.id == Referral.patient_id)
    spoken = session.scalars(received.with_only_columns(Patient.language, maintain_column_froms=True).distinct()).all()
    return sorted(needs), sorted(spoken)


_REFERENCE = re.compile(r"[0-9A-F]{8}")


def referred_to_as(staff: StaffMember, typed: str) -> uuid.UUID | None:
    """The request with this reference, or with this code in our e-mails and texts; None unless exactly one has it."""
    received = visible_to(staff, Action.SEE_INBOX).with_only_columns(Referral.id).limit(2)
    said = re.sub(r"[\s#-]", "", typed).upper()
    if _REFERENCE.fullmatch(said):
        wanted = received.where(cast(Referral.id, Text).startswith(said.lower()))
    elif said.isdecimal():
        wanted = received.join(ReplyCode, ReplyCode.referral_id == Referral.id).where(ReplyCode.code == said)
    else:
        return None
    found = session.scalars(wanted).all()
    return found[0] if len(found) == 1 else None
