from __future__ import annotations

import csv
import io
import re
import uuid
import zipfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.orm import Session, scoped_session
from werkzeug.test import TestResponse

from app import clock
from app.config import MapTiles, settings
from app.directory import import_history, importing, operations, searching
from app.directory.codes import CapacityStatus
from app.directory.jobs import import_package
from app.directory.models import Address, DirectoryImport, ImportProblem, Location, Service, ServiceAtLocation
from app.staff.models import StaffMember
from tests.factories import follow, make_organization, make_service_at_location, make_staff, sign_in

Db = scoped_session[Session]

TABLES = {
    "organizations.csv": "id,name\no1,Eastside Pantry\n",
    "services.csv": "id,organization_id,name,status\ns1,o1,Groceries for a week,active\ns2,o9,Of nobody,active\n",
    "locations.csv": "id,organization_id,location_type,name\nl1,o1,physical,Eastside Pantry\n",
    "service_at_locations.csv": "id,service_id,location_id\ns1l1,s1,l1\n",
}


@pytest.fixture
def maya(session: Db, client: FlaskClient) -> StaffMember:  # noqa: ARG001  rows need a transaction
    staff = make_staff()
    sign_in(client, staff)
    return staff


def link(place: ServiceAtLocation) -> str:
    return f'href="/directory/services/{place.id}'


# Looking for somebody who can help


@pytest.mark.usefixtures("maya")
def test_an_empty_directory_says_what_will_be_here(client: FlaskClient) -> None:
    assert "The directory is empty" in client.get("/directory").text


@pytest.mark.usefixtures("maya")
def test_before_anything_is_asked_one_can_look_around_by_need(client: FlaskClient) -> None:
    make_service_at_location(needs=("food",))
    page = client.get("/directory").text
    assert 'href="/directory?need=food"' in page
    assert 'href="/directory?need=housing"' not in page


@pytest.mark.usefixtures("maya")
@pytest.mark.parametrize(
    "asked", ["need=food", "language=so", "near=21202", "near=21202-0001", "q=week+groceries", "need=food&language=so"]
)
def test_a_service_is_found_by_what_is_known_of_it(client: FlaskClient, asked: str) -> None:
    pantry = make_service_at_location(organization=make_organization("Eastside Pantry"), languages=("so",))
    shelter = make_service_at_location(
        name="A bed for tonight", needs=("housing",), languages=("en",), point=(34.05, -118.24), postal_code="90012"
    )
    page = client.get(f"/directory?{asked}").text
    assert link(pantry) in page
    assert link(shelter) not in page
    assert "1 place<" in page


@pytest.mark.usefixtures("maya")
def test_near_a_zip_code_the_nearest_comes_first(client: FlaskClient) -> None:
    far = make_service_at_location(name="A pantry by the river", point=(39.40, -76.60), postal_code="21204")
    near = make_service_at_location(name="Zion’s table", point=(39.297, -76.605), postal_code="21202")
    page = client.get("/directory?near=21202").text
    assert page.index(link(near)) < page.index(link(far))
    assert "about 2 miles or less" in page


@pytest.mark.usefixtures("maya")
def test_a_hidden_place_is_not_found_by_its_zip_code(session: Db, client: FlaskClient) -> None:
    hidden = make_service_at_location(confidential=True)
    assert link(hidden) not in client.get("/directory?near=21202").text
    assert link(hidden) in client.get("/directory?near=Baltimore").text
    assert session.get_one(Location, hidden.location_id).confidential


@pytest.mark.usefixtures("maya")
def test_nothing_found_offers_a_way_on(client: FlaskClient) -> None:
    make_service_at_location()
    page = client.get("/directory?q=unicorns").text
    assert "Nobody like this in the directory" in page
    assert 'value="unicorns"' in page


@pytest.mark.usefixtures("maya")
def test_a_long_list_comes_in_pages(client: FlaskClient) -> None:
    organization = make_organization()
    for number in range(22):
        make_service_at_location(organization=organization, name=f"Pantry {number:02}")
    first, second = (client.get(f"/directory?need=food&page={page}").text for page in (1, 2))
    assert "1 to 20 of 22" in first
    assert "/directory?need=food&amp;page=2" in first
    assert "Pantry 21" in second
    for nonsense in ("0", "-1", "one", "9" * 30):
        assert "1 to 20 of 22" in client.get(f"/directory?need=food&page={nonsense}").text


@pytest.mark.usefixtures("maya")
def test_what_was_looked_for_stays_in_the_form_when_some_of_it_is_wrong(client: FlaskClient) -> None:
    make_service_at_location()
    answer = client.get(f"/directory?q=pantry&near={'2' * 81}&open=true")
    assert answer.status_code == 422
    assert "This is too long. Use 80 characters at most." in answer.text
    assert 'value="pantry"' in answer.text
    assert re.search(r'<input[^>]* name="open"[^>]* checked', answer.text)


# A service, to show and to hand over


@pytest.mark.usefixtures("maya")
def test_what_to_bring_comes_first(client: FlaskClient) -> None:
    place = make_service_at_location(
        organization=make_organization("Eastside Pantry"),
        documents=("Something with your address on it",),
        capacity=CapacityStatus.WAITLIST,
    )
    page = client.get(f"/directory/services/{place.id}").text
    order = ("Groceries for a week", "Eastside Pantry", "Something with your address on it", "East Baltimore Street")
    assert sorted(order, key=page.index) == list(order)
    assert "Has a waiting list" in page


@pytest.mark.usefixtures("maya")
def test_a_hidden_address_is_on_no_page(session: Db, client: FlaskClient) -> None:
    place = make_service_at_location(confidential=True)
    street = session.scalars(select(Address.address_1).where(Address.location_id == place.location_id)).one()
    assert street
    for path in (f"/directory/services/{place.id}", "/directory?need=food"):
        page = client.get(path).text
        assert street not in page
        assert "21202" not in page
    assert "The address is kept private" in client.get(f"/directory/services/{place.id}").text


@pytest.mark.usefixtures("maya")
def test_a_link_out_goes_to_the_web_only(session: Db, client: FlaskClient) -> None:
    place = make_service_at_location()
    session.get_one(Service, place.service_id).url = "javascript:alert(1)"
    session.commit()
    assert "javascript:" not in client.get(f"/directory/services/{place.id}").text


@pytest.mark.usefixtures("maya")
def test_what_is_not_there_is_not_found(client: FlaskClient) -> None:
    assert client.get(f"/directory/services/{uuid.uuid4()}").status_code == 404


# Bringing a directory in


@pytest.fixture
def uploads(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where uploads go in this test."""
    with app.app_context():
        monkeypatch.setitem(app.extensions, "settings", replace(settings(), instance=tmp_path))
    return tmp_path / "uploads"


def zipped(tables: dict[str, str]) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in tables.items():
            archive.writestr(name, content)
    file.seek(0)
    return file


def send(client: FlaskClient, *files: tuple[io.BytesIO, str], source: str = "county", **ticked: str) -> TestResponse:
    return client.post("/directory/imports", data={"source": source, "package": list(files), **ticked})


def run_what_waits(session: Db) -> None:
    """Do what the worker would."""
    jobs = session.execute(text("SELECT args FROM procrastinate_jobs WHERE task_name = 'directory.import'")).all()
    session.execute(text("DELETE FROM procrastinate_jobs WHERE task_name = 'directory.import'"))
    for job in jobs:
        import_package(**job.args)
    session.commit()


@pytest.mark.usefixtures("grace", "uploads")
def test_a_zip_waits_for_its_turn_and_comes_in(session: Db, client: FlaskClient) -> None:
    page = follow(client, send(client, (zipped(TABLES), "county.zip"))).text
    assert "We have the files." in page
    assert "One upload will be read in a moment." in page
    run_what_waits(session)
    page = client.get("/directory/imports").text
    assert "Waiting for its turn" not in page
    assert "1 row reported" in page
    assert session.scalars(select(Service.name)).all() == ["Groceries for a week"]


@pytest.mark.usefixtures("grace", "uploads")
def test_one_can_look_first_at_what_would_change(session: Db, client: FlaskClient) -> None:
    follow(client, send(client, (zipped(TABLES), "county.zip"), dry_run="true"))
    run_what_waits(session)
    page = client.get("/directory/imports").text
    assert "Only looked at" in page
    assert "Groceries for a week" in page
    assert session.scalars(select(Service.name)).all() == []


@pytest.mark.usefixtures("grace")
def test_one_sees_how_far_looking_is(session: Db, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_history, "write_aside", session.execute)
    shown = import_history.announce_preview("county.zip", "county")
    assert "0%, 0 rows so far" in client.get("/directory/imports").text
    import_history.show_progress(shown, importing.Progress("services.csv", 30, 100, 12, ()))
    session.expire_all()
    page = client.get("/directory/imports").text
    assert "Running" in page
    assert "30%" in page
    import_history.note_failure("county.zip", "county", "It is damaged.", shown)
    session.flush()
    page = client.get("/directory/imports").text
    assert "Running" not in page
    assert "It is damaged." in page


@pytest.mark.usefixtures("grace", "uploads")
def test_a_flat_table_may_come_with_its_mapping(session: Db, client: FlaskClient) -> None:
    mapping = b"""
recognize: [Agency]
rows:
  - {table: organization, cells: {id: "{Agency}", name: Agency}}
  - {table: service, cells: {id: "{Agency}", organization_id: "{Agency}", name: Offer}}
"""
    files = [(io.BytesIO(b"Agency,Offer\nGrace,Soup\n"), "all.csv"), (io.BytesIO(mapping), "ours.yaml")]
    follow(client, send(client, *files))
    run_what_waits(session)
    assert session.scalars(select(Service.name)).all() == ["Soup"]


@pytest.mark.usefixtures("grace", "uploads")
def test_tables_may_be_sent_as_they_are(session: Db, client: FlaskClient) -> None:
    tables = [(io.BytesIO(content.encode()), name) for name, content in TABLES.items()]
    follow(client, send(client, *tables))
    run_what_waits(session)
    assert session.scalars(select(Service.name)).all() == ["Groceries for a week"]


@pytest.mark.usefixtures("grace", "uploads")
def test_the_report_is_a_table_for_whoever_corrects_the_rows(session: Db, client: FlaskClient) -> None:
    follow(client, send(client, (zipped(TABLES), "county.zip")))
    run_what_waits(session)
    done = session.scalars(select(DirectoryImport)).one()
    session.add(ImportProblem(import_id=done.id, number=99, file="=cmd()", line=1, field=None, reason="@x", kept=True))
    session.commit()
    response = client.get(f"/directory/imports/{done.id}/report")
    assert response.mimetype == "text/csv"
    head, refused, harmless = csv.reader(io.StringIO(response.text))
    assert head == ["file", "line", "field", "reason", "row"]
    assert (refused[0], refused[1], refused[4]) == ("services.csv", "3", "left out")
    assert harmless == ["'=cmd()", "1", "", "'@x", "taken"], "a spreadsheet must not run it"
    assert client.get(f"/directory/imports/{uuid.uuid4()}/report").status_code == 404


@pytest.mark.usefixtures("grace")
@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ([], "Choose one zip file, or all the CSV files of one directory."),
        ([("notes.txt", b"hello")], "Choose one zip file, or all the CSV files of one directory."),
        ([("county.zip", b"not a zip")], "is neither a folder nor a zip file"),
        ([("county.csv", b"a,b\n1,2\n")], "holds no services.csv"),
        ([("services.csv", b"id\n"), ("Services.csv", b"id\n")], "Two of the files have the same name."),
        ([("services.csv", b"id\n"), ("all.zip", b"PK")], "Choose one zip file, or all the CSV files"),
    ],
)
def test_what_is_no_directory_is_refused_at_once(
    client: FlaskClient, uploads: Path, files: list[tuple[str, bytes]], sentence: str
) -> None:
    response = send(client, *((io.BytesIO(content), name) for name, content in files))
    assert response.status_code == 422
    assert sentence in response.text
    assert 'value="county"' in response.text
    assert not uploads.exists() or not list(uploads.iterdir())


@pytest.mark.usefixtures("grace")
def test_a_zip_that_swells_is_refused(client: FlaskClient, uploads: Path) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("services.csv", "w") as file:
        for _ in range(80):
            file.write(b"0" * 1024 * 1024)
    bomb.seek(0)
    response = send(client, (bomb, "county.zip"))
    assert response.status_code == 422
    assert "it is not read" in response.text
    assert not list(uploads.iterdir())


@pytest.mark.usefixtures("grace")
@pytest.mark.parametrize(
    "name", ["../../../etc/services.csv", "/etc/services.csv", "..\\..\\services.csv", "services.csv"]
)
def test_a_name_leads_nowhere(client: FlaskClient, uploads: Path, name: str) -> None:
    assert send(client, (io.BytesIO(b"id,name\n"), name)).status_code in {303, 422}
    assert {file.name for file in uploads.rglob("*.csv")} <= {"services.csv"}
    assert not list(uploads.parent.glob("*.csv"))


@pytest.mark.usefixtures("grace", "uploads")
def test_whose_directory_it_is_has_to_be_said(client: FlaskClient) -> None:
    response = send(client, (zipped(TABLES), "county.zip"), source=" ")
    assert response.status_code == 422
    assert "Say whose directory this is." in response.text


@pytest.mark.usefixtures("grace")
def test_only_the_last_uploads_are_kept(client: FlaskClient, uploads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "UPLOADS_KEPT", 2)
    for _ in range(4):
        follow(client, send(client, (zipped(TABLES), "county.zip")))
    assert len(list(uploads.iterdir())) == 2


@pytest.mark.usefixtures("grace")
def test_an_import_under_way_shows_how_far_it_is(session: Db, client: FlaskClient) -> None:
    counts = {"service": {"new": 1200, "changed": 0, "unchanged": 34, "withdrawn": 0}}
    going = DirectoryImport(source="county", package="county", format="HSDS", counts=counts, progress=0.4)
    session.add(going)
    session.commit()
    page = client.get("/directory/imports").text
    assert "40%, 1,234 rows so far" in page
    assert "<progress" in page
    assert "data-live" in page


@pytest.mark.usefixtures("maya")
def test_only_administrators_bring_a_directory_in(client: FlaskClient) -> None:
    assert client.get("/directory/imports").status_code == 403
    assert send(client, (zipped(TABLES), "county.zip")).status_code == 403


# Maps, and what is open


@pytest.fixture
def tiles(app: Flask, monkeypatch: pytest.MonkeyPatch) -> MapTiles:
    tiles = MapTiles("https://tiles.example.org/{z}/{x}/{y}.png", "© Mapmakers")
    monkeypatch.setitem(app.extensions, "settings", replace(app.extensions["settings"], map_tiles=tiles))
    return tiles


@pytest.mark.usefixtures("maya")
def test_without_map_pictures_there_is_a_list_and_nobody_else_is_asked(client: FlaskClient) -> None:
    place = make_service_at_location()
    for address in ("/directory?need=food", f"/directory/services/{place.id}"):
        response = client.get(address)
        assert "data-map" not in response.text
        assert "img-src 'self' data:" in response.headers["Content-Security-Policy"]


@pytest.mark.usefixtures("maya", "tiles")
def test_a_map_may_load_pictures_from_its_server_and_from_nowhere_else(client: FlaskClient) -> None:
    place = make_service_at_location()
    for address in ("/directory?need=food", f"/directory/services/{place.id}"):
        response = client.get(address)
        assert "39.2904" in response.text
        assert "© Mapmakers" in response.text
        assert "img-src 'self' https://tiles.example.org data:" in response.headers["Content-Security-Policy"]
        assert "script-src 'self';" in response.headers["Content-Security-Policy"]
    assert "tiles.example.org" not in client.get("/today").headers["Content-Security-Policy"]


@pytest.mark.usefixtures("maya", "tiles")
def test_a_hidden_place_is_on_no_map(client: FlaskClient) -> None:
    hidden = make_service_at_location(confidential=True)
    assert "data-map" not in client.get("/directory?need=food").text
    assert "39.29" not in client.get(f"/directory/services/{hidden.id}?near=21202").text


@pytest.mark.usefixtures("maya")
@pytest.mark.parametrize(
    ("at", "found"), [("2026-03-02T15:00:00+00:00", True), ("2026-03-02T13:00:00+00:00", False)], ids=["10 am", "8 am"]
)
def test_what_is_open_now_is_asked_in_the_time_of_the_place(client: FlaskClient, at: str, found: bool) -> None:  # noqa: FBT001
    place = make_service_at_location()
    with clock.held_at(datetime.fromisoformat(at)):
        page = client.get("/directory?need=food&open=true&near=21202").text
    assert (link(place) in page) is found
    assert ("1 place<" in page) is found


@pytest.mark.usefixtures("maya")
def test_how_to_get_there_is_said_from_where_one_looked(session: Db, client: FlaskClient) -> None:
    place = make_service_at_location()
    session.get_one(Location, place.location_id).transportation = "Bus 23 stops here"
    session.flush()
    page = client.get("/directory?need=food&near=21202").text
    assert "about 2 miles or less, bus 23" in page
    assert f"/directory/services/{place.id}?near=21202" in page
    page = client.get(f"/directory/services/{place.id}?near=21202").text
    assert "From Baltimore, MD" in page
    assert "by bus perhaps" in page
    assert "by bus perhaps" not in client.get(f"/directory/services/{place.id}").text


@pytest.mark.usefixtures("maya")
def test_a_place_without_coordinates_is_found_by_its_zip_code(client: FlaskClient) -> None:
    place = make_service_at_location(point=None)
    assert link(place) in client.get("/directory?near=21202").text


@pytest.mark.usefixtures("maya")
def test_words_are_found_by_their_beginning_whatever_their_accents(client: FlaskClient) -> None:
    place = make_service_at_location(name="Ropa para niños")
    assert link(place) in client.get("/directory?q=NINOS+rop").text
    assert link(place) not in client.get("/directory?q=opa").text
    assert client.get("/directory?q=%26+%7C+%21+%3A*+%27").status_code == 200


@pytest.mark.usefixtures("maya")
def test_what_is_not_counted_is_said_to_be_more(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "COUNTED", 2)
    for _number in range(3):
        make_service_at_location()
    page = client.get("/directory?need=food").text
    assert "More than 2 places" in page
    assert "1 to 2 of more than 2" in page


@pytest.mark.usefixtures("maya")
@pytest.mark.parametrize(("looked_at", "said"), [(4, "3 places"), (3, "3 places"), (2, "More than 2 places")])
def test_what_is_open_is_told_as_far_as_it_was_looked_through(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, looked_at: int, said: str
) -> None:
    monkeypatch.setattr(searching, "LOOKED_AT", looked_at)
    for _number in range(3):
        make_service_at_location()
    with clock.held_at(datetime.fromisoformat("2026-03-02T15:00:00+00:00")):
        assert said in client.get("/directory?need=food&open=true").text


@pytest.mark.usefixtures("maya")
def test_nobody_open_is_not_nobody_there(client: FlaskClient) -> None:
    place = make_service_at_location()
    with clock.held_at(datetime.fromisoformat("2026-03-02T13:00:00+00:00")):
        page = client.get("/directory?need=food&open=true").text
    assert "Nobody is known to be open now" in page
    assert 'href="/directory?need=food"' in page
    assert link(place) in client.get("/directory?need=food").text
