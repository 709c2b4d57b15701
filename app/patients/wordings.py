"""The sentences that are read out before somebody agrees, in each language they exist in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType

from app import datafile

SOURCE_LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class Wording:
    code: str
    """What a consent keeps: share-1."""
    texts: Mapping[str, str]
    """By BCP 47 language."""
    drafts: frozenset[str]
    """The languages in which no native speaker has reviewed it yet."""

    def language_for(self, language: str) -> str:
        """In which language somebody who speaks `language` hears it: else English, through an interpreter."""
        return language if language in self.texts else SOURCE_LANGUAGE


def load(file: Traversable) -> Mapping[str, Wording]:
    """The wordings of one YAML file by code.

    :raises DataFileError: one sentence naming the place of the first mistake.
    """
    root = datafile.read(file)
    root.only("wordings")
    wordings: dict[str, Wording] = {}
    for node in root.children("wordings"):
        node.only("code", "draft", "text")
        texts = {language: text.as_text() for language, text in node.child("text").fields()}
        if SOURCE_LANGUAGE not in texts:
            raise node.error(f"the text in {SOURCE_LANGUAGE!r} is missing")
        code = node.text("code")
        if code in wordings:
            raise node.error(f"the wording {code!r} is there twice")
        wordings[code] = Wording(code, MappingProxyType(texts), frozenset(node.texts("draft")))
    return MappingProxyType(wordings)


WORDINGS: Mapping[str, Wording] = load(files("app.patients") / "wordings.yaml")
