"""Geocoders, all of them in geopy's shape: our own over the bundled ZIP gazetteer, and any that geopy brings.

Services tell how good an answer is each in its own words. `precision_of` knows those of the common ones; an answer in
words it does not know counts as no better than a ZIP code, because a place must not look better known than it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from geopy.exc import GeocoderNotFound, GeopyError
from geopy.geocoders import get_geocoder_for_service
from geopy.geocoders.base import Geocoder
from geopy.location import Location

from app.config import SettingsError
from app.geography import zips
from app.geography.places import Place, Precision

ZIP = "zip"

_LAST_LINE = re.compile(r"(?:(?P<city>[^,]+),\s*)?(?P<state>[A-Za-z]{2})?\s*(?P<zip>[0-9]{5}(?:-[0-9]{4})?)?\s*")


class ZipGeocoder(Geocoder):  # type: ignore[misc]  # geopy has no types
    """Finds the middle of an address's ZIP code, or of its city, on this machine; nothing leaves it."""

    def geocode(
        self,
        query: str,
        *,
        exactly_one: bool = True,
        timeout: float | None = None,  # noqa: ARG002  geopy's signature; there is nothing to wait for
    ) -> Location | list[Location] | None:
        """Find "line 1, city, ST 12345": the ZIP code decides; without one, city and state do."""
        place = self.place(query)
        if place is None:
            return None
        label = f"{place.city}, {place.state}"
        found = Location(label, place.point, {"precision": place.precision.value})
        return found if exactly_one else [found]

    def place(self, query: str) -> Place | None:
        """All that the gazetteer knows about where the address is."""
        before, _comma, last = query.rpartition(",")
        match = _LAST_LINE.fullmatch(f"{before.rpartition(',')[2]},{last}" if before else last)
        if match is None:
            return None
        return zips.locate(match["city"] or "", match["state"] or "", match["zip"] or "")


def named(name: str, options: Mapping[str, Any], timeout: float) -> Geocoder:
    """The geocoder of that name: "zip" for ours, else geopy's name for a service, such as "nominatim".

    :param options: what the service is set up with; `user_agent`, `domain` or `api_key` for most.

    :raises SettingsError: geopy knows no such service, or it cannot be set up with these options.
    """
    if name == ZIP:
        return ZipGeocoder()
    try:
        return get_geocoder_for_service(name)(**{"timeout": timeout, **options})
    except GeocoderNotFound:
        raise SettingsError(
            f"GEOCODER and PATIENT_GEOCODER must be zip or a geocoder of geopy such as nominatim, not “{name}”."
        ) from None
    except (TypeError, GeopyError) as wrong:
        raise SettingsError(f"The options of the geocoder do not fit {name}: {wrong}.") from wrong


_WORDS = {
    # In the words of Nominatim, Photon, Pelias, HERE and Geocodio.
    "house": Precision.ROOFTOP,
    "building": Precision.ROOFTOP,
    "address": Precision.ROOFTOP,
    "houseNumber": Precision.ROOFTOP,
    "rooftop": Precision.ROOFTOP,
    "point": Precision.ROOFTOP,
    "range_interpolation": Precision.STREET,
    "road": Precision.STREET,
    "street": Precision.STREET,
    "intersection": Precision.STREET,
    "postcode": Precision.ZIP,
    "city": Precision.COUNTY,
    "town": Precision.COUNTY,
    "village": Precision.COUNTY,
    "county": Precision.COUNTY,
    "state": Precision.NONE,
    "country": Precision.NONE,
    # In the words of Google.
    "ROOFTOP": Precision.ROOFTOP,
    "RANGE_INTERPOLATED": Precision.STREET,
    "GEOMETRIC_CENTER": Precision.ZIP,
    "APPROXIMATE": Precision.ZIP,
}

_WHERE_THEY_SAY_IT = (
    ("addresstype",),
    ("geometry", "location_type"),
    ("properties", "layer"),
    ("properties", "type"),
    ("resultType",),
    ("accuracy_type",),
)


def precision_of(raw: Mapping[str, Any]) -> Precision:
    """How good a service says its answer is."""
    for path in _WHERE_THEY_SAY_IT:
        value: Any = raw
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        if isinstance(value, str) and value in _WORDS:
            return _WORDS[value]
    return Precision.ZIP
