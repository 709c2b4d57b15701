"""The rules of the house which import-linter cannot see: what a file's name promises."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from app.config import ROOT

APP = ROOT / "app"

# In every feature these mean the same.
USUAL = {"__init__", "models", "operations", "queries", "schemas", "views", "api", "jobs", "cli"}

# Neither usual nor pure, each for a reason.
UNUSUAL = {
    "app.agencies.notices": "writes to the contacts of agencies, for the reactions",
    "app.agencies.room": "asks agencies whether they take people in, and takes their answers",
    "app.agencies.texting": "takes in what contacts answer by text",
    "app.mail.gateways": "talks to mail servers",
    "app.messaging.gateways": "talks to carriers",
    "app.messaging.webhooks": "hears from carriers",
    "app.staff.access": "the guard at the edge: who is signed in, and may they",
    "app.directory.importing": "takes in a whole directory: what operations cannot do at once",
    "app.directory.import_history": "keeps what is known of imports beside what they did",
    "app.directory.writing": "puts an import's rows into the tables",
    "app.directory.corrections": "what agencies say anew of their services, which imports leave alone",
    "app.directory.merging": "makes one of what is listed twice",
    "app.directory.placing": "asks a geocoder where agencies are",
    "app.directory.verification": "asks agencies whether what is listed still holds, and takes their answers",
    "app.directory.upkeep_pages": "the pages on which the directory is kept true, beside those for looking things up",
    "app.directory.searching": "finds services for people, beside what else is asked of the directory",
    "app.directory.standins": "gives services without a location one, as operations do, for the reactions",
    "app.directory.entries": "keeps what searches read, as operations do, for the reactions",
    "app.geography.geocoders": "sets up geopy's geocoders from the settings",
    "app.loop.agreements": "what follows from appointments and promises, for the patient and the clocks",
    "app.inbox.cards": "what the pages of an inbox show of a referral",
    "app.inbox.digest": "what an agency's week was, for its page and its e-mail",
    "app.loop.by_hand": "what a person does in a conversation, beside what the loop does by itself",
    "app.loop.handover": "hands everything that one person answers for to another",
    "app.loop.oversight": "the pages of leads and administrators, beside those of one patient",
    "app.loop.waits": "keeps the waits that were set otherwise than the table has them",
    "app.loop.reading": "takes in what arrives: the second half of what the loop can do",
    "app.loop.rerouting": "asks the next place when one cannot help",
    "app.loop.silence": "does what is due when nothing was heard",
    "app.loop.story": "tells the rows of many features as one story, for the pages",
    "app.referrals.answering": "what an organization reads of a request and may answer, for the two pages of it",
    "app.referrals.appointments": "what can be done about appointments and promises, beside the steps",
    "app.referrals.appointment_pages": "the pages of that",
    "app.referrals.sharing_pages": "the page on which a patient says which organizations may be told",
    "app.referrals.intake": "the places of one day: what sending asks and matching is told",
    "app.referrals.notes": "what both sides write to each other, beside the steps they take",
    "app.referrals.walk_ins": "people who come to an agency without a referral",
    "app.reports.own": "what an organization is told of its own referrals, and nobody else",
    "app.reports.waiting": "reads what the measures of waiting are counted from, for the numbers and for simulations",
    "app.simulation.carrier": "the carrier of a simulation, a gateway like the real ones",
    "app.simulation.desks": "what the agencies of a simulation do",
    "app.simulation.halves": "plays the halves of a simulation side by side, each in its own process and database",
    "app.simulation.network": "writes the directory and the care teams of a simulation",
    "app.simulation.phones": "what the patients of a simulation do",
    "app.simulation.playing": "plays a simulation from one moment to the next",
    "app.simulation.scratch": "the database of a simulation, and nobody else's",
    "app.simulation.stage": "what all who act in a simulation share",
    "app.simulation.workers": "what the care teams of a simulation do",
    "app.worklist.paging": "pages staff: the second half of what can be done about work",
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


def test_the_readme_draws_every_feature() -> None:
    drawn = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n   cli")[2].partition("```")[0]
    assert {folder.parent.name for folder in APP.glob("*/__init__.py")} <= set(re.findall(r"\w+", drawn))


def test_features_have_no_folders_of_their_own() -> None:
    """Two levels are enough to find anything: feature, file."""
    assert not [folder for folder in APP.glob("*/*/") if any(folder.glob("*.py"))]
