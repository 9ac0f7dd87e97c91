"""Deploys, outages, maintenance windows, and the figures of closed months."""

import sqlalchemy as sa
from alembic import op

from tasks.history.engine import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deploys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("service_id", sa.Integer(), nullable=False),
        sa.Column("environment", sa.String(length=40), nullable=False),
        sa.Column("version", sa.String(length=80), nullable=False),
        sa.Column("commit_at", UtcDateTime(), nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True, comment="null: not known, or not yet"),
        sa.Column("outcome", sa.String(length=12), nullable=False, comment="succeeded, failed or rolled-back"),
        sa.Column(
            "origin", sa.String(length=12), nullable=False, comment="recorded, inferred from a version, or first-seen"
        ),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.Column("recorded_by", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name=op.f("fk_deploys_service_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deploys")),
        sa.UniqueConstraint(
            "service_id",
            "environment",
            "version",
            "started_at",
            name=op.f("uq_deploys_service_id_environment_version_started_at"),
        ),
    )
    op.create_index(
        op.f("ix_deploys_service_id_environment_started_at"),
        "deploys",
        ["service_id", "environment", "started_at"],
        unique=False,
    )
    op.create_table(
        "maintenance_windows",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("service_id", sa.Integer(), nullable=False),
        sa.Column("module", sa.String(length=80), nullable=False, comment="empty: the whole service"),
        sa.Column("starts_at", UtcDateTime(), nullable=False),
        sa.Column("ends_at", UtcDateTime(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("late_reason", sa.Text(), nullable=False, comment="why it was declared after its start"),
        sa.Column("recorded_at", UtcDateTime(), nullable=False, comment="when it was declared first"),
        sa.Column("recorded_by", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name=op.f("fk_maintenance_windows_service_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_maintenance_windows")),
        sa.UniqueConstraint(
            "service_id",
            "module",
            "starts_at",
            "ends_at",
            name=op.f("uq_maintenance_windows_service_id_module_starts_at_ends_at"),
        ),
    )
    op.create_table(
        "outages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("service_id", sa.Integer(), nullable=False),
        sa.Column("module", sa.String(length=80), nullable=False, comment="empty: the whole service"),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True, comment="null: it goes on"),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("incident_id", sa.Integer(), nullable=True),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.Column("recorded_by", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name=op.f("fk_outages_service_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outages")),
        sa.UniqueConstraint("service_id", "module", "started_at", name=op.f("uq_outages_service_id_module_started_at")),
    )
    op.create_table(
        "slo_months",
        sa.Column("service_id", sa.Integer(), nullable=False),
        sa.Column("period", sa.String(length=20), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("figures", sa.Text(), nullable=False, comment="canonical JSON"),
        sa.Column("digest", sa.String(length=64), nullable=False, comment="SHA-256 of figures"),
        sa.Column("frozen_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name=op.f("fk_slo_months_service_id")),
        sa.PrimaryKeyConstraint("service_id", "period", "revision", name=op.f("pk_slo_months")),
    )
