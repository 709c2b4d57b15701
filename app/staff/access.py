"""The guard at the edge asks who is there, and whether their role ever does this.

Every view says `@allow(Action.…)` or `@public("why")`; one that says neither is refused to everybody, so a forgotten
decorator closes a door instead of opening it. Pages know people by their session (Flask-Login), the JSON API by bearer
token only, which is why the API needs no CSRF token.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from http import HTTPStatus
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, TypeVar, cast

from flask import Flask, current_app, g, redirect, render_template, request, url_for
from flask import session as browser
from flask_login import LoginManager, current_user
from werkzeug.exceptions import Unauthorized
from werkzeug.wrappers import Response

from app import i18n, unsent
from app.config import settings
from app.db import Base, session
from app.errors import DomainError, Forbidden, NotFound
from app.i18n import gettext as _
from app.i18n import marked
from app.staff import demo, queries
from app.staff.models import StaffMember
from app.staff.permissions import Action, Role, may

View = TypeVar("View", bound=Callable[..., object])

login_manager = LoginManager()


def allow(action: Action) -> Callable[[View], View]:
    """Only people whose role does `action`. Stands right under the route."""

    def mark(view: View) -> View:
        view.allowed_action = action  # type: ignore[attr-defined]
        return view

    return mark


def public(why: str) -> Callable[[View], View]:
    """Anybody, signed in or not, because `why`."""

    def mark(view: View) -> View:
        view.public_because = why  # type: ignore[attr-defined]
        return view

    return mark


def me() -> StaffMember:
    """Who is asking; only called behind `allow`."""
    return cast("StaffMember", g.staff)


def signed_in() -> bool:
    """Whether anybody is; for views that are open to all."""
    return g.get("staff") is not None


def is_api() -> bool:
    return request.path.startswith(("/api/", "/hsds/"))


def client_network() -> str:
    """Where the request comes from: an IPv4 address, or the network of an IPv6 one, of which each client has billions.

    A peer in a private network is taken for our proxy, and what it says of its client is believed; somebody in that
    network who pretends to be one gets around the limit for networks, and not around the one for accounts.
    """
    peer = _ip(request.remote_addr)
    if peer is None or peer.is_private:
        peer = _ip(request.headers.get("X-Forwarded-For", "").rpartition(",")[2]) or peer
    if isinstance(peer, IPv6Address):
        return str(ip_network((peer, 64), strict=False))
    return str(peer or "")


def _ip(text: str | None) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address((text or "").strip())
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def missing(kind: type[Base], thing_id: uuid.UUID) -> DomainError:
    """Why a program is not given this thing: it exists and is not theirs (403), or there is none (404).

    For the API, which has to tell its callers apart what to correct. Ids cannot be guessed, so saying that one exists
    tells nobody anything; pages say “not there” for both.
    """
    if session.get(kind, thing_id) is None:
        return NotFound(_("There is nothing with this id. Please check it."))
    return Forbidden(_("This is not yours: it belongs to another team or organization."))


def init_app(app: Flask) -> None:
    login_manager.init_app(app)
    login_manager.user_loader(_from_session)
    app.before_request(_guard)
    app.context_processor(_for_templates)
    app.jinja_env.globals["typed_by"] = _typed_by


def _from_session(kept: str) -> StaffMember | None:
    """Whose session this is; nobody's once it was ended from elsewhere."""
    staff = queries.staff_by_id(uuid.UUID(kept.partition(":")[0]))
    return staff if staff and staff.get_id() == kept else None


def _from_token() -> StaffMember | None:
    kind, _space, token = request.headers.get("Authorization", "").partition(" ")
    return queries.staff_by_token(token.strip()) if kind.lower() == "bearer" else None


def _i_may(action: Action) -> bool:
    staff = g.get("staff")
    return staff is not None and may(staff.role, action)


ROLE_WORDS = {
    Role.HEALTH_WORKER: marked("Health worker"),
    Role.LEAD: marked("Team lead"),
    Role.AGENCY: marked("Agency"),
    Role.ADMINISTRATOR: marked("Administrator"),
}


def _for_templates() -> dict[str, Any]:
    staff: StaffMember | None = g.get("staff")
    return {
        "me": staff,
        "may": _i_may,
        "Action": Action,
        "network_name": settings().network_name if settings().network_name != "Loopline" else "",
        "signed_in": {"name": staff.name, "role": _(ROLE_WORDS[staff.role])} if staff else None,
        "sign_out_href": "/sign-out",
    }


def _typed_by() -> str:
    """What a form bears that is shown to whoever is signed in now."""
    return unsent.mark(g.staff.id if g.get("staff") else None)


def _guard() -> Response | tuple[str, int] | None:
    g.staff = None
    view = current_app.view_functions.get(request.endpoint or "")
    if view is None or request.endpoint == "static":
        _speak(None)
        return None
    staff = _from_token() if is_api() else _signed_in()
    _speak(staff)
    g.staff = staff
    if getattr(view, "public_because", None):
        return None
    if staff is None:
        if is_api():
            raise Unauthorized(_("Send a valid token: Authorization: Bearer …"))
        if (form := unsent.refused()) and form.by:
            return sign_in_page(form), HTTPStatus.UNAUTHORIZED
        return redirect(
            url_for("staff.sign_in", next=request.full_path.rstrip("?") if request.method == "GET" else None)
        )
    action = getattr(view, "allowed_action", None)
    if action is None or not may(staff.role, action):
        raise Forbidden(_("Your account may not do this. Ask an administrator if you need to."))
    return None


def sign_in_page(
    form: unsent.Unsent | None = None, values: Mapping[str, str] | None = None, errors: Mapping[str, str] | None = None
) -> str:
    """The page to sign in on.

    :param form: what was being sent when somebody turned out not to be signed in; it goes on with them.
    """
    return render_template(
        "staff/sign_in.html",
        unsent=form,
        values=values or {},
        errors=errors or {},
        demo_accounts=demo.accounts() if settings().demo else [],
    )


def _signed_in() -> StaffMember | None:
    if not current_user.is_authenticated:
        return None
    staff = cast("StaffMember", current_user._get_current_object())  # noqa: SLF001  Flask-Login's own way to unwrap
    return staff if staff.active else None


def _speak(staff: StaffMember | None) -> None:
    """Choose the language of pages: asked for now or before in this browser, the person's own, the browser's."""
    asked = request.args.get("lang")
    if asked in i18n.STAFF_LANGUAGES and not is_api():
        browser["language"] = asked
    chosen = browser.get("language") or (staff.language if staff else None)
    if chosen not in i18n.STAFF_LANGUAGES:
        chosen = request.accept_languages.best_match(i18n.STAFF_LANGUAGES) or "en"
    i18n.speak(chosen)


def make_public(app: Flask, endpoint: str, why: str) -> None:
    """Open a view that a library brings and that cannot carry a decorator."""
    view = app.view_functions[endpoint]

    @public(why)
    def opened(**arguments: Any) -> Any:  # noqa: ANN401  whatever the library's view takes and gives
        return view(**arguments)

    app.view_functions[endpoint] = opened
