"""The directory in full HSDS 3.1, and the history of its changes, which the database itself keeps.

One trigger does it for imports, staff, agencies and merges alike, row by row or a million at once: no statement can
forget it. It is asked only where something may have changed; that an import has seen a row again is no change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

OLD_TABLES = (
    "organization", "program", "service", "location", "service_at_location", "address", "contact", "phone", "language",
    "schedule", "service_area", "required_document", "cost_option", "accessibility", "unit", "service_capacity",
    "taxonomy", "taxonomy_term", "attribute",
)  # fmt: skip
NEW_TABLES = ("organization_identifier", "url", "funding")
NEW_COLUMNS: dict[str, tuple[tuple[str, type[sa.types.TypeEngine[Any]]], ...]] = {
    "organization": (("logo", sa.Text), ("uri", sa.Text)),
    "service": (
        ("licenses", sa.Text),
        ("intake_daily_limit", sa.Integer),
        ("interpreter", sa.Boolean),
        ("last_verified_on", sa.Date),
        ("last_verified_by", sa.Text),
    ),
    "schedule": (("timezone", sa.Float), ("byweekno", sa.Text), ("byyearday", sa.Text)),
}
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")

NOTE_CHANGE = """
CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  moment timestamptz := clock_timestamp();
  -- Who signs nothing is an import, or the program itself.
  who text := coalesce(
    nullif(current_setting('loopline.changed_by', true), ''),
    CASE WHEN NEW.source = 'local' THEN 'loopline' ELSE 'import ' || NEW.source END
  );
  deed text := coalesce(nullif(current_setting('loopline.change', true), ''), CASE
    WHEN TG_OP = 'INSERT' THEN 'create'
    WHEN OLD.withdrawn_at IS NULL AND NEW.withdrawn_at IS NOT NULL THEN 'withdraw'
    WHEN OLD.withdrawn_at IS NOT NULL AND NEW.withdrawn_at IS NULL THEN 'restore'
    ELSE 'update'
  END);
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO metadata (id, source, fingerprint, resource_id, resource_type, last_action_date, last_action_type,
                          field_name, previous_value, replacement_value, updated_by, changed_at)
    VALUES (gen_random_uuid(), 'local', '', NEW.id, TG_TABLE_NAME, moment::date, deed, 'id', '', NEW.id, who, moment);
    RETURN NEW;
  END IF;
  INSERT INTO metadata (id, source, fingerprint, resource_id, resource_type, last_action_date, last_action_type,
                        field_name, previous_value, replacement_value, updated_by, changed_at)
  SELECT gen_random_uuid(), 'local', '', NEW.id, TG_TABLE_NAME, moment::date, deed,
         key, coalesce(before.value, ''), coalesce(after.value, ''), who, moment
  FROM jsonb_each_text(to_jsonb(OLD)) AS before JOIN jsonb_each_text(to_jsonb(NEW)) AS after USING (key)
  WHERE before.value IS DISTINCT FROM after.value
    AND key NOT IN ('fingerprint', 'last_seen_in_import_at', 'source_id', 'changed_at');
  IF FOUND THEN
    NEW.changed_at := moment;
  END IF;
  RETURN NEW;
END $$
"""


def upgrade() -> None:
    for table, columns in NEW_COLUMNS.items():
        for name, kind in columns:
            op.add_column(table, sa.Column(name, kind(), nullable=True))
    op.add_column("schedule", sa.Column("wkst", _one_of("weekday", WEEKDAYS), nullable=True))
    op.create_check_constraint("weekday", "schedule", sa.column("wkst").in_(WEEKDAYS))
    op.create_check_constraint("daily_limit_lets_somebody_in", "service", "intake_daily_limit > 0")
    op.create_check_constraint(
        "verified_by_somebody", "service", "(last_verified_on IS NULL) = (last_verified_by IS NULL)"
    )
    for table in OLD_TABLES:
        op.add_column(table, _changed_at())

    _create(
        "organization_identifier",
        sa.Column("organization_id", sa.Uuid(), sa.ForeignKey("organization.id"), nullable=False),
        sa.Column("identifier_scheme", sa.Text(), nullable=True),
        sa.Column("identifier_type", sa.Text(), nullable=False),
        sa.Column("identifier", sa.Text(), nullable=False),
        indexed=("organization_id",),
    )
    _create(
        "url",
        sa.Column("organization_id", sa.Uuid(), sa.ForeignKey("organization.id"), nullable=True),
        sa.Column("service_id", sa.Uuid(), sa.ForeignKey("service.id"), nullable=True),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=False),
        indexed=("organization_id", "service_id"),
    )
    _create(
        "funding",
        sa.Column("organization_id", sa.Uuid(), sa.ForeignKey("organization.id"), nullable=True),
        sa.Column("service_id", sa.Uuid(), sa.ForeignKey("service.id"), nullable=True),
        sa.Column("funder", sa.Text(), nullable=True),
        indexed=("organization_id", "service_id"),
    )
    _create(
        "metadata",
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column("resource_type", sa.Text(), nullable=False),
        sa.Column("last_action_date", sa.Date(), nullable=False),
        sa.Column("last_action_type", sa.Text(), nullable=False),
        sa.Column("field_name", sa.Text(), nullable=False),
        sa.Column("previous_value", sa.Text(), nullable=False),
        sa.Column("replacement_value", sa.Text(), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
    )
    op.create_index("ix_metadata_resource", "metadata", ["resource_type", "resource_id", "changed_at"])

    op.execute(NOTE_CHANGE)
    for table in (*OLD_TABLES, *NEW_TABLES):
        op.execute(
            f"CREATE TRIGGER {table}_notes_changes BEFORE UPDATE ON {table} FOR EACH ROW "
            "WHEN (OLD.fingerprint IS DISTINCT FROM NEW.fingerprint"
            " OR OLD.withdrawn_at IS DISTINCT FROM NEW.withdrawn_at"
            " OR OLD.last_seen_in_import_at IS NOT DISTINCT FROM NEW.last_seen_in_import_at) "
            "EXECUTE FUNCTION note_change()"
        )
        # What an import brings is in the import's own report; a row made here has no other.
        op.execute(
            f"CREATE TRIGGER {table}_notes_creation AFTER INSERT ON {table} FOR EACH ROW "
            "WHEN (NEW.source = 'local') EXECUTE FUNCTION note_change()"
        )
    op.execute(
        "CREATE FUNCTION refuse_change_of_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION 'rows of % are evidence and are never changed or deleted', TG_TABLE_NAME"
        " USING ERRCODE = 'restrict_violation'; END $$"
    )
    op.execute(
        "CREATE TRIGGER metadata_is_append_only BEFORE UPDATE OR DELETE ON metadata FOR EACH ROW "
        "WHEN (OLD.source = 'local') EXECUTE FUNCTION refuse_change_of_row()"
    )


def downgrade() -> None:
    for table in (*OLD_TABLES, *NEW_TABLES):
        op.execute(f"DROP TRIGGER {table}_notes_creation ON {table}")
        op.execute(f"DROP TRIGGER {table}_notes_changes ON {table}")
    for table in ("metadata", *NEW_TABLES):
        op.drop_table(table)
    op.execute("DROP FUNCTION refuse_change_of_row()")
    op.execute("DROP FUNCTION note_change()")
    for table in OLD_TABLES:
        op.drop_column(table, "changed_at")
    op.drop_constraint("verified_by_somebody", "service", type_="check")
    op.drop_constraint("daily_limit_lets_somebody_in", "service", type_="check")
    op.drop_constraint("weekday", "schedule", type_="check")
    op.drop_column("schedule", "wkst")
    for table, columns in NEW_COLUMNS.items():
        for name, _kind in columns:
            op.drop_column(table, name)


def _changed_at() -> sa.Column[Any]:
    return sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)


def _one_of(name: str, words: Sequence[str]) -> sa.Enum:
    return sa.Enum(*words, name=name, native_enum=False, length=40)


def _create(table: str, *columns: sa.Column[Any], indexed: Sequence[str] = ()) -> None:
    op.create_table(
        table,
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("last_seen_in_import_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        _changed_at(),
        *columns,
    )
    for column in indexed:
        op.create_index(f"ix_{table}_{column}", table, [column])
