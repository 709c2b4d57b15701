"""Plays the halves of a network side by side, each in a process and a database of its own.

Python and PostgreSQL take turns for each half, so two of them use two processors.
"""

from __future__ import annotations

import gc
import logging
import multiprocessing
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from functools import reduce
from multiprocessing.connection import Connection, wait
from operator import add

from flask import Flask
from flask_migrate import upgrade

from app import clock
from app.config import USUAL_CAPS, QuietHours, Settings
from app.db import db, session
from app.simulation import queries, scratch
from app.simulation.people import HALVES, Town
from app.simulation.playing import BEGINS, Play
from app.simulation.queries import Counts, Numbers

Build = Callable[[Settings], Flask]
"""Makes the whole application. The composition root hands itself in, because nobody may import it."""

DECENT = QuietHours(time(9), time(20))


class Broken(Exception):
    """A half ended before its time; what it wrote to the standard error says why."""


@dataclass(frozen=True)
class Plan:
    """Which run to play."""

    patients: int
    days: int
    seed: int


def run(build: Build, like: Settings, plan: Plan, *, a_day: Callable[[], object] = lambda: None) -> Numbers:
    """Play one run beside the database of `like`, and read from its rows what came of it.

    :param a_day: called whenever a half has come to the end of a day.
    :raises NoScratch: no database can be made there.
    :raises Broken: it could not be played to its end.
    """
    context = multiprocessing.get_context("spawn")  # a fork would share the connections of this process
    with ExitStack() as cleaning:
        heard: list[Connection] = []
        for towns in HALVES:
            url = cleaning.enter_context(scratch.database(like.database_url))
            mine, theirs = context.Pipe(duplex=False)
            half = context.Process(
                target=_play, args=(theirs, build, settings_for(url, like), plan, towns), daemon=True
            )
            half.start()
            theirs.close()
            cleaning.callback(half.join)
            cleaning.callback(half.terminate)
            heard.append(cleaning.enter_context(mine))
        return queries.numbers(reduce(add, _listen(heard, a_day)))


def _listen(heard: list[Connection], a_day: Callable[[], object]) -> Sequence[Counts]:
    """Wait until each half has said what came of it."""
    found: list[Counts] = []
    while heard:
        for connection in [one for one in wait(heard) if isinstance(one, Connection)]:
            try:
                said: Counts | None = connection.recv()
            except EOFError as error:
                raise Broken("A half of the network could not be played to its end.") from error
            if said is None:
                a_day()
            else:
                found.append(said)
                heard.remove(connection)
    return found


def _play(says: Connection, build: Build, settings: Settings, plan: Plan, towns: Sequence[Town]) -> None:
    """Play one half in this process: says None at the end of each day, and at last the counts."""
    logging.disable(logging.WARNING)  # carriers fail here on purpose, some hundred times
    app = build(settings)
    with app.app_context():
        upgrade()
        gc.freeze()  # what has been made up to here stays
        play = Play(plan.seed, towns, plan.patients, plan.days)
        forgotten = 0
        for _day in play.run():
            forgotten += queries.orphans_now()
            session.rollback()
            says.send(None)
        with clock.held_at(play.ended_at):
            says.send(queries.counts(forgotten, datetime.combine(BEGINS, time(), UTC)))
        session.remove()
        db.engine.dispose()


def settings_for(database_url: str, like: Settings) -> Settings:
    """How a network is set up that runs for real, but for what leaves the machine."""
    return replace(
        like,
        database_url=database_url,
        demo=False,
        sms_gateway="console",
        twilio_from="",
        twilio_messaging_service_sid="",
        twilio_mirror_opt_outs=False,
        email_gateway="page",
        contacts_from_directory=False,
        quiet_hours=DECENT,
        text_caps=USUAL_CAPS,
        segments_per_second=None,
        served_follow_up_days=3,
        days_off=frozenset(),
        text_languages=(),
        allow_draft_languages=True,
        geocoder="zip",
        geocoder_options=(),
        patient_geocoder="zip",
        patient_geocoder_options=(),
    )
