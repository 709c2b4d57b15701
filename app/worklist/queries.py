from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, exists, false, func, or_, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from app import clock
from app.db import session
from app.directory import queries as directory
from app.directory.models import Organization
from app.i18n import LANGUAGES, ago, day, ngettext, sentence
from app.i18n import gettext as _
from app.messaging.models import Inbound
from app.needs.vocabulary import NEEDS
from app.patients import pauses
from app.patients import queries as patients
from app.patients.models import Patient, Pause
from app.patients.phones import spoken
from app.referrals import queries as referrals
from app.referrals import words as referral_words
from app.referrals.closing import Barrier
from app.referrals.lifecycle import OPEN, Status
from app.referrals.models import Referral
from app.referrals.queries import Row
from app.screening.models import Need
from app.staff.models import StaffMember
from app.staff.permissions import Action, Relation, may, relation
from app.staff.queries import names
from app.worklist import words
from app.worklist.kinds import WITH_THE_PATIENT, Kind
from app.worklist.models import StaffPage, WorkItem
from app.worklist.priority import Priority, Work, priority
from app.worklist.words import Badge

MOST_SHOWN = 100
MOST_MOVING = 6
TEXTS = (Kind.READ_TEXT, Kind.URGENT_TEXT)
PRESSING = (Kind.RESOLVE_DISPUTE, Kind.URGENT_TEXT)
"""What needs somebody however much time there is."""
ANSWERS = (Kind.RESOLVE_DISPUTE, Kind.FOLLOW_BARRIER)


def visible_to(staff: StaffMember, action: Action = Action.SEE_WORK) -> Select[WorkItem]:
    """The work of the team, the texts from numbers nobody knows, which belong to whoever is first, and pages.

    Who is called in an emergency has to see which, also when it is another team's.
    """
    everything = select(WorkItem)
    if relation(staff.role, action) is Relation.TEAM and staff.team_id is not None:
        paged = exists().where(StaffPage.item_id == WorkItem.id, StaffPage.staff_id == staff.id)
        return everything.where(or_(WorkItem.team_id == staff.team_id, WorkItem.team_id.is_(None), paged))
    return everything.where(false())


def item_for(staff: StaffMember, item_id: uuid.UUID) -> WorkItem | None:
    return session.scalar(visible_to(staff, Action.FINISH_WORK).where(WorkItem.id == item_id))


@dataclass(frozen=True)
class Scope:
    """Which part of the work somebody wants to see."""

    owner_id: uuid.UUID | None = None
    """What this person has to do: their own, what is nobody's yet, and every text that speaks of danger."""
    kinds: frozenset[Kind] = frozenset()
    """Only these; all when empty."""
    overdue: bool = False
    patient_id: uuid.UUID | None = None
    """Only about this patient, and then also what waits because they are left alone."""


EVERYTHING = Scope()


def scope_of(staff: StaffMember) -> Scope:
    """What the list begins with, and what the badge counts: a lead's is the whole team's."""
    return EVERYTHING if may(staff.role, Action.LEAD_TEAM) else Scope(owner_id=staff.id)


def _wanted(staff: StaffMember, scope: Scope) -> Select[WorkItem]:
    """The open work within `scope`, in no order."""
    work = visible_to(staff).where(WorkItem.done_at.is_(None))
    if scope.owner_id:
        work = work.where(
            or_(WorkItem.owner_id == scope.owner_id, WorkItem.owner_id.is_(None), WorkItem.kind == Kind.URGENT_TEXT)
        )
    if scope.kinds:
        work = work.where(WorkItem.kind.in_(scope.kinds))
    if scope.overdue:
        work = work.where(WorkItem.due_at <= clock.now())
    return work.where(WorkItem.patient_id == scope.patient_id) if scope.patient_id else work.where(~_waits())


def _waits() -> ColumnElement[bool]:
    """Whether it can only be done together with a patient who is left alone now."""
    paused = exists().where(Pause.patient_id == WorkItem.patient_id, patients.paused_now())
    return and_(WorkItem.kind.in_(WITH_THE_PATIENT), paused)


def count(staff: StaffMember, scope: Scope = EVERYTHING) -> int:
    """How much there is; exactly what `ranked` lists."""
    return session.scalar(_wanted(staff, scope).with_only_columns(func.count())) or 0


def ranked(staff: StaffMember, scope: Scope = EVERYTHING) -> list[tuple[uuid.UUID, Priority]]:
    """Everything that has to be done within `scope`, what presses most first."""
    now, zone = clock.now(), zone_of(staff)
    rows = session.execute(
        _wanted(staff, scope)
        .outerjoin(Referral, Referral.id == WorkItem.referral_id)
        .outerjoin(Need, Need.id == Referral.need_id)
        .with_only_columns(
            WorkItem.id,
            WorkItem.kind,
            WorkItem.created_at,
            WorkItem.due_at,
            WorkItem.urgent,
            WorkItem.taken_at,
            Need.kind.label("need"),
        )
    ).all()
    found = [
        (
            priority(
                Work(
                    row.kind,
                    row.created_at,
                    row.due_at,
                    urgent=row.urgent,
                    sensitive=row.need is not None and NEEDS[row.need].sensitive,
                    taken=row.taken_at is not None,
                ),
                now,
                zone,
            ),
            row,
        )
        for row in rows
    ]
    found.sort(key=lambda one: (one[0].order, one[1].due_at, one[1].id))
    return [(row.id, how) for how, row in found]


@dataclass(frozen=True)
class Waiting:
    """How much waits for a care team: everything, and of that the texts to be read."""

    work: int
    texts: int


@dataclass(frozen=True)
class Paged:
    """Somebody was paged."""

    name: str
    """Empty for the network's fallback number."""
    at: datetime
    failed: bool


def pages_of(item_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[Paged]]:
    """Who was paged about each of these, the last first."""
    pages: dict[uuid.UUID, list[Paged]] = {}
    for page, name in session.execute(
        select(StaffPage, StaffMember.name)
        .outerjoin(StaffMember, StaffMember.id == StaffPage.staff_id)
        .where(StaffPage.item_id.in_(item_ids))
        .order_by(StaffPage.at.desc(), StaffPage.step.desc(), StaffMember.name)
    ):
        pages.setdefault(page.item_id, []).append(Paged(name or "", page.at, failed=page.failed_at is not None))
    return pages


@dataclass(frozen=True)
class Urgent:
    """The urgent texts that nobody has taken, of all teams."""

    count: int
    oldest: datetime | None
    unpaged: int
    """About how many of them nobody could be paged."""


def urgent_untaken() -> Urgent:
    reached = exists().where(StaffPage.item_id == WorkItem.id, StaffPage.failed_at.is_(None))
    return Urgent(
        *session.execute(
            select(func.count(), func.min(WorkItem.created_at), func.count().filter(~reached)).where(
                WorkItem.kind == Kind.URGENT_TEXT, WorkItem.taken_at.is_(None), WorkItem.done_at.is_(None)
            )
        ).one()
    )


def count_waiting(staff: StaffMember) -> Waiting:
    return Waiting(count(staff, scope_of(staff)), count(staff, Scope(kinds=frozenset(TEXTS))))


def count_unanswered(staff: StaffMember) -> int:
    """How many referrals wait for the first answer of an agency."""
    asked = referrals.visible_to(staff, Action.SEE_INBOX).where(Referral.status == Status.REQUESTED)
    return session.scalar(asked.with_only_columns(func.count()).order_by(None)) or 0


# Today


def zone_of(staff: StaffMember) -> ZoneInfo:
    """Whose “today” the page Today shows."""
    return ZoneInfo(staff.team.time_zone if staff.team else "UTC")


@dataclass(frozen=True)
class Member:
    """Somebody else in a household, and how much work there is about them."""

    patient_id: uuid.UUID
    name: str
    work: int


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
    paging: str
    """Of an urgent text: who has it, or who was paged and when; empty for other work."""
    ours: bool
    """Whether the patient is cared for by the viewer's team; who was only paged sees this card and no more."""
    wanted: bool
    """Whether somebody has to say “I am on it”."""
    because: str
    """Why it stands where it stands, in a few words; empty when nothing presses."""
    household: tuple[Member, ...]
    """Who else lives there: one visit may do for all."""


@dataclass(frozen=True)
class Listing:
    """One page of a list of work."""

    cards: list[Card]
    total: int
    page: int
    """From 1."""

    @property
    def first(self) -> int:
        return (self.page - 1) * MOST_SHOWN + 1

    @property
    def last(self) -> int:
        return min(self.page * MOST_SHOWN, self.total)


def listing(staff: StaffMember, scope: Scope, page: int = 1) -> Listing:
    """The page of this number of what has to be done; the last one when there are not so many."""
    everything = ranked(staff, scope)
    page = max(1, min(page, -(-len(everything) // MOST_SHOWN)))
    shown = everything[(page - 1) * MOST_SHOWN : page * MOST_SHOWN]
    return Listing(_cards(staff, shown), len(everything), page)


def cards(staff: StaffMember, *only: Kind, patient_id: uuid.UUID | None = None) -> list[Card]:
    """What presses most, at most a page of it; with `only`, no other kinds; with `patient_id`, no other patient's."""
    return listing(staff, Scope(kinds=frozenset(only), patient_id=patient_id)).cards


def _cards(staff: StaffMember, shown: Sequence[tuple[uuid.UUID, Priority]]) -> list[Card]:
    place = {item_id: number for number, (item_id, _how) in enumerate(shown)}
    rows = session.execute(
        select(WorkItem, Patient, Referral, Need, Organization)
        .outerjoin(Patient, Patient.id == WorkItem.patient_id)
        .outerjoin(Referral, Referral.id == WorkItem.referral_id)
        .outerjoin(Need, Need.id == Referral.need_id)
        .outerjoin(Organization, Organization.id == Referral.organization_id)
        .where(WorkItem.id.in_(place))
    )
    found = sorted((_Found(*row) for row in rows), key=lambda one: place[one.item.id])
    items = [one.item for one in found]
    ours = {one.patient.id: one.patient for one in found if one.patient and one.patient.team_id == staff.team_id}
    around = _Around(
        staff=staff,
        agencies=directory.cards([one.referral.service_at_location_id for one in found if one.referral]),
        texts=_texts(items),
        tries=_tries([item.purpose for item in items]),
        names=names({known for item in items for known in (item.owner_id, item.taken_by_id) if known}),
        pages=pages_of([item.id for item in items if item.kind is Kind.URGENT_TEXT]),
        priorities=dict(shown),
        households=_households(staff, list(ours.values())),
        paused=patients.pauses_of(list(ours)),
    )
    return [_card(around, one) for one in found]


def _households(staff: StaffMember, of: Sequence[Patient]) -> dict[uuid.UUID, tuple[Member, ...]]:
    """By patient, who else lives there, those first about whom there is something to do."""
    homes = patients.households(of)
    everybody = {member.id for members in homes.values() for member in members}
    open_work = visible_to(staff).where(WorkItem.patient_id.in_(everybody), WorkItem.done_at.is_(None), ~_waits())
    counts = dict(
        session.execute(
            open_work.with_only_columns(WorkItem.patient_id, func.count()).group_by(WorkItem.patient_id)
        ).all()
    )
    return {
        patient_id: tuple(
            sorted(
                (Member(member.id, member.given_name, counts.get(member.id, 0)) for member in members),
                key=lambda member: -member.work,
            )
        )
        for patient_id, members in homes.items()
    }


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
    tries: Mapping[str, Tries]
    names: Mapping[uuid.UUID, str]
    pages: Mapping[uuid.UUID, Sequence[Paged]]
    priorities: Mapping[uuid.UUID, Priority]
    households: Mapping[uuid.UUID, tuple[Member, ...]]
    """By patient of the viewer's team."""
    paused: Mapping[uuid.UUID, Pause]
    """By patient of the viewer's team who is left alone now."""


def _card(around: _Around, found: _Found) -> Card:
    item, patient, need = found.item, found.patient, found.need
    text = around.texts.get(item.id)
    phone = _phone(found, text)
    documents = _documents(around, found)
    return Card(
        item=item,
        who=patient.name if patient else spoken(phone or ""),
        about=_(NEEDS[need.kind].short_label) if need else _about_no_referral(item.kind),
        need=need.kind if need else None,
        badge=words.due(item.due_at, clock.now(), zone_of(around.staff), pressing=item.urgent or item.kind in PRESSING),
        why=words.why(item.kind, _code(found, documents), **_said(found, phone), documents=documents),
        cautions=tuple(_cautions(around, found)),
        patient=patient,
        phone=phone,
        referral=found.referral,
        organization=found.organization.name if found.organization else "",
        agency=around.agencies.get(found.referral.service_at_location_id) if found.referral else None,
        text=text,
        paging=_paging(around, item),
        ours=patient is not None and patient.team_id == around.staff.team_id,
        wanted=item.kind is Kind.URGENT_TEXT and item.taken_at is None,
        because=words.because(around.priorities[item.id].because),
        household=around.households.get(patient.id, ()) if patient else (),
    )


def _phone(found: _Found, text: Inbound | None) -> str | None:
    """Which number to call. Where a text came from may be a stranger's by now, who must not be asked for somebody."""
    if found.patient and found.patient.phones:
        return found.patient.phones[0].number
    whoever = found.patient is None or found.item.kind is Kind.URGENT_TEXT
    return text.phone if text and whoever else None


def _about_no_referral(kind: Kind) -> str:
    return _("Without a referral") if kind is Kind.CONFIRM_WALK_IN else _("Text")


def _paging(around: _Around, item: WorkItem) -> str:
    if item.kind is not Kind.URGENT_TEXT:
        return ""
    now = clock.now()
    if item.taken_at and item.taken_by_id:
        return words.taken(around.names[item.taken_by_id], item.taken_at, now)
    return words.paged([(page.name, page.at) for page in around.pages.get(item.id, ()) if not page.failed], now)


def _code(found: _Found, documents: str) -> str:
    """Which of the sentences for this kind of work fits.

    :param documents: what the place that was asked wants to see, as far as the directory knows.
    """
    why = str(found.item.detail.get("why") or "")
    if found.item.kind in TEXTS and found.patient is None and not why.startswith("held-"):
        if found.item.detail.get("agency"):
            return "from-agency"
        return "shared-phone" if found.item.team_id else "unknown-number"
    if found.item.kind is Kind.FOLLOW_BARRIER and found.referral and found.referral.barrier:
        barrier = found.referral.barrier
        return "missing-papers-known" if barrier is Barrier.MISSING_PAPERS and documents else barrier.value
    if found.item.kind is Kind.RESOLVE_DISPUTE and found.referral and found.referral.patient_says:
        return "quoted"
    return why


def _documents(around: _Around, found: _Found) -> str:
    """What the place that was asked wants to see."""
    agency = around.agencies.get(found.referral.service_at_location_id) if found.referral else None
    return ", ".join(agency.documents) if agency else ""


def _said(found: _Found, phone: str | None) -> dict[str, str]:
    """What the sentences name."""
    patient, referral = found.patient, found.referral
    said = {
        "name": _("this number"),
        "phone": spoken(phone or ""),
        "organization": found.organization.name if found.organization else "",
        "urgent_when": _(NEEDS[found.need.kind].urgent_when) if found.need else "",
    }
    if patient:
        said |= {"name": patient.given_name, "language": _(LANGUAGES[patient.language].name)}
    said |= {known: str(found.item.detail.get(known) or "") for known in ("agency", "suggested")}
    if referral and patient:
        since = referral.accepted_at or referral.sent_at
        said |= {
            "standing": referrals.standing(referral, patient).words,
            "barrier": referral_words.barrier(referral.barrier) if referral.barrier else "",
            "reason": referral_words.reason(referral.reason_code) if referral.reason_code else "",
            "ago": ago(since, clock.now()) if since else "",
            "agency_said": referral_words.agency_quoted(
                referral.status,
                referral.outcome_code or referral.reason_code,
                referral.outcome_text or referral.reason_text,
            ),
            "patient_said": referral_words.patient_quoted(referral.patient_says, referral.barrier),
        }
    return said


def _cautions(around: _Around, found: _Found) -> Iterator[str]:
    item, patient = found.item, found.patient
    if tries := around.tries.get(item.purpose):
        yield ngettext("Tried once, not reached", "Tried %(n)s times, not reached", tries.count)
        if tries.note:
            yield f"“{tries.note}”"
    pause = around.paused.get(patient.id) if patient else None
    if pause and item.kind in WITH_THE_PATIENT:
        yield _(
            "Waits: %(why)s until %(day)s", why=pauses.words(pause.why), day=day(pause.until, zone_of(around.staff))
        )
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


@dataclass(frozen=True)
class Tries:
    """How often somebody was not reached, and what was noted last."""

    count: int
    note: str


def _tries(purposes: Sequence[str]) -> dict[str, Tries]:
    newest_first = WorkItem.done_at.desc()
    vain = session.execute(
        select(WorkItem.purpose, func.count(), func.array_agg(aggregate_order_by(WorkItem.note, newest_first)))
        .where(WorkItem.purpose.in_(purposes), WorkItem.outcome == "not-reached")
        .group_by(WorkItem.purpose)
    )
    return {purpose: Tries(count, notes[0]) for purpose, count, notes in vain}


@dataclass(frozen=True)
class Finished:
    """Work that somebody finished."""

    item: WorkItem
    patient: Patient | None
    by: str


MOST_FINISHED = 200


def finished_today(staff: StaffMember, by: uuid.UUID | None = None) -> list[Finished]:
    """What people have finished since midnight, the last first; with `by`, only that person's."""
    zone = zone_of(staff)
    midnight = datetime.combine(clock.now().astimezone(zone).date(), time(), zone)
    done = visible_to(staff).where(WorkItem.done_at >= midnight, WorkItem.done_by_id.is_not(None))
    if by:
        done = done.where(WorkItem.done_by_id == by)
    rows = session.execute(
        done.outerjoin(Patient, Patient.id == WorkItem.patient_id)
        .join(StaffMember, StaffMember.id == WorkItem.done_by_id)
        .add_columns(Patient, StaffMember.name)
        .order_by(WorkItem.done_at.desc())
        .limit(MOST_FINISHED)
    )
    return [Finished(*row) for row in rows]


def colleagues(staff: StaffMember) -> Sequence[StaffMember]:
    """Whose work the lists of this person's team are, by name: also of who has left and has some still."""
    has_some = exists().where(WorkItem.owner_id == StaffMember.id, WorkItem.done_at.is_(None))
    return session.scalars(
        select(StaffMember)
        .where(StaffMember.team_id == staff.team_id, or_(StaffMember.active, has_some))
        .order_by(StaffMember.name)
    ).all()


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
