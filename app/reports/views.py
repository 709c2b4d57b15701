from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from babel import Locale
from flask import Blueprint, render_template, request, url_for

from app import clock, forms
from app.directory.languages import name_of
from app.errors import Invalid, NotFound
from app.i18n import day, language, ngettext, when
from app.i18n import gettext as _
from app.needs.vocabulary import NEEDS
from app.referrals import words
from app.referrals.queries import Row
from app.reports import measures, queries, schemas, small_cells
from app.reports.measures import Measure, State
from app.reports.queries import EVERYTHING, Dimension, Slice, Tally
from app.staff.access import allow, me
from app.staff.permissions import Action, may

bp = Blueprint("reports", __name__)

WEEKS_SHOWN = 12
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
    return {"measure": measure, "value": tally[measure], "of": tally[measures.SENT], "href": _href(measure)}


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
        return [Bar(row.label, row.tally[measure], row.tally[over], _link(measure, over, part, row)) for row in counted]
    if dimension is not Dimension.WEEK:
        counted = _with_others(counted, over)
    ofs = small_cells.hide([row.tally[over] for row in counted])
    values = small_cells.hide(
        [row.tally[measure] for row in counted], [place for place, of in enumerate(ofs) if of is None]
    )
    return [
        Bar(row.label, value, of, _link(measure, over, part, row) if of else "")
        for row, value, of in zip(counted, values, ofs, strict=True)
    ]


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
    referral, now, zone = row.referral, clock.now(), ZoneInfo(row.patient.time_zone)
    times = words.Times(referral.sent_at, referral.seen_at, referral.promised_by, referral.asked_out_at)
    line = words.standing(
        referral.status,
        referral.patient_says,
        referral.reason_code,
        times,
        name=row.patient.given_name,
        now=now,
        today=now.astimezone(zone).date(),
    )
    return {
        "href": url_for("loop.referral", referral_id=referral.id),
        "title": row.patient.short_name,
        "sub": f"{_label(Dimension.NEED, row.need.kind)} · {row.organization.name}",
        "need": row.need.kind,
        "kind": line.kind,
        "word": line.words,
        "when": when(referral.sent_at, now, zone) if referral.sent_at else "",
    }


def _pager(measure: Measure[State], part: Slice, page: int, count: int) -> dict[str, str]:
    first, last = (page - 1) * queries.PAGE + 1, min(page * queries.PAGE, count)
    return {
        "words": _("%(first)s to %(last)s of %(count)s", first=first, last=last, count=count),
        "previous_href": _href(measure, **_given(part), page=page - 1) if page > 1 else "",
        "next_href": _href(measure, **_given(part), page=page + 1) if last < count else "",
    }
