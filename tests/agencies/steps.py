"""What these tests do over and over: send a request to an agency, find its link, introduce oneself."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from app.agencies.models import Contact, Link, ReplyCode
from app.db import session
from app.directory.models import Organization
from app.mail.models import Email
from app.messaging import operations as messaging
from app.messaging.models import Inbound, Message
from app.referrals.models import Referral
from tests.factories import make_contact, make_organization, make_referral, make_service_at_location

PHONE = "+14105550777"


@dataclass
class Asked:
    """A request that reached a contact by e-mail and by text."""

    referral: Referral
    organization: Organization
    contact: Contact

    @property
    def link(self) -> Link:
        return session.scalars(
            select(Link).where(Link.referral_id == self.referral.id, Link.contact_id == self.contact.id)
        ).one()

    @property
    def path(self) -> str:
        """Where the newest e-mail leads."""
        return path_in(letters(self.contact)[-1].body)

    @property
    def code(self) -> str:
        return session.get_one(ReplyCode, self.referral.id).code


def asked(*, language: str = "en", phone: str = PHONE, note: str = "") -> Asked:
    organization = make_organization()
    contact = make_contact(organization, phone=phone, language=language)
    referral = make_referral(at=make_service_at_location(organization=organization), note=note)
    return Asked(referral, organization, contact)


def letters(contact: Contact) -> list[Email]:
    return list(session.scalars(select(Email).where(Email.recipient == contact.id).order_by(Email.position)))


def texts(contact: Contact) -> list[str]:
    written = select(Message).where(Message.recipient == contact.id).order_by(Message.position)
    return [message.body for message in session.scalars(written)]


def path_in(body: str) -> str:
    found = re.search(r"https://loopline\.test(/\S+)", body)
    assert found, body
    return found[1]


def introduce(client: FlaskClient, path: str, name: str = "Rosa Diaz", then: str = "look") -> TestResponse:
    return client.post(f"{path}/introduction", data={"name": name, "confirmed": "true", "then": then})


def text_in(body: str, phone: str = PHONE) -> Inbound:
    """A text from this phone, as the provider would bring it."""
    count = len(session.scalars(select(Inbound.id)).all())
    received = messaging.receive(
        {"MessageSid": f"SM{count:032d}", "From": phone, "To": "", "Body": body, "NumMedia": "0"}
    )
    session.flush()
    return session.get_one(Inbound, received.id)
