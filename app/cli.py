"""Commands about the whole installation; a feature's own commands stand in the feature."""

from __future__ import annotations

import os
from ipaddress import ip_address

import click
from flask import Flask, current_app
from flask_migrate import upgrade

from app import config, jobs, seeding, serve
from app.db import db, session
from app.embedded import of_this_process
from app.staff import demo


def init_app(app: Flask) -> None:
    app.cli.add_command(serve_command)
    app.cli.add_command(worker)


@click.command("serve")
@click.option("--host", envvar="HOST", default="127.0.0.1", show_default=True, help="Where to listen. [env: HOST]")
@click.option(
    "--port",
    envvar="PORT",
    default=8000,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="0 is any free one. [env: PORT]",
)
def serve_command(host: str, port: int) -> None:
    """Start the web server, the worker and, without DATABASE_URL, PostgreSQL; Ctrl-C stops them."""
    app = _app()
    if config.settings().demo and not _is_loopback(host):
        click.secho(
            f"WARNING: anybody who can reach {host} can sign in here with the published password of the demonstration. "
            "LOOPLINE_DEMO=0 turns it off.",
            fg="red",
            bold=True,
        )
    plan = serve.Plan(
        app=app,
        work=lambda: _work(app, once=False, concurrency=4),
        database_url=config.settings().database_url,
        embedded=None if os.environ.get("DATABASE_URL") else of_this_process(config.database_folder(os.environ)),
        host=host,
        port=port,
        web_processes=config.settings().web_processes,
        steps=[
            serve.Step("Bringing the database up to date", _migrate),
            *([serve.Step("Filling the town of Millbrook", _fill)] if config.settings().demo else []),
        ],
        sign_ins=[serve.SignIn(who.email, who.role) for who in demo.accounts()] if config.settings().demo else (),
        password=demo.PASSWORD,
    )
    try:
        serve.serve(plan)
    except serve.ServeError as error:
        raise click.ClickException(str(error)) from error


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _migrate() -> None:
    upgrade()
    _let_go()


def _fill() -> None:
    seeding.load(config.ROOT / "seed")
    _let_go()


def _let_go() -> None:
    """The supervisor needs no connection while the others work."""
    session.remove()
    db.engine.dispose()


@click.command("worker")
@click.option("--once", is_flag=True, help="Do what is due now, then stop.")
@click.option("--concurrency", default=4, show_default=True, help="How many jobs at the same time.")
def worker(once: bool, concurrency: int) -> None:  # noqa: FBT001  click passes flags by position
    """Do the background work: send texts, read replies, watch the clocks."""
    _work(_app(), once=once, concurrency=concurrency)


def _work(app: Flask, *, once: bool, concurrency: int) -> None:
    jobs.put_back_abandoned()
    session.commit()
    jobs.work(app, once=once, concurrency=concurrency)


def _app() -> Flask:
    return current_app._get_current_object()  # type: ignore[attr-defined,no-any-return]  # noqa: SLF001  Flask's own way to unwrap
