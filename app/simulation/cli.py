"""`flask simulate`: plays a network on a simulated clock and says how well nobody was lost."""

from __future__ import annotations

import json
from dataclasses import asdict

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from app import config
from app.simulation import halves, scratch
from app.simulation.halves import Build, Plan
from app.simulation.people import HALVES
from app.simulation.queries import Numbers

SENTENCES = {
    "referrals_sent": "referrals were sent.",
    "answered_or_rerouted_by_day_4": "of them were answered, or passed on to the next place, by business day 4.",
    "confirmed": "loops were closed: the agency says served, and the patient says that help came.",
    "disputed": "are disputed: agency and patient contradict each other.",
    "silent": "ended unconfirmed: served, and the patient answered none of all the ways of asking.",
    "silence_to_person": "of all silences became a person's task.",
    "open_without_clock": "open referrals had no live clock, over all ends of days.",
    "texts_outside_hours": "texts left outside the hours of the person they were for.",
    "texts_after_stop": "texts went to a phone that had said STOP.",
    "doubled_texts": "texts reached a phone twice for one purpose.",
}


def command(build: Build) -> click.Command:
    """The command, which makes itself applications of its own with `build`."""

    @click.command("simulate")
    @click.option("--patients", default=500, show_default=True, type=click.IntRange(1, 9999))
    @click.option("--days", default=60, show_default=True, type=click.IntRange(1, 365))
    @click.option("--seed", default=1, show_default=True, help="The same seed plays the same run.")
    def simulate(patients: int, days: int, seed: int) -> None:
        """Play a network of invented agencies and patients on a simulated clock, and measure what came of it.

        It runs in databases of its own, which are made beside yours and dropped at the end. The last line is one JSON
        object. Exits with 1 when a referral was forgotten, or somebody was texted who should not have been.
        """
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        try:
            with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
                task = bar.add_task(f"{patients} patients, day by day", total=days * len(HALVES))
                plan = Plan(patients, days, seed)
                numbers = halves.run(build, config.settings(), plan, a_day=lambda: bar.advance(task))
        except (scratch.NoScratch, halves.Broken) as error:
            raise click.ClickException(str(error)) from error
        click.echo("\n".join(lines(numbers)))
        raise SystemExit(0 if numbers.harmless else 1)

    return simulate


def lines(numbers: Numbers) -> list[str]:
    """What came of a run in plain lines, and as one JSON object in the last."""
    found = asdict(numbers)
    told = {name: f"{value:.1%}" if isinstance(value, float) else str(value) for name, value in found.items()}
    return [*(f"{told[name]:>7} {SENTENCES[name]}" for name in found), json.dumps(found)]
