"""A fake Twilio in a process of its own that misbehaves at random, the same way for the same seed.

It prints its port, serves until its input is closed, and prints what it did as one line of JSON: every text that
exists, in the order of creation, and how many calls there were.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from tests.fake_twilio import FakeTwilio, Sent, sign

WELL = "ok"
FAULTS = {
    "hang-after": 5,
    "reset-after": 7,
    "500-after": 7,
    "broken-after": 4,
    "empty-after": 2,
    "500": 4,
    "503": 4,
    "reset-before": 4,
    "hang-before": 2,
    "429:1": 3,
}
"""Percent of the calls. What ends in “after” creates the text all the same."""

ON_ITS_WAY = ("queued", "sending", "sent", "delivered")


@dataclass(frozen=True)
class Manners:
    """How it behaves; chances from 0 to 1, times in seconds."""

    faults: Mapping[str, int]
    slowness: float
    """Until a call is answered, at most."""
    list_lags: float
    """Until a list shows a new text, at most."""
    list_fails: float
    silent: float
    """Texts of which no callback ever comes."""
    lost: float
    """Callbacks."""
    doubled: float
    shuffled: float
    """How late a callback may come."""


UNRULY = Manners(FAULTS, 0.06, 0.8, 0.05, silent=0.2, lost=0.3, doubled=0.3, shuffled=2.0)
POLITE = Manners({}, 0.0, 0.0, 0.0, silent=0.0, lost=0.0, doubled=0.0, shuffled=0.0)


class UnrulyTwilio(FakeTwilio):
    def __init__(self, seed: int, manners: Manners, latency: float) -> None:
        """:param latency: seconds that every call takes at least."""
        super().__init__()
        self.manners = manners
        self.faulty = 0
        self._chance = random.Random(seed)  # noqa: S311  no secret
        self._lock = threading.Lock()
        self._callers = ThreadPoolExecutor(16)
        self._shown_from: dict[str, datetime] = {}
        self.during_post.append(lambda: time.sleep(latency + self._up_to(manners.slowness)))

    def behavior(self) -> str:
        with self._lock:
            faults = self.manners.faults
            (how,) = self._chance.choices([*faults, WELL], [*faults.values(), 100 - sum(faults.values())])
            self.faulty += how != WELL
            return how

    def handle_error(self, *_who: object) -> None:
        """Nothing: a caller that was killed in the middle."""

    def shows(self, text: Sent) -> bool:
        return datetime.now(UTC) >= self._shown_from.get(text.sid, datetime.max.replace(tzinfo=UTC))

    def list_fails(self) -> bool:
        return self._happens(self.manners.list_fails)

    def accept(self, fields: Mapping[str, str]) -> Sent:
        with self._lock:
            text = super().accept(fields)
        self._shown_from[text.sid] = text.created + timedelta(seconds=self._up_to(self.manners.list_lags))
        if not self._happens(self.manners.silent):
            for status in ON_ITS_WAY:
                self._owe(text, status)
        return text

    def _owe(self, text: Sent, status: str) -> None:
        if self._happens(self.manners.lost):
            return
        for _time in range(1 + self._happens(self.manners.doubled)):
            wait = self._up_to(self.manners.shuffled)
            later = threading.Timer(wait, self._callers.submit, (_call_back, *text.report(status)))
            later.daemon = True
            later.start()

    def _happens(self, chance: float) -> bool:
        with self._lock:
            return self._chance.random() < chance

    def _up_to(self, most: float) -> float:
        with self._lock:
            return self._chance.uniform(0, most)


def _call_back(url: str, fields: Mapping[str, str]) -> None:
    call = urllib.request.Request(  # noqa: S310  the address is our own
        url, urlencode(fields).encode(), {"X-Twilio-Signature": sign(url, fields)}
    )
    try:
        urllib.request.urlopen(call, timeout=10).close()  # noqa: S310
    except (urllib.error.URLError, OSError):
        return  # lost, like others


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--polite", action="store_true", help="no faults and no lost callbacks")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds each call takes at least")
    asked = parser.parse_args()
    with UnrulyTwilio(asked.seed, POLITE if asked.polite else UNRULY, asked.latency) as twilio:
        print(twilio.server_port, flush=True)
        sys.stdin.read()
        texts = [{"sid": text.sid, "to": text.to, "body": text.body} for text in twilio.texts]
        print(json.dumps({"posts": twilio.posts, "faulty": twilio.faulty, "texts": texts}), flush=True)


if __name__ == "__main__":
    main()
