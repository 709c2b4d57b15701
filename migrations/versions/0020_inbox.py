"""The inbox of an agency: who has a request, notes, walk-ins, the daily limit, and the weekly digest."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

KINDS = (
    *("offer-next", "resolve-dispute", "follow-barrier", "read-text", "call-instead", "call-agency", "answer-agency"),
    *("reschedule", "find-ride", "urgent-text"),
)
NEW_KINDS = ("answer-note", "confirm-walk-in")


def upgrade() -> None:
    _allow_kinds(*KINDS, *NEW_KINDS)
    op.add_column("staff_member", sa.Column("weekly_digest", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.alter_column("staff_member", "weekly_digest", server_default=None)
    op.create_table(
        "intake_full",
        sa.Column("service_id", sa.Uuid(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], name=op.f("fk_intake_full_service_id_service")),
        sa.PrimaryKeyConstraint("service_id", name=op.f("pk_intake_full")),
    )
    op.add_column("referral", sa.Column("assigned_to_id", sa.Uuid(), nullable=True))
    op.add_column("referral", sa.Column("agency_read_at", sa.DateTime(timezone=True), nullable=True))
    op.create_foreign_key(
        op.f("fk_referral_assigned_to_id_staff_member"), "referral", "staff_member", ["assigned_to_id"], ["id"]
    )
    op.create_index("ix_referral_inbox", "referral", ["organization_id", "status", "sent_at"])
    op.create_index(op.f("ix_referral_assigned_to_id"), "referral", ["assigned_to_id"])
    op.create_table(
        "note",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("referral_id", sa.Uuid(), nullable=False),
        sa.Column(
            "side",
            sa.Enum("sender", "agency", name="actor", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("asks", sa.Boolean(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("answers_id", sa.Uuid(), nullable=True),
        sa.Column("by_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("shared OR NOT (asks OR answers_id IS NOT NULL)", name=op.f("ck_note_asked_aloud")),
        sa.ForeignKeyConstraint(["referral_id"], ["referral.id"], name=op.f("fk_note_referral_id_referral")),
        sa.ForeignKeyConstraint(["answers_id"], ["note.id"], name=op.f("fk_note_answers_id_note")),
        sa.ForeignKeyConstraint(["by_id"], ["staff_member.id"], name=op.f("fk_note_by_id_staff_member")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_note")),
        sa.UniqueConstraint("answers_id", name=op.f("uq_note_answers_id")),
    )
    op.create_index("ix_note_referral_id", "note", ["referral_id", "at"])
    op.execute(
        "CREATE TRIGGER note_is_append_only BEFORE UPDATE OR DELETE ON note "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.create_table(
        "walk_in",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("need", sa.Text(), nullable=False),
        sa.Column("served_on", sa.Date(), nullable=False),
        sa.Column("by_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("need_id", sa.Uuid(), nullable=True),
        sa.Column("got_help", sa.Boolean(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_by_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "num_nonnulls(got_help, answered_at, answered_by_id) IN (0, 3)",
            name=op.f("ck_walk_in_answered_by_somebody"),
        ),
        sa.CheckConstraint(
            "patient_id IS NOT NULL OR (need_id IS NULL AND got_help IS NULL)", name=op.f("ck_walk_in_of_somebody")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_walk_in_organization_id_organization")
        ),
        sa.ForeignKeyConstraint(["by_id"], ["staff_member.id"], name=op.f("fk_walk_in_by_id_staff_member")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_walk_in_patient_id_patient")),
        sa.ForeignKeyConstraint(["need_id"], ["need.id"], name=op.f("fk_walk_in_need_id_need")),
        sa.ForeignKeyConstraint(
            ["answered_by_id"], ["staff_member.id"], name=op.f("fk_walk_in_answered_by_id_staff_member")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_walk_in")),
    )
    op.create_index("ix_walk_in_organization_id_served_on", "walk_in", ["organization_id", "served_on"])
    op.create_index(op.f("ix_walk_in_patient_id"), "walk_in", ["patient_id"])
    op.create_index(op.f("ix_walk_in_need_id"), "walk_in", ["need_id"])


def downgrade() -> None:
    op.drop_table("walk_in")
    op.drop_table("note")
    op.drop_index(op.f("ix_referral_assigned_to_id"), "referral")
    op.drop_index("ix_referral_inbox", "referral")
    op.drop_constraint(op.f("fk_referral_assigned_to_id_staff_member"), "referral")
    op.drop_column("referral", "agency_read_at")
    op.drop_column("referral", "assigned_to_id")
    op.drop_table("intake_full")
    op.drop_column("staff_member", "weekly_digest")
    for kind in NEW_KINDS:
        op.execute(f"DELETE FROM work_item WHERE kind = '{kind}'")  # noqa: S608  a constant
    _allow_kinds(*KINDS)


def _allow_kinds(*kinds: str) -> None:
    op.drop_constraint(op.f("ck_work_item_kind"), "work_item", type_="check")
    op.create_check_constraint(op.f("ck_work_item_kind"), "work_item", sa.column("kind").in_(kinds))
