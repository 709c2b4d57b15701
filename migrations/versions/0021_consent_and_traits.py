"""A consent to share may name the only organizations it is for; what a patient told of themselves for matching.

And closed services are found by their names without reading all that are open.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

TRAITS = ("veteran", "pregnant", "children", "woman", "man", "hiv")


def upgrade() -> None:
    op.add_column("consent", sa.Column("organization_ids", sa.ARRAY(sa.Uuid()), nullable=True))
    op.create_check_constraint(
        op.f("ck_consent_named_organizations_may_be_told"),
        "consent",
        "organization_ids IS NULL OR (kind = 'share' AND given AND cardinality(organization_ids) > 0)",
    )
    op.create_table(
        "patient_trait",
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column(
            "trait",
            sa.Enum(*TRAITS, name="trait", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("holds", sa.Boolean(), nullable=False),
        sa.CheckConstraint("holds OR trait NOT IN ('hiv')", name=op.f("ck_patient_trait_sensitive_only_when_wished")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_patient_trait_patient_id_patient")),
        sa.PrimaryKeyConstraint("patient_id", "trait", name=op.f("pk_patient_trait")),
    )
    op.create_index(
        "ix_service_gone",
        "service",
        ["name", "id"],
        postgresql_where=sa.text("status <> 'active' OR withdrawn_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_service_gone", "service")
    op.drop_table("patient_trait")
    op.drop_constraint(op.f("ck_consent_named_organizations_may_be_told"), "consent")
    op.drop_column("consent", "organization_ids")
