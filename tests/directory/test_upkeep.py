"""Corrections that imports leave alone, services that are one, and questions that agencies answer from a link."""

from __future__ import annotations

import html
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from geopy.location import Location
from sqlalchemy import event, select, update
from sqlalchemy.orm import Session, scoped_session

from app import clock
from app.directory import corrections, jobs, merging, operations, queries, verification
from app.directory import models as directory
from app.directory.codes import CapacityStatus
from app.directory.importing import import_directory
from app.directory.models import (
    Entry,
    ListingQuestion,
    LocalEdit,
    Merge,
    Metadata,
    Organization,
    Phone,
    PossibleDuplicate,
    Service,
    ServiceAtLocation,
)
from app.errors import DomainError, NotFound
from app.geography import geocoders
from app.geography import operations as geography
from app.mail.models import Email
from app.matching.models import Listing, ListingAreaKey
from app.staff.models import StaffMember
from app.staff.permissions import Role
from tests.directory.packages import SERVICE, TOWN, Files, write
from tests.factories import follow, make_organization, make_service_at_location, make_staff, sign_in

Db = scoped_session[Session]


@pytest.fixture
def place(session: Db) -> ServiceAtLocation:
    """A service that came from elsewhere."""
    place = make_service_at_location(organization=make_organization("Eastside Pantry"), documents=("Photo ID",))
    session.execute(
        update(Service)
        .where(Service.id == place.service_id)
        .values(source="county", fingerprint="1", description="Food on Mondays", fees_description="Free")
    )
    session.add(Phone(service_id=place.service_id, number="410-555-0101", source="county", fingerprint="1"))
    session.flush()
    return place


@pytest.fixture
def pantry(session: Db, place: ServiceAtLocation, client: FlaskClient) -> StaffMember:
    service = session.get_one(Service, place.service_id)
    staff = make_staff(Role.AGENCY, organization=session.get_one(Organization, service.organization_id))
    sign_in(client, staff)
    return staff


def as_imported(session: Db, service_id: uuid.UUID, **values: object) -> Service:
    """What an import does to a row."""
    session.execute(update(Service).where(Service.id == service_id).values(fingerprint=uuid.uuid4().hex, **values))
    session.expire_all()
    return session.get_one(Service, service_id)


def typed(**more: str) -> dict[str, str]:
    """The form as the page shows it, and what somebody changes in it."""
    form = {"description": "Food on Mondays", "fees_description": "Free", "documents": "Photo ID"}
    form["phones"] = "410-555-0101"
    hours = {f"{day}-{end}": at for day in ("MO", "TU", "WE", "TH", "FR") for end, at in HOURS.items()}
    return {**form, **hours, **more}


HOURS = {"from": "09:00", "to": "17:00"}


# Corrections


def test_what_an_agency_corrects_is_what_people_read(
    session: Db, client: FlaskClient, place: ServiceAtLocation, pantry: StaffMember
) -> None:
    page = client.get("/directory/ours").text
    assert "Groceries for a week" in page
    address = f"/directory/ours/{place.service_id}"
    assert "Photo ID" in client.get(address).text
    form = typed(description="Food every day", documents="None at all", phones="410-555-0199")
    assert "Written down." in follow(client, client.post(address, data=form)).text
    card = queries.card(place.id)
    assert card
    assert card.full_description == "Food every day"
    assert card.documents == ("None at all",)
    assert [phone.words for phone in card.phones] == ["(410) 555-0199"]
    assert card.last_checked == clock.now().date()
    signed = session.scalars(
        select(Metadata.updated_by).where(
            Metadata.resource_id == place.service_id, Metadata.field_name == "description", Metadata.source == "local"
        )
    ).all()
    assert f"agency {pantry.id}" in signed


@pytest.mark.usefixtures("pantry")
def test_an_agency_says_whom_it_helps_and_matching_obeys(
    session: Db, client: FlaskClient, place: ServiceAtLocation
) -> None:
    address = f"/directory/ours/{place.service_id}"
    form = typed(minimum_age="18", maximum_age="64", languages="Spanish\nHaitian Creole", areas="Howard County\n21044")
    assert "Written down." in follow(client, client.post(address, data=form)).text
    listing = session.scalars(select(Listing).where(Listing.service_at_location_id == place.id)).first()
    assert listing
    assert (listing.min_age, listing.max_age) == (18, 64)
    assert {"es", "ht"} <= set(listing.languages.split())
    keys = set(session.scalars(select(ListingAreaKey.key).where(ListingAreaKey.area_id == listing.area_id)))
    assert keys == {"county:MD:howard county", "zip:21044"}
    page = client.get(address).text
    for said in ('value="18"', ">Haitian Creole\nSpanish<", "21044\nHoward County"):
        assert said in page
    service = as_imported(session, place.service_id, minimum_age=16)
    assert service.minimum_age == 18
    assert [edit.field for edit in corrections.conflicts_of(service.id)] == ["minimum_age"]

    client.post(f"{address}/choices", data={"field": "minimum_age", "choice": "theirs"})
    session.expire_all()
    assert session.get_one(Service, place.service_id).minimum_age == 16
    assert "Written down." in follow(client, client.post(address, data=typed(areas=""))).text
    session.expire_all()
    assert listing.area_id is None, "it does not matter any more where somebody lives"
    assert (listing.min_age, listing.languages.split()) == (16, ["es", "ht"]), "what is not on the form stays"


@pytest.mark.usefixtures("pantry")
@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"minimum_age": "young"}, "Enter an age in years"),
        ({"minimum_age": "30", "maximum_age": "20"}, "The last age is below the first one."),
        ({"languages": "Elvish"}, "We do not know the language “Elvish”."),
        ({"areas": "Middle-earth"}, "We do not know the place “Middle-earth”."),
    ],
)
def test_what_nobody_understands_is_said_and_nothing_is_lost(
    session: Db, client: FlaskClient, place: ServiceAtLocation, wrong: dict[str, str], sentence: str
) -> None:
    answer = client.post(f"/directory/ours/{place.service_id}", data=typed(description="New words", **wrong))
    assert answer.status_code == 422
    assert sentence in answer.text
    assert "New words" in answer.text
    session.expire_all()
    assert session.get_one(Service, place.service_id).description == "Food on Mondays"


@pytest.mark.usefixtures("pantry")
def test_an_import_leaves_a_correction_alone(session: Db, client: FlaskClient, place: ServiceAtLocation) -> None:
    client.post(f"/directory/ours/{place.service_id}", data=typed(description="Food every day"))
    service = as_imported(session, place.service_id, description="Food on Mondays", fees_description="2 dollars")
    assert service.description == "Food every day"
    assert service.fees_description == "2 dollars", "what was not corrected follows its source"
    assert not corrections.conflicts_of(service.id)


@pytest.mark.usefixtures("pantry")
def test_what_the_source_says_anew_waits_for_somebody_to_choose(
    session: Db, client: FlaskClient, place: ServiceAtLocation
) -> None:
    address = f"/directory/ours/{place.service_id}"
    client.post(address, data=typed(description="Food every day"))
    service = as_imported(session, place.service_id, description="Food on Sundays")
    assert service.description == "Food every day"
    assert "Food on Sundays" in client.get(address).text
    assert "Please choose" in client.get("/directory/ours").text

    client.post(f"{address}/choices", data={"field": "description", "choice": "ours"})
    assert "Food on Sundays" not in client.get(address).text
    as_imported(session, place.service_id, description="Food on Sundays")
    assert not corrections.conflicts_of(place.service_id), "what was settled is not asked again"

    as_imported(session, place.service_id, description="Food at noon")
    client.post(f"{address}/choices", data={"field": "description", "choice": "theirs"})
    session.expire_all()
    assert session.get_one(Service, place.service_id).description == "Food at noon"
    assert as_imported(session, place.service_id, description="Food at one").description == "Food at one"


@pytest.mark.usefixtures("pantry")
def test_a_corrected_list_stays_and_can_be_given_back(
    session: Db, client: FlaskClient, place: ServiceAtLocation
) -> None:
    address = f"/directory/ours/{place.service_id}"
    client.post(address, data=typed(phones="410-555-0199"))
    theirs = session.scalars(select(Phone).where(Phone.source == "county")).one()
    assert theirs.withdrawn_at
    session.execute(
        update(Phone)
        .where(Phone.id == theirs.id)
        .values(number="410-555-0155", fingerprint="2", withdrawn_at=None, last_seen_in_import_at=clock.now())
    )
    session.add(
        Phone(
            service_id=place.service_id,
            number="410-555-0156",
            source="county",
            fingerprint="1",
            last_seen_in_import_at=clock.now(),
        )
    )
    session.flush()
    session.expire_all()

    def numbers() -> list[str]:
        return [phone.number for phone in session.scalars(select(Phone).where(Phone.withdrawn_at.is_(None)))]

    assert numbers() == ["410-555-0199"]
    assert "It has been changed there." in client.get(address).text
    session.execute(update(Phone).where(Phone.source == "county").values(last_seen_in_import_at=clock.now()))
    client.post(f"{address}/choices", data={"field": "phone", "choice": "theirs"})
    assert sorted(numbers()) == ["410-555-0155", "410-555-0156"]


@pytest.mark.usefixtures("pantry")
def test_what_is_sent_as_it_was_is_confirmed_and_no_correction(
    session: Db, client: FlaskClient, place: ServiceAtLocation
) -> None:
    client.post(f"/directory/ours/{place.service_id}", data=typed())
    assert session.scalars(select(LocalEdit)).all() == []
    session.expire_all()
    assert session.get_one(Service, place.service_id).last_verified_on == clock.now().date()


@pytest.mark.usefixtures("pantry")
@pytest.mark.parametrize(
    ("box", "text", "sentence"),
    [
        ("url", "not an address", "Enter a web address"),
        ("email", "nobody", "Enter an e-mail address"),
        ("phones", "12", "Enter one phone number on each line"),
        ("SA-from", "10:00", "Enter from when to when"),
        ("description", "x" * 5001, "This is too long"),
    ],
)
def test_a_wrong_box_is_one_sentence(
    client: FlaskClient, place: ServiceAtLocation, box: str, text: str, sentence: str
) -> None:
    response = client.post(f"/directory/ours/{place.service_id}", data=typed(**{box: text}))
    assert response.status_code == 422
    assert sentence in response.text


@pytest.mark.usefixtures("pantry")
def test_what_a_source_says_oddly_does_not_stand_in_the_way_of_a_correction(
    session: Db, client: FlaskClient, place: ServiceAtLocation
) -> None:
    odd = {"minimum_age": 0.5, "maximum_age": 4, "email": "a@example.org; b@example.org", "wait_time": "x" * 600}
    session.execute(update(Service).where(Service.id == place.service_id).values(**odd))
    session.add(directory.Language(service_id=place.service_id, name="Click language", source="county"))
    session.flush()
    form = typed(languages="Click language\nSpanish", **{name: f"{value}" for name, value in odd.items()})
    address = f"/directory/ours/{place.service_id}"
    assert "Written down." in follow(client, client.post(address, data=form)).text
    assert queries.said_of_service(place.service_id).languages == ("Click language", "Spanish")
    assert list(session.scalars(select(LocalEdit.field))) == ["language"]


@pytest.mark.usefixtures("pantry")
def test_what_stays_in_a_list_stays_as_it_is_and_in_its_order(
    session: Db, client: FlaskClient, place: ServiceAtLocation
) -> None:
    drawn = '{"type": "Polygon", "coordinates": [[[-77, 39], [-76, 39], [-76, 40], [-77, 40], [-77, 39]]]}'
    session.execute(update(Phone).where(Phone.number == "410-555-0101").values(extension="7"))
    session.add(
        directory.ServiceArea(
            service_id=place.service_id, name="East side", extent=drawn, extent_type="geojson", source="county"
        )
    )
    session.flush()
    numbers = [f"410-555-01{number}" for number in (77, "01", 33, 55, 11)]
    form = typed(phones="\n".join(numbers), areas="East side\nHoward County")
    client.post(f"/directory/ours/{place.service_id}", data=form)
    session.expire_all()
    said = queries.said_of_service(place.service_id)
    assert list(said.phones) == numbers
    listed = session.scalars(select(Phone).where(Phone.number == "410-555-0101", Phone.withdrawn_at.is_(None))).one()
    assert listed.extension == "7"
    listing = session.scalars(select(Listing).where(Listing.service_at_location_id == place.id)).first()
    assert listing
    assert listing.drawn, "who lives where it was drawn is helped as before"


@pytest.mark.usefixtures("pantry")
def test_two_who_correct_at_the_same_time_do_not_undo_each_other(
    session: Db, client: FlaskClient, place: ServiceAtLocation
) -> None:
    address = f"/directory/ours/{place.service_id}"
    shown = html.unescape(client.get(address).text.partition('name="shown" value="')[2].partition('"')[0])
    assert len(shown.split()) == 1, "it is not shown as something written where the form has to be sent once more"
    client.post(address, data=typed(shown=shown, description="Food every day", wait_time="None"))
    late = typed(shown=shown, fees_description="Two dollars", wait_time="A week")
    page = client.post(address, data=late)
    assert page.status_code == 422
    assert "It says now: None" in page.text
    assert "A week" in page.text
    session.expire_all()
    assert session.get_one(Service, place.service_id).fees_description == "Free"

    shown = html.unescape(page.text.partition('name="shown" value="')[2].partition('"')[0])
    late = typed(shown=shown, description="Food every day", fees_description="Two dollars", wait_time="A week")
    assert "Written down." in follow(client, client.post(address, data=late)).text
    session.expire_all()
    service = session.get_one(Service, place.service_id)
    said = service.description, service.fees_description, service.wait_time
    assert said == ("Food every day", "Two dollars", "A week")


@pytest.mark.usefixtures("pantry")
@pytest.mark.parametrize("page", ["", "/choices"])
def test_whoever_corrects_a_service_has_it_alone(
    session: Db, client: FlaskClient, place: ServiceAtLocation, page: str
) -> None:
    asked: list[str] = []
    event.listen(
        session.connection(), "before_cursor_execute", lambda _c, _cursor, statement, *_more: asked.append(statement)
    )
    client.post(f"/directory/ours/{place.service_id}{page}", data=typed())
    [first, *_others] = [statement for statement in asked if "local_edit" in statement or "FROM service" in statement]
    assert "FROM service" in first
    assert "FOR UPDATE" in first


@pytest.mark.usefixtures("pantry")
def test_a_service_of_somebody_else_is_not_there(client: FlaskClient) -> None:
    other = make_service_at_location(organization=make_organization("Harbor House"))
    assert client.get(f"/directory/ours/{other.service_id}").status_code == 404


# Listed twice


def twice() -> tuple[ServiceAtLocation, ServiceAtLocation]:
    first, second = (
        make_service_at_location(organization=make_organization(name), name="Food Pantry")
        for name in ("Eastside Center", "Eastside Center, Inc.")
    )
    return first, second


def find() -> None:
    for _noted in merging.find_duplicates():
        pass


def test_what_looks_alike_is_found_and_decided_once(session: Db, client: FlaskClient, grace: StaffMember) -> None:
    first, second = twice()
    make_service_at_location(name="Tax help")
    find()
    find()
    assert len(session.scalars(select(PossibleDuplicate)).all()) == 1
    page = client.get("/directory/duplicates").text
    assert "the same name" in page

    one, other = sorted((first.service_id, second.service_id))
    answer = client.post("/directory/duplicates", data={"one": one, "other": other, "choice": "one"})
    page = follow(client, answer).text
    assert "They are one now." in page
    gone, kept = (first, second) if other == first.service_id else (second, first)
    assert session.get(Entry, gone.id) is None, "it is not found any more"
    moved = client.get(f"/directory/services/{gone.id}")
    assert moved.location == f"/directory/services/{kept.id}"
    signed = session.scalars(select(Metadata).where(Metadata.resource_id == gone.service_id)).all()
    assert ("merge", f"administrator {grace.id}") in {(row.last_action_type, row.updated_by) for row in signed}

    service = as_imported(session, gone.service_id, withdrawn_at=None)
    assert service.withdrawn_at, "an import does not bring it back"

    [merge] = session.scalars(select(Merge)).all()
    assert "They are two again." in follow(client, client.post(f"/directory/merges/{merge.id}/undo")).text
    assert client.post(f"/directory/merges/{merge.id}/undo", follow_redirects=True).status_code == 404
    assert session.get(Entry, gone.id)
    assert as_imported(session, gone.service_id, description="x").withdrawn_at is None

    client.post("/directory/duplicates", data={"one": one, "other": other, "choice": "two"})
    find()
    assert not merging.possible_duplicates(10), "nobody is asked twice"


def test_the_one_that_stays_takes_what_only_the_other_says(session: Db) -> None:
    first, second = twice()
    kept, gone = (session.get_one(Service, place.service_id) for place in (first, second))
    session.execute(update(Phone).where(Phone.service_id == kept.id).values(withdrawn_at=clock.now()))
    session.add(Phone(service_id=gone.id, number="410-555-0177", extension="5"))
    session.execute(
        update(Service).where(Service.id == kept.id).values(source="county", wait_time=None, fees_description="Free")
    )
    session.execute(update(Service).where(Service.id == gone.id).values(wait_time="A week", fees_description="$2"))
    session.expire_all()
    merge = merging.merge(kept.id, gone.id, by="test")
    card = queries.card(first.id)
    assert card
    assert (card.waiting, card.fees) == ("A week", "Free")
    assert "410-555-0177 ext. 5" in [phone.words for phone in card.phones]
    assert as_imported(session, kept.id, wait_time=None).wait_time == "A week", "an import does not take it away"

    merging.undo_merge(merge.id, by="test")
    session.expire_all()
    card = queries.card(first.id)
    assert card
    assert (card.waiting, card.fees, card.phones) == (None, "Free", ())
    assert queries.said_of_service(gone.id).phones


def test_undoing_leaves_what_somebody_has_said_since(session: Db) -> None:
    first, second = twice()
    kept, gone = (session.get_one(Service, place.service_id) for place in (first, second))
    kept.wait_time, gone.wait_time = None, "A week"
    session.flush()
    merge = merging.merge(kept.id, gone.id, by="test")
    corrections.correct(kept, corrections.Correction({"wait_time": "Two days"}), by="agency x")
    merging.undo_merge(merge.id, by="test")
    session.expire_all()
    assert kept.wait_time == "Two days"


def test_what_an_agency_took_back_is_not_missing(session: Db) -> None:
    first, second = twice()
    kept, gone = (session.get_one(Service, place.service_id) for place in (first, second))
    kept.source, kept.wait_time, gone.wait_time = "county", "Old", "A week"
    session.flush()
    corrections.correct(kept, corrections.Correction({"wait_time": ""}, documents=[]), by="agency x")
    merge = merging.merge(kept.id, gone.id, by="test")
    merging.undo_merge(merge.id, by="test")
    session.expire_all()
    assert session.get_one(Service, kept.id).wait_time is None
    assert as_imported(session, kept.id, wait_time="Old").wait_time is None, "it is still a correction"


def test_what_is_full_under_one_name_is_full_under_the_other(session: Db) -> None:
    first, second = twice()
    kept, gone = (session.get_one(Service, place.service_id) for place in (first, second))
    operations.set_capacity(gone.id, CapacityStatus.NO_CAPACITY, None, "agency")
    operations.set_daily_limit(gone.id, 5, by="agency")
    session.expire_all()
    room = select(Service.capacity_status, Service.capacity_at.is_(None), Service.intake_daily_limit)
    said = room.where(Service.id == kept.id)
    merge = merging.merge(kept.id, gone.id, by="test")
    assert session.execute(said).one() == (CapacityStatus.NO_CAPACITY, False, 5)
    merging.undo_merge(merge.id, by="test")
    assert session.execute(said).one() == (CapacityStatus.UNKNOWN, True, None)


def test_merges_are_undone_the_last_one_first(session: Db) -> None:
    one, two, three = (
        session.get_one(Service, make_service_at_location(organization=make_organization(name), name=name).service_id)
        for name in ("Ash", "Beech", "Cedar")
    )
    one.wait_time, two.wait_time, three.wait_time = "A week", None, None
    session.flush()
    first = merging.merge(two.id, one.id, by="test")
    second = merging.merge(three.id, two.id, by="test")
    assert queries.and_what_they_became([one.id]) == {one.id, two.id, three.id}
    with pytest.raises(DomainError):
        merging.undo_merge(first.id, by="test")
    merging.undo_merge(second.id, by="test")
    merging.undo_merge(first.id, by="test")
    session.expire_all()
    assert [(row.wait_time, row.withdrawn_at) for row in (one, two, three)] == [
        ("A week", None),
        (None, None),
        (None, None),
    ]


@pytest.mark.usefixtures("session")
def test_what_is_gone_cannot_be_merged() -> None:
    first, second = twice()
    merging.merge(first.service_id, second.service_id, by="test")
    with pytest.raises(DomainError):
        merging.merge(second.service_id, first.service_id, by="test")
    with pytest.raises(DomainError):
        merging.merge(first.service_id, first.service_id, by="test")


# What still holds


def link_of(client: FlaskClient, organization_id: uuid.UUID) -> str:
    page = follow(client, client.post("/directory/questions", data={"organization": organization_id})).text
    address = page.partition("https://loopline.test")[2].partition("<")[0]
    assert address.startswith("/listing/")
    return address


@pytest.mark.usefixtures("grace")
def test_the_question_goes_to_the_listed_address_once(
    session: Db, client: FlaskClient, place: ServiceAtLocation
) -> None:
    organization = session.get_one(Organization, session.get_one(Service, place.service_id).organization_id)
    organization.email = "pantry@example.org"
    session.flush()
    address = link_of(client, organization.id)
    page = follow(client, client.post("/directory/questions", data={"organization": organization.id})).text
    assert "An e-mail with this link is on its way" in page
    letter = session.scalars(select(Email)).one()
    assert letter.address == "pantry@example.org"
    assert f"https://loopline.test{address}" in letter.body
    assert "Eastside Pantry" not in letter.subject


@pytest.mark.usefixtures("grace")
def test_an_answer_about_a_service_that_was_merged_away_can_be_finished(
    session: Db, client: FlaskClient, place: ServiceAtLocation
) -> None:
    organization_id = session.get_one(Service, place.service_id).organization_id
    address = link_of(client, organization_id)
    client.post(address, data={f"service-{place.service_id}": "closed"})
    other = make_service_at_location(organization=make_organization("Harbor House"))
    merging.merge(other.service_id, place.service_id, by="test")
    question = session.scalars(select(ListingQuestion)).one()
    page = client.post(f"/directory/questions/{question.id}/finish", data={"close": place.service_id})
    assert "Done." in follow(client, page).text
    session.expire_all()
    assert question.handled_at


@pytest.mark.usefixtures("grace")
def test_all_whose_address_is_known_are_asked_at_once(session: Db, client: FlaskClient) -> None:
    for name, email in (
        ("Ash", "ash@example.org"),
        ("Beech", "beech@example.org"),
        ("Cedar", None),
        ("Dogwood", "See our website"),
        ("Elm", "a@example.org; b@example.org"),
    ):
        place = make_service_at_location(organization=make_organization(name), name=name)
        organization_id = session.get_one(Service, place.service_id).organization_id
        session.get_one(Organization, organization_id).email = email
    session.flush()
    assert "Ask 2 agencies by e-mail" in client.get("/directory/upkeep").text
    page = follow(client, client.post("/directory/questions/all")).text
    assert "2 agencies are being asked." in page
    assert "by e-mail" not in page, "nobody is asked twice"
    client.post("/directory/questions/all")
    assert set(session.scalars(select(Email.address))) == {"ash@example.org", "beech@example.org"}


@pytest.mark.usefixtures("grace")
def test_an_agency_answers_from_a_link(session: Db, client: FlaskClient, place: ServiceAtLocation) -> None:
    service = session.get_one(Service, place.service_id)
    other = make_service_at_location(
        organization=session.get_one(Organization, service.organization_id), name="A hot lunch"
    )
    assert "Eastside Pantry" in client.get("/directory/upkeep").text
    address = link_of(client, service.organization_id)
    assert link_of(client, service.organization_id).partition(".")[0] == address.partition(".")[0], "the same question"

    stranger = client.application.test_client()
    page = stranger.get(address).text
    assert "Is this still right?" in page
    assert "A hot lunch" in page
    said = {
        f"service-{place.service_id}": "correct",
        f"service-{other.service_id}": "closed",
        "note": "No lunch since May",
    }
    assert "Thank you" in follow(stranger, stranger.post(address, data=said)).text
    session.expire_all()
    assert session.get_one(Service, place.service_id).last_verified_on == clock.now().date()
    assert "Thank you" in stranger.get(address).text

    page = client.get("/directory/upkeep").text
    assert "No lunch since May" in page
    [question] = session.scalars(select(ListingQuestion)).all()
    client.post(f"/directory/questions/{question.id}/finish", data={"close": str(other.service_id)})
    session.expire_all()
    assert session.get_one(Service, other.service_id).status == "inactive"
    assert session.get(Entry, other.id) is None
    page = client.get("/directory/upkeep").text
    assert "No lunch since May" not in page
    assert "Eastside Pantry" not in page


@pytest.mark.usefixtures("grace")
def test_a_link_is_ours_and_does_not_hold_for_ever(session: Db, client: FlaskClient, place: ServiceAtLocation) -> None:
    address = link_of(client, session.get_one(Service, place.service_id).organization_id)
    token = address.rpartition("/")[2]
    with pytest.raises(NotFound):
        verification.question_of(("A" if token[0] != "A" else "B") + token[1:])
    assert client.get("/listing/nonsense").status_code == 404
    assert verification.question_of(token)
    with clock.held_at(clock.now() + verification.LINK_HOLDS):
        assert client.get(address).status_code == 404


@pytest.mark.usefixtures("grace")
def test_what_was_confirmed_lately_is_not_asked_about(session: Db, place: ServiceAtLocation) -> None:
    assert [agency.name for agency in verification.unconfirmed(10)] == ["Eastside Pantry"]
    corrections.confirm([place.service_id], by="test")
    session.flush()
    assert not verification.unconfirmed(10)
    with clock.held_at(clock.now() + timedelta(days=92)):
        assert verification.unconfirmed(10)


@pytest.mark.usefixtures("grace")
def test_a_link_answers_only_for_its_own_agency(session: Db, client: FlaskClient, place: ServiceAtLocation) -> None:
    other = make_service_at_location(organization=make_organization("Harbor House"))
    address = link_of(client, session.get_one(Service, place.service_id).organization_id)
    client.post(address, data={f"service-{other.service_id}": "correct", "note": "x"})
    session.expire_all()
    assert session.get_one(Service, other.service_id).last_verified_on is None


# Places


class Outside:
    """An outside geocoder that counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer = Location("", (39.291, -76.613), {"addresstype": "house"})

    def geocode(self, query: str) -> Location:
        self.asked.append(query)
        return self.answer


@pytest.fixture
def outside(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outside]:
    service = Outside()
    monkeypatch.setitem(app.extensions, "settings", replace(app.extensions["settings"], geocoder="nominatim"))
    monkeypatch.setattr(geocoders, "named", lambda *_: service)
    monkeypatch.setattr(jobs, "PAUSE", 0)
    geography.geocoder.cache_clear()
    yield service
    geography.geocoder.cache_clear()


def test_a_location_without_coordinates_is_placed_by_its_address(session: Db, outside: Outside) -> None:
    place = make_service_at_location(point=None)
    jobs.place_locations(0)
    jobs.place_locations(0)
    assert len(outside.asked) == 1
    session.expire_all()
    found = session.get_one(directory.Location, place.location_id)
    assert (found.latitude, found.longitude) == (39.291, -76.613)
    entry = session.get_one(Entry, place.id)
    assert entry.latitude == 39.291


def test_a_vague_answer_places_nothing_and_is_not_asked_for_again(session: Db, outside: Outside) -> None:
    outside.answer = Location("", (39.3, -76.6), {"addresstype": "postcode"})
    place = make_service_at_location(point=None)
    jobs.place_locations(0)
    jobs.place_locations(0)
    assert len(outside.asked) == 1
    assert session.get_one(directory.Location, place.location_id).latitude is None


@pytest.mark.usefixtures("session")
def test_where_a_shelter_is_goes_to_nobody(outside: Outside) -> None:
    make_service_at_location(point=None, confidential=True)
    make_service_at_location()
    jobs.place_locations(0)
    assert not outside.asked


@pytest.mark.usefixtures("session")
def test_out_of_the_box_no_address_of_an_agency_leaves_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("asked outside")

    monkeypatch.setattr(geocoders, "named", never)
    make_service_at_location(point=None)
    jobs.place_locations(0)


# All of it, through a real import

COUNTY: Files = {
    **TOWN,
    "services": [{**TOWN["services"][0], "description": "Soup", "fees": "Free"}],
    "phones": [{"id": "p1", "service_id": SERVICE, "number": "410-555-0101"}],
}


def corrected(service: Service) -> None:
    numbers = [corrections.Number("410-555-0199", "+14105550199")]
    corrections.correct(
        service, corrections.Correction({"description": "Soup and bread"}, phones=numbers), by="agency x"
    )


def listed_numbers(session: Db) -> list[str]:
    return sorted(session.scalars(select(Phone.number).where(Phone.withdrawn_at.is_(None))))


def test_an_import_of_the_same_package_neither_undoes_nor_disputes_a_correction(session: Db, tmp_path: Path) -> None:
    import_directory(write(tmp_path / "first", COUNTY), "county")
    service = session.scalars(select(Service)).one()
    corrected(service)
    for again in ("second", "third"):
        import_directory(write(tmp_path / again, COUNTY), "county")
    session.expire_all()
    assert session.scalars(select(Service)).one().description == "Soup and bread"
    assert listed_numbers(session) == ["410-555-0199"]
    assert not corrections.conflicts_of(service.id)


def test_an_import_with_news_leaves_the_correction_and_says_so(session: Db, tmp_path: Path) -> None:
    import_directory(write(tmp_path / "first", COUNTY), "county")
    service = session.scalars(select(Service)).one()
    corrected(service)
    news: Files = {
        **COUNTY,
        "services": [{**COUNTY["services"][0], "description": "Stew"}],
        "phones": [{"id": "p1", "service_id": SERVICE, "number": "410-555-0102"}],
    }
    import_directory(write(tmp_path / "second", news), "county")
    session.expire_all()
    service = session.scalars(select(Service)).one()
    assert service.description == "Soup and bread"
    assert listed_numbers(session) == ["410-555-0199"]
    assert [edit.field for edit in corrections.conflicts_of(service.id)] == ["description", "phone"]

    for edit in corrections.conflicts_of(service.id):
        corrections.take_theirs(edit, service, by="agency x")
    session.expire_all()
    assert session.scalars(select(Service)).one().description == "Stew"
    assert listed_numbers(session) == ["410-555-0102"]


def with_ages(folder: Path, youngest: str, oldest: str) -> Path:
    return write(
        folder,
        {**COUNTY, "services": [{**COUNTY["services"][0], "minimum_age": youngest, "maximum_age": oldest}]},
    )


@pytest.mark.parametrize(
    ("choice", "ages", "dispute"), [("theirs", (None, 17), []), ("ours", (18, None), []), ("", (18, None), ["17"])]
)
def test_ages_that_contradict_each_other_do_not_stop_an_import_and_wait_for_somebody(
    session: Db, tmp_path: Path, choice: str, ages: tuple[int | None, int | None], dispute: list[str]
) -> None:
    import_directory(with_ages(tmp_path / "first", "", ""), "county")
    service = session.scalars(select(Service)).one()
    corrections.correct(service, corrections.Correction({"minimum_age": "18"}), by="agency x")
    for again in ("second", "third"):
        report = import_directory(with_ages(tmp_path / again, "", "17"), "county")
        assert not report.problems
        session.expire_all()
        assert (service.minimum_age, service.maximum_age) == (18, None)
        assert [(edit.field, edit.offered) for edit in corrections.conflicts_of(service.id)] == [("maximum_age", "17")]
    [edit] = corrections.conflicts_of(service.id)
    if choice == "theirs":
        corrections.take_theirs(edit, service, by="agency x")
    elif choice == "ours":
        corrections.keep_ours(edit)
    import_directory(with_ages(tmp_path / "fourth", "", "17"), "county")
    session.expire_all()
    assert (service.minimum_age, service.maximum_age) == ages
    assert [edit.offered for edit in corrections.conflicts_of(service.id)] == dispute


def test_a_source_that_comes_to_agree_is_no_conflict_any_more(session: Db, tmp_path: Path) -> None:
    for number, description in enumerate(("Soup", "Stew", "Soup and bread", "Soup")):
        files: Files = {**COUNTY, "services": [{**COUNTY["services"][0], "description": description}]}
        import_directory(write(tmp_path / str(number), files), "county")
        session.expire_all()
        service = session.scalars(select(Service)).one()
        if not number:
            corrections.correct(service, corrections.Correction({"description": "Soup and bread"}), by="agency x")
        said = [edit.offered for edit in corrections.conflicts_of(service.id)]
        assert said == [[], ["Stew"], [], ["Soup"]][number]


CITY: Files = {
    name: [
        {key: f"c{value}" if key.endswith("id") and value else value for key, value in row.items()}
        for row in [*rows, *({**row, "id": f"x{row['id']}"} for row in rows if name == "services")]
    ]
    for name, rows in COUNTY.items()
}


def test_what_was_merged_into_a_service_comes_back_when_that_is_not_listed_any_more(
    session: Db, tmp_path: Path
) -> None:
    import_directory(write(tmp_path / "county", COUNTY), "county")
    import_directory(write(tmp_path / "city", CITY), "city")
    [gone] = session.scalars(select(Service).where(Service.source == "county")).all()
    kept, other = session.scalars(select(Service).where(Service.source == "city")).all()
    merging.merge(kept.id, gone.id, by="test")
    fewer: Files = {**CITY, "services": [row for row in CITY["services"] if row["id"] == other.source_id]}
    import_directory(write(tmp_path / "fewer", fewer), "city")
    session.expire_all()
    assert kept.withdrawn_at
    assert gone.withdrawn_at is None, "its own source lists it"
    signed = select(Metadata.updated_by).where(Metadata.resource_id == kept.id, Metadata.field_name == "withdrawn_at")
    assert "import" not in session.scalars(signed).all()


def test_undoing_does_not_list_what_its_source_has_given_up(session: Db, tmp_path: Path) -> None:
    import_directory(write(tmp_path / "city", CITY), "city")
    gone, kept = session.scalars(select(Service)).all()
    merge = merging.merge(kept.id, gone.id, by="test")
    fewer: Files = {**CITY, "services": [row for row in CITY["services"] if row["id"] == kept.source_id]}
    import_directory(write(tmp_path / "fewer", fewer), "city")
    session.expire_all()
    merging.undo_merge(merge.id, by="test")
    session.expire_all()
    assert gone.withdrawn_at
    import_directory(write(tmp_path / "again", CITY), "city")
    session.expire_all()
    assert gone.withdrawn_at is None
