from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Sequence

from sqlalchemy import Table, case, exists, func, select
from sqlalchemy.orm import joinedload

from app import clock
from app.db import Base, session
from app.staff.models import ApiToken, StaffMember, Team


def staff_by_id(staff_id: uuid.UUID) -> StaffMember | None:
    return session.get(StaffMember, staff_id, options=[joinedload(StaffMember.team)])


def staff_by_email(email: str) -> StaffMember | None:
    return session.scalar(select(StaffMember).where(StaffMember.email == email.strip().lower()))


def staff_by_token(token: str) -> StaffMember | None:
    """Whose bearer token this is; None when it is unknown, expired, revoked, or the account is closed."""
    return session.scalar(
        select(StaffMember)
        .join(ApiToken, ApiToken.staff_id == StaffMember.id)
        .where(
            ApiToken.sha256 == hashlib.sha256(token.encode()).hexdigest(),
            ApiToken.expires_at > clock.now(),
            ApiToken.revoked_at.is_(None),
            StaffMember.active,
        )
        .options(joinedload(StaffMember.team))
    )


def everybody() -> Sequence[StaffMember]:
    """All staff, those who can sign in first, then by name."""
    return session.scalars(
        select(StaffMember).options(joinedload(StaffMember.team)).order_by(StaffMember.active.desc(), StaffMember.name)
    ).all()


def teams() -> Sequence[Team]:
    return session.scalars(select(Team).order_by(Team.name)).all()


def team_lead(team_id: uuid.UUID) -> StaffMember | None:
    """Who leads the team; the first by name when there are several."""
    return session.scalar(
        select(StaffMember)
        .where(StaffMember.team_id == team_id, StaffMember.role == "lead", StaffMember.active)
        .order_by(StaffMember.name)
        .limit(1)
    )


def reachable(staff_id: uuid.UUID) -> StaffMember | None:
    """This person if they can be paged: they have an account and a phone."""
    return session.scalar(
        select(StaffMember).where(StaffMember.id == staff_id, StaffMember.active, StaffMember.phone.is_not(None))
    )


def on_call(team_id: uuid.UUID | None) -> Sequence[StaffMember]:
    """Who is on call, in the order in which they are paged: this team's people first, then by name."""
    return session.scalars(
        select(StaffMember)
        .where(StaffMember.on_call, StaffMember.active, StaffMember.phone.is_not(None))
        .order_by(case((StaffMember.team_id == team_id, 0), else_=1), StaffMember.name, StaffMember.id)
    ).all()


def anybody_on_call() -> bool:
    return bool(session.scalar(select(exists().where(StaffMember.on_call, StaffMember.active))))


def care_team_members() -> Sequence[StaffMember]:
    """Everybody who may be paged: those who can sign in and care for patients, by name."""
    return session.scalars(
        select(StaffMember)
        .where(StaffMember.active, StaffMember.team_id.is_not(None))
        .options(joinedload(StaffMember.team))
        .order_by(StaffMember.name, StaffMember.id)
    ).all()


def names(staff_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, str]:
    """The names of these people, also of those who have left."""
    wanted = set(staff_ids)
    if not wanted:
        return {}
    rows = session.execute(select(StaffMember.id, StaffMember.name).where(StaffMember.id.in_(wanted)))
    return dict(rows.all())


def organization_named(name: str) -> uuid.UUID | None:
    """The organization with exactly this name, letter case aside; None when there is none, or more than one."""
    organization = _organizations()
    found = session.scalars(
        select(organization.c.id).where(func.lower(organization.c.name) == name.strip().lower()).limit(2)
    ).all()
    return found[0] if len(found) == 1 else None


def organization_names(organization_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, str]:
    organization = _organizations()
    rows = session.execute(
        select(organization.c.id, organization.c.name).where(organization.c.id.in_(set(organization_ids)))
    )
    return {row.id: row.name for row in rows}


def _organizations() -> Table:
    """The directory stands above this feature, so its table is known here by name only, as a foreign key knows it."""
    return Base.metadata.tables["organization"]
