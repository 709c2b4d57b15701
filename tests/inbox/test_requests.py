"""The list of an inbox, and who sees to what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, select
from sqlalchemy.orm import Session, scoped_session

from app import clock
from app.agencies.models import ReplyCode
from app.audit.models import AuditEntry
from app.db import db
from app.errors import DomainError
from app.inbox import queries
from app.inbox.queries import Filters, Tab
from app.inbox.words import answer_by
from app.referrals import appointments, operations
from app.referrals.lifecycle import Reason, Status
from app.referrals.meetings import Plan
from app.referrals.models import Referral
from app.staff import operations as staff
from app.staff.permissions import Role
from tests.factories import follow, make_patient, make_service_at_location, make_staff, sign_in
from tests.inbox.desk import Desk, text_of

Db = scoped_session[Session]
MONDAY = datetime(2026, 11, 23, 15, tzinfo=UTC)  # 10 AM in Baltimore
BALTIMORE = ZoneInfo("America/New_York")


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements that are sent to the database meanwhile."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        sent.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


# By when


@pytest.mark.parametrize(
    ("due", "urgent", "said"),
    [
        (None, False, ("needs_you", "Please answer")),
        (MONDAY - timedelta(minutes=1), False, ("needs_you", "Your answer is overdue")),
        (MONDAY + timedelta(hours=5), True, ("needs_you", "Answer by 3:00 PM today")),
        (MONDAY + timedelta(days=1), False, ("needs_you", "Answer by Tuesday, Nov 24")),
        (MONDAY + timedelta(days=3), False, ("waiting", "Answer by Thursday, Nov 26")),
        (MONDAY + timedelta(days=3), True, ("needs_you", "Answer by Thursday, Nov 26")),
    ],
)
def test_a_new_request_says_by_when_to_answer(due: datetime | None, urgent: bool, said: tuple[str, str]) -> None:  # noqa: FBT001
    standing = answer_by(due, MONDAY, BALTIMORE, urgent=urgent)
    assert (standing.kind, standing.words) == said


def test_the_list_says_how_old_it_is_and_when_it_goes_to_somebody_else(client: FlaskClient, desk: Desk) -> None:
    with clock.held_at(MONDAY):
        desk.receive()
    sign_in(client, desk.rosa)
    with clock.held_at(MONDAY + timedelta(hours=26)):
        page = text_of(client, "/inbox")

    assert "yesterday" in page or "1 day ago" in page
    assert re.search(r"Answer by (Monday, Nov 30|Friday, Nov 27)", page), page


# What is in which tab


def test_mine_is_what_i_have_and_what_nobody_has(client: FlaskClient, desk: Desk, session: Db) -> None:
    ours, toms = desk.receive(status=Status.ACCEPTED), desk.receive(status=Status.ACCEPTED)
    operations.assign(toms, desk.tom, was=None, by=desk.tom)
    session.flush()
    sign_in(client, desk.rosa)

    page = client.get("/inbox?tab=mine").get_data(as_text=True)
    assert f"/inbox/{ours.id}" in page
    assert f"/inbox/{toms.id}" not in page
    assert "1 more is with a colleague" in page
    everybodys = client.get("/inbox?tab=mine&whose=anybody").get_data(as_text=True)
    assert f"/inbox/{toms.id}" in everybodys
    assert "Tom Baker" in everybodys


def test_each_filter_narrows_the_list_and_its_counts_alike(desk: Desk) -> None:
    other_place = make_service_at_location(organization=desk.pantry, name="A bed for the night", needs=("housing",))
    with clock.held_at(clock.now() - timedelta(days=8)):
        desk.receive()
    desk.receive("housing", at=other_place, urgent=True, patient=make_patient(desk.worker, language="vi"))

    def found(**wanted: object) -> list[str]:
        page = queries.page(desk.rosa, Tab.NEW, Filters(**wanted))  # type: ignore[arg-type]
        assert page.counts[Tab.NEW] == len(page.lines)
        return [line.row.need.kind for line in page.lines]

    assert found() == ["housing", "food"]
    assert found(need="food") == ["food"]
    assert found(urgent=True) == ["housing"]
    assert found(language="vi") == ["housing"]
    assert found(service=other_place.service_id) == ["housing"]
    assert found(older_than=7) == ["food"]
    assert found(whose="me") == []
    assert found(whose="nobody") == ["housing", "food"]
    assert found(whose=str(desk.tom.id)) == []
    assert found(whose="nobody we know") == []


def test_what_the_address_cannot_mean_is_not_there(client: FlaskClient, desk: Desk) -> None:
    sign_in(client, desk.rosa)
    for strange in ("tab=old", "page=0", "service=x", "older_than=3"):
        assert client.get(f"/inbox?{strange}").status_code == 404


def test_a_long_list_has_pages_and_takes_as_many_questions_as_a_short_one(
    client: FlaskClient, desk: Desk, session: Db
) -> None:
    desk.receive()
    sign_in(client, desk.rosa)
    client.get("/inbox")
    session.expire_all()
    with counted() as for_one:
        client.get("/inbox")
    for _ in range(queries.PAGE + 1):
        desk.receive()
    session.flush()
    session.expire_all()

    with counted() as for_many:
        first = client.get("/inbox").get_data(as_text=True)

    assert len(for_many) <= len(for_one) + 1
    assert len(for_many) < 25
    second = client.get("/inbox?page=2").get_data(as_text=True)
    listed = [set(re.findall(r'<a href="/inbox/([0-9a-f-]{36})"', page)) for page in (first, second)]
    assert [len(ids) for ids in listed] == [queries.PAGE, 2]
    assert not listed[0] & listed[1]
    assert f"1 to {queries.PAGE} of {queries.PAGE + 2}" in first


# By reference


def test_a_request_is_found_by_its_reference_and_by_its_code(client: FlaskClient, desk: Desk, session: Db) -> None:
    referral = desk.receive()
    session.merge(ReplyCode(referral_id=referral.id, organization_id=desk.pantry.id, code="48213"))
    session.flush()
    sign_in(client, desk.rosa)

    for typed in (str(referral.id)[:8].upper(), str(referral.id)[:4] + " " + str(referral.id)[4:8], "48213"):
        assert client.post("/inbox/search", data={"reference": typed}).location == f"/inbox/{referral.id}"
    for typed in ("", "Ana", "00000", "%", "12345678"):
        found = client.post("/inbox/search", data={"reference": typed})
        assert found.location == "/inbox", typed
        assert typed not in found.location or not typed

    sign_in(client, make_staff(Role.AGENCY))
    assert client.post("/inbox/search", data={"reference": "48213"}).location == "/inbox"


# Who sees to it


def test_who_says_yes_sees_to_it(client: FlaskClient, desk: Desk, session: Db) -> None:
    referral = desk.receive()
    sign_in(client, desk.rosa)

    client.post(f"/inbox/{referral.id}/transitions", data={"status": "accepted"})

    session.expire_all()
    assert referral.assigned_to_id == desk.rosa.id


def test_a_request_is_given_to_a_colleague_and_back_to_nobody(client: FlaskClient, desk: Desk, session: Db) -> None:
    referral = desk.receive()
    sign_in(client, desk.rosa)
    assignee = f"/inbox/{referral.id}/assignee"

    given = client.post(assignee, data={"to": desk.tom.id, "was": ""})
    assert "Tom Baker sees to it." in follow(client, given).get_data(as_text=True)
    client.post(f"/inbox/{referral.id}/transitions", data={"status": "accepted"})
    session.expire_all()
    assert referral.assigned_to_id == desk.tom.id  # although Rosa said yes

    client.post(assignee, data={"to": "", "was": desk.tom.id})
    assert session.scalar(select(Referral.assigned_to_id).where(Referral.id == referral.id)) is None
    assert session.scalars(select(AuditEntry.action).where(AuditEntry.action == "assigned")).all() == ["assigned"] * 2


def test_nobody_gives_away_what_somebody_else_has_just_taken(desk: Desk) -> None:
    referral = desk.receive()
    operations.assign(referral, desk.tom, was=None, by=desk.tom)
    with pytest.raises(DomainError, match="Somebody else has just changed"):
        operations.assign(referral, desk.rosa, was=None, by=desk.rosa)


def test_only_people_who_work_there_can_have_it(client: FlaskClient, desk: Desk, session: Db) -> None:
    referral = desk.receive()
    stranger = make_staff(Role.AGENCY)
    with pytest.raises(DomainError, match="your own organization"):
        operations.assign(referral, stranger, was=None, by=desk.rosa)
    sign_in(client, desk.rosa)
    assert client.post(f"/inbox/{referral.id}/assignee", data={"to": stranger.id}).status_code == 404

    desk.tom.active = False
    session.flush()
    with pytest.raises(DomainError):
        operations.assign(referral, desk.tom, was=None, by=desk.rosa)


def test_nothing_is_given_away_that_has_ended(desk: Desk) -> None:
    referral = desk.receive(status=Status.COMPLETED)
    with pytest.raises(DomainError):
        operations.assign(referral, desk.tom, was=None, by=desk.rosa)


def test_what_somebody_had_who_leaves_is_anybodys(desk: Desk, session: Db) -> None:
    open_one, done = desk.receive(), desk.receive()
    for referral in (open_one, done):
        operations.assign(referral, desk.tom, was=None, by=desk.rosa)
    operations.move(done, Status.REJECTED, by=desk.tom, reason=Reason("language"))

    staff.set_active(desk.tom, active=False, by=make_staff(Role.ADMINISTRATOR))

    session.expire_all()
    assert open_one.assigned_to_id is None
    assert done.assigned_to_id == desk.tom.id  # who had it then is part of what happened


def test_what_happened_tells_of_appointments_too(client: FlaskClient, desk: Desk) -> None:
    with clock.held_at(MONDAY):
        referral = desk.receive(status=Status.ACCEPTED)
        appointment = appointments.schedule(referral, Plan(MONDAY + timedelta(days=1)), by=desk.rosa)
    with clock.held_at(MONDAY + timedelta(days=2)):
        appointments.record_visit(appointment, came=False, by=desk.rosa)
        sign_in(client, desk.rosa)
        page = text_of(client, f"/inbox/{referral.id}")
    happened = page[page.index("What happened") :]
    assert happened.index("Accepted") < happened.index("Appointment made: ") < happened.index("They did not come")
