"""What `make run` starts comes back after every death, and nothing of it lingers."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import pytest

from app.config import ROOT
from app.embedded import start

STARTS_WITHIN = 60.0


@dataclass
class Run:
    """A running `flask --app wsgi serve` and what it has said."""

    process: subprocess.Popen[bytes]
    log: Path
    instance: Path

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    @property
    def port(self) -> int:
        found = re.search(r"http://127\.0\.0\.1:(\d+)", self.said)
        assert found, self.said
        return int(found[1])

    def wait_until_ready(self) -> None:
        assert until(lambda: "Ctrl-C stops it" in self.said or self.process.poll() is not None, STARTS_WITHIN)
        assert self.process.poll() is None, self.said

    def health(self) -> Mapping[str, object] | None:
        """What /healthz says, or None where nobody answers that all is well."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", "/healthz")
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        return dict(json.loads(body)) if answer.status == http.HTTPStatus.OK else None

    def children(self) -> dict[str, psutil.Process]:
        """The process of each part."""
        words = {"web": "gunicorn", "worker": "worker", "database": "-D"}
        running = [child for child in psutil.Process(self.process.pid).children() if is_there(child)]
        return {part: child for part, word in words.items() for child in running if word in arguments(child)}

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(60)


def until(condition: Callable[[], object], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not (met := bool(condition())) and time.monotonic() < deadline:
        time.sleep(0.05)
    return met


def is_there(process: psutil.Process) -> bool:
    """Whether it runs; the dead may lie about until somebody buries them."""
    return bool(arguments(process))


def arguments(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []


def begin(instance: Path, **settings: str) -> Run:
    kept = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "HOST"}}
    environment = kept | {"LOOPLINE_INSTANCE": str(instance), "LOOPLINE_DEMO": "1", "PORT": "0"} | settings
    log = instance.with_suffix(".out")
    with log.open("wb") as out:
        command = [sys.executable, "-m", "flask", "--app", "wsgi", "serve"]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT)
    return Run(process, log, instance)


@pytest.fixture
def serve() -> Iterator[Callable[..., Run]]:
    """Begins runs, and ends with the test those it left."""
    runs: list[Run] = []

    def serve(instance: Path, **settings: str) -> Run:
        runs.append(begin(instance, **settings))
        return runs[-1]

    yield serve
    for run in runs:
        run.stop()


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the first run fills and the next ones find."""
    return tmp_path_factory.mktemp("town") / "instance"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """One run for the tests that leave it as they found it."""
    run = begin(tmp_path_factory.mktemp("serve") / "instance")
    try:
        run.wait_until_ready()
        yield run
    finally:
        run.stop()


def test_it_says_where_it_is_and_who_can_sign_in(run: Run) -> None:
    health = run.health()
    assert health is not None
    assert health["status"] == "ok"
    for email in ("worker@demo.test", "agency@demo.test", "admin@demo.test"):
        assert email in run.said


@pytest.mark.parametrize("part", ["worker", "web", "database"])
def test_a_part_that_is_killed_is_started_again(run: Run, part: str) -> None:
    before = run.children()[part]
    before.kill()
    assert until(lambda: set(run.children()) == {"web", "worker", "database"} and run.children()[part] != before)
    assert until(run.health)
    assert "ended unexpectedly" in run.said


def test_a_second_run_on_the_same_port_says_what_to_do(run: Run, serve: Callable[..., Run], tmp_path: Path) -> None:
    second = serve(tmp_path / "instance", PORT=str(run.port))
    assert second.process.wait(STARTS_WITHIN) == 1
    assert second.said.splitlines()[-1] == (
        f"Error: Port {run.port} is already in use: stop what uses it, or choose another: make run PORT={run.port + 1}"
    )


def test_a_port_must_be_a_number(serve: Callable[..., Run], tmp_path: Path) -> None:
    refused = serve(tmp_path / "instance", PORT="http")
    assert refused.process.wait(STARTS_WITHIN) != 0
    assert "'http' is not a valid integer" in refused.said


def test_asked_to_stop_it_leaves_nothing_running(serve: Callable[..., Run], town: Path) -> None:
    run = serve(town)
    run.wait_until_ready()
    children = run.children()
    assert set(children) == {"web", "worker", "database"}
    assert run.stop(signal.SIGINT) == 0
    assert not [part for part, child in children.items() if is_there(child)]
    assert not (town / "postgres" / "postmaster.pid").exists()


def test_killed_it_leaves_nothing_running_and_loses_nothing(serve: Callable[..., Run], town: Path) -> None:
    first = serve(town)
    first.wait_until_ready()
    children = first.children()
    with start(town / "postgres") as shared, psycopg.connect(shared.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 'still here' AS word")
        first.process.kill()
        first.process.wait()

    # At once, on the port that the dying web server may still hold.
    second = serve(town, PORT=str(first.port))
    second.wait_until_ready()
    assert until(lambda: not [part for part, child in children.items() if is_there(child)])
    assert until(second.health)
    with start(town / "postgres") as shared, psycopg.connect(shared.url) as connection:
        assert connection.execute("SELECT word FROM kept").fetchone() == ("still here",)


def test_it_uses_the_postgresql_of_database_url(serve: Callable[..., Run], tmp_path: Path) -> None:
    with start(tmp_path / "elsewhere") as server:
        url = server.url.replace("postgresql://", "postgres://")
        run = serve(tmp_path / "instance", DATABASE_URL=url)
        run.wait_until_ready()
        assert set(run.children()) == {"web", "worker"}
        assert run.health() is not None
        assert run.stop() == 0
        assert server.alive()
    assert not (tmp_path / "instance" / "postgres").exists()


def test_a_database_url_that_leads_nowhere_is_explained_in_a_sentence(
    serve: Callable[..., Run], tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nowhere = listener.getsockname()[1]
    run = serve(tmp_path / "instance", DATABASE_URL=f"postgresql://someone@127.0.0.1:{nowhere}/loopline")
    assert run.process.wait(STARTS_WITHIN) == 1
    assert "Traceback" not in run.said
    assert "The PostgreSQL of DATABASE_URL cannot be reached" in run.said
