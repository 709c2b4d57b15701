"""Harm is found in the rows, whoever did it: these texts leave where no rule keeps them back."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from app import clock
from app.db import session
from app.messaging import operations as messaging
from app.messaging.models import Suppression
from app.patients.models import Patient
from app.simulation import halves, queries
from tests.loop.steps import deliver_texts, phone_of

AT_NIGHT = datetime(2027, 2, 3, 7, tzinfo=UTC)
"""Two o'clock in Baltimore."""
NOON = datetime(2027, 2, 3, 17, tzinfo=UTC)


def text(patient: Patient, at: datetime, regarding: uuid.UUID, purpose: str = "ask-got-help") -> None:
    with clock.held_at(at):
        messaging.queue_text(
            to=phone_of(patient),
            recipient=patient.id,
            regarding=regarding,
            purpose=purpose,
            dedupe_key=f"referral:{regarding}:ask-7:{uuid.uuid4()}",
            language="en",
            template=purpose,
            body="Did the help come?",
            zone=patient.time_zone,
        )
        deliver_texts()


@pytest.fixture(autouse=True)
def no_rules_then_rules(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' own settings keep nothing back at night; what is measured by are those of a simulation."""
    own = app.extensions["settings"]
    monkeypatch.setattr(queries, "settings", lambda: halves.settings_for(own.database_url, own))


def test_a_text_at_night_is_found(ana: Patient) -> None:
    text(ana, AT_NIGHT, uuid.uuid4())
    text(ana, NOON, uuid.uuid4())

    assert [sent.at for sent in queries._outside_hours(list(queries._accepted_texts()))] == [AT_NIGHT]


def test_a_text_after_stop_is_found_and_one_confirmation_is_none(ana: Patient) -> None:
    regarding = uuid.uuid4()
    text(ana, NOON, regarding)
    text(ana, NOON + timedelta(hours=2), regarding)
    text(ana, NOON + timedelta(hours=1), uuid.uuid4(), messaging.OPT_OUT_CONFIRMATION)
    session.add(Suppression(phone=phone_of(ana), scope="all", source="text", at=NOON + timedelta(minutes=30)))
    session.flush()

    assert queries._after_stop(list(queries._accepted_texts())) == 1


def test_the_same_step_told_twice_is_found(ana: Patient) -> None:
    regarding = uuid.uuid4()
    text(ana, NOON, regarding)
    text(ana, NOON + timedelta(hours=2), uuid.uuid4())
    assert queries._doubled(list(queries._accepted_texts())) == 0

    text(ana, NOON + timedelta(hours=3), regarding)
    assert queries._doubled(list(queries._accepted_texts())) == 1
