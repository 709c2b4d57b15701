"""Why a person is needed, in one plain sentence for each kind of work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from app.i18n import ago, clock_time, day, marked
from app.i18n import gettext as _
from app.messaging import delivery
from app.worklist.kinds import Kind
from app.worklist.priority import Because


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


KIND: Mapping[Kind, str] = {
    Kind.OFFER_NEXT: marked("Offer the next match"),
    Kind.RESOLVE_DISPUTE: marked("The two sides contradict each other"),
    Kind.FOLLOW_BARRIER: marked("The patient says not yet"),
    Kind.READ_TEXT: marked("Read a text"),
    Kind.CALL_INSTEAD: marked("Call a patient"),
    Kind.CALL_AGENCY: marked("Phone an agency"),
    Kind.ANSWER_AGENCY: marked("Answer an agency"),
    Kind.RESCHEDULE: marked("Find another time"),
    Kind.FIND_RIDE: marked("Find a ride"),
    Kind.ANSWER_NOTE: marked("Answer a note"),
    Kind.CONFIRM_WALK_IN: marked("Somebody who walked in"),
    Kind.URGENT_TEXT: marked("A text speaks of danger"),
}
"""What kind of work it is, as the filter of the list says it."""

OUTCOME = {"done": marked("Done"), "not-reached": marked("Not reached"), "not-needed": marked("Not needed")}

_NO_NEWS = frozenset({"silent", "asked", "look", "opted-out-at-rest", "awaiting-documents", "awaiting-patient"})
"""Why to call somebody whom nothing new is to be told."""
_FAILED = "text-"
"""How the codes of texts begin that did not arrive; the rest is the carrier's."""


def due(due_at: datetime, now: datetime, zone: ZoneInfo, *, pressing: bool) -> Badge:
    """By when, and how pressing that is. What is overdue says since when."""
    if due_at <= now:
        return Badge("needs_you", _("Overdue since %(when)s", when=_since(due_at, now, zone)))
    days = (due_at.astimezone(zone).date() - now.astimezone(zone).date()).days
    said = _(_SOON[days]) if days in _SOON else _("By %(day)s", day=day(due_at, zone))
    return Badge("needs_you" if pressing else "waiting", said)


def _since(due_at: datetime, now: datetime, zone: ZoneInfo) -> str:
    today = due_at.astimezone(zone).date() == now.astimezone(zone).date()
    return clock_time(due_at, zone) if today else day(due_at, zone)


def because(reasons: Sequence[Because]) -> str:
    """Why something stands where it stands: “it cannot wait · it is overdue”."""
    return " · ".join(_(_BECAUSE[reason]) for reason in reasons)


_BECAUSE: Mapping[Because, str] = {
    Because.DANGER: marked("somebody may be in danger"),
    Because.CANNOT_WAIT: marked("the need cannot wait"),
    Because.CONTRADICTION: marked("the two sides contradict each other"),
    Because.SAFETY: marked("it is about safety"),
    Because.OVERDUE: marked("it is overdue"),
    Because.DUE_TODAY: marked("it is due today"),
    Because.WAITS_LONG: marked("it has waited for days"),
}


def by(due_at: datetime, now: datetime, zone: ZoneInfo) -> str:
    """The end of a sentence that says what to do: “by 12:30 PM”, “by tomorrow”, “now: it is overdue”."""
    if due_at <= now:
        return _("now: it is overdue")
    days = (due_at.astimezone(zone).date() - now.astimezone(zone).date()).days
    if days == 0:
        return _("by %(time)s", time=clock_time(due_at, zone))
    return _("by tomorrow") if days == 1 else _("by %(day)s", day=day(due_at, zone))


def taken(name: str, at: datetime, now: datetime) -> str:
    """Who is on it since when."""
    return _("%(name)s is on it. Taken %(ago)s.", name=name, ago=ago(at, now))


def paged(pages: Sequence[tuple[str, datetime]], now: datetime) -> str:
    """That nobody has it yet, and who was paged last.

    :param pages: name and time, the last first; no name for the network's fallback number.
    """
    if not pages:
        return _("Nobody has it yet, and nobody could be paged. Call now.")
    last = pages[0][1]
    who = [name or _("the fallback number") for name, at in pages if at == last]
    return _("Nobody has it yet. Paged %(names)s %(ago)s.", names=", ".join(dict.fromkeys(who)), ago=ago(last, now))


_SOON = {0: marked("Due today"), 1: marked("Due tomorrow")}
_TELL = marked("Tell %(name)s where it stands: %(standing)s.")

_OTHERWISE: Mapping[Kind, str] = {
    Kind.OFFER_NEXT: marked("%(organization)s cannot help: “%(reason)s”. Offer %(name)s the next match."),
    Kind.RESOLVE_DISPUTE: marked("%(standing)s."),
    Kind.FOLLOW_BARRIER: marked("%(name)s says not yet."),
    Kind.READ_TEXT: marked("%(name)s sent a text that only a person can understand."),
    Kind.CALL_INSTEAD: marked("%(name)s could not be texted."),
    Kind.CALL_AGENCY: marked("%(organization)s has said nothing for a while."),
    Kind.ANSWER_AGENCY: marked("%(organization)s asks something about %(name)s before they answer."),
    Kind.ANSWER_NOTE: marked("%(organization)s has written a note about %(name)s. Read it."),
    Kind.CONFIRM_WALK_IN: marked("%(agency)s says that it helped %(name)s, who came without a referral. Ask %(name)s."),
    Kind.RESCHEDULE: marked("%(name)s needs another appointment with %(organization)s."),
    Kind.FIND_RIDE: marked("%(name)s needs a ride to %(organization)s."),
    Kind.URGENT_TEXT: marked("%(name)s sent a text that speaks of danger. Call at once."),
}

_BY_CODE: Mapping[Kind, Mapping[str, str]] = {
    Kind.OFFER_NEXT: {
        "they-were-full": marked("%(name)s says that %(organization)s was full. Offer another place."),
        "silence": marked("%(organization)s has not answered. Offer %(name)s the next match."),
        "cancelled": marked("%(organization)s ended it. Offer %(name)s the next match."),
        "came-back": marked(
            "The referral to %(organization)s was cancelled when %(name)s was thought gone. Offer %(name)s help again."
        ),
        "onward": marked("%(organization)s suggests %(suggested)s instead. Offer it to %(name)s."),
        "veto": marked("%(name)s does not want %(organization)s to be asked. Offer another place."),
        "closed-meanwhile": marked(
            "%(organization)s was to be asked next and takes nobody now. Offer %(name)s another place."
        ),
        "not-them": marked("%(name)s does not want %(organization)s to be told. Offer one of those that may be."),
        "recalled-silence": marked("%(organization)s did not answer and was recalled. Offer %(name)s the next match."),
        "recalled-by-sender": marked("The referral to %(organization)s was recalled. Offer %(name)s the next match."),
    },
    Kind.RESOLVE_DISPUTE: {
        "quoted": marked("%(organization)s says: “%(agency_said)s”. %(name)s says: “%(patient_said)s”.")
    },
    Kind.FOLLOW_BARRIER: {
        "they-were-full": marked("%(name)s says not yet: %(barrier)s."),
        "other": marked("%(name)s says not yet: %(barrier)s."),
        "nobody-answered": marked(
            "%(name)s says that nobody answered. %(organization)s is asked to call by tomorrow. See that they do."
        ),
        "missing-papers": marked("%(name)s could not be helped for want of papers. Ask which, and help to get them."),
        "missing-papers-known": marked(
            "%(name)s could not be helped for want of papers. %(organization)s asks for: %(documents)s."
        ),
        "could-not-get-there": marked("%(name)s could not get there. Find out whether a ride would help."),
        "did-not-want-it": marked("%(name)s did not want it. Ask why before it ends."),
    },
    Kind.RESCHEDULE: {
        "cannot-come": marked("%(name)s cannot come to the appointment. Ask %(organization)s for another time."),
        "cancelled": marked("%(organization)s has called off the appointment. Ask for another time."),
        "no-show": marked("%(name)s did not come to the appointment. Ask what happened, and for another time."),
    },
    Kind.FIND_RIDE: {"appointment": marked("%(name)s needs a ride to the appointment with %(organization)s.")},
    Kind.READ_TEXT: {
        "unknown-number": marked("A text from a number that belongs to no patient: %(phone)s."),
        "from-agency": marked("%(agency)s, has sent a text that only a person can understand: %(phone)s."),
        "shared-phone": marked("A text from a phone that several patients share: %(phone)s."),
        "wrong-number": marked("The phone of %(name)s belongs to somebody else. Find out the right number."),
        "not-in-service": marked("The phone of %(name)s is no longer in service. Find out the right number."),
        "asks-who": marked("%(name)s asks who we are. Make sure that it is the right person."),
        "closed-question": marked("%(name)s answers a question that is closed."),
        "maybe-stop": marked("%(name)s may have asked for no more texts and gets none. Find out what was meant."),
        "language": marked("%(name)s asks for a language in which we have no texts."),
        "text-nothing": marked("%(name)s has written and must not be texted. Call, if that is safe."),
        "no-words": marked("%(name)s has written, and we have no answer in %(language)s that may be sent."),
        "unread": marked("A text of %(name)s could not be understood by itself. Nobody has answered it."),
        "taken-over": marked("%(name)s has written. Nothing answers by itself: the conversation is with a person."),
        "held-empty": marked("A text to %(name)s is held back, because there is nothing in it. Call %(name)s."),
        "held-too-long": marked("A text to %(name)s is held back, because it is too long to be sent. Call %(name)s."),
        "held-loop": marked("A machine seems to answer our texts to %(name)s, so they are held back. Call %(name)s."),
    },
    Kind.URGENT_TEXT: {
        "unknown-number": marked("A text from an unknown number speaks of danger: %(phone)s. Call at once."),
        "from-agency": marked("A text of %(agency)s, speaks of danger: %(phone)s. Call at once."),
        "shared-phone": marked("A text from a phone that several share speaks of danger: %(phone)s. Call at once."),
    },
    Kind.CALL_INSTEAD: {
        "no-consent": marked("%(name)s has not agreed to texts."),
        "text-nothing": marked("%(name)s must not be texted."),
        "no-phone": marked("There is no phone to text %(name)s on."),
        "sensitive": marked("Nothing about this is ever texted."),
        "no-translation": marked("We have no text in %(language)s."),
        "not-allowed": marked(
            "This network sends no texts in %(language)s, or not before a native speaker approves them."
        ),
        "opted-out": marked("%(name)s texted STOP and gets no more texts."),
        "opted-out-at-rest": marked(
            "%(name)s texted STOP and gets no more texts. No referral is open. Agree on another way to keep in touch."
        ),
        "asked": marked("%(name)s asks for a call."),
        "awaiting-documents": marked(
            "%(organization)s waits for documents from %(name)s. Call and find out which, and help to get them."
        ),
        "awaiting-patient": marked("%(organization)s waits for %(name)s. Call and find out what is missing."),
        "silent": marked("%(name)s has not answered our texts. Ask whether help came."),
        "look": marked("%(name)s answers neither texts nor calls. Visit, or ask %(organization)s whether help came."),
    },
    Kind.ANSWER_NOTE: {"question": marked("%(organization)s asks something about %(name)s and waits for an answer.")},
    Kind.CALL_AGENCY: {
        "silent-2": marked("%(organization)s has not answered. It was sent %(ago)s."),
        "promise-due": marked(
            "%(organization)s was to contact %(name)s by now, and nobody knows of it. Ask when they will."
        ),
        "urgent-call": marked("This cannot wait: %(urgent_when)s. Phone %(organization)s instead of waiting."),
        "idle-14": marked("%(organization)s accepted it %(ago)s and has said nothing since."),
        "idle-30": marked("%(organization)s has been serving for a month and has said nothing since."),
        "note-unread": marked("Nobody at %(organization)s reads notes here. Phone them and tell what you wrote."),
        "unreached": marked("Nothing that we wrote has reached anybody at %(organization)s. Phone them."),
        "hold-14": marked("%(organization)s has kept %(name)s waiting for two weeks. Ask how long it will take."),
    },
}
