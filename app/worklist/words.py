"""Why a person is needed, in one plain sentence for each kind of work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from app.i18n import clock_time, day, marked
from app.i18n import gettext as _
from app.messaging import delivery
from app.worklist.kinds import Kind


@dataclass(frozen=True)
class Badge:
    kind: str
    """needs_you or waiting."""
    words: str


def why(kind: Kind, code: str, **said: str) -> str:
    """Why this is on the list.

    :param code: the `why` that the work was asked for with: an obstacle, a reason, the name of a clock's step.
    :param said: what the sentences name: name, organization, standing, barrier, ago, urgent_when, reason, phone,
        language.
    """
    sentence = _BY_CODE.get(kind, {}).get(code) or _OTHERWISE[kind]
    if kind is Kind.CALL_INSTEAD and code.startswith(_FAILED) and code not in _BY_CODE[kind]:
        sentence = marked("Our text did not arrive: %(means)s.")
        said["means"] = _(delivery.rule(code.removeprefix(_FAILED)).means)
    parts = [sentence] if kind is not Kind.CALL_INSTEAD or code in _NO_NEWS else [sentence, _TELL]
    return " ".join(_(part, **said) for part in parts)


_NO_NEWS = frozenset({"silent", "asked"})
"""Why to call somebody whom nothing new is to be told."""
_FAILED = "text-"
"""How the codes of texts begin that did not arrive; the rest is the carrier's."""


def due(due_at: datetime, now: datetime, zone: ZoneInfo, *, pressing: bool) -> Badge:
    """By when, and how pressing that is."""
    if due_at <= now:
        return Badge("needs_you", _("Overdue"))
    days = (due_at.astimezone(zone).date() - now.astimezone(zone).date()).days
    said = _(_SOON[days]) if days in _SOON else _("By %(day)s", day=day(due_at, zone))
    return Badge("needs_you" if pressing else "waiting", said)


def by(due_at: datetime, now: datetime, zone: ZoneInfo) -> str:
    """The end of a sentence that says what to do: “by 12:30 PM”, “by tomorrow”, “now: it is overdue”."""
    if due_at <= now:
        return _("now: it is overdue")
    days = (due_at.astimezone(zone).date() - now.astimezone(zone).date()).days
    if days == 0:
        return _("by %(time)s", time=clock_time(due_at, zone))
    return _("by tomorrow") if days == 1 else _("by %(day)s", day=day(due_at, zone))


_SOON = {0: marked("Due today"), 1: marked("Due tomorrow")}
_TELL = marked("Tell %(name)s where it stands: %(standing)s.")

_OTHERWISE: Mapping[Kind, str] = {
    Kind.OFFER_NEXT: marked("%(organization)s cannot help: “%(reason)s”. Offer %(name)s the next match."),
    Kind.RESOLVE_DISPUTE: marked("%(standing)s."),
    Kind.FOLLOW_BARRIER: marked("%(name)s says not yet."),
    Kind.READ_TEXT: marked("%(name)s sent a text that only a person can understand."),
    Kind.CALL_INSTEAD: marked("%(name)s could not be texted."),
    Kind.CALL_AGENCY: marked("%(organization)s has said nothing for a while."),
    Kind.URGENT_TEXT: marked("%(name)s sent a text that speaks of danger. Call at once."),
}

_BY_CODE: Mapping[Kind, Mapping[str, str]] = {
    Kind.OFFER_NEXT: {
        "silence": marked("%(organization)s has not answered. Offer %(name)s the next match."),
        "cancelled": marked("%(organization)s ended it. Offer %(name)s the next match."),
        "recalled-silence": marked("%(organization)s did not answer and was recalled. Offer %(name)s the next match."),
        "recalled-by-sender": marked("The request to %(organization)s was recalled. Offer %(name)s the next match."),
    },
    Kind.RESOLVE_DISPUTE: {"barrier": marked("%(standing)s: %(barrier)s.")},
    Kind.FOLLOW_BARRIER: {"barrier": marked("%(name)s says not yet: %(barrier)s.")},
    Kind.READ_TEXT: {
        "unknown-number": marked("A text from a number that belongs to no patient: %(phone)s."),
        "shared-phone": marked("A text from a phone that several patients share: %(phone)s."),
        "wrong-number": marked("The phone of %(name)s belongs to somebody else. Find out the right number."),
        "asks-who": marked("%(name)s asks who we are. Make sure that it is the right person."),
        "closed-question": marked("%(name)s answers a question that is closed."),
        "maybe-stop": marked("%(name)s may have asked for no more texts and gets none. Find out what was meant."),
        "language": marked("%(name)s asks for a language in which we have no texts."),
        "held-loop": marked("A machine seems to answer our texts to %(name)s, so they are held back. Call %(name)s."),
    },
    Kind.URGENT_TEXT: {
        "unknown-number": marked("A text from an unknown number speaks of danger: %(phone)s. Call at once."),
        "shared-phone": marked("A text from a phone that several share speaks of danger: %(phone)s. Call at once."),
    },
    Kind.CALL_INSTEAD: {
        "no-consent": marked("%(name)s has not agreed to texts."),
        "text-nothing": marked("%(name)s must not be texted."),
        "no-phone": marked("There is no phone to text %(name)s on."),
        "sensitive": marked("Nothing about this is ever texted."),
        "no-translation": marked("We have no text in %(language)s."),
        "opted-out": marked("%(name)s texted STOP and gets no more texts."),
        "asked": marked("%(name)s asks for a call."),
        "silent": marked("%(name)s has not answered our texts. Ask whether help came."),
    },
    Kind.CALL_AGENCY: {
        "silent-2": marked("%(organization)s has not answered. It was sent %(ago)s."),
        "urgent-call": marked("This cannot wait: %(urgent_when)s. Phone %(organization)s instead of waiting."),
        "idle-14": marked("%(organization)s accepted it %(ago)s and has said nothing since."),
        "idle-30": marked("%(organization)s has been serving for a month and has said nothing since."),
        "hold-14": marked("%(organization)s has kept %(name)s waiting for two weeks. Ask how long it will take."),
    },
}
