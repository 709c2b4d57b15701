from __future__ import annotations

import uuid
from datetime import date
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import clock
from app.db import session as the_session
from app.directory import merging
from app.directory.models import Service, ServiceAtLocation
from app.matching import operations
from app.matching.models import Bearing
from app.matching.queries import question_for
from app.patients.models import Patient
from app.screening.models import Need
from app.staff import operations as staff
from app.staff.models import StaffMember
from app.staff.permissions import Role
from tests.factories import make_need, make_organization, make_patient, make_service_at_location, make_staff


@pytest.fixture
def worker(session: object) -> StaffMember:  # noqa: ARG001  the rows are rolled back with it
    return make_staff()


@pytest.fixture
def patient(worker: StaffMember) -> Patient:
    return make_patient(worker, language="es", birth_date=date(1985, 3, 27), postal_code="21224")


@pytest.fixture
def need(patient: Patient) -> Need:
    return make_need(patient, "food")


def get(client: FlaskClient, path: str, by: StaffMember | None) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {staff.issue_token(by)}"} if by else {}
    the_session.commit()
    response = client.get(f"/api/v1/{path}", headers=headers)
    return response.status_code, response.get_json()


def test_matches_come_with_names_distance_score_and_reasons(
    client: FlaskClient, worker: StaffMember, need: Need
) -> None:
    place = make_service_at_location(organization=make_organization("Eastside Pantry"), name="Groceries")
    status, body = get(client, f"needs/{need.id}/matches", worker)
    assert status == 200
    [match] = body["matches"]
    assert match["service_at_location_id"] == str(place.id)
    assert (match["service"], match["organization"], match["area"]) == ("Groceries", "Eastside Pantry", "Baltimore")
    assert match["distance_miles"] == round(match["distance_miles"])
    assert 0 < match["score"] < 1
    assert {"code": "language-spoken", "text": "Staff speak Spanish"} in match["reasons"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=51", "limit"),
        ("limit=many", "limit"),
        ("radius_miles=0.5", "radius_miles"),
        ("radius_miles=501", "radius_miles"),
        ("radius_miles=nan", "radius_miles"),
    ],
)
def test_a_limit_or_radius_out_of_bounds_names_the_field(
    client: FlaskClient, worker: StaffMember, need: Need, query: str, field: str
) -> None:
    status, body = get(client, f"needs/{need.id}/matches?{query}", worker)
    assert status == 422
    assert list(body["fields"]) == [field]


def test_a_limit_is_kept(client: FlaskClient, worker: StaffMember, need: Need) -> None:
    for _ in range(3):
        make_service_at_location()
    _status, body = get(client, f"needs/{need.id}/matches?limit=2&radius_miles=50", worker)
    assert len(body["matches"]) == 2


def test_only_the_patients_team_sees_matches(client: FlaskClient, worker: StaffMember, need: Need) -> None:
    path = f"needs/{need.id}/matches"
    assert get(client, path, None)[0] == 401
    assert get(client, path, make_staff(Role.AGENCY))[0] == 403
    assert get(client, path, make_staff())[0] == 403
    assert get(client, f"needs/{uuid.uuid4()}/matches", worker)[0] == 404


def who_offers(place: ServiceAtLocation) -> tuple[uuid.UUID, uuid.UUID]:
    return place.service_id, the_session.get_one(Service, place.service_id).organization_id


def test_a_question_is_what_is_known_about_the_patient(patient: Patient) -> None:
    places = {bearing: make_service_at_location() for bearing in Bearing}
    for bearing, place in places.items():
        operations.remember(patient.id, *who_offers(place), bearing)
    with clock.held_at(clock.now().replace(year=2026, month=3, day=26)):
        question = question_for(make_need(patient, "food", urgent=True), patient)
    assert (question.need, question.urgent, question.language, question.age) == ("food", True, "es", 40)
    assert question.postal_code == "21224"
    assert question.known_place is not None
    assert question.declined_services == {places[Bearing.DECLINED].service_id}
    assert question.asked_services == {places[Bearing.ASKED].service_id}
    assert question.helping_organizations == {who_offers(places[Bearing.HELPING])[1]}


def test_what_is_forgotten_can_be_offered_again(patient: Patient) -> None:
    service_id, organization_id = who_offers(make_service_at_location())
    operations.remember(patient.id, service_id, organization_id, Bearing.ASKED)
    operations.remember(patient.id, service_id, organization_id, Bearing.DECLINED)
    need = make_need(patient)
    assert question_for(need, patient).declined_services == {service_id}
    operations.forget(patient.id, service_id)
    assert question_for(need, patient).declined_services == frozenset()


def test_what_somebody_did_not_want_is_not_offered_under_another_name(patient: Patient) -> None:
    gone, kept, at_last = (who_offers(make_service_at_location())[0] for _service in range(3))
    operations.remember(patient.id, gone, the_session.get_one(Service, gone).organization_id, Bearing.DECLINED)
    for into, merged in ((kept, gone), (at_last, kept)):
        merging.merge(into, merged, by="test")
    assert question_for(make_need(patient), patient).declined_services == {gone, kept, at_last}
