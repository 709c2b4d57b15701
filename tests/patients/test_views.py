from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from app.db import session
from app.patients import queries
from app.patients.models import Consent, ConsentKind, Patient
from app.staff.models import StaffMember
from app.staff.operations import issue_token
from app.staff.permissions import Role
from tests.factories import follow, make_need, make_patient, make_referral, make_staff, sign_in, text_of

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
def lead(client: FlaskClient) -> StaffMember:
    staff = make_staff(Role.LEAD)
    sign_in(client, staff)
    return staff


def the_patient() -> Patient:
    return session.scalars(select(Patient)).one()


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


# Died, moved away, to be deleted


def end(client: FlaskClient, patient: Patient, how: str, **said: str) -> TestResponse:
    return client.post(f"/patients/{patient.id}/ending", data={"how": how, **said})


def found(client: FlaskClient, typed: str, **said: str) -> bool:
    page = follow(client, client.post("/patients", data={"q": typed, **said})).get_data(as_text=True)
    return "Ana Reyes" in text_of(page)


@pytest.mark.parametrize(("how", "words"), [("deceased", "Has died"), ("moved", "Has moved away")])
def test_a_lead_records_that_a_patient_is_gone_and_takes_it_back(
    client: FlaskClient, lead: StaffMember, how: str, words: str
) -> None:
    ana = make_patient(lead, given_name="Ana", family_name="Reyes")
    page = text_of(follow(client, end(client, ana, how, sure="true")).get_data(as_text=True))
    assert words in page
    assert "Ask the questions" not in page
    assert "Correct name" not in page
    page = client.get(f"/patients/{ana.id}/ending").get_data(as_text=True)
    assert words in page
    page = text_of(follow(client, client.post(f"/patients/{ana.id}/ending/mistake")).get_data(as_text=True))
    assert words not in page
    assert "Ask the questions" in page


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"how": "moved"}, "Check this box"),
        ({"how": "moved", "sure": "false"}, "Check this box"),
        ({"sure": "true"}, "choose one"),
        ({"how": "eaten", "sure": "true"}, "choose one"),
    ],
)
def test_nobody_is_gone_by_a_slip_of_the_finger(
    client: FlaskClient, lead: StaffMember, typed: dict[str, str], sentence: str
) -> None:
    ana = make_patient(lead)
    response = client.post(f"/patients/{ana.id}/ending", data=typed)
    assert response.status_code == 422
    assert sentence in response.get_data(as_text=True)
    assert ana.ended is None


def test_who_is_gone_is_found_only_when_asked_for(client: FlaskClient, lead: StaffMember) -> None:
    ana = make_patient(lead, given_name="Ana", family_name="Reyes", phone="+14105550134")
    end(client, ana, "moved", sure="true")
    assert "Ana Reyes" not in client.get("/patients").get_data(as_text=True)
    for typed in ("reyes", "410 555 0134", "1985-03-27"):
        assert not found(client, typed)
        assert found(client, typed, ended="true")
    end(client, ana, "deleted", sure="true")
    assert not found(client, "1985-03-27", ended="true")


def test_who_comes_back_is_not_registered_twice(client: FlaskClient, lead: StaffMember) -> None:
    end(client, make_patient(lead, given_name="Ana", family_name="Reyes"), "moved", sure="true")
    page = text_of(client.post("/patients/new", data=ANA).get_data(as_text=True))
    assert "Has moved away" in page


def test_of_a_deleted_patient_the_page_shows_a_dash(client: FlaskClient, lead: StaffMember) -> None:
    ana = make_patient(lead, given_name="Ana", family_name="Reyes")
    make_referral(make_need(ana), by=lead)
    page = text_of(follow(client, end(client, ana, "deleted", sure="true")).get_data(as_text=True))
    assert "Data deleted" in page
    assert "Ana" not in page
    assert "take it back" not in client.get(f"/patients/{ana.id}/ending").get_data(as_text=True)
    end(client, ana, "moved", sure="true")
    assert "were deleted" in client.get(f"/patients/{ana.id}").get_data(as_text=True)


def test_a_program_is_told_that_a_patient_is_gone(client: FlaskClient, lead: StaffMember) -> None:
    ana = make_patient(lead)
    token = issue_token(lead)
    session.commit()
    said: dict[str, Any] = {"headers": {"Authorization": f"Bearer {token}"}}
    assert client.get(f"/api/v1/patients/{ana.id}", **said).get_json()["ended"] is None
    end(client, ana, "moved", sure="true")
    told = client.get(f"/api/v1/patients/{ana.id}", **said).get_json()
    assert told["ended"] == "moved"
    assert told["ended_at"]
    refused = client.post(
        f"/api/v1/patients/{ana.id}/screenings",
        json={"instrument": "loopline-core", "language": "en", "answers": {"living-now": "steady"}},
        **said,
    )
    assert refused.status_code == 409
    assert "moved away" in refused.get_json()["error"]


def test_nobody_is_offered_help_for_a_patient_who_is_gone(client: FlaskClient, lead: StaffMember) -> None:
    ana = make_patient(lead)
    need = make_need(ana)
    for how in ("moved", "deleted"):
        end(client, ana, how, sure="true")
        assert "Find help" not in client.get(f"/patients/{ana.id}").get_data(as_text=True)
        assert client.get(f"/needs/{need.id}/matches").status_code == 409


def test_the_texts_of_a_patient_who_is_gone_can_be_read_and_not_added_to(
    client: FlaskClient, lead: StaffMember
) -> None:
    ana = make_patient(lead)
    end(client, ana, "moved", sure="true")
    page = client.get(f"/patients/{ana.id}/messages")
    assert page.status_code == 200
    assert "no longer cared for here" in text_of(page.get_data(as_text=True))
