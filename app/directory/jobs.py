from __future__ import annotations

from functools import partial
from pathlib import Path
from time import sleep

from app import clock
from app.config import settings
from app.db import session
from app.directory import import_history, importing, merging, operations, placing
from app.directory.packages import PackageError
from app.geography import geocoders
from app.jobs import queue


@queue.task(name="directory.import")
def import_package(
    path: str, source: str, *, mapping: str | None = None, accept_withdrawals: bool = False, dry_run: bool = False
) -> None:
    """Take in a package that an administrator has handed over, or only look at what would change.

    Run again after a crash, it ends with the same rows.
    """
    package = Path(path)
    wishes = importing.Wishes(Path(mapping) if mapping else None, accept_withdrawals)
    try:
        if dry_run:
            _look_only(package, source, wishes)
        else:
            importing.import_directory(package, source, lambda _progress: session.commit(), wishes)
    except PackageError as error:
        import_history.note_failure(package.name, source, str(error))


def _look_only(package: Path, source: str, wishes: importing.Wishes) -> None:
    shown = import_history.announce_preview(package.name, source)
    session.commit()
    try:
        report = importing.preview(package, source, partial(import_history.show_progress, shown), wishes)
    except PackageError as error:
        import_history.note_failure(package.name, source, str(error), shown)
    else:
        import_history.keep_preview(shown, report)


@queue.periodic(cron="*/10 * * * *")
@queue.task(name="directory.settle", queueing_lock="directory.settle")
def settle(timestamp: int) -> None:  # noqa: ARG001  periodic tasks are told when they were due
    """Finish what an import that died, or a new edition of Loopline, has left to work out."""
    for _services in operations.settle():
        session.commit()


@queue.periodic(cron="10 5 * * *")
@queue.task(name="directory.turn_seasons", queueing_lock="directory.turn_seasons")
def turn_seasons(timestamp: int) -> None:  # noqa: ARG001  periodic tasks are told when they were due
    """Every night, have those listed anew whose hours of summer begin or end."""
    operations.turn_seasons(clock.now().date())


@queue.periodic(cron="20 4 * * *")
@queue.task(name="directory.find_duplicates", queueing_lock="directory.find_duplicates")
def find_duplicates(timestamp: int) -> None:  # noqa: ARG001  periodic tasks are told when they were due
    """Look for services that are listed twice, once a night."""
    for _noted in merging.find_duplicates():
        session.commit()


AT_ONCE = 40
"""Addresses in one run."""
PAUSE = 1.0
"""Seconds between two, which public geocoders ask of everybody."""


@queue.periodic(cron="*/5 * * * *")
@queue.task(name="directory.place_locations", queueing_lock="directory.place_locations", lock="directory.place")
def place_locations(timestamp: int) -> None:  # noqa: ARG001  periodic tasks are told when they were due
    """Ask the geocoder for agencies, where there is one, about locations that came without coordinates."""
    if settings().geocoder == geocoders.ZIP:
        return
    for location_id in placing.unplaced(AT_ONCE):
        placing.place_location(location_id)
        session.commit()
        sleep(PAUSE)
