from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session, scoped_session

from app.directory.models import ServiceAtLocation
from app.referrals import operations as referrals
from app.referrals.closing import Says
from app.referrals.lifecycle import Status
from app.referrals.models import Referral
from app.staff import operations as staff
from app.staff.models import StaffMember
from tests.factories import (
    make_need,
    make_organization,
    make_patient,
    make_referral,
    make_service_at_location,
    make_staff,
    sign_in,
    text_of,
)

Db = scoped_session[Session]


@pytest.fixture
def maya(session: Db) -> StaffMember:  # noqa: ARG001  rows need a transaction
    return make_staff(name="Maya Brooks")


@pytest.fixture
def pantry(session: Db) -> ServiceAtLocation:  # noqa: ARG001  rows need a transaction
    return make_service_at_location(organization=make_organization("Eastside Pantry"))


def refer(  # noqa: PLR0913  a referral is this many facts
    by: StaffMember,
    at: ServiceAtLocation,
    status: Status = Status.REQUESTED,
    says: Says | None = None,
    *,
    kind: str = "food",
    language: str = "es",
    given_name: str = "Ana",
) -> Referral:
    patient = make_patient(by, language=language, given_name=given_name)
    referral = make_referral(make_need(patient, kind), at, by=by, status=status)
    if says:
        referrals.record_answer(referral, says, how="phone", by=by)
    return referral


# The API


def counts(sent: int, ended: int, *, closed: int, helped: int, helped_of_ended: int) -> dict[str, int]:
    """What is counted over all sent, and over those that have ended; a closed loop always has."""
    return {
        "referrals_sent": sent,
        "referrals_ended": ended,
        "loops_closed": closed,
        "loops_closed_of_ended": closed,
        "patient_confirmed": helped,
        "patient_confirmed_of_ended": helped_of_ended,
    }


def test_the_loop_in_numbers(session: Db, client: FlaskClient, maya: StaffMember, pantry: ServiceAtLocation) -> None:
    refer(maya, pantry, Status.COMPLETED, Says.GOT_HELP)
    refer(maya, pantry, Status.COMPLETED, Says.NOT_YET, language="ar")
    refer(maya, pantry, Status.ACCEPTED, Says.GOT_HELP, kind="housing", language="ar")
    refer(maya, pantry, Status.ENTERED_IN_ERROR, language="ko")
    token = staff.issue_token(maya)
    session.commit()
    assert client.get("/api/v1/reports/loop", headers={"Authorization": f"Bearer {token}"}).json == {
        **counts(3, 2, closed=1, helped=2, helped_of_ended=1),
        "needs_met": 2,
        "promises_due": 3,
        "promises_kept": 3,
        "by_language": [
            {"language": "ar", **counts(2, 1, closed=0, helped=1, helped_of_ended=0)},
            {"language": "es", **counts(1, 1, closed=1, helped=1, helped_of_ended=1)},
        ],
        "by_need": [
            {"need": "food", **counts(2, 2, closed=1, helped=1, helped_of_ended=1)},
            {"need": "housing", **counts(1, 0, closed=0, helped=1, helped_of_ended=0)},
        ],
    }


def test_before_anything_was_sent_every_number_is_there(session: Db, client: FlaskClient, maya: StaffMember) -> None:
    token = staff.issue_token(maya)
    session.commit()
    assert client.get("/api/v1/reports/loop", headers={"Authorization": f"Bearer {token}"}).json == {
        **counts(0, 0, closed=0, helped=0, helped_of_ended=0),
        "needs_met": 0,
        "promises_due": 0,
        "promises_kept": 0,
        "by_language": [],
        "by_need": [],
    }


# The page


def test_before_anything_was_sent_the_page_says_what_will_be_here(client: FlaskClient, maya: StaffMember) -> None:
    sign_in(client, maya)
    assert "Nothing to count yet" in client.get("/numbers").text


def test_the_two_that_matter_come_first_and_over_all_sent(
    session: Db, client: FlaskClient, maya: StaffMember, pantry: ServiceAtLocation
) -> None:
    refer(maya, pantry, Status.COMPLETED, Says.GOT_HELP)
    refer(maya, pantry, Status.IN_PROGRESS, Says.GOT_HELP)
    refer(maya, pantry)
    refer(maya, pantry, Status.REJECTED)
    session.commit()
    sign_in(client, maya)
    page = text_of(client.get("/numbers").text)
    assert "Loops closed 1 of 4 25 %" in page
    assert "People who say they got help 2 of 4 50 %" in page
    order = ("Loops closed 1 of 4", "People who say", "Where people are lost", "By need", "By language", "By agency")
    assert sorted(order, key=page.index) == list(order)


def test_the_funnel_says_what_is_lost_where(
    session: Db, client: FlaskClient, maya: StaffMember, pantry: ServiceAtLocation
) -> None:
    refer(maya, pantry)
    refer(maya, pantry, Status.REJECTED)
    refer(maya, pantry, Status.ACCEPTED)
    refer(maya, pantry, Status.COMPLETED, Says.NOT_YET)
    refer(maya, pantry, Status.COMPLETED, Says.GOT_HELP)
    session.commit()
    sign_in(client, maya)
    page = text_of(client.get("/numbers").text)
    assert (
        "Sent Not seen yet: 1 5 Seen by the agency Not accepted: 1 4 Accepted Not served: 1 3 "
        "Agency says served Not confirmed: 1 2 Loops closed 1" in page
    )


@pytest.fixture
def three_patients(session: Db, client: FlaskClient, maya: StaffMember, pantry: ServiceAtLocation) -> None:
    refer(maya, pantry, Status.COMPLETED, Says.GOT_HELP, given_name="Ana")
    refer(maya, pantry, kind="housing", language="vi", given_name="Binh")
    refer(maya, pantry, Status.REJECTED, given_name="Carmen")
    session.commit()
    sign_in(client, maya)


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("measure=referrals_sent", {"Ana", "Binh", "Carmen"}),
        ("measure=loops_closed", {"Ana"}),
        ("measure=not_accepted", {"Carmen"}),
        ("measure=referrals_sent&need=food", {"Ana", "Carmen"}),
        ("measure=referrals_sent&language=vi", {"Binh"}),
        ("measure=patient_confirmed&need=housing&language=vi", set()),
    ],
)
@pytest.mark.usefixtures("three_patients")
def test_every_number_opens_the_list_behind_it(client: FlaskClient, asked: str, shown: set[str]) -> None:
    page = client.get(f"/numbers/list?{asked}").text
    assert {name for name in ("Ana", "Binh", "Carmen") if f"{name} R." in page} == shown
    assert page.count("/referrals/") == len(shown)
    assert f"<b>{len(shown)}</b>" in page


def test_the_links_of_the_page_lead_to_what_they_count(
    session: Db, client: FlaskClient, maya: StaffMember, pantry: ServiceAtLocation
) -> None:
    refer(maya, pantry, Status.COMPLETED, Says.GOT_HELP)
    session.commit()
    sign_in(client, maya)
    links = set(re.findall(r'href="(/numbers/list[^"]*)"', client.get("/numbers").text))
    assert len(links) >= 10
    for link in links:
        assert "<b>1</b>" in client.get(link.replace("&amp;", "&")).text, link


def test_nobody_is_named_in_a_title_or_an_address(
    session: Db, client: FlaskClient, maya: StaffMember, pantry: ServiceAtLocation
) -> None:
    refer(maya, pantry)
    session.commit()
    sign_in(client, maya)
    page = client.get("/numbers/list?measure=referrals_sent").text
    assert "<title>Behind a number · Loopline</title>" in page
    assert not re.search(r'href="[^"]*(Ana|Reyes)', page)


@pytest.mark.parametrize(
    "asked",
    ["", "measure=everything", "measure=seen&week=soon", "measure=seen&agency=7", "measure=seen&page=0"],
)
def test_what_cannot_be_counted_is_not_found(client: FlaskClient, maya: StaffMember, asked: str) -> None:
    sign_in(client, maya)
    assert client.get(f"/numbers/list?{asked}").status_code == 404


def test_the_tables_show_either_of_the_two(
    session: Db, client: FlaskClient, maya: StaffMember, pantry: ServiceAtLocation
) -> None:
    refer(maya, pantry, Status.IN_PROGRESS, Says.GOT_HELP)
    session.commit()
    sign_in(client, maya)
    assert "Food 0 of 1" in text_of(client.get("/numbers").text)
    assert "Food 1 of 1" in text_of(client.get("/numbers?show=patient_confirmed").text)


# Who may not see names


@pytest.mark.usefixtures("grace")
def test_an_administrator_sees_counts_and_no_names(
    session: Db, client: FlaskClient, maya: StaffMember, pantry: ServiceAtLocation
) -> None:
    refer(maya, pantry)
    session.commit()
    page = client.get("/numbers/list?measure=referrals_sent").text
    assert "Ana" not in page
    assert "/referrals/" not in page
    assert "<b>1</b>" in page


@pytest.mark.usefixtures("grace")
def test_small_groups_are_hidden_from_an_administrator(
    session: Db, client: FlaskClient, maya: StaffMember, pantry: ServiceAtLocation
) -> None:
    for _ in range(6):
        refer(maya, pantry, language="es")
    for language in ("ar", "ko", "vi", "so", "so"):
        refer(maya, pantry, Status.COMPLETED, Says.GOT_HELP, language=language)
    session.commit()
    page = text_of(client.get("/numbers").text)
    assert "Spanish 0 of 6" in page
    assert "4 others 5 of the 5 that have ended 5 of 5" in page
    assert "Arabic" not in page
    small = text_of(client.get("/numbers/list?measure=loops_closed&language=ar").text)
    assert "Referrals too few to show" in small


def test_a_care_team_sees_its_small_groups(
    session: Db, client: FlaskClient, maya: StaffMember, pantry: ServiceAtLocation
) -> None:
    refer(maya, pantry, language="ar")
    session.commit()
    sign_in(client, maya)
    assert "Arabic 0 of 1" in text_of(client.get("/numbers").text)
