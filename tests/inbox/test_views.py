from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session, scoped_session

from app import clock
from app.directory.codes import CapacityStatus
from app.directory.models import Service
from app.patients import operations as patients
from app.referrals.lifecycle import Status
from app.referrals.models import Referral
from app.staff.permissions import Role
from tests.factories import (
    Loop,
    follow,
    make_need,
    make_patient,
    make_referral,
    make_service_at_location,
    make_staff,
    sign_in,
    text_of,
)
from tests.inbox.desk import Desk

Db = scoped_session[Session]


def sent(session: Db) -> Referral:
    return session.scalars(select(Referral)).one()


def test_the_inbox_says_who_needs_what_without_a_name(client: FlaskClient, loop: Loop) -> None:
    make_referral(loop.need, loop.place)
    sign_in(client, loop.agency)

    page = text_of(client.get("/inbox").get_data(as_text=True))

    assert "Somebody near 21224 needs food" in page
    assert "Ana" not in page
    assert "1 New 0 Mine 0 Waiting 0 Done" in page


def test_the_urgent_and_the_oldest_come_first(client: FlaskClient, loop: Loop) -> None:
    old = make_referral(loop.need, loop.place)
    with clock.held_at(clock.now() + timedelta(hours=1)):
        new = make_referral(make_need(make_patient(loop.worker)), loop.place)
        urgent = make_referral(make_need(make_patient(loop.worker), urgent=True), loop.place)
    sign_in(client, loop.agency)

    page = client.get("/inbox").get_data(as_text=True)

    places = [page.index(f'href="/inbox/{referral.id}"') for referral in (urgent, old, new)]
    assert places == sorted(places)


def test_opening_it_is_noted_and_shows_what_they_need_to_know(client: FlaskClient, loop: Loop, session: Db) -> None:
    referral = make_referral(loop.need, loop.place, note="She comes on Thursdays.")
    sign_in(client, loop.agency)

    page = client.get(f"/inbox/{referral.id}").get_data(as_text=True)

    for known in ("Ana Reyes", f"tel:{loop.patient.phones[0].number}", "Español", "She comes on Thursdays."):
        assert known in page
    assert "Light Street" not in page  # an address is not needed to call somebody
    session.expire_all()
    assert referral.seen_at is not None


def test_that_a_voicemail_is_not_safe_reaches_the_agency(client: FlaskClient, loop: Loop) -> None:
    patients.set_safe_contact(loop.patient, text_nothing=True, voicemail_ok=False, note="He reads it", by=loop.worker)
    referral = make_referral(loop.need, loop.place)
    sign_in(client, loop.agency)

    page = client.get(f"/inbox/{referral.id}").get_data(as_text=True)

    assert "Leave no voicemail" in page
    assert "He reads it" not in page


def test_access_ends_with_the_referral(client: FlaskClient, loop: Loop) -> None:
    referral = make_referral(loop.need, loop.place, status=Status.COMPLETED, note="She comes on Thursdays.")
    sign_in(client, loop.agency)

    page = client.get(f"/inbox/{referral.id}").get_data(as_text=True)

    assert "This request has ended" in page
    for gone in ("Ana", "Reyes", loop.patient.phones[0].number, "Thursdays"):
        assert gone not in page
    assert "Ana" not in client.get("/inbox?tab=done").get_data(as_text=True)


def test_accepting_says_when_they_will_be_contacted(client: FlaskClient, loop: Loop, session: Db) -> None:
    referral = make_referral(loop.need, loop.place)
    sign_in(client, loop.agency)
    offered = re.findall(
        r'name="promised_by" value="(\S+)"', client.get(f"/inbox/{referral.id}").get_data(as_text=True)
    )

    response = client.post(f"/inbox/{referral.id}/transitions", data={"status": "accepted", "promised_by": offered[0]})

    session.expire_all()
    assert response.location == f"/inbox/{referral.id}"
    assert referral.status is Status.ACCEPTED
    assert referral.promised_by
    assert referral.promised_by.isoformat() == offered[0]


def test_declining_needs_a_reason_and_keeps_what_was_typed(client: FlaskClient, loop: Loop, session: Db) -> None:
    referral = make_referral(loop.need, loop.place)
    sign_in(client, loop.agency)
    steps = f"/inbox/{referral.id}/transitions"

    refused = client.post(steps, data={"status": "rejected", "reason_text": "We moved"})

    page = refused.get_data(as_text=True)
    assert refused.status_code == 422
    assert 'href="#f-reason_code"' in page
    assert 'value="We moved"' in page

    client.post(steps, data={"status": "rejected", "reason_code": "other", "reason_text": "We moved"})
    session.expire_all()
    assert (referral.status, referral.reason_text) == (Status.REJECTED, "We moved")


@pytest.mark.parametrize(
    ("step", "evidence", "status"),
    [
        ("in-progress", {}, Status.IN_PROGRESS),
        ("on-hold", {"reason_code": "waitlist"}, Status.ON_HOLD),
        ("completed", {"outcome_code": "service-provided", "outcome_text": "One box"}, Status.COMPLETED),
        ("failed", {"reason_code": "no-show"}, Status.FAILED),
        ("cancelled", {"reason_code": "moved"}, Status.CANCELLED),
    ],
)
def test_every_step_of_the_agency_has_its_form(  # noqa: PLR0913, PLR0917
    client: FlaskClient, loop: Loop, session: Db, step: str, evidence: dict[str, str], status: Status
) -> None:
    referral = make_referral(loop.need, loop.place, status=Status.ACCEPTED)
    sign_in(client, loop.agency)

    page = client.get(f"/inbox/{referral.id}?status={step}").get_data(as_text=True)
    for name, value in evidence.items():
        assert f'name="{name}"' in page
        assert name.endswith("_text") or f'value="{value}"' in page

    client.post(f"/inbox/{referral.id}/transitions", data={"status": step, **evidence})
    session.expire_all()
    assert referral.status is status


def test_an_agency_sees_nothing_of_another(client: FlaskClient, loop: Loop) -> None:
    referral = make_referral(loop.need, loop.place)
    sign_in(client, make_staff(Role.AGENCY))

    assert client.get(f"/inbox/{referral.id}").status_code == 404
    assert client.post(f"/inbox/{referral.id}/transitions", data={"status": "accepted"}).status_code == 404
    assert "needs food" not in client.get("/inbox").get_data(as_text=True)


def test_the_inbox_is_for_agencies_and_sending_is_not(client: FlaskClient, loop: Loop) -> None:
    sign_in(client, loop.worker)
    assert client.get("/inbox").status_code == 403
    sign_in(client, loop.agency)
    assert client.get(loop.matches).status_code == 403
    assert client.post(loop.referrals).status_code == 403


def test_a_full_service_is_paused_and_opened_again(client: FlaskClient, loop: Loop, session: Db) -> None:
    service = session.get_one(Service, loop.place.service_id)
    foreign = session.get_one(Service, make_service_at_location().service_id)
    sign_in(client, loop.agency)

    client.post("/inbox/capacity", data={"service": [service.id, foreign.id], "days": "14"})

    session.expire_all()
    assert service.capacity_status is CapacityStatus.NO_CAPACITY
    assert service.capacity_until is not None
    assert foreign.capacity_status is CapacityStatus.UNKNOWN
    assert "1 service is paused." in text_of(client.get("/inbox").get_data(as_text=True))

    client.post("/inbox/capacity", data={"service": service.id, "status": "open"})
    session.expire_all()
    assert session.scalar(select(Service.capacity_status).where(Service.id == service.id)) is CapacityStatus.CAPACITY


def test_pausing_nothing_is_a_slip(client: FlaskClient, loop: Loop) -> None:
    sign_in(client, loop.agency)

    response = client.post("/inbox/capacity", data={"days": "7"})

    assert response.status_code == 422
    assert 'href="#f-service"' in response.get_data(as_text=True)


def test_what_was_said_in_another_window_is_not_said_twice(client: FlaskClient, desk: Desk) -> None:
    referral = desk.receive(status=Status.IN_PROGRESS)
    sign_in(client, desk.rosa)
    here = {"Referer": f"http://localhost/inbox/{referral.id}"}
    again = client.post(f"/inbox/{referral.id}/transitions", data={"status": "in-progress"}, headers=here)
    assert "This was written down already: it is “being served”." in follow(client, again).text
