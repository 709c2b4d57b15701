"""What our commands have in common: in a database that was never brought up to date they say so in a sentence."""

from __future__ import annotations

from typing import Any

import click
from flask.cli import AppGroup
from psycopg.errors import UndefinedColumn, UndefinedTable
from sqlalchemy.exc import ProgrammingError


class Commands(AppGroup):
    """A feature's commands."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401  click's own signature
        try:
            return super().invoke(ctx)
        except ProgrammingError as error:
            if not isinstance(error.orig, UndefinedTable | UndefinedColumn):
                raise
            raise click.ClickException(
                "This database is empty, or older than this program: “flask --app wsgi db upgrade” mends that."
                " Is it the right one? See DATABASE_URL and LOOPLINE_INSTANCE."
            ) from error
