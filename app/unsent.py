"""What somebody has typed into a form that could not be taken: it comes back to them, to be sent once more.

A session ends while somebody writes, another person signs in on the same phone, the other side is faster. What was
typed stands in that one request and nowhere else. It travels on in the page that answers; nothing of it is kept here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import render_template, request

from app import forms

_PREFIX = "unsent."
_TO, _FROM = f"{_PREFIX}to", f"{_PREFIX}from"
_FIELD = f"{_PREFIX}field."
_NEVER_SENT_BACK = frozenset({"csrf_token", "password", "old", "new"})
"""The names that passwords and our own token have in forms."""

Fields = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Unsent:
    """A form as it was sent, without its secrets."""

    to: str
    """Its address, a path of ours."""
    back: str
    """The page that it stood on."""
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
    def carried(self) -> Fields:
        """All of it under names that stand in nobody's way in another form, such as the one for signing in."""
        return [(_TO, self.to), (_FROM, self.back), *((f"{_FIELD}{name}", value) for name, value in self.fields)]


def refused() -> Unsent | None:
    """The form that is being sent now; None when nothing is in it, or when no page of ours has sent it.

    Another site could have somebody send a form of its making with a single tap.
    """
    back = page_before()
    if request.method != "POST" or back is None:
        return None
    fields = [
        (name, value)
        for name, value in request.form.items(multi=True)
        if name not in _NEVER_SENT_BACK and not name.startswith(_PREFIX)
    ]
    return Unsent(request.full_path.rstrip("?"), back, fields) if fields else None


def carried() -> Unsent | None:
    """The form that came along in this one."""
    to, back = (forms.our_page(request.form.get(name, "")) for name in (_TO, _FROM))
    if to is None or back is None or page_before() is None:
        return None
    fields = request.form.items(multi=True)
    return Unsent(to, back, [(name.removeprefix(_FIELD), value) for name, value in fields if name.startswith(_FIELD)])


def page(form: Unsent, sentence: str) -> str:
    """What was typed, to look at, to change and to send once more. `sentence` says why that is needed."""
    return render_template("unsent.html", unsent=form, sentence=sentence)


def page_before() -> str | None:
    """The page of ours that the form stood on, as a path."""
    referrer = request.referrer or ""
    if not referrer.startswith(request.host_url):
        return None
    return forms.our_page(f"/{referrer.removeprefix(request.host_url)}")


def _is_written(value: str) -> bool:
    return len(value.split()) > 1
