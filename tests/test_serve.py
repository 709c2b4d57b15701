"""What `make run` starts comes back after every death, and nothing of it lingers."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from app.embedded import start
from tests.folders import temporary_folder
from tests.running import STARTS_WITHIN, Run, begin, is_there, until


@pytest.fixture
def folder() -> Iterator[Path]:
    with temporary_folder() as folder:
        yield folder


@pytest.fixture
def serve(folder: Path) -> Iterator[Callable[..., Run]]:  # noqa: ARG001  it goes after what runs in it
    """Begins runs, and ends with the test those it left."""
    runs: list[Run] = []

    def serve(instance: Path, **settings: str) -> Run:
        runs.append(begin(instance, **settings))
        return runs[-1]

    yield serve
    for run in runs:
        run.stop()


@pytest.fixture(scope="module")
def town() -> Iterator[Path]:
    """A folder that the first run fills and the next ones find."""
    with temporary_folder() as folder:
        yield folder / "instance"


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """One run for the tests that leave it as they found it."""
    with temporary_folder() as folder:
        run = begin(folder / "instance")
        try:
            run.wait_until_ready()
            yield run
        finally:
            run.stop()


def test_it_says_where_it_is_and_who_can_sign_in(run: Run) -> None:
    health = run.health()
    assert health is not None
    assert health["status"] == "ok"
    for email in ("worker@demo.test", "lead@demo.test", "agency@demo.test", "admin@demo.test"):
        assert email in run.said


@pytest.mark.parametrize("part", ["worker", "web", "database"])
def test_a_part_that_is_killed_is_started_again(run: Run, part: str) -> None:
    before = run.children()[part]

    def is_replaced() -> bool:
        now = run.children()
        return set(now) == {"web", "worker", "database"} and now[part] != before

    before.kill()
    assert until(is_replaced)
    assert until(run.health)
    assert "ended unexpectedly" in run.said


def test_a_second_run_on_the_same_port_says_what_to_do(run: Run, serve: Callable[..., Run], folder: Path) -> None:
    second = serve(folder / "instance", PORT=str(run.port))
    assert second.process.wait(STARTS_WITHIN) == 1
    assert second.said.splitlines()[-1] == (
        f"Error: Port {run.port} is already in use: stop what uses it, or choose another: make run PORT={run.port + 1}"
    )


def test_a_port_must_be_a_number(serve: Callable[..., Run], folder: Path) -> None:
    refused = serve(folder / "instance", PORT="http")
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


def test_it_uses_the_postgresql_of_database_url(serve: Callable[..., Run], folder: Path) -> None:
    with start(folder / "elsewhere") as server:
        url = server.url.replace("postgresql://", "postgres://")
        run = serve(folder / "instance", DATABASE_URL=url)
        run.wait_until_ready()
        assert set(run.children()) == {"web", "worker"}
        assert run.health() is not None
        assert run.stop() == 0
        assert server.alive()
    assert not (folder / "instance" / "postgres").exists()


def test_a_database_url_that_leads_nowhere_is_explained_in_a_sentence(serve: Callable[..., Run], folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nowhere = listener.getsockname()[1]
    run = serve(folder / "instance", DATABASE_URL=f"postgresql://someone@127.0.0.1:{nowhere}/loopline")
    assert run.process.wait(STARTS_WITHIN) == 1
    assert "Traceback" not in run.said
    assert "The PostgreSQL of DATABASE_URL cannot be reached" in run.said
