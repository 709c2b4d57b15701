"""The embedded PostgreSQL comes back with its data from every way of ending that we can think of."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from app.config import ROOT
from app.embedded import Embedded, EmbeddedError, start
from tests.folders import temporary_folder

OWNER = """
import sys, time, types
from pathlib import Path
app = sys.modules["app"] = types.ModuleType("app")  # a package without its composition root, which takes a second
app.__path__ = ["app"]
from app.embedded import start
server = start(Path(sys.argv[1]))
print(server.url, server.pid, server._server._guard.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with temporary_folder() as folder:
        yield folder


@pytest.fixture
def data(folder: Path) -> Path:
    return folder / "postgres"


@pytest.fixture
def owner(data: Path) -> Iterator[tuple[subprocess.Popen[str], str, int, int]]:
    """Another process that owns a server on `data`, with one row in it: (process, url, server, guard)."""
    process = subprocess.Popen([sys.executable, "-c", OWNER, data], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    with process.stdout:
        url, server, guard = process.stdout.readline().split()
    write(url)
    yield process, url, int(server), int(guard)
    process.kill()
    process.wait()


def write(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (word text)")
        connection.execute("INSERT INTO kept VALUES ('still here')")


def read(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [word for (word,) in connection.execute("SELECT word FROM kept")]


def until(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def kill(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def test_what_was_written_is_there_after_the_next_start(data: Path) -> None:
    with start(data) as first:
        write(first.url)
    with start(data) as second:
        assert read(second.url) == ["still here"]


def test_everybody_sorts_and_folds_letters_alike(data: Path) -> None:
    with start(data) as server, psycopg.connect(server.url) as connection:
        row = connection.execute("SELECT lower('ÁÑ'), current_setting('timezone')").fetchone()
    assert row == ("áñ", "UTC")


@pytest.mark.parametrize(
    "name",
    [
        "a folder, with a comma",
        "Übung \"quoted\" 'twice' 100%20",
        "deep/" * 40,  # longer than the path of a socket may be
    ],
)
def test_any_folder_will_do(folder: Path, name: str) -> None:
    with start(folder / name / "postgres") as server:
        write(server.url)
        assert read(server.url) == ["still here"]


def test_nobody_else_can_connect(data: Path) -> None:
    with start(data) as server, psycopg.connect(server.url) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert data.stat().st_mode & 0o077 == 0


def test_a_second_process_shares_the_server_and_leaves_it_running(
    data: Path, owner: tuple[subprocess.Popen[str], str, int, int]
) -> None:
    process, url, pid, _ = owner
    with start(data) as shared:
        assert not shared.owned
        assert (shared.url, shared.pid) == (url, pid)
        assert shared.alive()
    assert read(url) == ["still here"]
    assert process.poll() is None


def test_whoever_shared_it_can_own_it_when_the_owner_is_gone(
    data: Path, owner: tuple[subprocess.Popen[str], str, int, int]
) -> None:
    process, *_ = owner
    with start(data) as shared:
        process.kill()
        assert until(lambda: not shared.alive())
        shared.revive()
        assert shared.owned
        assert read(shared.url) == ["still here"]


def test_a_killed_server_is_revived_with_its_data(data: Path) -> None:
    with start(data) as server:
        write(server.url)
        assert server.pid
        kill(server.pid)
        assert until(lambda: not server.alive())
        server.revive()
        assert read(server.url) == ["still here"]


def test_the_server_ends_in_good_order_when_its_owner_is_killed(
    data: Path, owner: tuple[subprocess.Popen[str], str, int, int]
) -> None:
    process, *_ = owner
    process.kill()
    log = Path(f"{data}.log")
    # The server removes its pid file before it writes its last word.
    assert until(lambda: "database system is shut down" in log.read_text(encoding="utf-8"))
    assert not (data / "postmaster.pid").exists()
    with start(data) as server:
        assert read(server.url) == ["still here"]


def test_a_folder_is_recovered_when_everything_was_killed(
    data: Path, owner: tuple[subprocess.Popen[str], str, int, int]
) -> None:
    process, _, pid, guard = owner
    kill(guard, process.pid, pid)
    process.wait()
    with start(data) as server:
        assert read(server.url) == ["still here"]


def test_a_server_that_lost_its_owner_is_replaced(
    data: Path, owner: tuple[subprocess.Popen[str], str, int, int]
) -> None:
    process, _, pid, guard = owner
    kill(guard, process.pid)
    process.wait()
    with start(data) as server:
        assert server.owned
        assert server.pid != pid
        assert read(server.url) == ["still here"]


def test_a_number_in_an_old_file_is_not_taken_for_a_server(
    data: Path, owner: tuple[subprocess.Popen[str], str, int, int]
) -> None:
    """After the machine has started anew, the number belongs to anybody: here to this test."""
    process, _, pid, guard = owner
    kill(guard, process.pid, pid)
    process.wait()
    for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
        file = data / name
        file.write_text(file.read_text(encoding="utf-8").replace(str(pid), str(os.getpid()), 1), encoding="utf-8")
    with start(data) as server:
        assert read(server.url) == ["still here"]


def test_a_half_made_folder_is_made_anew(data: Path) -> None:
    unfinished = Path(f"{data}.new")
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n", encoding="ascii")
    with start(data) as server:
        write(server.url)
    assert not unfinished.exists()


def test_a_folder_of_something_else_is_left_alone(data: Path) -> None:
    data.mkdir()
    (data / "letter.txt").write_text("Dear Ana", encoding="utf-8")
    with pytest.raises(EmbeddedError, match="not a PostgreSQL data folder"):
        start(data)
    assert [file.name for file in data.iterdir()] == ["letter.txt"]


def test_a_folder_of_another_version_is_left_alone(data: Path) -> None:
    data.mkdir()
    (data / "PG_VERSION").write_text("16\n", encoding="ascii")
    with pytest.raises(EmbeddedError, match="was made by PostgreSQL 16"):
        start(data)


def test_a_refusal_says_why_and_lets_others_try(data: Path) -> None:
    start(data).stop()
    shutil.move(data / "global", data / "moved")
    with pytest.raises(EmbeddedError, match=r"PostgreSQL did not start: .*global"):
        start(data)
    shutil.move(data / "moved", data / "global")
    with start(data) as server:
        assert isinstance(server, Embedded)
