from __future__ import annotations

import json
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from app import clock
from app.db import session as the_session
from app.directory import entries, standins
from app.directory.codes import CapacityStatus, ServiceStatus
from app.directory.models import Location, Organization, Service, ServiceArea, ServiceAtLocation, ServiceNeed
from app.errors import NotFound
from app.geography.places import Place, Precision
from app.matching import operations
from app.matching.candidates import Question
from app.matching.models import Listing, ListingArea
from app.matching.queries import Matches, matches, why_not, why_not_named
from app.matching.records import Record
from tests.matching.conftest import Town

WEDNESDAY = datetime(2026, 3, 4, 15, 30, tzinfo=UTC)
"""10:30 in Baltimore."""

HOME = Place(39.3446, -76.6794, Precision.ZIP, "America/New_York", "Baltimore", "MD", "Baltimore city")
PATIENT = Question(
    need="food",
    place=HOME,
    postal_code="21215",
    language="es",
    age=40,
)


def _drawn(west: float, south: float, east: float, north: float) -> str:
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return json.dumps({"type": "Polygon", "coordinates": [ring]})


def refresh() -> None:
    with clock.held_at(WEDNESDAY):
        operations.refresh(the_session.scalars(select(Service.id)).all())


def best(question: Question = PATIENT, k: int = 5, radius: float = 25) -> Matches:
    refresh()
    return matches(question, k, radius, WEDNESDAY)


def names(question: Question = PATIENT, k: int = 5, radius: float = 25) -> list[str]:
    return [match.service for match in best(question, k, radius).items]


def codes(found: Matches, name: str) -> set[str]:
    [match] = [match for match in found.items if match.service == name]
    return {reason.code for reason in (*match.reasons, *match.cautions)}


def north(miles: float) -> tuple[float, float]:
    return 39.3446 + miles / 69.1, -76.6794


def test_the_nearest_is_first_when_nothing_else_is_known(town: Town) -> None:
    town.offer("Far", point=north(20))
    town.offer("Near", point=north(3))
    assert names() == ["Near", "Far"]


def test_differences_below_the_precision_of_a_zip_code_do_not_count(town: Town) -> None:
    town.offer("Nearer", point=north(2.6))
    town.offer("Speaks Spanish", point=north(3.6), languages=["es"])
    at_the_door = replace(PATIENT, language="en", place=replace(HOME, precision=Precision.ROOFTOP))
    assert names() == ["Speaks Spanish", "Nearer"]
    found = best(replace(PATIENT, language="en"))
    assert found.items[0].score == found.items[1].score
    assert names(at_the_door) == ["Nearer", "Speaks Spanish"]


def test_a_zip_code_makes_distances_round_numbers(town: Town) -> None:
    town.offer(point=north(3.3))
    [match] = best().items
    assert match.distance_miles == 3.0
    assert match.reasons[0].text() == "about 3 miles away"


def test_staff_who_speak_the_language_go_before_an_interpreter_and_that_before_nobody(town: Town) -> None:
    town.offer("Nobody")
    town.offer("Interpreter", interpretation_services="Language Line")
    town.offer("Staff", languages=["es-MX"])
    found = best()
    assert [match.service for match in found.items] == ["Staff", "Interpreter", "Nobody"]
    assert "language-spoken" in codes(found, "Staff")
    assert "interpreter" in codes(found, "Interpreter")
    assert "language-unknown" in codes(found, "Nobody")


def test_what_has_no_coordinates_is_placed_by_its_zip_code(town: Town) -> None:
    town.offer(point=None, postal_code="21217")
    [match] = best().items
    assert match.precision is Precision.ZIP
    assert match.distance_miles == 3.0


def test_what_has_no_place_at_all_is_kept_and_says_so(town: Town) -> None:
    town.offer("Somewhere", point=None, postal_code=None)
    found = best()
    assert found.items[0].distance_miles is None
    assert "place-unknown" in codes(found, "Somewhere")


def test_help_by_phone_is_kept(town: Town) -> None:
    town.offer("Hotline", virtual=True)
    found = best()
    assert "remote" in codes(found, "Hotline")


def test_a_service_area_comes_before_the_distance_to_the_head_office(town: Town) -> None:
    town.offer("Delivers here", point=north(60), areas=[["21215", "21217"]])
    town.offer("Next door, for others", point=north(0), areas=[["20001"]])
    town.offer("Far", point=north(20))
    found = best()
    assert [match.service for match in found.items] == ["Delivers here", "Far"]
    assert "serves-area" in codes(found, "Delivers here")


def test_an_area_that_is_only_named_excludes_nobody(town: Town) -> None:
    town.offer(areas=[[]])
    assert len(best().items) == 1


def test_services_with_the_same_area_share_it(town: Town) -> None:
    for _ in range(3):
        town.offer(areas=[["21217", "21215"]])
    refresh()
    assert the_session.scalar(select(func.count()).select_from(ListingArea)) == 1


@pytest.mark.parametrize(
    ("ages", "age", "objection"),
    [
        ({"minimum_age": 60}, 59, "too-young"),
        ({"minimum_age": 60}, 60, None),
        ({"maximum_age": 17}, 17, None),
        ({"maximum_age": 17}, 18, "too-old"),
        ({"minimum_age": 0.5}, 0, None),  # a baby of nine months is 0 years old
    ],
)
def test_age_excludes(town: Town, ages: dict[str, Any], age: int, objection: str | None) -> None:
    offer = town.offer(**ages)
    question = replace(PATIENT, age=age)
    assert len(best(question).items) == (0 if objection else 1)
    [reason] = why_not(question, offer.id, at=WEDNESDAY)
    assert reason.code == objection or not objection


def test_consent_limits_whom_it_names(town: Town) -> None:
    told, untold = town.offer("Told"), town.offer("Untold")
    question = replace(PATIENT, consented_organizations=frozenset({told.organization.id}))
    assert names(question) == ["Told"]
    assert [reason.code for reason in why_not(question, untold.id)] == ["no-consent"]


def test_what_was_declined_or_is_being_asked_is_not_offered_again(town: Town) -> None:
    declined, asked = town.offer("Declined"), town.offer("Asked")
    town.offer("New")
    question = replace(
        PATIENT,
        declined_services=frozenset({declined.service.id}),
        asked_services=frozenset({asked.service.id}),
    )
    assert names(question) == ["New"]
    assert [reason.code for reason in why_not(question, declined.id)] == ["declined"]
    assert [reason.code for reason in why_not(question, asked.id)] == ["already-asked"]


def said(status: CapacityStatus, days_ago: int = 0, until: date | None = None) -> dict[str, Any]:
    return {
        "capacity_status": status,
        "capacity_at": WEDNESDAY - timedelta(days=days_ago),
        "capacity_source": "agency",
        "capacity_until": until,
    }


def test_room_goes_before_a_waiting_list_and_that_before_silence(town: Town) -> None:
    town.offer("Silent")
    town.offer("Waiting list", **said(CapacityStatus.WAITLIST))
    town.offer("Room", **said(CapacityStatus.CAPACITY))
    assert names() == ["Room", "Waiting list", "Silent"]


def test_old_word_about_room_counts_as_silence(town: Town) -> None:
    town.offer("Said in spring", **said(CapacityStatus.CAPACITY, days_ago=100))
    town.offer("Silent")
    found = best()
    assert found.items[0].score == found.items[1].score
    assert "old-word" in codes(found, "Said in spring")


def test_the_full_are_offered_only_when_there_is_nobody_else(town: Town) -> None:
    full = town.offer("Full", point=north(1), **said(CapacityStatus.NO_CAPACITY))
    assert names() == ["Full"]
    town.offer("Far away", point=north(90))
    assert names() == ["Far away"]
    assert [reason.code for reason in why_not(PATIENT, full.id, at=WEDNESDAY)] == ["full"]


def test_full_until_a_day_holds_through_that_day_there(town: Town) -> None:
    town.offer("Back tomorrow", **said(CapacityStatus.NO_CAPACITY, until=date(2026, 3, 4)))
    town.offer("Other", point=north(20))
    refresh()
    before_midnight = datetime(2026, 3, 5, 4, 59, tzinfo=UTC)
    assert [match.service for match in matches(PATIENT, at=before_midnight).items] == ["Other"]
    assert len(matches(PATIENT, at=before_midnight + timedelta(minutes=2)).items) == 2


def test_open_today_goes_before_open_on_saturday(town: Town) -> None:
    town.offer("Saturday", opens="SA")
    town.offer("Today", opens="WE")
    found = best()
    assert [match.service for match in found.items] == ["Today", "Saturday"]
    assert [reason.text() for reason in found.items[1].reasons if reason.code.startswith("open")] == [
        "Open on Saturday"
    ]
    assert "open-today" in codes(found, "Today")


def test_one_organization_does_not_crowd_the_page(town: Town) -> None:
    chain = town.offer("Chain 0", point=north(0)).organization
    for number in range(1, 4):
        town.offer(f"Chain {number}", point=north(0), organization=chain)
    town.offer("Other", point=north(20))
    shown = names()
    assert shown.index("Other") == 2
    assert len(shown) == 5


def test_too_few_within_the_radius_look_farther_and_say_so(town: Town) -> None:
    town.offer("Near", point=north(3))
    town.offer("Far", point=north(40))
    town.offer("Farther", point=north(90))
    near, wider, everywhere = (best(k=k) for k in (1, 2, 4))
    assert (near.radius_used, near.widened) == (25, False)
    assert (wider.radius_used, wider.widened, len(wider.items)) == (50, True, 2)
    assert (everywhere.radius_used, everywhere.widened, len(everywhere.items)) == (None, True, 3)
    assert "far" in codes(wider, "Far")


def test_a_confidential_address_is_known_by_its_zip_code_only(town: Town) -> None:
    town.offer("Shelter", point=(39.30, -76.60), confidential=True)
    found = best()
    row = the_session.scalars(select(Listing)).one()
    assert (row.latitude, row.longitude, row.precision) == (39.3446, -76.6794, Precision.ZIP)
    assert "confidential" in codes(found, "Shelter")
    assert found.items[0].area == "Baltimore"


def test_a_good_record_counts_from_ten_referrals_on(town: Town) -> None:
    good, new, other = (town.offer(name).organization.id for name in ("Good", "New", "Other"))
    operations.learn([Record(good, "food", 20, 20, 18), Record(new, "food", 9, 9, 9), Record(other, "food", 20, 5, 2)])
    found = best()
    assert [match.service for match in found.items] == ["Good", "New", "Other"]
    assert {part.name for part in found.items[0].parts} - {part.name for part in found.items[1].parts} == {"history"}
    assert "record" in codes(found, "Good")
    assert "record" not in codes(found, "New")


def test_learning_reaches_listings_that_are_there_already(town: Town) -> None:
    good = town.offer("Good").organization.id
    refresh()
    operations.learn([Record(good, "food", 20, 20, 20)])
    row = the_session.scalars(select(Listing)).one()
    assert row.history_n == 20
    assert row.history > 0.9


def test_who_helps_the_household_already_goes_first(town: Town) -> None:
    town.offer("Stranger")
    known = town.offer("Known")
    assert names(replace(PATIENT, helping_organizations=frozenset({known.organization.id}))) == ["Known", "Stranger"]


def test_closed_services_are_not_listed_and_why_not_says_so(town: Town) -> None:
    offer = town.offer(status=ServiceStatus.TEMPORARILY_CLOSED)
    assert names() == []
    assert [reason.code for reason in why_not(PATIENT, offer.id)] == ["inactive"]


def test_why_not_names_another_need_distance_and_better_ones(town: Town) -> None:
    legal = town.offer(needs=["legal"])
    far = town.offer(point=north(60))
    fine = town.offer()
    refresh()
    assert [reason.code for reason in why_not(PATIENT, legal.id)] == ["another-need"]
    assert [reason.code for reason in why_not(PATIENT, far.id)] == ["too-far"]
    assert [reason.code for reason in why_not(PATIENT, fine.id)] == ["others-fit-better"]
    with pytest.raises(NotFound):
        why_not(PATIENT, uuid.uuid4())


def test_refreshing_one_service_changes_only_its_listings(town: Town) -> None:
    one, other = town.offer("One"), town.offer("Other", needs=["food", "housing"])
    refresh()
    the_session.execute(update(Service).values(minimum_age=60))
    assert operations.refresh([one.service.id]) == 1
    ages = {row.service_at_location_id: row.min_age for row in the_session.scalars(select(Listing))}
    assert ages == {one.id: 60, other.id: None}


def test_a_patient_without_a_place_is_still_answered(town: Town) -> None:
    town.offer("Somewhere", point=north(300), languages=["es"])
    found = best(replace(PATIENT, place=None))
    assert len(found.items) == 1
    assert found.items[0].distance_miles is None


def test_the_same_score_is_ordered_by_id(town: Town) -> None:
    offers = [town.offer(str(number)) for number in range(4)]
    found = best(k=4)
    assert [match.service_at_location_id for match in found.items] == sorted(offer.id for offer in offers)


def test_what_is_only_for_others_is_offered_last_and_says_whom_it_is_for(town: Town) -> None:
    town.offer("House of hope", eligibility_description="Persons over age 18 with end stages HIV/AIDS.")
    town.offer("House for all", point=north(5))
    found = best()
    assert [match.service for match in found.items] == ["House for all", "House of hope"]
    [only] = [reason.text() for reason in found.items[1].cautions if reason.code == "only-for"]
    assert only == "For people living with HIV: please ask"


def test_whoever_is_known_to_belong_to_them_is_not_put_off(town: Town) -> None:
    town.offer("House of hope", eligibility_description="People living with HIV")
    town.offer("Post 12", eligibility_description="Veterans")
    found = best(replace(PATIENT, is_one_of=frozenset({"hiv", "veterans"})))
    assert "for-them" in codes(found, "Post 12")
    assert "fits-told" in codes(found, "House of hope")
    assert "only-for" not in codes(found, "House of hope")


def test_only_who_is_known_not_to_belong_to_them_is_excluded(town: Town) -> None:
    offer = town.offer(eligibility_description="Veterans, refugees")
    assert names() == ["Pantry"]
    assert names(replace(PATIENT, is_none_of=frozenset({"veterans"}))) == ["Pantry"]
    no_veteran = replace(PATIENT, is_none_of=frozenset({"veterans", "refugees"}))
    assert names(no_veteran) == []
    [reason] = why_not(no_veteran, offer.id, at=WEDNESDAY)
    assert (reason.code, reason.text()) == ("not-for-them", "Only for veterans or refugees")


@pytest.mark.parametrize(
    ("kind", "extent", "served"),
    [
        ({}, "Baltimore City, MD", True),
        ({}, "Howard County, MD", False),
        ({}, "Maryland", True),
        ({}, "nationwide", True),
        ({"extent_type": "geojson"}, _drawn(-76.7, 39.3, -76.6, 39.4), True),
        ({"extent_type": "geojson"}, _drawn(-76.6, 39.3, -76.5, 39.4), False),
    ],
)
def test_an_area_is_honored_however_it_is_written(
    town: Town, kind: dict[str, str], extent: str, *, served: bool
) -> None:
    offer = town.offer(point=north(60))
    the_session.add(ServiceArea(service_id=offer.service.id, extent=extent, **kind))
    the_session.flush()
    entries.refresh([offer.service.id])
    assert names() == (["Pantry"] if served else [])
    if not served:
        assert [reason.code for reason in why_not(PATIENT, offer.id, at=WEDNESDAY)] == ["outside-area"]


def test_a_service_at_no_location_is_offered_where_its_organization_is(town: Town) -> None:
    other = town.offer("Pantry", point=north(2))
    lone = Service(id=uuid.uuid4(), organization_id=other.organization.id, name="Cooking class")
    the_session.add(lone)
    the_session.flush()
    the_session.add(ServiceNeed(service_id=lone.id, need="food"))
    standins.place([lone.id, other.service.id])
    found = best()
    assert {match.service for match in found.items} == {"Pantry", "Cooking class"}
    assert {match.distance_miles for match in found.items} == {2.0}


def test_a_service_at_no_location_is_offered_at_a_door_that_may_be_told(town: Town) -> None:
    organization = town.offer("Shelter", needs=("housing",), confidential=True).organization
    office = town.offer("Office", needs=("legal",), organization=organization, point=None, postal_code=None)
    lone = Service(id=uuid.uuid4(), organization_id=organization.id, name="Cooking class")
    the_session.add(lone)
    the_session.flush()
    standins.place([lone.id])
    placed = select(ServiceAtLocation.location_id).where(ServiceAtLocation.service_id == lone.id)
    assert the_session.scalars(placed).one() == office.location.id


@pytest.mark.usefixtures("session")
def test_a_service_at_no_location_at_all_is_kept_until_it_has_one() -> None:
    organization = Organization(id=uuid.uuid4(), name="Line")
    the_session.add(organization)
    the_session.flush()
    lone = Service(id=uuid.uuid4(), organization_id=organization.id, name="Cooking class")
    the_session.add(lone)
    the_session.flush()
    the_session.add(ServiceNeed(service_id=lone.id, need="food"))
    for _twice in range(2):
        standins.place([lone.id])
    found = best()
    assert "place-unknown" in codes(found, "Cooking class")
    hall = Location(id=uuid.uuid4(), organization_id=organization.id, latitude=HOME.latitude, longitude=HOME.longitude)
    the_session.add(hall)
    the_session.flush()
    the_session.add(ServiceAtLocation(service_id=lone.id, location_id=hall.id))
    the_session.flush()
    standins.place([lone.id])
    [match] = best().items
    assert match.distance_miles == 0.0


def test_any_service_can_be_asked_about_by_its_name(town: Town) -> None:
    town.offer("Near pantry")
    closed = town.offer("Old pantry", status=ServiceStatus.DEFUNCT)
    refresh()
    [found] = why_not_named(PATIENT, "old pantry", WEDNESDAY)
    assert (found.service, found.offered, [reason.code for reason in found.reasons]) == (
        closed.service.name,
        False,
        ["inactive"],
    )


def test_what_an_answer_shows_is_as_new_as_the_directory(town: Town) -> None:
    offer = town.offer("Old name")
    refresh()
    the_session.execute(update(Service).values(name="New name"))
    operations.refresh([offer.service.id])
    assert [match.service for match in matches(PATIENT, at=WEDNESDAY).items] == ["New name"]
