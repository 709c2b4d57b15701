"""The seeded town holds together: what refers to something finds it, and nothing in it is real."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.needs.vocabulary import NEEDS, Term, needs_for_terms
from app.screening import instruments
from app.screening.scoring import score, validate
from app.staff import demo

SEED = Path(__file__).parents[2] / "seed"
Row = dict[str, str]


def table(name: str) -> list[Row]:
    with (SEED / "directory" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def people() -> dict[str, Any]:
    # Texts only, as the instruments have them: "no" is an answer, not False.
    text = (SEED / "people.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - builds texts only
    return loaded


def steps(kind: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for patient in people()["patients"]:
        for step in patient["history"]:
            if step["do"] == kind:
                yield patient, step


LINKS = [
    ("services", "organization_id", "organizations"),
    ("locations", "organization_id", "organizations"),
    ("service_at_location", "service_id", "services"),
    ("service_at_location", "location_id", "locations"),
    ("addresses", "location_id", "locations"),
    ("accessibility", "location_id", "locations"),
    ("schedules", "service_at_location_id", "service_at_location"),
    ("attributes", "link_id", "services"),
    ("attributes", "taxonomy_term_id", "taxonomy_terms"),
    ("taxonomy_terms", "parent_id", "taxonomy_terms"),
    ("taxonomy_terms", "taxonomy_id", "taxonomies"),
    ("required_documents", "service_id", "services"),
    ("service_areas", "service_id", "services"),
    ("service_capacity", "service_id", "services"),
    ("service_capacity", "unit_id", "units"),
    ("languages", "service_id", "services"),
    ("languages", "phone_id", "phones"),
    ("phones", "organization_id", "organizations"),
    ("phones", "service_id", "services"),
    ("contacts", "organization_id", "organizations"),
]


@pytest.mark.parametrize(("name", "column", "target"), LINKS)
def test_every_link_leads_somewhere(name: str, column: str, target: str) -> None:
    known = {row["id"] for row in table(target)}
    assert {row[column] for row in table(name) if row[column]} <= known


def test_no_id_is_used_twice() -> None:
    files = (SEED / "directory").glob("*.csv")
    ids = [row["id"] for file in files for row in table(file.stem)]
    assert len(ids) == len(set(ids))


def test_every_service_is_somewhere_with_hours_a_language_and_an_area() -> None:
    services = {row["id"] for row in table("services")}
    places = table("service_at_location")
    assert services == {row["service_id"] for row in places}
    assert services == {row["service_id"] for row in table("service_areas")}
    assert services <= {row["service_id"] for row in table("languages")}
    assert {row["id"] for row in places} == {row["service_at_location_id"] for row in table("schedules")}


def test_nothing_in_the_town_is_real() -> None:
    text = "\n".join(file.read_text(encoding="utf-8") for file in SEED.rglob("*.*") if file.suffix != ".md")
    for number in re.findall(r"\+1\d{10}|\(\d{3}\) \d{3}-\d{4}", text):
        digits = re.sub(r"\D", "", number)
        assert re.fullmatch(r"1?41355501\d\d", digits), number
    for host in re.findall(r"[\w.-]+@([\w.-]+\w)|https?://([\w.-]+\w)", text):
        assert "".join(host).endswith((".example", ".test")), host


def test_a_confidential_place_gives_nothing_away() -> None:
    hidden = [row for row in table("locations") if "confidential" in row["description"].lower()]
    assert [row["name"] for row in hidden] == ["Willow House (confidential)"]
    (shelter,) = hidden
    assert shelter["confidential"] == "true"
    assert not shelter["latitude"]
    assert shelter["id"] not in {row["location_id"] for row in table("addresses")}


def test_the_town_can_help_with_every_need_and_some_things_answer_none() -> None:
    found = needs_of_services()
    assert set().union(*found.values()) == NEEDS.keys()
    assert [name for name, needs in found.items() if not needs] == ["English classes"]
    assert found["Weekly groceries"] == {"food"}
    assert found["A safe place to stay"] == {"safety"}
    assert found["Emergency beds"] == {"housing"}


def needs_of_services() -> dict[str, frozenset[str]]:
    terms = {row["id"]: row for row in table("taxonomy_terms")}
    listed: dict[str, list[Term]] = {row["id"]: [] for row in table("services")}
    for attribute in table("attributes"):
        term = terms[attribute["taxonomy_term_id"]]
        listed[attribute["link_id"]].append(Term(term["code"], term["name"], tuple(names_above(term, terms))))
    return {row["name"]: needs_for_terms(listed[row["id"]]) for row in table("services")}


def names_above(term: Row, terms: dict[str, Row]) -> Iterator[str]:
    while term["parent_id"]:
        term = terms[term["parent_id"]]
        yield term["name"]


def test_every_referral_names_one_service_at_one_location_for_a_need_that_was_found() -> None:
    organizations = {row["id"]: row["name"] for row in table("organizations")}
    services = {row["id"]: row for row in table("services")}
    locations = {row["id"]: row["name"] for row in table("locations")}
    offered = [
        (
            organizations[services[row["service_id"]]["organization_id"]],
            services[row["service_id"]]["name"],
            locations[row["location_id"]],
        )
        for row in table("service_at_location")
    ]
    needs = needs_of_services()
    for patient, step in steps("refer"):
        to = step["to"]
        assert offered.count((to["organization"], to["service"], to["location"])) == 1, to
        assert step["need"] in needs[to["service"]], step["as"]
        assert step["need"] in wanted(patient), step["as"]


def wanted(patient: dict[str, Any]) -> set[str]:
    return {
        need
        for step in patient["history"]
        if step["do"] == "wants_help"
        for need, wants in step["needs"].items()
        if wants == "true"
    }


def test_every_screening_can_be_scored_and_finds_what_the_patient_was_asked_about() -> None:
    for patient in people()["patients"]:
        found: set[str] = set()
        asked: set[str] = set()
        for step in patient["history"]:
            if step["do"] == "screen":
                instrument = instruments.current(step["instrument"])
                assert validate(instrument, step["answers"]) == {}
                result = score(instrument, step["answers"])
                assert result.complete, patient["key"]
                found |= {need.need for need in result.needs}
            if step["do"] == "wants_help":
                asked |= step["needs"].keys()
        assert found == asked, patient["key"]


def test_every_step_is_about_a_referral_sent_before_and_taken_by_somebody_we_know() -> None:
    town = people()
    staff = {member["key"] for member in town["staff"]} | {"link"}
    for patient in town["patients"]:
        sent: set[str] = set()
        for step in patient["history"]:
            assert step.get("by", "link") in staff
            if step["do"] == "refer":
                sent.add(step["as"])
            if "referral" in step:
                assert step["referral"] in sent
            assert {"days_ago", "hours_ago", "business_days_ago"} & step.keys()


def test_every_history_is_told_in_order() -> None:
    for patient in people()["patients"]:
        told = [when(step) for step in (patient["registered"], *patient["history"])]
        assert told == sorted(told), patient["key"]


def when(step: dict[str, Any]) -> tuple[int, str]:
    """Orders steps; business days count as if there were no weekend, which is enough here."""
    if "hours_ago" in step:
        return 0, f"{24 - int(step['hours_ago']):02}:00"
    return -int(step.get("days_ago") or step["business_days_ago"]), step["time"]


def test_the_staff_and_the_patients_are_whole() -> None:
    town = people()
    names = {row["name"] for row in table("organizations")}
    assert {account.email for account in demo.accounts()} <= {member["email"] for member in town["staff"]}
    for member in town["staff"]:
        assert (member["role"] == "agency") == ("organization" in member)
        assert member.get("organization", "Eastside Pantry") in names
    for patient in town["patients"]:
        assert date.fromisoformat(patient["birth_date"]).year < 2010
        assert re.fullmatch(r"010\d\d", patient["address"]["postal_code"])
    numbers = [number for patient in town["patients"] for number in patient["phones"]]
    assert len(numbers) - len(set(numbers)) == 1, "one phone is shared by two"
