"""How many texts come in and go out in a second.

    python -m bench.sms_load --calls 300 --texts 600

Coming in: a signed webhook with a patient's “1” is verified, stored and committed; the job it leaves is run: the answer
is read and recorded, its referral, need, clocks and work moved on, the thanks queued, all committed. Beside it, in
turns, a bare Flask and SQLAlchemy endpoint that verifies, decides and locks nothing, reads the least it can and writes
the same rows in one transaction; that it does is checked. Both are called as a web server would, without one. The first
half alone, which is what the provider waits for, is measured the same way.

Going out: 1, 2 and 4 worker processes send what waits to a provider that takes a while to answer.
"""

from __future__ import annotations

import argparse
import io
import json
import operator
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # so that it can be started by its path, too

from flask import Flask, Response, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, bindparam, event, func, select, text

from app.audit.models import AuditEntry
from app.config import sqlalchemy_url
from app.db import db, engine_options, session
from app.loop.clocks import Group
from app.loop.models import Clock, Question
from app.messaging import jobs, operations
from app.messaging.delivery import State
from app.messaging.models import Inbound, Message
from app.referrals.closing import Says
from app.referrals.lifecycle import Status
from app.referrals.models import PatientReport, Promise, Referral
from app.referrals.promises import Kept
from app.screening.models import Need, NeedStatus
from app.worklist.models import WorkItem
from bench import stage
from tests import factories
from tests.fake_twilio import ACCOUNT, NUMBER, sign

HOST = "loopline.bench"
ROUNDS = 10
GOAL = 0.6
PEOPLE = "people"
THANKS = "thanks-got-help"
ON_THE_PATIENT = (Group.PATIENT.value, Group.PROMISE.value)
"""The clocks that an answer ends."""
WORKERS = (1, 2, 4)
SENT_WITHIN = 120.0

Environ = dict[str, Any]

INBOUND_ID = select(Inbound.id).where(Inbound.sid == bindparam("sid"))
"""What the worker reads in its job."""

ENQUEUE = text(
    """
    SELECT procrastinate_defer_jobs_v1(ARRAY[ROW(
        'default', :task, 10, :lock, NULL, CAST(:args AS jsonb), NULL)::procrastinate_job_to_defer_v1])
    """
)


WRITTEN = """
    SELECT relname || ' ' || how, rows
      FROM pg_stat_user_tables,
           LATERAL (VALUES ('inserted', n_tup_ins), ('changed', n_tup_upd), ('deleted', n_tup_del)) AS each (how, rows)
    """


def bare(database_url: str) -> Flask:
    """The least that writes what ours writes: `/sms/inbound` the text and its job, `/sms/answered` all that follows."""
    app = Flask("bare")
    app.config.update(SQLALCHEMY_DATABASE_URI=sqlalchemy_url(database_url), SQLALCHEMY_ENGINE_OPTIONS=engine_options())
    bare_db = SQLAlchemy(app, metadata=db.metadata)

    def enqueue(task: str, lock: str | None, **arguments: str) -> None:
        bare_db.session.execute(ENQUEUE, {"task": task, "lock": lock, "args": json.dumps(arguments)})

    def store(fields: Mapping[str, str], now: datetime) -> Inbound:
        row = Inbound(
            id=uuid.uuid4(),
            received_at=now,
            sid=fields["MessageSid"],
            phone=fields["From"],
            number=fields["To"],
            body=fields["Body"],
            opt_out=None,
            media=[],
            raw=json.dumps(fields).encode(),
            read_at=now + timedelta(minutes=1),
            readings=0,
        )
        bare_db.session.add(row)
        bare_db.session.flush()
        enqueue("messaging.read", f"bare.{row.phone}", inbound_id=str(row.id))
        return row

    @app.post("/sms/inbound")
    def inbound() -> Response:
        store(request.form.to_dict(), datetime.now(UTC))
        bare_db.session.commit()
        return Response("<Response />", mimetype="text/xml")

    @app.post("/sms/answered")
    def answered() -> Response:
        now = datetime.now(UTC)
        row = store(request.form.to_dict(), now)
        question = bare_db.session.scalars(select(Question).filter_by(phone=row.phone, closed_at=None)).one()
        referral = bare_db.session.get_one(Referral, question.referral_id)
        question.closed_at, question.answer = now, Says.GOT_HELP.value
        referral.patient_says, referral.patient_said_at = Says.GOT_HELP, now
        bare_db.session.get_one(Need, referral.need_id).status = NeedStatus.MET
        live = select(Clock).filter_by(referral_id=referral.id, ended_at=None).where(Clock.group.in_(ON_THE_PATIENT))
        for waiting in bare_db.session.scalars(live):
            waiting.ended_at, waiting.outcome = now, "cleared"
        for promise in bare_db.session.scalars(select(Promise).filter_by(referral_id=referral.id, ended_at=None)):
            promise.kept, promise.ended_at = Kept.KEPT, now
        for item in bare_db.session.scalars(select(WorkItem).filter_by(referral_id=referral.id, done_at=None)):
            item.done_at, item.outcome = now, "not-needed"
        thanks = Message(
            phone=row.phone,
            recipient=referral.patient_id,
            purpose=THANKS,
            dedupe_key=f"answer:{question.id}",
            language="en",
            template=THANKS,
            body="Thank you.",
            encoding="GSM-7",
            segments=1,
            priority=10,
            state=State.QUEUED,
            due_at=now,
        )
        bare_db.session.add_all(
            [
                PatientReport(referral_id=referral.id, says=Says.GOT_HELP, how="text", at=now, inbound_id=row.id),
                AuditEntry(
                    action="patient answered",
                    subject="referral",
                    subject_id=referral.id,
                    detail={"says": Says.GOT_HELP.value, "how": "text"},
                ),
                thanks,
            ]
        )
        row.processed_at, row.result, row.meaning = now, "option", "option:1"
        row.recipient, row.regarding = referral.patient_id, referral.id
        bare_db.session.flush()
        enqueue("messaging.send", None)
        bare_db.session.commit()
        return Response("<Response />", mimetype="text/xml")

    return app


def people(databases: stage.Databases, number: int) -> str:
    """A database with so many patients who have been asked whether they got help; its name."""
    app = stage.an_app(stage.settings(databases.fresh(PEOPLE)))
    with app.app_context():
        maya, place = factories.make_staff(), factories.make_service_at_location()
        for each in range(number):
            patient = factories.make_patient(maya, phone=phone(each), language="en")
            factories.make_referral(factories.make_need(patient), place, by=maya, status=Status.ACCEPTED)
        session.commit()
        session.remove()
        db.engine.dispose()
    return PEOPLE


def sid(number: int) -> str:
    return f"SM{number:032x}"


def phone(number: int) -> str:
    return f"+1410555{number % 10_000:04d}"


def webhook(number: int, path: str = "/sms/inbound") -> Environ:
    """A call as a web server hands it on."""
    fields = {
        "ToCountry": "US", "ToState": "MD", "SmsMessageSid": sid(number), "NumMedia": "0", "ToCity": "BALTIMORE",
        "FromZip": "21215", "SmsSid": sid(number), "FromState": "MD", "SmsStatus": "received",
        "FromCity": "BALTIMORE", "Body": "1", "FromCountry": "US", "To": NUMBER, "ToZip": "21202", "NumSegments": "1",
        "MessageSid": sid(number), "AccountSid": ACCOUNT, "From": phone(number),
        "ApiVersion": "2010-04-01",
    }  # fmt: skip
    body = urlencode(fields).encode()
    return {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "RAW_URI": path,
        "QUERY_STRING": "",
        "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_HOST": HOST,
        "HTTP_X_TWILIO_SIGNATURE": sign(f"https://{HOST}{path}", fields),
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


def answer(app: Flask, environ: Environ) -> None:
    """Make one call, as a web server does.

    :raises SystemExit: it was not answered with 200.
    """
    statuses: list[str] = []

    def start_response(status: str, _headers: list[tuple[str, str]], _error: object = None) -> Callable[..., None]:
        statuses.append(status)
        return lambda _body: None

    body = app.wsgi_app(environ, start_response)
    for _part in body:
        pass
    body.close()  # type: ignore[attr-defined]
    if statuses != ["200 OK"]:
        raise SystemExit(f"A webhook was answered {statuses}.")


def store(app: Flask, number: int) -> None:
    """What the provider waits for; the other endpoint's half, too."""
    answer(app, webhook(number))


def store_and_read(app: Flask, number: int) -> None:
    """The webhook, then its job as the worker runs it: in a context of its own, with one commit."""
    answer(app, webhook(number))
    with app.app_context():
        inbound_id = session.scalars(INBOUND_ID, {"sid": sid(number)}).one()
        jobs.read(str(inbound_id))
        session.commit()


def write_the_same(app: Flask, number: int) -> None:
    answer(app, webhook(number, "/sms/answered"))


def rows_written(app: Flask, call: Callable[[Flask, int], None], number: int) -> Counter[str]:
    """How many rows of each table one call inserts, changes and deletes, as the database counts them."""

    def count_at_once(connection: Connection) -> None:
        connection.exec_driver_sql("SELECT pg_stat_force_next_flush()")

    def written() -> Counter[str]:
        with engine.connect() as connection:
            return Counter(dict(connection.exec_driver_sql(WRITTEN).all()))

    with app.app_context():
        engine = app.extensions["sqlalchemy"].engine
    before = written()
    event.listen(engine, "commit", count_at_once)
    call(app, number)
    event.remove(engine, "commit", count_at_once)
    return written() - before


def compare(
    databases: stage.Databases,
    calls: int,
    ours: Callable[[Flask, int], None],
    theirs: Callable[[Flask, int], None],
    *,
    like: str,
) -> tuple[float, float, float]:
    """Ours and theirs in calls a second, and the ratio of the two; medians of turns.

    :raises SystemExit: a call of theirs does not write as many rows of each table as one of ours.
    """
    settings = stage.settings(
        databases.fresh(f"ours_{ours.__name__}", like), SMS_GATEWAY="twilio", PUBLIC_BASE_URL=f"https://{HOST}"
    )
    sides = [
        (ours, stage.an_app(settings)),
        (theirs, bare(databases.fresh(f"bare_{ours.__name__}", like))),
    ]
    each = max(10, calls // ROUNDS)
    mine, plain = (rows_written(app, call, (ROUNDS + 1) * each) for call, app in sides)
    if mine != plain:
        raise SystemExit(f"The two sides do not write the same rows: {mine - plain} and {plain - mine}.")
    speeds: list[list[float]] = [[], []]
    for turn in range(ROUNDS + 1):
        for side, (call, app) in enumerate(sides):
            began = time.perf_counter()
            for number in range(turn * each, (turn + 1) * each):
                call(app, number)
            if turn > 0:  # the first is to warm up
                speeds[side].append(each / (time.perf_counter() - began))
    for app in (side[1] for side in sides):
        with app.app_context():
            extension = app.extensions["sqlalchemy"]
            extension.engine.dispose()
    return median(speeds[0]), median(speeds[1]), median(map(operator.truediv, *speeds))


def measure_inbound(databases: stage.Databases, calls: int) -> float:
    """Print all speeds and give the ratio for everything that a text causes."""
    mine, plain, ratio = compare(databases, calls, store, store, like=stage.TEMPLATE)
    print(
        f"inbound, what the provider waits for (verify, store, queue the reading, commit): {mine:.0f} webhooks/s, "
        f"bare Flask and SQLAlchemy {plain:.0f}/s, ratio {ratio:.2f}"
    )
    everybody = people(databases, (ROUNDS + 1) * max(10, calls // ROUNDS) + 1)
    mine, plain, ratio = compare(databases, calls, store_and_read, write_the_same, like=everybody)
    print(
        f"inbound, whole (verify, store, read, referral moved, text queued, committed): {mine:.0f} webhooks/s, "
        f"bare Flask and SQLAlchemy with the same writes {plain:.0f}/s, ratio {ratio:.2f}",
        flush=True,
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
    parser.add_argument("--calls", type=int, default=300, help="webhooks to each of the two")
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
