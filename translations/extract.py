"""Bring every catalog up to date with the sources: `make messages`.

A text that is new comes in without a translation and marked as a draft; one that is gone goes out; a translation that
is there is never touched. The same sources always give the same file: no times and no line numbers, in the order of the
sources, so that a change shows only what was changed.

For a new language, put an empty `<language>/LC_MESSAGES/patient.po` here first.
"""

from __future__ import annotations

import io
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import yaml
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po, write_po

TRANSLATIONS = Path(__file__).resolve().parent
ROOT = TRANSLATIONS.parent

SMS_TEMPLATES = "app/templates/sms/"
"""What is written to patients; everything else is for staff."""

DRAFT = "draft"
"""The comment on a translation that no native speaker has reviewed yet; afterwards it is `reviewed NAME YYYY-MM-DD`."""

KEYWORDS: Mapping[str, tuple[int, ...] | None] = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "lazy_gettext": None,
    "marked": None,
    "speak": None,  # how app/directory/hours.py, a pure rule, is handed `gettext`
    "Language": (2,),  # a language's English name, in the table of app/i18n.py
}

TITLES = {"patient": "Texts to patients", "staff": "Pages for staff"}

HEADER = """\
# {title}, {language}. Write only the translations: entries come and go by `make messages`. A draft waits for a native
# speaker; who has read it and found it right writes “reviewed NAME YYYY-MM-DD” in the place of “draft”.
msgid ""
msgstr ""
"Project-Id-Version: loopline\\n"
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: {plural_forms};\\n"

"""


def catalogs() -> list[Path]:
    """The catalog files, `<language>/LC_MESSAGES/<domain>.po`."""
    return sorted(TRANSLATIONS.glob("*/LC_MESSAGES/*.po"))


def language_of(path: Path) -> str:
    return path.parent.parent.name


def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=language_of(path).replace("-", "_"), domain=path.stem, abort_invalid=True)


def texts() -> dict[str, Catalog]:
    """What there is to translate, by domain, in the order of the sources.

    :raises jinja2.TemplateSyntaxError: a template that cannot be read.
    """
    found = {domain: Catalog(domain=domain) for domain in TITLES}
    with (TRANSLATIONS / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    sources = extract_from_dir(ROOT, methods, options, KEYWORDS, directory_filter=_has_sources)
    for name, line, message, _comments, context in sorted(sources, key=lambda text: text[:2]):
        domain = "patient" if name.startswith(SMS_TEMPLATES) else "staff"
        found[domain].add(message, locations=[(name, line)], context=context)
    return found


def _has_sources(folder: str | os.PathLike[str]) -> bool:
    return Path(folder).is_relative_to(ROOT / "app")


def updated(path: Path, template: Catalog) -> str:
    """What the catalog at `path` has to contain; its translations and who has reviewed them are kept."""
    catalog = read(path)
    marks = {message.id: message.auto_comments for message in catalog if message.string}
    catalog.update(template, no_fuzzy_matching=True)
    for message in catalog:
        message.auto_comments = marks.get(message.id, [DRAFT])
    body = io.BytesIO()
    write_po(body, catalog, width=100, omit_header=True, ignore_obsolete=True, include_lineno=False)
    header = HEADER.format(
        title=TITLES[path.stem], language=language_of(path), plural_forms=catalog.plural_forms.rstrip("; ")
    )
    return header + body.getvalue().decode().rstrip("\n") + "\n"


def untranslated(catalog: Catalog) -> list[Message]:
    return [message for message in catalog if message.id and not _whole(message)]


def _whole(message: Message) -> bool:
    return all(message.string) if isinstance(message.string, tuple) else bool(message.string)


def from_yaml(
    file: IO[bytes], _keywords: object, _comment_tags: object, options: Mapping[str, Any]
) -> Iterator[tuple[int, None, str, list[str]]]:
    """Babel's extractor for data files: the values of the named `keys`, wherever they stand."""
    keys = frozenset(options["keys"].split())
    for line, text in _values(yaml.compose(file), keys):
        yield line, None, " ".join(text.split()), []


def _values(node: yaml.Node | None, keys: Collection[str]) -> Iterator[tuple[int, str]]:
    if isinstance(node, yaml.SequenceNode):
        for entry in node.value:
            yield from _values(entry, keys)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value in keys and isinstance(value, yaml.ScalarNode):
                yield value.start_mark.line + 1, value.value
            else:
                yield from _values(value, keys)


def main() -> None:
    sources = texts()
    for path in catalogs():
        path.write_text(updated(path, sources[path.stem]), encoding="utf-8")
        missing = len(untranslated(read(path)))
        print(f"{path.relative_to(ROOT)}: {f'{missing} to translate' if missing else 'complete'}")  # noqa: T201


if __name__ == "__main__":
    main()
