from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import uuid
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from zoneinfo import available_timezones

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import delete, func, select, update

from app import clock
from app.audit import operations as audit
from app.config import settings
from app.db import session
from app.errors import DomainError, Invalid
from app.events import AccountClosing, StaffLeft, publish
from app.i18n import STAFF_LANGUAGES
from app.i18n import gettext as _
from app.staff import demo
from app.staff.models import ApiToken, SignInFailure, StaffMember, Team
from app.staff.permissions import Role

TRIES = 5
TRIES_OF_A_NETWORK = 30
"""More than a clinic mistypes behind its one address, and few for somebody who tries one password on every account."""
TRIES_WITHIN = timedelta(minutes=15)
TOKEN_LIFE = timedelta(days=90)
SHORTEST_PASSWORD = 10
E164 = re.compile(r"\+[1-9]\d{7,14}")

_hasher = PasswordHasher()
# Checked when the address is unknown, so that knowing and not knowing it take the same time.
_nobody = _hasher.hash(secrets.token_hex())


class StillAnswers(DomainError):
    """Somebody answers for patients or work that would be nobody's without their account."""


class SignInRefused(DomainError):
    status = 401


def sign_in(email: str, password: str, *, network: str = "", markers: Collection[str] = ()) -> StaffMember:
    """The person whose address and password these are.

    A browser that somebody has signed in with before shows its `marker` of them. It has five tries of its own, so that
    a stranger who guesses cannot lock out the person.

    :param network: where the try comes from; without it only the account's own tries count.
    :raises SignInRefused: the same sentence for an unknown address, a wrong password and a closed account; another one
        after five wrong tries in fifteen minutes, or thirty from one network, whoever they were for. The caller commits
        in that case too, or the tries are not counted.
    """
    email = email.strip().lower()
    known = any(hmac.compare_digest(shown, marker(email)) for shown in markers)
    account = _keyed("known browser of" if known else "account", email)
    limits = {account: TRIES}
    if network and not known:
        limits = {_keyed("network", network): TRIES_OF_A_NETWORK, **limits}
    since = clock.now() - TRIES_WITHIN
    _refuse_too_many(limits, since)
    staff: StaffMember | None = session.scalar(select(StaffMember).where(StaffMember.email == email))
    right = _matches(staff.password_hash if staff else _nobody, password) and not _published(password)
    if not right or staff is None or not staff.active:
        session.execute(delete(SignInFailure).where(SignInFailure.at <= since))
        session.add_all(SignInFailure(counted=counted, at=clock.now()) for counted in limits)
        raise SignInRefused(_("That e-mail address and password do not belong together. Please check both."))
    session.execute(delete(SignInFailure).where(SignInFailure.counted == account))
    audit.record("signed in", "staff", staff.id, by=staff.id)
    return staff


def _refuse_too_many(limits: Mapping[str, int], since: datetime) -> None:
    """Refuse the try if anything has had too many, and let nobody else count it until this transaction ends.

    A password takes a tenth of a second to check: without the locks, tries at the same moment would all be counted
    before any of them is written down.
    """
    for counted in limits:
        session.execute(select(func.pg_advisory_xact_lock(func.hashtext(counted))))
    for counted, most in limits.items():
        tries = select(func.count()).where(SignInFailure.counted == counted, SignInFailure.at > since)
        if (session.scalar(tries) or 0) >= most:
            raise SignInRefused(_("Too many wrong tries. Please wait 15 minutes and try again."))


def marker(email: str) -> str:
    """What a browser keeps to show later that this person has signed in with it. Only we can make it."""
    return _keyed("marker of", email.strip().lower())


def _keyed(purpose: str, what: str) -> str:
    key = settings().secret_key.encode()
    return hmac.new(key, f"sign-in: {purpose} {what}".encode(), hashlib.sha256).hexdigest()


def sign_out(staff: StaffMember) -> None:
    """End every session of `staff`: phones are shared, and a cookie that was copied has to end as well."""
    _end_sessions(staff)
    audit.record("signed out", "staff", staff.id, by=staff.id)


def _end_sessions(staff: StaffMember) -> None:
    staff.session_epoch = StaffMember.session_epoch + 1  # counted by the database: two at once count twice
    session.flush()


def _published(password: str) -> bool:
    """Whether this is the password that everybody can read, where it should open nothing."""
    return password == demo.PASSWORD and not settings().demo


def _unfit(password: str) -> str | None:
    """Why this may not become somebody's password."""
    if len(password) < SHORTEST_PASSWORD:
        return _("A password needs at least %(n)s characters.", n=SHORTEST_PASSWORD)
    if _published(password):
        return _("Everybody can read this password in the demonstration. Choose another one.")
    return None


def _matches(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except VerificationError:
        return False


def add_staff(  # noqa: PLR0913  a person is this many facts
    *,
    email: str,
    name: str,
    role: Role,
    password: str,
    team_id: uuid.UUID | None = None,
    organization_id: uuid.UUID | None = None,
    language: str = "en",
    by: uuid.UUID | None = None,
) -> StaffMember:
    """Let somebody sign in from now on.

    :raises Invalid: the address is taken, the password too short, or the role lacks its team or organization.
    """
    wrong: dict[str, str] = {}
    if session.scalar(select(StaffMember.id).where(StaffMember.email == email.strip().lower())):
        wrong["email"] = _("Somebody with this e-mail address is already here.")
    if unfit := _unfit(password):
        wrong["password"] = unfit
    if role is Role.AGENCY and not organization_id:
        wrong["organization"] = _("Enter the organization's name exactly as the directory has it.")
    if role in {Role.HEALTH_WORKER, Role.LEAD} and not team_id:
        wrong["team_id"] = _("Choose the team this person works in.")
    if wrong:
        raise Invalid(wrong)
    staff = StaffMember(
        id=uuid.uuid4(),
        email=email.strip().lower(),
        name=name.strip(),
        role=role,
        password_hash=_hasher.hash(password),
        team_id=team_id if role in {Role.HEALTH_WORKER, Role.LEAD} else None,
        organization_id=organization_id if role is Role.AGENCY else None,
        language=language,
    )
    session.add(staff)
    audit.record("added", "staff", staff.id, by=by, role=role.value)
    return staff


def set_active(staff: StaffMember, *, active: bool, by: StaffMember) -> None:
    """Open or close an account; closing ends its sessions and tokens, which opening it again does not bring back.

    :raises DomainError: one cannot close one's own account, or nobody would be left to open it.
    :raises StillAnswers: they answer for somebody or something, which has to be handed over first.
    """
    if staff.id == by.id:
        raise DomainError(_("You cannot close your own account. Ask another administrator."))
    if not active:
        publish(AccountClosing(staff.id))
    staff.active = active
    if not active:
        _end_sessions(staff)
        revoke_tokens(staff, by=by.id)
        publish(StaffLeft(staff.id))
    audit.record("opened" if active else "closed", "staff", staff.id, by=by.id)


def issue_token(staff: StaffMember) -> str:
    """A new bearer token for `staff`, valid for 90 days. It is shown once; only its hash is kept."""
    token = f"ll_{secrets.token_urlsafe(32)}"
    session.add(
        ApiToken(
            staff_id=staff.id,
            sha256=hashlib.sha256(token.encode()).hexdigest(),
            expires_at=clock.now() + TOKEN_LIFE,
        )
    )
    audit.record("issued token", "staff", staff.id, by=staff.id)
    return token


def revoke_tokens(staff: StaffMember, *, by: uuid.UUID | None = None) -> int:
    """End every bearer token of `staff`; how many there were."""
    revoked = session.scalars(
        update(ApiToken)
        .where(ApiToken.staff_id == staff.id, ApiToken.revoked_at.is_(None))
        .values(revoked_at=clock.now())
        .returning(ApiToken.id)
    ).all()
    audit.record("revoked tokens", "staff", staff.id, by=by, tokens=len(revoked))
    return len(revoked)


def set_paging(staff: StaffMember, *, phone: str, on_call: bool, by: StaffMember) -> None:
    """Say where somebody is paged when a text speaks of danger, and whether they are on call.

    :param phone: E.164, or empty for none.
    :raises Invalid: not a phone number, or on call without one.
    :raises DomainError: they do not care for patients, so they could not see what they are paged for.
    """
    if staff.team_id is None:
        raise DomainError(_("Only somebody of a care team can be paged."))
    phone = re.sub(r"[\s().-]", "", phone)
    if re.fullmatch(r"1?[2-9]\d{9}", phone):
        phone = f"+1{phone[-10:]}"
    if phone and not E164.fullmatch(phone):
        raise Invalid({"phone": _("Enter the phone number with its country, such as +14105550123.")})
    if on_call and not phone:
        raise Invalid({"phone": _("Who is on call needs a phone number.")})
    staff.phone, staff.on_call = phone or None, on_call
    audit.record("set paging", "staff", staff.id, by=by.id, on_call=on_call)


def set_weekly_digest(staff: StaffMember, *, wanted: bool) -> None:
    """Whether somebody of an agency gets its week by e-mail.

    :raises DomainError: they have no inbox to hear of.
    """
    if staff.organization_id is None:
        raise DomainError(_("Only somebody of an organization that receives requests gets this e-mail."))
    staff.weekly_digest = wanted
    audit.record("chose the weekly e-mail", "staff", staff.id, by=staff.id, wanted=wanted)


def set_language(staff: StaffMember, language: str) -> None:
    """Show pages to `staff` in this language from now on.

    :raises Invalid: there are no pages in it.
    """
    if language not in STAFF_LANGUAGES:
        raise Invalid({"language": _("Choose one of the languages of the list.")})
    staff.language = language


def change_password(staff: StaffMember, old: str, new: str) -> None:
    """Replace the password, and end every session that was opened with the old one.

    :raises Invalid: the old one is wrong or the new one too short.
    """
    wrong: dict[str, str] = {}
    if not _matches(staff.password_hash, old):
        wrong["old"] = _("This is not your present password.")
    if unfit := _unfit(new):
        wrong["new"] = unfit
    if wrong:
        raise Invalid(wrong)
    staff.password_hash = _hasher.hash(new)
    _end_sessions(staff)
    audit.record("changed password", "staff", staff.id, by=staff.id)


def keep_team(name: str, *, phone: str, time_zone: str) -> Team:
    """The team of this name, made now if there is none, with this phone and time zone.

    :raises Invalid: no name, a phone that is not E.164, or no time zone.
    """
    wrong: dict[str, str] = {}
    if not name.strip():
        wrong["name"] = _("Enter a name.")
    if not E164.fullmatch(phone):
        wrong["phone"] = _("Enter the phone number with its country, such as +14105550123.")
    if time_zone not in available_timezones():
        wrong["time_zone"] = _("Enter a time zone such as America/New_York.")
    if wrong:
        raise Invalid(wrong)
    team = session.scalar(select(Team).where(Team.name == name.strip())) or Team(id=uuid.uuid4(), name=name.strip())
    team.phone, team.time_zone = phone, time_zone
    session.add(team)
    audit.record("kept", "team", team.id, by=None)
    return team
