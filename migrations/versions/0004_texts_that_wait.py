"""Why a text waits, and what the provider was told of an opt-out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sms_message", sa.Column("waits_for", sa.Text()))
    op.add_column("sms_suppression", sa.Column("mirrored", sa.Text()))


def downgrade() -> None:
    op.drop_column("sms_suppression", "mirrored")
    op.drop_column("sms_message", "waits_for")
