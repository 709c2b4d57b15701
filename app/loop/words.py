"""What a patient's story reads like: each step, each text and each answer in plain words."""

from __future__ import annotations

from app.i18n import gettext as _
from app.i18n import marked
from app.loop.clocks import Effect
from app.messaging.delivery import State
from app.referrals import words
from app.referrals.closing import Barrier, Says
from app.referrals.lifecycle import Status
from app.worklist.kinds import Kind

STEP = {
    Status.REQUESTED: marked("Sent to %(organization)s"),
    Status.ACCEPTED: marked("Accepted"),
    Status.REJECTED: marked("Declined: “%(reason)s”"),
    Status.IN_PROGRESS: marked("Being served"),
    Status.ON_HOLD: marked("Waiting: “%(reason)s”"),
    Status.COMPLETED: marked("They say served: %(outcome)s"),
    Status.FAILED: marked("Not served: “%(reason)s”"),
    Status.CANCELLED: marked("Recalled: %(reason)s"),
    Status.ENTERED_IN_ERROR: marked("Marked as sent by mistake"),
}

AGENCY_SAYS = {
    Status.ACCEPTED: marked("Accepted"),
    Status.REJECTED: marked("Declined: “%(reason)s”"),
    Status.IN_PROGRESS: marked("Being served"),
    Status.ON_HOLD: marked("Waiting: “%(reason)s”"),
    Status.COMPLETED: marked("Served"),
    Status.FAILED: marked("Not served: “%(reason)s”"),
    Status.CANCELLED: marked("Ended: %(reason)s"),
}

TOLD = {
    Status.ACCEPTED: marked("They accept"),
    Status.REJECTED: marked("They decline"),
    Status.IN_PROGRESS: marked("They have begun"),
    Status.ON_HOLD: marked("They keep %(name)s waiting"),
    Status.COMPLETED: marked("They have served %(name)s"),
    Status.FAILED: marked("They could not serve %(name)s"),
    Status.CANCELLED: marked("They end it"),
}
"""What an agency may say next, as the care team writes it down."""

WORK = {
    Kind.OFFER_NEXT: marked("Offer %(name)s the next match %(by)s"),
    Kind.RESOLVE_DISPUTE: marked("Call %(name)s and find out %(by)s"),
    Kind.FOLLOW_BARRIER: marked("Ask %(name)s what would help %(by)s"),
    Kind.READ_TEXT: marked("Read the text of %(name)s %(by)s"),
    Kind.CALL_INSTEAD: marked("Call %(name)s %(by)s"),
    Kind.CALL_AGENCY: marked("Phone %(organization)s %(by)s"),
    Kind.URGENT_TEXT: marked("Call %(name)s at once"),
}

WORKED = {
    Kind.OFFER_NEXT: marked("Offering the next match"),
    Kind.RESOLVE_DISPUTE: marked("Finding out which answer holds"),
    Kind.FOLLOW_BARRIER: marked("Asking what would help"),
    Kind.READ_TEXT: marked("Reading a text"),
    Kind.CALL_INSTEAD: marked("Calling %(name)s"),
    Kind.CALL_AGENCY: marked("Phoning the agency"),
    Kind.URGENT_TEXT: marked("Calling %(name)s at once"),
}
"""The same, looked back on."""

CAME_OF_IT = {
    "done": marked("done"),
    "not-reached": marked("not reached"),
    "not-needed": marked("not needed"),
}

CLOCK = {
    Effect.CALL_AGENCY: marked("If nothing is heard by %(when)s, %(owner)s is asked to phone %(organization)s"),
    Effect.OFFER_NEXT: marked("If nothing is heard by %(when)s, %(owner)s is asked to offer the next match"),
    Effect.ASK: marked("We ask %(name)s whether help came: %(when)s"),
    Effect.CALL_PATIENT: marked("If %(name)s stays silent, %(owner)s is asked to call: %(when)s"),
    Effect.GIVE_UP_ASKING: marked("If %(name)s stays silent, it ends without an answer: %(when)s"),
}

DELIVERY = {
    State.HELD: marked("held back"),
    State.QUEUED: marked("waiting to be sent"),
    State.SENDING: marked("being sent"),
    State.UNSURE: marked("perhaps sent, we are checking"),
    State.ACCEPTED: marked("sent"),
    State.SENT: marked("sent"),
    State.UNKNOWN: marked("sent, nobody says whether it arrived"),
    State.UNDELIVERED: marked("not delivered"),
    State.FAILED: marked("not delivered"),
    State.DELIVERED: marked("delivered"),
    State.CANCELLED: marked("not sent"),
    State.EXPIRED: marked("not sent: it would have come too late"),
}
FAILED = frozenset({State.HELD, State.UNDELIVERED, State.FAILED})
"""States in which somebody should know that the patient has not read it."""

WHY = {
    "superseded": marked("something newer happened"),
    "consent-revoked": marked("consent was withdrawn"),
    "opted-out": marked("they texted STOP"),
    "too-long": marked("it is too long"),
    "empty": marked("it is empty"),
    "missing-translation": marked("there is no translation"),
    "loop": marked("a machine seems to answer"),
    "quiet-hours": marked("at night nobody is texted"),
    "daily-cap": marked("they had a text today"),
    "weekly-cap": marked("they had enough texts this week"),
}

UNDERSTOOD = {
    "stop": marked("wants no more texts"),
    "start": marked("wants texts again"),
    "help": marked("asks who we are"),
    "maybe_stop": marked("perhaps wants no more texts"),
    "urgent": marked("speaks of danger"),
    "wrong_number": marked("this is the wrong number"),
    "human": marked("wants to be called"),
    "status": marked("asks how it stands"),
    "language": marked("wants another language"),
    "ack": marked("has read our text"),
    "reaction": marked("reacted to our text"),
    "auto_reply": marked("the phone answered by itself"),
    "repeated": marked("said before"),
}
"""What was understood from a text that answered no question of ours."""


def delivery(status: str, why: str | None) -> str:
    """How far a text of ours got, and why no further."""
    state = _(DELIVERY[State(status)])
    return f"{state}: {_(WHY.get(why, why))}" if why and State(status) in _EXPLAINED else state


_EXPLAINED = FAILED | {State.CANCELLED, State.QUEUED}


def answer(says: Says, barrier: Barrier | None) -> str:
    """What a patient said, with what stands behind it: “not yet: nobody answered”."""
    return f"{words.says(says)}: {words.barrier(barrier)}" if barrier else words.says(says)
