"""What is kept of imports beside what they did: previews, which undo all they do, and packages nobody could read."""

from __future__ import annotations

import uuid
from dataclasses import asdict

from sqlalchemy import update

from app import clock
from app.db import session, write_aside
from app.directory.importing import ImportReport, Progress, store_problems
from app.directory.models import DirectoryImport


def announce_preview(package: str, source: str) -> uuid.UUID:
    """Open the place in the history where a preview shows how far it is, and in the end what it has found."""
    row = DirectoryImport(id=uuid.uuid4(), source=source, package=package, format="", dry_run=True)
    session.add(row)
    session.flush()
    return row.id


def show_progress(preview_id: uuid.UUID, progress: Progress) -> None:
    """Show how far an announced preview is, although nothing that it does is kept."""
    write_aside(update(DirectoryImport).where(DirectoryImport.id == preview_id).values(progress=progress.share))


def keep_preview(preview_id: uuid.UUID, report: ImportReport) -> None:
    """Note in the history what an announced preview has found."""
    row = session.get_one(DirectoryImport, preview_id, populate_existing=True)
    row.format = report.format
    row.started_at, row.ended_at = report.started_at, report.ended_at
    row.counts = {name: asdict(count) for name, count in report.tables.items()}
    row.problem_count = report.problem_count
    row.progress = 1.0
    row.open_referrals = report.open_referrals
    row.examples = [asdict(example) for example in report.examples]
    session.flush()
    store_problems(row.id, 0, report.problems)


def note_failure(package: str, source: str, reason: str, preview_id: uuid.UUID | None = None) -> None:
    """Keep in the history that a package could not be read at all, in the place of the preview if it was one."""
    row = session.get(DirectoryImport, preview_id) if preview_id else None
    if row is None:
        row = DirectoryImport(source=source, package=package, format="", started_at=clock.now())
        session.add(row)
    row.ended_at = clock.now()
    row.failure = reason
