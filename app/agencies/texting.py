"""What contacts answer by text: “A 48213”. `codes` says what a text means; here it is done and answered.

Only the phone of a contact of the very organization counts. What is not certain is answered with what to do, and
nothing is changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from app import clock, i18n
from app.agencies import codes, operations, queries
from app.agencies.codes import REASON_OPTIONS, Answer, Reading
from app.agencies.models import Contact, ReplyCode
from app.config import settings
from app.db import session
from app.directory.models import Organization
from app.errors import DomainError
from app.i18n import gettext as _
from app.messaging import operations as messaging
from app.messaging.delivery import ANSWER
from app.messaging.models import Inbound
from app.patients import queries as patients
from app.referrals import words
from app.referrals.lifecycle import MUST_EXPLAIN, Reason, Status
from app.referrals.models import Referral

WHY_WITHIN = timedelta(days=1)
"""How long a number alone says why somebody declined."""

_STEPS = {
    Answer.ACCEPT: Status.ACCEPTED,
    Answer.DECLINE: Status.REJECTED,
    Answer.FULL: Status.REJECTED,
    Answer.WAITLIST: Status.ON_HOLD,
    Answer.DONE: Status.COMPLETED,
}
_FULL = Reason("at-capacity")
_SERVED = Reason("service-provided")


def read(inbound: Inbound, folded: str) -> bool:
    """Take in a text if it is an answer of a contact; False when it is not, and somebody else has to read it.

    :param folded: its words, letters and digits as everybody writes them.
    """
    said = None if inbound.opt_out else codes.read(folded)
    if said is None:
        return False
    contacts = queries.contacts_with_phone(inbound.phone)
    if not contacts:
        return False
    if said.answer is None:
        return _read_why(inbound, contacts, said)
    found = queries.referrals_called(said.code or "", [contact.organization_id for contact in contacts])
    if not said.is_known or len(found) != 1:
        with i18n.speaking(contacts[0].language):
            _reply(inbound, contacts[0], _("We do not know this code. Please look at our text again, or use its link."))
        _settle(inbound, "unknown-code", said)
        return True
    referral = found[0]
    contact = next(contact for contact in contacts if contact.organization_id == referral.organization_id)
    with i18n.speaking(contact.language):
        _reply(inbound, contact, _done(inbound, referral, contact, said))
    _settle(inbound, "agency-answered", said)
    return True


def writer(phone: str) -> str:
    """Who answers for an agency from this phone, in words for staff; empty when nobody does."""
    contact = next(iter(queries.contacts_with_phone(phone)), None)
    if contact is None:
        return ""
    return f"{contact.name}, {session.get_one(Organization, contact.organization_id).name}"


def explain(inbound: Inbound) -> bool:
    """Tell a contact who texted something else what is understood here; False when it is no contact of ours."""
    contacts = queries.contacts_with_phone(inbound.phone)
    if not contacts:
        return False
    with i18n.speaking(contacts[0].language):
        says = _(
            "Here we understand a word and the code only, such as A 48213. For everything else call %(phone)s.",
            phone=settings().network_phone,
        )
        _reply(inbound, contacts[0], says)
    return True


def _read_why(inbound: Inbound, contacts: Sequence[Contact], said: Reading) -> bool:
    """A number alone, which is why somebody declined: if just that was asked, and no patient has this phone."""
    asked = queries.asked_why(inbound.phone, clock.now() - WHY_WITHIN)
    if len(asked) != 1 or patients.patients_with_phone(inbound.phone):
        return False
    referral = session.get_one(Referral, asked[0].referral_id)
    contact = next((one for one in contacts if one.organization_id == referral.organization_id), None)
    if contact is None:
        return False
    with i18n.speaking(contact.language):
        _reply(inbound, contact, _decline(inbound, asked[0], referral, contact, said.option))
    _settle(inbound, "agency-answered", said)
    return True


def _done(inbound: Inbound, referral: Referral, contact: Contact, said: Reading) -> str:
    """Do what was said, and what to answer."""
    known = session.get_one(ReplyCode, referral.id)
    match said.answer:
        case Answer.DECLINE:
            return _decline(inbound, known, referral, contact, said.option)
        case Answer.FULL:
            return _step(referral, contact, known, Answer.FULL, reason=_FULL)
        case Answer.WAITLIST:
            return _step(referral, contact, known, Answer.WAITLIST, reason=operations.WAITLIST)
        case Answer.DONE:
            return _step(referral, contact, known, Answer.DONE, outcome=_SERVED)
        case _:
            return _step(referral, contact, known, Answer.ACCEPT)


def _decline(inbound: Inbound, known: ReplyCode, referral: Referral, contact: Contact, option: int | None) -> str:
    """Why is asked once. Who then says no again has said enough."""
    if option is not None and 1 <= option <= len(REASON_OPTIONS):
        code = REASON_OPTIONS[option - 1]
        known.asked_reason_at = known.asked_reason_phone = None
        text = _("Said by text.") if code in MUST_EXPLAIN else ""
        return _step(referral, contact, known, Answer.DECLINE, reason=Reason(code, text))
    if known.asked_reason_at and option is None:
        known.asked_reason_at = known.asked_reason_phone = None
        return _step(referral, contact, known, Answer.DECLINE, reason=Reason("other", _("Declined by text, twice.")))
    if referral.status is not Status.REQUESTED:
        return _("%(code)s is answered already. Nothing was changed.", code=known.code)
    known.asked_reason_at, known.asked_reason_phone = clock.now(), inbound.phone
    options = "\n".join(f"{n} {words.reason(code)}" for n, code in enumerate(REASON_OPTIONS, 1))
    return _("Why? Reply D %(code)s and a number:", code=known.code) + f"\n{options}"


def _step(  # noqa: PLR0913  a step is this many facts
    referral: Referral,
    contact: Contact,
    known: ReplyCode,
    said: Answer,
    *,
    reason: Reason | None = None,
    outcome: Reason | None = None,
) -> str:
    """Take the step; what to answer, also when it cannot be taken any more."""
    new = _STEPS[said]
    if new is Status.ACCEPTED and referral.status in {Status.ON_HOLD, Status.IN_PROGRESS}:
        new = Status.IN_PROGRESS  # their turn on the waiting list has come
    try:
        with session.begin_nested():
            operations.answer(referral.id, new, name=contact.name, how="text", reason=reason, outcome=outcome)
    except DomainError:
        session.expire(referral)
        return _(
            "%(code)s cannot be answered like this any more. It stands: %(status)s. Nothing was changed.",
            code=known.code,
            status=words.status(referral.status),
        )
    match said:
        case Answer.ACCEPT:
            return _("Thank you. They are told. When it is done, reply DONE %(code)s", code=known.code)
        case Answer.FULL:
            return _("Thank you. Somebody else is asked, and the service is not offered for two weeks.")
        case Answer.WAITLIST:
            return _(
                "Thank you. They are told that they have to wait. When it is done, reply DONE %(code)s", code=known.code
            )
        case Answer.DONE:
            return _("Thank you. We ask them whether the help arrived.")
        case _:
            return _("Thank you for answering. Somebody else is asked.")


def _reply(inbound: Inbound, contact: Contact, body: str) -> None:
    messaging.queue_text(
        to=inbound.phone,
        recipient=contact.id,
        regarding=None,
        purpose=messaging.AGENCY_CONTACT,
        dedupe_key=f"agency-reply:{inbound.id}",
        language=contact.language,
        template=messaging.AGENCY_CONTACT,
        body=f"{settings().network_name}: {body}",
        priority=ANSWER,
        number=inbound.number,
    )


def _settle(inbound: Inbound, result: str, said: Reading) -> None:
    messaging.settle(inbound, result, meaning=f"agency:{said.answer.value if said.answer else 'why'}")
