"""The API as its own description has it: whatever a program sends, it gets an answer it can use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from sqlalchemy.orm import Session, scoped_session

from app.staff.operations import issue_token
from tests.factories import make_need, make_patient, make_referral, make_staff


@pytest.fixture
def mine(session: scoped_session[Session]) -> Mapping[str, str]:
    """A bearer token, and the ids of things that are its owner's."""
    maya = make_staff()
    patient = make_patient(maya)
    need = make_need(patient, "housing")
    referral = make_referral(make_need(patient), by=maya)
    token = issue_token(maya)
    session.commit()
    return {
        "token": token,
        "patient_id": str(patient.id),
        "need_id": str(need.id),
        "referral_id": str(referral.id),
        "service_at_location_id": str(referral.service_at_location_id),
    }


def test_nothing_that_is_sent_makes_the_server_stumble(app: Flask, mine: Mapping[str, str]) -> None:
    api = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)
    cases = st.one_of([found.ok().as_strategy() for found in api.get_all_operations() if isinstance(found, Ok)])

    answers: Counter[int] = Counter()

    @settings(max_examples=200, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=cases)
    def send(case: schemathesis.Case[Any]) -> None:
        case.path_parameters = {name: mine[name] for name in case.path_parameters or {}}
        answer = case.call(headers={"Authorization": f"Bearer {mine['token']}", "Accept-Encoding": "identity"})
        answers[answer.status_code // 100] += 1
        assert answer.status_code < 500
        if answer.status_code >= 400:
            assert answer.json()["error"].strip()

    send()
    assert set(answers) == {2, 4}, "both ways have to be walked"


def test_the_description_names_every_operation(app: Flask) -> None:
    paths = app.test_client().get("/api/v1/openapi.json").get_json()["paths"]
    served = {
        rule.rule.replace("<uuid:", "{").replace(">", "}")
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/") and not rule.rule.endswith("openapi.json")
    }
    assert set(paths) == served


def described(app: Flask) -> dict[str, Any]:
    return dict(app.test_client().get("/api/v1/openapi.json").get_json())


def test_errors_are_described_as_they_are_sent(app: Flask) -> None:
    components = described(app)["components"]
    error = components["schemas"]["ErrorOut"]

    assert set(error["properties"]) == {"error", "fields"}
    assert error["required"] == ["error"]
    for response in components["responses"].values():
        assert response["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/ErrorOut"}


def test_only_the_agency_is_described_as_somebody_whose_word_is_recorded(app: Flask) -> None:
    step = described(app)["components"]["schemas"]["TransitionIn"]["properties"]

    assert [said for said in step["said_by"]["enum"] if said] == ["agency"]
