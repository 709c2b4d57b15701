"""A small Twilio on loopback that misbehaves on request.

It speaks real HTTP, keeps what it accepted, and collects the status callbacks it owes instead of sending them, so that
a test can lose, double and shuffle them. `next` says what it does to the coming POSTs, one each; then it behaves.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, parse_qsl, urlsplit

ACCOUNT = "AC" + "a" * 32
TOKEN = "0123456789abcdef0123456789abcdef"
NUMBER = "+14105550100"

ACCEPTING = {"ok", "hang-after", "reset-after", "500-after", "broken-after", "empty-after"}
"""Misbehavior after which the text exists all the same."""


def sign(url: str, fields: Mapping[str, str | Sequence[str]], token: str = TOKEN) -> str:
    """What Twilio puts into X-Twilio-Signature, computed here and not by the library under test."""
    signed = url
    for name in sorted(fields):
        value = fields[name]
        signed += "".join(name + each for each in sorted({value} if isinstance(value, str) else set(value)))
    return base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode()


@dataclass
class Sent:
    """A text that exists at the provider."""

    sid: str
    to: str
    body: str
    fields: Mapping[str, str]
    status: str = "queued"
    code: int | None = None
    direction: str = "outbound-api"
    created: datetime = field(default_factory=lambda: datetime.now(UTC))

    def as_json(self) -> dict[str, Any]:
        created = format_datetime(self.created)
        return {
            "sid": self.sid,
            "account_sid": ACCOUNT,
            "to": self.to,
            "from": self.fields.get("From"),
            "messaging_service_sid": self.fields.get("MessagingServiceSid"),
            "body": self.body,
            "status": self.status,
            "error_code": self.code,
            "direction": self.direction,
            "date_created": created,
            "date_updated": created,
            "date_sent": None,
            "num_segments": "1",
            "num_media": "0",
        }

    def report(self, status: str, code: str = "") -> tuple[str, dict[str, str]]:
        """The address and the fields of a status callback."""
        fields = {
            "MessageSid": self.sid,
            "SmsSid": self.sid,
            "MessageStatus": status,
            "SmsStatus": status,
            "To": self.to,
            "From": self.fields.get("From", NUMBER),
            "AccountSid": ACCOUNT,
            "ApiVersion": "2010-04-01",
        }
        return self.fields["StatusCallback"], fields | ({"ErrorCode": code} if code else {})


class FakeTwilio(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.next: deque[str] = deque()
        self.texts: list[Sent] = []
        self.posts = 0
        self.listable = True
        """False while its list lags behind: texts exist and are not shown."""
        self.lists_fail = False
        self.consents: list[list[dict[str, str]]] = []
        self.deactivated: dict[str, list[str]] = {}
        """By day, the lines of its list; there is none of any other day."""
        self.breaks_off = False
        """Whether a list ends before its end."""
        self.release = threading.Event()
        self.during_post: list[Any] = []
        """Called while a POST is being answered, to look at the caller from outside."""
        self._numbers = itertools.count(1)
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        self.release.set()
        self.shutdown()
        self._thread.join()
        self.server_close()

    def behavior(self) -> str:
        """What it does to the coming POST."""
        return self.next.popleft() if self.next else "ok"

    def shows(self, text: Sent) -> bool:  # noqa: ARG002  each text alike, here
        """Whether a list of texts has this one yet."""
        return self.listable

    def list_fails(self) -> bool:
        return self.lists_fail

    def accept(self, fields: Mapping[str, str]) -> Sent:
        text = Sent(f"SM{next(self._numbers):032x}", fields["To"], fields["Body"], fields)
        self.texts.append(text)
        return text

    def arrive(self, sender: str, body: str) -> Sent:
        """A text from a person that no webhook tells about."""
        text = Sent(f"SM{next(self._numbers):032x}", NUMBER, body, {"From": sender}, "received", None, "inbound")
        self.texts.append(text)
        return text

    def bodies(self) -> list[str]:
        return [text.body for text in self.texts if text.direction != "inbound"]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a kept connection waits 40 ms between the head and the body of an answer
    server: FakeTwilio

    def log_message(self, *_arguments: object) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        pairs = parse_qsl(raw.decode(), keep_blank_values=True)
        fields = dict(pairs)
        twilio = self.server
        if self.path.endswith("/Consents/Bulk"):
            self._consents([json.loads(value) for name, value in pairs if name == "Items"])
            return
        twilio.posts += 1
        for look in twilio.during_post:
            look()
        how = twilio.behavior()
        text = twilio.accept(fields) if how in ACCEPTING else None
        if how.startswith(("hang", "reset")):
            self._vanish(how)
        elif how[0] in "45":
            self._refuse(how)
        elif text:
            self._answer(201, {} if how == "empty-after" else text.as_json(), cut=how == "broken-after")

    def _consents(self, items: list[dict[str, str]]) -> None:
        how = self.server.behavior()
        if how.startswith("500"):
            self._refuse(how)
            return
        self.server.consents.append(items)
        said = [{"correlation_id": item["correlation_id"], "error_code": 0, "error_messages": []} for item in items]
        self._answer(201, {"items": said})

    def _vanish(self, how: str) -> None:
        self.close_connection = True
        if how.startswith("hang"):
            self.server.release.wait(10)
        else:  # close with RST instead of FIN
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def _refuse(self, how: str) -> None:
        """`how` is a status and, for a refusal, its code (400:21610), or for a 429 how long to wait (429:600)."""
        status, detail = int(how[:3]), how.partition(":")[2]
        wait = detail if status == HTTPStatus.TOO_MANY_REQUESTS else ""
        code = {429: 20429, 500: 20500, 503: 20503}.get(status) or int(detail)
        self._answer(status, {"code": code, "message": "Refused", "status": status}, retry_after=wait)

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        name = asked.path.rpartition("/")[2].removesuffix(".json")
        if name == "Deactivations":
            self._lead_to_list(parse_qs(asked.query)["Date"][0])
        elif asked.path.startswith("/lists/"):
            self._list(name)
        elif self.server.list_fails():
            self._answer(500, {"code": 20500, "message": "Internal error", "status": 500})
        elif name == "Messages":
            wanted = parse_qs(asked.query)
            texts = reversed(self.server.texts)
            shown = [text.as_json() for text in texts if self.server.shows(text) and _fits(text, wanted)]
            self._answer(200, {"messages": shown, "next_page_uri": None, "page": 0, "page_size": 50})
        else:
            self._answer(200, next(text for text in self.server.texts if text.sid == name).as_json())

    def _lead_to_list(self, day: str) -> None:
        if day not in self.server.deactivated:
            self._answer(404, {"code": 20404, "message": "Not found", "status": 404})
            return
        self.send_response(307)
        self.send_header("Location", f"{self.server.url}/lists/{day}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _list(self, day: str) -> None:
        """The file lies with somebody else, who must not see our password."""
        if self.headers.get("Authorization"):
            self._answer(403, {})
            return
        payload = "".join(f"{line}\n" for line in self.server.deactivated[day]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        if self.server.breaks_off:
            payload = payload[: len(payload) // 2]
            self.close_connection = True
        self.wfile.write(payload)

    def _answer(self, status: int, body: object, *, retry_after: str = "", cut: bool = False) -> None:
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        if retry_after:
            self.send_header("Retry-After", retry_after)
        if cut:
            payload = payload[: len(payload) // 2]
            self.close_connection = True
        self.end_headers()
        self.wfile.write(payload)


def _fits(text: Sent, wanted: Mapping[str, list[str]]) -> bool:
    sender = text.fields.get("From")
    return text.to in wanted.get("To", [text.to]) and sender in wanted.get("From", [sender])
