"""A referral follows another by itself, several go out together, and waits differ by agency and need."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "clock_override",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("need", sa.Text(), nullable=True),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_by_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "organization_id IS NOT NULL OR need IS NOT NULL", name=op.f("ck_clock_override_for_somebody")
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_clock_override_waits")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_clock_override_organization_id_organization")
        ),
        sa.ForeignKeyConstraint(
            ["set_by_id"], ["staff_member.id"], name=op.f("fk_clock_override_set_by_id_staff_member")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clock_override")),
        sa.UniqueConstraint(
            "step", "organization_id", "need", name=op.f("uq_clock_override_step_organization_id_need")
        ),
    )
    for name, column, other in (("agency", "organization_id", "need"), ("need", "need", "organization_id")):
        op.create_index(
            f"uq_clock_override_{name}",
            "clock_override",
            ["step", column],
            unique=True,
            postgresql_where=sa.text(f"{other} IS NULL"),
        )
    op.create_index(op.f("ix_clock_override_organization_id"), "clock_override", ["organization_id"])
    op.add_column("referral", sa.Column("instead_of_id", sa.Uuid(), nullable=True))
    op.add_column("referral", sa.Column("group_id", sa.Uuid(), nullable=True))
    op.create_unique_constraint(op.f("uq_referral_instead_of_id"), "referral", ["instead_of_id"])
    op.create_foreign_key(op.f("fk_referral_instead_of_id_referral"), "referral", "referral", ["instead_of_id"], ["id"])
    op.create_index(op.f("ix_referral_group_id"), "referral", ["group_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_referral_group_id"), "referral")
    op.drop_constraint(op.f("fk_referral_instead_of_id_referral"), "referral")
    op.drop_constraint(op.f("uq_referral_instead_of_id"), "referral")
    op.drop_column("referral", "group_id")
    op.drop_column("referral", "instead_of_id")
    op.drop_table("clock_override")
