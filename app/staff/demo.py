"""The accounts of the demonstration town. They exist only where demo mode loaded the seed."""

from __future__ import annotations

from dataclasses import dataclass

from app.i18n import gettext as _

PASSWORD = "loopline-demo"  # noqa: S105  printed at start-up on purpose; demo mode only


@dataclass(frozen=True)
class Account:
    email: str
    role: str
    does: str
    password: str = PASSWORD


def accounts() -> list[Account]:
    """Who can be tried out, in the order of the loop."""
    return [
        Account("worker@demo.test", _("Health worker"), _("screens, refers and follows up")),
        Account("lead@demo.test", _("Team lead"), _("settles what two sides see differently, and hands over")),
        Account("agency@demo.test", _("Agency"), _("answers referrals")),
        Account("admin@demo.test", _("Administrator"), _("looks after people, directory and numbers")),
    ]
