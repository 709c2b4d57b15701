"""Runs the migrations on the application's own engine, one transaction for each."""

from __future__ import annotations

from typing import Any

from alembic import context
from flask import current_app

database = current_app.extensions["migrate"].db


def ours(_thing: object, name: str | None, kind: str, _reflected: bool, _compared: object) -> bool:  # noqa: FBT001
    """Whether the models describe it: the job engine's tables are its own business."""
    return not (kind == "table" and name and name.startswith("procrastinate_"))


def run() -> None:
    options: dict[str, Any] = {
        "target_metadata": database.metadata,
        "include_object": ours,
        "transaction_per_migration": True,
        "compare_server_default": True,
    }
    if context.is_offline_mode():
        context.configure(url=str(database.engine.url), literal_binds=True, **options)
        with context.begin_transaction():
            context.run_migrations()
        return
    with database.engine.connect() as connection:
        context.configure(connection=connection, **options)
        with context.begin_transaction():
            context.run_migrations()


run()
