"""The prioritized lists: whose work, how much of it, in which order, and what is done."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from flask.testing import FlaskClient
from sqlalchemy.orm import Session, scoped_session

from app import clock
from app.loop import operations as loop
from app.patients.models import Patient
from app.staff.models import StaffMember
from app.staff.permissions import Role
from app.worklist import operations, queries
from app.worklist.kinds import Kind
from app.worklist.models import WorkItem
from tests.factories import make_need, make_patient, make_referral, make_staff, make_team, sign_in

Db = scoped_session[Session]

TUESDAY = datetime(2026, 11, 24, 15, tzinfo=UTC)


def names(client: FlaskClient, address: str = "/today") -> list[str]:
    return re.findall(r"<h2><a[^>]*>([^<]*)</a></h2>", client.get(address).text)


def badge(client: FlaskClient) -> int:
    found = re.findall(r'<span class="place__count">(\d+)<', client.get("/today").text)
    return int(found[0]) if found else 0


def ask_for_a_call(owner: StaffMember, given_name: str, **particulars: str) -> Patient:
    patient = make_patient(owner, given_name=given_name, **particulars)  # type: ignore[arg-type]
    loop.call_instead(make_referral(make_need(patient)), patient, "silent")
    return patient


def fill(owner: StaffMember, patient: Patient, count: int) -> None:
    for number in range(count):
        operations.ask_person(
            Kind.CALL_INSTEAD,
            f"test:{number}",
            due_at=TUESDAY + timedelta(hours=number),
            team_id=owner.team_id,
            owner_id=owner.id,
            patient_id=patient.id,
            why="asked",
        )


def test_more_than_a_page_of_work_is_all_there_and_counted(
    client: FlaskClient, maya: StaffMember, ana: Patient
) -> None:
    with clock.held_at(TUESDAY):
        fill(maya, ana, 230)
        sign_in(client, maya)
        assert badge(client) == 230
        assert "230 things need you" in client.get("/today").text
        assert [len(names(client, f"/today?page={page}")) for page in (1, 2, 3)] == [100, 100, 30]
        assert "201 to 230 of 230" in client.get("/today?page=3").text
        everything = [queries.listing(maya, queries.scope_of(maya), page).cards for page in (1, 2, 3)]
        assert len({card.item.id for page in everything for card in page}) == 230
        for strange in ("4", "0", "-1", "9999999", "x"):
            assert client.get(f"/today?page={strange}").status_code == 200


def test_a_health_worker_begins_with_their_own_and_a_lead_with_the_teams(client: FlaskClient, session: Db) -> None:  # noqa: ARG001
    team = make_team()
    maya, joel = make_staff(team=team), make_staff(team=team, name="Joel Price")
    lead = make_staff(Role.LEAD, team=team, name="Lea Stone")
    ask_for_a_call(maya, "Ana")
    ask_for_a_call(joel, "Leo")
    for staff, address, seen in (
        (maya, "/today", {"Ana Reyes"}),
        (maya, "/today?who=team", {"Ana Reyes", "Leo Reyes"}),
        (lead, "/today", {"Ana Reyes", "Leo Reyes"}),
        (lead, "/today?who=mine", set()),
        (lead, f"/today?who={joel.id}", {"Leo Reyes"}),
        (lead, "/today?kind=call-agency", set()),
        (lead, "/today?kind=call-instead", {"Ana Reyes", "Leo Reyes"}),
        (lead, "/today?overdue=1", set()),
        # Who does not lead sorts nobody else's work.
        (maya, f"/today?who={joel.id}", {"Ana Reyes"}),
    ):
        sign_in(client, staff)
        assert set(names(client, address)) == seen, address


def test_the_badge_counts_what_the_list_shows(client: FlaskClient, session: Db) -> None:  # noqa: ARG001
    team = make_team()
    maya, lead = make_staff(team=team), make_staff(Role.LEAD, team=team)
    ask_for_a_call(maya, "Ana")
    ask_for_a_call(lead, "Leo")
    for staff in (maya, lead):
        sign_in(client, staff)
        assert badge(client) == len(names(client))


def test_what_is_overdue_says_since_when_and_can_be_done(client: FlaskClient, session: Db) -> None:  # noqa: ARG001
    with clock.held_at(TUESDAY):
        maya = make_staff()
        ask_for_a_call(maya, "Ana")
    sign_in(client, maya)
    with clock.held_at(TUESDAY + timedelta(days=6)):
        page = client.get("/today?overdue=1").text
    assert "Overdue since Wednesday, Nov 25" in page
    assert "it is overdue · it has waited for days" in page
    assert 'name="outcome" value="done"' in page


def test_a_note_stays_with_what_was_done_and_with_the_next_try(
    client: FlaskClient, maya: StaffMember, session: Db
) -> None:
    ask_for_a_call(maya, "Ana")
    sign_in(client, maya)
    item = session.query(WorkItem).one()
    client.post(f"/work/{item.id}/outcome", data={"outcome": "not-reached", "note": " Rings, nobody <b>there</b> "})
    page = client.get("/today").text
    assert "Tried once, not reached" in page
    assert "Rings, nobody &lt;b&gt;there&lt;/b&gt;" in page
    done = client.get("/today/done").text
    assert "Ana Reyes" in done
    assert "Not reached" in done
    assert "Rings, nobody &lt;b&gt;there&lt;/b&gt;" in done


def test_a_note_that_is_too_long_finishes_nothing(client: FlaskClient, maya: StaffMember, session: Db) -> None:
    ask_for_a_call(maya, "Ana")
    sign_in(client, maya)
    item = session.query(WorkItem).one()
    page = client.post(
        f"/work/{item.id}/outcome", data={"outcome": "done", "note": "x" * 501}, follow_redirects=True
    ).text
    session.expire_all()
    assert "This is too long." in page
    assert item.done_at is None


def test_what_is_done_today_is_ones_own_and_a_leads_teams(client: FlaskClient, session: Db) -> None:
    team = make_team()
    maya, joel = make_staff(team=team), make_staff(team=team, name="Joel Price")
    lead = make_staff(Role.LEAD, team=team)
    ask_for_a_call(maya, "Ana")
    with clock.held_at(clock.now() - timedelta(days=1)):
        ask_for_a_call(joel, "Leo")
        operations.finish(session.query(WorkItem).filter_by(owner_id=joel.id).one(), "done", by=joel)
    operations.finish(session.query(WorkItem).filter_by(owner_id=maya.id).one(), "done", by=maya)
    for staff, seen in ((maya, True), (joel, False), (lead, True), (make_staff(), False)):
        sign_in(client, staff)
        page = client.get("/today/done").text
        assert ("Ana Reyes" in page) == seen
        assert "Leo Reyes" not in page  # that was yesterday


def test_who_lives_there_as_well_stands_on_the_card(client: FlaskClient, maya: StaffMember) -> None:
    phone = "+14105550777"
    ask_for_a_call(maya, "Ana", phone=phone)
    ask_for_a_call(maya, "Leo", phone=phone)
    make_patient(maya, given_name="Mia", phone=phone)
    make_patient(given_name="Stranger", phone=phone)  # of another team
    sign_in(client, maya)
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", client.get("/today").text))
    assert "Also in the household: Leo (1 thing to do), Mia" in page
    assert "Stranger" not in page
