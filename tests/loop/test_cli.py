"""`flask messages interpret` and `segments`: one JSON line in, one out, whatever the line is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask

from app.loop.cli import LONGEST_LINE


def answers(app: Flask, command: str, *lines: bytes | dict[str, Any]) -> list[dict[str, Any]]:
    sent = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    ran = app.test_cli_runner().invoke(args=["messages", command, "--jsonl"], input=sent)
    assert ran.exit_code == 0, ran.output
    return [json.loads(line) for line in ran.output.splitlines()]


def test_texts_are_interpreted_line_by_line(app: Flask) -> None:
    said = answers(
        app,
        "interpret",
        {"language": "en", "text": "(2)"},
        {"language": "es", "text": "네"},
        {"language": None, "text": "si"},
        {"text": "dung"},
        {"language": "hmn", "text": "tsis xav tau"},
        {"language": "xx", "text": "STOP \ud83d"},
    )
    assert [line["meaning"] for line in said] == ["option:2", "yes", "free_text", "maybe_stop", "stop", "stop"]


def test_texts_are_counted_line_by_line(app: Flask) -> None:
    said = answers(app, "segments", {"text": "a" * 161}, {"text": "á" * 70}, {"text": ""})
    assert said == [
        {"encoding": "GSM-7", "segments": 2},
        {"encoding": "UCS-2", "segments": 1},
        {"encoding": "GSM-7", "segments": 1},
    ]


BAD = [
    (b"", "The line is not JSON."),
    (b"{", "The line is not JSON."),
    (b"\xff\xfe", "The line is not JSON."),
    (b"[" * 60_000, "The line is not JSON."),
    (b"[]", "The line is not a JSON object."),
    (b"{}", "The line has no text."),
    (b'{"text": 1}', "The line has no text."),
    (b'{"text": "' + b"a" * LONGEST_LINE + b'"}', "The line is longer than 65536 bytes."),
    (b'{"text": "' + b"a" * 3 * LONGEST_LINE + b'"}', "The line is longer than 65536 bytes."),
]


@pytest.mark.parametrize("command", ["interpret", "segments"])
@pytest.mark.parametrize(("line", "error"), BAD, ids=[str(number) for number in range(len(BAD))])
def test_a_bad_line_is_answered_with_one_sentence_and_the_next_is_read(
    app: Flask, command: str, line: bytes, error: str
) -> None:
    first, second = answers(app, command, line, {"text": "1"})
    assert first == {"error": error}
    assert "error" not in second


def test_a_language_is_a_code(app: Flask) -> None:
    (said,) = answers(app, "interpret", {"language": 5, "text": "1"})
    assert said == {"error": "The language must be a code such as es, or null."}


def test_nothing_in_is_nothing_out(app: Flask) -> None:
    assert answers(app, "interpret") == []
