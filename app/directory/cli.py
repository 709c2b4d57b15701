"""`flask directory …`: take in a directory at the command line, with progress and a report."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from app.commands import Commands
from app.db import session
from app.directory import importing, operations, searching
from app.directory.importing import ImportReport, TableCount, Wishes
from app.directory.packages import PackageError
from app.directory.rows import Problem, harmless

cli = Commands("directory", help="The directory of organizations and services.")

PROBLEMS_SHOWN = 12
REPORT_COLUMNS = ("file", "line", "field", "reason", "row")

OnProblems = Callable[[tuple[Problem, ...]], None]


@cli.command("import")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--source", help="Whose directory this is; by default the name of the folder or file.")
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write every problem to this CSV file.",
)
@click.option(
    "--mapping",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="How a flat table is to be read; app/directory/icarol.yaml is an example and says what can be written.",
)
@click.option("--dry-run", is_flag=True, help="Show what would change, with examples, and change nothing.")
@click.option(
    "--accept-withdrawals",
    is_flag=True,
    help="Withdraw what is no longer listed even where that is more than a fifth.",
)
def import_(  # noqa: PLR0913  one argument for each option
    path: Path,
    *,
    source: str | None,
    report: Path | None,
    mapping: Path | None,
    dry_run: bool,
    accept_withdrawals: bool,
) -> None:
    """Take in PATH, a folder, a zip or a file.

    It may hold HSDS tables of any version, HSDS 3 or Open Referral UK as JSON, an Ohana directory, or a flat table such
    as iCarol exports. Good rows go in, bad ones are reported. Taking in the same package again changes nothing. What
    the package lists no longer is marked as withdrawn, and never deleted.
    """
    console = Console(emoji=False)  # what is imported may have :100: in it
    wishes = Wishes(mapping, accept_withdrawals)
    try:
        with _report_file(report) as on_problems:
            done = _run(path, source, console, on_problems, wishes, dry_run=dry_run)
    except PackageError as error:
        raise click.ClickException(str(error)) from None
    _show(done, console, report, dry_run=dry_run)


@cli.command("map-needs")
def map_needs() -> None:
    """Work out again which needs every service answers, after the list of needs has changed."""
    operations.map_all_needs()
    session.commit()
    for _services in operations.settle():
        session.commit()
    for need, services in searching.services_by_need().items():
        click.echo(f"{services:>6,} {need}")


def _run(  # noqa: PLR0913  what the command was told, and where it says what happens
    path: Path, source: str | None, console: Console, on_problems: OnProblems, wishes: Wishes, *, dry_run: bool
) -> ImportReport:
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]:,} rows, {task.fields[problems]:,} problems"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task("Opening", total=None, rows=0, problems=0)
        problems = 0

        def on_progress(progress: importing.Progress) -> None:
            nonlocal problems
            if not dry_run:
                session.commit()
            problems += len(progress.problems)
            on_problems(progress.problems)
            bar.update(
                task,
                description=progress.reading,
                completed=progress.bytes_read,
                total=progress.bytes_total,
                rows=progress.rows,
                problems=problems,
            )

        take_in = importing.preview if dry_run else importing.import_directory
        return take_in(path, source, on_progress, wishes)


@contextmanager
def _report_file(path: Path | None) -> Iterator[OnProblems]:
    if path is None:
        yield lambda _problems: None
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(REPORT_COLUMNS)
        yield lambda problems: writer.writerows(
            (*map(harmless, (p.file, p.line, p.field, p.reason)), "taken" if p.kept else "left out") for p in problems
        )


def _show(report: ImportReport, console: Console, written_to: Path | None, *, dry_run: bool) -> None:
    seconds = (report.ended_at - report.started_at).total_seconds()
    title = f"{report.format} of “{report.source}”, {seconds:.1f} s"
    table = Table(title=f"{title}, not kept" if dry_run else title, title_justify="left", box=None)
    table.add_column("table")
    for heading in ("rows", "new", "changed", "unchanged", "withdrawn"):
        table.add_column(heading, justify="right")
    for name, count in report.tables.items():
        numbers = (count.listed, count.new, count.changed, count.unchanged, count.withdrawn)
        table.add_row(name, *(f"{number:,}" for number in numbers))
    console.print(table)
    services = report.tables.get("service", TableCount())
    console.print(
        f"{services.listed:,} services: {services.new:,} new, {services.changed:,} changed,"
        f" {services.unchanged:,} unchanged, {services.withdrawn:,} withdrawn;"
        f" {report.problem_count:,} problems reported.",
        highlight=False,
    )
    if not report.changed_anything and not report.held_back:
        console.print("Nothing has changed since the last import.")
    if report.held_back:
        console.print(_held_back(report), highlight=False, soft_wrap=True)
    if report.open_referrals:
        console.print(f"{report.open_referrals:,} referrals are open with withdrawn services.", highlight=False)
    for example in report.examples if dry_run else ():
        said = f"  {example.what} {example.table.replace('_', ' ')} {example.id} {example.name}"
        console.print(said, highlight=False, markup=False, soft_wrap=True)
    for problem in report.problems[:PROBLEMS_SHOWN]:
        console.print(f"  {_sentence(problem)}", highlight=False, markup=False, soft_wrap=True)
    if report.problem_count > PROBLEMS_SHOWN:
        where = f"all are in {written_to}" if written_to else "--report FILE writes all of them"
        console.print(f"  … {where}", highlight=False)


def _held_back(report: ImportReport) -> str:
    missing = ", ".join(f"{count.held_back:,} {name}" for name, count in report.tables.items() if count.held_back)
    return (
        f"More than a fifth of what was here is missing ({missing}), so nothing was withdrawn:"
        " the files may have been cut off. If it is meant, add --accept-withdrawals."
    )


def _sentence(problem: Problem) -> str:
    place = f"{problem.file}:{problem.line}" if problem.line else problem.file
    field = f" {problem.field}" if problem.field else ""
    return f"{place}{field} {problem.reason} ({'taken' if problem.kept else 'left out'})"
