from __future__ import annotations

import uuid
from collections.abc import Mapping

from sqlalchemy import bindparam, select, update

from app import clock
from app.audit import operations as audit
from app.db import session
from app.errors import DomainError, Invalid
from app.events import NeedsFound, publish
from app.i18n import gettext as _
from app.patients import operations as patients
from app.patients.models import Patient
from app.screening import instruments, scoring
from app.screening.instruments import LIBRARY, Edition, Instrument
from app.screening.models import Need, NeedStatus, Screening
from app.screening.scoring import FoundNeed, Given
from app.staff.models import StaffMember

LIVE = (
    NeedStatus.IDENTIFIED,
    NeedStatus.WANTS_HELP,
    NeedStatus.PLANNED,
    NeedStatus.IN_PROGRESS,
    NeedStatus.UNMET,
)


def instrument_of(screening: Screening) -> Instrument:
    """The very wording that was used, also when there is a newer version by now."""
    return LIBRARY[Edition(screening.instrument, screening.version)]


def start(patient: Patient, instrument_code: str, language: str, *, by: StaffMember) -> Screening:
    """Begin a conversation along the instrument's newest version.

    :raises Invalid: no such instrument, or it is not there in this language.
    :raises DomainError: the patient has died, moved away or been deleted.
    """
    patients.present(patient.id)
    try:
        instrument = instruments.current(instrument_code)
    except instruments.UnknownInstrument as error:
        raise Invalid({"instrument": str(error)}) from error
    if language not in instrument.languages:
        raise Invalid(
            {"language": _("These questions are there in: %(languages)s.", languages=", ".join(instrument.languages))}
        )
    screening = Screening(
        id=uuid.uuid4(),
        patient_id=patient.id,
        instrument=instrument.code,
        version=instrument.version,
        language=language,
        answers={},
        scores={},
        started_by_id=by.id,
    )
    session.add(screening)
    session.flush()  # needs point to the row
    audit.record("started screening", "patient", patient.id, by=by.id, instrument=instrument.code)
    return screening


def answer(screening: Screening, given: Mapping[str, Given]) -> None:
    """Keep these answers with the ones given before; giving one again changes it.

    :raises Invalid: a sentence for each answer that cannot be used; then none of them is kept.
    :raises DomainError: the screening is complete, or the patient has died, moved away or been deleted.
    """
    patients.present(screening.patient_id)
    session.refresh(screening, with_for_update=True)  # two quick taps must not lose an answer
    if screening.completed_at:
        raise DomainError(_("This screening is complete. Start a new one to ask again."))
    instrument = instrument_of(screening)
    new = {_own_code(instrument, key): value for key, value in given.items()}
    together = {**screening.answers, **new}
    wrong = scoring.validate(instrument, together)
    if blamed := {f"answers.{code}": sentence for code, sentence in wrong.items() if code in new}:
        raise Invalid(blamed)
    screening.answers = scoring.canonical(instrument, together)


def _own_code(instrument: Instrument, key: str) -> str:
    """Our code for a question, so that a LOINC code replaces an earlier answer instead of joining it."""
    question = instrument.question(key)
    return question.code if question else key


def complete(screening: Screening, *, by: StaffMember) -> list[Need]:
    """Close the conversation and record the needs it found, each with the answers it came from.

    A need of the same kind that is still live is the same need: it takes the new answers and is not made twice.

    :raises DomainError: it was completed before, or the patient has died, moved away or been deleted.
    """
    # Two screenings of one patient that end together must find one need between them, not one each.
    patients.present(screening.patient_id)
    closing = update(Screening).where(Screening.id == screening.id, Screening.completed_at.is_(None))
    won = session.execute(closing.values(completed_at=clock.now()).returning(Screening.id)).first()
    if won is None:
        raise DomainError(_("This screening is complete. Start a new one to ask again."))
    session.refresh(screening)
    result = scoring.score(instrument_of(screening), screening.answers)
    screening.scores = {
        code: {"value": score.value, "loinc": score.loinc, "loinc_value": score.loinc_value}
        for code, score in result.scores.items()
    }
    needs = [_found(screening, found) for found in result.needs]
    session.flush()  # whoever listens asks the database
    audit.record("completed screening", "patient", screening.patient_id, by=by.id, needs=len(needs))
    publish(NeedsFound(screening.id, screening.patient_id, tuple(need.id for need in needs)))
    return needs


def _found(screening: Screening, found: FoundNeed) -> Need:
    need = session.scalar(
        select(Need).where(Need.patient_id == screening.patient_id, Need.kind == found.need, Need.status.in_(LIVE))
    )
    if need is None:
        need = Need(
            id=uuid.uuid4(),
            patient_id=screening.patient_id,
            kind=found.need,
            status=NeedStatus.IDENTIFIED,
            wants_help=None,
        )
        session.add(need)
    need.screening_id = screening.id
    need.urgent = found.urgent
    need.because = [list(pair) for pair in found.because]
    need.codes = {"icd10cm": list(found.icd10cm), "snomed": list(found.snomed)}
    return need


def open_need(patient_id: uuid.UUID, kind: str) -> Need:
    """A need that came to light outside of any screening, and that the patient wants help with.

    One of the same kind that is still live is the same need; if it was only identified, it is wanted from now on.

    :raises DomainError: the patient has died, moved away or been deleted.
    """
    patients.present(patient_id)
    need = session.scalar(
        select(Need).where(Need.patient_id == patient_id, Need.kind == kind, Need.status.in_(LIVE)).limit(1)
    )
    if need is None:
        need = Need(id=uuid.uuid4(), patient_id=patient_id, kind=kind, because=[], codes={})
        session.add(need)
    if need.status in {None, NeedStatus.IDENTIFIED}:
        need.status, need.wants_help = NeedStatus.WANTS_HELP, True
    session.flush()  # a referral that led to it points to the row
    return need


def record(
    patient: Patient, instrument_code: str, language: str, answers: Mapping[str, Given], *, by: StaffMember
) -> tuple[Screening, list[Need]]:
    """A whole screening at once, as the API sends it.

    :raises Invalid: naming the instrument, the language, or each answer that cannot be used.
    """
    screening = start(patient, instrument_code, language, by=by)
    wrong = scoring.validate(instrument_of(screening), answers)
    if wrong:
        raise Invalid({f"answers.{key}": sentence for key, sentence in wrong.items()})
    answer(screening, answers)
    return screening, complete(screening, by=by)


def forget(patient_id: uuid.UUID) -> None:
    """Blank what this patient answered, and which answers their needs came from. That there was a need stays."""
    session.execute(update(Screening).where(Screening.patient_id == patient_id).values(answers={}, scores={}))
    session.execute(update(Need).where(Need.patient_id == patient_id).values(because=[]))


# Not the strongest lock: a row that only points to the need may be written meanwhile.
_LOCKED = (
    select(Need)
    .where(Need.id == bindparam("need_id"))
    .with_for_update(key_share=True)
    .execution_options(populate_existing=True)
)


def locked(need_id: uuid.UUID) -> Need:
    """The need as it stands, held until this transaction ends.

    What is written of a need follows from its referrals, and two of them may move at the same moment: whoever comes
    second waits here and then sees what the first has done. Referrals are locked before needs, never the other way.
    """
    return session.scalars(_LOCKED, {"need_id": need_id}).one()


def decide(need: Need, *, wants_help: bool, by: StaffMember, urgent: bool | None = None) -> None:
    """Record whether the patient wants help with this, and how soon.

    :raises DomainError: help is under way (recall the referral before declining it), or the patient has died, moved
        away or been deleted.
    """
    patients.present(need.patient_id)
    locked(need.id)
    if need.status not in {NeedStatus.IDENTIFIED, NeedStatus.WANTS_HELP, NeedStatus.DECLINES_HELP}:
        raise DomainError(_("Help with this is under way. Recall the referral first."))
    need.wants_help = wants_help
    need.status = NeedStatus.WANTS_HELP if wants_help else NeedStatus.DECLINES_HELP
    if urgent is not None:
        need.urgent = urgent
    session.flush()  # a referral sent next asks the database
    audit.record("decided", "need", need.id, by=by.id, wants_help=wants_help)


def derive_status(need: Need, status: str) -> None:
    """Set what the referrals of a wanted need make of it; one the patient declined stays declined."""
    if need.status is not NeedStatus.DECLINES_HELP:
        need.status = NeedStatus(status)
