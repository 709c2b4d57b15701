"""What we know about where something is, and how well we know it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

Point = tuple[float, float]
"""Latitude and longitude in degrees (WGS 84)."""


class Precision(StrEnum):
    """How well a place is known, best first."""

    ROOFTOP = "rooftop"
    STREET = "street"
    ZIP = "zip"
    """The middle of a ZIP code area; against Census points half are within 2 km, 95 % within 7 km."""
    COUNTY = "county"
    """The middle of a town or county."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Place:
    latitude: float
    longitude: float
    precision: Precision
    time_zone: str
    """An IANA name."""
    city: str
    state: str
    """Two letters."""
    county: str

    @property
    def point(self) -> Point:
        return self.latitude, self.longitude
