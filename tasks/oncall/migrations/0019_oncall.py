"""Overrides of the on-call rota."""

import sqlalchemy as sa
from alembic import op

from tasks.history.engine import UtcDateTime

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "oncall_overrides",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("service_id", sa.Integer(), nullable=False),
        sa.Column(
            "person", sa.String(length=40), nullable=False, comment="a name of [[oncall.person]] when it was recorded"
        ),
        sa.Column("starts_at", UtcDateTime(), nullable=False),
        sa.Column(
            "ends_at", UtcDateTime(), nullable=False, comment="no longer its own; earlier than first said if removed"
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.Column("recorded_by", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name=op.f("fk_oncall_overrides_service_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oncall_overrides")),
    )
    op.create_index(
        op.f("ix_oncall_overrides_service_id_ends_at"), "oncall_overrides", ["service_id", "ends_at"], unique=False
    )
