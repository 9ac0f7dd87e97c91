"""Load tests."""

import sqlalchemy as sa
from alembic import op

from tasks.history.engine import UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "load_runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("service_id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False, comment="start of the load"),
        sa.Column("profile", sa.String(length=40), nullable=False),
        sa.Column("environment", sa.String(length=40), nullable=False),
        sa.Column(
            "script", sa.String(length=64), nullable=False, comment="digest of Locust files, profile and processes"
        ),
        sa.Column("data_set", sa.String(length=80), nullable=False),
        sa.Column("verdict", sa.String(length=10), nullable=False, comment="pass, fail or invalid"),
        sa.Column(
            "capacity_per_second", sa.Float(), nullable=True, comment="highest load that met the SLO; null: none known"
        ),
        sa.Column("synthetic", sa.Boolean(), nullable=False, comment="generated"),
        sa.Column("facts", sa.Text(), nullable=False, comment="canonical JSON of the whole test"),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name=op.f("fk_load_runs_service_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_load_runs")),
        sa.UniqueConstraint("service_id", "at", name=op.f("uq_load_runs_service_id_at")),
    )
