"""The one door to geocoding. Out of the box it asks nobody: an address is placed by its ZIP code, on this machine."""

from __future__ import annotations

import hashlib
import hmac
import logging
from datetime import timedelta
from functools import lru_cache

from geopy.exc import GeopyError
from geopy.geocoders.base import Geocoder
from sqlalchemy.dialects.postgresql import insert

from app import clock
from app.config import Settings, settings
from app.db import session
from app.errors import Invalid
from app.geography import geocoders, zips
from app.geography.distance import miles
from app.geography.models import GeocodedAddress
from app.geography.places import Place, Precision
from app.i18n import gettext as _

log = logging.getLogger(__name__)

NOT_FOUND_HOLDS = timedelta(days=30)
"""New streets appear: an address that was not known is asked about again after this."""

FARTHEST_FROM_ZIP_MILES = 60
"""An outside answer farther than this from the middle of the ZIP code is about another Main Street."""


def geocode(line1: str, city: str, state: str, postal_code: str) -> Place | None:
    """Where an address is, at least its ZIP code; None when nothing about it is known.

    Only when the installation is configured so is an outside geocoder asked; then the call waits for it, at most
    `geocoder_timeout` seconds, and whatever goes wrong there leaves the ZIP code's place.

    :raises Invalid: the postal code is no US ZIP or ZIP+4, or there is no such ZIP code.
    """
    known = _by_gazetteer(city, state, postal_code)
    if settings().geocoder == geocoders.ZIP or not line1.strip():
        return known
    return _outside(line1, city, state, postal_code, known) or known


def check_geocoder(of: Settings) -> None:
    """Make sure at start-up that the configured geocoder exists and can be set up.

    :raises SettingsError: one sentence saying what is wrong with GEOCODER or GEOCODER_OPTIONS.
    """
    geocoder(of.geocoder, of.geocoder_options, of.geocoder_timeout)


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


def _outside(line1: str, city: str, state: str, postal_code: str, known: Place | None) -> Place | None:
    address = ", ".join(part for part in (line1.strip(), city.strip(), f"{state} {postal_code}".strip()) if part)
    key = _key(settings(), address)
    answer = session.get(GeocodedAddress, key)
    if answer is None or (answer.latitude is None and answer.at < clock.now() - NOT_FOUND_HOLDS):
        answer = _ask(key, address)
    if answer is None or answer.latitude is None or answer.longitude is None:
        return None
    point = (answer.latitude, answer.longitude)
    area = known or zips.nearest(point)
    if area is None or miles(area.point, point) > FARTHEST_FROM_ZIP_MILES:
        return None
    return Place(*point, answer.precision, area.time_zone, area.city, area.state, area.county)


def _ask(key: str, address: str) -> GeocodedAddress | None:
    """Ask the configured service and remember its answer; a service that fails is asked again next time."""
    of = settings()
    try:
        found = geocoder(of.geocoder, of.geocoder_options, of.geocoder_timeout).geocode(address)
    except GeopyError as failure:
        # The address stays out of the log: it is a patient's.
        log.warning("The geocoder %s failed: %s", of.geocoder, type(failure).__name__)
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


def _key(of: Settings, address: str) -> str:
    text = f"{of.geocoder}\n{' '.join(address.casefold().split())}"
    return hmac.new(of.secret_key.encode(), text.encode(), hashlib.sha256).hexdigest()


@lru_cache(maxsize=4)
def geocoder(name: str, options: tuple[tuple[str, str], ...], timeout: float) -> Geocoder:
    return geocoders.named(name, dict(options), timeout)
