"""A small network is lived through on a clock of its own: the same seed lives the same life, and nobody is lost."""

from __future__ import annotations

from dataclasses import asdict

import psycopg
import pytest
from flask import Flask
from sqlalchemy.orm import Session, scoped_session

from app import config, create_app
from app.config import Settings
from app.simulation import cli, halves, people
from app.simulation.halves import Plan
from app.simulation.people import TOWNS
from app.simulation.playing import Play
from app.simulation.queries import Counts, numbers
from app.simulation.scratch import PREFIX, NotScratch

SMALL = Plan(patients=30, days=21, seed=7)


@pytest.fixture
def settings(app: Flask) -> Settings:
    own: Settings = app.extensions["settings"]
    return own


def test_the_same_seed_is_the_same_run_and_nobody_is_forgotten(settings: Settings) -> None:
    """One test, because living through three weeks takes some seconds."""
    days: list[None] = []
    first = halves.run(create_app, settings, SMALL, a_day=lambda: days.append(None))
    assert len(days) == 2 * SMALL.days

    assert first.harmless, first
    assert first.referrals_sent > SMALL.patients
    assert first.answered_or_rerouted_by_day_4 >= 0.95
    assert first.silence_to_person == 1.0
    assert first.confirmed > 0

    assert halves.run(create_app, settings, SMALL) == first
    with psycopg.connect(config.libpq_url(settings.database_url)) as connection:
        left = connection.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", (PREFIX,))
        assert left.fetchall() == []


def test_no_other_database_is_ever_played_in(session: scoped_session[Session]) -> None:  # noqa: ARG001  the network's
    with pytest.raises(NotScratch):
        Play(1, TOWNS, patients=1, days=1)


def test_everybody_speaks_and_everything_is_needed() -> None:
    everybody = people.patients(1, 500, 60)

    assert {person.language for person in everybody} == set(people.WORDS)
    assert {kind for person in everybody for kind, _urgent in person.needs} == set(people.NEEDS)
    phones = [person.phone for person in everybody if person.phone]
    assert 0 < len(phones) - len(set(phones)) < 100, "some share a phone"
    assert len(phones) < 500, "some have none"
    assert people.patients(1, 500, 60) == everybody
    assert people.patients(2, 500, 60) != everybody


def test_the_last_line_is_one_json_object_with_the_measures() -> None:
    found = numbers(Counts(10, 8, 6, 4, 1, 0, 3, 3, forgotten=0, outside_hours=0, after_stop=0, doubled=0))

    *plain, last = cli.lines(found)

    assert len(plain) == len(asdict(found))
    assert last == (
        '{"referrals_sent": 10, "answered_or_rerouted_by_day_4": 0.75, "confirmed": 4, "disputed": 1, "silent": 0,'
        ' "silence_to_person": 1.0, "open_without_clock": 0, "texts_outside_hours": 0, "texts_after_stop": 0,'
        ' "doubled_texts": 0}'
    )
    assert plain[1].split()[0] == "75.0%"


@pytest.mark.parametrize("what", ["forgotten", "outside_hours", "after_stop", "doubled"])
def test_one_thing_that_never_may_happen_is_harm(what: str) -> None:
    nothing = {"forgotten": 0, "outside_hours": 0, "after_stop": 0, "doubled": 0}

    assert numbers(Counts(1, 1, 1, 1, 0, 0, 0, 0, **nothing)).harmless
    assert not numbers(Counts(1, 1, 1, 1, 0, 0, 0, 0, **(nothing | {what: 1}))).harmless
