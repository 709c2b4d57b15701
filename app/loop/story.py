"""A patient's story as it is read: what happened, what was said by whom, and what is still to come.

Nothing here asks the database; `queries` brings the rows.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import zip_longest
from zoneinfo import ZoneInfo

from app import i18n
from app.i18n import gettext as _
from app.i18n import ngettext
from app.loop import words
from app.loop.clocks import Effect
from app.loop.models import Clock
from app.messaging.queries import Line
from app.needs.vocabulary import NEEDS
from app.patients.models import Consent, ConsentKind, Patient
from app.referrals import queries as referrals
from app.referrals import words as referral_words
from app.referrals.closing import Closure, Says
from app.referrals.lifecycle import Actor, Status
from app.referrals.models import Appointment, PatientReport, Transition
from app.referrals.queries import Row
from app.screening.models import Need, Screening
from app.worklist.models import WorkItem
from app.worklist.words import by

OURS = "Loopline"
"""Who did what nobody did by hand."""


@dataclass(frozen=True)
class Step:
    """One step of a line of life, or one entry of a timeline."""

    label: str
    time: datetime | None = None
    state: str = "done"
    """done, now, needs_you, ended, next (still to come) or closed (both sides agree)."""
    text: str = ""
    quote: str = ""
    lang: str = ""
    when: str = ""
    at: str = ""
    exact: str = ""


@dataclass(frozen=True)
class Next:
    """What happens next, and who sees to it."""

    words: str
    owner: str = ""


@dataclass(frozen=True)
class Voice:
    """What one side says."""

    who: str
    kind: str
    """waiting, well, needs_you or ended."""
    says: str
    when: str = ""
    quote: str = ""


@dataclass(frozen=True)
class Teller:
    """Tells of one patient, in the language of whoever reads and on the patient's clock."""

    patient: Patient
    people: Mapping[uuid.UUID, str]
    """The names of everybody who did something."""
    now: datetime
    zone: ZoneInfo
    not_before: Mapping[str, datetime] = field(default_factory=dict)
    """By group of clocks, until when its steps wait, because the patient is left alone or a person talks with them."""

    def who(self, staff_id: uuid.UUID | None) -> str:
        return self.people[staff_id] if staff_id else OURS

    def when(self, moment: datetime) -> str:
        return i18n.when(moment, self.now, self.zone)

    def timed(self, steps: Iterable[Step]) -> list[Step]:
        """`steps` in order, each with its time in words."""
        return [
            replace(step, when=self.when(step.time), at=step.time.isoformat(), exact=i18n.exactly(step.time, self.zone))
            for step in sorted((step for step in steps if step.time), key=_time)
            if step.time
        ]

    # One referral

    def past(self, row: Row, reports: Sequence[PatientReport]) -> Iterator[Step]:
        """What happened to a referral so far."""
        if row.referral.instead_of_id:
            label = _("%(organization)s is the next place", organization=row.organization.name)
            yield Step(label, row.referral.created_at, text=_("by %(name)s", name=OURS))
        for transition in row.referral.transitions:
            yield self._taken(row, transition)
        if row.referral.seen_at:
            yield Step(_("Seen by %(organization)s", organization=row.organization.name), row.referral.seen_at)
        for report in _told_once(reports):
            said = words.answer(report.says, report.barrier)
            label = _("%(name)s says: %(answer)s", name=self.patient.given_name, answer=said)
            how = _("by text") if report.inbound_id else _("told %(name)s", name=self.who(report.recorded_by_id))
            yield Step(label, report.at, text=how)

    def _taken(self, row: Row, transition: Transition) -> Step:
        who = transition.by_name or self.who(transition.by_id)
        told = _("by %(name)s", name=who)
        if transition.said_by is Actor.AGENCY:
            told = _("%(organization)s told %(name)s", organization=row.organization.name, name=who)
        promised = [promise.by_day for promise in row.referral.promises]
        promise = promised[-1] if promised and transition.new is Status.ACCEPTED else None
        never_sent = transition.old is Status.DRAFT and transition.new is Status.ENTERED_IN_ERROR
        said = words.NEVER_SENT if never_sent else words.STEP[transition.new]
        return Step(
            _(said, organization=row.organization.name, **_reasons(transition)),
            transition.at,
            text=f"{told} · " + _("they will call by %(day)s", day=i18n.day(promise)) if promise else told,
            quote=transition.reason_text or transition.outcome_text or "",
        )

    def life(
        self, row: Row, reports: Sequence[PatientReport], ahead: Sequence[Next], also: Iterable[Step] = ()
    ) -> list[Step]:
        """The line of life: what was, where it stands, and what is still to come.

        :param also: what else happened on the way; where it stands is said by the last step of the two sides.
        """
        steps = self.timed(self.past(row, reports))
        closure = row.referral.closure
        if steps and closure is not Closure.CONFIRMED:
            steps[-1] = replace(steps[-1], state=_LOOKS[referrals.standing(row.referral, row.patient).kind])
        steps = sorted([*steps, *self.timed(also)], key=_time)
        if closure is Closure.CONFIRMED:
            return [*steps, Step(_("Both sides agree: the loop is closed"), state="closed")]
        steps += [Step(one.words, state="next") for one in ahead]
        if closure in {Closure.OPEN, Closure.DISPUTED}:
            steps.append(Step(_("Both sides agree: the loop is closed"), state="next"))
        return steps

    def on_the_way(
        self, row: Row, texts: Iterable[Line], fired: Iterable[Clock], work: Iterable[WorkItem]
    ) -> Iterator[Step]:
        """What was tried between the steps of the two sides: texts and how far they got, reminders, calls, meetings."""
        for line in texts:
            if line.direction == "out" and line.regarding == row.referral.id and line.at <= self.now:
                told = self.texted(line)
                yield replace(told, label=f"{told.label}: {told.text}", text="", quote="", lang="")
        for clock in fired:
            if clock.effect == Effect.NUDGE.value and clock.ended_at:
                yield Step(_("%(organization)s was reminded", organization=row.organization.name), clock.ended_at)
        for item in work:
            if item.done_by_id and item.referral_id == row.referral.id:
                yield self.worked(item)

    def met(self, appointments: Iterable[Appointment]) -> Iterator[Step]:
        """Appointments: when each was made, and what became of it."""
        for appointment in appointments:
            when = self.when(appointment.starts_at)
            yield Step(_("Appointment made: %(when)s", when=when), appointment.created_at)
            if appointment.ended_at:
                said = _(words.BECAME[appointment.became], name=self.patient.given_name)
                yield Step(said, appointment.ended_at)

    def ahead(self, row: Row, work: Iterable[WorkItem], clocks: Sequence[Clock]) -> list[Next]:
        """What people have to do about a referral, and then what happens by itself; the soonest first."""
        owner = self.people[row.referral.owner_id]
        named = {"name": row.patient.given_name, "organization": row.organization.name, "owner": owner}
        mine = [
            Next(
                _(
                    _to_do(item),
                    by=by(item.due_at, self.now, self.zone),
                    **named,
                ),
                self.people[item.owner_id] if item.owner_id else "",
            )
            for item in work
            if item.done_at is None and item.referral_id == row.referral.id
        ]
        comes = {waiting: max(waiting.due_at, self.not_before.get(waiting.group, waiting.due_at)) for waiting in clocks}
        soonest = sorted(comes, key=comes.__getitem__)[:1]
        return mine + [
            Next(_(words.CLOCK[Effect(waiting.effect)], when=self.when(comes[waiting]), **named), owner)
            for waiting in soonest
        ]

    def agency_says(self, row: Row) -> Voice:
        """The last thing the agency said, itself or through somebody who wrote it down."""
        who = row.organization.name
        spoken = [step for step in row.referral.transitions if Actor.AGENCY in {step.actor, step.said_by}]
        if not row.referral.sent_at:
            return Voice(who, "ended", _("Not asked"))
        if not spoken:
            return Voice(who, "waiting", _("Seen, no answer yet") if row.referral.seen_at else _("No answer yet"))
        last = spoken[-1]
        return Voice(
            who,
            referral_words.KIND[last.new],
            _(words.AGENCY_SAYS[last.new], **_reasons(last)),
            when=self.when(last.at),
            quote=last.reason_text or last.outcome_text or "",
        )

    def tried(self, way: str, at: datetime, outcome: str) -> Step:
        """One try to hear from the patient, and what came of it."""
        came = words.delivery(outcome, None) if way == "text" else _(words.CAME_OF_IT[outcome])
        failed = outcome in {"not-reached", "undelivered", "failed"}
        return Step(
            _(words.TRIED[way]),
            at,
            state="ended" if failed else "done",
            text=came,
            when=self.when(at),
            at=at.isoformat(),
            exact=i18n.exactly(at, self.zone),
        )

    def patient_says(self, reports: Sequence[PatientReport]) -> Voice:
        who = self.patient.given_name
        if not reports:
            return Voice(who, "waiting", _("Nothing yet"))
        last = reports[-1]
        said = words.answer(last.says, last.barrier)
        return Voice(who, _SAID[last.says], said[:1].upper() + said[1:], when=self.when(last.at))

    # Everything about the patient

    def registered(self) -> Step:
        who = self.who(self.patient.registered_by_id)
        return Step(_("Registered"), self.patient.created_at, text=_("by %(name)s", name=who))

    def agreed(self, consent: Consent) -> Step:
        label = _(_AGREED[consent.kind, consent.given])
        how = _("by text") if consent.how == "text" else _("heard by %(name)s", name=self.who(consent.recorded_by_id))
        return Step(label, consent.at, state="done" if consent.given else "ended", text=how)

    def asked(self, screening: Screening, needs: Sequence[Need]) -> Iterator[Step]:
        who = _("by %(name)s", name=self.who(screening.started_by_id))
        if screening.completed_at is None:
            yield Step(_("Questions begun"), screening.started_at, text=who)
            return
        found = [need for need in needs if need.screening_id == screening.id]
        listed = ", ".join(_(NEEDS[need.kind].short_label) for need in found)
        label = ngettext("Questions answered: one need", "Questions answered: %(n)s needs", len(found))
        yield Step(label if found else _("Questions answered: no needs"), screening.completed_at, text=listed or who)

    def texted(self, line: Line) -> Step:
        if line.direction == "out":
            return Step(
                _("Text to %(name)s", name=self.patient.given_name),
                line.at,
                state="needs_you" if line.status in words.FAILED else "done",
                text=words.delivery(line.status, line.why),
                quote=line.body,
                lang=line.language or "",
            )
        return Step(_("Text from %(name)s", name=self.patient.given_name), line.at, quote=line.body)

    def worked(self, item: WorkItem) -> Step:
        label = _(words.WORKED[item.kind], name=self.patient.given_name)
        outcome = _(words.CAME_OF_IT[item.outcome or "done"])
        who = _("by %(name)s", name=self.who(item.done_by_id))
        return Step(f"{label}: {outcome}", item.done_at, text=who, quote=item.note)


def _to_do(item: WorkItem) -> str:
    return words.LOOK if item.detail.get("why") == "look" else words.WORK[item.kind]


def _told_once(reports: Sequence[PatientReport]) -> Iterator[PatientReport]:
    """“Not yet”, followed by why, is one answer."""
    for report, following in zip_longest(reports, reports[1:]):
        if following is None or report.barrier or report.says is not following.says:
            yield report


def _time(step: Step) -> datetime:
    if step.time is None:
        raise ValueError("only what has a time can be put in order")
    return step.time


def _reasons(transition: Transition) -> dict[str, str]:
    return {
        "reason": referral_words.reason(transition.reason_code) if transition.reason_code else "",
        "outcome": referral_words.outcome(transition.outcome_code) if transition.outcome_code else "",
    }


_LOOKS = {"needs_you": "needs_you", "ended": "ended", "waiting": "now", "well": "done"}
_SAID = {Says.GOT_HELP: "well", Says.NOT_YET: "needs_you", Says.NO_LONGER_NEEDED: "ended"}
_AGREED = {
    (ConsentKind.SHARE, True): i18n.marked("Agreed: we may tell organizations"),
    (ConsentKind.SHARE, False): i18n.marked("Not agreed: we may not tell organizations"),
    (ConsentKind.TEXT, True): i18n.marked("Agreed: we may text them"),
    (ConsentKind.TEXT, False): i18n.marked("Not agreed: we may not text them"),
}
