"""Which process monitors a service."""

import sqlalchemy as sa
from alembic import op

from tasks.history.engine import UtcDateTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "monitoring_leases",
        sa.Column("service_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("holder", sa.String(80), nullable=False, comment="the flow run that monitors, as a person finds it"),
        sa.Column("held_until", UtcDateTime(), comment="null: its holder let go of it"),
        sa.Column(
            "minute", sa.Integer(), nullable=False, comment="the last one that was begun: minutes since 1970, UTC"
        ),
        sa.Column("ended", sa.Boolean(), nullable=False, comment="whether that one came to its end"),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name=op.f("fk_monitoring_leases_service_id")),
        sa.PrimaryKeyConstraint("service_id", name=op.f("pk_monitoring_leases")),
    )
