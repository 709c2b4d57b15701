from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select

from app import clock
from app.audit import operations as audit
from app.db import session
from app.errors import DomainError, Invalid
from app.events import ConsentGiven, ConsentRevoked, PatientMoved, publish
from app.geography import operations as geography
from app.i18n import LANGUAGES
from app.i18n import gettext as _
from app.patients import names, phones, queries
from app.patients.models import Consent, ConsentKind, Patient, PatientPhone, SafeContact
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
    """
    zone = patient.time_zone
    _write(patient, particulars)
    _set_phone(patient, particulars.phone)
    audit.record("changed", "patient", patient.id, by=by.id)
    if patient.time_zone != zone:
        publish(PatientMoved(patient.id, patient.time_zone))


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
        place = geography.geocode(address.line1, address.city, address.state, address.postal_code)
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
) -> Consent:
    """Add what the patient said to the record. The newest row of a kind is what holds; none is ever changed.

    Revoking acts at once: whoever listens to `ConsentRevoked` stops sharing and texting in this transaction.
    """
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
        recorded_by_id=by.id if by else None,
    )
    session.add(consent)
    session.flush()  # reactions ask the database what holds now
    audit.record(
        "consent given" if given else "consent refused", "patient", patient.id, by=by.id if by else None, kind=kind
    )
    if given and not held:
        publish(ConsentGiven(patient.id, kind.value))
    if held and not given:
        publish(ConsentRevoked(patient.id, kind.value))
    return consent


def choose_language(patient: Patient, language: str, *, how: str) -> None:
    """Speak and write to this patient in `language` (BCP 47) from now on, because they asked for it."""
    audit.record("chose language", "patient", patient.id, by=None, how=how, old=patient.language, new=language)
    patient.language = language


def set_safe_contact(patient: Patient, *, text_nothing: bool, voicemail_ok: bool, note: str, by: StaffMember) -> None:
    """How this patient can be reached without danger. “Text nothing” cancels what is waiting, at once."""
    plan = patient.safe_contact or SafeContact(patient_id=patient.id)
    stops = text_nothing and not plan.text_nothing
    plan.text_nothing, plan.voicemail_ok, plan.note = text_nothing, voicemail_ok, note.strip()
    plan.changed_at, plan.changed_by_id = clock.now(), by.id
    patient.safe_contact = plan
    audit.record("safe contact", "patient", patient.id, by=by.id, text_nothing=text_nothing)
    if stops:
        publish(ConsentRevoked(patient.id, ConsentKind.TEXT.value))
