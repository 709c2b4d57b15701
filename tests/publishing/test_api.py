"""The HSDS API as a program meets it."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from sqlalchemy import event, update
from sqlalchemy.orm import Session, scoped_session

from app import config
from app.db import db
from app.directory import entries
from app.directory.importing import import_directory
from app.directory.models import Location, Organization, Phone, Service, ServiceArea
from app.edge import NO_OBJECT, NOT_JSON, NOT_TEXT
from app.publishing.hsds import BY_NAME
from app.staff.operations import issue_token
from tests.directory.packages import LOCATION, OFFER, ORGANIZATION, SERVICE, TERM, write
from tests.factories import make_staff
from tests.publishing.packages import (
    CHILD_TERM,
    SECRETS,
    SHELTER,
    SHELTER_OFFER,
    TAXONOMY,
    many,
    write_everything,
)

Db = scoped_session[Session]

REFERENCE = config.ROOT.parent / "shared" / "reference" / "hsds" / "json_schema"

LISTS = ("services", "organizations", "service_at_locations", "taxonomies", "taxonomy_terms")
SCHEMA_OF = {
    "services": "service",
    "organizations": "organization",
    "service_at_locations": "service_at_location",
    "taxonomies": "taxonomy",
    "taxonomy_terms": "taxonomy_term",
}
FIRST = {
    "services": SERVICE,
    "organizations": ORGANIZATION,
    "service_at_locations": OFFER,
    "taxonomies": TAXONOMY,
    "taxonomy_terms": CHILD_TERM,
}
EVERY_ANSWER = [
    *(f"{name}?{query}" for name in LISTS for query in ("", "full=true&full_service=true")),
    *(f"{name}/{id_}" for name, id_ in FIRST.items()),
    f"organizations/{ORGANIZATION}?full_service=true",
    f"services/{SHELTER}",
    f"service_at_locations/{SHELTER_OFFER}",
]


@pytest.fixture
def directory(session: Db, tmp_path: Path) -> None:
    import_directory(write_everything(tmp_path / "town"), "town")
    session.commit()


def get(client: FlaskClient, path: str, **query: object) -> Any:
    asked = {name: str(value) for name, value in query.items()}
    answer = client.get(f"/hsds/v3/{path}", query_string=asked or None)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_json()


def ids(client: FlaskClient, path: str, **query: object) -> list[str]:
    return [record["id"] for record in get(client, path, **query)["contents"]]


def records_of(answer: Any) -> list[Any]:
    records: list[Any] = answer.get("contents", [answer])
    return records


def nulls(thing: object) -> Iterator[object]:
    if isinstance(thing, dict):
        for value in thing.values():
            yield from nulls(value)
    elif isinstance(thing, list):
        for value in thing:
            yield from nulls(value)
    elif thing is None:
        yield thing


# What it says


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize("path", EVERY_ANSWER)
def test_every_answer_is_as_the_json_schemas_want_it(client: FlaskClient, path: str) -> None:
    if not REFERENCE.exists():
        pytest.skip("the JSON Schemas of HSDS are not beside the project")
    schema = SCHEMA_OF[path.replace("?", "/").split("/")[0]]
    validator = jsonschema_rs.validator_for(
        {"$ref": f"{REFERENCE.as_uri()}/{schema}.json"}, retriever=_from_folder, validate_formats=True
    )
    records = records_of(get(client, path))
    assert records
    for record in records:
        assert [error.message for error in validator.iter_errors(record)] == []


def _from_folder(uri: str) -> Any:
    return json.loads((REFERENCE / uri.rsplit("/", 1)[-1]).read_text(encoding="utf-8"))


REQUIRED = {
    "service": ("id", "name", "status"),
    "organization": ("id", "name", "description"),
    "service_at_location": ("id",),
    "location": ("id", "location_type"),
    "taxonomy": ("id", "name", "description"),
    "taxonomy_term": ("id", "name", "description"),
    "phones": ("id", "number"),
    "addresses": ("id", "address_1", "city", "state_province", "postal_code", "country", "address_type"),
    "capacities": ("id", "unit", "available", "updated"),
    "organization_identifiers": ("id", "identifier_type", "identifier"),
    "program": ("id", "name", "description"),
}


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize("path", EVERY_ANSWER)
def test_nothing_is_null_and_nothing_that_must_be_there_is_missing(client: FlaskClient, path: str) -> None:
    answer = get(client, path)
    assert not list(nulls(answer))
    for record in records_of(answer):
        assert_whole(SCHEMA_OF[path.replace("?", "/").split("/")[0]], record)


def assert_whole(kind: str, record: dict[str, Any]) -> None:
    assert set(REQUIRED.get(kind, ("id",))) <= set(record), kind
    for name, value in record.items():
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict):
                assert_whole(name, inner)


@pytest.mark.usefixtures("directory")
def test_a_service_is_told_with_all_that_belongs_to_it(client: FlaskClient) -> None:
    service = get(client, f"services/{SERVICE}")

    assert service["minimum_age"] == 18
    assert service["maximum_age"] == 64.5
    assert service["licenses"] == "Food 12"
    assert service["organization"]["organization_identifiers"][0]["identifier"] == "52-0000000"
    assert service["program"]["name"] == "Meals"
    assert service["phones"][0]["languages"][0]["code"] == "fr"
    assert service["contacts"][0]["phones"][0]["extension_text"] == "3 then 4"
    assert service["schedules"][0]["byweekno"] == "1,2"
    assert service["capacities"][0]["unit"]["name"] == "plate"
    assert service["cost_options"][0]["amount"] == 2.5
    assert service["funding"][0]["source"] == "City of Baltimore"
    assert service["additional_urls"][0]["url"] == "https://harbor.example.org/menu"
    assert service["required_documents"][0]["document"] == "Photo ID"
    assert service["attributes"][0]["taxonomy_term"]["taxonomy_detail"]["name"] == "Human services"
    offer = service["service_at_locations"][0]
    assert offer["location"]["addresses"][0]["address_1"] == "12 Bank St"
    assert offer["location"]["accessibility"][0]["description"] == "Ramp"
    assert offer["location"]["attributes"][0]["taxonomy_term"]["code"] == "BD-1800"
    assert offer["description"] == "Side entrance"


@pytest.mark.usefixtures("directory")
def test_our_own_fields_stand_beside_those_of_hsds(client: FlaskClient) -> None:
    service = get(client, f"services/{SERVICE}")
    assert (service["capacity_status"], service["intake_daily_limit"]) == ("waitlist", 40)
    assert service["interpreter"] is True
    assert service["last_verified_on"] == "2026-02-03"
    assert "last_verified_by" not in service, "who of us it was is nobody's business"


@pytest.mark.usefixtures("directory")
def test_what_does_not_look_as_hsds_says_is_left_out(client: FlaskClient) -> None:
    assert "email" not in get(client, f"services/{SERVICE}")


def test_about(client: FlaskClient) -> None:
    about = get(client, "")
    assert about["version"] == "3.1"
    assert about["openapi_url"] == "https://loopline.test/hsds/v3/openapi.json"
    assert client.get("/hsds/v3/openapi.json").get_json()["paths"].keys() >= {"/hsds/v3/services/{id_}"}


# Confidential places


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize(
    "path", [*EVERY_ANSWER, *(f"{name}?format=ndjson&full=true&full_service=true" for name in LISTS)]
)
def test_no_answer_leads_to_a_confidential_door(client: FlaskClient, path: str) -> None:
    text = client.get(f"/hsds/v3/{path}").get_data(as_text=True)
    assert [secret for secret in SECRETS if secret in text] == []


@pytest.mark.usefixtures("directory")
def test_how_to_call_a_confidential_place_is_told(client: FlaskClient) -> None:
    location = get(client, f"service_at_locations/{SHELTER_OFFER}")["location"]
    assert location["confidential"] is True
    assert location["phones"][0]["number"] == "(410) 276-6209"
    assert "addresses" not in location


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize(
    "query", [{"postcode": "21205"}, {"postcode": "21205", "proximity": 5_000_000}, {"search": "Lantern"}]
)
def test_a_confidential_place_is_not_found_by_where_it_is(client: FlaskClient, query: dict[str, str]) -> None:
    assert SHELTER_OFFER not in ids(client, "service_at_locations", **query)


# What is withdrawn


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize(
    ("kind", "id_", "gone"),
    [
        (Service, SERVICE, {"services": 1, "service_at_locations": 1, "organizations": 1}),
        (Location, LOCATION, {"services": 2, "service_at_locations": 1, "organizations": 1}),
        (Organization, ORGANIZATION, {"services": 0, "service_at_locations": 0, "organizations": 0}),
    ],
)
def test_what_is_withdrawn_is_not_listed(
    session: Db, client: FlaskClient, kind: Any, id_: str, gone: dict[str, int]
) -> None:
    session.execute(update(kind).where(kind.id == id_).values(withdrawn_at=kind.changed_at))
    session.commit()
    assert {name: get(client, name)["total_items"] for name in gone} == gone
    assert len(get(client, "services", full="true")["contents"]) == gone["services"]


@pytest.mark.usefixtures("directory")
def test_a_withdrawn_service_is_not_found(session: Db, client: FlaskClient) -> None:
    session.execute(update(Service).where(Service.id == SERVICE).values(withdrawn_at=Service.changed_at))
    session.commit()
    assert client.get(f"/hsds/v3/services/{SERVICE}").status_code == 404


# What can be asked


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize(
    ("path", "query", "found"),
    [
        ("services", {"search": "hot LUNCH"}, {SERVICE}),
        ("services", {"search": "harbor shelter"}, {SHELTER}),
        ("services", {"search": "100%"}, set()),
        ("services", {"taxonomy_term_id": CHILD_TERM}, {SERVICE}),
        ("services", {"taxonomy_term_id": "BD-1800.2000"}, {SERVICE}),
        ("services", {"taxonomy_term_id": "no such term"}, set()),
        ("services", {"taxonomy_id": TAXONOMY}, {SERVICE}),
        ("services", {"organization_id": ORGANIZATION}, {SERVICE, SHELTER}),
        ("services", {"organization_id": TAXONOMY}, set()),
        ("services", {"modified_after": "2000-01-01"}, {SERVICE, SHELTER}),
        ("services", {"modified_after": "2100-01-01T00:00:00+00:00"}, set()),
        ("services", {"modified_after": "2000-01-01t00:00:00z"}, {SERVICE, SHELTER}),
        # A form sends its empty boxes, too.
        ("services", {"organization_id": "", "modified_after": "", "page": "", "full": ""}, {SERVICE, SHELTER}),
        ("services", {"minimal": "true"}, {SERVICE, SHELTER}),
        ("organizations", {"search": "kitchen"}, {ORGANIZATION}),
        ("organizations", {"taxonomy_term_id": CHILD_TERM}, {ORGANIZATION}),
        ("organizations", {"taxonomy_term_id": TAXONOMY}, set()),
        ("service_at_locations", {"search": "parish"}, {OFFER}),
        ("service_at_locations", {"taxonomy_term_id": CHILD_TERM}, {OFFER}),
        ("service_at_locations", {"modified_after": "2100-01-01"}, set()),
        ("service_at_locations", {"organization_id": ORGANIZATION}, {OFFER, SHELTER_OFFER}),
        # The area of the hot lunch is 21224 and 21231.
        ("service_at_locations", {"postcode": "21224"}, {OFFER}),
        ("service_at_locations", {"postcode": "21201"}, set()),
        ("service_at_locations", {"postcode": "21224-1234", "proximity": 20_000}, {OFFER}),
        ("service_at_locations", {"postcode": "21224", "proximity": 10}, set()),
        ("service_at_locations", {"postcode": "00000"}, set()),
        ("taxonomies", {"search": "human"}, {TAXONOMY}),
        ("taxonomy_terms", {"taxonomy_id": TAXONOMY}, {TERM, CHILD_TERM}),
        ("taxonomy_terms", {"parent_id": TERM}, {CHILD_TERM}),
        ("taxonomy_terms", {"top_only": "true"}, {TERM}),
        ("taxonomy_terms", {"search": "BD-1800.2000"}, {CHILD_TERM}),
    ],
)
def test_lists_are_narrowed_down(client: FlaskClient, path: str, query: dict[str, object], found: set[str]) -> None:
    assert set(ids(client, path, **query)) == found


SQUARE = json.dumps({"type": "Polygon", "coordinates": [[[-77, 39], [-76, 39], [-76, 40], [-77, 40], [-77, 39]]]})

CORNER = json.dumps({"type": "Polygon", "coordinates": [[[-77, 39], [-76, 39], [-77, 40], [-77, 39]]]})


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize(
    ("area", "inside", "outside"),
    [
        ({"name": "Howard County, MD"}, "21044", "21224"),
        ({"name": "Maryland"}, "21532", "20001"),
        ({"name": "nationwide"}, "99501", None),
        ({"name": "East side", "extent": SQUARE, "extent_type": "geojson"}, "21201", "21532"),
        # Aberdeen lies in the box around this one, but beyond its long side.
        ({"name": "Corner", "extent": CORNER, "extent_type": "geojson"}, "21201", "21001"),
        ({"name": "East side and friends"}, "21224", "21532"),  # nobody knows what that is: what is near counts
    ],
)
def test_an_area_takes_in_the_zip_codes_of_its_counties_and_states(
    session: Db, client: FlaskClient, area: dict[str, str], inside: str, outside: str | None
) -> None:
    nothing: dict[str, object] = {"name": None, "extent": None, "extent_type": None, "postal_codes": []}
    session.execute(update(ServiceArea).where(ServiceArea.service_id == SERVICE).values({**nothing, **area}))
    entries.refresh([uuid.UUID(SERVICE)])
    session.commit()
    assert ids(client, "service_at_locations", postcode=inside) == [OFFER]
    assert outside is None or ids(client, "service_at_locations", postcode=outside) == []


@pytest.mark.usefixtures("directory")
def test_a_change_of_what_belongs_to_a_service_is_a_change_of_it(session: Db, client: FlaskClient) -> None:
    before = max(record["modified_date"] for record in get(client, "services", minimal="true")["contents"])
    session.execute(update(Phone).where(Phone.service_id == SERVICE).values(description="Mornings"))
    session.commit()
    since = session.query(Phone.changed_at).filter(Phone.service_id == SERVICE).scalar()
    assert since.isoformat() > before
    assert ids(client, "services", modified_after=since.isoformat()) == [SERVICE]
    assert ids(client, "service_at_locations", modified_after=since.isoformat()) == [OFFER]


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("sent_as", ["query_string", "json", "data"])
def test_post_asks_what_get_asks(client: FlaskClient, name: str, sent_as: str) -> None:
    query = {"search": "o", "per_page": "1"}
    found = client.get(f"/hsds/v3/{name}", query_string=query).get_json()
    answer = client.post(f"/hsds/v3/{name}", **{sent_as: query})
    assert answer.status_code == 200
    assert answer.get_json() == found


@pytest.mark.usefixtures("directory")
def test_a_post_may_ask_in_two_places_and_the_address_goes_first(client: FlaskClient) -> None:
    body = {"organization_id": ORGANIZATION, "minimal": True, "search": "nobody is called this"}
    answer = client.post("/hsds/v3/services?search=lunch", json=body)
    assert [set(record) for record in answer.get_json()["contents"]] == [{"id", "modified_date"}]


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        (b'{"page": 0}', 422, "page: Give the number of a page, from 1 on."),
        (b'{"search": ["food"]}', 422, "search: Send text in quotes, or leave it out."),
        (b'{"search": null}', 422, "search: Send text in quotes, or leave it out."),
        (b'{"search": "\\u0000"}', 422, f"search: {NOT_TEXT}"),
        (b'["food"]', 422, NO_OBJECT),
        (b"{search", 400, NOT_JSON),
        (b"", 200, None),
    ],
)
def test_a_body_that_cannot_be_understood_is_said_in_a_sentence(
    client: FlaskClient, body: bytes, status: int, sentence: str | None
) -> None:
    answer = client.post("/hsds/v3/services", data=body, content_type="application/json")
    assert (answer.status_code, answer.get_json().get("error")) == (status, sentence)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("page=0", "Give the number of a page, from 1 on."),
        ("per_page=501", "Ask for 1 to 500 records a page, or for format=ndjson to get all of them."),
        ("per_page=0", "Ask for 1 to 500 records a page, or to 50000 when they are minimal."),
        ("per_page=many", "Ask for 1 to 500 records a page, or for format=ndjson to get all of them."),
        ("organization_id=7", "Give an id as this API writes them, such as 3f0c1d1e-0000-4000-8000-000000000001."),
        ("modified_after=yesterday", "Give a moment as ISO 8601 writes it, such as 2026-03-01T00:00:00Z."),
        ("full=perhaps", "Give true or false."),
        ("format=xml", "Give json or ndjson."),
    ],
)
def test_what_cannot_be_understood_is_said_in_a_sentence(client: FlaskClient, query: str, sentence: str) -> None:
    answer = client.get(f"/hsds/v3/services?{query}")
    assert answer.status_code == 422
    assert answer.get_json()["fields"] == {query.partition("=")[0]: sentence}


@pytest.mark.parametrize("query", ["proximity=500", "postcode=2122&proximity=5", "postcode=21224&proximity=far"])
def test_a_distance_needs_numbers_and_somewhere_to_begin(client: FlaskClient, query: str) -> None:
    assert client.get(f"/hsds/v3/service_at_locations?{query}").status_code == 422


@pytest.mark.parametrize("path", [f"{name}/{id_}" for name in LISTS for id_ in (OFFER[:-1] + "f", "x", "7")])
def test_what_is_not_there_is_not_found(client: FlaskClient, path: str) -> None:
    answer = client.get(f"/hsds/v3/{path}")
    assert answer.status_code == 404
    assert answer.get_json() == {"error": "There is nothing with this id. Please check it."}


# Pages and streams


@pytest.fixture
def crowd(session: Db, tmp_path: Path) -> int:
    import_directory(write(tmp_path / "crowd", many(13)), "crowd")
    session.commit()
    return 13


def test_pages_together_hold_everything_once(client: FlaskClient, crowd: int) -> None:
    pages = [get(client, "services", page=number, per_page=5) for number in (1, 2, 3, 4)]
    seen = [record["id"] for page in pages for record in page["contents"]]

    assert len(seen) == len(set(seen)) == crowd
    assert seen == sorted(seen)
    assert [{name: page[name] for name in page if name != "contents"} for page in pages[2:]] == [
        {
            "total_items": crowd,
            "total_pages": 3,
            "page_number": 3,
            "size": 3,
            "first_page": False,
            "last_page": True,
            "empty": False,
        },
        {
            "total_items": crowd,
            "total_pages": 3,
            "page_number": 4,
            "size": 0,
            "first_page": False,
            "last_page": True,
            "empty": True,
        },
    ]


def test_an_empty_directory_has_an_empty_first_page(client: FlaskClient) -> None:
    page = get(client, "services", search="nobody is called this")
    assert (page["empty"], page["first_page"], page["last_page"], page["total_pages"]) == (True, True, True, 0)


def test_a_stream_holds_everything_a_line_each(
    client: FlaskClient, crowd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.publishing.queries.AT_A_TIME", 4)
    answer = client.get("/hsds/v3/services?format=ndjson&full=true")
    assert answer.mimetype == "application/x-ndjson"
    lines = [json.loads(line) for line in answer.get_data(as_text=True).splitlines()]
    assert len(lines) == crowd
    assert lines == get(client, "services", full="true")["contents"]


def test_a_stream_may_be_minimal(client: FlaskClient, crowd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.publishing.queries.AT_A_TIME", 4)
    answer = client.get("/hsds/v3/services?format=ndjson&minimal=true&per_page=2")
    assert answer.mimetype == "application/x-ndjson"
    lines = [json.loads(line) for line in answer.get_data(as_text=True).splitlines()]
    assert len(lines) == crowd
    assert lines == get(client, "services", minimal="true")["contents"]


@pytest.mark.parametrize("path", ["services", "organizations", "service_at_locations"])
def test_the_number_of_questions_does_not_grow_with_the_records(
    app: Flask, client: FlaskClient, crowd: int, path: str
) -> None:
    assert questions(app, client, path, 2) == questions(app, client, path, crowd)


def questions(app: Flask, client: FlaskClient, path: str, per_page: int) -> int:
    """How many statements one full page takes."""
    count = 0

    def on_execute(*_arguments: object) -> None:
        nonlocal count
        count += 1

    with app.app_context():
        engine = db.engine
        event.listen(engine, "before_cursor_execute", on_execute)
        try:
            get(client, path, per_page=per_page, full="true", full_service="true")
        finally:
            event.remove(engine, "before_cursor_execute", on_execute)
    assert 0 < count < 80
    return count


def test_who_asks_again_is_told_that_nothing_is_new(client: FlaskClient, crowd: int) -> None:
    assert crowd
    first = client.get("/hsds/v3/services")
    again = client.get("/hsds/v3/services", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304


# Whatever is sent


@pytest.mark.usefixtures("directory")
def test_nothing_that_is_sent_makes_the_server_stumble(app: Flask) -> None:
    api = schemathesis.openapi.from_wsgi("/hsds/v3/openapi.json", app)
    operations = [found.ok() for found in api.get_all_operations() if isinstance(found, Ok)]
    answers: Counter[int] = Counter()

    @settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=st.one_of([operation.as_strategy() for operation in operations]))
    def send(case: schemathesis.Case[Any]) -> None:
        answer = case.call(headers={"Accept-Encoding": "identity"})
        answers[answer.status_code // 100] += 1
        assert answer.status_code < 500
        if answer.status_code >= 400:
            assert answer.json()["error"].strip()

    send()
    assert set(answers) == {2, 4}, "both ways have to be walked"
    assert {operation.path for operation in operations} == {
        rule.rule.replace("<id_>", "{id_}")
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/hsds/") and not rule.rule.endswith("openapi.json")
    }


# Who may ask


def test_a_directory_under_license_asks_for_a_token(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = config.load({**KEPT, "HSDS_API": "token"})
    monkeypatch.setitem(app.extensions, "settings", closed)
    assert client.get("/hsds/v3/services").status_code == 401
    token = issue_token(make_staff())
    db.session.commit()
    assert client.get("/hsds/v3/services", headers={"Authorization": f"Bearer {token}"}).status_code == 200


KEPT = {"DATABASE_URL": "postgresql://nowhere", "SECRET_KEY": "not-secret-in-tests", "LOOPLINE_DEMO": "1"}


def test_only_open_and_token_are_known() -> None:
    with pytest.raises(config.SettingsError, match="HSDS_API must be open or token, not “shut”"):
        config.load({**KEPT, "HSDS_API": "shut"})


def test_every_table_that_can_be_told_of_has_its_place() -> None:
    assert set(SCHEMA_OF.values()) <= set(BY_NAME)
