"""What an import reports: every problem rather than the first thousand, how far it is, and whose help it touches."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "import_problem",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=True),
        sa.Column("field", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("kept", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["directory_import.id"], name=op.f("fk_import_problem_import_id_directory_import")
        ),
        sa.PrimaryKeyConstraint("import_id", "number", name=op.f("pk_import_problem")),
    )
    op.execute(
        "INSERT INTO import_problem (import_id, number, file, line, field, reason, kept)"
        " SELECT directory_import.id, said.number, said.problem ->> 'file', (said.problem ->> 'line')::int,"
        "        said.problem ->> 'field', said.problem ->> 'reason', (said.problem ->> 'kept')::boolean"
        " FROM directory_import, jsonb_array_elements(problems) WITH ORDINALITY AS said (problem, number)"
    )
    op.drop_column("directory_import", "problems")
    op.add_column("directory_import", sa.Column("progress", sa.Float(), server_default="0", nullable=False))
    op.add_column("directory_import", sa.Column("open_referrals", sa.Integer(), server_default="0", nullable=False))
    op.add_column("directory_import", sa.Column("dry_run", sa.Boolean(), server_default="false", nullable=False))
    op.add_column(
        "directory_import",
        sa.Column("examples", postgresql.JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
    )
    for column in ("progress", "open_referrals", "dry_run", "examples"):
        op.alter_column("directory_import", column, server_default=None)


def downgrade() -> None:
    for column in ("examples", "dry_run", "open_referrals", "progress"):
        op.drop_column("directory_import", column)
    op.add_column(
        "directory_import",
        sa.Column("problems", postgresql.JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
    )
    op.alter_column("directory_import", "problems", server_default=None)
    op.drop_table("import_problem")
