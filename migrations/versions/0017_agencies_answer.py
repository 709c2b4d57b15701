"""Agencies answer without an account: e-mail, contacts, signed links, reply codes, questions, and who has room."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

KINDS = ("offer-next", "resolve-dispute", "follow-barrier", "read-text", "call-instead", "call-agency", "urgent-text")
NEW_KIND = "answer-agency"
TABLES = (
    *("agency_renewal", "agency_question", "agency_introduction", "agency_link", "agency_code", "capacity_question"),
    *("agency_contact", "email"),
)


def upgrade() -> None:
    _allow_kinds(*KINDS, NEW_KIND)
    op.add_column("transition", sa.Column("by_name", sa.Text(), nullable=True))
    op.create_check_constraint(
        op.f("ck_transition_named_or_known"),
        "transition",
        "by_name IS NULL OR (by_id IS NULL AND actor = 'agency')",
    )
    op.create_table(
        "email",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Uuid(), nullable=True),
        sa.Column("regarding", sa.Uuid(), nullable=True),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("dedupe_key", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("calendar", sa.Text(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "queued",
                "sending",
                "sent",
                "unsure",
                "failed",
                "cancelled",
                "expired",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("not_after", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("cancel_reason", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'sending') = (lease_until IS NOT NULL)", name=op.f("ck_email_sending_has_a_lease")
        ),
        sa.CheckConstraint(
            "(state IN ('queued', 'sending')) = (ended_at IS NULL)", name=op.f("ck_email_ended_has_time")
        ),
        sa.CheckConstraint(
            "state <> 'cancelled' OR cancel_reason IS NOT NULL", name=op.f("ck_email_cancelled_has_a_reason")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_email")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_email_dedupe_key")),
    )
    op.create_index("ix_email_next", "email", ["due_at", "position"], postgresql_where=sa.text("state = 'queued'"))
    op.create_index("ix_email_regarding", "email", ["regarding"])
    op.create_index("ix_email_state", "email", ["state"])
    op.create_table(
        "agency_contact",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("service_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column(
            "origin",
            sa.Enum("staff", "directory", name="origin", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("phone ~ '^\\+[1-9][0-9]{6,14}$'", name=op.f("ck_agency_contact_e164")),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_agency_contact_email_is_lower_case")),
        sa.CheckConstraint("email IS NOT NULL OR phone IS NOT NULL", name=op.f("ck_agency_contact_can_be_reached")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_agency_contact_organization_id_organization")
        ),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], name=op.f("fk_agency_contact_service_id_service")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agency_contact")),
    )
    op.create_index(
        "ix_agency_contact_organization_id",
        "agency_contact",
        ["organization_id"],
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "ix_agency_contact_phone", "agency_contact", ["phone"], postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_index(
        "uq_agency_contact_of_directory",
        "agency_contact",
        ["organization_id", "email"],
        unique=True,
        postgresql_where=sa.text("origin = 'directory' AND ended_at IS NULL"),
    )
    op.create_index(op.f("ix_agency_contact_service_id"), "agency_contact", ["service_id"])
    op.create_table(
        "capacity_question",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(answered_at IS NULL) = (answered_by IS NULL)", name=op.f("ck_capacity_question_answered_by_somebody")
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["agency_contact.id"], name=op.f("fk_capacity_question_contact_id_agency_contact")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_capacity_question_organization_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_capacity_question")),
    )
    op.create_index(op.f("ix_capacity_question_contact_id"), "capacity_question", ["contact_id"])
    op.create_index(
        "ix_capacity_question_organization_id_asked_at", "capacity_question", ["organization_id", "asked_at"]
    )
    op.create_table(
        "agency_code",
        sa.Column("referral_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("asked_reason_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("asked_reason_phone", sa.Text(), nullable=True),
        sa.CheckConstraint("code ~ '^[0-9]{5}$'", name=op.f("ck_agency_code_five_digits")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_agency_code_organization_id_organization")
        ),
        sa.ForeignKeyConstraint(["referral_id"], ["referral.id"], name=op.f("fk_agency_code_referral_id_referral")),
        sa.PrimaryKeyConstraint("referral_id", name=op.f("pk_agency_code")),
        sa.UniqueConstraint("organization_id", "code", name=op.f("uq_agency_code_organization_id_code")),
    )
    op.create_table(
        "agency_link",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("referral_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("renewed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("disowned_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["agency_contact.id"], name=op.f("fk_agency_link_contact_id_agency_contact")
        ),
        sa.ForeignKeyConstraint(["referral_id"], ["referral.id"], name=op.f("fk_agency_link_referral_id_referral")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agency_link")),
        sa.UniqueConstraint("referral_id", "contact_id", name=op.f("uq_agency_link_referral_id_contact_id")),
    )
    op.create_index(op.f("ix_agency_link_contact_id"), "agency_link", ["contact_id"])
    op.create_table(
        "agency_introduction",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("link_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["link_id"], ["agency_link.id"], name=op.f("fk_agency_introduction_link_id_agency_link")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agency_introduction")),
    )
    op.create_index(op.f("ix_agency_introduction_link_id"), "agency_introduction", ["link_id"])
    op.create_table(
        "agency_question",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("link_id", sa.Uuid(), nullable=False),
        sa.Column("referral_id", sa.Uuid(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_by_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "num_nonnulls(answer, answered_at, answered_by_id) IN (0, 3)",
            name=op.f("ck_agency_question_answered_by_somebody"),
        ),
        sa.ForeignKeyConstraint(
            ["answered_by_id"], ["staff_member.id"], name=op.f("fk_agency_question_answered_by_id_staff_member")
        ),
        sa.ForeignKeyConstraint(["link_id"], ["agency_link.id"], name=op.f("fk_agency_question_link_id_agency_link")),
        sa.ForeignKeyConstraint(["referral_id"], ["referral.id"], name=op.f("fk_agency_question_referral_id_referral")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agency_question")),
    )
    op.create_index(op.f("ix_agency_question_link_id"), "agency_question", ["link_id"])
    op.create_index(op.f("ix_agency_question_referral_id"), "agency_question", ["referral_id"])
    op.create_table(
        "agency_renewal",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("link_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["link_id"], ["agency_link.id"], name=op.f("fk_agency_renewal_link_id_agency_link")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agency_renewal")),
    )
    op.create_index(op.f("ix_agency_renewal_link_id"), "agency_renewal", ["link_id"])


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
    op.drop_constraint(op.f("ck_transition_named_or_known"), "transition", type_="check")
    op.drop_column("transition", "by_name")
    op.execute(f"DELETE FROM work_item WHERE kind = '{NEW_KIND}'")  # noqa: S608  a constant
    _allow_kinds(*KINDS)


def _allow_kinds(*kinds: str) -> None:
    op.drop_constraint(op.f("ck_work_item_kind"), "work_item", type_="check")
    op.create_check_constraint(op.f("ck_work_item_kind"), "work_item", sa.column("kind").in_(kinds))
