from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from app.directory.formats import recognize
from app.directory.packages import PackageError, open_package, plain_name
from app.directory.rows import Row


def test_a_folder_is_a_package(tmp_path: Path) -> None:
    (tmp_path / "Services.CSV").write_text("id,organization_id,name\n1,2,a\n")
    (tmp_path / ".hidden.csv").write_text("x")
    (tmp_path / "readme.txt").write_text("x")
    package = open_package(tmp_path)
    assert list(package.members) == ["services"]
    assert package.columns("services") == {"id", "organization_id", "name"}


def test_a_zip_is_a_package_also_with_a_folder_inside(tmp_path: Path) -> None:
    path = tmp_path / "town.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("export/services.csv", "id,organization_id,name\n1,2,a\n")
        archive.writestr("__MACOSX/export/._services.csv", "rubbish")
    package = open_package(path)
    assert package.name == "town"
    assert [row.cells["name"] for row in package.rows("services") if isinstance(row, Row)] == ["a"]


def test_two_directories_side_by_side_are_refused_and_neither_is_mixed_into_the_other(tmp_path: Path) -> None:
    files = {"east/services.csv": "id\n1\n", "west/services.csv": "id\n1\n", "west/phones.csv": "id\n1\n"}
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
            (tmp_path / "two" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "two" / name).write_text(text)
    for path in (tmp_path / "two.zip", tmp_path / "two"):
        with pytest.raises(PackageError, match=r"services\.csv is in east and in west\. Take in each"):
            open_package(path)
    (tmp_path / "two" / "west").rename(tmp_path / "two" / "east" / "old")
    package = open_package(tmp_path / "two")
    assert [(member.folder.name, member.file) for member in package.members.values()] == [("east", "services.csv")]
    assert [problem.file for problem in package.problems] == ["east/old/phones.csv", "east/old/services.csv"]


def test_a_table_counts_before_the_schema_of_its_name(tmp_path: Path) -> None:
    for name in ("schema/service.json", "tables/service.csv"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("{}")
    package = open_package(tmp_path)
    assert package.members["service"].file == "service.csv"
    assert [problem.file for problem in package.problems] == ["service.json"]


def test_tables_in_folders_of_their_own_are_one_directory(tmp_path: Path) -> None:
    for name in ("core/services.csv", "people/contacts.csv", "core/datapackage.json", "people/datapackage.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    assert list(open_package(tmp_path).members) == ["services", "contacts"]


def test_what_is_no_table_may_lie_in_every_folder(tmp_path: Path) -> None:
    for name in (
        "package.json",
        "core/package.json",
        "core/services.csv",
        "people/package.json",
        "people/contacts.csv",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    assert sorted(open_package(tmp_path).members) == ["contacts", "package", "services"]


def test_a_zip_bomb_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("services.csv", b"0" * 80_000_000)
    with pytest.raises(PackageError, match="a hundred times its size"):
        open_package(path)


def test_what_is_no_package_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "notes.csv").write_text("id\n1\n")
    with pytest.raises(PackageError, match="no folder or file"):
        open_package(tmp_path / "nothing")
    (tmp_path / "notes.txt").write_text("id\n1\n")
    with pytest.raises(PackageError, match="neither a folder nor a zip"):
        open_package(tmp_path / "notes.txt")
    with pytest.raises(PackageError, match=r"holds no services\.csv"):
        recognize(open_package(tmp_path))


@pytest.mark.parametrize(
    ("header", "name"), [("id,organization_id,name", "HSDS 3 tables"), ("id,location_id,name", "Ohana CSV")]
)
def test_the_format_is_recognized_by_its_services(tmp_path: Path, header: str, name: str) -> None:
    (tmp_path / "services.csv").write_text(f"{header}\n1,2,a\n")
    package = open_package(tmp_path)
    assert recognize(package).named(package) == name


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("HSDS_Services-2026-03-01.CSV", "services"),
        ("services (1).csv", "services"),
        ("Taxonomy Terms-Grid view.csv", "taxonomy_terms"),
        ("phones - Sheet1.csv", "phones"),
        ("export.csv", "export"),
    ],
)
def test_a_table_is_known_by_its_file_whatever_a_program_added_to_the_name(file: str, name: str) -> None:
    assert plain_name(file) == name
