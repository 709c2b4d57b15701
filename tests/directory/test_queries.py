from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session, scoped_session

from app import clock
from app.directory import queries, searching
from app.directory.codes import CapacityStatus
from app.directory.importing import import_directory
from app.directory.operations import set_capacity
from app.directory.queries import Card
from app.i18n import speaking
from tests.directory.packages import LOCATION, OFFER, ORGANIZATION, SERVICE, Cells, town, write

pytestmark = pytest.mark.usefixtures("session")

OFFER_ID = uuid.UUID(OFFER)
TUESDAY_TEN = datetime(2026, 3, 3, 15, tzinfo=UTC)
"""Ten in the morning in Baltimore."""


def shown(folder: Path, **changes: Sequence[Cells]) -> Card:
    import_directory(write(folder, town(**changes)), "town")
    card = queries.card(OFFER_ID, TUESDAY_TEN)
    assert card is not None
    return card


def first(table: str, **cells: object) -> list[Cells]:
    return [{**town()[table][0], **cells}]


def test_a_card_says_all_that_a_page_needs(tmp_path: Path) -> None:
    card = shown(tmp_path)
    assert (card.service, card.organization, card.location) == ("Hot lunch", "Harbor Kitchen", "Parish hall")
    assert card.place == "12 Bank St, Baltimore, MD 21224"
    assert [(line.words, line.e164) for line in card.phones] == [("(410) 276-6207 ext. 3", "+14102766207")]
    assert [(spoken.code, spoken.words) for spoken in card.languages] == [("es", "Spanish")]
    assert card.hours == ("Mon–Fri 9 am–5 pm",)
    assert card.open_now == "open now until 5 pm"
    assert card.documents == ("Photo ID",)
    assert card.areas == ("East side",)
    assert card.url == "http://harbor.example.org"
    assert (card.latitude, card.longitude) == (39.29, -76.61)
    assert card.capacity.words == "not known whether they have room"


def test_open_now_is_asked_in_the_time_of_the_place(tmp_path: Path) -> None:
    far = first("addresses", postal_code="94063", state_province="CA", city="Redwood City")
    assert shown(tmp_path, addresses=far).open_now == "opens today at 9 am"
    assert queries.time_zone(OFFER_ID) == ZoneInfo("America/Los_Angeles")


def test_a_place_nobody_can_locate_has_a_time_zone_all_the_same(tmp_path: Path) -> None:
    shown(tmp_path, addresses=[])
    assert queries.time_zone(OFFER_ID) == queries.UNPLACED
    assert queries.time_zone(uuid.uuid4()) == queries.UNPLACED


def test_a_confidential_address_is_never_shown(tmp_path: Path) -> None:
    card = shown(tmp_path, locations=first("locations", confidential="true"))
    assert card.place == "Baltimore, MD"
    assert card.confidential
    assert (card.location, card.latitude, card.longitude, card.transportation) == (None, None, None, None)
    assert "Bank" not in repr(card)
    assert "21224" not in repr(card)


def test_a_confidential_place_without_an_address_is_where_it_serves(tmp_path: Path) -> None:
    card = shown(tmp_path, locations=first("locations", confidential="true"), addresses=[])
    assert card.place == "East side"


def test_a_confidential_place_is_not_found_by_its_zip_code(tmp_path: Path) -> None:
    shown(tmp_path, locations=first("locations", confidential="true"))
    assert searching.search(near="21224").total == 0
    assert searching.search(near="Baltimore").total == 1


def test_what_is_remote_has_no_address(tmp_path: Path) -> None:
    card = shown(tmp_path, locations=first("locations", location_type="virtual"))
    assert card.remote
    assert card.place == "by phone, online or at home"


def test_a_repeated_suite_is_said_once(tmp_path: Path) -> None:
    again = first("addresses", address_1="12 Bank St Suite 200", address_2="Suite 200")
    assert shown(tmp_path, addresses=again).place == "12 Bank St Suite 200, Baltimore, MD 21224"


def test_the_nearest_number_counts_and_a_fax_does_not(tmp_path: Path) -> None:
    def phone(id_: str, number: str, **owner: str) -> Cells:
        nobody = {"service_id": "", "location_id": "", "organization_id": ""}
        return {"id": id_, "number": number, "type": "voice", **nobody, **owner}

    card = shown(
        tmp_path,
        phones=[
            phone("1", "(410) 276-0001", organization_id=ORGANIZATION),
            phone("2", "(410) 276-0002", location_id=LOCATION),
            phone("3", "(410) 276-0003", service_id=SERVICE),
            phone("4", "410.276.0003", service_id=SERVICE),
            phone("5", "(410) 276-0004", service_id=SERVICE, type="fax"),
            phone("6", "(410) 276-FOOD", service_id=SERVICE),
        ],
    )
    assert {line.words for line in card.phones} == {"(410) 276-0003", "(410) 276-FOOD"}


def test_everything_spoken_there_counts(tmp_path: Path) -> None:
    languages: list[Cells] = [
        {"id": "1", "service_id": SERVICE, "location_id": "", "phone_id": "", "name": "Spanish", "code": "es"},
        {"id": "2", "service_id": "", "location_id": LOCATION, "phone_id": "", "name": "French", "code": ""},
        {"id": "3", "service_id": "", "location_id": LOCATION, "phone_id": "", "name": "Spanish", "code": "es"},
        {"id": "4", "service_id": "", "location_id": "", "phone_id": "p1", "name": "", "code": "vi"},
    ]
    card = shown(tmp_path, languages=languages)
    assert sorted(spoken.words for spoken in card.languages) == ["French", "Spanish", "Vietnamese"]


def test_a_card_is_in_the_language_of_the_reader(tmp_path: Path) -> None:
    shown(tmp_path)
    with speaking("es"):
        card = queries.card(OFFER_ID, TUESDAY_TEN)
    assert card is not None
    assert card.languages[0].words == "español"
    assert card.hours[0].startswith("lun–vie")


@pytest.mark.parametrize(
    ("status", "until", "words"),
    [
        (CapacityStatus.CAPACITY, None, "has room"),
        (CapacityStatus.WAITLIST, None, "has a waiting list"),
        (CapacityStatus.ADDITIONAL_ASSESSMENT, None, "decides after a first talk"),
        (CapacityStatus.NO_CAPACITY, None, "full at the moment"),
        (CapacityStatus.NO_CAPACITY, date(2026, 3, 9), "full until Monday, Mar 9"),
        # The last day is included; after it nobody knows.
        (CapacityStatus.NO_CAPACITY, date(2026, 3, 3), "full until Tuesday, Mar 3"),
        (CapacityStatus.NO_CAPACITY, date(2026, 3, 2), "not known whether they have room"),
    ],
)
def test_capacity_in_words(tmp_path: Path, status: CapacityStatus, until: date | None, words: str) -> None:
    shown(tmp_path)
    set_capacity(uuid.UUID(SERVICE), status, until, "agency")
    card = queries.card(OFFER_ID, TUESDAY_TEN)
    assert card is not None
    assert card.capacity.words == words


def test_what_is_withdrawn_has_no_card(tmp_path: Path) -> None:
    other: Cells = {"id": "o", "service_id": SERVICE, "location_id": LOCATION}
    shown(tmp_path)
    import_directory(write(tmp_path, town(service_at_location=[other])), "town")
    assert queries.card(OFFER_ID) is None
    assert searching.search().total == 1


def test_cards_come_in_the_order_asked_for(tmp_path: Path) -> None:
    shown(tmp_path)
    assert list(queries.cards([uuid.uuid4(), OFFER_ID])) == [OFFER_ID]
    assert queries.cards([]) == {}


def test_many_cards_cost_as_many_queries_as_one(session: scoped_session[Session], tmp_path: Path) -> None:
    services = [{**town()["services"][0], "id": str(n), "name": f"Service {n}"} for n in range(30)]
    offers: list[Cells] = [{"id": f"o{n}", "service_id": str(n), "location_id": LOCATION} for n in range(30)]
    import_directory(write(tmp_path, {**town(services=services, service_at_location=offers), "phones": []}), "town")
    found = [card.id for card in searching.search(limit=30).cards]
    statements: list[str] = []
    event.listen(session.get_bind(), "before_cursor_execute", lambda *args: statements.append(args[2]))
    queries.cards(found[:1])
    one = len(statements)
    queries.cards(found)
    assert len(found) == 30
    assert len(statements) == 2 * one


@pytest.mark.parametrize(
    ("criteria", "total"),
    [
        ({"text": "lunch"}, 1),
        ({"text": "harbor LUNCH"}, 1),
        ({"text": "dinner"}, 0),
        ({"text": "100%"}, 0),
        ({"need": "food"}, 1),
        ({"need": "housing"}, 0),
        ({"language": "es"}, 1),
        ({"language": "vi"}, 0),
        ({"near": "baltimore"}, 1),
        ({"near": "2122"}, 1),
        ({"near": "90210"}, 0),
        ({"organization_id": uuid.UUID(ORGANIZATION)}, 1),
        ({"organization_id": uuid.uuid4()}, 0),
    ],
)
def test_search(tmp_path: Path, criteria: dict[str, object], total: int) -> None:
    shown(tmp_path)
    found = searching.search(**criteria)  # type: ignore[arg-type]
    assert (found.total, len(found.cards)) == (total, total)


@pytest.mark.parametrize("criteria", [{"need": "food"}, {"text": "lunch"}, {}], ids=["need", "words", "anything"])
def test_pages_of_more_than_is_counted_have_nobody_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, criteria: dict[str, str]
) -> None:
    monkeypatch.setattr(searching, "COUNTED", 8)
    services = [{**town()["services"][0], "id": f"s{n}", "name": f"Lunch {n}"} for n in range(12)]
    offers: list[Cells] = [{"id": f"o{n}", "service_id": f"s{n}", "location_id": LOCATION} for n in range(12)]
    said = [{**town()["attributes"][0], "id": f"t{n}", "link_id": f"s{n}"} for n in range(12)]
    shown_here = town(services=services, service_at_location=offers, attributes=said)
    for name in ("phones", "languages", "schedules", "required_documents", "service_areas"):
        shown_here[name] = []
    import_directory(write(tmp_path, shown_here), "town")
    pages = [searching.search(**criteria, limit=4, offset=offset) for offset in (0, 4)]  # type: ignore[arg-type]
    names = [card.service for page in pages for card in page.cards]
    assert [(page.total, page.more) for page in pages] == [(8, True), (8, True)]
    assert len(set(names)) == 8
    assert names == sorted(names)


def test_organizations_are_found_by_name(tmp_path: Path) -> None:
    shown(tmp_path)
    assert [(line.name, line.services) for line in queries.organizations("harbor")] == [("Harbor Kitchen", 1)]
    assert queries.organizations("nobody") == []


def test_services_by_need(tmp_path: Path) -> None:
    shown(tmp_path)
    assert searching.services_by_need() == {"food": 1}


def test_the_newest_import_comes_first(tmp_path: Path) -> None:
    shown(tmp_path)
    with clock.held_at(clock.now() + timedelta(minutes=1)):
        import_directory(write(tmp_path, town()), "later")
    assert [row.source for row in queries.import_history()] == ["later", "town"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, ""),
        ("  Two\nlines. ", "Two lines."),
        ("OVERVIEW: Offers help.", "Offers help."),
        ("A first sentence of some length. " + "And much more " * 20, "A first sentence of some length."),
        ("word " * 20, "word word word word word word word word word word…"),
    ],
)
def test_a_description_is_cut_where_it_can_be(text: str | None, expected: str) -> None:
    assert queries.short(text, 50) == expected
