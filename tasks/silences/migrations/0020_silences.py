"""Silences of alerts."""

import sqlalchemy as sa
from alembic import op

from tasks.history.engine import UtcDateTime

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "silences",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("service_id", sa.Integer(), nullable=False),
        sa.Column("check_pattern", sa.String(length=200), nullable=False, comment="glob pattern"),
        sa.Column("subject_pattern", sa.String(length=200), nullable=False, comment="glob pattern"),
        sa.Column("starts_at", UtcDateTime(), nullable=False),
        sa.Column(
            "ends_at", UtcDateTime(), nullable=False, comment="no longer silent; earlier than first said if ended"
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.Column("recorded_by", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name=op.f("fk_silences_service_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_silences")),
    )
    op.create_index(op.f("ix_silences_service_id_ends_at"), "silences", ["service_id", "ends_at"], unique=False)
