from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import Select, and_, case, false, func, or_, select

from app import clock
from app.db import session
from app.directory import queries as directory
from app.directory.models import Organization
from app.i18n import LANGUAGES, ago, ngettext, sentence
from app.i18n import gettext as _
from app.messaging.models import Inbound
from app.needs.vocabulary import NEEDS
from app.patients.models import Patient
from app.patients.phones import spoken
from app.referrals import queries as referrals
from app.referrals import words as referral_words
from app.referrals.lifecycle import OPEN, Status
from app.referrals.models import Referral
from app.referrals.queries import Row
from app.screening.models import Need
from app.staff.models import StaffMember
from app.staff.permissions import Action, Relation, relation
from app.staff.queries import names
from app.worklist import words
from app.worklist.kinds import Kind
from app.worklist.models import WorkItem
from app.worklist.words import Badge

MOST_SHOWN = 100
MOST_MOVING = 6
TEXTS = (Kind.READ_TEXT, Kind.URGENT_TEXT)
PRESSING = (Kind.RESOLVE_DISPUTE, Kind.URGENT_TEXT)
"""What needs somebody however much time there is."""
ANSWERS = (Kind.RESOLVE_DISPUTE, Kind.FOLLOW_BARRIER)


def visible_to(staff: StaffMember, action: Action = Action.SEE_WORK) -> Select[WorkItem]:
    """The work of the team, and the texts from numbers nobody knows, which belong to whoever is first."""
    everything = select(WorkItem)
    if relation(staff.role, action) is Relation.TEAM and staff.team_id is not None:
        return everything.where(or_(WorkItem.team_id == staff.team_id, WorkItem.team_id.is_(None)))
    return everything.where(false())


def item_for(staff: StaffMember, item_id: uuid.UUID) -> WorkItem | None:
    return session.scalar(visible_to(staff, Action.FINISH_WORK).where(WorkItem.id == item_id))


def waiting(staff: StaffMember) -> Sequence[WorkItem]:
    """What has to be done: what is pressing, then the person's own, then what is due first."""
    return session.scalars(_in_order(staff, visible_to(staff).where(WorkItem.done_at.is_(None)))).all()


def _in_order(staff: StaffMember, work: Select[WorkItem]) -> Select[WorkItem]:
    pressing = or_(WorkItem.urgent, WorkItem.kind.in_(PRESSING))
    return work.order_by(
        pressing.desc(), case((WorkItem.owner_id == staff.id, 0), else_=1), WorkItem.due_at, WorkItem.id
    ).limit(MOST_SHOWN)


@dataclass(frozen=True)
class Waiting:
    """How much waits for a care team: everything, and of that the texts to be read."""

    work: int
    texts: int


def count_waiting(staff: StaffMember) -> Waiting:
    counts = (
        visible_to(staff)
        .where(WorkItem.done_at.is_(None))
        .with_only_columns(func.count(), func.count().filter(WorkItem.kind.in_(TEXTS)))
    )
    return Waiting(*session.execute(counts).one())


def count_unanswered(staff: StaffMember) -> int:
    """How many referrals wait for the first answer of an agency."""
    asked = referrals.visible_to(staff, Action.SEE_INBOX).where(Referral.status == Status.REQUESTED)
    return session.scalar(asked.with_only_columns(func.count()).order_by(None)) or 0


# Today


def zone_of(staff: StaffMember) -> ZoneInfo:
    """Whose “today” the page Today shows."""
    return ZoneInfo(staff.team.time_zone if staff.team else "UTC")


@dataclass(frozen=True)
class Card:
    """A piece of work as it is shown: who, what, why now, and what is needed to do it."""

    item: WorkItem
    who: str
    about: str
    need: str | None
    """The code of the need; None when it is about a text."""
    badge: Badge
    why: str
    cautions: tuple[str, ...]
    """What to keep in mind when reaching them."""
    patient: Patient | None
    phone: str | None
    """Of the patient, or of whoever sent the text; E.164."""
    referral: Referral | None
    organization: str
    agency: directory.Card | None
    """Where the referral went, as the directory knows it now."""
    text: Inbound | None
    """The text to be read."""


def cards(staff: StaffMember, *only: Kind, patient_id: uuid.UUID | None = None) -> list[Card]:
    """What has to be done, in order; with `only`, no other kinds; with `patient_id`, no other patient's."""
    chosen = visible_to(staff).where(WorkItem.done_at.is_(None))
    if only:
        chosen = chosen.where(WorkItem.kind.in_(only))
    if patient_id:
        chosen = chosen.where(WorkItem.patient_id == patient_id)
    rows = session.execute(
        _in_order(staff, chosen)
        .outerjoin(Patient, Patient.id == WorkItem.patient_id)
        .outerjoin(Referral, Referral.id == WorkItem.referral_id)
        .outerjoin(Need, Need.id == Referral.need_id)
        .outerjoin(Organization, Organization.id == Referral.organization_id)
        .add_columns(Patient, Referral, Need, Organization)
    )
    found = [_Found(*row) for row in rows]
    items = [one.item for one in found]
    around = _Around(
        staff=staff,
        agencies=directory.cards([one.referral.service_at_location_id for one in found if one.referral]),
        texts=_texts(items),
        tries=_tries([item.purpose for item in items]),
        names=names([item.owner_id for item in items if item.owner_id]),
    )
    return [_card(around, one) for one in found]


@dataclass(frozen=True)
class _Found:
    """A piece of work and the rows it is about."""

    item: WorkItem
    patient: Patient | None
    referral: Referral | None
    need: Need | None
    organization: Organization | None


@dataclass(frozen=True)
class _Around:
    """What is asked once for all cards."""

    staff: StaffMember
    agencies: Mapping[uuid.UUID, directory.Card]
    """By service at location; what is no longer listed is not there."""
    texts: Mapping[uuid.UUID, Inbound]
    tries: Mapping[str, int]
    names: Mapping[uuid.UUID, str]


def _card(around: _Around, found: _Found) -> Card:
    item, patient, need = found.item, found.patient, found.need
    text = around.texts.get(item.id)
    phone = patient.phones[0].number if patient and patient.phones else text.phone if text else None
    return Card(
        item=item,
        who=patient.name if patient else spoken(phone or ""),
        about=_(NEEDS[need.kind].short_label) if need else _("Text"),
        need=need.kind if need else None,
        badge=words.due(item.due_at, clock.now(), zone_of(around.staff), pressing=item.urgent or item.kind in PRESSING),
        why=words.why(item.kind, _code(found), **_said(found, phone)),
        cautions=tuple(_cautions(around, found)),
        patient=patient,
        phone=phone,
        referral=found.referral,
        organization=found.organization.name if found.organization else "",
        agency=around.agencies.get(found.referral.service_at_location_id) if found.referral else None,
        text=text,
    )


def _code(found: _Found) -> str:
    """Which of the sentences for this kind of work fits."""
    if found.item.kind in TEXTS and found.patient is None:
        return "shared-phone" if found.item.team_id else "unknown-number"
    if found.item.kind in ANSWERS and found.referral and found.referral.barrier:
        return "barrier"
    return found.item.detail.get("why") or ""


def _said(found: _Found, phone: str | None) -> dict[str, str]:
    """What the sentences name."""
    patient, referral = found.patient, found.referral
    said = {
        "phone": spoken(phone or ""),
        "organization": found.organization.name if found.organization else "",
        "urgent_when": _(NEEDS[found.need.kind].urgent_when) if found.need else "",
    }
    if patient:
        said |= {"name": patient.given_name, "language": _(LANGUAGES[patient.language].name)}
    if referral and patient:
        since = referral.accepted_at or referral.sent_at
        said |= {
            "standing": referrals.standing(referral, patient).words,
            "barrier": referral_words.barrier(referral.barrier) if referral.barrier else "",
            "reason": referral_words.reason(referral.reason_code) if referral.reason_code else "",
            "ago": ago(since, clock.now()) if since else "",
        }
    return said


def _cautions(around: _Around, found: _Found) -> Iterator[str]:
    item, patient = found.item, found.patient
    if tries := around.tries.get(item.purpose):
        yield ngettext("Tried once, not reached", "Tried %(n)s times, not reached", tries)
    if item.owner_id and item.owner_id != around.staff.id:
        yield _("%(name)s has this", name=around.names[item.owner_id])
    if item.kind is Kind.CALL_AGENCY:
        agency = around.agencies.get(found.referral.service_at_location_id) if found.referral else None
        if agency and agency.open_now:
            yield sentence(agency.open_now)
        return
    plan = patient.safe_contact if patient else None
    if plan and not plan.voicemail_ok:
        yield _("Leave no voicemail")
    if plan and plan.note:
        yield plan.note


def _texts(items: Sequence[WorkItem]) -> dict[uuid.UUID, Inbound]:
    """For each item about a text, the text."""
    about = session.execute(
        select(WorkItem.id, Inbound)
        .join(Inbound, Inbound.id == WorkItem.inbound_id)
        .where(WorkItem.id.in_([item.id for item in items]))
    )
    return dict(about.all())


def _tries(purposes: Sequence[str]) -> dict[str, int]:
    vain = session.execute(
        select(WorkItem.purpose, func.count())
        .where(WorkItem.purpose.in_(purposes), WorkItem.outcome == "not-reached")
        .group_by(WorkItem.purpose)
    )
    return dict(vain.all())


def moving(staff: StaffMember, limit: int = MOST_MOVING) -> list[Row]:
    """The person's own referrals that go on without them: on their way and nobody's work now, newest first."""
    being_asked = and_(
        Referral.status == Status.COMPLETED, Referral.patient_says.is_(None), Referral.asked_out_at.is_(None)
    )
    somebodys_work = select(WorkItem.id).where(WorkItem.referral_id == Referral.id, WorkItem.done_at.is_(None))
    return referrals.rows(
        referrals.visible_to(staff)
        .where(
            Referral.owner_id == staff.id,
            or_(Referral.status.in_(OPEN), being_asked),
            ~somebodys_work.exists(),
        )
        .order_by(Referral.created_at.desc())
        .limit(limit)
    )
