"""Areas that can be asked about, a search that reads one narrow table, and a directory that is kept up."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


KEEP_LOCAL_EDITS = """
CREATE FUNCTION keep_local_edits() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  edit local_edit;
  said text;
  known boolean;
BEGIN
  IF TG_TABLE_NAME = 'service' THEN
    FOR edit IN SELECT * FROM local_edit WHERE service_id = NEW.id AND value IS NOT NULL LOOP
      said := coalesce(to_jsonb(NEW) ->> edit.field, '');
      IF said <> edit.value THEN
        IF said IS DISTINCT FROM edit.upstream AND said IS DISTINCT FROM edit.offered THEN
          UPDATE local_edit SET offered = said WHERE id = edit.id;
        ELSIF said = edit.upstream AND edit.offered IS NOT NULL THEN
          UPDATE local_edit SET offered = NULL WHERE id = edit.id;
        END IF;
        NEW := jsonb_populate_record(NEW, jsonb_build_object(edit.field, nullif(edit.value, '')));
      END IF;
    END LOOP;
    IF NEW.withdrawn_at IS NULL AND OLD.withdrawn_at IS NOT NULL
       AND EXISTS (SELECT FROM directory_merge WHERE gone_id = NEW.id AND undone_at IS NULL) THEN
      NEW.withdrawn_at := OLD.withdrawn_at;
    END IF;
    RETURN NEW;
  END IF;
  IF NEW.source = 'local' OR NEW.withdrawn_at IS NOT NULL THEN
    RETURN NEW;
  END IF;
  SELECT * INTO edit FROM local_edit WHERE field = TG_TABLE_NAME AND service_id = coalesce(
    NEW.service_id,
    (SELECT place.service_id FROM service_at_location AS place
     WHERE place.id = (to_jsonb(NEW) ->> 'service_at_location_id')::uuid)
  );
  IF FOUND THEN
    -- An import that writes a row again passes here as if it were new.
    EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE id = $1 AND fingerprint = $2)', TG_TABLE_NAME)
      INTO known USING NEW.id, NEW.fingerprint;
    IF NOT known THEN
      UPDATE local_edit SET offered = 'changed' WHERE id = edit.id;
    END IF;
    NEW.withdrawn_at := clock_timestamp();
  END IF;
  RETURN NEW;
END $$
"""
LISTS = ("phone", "schedule", "required_document")


def upgrade() -> None:
    op.create_index("ix_geocoded_address_at", "geocoded_address", ["at"])
    op.create_index("ix_language_code", "language", ["code"])
    op.create_table(
        "area_served",
        sa.Column("service_area_id", sa.Uuid(), nullable=False),
        sa.Column("nationwide", sa.Boolean(), nullable=False),
        sa.Column("states", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("counties", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("postal_codes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("polygons", postgresql.JSONB(), nullable=True),
        sa.Column("south", sa.Float(), nullable=True),
        sa.Column("west", sa.Float(), nullable=True),
        sa.Column("north", sa.Float(), nullable=True),
        sa.Column("east", sa.Float(), nullable=True),
        sa.CheckConstraint(
            "num_nonnulls(polygons, south, west, north, east) IN (0, 5)",
            name=op.f("ck_area_served_what_is_drawn_has_a_box"),
        ),
        sa.ForeignKeyConstraint(
            ["service_area_id"], ["service_area.id"], name=op.f("fk_area_served_service_area_id_service_area")
        ),
        sa.PrimaryKeyConstraint("service_area_id", name=op.f("pk_area_served")),
    )
    op.create_table(
        "directory_entry",
        sa.Column("service_at_location_id", sa.Uuid(), nullable=False),
        sa.Column("service_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("needs", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("words", postgresql.TSVECTOR(), nullable=False),
        sa.Column("latitude", sa.Float(), nullable=True),
        sa.Column("longitude", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["service_at_location_id"],
            ["service_at_location.id"],
            name=op.f("fk_directory_entry_service_at_location_id_service_at_location"),
        ),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], name=op.f("fk_directory_entry_service_id_service")),
        sa.PrimaryKeyConstraint("service_at_location_id", name=op.f("pk_directory_entry")),
    )
    op.create_index("ix_directory_entry_tags", "directory_entry", ["tags"], postgresql_using="gin")
    op.create_index("ix_directory_entry_words", "directory_entry", ["words"], postgresql_using="gin")
    op.create_index(
        "ix_directory_entry_place",
        "directory_entry",
        ["latitude", "longitude"],
        postgresql_include=["service_at_location_id", "name", "needs"],
    )
    op.create_index(op.f("ix_directory_entry_service_id"), "directory_entry", ["service_id"])
    op.create_index("ix_location_unplaced", "location", ["id"], postgresql_where=sa.text("latitude IS NULL"))
    op.create_table(
        "placed_location",
        sa.Column("location_id", sa.Uuid(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_placed_location_location_id_location")),
        sa.PrimaryKeyConstraint("location_id", name=op.f("pk_placed_location")),
    )
    op.create_index(op.f("ix_placed_location_asked_at"), "placed_location", ["asked_at"])
    op.create_index("ix_organization_name", "organization", ["name", "id"])
    op.create_table(
        "local_edit",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("service_id", sa.Uuid(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("upstream", sa.Text(), nullable=True),
        sa.Column("offered", sa.Text(), nullable=True),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], name=op.f("fk_local_edit_service_id_service")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_local_edit")),
    )
    op.create_index("uq_local_edit_what", "local_edit", ["service_id", "field"], unique=True)
    op.create_index(
        "ix_local_edit_offered", "local_edit", ["service_id"], postgresql_where=sa.text("offered IS NOT NULL")
    )
    op.create_table(
        "directory_merge",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kept_id", sa.Uuid(), nullable=False),
        sa.Column("gone_id", sa.Uuid(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kept_id <> gone_id", name=op.f("ck_directory_merge_of_two")),
        sa.CheckConstraint(
            "(undone_at IS NULL) = (undone_by IS NULL)", name=op.f("ck_directory_merge_undone_by_somebody")
        ),
        sa.ForeignKeyConstraint(["kept_id"], ["service.id"], name=op.f("fk_directory_merge_kept_id_service")),
        sa.ForeignKeyConstraint(["gone_id"], ["service.id"], name=op.f("fk_directory_merge_gone_id_service")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_directory_merge")),
    )
    op.create_index(op.f("ix_directory_merge_kept_id"), "directory_merge", ["kept_id"])
    op.create_index(
        "uq_directory_merge_gone",
        "directory_merge",
        ["gone_id"],
        unique=True,
        postgresql_where=sa.text("undone_at IS NULL"),
    )
    op.create_table(
        "possible_duplicate",
        sa.Column("one_id", sa.Uuid(), nullable=False),
        sa.Column("other_id", sa.Uuid(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("reasons", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("one_id < other_id", name=op.f("ck_possible_duplicate_each_pair_once")),
        sa.ForeignKeyConstraint(["one_id"], ["service.id"], name=op.f("fk_possible_duplicate_one_id_service")),
        sa.ForeignKeyConstraint(["other_id"], ["service.id"], name=op.f("fk_possible_duplicate_other_id_service")),
        sa.PrimaryKeyConstraint("one_id", "other_id", name=op.f("pk_possible_duplicate")),
    )
    op.create_index(op.f("ix_possible_duplicate_other_id"), "possible_duplicate", ["other_id"])
    op.create_index(op.f("ix_possible_duplicate_score"), "possible_duplicate", ["score"])
    op.create_table(
        "listing_question",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answers", postgresql.JSONB(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_listing_question_organization_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listing_question")),
    )
    op.create_index(
        "ix_listing_question_open",
        "listing_question",
        ["organization_id"],
        postgresql_where=sa.text("answered_at IS NULL"),
    )
    op.create_index("ix_listing_question_answered_at", "listing_question", ["answered_at"])
    op.execute(KEEP_LOCAL_EDITS)
    # Before `note_change` by its name, so that the history tells what was kept and not what was offered.
    op.execute(
        "CREATE TRIGGER keep_local_edits BEFORE UPDATE ON service FOR EACH ROW EXECUTE FUNCTION keep_local_edits()"
    )
    for table in LISTS:
        op.execute(
            f"CREATE TRIGGER keep_local_edits BEFORE INSERT OR UPDATE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION keep_local_edits()"
        )
    # Entries and areas of what is in the directory already are worked out by the next import, or by
    # “flask directory map-needs”; nothing is lost until then but the search.
    op.execute("INSERT INTO stale_service (service_id) SELECT id FROM service ON CONFLICT DO NOTHING")


def downgrade() -> None:
    for table in ("service", *LISTS):
        op.execute(f"DROP TRIGGER keep_local_edits ON {table}")
    op.execute("DROP FUNCTION keep_local_edits()")
    for table in ("listing_question", "possible_duplicate", "directory_merge", "local_edit", "placed_location"):
        op.drop_table(table)
    op.drop_index("ix_location_unplaced", "location")
    op.drop_index("ix_organization_name", "organization")
    op.drop_table("directory_entry")
    op.drop_table("area_served")
    op.drop_index("ix_language_code", "language")
    op.drop_index("ix_geocoded_address_at", "geocoded_address")
