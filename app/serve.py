"""Everything `make run` starts, in one terminal: PostgreSQL, the web server and the worker.

A supervisor starts the three, starts again what dies, and stops them in the order in which nothing
is lost: web, worker, database. It promises that nothing lingers when it is killed itself, and that
the next start finds everything as it was left.

The web server and the worker are copies of the supervisor, which has imported everything: they are
there at once, also after a crash. In production, the same two (`gunicorn wsgi:app` and
`flask --app wsgi worker`) run under whatever already looks after processes there.
"""

from __future__ import annotations

import errno
import http.client
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from types import FrameType

import psycopg
from flask import Flask
from gunicorn.app.base import BaseApplication
from rich.console import Console

from app.children import Child, Ending, fork
from app.config import libpq_url
from app.embedded import Embedded, EmbeddedError

OLDEST_POSTGRESQL = 14
WEB_THREADS = 8

LOOKS_EVERY = 0.2
PORT_FREED_WITHIN = 4.0
WEB_ANSWERS_WITHIN = 60.0
WEB_STOPS_WITHIN = 12.0
WORKER_STOPS_WITHIN = 25.0

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
SETTLED_AFTER = 60.0

FOLLOW_PARENT = "LOOPLINE_FOLLOW_PARENT"
"""Set by the Makefile: end when make does, even if it was killed and could not say so."""


class ServeError(Exception):
    """Loopline cannot be served like this; the message is one sentence that says what to do."""


@dataclass(frozen=True)
class Step:
    """Something to do before the first page is shown; it must be safe to do at every start."""

    title: str
    run: Callable[[], None]


@dataclass(frozen=True)
class SignIn:
    email: str
    role: str


@dataclass(frozen=True)
class Plan:
    """What to serve, where, and what to tell the person who started it.

    :param app: the web application.
    :param work: does jobs until SIGTERM asks it to finish.
    :param embedded: the server behind `database_url`, when we look after it ourselves.
    :param port: 0 takes any free one.
    :param steps: they leave no connection open.
    """

    app: Flask
    work: Callable[[], None]
    database_url: str
    embedded: Embedded | None
    host: str
    port: int
    web_processes: int
    steps: Sequence[Step]
    sign_ins: Sequence[SignIn] = ()
    password: str = ""


def serve(plan: Plan, console: Console | None = None) -> None:
    """Serve until Ctrl-C, SIGTERM or the end of the terminal, then stop everything.

    :raises ServeError: it cannot begin, or the web server does not come up.
    """
    console = console or Console(highlight=False, soft_wrap=True)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        _check_database(plan)
        with closing(_listen(plan.host, plan.port, console)) as listener:
            for step in plan.steps:
                with _progress(console, step.title):
                    step.run()
            _Supervisor(plan, listener, console).run()
    except KeyboardInterrupt:
        console.print("Stopped before it was ready.")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@dataclass
class _Part:
    """A child that is to be there, and what became of it."""

    name: str
    begin: Callable[[], Child]
    stops_within: float
    child: Child | None = None
    started: float = 0.0
    pause: float = FIRST_PAUSE
    due: float = 0.0

    def start(self) -> None:
        self.child = self.begin()
        self.started = time.monotonic()

    def lost(self) -> str | None:
        """How it ended, told once; from then on it is due to start again, later each time."""
        if self.child is None or (code := self.child.exit_code) is None:
            return None
        self.child = None
        now = time.monotonic()
        if now - self.started > SETTLED_AFTER:
            self.pause = FIRST_PAUSE
        self.due = now + self.pause
        self.pause = min(self.pause * 2, LONGEST_PAUSE)
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


@dataclass
class _Supervisor:
    plan: Plan
    listener: socket.socket
    console: Console
    asked_to_stop: int = 0
    parts: list[_Part] = field(default_factory=list)
    parent: int = field(default_factory=os.getppid)
    database_due: float = 0.0

    def run(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_stop_signal)
        self.parts = [_web(self.plan, self.listener), _worker(self.plan.work)]
        try:
            for part in self.parts:
                part.start()
            with _progress(self.console, "Starting the web server and the worker"):
                self._wait_for_web()
            if not self.asked_to_stop:
                self._welcome()
            while not self.asked_to_stop:
                self._look()
                time.sleep(LOOKS_EVERY)
        finally:
            self._stop()

    def _on_stop_signal(self, number: int, _frame: FrameType | None) -> None:
        """Only counted, so that no child is left half started; the second time is impatience."""
        self.asked_to_stop += 1
        if number == signal.SIGHUP:
            self.console.quiet = True  # its terminal is gone

    def _look(self) -> None:
        """Notice what died, and start what is due."""
        if os.environ.get(FOLLOW_PARENT) and os.getppid() != self.parent:
            self.asked_to_stop += 1
        self._look_after_database()
        now = time.monotonic()
        for part in self.parts:
            if how := part.lost():
                self.console.print(
                    f"The {part.name} ended unexpectedly ({how}); starting it again in {part.due - now:.1f} s."
                )
            if part.child is None and now >= part.due and not self.asked_to_stop:
                part.start()

    def _look_after_database(self) -> None:
        """The web server and the worker reconnect by themselves, to the same address."""
        server = self.plan.embedded
        if server is None or server.alive() or time.monotonic() < self.database_due:
            return
        self.console.print("PostgreSQL ended unexpectedly; starting it again.")
        self.database_due = time.monotonic() + FIRST_PAUSE
        try:
            server.revive()
        except EmbeddedError as error:
            self.console.print(f"{error} Trying again in {LONGEST_PAUSE:.0f} s.", markup=False)
            self.database_due = time.monotonic() + LONGEST_PAUSE

    def _wait_for_web(self) -> None:
        web = self.parts[0]
        deadline = time.monotonic() + WEB_ANSWERS_WITHIN
        while not self.asked_to_stop and not _answers(self.plan.host, _port_of(self.listener)):
            if web.child is None or web.child.exit_code is not None:
                raise ServeError("The web server did not start; the reason stands above.")
            if time.monotonic() > deadline:
                raise ServeError(f"The web server did not answer within {WEB_ANSWERS_WITHIN:.0f} seconds.")
            time.sleep(0.05)

    def _welcome(self) -> None:
        port = _port_of(self.listener)
        self.console.print(f"\nLoopline is ready: [bold]http://{_reachable(self.plan.host)}:{port}[/]")
        if self.plan.sign_ins:
            self.console.print("\nSign in as")
            for sign_in in self.plan.sign_ins:
                self.console.print(f"  {sign_in.email:<20} {sign_in.role}")
            self.console.print(f"  password: {self.plan.password}")
        self.console.print("\nCtrl-C stops it.")

    def _stop(self) -> None:
        try:
            with _progress(self.console, "Stopping"):
                self._stop_in_order()
        finally:  # where nobody could be told
            self._stop_in_order()

    def _stop_in_order(self) -> None:
        """First what takes requests, then what works on them, then where both keep things."""
        for part in self.parts:
            if part.child:
                part.child.stop(part.stops_within, hurry=lambda: self.asked_to_stop > 1)
                part.child = None
        if self.plan.embedded:
            self.plan.embedded.stop()


def _check_database(plan: Plan) -> None:
    """:raises ServeError: the person's own PostgreSQL cannot be reached, or is too old."""
    if plan.embedded:
        return
    try:
        with psycopg.connect(libpq_url(plan.database_url), connect_timeout=10) as connection:
            major = connection.info.server_version // 10_000
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        raise ServeError(f"The PostgreSQL of DATABASE_URL cannot be reached: {reason}") from error
    if major < OLDEST_POSTGRESQL:
        raise ServeError(f"DATABASE_URL names a PostgreSQL {major}; Loopline needs {OLDEST_POSTGRESQL} or newer.")


def _listen(host: str, port: int, console: Console) -> socket.socket:
    """The web server's socket, ours so that visitors wait a moment while it is started again.

    The server of a run that was killed may still hold the port for a moment.

    :raises ServeError: the port or the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    deadline = time.monotonic() + PORT_FREED_WITHIN
    waiting = False
    while True:
        try:
            return socket.create_server((host, port), family=family, backlog=1024)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise ServeError(
                    f"Loopline cannot listen on {host}, port {port} ({error.strerror}):"
                    " choose others with HOST and PORT, for example: make run PORT=8001"
                ) from error
            if time.monotonic() > deadline:
                raise ServeError(
                    f"Port {port} is already in use: stop what uses it, or choose another: make run PORT={port + 1}"
                ) from error
        if not waiting:
            console.print(f"Port {port} is in use; waiting a moment for it …")
            waiting = True
        time.sleep(0.2)


def _port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def _reachable(host: str) -> str:
    """Where this machine finds a server that listens on `host`, as part of an address."""
    if host in {"", "0.0.0.0"}:  # noqa: S104  compared with, not bound to
        return "127.0.0.1"
    if host == "::":
        return "[::1]"
    return f"[{host}]" if ":" in host else host


def _answers(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(f"{_reachable(host)}:{port}", timeout=2)
    try:
        connection.request("GET", "/healthz")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


class _Gunicorn(BaseApplication):
    """gunicorn on an application that is already there, and a socket that already listens."""

    def __init__(self, plan: Plan, listener: socket.socket) -> None:
        self._plan = plan
        self._listener = listener
        super().__init__()

    def load_config(self) -> None:
        settings = {
            "bind": f"fd://{self._listener.fileno()}",
            "workers": self._plan.web_processes,
            "worker_class": "gthread",
            "threads": WEB_THREADS,
            "graceful_timeout": 10,
            "loglevel": "warning",
            "proc_name": "wsgi:app",
            "control_socket_disable": True,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._plan.app


def _web(plan: Plan, listener: socket.socket) -> _Part:
    return _Part(
        name="web server",
        begin=lambda: fork(
            "gunicorn wsgi:app",
            lambda: _Gunicorn(plan, listener).run(),
            keep=[listener.fileno()],
            ending=Ending(orphaned=signal.SIGQUIT),  # to gunicorn: at once, the port is wanted
        ),
        stops_within=WEB_STOPS_WITHIN,
    )


def _worker(work: Callable[[], None]) -> _Part:
    return _Part(
        name="worker",
        begin=lambda: fork("flask --app wsgi worker", work, ending=Ending()),
        stops_within=WORKER_STOPS_WITHIN,
    )


@contextmanager
def _progress(console: Console, title: str) -> Iterator[None]:
    """A line that moves while it lasts; in a log, a line before and a line after."""
    began = time.monotonic()
    if console.is_terminal:
        with console.status(f"{title} …"):
            yield
    else:
        console.print(f"{title} …")
        yield
    console.print(f"[green]✓[/] {title} ({time.monotonic() - began:.1f} s)")
