"""A search looks for what is near in bands of latitude, and in each only between two longitudes.

With the latitude itself before the longitude, an index has to be read from coast to coast: a box of fifty miles holds a
fiftieth of what lies as far north. Since PostgreSQL 18 the search skips from band to band; older ones read the bands whole,
about as they did before.

The two functions of the search (0011) say the same as before, but for how they name a box. They do so with or without
the index, so going back leaves them as they are.
"""
# ruff: noqa: S608  what is put together here are our own words

from __future__ import annotations

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_BAND = "(floor(latitude * 10)::integer)"
"""Seven miles from south to north."""

_SEARCHED = """service_at_location_id, service_id, organization_id, grain, history, room, capacity_at, merit, urgent_merit,
    audience, languages, interpreter, min_age, max_age, full_until"""

_ARGUMENTS = """
    q_need text, q_urgent boolean, q_weights float8[], q_spoken text,
    q_youngest integer, q_oldest integer, q_perhaps integer, q_is_one_of integer,
    q_refused uuid[], q_consented uuid[], q_helping uuid[], q_full boolean, q_at timestamptz,
    q_latitude float8, q_longitude float8, q_grain float8"""
_KNOWN = """
    w_distance float8 := q_weights[1];
    w_spoken float8 := q_weights[2];
    w_interpreted float8 := q_weights[3];
    w_audience float8 := q_weights[4];
    w_history float8 := q_weights[5];
    w_helping float8 := q_weights[6];
    halfway float8 := q_weights[7];
    comes float8 := q_weights[8] * q_weights[1];
    unknown float8 := q_weights[9] * q_weights[1];
    diameter float8 := q_weights[10];
    w_room float8 := q_weights[11];
    fades float8 := q_weights[12];
    narrowing float8 := cosd(q_latitude);"""

_SHOWN_COLUMNS = {
    "service_at_location_id": "uuid",
    "service_id": "uuid",
    "organization_id": "uuid",
    "latitude": "float8",
    "longitude": "float8",
    "precision": "text",
    "fit": "real",
    "area_id": "integer",
    "drawn": "boolean",
    "remote": "boolean",
    "anchored": "boolean",
    "confidential": "boolean",
    "audience": "integer",
    "languages": "text",
    "interpreter": "boolean",
    "min_age": "integer",
    "max_age": "integer",
    "capacity": "text",
    "capacity_at": "timestamptz",
    "capacity_until": "timestamptz",
    "hours": "bytea",
    "time_zone": "text",
    "history": "real",
    "history_n": "integer",
    "walk_in": "boolean",
    "service": "text",
    "organization": "text",
    "city": "text",
}
_SHOWN = ", ".join(f'"{name}" {kind}' for name, kind in _SHOWN_COLUMNS.items())
_SHOWN_OF = ", ".join(
    f'l."{name}"::text' if name in {"precision", "capacity"} else f'l."{name}"' for name in _SHOWN_COLUMNS
)

_ELIGIBLE = """l.need = q_need
        AND (l.min_age IS NULL OR l.min_age <= q_oldest)
        AND (l.max_age IS NULL OR l.max_age >= q_youngest)
        AND (l.audience = 0 OR l.audience & q_perhaps <> 0)
        AND l.service_id <> ALL (q_refused)
        AND (q_consented IS NULL OR l.organization_id = ANY (q_consented))
        AND CASE WHEN q_full THEN l.full_until > q_at ELSE l.full_until IS NULL OR l.full_until <= q_at END"""
_QUALITIES = """CASE WHEN q_urgent THEN l.urgent_merit ELSE l.merit END + w_history * l.history
        + CASE WHEN l.room > 0
            THEN w_room * l.room * least(1, greatest(0, 1 - date_part('epoch', q_at - l.capacity_at) / fades))
            ELSE 0 END
        + CASE WHEN l.audience = 0 OR l.audience & q_is_one_of <> 0 THEN w_audience ELSE 0 END
        + CASE WHEN strpos(l.languages, q_spoken) > 0 THEN w_spoken WHEN l.interpreter THEN w_interpreted ELSE 0 END
        + CASE WHEN l.organization_id = ANY (q_helping) THEN w_helping ELSE 0 END"""
# Through the Earth, so never more than over it. The millionth of a step is for the database rounding differently.
_MILES = """diameter * sqrt(
            power(sin(radians(l.latitude - q_latitude) / 2), 2)
            + narrowing * cos(radians(l.latitude)) * power(sin(radians(l.longitude - q_longitude) / 2), 2))"""
_GRAIN = "greatest(l.grain, q_grain)"
_NEAR = f"""w_distance / (1 + (floor(greatest({_MILES} / {_GRAIN} - 1e-6, 0)) + 0.5) * {_GRAIN} / halfway)"""


def _weighed(near: str, where: str) -> str:
    return f"""SELECT l.service_at_location_id AS id, {_QUALITIES}
        + {near} AS ceiling
        FROM listing l WHERE {_ELIGIBLE} AND {where}"""


def _inside(first: int) -> str:
    south, west, north, east = (f"q_sides[{number}]" for number in range(first, first + 4))
    return f"(l.latitude BETWEEN {south} AND {north} AND l.longitude BETWEEN {west} AND {east})"


def _box(first: int) -> str:
    """The same, said so that the index finds it."""
    bands = "floor(l.latitude * 10)::integer BETWEEN {} AND {}".format(
        *(f"floor(q_sides[{number}] * 10)::integer" for number in (first, first + 2))
    )
    return f"{bands} AND {_inside(first)}"


_AREAS = """(
        SELECT k.area_id FROM listing_area_key k WHERE k.key = ANY (q_keys)
        UNION ALL
        SELECT a.id FROM listing_area a
        WHERE q_home[1] BETWEEN a.south AND a.north AND q_home[2] BETWEEN a.west AND a.east)"""
_NEAREST = f"""
CREATE OR REPLACE FUNCTION listing_nearest({_ARGUMENTS},
    q_keys text[], q_home float8[], q_sides float8[], q_plenty integer, q_worth float8, q_limit integer)
RETURNS TABLE ({_SHOWN}, ceiling float8, near boolean, ring integer)
LANGUAGE plpgsql STABLE ROWS 60 SET plan_cache_mode = force_generic_plan
SET max_parallel_workers_per_gather = 0 SET jit = off AS $$
#variable_conflict use_column
DECLARE{_KNOWN}
BEGIN
    RETURN QUERY
    WITH ring1 AS MATERIALIZED (
        {_weighed(_NEAR, f"l.anchored AND {_box(1)}")}
    ), held1 AS MATERIALIZED (SELECT count(*) AS n FROM ring1
    ), ring2 AS MATERIALIZED (
        {_weighed(_NEAR, f"l.anchored AND {_box(5)} AND NOT {_inside(1)} AND (SELECT n FROM held1) < q_plenty")}
    ), held2 AS MATERIALIZED (SELECT (SELECT n FROM held1) + count(*) AS n FROM ring2
    ), ring3 AS MATERIALIZED (
        {_weighed(_NEAR, f"l.anchored AND {_box(9)} AND NOT {_inside(5)} AND (SELECT n FROM held2) < q_plenty")}
    ), near AS (
        SELECT * FROM ring1 UNION ALL SELECT * FROM ring2 UNION ALL SELECT * FROM ring3
        UNION ALL {_weighed("unknown", "l.anchored AND q_latitude IS NULL")}
        UNION ALL {
    _weighed(
        f"greatest(comes, {_NEAR})",
        f"NOT l.anchored AND q_home IS NOT NULL AND l.area_id = ANY (ARRAY {_AREAS})",
    )
}
        UNION ALL {_weighed(f"greatest(comes, {_NEAR})", "NOT l.anchored AND q_home IS NULL AND l.area_id IS NOT NULL")}
    ), placeless AS (
        {
    _weighed(
        f"greatest(CASE WHEN l.remote THEN comes ELSE unknown END, {_NEAR})", "NOT l.anchored AND l.area_id IS NULL"
    )
}
    ), best AS (
        (SELECT n.id, n.ceiling, true AS near FROM near n WHERE n.ceiling >= q_worth
        ORDER BY n.ceiling DESC LIMIT q_limit)
        UNION ALL
        (SELECT p.id, p.ceiling, false FROM placeless p WHERE p.ceiling >= q_worth
        ORDER BY p.ceiling DESC LIMIT q_limit / 3)
    )
    SELECT {_SHOWN_OF}, b.ceiling, b.near, (
        SELECT CASE WHEN one.n >= q_plenty THEN 1 WHEN two.n >= q_plenty THEN 2 ELSE 3 END FROM held1 one, held2 two
    )
    FROM best b JOIN listing l ON l.service_at_location_id = b.id AND l.need = q_need
    ORDER BY b.ceiling DESC;
END $$
"""
_RING = f"""
CREATE OR REPLACE FUNCTION listing_ring({_ARGUMENTS}, q_sides float8[], q_nearest float8, q_worth float8, q_limit integer)
RETURNS TABLE ({_SHOWN}, ceiling float8, near boolean, ring integer)
LANGUAGE plpgsql STABLE ROWS 60 SET plan_cache_mode = force_generic_plan
SET max_parallel_workers_per_gather = 0 SET jit = off AS $$
#variable_conflict use_column
DECLARE{_KNOWN}
BEGIN
    RETURN QUERY
    WITH ring AS (
        {_weighed(_NEAR, f"l.anchored AND {_box(5)} AND NOT {_inside(1)} AND {_QUALITIES} + q_nearest >= q_worth")}
    )
    SELECT {_SHOWN_OF}, b.ceiling, true, 1
    FROM (
        SELECT r.id, r.ceiling FROM ring r WHERE r.ceiling >= q_worth ORDER BY r.ceiling DESC LIMIT q_limit
    ) b JOIN listing l ON l.service_at_location_id = b.id AND l.need = q_need
    ORDER BY b.ceiling DESC;
END $$
"""


def upgrade() -> None:
    op.execute("DROP INDEX ix_listing_anchored")
    op.execute(f"""CREATE INDEX ix_listing_anchored ON listing (need, {_BAND}, longitude)
        INCLUDE (latitude, {_SEARCHED}) WHERE anchored""")
    op.execute(_NEAREST)
    op.execute(_RING)


def downgrade() -> None:
    op.execute("DROP INDEX ix_listing_anchored")
    op.execute(f"""CREATE INDEX ix_listing_anchored ON listing (need, latitude, longitude)
        INCLUDE ({_SEARCHED}) WHERE anchored""")
