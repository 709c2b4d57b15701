"""What a patient's story reads like: each step, each text and each answer in plain words."""

from __future__ import annotations

from app.i18n import gettext as _
from app.i18n import marked
from app.loop.clocks import Effect, Unit
from app.messaging.delivery import State
from app.referrals import words
from app.referrals.closing import Barrier, Says
from app.referrals.lifecycle import Status
from app.referrals.meetings import Became
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

NEVER_SENT = marked("Not sent after all")
"""The next place was not asked, for example because the patient did not want it: that was no mistake."""

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
    Kind.ANSWER_AGENCY: marked("Answer the question of %(organization)s %(by)s"),
    Kind.RESCHEDULE: marked("Find another time for %(name)s %(by)s"),
    Kind.FIND_RIDE: marked("Find a ride for %(name)s %(by)s"),
    Kind.ANSWER_NOTE: marked("Read the note of %(organization)s %(by)s"),
    Kind.CONFIRM_WALK_IN: marked("Ask %(name)s whether help came %(by)s"),
    Kind.URGENT_TEXT: marked("Call %(name)s at once"),
}

LOOK = marked("Visit %(name)s, or ask %(organization)s, %(by)s")
"""The same, where calling was in vain."""

WORKED = {
    Kind.OFFER_NEXT: marked("Offering the next match"),
    Kind.RESOLVE_DISPUTE: marked("Finding out which answer holds"),
    Kind.FOLLOW_BARRIER: marked("Asking what would help"),
    Kind.READ_TEXT: marked("Reading a text"),
    Kind.CALL_INSTEAD: marked("Calling %(name)s"),
    Kind.CALL_AGENCY: marked("Phoning the agency"),
    Kind.ANSWER_AGENCY: marked("Answering the agency"),
    Kind.RESCHEDULE: marked("Finding another time"),
    Kind.FIND_RIDE: marked("Finding a ride"),
    Kind.ANSWER_NOTE: marked("Reading a note"),
    Kind.CONFIRM_WALK_IN: marked("Asking whether help came"),
    Kind.URGENT_TEXT: marked("Calling %(name)s at once"),
}
"""Work, looked back on."""

BECAME = {
    Became.PLANNED: marked("The appointment stands"),
    Became.ATTENDED: marked("%(name)s came to the appointment"),
    Became.NO_SHOW: marked("%(name)s did not come to the appointment"),
    Became.CANCELLED: marked("The appointment was called off"),
    Became.PASSED: marked("The appointment is over, and nobody has said whether %(name)s came"),
}

TRIED = {
    "text": marked("Text"),
    "call": marked("Call"),
    "visit": marked("Visit, or a call to the agency"),
}
"""Ways of hearing from a patient."""

CAME_OF_IT = {
    "done": marked("done"),
    "not-reached": marked("not reached"),
    "not-needed": marked("not needed"),
}

CLOCK = {
    Effect.CALL_AGENCY: marked("If nothing is heard by %(when)s, %(owner)s is asked to phone %(organization)s"),
    Effect.SEND: marked("If %(name)s does not mind, it is sent: %(when)s"),
    Effect.NUDGE: marked("If nothing is heard by %(when)s, %(organization)s is reminded"),
    Effect.RECALL: marked("If nothing is heard by %(when)s, the next place is asked"),
    Effect.CHECK: marked("If %(name)s stays silent, %(owner)s is asked to look: %(when)s"),
    Effect.ASK: marked("We ask %(name)s whether help came: %(when)s"),
    Effect.CALL_PATIENT: marked("If %(name)s stays silent, %(owner)s is asked to call: %(when)s"),
    Effect.BREAK_PROMISE: marked(
        "If %(organization)s has not contacted %(name)s by %(when)s, %(owner)s is asked to phone them"
    ),
    Effect.REMIND: marked("%(name)s is reminded of the appointment: %(when)s"),
    Effect.GIVE_UP_ASKING: marked("If %(name)s stays silent, it ends without an answer: %(when)s"),
}

CLOCK_ROWS = {
    "veto-over": marked("A patient who has been told of the next place and does not mind: it is asked after %(wait)s"),
    "nudge-1": marked("An agency that has not answered is reminded after %(wait)s"),
    "silent-2": marked("When it still has not answered, the care team is asked to phone it after %(wait)s"),
    "silent-4": marked("When it still has not answered, it is recalled and the next place is asked after %(wait)s"),
    "urgent-call": marked("When the need cannot wait, the care team is asked to phone the agency after %(wait)s"),
    "silent-1": marked("When the need cannot wait, the agency is recalled and the next place is asked after %(wait)s"),
    "ask-7": marked("After an agency has accepted, the patient is asked whether help came after %(wait)s"),
    "ask-accepted-21": marked("After an agency has accepted, the patient is asked again after %(wait)s"),
    "idle-14": marked("When an agency has accepted and says nothing more, the care team phones it after %(wait)s"),
    "ask-21": marked("While the patient is being served, or was, they are asked again after %(wait)s"),
    "idle-30": marked("When an agency is serving and says nothing more, the care team phones it after %(wait)s"),
    "hold-14": marked("When an agency keeps somebody waiting, the care team phones it after %(wait)s"),
    "ask-served": marked("After an agency says served, the patient is asked whether that is so after %(wait)s"),
    "ask-again": marked("When the patient has not answered, they are asked once more after %(wait)s"),
    "call-patient": marked("When the patient has not answered, the care team calls after %(wait)s"),
    "check-24": marked("When the patient has not answered, the care team visits or asks the agency after %(wait)s"),
    "give-up": marked("When nobody could reach the patient, it ends without an answer after %(wait)s"),
}
"""What the table of clocks says, a sentence for each step."""

_WAITS = {
    Unit.HOURS: (marked("one hour"), marked("%(n)s hours")),
    Unit.DAYS: (marked("one day"), marked("%(n)s days")),
    Unit.BUSINESS_DAYS: (marked("one business day"), marked("%(n)s business days")),
    Unit.WORKING_HOURS: (marked("one working hour"), marked("%(n)s working hours")),
}


def wait(amount: int, unit: Unit) -> str:
    """How long that is, in words."""
    one, many = _WAITS[unit]
    return _(one) if amount == 1 else _(many, n=amount)


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
    "by-hand": marked("a person took it back"),
    "paused": marked("they are left alone for a while"),
    "quiet-hours": marked("at night nobody is texted"),
    "daily-cap": marked("they had a text today"),
    "weekly-cap": marked("they had enough texts this week"),
}

NO_TEXTS = {
    "ended": marked("%(name)s is no longer cared for here, so nothing is sent."),
    "no-consent": marked("%(name)s has not agreed to texts, so none are sent."),
    "text-nothing": marked("%(name)s must not be texted, so nothing is sent."),
    "no-phone": marked("There is no phone, so nothing can be sent."),
    "opted-out": marked("This phone asked for no more texts, so nothing is sent until they ask for texts again."),
    "shared-text-nothing": marked("Somebody who uses the same phone must not be texted, so nothing is sent to it."),
}


def no_texts(why: str, name: str) -> str:
    """Why somebody is not texted, as one sentence."""
    return _(NO_TEXTS.get(why, NO_TEXTS["text-nothing"]), name=name)


NOT_AT_ONCE = {
    "quiet-hours": marked("It goes out %(when)s, because at night nobody is texted."),
    "daily-cap": marked("It goes out %(when)s, because they had a text today."),
    "weekly-cap": marked("It goes out %(when)s, because they had enough texts this week."),
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
    "which-request": marked("does not say which referral it is about"),
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
