"""A patient can die, move away, or have their data deleted; a phone can be switched off."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_REFUSE = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  {but}RAISE EXCEPTION 'rows of % are evidence and are never changed or deleted', TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END $$
"""
# Evidence stays; what was written of a person in free words goes when they ask for it.
_BUT = """IF TG_OP = 'UPDATE' AND current_setting('loopline.forgetting', true) = TG_TABLE_NAME THEN
    RETURN NULL;
  END IF;
  """


def upgrade() -> None:
    op.add_column("patient", sa.Column("ended", sa.String(40)))
    op.add_column("patient", sa.Column("ended_at", sa.DateTime(timezone=True)))
    op.add_column("patient", sa.Column("ended_by_id", sa.Uuid()))
    op.create_foreign_key(
        op.f("fk_patient_ended_by_id_staff_member"), "patient", "staff_member", ["ended_by_id"], ["id"]
    )
    op.create_check_constraint(op.f("ck_patient_ending"), "patient", "ended IN ('deceased', 'moved', 'deleted')")
    op.create_check_constraint(
        op.f("ck_patient_ended_by_somebody"), "patient", "num_nonnulls(ended, ended_at, ended_by_id) IN (0, 3)"
    )
    op.create_check_constraint(
        op.f("ck_patient_deleted_is_nobody"),
        "patient",
        "ended IS DISTINCT FROM 'deleted' OR ("
        "given_name = '\u2014' AND concat(family_name, search_name, line1, city, state, postal_code) = ''"
        " AND birth_date = make_date(extract(year FROM birth_date)::int, 1, 1) AND latitude IS NULL)",
    )
    op.create_table(
        "sms_deactivation_list",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_sms_deactivation_list")),
    )
    op.execute(_REFUSE.format(but=_BUT))


def downgrade() -> None:
    op.execute(_REFUSE.format(but=""))
    op.drop_table("sms_deactivation_list")
    for name in ("deleted_is_nobody", "ended_by_somebody", "ending"):
        op.drop_constraint(f"ck_patient_{name}", "patient")
    op.drop_constraint("fk_patient_ended_by_id_staff_member", "patient")
    for name in ("ended_by_id", "ended_at", "ended"):
        op.drop_column("patient", name)
