"""Boxes of latitude and longitude around a point: what an ordinary index can search instead of a circle."""

from __future__ import annotations

from dataclasses import dataclass
from math import asin, cos, degrees, pi, radians, sin

from app.geography.distance import EARTH_RADIUS_MILES
from app.geography.places import Point

# A hair wider than computed, so that rounding never leaves out a point that lies exactly on the circle.
_MARGIN_DEGREES = 1e-7


@dataclass(frozen=True, slots=True)
class Box:
    """All points with south ≤ latitude ≤ north and west ≤ longitude ≤ east. Never crosses the antimeridian."""

    south: float
    west: float
    north: float
    east: float

    def holds(self, point: Point) -> bool:
        return self.south <= point[0] <= self.north and self.west <= point[1] <= self.east


WORLD = Box(-90.0, -180.0, 90.0, 180.0)


def around(center: Point, miles: float) -> tuple[Box, ...]:
    """Boxes that together hold every point within `miles` of `center`, and some beyond it.

    One box; two where the circle crosses the antimeridian; the whole turn of longitudes where it touches a pole.
    """
    latitude, longitude = center
    angle = miles / EARTH_RADIUS_MILES
    if angle >= pi:
        return (WORLD,)
    reach = degrees(angle) + _MARGIN_DEGREES
    south, north = latitude - reach, latitude + reach
    if south <= WORLD.south or north >= WORLD.north:
        return (Box(max(south, WORLD.south), WORLD.west, min(north, WORLD.north), WORLD.east),)
    # Where meridians touch the circle; wider than its width at the latitude of the center.
    side = degrees(asin(min(1.0, sin(angle) / cos(radians(latitude))))) + _MARGIN_DEGREES
    west, east = longitude - side, longitude + side
    if west < WORLD.west:
        return (Box(south, WORLD.west, north, east), Box(south, west + 360, north, WORLD.east))
    if east > WORLD.east:
        return (Box(south, west, north, WORLD.east), Box(south, WORLD.west, north, east - 360))
    return (Box(south, west, north, east),)
