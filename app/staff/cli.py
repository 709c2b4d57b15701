from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import click

from app import forms
from app.commands import Commands
from app.db import session
from app.errors import Invalid
from app.staff import operations, queries, schemas
from app.staff.models import StaffMember
from app.staff.permissions import Role

cli = Commands("staff", help="People who sign in.")


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


@cli.command("revoke")
@click.argument("email")
def revoke(email: str) -> None:
    """End every API token of EMAIL."""
    revoked = operations.revoke_tokens(_known(email))
    session.commit()
    click.echo(f"{revoked} tokens revoked.")


@cli.command("list")
def everybody() -> None:
    """Show who can sign in."""
    for staff in queries.everybody():
        click.echo(f"{staff.email}\t{staff.role}\t{'open' if staff.active else 'closed'}")


@cli.command("team")
@click.argument("name")
@click.option("--phone", required=True, help="Where patients reach it, such as +14105550123.")
@click.option("--time-zone", required=True, help="Such as America/New_York.")
def team(name: str, phone: str, time_zone: str) -> None:
    """Make the team NAME, or change its phone and time zone."""
    with _said_in_a_sentence():
        operations.keep_team(name, phone=phone, time_zone=time_zone)
    session.commit()


@cli.command("add")
@click.argument("email")
@click.option("--name", required=True, help="As colleagues read it.")
@click.option("--role", required=True, type=click.Choice([role.value for role in Role]))
@click.option("--team", help="Of a health worker or team lead: the name that “staff team” gave it.")
@click.option("--organization", default="", help="Of an agency: the name that the directory has.")
@click.option("--generate-password", is_flag=True, help="Make one up and print it instead of asking for one.")
def add(  # noqa: PLR0913  a person is this many facts
    *, email: str, name: str, role: str, team: str | None, organization: str, generate_password: bool
) -> None:
    """Let EMAIL sign in; the first administrator of an installation begins here."""
    team_id = _team_named(team) if team else None
    password = (
        secrets.token_urlsafe(12)
        if generate_password
        else click.prompt("First password", hide_input=True, confirmation_prompt=True)
    )
    typed = {"email": email, "name": name, "role": role, "password": password, "organization": organization}
    with _said_in_a_sentence():
        person = forms.load(schemas.PersonIn(), typed | ({"team_id": team_id} if team_id else {}))
        organization_id = queries.organization_named(person.pop("organization"))
        operations.add_staff(**person, organization_id=organization_id)
    session.commit()
    if generate_password:
        click.echo(password)


def _known(email: str) -> StaffMember:
    staff = queries.staff_by_email(email)
    if staff is None:
        raise click.ClickException(f"Nobody has the address {email}; “staff list” shows who is there.")
    return staff


def _team_named(name: str) -> str:
    found = next((team for team in queries.teams() if team.name == name.strip()), None)
    if found is None:
        raise click.ClickException(f"There is no team “{name}”; “staff team” makes one.")
    return str(found.id)


@contextmanager
def _said_in_a_sentence() -> Iterator[None]:
    try:
        yield
    except Invalid as invalid:
        raise click.ClickException(invalid.sentence) from invalid
