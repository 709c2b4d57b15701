from __future__ import annotations

from pathlib import Path

from app.db import session
from app.directory import operations
from app.directory.packages import PackageError
from app.jobs import queue


@queue.task(name="directory.import")
def import_package(path: str, source: str) -> None:
    """Take in a package that an administrator has handed over. Run again after a crash, it goes on where it was."""
    package = Path(path)
    try:
        operations.import_directory(package, source, lambda _progress: session.commit())
    except PackageError as error:
        operations.note_failure(package.name, source, str(error))
