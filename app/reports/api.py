from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint

from app.referrals.promises import Kept
from app.reports import queries, schemas
from app.reports.measures import LOOPS_CLOSED, OF_ENDED, PATIENT_CONFIRMED, REFERRALS_ENDED, SENT
from app.reports.queries import Dimension, Tally
from app.staff.access import allow, me
from app.staff.permissions import Action

bp = Blueprint("api_reports", __name__, url_prefix="/api/v1/reports", description="Whether loops close")


def _counts(tally: Tally) -> dict[str, int]:
    shown = (SENT, REFERRALS_ENDED, LOOPS_CLOSED, PATIENT_CONFIRMED, *OF_ENDED.values())
    return {measure.code: tally[measure] for measure in shown}


def _by(dimension: Dimension) -> list[dict[str, Any]]:
    tallies = sorted(queries.tallies(me(), dimension).items(), key=lambda item: (-item[1][SENT], item[0]))
    return [{dimension.value: value, **_counts(tally)} for value, tally in tallies]


@bp.route("/loop")
@allow(Action.SEE_NUMBERS)
@bp.response(200, schemas.LoopReportOut)
def loop() -> dict[str, Any]:
    """The loop in numbers: of the caller's team, or of the network for an administrator."""
    promises = queries.promises(me())
    return {
        **_counts(queries.tally(me())),
        "promises_due": promises.total(),
        "promises_kept": promises[Kept.KEPT],
        "needs_met": queries.needs_met(me()),
        "by_language": _by(Dimension.LANGUAGE),
        "by_need": _by(Dimension.NEED),
    }
