"""How many people a service takes in on one day, where it has said so; then it is full until tomorrow."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from app import clock
from app.db import session
from app.directory import queries as directory
from app.directory.models import Service, ServiceAtLocation
from app.errors import DomainError
from app.i18n import ngettext
from app.matching import operations as matching
from app.matching import queries as matching_queries
from app.referrals import queries
from app.referrals.models import Referral


@dataclass(frozen=True)
class Intake:
    """Of one day."""

    taken: int
    limit: int

    @property
    def full(self) -> bool:
        return self.taken >= self.limit


def hold(place_ids: Iterable[uuid.UUID]) -> None:
    """Let nobody else take a place of these services until this transaction ends, where places are counted.

    Always in the same order, so that two who ask several at once do not wait for each other.
    """
    limited = session.scalars(
        select(Service.id)
        .join(ServiceAtLocation, ServiceAtLocation.service_id == Service.id)
        .where(ServiceAtLocation.id.in_(list(place_ids)), Service.intake_daily_limit.is_not(None))
        .distinct()
        .order_by(Service.id)
    )
    for service_id in limited.all():
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"intake {service_id}", 0))))


def refuse_full(place: ServiceAtLocation) -> None:
    """Nothing, while the service has places left today; only called after `hold`.

    A request that goes on by itself while the patient may still say no is not refused any more: they were told of it.

    :raises DomainError: today's places are taken.
    """
    limit = session.get_one(Service, place.service_id).intake_daily_limit
    if limit is None or not _today(place.service_id, limit, directory.time_zone(place.id)).full:
        return
    raise DomainError(
        ngettext(
            "They take in %(n)s person a day, and today somebody has that place. Choose another, or ask tomorrow.",
            "They take in %(n)s people a day, and today's places are taken. Choose another, or ask tomorrow.",
            limit,
        )
    )


def tell_matching(referral: Referral) -> None:
    """Let matching know whether the service that was asked is full for today, or no longer."""
    limit = session.get_one(Service, referral.service_id).intake_daily_limit
    if limit is None:
        return
    zone = directory.time_zone(referral.service_at_location_id)
    full = _today(referral.service_id, limit, zone).full
    matching.set_full_today(referral.service_id, _midnight(clock.now(), zone, days=1) if full else None)


def _today(service_id: uuid.UUID, limit: int, zone: ZoneInfo) -> Intake:
    """How today stands where the service is."""
    return Intake(queries.taken_in(service_id, _midnight(clock.now(), zone)), limit)


def of_organization(organization_id: uuid.UUID) -> Mapping[uuid.UUID, Intake]:
    """Today's places of those services of an organization that count them, by service."""
    limits = dict(
        session.execute(
            select(Service.id, Service.intake_daily_limit).where(
                Service.organization_id == organization_id,
                Service.intake_daily_limit.is_not(None),
                Service.withdrawn_at.is_(None),
            )
        ).all()
    )
    if not limits:
        return {}
    zones = matching_queries.zones_of(limits)
    midnights = {one: _midnight(clock.now(), zones.get(one, directory.UNPLACED)) for one in limits}
    taken = Counter(
        service_id
        for service_id, at in queries.taken_lately(limits, min(midnights.values()))
        if at >= midnights[service_id]
    )
    return {service_id: Intake(taken[service_id], limit) for service_id, limit in limits.items() if limit}


def _midnight(moment: datetime, zone: ZoneInfo, *, days: int = 0) -> datetime:
    return datetime.combine(moment.astimezone(zone).date() + timedelta(days=days), time(), zone)
