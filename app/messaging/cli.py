"""`flask messages preview`: every text to patients in every language, as a phone shows it and as it is billed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import click

from app import i18n
from app.commands import Commands
from app.config import settings
from app.i18n import LANGUAGES, Review
from app.messaging import operations, segments

cli = Commands("messages", help="What is texted to patients, and what they answer.")

A_LONG_DAY = date(2026, 9, 30)
"""A Wednesday in September is as long as a day gets in most languages."""
A_LATE_HOUR = datetime(2026, 9, 30, 22, 30, tzinfo=UTC)
A_REFERENCE = "7KQ"
CHOICES = "\n7KQ 1\n4MP 1"


@dataclass(frozen=True)
class Preview:
    """A text as it would be sent in one language; without a body there is no translation."""

    template: str
    language: str
    body: str | None
    review: Review | None

    @property
    def refused(self) -> str | None:
        """Why it can never be sent."""
        return "no translation" if self.body is None else operations.unsendable(self.body)


@cli.command("preview")
@click.option("--language", "only", multiple=True, type=click.Choice(sorted(LANGUAGES)), help="Only this one.")
@click.option("--text", "template", help="Only this one, such as referral-sent.")
def preview(only: tuple[str, ...], template: str | None) -> None:
    """Show every text in every language with what it costs; fails when one of them could never be sent."""
    price = settings().price_per_segment
    shown = list(_previews(only or tuple(LANGUAGES), template))
    if not shown:
        raise click.BadParameter("There is no such text.", param_hint="--text")
    for found in shown:
        click.echo(f"{found.template}  {found.language}  {_in_short(found, price)}")
        for line in (found.body or "").splitlines():
            click.echo(f"    {line}")
    refused = [found for found in shown if found.refused]
    click.echo(f"{len(shown)} texts, {len(refused)} of them cannot be sent.")
    sys.exit(1 if refused else 0)


def _previews(languages: tuple[str, ...], only: str | None) -> Iterator[Preview]:
    for template in sorted(path.stem for path in i18n.SMS_TEMPLATES.glob("*.txt")):
        if only in {None, template}:
            yield from (_preview(template, language) for language in languages)


def _preview(template: str, language: str) -> Preview:
    with i18n.speaking(language):
        day, hour = i18n.day(A_LONG_DAY), i18n.clock_time(A_LATE_HOUR, ZoneInfo("UTC"))
    try:
        body = i18n.preview(
            template,
            language,
            network=settings().network_name,
            phone=settings().network_phone,
            day=day,
            time=hour,
            reference=A_REFERENCE,
            choices=CHOICES,
        )
    except i18n.MissingTranslation:
        body = None
    return Preview(template, language, body, i18n.review(template, language))


def _in_short(found: Preview, price: float) -> str:
    if found.body is None:
        return "no translation"
    counted = segments.count(found.body)
    parts = [
        "source" if found.language == "en" else f"reviewed by {found.review.by}" if found.review else "draft",
        counted.encoding,
        f"{counted.segments} segment{'s' if counted.segments > 1 else ''}",
        f"${counted.segments * price:.4f}",
    ]
    if counted.offending:
        parts.append(f"because of {' '.join(counted.offending)}")
    if found.refused:
        parts.append(f"cannot be sent: {found.refused}")
    return ", ".join(parts)
