from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint

from app.reports import queries, schemas
from app.reports.measures import LOOPS_CLOSED, PATIENT_CONFIRMED, SENT
from app.reports.queries import Dimension, Tally
from app.staff.access import allow, me
from app.staff.permissions import Action

bp = Blueprint("api_reports", __name__, url_prefix="/api/v1/reports", description="Whether loops close")


def _counts(tally: Tally) -> dict[str, int]:
    return {measure.code: tally[measure] for measure in (SENT, LOOPS_CLOSED, PATIENT_CONFIRMED)}


def _by(dimension: Dimension) -> list[dict[str, Any]]:
    tallies = sorted(queries.tallies(me(), dimension).items(), key=lambda item: (-item[1][SENT], item[0]))
    return [{dimension.value: value, **_counts(tally)} for value, tally in tallies]


@bp.route("/loop")
@allow(Action.SEE_NUMBERS)
@bp.response(200, schemas.LoopReportOut)
def loop() -> dict[str, Any]:
    """The loop in numbers: of the caller's team, or of the network for an administrator."""
    return {
        **_counts(queries.tally(me())),
        "needs_met": queries.needs_met(me()),
        "by_language": _by(Dimension.LANGUAGE),
        "by_need": _by(Dimension.NEED),
    }
