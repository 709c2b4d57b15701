"""Whether this installation is well, for load balancers and for people."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify
from sqlalchemy.exc import SQLAlchemyError

from app import db, jobs

bp = Blueprint("health", __name__)


@bp.get("/healthz")
def healthz() -> tuple[Response, int]:
    """200 while the database answers; the worker is reported beside it, because pages work without one."""
    try:
        db.ping()
        worker = "ok" if jobs.worker_alive() else "not seen for 30 seconds"
    except SQLAlchemyError:
        return jsonify(status="down", database="does not answer", worker="unknown"), 503
    return jsonify(status="ok", database="ok", worker=worker), 200


healthz.public_because = "load balancers have no account"  # type: ignore[attr-defined]
