from __future__ import annotations

from datetime import timedelta

from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session, scoped_session

from app import clock
from app.inbox import digest
from app.mail.models import Email
from app.referrals import operations
from app.referrals.closing import Says
from app.referrals.lifecycle import Reason, Status
from tests.factories import make_staff, sign_in
from tests.inbox.desk import Desk, text_of

Db = scoped_session[Session]


def letters(session: Db) -> list[Email]:
    return list(session.scalars(select(Email).where(Email.purpose == "week")))


def test_the_week_says_what_came_waits_and_ended(client: FlaskClient, desk: Desk, session: Db) -> None:
    with clock.held_at(clock.now() - timedelta(days=10)):
        long_ago = desk.receive()
    desk.receive()
    done = desk.receive(status=Status.COMPLETED)
    desk.receive(status=Status.ON_HOLD)
    operations.record_answer(done, Says.GOT_HELP, how="staff", by=desk.worker)
    operations.move(desk.receive(), Status.REJECTED, by=desk.rosa, reason=Reason("language"))
    late = desk.receive(status=Status.ACCEPTED)
    late.promised_by = clock.now().date() - timedelta(days=2)
    session.flush()
    assert long_ago.status is Status.REQUESTED
    sign_in(client, desk.rosa)

    page = text_of(client, "/inbox/week")

    for said in (
        "5 new requests came in.",
        "2 requests wait for your answer.",
        "1 of them goes to somebody else within a day, unless you answer.",
        "1 person was to hear from you by a day that has gone by.",
        "1 person is on your waiting list.",
        "What has ended: 1 served, 1 declined.",
        "1 patient says that help came.",
    ):
        assert said in page, page
    assert "Ana" not in page


def test_a_letter_goes_once_a_week_to_who_wants_it(client: FlaskClient, desk: Desk, session: Db) -> None:
    desk.receive()
    sign_in(client, desk.rosa)
    assert digest.send_all() == 0
    client.post("/account/weekly-digest", data={"wanted": "true"})
    desk.rosa.language = "es"
    session.flush()

    for _ in range(2):
        assert digest.send_all() == 1

    (letter,) = letters(session)
    assert (letter.address, letter.language) == (desk.rosa.email, "es")
    assert "https://loopline.test/inbox" in letter.body
    assert "Ana" not in letter.subject + letter.body
    with clock.held_at(clock.now() + timedelta(days=7)):
        digest.send_all()
    assert len(letters(session)) == 2

    client.post("/account/weekly-digest", data={})
    with clock.held_at(clock.now() + timedelta(days=14)):
        assert digest.send_all() == 0


def test_who_has_left_or_has_no_inbox_gets_no_letter(client: FlaskClient, desk: Desk, session: Db) -> None:
    desk.tom.weekly_digest, desk.tom.active = True, False
    session.flush()
    assert digest.send_all() == 0
    worker = make_staff()
    sign_in(client, worker)
    assert client.post("/account/weekly-digest", data={"wanted": "true"}).status_code == 303
    session.expire_all()
    assert not worker.weekly_digest
