"""Staff can be paged about an urgent text, and texts keep to the hours of the state they go to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sms_message", sa.Column("region", sa.Text(), nullable=True))
    op.add_column("staff_member", sa.Column("phone", sa.Text(), nullable=True))
    op.add_column("staff_member", sa.Column("on_call", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.alter_column("staff_member", "on_call", server_default=None)
    op.create_check_constraint(
        op.f("ck_staff_member_on_call_has_a_phone"), "staff_member", "NOT on_call OR phone IS NOT NULL"
    )
    op.add_column("work_item", sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("work_item", sa.Column("taken_by_id", sa.Uuid(), nullable=True))
    op.create_foreign_key("fk_work_item_taken_by_id_staff_member", "work_item", "staff_member", ["taken_by_id"], ["id"])
    op.create_check_constraint(
        op.f("ck_work_item_taken_by_somebody"), "work_item", "(taken_at IS NULL) = (taken_by_id IS NULL)"
    )
    op.add_column("work_item", sa.Column("page_step", sa.Integer(), server_default="0", nullable=False))
    op.alter_column("work_item", "page_step", server_default=None)
    op.add_column("work_item", sa.Column("page_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_work_item_page_at",
        "work_item",
        ["page_at"],
        postgresql_where=sa.text("page_at IS NOT NULL AND taken_at IS NULL AND done_at IS NULL"),
    )
    op.create_table(
        "staff_page",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["item_id"], ["work_item.id"], name="fk_staff_page_item_id_work_item"),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_member.id"], name="fk_staff_page_staff_id_staff_member"),
        sa.PrimaryKeyConstraint("id", name="pk_staff_page"),
    )
    op.create_index("ix_staff_page_item_id", "staff_page", ["item_id"])
    op.create_index("ix_staff_page_message_id", "staff_page", ["message_id"])
    op.create_index("ix_staff_page_phone_at", "staff_page", ["phone", "at"])


def downgrade() -> None:
    op.drop_table("staff_page")
    op.drop_index("ix_work_item_page_at", "work_item")
    op.drop_column("work_item", "page_at")
    op.drop_column("work_item", "page_step")
    op.drop_constraint(op.f("ck_work_item_taken_by_somebody"), "work_item", type_="check")
    op.drop_constraint("fk_work_item_taken_by_id_staff_member", "work_item", type_="foreignkey")
    op.drop_column("work_item", "taken_by_id")
    op.drop_column("work_item", "taken_at")
    op.drop_constraint(op.f("ck_staff_member_on_call_has_a_phone"), "staff_member", type_="check")
    op.drop_column("staff_member", "on_call")
    op.drop_column("staff_member", "phone")
    op.drop_column("sms_message", "region")
