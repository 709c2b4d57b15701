"""Several people on one phone: a number of ours for each, or a reference for each request."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sms_message", sa.Column("number", sa.Text()))
    op.create_table(
        "sms_sender",
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Uuid(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("phone", "recipient", name=op.f("pk_sms_sender")),
        sa.UniqueConstraint("phone", "place", name=op.f("uq_sms_sender_phone_place")),
    )
    op.create_table(
        "reference",
        sa.Column("referral_id", sa.Uuid(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["referral_id"], ["referral.id"], name=op.f("fk_reference_referral_id_referral")),
        sa.PrimaryKeyConstraint("referral_id", "phone", name=op.f("pk_reference")),
        sa.UniqueConstraint("phone", "code", name=op.f("uq_reference_phone_code")),
    )
    op.add_column("question", sa.Column("number", sa.Text(), nullable=False, server_default=""))
    op.alter_column("question", "number", server_default=None)
    op.drop_index("uq_question_open_phone", table_name="question")
    op.create_index(
        "uq_question_open_phone_number",
        "question",
        ["phone", "number"],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
    )


def downgrade() -> None:
    op.execute(
        "UPDATE question SET closed_at = now() WHERE closed_at IS NULL AND EXISTS (SELECT FROM question AS other "
        "WHERE other.phone = question.phone AND other.closed_at IS NULL AND other.id < question.id)"
    )
    op.drop_index("uq_question_open_phone_number", table_name="question")
    op.create_index(
        "uq_question_open_phone", "question", ["phone"], unique=True, postgresql_where=sa.text("closed_at IS NULL")
    )
    op.drop_column("question", "number")
    op.drop_table("reference")
    op.drop_table("sms_sender")
    op.drop_column("sms_message", "number")
