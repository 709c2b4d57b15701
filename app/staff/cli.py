from __future__ import annotations

import click
from flask.cli import AppGroup

from app.db import session
from app.staff import operations, queries

cli = AppGroup("staff", help="People who sign in.")


@cli.command("token")
@click.argument("email")
def token(email: str) -> None:
    """Print a new API token for EMAIL. It is shown this once."""
    staff = queries.staff_by_email(email)
    if staff is None or not staff.active:
        raise click.ClickException(f"Nobody with the address {email} can sign in; “staff list” shows who can.")
    issued = operations.issue_token(staff)
    session.commit()
    click.echo(issued)


@cli.command("list")
def everybody() -> None:
    """Show who can sign in."""
    for staff in queries.everybody():
        click.echo(f"{staff.email}\t{staff.role}\t{'open' if staff.active else 'closed'}")
