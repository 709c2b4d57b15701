"""Who lives in an area, however a directory writes it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.geography import areas
from app.geography.areas import Area, Whereabouts, covers, inside, read

SQUARE = [[-77.0, 39.0], [-76.0, 39.0], [-76.0, 40.0], [-77.0, 40.0], [-77.0, 39.0]]
HOLE = [[-76.6, 39.4], [-76.4, 39.4], [-76.4, 39.6], [-76.6, 39.6], [-76.6, 39.4]]


def drawn(*rings: list[list[float]]) -> str:
    return json.dumps({"type": "Polygon", "coordinates": rings})


@pytest.mark.parametrize(
    ("words", "area"),
    [
        ("21215", Area(postal_codes=frozenset({"21215"}))),
        ("21215-4521, 21216 21217", Area(postal_codes=frozenset({"21215", "21216", "21217"}))),
        ("Howard County", Area(counties=frozenset({"MD:howard county"}))),
        ("Howard County, MD", Area(counties=frozenset({"MD:howard county"}))),
        ("Fairfax County, Virginia", Area(counties=frozenset({"VA:fairfax county"}))),
        ("St. Mary's", Area(counties=frozenset({"MD:st marys county"}))),
        ("Saint Mary’s County", Area(counties=frozenset({"MD:st marys county"}))),
        ("Baltimore", Area(counties=frozenset({"MD:baltimore county", "MD:baltimore city"}))),
        ("Howard and Harford Counties", Area()),
        ("Howard and Harford", Area(counties=frozenset({"MD:howard county", "MD:harford county"}))),
        ("Maryland", Area(states=frozenset({"MD"}))),
        ("MD; D.C.", Area(states=frozenset({"MD", "DC"}))),
        ("State of Maryland", Area(states=frozenset({"MD"}))),
        ("Statewide", Area(states=frozenset({"MD"}))),
        ("Nationwide", Area(nationwide=True)),
        ("Baltimore City and nearby", Area()),
        ("", Area()),
        ("everybody who needs it", Area()),
    ],
)
def test_only_what_is_plain_is_taken_for_an_area(words: str, area: Area) -> None:
    assert read([words], state="MD") == area


def test_a_211_writes_areas_from_the_state_down() -> None:
    def read(words: str) -> Area:
        return areas.read([words])

    assert read("MD - Howard County; MD - Carroll County; ") == Area(
        counties=frozenset({"MD:howard county", "MD:carroll county"})
    )
    assert read("MD - Howard County - Columbia - 21044") == Area(postal_codes=frozenset({"21044"}))
    assert not read("MD - Howard County - Columbia"), "a town is narrower than its county, and we know no towns"


def test_a_county_without_its_state_is_not_guessed() -> None:
    assert not read(["Howard County"])


def test_the_first_plain_text_counts_and_a_drawing_before_all() -> None:
    assert read(["as we like", "21215", "21216"]).postal_codes == {"21215"}
    assert read(["21215"], drawn(SQUARE), "geojson").polygons
    assert read(["21215"], "{broken", "geojson").postal_codes == {"21215"}
    assert read([], "Maryland", "text").states == {"MD"}


BALTIMORE = Whereabouts.of_zip("21215")


@pytest.mark.parametrize(
    ("area", "where", "said"),
    [
        (Area(nationwide=True), Whereabouts(), True),
        (Area(postal_codes=frozenset({"21215"})), BALTIMORE, True),
        (Area(postal_codes=frozenset({"21216"})), BALTIMORE, False),
        (Area(counties=frozenset({"MD:baltimore city"})), BALTIMORE, True),
        (Area(counties=frozenset({"MD:baltimore county"})), BALTIMORE, False),
        (Area(states=frozenset({"MD"})), BALTIMORE, True),
        (Area(states=frozenset({"VA"})), BALTIMORE, False),
        (Area(states=frozenset({"VA"})), Whereabouts(), None),
        (Area(postal_codes=frozenset({"21215"})), Whereabouts(), None),
        (read([], drawn(SQUARE), "geojson"), BALTIMORE, True),
        (read([], drawn(SQUARE), "geojson"), Whereabouts(postal_code="21215"), None),
        (Area(), BALTIMORE, False),
    ],
)
def test_who_is_covered(area: Area, where: Whereabouts, said: bool | None) -> None:  # noqa: FBT001
    assert covers(area, where) is said


def test_a_known_address_is_asked_before_the_middle_of_its_zip_code() -> None:
    area = read([], drawn(SQUARE), "geojson")
    assert covers(area, Whereabouts.of_zip("21215", (41.0, -76.5))) is False


@pytest.mark.parametrize(
    ("point", "said"),
    [
        ((39.2, -76.2), True),
        ((39.5, -76.5), False),
        ((39.5, -76.6), True),  # the edge of the hole
        ((39.0, -76.5), True),  # the edge
        ((40.0, -76.0), True),  # a corner
        ((40.1, -76.5), False),
        ((39.0, -75.9), False),
        ((40.0, -77.1), False),  # level with a corner
    ],
)
def test_a_hole_is_out_and_every_edge_is_in(point: tuple[float, float], said: bool) -> None:  # noqa: FBT001
    [polygon] = areas.polygons_of(drawn(SQUARE, HOLE))
    assert inside(point, polygon) is said


@given(
    st.lists(st.tuples(st.integers(-20, 20), st.integers(-20, 20)), min_size=3, max_size=3, unique=True),
    st.tuples(st.integers(-20, 20), st.integers(-20, 20)),
)
def test_a_triangle_holds_what_lies_on_one_side_of_all_its_sides(
    corners: list[tuple[int, int]], point: tuple[int, int]
) -> None:
    (ax, ay), (bx, by), (cx, cy) = corners
    px, py = point
    turns = [
        (bx - ax) * (py - ay) - (by - ay) * (px - ax),
        (cx - bx) * (py - by) - (cy - by) * (px - bx),
        (ax - cx) * (py - cy) - (ay - cy) * (px - cx),
    ]
    flat = (bx - ax) * (cy - ay) == (by - ay) * (cx - ax)
    if flat:
        return
    expected = min(turns) >= 0 or max(turns) <= 0
    ring = tuple((float(x), float(y)) for x, y in [*corners, corners[0]])
    assert inside((float(py), float(px)), (ring,)) is expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"type": "Point", "coordinates": [1, 2]}',
        '{"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}',
        '{"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [400, 1], [0, 0]]]}',
        '{"type": "Polygon", "coordinates": [[["a", 0], [1, 1], [0, 1], [0, 0]]]}',
        '{"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": null}]}',
        '{"type": "Polygon"}',
        "[" * 100_000,
    ],
)
def test_a_broken_drawing_is_none(text: str) -> None:
    assert areas.polygons_of(text) == ()


def test_polygons_are_found_wherever_geojson_keeps_them() -> None:
    polygon = {"type": "Polygon", "coordinates": [SQUARE[:-1]]}
    collection = {"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": polygon}]}
    several = {
        "type": "GeometryCollection",
        "geometries": [polygon, {"type": "MultiPolygon", "coordinates": [[SQUARE]]}],
    }
    [found] = areas.polygons_of(json.dumps(collection))
    assert found[0][0] == found[0][-1], "an open ring is closed"
    assert len(areas.polygons_of(json.dumps(several))) == 2
    assert areas.polygons_of(json.dumps(areas.geometry([found]))) == (found,)


def test_the_box_holds_the_polygons() -> None:
    box = read([], drawn(SQUARE), "geojson").box
    assert box
    assert (box.south, box.west, box.north, box.east) == (39.0, -77.0, 40.0, -76.0)
    assert Area().box is None


def test_an_area_as_zip_codes() -> None:
    assert areas.zips_of(Area(nationwide=True)) is None
    howard = areas.zips_of(Area(counties=frozenset({"MD:howard county"})))
    assert howard
    assert "21044" in howard
    assert "21215" not in howard
    maryland = areas.zips_of(Area(states=frozenset({"MD"})))
    assert maryland
    assert howard < maryland
    square = areas.zips_of(read([], drawn(SQUARE), "geojson"))
    assert square
    assert "21215" in square
    assert "20001" not in square
