"""How many texts come in and go out in a second.

    python -m bench.sms_load --calls 2000 --texts 600

Coming in: a signed webhook is verified, stored with the job that reads it, and committed. Beside it, in turns, a bare
Flask and SQLAlchemy endpoint that verifies nothing and does the same writes; both are called as a web server would,
without one. Going out: 1, 2 and 4 worker processes send what waits to a provider that takes a while to answer.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # so that it can be started by its path, too

from flask import Flask, Response, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import func, select, text

from app.config import sqlalchemy_url
from app.db import db, engine_options, session
from app.messaging import operations
from app.messaging.delivery import State
from app.messaging.models import Inbound, Message
from bench import stage
from tests.fake_twilio import ACCOUNT, NUMBER, sign

HOST = "loopline.bench"
ROUNDS = 10
GOAL = 0.6
WORKERS = (1, 2, 4)
SENT_WITHIN = 120.0

Environ = dict[str, Any]

ENQUEUE = text(
    """
    SELECT procrastinate_defer_jobs_v1(ARRAY[ROW(
        'default', 'messaging.read', 10, :lock, NULL, CAST(:args AS jsonb), NULL)::procrastinate_job_to_defer_v1])
    """
)


def bare(database_url: str) -> Flask:
    """The least that stores a text together with its job."""
    app = Flask("bare")
    app.config.update(SQLALCHEMY_DATABASE_URI=sqlalchemy_url(database_url), SQLALCHEMY_ENGINE_OPTIONS=engine_options())
    bare_db = SQLAlchemy(app, metadata=db.metadata)

    @app.post("/sms/inbound")
    def inbound() -> Response:
        fields = request.form
        now = datetime.now(UTC)
        row = Inbound(
            id=uuid.uuid4(),
            received_at=now,
            sid=fields["MessageSid"],
            phone=fields["From"],
            number=fields["To"],
            body=fields["Body"],
            opt_out=None,
            media=[],
            raw=json.dumps(fields.to_dict(flat=False)).encode(),
            read_at=now + timedelta(minutes=1),
            readings=0,
            for_a_person=False,
        )
        bare_db.session.add(row)
        bare_db.session.flush()
        arguments = json.dumps({"inbound_id": str(row.id)})
        bare_db.session.execute(ENQUEUE, {"lock": f"bare.{fields['From']}", "args": arguments})
        bare_db.session.commit()
        return Response("<Response />", mimetype="text/xml")

    return app


def webhook(number: int) -> Environ:
    """A call as a web server hands it on."""
    fields = {
        "ToCountry": "US", "ToState": "MD", "SmsMessageSid": f"SM{number:032x}", "NumMedia": "0", "ToCity": "BALTIMORE",
        "FromZip": "21215", "SmsSid": f"SM{number:032x}", "FromState": "MD", "SmsStatus": "received",
        "FromCity": "BALTIMORE", "Body": "1", "FromCountry": "US", "To": NUMBER, "ToZip": "21202", "NumSegments": "1",
        "MessageSid": f"SM{number:032x}", "AccountSid": ACCOUNT, "From": f"+1410555{number % 10_000:04d}",
        "ApiVersion": "2010-04-01",
    }  # fmt: skip
    body = urlencode(fields).encode()
    return {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/sms/inbound",
        "RAW_URI": "/sms/inbound",
        "QUERY_STRING": "",
        "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_HOST": HOST,
        "HTTP_X_TWILIO_SIGNATURE": sign(f"https://{HOST}/sms/inbound", fields),
        "SERVER_NAME": HOST,
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


def calls_a_second(app: Flask, calls: Iterable[Environ]) -> float:
    statuses: list[str] = []

    def start_response(status: str, _headers: list[tuple[str, str]], _error: object = None) -> Callable[..., None]:
        statuses.append(status)
        return lambda _body: None

    waiting = list(calls)
    began = time.perf_counter()
    for environ in waiting:
        answer = app.wsgi_app(environ, start_response)
        for _part in answer:
            pass
        answer.close()  # type: ignore[attr-defined]
    took = time.perf_counter() - began
    if set(statuses) != {"200 OK"}:
        raise SystemExit(f"A webhook was answered {set(statuses)}.")
    return len(waiting) / took


def measure_inbound(databases: stage.Databases, calls: int) -> float:
    """Print both speeds and give the ratio."""
    settings = stage.settings(databases.fresh("inbound"), SMS_GATEWAY="twilio", PUBLIC_BASE_URL=f"https://{HOST}")
    apps = {"ours": stage.an_app(settings), "bare": bare(databases.fresh("bare"))}
    each = max(20, calls // ROUNDS)
    for app in apps.values():
        calls_a_second(app, map(webhook, range(each)))  # to warm up
    speeds: dict[str, list[float]] = {name: [] for name in apps}
    for turn in range(1, ROUNDS + 1):
        for name, app in apps.items():
            numbers = range(turn * each, (turn + 1) * each)
            speeds[name].append(calls_a_second(app, map(webhook, numbers)))
    ratio = median(ours / plain for ours, plain in zip(speeds["ours"], speeds["bare"], strict=True))
    print(
        f"inbound: {median(speeds['ours']):.0f} webhooks/s (verify, store, queue the reading, commit), "
        f"bare Flask and SQLAlchemy {median(speeds['bare']):.0f}/s, ratio {ratio:.2f}"
    )
    return ratio


def measure_outbound(databases: stage.Databases, texts: int, latency: float, workers: int) -> float:
    """Texts a second, from the first that was accepted to the last."""
    twilio, api = stage.begin_twilio("--polite", f"--latency={latency}")
    settings = stage.settings(
        databases.fresh(f"outbound_{workers}"),
        SMS_GATEWAY="twilio",
        TWILIO_API_BASE_URL=api,
        PUBLIC_BASE_URL=f"http://127.0.0.1:{stage.free_port()}",
    )
    app = stage.an_app(settings)
    with app.app_context():
        for number in range(texts):
            operations.queue_text(
                to=f"+1410{number:07d}",
                recipient=None,
                regarding=None,
                purpose="bench",
                dedupe_key=f"bench:{number}",
                language="en",
                template="bench",
                body="Your request was accepted.",
            )
        session.commit()
        log = Path(tempfile.gettempdir()) / "loopline-sms-load.log"
        running = [stage.begin_worker(settings, log) for _worker in range(workers)]
        try:
            deadline = time.monotonic() + SENT_WITHIN
            accepted = 0
            while accepted < texts and time.monotonic() < deadline:
                time.sleep(0.1)
                accepted = session.scalar(select(func.count()).where(Message.state == State.ACCEPTED)) or 0
                session.rollback()
        finally:
            stage.end(*running, twilio)
        span = select(func.extract("epoch", func.max(Message.accepted_at) - func.min(Message.accepted_at)))
        seconds = session.scalars(span).one()
        session.remove()
        db.engine.dispose()
    return accepted / float(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calls", type=int, default=3000, help="webhooks to each of the two")
    parser.add_argument("--texts", type=int, default=600, help="texts that go out, for each number of workers")
    parser.add_argument("--latency", type=float, default=0.05, help="seconds the provider takes to answer")
    parser.add_argument("--inbound-only", action="store_true")
    asked = parser.parse_args()
    with stage.databases() as databases:
        ratio = measure_inbound(databases, asked.calls)
        for workers in () if asked.inbound_only else WORKERS:
            speed = measure_outbound(databases, asked.texts, asked.latency, workers)
            print(f"outbound: {speed:.0f} texts/s with {workers} worker{'s' if workers > 1 else ''}", flush=True)
    if ratio < GOAL:
        sys.exit(f"inbound is slower than {GOAL} of the bare endpoint")


if __name__ == "__main__":
    main()
