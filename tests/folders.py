"""Temporary folders that an embedded PostgreSQL can live in."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Not one of pytest's own: run by root, a second pytest closes the way into those to PostgreSQL's system user."""
    with tempfile.TemporaryDirectory(prefix="loopline-test-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
