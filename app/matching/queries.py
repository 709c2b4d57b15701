from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from itertools import chain
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Executable,
    Float,
    Row,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    func,
    not_,
    null,
    select,
    true,
    type_coerce,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import InstrumentedAttribute

from app import clock
from app.db import session
from app.directory.codes import LocationType, ServiceStatus
from app.directory.models import Address, Organization, Service, ServiceAtLocation
from app.errors import NotFound
from app.geography.boxes import Box
from app.geography.places import Place, Precision
from app.i18n import gettext as _
from app.matching import ranking as rules
from app.matching import reasons
from app.matching.candidates import Candidate, Question
from app.matching.eligibility import against
from app.matching.models import Bearing, Listing, ListingAreaZip, PastOffer
from app.matching.ranking import Parts, Ranking, Scored
from app.matching.reasons import Reason
from app.matching.rings import Worth, search
from app.patients.models import Patient
from app.screening.models import Need

BEST = 5
NEAR_MILES = 25.0


@dataclass(frozen=True)
class Part:
    """One of the numbers a score is the weighted mean of."""

    name: str
    value: float
    weight: float


@dataclass(frozen=True)
class Match:
    """A service at a location that may help, and why."""

    service_at_location_id: uuid.UUID
    service_id: uuid.UUID
    organization_id: uuid.UUID
    service: str
    organization: str
    area: str
    """The town, which is all that may be shown of a confidential location."""
    confidential: bool
    distance_miles: float | None
    """No more digits than are known; None when not known."""
    precision: Precision
    score: float
    parts: tuple[Part, ...]
    reasons: tuple[Reason, ...]
    cautions: tuple[Reason, ...]


@dataclass(frozen=True)
class Matches:
    items: tuple[Match, ...]
    radius_used: float | None
    """In miles; None when it looked everywhere."""
    widened: bool
    """There were too few within the radius that was asked for."""
    total_considered: int
    """How many listings were looked at for this answer."""


def matches(question: Question, k: int = BEST, radius_miles: float = NEAR_MILES, at: datetime | None = None) -> Matches:
    """The best `k` for this question, exactly as `app.matching.ranking` and `app.matching.rings` define them."""
    ranking = Ranking(question, at or clock.now())
    found = search(ranking, k, radius_miles, Listings(ranking))
    names = _names([one.candidate.id for one in found.best])
    return Matches(
        items=tuple(_match(ranking, one, names[one.candidate.id], radius_miles) for one in found.best),
        radius_used=found.radius,
        widened=found.widened,
        total_considered=found.considered,
    )


def why_not(
    question: Question,
    service_at_location_id: uuid.UUID,
    radius_miles: float = NEAR_MILES,
    at: datetime | None = None,
) -> tuple[Reason, ...]:
    """Everything that speaks against this service for this question; never empty."""
    ranking = Ranking(question, at or clock.now())
    row = session.execute(
        _ONE, {"need": question.need, "postal_code": question.postal_code, "id": service_at_location_id}
    ).first()
    if row is None:
        return (Reason(_why_unlisted(service_at_location_id)),)
    candidate = Candidate._make(row)
    found = [reasons.objection(code, question, candidate) for code in against(question, candidate, ranking.at)]
    distance = ranking.distance(candidate)
    if candidate.anchored and distance is not None and distance > radius_miles:
        found.append(Reason("too-far", {"radius": radius_miles}))
    return tuple(found) or (Reason("others-fit-better"),)


def question_for(need: Need, patient: Patient) -> Question:
    """What matching has to know about a need that a screening found."""
    past = session.execute(
        select(PastOffer.bearing, PastOffer.service_id, PastOffer.organization_id).where(
            PastOffer.patient_id == patient.id
        )
    ).all()
    return Question(
        need=need.kind,
        place=_place_of(patient),
        postal_code=patient.postal_code[:5],
        language=patient.language,
        age=_age(patient.birth_date, clock.now().date()),
        urgent=need.urgent,
        declined_services=frozenset(row.service_id for row in past if row.bearing is Bearing.DECLINED),
        asked_services=frozenset(row.service_id for row in past if row.bearing is Bearing.ASKED),
        helping_organizations=frozenset(row.organization_id for row in past if row.bearing is Bearing.HELPING),
    )


def _place_of(patient: Patient) -> Place | None:
    if patient.latitude is None or patient.longitude is None:
        return None
    return Place(
        latitude=patient.latitude,
        longitude=patient.longitude,
        precision=Precision(patient.place_precision),
        time_zone=patient.time_zone,
        city=patient.city,
        state=patient.state,
        county="",
    )


def _age(born: date, today: date) -> int:
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


# The search. Its statements are built once; each question only binds other values to them. They ask for columns of the
# table, not of the model: some hundreds of plain rows are read for each answer, and no object is made of them.

_listing = Listing.__table__.c

_COVERS = _listing.area_id.in_(
    select(ListingAreaZip.area_id).where(ListingAreaZip.postal_code == bindparam("postal_code"))
)
# A patient whose ZIP code we do not know may live in any area.
_COVERED = case((_listing.area_id.is_(None), null()), (bindparam("postal_code") == "", null()), else_=_COVERS)


def _candidates(
    covered: ColumnElement[Any], *criteria: ColumnElement[bool] | InstrumentedAttribute[bool]
) -> Select[*tuple[Any, ...]]:
    """Rows in the order of `Candidate`."""
    return select(
        _listing.service_at_location_id,
        _listing.service_id,
        _listing.organization_id,
        _listing.latitude,
        _listing.longitude,
        type_coerce(_listing.precision, Text),
        _listing.fit,
        covered.label("covered"),
        _listing.remote,
        _listing.confidential,
        _listing.languages,
        _listing.interpreter,
        _listing.min_age,
        _listing.max_age,
        type_coerce(_listing.capacity, Text),
        _listing.capacity_at,
        _listing.capacity_until,
        _listing.hours,
        _listing.time_zone,
        _listing.history,
        _listing.history_n,
        _listing.walk_in,
    ).where(_listing.need == bindparam("need"), *criteria)


_ONE = _candidates(_COVERED, _listing.service_at_location_id == bindparam("id"))
# Two questions in one, each of which the index answers; joined by OR, neither would.
_ELSEWHERE = union_all(
    _candidates(null(), not_(_listing.anchored), _listing.area_id.is_(None)),
    _candidates(true(), not_(_listing.anchored), _COVERS),
)
_ELSEWHERE_IN_ANY_AREA = _candidates(null(), not_(_listing.anchored))
_ANCHORED = _candidates(null(), _listing.anchored)


def _box(name: str) -> ColumnElement[bool]:
    return and_(
        _listing.latitude.between(bindparam(f"{name}_south"), bindparam(f"{name}_north")),
        _listing.longitude.between(bindparam(f"{name}_west"), bindparam(f"{name}_east")),
    )


def _might_score(*, english: bool) -> ColumnElement[bool]:
    """Whether a listing could score what is worth looking at, with all that changes by the hour at its best."""
    spoken: Any = rules.SPOKEN
    if not english:
        spoken = case(
            (func.strpos(_listing.languages, bindparam("spoken")) > 0, rules.SPOKEN),
            (_listing.interpreter, rules.INTERPRETED),
            else_=rules.NOT_SPOKEN,
        )
    room = {status: max(value, rules.ROOM_UNKNOWN) for status, value in rules.ROOM.items()}
    best: dict[str, Any] = {
        "distance": bindparam("nearness", type_=Float),
        "language": spoken,
        "fit": _listing.fit,
        "open": case((_listing.hours.is_(None), rules.HOURS_UNKNOWN), else_=1.0),
        "capacity": case(*((_listing.capacity == status, value) for status, value in room.items()), else_=1.0),
        "history": _listing.history,
        "ease": case(*((_listing.walk_in.is_(known), value) for known, value in rules.EASE.items()), else_=1.0),
        "helping": bindparam("helping", type_=Float),
    }
    score: Any = sum(bindparam(f"weight_{name}", type_=Float) * best[name] for name in Parts._fields)
    return cast("ColumnElement[bool]", score >= bindparam("worth", type_=Float))


@lru_cache
def _ring(inner: int, *, with_worth: bool, english: bool) -> Select[*tuple[Any, ...]]:
    """Anchored listings in one outer box and in none of `inner` inner ones."""
    criteria: list[Any] = [_listing.anchored, _box("outer"), *(not_(_box(f"inner{n}")) for n in range(inner))]
    if with_worth:
        criteria.append(_might_score(english=english))
    return _candidates(null(), *criteria)


class Listings:
    """The read model as the source of candidates for one question."""

    def __init__(self, ranking: Ranking) -> None:
        self._ranking = ranking
        self._question = {"need": ranking.question.need}

    def elsewhere(self) -> Iterable[Candidate]:
        postal_code = self._ranking.question.postal_code
        statement = _ELSEWHERE if postal_code else _ELSEWHERE_IN_ANY_AREA
        return self._read(statement, {"postal_code": postal_code})

    def anchored(self) -> Iterable[Candidate]:
        return self._read(_ANCHORED, {})

    def ring(self, outer: tuple[Box, ...], inner: tuple[Box, ...], worth: Worth | None) -> Iterable[Candidate]:
        english = self._ranking.language == rules.EVERYWHERE_SPOKEN
        statement = _ring(len(inner), with_worth=worth is not None, english=english)
        values: dict[str, Any] = {}
        for n, box in enumerate(inner):
            values |= _corners(f"inner{n}", box)
        if worth:
            values |= self._worth(worth, english=english)
        return chain.from_iterable(self._read(statement, values | _corners("outer", box)) for box in outer)

    def _worth(self, worth: Worth, *, english: bool) -> dict[str, Any]:
        weights = {f"weight_{name}": weight for name, weight in self._ranking.weights._asdict().items()}
        values = {
            **weights,
            "worth": worth.score - rules.ROUNDING,
            "nearness": worth.nearness,
            "helping": 1.0 if self._ranking.question.helping_organizations else 0.0,
        }
        return values if english else {**values, "spoken": f" {self._ranking.language} "}

    def _read(self, statement: Executable, values: Mapping[str, Any]) -> list[Candidate]:
        rows = session.execute(statement, {**self._question, **values})
        return [Candidate._make(row) for row in rows]


def _corners(name: str, box: Box) -> dict[str, float]:
    return {
        f"{name}_south": box.south,
        f"{name}_west": box.west,
        f"{name}_north": box.north,
        f"{name}_east": box.east,
    }


def _match(ranking: Ranking, scored: Scored, names: Row[*tuple[Any, ...]], radius: float) -> Match:
    candidate = scored.candidate
    precision = reasons.precision_of(ranking.question, candidate)
    values = ranking.values(candidate, scored.distance)._asdict()
    if not candidate.history_n:
        # Only the average of the need stands there: it counts alike for everybody, and says nothing about this agency.
        del values["history"]
    return Match(
        service_at_location_id=candidate.id,
        service_id=candidate.service_id,
        organization_id=candidate.organization_id,
        service=names.service,
        organization=names.organization,
        area=names.city or "",
        confidential=candidate.confidential,
        distance_miles=reasons.honest_miles(scored.distance, precision),
        precision=precision,
        score=scored.score,
        parts=tuple(Part(name, value, getattr(ranking.weights, name)) for name, value in values.items()),
        reasons=reasons.in_favor(ranking, scored),
        cautions=reasons.cautions(ranking, scored, radius=radius),
    )


_CITY = (
    select(Address.city)
    .where(Address.location_id == ServiceAtLocation.location_id, Address.withdrawn_at.is_(None))
    .order_by(Address.address_type != LocationType.PHYSICAL, Address.id)
    .limit(1)
    .scalar_subquery()
)
_NAMES = (
    select(
        ServiceAtLocation.id,
        Service.name.label("service"),
        Organization.name.label("organization"),
        _CITY.label("city"),
    )
    .join(Service, Service.id == ServiceAtLocation.service_id)
    .join(Organization, Organization.id == Service.organization_id)
    .where(ServiceAtLocation.id == func.any(bindparam("ids", type_=ARRAY(Uuid))))
)


def _names(ids: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, Row[*tuple[Any, ...]]]:
    return {row.id: row for row in session.execute(_NAMES, {"ids": ids})} if ids else {}


def _why_unlisted(service_at_location_id: uuid.UUID) -> str:
    """Why a service at a location is no candidate for a need at all.

    :raises NotFound: there is no such service at a location.
    """
    listed = session.execute(
        select(Listing.need).where(Listing.service_at_location_id == service_at_location_id).limit(1)
    ).first()
    if listed:
        return "another-need"
    active = session.scalar(
        select(and_(Service.status == ServiceStatus.ACTIVE, Service.withdrawn_at.is_(None)))
        .join(ServiceAtLocation, ServiceAtLocation.service_id == Service.id)
        .where(ServiceAtLocation.id == service_at_location_id, ServiceAtLocation.withdrawn_at.is_(None))
    )
    if active is None and session.get(ServiceAtLocation, service_at_location_id) is None:
        raise NotFound(_("There is no such service."))
    return "another-need" if active else "inactive"
