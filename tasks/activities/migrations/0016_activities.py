"""Load tests and restore drills of our own that are under way."""

import sqlalchemy as sa
from alembic import op

from tasks.history.engine import UtcDateTime

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "activities",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("service_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False, comment="load-test or restore-drill"),
        sa.Column(
            "on_service", sa.Boolean(), nullable=False, comment="it loads the service itself, not only this machine"
        ),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False, comment="its end; while it is under way, its latest"),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name=op.f("fk_activities_service_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activities")),
    )
    op.create_index(op.f("ix_activities_service_id_until"), "activities", ["service_id", "until"], unique=False)
