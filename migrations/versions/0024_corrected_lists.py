"""What agencies say of their languages and of whom they serve stays, as their phones, hours and papers do (0009).

And of two services that are one, the one that stays takes what only the other says; a merge notes what that was.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

LISTS = ("language", "service_area")


def upgrade() -> None:
    for table in LISTS:
        op.execute(
            f"CREATE TRIGGER keep_local_edits BEFORE INSERT OR UPDATE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION keep_local_edits()"
        )
    op.add_column(
        "directory_merge",
        sa.Column("taken", postgresql.ARRAY(sa.Text()), nullable=False, server_default=sa.text("'{}'")),
    )


def downgrade() -> None:
    op.drop_column("directory_merge", "taken")
    for table in LISTS:
        op.execute(f"DROP TRIGGER keep_local_edits ON {table}")
