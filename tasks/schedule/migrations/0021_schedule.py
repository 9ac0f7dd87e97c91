"""Which minutes were monitored, and which flows are scheduled."""

import sqlalchemy as sa
from alembic import op

from tasks.history.engine import UtcDateTime

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "monitored_hours",
        sa.Column("service_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hour", sa.Integer(), autoincrement=False, nullable=False, comment="hours since 1970, UTC"),
        sa.Column("minutes", sa.BigInteger(), nullable=False, comment="bit n: its minute n was monitored to the end"),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name=op.f("fk_monitored_hours_service_id")),
        sa.PrimaryKeyConstraint("service_id", "hour", name=op.f("pk_monitored_hours")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "scheduled_flows",
        sa.Column("service_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("flow", sa.String(80), nullable=False),
        sa.Column("cron", sa.String(80), comment="null: it starts every every_s"),
        sa.Column("every_s", sa.Integer(), comment="null: it starts by cron"),
        sa.Column("timezone", sa.String(80), nullable=False),
        sa.Column("period", sa.String(10), comment="day, week or month; null: it stores no report"),
        sa.Column("late_after_s", sa.Integer(), nullable=False, comment="when its run has ended at the latest"),
        sa.Column("since", UtcDateTime(), nullable=False, comment="when this schedule was registered"),
        sa.Column("ended_at", UtcDateTime(), comment="when it was no longer registered; null: it still is"),
        sa.Column("last_run_at", UtcDateTime(), comment="of a flow that stores no report"),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name=op.f("fk_scheduled_flows_service_id")),
        sa.PrimaryKeyConstraint("service_id", "flow", name=op.f("pk_scheduled_flows")),
    )
