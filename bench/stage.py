"""What a measurement of texts runs on: a PostgreSQL, and real processes for the web, the workers and the provider."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
from flask import Flask
from flask_migrate import upgrade
from psycopg import sql
from sqlalchemy.engine import make_url

from app import config, create_app
from app.config import ROOT
from app.db import db
from app.embedded import start
from tests import fake_twilio

TEMPLATE = "loopline_template"


@contextmanager
def databases() -> Iterator[Databases]:
    """An embedded PostgreSQL of its own, gone at the end."""
    with tempfile.TemporaryDirectory(prefix="loopline-bench-", ignore_cleanup_errors=True) as folder:
        server = start(Path(folder) / "postgres")
        try:
            yield Databases(server.url)
        finally:
            server.stop()


class Databases:
    """Migrated databases, as many as are wanted, on one server."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._create(TEMPLATE, "template1")
        app = create_app(config.load(settings(self._named(TEMPLATE))))
        with app.app_context():
            upgrade()
            db.engine.dispose()

    def fresh(self, name: str, like: str = TEMPLATE) -> str:
        """The address of a new database with every table and the rows of `like`: none, unless one is named."""
        self._create(name, like)
        return self._named(name)

    def _create(self, name: str, template: str) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))

    def _named(self, name: str) -> str:
        url = make_url(self._url).set(database=name)
        return url.render_as_string(hide_password=False)


def settings(database_url: str, **more: str) -> dict[str, str]:
    """An installation that texts around the clock, as often as it likes, in no hurry to wait."""
    return {
        "DATABASE_URL": database_url,
        "SECRET_KEY": "bench",
        "LOOPLINE_DEMO": "0",
        "QUIET_HOURS": "off",
        "TWILIO_ACCOUNT_SID": fake_twilio.ACCOUNT,
        "TWILIO_AUTH_TOKEN": fake_twilio.TOKEN,
        "TWILIO_FROM": fake_twilio.NUMBER,
        **more,
    }


def begin(*command: str, environment: Mapping[str, str], log: Path) -> subprocess.Popen[str]:
    """Start a Python program; `log` gets what it says."""
    with log.open("a", encoding="utf-8") as said:
        return subprocess.Popen(  # noqa: S603  our own programs
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env={**os.environ, **environment},
            text=True,
            stdout=said,
            stderr=said,
        )


def begin_web(port: int, environment: Mapping[str, str], log: Path) -> subprocess.Popen[str]:
    """The web server, once it answers."""
    web = begin(
        "gunicorn", "wsgi:app", f"--bind=127.0.0.1:{port}", "--workers=1", "--threads=8", "--no-control-socket",
        environment=environment, log=log,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not _answers(port):
        if web.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"The web server did not start:\n{log.read_text(encoding='utf-8')}")
        time.sleep(0.1)
    return web


def begin_worker(environment: Mapping[str, str], log: Path) -> subprocess.Popen[str]:
    return begin("flask", "--app", "wsgi", "worker", environment=environment, log=log)


def begin_twilio(*options: str) -> tuple[subprocess.Popen[str], str]:
    """The provider and its address."""
    twilio = subprocess.Popen(  # noqa: S603  ours
        [sys.executable, "-m", "bench.unruly_twilio", *options],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    if twilio.stdout is None:
        raise SystemExit("The fake provider does not speak.")
    return twilio, f"http://127.0.0.1:{int(twilio.stdout.readline())}"


def end(*processes: subprocess.Popen[str]) -> None:
    """At once, and for good."""
    for process in processes:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2).close()
    except (urllib.error.URLError, OSError):
        return False
    return True


def an_app(environment: Mapping[str, str]) -> Flask:
    return create_app(config.load(environment))
