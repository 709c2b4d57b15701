"""Packages as they should not be: each fault is reported, and every good row is in."""

from __future__ import annotations

import gzip
import io
import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session, scoped_session

from app.db import copy_rows
from app.directory import documents, import_history, packages, queries, writing
from app.directory.importing import HELD_BACK_FROM, ImportReport, Wishes, import_directory, preview
from app.directory.models import DirectoryImport, Location, Organization, Service
from app.directory.packages import PackageError, open_package
from app.directory.rows import Problem, Row, encoding_of, normal_name, rows
from tests.directory.packages import ORGANIZATION, town, write

DB = scoped_session[Session]

HEAD = "id,organization_id,name,status\n"


def services(*lines: bytes) -> bytes:
    return HEAD.encode() + b"".join(lines)


def line(number: int, name: bytes) -> bytes:
    return b"%d,%s,%s,active\n" % (number, ORGANIZATION.encode(), name)


# The file of services; on which line what is said; the names of the services that are in.
FILES: dict[str, tuple[bytes, list[tuple[int | None, str]], set[str]]] = {
    "a mark at the beginning": (b"\xef\xbb\xbf" + services(line(1, b"a")), [], {"a"}),
    "UTF-16 with a mark": (services(line(1, b"a")).decode().encode("utf-16"), [], {"a"}),
    "UTF-16 without one": (services(line(1, b"a")).decode().encode("utf-16-le"), [], {"a"}),
    "Windows-1252": (services(line(1, b"caf\xe9")), [(None, "it was read as Windows-1252")], {"café"}),
    "a mixture": (
        services(line(1, "ñ".encode()), line(2, b"caf\xe9")),
        [(None, "UTF-8 only in parts")],
        {"ñ", "café"},
    ),
    "semicolons": (services(line(1, b"a")).replace(b",", b";"), [], {"a"}),
    "tabs after blank lines": (b"\n\n" + services(line(1, b"a")).replace(b",", b"\t"), [], {"a"}),
    "a line for Excel": (b"sep=;\n" + services(line(1, b"a")).replace(b",", b";"), [], {"a"}),
    "NUL characters": (services(line(1, b"a\0b"), line(2, b"c")), [(2, "holds NUL characters")], {"ab", "c"}),
    "a short row": (services(line(1, b"a"), b"2,%s,b\n" % ORGANIZATION.encode()), [(3, "taken as empty")], {"a", "b"}),
    "a long row": (services(line(1, b"a"), b"2,x,b,active,5,6\n"), [(3, "has 6 fields and the header 4")], {"a"}),
    "an open quote": (services(b'1,x,"a\n', line(2, b"b")), [(2, "never closed")], {"b"}),
    "a huge field": (services(line(1, b"x" * 3_000_000), line(2, b"b")), [(2, "longer than")], {"b"}),
    "a huge field of many lines": (
        services(b'1,x,"' + b"y\n" * 200_000 + b'",active\n', line(2, b"b")),
        [(2, "never closed")],
        {"b"},
    ),
    "two of one id": (services(line(1, b"a"), line(1, b"b")), [(3, "is there twice")], {"a"}),
    "no id": (services(b",%s,a,active\n" % ORGANIZATION.encode(), line(2, b"b")), [(2, "is empty")], {"b"}),
    "an orphan": (services(b"1,77,a,active\n", line(2, b"b")), [(2, "there is no organization “77”")], {"b"}),
}


@pytest.mark.parametrize(("content", "said", "names"), FILES.values(), ids=FILES)
def test_a_fault_is_reported_by_line_and_the_good_rows_are_in(
    session: DB, tmp_path: Path, content: bytes, said: list[tuple[int | None, str]], names: set[str]
) -> None:
    write(tmp_path, {"organizations": town()["organizations"]})
    (tmp_path / "services.csv").write_bytes(content)
    report = import_directory(tmp_path, "town")
    found = [(problem.line, problem.reason) for problem in report.problems]
    assert len(found) == len(said), found
    assert all(line == wanted and words in reason for (line, reason), (wanted, words) in zip(found, said, strict=True))
    assert set(session.scalars(select(Service.name))) == names
    again = import_directory(tmp_path, "town")
    assert not again.changed_anything
    assert [(problem.line, problem.reason) for problem in again.problems] == found
    stored = queries.import_problems(again.id)
    assert [(problem.line, problem.reason) for problem in stored] == found


Pack = Callable[[zipfile.ZipFile], None]


def nested(archive: zipfile.ZipFile) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as inside:
        inside.writestr("services.csv", "id\n")
    archive.writestr("more.zip", inner.getvalue())


def linked(archive: zipfile.ZipFile) -> None:
    info = zipfile.ZipInfo("contacts.csv")
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(info, "/etc/passwd")


ARCHIVES: dict[str, tuple[Pack, str]] = {
    "an archive": (nested, "more.zip is an archive"),
    "a link": (linked, "contacts.csv is a link"),
    "a way out": (lambda archive: archive.writestr("../../programs.csv", "id\n"), "leads out of the package"),
    "an absolute path": (lambda archive: archive.writestr("/programs.csv", "id\n"), "leads out of the package"),
    "the same table again": (lambda archive: archive.writestr("services_export.csv", "id\n"), "is there twice"),
    "an older directory": (
        lambda archive: archive.writestr("old/services.csv", "id\n"),
        "belongs to another directory",
    ),
}


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize(("pack", "said"), ARCHIVES.values(), ids=ARCHIVES)
def test_what_a_zip_should_not_hold_is_passed_over_and_reported(tmp_path: Path, pack: Pack, said: str) -> None:
    write(tmp_path / "town", town())
    with zipfile.ZipFile(tmp_path / "town.zip", "w") as archive:
        for file in (tmp_path / "town").iterdir():
            archive.write(file, file.name)
        pack(archive)
    report = import_directory(tmp_path / "town.zip", "town")
    assert report.tables["service"].new == 1
    assert [p for p in report.problems if said in f"{p.file} {p.reason}" and not p.kept]


@pytest.mark.usefixtures("session")
def test_a_member_that_cannot_be_unpacked_to_its_end_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "town.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in write(tmp_path / "town", town()).iterdir():
            archive.write(file, file.name)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"Spanish", b"Spanisk"))
    report = import_directory(path, "town")
    assert [p.file for p in report.problems if "is damaged" in p.reason] == ["languages.csv"]
    assert report.tables["service"].new == 1


def test_a_zip_that_unpacks_to_more_than_any_directory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "LARGEST_TOTAL", 10)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("services.csv", "id,name,organization_id\n")
    with pytest.raises(PackageError, match="more than any directory"):
        open_package(tmp_path / "a.zip")


def test_a_link_out_of_a_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("id\n1\n")
    folder = write(tmp_path / "town", town())
    (folder / "contacts.csv").symlink_to(tmp_path / "secret.csv")
    package = open_package(folder)
    assert "contacts" not in package.members
    assert ["leads out of the folder" in problem.reason for problem in package.problems] == [True]


@given(content=st.binary(max_size=400))
def test_no_bytes_whatever_break_the_reading_of_a_table(content: bytes) -> None:
    for outcome in rows("x.csv", lambda: io.BytesIO(HEAD.encode() + content), lambda _bytes: None):
        assert isinstance(outcome, Row | Problem)
    assert encoding_of(io.BytesIO(content)).name


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Organization ID", "organization_id"),
        ("organizationId", "organization_id"),
        ("ORGANIZATION_ID", "organization_id"),
        ("address-1", "address_1"),
        (" byDay ", "by_day"),
    ],
)
def test_a_column_is_known_however_it_is_written(written: str, name: str) -> None:
    assert normal_name(written) == name


@pytest.mark.parametrize(
    ("latitude", "longitude", "right"),
    [
        ("39.29", "76.61", (39.29, -76.61)),
        ("-76.61", "39.29", (39.29, -76.61)),
        ("76.61", "39.29", (39.29, -76.61)),
        ("48.85", "2.35", (None, None)),
        ("39.29", "-76.61", (39.29, -76.61)),
    ],
)
def test_coordinates_are_held_against_the_zip_code(
    session: DB, tmp_path: Path, latitude: str, longitude: str, right: tuple[float | None, float | None]
) -> None:
    (place,) = town()["locations"]
    files = town(locations=[{**place, "latitude": latitude, "longitude": longitude}])
    report = import_directory(write(tmp_path, files), "town")
    located = session.execute(select(Location.latitude, Location.longitude).where(Location.source == "town")).one()
    assert tuple(located) == right
    found = [(problem.file, problem.line, problem.field) for problem in report.problems]
    assert found == ([] if longitude == "-76.61" else [("locations.csv", 2, "latitude")])
    assert not import_directory(tmp_path, "town").changed_anything


# What is no longer listed, and what would change


def many(count: int) -> list[dict[str, object]]:
    return [
        {"id": str(number), "organization_id": ORGANIZATION, "name": f"Service {number}", "status": "active"}
        for number in range(count)
    ]


def withdrawn(session: DB) -> int:
    return session.scalar(select(func.count()).select_from(Service).where(Service.withdrawn_at.is_not(None))) or 0


def of_services(tmp_path: Path, count: int, wishes: Wishes = Wishes()) -> ImportReport:  # noqa: B008  frozen
    write(tmp_path, {"organizations": town()["organizations"], "services": many(count)})
    return import_directory(tmp_path, "town", wishes=wishes)


def test_a_file_that_was_cut_off_withdraws_nothing(session: DB, tmp_path: Path) -> None:
    of_services(tmp_path, 5 * HELD_BACK_FROM)
    report = of_services(tmp_path, 3 * HELD_BACK_FROM)
    assert (report.tables["service"].withdrawn, report.tables["service"].held_back) == (0, 2 * HELD_BACK_FROM)
    assert withdrawn(session) == 0
    meant = of_services(tmp_path, 3 * HELD_BACK_FROM, Wishes(accept_withdrawals=True))
    assert (meant.tables["service"].withdrawn, meant.held_back) == (2 * HELD_BACK_FROM, 0)
    assert withdrawn(session) == 2 * HELD_BACK_FROM


def test_a_fifth_may_go_without_asking(session: DB, tmp_path: Path) -> None:
    of_services(tmp_path, 5 * HELD_BACK_FROM)
    report = of_services(tmp_path, 4 * HELD_BACK_FROM)
    assert report.tables["service"].withdrawn == HELD_BACK_FROM
    assert withdrawn(session) == HELD_BACK_FROM


def test_a_preview_says_what_would_change_and_changes_nothing(session: DB, tmp_path: Path) -> None:
    of_services(tmp_path, 3)
    changed = [{**one, "name": "Another name"} if one["id"] == "0" else one for one in many(4) if one["id"] != "1"]
    write(tmp_path, {"organizations": town()["organizations"], "services": changed})
    report = preview(tmp_path, "town")
    count = report.tables["service"]
    assert (count.new, count.changed, count.unchanged, count.withdrawn) == (1, 1, 1, 1)
    assert {(one.what, one.id, one.name) for one in report.examples if one.table == "service"} == {
        ("new", "3", "Service 3"),
        ("changed", "0", "Another name"),
        ("withdrawn", "1", "Service 1"),
    }
    session.expire_all()
    assert set(session.scalars(select(Service.name))) == {"Service 0", "Service 1", "Service 2"}
    assert withdrawn(session) == 0
    assert session.scalar(select(func.count()).select_from(DirectoryImport)) == 1
    shown = import_history.announce_preview("town", "town")
    import_history.keep_preview(shown, report)
    assert session.get_one(DirectoryImport, shown).ended_at
    assert import_directory(tmp_path, "town").tables["service"].new == 1


@pytest.mark.usefixtures("session")
def test_a_previewed_file_can_be_full_of_faults(tmp_path: Path) -> None:
    write(tmp_path, {"organizations": town()["organizations"], "services": [*many(2), {"id": "", "name": "x"}]})
    report = preview(tmp_path, "town")
    assert [(problem.line, problem.field) for problem in report.problems] == [(4, "id")]


def test_every_row_of_a_batch_is_tried_when_the_database_refuses_one(
    session: DB, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = copy_rows

    def refuse(table: object, given: list[dict[str, object]]) -> None:
        if any(row.get("name") == "Service 7" for row in given):
            given = [{**row, "organization_id": None} if row.get("name") == "Service 7" else row for row in given]
        whole(table, given)  # type: ignore[arg-type]

    monkeypatch.setattr(writing, "copy_rows", refuse)
    report = of_services(tmp_path, 20)
    assert [(problem.line, problem.reason) for problem in report.problems] == [(9, "was refused by the database")]
    assert session.scalar(select(func.count()).select_from(Service)) == 19
    assert session.scalars(select(Organization.name)).one() == "Harbor Kitchen"


@pytest.mark.usefixtures("session")
def test_json_that_is_no_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps({"hello": "world"}))
    with pytest.raises(PackageError, match="not a directory we can read"):
        import_directory(tmp_path, "town")


# JSON as nobody should write it

GOOD = {"id": "2", "name": "Good", "status": "active", "organization": {"id": "o", "name": "O"}}
BRACES = {"name": 'x\\"[{}]' * 100_000, "more": [{"a": "}"}] * 100_000}


def array(*objects: str) -> str:
    return f"[{','.join(objects)}]"


HOSTILE_JSON: dict[str, tuple[str, str, list[str]]] = {
    "an object that is too long": (
        array(json.dumps({"id": "1", **BRACES}), json.dumps(GOOD)),
        "it was left out",
        ["Good"],
    ),
    "a field that is too long, by lines": (
        f'{{"id": "1", "name": "{"x" * 5_000_000}"}}\n{json.dumps(GOOD)}\n',
        "“name” is longer than",
        ["Good"],
    ),
    "very deep": (array(json.dumps(GOOD), '{"a":' * 100_000 + "1" + "}" * 100_000), "is nested too deeply", ["Good"]),
    "deep lists": ("[" * 100_000 + "]" * 100_000, "is nested too deeply", []),
    "deep parents": (
        array('{"id": "1", "name": "a", "parent_organization": ' * 50 + "null" + "}" * 50, json.dumps(GOOD)),
        "what is inside of it was left out",
        ["a", "Good"],
    ),
    "a number without end": (
        array(json.dumps(GOOD).replace('"active"', '"active", "minimum_age": 1' + "0" * 9_000)),
        "is not an age",
        ["Good"],
    ),
    "half of a character": (array(json.dumps({**GOOD, "name": "Good\ud83d"})), "", ["Good\ufffd"]),
    "an object for a name": (
        array(json.dumps({**GOOD, "id": "1", "name": {"en": "x"}}), json.dumps(GOOD)),
        "is an object and no text",
        ["Good"],
    ),
}


@pytest.fixture
def small_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit that a test reaches without long waits."""
    monkeypatch.setattr(documents, "LARGEST_OBJECT", 1024 * 1024)


@pytest.mark.usefixtures("small_objects")
@pytest.mark.parametrize(("content", "said", "names"), HOSTILE_JSON.values(), ids=HOSTILE_JSON)
def test_hostile_json_costs_itself_and_no_good_row(
    session: DB, tmp_path: Path, content: str, said: str, names: list[str]
) -> None:
    (tmp_path / "services.json").write_text(content)
    report = import_directory(tmp_path, "json")
    assert any(said in problem.reason for problem in report.problems) or not said
    assert list(session.scalars(select(Service.name))) == names


def test_a_table_that_grows_while_it_is_read_is_read_as_far_as_it_is(
    session: DB, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path, town())
    number = 0
    whole = packages._open

    def grow(file: Path) -> BinaryIO:
        nonlocal number
        number += 1
        if file.name == "services.csv":
            with file.open("ab") as more:
                more.write(b"s%d,%s,More %d,active,,\r\n" % (number, ORGANIZATION.encode(), number))
        return whole(file)

    monkeypatch.setattr(packages, "_open", grow)
    report = import_directory(folder, "town")
    assert session.scalar(select(func.count()).select_from(Service)) == report.tables["service"].new > 1
    assert not any(problem.reason == "was refused by the database" for problem in report.problems)


def test_ten_thousand_columns_are_no_more_than_a_wide_table(session: DB, tmp_path: Path) -> None:
    (service,) = town()["services"]
    wide = {**service, **{f"x_{number}": number for number in range(10_000)}}
    report = import_directory(write(tmp_path, town(services=[wide])), "town")
    assert report.problems == ()
    assert session.scalars(select(Service.name)).one() == "Hot lunch"


def test_a_gzip_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "HARMLESS_SIZE", 1000)
    (tmp_path / "services.csv.gz").write_bytes(gzip.compress(b"\0" * 1_000_000))
    with pytest.raises(PackageError, match="a hundred times its size"):
        open_package(tmp_path)


def test_a_gzip_file_that_breaks_off_gives_what_it_has(session: DB, tmp_path: Path) -> None:
    write(tmp_path, {"organizations": town()["organizations"], "services": many(5_000)})
    packed = gzip.compress((tmp_path / "services.csv").read_bytes())
    (tmp_path / "services.csv").unlink()
    (tmp_path / "services.csv.gz").write_bytes(packed[: len(packed) // 2])
    report = import_directory(tmp_path, "town")
    assert any("is damaged" in problem.reason for problem in report.problems)
    assert 100 < (session.scalar(select(func.count()).select_from(Service)) or 0) < 5_000
