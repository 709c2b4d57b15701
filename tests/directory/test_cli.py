from __future__ import annotations

import csv
from pathlib import Path

import pytest
from flask import Flask

from tests.directory.packages import SERVICE, town, write

pytestmark = pytest.mark.usefixtures("session")


def test_an_import_says_what_it_did_and_writes_its_report(app: Flask, tmp_path: Path) -> None:
    folder = write(tmp_path / "town", town(phones=[{"id": "1", "service_id": SERVICE, "number": "none"}]))
    command = ["directory", "import", str(folder), "--report", str(tmp_path / "report.csv")]
    runner = app.test_cli_runner()
    done = runner.invoke(args=command)
    assert done.exit_code == 0, done.output
    assert "1 services: 1 new, 0 changed, 0 unchanged, 0 withdrawn; 1 problems reported." in done.output
    assert "phones.csv:2 number “none” has no digits (left out)" in done.output
    with (tmp_path / "report.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [
            ["file", "line", "field", "reason", "row"],
            ["phones.csv", "2", "number", "“none” has no digits", "left out"],
        ]
    assert "Nothing has changed since the last import." in runner.invoke(args=command).output


def test_what_is_no_directory_is_refused_in_one_sentence(app: Flask, tmp_path: Path) -> None:
    done = app.test_cli_runner().invoke(args=["directory", "import", str(tmp_path / "nothing")])
    assert done.exit_code == 1
    assert done.output.startswith("Error: There is no folder or file")


def test_needs_are_counted_after_mapping_them_again(app: Flask, tmp_path: Path) -> None:
    runner = app.test_cli_runner()
    runner.invoke(args=["directory", "import", str(write(tmp_path, town()))])
    assert runner.invoke(args=["directory", "map-needs"]).output.split() == ["1", "food"]


def test_a_dry_run_shows_what_would_change_and_changes_nothing(app: Flask, tmp_path: Path) -> None:
    runner = app.test_cli_runner()
    phones = [{"id": "x:100:", "service_id": SERVICE, "number": "(410) 276-6207"}]
    done = runner.invoke(args=["directory", "import", str(write(tmp_path, town(phones=phones))), "--dry-run"])
    assert done.exit_code == 0, done.output
    assert "not kept" in " ".join(done.output.split())
    assert f"new service {SERVICE} Hot lunch" in done.output
    assert "new phone x:100: (410) 276-6207" in done.output, "and no picture of a hundred"
    assert "1 services: 1 new" in runner.invoke(args=["directory", "import", str(tmp_path)]).output


def test_much_that_is_missing_is_withdrawn_only_when_that_is_meant(app: Flask, tmp_path: Path) -> None:
    runner = app.test_cli_runner()
    (service,) = town()["services"]
    everything = [{**service, "id": f"{number}"} for number in range(30)]
    files = {"organizations": town()["organizations"]}
    runner.invoke(args=["directory", "import", str(write(tmp_path, {**files, "services": everything}))])
    command = ["directory", "import", str(write(tmp_path, {**files, "services": everything[:10]}))]
    done = runner.invoke(args=command)
    assert "More than a fifth of what was here is missing (20 service)" in done.output
    assert "10 unchanged, 0 withdrawn" in done.output
    assert "10 unchanged, 20 withdrawn" in runner.invoke(args=[*command, "--accept-withdrawals"]).output


def test_a_mapping_that_cannot_be_used_is_named(app: Flask, tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("rows: 1")
    folder = write(tmp_path / "town", town())
    done = app.test_cli_runner().invoke(
        args=["directory", "import", str(folder), "--mapping", str(tmp_path / "m.yaml")]
    )
    assert done.exit_code == 1
    assert "m.yaml is no mapping: it needs a list of rows." in done.output
