"""“Do you still take people in?”: who is asked when, and that matching obeys."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session, scoped_session

from app import clock
from app.agencies import queries, room
from app.agencies.models import CapacityQuestion
from app.directory import operations as directory
from app.directory import queries as directory_queries
from app.directory import verification
from app.directory.codes import CapacityStatus
from app.directory.models import Organization, Service
from app.matching import queries as matching
from app.patients.models import Patient
from app.screening.models import Need
from tests.agencies.steps import PHONE, letters, path_in, texts
from tests.factories import (
    follow,
    make_contact,
    make_need,
    make_organization,
    make_patient,
    make_referral,
    make_service_at_location,
)

Db = scoped_session[Session]

pytestmark = pytest.mark.usefixtures("session")


def an_agency() -> Organization:
    """One with a service that received somebody lately, and of which nothing is known."""
    organization = make_organization()
    make_contact(organization, phone=PHONE)
    make_referral(at=make_service_at_location(organization=organization))
    return organization


def service_of(session: Db, organization: Organization) -> Service:
    service = session.scalars(select(Service).where(Service.organization_id == organization.id)).one()
    session.refresh(service)
    return service


def question_path(organization: Organization) -> str:
    (contact,) = queries.contacts(organization.id)
    return path_in(letters(contact)[-1].body)


def test_how_many_a_day_is_said_over_the_link_as_well(client: FlaskClient, session: Db) -> None:
    organization = an_agency()
    assert room.ask_who_is_due() == 1
    path, service = question_path(organization), service_of(session, organization)
    box = f"limit-{service.id}"
    foreign = make_service_at_location().service_id
    sent = {"name": "Rosa Diaz", box: "5", f"limit-{foreign}": "1"}
    assert client.post(path, data={**sent, box: "five"}).status_code == 422
    assert client.post(path, data=sent).status_code == 303
    assert service_of(session, organization).intake_daily_limit == 5
    assert session.get_one(Service, foreign).intake_daily_limit is None
    assert re.search(rf'name="{box}"[^>]*value="5"', client.get(path).text)
    client.post(path, data={"name": "Rosa Diaz", "all": "open", box: ""})
    assert service_of(session, organization).intake_daily_limit is None
    assert client.post(path, data={"name": "Rosa Diaz", box: ""}).status_code == 422, "that says nothing"


def test_whoever_received_somebody_is_asked_once_a_week() -> None:
    organization = an_agency()
    (contact,) = queries.contacts(organization.id)
    written = len(letters(contact))
    assert room.ask_who_is_due() == 1
    assert room.ask_who_is_due() == 0
    assert len(letters(contact)) == written + 1
    assert "/room/" in texts(contact)[-1]
    with clock.held_at(clock.now() + timedelta(days=7, minutes=1)):
        assert room.ask_who_is_due() == 1


def test_whose_word_is_fresh_is_not_asked(session: Db) -> None:
    organization = an_agency()
    directory.set_capacity(service_of(session, organization).id, CapacityStatus.CAPACITY, None, "agency")
    assert room.ask_who_is_due() == 0


def test_an_old_word_is_asked_about() -> None:
    organization = make_organization()
    make_contact(organization)
    place = make_service_at_location(organization=organization)
    assert room.ask_who_is_due() == 0
    with clock.held_at(clock.now() - timedelta(days=31)):
        directory.set_capacity(place.service_id, CapacityStatus.CAPACITY, None, "agency")
    assert room.ask_who_is_due() == 1


def test_a_pause_that_ends_by_itself_asks(session: Db) -> None:
    organization = make_organization()
    make_contact(organization)
    make_service_at_location(organization=organization)
    service = service_of(session, organization)
    room.say(service.id, room.FULL)
    assert room.ask_who_is_due() == 0
    with clock.held_at(clock.now() + room.USUAL_PAUSE + timedelta(days=1)):
        assert directory_queries.services_of(organization.id)[0].capacity.status is CapacityStatus.UNKNOWN
        assert room.ask_who_is_due() == 1


def test_an_agency_without_contacts_is_not_asked() -> None:
    make_referral(at=make_service_at_location(organization=make_organization()))
    assert room.ask_who_is_due() == 0


def test_looking_answers_nothing(session: Db, client: FlaskClient) -> None:
    organization = an_agency()
    room.ask_who_is_due()
    session.commit()
    for method in ("GET", "HEAD", "GET"):
        assert client.open(question_path(organization), method=method).status_code == 200
    assert service_of(session, organization).capacity_status is CapacityStatus.UNKNOWN


def test_one_tap_says_yes_for_all(session: Db, client: FlaskClient) -> None:
    organization = an_agency()
    room.ask_who_is_due()
    path = question_path(organization)
    page = follow(client, client.post(path, data={"name": "Rosa Diaz", "all": "open"})).get_data(as_text=True)
    assert "We have your answer" in page
    service = service_of(session, organization)
    assert (service.capacity_status, service.capacity_source) == (CapacityStatus.CAPACITY, "agency")
    question = session.scalars(select(CapacityQuestion)).one()
    assert question.answered_by == "Rosa Diaz"


def test_full_until_a_day_is_obeyed_at_once(session: Db, client: FlaskClient) -> None:
    organization = an_agency()
    room.ask_who_is_due()
    service = service_of(session, organization)
    last = clock.now().astimezone(directory_queries.UNPLACED).date() + timedelta(days=20)
    form = {"name": "Rosa Diaz", f"service-{service.id}": "full", f"until-{service.id}": last.isoformat()}
    client.post(question_path(organization), data=form)
    service = service_of(session, organization)
    assert (service.capacity_status, service.capacity_until) == (CapacityStatus.NO_CAPACITY, last)
    need = make_need(make_patient())
    assert "full" in cautions(session, need, service)


def cautions(session: Db, need: Need, service: Service) -> set[str]:
    found = matching.matches(matching.question_for(need, session.get_one(Patient, need.patient_id)))
    return {caution.code for match in found.items if match.service_id == service.id for caution in match.cautions}


def test_nobody_in_particular_says_nothing(session: Db, client: FlaskClient) -> None:
    organization = an_agency()
    room.ask_who_is_due()
    assert client.post(question_path(organization), data={"all": "full"}).status_code == 422
    assert client.post(question_path(organization), data={"name": "Rosa"}).status_code == 422
    assert service_of(session, organization).capacity_status is CapacityStatus.UNKNOWN


def test_only_their_own_services_are_touched(session: Db, client: FlaskClient) -> None:
    organization, other = an_agency(), an_agency()
    room.ask_who_is_due()
    stranger = service_of(session, other)
    form = {"name": "Rosa Diaz", "all": "", f"service-{stranger.id}": "full"}
    assert client.post(question_path(organization), data=form).status_code == 422
    assert service_of(session, other).capacity_status is CapacityStatus.UNKNOWN


def test_what_is_no_longer_offered_goes_to_whoever_keeps_the_directory(session: Db, client: FlaskClient) -> None:
    organization = an_agency()
    room.ask_who_is_due()
    service = service_of(session, organization)
    client.post(question_path(organization), data={"name": "Rosa Diaz", f"service-{service.id}": "closed"})
    service = service_of(session, organization)
    assert (service.capacity_status, service.capacity_until) == (CapacityStatus.NO_CAPACITY, None)
    (answered,) = verification.answers_to_handle(10)
    assert answered.closed[0][0] == service.id


def test_an_old_link_takes_no_answer(session: Db, client: FlaskClient) -> None:
    organization = an_agency()
    room.ask_who_is_due()
    path = question_path(organization)
    session.commit()
    with clock.held_at(clock.now() + timedelta(days=31)):
        assert "This link is old" in client.get(path).get_data(as_text=True)
        client.post(path, data={"name": "Rosa Diaz", "all": "full"})
    assert service_of(session, organization).capacity_status is CapacityStatus.UNKNOWN
