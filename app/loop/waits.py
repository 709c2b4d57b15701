"""Waits that somebody has set otherwise than the table of clocks has them, for an agency, a kind of need, or both."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError

from app import clock
from app.audit import operations as audit
from app.db import session
from app.directory.models import Organization
from app.errors import DomainError, Invalid, NotFound
from app.i18n import gettext as _
from app.i18n import marked
from app.loop import clocks
from app.loop.clocks import Override, Refused
from app.loop.models import ClockOverride
from app.needs.vocabulary import NEEDS
from app.staff.models import StaffMember

_REFUSED = {
    Refused.UNKNOWN: ("step", marked("Choose one of the steps of the list.")),
    Refused.TOO_SHORT: ("amount", marked("Enter a whole number of at least 1.")),
    Refused.TOO_LONG: ("amount", marked("This is too long. At most %(most)s are possible here.")),
    Refused.OUT_OF_ORDER: (
        "amount",
        marked("The steps would change places: somebody is reminded, then called, and only then comes the last step."),
    ),
}


@dataclass(frozen=True)
class Kept:
    """A wait that was set, with whom it is for and who set it."""

    override: ClockOverride
    organization: str
    """Empty for every agency."""
    by: str


def kept() -> Sequence[Kept]:
    """Every wait that was set otherwise, those for an agency by its name first."""
    rows = session.execute(
        select(ClockOverride, func.coalesce(Organization.name, ""), StaffMember.name)
        .outerjoin(Organization, Organization.id == ClockOverride.organization_id)
        .join(StaffMember, StaffMember.id == ClockOverride.set_by_id)
        .order_by(Organization.name, ClockOverride.need)
    )
    return [Kept(*row) for row in rows]


def set_wait(new: Override, *, by: StaffMember) -> ClockOverride:
    """Let this step wait so long for this agency or need from now on, instead of what was set for them before.

    What runs already keeps its date.

    :raises Invalid: no such step, neither an agency nor a need, too long, or the steps would change places.
    :raises DomainError: somebody else has just set the same.
    """
    if new.organization_id is None and new.need not in NEEDS:
        raise Invalid({"organization": _("Say for which agency or for which need.")})
    # One at a time: two that are in order each alone may not be so together.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("clock overrides"))))
    rows = session.scalars(select(ClockOverride)).all()
    same = next((row for row in rows if _about(row) == _about(new)), None)
    others = [Override(row.step, row.amount, row.organization_id, row.need) for row in rows if row is not same]
    if why := clocks.refused(new, others):
        field, sentence = _REFUSED[why]
        step = clocks.named(new.step)
        raise Invalid({field: _(sentence, most=clocks.LONGEST[step.wait.unit] if step else "")})
    row = same or ClockOverride(
        id=uuid.uuid4(), step=new.step, organization_id=new.organization_id, need=new.need or None
    )
    row.amount, row.set_at, row.set_by_id = new.amount, clock.now(), by.id
    session.add(row)
    try:
        session.flush()
    except IntegrityError as error:
        raise DomainError(_("Somebody else has just set this. Look at it again.")) from error
    audit.record("set wait", "clock override", row.id, by=by.id, step=row.step, amount=row.amount)
    return row


def _about(what: ClockOverride | Override) -> tuple[str, uuid.UUID | None, str | None]:
    return what.step, what.organization_id, what.need or None


def remove(override_id: uuid.UUID, *, by: StaffMember) -> None:
    """What the table says holds again.

    :raises NotFound: nothing is set so any more.
    :raises DomainError: without it the steps would change places.
    """
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("clock overrides"))))
    row = session.get(ClockOverride, override_id, populate_existing=True)
    if row is None:
        raise NotFound(_("Nothing is set so any more."))
    others = session.scalars(select(ClockOverride).where(ClockOverride.id != override_id)).all()
    if clocks.out_of_order([Override(one.step, one.amount, one.organization_id, one.need) for one in others]):
        raise DomainError(_("Without this the steps would change places. Change or remove the others first."))
    session.execute(delete(ClockOverride).where(ClockOverride.id == override_id))
    audit.record("removed wait", "clock override", override_id, by=by.id, step=row.step, amount=row.amount)
