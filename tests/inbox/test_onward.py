"""An agency that cannot help, or not with everything, sends the patient on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session, scoped_session

from app.directory.models import ServiceAtLocation
from app.errors import DomainError
from app.inbox import operations
from app.patients import operations as patients
from app.patients.models import ConsentKind
from app.referrals import operations as referrals
from app.referrals.lifecycle import OPEN, Reason, Status
from app.referrals.models import Note, Referral
from app.worklist.kinds import Kind
from app.worklist.models import WorkItem
from tests.factories import make_need, make_organization, make_patient, make_service_at_location, sign_in
from tests.inbox.desk import Desk, text_of

Db = scoped_session[Session]
WHY = Reason("wrong-service")


@pytest.fixture
def shelter(desk: Desk) -> ServiceAtLocation:  # noqa: ARG001  the rows need its transaction
    return make_service_at_location(organization=make_organization("Harbor Kitchen"), name="Warm meals")


@pytest.fixture
def directly(app: Flask) -> Iterator[None]:
    before = app.extensions["settings"]
    app.extensions["settings"] = replace(before, onward_referrals="direct")
    yield
    app.extensions["settings"] = before


def offered(session: Db) -> list[WorkItem]:
    return list(session.scalars(select(WorkItem).where(WorkItem.kind == Kind.OFFER_NEXT, WorkItem.done_at.is_(None))))


def test_the_care_team_is_asked_to_offer_it(
    client: FlaskClient, desk: Desk, shelter: ServiceAtLocation, session: Db
) -> None:
    referral = desk.receive()
    sign_in(client, desk.rosa)
    page = text_of(client, f"/inbox/{referral.id}/onward")
    assert "Harbor Kitchen" in page
    assert "Eastside Pantry" not in page

    without_reason = client.post(f"/inbox/{referral.id}/onward", data={"to": shelter.id})
    assert without_reason.status_code == 422
    sent = client.post(
        f"/inbox/{referral.id}/onward", data={"to": shelter.id, "reason_code": "wrong-service", "note": "They cook"}
    )

    assert sent.location == f"/inbox/{referral.id}"
    session.expire_all()
    assert (referral.status, referral.reason_code) == (Status.REJECTED, "wrong-service")
    assert session.scalars(select(Note.text)).all() == ["They cook"]
    (item,) = offered(session)
    assert item.detail["place"] == str(shelter.id)
    sign_in(client, desk.worker)
    assert "Eastside Pantry suggests Harbor Kitchen: Warm meals instead." in text_of(client, "/today")


def test_who_has_helped_in_part_says_so_and_sends_on(desk: Desk, shelter: ServiceAtLocation, session: Db) -> None:
    referral = desk.receive(status=Status.IN_PROGRESS)

    operations.send_on(referral, shelter.id, by=desk.rosa)

    assert (referral.status, referral.outcome_code) == (Status.COMPLETED, "referred-onward")
    assert [item.detail["why"] for item in offered(session)] == ["onward"]


@pytest.mark.usefixtures("directly")
@pytest.mark.parametrize("status", [Status.REQUESTED, Status.ACCEPTED])
def test_where_the_network_allows_it_the_place_is_asked_at_once(
    desk: Desk, shelter: ServiceAtLocation, session: Db, status: Status
) -> None:
    referral = desk.receive(status=status)

    successor = operations.send_on(referral, shelter.id, by=desk.rosa, reason=WHY)

    assert successor is not None
    assert (successor.instead_of_id, successor.service_at_location_id) == (referral.id, shelter.id)
    assert successor.status in OPEN  # the patient may still say no
    assert referral.status not in OPEN
    assert offered(session) == []
    assert session.query(Referral).count() == 2


@pytest.mark.usefixtures("directly")
def test_nobody_is_sent_to_oneself_nor_back_in_a_circle(desk: Desk, shelter: ServiceAtLocation) -> None:
    referral = desk.receive()
    ours = make_service_at_location(organization=desk.pantry, name="Another of ours")
    with pytest.raises(DomainError, match="your own organization"):
        operations.send_on(referral, ours.id, by=desk.rosa, reason=WHY)
    successor = operations.send_on(referral, shelter.id, by=desk.rosa, reason=WHY)
    assert successor

    with pytest.raises(DomainError, match="asked for this already"):
        operations.send_on(successor, desk.place.id, by=desk.rosa, reason=WHY)


def test_without_consent_to_be_known_nobody_else_learns_of_it(desk: Desk, shelter: ServiceAtLocation) -> None:
    shy = make_patient(desk.worker, share=None)
    referral = referrals.send(make_need(shy), desk.place.id, by=desk.worker, override="She asked for it on the phone")
    with pytest.raises(DomainError, match="has not agreed that others learn of this"):
        operations.send_on(referral, shelter.id, by=desk.rosa, reason=WHY)
    assert referral.status is Status.REQUESTED


def test_consent_that_names_others_does_not_cover_the_place(desk: Desk, shelter: ServiceAtLocation) -> None:
    patients.record_consent(
        desk.patient,
        ConsentKind.SHARE,
        given=True,
        how="spoken",
        language="en",
        by=desk.worker,
        only=[desk.pantry.id],
    )
    referral = desk.receive(patient=desk.patient)
    with pytest.raises(DomainError, match="has not agreed"):
        operations.send_on(referral, shelter.id, by=desk.rosa, reason=WHY)


def test_what_has_ended_is_not_sent_on(client: FlaskClient, desk: Desk, shelter: ServiceAtLocation) -> None:
    referral = desk.receive(status=Status.COMPLETED)
    sign_in(client, desk.rosa)
    assert client.get(f"/inbox/{referral.id}/onward").status_code == 404
    with pytest.raises(DomainError):
        operations.send_on(referral, shelter.id, by=desk.rosa)
