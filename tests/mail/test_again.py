"""A person sends again what may have been lost; the program itself never does."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session, scoped_session

from app import clock
from app.errors import DomainError
from app.mail import jobs, operations, queries
from app.mail.delivery import State
from app.mail.gateways import PageGateway
from app.mail.models import Email
from app.messaging.delivery import Accepted, Unsure
from app.staff.permissions import Role
from tests.factories import make_staff, sign_in

Db = scoped_session[Session]

ABOUT = uuid.uuid4()


def write(key: str) -> Email:
    return operations.queue_email(
        to="rosa@pantry.example",
        subject="Can you help?",
        body="Hello",
        purpose="test",
        dedupe_key=key,
        language="en",
        regarding=ABOUT,
    )


@pytest.fixture
def lost(session: Db) -> Email:
    """Handed over, and the answer never came."""
    email = write("lost")
    claim = jobs.claim_next(PageGateway())
    assert claim
    jobs.record(claim, Unsure("connection lost"))
    session.flush()
    return email


def test_pressed_twice_it_goes_out_once_more(client: FlaskClient, session: Db, lost: Email) -> None:
    sign_in(client, make_staff(Role.ADMINISTRATOR))
    again = f"/emails/{lost.id}/again"
    assert f'action="{again}"' in client.get("/operations").text
    for _twice in range(2):
        assert client.post(again).status_code == 303
    claim = jobs.claim_next(PageGateway())
    assert claim
    assert jobs.claim_next(PageGateway()) is None
    client.post(again)
    jobs.record(claim, Accepted("", "sent"))
    session.refresh(lost)
    assert (lost.state, lost.tries) == (State.SENT, 2)
    client.post(again)
    session.refresh(lost)
    assert lost.state is State.SENT
    assert again not in client.get("/operations").text


def test_what_is_news_no_more_is_not_sent_again(lost: Email) -> None:
    write("taken back")
    assert not queries.unsure()
    with pytest.raises(DomainError, match="something newer"):
        operations.send_again(lost.id, by=make_staff(Role.ADMINISTRATOR))


def test_what_would_come_too_late_is_not_offered(session: Db, lost: Email) -> None:
    assert queries.unsure() == [lost]
    lost.not_after = clock.now() - timedelta(minutes=1)
    session.flush()
    assert not queries.unsure()


def test_only_whoever_runs_it_sends_again(client: FlaskClient, session: Db, lost: Email) -> None:
    sign_in(client, make_staff(Role.LEAD))
    assert client.post(f"/emails/{lost.id}/again").status_code == 403
    session.refresh(lost)
    assert lost.state is State.UNSURE
