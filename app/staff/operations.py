from __future__ import annotations

import hashlib
import secrets
import uuid
from datetime import timedelta

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import delete, func, select

from app import clock
from app.audit import operations as audit
from app.db import session
from app.errors import DomainError, Invalid
from app.i18n import STAFF_LANGUAGES
from app.i18n import gettext as _
from app.staff.models import ApiToken, SignInFailure, StaffMember
from app.staff.permissions import Role

TRIES = 5
TRIES_WITHIN = timedelta(minutes=15)
TOKEN_LIFE = timedelta(days=90)
SHORTEST_PASSWORD = 10

_hasher = PasswordHasher()
# Checked when the address is unknown, so that knowing and not knowing it take the same time.
_nobody = _hasher.hash(secrets.token_hex())


class SignInRefused(DomainError):
    status = 401


def sign_in(email: str, password: str) -> StaffMember:
    """The person whose address and password these are.

    :raises SignInRefused: the same sentence for an unknown address, a wrong password and a closed account; another one
        after five wrong tries in fifteen minutes. The caller commits in that case too, or the tries are not counted.
    """
    who = hashlib.sha256(email.strip().lower().encode()).hexdigest()
    since = clock.now() - TRIES_WITHIN
    failures = session.scalar(select(func.count()).where(SignInFailure.who == who, SignInFailure.at > since)) or 0
    if failures >= TRIES:
        raise SignInRefused(_("Too many wrong tries. Please wait 15 minutes and try again."))
    staff: StaffMember | None = session.scalar(select(StaffMember).where(StaffMember.email == email.strip().lower()))
    if not _matches(staff.password_hash if staff else _nobody, password) or staff is None or not staff.active:
        session.execute(delete(SignInFailure).where(SignInFailure.at <= since))
        session.add(SignInFailure(who=who, at=clock.now()))
        raise SignInRefused(_("That e-mail address and password do not belong together. Please check both."))
    session.execute(delete(SignInFailure).where(SignInFailure.who == who))
    audit.record("signed in", "staff", staff.id, by=staff.id)
    return staff


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
    if len(password) < SHORTEST_PASSWORD:
        wrong["password"] = _("A password needs at least %(n)s characters.", n=SHORTEST_PASSWORD)
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
    """Open or close an account; a closed one is signed out at its next click and its tokens stop working.

    :raises DomainError: one cannot close one's own account, or nobody would be left to open it.
    """
    if staff.id == by.id:
        raise DomainError(_("You cannot close your own account. Ask another administrator."))
    staff.active = active
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


def set_language(staff: StaffMember, language: str) -> None:
    """Show pages to `staff` in this language from now on.

    :raises Invalid: there are no pages in it.
    """
    if language not in STAFF_LANGUAGES:
        raise Invalid({"language": _("Choose one of the languages of the list.")})
    staff.language = language


def change_password(staff: StaffMember, old: str, new: str) -> None:
    """Replace the password.

    :raises Invalid: the old one is wrong or the new one too short.
    """
    wrong: dict[str, str] = {}
    if not _matches(staff.password_hash, old):
        wrong["old"] = _("This is not your present password.")
    if len(new) < SHORTEST_PASSWORD:
        wrong["new"] = _("A password needs at least %(n)s characters.", n=SHORTEST_PASSWORD)
    if wrong:
        raise Invalid(wrong)
    staff.password_hash = _hasher.hash(new)
    audit.record("changed password", "staff", staff.id, by=staff.id)
