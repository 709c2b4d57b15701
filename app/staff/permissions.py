"""Who may do what: one table of role × action × relation.

A *relation* says what the person has to be to the thing. The guard at the edge asks `may(role, action)`: is there any
relation under which this role does this? The query behind the edge narrows to the relation: it starts from
`visible_to(staff)`, so what is not yours is not found.
"""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    HEALTH_WORKER = "health-worker"
    LEAD = "lead"
    AGENCY = "agency"
    ADMINISTRATOR = "administrator"


class Relation(StrEnum):
    OWN = "own"
    """It is about themselves."""
    TEAM = "team"
    """The patient is cared for by their team."""
    RECIPIENT = "recipient"
    """Their organization received the referral."""
    NETWORK = "network"
    """Everybody in the network."""


class Action(StrEnum):
    SEE_TODAY = "see today"
    FIND_PATIENTS = "find patients"
    REGISTER_PATIENT = "register patient"
    SEE_PATIENT = "see patient"
    CHANGE_PATIENT = "change patient"
    END_PATIENT = "end patient"
    """Record that they have died, moved away, or want their data deleted; or that this was a mistake."""
    RECORD_CONSENT = "record consent"
    SCREEN = "screen"
    CHANGE_NEED = "change need"
    SEE_MATCHES = "see matches"
    SEND_REFERRAL = "send referral"
    SEE_REFERRAL = "see referral"
    MOVE_REFERRAL = "move referral"
    RECORD_ANSWER = "record the patient's answer"
    SEE_MESSAGES = "see messages"
    HANDLE_MESSAGES = "handle messages"
    WRITE_TEXT = "write to a patient"
    DECIDE_TEXT = "decide about a text that waits"
    SEE_WORK = "see work"
    FINISH_WORK = "finish work"
    LEAD_TEAM = "lead a team"
    """See and sort everybody's work."""
    PAUSE_PATIENT = "pause patient"
    """Leave a patient or a household alone until a day; or not any longer."""
    HAND_OVER = "hand over"
    """Make somebody else answer for what one person answers for."""
    SET_CLOCKS = "set clocks"
    """Say how long an agency, or a need, may wait before something happens."""
    SEE_INBOX = "see inbox"
    SET_CAPACITY = "set capacity"
    ASSIGN_REFERRAL = "assign referral"
    """Within the organization that received it."""
    WRITE_NOTE = "write a note"
    SEND_ON = "send on"
    """Name another service that may help where one's own cannot."""
    RECORD_WALK_IN = "record a walk-in"
    SEE_OWN_NUMBERS = "see the numbers of one's own organization"
    KEEP_CONTACTS = "keep agency contacts"
    """Say who receives an organization's referrals by e-mail or text."""
    ANSWER_AGENCY = "answer an agency"
    """Answer what an agency without an account asks about a referral."""
    SEE_DIRECTORY = "see directory"
    IMPORT_DIRECTORY = "import directory"
    EDIT_SERVICE = "edit service"
    KEEP_DIRECTORY = "keep directory"
    MANAGE_STAFF = "manage staff"
    SEE_NUMBERS = "see numbers"
    SEE_OPERATIONS = "see how texting runs"
    SEND_AGAIN = "send an e-mail again"
    """One of which nobody knows whether it has arrived."""
    SEE_ACCOUNT = "see account"


_CARE = {
    Action.SEE_TODAY: Relation.OWN,
    Action.FIND_PATIENTS: Relation.TEAM,
    Action.REGISTER_PATIENT: Relation.TEAM,
    Action.SEE_PATIENT: Relation.TEAM,
    Action.CHANGE_PATIENT: Relation.TEAM,
    Action.PAUSE_PATIENT: Relation.TEAM,
    Action.RECORD_CONSENT: Relation.TEAM,
    Action.SCREEN: Relation.TEAM,
    Action.CHANGE_NEED: Relation.TEAM,
    Action.SEE_MATCHES: Relation.TEAM,
    Action.SEND_REFERRAL: Relation.TEAM,
    Action.SEE_REFERRAL: Relation.TEAM,
    Action.MOVE_REFERRAL: Relation.TEAM,
    Action.RECORD_ANSWER: Relation.TEAM,
    Action.WRITE_NOTE: Relation.TEAM,
    Action.ANSWER_AGENCY: Relation.TEAM,
    Action.SEE_MESSAGES: Relation.TEAM,
    Action.HANDLE_MESSAGES: Relation.TEAM,
    Action.WRITE_TEXT: Relation.TEAM,
    Action.DECIDE_TEXT: Relation.TEAM,
    Action.SEE_WORK: Relation.TEAM,
    Action.FINISH_WORK: Relation.TEAM,
    Action.SEE_DIRECTORY: Relation.NETWORK,
    Action.SEE_NUMBERS: Relation.TEAM,
    Action.SEE_ACCOUNT: Relation.OWN,
}

PERMISSIONS: dict[Role, dict[Action, Relation]] = {
    Role.HEALTH_WORKER: _CARE,
    Role.LEAD: {
        **_CARE,
        Action.END_PATIENT: Relation.TEAM,
        Action.LEAD_TEAM: Relation.TEAM,
        Action.HAND_OVER: Relation.TEAM,
    },
    Role.AGENCY: {
        Action.SEE_INBOX: Relation.RECIPIENT,
        Action.SET_CAPACITY: Relation.RECIPIENT,
        Action.ASSIGN_REFERRAL: Relation.RECIPIENT,
        Action.WRITE_NOTE: Relation.RECIPIENT,
        Action.SEND_ON: Relation.RECIPIENT,
        Action.RECORD_WALK_IN: Relation.RECIPIENT,
        Action.SEE_OWN_NUMBERS: Relation.RECIPIENT,
        Action.KEEP_CONTACTS: Relation.RECIPIENT,
        Action.EDIT_SERVICE: Relation.RECIPIENT,
        Action.SEE_REFERRAL: Relation.RECIPIENT,
        Action.MOVE_REFERRAL: Relation.RECIPIENT,
        Action.SEE_DIRECTORY: Relation.NETWORK,
        Action.SEE_ACCOUNT: Relation.OWN,
    },
    Role.ADMINISTRATOR: {
        Action.SEE_DIRECTORY: Relation.NETWORK,
        Action.IMPORT_DIRECTORY: Relation.NETWORK,
        Action.EDIT_SERVICE: Relation.NETWORK,
        Action.KEEP_DIRECTORY: Relation.NETWORK,
        Action.KEEP_CONTACTS: Relation.NETWORK,
        Action.MANAGE_STAFF: Relation.NETWORK,
        Action.HAND_OVER: Relation.NETWORK,
        Action.SET_CLOCKS: Relation.NETWORK,
        Action.SEE_NUMBERS: Relation.NETWORK,
        Action.SEE_OPERATIONS: Relation.NETWORK,
        Action.SEND_AGAIN: Relation.NETWORK,
        Action.DECIDE_TEXT: Relation.NETWORK,
        Action.SEE_ACCOUNT: Relation.OWN,
    },
}


def relation(role: Role, action: Action) -> Relation | None:
    """What somebody in `role` must be to a thing to do `action` to it; None when they never may."""
    return PERMISSIONS[role].get(action)


def may(role: Role, action: Action) -> bool:
    """Whether `role` ever does `action`."""
    return relation(role, action) is not None
