"""The tables of the job engine."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# A copy, because a migration must do the same for ever, whichever version of the library is installed.
SCHEMA = Path(__file__).parent.parent / "procrastinate-3.10.sql"


def upgrade() -> None:
    # Past SQLAlchemy: these are many statements at once, and their % signs mean what they say.
    op.get_bind().connection.driver_connection.execute(SCHEMA.read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("DROP TABLE procrastinate_events, procrastinate_periodic_defers CASCADE")
    op.execute("DROP TABLE procrastinate_jobs, procrastinate_workers CASCADE")
    op.execute(
        """
        DO $$ DECLARE thing record; BEGIN
          FOR thing IN SELECT oid::regprocedure AS name FROM pg_proc WHERE proname LIKE 'procrastinate\\_%' LOOP
            EXECUTE 'DROP FUNCTION ' || thing.name || ' CASCADE';
          END LOOP;
          FOR thing IN SELECT typname AS name FROM pg_type WHERE typname LIKE 'procrastinate\\_%' LOOP
            EXECUTE 'DROP TYPE IF EXISTS ' || thing.name || ' CASCADE';
          END LOOP;
        END $$
        """
    )
