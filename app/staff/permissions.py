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
    SEE_WORK = "see work"
    FINISH_WORK = "finish work"
    SEE_INBOX = "see inbox"
    SET_CAPACITY = "set capacity"
    SEE_DIRECTORY = "see directory"
    IMPORT_DIRECTORY = "import directory"
    MANAGE_STAFF = "manage staff"
    SEE_NUMBERS = "see numbers"
    SEE_OPERATIONS = "see how texting runs"
    SEE_ACCOUNT = "see account"


_CARE = {
    Action.SEE_TODAY: Relation.OWN,
    Action.FIND_PATIENTS: Relation.TEAM,
    Action.REGISTER_PATIENT: Relation.TEAM,
    Action.SEE_PATIENT: Relation.TEAM,
    Action.CHANGE_PATIENT: Relation.TEAM,
    Action.RECORD_CONSENT: Relation.TEAM,
    Action.SCREEN: Relation.TEAM,
    Action.CHANGE_NEED: Relation.TEAM,
    Action.SEE_MATCHES: Relation.TEAM,
    Action.SEND_REFERRAL: Relation.TEAM,
    Action.SEE_REFERRAL: Relation.TEAM,
    Action.MOVE_REFERRAL: Relation.TEAM,
    Action.RECORD_ANSWER: Relation.TEAM,
    Action.SEE_MESSAGES: Relation.TEAM,
    Action.HANDLE_MESSAGES: Relation.TEAM,
    Action.SEE_WORK: Relation.TEAM,
    Action.FINISH_WORK: Relation.TEAM,
    Action.SEE_DIRECTORY: Relation.NETWORK,
    Action.SEE_NUMBERS: Relation.TEAM,
    Action.SEE_ACCOUNT: Relation.OWN,
}

PERMISSIONS: dict[Role, dict[Action, Relation]] = {
    Role.HEALTH_WORKER: _CARE,
    Role.LEAD: _CARE,
    Role.AGENCY: {
        Action.SEE_INBOX: Relation.RECIPIENT,
        Action.SET_CAPACITY: Relation.RECIPIENT,
        Action.SEE_REFERRAL: Relation.RECIPIENT,
        Action.MOVE_REFERRAL: Relation.RECIPIENT,
        Action.SEE_DIRECTORY: Relation.NETWORK,
        Action.SEE_ACCOUNT: Relation.OWN,
    },
    Role.ADMINISTRATOR: {
        Action.SEE_DIRECTORY: Relation.NETWORK,
        Action.IMPORT_DIRECTORY: Relation.NETWORK,
        Action.MANAGE_STAFF: Relation.NETWORK,
        Action.SEE_NUMBERS: Relation.NETWORK,
        Action.SEE_OPERATIONS: Relation.NETWORK,
        Action.SEE_ACCOUNT: Relation.OWN,
    },
}


def relation(role: Role, action: Action) -> Relation | None:
    """What somebody in `role` must be to a thing to do `action` to it; None when they never may."""
    return PERMISSIONS[role].get(action)


def may(role: Role, action: Action) -> bool:
    """Whether `role` ever does `action`."""
    return relation(role, action) is not None
