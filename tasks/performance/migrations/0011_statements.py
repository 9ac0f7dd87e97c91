"""The counters of pg_stat_statements at each weekly report."""

import sqlalchemy as sa
from alembic import op

from tasks.history.engine import UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "statement_snapshots",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("service_id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("reset_at", UtcDateTime(), nullable=False, comment="from when on the counters count"),
        sa.Column("total_ms", sa.Float(), nullable=False, comment="of all statements"),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name=op.f("fk_statement_snapshots_service_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statement_snapshots")),
        sa.UniqueConstraint("service_id", "at", name=op.f("uq_statement_snapshots_service_id_at")),
    )
    op.create_table(
        "statement_totals",
        sa.Column("snapshot_id", sa.Integer(), nullable=False),
        sa.Column("query_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("total_ms", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["snapshot_id"], ["statement_snapshots.id"], name=op.f("fk_statement_totals_snapshot_id")
        ),
        sa.PrimaryKeyConstraint("snapshot_id", "query_id", name=op.f("pk_statement_totals")),
        sqlite_with_rowid=False,
    )
