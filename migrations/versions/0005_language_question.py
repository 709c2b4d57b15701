"""A phone may be asked for its language, which is about no referral."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("question", sa.Column("language", sa.Text()))
    op.alter_column("question", "referral_id", nullable=True)
    op.create_check_constraint(
        op.f("ck_question_about_a_referral"), "question", "(asks = 'language') = (referral_id IS NULL)"
    )
    op.create_check_constraint(
        op.f("ck_question_offers_a_language"), "question", "(asks = 'language') = (language IS NOT NULL)"
    )


def downgrade() -> None:
    op.execute("DELETE FROM question WHERE asks = 'language'")
    op.drop_constraint("ck_question_offers_a_language", "question")
    op.drop_constraint("ck_question_about_a_referral", "question")
    op.alter_column("question", "referral_id", nullable=False)
    op.drop_column("question", "language")
