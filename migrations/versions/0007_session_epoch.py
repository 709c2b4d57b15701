"""A session is good for as long as its number is the person's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("staff_member", sa.Column("session_epoch", sa.Integer(), nullable=False, server_default="0"))
    op.alter_column("staff_member", "session_epoch", server_default=None)
    op.execute("DELETE FROM sign_in_failure")  # counted under hashes that nobody looks for any more
    op.alter_column("sign_in_failure", "who", new_column_name="counted")
    op.execute("ALTER INDEX ix_sign_in_failure_who_at RENAME TO ix_sign_in_failure_counted_at")


def downgrade() -> None:
    op.execute("ALTER INDEX ix_sign_in_failure_counted_at RENAME TO ix_sign_in_failure_who_at")
    op.alter_column("sign_in_failure", "counted", new_column_name="who")
    op.drop_column("staff_member", "session_epoch")
