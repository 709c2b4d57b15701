from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.datafile import DataFileError
from app.needs import vocabulary
from app.needs.vocabulary import NEEDS, Term, needs_for_name, needs_for_terms

BALTIMORE = Path(__file__).parents[3] / "shared" / "data" / "baltimore"

FOOD = ("Food",)
HOUSING = ("Housing",)

# (code, name, parents, needs): one line for every decision that a stranger could doubt.
TERMS = [
    ("102-04", "Food Pantry", FOOD, {"food"}),
    ("102", "Food", (), {"food"}),
    ("101-03", "Emergency Food", ("Emergency",), {"food"}),
    ("102-07", "Nutrition", FOOD, set()),  # how an ombudsman came to be filed under food
    ("102-01", "Community Gardens", FOOD, set()),
    ("102-06-01", "Food Benefits", ("Help Pay for Food", "Food"), {"food", "money"}),
    ("106-04-04", "Nutrition", ("Health Education", "Health"), set()),
    ("103-01", "Emergency Shelter", HOUSING, {"housing"}),
    ("101-04", "Emergency Shelter", ("Emergency",), {"housing"}),
    ("103-04", "Housing Advice", HOUSING, {"housing"}),  # one edition's 103-04 …
    ("103-04", "Maintenance & Repairs", HOUSING, set()),  # … and another's
    ("103-06-01-03", "Nursing Home", ("Long-Term Housing", "Housing"), set()),
    ("103-03-01", "Help Pay for Utilities", ("Help Pay for Housing", "Housing"), {"utilities"}),
    ("101-02-06", "Help Pay for Utilities", ("Emergency Cash", "Emergency"), {"utilities"}),
    ("123", "Housing", (), set()),  # whom a service is for, not what it gives
    ("123-02", "Homeless", HOUSING, set()),
    ("105-01-01", "Bus Passes", ("Help Pay for Transit", "Transit"), {"transport"}),
    ("106-05-06", "Transportation for Healthcare", ("Health",), {"transport"}),
    ("105-02-02", "Transportation for School", ("Transportation", "Transit"), set()),
    ("103-07", "Safe Housing", HOUSING, {"safety"}),  # a refuge is not offered as a room
    ("101-06-01", "Help Escape Violence", ("Immediate Safety", "Emergency"), {"safety"}),
    ("101-06", "Immediate Safety", ("Emergency",), set()),  # police districts, lead paint
    ("129-09", "Domestic Violence Survivors", ("Survivors",), {"safety"}),
    ("110-02-04", "Unemployment Benefits", ("Work",), {"money"}),
    ("104-04", "Medical Supplies", ("Goods",), {"health-care"}),
    ("106-09-01", "Counseling", ("Prevent & Treat", "Health"), set()),
    ("111-01-01-01", "Adoption & Foster Placement", ("Adoption & Foster Care", "Legal"), set()),
    ("109-03-03", "English as a Second Language (ESL)", ("Education",), set()),
    # Other directories: their own codes or none, but names we know.
    ("BD-1800.2000", "Food Pantries", ("Emergency Food", "Food"), {"food"}),
    ("", "food  pantry", (), {"food"}),
    ("", "Soup Kitchens", (), {"food"}),
    ("77", "Hot lunches", FOOD, {"food"}),
    ("77", "Nutrition Classes", ("Nutrition", "Food"), set()),
    ("", "Home and renters insurance", HOUSING, set()),
    ("", "Ombudsman", (), set()),
]


@pytest.mark.parametrize(("code", "name", "parents", "expected"), TERMS)
def test_a_term_answers_these_needs(code: str, name: str, parents: tuple[str, ...], expected: set[str]) -> None:
    assert needs_for_terms([Term(code, name, parents)]) == expected


def test_the_needs_of_a_service_are_those_of_all_its_terms() -> None:
    terms = [Term("102-04", "Food Pantry", FOOD), Term("104-02", "Clothing", ("Goods",))]
    assert needs_for_terms(terms) == {"food", "essentials"}


def test_a_service_without_terms_is_put_nowhere() -> None:
    assert needs_for_terms([]) == frozenset()


@given(
    st.lists(
        st.builds(
            Term,
            st.from_regex(r"(1[0-3]\d(-\d{2}){0,3})?", fullmatch=True) | st.text(max_size=8),
            st.text(max_size=20) | st.sampled_from(sorted({name for _, name, _, _ in TERMS})),
            st.lists(st.text(max_size=12) | st.just("Food"), max_size=3).map(tuple),
        ),
        max_size=5,
    )
)
def test_any_terms_give_known_needs_and_one_more_term_never_takes_one_away(
    terms: list[Term],
) -> None:
    found = needs_for_terms(terms)
    assert found <= NEEDS.keys()
    assert needs_for_terms(terms[1:]) <= found


def test_the_five_needs_of_screening_come_first() -> None:
    assert list(NEEDS)[:5] == ["food", "housing", "transport", "utilities", "safety"]


def test_only_safety_is_sensitive_and_it_suggests_no_condition() -> None:
    assert [need.code for need in NEEDS.values() if need.sensitive] == ["safety"]
    assert not NEEDS["safety"].icd10cm
    assert not NEEDS["safety"].snomed


GOOD = """
needs:
  - code: food
    label: Food
    short_label: Food
    phrase: food
    urgent_when: no food
    gravity_category: food-insecurity
    terms:
      names: [Food Pantry]
"""


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("    label: Food\n", "", "needs.yaml at needs[0]: 'label' is missing."),
        ("label: Food", "label:", "needs.yaml at needs[0].label: must be a text and not empty."),
        (
            "code: food",
            "code: Fo od",
            "needs.yaml at needs[0].code: must be a code of small letters, digits and hyphens.",
        ),
        ("[Food Pantry]", "Food Pantry", "needs.yaml at needs[0].terms.names: must be a list."),
        (
            "[Food Pantry]",
            "[Food Pantry]\n      except: [food pantry]",
            "needs.yaml at needs[0].terms: 'food pantry' cannot be in both names and except.",
        ),
        (
            "names:",
            "name:",
            "needs.yaml at needs[0].terms: 'name' is not known here; known are headings, names,",
        ),
        ("phrase: food", "label: Food", "needs.yaml at line 6: 'label' is written twice."),
        ("phrase: food", "sensitive: maybe", "needs.yaml at needs[0]: 'phrase' is missing."),
        ("needs:", "needs: [", "needs.yaml at line 3: "),
        ("  - code", "  - a\n  - code", "needs.yaml at needs[0]: must be a mapping"),
    ],
)
def test_a_mistake_is_reported_with_its_place(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    file = tmp_path / "needs.yaml"
    file.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataFileError) as caught:
        vocabulary.load(file)
    assert str(caught.value).startswith(sentence)


def test_the_same_need_twice_is_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "needs.yaml"
    file.write_text(GOOD + GOOD.removeprefix("\nneeds:\n"), encoding="utf-8")
    with pytest.raises(DataFileError, match="the need 'food' is there twice"):
        vocabulary.load(file)


@pytest.mark.skipif(not BALTIMORE.is_dir(), reason="the Baltimore directory is not on this machine")
def test_baltimore_is_sorted_under_the_right_needs() -> None:
    needs = dict(baltimore())
    assert "food" in needs["St. Ursula's Pantry"]
    assert "food" in needs["Our Daily Bread Meal Services"]
    assert "safety" in needs["House of Ruth, Counseling Program"]
    assert "housing" in needs["Sarah's Hope"]
    ombudsman = "Baltimore City Commission on Aging & Retire., Ombudsman Program"
    assert "food" not in needs[ombudsman]
    assert "safety" not in needs["U.S. Food and Drug Administration"]
    food = [name for name, found in needs.items() if "food" in found]
    assert 200 < len(food) < 260
    assert not [name for name in food if "Ombudsman" in name or "Police" in name]


def baltimore() -> Iterator[tuple[str, frozenset[str]]]:
    """Each service's name and needs; its term ids are the rows' numbers, not the codes."""
    rows = {row["id"]: row for row in rows_of("taxonomy.csv")}
    by_code = {row["taxonomy_id"]: row for row in rows.values()}
    listed = json.loads((BALTIMORE / "service_categories.json").read_text(encoding="utf-8"))
    for service in rows_of("services.csv"):
        terms = [term_of(rows[number], by_code) for number in listed.get(service["id"], [])]
        yield service["name"], needs_for_terms(terms)


def term_of(row: dict[str, str], by_code: dict[str, dict[str, str]]) -> Term:
    parents, above = [], row
    while above["parent_id"]:
        above = by_code[above["parent_id"]]
        parents.append(above["name"])
    return Term(row["taxonomy_id"], row["name"], tuple(parents))


def rows_of(name: str) -> list[dict[str, str]]:
    with (BALTIMORE / name).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("name", "needs"),
    [
        ("St. Mary's Food Pantry", {"food"}),
        ("FOOD BANK (Eastside)", {"food"}),
        ("WIC", {"food"}),
        ("Emergency Shelter for Domestic Violence Survivors", {"safety"}),
        ("Department of Public Utilities", set()),
        ("Food Bank Volunteers", set()),
        ("Food for Thought", set()),
        ("", set()),
    ],
)
def test_without_terms_a_name_counts_that_holds_one(name: str, needs: set[str]) -> None:
    assert needs_for_name(name) == needs
