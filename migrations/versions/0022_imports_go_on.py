"""How far an import of which package came, so that one that broke off goes on from there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("directory_import", sa.Column("digest", sa.Text(), server_default="", nullable=False))
    op.add_column("directory_import", sa.Column("items_done", sa.Integer(), server_default="0", nullable=False))
    for column in ("digest", "items_done"):
        op.alter_column("directory_import", column, server_default=None)


def downgrade() -> None:
    for column in ("items_done", "digest"):
        op.drop_column("directory_import", column)
