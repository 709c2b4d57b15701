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
from app.directory import operations
from app.directory import queries as directory
from app.directory.models import Service, ServiceAtLocation
from app.errors import DomainError, Invalid
from app.i18n import gettext as _
from app.i18n import ngettext
from app.matching import operations as matching
from app.matching import queries as matching_queries
from app.referrals import queries
from app.referrals.models import Referral

MOST_A_DAY = 9999
"""A larger number is a slip of the finger."""


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


def read_limits(typed: Mapping[str, str], service_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, int | None]:
    """What a form says of these services, in a box “limit-” with the id of each; one without a box stays as it is.

    :raises Invalid: a sentence for each wrong box.
    """
    limits: dict[uuid.UUID, int | None] = {}
    wrong: dict[str, str] = {}
    for service_id in service_ids:
        box = f"limit-{service_id}"
        try:
            if box in typed:
                limits[service_id] = _limit(typed[box])
        except ValueError:
            wrong[box] = _("Enter a whole number from 1 to %(most)s, or nothing.", most=MOST_A_DAY)
    if wrong:
        raise Invalid(wrong)
    return limits


def _limit(typed: str) -> int | None:
    """:raises ValueError: what can be no limit."""
    text = typed.strip()
    if not text:
        return None
    if not (text.isdecimal() and len(text) <= len(str(MOST_A_DAY)) and int(text)):
        raise ValueError
    return int(text)


def set_limit(service_id: uuid.UUID, limit: int | None, *, by: str) -> None:
    """Say how many people a service takes in on one day, from now on; matching obeys at once.

    Who was sent today already counts, and nobody is sent back.

    :param limit: None is as many as come.
    :param by: whom the history names.
    """
    if not operations.set_daily_limit(service_id, limit, by=by):
        return
    zone = matching_queries.zones_of([service_id]).get(service_id, directory.UNPLACED)
    _tell_matching(service_id, limit, zone)


def tell_matching(referral: Referral) -> None:
    """Let matching know whether the service that was asked is full for today, or no longer."""
    limit = session.get_one(Service, referral.service_id).intake_daily_limit
    if limit is not None:
        _tell_matching(referral.service_id, limit, directory.time_zone(referral.service_at_location_id))


def _tell_matching(service_id: uuid.UUID, limit: int | None, zone: ZoneInfo) -> None:
    full = limit is not None and _today(service_id, limit, zone).full
    matching.set_full_today(service_id, _midnight(clock.now(), zone, days=1) if full else None)


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
