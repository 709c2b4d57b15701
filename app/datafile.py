"""Read the YAML files the product ships as data, so that a mistake in one says where it is.

Every scalar is read as text: `no` stays the answer "no" instead of becoming False, `01040` keeps
its zero and a SNOMED code stays a code. Whoever needs a number or a yes/no asks for one with
`whole` or `flag`.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from datetime import date
from importlib.resources.abc import Traversable
from typing import Any

import yaml

CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class DataFileError(ValueError):
    """A shipped data file is wrong; the message is one sentence naming the file and the place."""


class _TextLoader(yaml.BaseLoader):
    """Text only, and a key written twice is an error instead of a silent overwrite."""

    def construct_mapping(
        self,
        node: yaml.MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002 - the signature is PyYAML's
    ) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value!r} is written twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


@dataclass(frozen=True, slots=True)
class Node:
    """One place in a data file: its value and how to find it again."""

    value: Any
    file: str
    path: str = ""

    def error(self, problem: str) -> DataFileError:
        where = f" at {self.path}" if self.path else ""
        return DataFileError(f"{self.file}{where}: {problem}.")

    def __contains__(self, key: str) -> bool:
        return key in self._mapping()

    def only(self, *keys: str) -> None:
        """Refuse keys nobody reads: nearly always a misspelling."""
        for key in self._mapping():
            if key not in keys:
                raise self.error(f"{key!r} is not known here; known are {', '.join(keys)}")

    def child(self, key: str) -> Node:
        if key not in self:
            raise self.error(f"{key!r} is missing")
        return self._at(key)

    def children(self, key: str) -> list[Node]:
        """The entries of a list; none when the key is absent."""
        if key not in self:
            return []
        return list(self.child(key).items())

    def fields(self) -> list[tuple[str, Node]]:
        """The entries of a mapping, in the order they are written."""
        return [(key, self._at(key)) for key in self._mapping()]

    def items(self) -> Iterator[Node]:
        if not isinstance(self.value, list):
            raise self.error("must be a list")
        for index, value in enumerate(self.value):
            yield Node(value, self.file, f"{self.path}[{index}]")

    def text(self, key: str) -> str:
        return self.child(key).as_text()

    def optional_text(self, key: str) -> str | None:
        if key not in self or self.child(key).value == "":
            return None
        return self.text(key)

    def texts(self, key: str) -> tuple[str, ...]:
        """The texts of a list; none when the key is absent."""
        return tuple(entry.as_text() for entry in self.children(key))

    def code(self, key: str) -> str:
        return self.child(key).as_code()

    def flag(self, key: str) -> bool:
        """True or false; false when the key is absent."""
        if key not in self:
            return False
        node = self.child(key)
        if node.value not in ("true", "false"):
            raise node.error("must be true or false")
        return bool(node.value == "true")

    def whole(self, key: str) -> int:
        node = self.child(key)
        text = node.as_text()
        if not text.isdecimal():
            raise node.error("must be a whole number")
        return int(text)

    def optional_date(self, key: str) -> date | None:
        text = self.optional_text(key)
        if text is None:
            return None
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise self.child(key).error("must be a date such as 2026-03-31") from None

    def as_text(self) -> str:
        if not isinstance(self.value, str) or not self.value.strip():
            raise self.error("must be a text and not empty")
        return " ".join(self.value.split())

    def as_code(self) -> str:
        text = self.as_text()
        if not CODE.fullmatch(text):
            raise self.error("must be a code of small letters, digits and hyphens")
        return text

    def _mapping(self) -> dict[str, Any]:
        if not isinstance(self.value, dict):
            raise self.error("must be a mapping of names to values")
        return self.value

    def _at(self, key: str) -> Node:
        return Node(self._mapping()[key], self.file, f"{self.path}.{key}" if self.path else key)


def read(file: Traversable) -> Node:
    """The whole of one YAML file.

    Raises DataFileError when it is not UTF-8 or not YAML.
    """
    try:
        text = file.read_text(encoding="utf-8")
        # BaseLoader builds nothing but texts, lists and mappings.
        return Node(yaml.load(text, Loader=_TextLoader), file.name)  # noqa: S506
    except UnicodeDecodeError:
        raise DataFileError(f"{file.name}: is not UTF-8 text.") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" at line {mark.line + 1}" if mark else ""
        raise DataFileError(f"{file.name}{where}: {error.problem}.") from None
    except yaml.YAMLError as error:
        raise DataFileError(f"{file.name}: {' '.join(str(error).split())}.") from None
