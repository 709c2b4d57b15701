from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from babel import Locale
from babel.dates import format_date, format_timedelta
from flask import Blueprint, Response, render_template, request, stream_with_context, url_for

from app import clock, forms
from app.db import session
from app.directory.languages import name_of
from app.directory.queries import UNPLACED
from app.errors import Invalid, NotFound
from app.i18n import day, language, ngettext, when
from app.i18n import gettext as _
from app.needs.vocabulary import NEEDS
from app.referrals import queries as referrals
from app.referrals.queries import Row, visible_to
from app.reports import ledger, measures, own, queries, schemas, small_cells
from app.reports.measures import Measure, State
from app.reports.own import Period
from app.reports.queries import EVERYTHING, Dimension, Slice, Tally
from app.reports.waiting import Waiting, waiting
from app.staff import queries as staff
from app.staff.access import allow, me
from app.staff.permissions import Action, may

bp = Blueprint("reports", __name__)

WEEKS_SHOWN = 12
WAITING_SINCE = timedelta(days=90)
"""How far back it is looked whether anybody was left waiting."""
ROWS_SHOWN = 12
"""Of one table at once; the others open on tap."""


NOTHING = Tally(Counter())


@dataclass(frozen=True)
class Bar:
    """One row of `ui.bars`; None is a count too small to show."""

    label: str
    value: int | None
    of: int | None
    href: str = ""
    note: str = ""


@dataclass(frozen=True)
class Table:
    caption: str
    head: str
    rows: list[Bar]


@bp.get("/numbers")
@allow(Action.SEE_NUMBERS)
def numbers() -> str:
    shown = measures.OF_REFERRALS[_asked(schemas.NumbersIn())["show"]]
    tally = queries.tally(me())
    first = queries.first_sent(me())
    return render_template(
        "reports/numbers.html",
        sent=tally[measures.SENT],
        since=day(first) if first else "",
        bigs=[_big(measure, tally) for measure in (measures.LOOPS_CLOSED, measures.PATIENT_CONFIRMED)],
        needs_met=queries.needs_met(me()),
        promises=queries.promises(me()),
        promises_measure=measures.PROMISES_KEPT,
        left_waiting=_left_waiting(waiting(visible_to(me(), Action.SEE_NUMBERS), clock.now() - WAITING_SINCE)),
        needs_measure=measures.NEEDS_MET,
        funnel=_funnel(tally),
        measure=shown,
        tabs=_tabs(shown),
        tables=_tables(shown, EVERYTHING),
        at_once=ROWS_SHOWN,
        team=me().team,
        smallest=small_cells.SMALLEST_SHOWN,
    )


@bp.get("/numbers/list")
@allow(Action.SEE_NUMBERS)
def behind() -> str:
    """Who is counted: the referrals for a care team, and where they are for those who see no patients."""
    asked = _asked(schemas.BehindIn())
    measure, page = measures.OF_REFERRALS[asked.pop("measure")], asked.pop("page")
    part = Slice(**asked)
    over = measure.over or measures.SENT
    tally = queries.tally(me(), part)
    names = _sees_names()
    rows = queries.behind(me(), measure, part, page=page) if names else []
    return render_template(
        "reports/behind.html",
        measure=measure,
        over=over,
        over_href=_href(over, **_given(part)),
        parts=[_label(dimension, value) for dimension, value in part.values().items()],
        count=_not_too_small(tally[measure], part),
        of=_not_too_small(tally[over], part),
        names=names,
        rows=[_listed(row) for row in rows],
        pager=_pager(measure, part, page, tally[measure]),
        tables=[] if names else _tables(measure, part),
        smallest=small_cells.SMALLEST_SHOWN,
    )


def _asked(schema: Any) -> dict[str, Any]:  # noqa: ANN401  any schema
    """What the address asks for.

    :raises NotFound: it asks for something that is not there; nobody types these addresses.
    """
    try:
        return forms.load(schema, forms.nested(request.args))
    except Invalid as invalid:
        raise NotFound(_("There is no such number. Go back to the numbers and choose one.")) from invalid


def _sees_names() -> bool:
    return may(me().role, Action.SEE_PATIENT)


def _href(measure: Measure[State], **part: object) -> str:
    asked = {"measure": measure.code, **{name: str(value) for name, value in part.items()}}
    return f"{url_for('reports.behind')}?{urlencode(asked)}"


def _big(measure: Measure[State], tally: Tally) -> dict[str, Any]:
    of_ended = measures.OF_ENDED[measure.code]
    return {
        "measure": measure,
        "value": tally[measure],
        "of": tally[measures.SENT],
        "href": _href(measure),
        "ended": _of_ended_in_words(tally[of_ended], tally[measures.REFERRALS_ENDED]),
    }


def _left_waiting(found: Waiting) -> list[dict[str, Any]]:
    """The numbers that say whether silence is noticed, as the simulation counts them too."""
    shares = [
        {
            "label": _(measure.label),
            "sentence": _(measure.sentence),
            "value": found.count(measure),
            "of": found.count(measure.over) if measure.over else 0,
        }
        for measure in measures.LEFT_WAITING
    ]
    forgotten = {
        "label": _(measures.ORPHANS_LABEL),
        "sentence": _(measures.ORPHANS_SENTENCE),
        "value": found.orphans,
        "of": found.open,
    }
    return [*shares, forgotten]


def _of_ended_in_words(count: int | None, ended: int | None) -> str:
    """The second denominator; empty where nothing has ended, or so little that somebody could be recognized."""
    if not ended or count is None:
        return ""
    return _("%(n)s of the %(of)s that have ended", n=count, of=ended)


def _funnel(tally: Tally) -> list[dict[str, Any]]:
    """The steps of the loop, and between two of them what is lost there."""
    leaks: list[Measure[State] | None] = [*measures.LEAKS, None]
    return [
        {
            "label": _(step.label),
            "value": tally[step],
            "href": _href(step),
            "note": f"{_(leak.label)}: {tally[leak]}" if leak and tally[leak] else "",
            "note_href": _href(leak) if leak else "",
        }
        for step, leak in zip(measures.FUNNEL, leaks, strict=True)
    ]


def _tabs(shown: Measure[State]) -> list[dict[str, Any]]:
    return [
        {
            "label": _(measure.label),
            "href": url_for("reports.numbers", show=measure.code, _anchor="parts"),
            "current": measure is shown,
        }
        for measure in (measures.LOOPS_CLOSED, measures.PATIENT_CONFIRMED)
    ]


def _tables(measure: Measure[State], part: Slice) -> list[Table]:
    captions = {
        Dimension.NEED: (_("By need"), _("Need")),
        Dimension.LANGUAGE: (_("By language"), _("Language")),
        Dimension.AGENCY: (_("By agency"), _("Agency")),
        Dimension.WEEK: (_("By week"), _("Week that began on")),
    }
    return [
        Table(*captions[dimension], _bars(dimension, measure, part))
        for dimension in Dimension
        if dimension not in part.values()
    ]


def _bars(dimension: Dimension, measure: Measure[State], part: Slice) -> list[Bar]:
    """One bar for each value of `dimension`, most sent first; the weeks in their order, the last first."""
    over = measure.over or measures.SENT
    tallies = queries.tallies(me(), dimension, part)
    keys: list[Any] = (
        _weeks(tallies)
        if dimension is Dimension.WEEK
        else sorted(tallies, key=lambda key: (-tallies[key][over], str(key)))
    )
    labels = _labels(dimension, keys)
    counted = [_Counted(labels[key], tallies.get(key, NOTHING), {dimension.value: key}) for key in keys]
    if _sees_names():
        return [
            Bar(
                row.label,
                row.tally[measure],
                row.tally[over],
                _link(measure, over, part, row),
                _of_ended(measure, row.tally[measures.REFERRALS_ENDED], row.tally),
            )
            for row in counted
        ]
    if dimension is not Dimension.WEEK:
        counted = _with_others(counted, over)
    ofs = small_cells.hide([row.tally[over] for row in counted])
    values = small_cells.hide(
        [row.tally[measure] for row in counted], [place for place, of in enumerate(ofs) if of is None]
    )
    too_small = [place for place, value in enumerate(values) if value is None]
    ended = small_cells.hide([row.tally[measures.REFERRALS_ENDED] for row in counted], too_small)
    return [
        Bar(
            row.label,
            value,
            of,
            _link(measure, over, part, row) if of else "",
            _of_ended(measure, of_ended if value else None, row.tally),
        )
        for row, value, of, of_ended in zip(counted, values, ofs, ended, strict=True)
    ]


def _of_ended(measure: Measure[State], ended: int | None, tally: Tally) -> str:
    """The second denominator of one bar; empty for a measure that has none.

    Who got help while it is still open could be told from the difference, so a small one is not shown either.
    """
    of_ended = measures.OF_ENDED.get(measure.code)
    if of_ended is None:
        return ""
    count = tally[of_ended]
    if not _sees_names() and small_cells.hide([count, tally[measure] - count]) != [count, tally[measure] - count]:
        return ""
    return _of_ended_in_words(count, ended)


@dataclass(frozen=True)
class _Counted:
    label: str
    tally: Tally
    value: dict[str, Any]
    """Of which dimension and value; empty where several are taken together."""


def _with_others(counted: list[_Counted], over: Measure[State]) -> list[_Counted]:
    """The groups too small to stand alone as one, below the others."""
    lumped = set(small_cells.lump([row.tally[over] for row in counted]))
    if not lumped:
        return counted
    together = sum((counted[place].tally for place in lumped), NOTHING)
    others = ngettext("%(n)s other", "%(n)s others", len(lumped))
    return [row for place, row in enumerate(counted) if place not in lumped] + [_Counted(others, together, {})]


def _link(measure: Measure[State], over: Measure[State], part: Slice, row: _Counted) -> str:
    """To what is counted; where that is nothing, to what it was counted over."""
    if not row.value or not row.tally[over]:
        return ""
    return _href(measure if row.tally[measure] else over, **_given(part), **row.value)


def _given(part: Slice) -> dict[str, Any]:
    return {dimension.value: value for dimension, value in part.values().items()}


def _weeks(tallies: Mapping[date, Tally]) -> list[date]:
    """The weeks up to this one since the first of which there is anything to say, at most twelve."""
    today = clock.now().date()
    this = today - timedelta(days=today.weekday())
    latest = [this - timedelta(weeks=ago) for ago in range(WEEKS_SHOWN)]
    return [monday for monday in latest if tallies and monday >= min(tallies)]


def _labels(dimension: Dimension, keys: list[Any]) -> dict[Any, str]:
    if dimension is Dimension.AGENCY:
        return queries.agency_names(set(keys))
    return {key: _label(dimension, key) for key in keys}


def _label(dimension: Dimension, value: Any) -> str:  # noqa: ANN401  a value of any dimension
    match dimension:
        case Dimension.NEED:
            return _(NEEDS[value].label) if value in NEEDS else value
        case Dimension.LANGUAGE:
            locale = Locale(language())
            return locale.languages.get(value.replace("-", "_")) or name_of(value, locale) or value
        case Dimension.AGENCY:
            return queries.agency_names({value}).get(value, "")
        case Dimension.WEEK:
            return day(value)


def _not_too_small(count: int, part: Slice) -> int | None:
    """A number of a part is as small a cell as in the table it came from."""
    if _sees_names() or part == EVERYTHING:
        return count
    return small_cells.hide([count])[0]


def _listed(row: Row) -> dict[str, Any]:
    referral = row.referral
    line = referrals.standing(referral, row.patient)
    return {
        "href": url_for("loop.referral", referral_id=referral.id),
        "title": row.patient.short_name,
        "sub": f"{_label(Dimension.NEED, row.need.kind)} · {row.organization.name}",
        "need": row.need.kind,
        "kind": line.kind,
        "word": line.words,
        "when": when(referral.sent_at, clock.now(), row.patient.zone) if referral.sent_at else "",
    }


def _pager(measure: Measure[State], part: Slice, page: int, count: int) -> dict[str, str]:
    first, last = (page - 1) * queries.PAGE + 1, min(page * queries.PAGE, count)
    return {
        "words": _("%(first)s to %(last)s of %(count)s", first=first, last=last, count=count),
        "previous_href": _href(measure, **_given(part), page=page - 1) if page > 1 else "",
        "next_href": _href(measure, **_given(part), page=page + 1) if last < count else "",
    }


# An organization's own


@bp.get("/numbers/ours")
@allow(Action.SEE_OWN_NUMBERS)
def ours() -> str:
    """What an organization can show to those who pay for it."""
    period = _period()
    found = own.report(me(), period)
    hidden = small_cells.SMALLEST_SHOWN
    return render_template(
        "reports/ours.html",
        organization=own.name_of(me()),
        period={"first": period.first.isoformat(), "last": period.last.isoformat()},
        days=[format_date(at, "long", locale=Locale(language())) for at in (period.first, period.last)],
        report=found,
        shown=_shown(found),
        by_need=_by_need(found.by_need),
        walk_ins=_walk_ins(found.walk_ins),
        median=format_timedelta(found.median_answer, locale=Locale(language()))
        if found.median_answer is not None and found.answered >= hidden
        else "",
        columns=[(name, _(says)) for name, says in ledger.COLUMNS.items()],
        smallest=hidden,
    )


@bp.get("/numbers/ours.csv")
@allow(Action.SEE_OWN_NUMBERS)
def our_table() -> Response:
    """The same as a table, a row for each referral, written while it is read."""
    period = _period()
    own.note_export(me(), period)
    session.commit()
    response = Response(stream_with_context(ledger.written(_rows(me().id, period))), mimetype="text/csv")
    name = f"referrals-{period.first.isoformat()}-{period.last.isoformat()}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _rows(staff_id: uuid.UUID, period: Period) -> Iterator[list[str]]:
    """The table of somebody's organization.

    It is written when the session of the request has ended, so whoever asks is looked up once more.
    """
    asking = staff.staff_by_id(staff_id)
    if asking is not None:
        yield from (ledger.row(entry, UNPLACED) for entry in own.entries(asking, period))


def _period() -> Period:
    """The days that were asked for; this year until today when none were.

    :raises NotFound: no days, or the last before the first.
    """
    today = clock.now().astimezone(UNPLACED).date()
    asked = _asked(schemas.PeriodIn())
    first, last = asked["first"] or today.replace(month=1, day=1), asked["last"] or today
    if first > last:
        raise NotFound(_("The first day has to come before the last."))
    return Period(first, last)


def _shown(report: own.Report) -> dict[str, int | None]:
    """The totals, those that are too small left out."""
    total = report.total
    counted = {
        "sent": total.sent,
        "people": report.people,
        "accepted": total.accepted,
        "served": total.served,
        "people_served": report.people_served,
        "confirmed": total.confirmed,
        "closed": total.closed,
    }
    return dict(zip(counted, small_cells.hide(list(counted.values())), strict=True))


def _by_need(counts: Mapping[str, own.Count]) -> list[dict[str, Any]]:
    """A row for each need, most sent first, the small ones together."""
    needs = sorted(counts, key=lambda need: (-counts[need].sent, need))
    lumped = set(small_cells.lump([counts[need].sent for need in needs]))
    rows = [(_label(Dimension.NEED, need), counts[need]) for place, need in enumerate(needs) if place not in lumped]
    if lumped:
        together = sum((counts[needs[place]] for place in lumped), own.Count())
        rows.append((ngettext("%(n)s other", "%(n)s others", len(lumped)), together))
    sent = small_cells.hide([count.sent for _name, count in rows])
    unknown = [place for place, n in enumerate(sent) if n is None]
    served = small_cells.hide([count.served for _name, count in rows], unknown)
    confirmed = small_cells.hide([count.confirmed for _name, count in rows], unknown)
    return [
        {"label": name, "sent": sent[place], "served": served[place], "confirmed": confirmed[place]}
        for place, (name, _count) in enumerate(rows)
    ]


def _walk_ins(counts: Mapping[str, int]) -> list[tuple[str, int | None]]:
    needs = sorted(counts, key=lambda need: (-counts[need], need))
    return list(
        zip(
            [_label(Dimension.NEED, need) for need in needs],
            small_cells.hide([counts[need] for need in needs]),
            strict=True,
        )
    )
