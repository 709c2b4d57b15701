from __future__ import annotations

import csv
import io
import uuid
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app import clock, forms, jobs
from app.config import settings
from app.db import session
from app.directory import operations, queries, schemas
from app.directory.codes import CapacityStatus
from app.directory.jobs import import_package
from app.directory.mapping import source_name
from app.directory.models import DirectoryImport
from app.directory.packages import PackageError
from app.directory.queries import Card
from app.errors import Invalid, NotFound
from app.geography import words, zips
from app.geography.distance import miles
from app.geography.places import Place
from app.i18n import day, when
from app.i18n import gettext as _
from app.needs.vocabulary import NEEDS
from app.staff.access import allow
from app.staff.permissions import Action

bp = Blueprint("directory", __name__)

PAGE = 20
PROBLEMS_SHOWN = 20
REPORT = ("file", "line", "field", "reason", "row")

ROOM = {
    CapacityStatus.CAPACITY: "well",
    CapacityStatus.NO_CAPACITY: "ended",
    CapacityStatus.WAITLIST: "waiting",
    CapacityStatus.ADDITIONAL_ASSESSMENT: "waiting",
}
"""Which color and shape each word about capacity has; nothing known, nothing shown."""


@bp.get("/directory")
@allow(Action.SEE_DIRECTORY)
def search() -> str | tuple[str, int]:
    try:
        asked = forms.load(schemas.SearchIn(), forms.nested(request.args))
    except Invalid as invalid:
        return _search_page({}, invalid.fields, None), HTTPStatus.UNPROCESSABLE_ENTITY
    page = asked.pop("page")
    found = None
    if any(asked.values()):
        found = queries.search(
            asked["q"],
            asked["need"],
            language=asked["language"],
            near=asked["near"],
            limit=PAGE,
            offset=PAGE * (page - 1),
        )
    return _search_page(asked, {}, found, page)


def _search_page(asked: dict[str, Any], errors: dict[str, str], found: queries.Found | None, page: int = 1) -> str:
    five = zips.five_digits(asked.get("near") or "")
    place = zips.find(five) if five else None
    return render_template(
        "directory/search.html",
        values=asked,
        errors=errors,
        found=found,
        rows=[_row(card, place) for card in found.cards] if found else [],
        pager=_pager(asked, page, found.total) if found else {},
        needs=[(need.code, _(need.label)) for need in NEEDS.values()],
        languages_offered=[(spoken.code, spoken.words) for spoken in queries.languages_listed()],
        by_need=[] if found else _by_need(),
    )


def _row(card: Card, seen_from: Place | None) -> dict[str, Any]:
    far = ""
    if seen_from and card.latitude is not None and card.longitude is not None:
        far = words.words(miles(seen_from.point, (card.latitude, card.longitude)), seen_from.precision)
    return {
        "href": url_for(".service", service_at_location_id=card.id),
        "title": card.service,
        "sub": " · ".join(filter(None, (card.organization, far or card.place, card.open_now))),
        "kind": ROOM.get(card.capacity.status, ""),
        "word": card.capacity.words if card.capacity.status in ROOM else "",
    }


def _by_need() -> list[dict[str, Any]]:
    counts = queries.services_by_need()
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


def _pager(asked: dict[str, Any], page: int, total: int) -> dict[str, str]:
    first, last = PAGE * (page - 1) + 1, min(PAGE * page, total)
    kept = {name: value for name, value in asked.items() if value}

    def href(number: int) -> str:
        return f"{url_for('.search')}?{urlencode({**kept, 'page': number})}"

    return {
        "words": _("%(first)s to %(last)s of %(count)s", first=first, last=last, count=f"{total:,}"),
        "previous_href": href(page - 1) if page > 1 else "",
        "next_href": href(page + 1) if last < total else "",
    }


@bp.get("/directory/services/<uuid:service_at_location_id>")
@allow(Action.SEE_DIRECTORY)
def service(service_at_location_id: uuid.UUID) -> str:
    """What one service offers at one place, as it can be shown or handed to the person who goes there."""
    card = queries.card(service_at_location_id)
    if card is None:
        raise NotFound(_("This service is not in the directory, or no longer."))
    return render_template(
        "directory/service.html",
        card=card,
        room=ROOM.get(card.capacity.status, ""),
        checked=day(card.last_checked) if card.last_checked else "",
        room_said=when(card.capacity.at, clock.now(), queries.time_zone(card.id)) if card.capacity.at else "",
    )


@bp.get("/directory/imports")
@allow(Action.IMPORT_DIRECTORY)
def imports() -> str:
    return _imports_page({}, {})


@bp.post("/directory/imports")
@allow(Action.IMPORT_DIRECTORY)
def upload() -> Response | tuple[str, int]:
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
    jobs.enqueue(import_package, lock="directory.import", path=str(package), source=source)
    session.commit()
    flash(_("We have the files. You can leave this page; the import goes on."), "success")
    return redirect(url_for(".imports"), HTTPStatus.SEE_OTHER)


def _imports_page(values: dict[str, str], errors: dict[str, str]) -> str:
    history = queries.import_history()
    newest = {entry.source: entry.id for entry in reversed(history)}
    entries = [_entry(entry, is_newest=newest[entry.source] == entry.id) for entry in history]
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
    else:
        kind, word = "well", _("Done")
    return {
        "id": entry.id,
        "source": entry.source,
        "when": when(entry.started_at, clock.now(), queries.UNPLACED),
        "running": running,
        "kind": kind,
        "word": word,
        "failure": entry.failure,
        "rows": sum(sum(count.values()) - count["withdrawn"] for count in entry.counts.values()),
        "tables": [
            (name, entry.counts[name]) for name in ("organization", "location", "service") if name in entry.counts
        ],
        "problem_count": entry.problem_count,
        "problems": entry.problems[:PROBLEMS_SHOWN],
    }


@bp.get("/directory/imports/<uuid:import_id>/report")
@allow(Action.IMPORT_DIRECTORY)
def report(import_id: uuid.UUID) -> Response:
    """The rows an import reported, as a table for whoever corrects them."""
    entry = queries.an_import(import_id)
    if entry is None:
        raise NotFound(_("There is no such import."))
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(REPORT)
    for problem in entry.problems:
        cells = (problem["file"], problem["line"], problem["field"], problem["reason"])
        writer.writerow([*map(_harmless, cells), "taken" if problem["kept"] else "left out"])
    return Response(
        table.getvalue(),
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="import-report-{entry.started_at:%Y-%m-%d}.csv"'},
    )


def _harmless(cell: str | int | None) -> str | int:
    """A spreadsheet runs what begins with these signs; the file that was imported is somebody else's."""
    text = "" if cell is None else cell
    return f"'{text}" if isinstance(text, str) and text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
