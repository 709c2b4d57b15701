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
