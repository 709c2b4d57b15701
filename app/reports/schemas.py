from __future__ import annotations

from datetime import date

from marshmallow import EXCLUDE, Schema, fields, validate

from app.reports.measures import LOOPS_CLOSED, OF_REFERRALS, PATIENT_CONFIRMED


class CountsOut(Schema):
    referrals_sent = fields.Integer()
    referrals_ended = fields.Integer()
    loops_closed = fields.Integer()
    patient_confirmed = fields.Integer()
    loops_closed_of_ended = fields.Integer()
    patient_confirmed_of_ended = fields.Integer()


class ByLanguageOut(CountsOut):
    language = fields.String()


class ByNeedOut(CountsOut):
    need = fields.String()


class LoopReportOut(CountsOut):
    needs_met = fields.Integer()
    promises_due = fields.Integer()
    promises_kept = fields.Integer()
    by_language = fields.List(fields.Nested(ByLanguageOut))
    by_need = fields.List(fields.Nested(ByNeedOut))


class NumbersIn(Schema):
    """Which of the two that matter the tables show."""

    class Meta:
        unknown = EXCLUDE

    show = fields.String(
        load_default=LOOPS_CLOSED.code, validate=validate.OneOf([LOOPS_CLOSED.code, PATIENT_CONFIRMED.code])
    )


class BehindIn(Schema):
    """Which number to look behind: a measure, and the part of the referrals it was counted for."""

    class Meta:
        unknown = EXCLUDE

    measure = fields.String(required=True, validate=validate.OneOf(list(OF_REFERRALS)))
    need = fields.String(load_default=None)
    language = fields.String(load_default=None)
    agency = fields.UUID(load_default=None)
    week = fields.Date(load_default=None)
    page = fields.Integer(load_default=1, validate=validate.Range(min=1, max=10_000))


class PeriodIn(Schema):
    """From which day to which, both included."""

    class Meta:
        unknown = EXCLUDE

    first = fields.Date(load_default=None, validate=validate.Range(min=date(2000, 1, 1), max=date(2999, 12, 31)))
    last = fields.Date(load_default=None, validate=validate.Range(min=date(2000, 1, 1), max=date(2999, 12, 31)))
