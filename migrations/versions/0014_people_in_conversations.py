"""A person can take a conversation over and write a text; what a person must read is a piece of work and nothing else."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "takeover",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "ended_by_id IS NULL OR ended_at IS NOT NULL", name=op.f("ck_takeover_given_back_when_ended")
        ),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_takeover_patient_id_patient")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_member.id"], name=op.f("fk_takeover_staff_id_staff_member")),
        sa.ForeignKeyConstraint(
            ["ended_by_id"], ["staff_member.id"], name=op.f("fk_takeover_ended_by_id_staff_member")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_takeover")),
    )
    op.create_index(
        "uq_takeover_now", "takeover", ["patient_id"], unique=True, postgresql_where=sa.text("ended_at IS NULL")
    )
    op.add_column("sms_message", sa.Column("written_by", sa.Uuid(), nullable=True))
    op.drop_index("ix_sms_inbound_for_a_person", table_name="sms_inbound")
    op.drop_constraint(op.f("ck_sms_inbound_handled_by_somebody"), "sms_inbound", type_="check")
    for column in ("for_a_person", "handled_at", "handled_by"):
        op.drop_column("sms_inbound", column)


def downgrade() -> None:
    op.add_column("sms_inbound", sa.Column("handled_by", sa.Uuid(), nullable=True))
    op.add_column("sms_inbound", sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "sms_inbound", sa.Column("for_a_person", sa.Boolean(), nullable=False, server_default=sa.text("false"))
    )
    op.alter_column("sms_inbound", "for_a_person", server_default=None)
    op.create_check_constraint(
        op.f("ck_sms_inbound_handled_by_somebody"), "sms_inbound", "(handled_at IS NULL) = (handled_by IS NULL)"
    )
    op.create_index(
        "ix_sms_inbound_for_a_person",
        "sms_inbound",
        ["received_at"],
        postgresql_where=sa.text("for_a_person AND handled_at IS NULL"),
    )
    op.drop_column("sms_message", "written_by")
    op.drop_index("uq_takeover_now", table_name="takeover", postgresql_where=sa.text("ended_at IS NULL"))
    op.drop_table("takeover")
