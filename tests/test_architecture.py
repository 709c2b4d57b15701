"""The rules of the house which import-linter cannot see: what a file's name promises."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from app.config import ROOT

APP = ROOT / "app"

# In every feature these mean the same.
USUAL = {"__init__", "models", "operations", "queries", "schemas", "views", "api", "jobs", "cli"}

# Neither usual nor pure, each for a reason.
UNUSUAL = {
    "app.messaging.gateways": "talks to carriers",
    "app.messaging.webhooks": "hears from carriers",
    "app.staff.access": "the guard at the edge: who is signed in, and may they",
    "app.geography.geocoders": "sets up geopy's geocoders from the settings",
    "app.loop.reading": "takes in what arrives: the second half of what the loop can do",
    "app.loop.story": "tells the rows of many features as one story, for the pages",
    "app.loop.reactions": "the table of what the platform does by itself",
}


def pure_modules() -> set[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    return set(next(contract for contract in contracts if contract["id"] == "pure")["source_modules"])


def name_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts)


FEATURE_FILES = sorted(APP.glob("*/*.py"))


@pytest.mark.parametrize("file", FEATURE_FILES, ids=name_of)
def test_a_file_with_a_name_of_its_own_is_a_pure_rule(file: Path) -> None:
    name = name_of(file)
    assert file.stem in USUAL or name in UNUSUAL or name in pure_modules()


def test_every_exception_is_still_there() -> None:
    assert set(UNUSUAL) <= {name_of(file) for file in FEATURE_FILES}


def test_every_pure_rule_is_still_there() -> None:
    assert pure_modules() <= {name_of(file) for file in FEATURE_FILES}


def test_features_have_no_folders_of_their_own() -> None:
    """Two levels are enough to find anything: feature, file."""
    assert not [folder for folder in APP.glob("*/*/") if any(folder.glob("*.py"))]
