"""Listings carry what every answer shows of them, and in one index the little that a search weighs.

Listings are worked out from the directory, so they are emptied here, and every service is marked to be worked out again;
the worker does that, a batch at a time.

The search is two functions of the database, because the plans of their statements are kept for as long as a connection
lives; those of a client's statements are lost at every rollback, and making them takes longer than following them.
`app.matching.queries` calls them and says what they promise. They know no number of their own: all come as arguments.
"""
# ruff: noqa: S608  what is put together here are our own words

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_SEARCHED = [
    "service_at_location_id",
    "service_id",
    "organization_id",
    "grain",
    "history",
    "room",
    "capacity_at",
    "merit",
    "urgent_merit",
    "audience",
    "languages",
    "interpreter",
    "min_age",
    "max_age",
    "full_until",
]
_SEARCHED_BEFORE = [
    "service_at_location_id",
    "service_id",
    "organization_id",
    "precision",
    "fit",
    "remote",
    "confidential",
    "languages",
    "interpreter",
    "min_age",
    "max_age",
    "capacity",
    "capacity_at",
    "capacity_until",
    "hours",
    "time_zone",
    "history",
    "history_n",
    "walk_in",
]


def _new() -> list[sa.Column[Any]]:
    return [
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("city", sa.Text(), nullable=False),
        sa.Column("grain", sa.REAL(), nullable=False),
        sa.Column("drawn", sa.Boolean(), nullable=False),
        sa.Column("audience", sa.Integer(), nullable=False),
        sa.Column("full_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("room", sa.REAL(), nullable=False),
        sa.Column("merit", sa.REAL(), nullable=False),
        sa.Column("urgent_merit", sa.REAL(), nullable=False),
    ]


def _drawing() -> list[sa.Column[Any]]:
    return [
        sa.Column("polygons", postgresql.JSONB(), nullable=True),
        sa.Column("south", sa.Double(), nullable=True),
        sa.Column("west", sa.Double(), nullable=True),
        sa.Column("north", sa.Double(), nullable=True),
        sa.Column("east", sa.Double(), nullable=True),
    ]


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


def _box(first: int) -> str:
    south, west, north, east = (f"q_sides[{number}]" for number in range(first, first + 4))
    return f"(l.latitude BETWEEN {south} AND {north} AND l.longitude BETWEEN {west} AND {east})"


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
BEGIN
    RETURN QUERY
    WITH ring1 AS MATERIALIZED (
        {_weighed(_NEAR, f"l.anchored AND {_box(1)}")}
    ), held1 AS MATERIALIZED (SELECT count(*) AS n FROM ring1
    ), ring2 AS MATERIALIZED (
        {_weighed(_NEAR, f"l.anchored AND {_box(5)} AND NOT {_box(1)} AND (SELECT n FROM held1) < q_plenty")}
    ), held2 AS MATERIALIZED (SELECT (SELECT n FROM held1) + count(*) AS n FROM ring2
    ), ring3 AS MATERIALIZED (
        {_weighed(_NEAR, f"l.anchored AND {_box(9)} AND NOT {_box(5)} AND (SELECT n FROM held2) < q_plenty")}
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
CREATE FUNCTION listing_ring({_ARGUMENTS}, q_sides float8[], q_nearest float8, q_worth float8, q_limit integer)
RETURNS TABLE ({_SHOWN}, ceiling float8, near boolean, ring integer)
LANGUAGE plpgsql STABLE ROWS 60 SET plan_cache_mode = force_generic_plan
SET max_parallel_workers_per_gather = 0 SET jit = off AS $$
#variable_conflict use_column
DECLARE{_KNOWN}
BEGIN
    RETURN QUERY
    WITH ring AS (
        {_weighed(_NEAR, f"l.anchored AND {_box(5)} AND NOT {_box(1)} AND {_QUALITIES} + q_nearest >= q_worth")}
    )
    SELECT {_SHOWN_OF}, b.ceiling, true, 1
    FROM (
        SELECT r.id, r.ceiling FROM ring r WHERE r.ceiling >= q_worth ORDER BY r.ceiling DESC LIMIT q_limit
    ) b JOIN listing l ON l.service_at_location_id = b.id AND l.need = q_need
    ORDER BY b.ceiling DESC;
END $$
"""


def upgrade() -> None:
    op.drop_index("ix_listing_anchored", "listing")
    op.drop_index("ix_listing_elsewhere", "listing")
    op.execute("DELETE FROM listing")
    op.drop_table("listing_area_zip")
    op.execute("DELETE FROM listing_area")
    for column in _new():
        op.add_column("listing", column)
    op.create_check_constraint(
        op.f("ck_listing_full_until_some_moment"), "listing", "(capacity = 'no-capacity') = (full_until IS NOT NULL)"
    )
    op.create_check_constraint(
        op.f("ck_listing_room_was_said_some_day"), "listing", "room = 0 OR capacity_at IS NOT NULL"
    )
    op.create_index(
        "ix_listing_anchored",
        "listing",
        ["need", "latitude", "longitude"],
        postgresql_include=_SEARCHED,
        postgresql_where=sa.text("anchored"),
    )
    op.create_index(
        "ix_listing_elsewhere",
        "listing",
        ["need", "area_id"],
        postgresql_include=["latitude", "longitude", "remote", *_SEARCHED],
        postgresql_where=sa.text("NOT anchored"),
    )
    for column in _drawing():
        op.add_column("listing_area", column)
    op.create_check_constraint(
        op.f("ck_listing_area_drawn_areas_have_a_box"), "listing_area", "(polygons IS NULL) = (south IS NULL)"
    )
    op.create_index(
        "ix_listing_area_box", "listing_area", ["south", "north"], postgresql_where=sa.text("south IS NOT NULL")
    )
    op.create_table(
        "listing_area_key",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("area_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["area_id"], ["listing_area.id"], name=op.f("fk_listing_area_key_area_id_listing_area")
        ),
        sa.PrimaryKeyConstraint("key", "area_id", name=op.f("pk_listing_area_key")),
    )
    op.create_index(op.f("ix_listing_area_key_area_id"), "listing_area_key", ["area_id"])
    op.execute(_NEAREST)
    op.execute(_RING)
    _work_out_again()


def downgrade() -> None:
    op.execute("DROP FUNCTION listing_ring")
    op.execute("DROP FUNCTION listing_nearest")
    op.execute("DELETE FROM listing")
    op.drop_table("listing_area_key")
    op.drop_index("ix_listing_area_box", "listing_area")
    op.drop_constraint(op.f("ck_listing_area_drawn_areas_have_a_box"), "listing_area")
    for column in reversed(_drawing()):
        op.drop_column("listing_area", column.name)
    op.execute("DELETE FROM listing_area")
    op.drop_index("ix_listing_elsewhere", "listing")
    op.drop_index("ix_listing_anchored", "listing")
    op.drop_constraint(op.f("ck_listing_room_was_said_some_day"), "listing")
    op.drop_constraint(op.f("ck_listing_full_until_some_moment"), "listing")
    for column in reversed(_new()):
        op.drop_column("listing", column.name)
    op.create_index(
        "ix_listing_anchored",
        "listing",
        ["need", "latitude", "longitude"],
        postgresql_include=_SEARCHED_BEFORE,
        postgresql_where=sa.text("anchored"),
    )
    op.create_index(
        "ix_listing_elsewhere",
        "listing",
        ["need", "area_id"],
        postgresql_include=["latitude", "longitude", *_SEARCHED_BEFORE],
        postgresql_where=sa.text("NOT anchored"),
    )
    op.create_table(
        "listing_area_zip",
        sa.Column("postal_code", sa.Text(), nullable=False),
        sa.Column("area_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["area_id"], ["listing_area.id"], name=op.f("fk_listing_area_zip_area_id_listing_area")
        ),
        sa.PrimaryKeyConstraint("postal_code", "area_id", name=op.f("pk_listing_area_zip")),
    )
    _work_out_again()


def _work_out_again() -> None:
    op.execute("INSERT INTO stale_service (service_id) SELECT id FROM service ON CONFLICT DO NOTHING")
