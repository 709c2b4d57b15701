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
