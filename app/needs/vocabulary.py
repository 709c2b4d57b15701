"""The needs everybody here talks about, and which entries of a directory answer them.

One list serves screening (what a need is called and coded), matching (which services are
candidates) and reports. It is data: to add a need, add it to `needs.yaml`; a mistake there stops
the start with one sentence.

A service is put under a need by the directory's own taxonomy terms, never by words in its
description. Only where a directory has no terms for a service at all does the service's own name
count, as far as it holds the name of a term. Term codes are trusted only for the top heading ("102"
is Food in every edition of Open Eligibility): below it, editions disagree ("103-04" is Housing
Advice in one and Maintenance & Repairs in another), so there the term's *name* decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType

from app import datafile
from app.datafile import Node

OPEN_ELIGIBILITY_CODE = re.compile(r"\d{3}(-\d{2})*")


@dataclass(frozen=True, slots=True)
class Term:
    """A taxonomy term as a directory gives it; `parents` names the terms above it, in any order."""

    code: str
    name: str
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Coding:
    """A code with the words its own code system gives it."""

    code: str
    display: str


@dataclass(frozen=True, slots=True)
class Heading:
    """A top heading of Open Eligibility, by code and by name."""

    code: str
    name: str

    def covers(self, term: Term) -> bool:
        """True for the heading and all below it. A foreign code says nothing: then names decide."""
        if OPEN_ELIGIBILITY_CODE.fullmatch(term.code):
            return term.code == self.code or term.code.startswith(f"{self.code}-")
        heading = _normal(self.name)
        return any(_normal(name) == heading for name in (term.name, *term.parents))


@dataclass(frozen=True, slots=True)
class TermRule:
    """Which terms answer a need: `names` wins over `excluded`, which wins over `headings`."""

    headings: tuple[Heading, ...]
    names: frozenset[str]
    excluded: frozenset[str]

    def covers(self, term: Term) -> bool:
        if _normal(term.name) in self.names:
            return True
        if any(_normal(name) in self.excluded for name in (term.name, *term.parents)):
            return False
        return any(heading.covers(term) for heading in self.headings)


@dataclass(frozen=True, slots=True)
class Need:
    """One kind of help a person may need.

    `label`, `short_label`, `phrase` ("needs {phrase}") and `urgent_when` are English message ids
    for staff pages and for agencies. No text to a patient may contain any of them. A `sensitive`
    need goes further: nothing about it may cause a text at all, and no condition is suggested for
    the record.
    """

    code: str
    label: str
    short_label: str
    phrase: str
    urgent_when: str
    sensitive: bool
    gravity_category: str
    icd10cm: tuple[Coding, ...]
    snomed: tuple[Coding, ...]
    goal: Coding | None
    service_request: Coding | None
    terms: TermRule


def needs_for_terms(terms: Iterable[Term]) -> frozenset[str]:
    """The needs a service with these terms can answer, by code; empty when we cannot tell."""
    listed = tuple(terms)
    return frozenset(code for code, need in NEEDS.items() if any(need.terms.covers(term) for term in listed))


def needs_for_name(name: str) -> frozenset[str]:
    """The needs that a service's own name says it answers: “St. Mary's Food Pantry” holds the name of a term.

    A name of one word has to be all of it: “Utilities” is no help with bills when it is a department of them. A refuge
    from violence is found as that and as nothing else.
    """
    words = f" {_normal(_PUNCTUATION.sub(' ', name))} "
    if _NOT_FOR_CLIENTS.search(words):
        return frozenset()
    found = frozenset(code for code, need in NEEDS.items() if any(_holds(words, term) for term in need.terms.names))
    return frozenset(code for code in found if NEEDS[code].sensitive) or found


_PUNCTUATION = re.compile(r"[^\w&/ -]")
_NOT_FOR_CLIENTS = re.compile(r" (?:volunteer|donat|donor)")


def _holds(words: str, term: str) -> bool:
    return f" {term} " in words if " " in term else f" {term} " == words


def load(file: Traversable) -> Mapping[str, Need]:
    """The needs of one YAML file by code, in its order.

    Raises DataFileError with one sentence naming the place of the first mistake.
    """
    root = datafile.read(file)
    root.only("needs")
    needs: dict[str, Need] = {}
    for node in root.children("needs"):
        need = _need(node)
        if need.code in needs:
            raise node.error(f"the need {need.code!r} is there twice")
        needs[need.code] = need
    if not needs:
        raise root.error("lists no needs")
    return MappingProxyType(needs)


def _need(node: Node) -> Need:
    node.only(
        "code", "label", "short_label", "phrase", "urgent_when", "sensitive", "gravity_category",
        "icd10cm", "snomed", "goal", "service_request", "terms",
    )  # fmt: skip
    return Need(
        code=node.code("code"),
        label=node.text("label"),
        short_label=node.text("short_label"),
        phrase=node.text("phrase"),
        urgent_when=node.text("urgent_when"),
        sensitive=node.flag("sensitive"),
        gravity_category=node.code("gravity_category"),
        icd10cm=_codings(node, "icd10cm"),
        snomed=_codings(node, "snomed"),
        goal=_optional_coding(node, "goal"),
        service_request=_optional_coding(node, "service_request"),
        terms=_term_rule(node.child("terms")),
    )


def _codings(node: Node, key: str) -> tuple[Coding, ...]:
    return tuple(_coding(entry) for entry in node.children(key))


def _optional_coding(node: Node, key: str) -> Coding | None:
    return _coding(node.child(key)) if key in node else None


def _coding(node: Node) -> Coding:
    node.only("code", "display")
    return Coding(node.text("code"), node.text("display"))


def _term_rule(node: Node) -> TermRule:
    node.only("headings", "names", "except")
    rule = TermRule(
        headings=tuple(_heading(entry) for entry in node.children("headings")),
        names=frozenset(map(_normal, node.texts("names"))),
        excluded=frozenset(map(_normal, node.texts("except"))),
    )
    if rule.names & rule.excluded:
        raise node.error(f"{min(rule.names & rule.excluded)!r} cannot be in both names and except")
    return rule


def _heading(node: Node) -> Heading:
    node.only("code", "name")
    return Heading(node.text("code"), node.text("name"))


def _normal(name: str) -> str:
    # Directories write "Home & Renters Insurance" and "Home and renters insurance" for the same.
    return " ".join(name.casefold().replace("&", " and ").split())


NEEDS: Mapping[str, Need] = load(files("app.needs") / "needs.yaml")
