"""The one door to geocoding. Out of the box it asks nobody: an address is placed by its ZIP code, on this machine."""

from __future__ import annotations

import hashlib
import hmac
import logging
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import lru_cache

from geopy.exc import GeopyError
from geopy.geocoders.base import Geocoder
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from app import clock
from app.config import Settings, settings
from app.db import session
from app.errors import Invalid
from app.geography import geocoders, zips
from app.geography.distance import GRAIN_MILES, miles
from app.geography.models import GeocodedAddress
from app.geography.places import Place, Precision
from app.i18n import gettext as _

log = logging.getLogger(__name__)

NOT_FOUND_HOLDS = timedelta(days=30)
"""New streets appear: an address that was not known is asked about again after this."""

FOUND_HOLDS = timedelta(days=365)
"""Houses stay where they are, and maps get better."""

MOST_KEPT = 200_000
"""Answers; the oldest go first."""

FARTHEST_FROM_ZIP_MILES = 60
"""An outside answer farther than this from the middle of the ZIP code is about another Main Street."""


class Whose(StrEnum):
    """Whose address is asked about: each has a setting of its own."""

    PATIENT = "patient"
    AGENCY = "agency"
    """A public address from the directory."""


@dataclass(frozen=True, slots=True)
class _Service:
    """A geocoder and what it is set up with."""

    name: str
    options: tuple[tuple[str, str], ...]
    timeout: float

    @classmethod
    def of(cls, whose: Whose, of: Settings) -> _Service:
        if whose is Whose.PATIENT:
            return cls(of.patient_geocoder, of.patient_geocoder_options, of.geocoder_timeout)
        return cls(of.geocoder, of.geocoder_options, of.geocoder_timeout)


def geocode(line1: str, city: str, state: str, postal_code: str, *, whose: Whose) -> Place | None:
    """Where an address is, at least its ZIP code; None when nothing about it is known.

    An outside geocoder is asked only when the installation names one for this kind of address; then the call waits for
    it, at most `geocoder_timeout` seconds, and whatever goes wrong there leaves the ZIP code's place. The place says
    how well it is known.

    :raises Invalid: the postal code is no US ZIP or ZIP+4, or there is no such ZIP code.
    """
    known = _by_gazetteer(city, state, postal_code)
    service = _Service.of(whose, settings())
    if service.name == geocoders.ZIP or not line1.strip():
        return known
    parts = (line1.strip(), city.strip(), f"{state} {postal_code}".strip())
    return _outside(service, ", ".join(filter(None, parts)), known) or known


def check_geocoder(of: Settings) -> None:
    """Make sure at start-up that the configured geocoders exist and can be set up.

    :raises SettingsError: one sentence saying what is wrong with which setting.
    """
    for whose in Whose:
        service = _Service.of(whose, of)
        geocoder(service.name, service.options, service.timeout)


def forget_old_answers() -> None:
    """Drop what is too old to be believed, and the oldest of what is too much."""
    session.execute(delete(GeocodedAddress).where(GeocodedAddress.at < clock.now() - FOUND_HOLDS))
    kept = select(GeocodedAddress.key).order_by(GeocodedAddress.at.desc(), GeocodedAddress.key).offset(MOST_KEPT)
    session.execute(delete(GeocodedAddress).where(GeocodedAddress.key.in_(kept)))


def _by_gazetteer(city: str, state: str, postal_code: str) -> Place | None:
    if not postal_code.strip():
        return zips.locate(city, state, "")
    five = zips.five_digits(postal_code)
    if five is None:
        raise Invalid({"postal_code": _("A ZIP code has five digits, such as 21215.")})
    place = zips.find(five)
    if place is None:
        raise Invalid({"postal_code": _("There is no ZIP code %(zip)s. Please check it.", zip=five)})
    return place


def _outside(service: _Service, address: str, known: Place | None) -> Place | None:
    key = _key(service, address)
    answer = session.get(GeocodedAddress, key)
    if answer is None or not _holds(answer):
        answer = _ask(service, key, address)
    if answer is None or answer.latitude is None or answer.longitude is None:
        return None
    point = (answer.latitude, answer.longitude)
    area = known or zips.nearest(point)
    if area is None or miles(area.point, point) > FARTHEST_FROM_ZIP_MILES:
        return None
    if GRAIN_MILES[answer.precision] > GRAIN_MILES[area.precision]:
        return None  # the ZIP code says more than the town does
    return Place(*point, answer.precision, area.time_zone, area.city, area.state, area.county)


def _holds(answer: GeocodedAddress) -> bool:
    return answer.at >= clock.now() - (NOT_FOUND_HOLDS if answer.latitude is None else FOUND_HOLDS)


def _ask(service: _Service, key: str, address: str) -> GeocodedAddress | None:
    """Ask the configured service and remember its answer; a service that fails is asked again next time."""
    try:
        found = geocoder(service.name, service.options, service.timeout).geocode(address)
    except GeopyError as failure:
        # The address stays out of the log: it may be a patient's.
        log.warning("The geocoder %s failed: %s", service.name, type(failure).__name__)
        return None
    precision = geocoders.precision_of(found.raw) if found else Precision.NONE
    located = found is not None and precision is not Precision.NONE
    row = GeocodedAddress(
        key=key,
        latitude=found.latitude if located else None,
        longitude=found.longitude if located else None,
        precision=precision,
        at=clock.now(),
    )
    values = {column.name: getattr(row, column.name) for column in GeocodedAddress.__table__.columns}
    session.execute(
        # Somebody else may register the same address at this moment.
        insert(GeocodedAddress).values(values).on_conflict_do_update(index_elements=["key"], set_=values)
    )
    return row


def _key(service: _Service, address: str) -> str:
    text = f"{service.name}\n{' '.join(address.casefold().split())}"
    return hmac.new(settings().secret_key.encode(), text.encode(), hashlib.sha256).hexdigest()


@lru_cache(maxsize=4)
def geocoder(name: str, options: tuple[tuple[str, str], ...], timeout: float) -> Geocoder:
    return geocoders.named(name, dict(options), timeout)
