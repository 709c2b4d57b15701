"""What `make run` starts, as a test or a script drives it: in a folder and on a port of its own."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from app.config import ROOT

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
        words = {"web": "gunicorn: master", "worker": "wsgi worker", "database": "bin/postgres"}
        running = [child for child in psutil.Process(self.process.pid).children() if is_there(child)]
        return {part: child for part, word in words.items() for child in running if word in title(child)}

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
    return bool(title(process))


def title(process: psutil.Process) -> str:
    """What a list of processes shows; nothing for the dead."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # zombies too
        return ""


def begin(instance: Path, **settings: str) -> Run:
    kept = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "HOST"}}
    environment = kept | {"LOOPLINE_INSTANCE": str(instance), "LOOPLINE_DEMO": "1", "PORT": "0"} | settings
    log = instance.with_suffix(".out")
    with log.open("wb") as out:
        command = [sys.executable, "-m", "flask", "--app", "wsgi", "serve"]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT)
    return Run(process, log, instance)
