from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple, cast
from zoneinfo import ZoneInfo

from sqlalchemy import (
    Boolean,
    ColumnElement,
    DateTime,
    Double,
    Executable,
    Integer,
    Row,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    column,
    func,
    null,
    or_,
    select,
    true,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.functions import FunctionElement

from app import clock
from app.db import session
from app.directory import queries as directory
from app.directory import searching
from app.directory.codes import LocationType, ServiceStatus
from app.directory.models import OFFERED, Address, Organization, Service, ServiceAtLocation
from app.errors import NotFound
from app.geography import areas
from app.geography.areas import Area, Whereabouts
from app.geography.boxes import WORLD, Box, around
from app.geography.distance import EARTH_RADIUS_MILES, FARTHEST_MILES
from app.geography.places import Place, Precision
from app.i18n import gettext as _
from app.matching import ranking as rules
from app.matching import readings, reasons
from app.matching.audiences import bits
from app.matching.candidates import Candidate, Question
from app.matching.eligibility import against
from app.matching.models import Bearing, Listing, ListingArea, ListingAreaKey, PastOffer
from app.matching.ranking import Ranking, Scored
from app.matching.reasons import Reason
from app.matching.rings import Batch, Found, search
from app.patients import queries as patients
from app.patients.models import Patient
from app.patients.traits import Trait
from app.screening.models import Need

BEST = 5
NEAR_MILES = 25.0

ASKED_AGAIN_AFTER = timedelta(days=120)
"""A service that was asked in vain is offered again after this."""


class Part(NamedTuple):
    """One of the numbers a score is the weighted mean of."""

    name: str
    value: float
    weight: float

    @property
    def words(self) -> str:
        return reasons.part_words(self.name)


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

    def why(self) -> list[tuple[str, str]]:
        """Code and words of the reasons, as a request keeps them: without what the patient told for matching only."""
        return [(reason.code, reason.text()) for reason in self.reasons if reason.code not in reasons.OURS_ALONE]


@dataclass(frozen=True)
class Matches:
    items: tuple[Match, ...]
    radius_used: float | None
    """In miles; None when it looked everywhere."""
    widened: bool
    """There were too few within the radius that was asked for."""
    total_considered: int
    """How many listings were looked at for this answer; one that was given out twice counts twice."""


def matches(question: Question, k: int = BEST, radius_miles: float = NEAR_MILES, at: datetime | None = None) -> Matches:
    """The best `k` for this question, exactly as `app.matching.ranking` and `app.matching.rings` define them."""
    ranking = Ranking(question, at or clock.now())
    return answer(ranking, search(ranking, k, radius_miles, Listings(ranking)), radius_miles)


def answer(ranking: Ranking, found: Found, radius_miles: float) -> Matches:
    """What was found, each with its reasons."""
    return Matches(
        items=tuple(_match(ranking, one, radius_miles) for one in found.best),
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
    row = session.execute(_ONE, {"need": question.need, "id": service_at_location_id}).first()
    if row is None:
        return (Reason(_why_unlisted(service_at_location_id)),)
    [candidate] = Listings(ranking).settle([Candidate._make(row)])
    found = [reasons.objection(code, question, candidate) for code in against(question, candidate, ranking.at)]
    distance = ranking.distance(candidate)
    if candidate.anchored and distance is not None and distance > radius_miles:
        found.append(Reason("too-far", {"radius": radius_miles}))
    return tuple(found) or (Reason("others-fit-better"),)


@dataclass(frozen=True)
class NotOffered:
    """A service at a location that somebody expected to see, and why it is not there."""

    service: str
    organization: str
    area: str
    offered: bool
    """It is there after all."""
    reasons: tuple[Reason, ...]


def why_not_named(question: Question, name: str, at: datetime | None = None) -> list[NotOffered]:
    """The same for the first services at locations of this name, which may be closed or withdrawn."""
    at = at or clock.now()
    best = {match.service_at_location_id for match in matches(question, at=at).items}
    return [
        NotOffered(
            service=row.service,
            organization=row.organization,
            area=row.city or "",
            offered=row.id in best,
            reasons=why_not(question, row.id, at=at),
        )
        for row in session.execute(_named(name))
    ]


def _named(name: str) -> Select[*tuple[Any, ...]]:
    """What people can find goes before what is closed or gone, of which a bounded number is looked through."""
    found = [card.id for card in searching.search(name, limit=MOST_NAMED).cards]
    gone = (
        select(Service.id)
        .where(or_(Service.status != ServiceStatus.ACTIVE, Service.withdrawn_at.is_not(None)))
        .order_by(Service.name)
        .limit(MOST_GONE)
    )
    named = and_(
        Service.id.in_(gone),
        or_(*(column_.icontains(name, autoescape=True) for column_ in (Service.name, Organization.name))),
    )
    return (
        select(
            ServiceAtLocation.id,
            Service.name.label("service"),
            Organization.name.label("organization"),
            _CITY.label("city"),
        )
        .join(Service, Service.id == ServiceAtLocation.service_id)
        .join(Organization, Organization.id == Service.organization_id)
        .where(ServiceAtLocation.id.in_(found) if found else named)
        .order_by(Service.name, ServiceAtLocation.id)
        .limit(MOST_NAMED)
    )


MOST_NAMED = 10
MOST_GONE = 20_000

_CITY = (
    select(Address.city)
    .where(Address.location_id == ServiceAtLocation.location_id, Address.withdrawn_at.is_(None))
    .order_by(Address.address_type != LocationType.PHYSICAL, Address.id)
    .limit(1)
    .scalar_subquery()
)


def question_for(need: Need, patient: Patient) -> Question:
    """What matching has to know about a need that a screening found."""
    past = session.execute(
        select(PastOffer.bearing, PastOffer.service_id, PastOffer.organization_id).where(
            PastOffer.patient_id == patient.id,
            # What could not be had in spring may be had in autumn. What they did not want, they did not want.
            or_(PastOffer.bearing != Bearing.ASKED, PastOffer.at > clock.now() - ASKED_AGAIN_AFTER),
        )
    ).all()
    told = patients.traits(patient.id)
    return Question(
        need=need.kind,
        place=_place_of(patient),
        postal_code=patient.postal_code[:5],
        language=patient.language,
        age=_age(patient.birth_date, clock.now().date()),
        urgent=need.urgent,
        declined_services=_had(past, Bearing.DECLINED),
        asked_services=_had(past, Bearing.ASKED),
        helping_organizations=frozenset(row.organization_id for row in past if row.bearing is Bearing.HELPING),
        consented_organizations=patients.may_tell_only(patient.id),
        is_one_of=frozenset(_AUDIENCE_OF[trait] for trait, holds in told.items() if holds),
        is_none_of=frozenset(_AUDIENCE_OF[trait] for trait, holds in told.items() if not holds),
    )


def _had(past: Sequence[Row[*tuple[Any, ...]]], bearing: Bearing) -> frozenset[uuid.UUID]:
    """Services with this behind them, also under the name of another that they were found to be."""
    return directory.and_what_they_became(row.service_id for row in past if row.bearing is bearing)


_AUDIENCE_OF = {
    Trait.VETERAN: "veterans",
    Trait.PREGNANT: "pregnant",
    Trait.CHILDREN: "families",
    Trait.WOMAN: "women",
    Trait.MAN: "men",
    Trait.HIV: "hiv",
}
"""The audience that somebody belongs to who tells this."""


def zones_of(service_ids: Iterable[uuid.UUID]) -> Mapping[uuid.UUID, ZoneInfo]:
    """The time zones of these services; those are left out that answer no need."""
    known = (
        select(Listing.service_id, func.min(Listing.time_zone))
        .where(Listing.service_id.in_(list(service_ids)))
        .group_by(Listing.service_id)
    )
    return {service_id: ZoneInfo(zone) for service_id, zone in session.execute(known)}


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


# The search. It asks for columns of the table, not of the model: no object is made of what is only looked at.

_listing = Listing.__table__.c


def _shown(row: Any) -> tuple[ColumnElement[Any], ...]:  # noqa: ANN401  the columns of a table or a function
    """In the order of `Candidate`."""
    return (
        row.service_at_location_id,
        row.service_id,
        row.organization_id,
        row.latitude,
        row.longitude,
        type_coerce(row.precision, Text),
        row.fit,
        row.area_id,
        # Which is settled in Python where a list does not say it.
        case((row.area_id.is_(None), null()), (row.drawn, null()), else_=true()).label("covered"),
        row.remote,
        row.anchored,
        row.confidential,
        row.audience,
        row.languages,
        row.interpreter,
        row.min_age,
        row.max_age,
        type_coerce(row.capacity, Text),
        row.capacity_at,
        row.capacity_until,
        row.hours,
        row.time_zone,
        row.history,
        row.history_n,
        row.walk_in,
        row.service,
        row.organization,
        row.city,
    )


_SHOWN = _shown(_listing)
_GIVEN = frozenset(Candidate._fields) | {"service_at_location_id", "drawn"}
"""What the functions give out of each listing."""

_ONE = select(*_SHOWN).where(_listing.need == bindparam("need"), _listing.service_at_location_id == bindparam("id"))


# Both are functions of the database. They give out candidates in the order of the most each could score, best first,
# at most `limit` and none that could not score `worth`, nor of those without a place, which are near to nobody, more
# than that. Beyond this they leave out only what `eligibility` excludes, which has the last word on what they let
# through. The most is the score itself, but for urgent needs, for what is in another time zone than the patient, and
# for word about capacity that held until a day that has passed.
# `listing_nearest`: all that is not anchored and whose area, if any, may take in the patient; of the anchored those in
# the first of three boxes that holds `plenty`, and its number; or all of them where the patient's place is not known.
# `listing_ring`: the anchored of some grades, each in a box of its own, and not in the one that was looked through;
# being near adds at most `nearest` to a score: the distance, which is dear, is worked out only for those that this
# could lift to `worth`.

_QUESTION: tuple[ColumnElement[Any], ...] = (
    bindparam("need", type_=Text),
    bindparam("urgent", type_=Boolean),
    bindparam("weights", type_=ARRAY(Double)),
    bindparam("spoken", type_=Text),
    bindparam("youngest", type_=Integer),
    bindparam("oldest", type_=Integer),
    bindparam("perhaps", type_=Integer),
    bindparam("is_one_of", type_=Integer),
    bindparam("refused", type_=ARRAY(Uuid)),
    bindparam("consented", type_=ARRAY(Uuid)),
    bindparam("helping", type_=ARRAY(Uuid)),
    bindparam("full", type_=Boolean),
    bindparam("at", type_=DateTime(timezone=True)),
    bindparam("latitude", type_=Double),
    bindparam("longitude", type_=Double),
    bindparam("grain", type_=Double),
    bindparam("zone", type_=Text),
    bindparam("weekday", type_=Integer),
    bindparam("hour", type_=Integer),
    bindparam("waiting", type_=ARRAY(Double)),
    bindparam("grades", type_=ARRAY(Integer)),
)
_SIDES = bindparam("sides", type_=ARRAY(Double))
_WORTH = bindparam("worth", type_=Double)
_LIMIT = bindparam("limit", type_=Integer)


def _best_of(candidates: FunctionElement[Any]) -> Select[*tuple[Any, ...]]:
    best = candidates.table_valued(
        *(column(one.name, one.type) for one in _listing if one.name in _GIVEN),
        column("ceiling", Double),
        column("near", Boolean),
        column("ring", Integer),
        name="best",
    )
    return select(*_shown(best.c), best.c.ceiling, best.c.near, best.c.ring)


_NEAREST = _best_of(
    func.listing_nearest(
        *_QUESTION,
        bindparam("keys", type_=ARRAY(Text)),
        bindparam("home", type_=ARRAY(Double)),
        _SIDES,
        bindparam("plenty", type_=Integer),
        _WORTH,
        _LIMIT,
    )
)
_RING = _best_of(
    func.listing_ring(
        *_QUESTION,
        *(bindparam(sides, type_=ARRAY(Double)) for sides in ("souths", "wests", "norths", "easts")),
        _SIDES,
        bindparam("nearest", type_=Double),
        _WORTH,
        _LIMIT,
    )
)

OLD_ENOUGH, YOUNG_ENOUGH = 10_000, -1
"""The ages of somebody whose age is not known: no limit keeps them out."""


class Listings:
    """The read model as the source of candidates for one question."""

    def __init__(self, ranking: Ranking, *, full: bool = False) -> None:
        question = ranking.question
        self._ranking = ranking
        place = question.known_place
        self._where = Whereabouts.of_zip(question.postal_code, place.point if place else None)
        self._values = _bound(ranking, full=full)

    def of_the_full(self) -> Listings:
        return Listings(self._ranking, full=True)

    def anywhere(self, worth: float | None, limit: int | None) -> Batch:
        return self._read(_NEAREST, worth, limit, (FARTHEST_MILES,), **self._home(), sides=[], plenty=0)

    def nearest(self, reaches: Sequence[float], plenty: int, worth: float | None, limit: int | None) -> Batch:
        reaches = [*reaches, *([reaches[-1]] * (_RINGS - len(reaches)))]
        sides = [side for reach in reaches for side in self._sides(reach)]
        return self._read(_NEAREST, worth, limit, reaches, **self._home(), sides=sides, plenty=plenty)

    def ring(self, inner: float, outer: float, worth: float | None, limit: int | None) -> Batch:
        ranking = self._ranking
        nearest = ranking.weights.distance * ranking.nearness_beyond(inner)
        return self._read(
            _RING, worth, limit, (outer,), sides=self._sides(inner), nearest=nearest, **self._boxes(inner, outer, worth)
        )

    def settle(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """The candidates, with the word of their areas on whether the patient lives there."""
        known = _areas({one.area_id for one in candidates if one.area_id is not None})
        return [
            one if one.area_id is None else one._replace(covered=areas.covers(known[one.area_id], self._where))
            for one in candidates
        ]

    def _home(self) -> dict[str, Any]:
        """What says in which areas they live; no home where lists of counties and states cannot be asked."""
        where = self._where
        known = where.point if where.postal_code and where.county and where.state else None
        return {"keys": readings.keys_of(where), "home": known and list(known)}

    def _boxes(self, inner: float, outer: float, worth: float | None) -> dict[str, Any]:
        """Of each grade as far as it can be worth it; none where that is all looked through."""
        least = 0.0 if worth is None else worth - rules.ROUNDING
        reaches = {grade: min(outer, self._ranking.reach(least, grade)) for grade in _GRADES}
        boxes = [(grade, *self._sides(reach)) for grade, reach in reaches.items() if reach > inner]
        names = ("grades", "souths", "wests", "norths", "easts")
        return {name: [box[number] for box in boxes] for number, name in enumerate(names)}

    def _sides(self, reach: float) -> list[float]:
        place = cast("Place", self._ranking.question.known_place)
        boxes = around(place.point, reach)
        # Two where it crosses the date line: then rather the whole turn than another kind of question.
        box = boxes[0] if len(boxes) == 1 else Box(boxes[0].south, WORLD.west, boxes[0].north, WORLD.east)
        return [box.south, box.west, box.north, box.east]

    def _read(
        self,
        statement: Executable,
        worth: float | None,
        limit: int | None,
        reaches: Sequence[float],
        **values: object,
    ) -> Batch:
        least = 0.0 if worth is None else worth - rules.ROUNDING
        rows = session.execute(statement, {**self._values, **values, "worth": least, "limit": limit}).all()
        shown = len(_SHOWN)
        candidates = [Candidate._make(row[:shown]) for row in rows]
        unlisted = "home" in values and values["home"] is None
        if any(one.area_id is not None and (one.covered is None or unlisted) for one in candidates):
            candidates = self.settle(candidates)
        # Without a row to say so, no ring held anything.
        ring = rows[0][shown + 2] if rows else len(reaches)
        near = [row.ceiling for row in rows if row.near]
        placeless = [row.ceiling for row in rows if not row.near]
        # Those without a place that are worth less than the last of many near are left out too.
        full = [found[-1] for found in (near, placeless) if limit is not None and len(found) >= limit]
        return Batch(
            candidates,
            left=max(full, default=None),
            left_near=limit is not None and len(near) >= limit,
            reached=reaches[min(ring, len(reaches)) - 1],
        )


_RINGS = 3
_GRADES = tuple(range(rules.HIGHEST_GRADE + 1))


def _bound(ranking: Ranking, *, full: bool) -> dict[str, Any]:
    question, weights, place = ranking.question, ranking.weights, ranking.question.known_place
    consented = question.consented_organizations
    everywhere_spoken = ranking.language == rules.EVERYWHERE_SPOKEN
    weekday, hour = divmod(ranking.hour(place.time_zone), 24) if place else (0, 0)
    return {
        "need": question.need,
        "urgent": question.urgent,
        "weights": [
            weights.distance,
            weights.language * rules.SPOKEN,
            weights.language * rules.INTERPRETED,
            weights.audience,
            weights.history,
            weights.helping,
            rules.HALFWAY_MILES,
            rules.COMES_TO_YOU,
            rules.PLACE_UNKNOWN,
            2 * EARTH_RADIUS_MILES,
            weights.capacity,
            rules.ROOM_FADES.total_seconds(),
        ],
        # The empty word is in all that anybody speaks.
        "spoken": "" if everywhere_spoken else f" {ranking.language} ",
        "youngest": YOUNG_ENOUGH if question.age is None else question.age,
        "oldest": OLD_ENOUGH if question.age is None else question.age,
        "perhaps": ~bits(question.is_none_of),
        "is_one_of": ranking.is_one_of,
        "refused": list(question.declined_services | question.asked_services),
        "consented": None if consented is None else list(consented),
        "helping": list(question.helping_organizations),
        "full": full,
        "at": ranking.at,
        "latitude": place and place.latitude,
        "longitude": place and place.longitude,
        "grain": ranking.grain,
        "zone": place and place.time_zone,
        "weekday": weekday,
        "hour": hour,
        # What it costs to be open tomorrow rather than today, …, only later today in a week, and not at all.
        "waiting": [weights.open * (1 - value) for value in (*rules.OPEN_IN_DAYS[1:], 0.0)],
        "grades": _GRADES,
    }


def _areas(ids: Collection[int]) -> dict[int, Area]:
    """These areas as the rule takes them."""
    keys = session.execute(
        select(ListingAreaKey.area_id, func.array_agg(ListingAreaKey.key))
        .where(ListingAreaKey.area_id.in_(ids))
        .group_by(ListingAreaKey.area_id)
    )
    known = dict(keys.all())
    drawn = session.execute(select(ListingArea.id, ListingArea.polygons).where(ListingArea.id.in_(ids)))
    return {area_id: readings.area(known.get(area_id, ()), polygons) for area_id, polygons in drawn}


def _match(ranking: Ranking, scored: Scored, radius: float) -> Match:
    candidate = scored.candidate
    precision = reasons.precision_of(ranking.question, candidate)
    return Match(
        service_at_location_id=candidate.id,
        service_id=candidate.service_id,
        organization_id=candidate.organization_id,
        service=candidate.service,
        organization=candidate.organization,
        area=candidate.city,
        confidential=candidate.confidential,
        distance_miles=reasons.honest_miles(scored.distance, precision),
        precision=precision,
        score=scored.score,
        parts=tuple(
            Part(*part)
            for part in zip(rules.Parts._fields, scored.values, ranking.weights, strict=True)
            # Without a record only the average of the need stands there, which says nothing about this agency.
            if part[0] != "history" or candidate.history_n
        ),
        reasons=reasons.in_favor(ranking, scored),
        cautions=reasons.cautions(ranking, scored, radius=radius),
    )


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
        select(OFFERED)
        .join(ServiceAtLocation, ServiceAtLocation.service_id == Service.id)
        .where(ServiceAtLocation.id == service_at_location_id, ServiceAtLocation.withdrawn_at.is_(None))
    )
    if active is None and session.get(ServiceAtLocation, service_at_location_id) is None:
        raise NotFound(_("There is no such service."))
    return "another-need" if active else "inactive"
