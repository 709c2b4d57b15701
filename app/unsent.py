"""What somebody has typed into a form that could not be taken: it comes back to them, to be sent once more.

A session ends while somebody writes, another person signs in on the same phone, the other side is faster. What was
typed stands in that one request and nowhere else. It travels on in the page that answers; nothing of it is kept here.

Phones are shared, so every form says whose it is: nobody else who signs in afterwards, or goes back to it, sees it.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from flask import g, render_template, request

from app import forms
from app.sealed import seal

_PREFIX = "unsent."
_TO, _FROM, _WHOSE = f"{_PREFIX}to", f"{_PREFIX}from", f"{_PREFIX}whose"
_BY = f"{_PREFIX}by"
"""The mark of whoever this form was shown to; `_WHOSE` is that of the form that is carried in it."""
_FIELD = f"{_PREFIX}field."
_TOKEN = "csrf_token"  # noqa: S105  the name of a field
_SECRET = frozenset({"password", "old", "new"})
"""The names that passwords have in forms."""

Fields = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Unsent:
    """A form as it was sent, without its secrets."""

    to: str
    """Its address, a path of ours."""
    back: str
    """The page that it stood on."""
    by: str
    """The mark of whoever it was shown to; empty where nobody is known, such as behind an agency's link."""
    fields: Fields

    @property
    def written(self) -> Fields:
        """What a person has put into words. Codes, ids, days and numbers have no space in them."""
        return [(name, value) for name, value in self.fields if _is_written(value)]

    @property
    def chosen(self) -> Fields:
        """Everything else."""
        return [(name, value) for name, value in self.fields if not _is_written(value)]

    @property
    def origin(self) -> Fields:
        """What it keeps however often it is sent again."""
        return [(_FROM, self.back)]

    @property
    def carried(self) -> Fields:
        """All of it under names that stand in nobody's way in another form, such as the one for signing in."""
        named = [(_TO, self.to), (_FROM, self.back), (_WHOSE, self.by)]
        return [*named, *((f"{_FIELD}{name}", value) for name, value in self.fields)]


def mark(staff_id: uuid.UUID | None) -> str:
    """What a form bears that was shown to this person, and nobody can make up; empty for somebody without account."""
    return seal(staff_id, "unsent") if staff_id else ""


def refused() -> Unsent | None:
    """The form that is being sent now; None when nothing is in it, or when no page of ours has sent it.

    Another site could have somebody send a form of its making with a single tap. None as well when somebody else is
    signed in now than it was shown to, and when a password or a file is in it: without that it cannot be sent again.
    """
    back, by = page_before(), request.form.get(_BY, "")
    if request.method != "POST" or back is None or request.files or _SECRET & request.form.keys():
        return None
    if g.get("staff") and by != mark(g.staff.id):
        return None
    fields = [
        (name, value)
        for name, value in request.form.items(multi=True)
        if name != _TOKEN and not name.startswith(_PREFIX)
    ]
    return Unsent(request.full_path.rstrip("?"), back, by, fields) if fields else None


def carried() -> Unsent | None:
    """The form that came along in this one."""
    to, back = (forms.our_page(request.form.get(name, "")) for name in (_TO, _FROM))
    if to is None or back is None or page_before() is None:
        return None
    fields = request.form.items(multi=True)
    found = [(name.removeprefix(_FIELD), value) for name, value in fields if name.startswith(_FIELD)]
    return Unsent(to, back, request.form.get(_WHOSE, ""), found)


def page(form: Unsent, sentence: str) -> str:
    """What was typed, to look at, to change and to send once more. `sentence` says why that is needed."""
    return render_template("unsent.html", unsent=form, sentence=sentence)


def page_before() -> str | None:
    """The page of ours that the form stood on first, as a path."""
    referrer = request.referrer or ""
    if not referrer.startswith(request.host_url):
        return None
    # What is sent once more stands on a page that has no address of its own.
    return forms.our_page(request.form.get(_FROM) or f"/{referrer.removeprefix(request.host_url)}")


def _is_written(value: str) -> bool:
    return len(value.split()) > 1
