"""`flask messages interpret` and `segments`: how texts are read and counted, for support and for tests."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

import click

from app.loop import replies
from app.messaging import segments
from app.messaging.cli import cli

__all__ = ["cli"]

LONGEST_LINE = 64 * 1024
"""In bytes; many times what a phone sends."""

Answer = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class BadLine(ValueError):
    """One sentence about a line that cannot be answered."""


@cli.command("interpret")
@click.option("--jsonl", is_flag=True, required=True, help="A JSON object in each line, in and out.")
def interpret(*, jsonl: bool) -> None:
    """Say what texts mean: {"language": "es", "text": "sí"} gives {"meaning": "yes"}.

    A language of null is one that nobody knows. A line that cannot be read gives {"error": "…"}.
    """
    del jsonl  # the one form there is, said so that others can come
    _answer_lines(_interpreted)


@cli.command("segments")
@click.option("--jsonl", is_flag=True, required=True, help="A JSON object in each line, in and out.")
def count_segments(*, jsonl: bool) -> None:
    """Count what texts cost: {"text": "Hello"} gives {"encoding": "GSM-7", "segments": 1}.

    A line that cannot be read gives {"error": "…"}.
    """
    del jsonl
    _answer_lines(_counted)


def _interpreted(line: Mapping[str, Any]) -> Mapping[str, Any]:
    language = line.get("language")
    if language is not None and not isinstance(language, str):
        raise BadLine("The language must be a code such as es, or null.")
    return {"meaning": str(replies.interpret(_text(line), language))}


def _counted(line: Mapping[str, Any]) -> Mapping[str, Any]:
    counted = segments.count(_text(line))
    return {"encoding": counted.encoding, "segments": counted.segments}


def _text(line: Mapping[str, Any]) -> str:
    text = line.get("text")
    if not isinstance(text, str):
        raise BadLine("The line has no text.")
    return text


def _answer_lines(answer: Answer) -> None:
    """Answer each line of the standard input as soon as it is there."""
    for line in _lines(sys.stdin.buffer):
        try:
            said = answer(_parsed(line))
        except BadLine as error:
            said = {"error": str(error)}
        click.echo(json.dumps(said))


def _lines(stream: BinaryIO) -> Iterator[bytes | None]:
    """Each line, never holding more than the longest one; None for a longer one."""
    while line := stream.readline(LONGEST_LINE + 1):
        whole = len(line) <= LONGEST_LINE or line.endswith(b"\n")
        yield line if whole else None
        while not whole:
            rest = stream.readline(LONGEST_LINE)
            whole = not rest or rest.endswith(b"\n")


def _parsed(line: bytes | None) -> Mapping[str, Any]:
    if line is None:
        raise BadLine(f"The line is longer than {LONGEST_LINE} bytes.")
    try:
        parsed = json.loads(line)
    except (ValueError, RecursionError):
        raise BadLine("The line is not JSON.") from None
    if not isinstance(parsed, dict):
        raise BadLine("The line is not a JSON object.")
    return parsed
