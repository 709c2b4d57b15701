"""`flask directory …`: take in a directory at the command line, with progress and a report."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from flask.cli import AppGroup
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from app.db import session
from app.directory import operations, queries
from app.directory.operations import ImportReport, TableCount
from app.directory.packages import PackageError
from app.directory.rows import Problem

cli = AppGroup("directory", help="The directory of organizations and services.")

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
def import_(path: Path, source: str | None, report: Path | None) -> None:
    """Take in PATH, a folder or zip of HSDS 3 tables or of Ohana CSV files.

    Good rows go in, bad ones are reported. Taking in the same package again changes nothing.
    """
    console = Console()
    try:
        with _report_file(report) as on_problems:
            done = _run(path, source, console, on_problems)
    except PackageError as error:
        raise click.ClickException(str(error)) from None
    _show(done, console, report)


@cli.command("map-needs")
def map_needs() -> None:
    """Work out again which needs every service answers, after the list of needs has changed."""
    operations.map_all_needs()
    session.commit()
    for _services in operations.settle():
        session.commit()
    for need, services in queries.services_by_need().items():
        click.echo(f"{services:>6,} {need}")


def _run(path: Path, source: str | None, console: Console, on_problems: OnProblems) -> ImportReport:
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

        def on_progress(progress: operations.Progress) -> None:
            nonlocal problems
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

        return operations.import_directory(path, source, on_progress)


@contextmanager
def _report_file(path: Path | None) -> Iterator[OnProblems]:
    if path is None:
        yield lambda _problems: None
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(REPORT_COLUMNS)
        yield lambda problems: writer.writerows(
            (p.file, p.line, p.field, p.reason, "taken" if p.kept else "left out") for p in problems
        )


def _show(report: ImportReport, console: Console, written_to: Path | None) -> None:
    seconds = (report.ended_at - report.started_at).total_seconds()
    table = Table(title=f"{report.format} of “{report.source}”, {seconds:.1f} s", title_justify="left", box=None)
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
    if not report.changed_anything:
        console.print("Nothing has changed since the last import.")
    for problem in report.problems[:PROBLEMS_SHOWN]:
        console.print(f"  {_sentence(problem)}", highlight=False, markup=False, soft_wrap=True)
    if report.problem_count > PROBLEMS_SHOWN:
        where = f"all are in {written_to}" if written_to else "--report FILE writes all of them"
        console.print(f"  … {where}", highlight=False)


def _sentence(problem: Problem) -> str:
    place = f"{problem.file}:{problem.line}" if problem.line else problem.file
    field = f" {problem.field}" if problem.field else ""
    return f"{place}{field} {problem.reason} ({'taken' if problem.kept else 'left out'})"
