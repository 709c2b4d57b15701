"""Places for services that their source offers at no location at all.

HSDS lets a service be listed without one, and everything that is shown, matched and referred to here is a service *at a
location*. So such a service is offered where its organization is; or, when that is not known either, at a location of
which nothing is known, and which says so. These rows carry a source of their own: no import withdraws them, and an
export leaves them out. They go as soon as the source names a location.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, ScalarSelect, exists, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from app import clock
from app.db import among, session
from app.directory.codes import LocationType
from app.directory.models import Location, Service, ServiceAtLocation

STAND_IN = "stand-in"
"""The source of these rows."""

_SPACE = uuid.UUID("3b0a3c1e-6f0d-5d2c-9a41-5d7f3c1f8f60")


def place(service_ids: Sequence[uuid.UUID]) -> None:
    """Give each of these services a stand-in where it needs one, and take it away where it does not."""
    ids = list(service_ids)
    session.execute(
        update(ServiceAtLocation)
        .where(
            among(ServiceAtLocation.service_id, ids),
            ServiceAtLocation.source == STAND_IN,
            ServiceAtLocation.withdrawn_at.is_(None),
            _listed_somewhere(ServiceAtLocation.service_id),
        )
        .values(withdrawn_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    placeless = session.execute(
        select(Service.id, Service.organization_id, _home().label("location_id"))
        .where(among(Service.id, ids), Service.withdrawn_at.is_(None), ~_listed_somewhere(Service.id))
        .order_by(Service.id)
    ).all()
    if placeless:
        _stand_in(placeless)


def _listed_somewhere(service_id: ColumnElement[uuid.UUID] | object) -> ColumnElement[bool]:
    at = aliased(ServiceAtLocation)
    return exists().where(at.service_id == service_id, at.source != STAND_IN, at.withdrawn_at.is_(None))


def _home() -> ScalarSelect[uuid.UUID]:
    """Where the organization of a service is: where people can go, rather than one of which less is known."""
    return (
        select(Location.id)
        .where(
            Location.organization_id == Service.organization_id,
            Location.source != STAND_IN,
            Location.withdrawn_at.is_(None),
        )
        .order_by(
            Location.location_type != LocationType.PHYSICAL,
            Location.confidential,
            Location.latitude.is_(None),
            Location.id,
        )
        .limit(1)
        .scalar_subquery()
    )


def _stand_in(placeless: Sequence[Row[*tuple[Any, ...]]]) -> None:
    nowhere = sorted({row.organization_id for row in placeless if row.location_id is None})
    if nowhere:
        locations = [
            {"id": uuid.uuid5(_SPACE, str(id_)), "organization_id": id_, "source": STAND_IN} for id_ in nowhere
        ]
        session.execute(insert(Location).on_conflict_do_nothing(), locations)
    statement = insert(ServiceAtLocation)
    new = statement.excluded
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["id"],
            set_={"location_id": new.location_id, "withdrawn_at": None},
            where=or_(ServiceAtLocation.location_id != new.location_id, ServiceAtLocation.withdrawn_at.is_not(None)),
        ),
        [
            {
                "id": uuid.uuid5(_SPACE, str(row.id)),
                "service_id": row.id,
                "location_id": row.location_id or uuid.uuid5(_SPACE, str(row.organization_id)),
                "source": STAND_IN,
            }
            for row in placeless
        ],
    )
