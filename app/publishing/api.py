"""The directory for other programs: the API that HSDS 3.1 describes, read only.

A directory is there to be known, so nobody needs an account to read it; where its license says otherwise, `HSDS_API`
asks for a token.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from flask import Request, Response, jsonify, request, stream_with_context, url_for
from flask_smorest import Blueprint
from marshmallow import Schema
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import Unauthorized

from app.config import settings
from app.errors import NotFound
from app.i18n import gettext as _
from app.publishing import queries, schemas
from app.publishing.hsds import BASIC, FULL, ORGANIZATION_WITH_SERVICES, PROFILE, VERSION, Nested
from app.publishing.queries import Page, Record, Wanted
from app.staff.access import public, signed_in

PREFIX = "/hsds/v3"


class _Asking(FlaskParser):
    """What is asked in the query and, of a POST, in its body: as JSON or as a form. What is left empty is not asked."""

    def load_querystring(self, req: Request, schema: Schema) -> dict[str, Any]:  # noqa: ARG002  webargs' own signature
        asked: dict[str, Any] = req.args.to_dict()
        if req.method == "POST":
            body = req.get_json() if req.is_json and req.get_data() else req.form.to_dict()
            asked = {**body, **asked}
        return {name: value for name, value in asked.items() if value != ""}


class _Lists(Blueprint):
    """Reads what is asked as HSDS's tools send it."""

    ARGUMENTS_PARSER = _Asking()


bp = _Lists("hsds", __name__, url_prefix=PREFIX, description="The directory, as HSDS 3.1 has it")

OPEN = "the directory is there to be known; it holds no patient's data, and hides confidential addresses"

_BODIES = ("application/json", "application/x-www-form-urlencoded")

_FILTERS = frozenset(field.name for field in fields(Wanted))


@bp.before_request
def _known_where_asked() -> None:
    if settings().hsds_api == "token" and not signed_in():
        raise Unauthorized(_("Send a valid token: Authorization: Bearer …"))


def _list(path: str, query: type[schemas.ListIn]) -> Callable[[Callable[[dict[str, Any]], Response]], Any]:
    """A list at `path`, asked for by GET or, as its twin, by POST: what is asked may then stand in the body."""

    def register(view: Callable[[dict[str, Any]], Response]) -> Callable[[dict[str, Any]], Response]:
        for method in ("GET", "POST"):
            answered = bp.alt_response(200, schema=schemas.PageOut, success=True)(view)
            asked = bp.arguments(query, location="query")(answered)
            if method == "POST":
                body = {"required": False, "content": {kind: {"schema": query} for kind in _BODIES}}
                asked = bp.doc(requestBody=body)(asked)
            bp.route(path, methods=[method], endpoint=f"{view.__name__}_{method.lower()}")(public(OPEN)(asked))
        return view

    return register


@bp.route("/")
@public(OPEN)
@bp.response(200, schemas.AboutOut)
def about() -> dict[str, str]:
    """Which version of HSDS this is, and where the API is described."""
    return {
        "version": VERSION,
        "profile": PROFILE,
        "openapi_url": f"{settings().public_base_url}{url_for('hsds-api-docs.openapi_json')}",
    }


@_list("/services", schemas.ServicesIn)
def services(asked: dict[str, Any]) -> Response:
    """Services."""
    if asked["minimal"] and asked["format"] == "ndjson":
        return _streamed(queries.stream_minimal(_wanted(asked)))
    if asked["minimal"]:
        asked["per_page"] = asked["per_page"] or schemas.MOST_MINIMAL
        return _paged(asked, queries.minimal(_wanted(asked), **_part(asked)))
    return _listed("service", asked)


@_list("/organizations", schemas.OrganizationsIn)
def organizations(asked: dict[str, Any]) -> Response:
    """Organizations."""
    return _listed("organization", asked)


@_list("/service_at_locations", schemas.OffersIn)
def service_at_locations(asked: dict[str, Any]) -> Response:
    """Services at the places where they are to be had."""
    return _listed("service_at_location", asked)


@_list("/taxonomies", schemas.ListIn)
def taxonomies(asked: dict[str, Any]) -> Response:
    """Taxonomies."""
    return _listed("taxonomy", asked)


@_list("/taxonomy_terms", schemas.TermsIn)
def taxonomy_terms(asked: dict[str, Any]) -> Response:
    """Terms of the taxonomies."""
    return _listed("taxonomy_term", asked)


@bp.route("/services/<id_>")
@public(OPEN)
@bp.alt_response(200, success=True)
def service(id_: str) -> Response:
    """A service with everything about it."""
    return _one("service", id_, FULL["service"])


@bp.route("/organizations/<id_>")
@public(OPEN)
@bp.arguments(schemas.OrganizationIn, location="query")
@bp.alt_response(200, success=True)
def organization(asked: dict[str, Any], id_: str) -> Response:
    """An organization with everything about it, and its services."""
    return _one("organization", id_, ORGANIZATION_WITH_SERVICES if asked["full_service"] else FULL["organization"])


@bp.route("/service_at_locations/<id_>")
@public(OPEN)
@bp.alt_response(200, success=True)
def service_at_location(id_: str) -> Response:
    """A service at a place, with everything about both."""
    return _one("service_at_location", id_, FULL["service_at_location"])


@bp.route("/taxonomies/<id_>")
@public(OPEN)
@bp.alt_response(200, success=True)
def taxonomy(id_: str) -> Response:
    """A taxonomy."""
    return _one("taxonomy", id_, FULL["taxonomy"])


@bp.route("/taxonomy_terms/<id_>")
@public(OPEN)
@bp.alt_response(200, success=True)
def taxonomy_term(id_: str) -> Response:
    """A term with its taxonomy."""
    return _one("taxonomy_term", id_, FULL["taxonomy_term"])


def _wanted(asked: Mapping[str, Any]) -> Wanted:
    return Wanted(**{name: value for name, value in asked.items() if name in _FILTERS})


def _inside(table: str, asked: Mapping[str, Any]) -> Sequence[Nested]:
    if asked.get("full_service"):
        return ORGANIZATION_WITH_SERVICES
    return (FULL if asked.get("full") else BASIC)[table]


def _part(asked: Mapping[str, Any]) -> dict[str, int]:
    size = asked["per_page"] or schemas.PER_PAGE
    return {"limit": size, "offset": size * (asked["page"] - 1)}


def _listed(table: str, asked: dict[str, Any]) -> Response:
    wanted, inside = _wanted(asked), _inside(table, asked)
    if asked["format"] == "ndjson":
        return _streamed(queries.stream(table, wanted, inside))
    return _paged(asked, queries.page(table, wanted, inside, **_part(asked)))


def _streamed(records: Iterator[Record]) -> Response:
    return Response(stream_with_context(_lines(records)), mimetype="application/x-ndjson")


def _lines(records: Iterator[Record]) -> Iterator[str]:
    for record in records:
        yield f"{json.dumps(record, ensure_ascii=False, separators=(',', ':'))}\n"


def _paged(asked: Mapping[str, Any], page: Page) -> Response:
    size = asked["per_page"] or schemas.PER_PAGE
    pages = -(-page.total // size)
    return _answer(
        {
            "total_items": page.total,
            "total_pages": pages,
            "page_number": asked["page"],
            "size": len(page.records),
            "first_page": asked["page"] == 1,
            "last_page": asked["page"] >= pages,
            "empty": not page.records,
            "contents": page.records,
        }
    )


def _one(table: str, id_: str, inside: Sequence[Nested]) -> Response:
    try:
        record = queries.record(table, uuid.UUID(id_), inside)
    except ValueError:
        record = None
    if record is None:
        raise NotFound(_("There is nothing with this id. Please check it."))
    return _answer(record)


def _answer(content: Mapping[str, Any]) -> Response:
    """JSON with a tag: whoever asks again is told that nothing is new."""
    response = jsonify(content)
    response.cache_control.no_cache = True
    response.add_etag(weak=True)
    response.make_conditional(request)
    return response
