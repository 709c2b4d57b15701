"""When texts leave: by the person's clock, not too often, and never in a circle."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session, scoped_session

from app import clock
from app.config import USUAL_CAPS, QuietHours, TextCaps
from app.db import session as the_session
from app.events import Fact, TextEnded, TextHeld
from app.messaging import delivery, jobs, operations, queries
from app.messaging.delivery import ANSWER, URGENT
from tests.messaging.conftest import Provider, Write
from tests.messaging.steps import OTHER_PHONE, PHONE, states, work

NEW_YORK = ZoneInfo("America/New_York")
NINE_TO_NINE = QuietHours(time(9), time(21))

Rules = Callable[..., None]


def at(shown: str, zone: str = "America/New_York") -> datetime:
    return datetime.fromisoformat(shown).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@pytest.fixture
def rules(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Rules:
    """Set quiet hours and limits, which a demonstration has none of."""

    def _rules(hours: QuietHours | None = NINE_TO_NINE, caps: TextCaps | None = None) -> None:
        changed = replace(app.extensions["settings"], quiet_hours=hours, text_caps=caps)
        monkeypatch.setitem(app.extensions, "settings", changed)

    return _rules


@pytest.fixture
def facts(committed: scoped_session[Session], monkeypatch: pytest.MonkeyPatch) -> list[Fact]:  # noqa: ARG001  comes after it
    published: list[Fact] = []
    monkeypatch.setattr("app.events._reactions", dict.fromkeys((TextEnded, TextHeld), (published.append,)))
    return published


def work_at(moment: datetime) -> dict[str, str]:
    with clock.held_at(moment):
        work()
    return states()


def waits() -> list[tuple[datetime, str | None]]:
    the_session.rollback()
    rows = the_session.execute(text("SELECT due_at, waits_for FROM sms_message ORDER BY position"))
    return [(due, why) for due, why in rows]


def test_case_26_a_minute_before_closing_the_provider_may_keep_it_for_a_minute(
    provider: Provider, rules: Rules, committed: scoped_session[Session], write: Write
) -> None:
    rules()
    with clock.held_at(at("2026-11-23 20:59")):
        write("Hello", zone="America/New_York")
        work()
    assert provider.twilio.texts[0].fields["ValidityPeriod"] == "60"
    # It waited for 90 seconds there, so it was dropped: the morning is early enough.
    with clock.held_at(at("2026-11-23 21:00:30")):
        provider.call_back(*provider.twilio.texts[0].report("undelivered", "30036"))
        work()
    assert waits() == [(at("2026-11-24 10:00"), None)]
    assert work_at(at("2026-11-24 10:00")) == {"Hello": "accepted"}
    assert [text.fields["ValidityPeriod"] for text in provider.twilio.texts] == ["60", "36000"]
    committed.rollback()


def test_case_26_at_night_a_text_is_put_off_and_everybody_can_see_why(
    provider: Provider, rules: Rules, write: Write
) -> None:
    rules()
    with clock.held_at(at("2027-03-13 21:00")):
        write("Hello", zone="America/New_York")
        work()
        assert [(line.status, line.why) for line in queries.conversation_with(PHONE)] == [("queued", "quiet-hours")]
    assert waits() == [(at("2027-03-14 09:00"), "quiet-hours")]
    assert work_at(at("2027-03-14 08:59:59")) == {"Hello": "queued"}
    assert work_at(at("2027-03-14 09:00")) == {"Hello": "accepted"}
    assert provider.twilio.posts == 1


@pytest.mark.parametrize(
    ("zone", "evening", "opens"),
    [
        ("America/New_York", "2026-10-31 23:00", "2026-11-01T14:00Z"),
        ("America/New_York", "2027-03-13 23:00", "2027-03-14T13:00Z"),
        ("America/Phoenix", "2026-10-31 23:00", "2026-11-01T16:00Z"),
        ("America/Phoenix", "2027-03-13 23:00", "2027-03-14T16:00Z"),
    ],
)
def test_case_26_once_on_the_day_the_clocks_change(  # noqa: PLR0913, PLR0917  three columns of the table
    provider: Provider, rules: Rules, write: Write, zone: str, evening: str, opens: str
) -> None:
    rules()
    with clock.held_at(at(evening, zone)):
        write("Hello", zone=zone)
    moment, opening = at(evening, zone), datetime.fromisoformat(opens)
    while moment < opening:
        work_at(moment)
        moment += timedelta(minutes=30)
    assert provider.twilio.posts == 0
    assert work_at(opening) == {"Hello": "accepted"}
    work_at(opening + timedelta(hours=1))
    assert provider.twilio.posts == 1


def test_case_26_who_moves_takes_the_clock_along(provider: Provider, rules: Rules, write: Write) -> None:
    rules()
    patient = uuid.uuid4()
    with clock.held_at(at("2026-11-23 08:00")):
        write("Hello", recipient=patient, zone="America/New_York")
        work()
        operations.move_to_zone(patient, "America/Los_Angeles")
        the_session.commit()
        work()
    assert waits() == [(at("2026-11-23 12:00"), "quiet-hours")]  # nine in Los Angeles
    assert work_at(at("2026-11-23 09:00")) == {"Hello": "queued"}
    assert work_at(at("2026-11-23 12:00")) == {"Hello": "accepted"}
    assert provider.twilio.posts == 1


def test_case_26_the_state_closes_earlier_and_the_provider_is_told(
    provider: Provider, rules: Rules, write: Write
) -> None:
    rules()
    with clock.held_at(at("2026-11-23 19:58:30")):
        write("Hello", zone="America/New_York", region="MD")
        work()
    assert provider.twilio.texts[0].fields["ValidityPeriod"] == "90"
    with clock.held_at(at("2026-11-23 20:00")):
        write("Too late", to=OTHER_PHONE, zone="America/New_York", region="MD")
        write("Wrong by then", to="+14105550199", region="MD", not_after=at("2026-11-24 08:00"))
        work()
    assert states() == {"Hello": "accepted", "Too late": "queued", "Wrong by then": "expired"}
    assert work_at(at("2026-11-24 09:00"))["Too late"] == "accepted"


def test_case_26_who_moves_keeps_to_the_hours_of_the_new_state(provider: Provider, rules: Rules, write: Write) -> None:
    rules()
    patient = uuid.uuid4()
    with clock.held_at(at("2026-11-23 20:30")):
        write("Hello", recipient=patient, zone="America/New_York", region="MD")
        assert work_at(at("2026-11-23 20:30")) == {"Hello": "queued"}
        operations.move_to_zone(patient, "America/New_York", "PA")
        the_session.commit()
    assert work_at(at("2026-11-23 20:31")) == {"Hello": "accepted"}
    assert provider.twilio.posts == 1


def test_case_26_where_nobody_knows_the_zone_it_is_ours(provider: Provider, rules: Rules, write: Write) -> None:
    rules()
    with clock.held_at(at("2026-11-23 08:00")):
        write("Hello")
        work()
    assert waits() == [(at("2026-11-23 09:00", delivery.SOMEWHERE), "quiet-hours")]
    assert provider.twilio.posts == 0


@pytest.mark.parametrize(("minutes", "goes"), [(1, True), (14, True), (16, False)])
def test_an_answer_may_come_at_night_within_a_quarter_of_an_hour(
    provider: Provider,
    rules: Rules,
    write: Write,
    minutes: int,
    goes: bool,  # noqa: FBT001  a column of the table
) -> None:
    rules(caps=USUAL_CAPS)
    night = at("2026-11-23 23:00")
    with clock.held_at(night):
        provider.text_in("1")
        write("Thank you", priority=ANSWER)
        write("Unasked")
    work_at(night + timedelta(minutes=minutes))
    assert provider.twilio.bodies() == (["Thank you"] if goes else [])


def test_what_is_urgent_and_the_confirmation_of_a_stop_never_wait(
    provider: Provider, rules: Rules, write: Write, committed: scoped_session[Session]
) -> None:
    rules()
    with clock.held_at(at("2026-11-23 03:00")):
        write("Call 911", priority=URGENT)
        operations.suppress(OTHER_PHONE, "text")
        committed.commit()
        write("No more texts.", to=OTHER_PHONE, priority=ANSWER, purpose=operations.OPT_OUT_CONFIRMATION)
        work()
    assert sorted(provider.twilio.bodies()) == ["Call 911", "No more texts."]
    assert all("ValidityPeriod" not in sent.fields for sent in provider.twilio.texts)


def test_one_unasked_text_a_day_and_three_a_week_and_answers_do_not_count(
    provider: Provider, rules: Rules, write: Write
) -> None:
    rules(caps=USUAL_CAPS)
    monday = at("2026-11-23 12:00")
    with clock.held_at(monday):
        for n in range(5):
            write(f"notice {n}")
        write("somebody else", to=OTHER_PHONE)
        provider.text_in("1")
        write("answer", priority=ANSWER)
        work()
        assert [line.why for line in queries.conversation_with(PHONE) if line.body == "notice 1"] == ["daily-cap"]
    days = {}
    for day in range(12):
        before = len(provider.twilio.texts)
        work_at(monday + timedelta(days=day))
        days[day] = [sent.body for sent in provider.twilio.texts[before:]]
    assert provider.twilio.bodies()[:3] == ["answer", "notice 0", "somebody else"]
    assert {day: sent for day, sent in days.items() if sent} == {
        1: ["notice 1"],
        2: ["notice 2"],
        7: ["notice 3"],
        8: ["notice 4"],
    }


def test_what_would_be_late_in_the_morning_expires_in_the_evening(
    rules: Rules, write: Write, facts: list[Fact]
) -> None:
    rules()
    with clock.held_at(at("2026-11-23 21:30")):
        ride = write("Your ride comes at 8", not_after=at("2026-11-24 07:30"))
        work()
    assert states() == {"Your ride comes at 8": "expired"}
    assert facts == [TextEnded(ride.id, "expired", None)]


def test_case_29_two_machines_that_answer_each_other_stop_at_five_and_staff_are_told(
    provider: Provider, write: Write, facts: list[Fact]
) -> None:
    start = clock.now()
    for n in range(8):
        with clock.held_at(start + timedelta(seconds=20 * n)):
            provider.text_in("I am driving and will answer later.")
            last = write("We could not understand that.", priority=ANSWER)
            work()
    assert len(provider.twilio.bodies()) == operations.MOST_ALIKE
    assert [fact for fact in facts if isinstance(fact, TextHeld)][-1] == TextHeld(last.id, "loop")
    assert sum(isinstance(fact, TextHeld) for fact in facts) == 3
    with clock.held_at(start + timedelta(minutes=40)):
        assert write("We could not understand that.", priority=ANSWER).hold_reason is None


def test_case_29_neither_do_ever_new_words_go_on_for_ever(write: Write, facts: list[Fact]) -> None:
    held = [write(f"answer {n}", priority=ANSWER).hold_reason for n in range(operations.MOST_ANSWERS + 2)]
    assert held == [None] * operations.MOST_ANSWERS + ["loop"] * 2
    assert len(facts) == 2
    assert write("to somebody else", to=OTHER_PHONE, priority=ANSWER).hold_reason is None
    assert write("a notice", priority=0).hold_reason is None


def test_case_30_of_ten_thousand_the_answers_go_first_and_nothing_expires_unseen(
    committed: scoped_session[Session], facts: list[Fact], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = clock.now()
    committed.execute(
        text(
            """
            INSERT INTO sms_message (id, created_at, phone, purpose, dedupe_key, language, template, body, encoding,
                segments, priority, state, due_at, not_after, looks, tries, deferrals)
            SELECT gen_random_uuid(), :now, '+1410' || lpad(n::text, 7, '0'), 'test', 'bulk ' || n, 'en', 'test',
                CASE WHEN n % 1000 = 0 THEN 'answer' WHEN n % 2500 = 1 THEN 'too late' ELSE 'reminder' END, 'GSM-7',
                1, CASE WHEN n % 1000 = 0 THEN 10 ELSE 0 END, 'queued', :now,
                CASE WHEN n % 2500 = 1 THEN CAST(:now AS timestamptz) + interval '1 hour' END, 0, 0, 0
              FROM generate_series(1, 10000) AS n
            """
        ),
        {"now": now},
    )
    committed.execute(text("ANALYZE sms_message"))
    committed.commit()
    backlog = queries.backlog()
    assert (backlog.due, backlog.segments_waiting) == (10_000, 10_000)
    assert backlog.takes == timedelta(seconds=10_000)
    texts = itertools.count()
    monkeypatch.setattr(jobs, "time", SimpleNamespace(monotonic=lambda: float(next(texts))))
    monkeypatch.setattr(jobs, "WORK_FOR", 50.0)  # of that time: one text takes a second, on any machine
    with clock.held_at(now + timedelta(hours=2)):
        work()
        jobs.sweep_waiting(timestamp=0)
        committed.commit()
    sent = committed.scalars(
        text("SELECT body FROM sms_message WHERE state = 'delivered' ORDER BY ended_at, priority DESC, position")
    ).all()
    assert sent[:10] == ["answer"] * 10
    assert set(sent[10:]) == {"reminder"}
    expired = committed.scalar(text("SELECT count(*) FROM sms_message WHERE state = 'expired'"))
    assert expired == 4
    assert sum(isinstance(fact, TextEnded) and fact.state == "expired" for fact in facts) == 4


def test_case_30_the_provider_gets_no_more_than_the_sender_may_send_and_answers_overtake(
    app: Flask, provider: Provider, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.extensions, "settings", replace(app.extensions["settings"], segments_per_second=1.0))
    start = clock.now()
    with clock.held_at(start):
        for n in range(100):
            write(f"reminder {n}", to=f"+1410555{n:04}")
    sent = []
    for second in range(0, 60, 3):
        if second == 30:
            with clock.held_at(start + timedelta(seconds=second)):
                write("answer", priority=ANSWER)
        work_at(start + timedelta(seconds=second))
        sent.append(len(provider.twilio.texts))
    ahead = jobs.AHEAD.total_seconds()
    assert all(3 * turn <= count <= 3 * turn + ahead + 2 for turn, count in enumerate(sent))
    assert provider.twilio.bodies().index("answer") == sent[9]
    the_session.rollback()
    woken = "SELECT count(*) FROM procrastinate_jobs WHERE scheduled_at IS NOT NULL"
    assert 1 <= the_session.execute(text(woken)).scalar_one() <= len(sent)
