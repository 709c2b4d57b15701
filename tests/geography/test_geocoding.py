"""What a patient's address becomes, and who is told about it: nobody, unless the installation says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from geopy.exc import GeocoderTimedOut
from geopy.location import Location
from sqlalchemy import func, select

from app import clock
from app.config import Settings, SettingsError
from app.db import session as the_session
from app.errors import Invalid
from app.geography import geocoders, operations
from app.geography.geocoders import ZipGeocoder, precision_of
from app.geography.models import GeocodedAddress
from app.geography.operations import Whose
from app.geography.places import Place, Precision

pytestmark = pytest.mark.usefixtures("session")

ADDRESS = ("4402 White Oak Ave", "Baltimore", "MD", "21215")


class Outside:
    """An outside geocoder that answers as told and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: Location | Exception | None = Location("", (39.35, -76.69), {"addresstype": "house"})

    def geocode(self, query: str) -> Location | None:
        self.asked.append(query)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def outside(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outside]:
    service = Outside()
    settings: Settings = app.extensions["settings"]
    monkeypatch.setitem(app.extensions, "settings", replace(settings, patient_geocoder="nominatim"))
    monkeypatch.setattr(geocoders, "named", lambda *_: service)
    operations.geocoder.cache_clear()
    yield service
    operations.geocoder.cache_clear()


def place(*address: str) -> Place:
    found = operations.geocode(*(address or ADDRESS), whose=Whose.PATIENT)
    assert found is not None
    return found


def test_an_address_is_placed_by_its_zip_code() -> None:
    found = place()
    assert found.precision is Precision.ZIP
    assert found.county == "Baltimore city"
    assert place("", "", "", "21215-4521") == found


def test_an_address_without_a_zip_code_is_placed_by_its_city() -> None:
    assert place("", "Baltimore", "MD", "").precision is Precision.COUNTY
    assert operations.geocode("", "", "", "", whose=Whose.PATIENT) is None


@pytest.mark.parametrize(
    ("postal_code", "sentence"),
    [
        ("2121", "A ZIP code has five digits, such as 21215."),
        ("K1A 0B1", "A ZIP code has five digits, such as 21215."),
        ("00000", "There is no ZIP code 00000. Please check it."),
    ],
)
def test_a_wrong_zip_code_is_one_sentence(postal_code: str, sentence: str) -> None:
    with pytest.raises(Invalid) as refused:
        operations.geocode("", "Baltimore", "MD", postal_code, whose=Whose.PATIENT)
    assert refused.value.fields == {"postal_code": sentence}


def test_out_of_the_box_nobody_outside_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("asked outside")

    monkeypatch.setattr(geocoders, "named", never)
    place()
    assert the_session.scalar(select(func.count()).select_from(GeocodedAddress)) == 0


def test_who_is_asked_about_agencies_does_not_hear_of_patients(
    app: Flask, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: Settings = app.extensions["settings"]
    monkeypatch.setitem(app.extensions, "settings", replace(settings, geocoder="nominatim", patient_geocoder="zip"))
    assert place().precision is Precision.ZIP
    assert not outside.asked
    agency = operations.geocode(*ADDRESS, whose=Whose.AGENCY)
    assert agency
    assert agency.precision is Precision.ROOFTOP
    assert outside.asked


def test_a_town_says_less_than_a_zip_code(outside: Outside) -> None:
    outside.answer = Location("", (39.3, -76.6), {"addresstype": "city"})
    assert place().precision is Precision.ZIP
    without_zip = operations.geocode(*ADDRESS[:3], "", whose=Whose.PATIENT)
    assert without_zip
    assert without_zip.precision is Precision.COUNTY


def test_what_was_found_is_asked_again_after_a_year(outside: Outside) -> None:
    place()
    with clock.held_at(clock.now() + timedelta(days=300)):
        place()
        assert len(outside.asked) == 1
    with clock.held_at(clock.now() + timedelta(days=366)):
        place()
        assert len(outside.asked) == 2


def test_the_memory_is_bounded(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "MOST_KEPT", 2)
    for number in range(4):
        with clock.held_at(clock.now() + timedelta(hours=number)):
            place(f"{number} Light Street", *ADDRESS[1:])
    operations.forget_old_answers()
    assert the_session.scalar(select(func.count()).select_from(GeocodedAddress)) == 2
    with clock.held_at(clock.now() + timedelta(days=400)):
        operations.forget_old_answers()
    assert the_session.scalar(select(func.count()).select_from(GeocodedAddress)) == 0
    assert len(outside.asked) == 4


def test_an_outside_answer_is_as_good_as_it_says(outside: Outside) -> None:
    found = place()
    assert (found.point, found.precision, found.county) == ((39.35, -76.69), Precision.ROOFTOP, "Baltimore city")
    assert outside.asked == ["4402 White Oak Ave, Baltimore, MD 21215"]


def test_an_address_is_asked_about_once_and_not_kept(outside: Outside) -> None:
    assert place() == place("4402  WHITE OAK AVE", *ADDRESS[1:])
    assert len(outside.asked) == 1
    row = the_session.scalars(select(GeocodedAddress)).one()
    assert "white" not in repr(vars(row)).lower()


@pytest.mark.parametrize(
    "answer",
    [
        GeocoderTimedOut(),
        None,
        Location("", (48.1, 11.6), {"addresstype": "house"}),  # in Munich
        Location("", (39.3, -76.6), {"addresstype": "state"}),
    ],
)
def test_whatever_goes_wrong_outside_leaves_the_zip_code(outside: Outside, answer: Location | Exception | None) -> None:
    outside.answer = answer
    assert place().precision is Precision.ZIP


def test_a_failure_is_asked_again_and_an_unknown_address_a_month_later(outside: Outside) -> None:
    outside.answer = GeocoderTimedOut()
    place()
    outside.answer = None
    place()
    place()
    assert len(outside.asked) == 2
    outside.answer = Location("", (39.35, -76.69), {"addresstype": "road"})
    with clock.held_at(clock.now() + timedelta(days=31)):
        assert place().precision is Precision.STREET


@pytest.mark.parametrize(
    ("raw", "precision"),
    [
        ({"addresstype": "house"}, Precision.ROOFTOP),
        ({"geometry": {"location_type": "RANGE_INTERPOLATED"}}, Precision.STREET),
        ({"properties": {"layer": "street"}}, Precision.STREET),
        ({"properties": None, "resultType": "houseNumber"}, Precision.ROOFTOP),
        ({"addresstype": "country"}, Precision.NONE),
        ({"some": "other words"}, Precision.ZIP),
        ({}, Precision.ZIP),
    ],
)
def test_words_we_do_not_know_promise_no_more_than_a_zip_code(raw: dict[str, Any], precision: Precision) -> None:
    assert precision_of(raw) is precision


@pytest.mark.parametrize(
    ("query", "precision"),
    [
        ("4402 White Oak Ave, Baltimore, MD 21215", "zip"),
        ("Baltimore, MD", "county"),
        ("21215-1234", "zip"),
        ("nowhere in particular", None),
    ],
)
def test_our_own_geocoder_has_the_shape_of_any_other(query: str, precision: str | None) -> None:
    found: Any = ZipGeocoder().geocode(query)
    assert (found and found.raw["precision"]) == precision


def test_a_geocoder_that_does_not_exist_stops_the_start(app: Flask) -> None:
    settings: Settings = app.extensions["settings"]
    operations.check_geocoder(settings)
    with pytest.raises(SettingsError, match="GEOCODER and PATIENT_GEOCODER must be zip or"):
        operations.check_geocoder(replace(settings, geocoder="crystal-ball"))
    with pytest.raises(SettingsError, match="The options of the geocoder do not fit nominatim"):
        operations.check_geocoder(replace(settings, geocoder="nominatim", geocoder_options=(("magic", "yes"),)))
    operations.check_geocoder(replace(settings, geocoder="nominatim", geocoder_options=(("user_agent", "us"),)))
