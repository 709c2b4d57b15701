from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import BindParameter, ColumnElement, Select, and_, bindparam, exists, false, func, or_, select, union
from sqlalchemy.orm import aliased, joinedload, lazyload

from app import clock
from app.db import session
from app.geography import zips
from app.patients import names, phones
from app.patients.endings import Ending
from app.patients.models import Consent, ConsentKind, Patient, PatientPhone, PatientTrait, Pause
from app.patients.traits import Trait
from app.staff.models import StaffMember
from app.staff.permissions import Action, Relation, relation

MOST_FOUND = 30
AT_MOST_ALIKE = 5
"""People with one name, birthday and phone; more than one are already too many to tell apart."""


def visible_to(staff: StaffMember, action: Action = Action.SEE_PATIENT) -> Select[Patient]:
    """The patients to whom `staff` may do `action`; every other query of patients starts here."""
    everyone = select(Patient)
    if relation(staff.role, action) is Relation.TEAM and staff.team_id is not None:
        return everyone.where(Patient.team_id == staff.team_id)
    return everyone.where(false())


def patient_for(staff: StaffMember, patient_id: uuid.UUID, action: Action = Action.SEE_PATIENT) -> Patient | None:
    return session.scalar(visible_to(staff, action).where(Patient.id == patient_id))


_HERE = Patient.ended.is_(None)
_STILL_KNOWN = Patient.ended.is_distinct_from(Ending.DELETED)


def find(staff: StaffMember, typed: str, *, ended: bool = False) -> Sequence[Patient]:
    """Patients whose name begins like each word typed, or whose phone or birth date it is; at most 30, by name.

    :param ended: also those who have died or moved away, and by the phones they had then.
    """
    wanted = visible_to(staff, Action.FIND_PATIENTS).order_by(Patient.search_name, Patient.id).limit(MOST_FOUND)
    wanted = wanted.where(_STILL_KNOWN if ended else _HERE)
    if number := _as_phone(typed):
        # Who has ended has no phone by now, but had one when they did.
        until = PatientPhone.ended_at.is_not_distinct_from(Patient.ended_at)
        theirs = exists().where(PatientPhone.patient_id == Patient.id, PatientPhone.number == number, until)
        return session.scalars(wanted.where(theirs)).all()
    if born := _as_date(typed):
        return session.scalars(wanted.where(Patient.birth_date == born)).all()
    for word in names.fold(typed).split()[:5]:
        wanted = wanted.where(
            or_(
                Patient.search_name.startswith(word, autoescape=True),
                Patient.search_name.contains(f" {word}", autoescape=True),
            )
        )
    return session.scalars(wanted).all()


def _as_phone(typed: str) -> str | None:
    if sum(char.isdigit() for char in typed) < 10:  # noqa: PLR2004  digits of a US number
        return None
    try:
        return phones.e164(typed)
    except phones.NotAPhone:
        return None


def _as_date(typed: str) -> date | None:
    try:
        return date.fromisoformat(typed.strip())
    except ValueError:
        return None


def these(staff: StaffMember, ids: Sequence[uuid.UUID]) -> Sequence[Patient]:
    """Those of these patients whom `staff` may find, by name."""
    wanted = visible_to(staff, Action.FIND_PATIENTS).where(Patient.id.in_(ids), _STILL_KNOWN)
    return session.scalars(wanted.order_by(Patient.search_name, Patient.id)).all()


def recent(staff: StaffMember, limit: int = 12) -> Sequence[Patient]:
    """The patients registered last."""
    return session.scalars(
        visible_to(staff, Action.FIND_PATIENTS).where(_HERE).order_by(Patient.created_at.desc()).limit(limit)
    ).all()


def possible_duplicates(  # noqa: PLR0913  what two records are compared by
    staff: StaffMember,
    *,
    given_name: str,
    family_name: str,
    birth_date: date,
    phone: str,
    besides: uuid.UUID | None = None,
) -> Sequence[Patient]:
    """Patients who may be the same person: born on the same day with a name in common, or a name and a phone in common.

    A warning, never a refusal: twins share a birth date and families share a phone. Who has moved away or was taken
    for dead is among them: they may be back.
    """
    folded = names.fold(f"{family_name} {given_name}").split()
    alike = or_(*[func.strpos(Patient.search_name, word) > 0 for word in folded]) if folded else false()
    number = _as_phone(phone)
    same_phone = (
        Patient.id.in_(
            select(PatientPhone.patient_id).where(PatientPhone.number == number, PatientPhone.ended_at.is_(None))
        )
        if number
        else false()
    )
    wanted = visible_to(staff, Action.FIND_PATIENTS).where(
        _STILL_KNOWN, and_(alike, or_(Patient.birth_date == birth_date, same_phone))
    )
    if besides:
        wanted = wanted.where(Patient.id != besides)
    return session.scalars(wanted.order_by(Patient.search_name).limit(5)).all()


def agreed_to_be_known(
    organization_id: uuid.UUID, *, given_name: str, family_name: str, birth_date: date, phone: str
) -> Sequence[Patient]:
    """Who has this name, birthday and phone, all three, and agreed that this organization may know of them; at most 2.

    For the platform itself: whoever asks must not be told the answer.
    """
    number = _as_phone(phone)
    if number is None:
        return []
    alike = session.scalars(
        select(Patient)
        .where(
            _HERE,
            Patient.birth_date == birth_date,
            Patient.search_name == names.fold(f"{family_name} {given_name}"),
            Patient.id.in_(with_phone(number)),
        )
        .order_by(Patient.id)
        .limit(AT_MOST_ALIKE)
    )
    return [patient for patient in alike if may_tell(patient.id, organization_id)][:2]


def current_phones(patient_id: uuid.UUID) -> Sequence[PatientPhone]:
    return session.scalars(
        select(PatientPhone)
        .where(PatientPhone.patient_id == patient_id, PatientPhone.ended_at.is_(None))
        .order_by(PatientPhone.added_at)
    ).all()


def patients_with_phone(number: str) -> Sequence[Patient]:
    """Everybody who can be reached under this number now. For the platform itself: it asks for nobody's permission."""
    return session.scalars(_PATIENTS_WITH_PHONE, {"number": number}).all()


def with_phone(number: str | BindParameter[str]) -> Select[uuid.UUID]:
    """The ids of everybody who can be reached under this number now, for a query that goes on from there."""
    return select(PatientPhone.patient_id).where(PatientPhone.number == number, PatientPhone.ended_at.is_(None))


_PATIENTS_WITH_PHONE = (
    select(Patient)
    .where(Patient.id.in_(with_phone(bindparam("number"))))
    .order_by(Patient.created_at)
    .options(joinedload(Patient.safe_contact), lazyload(Patient.phones))  # a text is read on every answer
)


def had_phone(numbers: Collection[str], by: datetime) -> Sequence[PatientPhone]:
    """Those of these numbers that reach a patient now and did so before `by`. For the platform itself."""
    return session.scalars(
        select(PatientPhone).where(
            PatientPhone.number.in_(numbers), PatientPhone.ended_at.is_(None), PatientPhone.added_at < by
        )
    ).all()


def is_shared(number: str) -> bool:
    """Whether more than one patient can be reached under this number now."""
    users = select(PatientPhone.id).where(PatientPhone.number == number, PatientPhone.ended_at.is_(None)).limit(2)
    return len(session.scalars(users).all()) > 1


def has_consent(patient_id: uuid.UUID, kind: ConsentKind) -> bool:
    """Whether the newest consent of this kind was given and has not run out; it may be for some organizations only."""
    return _held(patient_id, kind) is not None


def may_tell(patient_id: uuid.UUID, organization_id: uuid.UUID) -> bool:
    """Whether this organization may be told about the patient."""
    held = _held(patient_id, ConsentKind.SHARE)
    return held is not None and (held.organization_ids is None or organization_id in held.organization_ids)


def may_tell_only(patient_id: uuid.UUID) -> frozenset[uuid.UUID] | None:
    """The only organizations that the sharing consent is for; None when it names none, or there is no consent."""
    held = _held(patient_id, ConsentKind.SHARE)
    return None if held is None or held.organization_ids is None else frozenset(held.organization_ids)


def _held(patient_id: uuid.UUID, kind: ConsentKind) -> Consent | None:
    newest = session.scalar(
        select(Consent)
        .where(Consent.patient_id == patient_id, Consent.kind == kind)
        .order_by(Consent.entry.desc())
        .limit(1)
    )
    held = newest is not None and newest.given and (newest.until is None or newest.until > clock.now())
    return newest if held else None


def traits(patient_id: uuid.UUID) -> dict[Trait, bool]:
    """What the patient told of themselves for matching; what is missing was not told."""
    told = select(PatientTrait.trait, PatientTrait.holds).where(PatientTrait.patient_id == patient_id)
    return dict(session.execute(told).all())


def consents(patient_id: uuid.UUID) -> Sequence[Consent]:
    """All that was ever agreed or refused, newest first."""
    return session.scalars(select(Consent).where(Consent.patient_id == patient_id).order_by(Consent.entry.desc())).all()


@dataclass(frozen=True)
class Reach:
    """How a patient may be texted now: the phone, or else why not."""

    phone: str | None
    why_not: str | None = None
    """ended, no-consent, text-nothing, no-phone."""


def reach(patient: Patient) -> Reach:
    """Whether and where this patient may be texted, by consent and by the safe-contact plan."""
    if patient.ended:
        return Reach(None, "ended")
    if patient.safe_contact and patient.safe_contact.text_nothing:
        return Reach(None, "text-nothing")
    if not has_consent(patient.id, ConsentKind.TEXT):
        return Reach(None, "no-consent")
    numbers = current_phones(patient.id)
    return Reach(numbers[0].number) if numbers else Reach(None, "no-phone")


def region(patient: Patient) -> str:
    """The US state a patient lives in, in two letters: where their ZIP code is, else what was written down."""
    place = zips.locate("", "", patient.postal_code)
    return place.state if place else patient.state.strip().upper()


# Pauses


def paused_now() -> ColumnElement[bool]:
    """Whether a pause holds at this moment, as `pauses.holds` says."""
    return and_(Pause.ended_at.is_(None), Pause.until > clock.now())


def pause_of(patient_id: uuid.UUID) -> Pause | None:
    """The pause that this patient has now."""
    return session.scalar(select(Pause).where(Pause.patient_id == patient_id, paused_now()))


def is_paused(patient_id: uuid.UUID) -> bool:
    """Whether nothing may be asked of this patient now."""
    return pause_of(patient_id) is not None


def pauses_of(patient_ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, Pause]:
    """By patient, the pause that each of them has now; who has none is not there."""
    held = session.scalars(select(Pause).where(Pause.patient_id.in_(patient_ids), paused_now()))
    return {pause.patient_id: pause for pause in held}


def paused_with(pause: Pause) -> Sequence[Patient]:
    """The others who were paused together with this one and still are, by name."""
    others = select(Pause.patient_id).where(Pause.group_id == pause.group_id, Pause.id != pause.id, paused_now())
    return session.scalars(select(Patient).where(Patient.id.in_(others)).order_by(Patient.search_name)).all()


def paused_patients(staff: StaffMember) -> Sequence[tuple[Patient, Pause]]:
    """Who is paused now, whoever is back first on top."""
    rows = session.execute(
        visible_to(staff)
        .join(Pause, Pause.patient_id == Patient.id)
        .where(paused_now(), _HERE)
        .add_columns(Pause)
        .order_by(Pause.until, Patient.search_name)
    )
    return [(patient, pause) for patient, pause in rows]


# Households


MOST_IN_A_HOUSEHOLD = 8


def households(patients: Collection[Patient]) -> Mapping[uuid.UUID, Sequence[Patient]]:
    """By patient, who else of their team lives at the same address or uses the same phone; at most eight each.

    A hint for whoever goes there, never a fact: neighbors in one house without apartment numbers look alike.
    """
    if not patients:
        return {}
    ids = [patient.id for patient in patients]
    me, other = aliased(Patient), aliased(Patient)
    mine, theirs = aliased(PatientPhone), aliased(PatientPhone)
    same_phone = (
        select(mine.patient_id.label("whose"), theirs.patient_id.label("member"))
        .join(theirs, and_(theirs.number == mine.number, theirs.ended_at.is_(None)))
        .where(mine.patient_id.in_(ids), mine.ended_at.is_(None))
    )
    same_door = (
        select(me.id, other.id)
        .join(other, and_(other.postal_code == me.postal_code, func.lower(other.line1) == func.lower(me.line1)))
        .where(me.id.in_(ids), me.line1 != "")
    )
    together = union(same_phone, same_door).subquery()
    teams = {patient.id: patient.team_id for patient in patients}
    found: dict[uuid.UUID, list[Patient]] = {}
    for whose, member in session.execute(
        select(together.c.whose, Patient)
        .join(Patient, Patient.id == together.c.member)
        .where(together.c.whose != together.c.member, Patient.ended.is_(None))
        .order_by(Patient.search_name, Patient.id)
        .options(lazyload(Patient.phones), lazyload(Patient.safe_contact))
    ):
        members = found.setdefault(whose, [])
        if member.team_id == teams[whose] and len(members) < MOST_IN_A_HOUSEHOLD:
            members.append(member)
    return found
