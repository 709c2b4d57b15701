"""`flask directory export …`: the whole directory in files, for whoever else keeps one."""

from __future__ import annotations

from pathlib import Path

import click
from sqlalchemy import text

from app.db import session
from app.errors import DomainError
from app.publishing import operations
from app.publishing.operations import Scope


@click.command("export")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--confidential", is_flag=True, help="With the addresses of confidential locations. Keep the files safe.")
@click.option("--history", is_flag=True, help="With every change that was ever made, as HSDS metadata.")
def export(path: Path, *, confidential: bool, history: bool) -> None:
    """Write the directory to PATH, a new folder or a new .zip, as an HSDS 3.1 package.

    Taking it in again with `directory import` gives the same rows. Without --confidential it holds no address of a
    confidential location, so it is no backup.
    """
    hold_still()
    rows = 0

    def on_table(_table: str, count: int) -> None:
        nonlocal rows
        rows += count

    try:
        operations.export(path, Scope(confidential=confidential, history=history), on_table)
    except DomainError as error:
        raise click.ClickException(error.sentence) from None
    click.echo(f"{rows:,} rows are in {path}.")


def hold_still() -> None:
    """See the directory as it is at this moment until the end, whatever an import does to it meanwhile."""
    session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
