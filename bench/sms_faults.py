"""Whether texts are ever lost or doubled, whatever goes wrong.

    python -m bench.sms_faults --seeds 10 --texts 400

For each seed, the texts go through a real worker process, which is killed with SIGKILL again and again, to a fake
Twilio process that hangs, resets the connection and fails, before and after it has accepted a text, and that loses,
doubles and shuffles its callbacks to a real web process. Then every text that was written is looked for among those
that exist at the provider. The last line says what was found; the program fails unless that is nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # so that it can be started by its path, too

from flask import Flask
from sqlalchemy import func, select

from app.db import db, session
from app.messaging import operations
from app.messaging.delivery import FAILURES, IN_FLIGHT, WAITING, State
from app.messaging.models import Message
from bench import stage

PATIENCE = {"TWILIO_TIMEOUT": "1", "TWILIO_LOOKS": "2,4"}
"""A thirtieth of what production has, so that a day of faults fits into a minute; the provider's lists lag less too."""

TEXTS_PER_PHONE = 4
BATCH = 20
LIVES = (1.0, 4.5)
"""Seconds that a worker is let live, with the second or so that it takes to start."""
SETTLES_WITHIN = 240.0


@dataclass(frozen=True)
class Found:
    lost: int
    doubled: int
    disordered: int
    """Texts that overtook an earlier one to the same phone."""
    wrong: int
    """Texts that exist and of which we believe otherwise."""


def run(seed: int, texts: int, kills: int, databases: stage.Databases) -> Found:
    began = time.monotonic()
    chance = random.Random(seed)  # noqa: S311  no secret
    twilio, api = stage.begin_twilio(f"--seed={seed}")
    port = stage.free_port()
    environment = stage.settings(
        databases.fresh(f"seed_{seed}"),
        SMS_GATEWAY="twilio",
        TWILIO_API_BASE_URL=api,
        PUBLIC_BASE_URL=f"http://127.0.0.1:{port}",
        **PATIENCE,
    )
    log = Path(tempfile.gettempdir()) / f"loopline-sms-faults-{seed}.log"
    log.write_text("", encoding="utf-8")
    app = stage.an_app(environment)
    web = stage.begin_web(port, environment, log)
    try:
        killed = _send_among_murders(app, environment, log, chance, texts, kills)
        report, _ = twilio.communicate("", timeout=30)
    finally:
        stage.end(web, twilio)
    ledger = json.loads(report)
    with app.app_context():
        found = _compare(ledger["texts"], texts)
        db.engine.dispose()
    print(
        f"seed {seed}: {texts} texts, {ledger['posts']} calls, {ledger['faulty'] * 100 // ledger['posts']} % faulty, "
        f"worker killed {killed} times, {time.monotonic() - began:.0f} s: lost {found.lost}, doubled {found.doubled}, "
        f"out of order {found.disordered}, believed wrongly {found.wrong}",
        flush=True,
    )
    return found


def _send_among_murders(  # noqa: PLR0913, PLR0917  one scene
    app: Flask, environment: Mapping[str, str], log: Path, chance: random.Random, texts: int, kills: int
) -> int:
    """Write the texts while one worker after the other is killed, and wait for the last to finish; says how many."""
    written = killed = 0
    with app.app_context():
        while written < texts or killed < kills:
            worker = stage.begin_worker(environment, log)
            dies = time.monotonic() + chance.uniform(*LIVES)
            while time.monotonic() < dies:
                batch = range(written, min(texts, written + chance.randint(0, BATCH)))
                _write(batch, texts)
                written += len(batch)
                time.sleep(0.2)
            stage.end(worker)
            killed += 1
        worker = stage.begin_worker(environment, log)
        deadline = time.monotonic() + SETTLES_WITHIN
        try:
            while _unsettled() and time.monotonic() < deadline:
                time.sleep(0.5)
                if worker.poll() is not None:  # as whatever looks after processes does
                    worker = stage.begin_worker(environment, log)
        finally:
            stage.end(worker)
    return killed


def _write(numbers: range, texts: int) -> None:
    phones = max(1, texts // TEXTS_PER_PHONE)
    for number in numbers:
        operations.queue_text(
            to=f"+1410{number * 7 % phones:07d}",
            recipient=None,
            regarding=None,
            purpose="bench",
            dedupe_key=f"bench:{number}",
            language="en",
            template="bench",
            body=f"Your request was accepted ({number}).",
        )
    session.commit()


def _unsettled() -> int:
    waiting = session.scalar(select(func.count()).where(Message.state.in_(WAITING | IN_FLIGHT)))
    session.rollback()
    return waiting or 0


def _compare(existing: list[dict[str, Any]], texts: int) -> Found:
    written = session.scalars(select(Message).order_by(Message.position)).all()
    times = Counter(text["body"] for text in existing)
    sids = {text["sid"] for text in existing}
    return Found(
        lost=sum(not times[message.body] for message in written) + texts - len(written),
        doubled=sum(count - 1 for count in times.values()),
        disordered=_overtakings([message.body for message in written], existing),
        wrong=sum(_is_wrong(message, sids) for message in written if times[message.body]),
    )


def _is_wrong(message: Message, sids: set[str]) -> bool:
    hopeless = message.state in {*FAILURES, *WAITING, *IN_FLIGHT, State.CANCELLED, State.EXPIRED}
    return hopeless or message.sid not in sids


def _overtakings(written: list[str], existing: list[dict[str, Any]]) -> int:
    place = {body: number for number, body in enumerate(written)}
    last: dict[str, int] = defaultdict(lambda: -1)
    overtaken = 0
    for text in existing:
        overtaken += place[text["body"]] < last[text["to"]]
        last[text["to"]] = max(last[text["to"]], place[text["body"]])
    return overtaken


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2, help="how many runs, each with faults of its own")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--texts", type=int, default=400)
    parser.add_argument("--kills", type=int, default=25, help="how often at least the worker is killed in each run")
    parser.add_argument("--at-once", type=int, default=max(1, (os.cpu_count() or 2) // 2), help="runs side by side")
    asked = parser.parse_args()
    with stage.databases() as databases, ThreadPoolExecutor(asked.at_once) as pool:
        seeds = range(asked.first, asked.first + asked.seeds)
        found = list(pool.map(lambda seed: run(seed, asked.texts, asked.kills, databases), seeds))
    lost, doubled = sum(one.lost for one in found), sum(one.doubled for one in found)
    print(f"lost {lost}, doubled {doubled}")
    if lost or doubled or any(one.disordered or one.wrong for one in found):
        sys.exit(1)


if __name__ == "__main__":
    main()
