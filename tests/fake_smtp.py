"""A mail server that does as it is told: takes a letter, puts it off, refuses it, or hangs up in the middle."""

from __future__ import annotations

import socketserver
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

HANG_UP = "hang up"
USUAL = {
    "greeting": "220 ready",
    "EHLO": "250 hello",
    "MAIL": "250 ok",
    "RCPT": "250 ok",
    "DATA": "354 go on",
    "text": "250 taken",
}


@dataclass
class Taken:
    """One letter, as it was handed over."""

    sender: str
    to: str
    content: bytes


@dataclass
class FakeSmtp:
    """`says` replaces the usual answers, by command; HANG_UP closes the connection instead."""

    says: Mapping[str, str] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    """With it, STARTTLS is offered and done."""
    taken: list[Taken] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        outer = self

        class Conversation(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                try:
                    outer._talk(self)
                finally:
                    self.connection.close()  # the encrypted one, of which the server does not know

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Conversation)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self._server.server_address[1]}"

    def _talk(self, line: socketserver.StreamRequestHandler) -> None:
        if not self._say(line, "greeting"):
            return
        sender = to = ""
        while command := line.rfile.readline().decode("ascii", "replace").strip():
            verb = command[:4].upper()
            self.commands.append(verb)
            if verb == "MAIL":
                sender = command
            if verb == "RCPT":
                to = command
            if verb == "STAR" and self.tls:
                if not self._encrypted(line, self.tls):
                    return
                continue
            if not self._say(line, verb):
                return
            if verb == "DATA" and not self._take(line, sender, to):
                return

    def _encrypted(self, line: socketserver.StreamRequestHandler, tls: ssl.SSLContext) -> bool:
        """Go on under encryption; False when the client does not want ours."""
        line.wfile.write(b"220 go ahead\r\n")
        try:
            line.connection = tls.wrap_socket(line.connection, server_side=True)
        except OSError:
            return False
        line.rfile, line.wfile = line.connection.makefile("rb"), line.connection.makefile("wb", buffering=0)
        return True

    def _take(self, line: socketserver.StreamRequestHandler, sender: str, to: str) -> bool:
        """Read the letter, if it was asked for, and answer; whether the conversation goes on."""
        if not self.says.get("DATA", USUAL["DATA"]).startswith("354"):
            return True
        content = self._content(line)
        if content is None:
            return False
        if self.says.get("text", USUAL["text"]) in {USUAL["text"], HANG_UP}:
            self.taken.append(Taken(sender, to, content))
        return self._say(line, "text")

    def _content(self, line: socketserver.StreamRequestHandler) -> bytes | None:
        lines = []
        while (one := line.rfile.readline()) != b".\r\n":
            if not one:
                return None
            lines.append(one.removeprefix(b".") if one.startswith(b"..") else one)
        return b"".join(lines)

    def _say(self, line: socketserver.StreamRequestHandler, when: str) -> bool:
        answer = self.says.get(when, USUAL.get(when, "250 ok"))
        if answer == HANG_UP:
            return False
        greeting = "250-hello\r\n" if when == "EHLO" and self.tls else ""
        line.wfile.write(f"{greeting}{'250 STARTTLS' if greeting else answer}\r\n".encode("ascii"))
        return True
