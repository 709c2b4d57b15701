"""What can be done at an organization that answers without an account: be a contact, say who one is, answer, ask.

Nothing here sends. `notices` writes to contacts, `texting` reads what they text, `room` asks whether there is any.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from app import clock, sealed
from app.agencies import codes, queries
from app.agencies.models import Contact, Introduction, Link, Origin, Question, ReplyCode
from app.audit import operations as audit
from app.config import settings
from app.db import changed, session
from app.errors import DomainError, Invalid, NotFound
from app.events import AgencyUnreached, publish
from app.geography.calendars import Calendar
from app.i18n import STAFF_LANGUAGES
from app.i18n import gettext as _
from app.mail import delivery as mail
from app.patients.models import Patient
from app.patients.phones import NotAPhone, e164
from app.referrals import operations as referrals
from app.referrals.lifecycle import Reason, Status
from app.referrals.models import Referral
from app.screening.models import Need
from app.staff.models import StaffMember
from app.worklist import operations as worklist
from app.worklist.kinds import Kind

LONGEST_NAME = 80
LONGEST_QUESTION = 1000
MOST_CONTACTS = 20
"""Of one organization."""
MOST_QUESTIONS = 10
"""About one referral."""

ANSWERS = "agencies.link"
"""What its links are sealed for."""

WAITLIST = Reason("waitlist")


# Contacts


def add_contact(  # noqa: PLR0913  a contact is this many facts
    organization_id: uuid.UUID,
    *,
    name: str,
    email: str = "",
    phone: str = "",
    language: str = "en",
    service_id: uuid.UUID | None = None,
    by: StaffMember | None,
) -> Contact:
    """Somebody there receives referrals from now on.

    :param service_id: only those of this service.
    :raises Invalid: no name, nothing to reach them by, or what no e-mail or text could reach.
    :raises DomainError: the organization has as many contacts as anybody can look after.
    """
    wrong: dict[str, str] = {}
    name = name_of(name) or ""
    if not name:
        wrong["name"] = _("Say who it is: a name of at most %(most)s characters.", most=LONGEST_NAME)
    address = mail.address(email) if email.strip() else None
    if email.strip() and address is None:
        wrong["email"] = _("Enter an e-mail address such as name@example.org.")
    number = _number(phone)
    if phone.strip() and number is None:
        wrong["phone"] = _("Enter a phone number with its area code, such as 410-555-0123.")
    if not email.strip() and not phone.strip():
        wrong["email"] = _("Enter an e-mail address or a phone number.")
    if service_id and not queries.is_service_of(service_id, organization_id):
        wrong["service_id"] = _("Choose one of your services, or all.")
    if wrong:
        raise Invalid(wrong)
    if len(queries.contacts(organization_id)) >= MOST_CONTACTS:
        raise DomainError(_("There are many contacts already. Take one away first."))
    contact = Contact(
        id=uuid.uuid4(),
        organization_id=organization_id,
        service_id=service_id,
        name=name,
        email=address,
        phone=number,
        language=language if language in STAFF_LANGUAGES else STAFF_LANGUAGES[0],
        origin=Origin.STAFF,
    )
    session.add(contact)
    session.flush()
    audit.record("added contact", "agency contact", contact.id, by=by.id if by else None)
    return contact


def _number(typed: str) -> str | None:
    try:
        return e164(typed) if typed.strip() else None
    except NotAPhone:
        return None


def end_contact(contact: Contact, *, by: StaffMember) -> None:
    """They receive nothing more, and what was sent to them opens nothing any more."""
    if changed(
        update(Contact).where(Contact.id == contact.id, Contact.ended_at.is_(None)).values(ended_at=clock.now())
    ):
        audit.record("took contact away", "agency contact", contact.id, by=by.id)


def contacts_for(organization_id: uuid.UUID, service_id: uuid.UUID) -> Sequence[Contact]:
    """Who is written to about this service: its own contacts, else those of the whole organization.

    Where nobody was ever set and the network allows it, the address that the directory has becomes a contact.
    """
    own = queries.contacts_of_service(organization_id, service_id)
    if own or queries.had_contacts(organization_id) or not settings().contacts_from_directory:
        return own
    listed = queries.address_in_directory(organization_id, service_id)
    address = mail.address(listed.email) if listed else None
    if listed is None or address is None:
        return ()
    session.execute(
        insert(Contact)
        .values(
            id=uuid.uuid4(),
            organization_id=organization_id,
            name=listed.name,
            email=address,
            language=STAFF_LANGUAGES[0],
            origin=Origin.DIRECTORY,
        )
        .on_conflict_do_nothing()  # another referral at the same moment has made it
    )
    return queries.contacts_of_service(organization_id, service_id)


def name_of(typed: str) -> str | None:
    """A name as it is kept and shown; None when there is none, or it is no name for its length."""
    name = mail.one_line(typed)
    return name if 1 < len(name) <= LONGEST_NAME else None


# Links and codes


def link_for(referral: Referral, contact: Contact) -> Link:
    """The link by which this contact answers this referral; there is one."""
    now = clock.now()
    session.execute(
        insert(Link)
        .values(id=uuid.uuid4(), referral_id=referral.id, contact_id=contact.id, renewed_at=now, edition=1)
        .on_conflict_do_nothing(index_elements=[Link.referral_id, Link.contact_id])
    )
    return session.scalars(select(Link).where(Link.referral_id == referral.id, Link.contact_id == contact.id)).one()


def token_of(link: Link) -> str:
    """What stands in the link."""
    return sealed.seal(link.id, ANSWERS, link.edition)


@dataclass(frozen=True)
class Opened:
    """What a link leads to."""

    link: Link
    contact: Contact
    referral: Referral
    current: bool
    """False when a newer edition was sent since, or its contact is one no more."""


def opened(token: str) -> Opened:
    """What a link leads to, whether it still holds or not.

    :raises NotFound: it is not ours.
    """
    link_id, edition = sealed.unseal(token, ANSWERS)
    row = session.execute(
        select(Link, Contact, Referral)
        .join(Contact, Contact.id == Link.contact_id)
        .join(Referral, Referral.id == Link.referral_id)
        .where(Link.id == link_id)
    ).first()
    if row is None:
        raise NotFound(_("This link does not work. Please look at the message it came with."))
    link, contact, referral = row
    return Opened(link, contact, referral, current=link.edition == edition and contact.ended_at is None)


def code_of(referral: Referral) -> str:
    """What this referral is called in texts to and from its agency; it keeps it, and no other there has it."""
    while (known := session.get(ReplyCode, referral.id)) is None:
        taken = set(
            session.scalars(select(ReplyCode.code).where(ReplyCode.organization_id == referral.organization_id))
        )
        free = (code for code in codes.candidates(referral.id.int) if code not in taken)
        code = next(free, None)
        if code is None:
            code = _free_oldest(referral.organization_id)
        new = {"referral_id": referral.id, "organization_id": referral.organization_id, "code": code}
        session.execute(insert(ReplyCode).values(new).on_conflict_do_nothing())
    return known.code


def _free_oldest(organization_id: uuid.UUID) -> str:
    """Every code is taken: the one of the referral that ended first is given to somebody else."""
    oldest = session.scalars(
        select(ReplyCode)
        .join(Referral, Referral.id == ReplyCode.referral_id)
        .where(ReplyCode.organization_id == organization_id, Referral.ended_at.is_not(None))
        .order_by(Referral.ended_at)
        .limit(1)
        .with_for_update(of=ReplyCode)
    ).one()
    code = oldest.code
    session.delete(oldest)
    session.flush()  # its code has to be free before it is given
    return code


# Saying who one is, and answering


def introduce(link: Link, typed: str) -> str:
    """Somebody who opened the link says who they are; the name as it is kept.

    :raises Invalid: that is no name.
    """
    name = name_of(typed)
    if name is None:
        raise Invalid({"name": _("Say who you are: your name, at most %(most)s characters.", most=LONGEST_NAME)})
    session.add(Introduction(link_id=link.id, name=name))
    referrals.mark_seen(session.get_one(Referral, link.referral_id), by=None)
    audit.record("said who they are", "agency link", link.id, by=None)
    return name


def answer(  # noqa: PLR0913  a step is this many facts
    referral_id: uuid.UUID,
    new: Status,
    *,
    name: str,
    how: str,
    reason: Reason | None = None,
    outcome: Reason | None = None,
    promised_by: date | None = None,
) -> bool:
    """Take the step that a contact asks for; False when it stands there already, as after a double tap.

    :param how: link or text.
    :raises DomainError: somebody else has answered otherwise in the meantime, or it has ended.
    :raises Invalid: what the step needs is missing.
    """
    referral = referrals.lock(referral_id)  # of two who answer at once the second sees what the first has said
    if referral.status is new and (reason is None or reason.code == referral.reason_code or new is Status.REJECTED):
        return False
    referrals.say(referral, new, by=None, contact=name, reason=reason, outcome=outcome, promised_by=promised_by)
    audit.record("answered without an account", "referral", referral.id, by=None, how=how, new=new.value)
    return True


def disown(link: Link) -> None:
    """Whoever got it says that it is not for them: it opens nothing more, and somebody finds the right person."""
    if not changed(update(Link).where(Link.id == link.id, Link.disowned_at.is_(None)).values(disowned_at=clock.now())):
        return
    audit.record("said it is not for them", "agency link", link.id, by=None)
    session.flush()
    if not queries.live_links(link.referral_id):
        publish(AgencyUnreached(link.referral_id, "not-for-them"))


# Questions


def ask(link: Link, text: str, *, name: str) -> Question | None:
    """Somebody at the agency wants to know something first: it becomes work for whoever answers for the referral.

    The same words a second time are a double tap and ask nothing new.

    :raises Invalid: nothing is asked, or a novel.
    :raises DomainError: there have been many questions.
    """
    text = text.strip()
    if not text or len(text) > LONGEST_QUESTION:
        raise Invalid({"question": _("Ask in at most %(most)s characters.", most=LONGEST_QUESTION)})
    referral = referrals.lock(link.referral_id)
    asked = queries.questions(referral.id)
    if any(question.text == text and question.answered_at is None for question in asked):
        return None
    if len(asked) >= MOST_QUESTIONS:
        raise DomainError(_("You have asked many questions. Please phone the care team."))
    question = Question(id=uuid.uuid4(), link_id=link.id, referral_id=referral.id, asked_by=name, text=text)
    session.add(question)
    session.flush()
    _have_it_answered(referral)
    return question


def _have_it_answered(referral: Referral) -> None:
    patient = session.get_one(Patient, referral.patient_id)
    need = session.get_one(Need, referral.need_id)
    calendar = Calendar(patient.zone, settings().days_off)
    worklist.ask_person(
        Kind.ANSWER_AGENCY,
        f"referral:{referral.id}:agency-question",
        due_at=calendar.after_working_hours(clock.now(), 1 if need.urgent else 4),
        team_id=patient.team_id,
        owner_id=referral.owner_id,
        patient_id=patient.id,
        referral_id=referral.id,
        urgent=need.urgent,
        why="asked",
    )


def answer_question(question: Question, text: str, *, by: StaffMember) -> None:
    """The care team answers.

    :raises Invalid: no answer, or a novel.
    :raises DomainError: somebody else was faster.
    """
    text = text.strip()
    if not text or len(text) > LONGEST_QUESTION:
        raise Invalid({"answer": _("Answer in at most %(most)s characters.", most=LONGEST_QUESTION)})
    first = update(Question).where(Question.id == question.id, Question.answered_at.is_(None))
    if not changed(first.values(answer=text, answered_at=clock.now(), answered_by_id=by.id)):
        raise DomainError(_("Somebody else has already answered this."))
    audit.record("answered an agency", "referral", question.referral_id, by=by.id)
    session.flush()
    if all(other.answered_at for other in queries.questions(question.referral_id)):
        worklist.settle({Kind.ANSWER_AGENCY}, referral_id=question.referral_id)


def forget(patient_id: uuid.UUID) -> None:
    """Blank what was asked and answered about this patient. That there was a question, when and by whom stays."""
    theirs = select(Referral.id).where(Referral.patient_id == patient_id)
    asked = update(Question).where(Question.referral_id.in_(theirs))
    session.execute(asked.values(text="").execution_options(synchronize_session=False))
    session.execute(
        asked.where(Question.answer.is_not(None)).values(answer="").execution_options(synchronize_session=False)
    )
