"""What is written to the contacts of an agency, and when: one referral, one link, by e-mail and by text.

Nothing in here names or describes a patient: mail is read on shared screens, and phones lie on tables. What is needed
stands behind the link, and who it is for behind the name of whoever opens it.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, timedelta

from app import clock, i18n
from app.agencies import holding, operations, queries
from app.agencies.models import Contact, Link, Question, Renewal
from app.config import settings
from app.db import session
from app.directory import queries as directory
from app.directory import verification
from app.directory.models import Organization
from app.events import AgencyUnreached, publish
from app.i18n import gettext as _
from app.i18n import marked
from app.mail import delivery
from app.mail import operations as mail
from app.messaging import operations as messaging
from app.messaging.delivery import WAITING
from app.patients.models import Patient
from app.referrals import appointments
from app.referrals.lifecycle import Status
from app.referrals.models import Appointment, Referral
from app.staff.models import Team


@dataclass(frozen=True)
class Words:
    """What is said, in the language of its reader. All may name %(network)s, %(organization)s, %(team)s, %(url)s."""

    subject: str
    says: str
    text: str
    """By text; may also name %(code)s."""


ASKED = Words(
    marked("Can %(organization)s help somebody?"),
    marked("%(team)s asks whether %(organization)s can help somebody. See what is needed and answer here:"),
    marked(
        "%(network)s: somebody asks for your help. See and answer: %(url)s\n"
        "Or reply A %(code)s yes, D %(code)s no, FULL %(code)s full, W %(code)s waiting list."
    ),
)
REMINDED = Words(
    marked("Reminder: can %(organization)s help somebody?"),
    marked("Somebody still waits for an answer from %(organization)s. A no helps, too. See it and answer here:"),
    marked(
        "%(network)s: somebody still waits for your answer: %(url)s\n"
        "Or reply A %(code)s yes, D %(code)s no, FULL %(code)s full, W %(code)s waiting list."
    ),
)
RENEWED = Words(
    marked("Your new link"),
    marked("You asked for a new link. Here it is; the one before works no more:"),
    marked("%(network)s: your new link: %(url)s"),
)
ANSWERED = Words(
    marked("The care team has answered your question"),
    marked("%(team)s has answered what you asked. Read it here:"),
    marked("%(network)s: your question is answered: %(url)s"),
)
NOTED = Words(
    marked("The care team has written to you"),
    marked("%(team)s has written something about a request to %(organization)s. Read it here:"),
    marked("%(network)s: the care team has written to you: %(url)s"),
)
LISTED = Words(
    marked("Is what we tell people about you still right?"),
    marked(
        "We send people to %(organization)s with what our directory says of you. Please look at it and tell us, with"
        " one tap for each service, whether it still holds:"
    ),
    marked("%(network)s: is what we tell people about you still right? %(url)s"),
)
TAKEN_BACK = Words(
    marked("No longer needed"),
    marked("A request to %(organization)s is no longer needed. There is nothing for you to do. Thank you."),
    marked("%(network)s: the request %(code)s is no longer needed. Thank you."),
)

WANTED = {
    "contact": Words(
        marked("Please get in touch with somebody you accepted"),
        marked("Somebody whom %(organization)s accepted has not heard from you. Please contact them by %(day)s:"),
        marked("%(network)s: somebody you accepted (%(code)s) waits to hear from you. By %(day)s, please: %(url)s"),
    ),
    "capacity": Words(
        marked("Do you still take people in?"),
        marked("Somebody was told that %(organization)s is full. Please say whether you take people in:"),
        marked("%(network)s: somebody was told that you are full. Do you take people in? %(url)s"),
    ),
    "new-time": Words(
        marked("Another time is needed"),
        marked("Somebody cannot come at the time you agreed on. Please offer another one by %(day)s:"),
        marked("%(network)s: somebody (%(code)s) cannot come. Please offer another time by %(day)s: %(url)s"),
    ),
}
"""What the platform may want of an agency that has a referral, by the codes of `AgencyAsked`."""

APPOINTMENT = {
    "made": Words(
        marked("An appointment"),
        marked("An appointment with somebody whom %(organization)s accepted is attached. See or change it here:"),
        marked("%(network)s: an appointment was made (%(code)s). See or change it: %(url)s"),
    ),
    "moved": Words(
        marked("An appointment has another time"),
        marked("An appointment of %(organization)s has another time. The new one is attached. See it here:"),
        marked("%(network)s: an appointment (%(code)s) has another time: %(url)s"),
    ),
    "cancelled": Words(
        marked("An appointment was called off"),
        marked("An appointment of %(organization)s was called off. What is attached takes it out of your calendar."),
        marked("%(network)s: an appointment (%(code)s) was called off: %(url)s"),
    ),
}
"""By the changes of `AppointmentSet` that a calendar has to follow."""

PURPOSE = messaging.AGENCY_CONTACT
ASK_FOR = timedelta(days=4)
"""After this a request that could not be delivered is news no more: the clocks have long gone on."""


def ask(referral: Referral) -> None:
    """Write to every contact of the service that somebody asks for their help."""
    _write_to_all(referral, ASKED, "asked")


def remind(referral: Referral, step: str) -> None:
    """Write once more to those who have not answered; `step` of the clocks makes it once."""
    if referral.status is Status.REQUESTED:
        _write_to_all(referral, REMINDED, step)


def _write_to_all(referral: Referral, said: Words, occasion: str) -> None:
    contacts = operations.contacts_for(referral.organization_id, referral.service_id)
    links = [(operations.link_for(referral, contact), contact) for contact in contacts]
    on_their_way = [
        _write(referral, link, contact, said, f"{occasion}:{link.edition}")
        for link, contact in links
        if link.disowned_at is None
    ]
    if contacts and not any(on_their_way):
        publish(AgencyUnreached(referral.id, "no-way"))


def want(referral: Referral, what: str, by_day: date) -> None:
    """Ask whoever was written to for something more; the same thing at most once a day."""
    said = WANTED[what]
    for link in queries.live_links(referral.id):
        _write(referral, link, session.get_one(Contact, link.contact_id), said, f"{what}:{by_day}", by_day=by_day)


def tell_note(referral: Referral, note_id: uuid.UUID) -> None:
    """The care team has written a note for the agency: it stands behind the link."""
    for link in queries.live_links(referral.id):
        _write(referral, link, session.get_one(Contact, link.contact_id), NOTED, f"note:{note_id}")


def tell_appointment(referral: Referral, appointment: Appointment, change: str) -> None:
    """Contacts get the appointment for their calendars: a reference and initials, and no name."""
    if change not in APPOINTMENT:
        return
    occasion = f"appointment:{appointment.id}:{appointment.sequence}:{change}"
    for link in queries.live_links(referral.id):
        contact = session.get_one(Contact, link.contact_id)
        file = appointments.calendar_file(appointment, attendee=contact.email or "").decode()
        _write(referral, link, contact, APPOINTMENT[change], occasion, calendar=file)


def take_back(referral: Referral) -> None:
    """Tell whoever was asked that it is no longer needed, and send nothing that still waits."""
    for link in queries.links(referral.id):
        withdraw(link)
        contact = session.get_one(Contact, link.contact_id)
        if link.disowned_at is None and contact.ended_at is None:
            _write(referral, link, contact, TAKEN_BACK, "taken-back")


def withdraw(link: Link) -> None:
    """What waits to be sent about this link is news no more."""
    mail.cancel_queued(regarding=link.id, reason="superseded")
    messaging.cancel_queued(regarding=link.id, reason="superseded")


def tell_answer(question: Question) -> None:
    """Whoever asked hears that there is an answer, the way the request came."""
    link = session.get_one(Link, question.link_id)
    contact = session.get_one(Contact, link.contact_id)
    if link.disowned_at is None and contact.ended_at is None:
        referral = session.get_one(Referral, link.referral_id)
        _write(referral, link, contact, ANSWERED, f"answer:{question.id}")


def renew(link: Link) -> None:
    """Send the contact a new link, if the referral is open and they have not just had one. Says nothing about either.

    The caller locks the link, so that impatient taps count one after the other.
    """
    now = clock.now()
    asked = queries.renewals(link.id, now - timedelta(days=1))
    if not holding.may_renew(asked, now):
        return
    session.add(Renewal(link_id=link.id))
    referral = session.get_one(Referral, link.referral_id)
    contact = session.get_one(Contact, link.contact_id)
    stands = holding.standing(
        referral.status,
        renewed_at=now,
        ended_at=referral.ended_at,
        disowned=link.disowned_at is not None,
        now=now,
    )
    if stands is not holding.Standing.OPEN or contact.ended_at is not None:
        return
    link.renewed_at, link.edition = now, link.edition + 1
    session.flush()
    _write(referral, link, contact, RENEWED, f"renewed:{link.edition}")


def _write(  # noqa: PLR0913  a letter has that many sides
    referral: Referral,
    link: Link,
    contact: Contact,
    said: Words,
    occasion: str,
    *,
    by_day: date | None = None,
    calendar: str | None = None,
) -> bool:
    """Write by every way the contact has; whether something is on its way."""
    with i18n.speaking(contact.language):
        spoken_day = i18n.day(by_day) if by_day else ""
    named = {
        "day": spoken_day,
        "network": settings().network_name,
        "organization": session.get_one(Organization, referral.organization_id).name,
        "team": session.get_one(Team, session.get_one(Patient, referral.patient_id).team_id).name,
        "url": url_of(link),
        "code": operations.code_of(referral) if contact.phone else "",
    }
    zone = directory.time_zone(referral.service_at_location_id).key
    key = f"agency-link:{link.id}:{occasion}"
    return write_to(contact, said, named, key, regarding=link.id, zone=zone, calendar=calendar)


def about_listing(question_id: uuid.UUID) -> None:
    """Ask whether what is listed of an agency still holds: its contacts, or else the address that is listed with it."""
    question, organization = verification.a_question(question_id)
    named = {
        "network": settings().network_name,
        "organization": organization.name,
        "url": f"{settings().public_base_url}/listing/{verification.token_of(question)}",
    }
    contacts = [contact for contact in queries.contacts(organization.id) if contact.service_id is None]
    for contact in contacts:
        key = f"listing:{question.id}:{contact.id}"
        write_to(contact, LISTED, named, key, regarding=question.id, zone=directory.UNPLACED.key)
    address = delivery.address(organization.email or "")
    if contacts or address is None or not mail.enabled():
        return
    with i18n.speaking("en"):
        mail.queue_email(
            to=address,
            subject=_(LISTED.subject, **named),
            body=_letter(organization.name, LISTED, named),
            purpose=delivery.LISTING,
            dedupe_key=f"listing:{question.id}",
            language="en",
            regarding=question.id,
            not_after=question.asked_at + verification.LINK_HOLDS,
        )


def write_to(  # noqa: PLR0913  a letter has that many sides
    contact: Contact,
    said: Words,
    named: dict[str, str],
    dedupe_key: str,
    *,
    regarding: uuid.UUID,
    zone: str,
    calendar: str | None = None,
) -> bool:
    """One thing to one contact, by e-mail, by text or by both, in their language; whether something is on its way."""
    on_its_way = False
    with i18n.speaking(contact.language):
        if contact.email and mail.enabled():
            email = mail.queue_email(
                to=contact.email,
                subject=_(said.subject, **named),
                body=_letter(contact.name, said, named),
                purpose=delivery.LISTING if said is LISTED else PURPOSE,
                dedupe_key=dedupe_key,
                language=contact.language,
                recipient=contact.id,
                regarding=regarding,
                calendar=calendar,
                not_after=clock.now() + ASK_FOR,
            )
            on_its_way = email.cancel_reason is None
        if contact.phone:
            text = messaging.queue_text(
                to=contact.phone,
                recipient=contact.id,
                regarding=regarding,
                purpose=PURPOSE,
                dedupe_key=dedupe_key,
                language=contact.language,
                template=PURPOSE,
                body=_(said.text, **named),
                zone=zone,
                not_after=clock.now() + ASK_FOR,
            )
            on_its_way = on_its_way or text.state in WAITING
    return on_its_way


def _letter(name: str, said: Words, named: dict[str, str]) -> str:
    paragraphs = [_("Hello %(name)s,", name=name), _(said.says, **named)]
    if said is not TAKEN_BACK:
        paragraphs += [
            named["url"],
            _("You need no account. The link is for you alone: please do not forward it."),
        ]
    paragraphs.append(f"{named['network']} · {settings().network_phone}")
    return "\n\n".join(paragraphs) + "\n"


def url_of(link: Link) -> str:
    return f"{settings().public_base_url}/a/{operations.token_of(link)}"
