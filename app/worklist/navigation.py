"""Where one can go: the three or four places of each role, and what stands under “More”."""

from __future__ import annotations

from dataclasses import dataclass

from app.i18n import marked
from app.staff.permissions import Action, Role, may


@dataclass(frozen=True)
class Place:
    label: str
    icon: str
    endpoint: str
    holds: tuple[str, ...]
    """How the endpoints begin that belong to it; the first place that fits is the one where one is."""


@dataclass(frozen=True)
class Entry:
    """A line under “More”."""

    label: str
    says: str
    endpoint: str
    action: Action


_MORE = Place(
    marked("More"),
    "more",
    "worklist.more",
    (
        "worklist.",
        "agencies.",
        "directory.",
        "upkeep.",
        "reports.",
        "staff.",
        "phone.",
        "mail.",
        "texting.",
        "oversight.",
    ),
)
_DIRECTORY = Place(marked("Directory"), "building", "directory.search", ("directory.", "upkeep."))
_LOOK_UP = Place(marked("Directory"), "search", "directory.search", ("directory.",))
"""For an agency, whose own services have the building."""
_CARE = (
    Place(marked("Today"), "today", "worklist.today", ("worklist.today",)),
    Place(
        marked("Patients"),
        "people",
        "patients.find",
        ("patients.", "screening.", "referrals.", "loop.patient", "loop.referral"),
    ),
    Place(marked("Messages"), "message", "loop.messages", ("loop.",)),
    _MORE,
)
PLACES: dict[Role, tuple[Place, ...]] = {
    Role.HEALTH_WORKER: _CARE,
    Role.LEAD: _CARE,
    Role.AGENCY: (
        Place(marked("Inbox"), "inbox", "inbox.inbox", ("inbox.", "referrals.", "loop.")),
        Place(marked("Services"), "building", "upkeep.ours", ("upkeep.",)),
        _LOOK_UP,
        _MORE,
    ),
    Role.ADMINISTRATOR: (
        Place(marked("Numbers"), "chart", "reports.numbers", ("reports.",)),
        _DIRECTORY,
        Place(marked("People"), "people", "staff.people", ("staff.people", "staff.add_person")),
        _MORE,
    ),
}

ENTRIES = (
    Entry(
        marked("Numbers"),
        marked("Loops closed, people who got help, and where it leaks"),
        "reports.numbers",
        Action.SEE_NUMBERS,
    ),
    Entry(
        marked("Directory"),
        marked("Everybody who can help, and how to reach them"),
        "directory.search",
        Action.SEE_DIRECTORY,
    ),
    Entry(marked("People"), marked("Who signs in, and what they may do"), "staff.people", Action.MANAGE_STAFF),
    Entry(
        marked("Who is paged"),
        marked("When a text speaks of danger: whose phone, and who is on call"),
        "staff.on_call",
        Action.MANAGE_STAFF,
    ),
    Entry(
        marked("Hand over"),
        marked("Who answers for how much, and who takes it on"),
        "oversight.caseloads",
        Action.HAND_OVER,
    ),
    Entry(
        marked("How long may be waited"),
        marked("What happens by itself when nothing is heard, and for whom it is otherwise"),
        "oversight.waiting_times",
        Action.SET_CLOCKS,
    ),
    Entry(
        marked("Keep it true"),
        marked("Services to confirm, and what is listed twice"),
        "upkeep.upkeep_list",
        Action.KEEP_DIRECTORY,
    ),
    Entry(
        marked("Bring in a directory"),
        marked("From a package or a table"),
        "directory.imports",
        Action.IMPORT_DIRECTORY,
    ),
    Entry(
        marked("How texting runs"),
        marked("What waits, what failed and why, and what it costs"),
        "texting.operations",
        Action.SEE_OPERATIONS,
    ),
    Entry(
        marked("Who hears of requests"),
        marked("People at agencies who answer by e-mail or text"),
        "agencies.organizations",
        Action.KEEP_CONTACTS,
    ),
    Entry(
        marked("Without a referral"),
        marked("Count somebody who came by themselves"),
        "inbox.new_walk_in",
        Action.RECORD_WALK_IN,
    ),
    Entry(
        marked("Our week"),
        marked("What is new, what waits, and what became of the rest"),
        "inbox.week",
        Action.SEE_INBOX,
    ),
    Entry(
        marked("Our numbers"),
        marked("A report and a table for those who pay for us"),
        "reports.ours",
        Action.SEE_OWN_NUMBERS,
    ),
    Entry(marked("My account"), marked("Language and password"), "staff.account", Action.SEE_ACCOUNT),
)
SIMULATOR = Entry(
    marked("Phone simulator"), marked("Read and answer texts as a patient would"), "phone.phones", Action.SEE_ACCOUNT
)
MAIL = Entry(
    marked("Mail"), marked("Read what agencies were sent, and answer as they would"), "mail.letters", Action.SEE_ACCOUNT
)
"""Both only in a demonstration."""


def current(role: Role, endpoint: str) -> Place | None:
    """The place of `role` where somebody is who looks at `endpoint`."""
    return next((place for place in PLACES[role] if endpoint.startswith(place.holds)), None)


def entries(role: Role, *, demo: bool) -> list[Entry]:
    """What stands under “More”: all that `role` may do and that is no place of its own."""
    places = {place.endpoint for place in PLACES[role]}
    offered = (*ENTRIES, SIMULATOR, MAIL) if demo else ENTRIES
    return [entry for entry in offered if entry.endpoint not in places and may(role, entry.action)]
