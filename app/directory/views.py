from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from flask import (
    Blueprint,
    Response,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    stream_with_context,
    url_for,
)
from werkzeug.wrappers import Response as AnyResponse

from app import clock, edge, forms, jobs
from app.config import settings
from app.db import session
from app.directory import operations, queries, schemas, searching
from app.directory.codes import CapacityStatus
from app.directory.jobs import import_package
from app.directory.mapping import source_name
from app.directory.models import DirectoryImport
from app.directory.packages import PackageError
from app.directory.queries import Card
from app.directory.rows import harmless
from app.errors import Invalid, NotFound
from app.geography import travel, words, zips
from app.geography.distance import miles
from app.geography.places import Place, Precision
from app.i18n import day, marked, when
from app.i18n import gettext as _
from app.needs.vocabulary import NEEDS
from app.staff.access import allow
from app.staff.permissions import Action

bp = Blueprint("directory", __name__)

Page = str | Response | tuple[str, int]

PAGE = 20
PROBLEMS_SHOWN = 20
REPORT = ("file", "line", "field", "reason", "row")
REPORT_PIECE = 64 * 1024
"""Characters of a report that are sent at a time."""
EXAMPLE_WORDS = {"new": marked("new"), "changed": marked("changed"), "withdrawn": marked("taken out")}

ROOM = {
    CapacityStatus.CAPACITY: "well",
    CapacityStatus.NO_CAPACITY: "ended",
    CapacityStatus.WAITLIST: "waiting",
    CapacityStatus.ADDITIONAL_ASSESSMENT: "waiting",
}
"""Which color and shape each word about capacity has; nothing known, nothing shown."""


@bp.get("/directory")
@allow(Action.SEE_DIRECTORY)
def search() -> Page:
    try:
        asked = forms.load(schemas.SearchIn(), forms.nested(request.args))
    except Invalid as invalid:
        return _search_page(request.args.to_dict(), invalid.fields, None), HTTPStatus.UNPROCESSABLE_ENTITY
    page = min(forms.page_number(request.args.get("page")), schemas.MOST_PAGES)
    found = None
    if any(asked.values()):
        found = searching.search(
            asked["q"],
            asked["need"],
            language=asked["language"],
            near=asked["near"],
            open_at=clock.now() if asked["open"] else None,
            limit=PAGE,
            offset=PAGE * (page - 1),
        )
    return _with_map(_search_page(asked, {}, found, page))


def _search_page(asked: dict[str, Any], errors: dict[str, str], found: searching.Found | None, page: int = 1) -> str:
    near = asked.get("near") or ""
    place = _zip_place(near)
    cards = found.cards if found else ()
    return render_template(
        "directory/search.html",
        values=asked,
        errors=errors,
        found=found,
        rows=[_row(card, place) for card in cards],
        map=_map([card for card in cards if card.latitude is not None], near),
        pager=_pager(asked, page, found) if found else {},
        needs=[(need.code, _(need.label)) for need in NEEDS.values()],
        languages_offered=[(spoken.code, spoken.words) for spoken in searching.languages_listed()],
        by_need=[] if found else _by_need(),
    )


def _zip_place(near: str) -> Place | None:
    five = zips.five_digits(near)
    return zips.find(five) if five else None


def _distance(card: Card, seen_from: Place | None) -> float | None:
    """In miles; None when either end is not known."""
    if seen_from is None or card.latitude is None or card.longitude is None:
        return None
    return miles(seen_from.point, (card.latitude, card.longitude))


def _row(card: Card, seen_from: Place | None) -> dict[str, Any]:
    distance = _distance(card, seen_from)
    far = travel.hint(distance, Precision.ZIP, card.transportation) if distance is not None else card.place
    return {
        "href": _service_href(card, seen_from),
        "title": card.service,
        "sub": " · ".join(filter(None, (card.organization, far, card.open_now))),
        "kind": ROOM.get(card.capacity.status, ""),
        "word": card.capacity.words if card.capacity.status in ROOM else "",
    }


def _service_href(card: Card, seen_from: Place | None) -> str:
    near = request.args.get("near", "").strip() if seen_from else None
    return url_for(".service", service_at_location_id=card.id, near=near)


def _map(cards: Sequence[Card], near: str) -> dict[str, Any] | None:
    """What the script for maps is given; None where no map server is configured, or there is nothing to show."""
    tiles = settings().map_tiles
    if tiles is None or not cards:
        return None
    seen_from = _zip_place(near)
    return {
        "script": url_for("static", filename="map.js"),
        "tiles": tiles.url,
        "attribution": tiles.attribution,
        "places": [
            {
                "latitude": card.latitude,
                "longitude": card.longitude,
                "label": f"{card.service}, {card.organization}",
                "href": _service_href(card, seen_from),
            }
            for card in cards
        ],
    }


def _with_map(page: str) -> Response:
    """A page that may load pictures of maps from the server that is configured, and from nowhere else."""
    response = make_response(page)
    tiles = settings().map_tiles
    if tiles:
        response.headers["Content-Security-Policy"] = edge.policy_with_pictures_from(tiles.origin)
    return response


def _by_need() -> list[dict[str, Any]]:
    counts = searching.services_by_need()
    return [
        {
            "href": url_for(".search", need=code),
            "title": _(need.label),
            "sub": _("%(n)s services", n=f"{counts[code]:,}"),
            "need": code,
        }
        for code, need in NEEDS.items()
        if code in counts
    ]


def _pager(asked: dict[str, Any], page: int, found: searching.Found) -> dict[str, str]:
    first, last = PAGE * (page - 1) + 1, min(PAGE * page, found.total)
    kept = {name: "true" if value is True else value for name, value in asked.items() if value}

    def href(number: int) -> str:
        return f"{url_for('.search')}?{urlencode({**kept, 'page': number})}"

    count = f"{found.total:,}"
    return {
        "words": _("%(first)s to %(last)s of more than %(count)s", first=first, last=last, count=count)
        if found.more
        else _("%(first)s to %(last)s of %(count)s", first=first, last=last, count=count),
        "previous_href": href(page - 1) if page > 1 else "",
        "next_href": href(page + 1) if last < found.total and page < schemas.MOST_PAGES else "",
    }


@bp.get("/directory/services/<uuid:service_at_location_id>")
@allow(Action.SEE_DIRECTORY)
def service(service_at_location_id: uuid.UUID) -> AnyResponse:
    """What one service offers at one place, as it can be shown or handed to the person who goes there."""
    card = queries.card(service_at_location_id)
    if card is None:
        kept = queries.kept_instead_of(service_at_location_id)
        if kept:
            return redirect(url_for(".service", service_at_location_id=kept))
        raise NotFound(_("This service is not in the directory, or no longer."))
    seen_from = _zip_place(request.args.get("near", ""))
    distance = _distance(card, seen_from)
    page = render_template(
        "directory/service.html",
        card=card,
        seen_from=f"{seen_from.city}, {seen_from.state}" if seen_from and distance is not None else "",
        far=words.words(distance, Precision.ZIP) if distance is not None else "",
        ways=travel.ways(distance, Precision.ZIP) if distance is not None else (),
        map=_map([card] if card.latitude is not None else [], ""),
        room=ROOM.get(card.capacity.status, ""),
        checked=day(card.last_checked) if card.last_checked else "",
        room_said=when(card.capacity.at, clock.now(), queries.time_zone(card.id)) if card.capacity.at else "",
    )
    return _with_map(page)


@bp.get("/directory/imports")
@allow(Action.IMPORT_DIRECTORY)
def imports() -> str:
    return _imports_page({}, {})


@bp.post("/directory/imports")
@allow(Action.IMPORT_DIRECTORY)
def upload() -> AnyResponse | tuple[str, int]:
    source = source_name(request.form.get("source", ""))
    files = [(file.filename or "", file.stream) for file in request.files.getlist("package") if file.filename]
    wrong = {} if source else {"source": _("Say whose directory this is.")}
    try:
        package = operations.keep_upload(files, settings().instance / "uploads") if source else None
    except PackageError as refused:
        wrong["package"] = str(refused)
    if wrong or package is None:
        return _imports_page({"source": source}, wrong), HTTPStatus.UNPROCESSABLE_ENTITY
    # One at a time: two imports of one source would each withdraw what only the other lists.
    mapping = operations.mapping_of(package)
    jobs.enqueue(
        import_package,
        lock="directory.import",
        path=str(package),
        source=source,
        mapping=str(mapping) if mapping else None,
        accept_withdrawals="accept_withdrawals" in request.form,
        dry_run="dry_run" in request.form,
    )
    session.commit()
    flash(_("We have the files. You can leave this page; the import goes on."), "success")
    return redirect(url_for(".imports"), HTTPStatus.SEE_OTHER)


def _imports_page(values: dict[str, str], errors: dict[str, str]) -> str:
    history = queries.import_history()
    newest = {(entry.source, entry.dry_run): entry.id for entry in reversed(history)}
    entries = [_entry(entry, is_newest=newest[entry.source, entry.dry_run] == entry.id) for entry in history]
    running = sum(entry["running"] for entry in entries)
    # A job that has begun stands in the history only from its first batch on.
    waiting = max(0, jobs.unfinished(import_package) - running)
    return render_template(
        "directory/imports.html",
        values=values,
        errors=errors,
        entries=entries,
        waiting=waiting,
        busy=bool(waiting or running),
        sources=queries.import_sources(),
    )


def _entry(entry: DirectoryImport, *, is_newest: bool) -> dict[str, Any]:
    """One import. What neither ended nor is the newest of its source broke off and was begun again."""
    running = entry.ended_at is None and is_newest
    if entry.failure:
        kind, word = "needs_you", _("Could not be read")
    elif running:
        kind, word = "waiting", _("Running")
    elif entry.ended_at is None:
        kind, word = "ended", _("Broke off, begun again")
    elif entry.dry_run:
        kind, word = "ended", _("Only looked at")
    elif any(count.get("held_back") for count in entry.counts.values()):
        kind, word = "needs_you", _("Something is missing")
    else:
        kind, word = "well", _("Done")
    return {
        "id": entry.id,
        "source": entry.source,
        "format": entry.format,
        "dry_run": entry.dry_run,
        "percent": int(100 * entry.progress),
        "open_referrals": entry.open_referrals,
        "held_back": entry.counts.get("service", {}).get("held_back", 0),
        "rows_held_back": sum(count.get("held_back", 0) for count in entry.counts.values()),
        "examples": list(_examples(entry)),
        "when": when(entry.started_at, clock.now(), queries.UNPLACED),
        "running": running,
        "kind": kind,
        "word": word,
        "failure": entry.failure,
        "rows": sum(count["new"] + count["changed"] + count["unchanged"] for count in entry.counts.values()),
        "tables": [
            (name, entry.counts[name])
            for name in (entry.counts if entry.dry_run else ("organization", "location", "service"))
            if name in entry.counts
        ],
        "problem_count": entry.problem_count,
        "problems": list(queries.import_problems(entry.id, PROBLEMS_SHOWN)) if entry.problem_count else [],
    }


def _examples(entry: DirectoryImport) -> Iterator[tuple[str, dict[str, str]]]:
    """What a dry run would change, in words."""
    for example in entry.examples if entry.dry_run else ():
        word = EXAMPLE_WORDS[example["what"]]
        yield _(word), example


@bp.get("/directory/imports/<uuid:import_id>/report")
@allow(Action.IMPORT_DIRECTORY)
def report(import_id: uuid.UUID) -> Response:
    """The rows an import reported, as a table for whoever corrects them."""
    entry = queries.an_import(import_id)
    if entry is None:
        raise NotFound(_("There is no such import."))
    return Response(
        stream_with_context(_report_lines(import_id)),
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="import-report-{entry.started_at:%Y-%m-%d}.csv"'},
    )


def _report_lines(import_id: uuid.UUID) -> Iterator[str]:
    """The report as CSV, a piece at a time: a bad directory of a large state has a long one."""
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(REPORT)
    for problem in queries.import_problems(import_id):
        cells = (problem.file, problem.line, problem.field, problem.reason)
        writer.writerow([*map(harmless, cells), "taken" if problem.kept else "left out"])
        if table.tell() > REPORT_PIECE:
            yield table.getvalue()
            table.seek(0)
            table.truncate()
    yield table.getvalue()
