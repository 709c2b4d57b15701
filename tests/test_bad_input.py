"""What nobody types and some program sends: it is refused in one sentence, and never makes the server stumble."""

from __future__ import annotations

import io
import json
import uuid
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from app import edge, i18n
from app.db import session
from app.patients import operations
from app.patients.models import Patient
from app.screening.models import Need
from app.staff.models import StaffMember
from app.staff.operations import issue_token
from app.staff.permissions import Role
from tests.factories import make_need, make_patient, make_referral, make_service_at_location, make_staff, sign_in

NUL, HALF = "A\x00b", "\ud800x"
ANA: dict[str, Any] = {
    "given_name": "Ana",
    "family_name": "Reyes",
    "birth_date": "1985-03-27",
    "address": {"postal_code": "21224"},
}
PATIENTS = "/api/v1/patients"
FILES = "multipart/form-data; boundary=x"

pytestmark = pytest.mark.usefixtures("session")


@pytest.fixture
def patient(worker: StaffMember) -> Patient:
    return make_patient(worker)


@pytest.fixture
def need(patient: Patient) -> Need:
    return make_need(patient)


@pytest.fixture
def token(worker: StaffMember) -> str:
    token = issue_token(worker)
    session.commit()
    return token


def send(
    client: FlaskClient, token: str, path: str, body: object, content_type: str = "application/json"
) -> TestResponse:
    data = body if isinstance(body, (bytes, str)) else json.dumps(body)
    return client.post(
        path,
        data=data,
        content_type=content_type,
        headers={"Authorization": f"Bearer {token}", "Accept-Language": "en"},
    )


def refused(response: TestResponse, status: int = 422) -> dict[str, Any]:
    body = response.get_json()
    assert response.status_code == status, body
    return dict(body)


# Programs: what is no text, no JSON, or too much of it


@pytest.mark.parametrize("typed", [NUL, HALF])
@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("given_name", lambda typed: ANA | {"given_name": typed}),
        ("address.line1", lambda typed: ANA | {"address": {"postal_code": "21224", "line1": typed}}),
        ("unheard_of", lambda typed: ANA | {"unheard_of": [typed]}),
    ],
)
def test_what_is_no_text_is_refused_by_the_name_of_its_field(
    client: FlaskClient, token: str, typed: str, name: str, body: Any
) -> None:
    answer = refused(send(client, token, PATIENTS, body(typed)))

    assert answer["fields"] == {name: edge.NOT_TEXT}
    assert answer["error"] == f"{name}: {edge.NOT_TEXT}"


def test_a_name_that_is_no_text_is_not_repeated(client: FlaskClient, token: str) -> None:
    assert refused(send(client, token, PATIENTS, ANA | {NUL: ""})) == {"error": edge.NOT_TEXT}


@pytest.mark.parametrize("typed", [NUL, HALF])
def test_neither_a_note_nor_a_reason_takes_what_is_no_text(
    client: FlaskClient, worker: StaffMember, token: str, need: Need, typed: str
) -> None:
    place = make_service_at_location()
    referral = make_referral(need, place, by=worker)

    sent = {"service_at_location_id": str(place.id), "note": typed}
    assert "note" in refused(send(client, token, f"/api/v1/needs/{need.id}/referrals", sent))["fields"]

    step = {"status": "cancelled", "reason": {"code": "moved", "text": typed}}
    path = f"/api/v1/referrals/{referral.id}/transitions"
    assert "reason.text" in refused(send(client, token, path, step))["fields"]


@pytest.mark.parametrize(
    "body",
    [
        "[" * 200_000,
        '{"a":' * 200_000,
        '{"given_name": ' + "9" * 5_000 + "}",
        b"\xff\xfe",
        "{",
        "",
    ],
    ids=["deep list", "deep object", "long number", "no UTF-8", "broken off", "empty"],
)
def test_what_is_no_json_is_said_to_be_none(client: FlaskClient, token: str, body: str | bytes) -> None:
    assert refused(send(client, token, PATIENTS, body), 400) == {"error": edge.NOT_JSON}


def test_json_may_be_nested_only_so_far(client: FlaskClient, token: str) -> None:
    body = '{"a":' * 100 + "1" + "}" * 100
    assert refused(send(client, token, PATIENTS, body)) == {"error": edge.TOO_DEEP}


def test_more_json_than_anybody_needs_is_too_large(client: FlaskClient, token: str) -> None:
    body = ANA | {"given_name": "A" * edge.LARGEST_JSON}
    assert refused(send(client, token, PATIENTS, body), 413) == {"error": edge.SENTENCES[413]}


@pytest.mark.parametrize("body", [[], "Ana", 1, None, [ANA]])
def test_json_has_to_be_an_object(client: FlaskClient, token: str, body: object) -> None:
    assert refused(send(client, token, PATIENTS, json.dumps(body))) == {"error": edge.NO_OBJECT}


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_anything_but_json_is_told_which_header_to_send(client: FlaskClient, token: str, content_type: str) -> None:
    assert refused(send(client, token, PATIENTS, ANA, content_type), 415) == {"error": edge.SENTENCES[415]}


def test_who_is_not_known_hears_only_that(client: FlaskClient) -> None:
    assert refused(send(client, "wrong", PATIENTS, "["), 401)["error"] == edge.SENTENCES[401]


def test_what_the_database_does_not_take_is_no_fault_of_ours(
    client: FlaskClient, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_large(*_arguments: object, **_named: object) -> None:
        session.execute(text("SELECT 9999999999::integer"))

    monkeypatch.setattr(operations, "register", too_large)

    assert refused(send(client, token, PATIENTS, ANA)) == {"error": edge.SENTENCES[422]}


# Programs: one sentence for each wrong field


WRONG_PATIENTS = {
    "given_name": (["Ana"], "Send text in quotes, or leave it out."),
    "family_name": ("R" * 121, "This is too long. Use 120 characters at most."),
    "birth_date": (1985, "Enter a birth date as year-month-day, such as 1985-03-27."),
    "phone": (4105550123, "Send text in quotes, or leave it out."),
    "language": ({}, "Send text in quotes, or leave it out."),
    "address": ("1200 Light Street", "Send an object with line1, city, state and postal_code."),
    "address.line1": (None, "Send text in quotes, or leave it out."),
    "address.postal_code": (21224, "Enter a ZIP code of five digits, such as 21215."),
    "consent": ([], "Send an object with share and text, each true or false."),
    "consent.share": ("perhaps", "Send true or false, or leave it out."),
}


@pytest.mark.parametrize("name", WRONG_PATIENTS)
def test_a_wrong_field_of_a_patient_gets_its_sentence(client: FlaskClient, token: str, name: str) -> None:
    value, sentence = WRONG_PATIENTS[name]
    body = ANA | placed(name, value)
    if name == "address.line1":
        body["address"]["postal_code"] = "21224"
    answer = refused(send(client, token, PATIENTS, body))

    assert answer["fields"] == {name: sentence}
    assert answer["error"] == f"{name}: {sentence}"


def placed(name: str, value: object) -> dict[str, Any]:
    outer, _, inner = name.partition(".")
    return {outer: {inner: value}} if inner else {outer: value}


def test_each_wrong_field_is_named_in_the_sentence(client: FlaskClient, token: str) -> None:
    answer = refused(send(client, token, PATIENTS, {"address": {}}))

    assert all(f"{name}: {sentence}" in answer["error"] for name, sentence in answer["fields"].items())
    assert set(answer["fields"]) == {"given_name", "family_name", "birth_date", "address.postal_code"}


WRONG_SCREENINGS = [
    ({"instrument": None}, "instrument", "Say which instrument, such as loopline-core."),
    ({"answers": {}}, "answers", "Send at least one answer."),
    ({"answers": "often"}, "answers", "Send the answers as an object: question code and answer code."),
    ({"answers": {"food-worried": 1}}, "answers.food-worried", "Give an answer code, or a list of answer codes."),
    ({"answers": {"food-worried": None}}, "answers.food-worried", "Give an answer code, or a list of answer codes."),
    ({"answers": dict.fromkeys(map(str, range(201)), "a")}, "answers", "Send at most 200 answers."),
]


@pytest.mark.parametrize(("change", "name", "sentence"), WRONG_SCREENINGS)
def test_a_wrong_field_of_a_screening_gets_its_sentence(  # noqa: PLR0913, PLR0917  fixtures and a row of the table
    client: FlaskClient, token: str, patient: Patient, change: dict[str, Any], name: str, sentence: str
) -> None:
    body = {"instrument": "hunger-vital-sign", "language": "en", "answers": {"food-worried": "often"}} | change
    assert refused(send(client, token, f"{PATIENTS}/{patient.id}/screenings", body))["fields"] == {name: sentence}


SAID_BY = "Send “agency” when the agency told you, or leave this out."
WRONG_STEPS = [
    ({"status": None}, "status", "Say the new status."),
    ({"said_by": "sender"}, "said_by", SAID_BY),
    ({"said_by": 1}, "said_by", SAID_BY),
    ({"promised_by": "soon"}, "promised_by", "Enter a date as year-month-day, such as 2026-03-27."),
    ({"reason": "moved"}, "reason", "Send an object with a code and, where it needs one, a text."),
    ({"reason": {"code": None}}, "reason.code", "Send a code, such as “other”."),
    ({"reason": None}, "reason", "Say why: choose a reason."),
]


@pytest.mark.parametrize(("change", "name", "sentence"), WRONG_STEPS)
def test_a_wrong_field_of_a_step_gets_its_sentence(  # noqa: PLR0913, PLR0917  fixtures and a row of the table
    client: FlaskClient,
    worker: StaffMember,
    token: str,
    need: Need,
    change: dict[str, Any],
    name: str,
    sentence: str,
) -> None:
    referral = make_referral(need, by=worker)
    body = {"status": "cancelled", "reason": {"code": "moved"}} | change
    answer = refused(send(client, token, f"/api/v1/referrals/{referral.id}/transitions", body))

    assert answer == {"error": f"{name}: {sentence}", "fields": {name: sentence}}


@pytest.mark.parametrize("service", [None, 7, "here"])
def test_a_referral_says_where_the_id_of_a_service_comes_from(
    client: FlaskClient, token: str, need: Need, service: object
) -> None:
    body = {"service_at_location_id": service}
    answer = refused(send(client, token, f"/api/v1/needs/{need.id}/referrals", body))

    assert "one of the matches" in answer["fields"]["service_at_location_id"]


@pytest.mark.parametrize(
    ("name", "typed"), [("limit", "9" * 5_000), ("radius_miles", "nan"), ("radius_miles", "1e999")]
)
def test_a_number_out_of_this_world_is_refused(
    client: FlaskClient, token: str, need: Need, name: str, typed: str
) -> None:
    answer = client.get(
        f"/api/v1/needs/{need.id}/matches", query_string={name: typed}, headers={"Authorization": f"Bearer {token}"}
    )

    assert list(refused(answer)["fields"]) == [name]


# Pages


@pytest.mark.parametrize(
    "address",
    [
        "/directory?q=%00",
        "/directory?near=%00",
        "/directory?need=%00",
        "/directory?language=%00",
        "/directory?%00=q",
        "/numbers/list?measure=loops_closed&need=%00",
    ],
)
@pytest.mark.usefixtures("worker")
def test_an_address_with_a_nul_is_refused_in_a_sentence(client: FlaskClient, address: str) -> None:
    says_what_is_wrong(client.get(address))


@pytest.mark.parametrize(
    ("role", "address", "form"),
    [
        (Role.HEALTH_WORKER, "/patients/new", {"given_name": NUL}),
        (Role.HEALTH_WORKER, "/patients", {"q": NUL}),
        (Role.HEALTH_WORKER, "/sign-in", {"email": NUL, "password": "x"}),
        (Role.ADMINISTRATOR, "/directory/imports", {"source": NUL}),
        (Role.ADMINISTRATOR, "/directory/imports", {"source": "us", "package": (io.BytesIO(b"a"), "a\x00.csv")}),
        (Role.ADMINISTRATOR, "/people", {"organization": NUL}),
    ],
)
def test_a_form_with_a_nul_is_refused_in_a_sentence(
    client: FlaskClient, role: Role, address: str, form: dict[str, Any]
) -> None:
    sign_in(client, make_staff(role))
    says_what_is_wrong(client.post(address, data=form))


def says_what_is_wrong(response: TestResponse) -> None:
    assert response.status_code == 422
    assert edge.NOT_TEXT in response.text


def test_the_carrier_is_not_asked_for_text_before_its_signature_is_checked(client: FlaskClient) -> None:
    assert client.post("/sms/inbound", data={"Body": NUL}).status_code == 403
    assert client.post(f"/sms/status/{uuid.uuid4()}?a=%00").status_code == 403


@pytest.mark.parametrize(
    "form",
    [
        "address=x&address.postal_code=21224",
        "address.postal_code=21224&address=x",
        "consent=x&consent.share=true",
        "given_name=Ana&family_name=Reyes&birth_date=1985-03-27&language=es&address.postal_code=21224&consent.how=x",
    ],
)
@pytest.mark.usefixtures("worker")
def test_a_form_that_no_page_of_ours_sends_is_refused_on_the_page(client: FlaskClient, form: str) -> None:
    response = client.post("/patients/new", data=form, content_type="application/x-www-form-urlencoded")
    assert response.status_code == 422


def test_a_file_that_is_too_large_is_read_to_its_end_so_that_a_browser_hears_why(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(client, make_staff(Role.ADMINISTRATOR))
    monkeypatch.setitem(app.config, "MAX_CONTENT_LENGTH", 1000)
    sent = io.BytesIO(b"a" * 200_000)

    response = client.post("/directory/imports", input_stream=sent, content_length=200_000, content_type=FILES)

    assert (response.status_code, edge.SENTENCES[413] in response.text) == (413, True)
    assert not sent.read()


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "This is too long. Use 120 characters at most."),
        ("es", "Es demasiado largo. Use 120 caracteres como máximo."),
    ],
)
def test_too_long_is_said_in_the_language_of_the_page(client: FlaskClient, language: str, sentence: str) -> None:
    i18n.load()
    sign_in(client, make_staff(language=language))

    assert sentence in client.post("/patients/new", data={"given_name": "A" * 121}).text
