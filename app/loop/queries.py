"""The read side of the pages about one patient: needs, the life of each referral, what comes next, and every text."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import String, null, select, union_all
from sqlalchemy import cast as as_type
from sqlalchemy.dialects.postgresql import distinct_on

from app import clock, i18n
from app.db import session
from app.directory import queries as directory
from app.i18n import LANGUAGES, Language, sentence
from app.i18n import gettext as _
from app.loop import by_hand, words
from app.loop.clocks import NOT_WHILE_TALKING, STANDS_STILL
from app.loop.models import Clock, Takeover
from app.loop.operations import ASKS
from app.loop.story import Next, Step, Teller, Voice
from app.messaging import queries as messaging
from app.messaging.delivery import State
from app.messaging.models import Inbound, Message
from app.messaging.operations import RELEASABLE
from app.messaging.queries import Line
from app.needs.vocabulary import NEEDS
from app.patients import endings, pauses
from app.patients import queries as patients
from app.patients.models import Consent, ConsentKind, Patient
from app.patients.phones import spoken
from app.referrals import appointments, closing
from app.referrals import queries as referrals
from app.referrals import words as referral_words
from app.referrals.closing import Barrier, Closure
from app.referrals.lifecycle import ENDED, NOT_THE_AGENCYS, OPEN, REASONS, Actor, Status, next_steps, sayable
from app.referrals.models import PatientReport, Referral
from app.referrals.queries import Row
from app.referrals.words import Standing
from app.screening import queries as screening
from app.screening.models import Need, NeedStatus, Screening
from app.staff.models import StaffMember
from app.staff.permissions import Action, Relation, relation
from app.staff.queries import names
from app.worklist import queries as worklist
from app.worklist.kinds import Kind
from app.worklist.models import WorkItem
from app.worklist.queries import TEXTS, Card

MOST_TALKS = 40
SHORT_TEXT = 80
"""Characters of a text in a list of conversations."""


def live_clocks(referral_ids: Iterable[uuid.UUID]) -> Mapping[uuid.UUID, list[Clock]]:
    """By referral, what is still to come due, soonest first."""
    found: defaultdict[uuid.UUID, list[Clock]] = defaultdict(list)
    for waiting in session.scalars(
        select(Clock).where(Clock.referral_id.in_(list(referral_ids)), Clock.ended_at.is_(None)).order_by(Clock.due_at)
    ):
        found[waiting.referral_id].append(waiting)
    return found


@dataclass(frozen=True)
class Attempt:
    """One try to hear from the patient."""

    way: str
    """text, call or visit."""
    at: datetime
    outcome: str
    """Of a text how far it got, of a call or a visit what came of it, as codes."""


def attempts_made(referral_id: uuid.UUID) -> list[Attempt]:
    """Every try to hear from the patient about this referral, oldest first: texts that went out, calls and visits."""
    texts = [Attempt("text", at, state) for at, state in messaging.left_about(referral_id, ASKS)]
    worked = session.scalars(
        select(WorkItem).where(
            WorkItem.referral_id == referral_id, WorkItem.kind == Kind.CALL_INSTEAD, WorkItem.done_by_id.is_not(None)
        )
    )
    calls = [
        Attempt("visit" if item.detail.get("why") == "look" else "call", item.done_at, item.outcome or "")
        for item in worked
        if item.done_at
    ]
    return sorted([*texts, *calls], key=lambda one: one.at)


def attempts(referral_id: uuid.UUID) -> int:
    """How often it was tried to hear from the patient about this referral."""
    return len(attempts_made(referral_id))


def _reports(referral_ids: Iterable[uuid.UUID]) -> Mapping[uuid.UUID, list[PatientReport]]:
    """By referral, what the patient said, oldest first."""
    found: defaultdict[uuid.UUID, list[PatientReport]] = defaultdict(list)
    for report in session.scalars(
        select(PatientReport).where(PatientReport.referral_id.in_(list(referral_ids))).order_by(PatientReport.at)
    ):
        found[report.referral_id].append(report)
    return found


# One patient's story, of which both pages show a part


@dataclass(frozen=True)
class _Story:
    """Every row about a patient and their referrals, asked for once."""

    teller: Teller
    rows: list[Row]
    reports: Mapping[uuid.UUID, list[PatientReport]]
    clocks: Mapping[uuid.UUID, list[Clock]]
    work: Sequence[WorkItem]
    """Done or not, in the order it is due."""
    consents: Sequence[Consent]
    screenings: Sequence[Screening]

    def ahead(self, row: Row) -> list[Next]:
        return self.teller.ahead(row, self.work, self.clocks.get(row.referral.id, []))

    def life(self, row: Row) -> list[Step]:
        return self.teller.life(row, self.reports.get(row.referral.id, []), self.ahead(row))


def _story(staff: StaffMember, patient: Patient) -> _Story:
    rows = referrals.of_patient(staff, patient.id)
    ids = [row.referral.id for row in rows]
    reports = _reports(ids)
    work = session.scalars(
        worklist.visible_to(staff).where(WorkItem.patient_id == patient.id).order_by(WorkItem.due_at)
    ).all()
    consents = patients.consents(patient.id)
    screenings = screening.screenings_of(patient.id)
    people = {
        patient.lead_id,
        patient.registered_by_id,
        *(row.referral.owner_id for row in rows),
        *(step.by_id for row in rows for step in row.referral.transitions),
        *(report.recorded_by_id for said in reports.values() for report in said),
        *(staff_id for item in work for staff_id in (item.owner_id, item.done_by_id)),
        *(consent.recorded_by_id for consent in consents),
        *(held.started_by_id for held in screenings),
    }
    return _Story(
        teller=Teller(patient, names(filter(None, people)), clock.now(), patient.zone, _not_before(patient.id)),
        rows=rows,
        reports=reports,
        clocks=live_clocks(ids),
        work=work,
        consents=consents,
        screenings=screenings,
    )


def _not_before(patient_id: uuid.UUID) -> dict[str, datetime]:
    """By group of clocks, until when nothing of it comes due for this patient."""
    pause, talk = patients.pause_of(patient_id), by_hand.who_has(patient_id)
    waits = [(group, pause.until) for group in STANDS_STILL if pause]
    waits += [(group, talk.until) for group in NOT_WHILE_TALKING if talk]
    return {group.value: max(until for held, until in waits if held is group) for group, _until in waits}


# A referral


@dataclass(frozen=True)
class Said:
    """Something that may be written down about a referral now, and what has to be asked with it."""

    what: str
    """The status an agency tells of, or answer, ride (the patient's), recall, mistake; of a draft: agrees, minds."""
    words: str
    status: Status | None = None
    by_agency: bool = False
    reasons: Mapping[str, str] = field(default_factory=dict)
    likely_reason: str = ""
    outcomes: Mapping[str, str] = field(default_factory=dict)

    @property
    def step(self) -> dict[str, str]:
        """The step it records, whatever a form may say."""
        step = {"status": self.status.value} if self.status else {}
        return {**step, "said_by": "agency"} if self.by_agency else step


@dataclass(frozen=True)
class Other:
    """Another request for the same need, as one is told of it."""

    row: Row
    standing: Standing


@dataclass(frozen=True)
class ReferralPage:
    row: Row
    need: str
    standing: Standing
    agency: Voice
    patient: Voice
    next: Next | None
    owner: str
    life: list[Step]
    place: directory.Card | None
    """Where it went, as the directory knows it now."""
    work: list[Card]
    may_be_said: Mapping[str, Said]
    """By what it is."""
    wants_next: bool
    """The patient still wants help, and nobody is being asked for it."""
    instead_of: Other | None
    """The request that could not help and that this one follows."""
    followed_by: Other | None
    together: list[Other]
    """What was sent at the same time for the same need."""
    attempts: list[Step]
    """How it was tried to hear from the patient, oldest first."""


def referral_page(staff: StaffMember, referral_id: uuid.UUID) -> ReferralPage | None:
    """All about one referral; None when there is none, or not for `staff` to see."""
    row = referrals.row_for(staff, referral_id)
    if row is None:
        return None
    story = _story(staff, row.patient)
    ahead = story.ahead(row)
    cards = worklist.cards(staff, patient_id=row.patient.id)
    return ReferralPage(
        row=row,
        need=_(NEEDS[row.need.kind].short_label),
        standing=referrals.standing(row.referral, row.patient),
        agency=story.teller.agency_says(row),
        patient=story.teller.patient_says(story.reports.get(row.referral.id, [])),
        next=ahead[0] if ahead else None,
        owner=story.teller.people[row.referral.owner_id],
        life=story.teller.life(row, story.reports.get(row.referral.id, []), ahead, _on_the_way(story, row)),
        place=directory.card(row.referral.service_at_location_id),
        work=[card for card in cards if card.item.referral_id == row.referral.id],
        may_be_said={said.what: said for said in _may_be_said(row)},
        wants_next=row.referral.status in ENDED and row.need.status.waits and row.patient.ended is None,
        instead_of=_other(story, lambda other: other.id == row.referral.instead_of_id),
        followed_by=_other(story, lambda other: other.instead_of_id == row.referral.id),
        together=[
            Other(other, referrals.standing(other.referral, other.patient))
            for other in story.rows
            if row.referral.group_id
            and other.referral.group_id == row.referral.group_id
            and other.referral.id != row.referral.id
        ],
        attempts=[story.teller.tried(one.way, one.at, one.outcome) for one in attempts_made(row.referral.id)],
    )


def _on_the_way(story: _Story, row: Row) -> Iterator[Step]:
    fired = session.scalars(select(Clock).where(Clock.referral_id == row.referral.id, Clock.outcome == "fired"))
    yield from story.teller.on_the_way(row, messaging.conversation(row.patient.id), fired, story.work)
    yield from story.teller.met(appointments.all_of(row.referral.id))


def _other(story: _Story, is_it: Callable[[Referral], bool]) -> Other | None:
    found = next((row for row in story.rows if is_it(row.referral)), None)
    return Other(found, referrals.standing(found.referral, found.patient)) if found else None


ANSWER, RIDE, RECALL, MISTAKE, AGREES, MINDS = "answer", "ride", "recall", "mistake", "agrees", "minds"
_NOT_BY_HAND = frozenset({"consent-revoked"})
"""Withdrawing consent recalls by itself; nobody has to say so twice."""


def _may_be_said(row: Row) -> Iterator[Said]:
    name, status = row.patient.given_name, row.referral.status
    if status is Status.DRAFT:  # it goes on by itself unless the patient minds
        yield Said(AGREES, _("Send it now: %(name)s agrees", name=name), status=Status.REQUESTED)
        yield Said(MINDS, _("Do not send it: %(name)s does not want that", name=name))
        return
    for new in sayable(status):
        yield Said(
            new.value,
            _(words.TOLD[new], name=name),
            status=new,
            by_agency=True,
            reasons=_reasons(new, without=NOT_THE_AGENCYS),
            likely_reason=appointments.likely_reason(row.referral, new),
            outcomes=_sentences(referral_words.outcomes()) if new is Status.COMPLETED else {},
        )
    if row.referral.sent_at:
        barriers = {barrier.value: sentence(referral_words.barrier(barrier)) for barrier in Barrier}
        yield Said(ANSWER, _("%(name)s told me…", name=name), reasons=barriers)
    if status in appointments.MAY_HAVE_ONE and row.referral.ride_need_id is None and row.need.kind != "transport":
        yield Said(RIDE, _("%(name)s needs a ride", name=name))
    if Status.CANCELLED in next_steps(status, Actor.SENDER):
        yield Said(
            RECALL, _("Take it back"), status=Status.CANCELLED, reasons=_reasons(Status.CANCELLED, without=_NOT_BY_HAND)
        )
    if Status.ENTERED_IN_ERROR in next_steps(status, Actor.SENDER):
        yield Said(MISTAKE, _("It was sent by mistake"), status=Status.ENTERED_IN_ERROR)


def _reasons(new: Status, *, without: frozenset[str]) -> dict[str, str]:
    reasons = referral_words.reasons(new) if new in REASONS else {}
    return _sentences({code: said for code, said in reasons.items() if code not in without})


def _sentences(said: Mapping[str, str]) -> dict[str, str]:
    return {code: sentence(words) for code, words in said.items()}


# A patient


@dataclass(frozen=True)
class NeedCard:
    """A need and what is being done about it."""

    need: Need
    label: str
    kind: str
    words: str
    newest: Row | None
    life: list[Step]
    """Of the newest referral, in brief."""
    together: list[tuple[Row, Standing]]
    """The others that are asked at the same time."""
    earlier: list[tuple[Row, Standing]]
    """What was tried before, newest first."""
    open_to_offers: bool
    """Somebody should look for a place that helps."""


@dataclass(frozen=True)
class Agreement:
    """A consent at a glance."""

    kind: ConsentKind
    held: bool
    words: str


@dataclass(frozen=True)
class PatientPage:
    patient: Patient
    age: int
    language: Language
    phone: str
    """As people read it; empty when there is none."""
    lead: str
    texting: str
    """ended, no-consent, text-nothing or no-phone; empty when they may be texted."""
    paused: str
    """Why and until when they are left alone; empty when they are not."""
    ended: str
    """Why nothing is done for them any more, in two or three words; empty while they are ours."""
    agreements: list[Agreement]
    needs: list[NeedCard]
    work: list[Card]
    unfinished: Screening | None
    timeline: list[Step]
    """Newest first."""


def patient_page(staff: StaffMember, patient_id: uuid.UUID) -> PatientPage | None:
    """All about one patient; None when there is none, or not for `staff` to see."""
    patient = patients.patient_for(staff, patient_id)
    if patient is None:
        return None
    story = _story(staff, patient)
    needs = screening.needs_of(patient.id)
    return PatientPage(
        patient=patient,
        age=patient.age_on(story.teller.now.astimezone(story.teller.zone).date()),
        language=LANGUAGES[patient.language],
        phone=spoken(patient.phone) if patient.phone else "",
        lead=story.teller.people[patient.lead_id],
        texting=patients.reach(patient).why_not or "",
        paused=_paused(patient),
        ended=endings.standing(patient.ended) if patient.ended else "",
        agreements=[_agreement(story, kind) for kind in ConsentKind],
        needs=sorted((_need_card(story, need) for need in needs), key=_most_alive_first),
        work=worklist.cards(staff, patient_id=patient.id),
        unfinished=screening.unfinished(patient.id),
        timeline=_timeline(story, needs),
    )


def _paused(patient: Patient) -> str:
    held = patients.pause_of(patient.id)
    if held is None or patient.ended:
        return ""
    return _("%(why)s, until %(day)s", why=sentence(pauses.words(held.why)), day=i18n.day(held.until, patient.zone))


def _agreement(story: _Story, kind: ConsentKind) -> Agreement:
    said = [consent for consent in story.consents if consent.kind is kind]
    held = patients.has_consent(story.teller.patient.id, kind)
    if not said:
        return Agreement(kind, held, _("Not asked yet"))
    day = i18n.day(said[0].at, story.teller.zone)
    return Agreement(kind, held, _("Yes, since %(day)s", day=day) if held else _("No, since %(day)s", day=day))


def _need_card(story: _Story, need: Need) -> NeedCard:
    rows = [row for row in story.rows if row.need.id == need.id]
    newest = rows[0] if rows else None
    standing = referrals.standing(newest.referral, newest.patient) if newest else None
    wanted = need.status is NeedStatus.IDENTIFIED or need.status.waits
    open_to_offers = wanted and story.teller.patient.ended is None
    kind, said = _NEEDS_SAID[need.status]
    unmet_because = closing.unmet_because(
        (row.referral.status, row.referral.patient_says, row.referral.barrier) for row in rows
    )
    if need.status is NeedStatus.UNMET and unmet_because:
        said = _("Not met: %(why)s", why=referral_words.barrier(unmet_because))
    elif standing and need.status is not NeedStatus.MET:
        kind, said = standing.kind, standing.words
    others = [(row, referrals.standing(row.referral, row.patient)) for row in rows[1:]]
    return NeedCard(
        need=need,
        label=_(NEEDS[need.kind].label),
        kind=kind,
        words=said if standing else _(said),
        newest=newest,
        life=[replace(step, text="", quote="") for step in story.life(newest)] if newest else [],
        together=[one for one in others if one[0].referral.status in OPEN],
        earlier=[one for one in others if one[0].referral.status not in OPEN],
        open_to_offers=open_to_offers,
    )


_NEEDS_SAID = {
    NeedStatus.IDENTIFIED: ("needs_you", i18n.marked("Found, not yet talked about")),
    NeedStatus.WANTS_HELP: ("needs_you", i18n.marked("Wants help, nobody is asked yet")),
    NeedStatus.DECLINES_HELP: ("ended", i18n.marked("Not now")),
    NeedStatus.PLANNED: ("waiting", i18n.marked("Asked for")),
    NeedStatus.IN_PROGRESS: ("well", i18n.marked("Under way")),
    NeedStatus.MET: ("well", i18n.marked("Met")),
    NeedStatus.PARTLY_MET: ("well", i18n.marked("Partly met")),
    NeedStatus.UNMET: ("needs_you", i18n.marked("Not met")),
    NeedStatus.WITHDRAWN: ("ended", i18n.marked("No longer needed")),
}
_ALIVE = ("needs_you", "waiting", "well", "ended")


def _most_alive_first(card: NeedCard) -> tuple[bool, int, str]:
    return card.need.status is NeedStatus.MET, _ALIVE.index(card.kind), card.label


def _timeline(story: _Story, needs: Sequence[Need]) -> list[Step]:
    teller = story.teller
    steps = [
        teller.registered(),
        *map(teller.agreed, story.consents),
        *(step for held in story.screenings for step in teller.asked(held, needs)),
        *(step for row in story.rows for step in teller.past(row, story.reports.get(row.referral.id, []))),
        *map(teller.texted, messaging.conversation(teller.patient.id)),
        *(teller.worked(item) for item in story.work if item.done_by_id),
    ]
    return teller.timed(steps)[::-1]


# Texts


@dataclass(frozen=True)
class Bubble:
    """One text of a conversation, as a page shows it."""

    outgoing: bool
    body: str
    lang: str
    dir: str
    when: str
    at: str
    state: str = ""
    """How far ours got, in words; of theirs, what has not been understood."""
    kind: str = ""
    understood: str = ""
    message_id: uuid.UUID | None = None
    """Of ours, where a person may decide whether it goes."""
    may_send: bool = False
    """It is held, and a person may send it anyway."""
    may_take_back: bool = False


@dataclass(frozen=True)
class ConversationPage:
    patient: Patient
    language: Language
    phone: str
    texting: str
    """Why they are not texted, as one sentence; empty when they may be."""
    taken: Takeover | None
    """Who talks with them now."""
    taken_by: str
    until: str
    bubbles: list[Bubble]
    work: list[Card]
    about: list[Row]
    """What they may be writing about: the referrals of which they have not said how they ended."""


def conversation_page(staff: StaffMember, patient_id: uuid.UUID) -> ConversationPage | None:
    """Every text to and from one patient; None when there is none, or their texts are not for `staff` to see."""
    patient = patients.patient_for(staff, patient_id, Action.SEE_MESSAGES)
    if patient is None:
        return None
    lines = messaging.conversation(patient.id)
    answers = _answers(line.id for line in lines if line.direction == "in")
    taken = by_hand.who_has(patient.id)
    people = {line.written_by for line in lines} | {taken.staff_id if taken else None}
    teller = Teller(patient, names(filter(None, people)), clock.now(), patient.zone)
    return ConversationPage(
        patient=patient,
        language=LANGUAGES[patient.language],
        phone=spoken(patient.phone) if patient.phone else "",
        texting=by_hand.why_not(patient),
        taken=taken,
        taken_by=teller.people[taken.staff_id] if taken else "",
        until=i18n.day(taken.until, teller.zone) if taken else "",
        bubbles=[_bubble(teller, line, answers.get(line.id)) for line in lines],
        work=worklist.cards(staff, *TEXTS, patient_id=patient.id),
        about=[
            row
            for row in referrals.of_patient(staff, patient.id)
            if row.referral.status in OPEN or row.referral.closure in {Closure.OPEN, Closure.DISPUTED}
        ],
    )


def names_of(staff: StaffMember, patient: Patient) -> list[str]:
    """Names that should not stand in a text: the patient's own, and of the organizations that are asked for help."""
    agencies = (row.organization.name for row in referrals.of_patient(staff, patient.id))
    return [patient.given_name, patient.family_name, *agencies]


def text_for(staff: StaffMember, message_id: uuid.UUID) -> Message | None:
    """A text of ours about which `staff` may decide: to their own patients, or to a number that nobody knows."""
    message = messaging.message(message_id)
    if message is None or relation(staff.role, Action.DECIDE_TEXT) is Relation.NETWORK or message.recipient is None:
        return message
    return message if patients.patient_for(staff, message.recipient, Action.DECIDE_TEXT) else None


def _answers(inbound_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, PatientReport]:
    """By text, the answer that was read from it."""
    return {
        report.inbound_id: report
        for report in session.scalars(select(PatientReport).where(PatientReport.inbound_id.in_(list(inbound_ids))))
        if report.inbound_id
    }


def _bubble(teller: Teller, line: Line, answer: PatientReport | None) -> Bubble:
    ours = line.direction == "out"
    language = LANGUAGES.get(line.language or "")
    bubble = Bubble(
        outgoing=ours,
        body=line.body,
        lang=language.code if language else "",
        dir=language.direction if language else "auto",
        when=teller.when(line.at),
        at=line.at.isoformat(),
    )
    if ours:
        said = words.delivery(line.status, line.why)
        return replace(
            bubble,
            state=f"{teller.people[line.written_by]} · {said}" if line.written_by else said,
            kind="needs_you" if line.status in words.FAILED else "",
            message_id=line.id,
            may_send=line.hold in RELEASABLE,
            may_take_back=line.status == State.HELD or (line.status == State.QUEUED and line.written_by is not None),
        )
    if answer:
        return replace(bubble, understood=words.answer(answer.says, answer.barrier))
    if line.status in words.UNDERSTOOD:
        return replace(bubble, understood=_(words.UNDERSTOOD[line.status]))
    return replace(bubble, state=_("not read yet") if line.status == "received" else _("for a person to read"))


@dataclass(frozen=True)
class Talk:
    """The last text to or from a patient."""

    patient: Patient
    body: str
    outgoing: bool
    at: datetime
    failed: bool


def talks(staff: StaffMember, limit: int = MOST_TALKS) -> list[Talk]:
    """The conversations in which something was written last, newest first."""
    whose = patients.visible_to(staff, Action.SEE_MESSAGES).with_only_columns(Patient.id)
    ours = select(
        Message.recipient.label("recipient"),
        Message.created_at.label("at"),
        Message.body.label("body"),
        as_type(Message.state, String).label("state"),
    ).where(Message.recipient.in_(whose))
    theirs = select(Inbound.recipient, Inbound.received_at, Inbound.body, as_type(null(), String)).where(
        Inbound.recipient.in_(whose)
    )
    texts = union_all(ours, theirs).subquery()
    latest_of_each = select(texts).ext(distinct_on(texts.c.recipient))
    last = latest_of_each.order_by(texts.c.recipient, texts.c.at.desc()).subquery()
    rows = session.execute(
        select(Patient, last.c.body, last.c.state, last.c.at)
        .join(last, last.c.recipient == Patient.id)
        .order_by(last.c.at.desc())
        .limit(limit)
    )
    return [Talk(patient, body, state is not None, at, state in words.FAILED) for patient, body, state, at in rows]
