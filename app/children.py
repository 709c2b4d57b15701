"""Child processes that never outlive their parent, however it dies.

A supervisor can stop its children when it is asked to end, but not when it is killed with SIGKILL.
So every child has a guard: a shell that waits on a pipe whose other end only the parent holds.
When the parent is gone, the kernel closes the pipe, and the guard passes the child a signal.
It costs one small process for each child, and works the same on Linux and macOS.

Children and guards lead sessions of their own: Ctrl-C in a terminal goes to the whole foreground
group, and the order in which things stop is the parent's to choose.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from setproctitle import setproctitle

# What the guard does: $1 the signal, $2 the child, $3 how many seconds the child has to end.
GUARD = """
read -r _
kill -s "$1" "$2"
while [ "$3" -gt 0 ] && sleep 1; do
    kill -s 0 "$2" || exit
    set -- "$1" "$2" $(($3 - 1))
done
kill -s KILL "$2"
"""

HIGHEST_DESCRIPTOR = 1 << 16


@dataclass(frozen=True)
class Ending:
    """How a child ends.

    :param asked: the signal that asks it to end in good order.
    :param orphaned: the signal it gets when its parent has died.
    :param orphan_ends_within: seconds after which an orphan is killed.
    """

    asked: signal.Signals = signal.SIGTERM
    orphaned: signal.Signals = signal.SIGTERM
    orphan_ends_within: int = 5


@dataclass(frozen=True)
class RunAs:
    """The system user that a child runs as, when it is not our own."""

    uid: int
    gid: int


class Child:
    """A running process of ours and its guard; `poll` says how it ended, as `exit_code` does."""

    def __init__(self, pid: int, poll: Callable[[], int | None], ending: Ending) -> None:
        self.pid = pid
        self._poll = poll
        self._ending = ending
        self._guard = _guard(pid, ending)

    @property
    def exit_code(self) -> int | None:
        """How it ended (minus the signal's number, when a signal ended it); None while it runs."""
        code = self._poll()
        if code is not None:
            self._dismiss_guard()
        return code

    def stop(self, seconds: float, *, hurry: Callable[[], bool] = lambda: False) -> None:
        """Ask it to end; kill it after `seconds`, or once there is a `hurry`."""
        deadline = time.monotonic() + seconds
        if self.exit_code is None:
            os.kill(self.pid, self._ending.asked)
        while self.exit_code is None:
            if hurry() or time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
            time.sleep(0.02)

    def _dismiss_guard(self) -> None:
        """Before anything else may get the child's number, nobody may still mean to signal it."""
        if self._guard.poll() is None:
            self._guard.kill()
            self._guard.wait()
        if self._guard.stdin:
            self._guard.stdin.close()


def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    ending: Ending,
    run_as: RunAs | None = None,
    output: IO[bytes] | None = None,
) -> Child:
    """Start a program, from /, which every user may enter."""
    process = subprocess.Popen(  # noqa: S603  our own commands
        argv,
        cwd=Path("/"),
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        user=run_as.uid if run_as else None,
        group=run_as.gid if run_as else None,
        extra_groups=[] if run_as else None,
    )
    return Child(process.pid, process.poll, ending)


def fork(title: str, work: Callable[[], object], *, ending: Ending, keep: Collection[int] = ()) -> Child:
    """Do `work` in a copy of this process, called `title` in lists of processes.

    A copy has everything imported already, which takes a new process seconds. The price: it must be made while this
    process has one thread and no connection.

    :param keep: the open files that the copy keeps, beside the three standard ones.
    """
    process = multiprocessing.get_context("fork").Process(
        target=_as_child, args=(title, work, frozenset(keep)), daemon=True
    )
    process.start()
    if process.pid is None:
        raise AssertionError("a process that was started has a number")
    return Child(process.pid, lambda: process.exitcode, ending)


def _as_child(title: str, work: Callable[[], object], keep: frozenset[int]) -> None:
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    _close_all_but(keep)
    setproctitle(title)
    work()


def _close_all_but(keep: frozenset[int]) -> None:
    """The locks and the guards' pipes are the parent's: open here too, they would outlive it."""
    first = 3
    for kept in sorted(keep):
        os.closerange(first, kept)
        first = kept + 1
    os.closerange(first, HIGHEST_DESCRIPTOR)


def _guard(pid: int, ending: Ending) -> subprocess.Popen[bytes]:
    name = ending.orphaned.name.removeprefix("SIG")
    return subprocess.Popen(  # noqa: S603  our own script, a word and two numbers
        ["/bin/sh", "-c", GUARD, "guard", name, str(pid), str(ending.orphan_ends_within)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
