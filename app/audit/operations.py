from __future__ import annotations

import uuid
from typing import cast

from sqlalchemy import Table, insert

from app.audit.models import AuditEntry
from app.db import session

_WRITE = insert(cast("Table", AuditEntry.__table__))


def record(
    action: str, subject: str, subject_id: uuid.UUID | None, *, by: uuid.UUID | None, **detail: str | int | bool | None
) -> None:
    """Write down that `by` did `action` to a record. `detail` holds codes and ids, never names or free text."""
    entry = {"action": action, "subject": subject, "subject_id": subject_id, "staff_id": by, "detail": detail}
    session.execute(_WRITE, entry)
