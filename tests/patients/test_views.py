from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app.db import session
from app.patients import queries
from app.patients.models import Consent, ConsentKind, Patient
from app.staff.models import StaffMember
from app.staff.permissions import Role
from tests.factories import follow, make_patient, make_staff, sign_in

ANA = {
    "given_name": "Ana",
    "family_name": "Reyes",
    "birth_date": "1985-03-27",
    "phone": "410 555 0134",
    "language": "es",
    "address.postal_code": "21224",
    "consent.share": "true",
    "consent.text": "",
}

pytestmark = pytest.mark.usefixtures("session")


@pytest.fixture
def worker(client: FlaskClient) -> StaffMember:
    staff = make_staff()
    sign_in(client, staff)
    return staff


def the_patient() -> Patient:
    return session.scalars(select(Patient)).one()


def text_of(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


@pytest.mark.usefixtures("worker")
def test_a_patient_is_registered_with_the_consents_that_were_asked_for(client: FlaskClient) -> None:
    response = client.post("/patients/new", data=ANA)

    patient = the_patient()
    assert (response.status_code, response.location) == (303, f"/patients/{patient.id}")
    assert (patient.name, patient.language, patient.postal_code) == ("Ana Reyes", "es", "21224")
    assert patient.phones[0].number == "+14105550134"
    assert queries.has_consent(patient.id, ConsentKind.SHARE)
    kinds = session.scalars(select(Consent.kind).where(Consent.patient_id == patient.id)).all()
    assert kinds == [ConsentKind.SHARE]  # “later” is no answer, and is not written down as one


@pytest.mark.usefixtures("worker")
def test_what_is_wrong_is_said_on_top_and_what_was_typed_is_kept(client: FlaskClient) -> None:
    typed = ANA | {"family_name": " ", "phone": "12", "address.postal_code": "99"}

    response = client.post("/patients/new", data=typed)

    page = response.get_data(as_text=True)
    assert response.status_code == 422
    for field in ("family_name", "phone", "address.postal_code"):
        assert f'href="#f-{field}"' in page
        assert f'id="f-{field}-error"' in page
    assert 'value="Ana"' in page
    assert 'value="12"' in page
    assert session.scalars(select(Patient)).all() == []


@pytest.mark.usefixtures("worker")
def test_a_zip_code_that_does_not_exist_is_blamed_on_its_box(client: FlaskClient) -> None:
    response = client.post("/patients/new", data=ANA | {"address.postal_code": "00000"})

    assert response.status_code == 422
    assert 'href="#f-address.postal_code"' in response.get_data(as_text=True)


def test_a_possible_duplicate_warns_and_does_not_block(client: FlaskClient, worker: StaffMember) -> None:
    first = make_patient(worker)

    warned = client.post("/patients/new", data=ANA)

    page = warned.get_data(as_text=True)
    assert warned.status_code == 200
    assert f"/patients/{first.id}" in page
    assert "This is somebody else, register" in page
    assert len(session.scalars(select(Patient)).all()) == 1

    registered = client.post("/patients/new", data=ANA | {"anyway": "yes"})

    assert registered.status_code == 303
    assert len(session.scalars(select(Patient)).all()) == 2


def test_the_words_to_read_out_are_in_the_language_of_the_patient(client: FlaskClient, worker: StaffMember) -> None:
    spanish = make_patient(worker, language="es")
    vietnamese = make_patient(worker, language="vi")

    assert "¿Podemos decirle a una organización" in client.get(f"/patients/{spanish.id}/consents").get_data(
        as_text=True
    )
    page = text_of(client.get(f"/patients/{vietnamese.id}/consents").get_data(as_text=True))
    assert "There are no words in Tiếng Việt yet. Read this through an interpreter: May we tell" in page


def test_people_are_found_without_their_names_in_any_address(client: FlaskClient, worker: StaffMember) -> None:
    make_patient(worker, given_name="Ana")
    make_patient(worker, given_name="Mateo", birth_date=date(2018, 2, 3))
    make_patient(worker, given_name="Linh", family_name="Nguyen")

    response = client.post("/patients", data={"q": "reyes"})

    assert "reyes" not in response.location.lower()
    page = text_of(follow(client, response).get_data(as_text=True))
    assert "2 people found" in page
    assert "Mateo Reyes" in page
    assert "Linh Nguyen" not in page


@pytest.mark.usefixtures("worker")
def test_nobody_finds_the_patients_of_another_team(client: FlaskClient) -> None:
    other = make_patient(make_staff(), given_name="Samira")

    found = follow(client, client.post("/patients", data={"q": "samira"}))

    assert "Nobody found" in found.get_data(as_text=True)
    for page in ("edit", "consents", "safe-contact"):
        assert client.get(f"/patients/{other.id}/{page}").status_code == 404
    assert client.post(f"/patients/{other.id}/consents", data={"share": "false"}).status_code == 404
    assert queries.has_consent(other.id, ConsentKind.SHARE)


def test_a_patient_is_corrected(client: FlaskClient, worker: StaffMember) -> None:
    patient = make_patient(worker)
    assert 'value="Reyes"' in client.get(f"/patients/{patient.id}/edit").get_data(as_text=True)

    client.post(f"/patients/{patient.id}/edit", data=ANA | {"family_name": "Rivera", "phone": ""})

    session.expire_all()
    assert (patient.name, patient.phones) == ("Ana Rivera", [])


@pytest.mark.parametrize(
    ("answers", "held"),
    [
        ({"share": "true", "text": "true"}, (True, True)),
        ({"share": "true"}, (True, False)),
        ({"text": "false"}, (False, False)),
    ],
)
def test_each_consent_is_recorded_by_itself(
    client: FlaskClient, worker: StaffMember, answers: dict[str, str], held: Any
) -> None:
    patient = make_patient(worker, share=None, text=None)

    response = client.post(f"/patients/{patient.id}/consents", data=answers)

    assert response.location == f"/patients/{patient.id}"
    assert tuple(queries.has_consent(patient.id, kind) for kind in ConsentKind) == held
    assert len(queries.consents(patient.id)) == len(answers)


def test_a_form_goes_on_to_our_own_pages_only(client: FlaskClient, worker: StaffMember) -> None:
    patient = make_patient(worker)
    consents = f"/patients/{patient.id}/consents"

    assert client.post(consents, data={"next": "/needs/1/matches"}).location == "/needs/1/matches"
    for elsewhere in ("https://evil.test/", "//evil.test", "/\\evil.test"):
        assert client.post(consents, data={"next": elsewhere}).location == f"/patients/{patient.id}"


def test_text_nothing_holds_at_once(client: FlaskClient, worker: StaffMember) -> None:
    patient = make_patient(worker)

    client.post(f"/patients/{patient.id}/safe-contact", data={"text_nothing": "true", "note": "Call before noon."})

    session.expire_all()
    assert queries.reach(patient).why_not == "text-nothing"
    assert patient.safe_contact
    assert not patient.safe_contact.voicemail_ok
    assert "Call before noon." in client.get(f"/patients/{patient.id}/safe-contact").get_data(as_text=True)


def test_an_agency_has_no_patients(client: FlaskClient) -> None:
    patient = make_patient()
    sign_in(client, make_staff(Role.AGENCY))

    for page in ("/patients", "/patients/new", f"/patients/{patient.id}/edit"):
        assert client.get(page).status_code == 403


def test_titles_carry_no_names(client: FlaskClient, worker: StaffMember) -> None:
    patient = make_patient(worker)

    for page in ("/patients", "/patients/new", f"/patients/{patient.id}/edit", f"/patients/{patient.id}/consents"):
        title = re.findall(r"<title>(.*?)</title>", client.get(page).get_data(as_text=True))
        assert not re.search("Ana|Reyes", title[0])
