"""Patients who are away for a while, what would be done for them waits; and a note on finished work."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

WHY = ("hospital", "travel", "grief", "custody", "asked", "other")


def upgrade() -> None:
    op.create_table(
        "patient_pause",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.Column(
            "why", sa.Enum(*WHY, name="why", native_enum=False, create_constraint=True, length=40), nullable=False
        ),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("begun_by_id", sa.Uuid(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("until > since", name=op.f("ck_patient_pause_lasts")),
        sa.CheckConstraint(
            "ended_by_id IS NULL OR ended_at IS NOT NULL", name=op.f("ck_patient_pause_ended_by_somebody")
        ),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_patient_pause_patient_id_patient")),
        sa.ForeignKeyConstraint(
            ["begun_by_id"], ["staff_member.id"], name=op.f("fk_patient_pause_begun_by_id_staff_member")
        ),
        sa.ForeignKeyConstraint(
            ["ended_by_id"], ["staff_member.id"], name=op.f("fk_patient_pause_ended_by_id_staff_member")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient_pause")),
    )
    op.create_index(op.f("ix_patient_pause_patient_id"), "patient_pause", ["patient_id"])
    op.create_index(
        "uq_patient_pause_now",
        "patient_pause",
        ["patient_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.add_column("work_item", sa.Column("note", sa.Text(), nullable=False, server_default=""))
    op.alter_column("work_item", "note", server_default=None)
    op.create_index(
        "ix_work_item_done", "work_item", ["team_id", "done_at"], postgresql_where=sa.text("done_by_id IS NOT NULL")
    )


def downgrade() -> None:
    op.drop_index("ix_work_item_done", table_name="work_item")
    op.drop_column("work_item", "note")
    op.drop_table("patient_pause")
