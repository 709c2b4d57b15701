"""People who come to an agency without a referral: counted, and known to it no better than before."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session, scoped_session

from app import clock
from app.directory.queries import UNPLACED
from app.patients import operations as patients
from app.patients.models import ConsentKind, Patient
from app.referrals.lifecycle import Status
from app.referrals.models import WalkIn
from app.screening.models import NeedStatus
from app.worklist.kinds import Kind
from app.worklist.models import WorkItem
from tests.factories import follow, make_need, make_organization, make_patient, make_referral, make_staff, sign_in
from tests.inbox.desk import Desk, text_of
from tests.loop.steps import agency_says

Db = scoped_session[Session]


def form(patient: Patient | None = None, **other: Any) -> dict[str, Any]:
    """What an agency types about somebody; of `patient`, what they would say of themselves."""
    typed: dict[str, Any] = {
        "key": uuid.uuid4(),
        "need": "food",
        "served_on": clock.now().astimezone(UNPLACED).date().isoformat(),
    }
    if patient:
        typed |= {
            "agreed": "true",
            "given_name": patient.given_name.upper(),
            "family_name": patient.family_name,
            "birth_date": patient.birth_date.isoformat(),
            "phone": patient.phones[0].number,
        }
    return typed | other


def work(session: Db) -> list[WorkItem]:
    return list(session.scalars(select(WorkItem).where(WorkItem.kind == Kind.CONFIRM_WALK_IN)))


def test_somebody_is_counted_without_a_name(client: FlaskClient, desk: Desk, session: Db) -> None:
    sign_in(client, desk.rosa)
    client.post("/inbox/walk-ins", data=form())
    kept = session.scalars(select(WalkIn)).one()
    assert (kept.organization_id, kept.need, kept.patient_id) == (desk.pantry.id, "food", None)


def test_sending_the_form_twice_counts_once(client: FlaskClient, desk: Desk, session: Db) -> None:
    sign_in(client, desk.rosa)
    twice = form(desk.patient)
    for _ in range(2):
        client.post("/inbox/walk-ins", data=twice)
    assert session.query(WalkIn).count() == 1
    assert len(work(session)) == 1


def test_the_care_team_of_a_patient_who_agreed_asks_them_and_meets_the_need(
    client: FlaskClient, desk: Desk, session: Db
) -> None:
    need = make_need(desk.patient)
    sign_in(client, desk.rosa)
    client.post("/inbox/walk-ins", data=form(desk.patient))

    (item,) = work(session)
    sign_in(client, desk.worker)
    today = text_of(client, "/today")
    assert "Eastside Pantry says that it helped Ana, who came without a referral." in today
    address = f"/walk-ins/{item.detail['walk_in']}"
    assert "When help came, the need is met." in text_of(client, address)

    agency_says(make_referral(need), Status.REJECTED, "language")
    assert "Offer the next match" in text_of(client, "/today")

    client.post(address, data={"got_help": "yes"})

    session.expire_all()
    assert need.status is NeedStatus.MET
    assert "Offer the next match" not in text_of(client, "/today"), "nothing more is needed"
    assert work(session)[0].done_at is not None
    again = client.post(address, data={"got_help": "no"}, headers={"Referer": f"http://localhost{address}"})
    assert "already written this down" in follow(client, again).get_data(as_text=True)


def test_help_that_did_not_come_leaves_the_need_open(client: FlaskClient, desk: Desk, session: Db) -> None:
    need = make_need(desk.patient)
    sign_in(client, desk.rosa)
    client.post("/inbox/walk-ins", data=form(desk.patient))
    sign_in(client, desk.worker)
    client.post(f"/walk-ins/{work(session)[0].detail['walk_in']}", data={"got_help": "no"})
    session.expire_all()
    assert need.status is NeedStatus.WANTS_HELP


@pytest.mark.parametrize(
    "other",
    [
        {"given_name": "Anna"},
        {"birth_date": "1985-03-28"},
        {"phone": "410-555-9999"},
        {"phone": "no phone"},
        {"agreed": ""},
    ],
)
def test_whoever_does_not_fit_in_everything_stays_unknown(
    client: FlaskClient, desk: Desk, session: Db, other: dict[str, str]
) -> None:
    sign_in(client, desk.rosa)
    client.post("/inbox/walk-ins", data=form(desk.patient, **other))
    assert session.scalars(select(WalkIn.patient_id)).one() is None
    assert work(session) == []


def test_an_agency_hears_the_same_whether_we_know_them_or_not(client: FlaskClient, desk: Desk) -> None:
    sign_in(client, desk.rosa)
    answers = []
    for typed in (form(desk.patient), form(desk.patient, given_name="Nobody"), form()):
        response = client.post("/inbox/walk-ins", data=typed)
        page = follow(client, response).get_data(as_text=True)
        answers.append((response.status_code, response.location, page.count("Thank you. It is counted")))
    assert len(set(answers)) == 1


@pytest.mark.parametrize("share", [False, None])
def test_who_has_not_agreed_to_be_known_stays_unknown(
    client: FlaskClient,
    desk: Desk,
    session: Db,
    share: bool | None,  # noqa: FBT001
) -> None:
    shy = make_patient(desk.worker, given_name="Linh", share=share)
    sign_in(client, desk.rosa)
    client.post("/inbox/walk-ins", data=form(shy))
    assert session.scalars(select(WalkIn.patient_id)).one() is None


def test_who_agreed_for_other_organizations_stays_unknown_to_this_one(
    client: FlaskClient, desk: Desk, session: Db
) -> None:
    for only, known in (([make_organization().id], None), ([desk.pantry.id], desk.patient.id)):
        patients.record_consent(
            desk.patient, ConsentKind.SHARE, given=True, how="spoken", language="en", by=desk.worker, only=only
        )
        sign_in(client, desk.rosa)
        typed = form(desk.patient)
        client.post("/inbox/walk-ins", data=typed)
        assert session.scalar(select(WalkIn.patient_id).where(WalkIn.id == typed["key"])) == known


def test_two_who_fit_are_one_too_many(client: FlaskClient, desk: Desk, session: Db) -> None:
    make_patient(desk.worker, phone=desk.patient.phones[0].number)  # the same name and birthday
    sign_in(client, desk.rosa)
    client.post("/inbox/walk-ins", data=form(desk.patient))
    assert session.scalars(select(WalkIn.patient_id)).one() is None


@pytest.mark.parametrize(
    ("wrong", "box"),
    [
        ({"need": ""}, "need"),
        ({"need": "gold"}, "need"),
        ({"served_on": ""}, "served_on"),
        ({"served_on": (clock.now() + timedelta(days=2)).date().isoformat()}, "served_on"),
        ({"served_on": "2020-01-01"}, "served_on"),
        ({"agreed": "true"}, "given_name"),
    ],
)
def test_what_is_missing_is_said_at_its_box(
    client: FlaskClient, desk: Desk, session: Db, wrong: dict[str, str], box: str
) -> None:
    sign_in(client, desk.rosa)
    response = client.post("/inbox/walk-ins", data=form() | wrong)
    assert response.status_code == 422
    assert f'href="#f-{box}"' in response.get_data(as_text=True)
    assert session.query(WalkIn).count() == 0


def test_another_team_does_not_learn_of_it(client: FlaskClient, desk: Desk, session: Db) -> None:
    sign_in(client, desk.rosa)
    client.post("/inbox/walk-ins", data=form(desk.patient))
    sign_in(client, make_staff())
    assert client.get(f"/walk-ins/{work(session)[0].detail['walk_in']}").status_code == 404
