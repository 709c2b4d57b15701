from __future__ import annotations

import io

import pytest

from app.directory.rows import FIELD_LIMIT, LINE_LIMIT, Problem, Row, rows


def read(content: bytes) -> tuple[list[dict[str, str]], list[Problem]]:
    outcomes = list(rows("x.csv", lambda: io.BytesIO(content), lambda _bytes: None))
    good = [outcome.cells for outcome in outcomes if isinstance(outcome, Row)]
    return good, [outcome for outcome in outcomes if isinstance(outcome, Problem)]


def names(content: bytes) -> list[str]:
    return [cells["name"] for cells in read(content)[0]]


@pytest.mark.parametrize(
    "content",
    [
        b"id,name\n1,a\n",
        b"id,name\n1,a",
        b"id,name\r\n1,a\r\n",
        b"id,name\r1,a\r",
        b"\xef\xbb\xbfid,name\n1,a\n",
        "id,name\n1,a\n".encode("utf-16"),
        b'"id"," Name "\n 1 , a \n',
        b"bom,id,name,\n,1,a,\n",
        b"id,name\n\n,,\n1,a\n\n",
    ],
)
def test_a_file_is_read_however_it_was_saved(content: bytes) -> None:
    (cells,), problems = read(content)
    assert (cells["id"], cells["name"]) == ("1", "a")
    assert problems == []


def test_a_field_may_hold_lines() -> None:
    good, problems = read(b'id,name\n1,"a\nb, c\n""d"""\n2,e\n')
    assert [cells["name"] for cells in good] == ['a\nb, c\n"d"', "e"]
    assert problems == []


def test_lines_are_numbered_as_an_editor_does() -> None:
    outcomes = list(rows("x.csv", lambda: io.BytesIO(b'id,name\n1,"a\nb"\n2,c\n'), lambda _bytes: None))
    assert [outcome.line for outcome in outcomes] == [2, 4]


def test_what_is_not_utf_8_is_read_as_windows_wrote_it_and_reported() -> None:
    good, problems = read(b"id,name\n1,caf\xe9 \x96 bar\n")
    assert good[0]["name"] == "café – bar"
    assert [(problem.line, problem.kept) for problem in problems] == [(None, True)]


@pytest.mark.parametrize(
    ("content", "expected", "lines"),
    [
        # A quote that is never closed costs its own line, whether or not another quote follows.
        (b'id,name\n1,"abc\n2,def\n3,x\n', ["def", "x"], [2]),
        (b'id,name\n1,"abc\n2,"def"\n3,x\n', ["def", "x"], [2]),
        # Inches.
        (b'id,name\n1,5" pipe\n2,"5" pipe"\n', ['5" pipe', '5 pipe"'], []),
        # Shifted columns cannot be trusted.
        (b"id,name\n1,a,b\n2,c\n", ["c"], [2]),
    ],
)
def test_a_damaged_row_costs_no_other(content: bytes, expected: list[str], lines: list[int]) -> None:
    good, problems = read(content)
    assert [cells["name"] for cells in good] == expected
    assert [problem.line for problem in problems if not problem.kept] == lines


def test_missing_last_cells_are_empty_unless_the_file_broke_off() -> None:
    good, problems = read(b"id,name,city,state\n1,a\n2,b")
    assert good == [{"id": "1", "name": "a", "city": "", "state": ""}]
    assert [(problem.line, problem.kept) for problem in problems] == [(2, True), (3, False)]
    assert "file ends" in problems[1].reason


def test_a_huge_field_is_one_row_lost() -> None:
    for size in (FIELD_LIMIT + 1, LINE_LIMIT * 3):
        good, problems = read(b"id,name\n1," + b"x" * size + b"\n2,y\n")
        assert [cells["name"] for cells in good] == ["y"]
        assert [(problem.line, problem.kept) for problem in problems] == [(2, False)]
        assert "longer than" in problems[0].reason


def test_a_huge_field_of_many_lines_is_one_report() -> None:
    good, problems = read(b'id,name\n1,"' + b"some words\n" * 20_000 + b'"\n2,y\n')
    assert [cells["name"] for cells in good] == ["y"]
    assert len(problems) == 1


def test_nul_bytes_are_dropped() -> None:
    assert names(b"id,name\n1,a\0b\n") == ["ab"]


@pytest.mark.parametrize("content", [b"", b"\n\n", b",,\n"])
def test_a_file_without_a_header_is_reported(content: bytes) -> None:
    good, problems = read(content)
    assert good == []
    assert [problem.reason for problem in problems] == ["has no header line"]
