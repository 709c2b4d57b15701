"""Appointments, promises of agencies, and rides that a referral brought to light."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

WAYS = ("in-person", "by-phone")
BECAME = ("planned", "attended", "no-show", "cancelled", "passed")
REPLIES = ("comes", "cannot-come", "needs-ride")
KINDS = (
    *("offer-next", "resolve-dispute", "follow-barrier", "read-text", "call-instead", "call-agency", "urgent-text"),
    "answer-agency",
)
NEW_KINDS = ("reschedule", "find-ride")
KEPT = ("kept", "broken", "moot")


def _words(name: str, values: tuple[str, ...]) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


def upgrade() -> None:
    _allow_kinds(*KINDS, *NEW_KINDS)
    op.create_table(
        "appointment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("referral_id", sa.Uuid(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("way", _words("way", WAYS), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by_id", sa.Uuid(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("became", _words("became", BECAME), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reply", _words("reply", REPLIES), nullable=True),
        sa.Column("replied_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(became = 'planned') = (ended_at IS NULL)", name=op.f("ck_appointment_ended_has_time")),
        sa.CheckConstraint("(reply IS NULL) = (replied_at IS NULL)", name=op.f("ck_appointment_reply_has_time")),
        sa.ForeignKeyConstraint(["referral_id"], ["referral.id"], name=op.f("fk_appointment_referral_id_referral")),
        sa.ForeignKeyConstraint(
            ["made_by_id"], ["staff_member.id"], name=op.f("fk_appointment_made_by_id_staff_member")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appointment")),
    )
    op.create_index(op.f("ix_appointment_referral_id"), "appointment", ["referral_id"])
    op.create_index(
        "uq_appointment_ahead",
        "appointment",
        ["referral_id"],
        unique=True,
        postgresql_where=sa.text("became = 'planned'"),
    )
    op.create_table(
        "promise",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("referral_id", sa.Uuid(), nullable=False),
        sa.Column("by_day", sa.Date(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kept", _words("kept", KEPT), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(kept IS NULL) = (ended_at IS NULL)", name=op.f("ck_promise_ended_has_time")),
        sa.ForeignKeyConstraint(["referral_id"], ["referral.id"], name=op.f("fk_promise_referral_id_referral")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promise")),
    )
    op.create_index(op.f("ix_promise_referral_id"), "promise", ["referral_id"])
    op.create_index(
        "uq_promise_open", "promise", ["referral_id"], unique=True, postgresql_where=sa.text("ended_at IS NULL")
    )
    op.add_column("referral", sa.Column("ride_need_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_referral_ride_need_id_need"), "referral", "need", ["ride_need_id"], ["id"])
    op.add_column("transition", sa.Column("attempts", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("transition", "attempts")
    op.drop_constraint(op.f("fk_referral_ride_need_id_need"), "referral")
    op.drop_column("referral", "ride_need_id")
    op.drop_table("promise")
    op.drop_table("appointment")
    gone = ", ".join(f"'{kind}'" for kind in NEW_KINDS)
    op.execute(f"DELETE FROM work_item WHERE kind IN ({gone})")  # noqa: S608  constants
    _allow_kinds(*KINDS)


def _allow_kinds(*kinds: str) -> None:
    op.drop_constraint(op.f("ck_work_item_kind"), "work_item", type_="check")
    op.create_check_constraint(op.f("ck_work_item_kind"), "work_item", sa.column("kind").in_(kinds))
