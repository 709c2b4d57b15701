from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import delete, select, update

from app import clock
from app.audit import operations as audit
from app.db import changed, session
from app.errors import DomainError, Invalid
from app.events import (
    ConsentGiven,
    ConsentLimited,
    ConsentRevoked,
    PatientEnded,
    PatientMoved,
    PatientPaused,
    PatientResumed,
    PatientReturned,
    publish,
)
from app.geography import operations as geography
from app.i18n import LANGUAGES
from app.i18n import gettext as _
from app.patients import endings, names, pauses, phones, queries
from app.patients.endings import Ending
from app.patients.models import NOBODY, Consent, ConsentKind, Patient, PatientPhone, PatientTrait, Pause, SafeContact
from app.patients.pauses import Why
from app.patients.traits import Trait
from app.patients.wordings import WORDINGS, Wording
from app.staff.models import StaffMember

OLDEST = timedelta(days=130 * 366)
CONSENT_WORDING = {ConsentKind.SHARE: "share-1", ConsentKind.TEXT: "text-1"}


@dataclass(frozen=True)
class Address:
    line1: str
    city: str
    state: str
    postal_code: str


@dataclass(frozen=True)
class Particulars:
    """What is known of a patient, as it was typed."""

    given_name: str
    family_name: str
    birth_date: date
    phone: str
    language: str
    address: Address


def words_to_read(kind: ConsentKind) -> Wording:
    """What is read out today before somebody agrees to this."""
    return WORDINGS[CONSENT_WORDING[kind]]


def register(particulars: Particulars, *, consent: Mapping[ConsentKind, bool], how: str, by: StaffMember) -> Patient:
    """A new patient of the team of `by`, who becomes the person responsible for them.

    A consent that was asked for and refused is recorded as well: nobody has to ask again.

    :raises Invalid: naming each field that cannot be used.
    """
    if by.team_id is None:
        raise DomainError(_("Only somebody of a care team can register a patient."))
    patient = Patient(id=uuid.uuid4(), team_id=by.team_id, lead_id=by.id, registered_by_id=by.id)
    session.add(patient)
    with session.no_autoflush:
        _write(patient, particulars)
    session.flush()  # consents and phones below point to the row
    _set_phone(patient, particulars.phone)
    for kind, given in consent.items():
        record_consent(patient, kind, given=given, how=how, language=particulars.language, by=by)
    audit.record("registered", "patient", patient.id, by=by.id)
    return patient


def change(patient: Patient, particulars: Particulars, *, by: StaffMember) -> None:
    """Correct what is known of a patient; what was sent before stays as it was.

    :raises Invalid: naming each field that cannot be used.
    :raises DomainError: they have died, moved away or been deleted.
    """
    refuse_ended(patient)
    lived = patient.time_zone, queries.region(patient)
    _write(patient, particulars)
    _set_phone(patient, particulars.phone)
    audit.record("changed", "patient", patient.id, by=by.id)
    lives = patient.time_zone, queries.region(patient)
    if lives != lived:
        publish(PatientMoved(patient.id, *lives))


# The end of it


def present(patient_id: uuid.UUID) -> Patient:
    """The patient, who stays one of ours until this transaction ends. Locked before their referrals and needs.

    :raises DomainError: they have died, moved away or been deleted.
    """
    patient = _locked(patient_id)
    refuse_ended(patient)
    return patient


def _locked(patient_id: uuid.UUID) -> Patient:
    # Not the strongest lock: a row that only points to the patient may be written meanwhile.
    held = select(Patient).where(Patient.id == patient_id).with_for_update(key_share=True)
    return session.scalars(held.execution_options(populate_existing=True)).one()


def refuse_ended(patient: Patient) -> None:
    """Nothing, while the patient is one of ours.

    :raises DomainError: one sentence saying why nothing can be begun for them.
    """
    if patient.ended:
        raise DomainError(endings.refused(patient.ended))


def end(patient_id: uuid.UUID, how: Ending, *, by: StaffMember) -> Patient:
    """Record that a patient has died, has moved away, or wants their data deleted: nothing more is done for them.

    Whoever is deleted may have moved away before. Their numbers are nobody's from now on; consents, opt-outs and
    which text went where and when are kept, as the law asks.

    :raises DomainError: they have ended before.
    """
    patient = _locked(patient_id)
    if patient.ended and (how is not Ending.DELETED or patient.ended is Ending.DELETED):
        raise DomainError(endings.refused(patient.ended))
    now = clock.now()
    numbers = queries.current_phones(patient.id)
    for phone in numbers:
        phone.ended_at = now
    if how is Ending.DELETED:
        _forget(patient)
    patient.ended, patient.ended_at, patient.ended_by_id = how, now, by.id
    session.flush()  # reactions ask the database
    session.expire(patient, ["phones", "safe_contact"])
    audit.record("ended", "patient", patient.id, by=by.id, how=how.value)
    publish(PatientEnded(patient.id, how.value, tuple(phone.number for phone in numbers)))
    return patient


def _forget(patient: Patient) -> None:
    """Blank what says who they were. Of the birth date the year stays, for the numbers by age."""
    patient.given_name = NOBODY
    patient.family_name = patient.search_name = patient.line1 = patient.city = patient.state = patient.postal_code = ""
    patient.birth_date = date(patient.birth_date.year, 1, 1)
    patient.latitude = patient.longitude = None
    if patient.safe_contact:
        session.delete(patient.safe_contact)
    session.execute(update(Pause).where(Pause.patient_id == patient.id).values(note=""))
    session.execute(delete(PatientTrait).where(PatientTrait.patient_id == patient.id))


def take_back_ending(patient_id: uuid.UUID, *, by: StaffMember) -> Patient:
    """It was a mistake: the patient is one of ours again, under the numbers that nobody else has got since.

    :raises DomainError: they have not ended, or their data are gone.
    """
    patient = _locked(patient_id)
    if patient.ended is None or patient.ended_at is None:
        raise DomainError(_("Nothing is recorded that could be taken back."))
    if patient.ended is Ending.DELETED:
        raise DomainError(endings.refused(patient.ended))
    since = patient.ended_at
    _give_phones_back(patient.id, since)
    patient.ended = patient.ended_at = patient.ended_by_id = None
    session.flush()  # reactions ask the database
    session.expire(patient, ["phones"])
    audit.record("ending taken back", "patient", patient.id, by=by.id)
    publish(PatientReturned(patient.id, since))
    return patient


def _give_phones_back(patient_id: uuid.UUID, since: datetime) -> None:
    theirs = select(PatientPhone).where(PatientPhone.patient_id == patient_id, PatientPhone.ended_at == since)
    for phone in session.scalars(theirs).all():
        passed_on = select(PatientPhone.id).where(PatientPhone.number == phone.number, PatientPhone.added_at > since)
        if session.scalar(passed_on.limit(1)) is None:
            phone.ended_at = None


def note_seen(patient_id: uuid.UUID, *, by: StaffMember) -> None:
    """Leave in the audit log that `by` looked at this patient's record."""
    audit.record("saw", "patient", patient_id, by=by.id)


def _write(patient: Patient, particulars: Particulars) -> None:
    wrong: dict[str, str] = {}
    today = clock.now().date()
    if not particulars.given_name.strip():
        wrong["given_name"] = _("Enter a given name.")
    if not particulars.family_name.strip():
        wrong["family_name"] = _("Enter a family name.")
    if particulars.birth_date > today or particulars.birth_date < today - OLDEST:
        wrong["birth_date"] = _("Enter a birth date in the past, such as 1985-03-27.")
    if particulars.language not in LANGUAGES:
        wrong["language"] = _("Choose one of the languages of the list, such as en or es.")
    if particulars.phone.strip():
        try:
            phones.e164(particulars.phone)
        except phones.NotAPhone:
            wrong["phone"] = _("Enter a phone number with its area code, such as 410-555-0123.")
    address = particulars.address
    place = None
    try:
        place = geography.geocode(
            address.line1, address.city, address.state, address.postal_code, whose=geography.Whose.PATIENT
        )
    except Invalid as invalid:
        wrong |= {f"address.{field}": sentence for field, sentence in invalid.fields.items()}
    if place is None and not wrong:
        wrong["address.postal_code"] = _("Enter a ZIP code that exists, such as 21215.")
    if wrong or place is None:
        raise Invalid(wrong)
    patient.given_name = particulars.given_name.strip()
    patient.family_name = particulars.family_name.strip()
    patient.search_name = names.fold(f"{particulars.family_name} {particulars.given_name}")
    patient.birth_date = particulars.birth_date
    patient.language = particulars.language
    patient.line1 = address.line1.strip()
    patient.city = address.city.strip() or place.city
    patient.state = address.state.strip().upper() or place.state
    patient.postal_code = address.postal_code.strip()[:5]
    patient.latitude, patient.longitude = place.latitude, place.longitude
    patient.place_precision = place.precision
    patient.time_zone = place.time_zone


def _set_phone(patient: Patient, typed: str) -> None:
    """Make `typed` the patient's number; an earlier one is ended, not forgotten."""
    number = phones.e164(typed) if typed.strip() else None
    current = queries.current_phones(patient.id)
    for phone in current:
        if phone.number != number:
            phone.ended_at = clock.now()
    if number and number not in {phone.number for phone in current}:
        session.add(PatientPhone(patient_id=patient.id, number=number))
    session.flush()  # so that the relationship, read next, shows the new number
    session.expire(patient, ["phones"])


def take_number(patient: Patient, number: str, *, by: StaffMember) -> None:
    """`number` (E.164) is the patient's from now on; the one of before is ended, not forgotten."""
    _set_phone(patient, number)
    audit.record("took a number", "patient", patient.id, by=by.id)


def unlink_phone(number: str) -> list[uuid.UUID]:
    """End `number` for every patient who has it and say whose it was."""
    rows = session.scalars(
        select(PatientPhone).where(PatientPhone.number == number, PatientPhone.ended_at.is_(None))
    ).all()
    for row in rows:
        row.ended_at = clock.now()
    return [row.patient_id for row in rows]


def record_consent(  # noqa: PLR0913  a consent is this many facts
    patient: Patient,
    kind: ConsentKind,
    *,
    given: bool,
    how: str,
    language: str,
    by: StaffMember | None,
    phone: str | None = None,
    only: Collection[uuid.UUID] | None = None,
) -> Consent:
    """Add what the patient said to the record. The newest row of a kind is what holds; none is ever changed.

    Revoking acts at once: whoever listens to `ConsentRevoked` stops sharing and texting in this transaction. Agreeing
    anew counts as well: a phone that was lost to somebody else may be theirs again.

    :param only: the only organizations that may be told; None is all that are chosen together.
    :raises DomainError: they have died, moved away or been deleted.
    """
    refuse_ended(patient)
    held = queries.has_consent(patient.id, kind)
    consent = Consent(
        patient_id=patient.id,
        kind=kind,
        given=given,
        how=how,
        wording=CONSENT_WORDING[kind],
        language=language,
        at=clock.now(),
        phone=phone,
        organization_ids=sorted(only) if only and given else None,
        recorded_by_id=by.id if by else None,
    )
    session.add(consent)
    session.flush()  # reactions ask the database what holds now
    audit.record(
        "consent given" if given else "consent refused", "patient", patient.id, by=by.id if by else None, kind=kind
    )
    if given:
        publish(ConsentGiven(patient.id, kind.value))
    if consent.organization_ids:
        publish(ConsentLimited(patient.id, tuple(consent.organization_ids)))
    if held and not given:
        publish(ConsentRevoked(patient.id, kind.value))
    return consent


def choose_language(patient: Patient, language: str, *, how: str) -> None:
    """Speak and write to this patient in `language` (BCP 47) from now on, because they asked for it."""
    audit.record("chose language", "patient", patient.id, by=None, how=how, old=patient.language, new=language)
    patient.language = language


def keep_traits(patient: Patient, told: Mapping[Trait, bool], *, by: StaffMember) -> None:
    """Keep what the patient told of themselves, and forget what they do not tell any more.

    The log says that something was told, never what.

    :raises DomainError: they have died, moved away or been deleted.
    """
    refuse_ended(patient)
    session.execute(delete(PatientTrait).where(PatientTrait.patient_id == patient.id))
    session.add_all(PatientTrait(patient_id=patient.id, trait=trait, holds=holds) for trait, holds in told.items())
    session.flush()
    audit.record("asked what helps to match", "patient", patient.id, by=by.id)


def set_safe_contact(patient: Patient, *, text_nothing: bool, voicemail_ok: bool, note: str, by: StaffMember) -> None:
    """How this patient can be reached without danger. “Text nothing” cancels what is waiting, at once.

    :raises DomainError: they have died, moved away or been deleted.
    """
    refuse_ended(patient)
    plan = patient.safe_contact or SafeContact(patient_id=patient.id)
    stops = text_nothing and not plan.text_nothing
    plan.text_nothing, plan.voicemail_ok, plan.note = text_nothing, voicemail_ok, note.strip()
    plan.changed_at, plan.changed_by_id = clock.now(), by.id
    patient.safe_contact = plan
    audit.record("safe contact", "patient", patient.id, by=by.id, text_nothing=text_nothing)
    if stops:
        publish(ConsentRevoked(patient.id, ConsentKind.TEXT.value))


# Pauses


def pause(patients: Collection[Patient], why: Why, until: date, *, by: StaffMember, note: str = "") -> uuid.UUID:
    """Leave these patients, who belong together, alone until `until` begins where the first of them lives.

    Who is paused already is so until the new day, for the new reason.

    :returns: the id of the group they are paused in.
    :raises Invalid: the day is not to come, or too far away.
    :raises DomainError: one of them has died, moved away or been deleted.
    """
    group_id, now = uuid.uuid4(), clock.now()
    for patient in sorted(patients, key=lambda one: one.id):
        refuse_ended(_locked(patient.id))
        zone = patient.zone
        if not pauses.fits(until, now.astimezone(zone).date()):
            raise Invalid({"until": _("Choose a day from tomorrow on, at most three months ahead.")})
        since = _replaced(patient.id, by)
        session.add(
            Pause(
                patient_id=patient.id,
                group_id=group_id,
                why=why,
                note=note.strip(),
                since=since or now,
                until=pauses.ends_at(until, zone),
                begun_by_id=by.id,
            )
        )
        audit.record("paused", "patient", patient.id, by=by.id, why=why.value, until=until.isoformat())
        session.flush()  # reactions ask the database
        publish(PatientPaused(patient.id))
    return group_id


def _replaced(patient_id: uuid.UUID, by: StaffMember) -> datetime | None:
    """End the pause that a new one takes the place of, and say since when its patient has been left alone."""
    held = session.scalar(select(Pause).where(Pause.patient_id == patient_id, Pause.ended_at.is_(None)))
    if held is None:
        return None
    if held.until <= clock.now():
        _end_pause(held, held.until, None)
        return None
    held.ended_at, held.ended_by_id = clock.now(), by.id
    session.flush()  # one pause at a time, the database says
    return held.since


def resume(group_id: uuid.UUID, *, by: StaffMember, only: uuid.UUID | None = None) -> int:
    """End the pause of everybody in this group, or of one of them, before its day; how many that were."""
    mine = select(Pause).where(Pause.group_id == group_id, Pause.ended_at.is_(None))
    if only:
        mine = mine.where(Pause.patient_id == only)
    return sum(_end_pause(held, clock.now(), by) for held in session.scalars(mine.order_by(Pause.patient_id)).all())


def end_pauses(limit: int = 200) -> int:
    """Let go on what waits for those whose day has come; how many that were. Doing it again changes nothing."""
    over = (
        select(Pause)
        .where(Pause.ended_at.is_(None), Pause.until <= clock.now())
        .order_by(Pause.until)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return sum(_end_pause(held, held.until, None) for held in session.scalars(over).all())


def _end_pause(held: Pause, ended: datetime, by: StaffMember | None) -> bool:
    """Whether it was this call that ended it."""
    this = update(Pause).where(Pause.id == held.id, Pause.ended_at.is_(None))
    if not changed(this.values(ended_at=ended, ended_by_id=by.id if by else None)):
        return False
    audit.record("resumed", "patient", held.patient_id, by=by.id if by else None)
    publish(PatientResumed(held.patient_id, held.since, ended))
    return True
