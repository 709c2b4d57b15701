"""A search knows in the index what a listing is worth, opening times included, and looks far only for what can be worth it.

Until now the most a listing could score took it for open at this moment, so that many more had to be read than were shown.
The index says now when each day is over, and in which time zone; and it goes by grades of what a listing brings along, so
that from far away only the few are read that are good enough to come from there.

Processes that still run the program of before find the functions of 0023, which have fewer arguments than these, and write
listings of the highest grade, which leaves nothing out.
"""
# ruff: noqa: S608  what is put together here are our own words

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_BAND = "(floor(latitude * 10)::integer)"
"""Seven miles from south to north."""

_SEARCHED_BEFORE = """service_at_location_id, service_id, organization_id, grain, history, room, capacity_at, merit,
    urgent_merit, audience, languages, interpreter, min_age, max_age, full_until"""
_SEARCHED = f"{_SEARCHED_BEFORE}, closing, time_zone"

_ARGUMENTS = """
    q_need text, q_urgent boolean, q_weights float8[], q_spoken text,
    q_youngest integer, q_oldest integer, q_perhaps integer, q_is_one_of integer,
    q_refused uuid[], q_consented uuid[], q_helping uuid[], q_full boolean, q_at timestamptz,
    q_latitude float8, q_longitude float8, q_grain float8,
    q_zone text, q_weekday integer, q_hour integer, q_waiting float8[], q_grades integer[]"""
_KNOWN = f"""
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
    narrowing float8 := cosd(q_latitude);
    {" ".join(f"day{ahead} integer := 5 * ((q_weekday + {ahead}) % 7);" for ahead in range(7))}
    {" ".join(f"waiting{days} float8 := q_waiting[{days}];" for days in range(1, 9))}"""


def _sides(boxes: int) -> str:
    """Plain variables: a number of an array is looked up anew for every row."""
    return "\n    ".join(
        f"{side}{box} float8 := q_sides[{4 * (box - 1) + number}];"
        for box in range(1, boxes + 1)
        for number, side in enumerate(("south", "west", "north", "east"), start=1)
    )


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
# What it loses by the days until it opens. Where it is another hour than with the patient, nothing: that is no less.
_WAITING = f"""CASE
        WHEN l.closing IS NULL OR l.time_zone IS DISTINCT FROM q_zone OR l.closing >> day0 & 31 > q_hour THEN 0
        {" ".join(f"WHEN l.closing >> day{days} & 31 > 0 THEN waiting{days}" for days in range(1, 7))}
        WHEN l.closing > 0 THEN waiting7 ELSE waiting8 END"""
# Through the Earth, so never more than over it. The millionth of a step is for the database rounding differently.
_MILES = """diameter * sqrt(
            power(sin(radians(l.latitude - q_latitude) / 2), 2)
            + narrowing * cos(radians(l.latitude)) * power(sin(radians(l.longitude - q_longitude) / 2), 2))"""
_GRAIN = "greatest(l.grain, q_grain)"
_NEAR = f"""w_distance / (1 + (floor(greatest({_MILES} / {_GRAIN} - 1e-6, 0)) + 0.5) * {_GRAIN} / halfway)"""


def _weighed(near: str, where: str) -> str:
    return f"""SELECT l.service_at_location_id AS id, {_QUALITIES}
        + {near} - {_WAITING} AS ceiling
        FROM listing l WHERE {_ELIGIBLE} AND {where}"""


def _within(south: str, west: str, north: str, east: str) -> str:
    return f"(l.latitude BETWEEN {south} AND {north} AND l.longitude BETWEEN {west} AND {east})"


def _box(south: str, west: str, north: str, east: str) -> str:
    """The same, said so that the index finds it."""
    bands = f"floor(l.latitude * 10)::integer BETWEEN floor({south} * 10)::integer AND floor({north} * 10)::integer"
    return f"{bands} AND {_within(south, west, north, east)}"


def _numbered(box: int) -> tuple[str, str, str, str]:
    return f"south{box}", f"west{box}", f"north{box}", f"east{box}"


_ANCHORED = "l.anchored AND l.grade = ANY (q_grades)"
_AREAS = """(
        SELECT k.area_id FROM listing_area_key k WHERE k.key = ANY (q_keys)
        UNION ALL
        SELECT a.id FROM listing_area a
        WHERE q_home[1] BETWEEN a.south AND a.north AND q_home[2] BETWEEN a.west AND a.east)"""
_NEAREST = f"""
CREATE FUNCTION listing_nearest({_ARGUMENTS},
    q_keys text[], q_home float8[], q_sides float8[], q_plenty integer, q_worth float8, q_limit integer)
RETURNS TABLE ({_SHOWN}, ceiling float8, near boolean, ring integer)
LANGUAGE plpgsql STABLE ROWS 60 SET plan_cache_mode = force_generic_plan
SET max_parallel_workers_per_gather = 0 SET jit = off AS $$
#variable_conflict use_column
DECLARE{_KNOWN}
    {_sides(3)}
BEGIN
    RETURN QUERY
    WITH ring1 AS MATERIALIZED (
        {_weighed(_NEAR, f"{_ANCHORED} AND {_box(*_numbered(1))}")}
    ), held1 AS MATERIALIZED (SELECT count(*) AS n FROM ring1
    ), ring2 AS MATERIALIZED (
        {
    _weighed(
        _NEAR,
        f"{_ANCHORED} AND {_box(*_numbered(2))} AND NOT {_within(*_numbered(1))} AND (SELECT n FROM held1) < q_plenty",
    )
}
    ), held2 AS MATERIALIZED (SELECT (SELECT n FROM held1) + count(*) AS n FROM ring2
    ), ring3 AS MATERIALIZED (
        {
    _weighed(
        _NEAR,
        f"{_ANCHORED} AND {_box(*_numbered(3))} AND NOT {_within(*_numbered(2))} AND (SELECT n FROM held2) < q_plenty",
    )
}
    ), near AS MATERIALIZED (
        SELECT one.id, one.ceiling FROM (
            SELECT * FROM ring1 UNION ALL SELECT * FROM ring2 UNION ALL SELECT * FROM ring3
            UNION ALL {_weighed("unknown", "l.anchored AND q_latitude IS NULL")}
            UNION ALL {
    _weighed(
        f"greatest(comes, {_NEAR})",
        f"NOT l.anchored AND q_home IS NOT NULL AND l.area_id = ANY (ARRAY {_AREAS})",
    )
}
            UNION ALL {
    _weighed(f"greatest(comes, {_NEAR})", "NOT l.anchored AND q_home IS NULL AND l.area_id IS NOT NULL")
}
        ) one WHERE one.ceiling >= q_worth ORDER BY one.ceiling DESC LIMIT q_limit
    ), placeless AS (
        {
    _weighed(
        f"greatest(CASE WHEN l.remote THEN comes ELSE unknown END, {_NEAR})", "NOT l.anchored AND l.area_id IS NULL"
    )
}
    ), best AS (
        SELECT n.id, n.ceiling, true AS near FROM near n
        UNION ALL
        (SELECT p.id, p.ceiling, false FROM placeless p
        WHERE p.ceiling >= q_worth
            AND p.ceiling >= (SELECT CASE WHEN count(*) >= q_limit THEN min(n.ceiling) ELSE 0 END FROM near n)
        ORDER BY p.ceiling DESC LIMIT q_limit)
    )
    SELECT {_SHOWN_OF}, b.ceiling, b.near, (
        SELECT CASE WHEN one.n >= q_plenty THEN 1 WHEN two.n >= q_plenty THEN 2 ELSE 3 END FROM held1 one, held2 two
    )
    FROM best b JOIN listing l ON l.service_at_location_id = b.id AND l.need = q_need
    ORDER BY b.ceiling DESC;
END $$
"""
_OF_ITS_GRADE = f"""l.anchored AND l.grade = k.grade AND {_box("k.south", "k.west", "k.north", "k.east")}
            AND NOT {_within(*_numbered(1))} AND {_QUALITIES} + q_nearest >= q_worth"""
# OFFSET 0 keeps the planner from any other way than grade by grade.
_RING = f"""
CREATE FUNCTION listing_ring({_ARGUMENTS},
    q_souths float8[], q_wests float8[], q_norths float8[], q_easts float8[],
    q_sides float8[], q_nearest float8, q_worth float8, q_limit integer)
RETURNS TABLE ({_SHOWN}, ceiling float8, near boolean, ring integer)
LANGUAGE plpgsql STABLE ROWS 60 SET plan_cache_mode = force_generic_plan
SET max_parallel_workers_per_gather = 0 SET jit = off AS $$
#variable_conflict use_column
DECLARE{_KNOWN}
    {_sides(1)}
BEGIN
    RETURN QUERY
    SELECT {_SHOWN_OF}, b.ceiling, true, 1
    FROM (
        SELECT r.id, r.ceiling
        FROM unnest(q_grades, q_souths, q_wests, q_norths, q_easts) AS k (grade, south, west, north, east)
        CROSS JOIN LATERAL (
            {_weighed(_NEAR, _OF_ITS_GRADE)} OFFSET 0
        ) r
        WHERE r.ceiling >= q_worth ORDER BY r.ceiling DESC LIMIT q_limit
    ) b JOIN listing l ON l.service_at_location_id = b.id AND l.need = q_need
    ORDER BY b.ceiling DESC;
END $$
"""


def _closing() -> str:
    """What `hours.closings` says, of a week of 168 bits."""
    days = []
    for day in range(7):
        hours = " | ".join(f"(get_byte(hours, {3 * day + byte}) << {8 * byte})" for byte in range(3))
        days.append(f"length(ltrim(({hours})::bit(24)::text, '0'))::bigint << {5 * day}")
    return " | ".join(f"({day})" for day in days)


def _grade(merit: str, room: float, ends: str) -> str:
    """What `ranking.bounds` says, with the weights of the day this was written."""
    return f"width_bucket({merit} + {room} * room + CASE audience WHEN 0 THEN 0.15 ELSE 0 END, ARRAY[{ends}]::float8[])"


def upgrade() -> None:
    op.add_column("listing", sa.Column("closing", sa.BigInteger(), nullable=True))
    op.add_column("listing", sa.Column("grade", sa.SmallInteger(), nullable=True))
    op.execute("DROP INDEX ix_listing_anchored, ix_listing_elsewhere")
    op.execute(f"""UPDATE listing SET closing = {_closing()},
        grade = greatest({_grade("merit", 0.09, "0.33, 0.39")}, {_grade("urgent_merit", 0.11, "0.41, 0.47")})""")
    op.alter_column("listing", "grade", nullable=False, server_default=sa.text("2"))
    op.create_check_constraint("remote_is_nowhere", "listing", "NOT remote OR latitude IS NULL")
    op.execute(f"""CREATE INDEX ix_listing_anchored ON listing (need, grade, {_BAND}, longitude)
        INCLUDE (latitude, {_SEARCHED}) WHERE anchored""")
    op.execute(f"""CREATE INDEX ix_listing_elsewhere ON listing (need, area_id)
        INCLUDE (latitude, longitude, remote, {_SEARCHED}) WHERE NOT anchored""")
    op.execute(_NEAREST)
    op.execute(_RING)


def downgrade() -> None:
    for name, beyond in (
        ("listing_nearest", "text[], float8[], float8[], integer, float8, integer"),
        ("listing_ring", "float8[], float8[], float8[], float8[], float8[], float8, float8, integer"),
    ):
        kinds = ", ".join(argument.split(" ")[-1] for argument in _ARGUMENTS.strip().replace("\n", " ").split(", "))
        op.execute(f"DROP FUNCTION {name}({kinds}, {beyond})")
    op.execute("DROP INDEX ix_listing_anchored, ix_listing_elsewhere")
    op.execute(f"""CREATE INDEX ix_listing_anchored ON listing (need, {_BAND}, longitude)
        INCLUDE (latitude, {_SEARCHED_BEFORE}) WHERE anchored""")
    op.execute(f"""CREATE INDEX ix_listing_elsewhere ON listing (need, area_id)
        INCLUDE (latitude, longitude, remote, {_SEARCHED_BEFORE}) WHERE NOT anchored""")
    op.drop_constraint(op.f("ck_listing_remote_is_nowhere"), "listing")
    op.drop_column("listing", "grade")
    op.drop_column("listing", "closing")
