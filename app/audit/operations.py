from __future__ import annotations

import uuid

from app.audit.models import AuditEntry
from app.db import session


def record(
    action: str, subject: str, subject_id: uuid.UUID | None, *, by: uuid.UUID | None, **detail: str | int | bool | None
) -> None:
    """Write down that `by` did `action` to a record. `detail` holds codes and ids, never names or free text."""
    session.add(AuditEntry(action=action, subject=subject, subject_id=subject_id, staff_id=by, detail=detail))
