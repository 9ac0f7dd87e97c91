"""Figures by day, which are kept when those by minute are not."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sample_days",
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False, comment="days since 1970, of the service's zone"),
        sa.Column("samples", sa.Integer(), nullable=False, comment="minutes of the day that have a figure"),
        sa.Column("mean", sa.Float(), nullable=False),
        sa.Column("p95", sa.Float(), nullable=False, comment="nearest rank"),
        sa.Column("high", sa.Float(), nullable=False),
        sa.Column("last", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["series_id"], ["sample_series.id"], name=op.f("fk_sample_days_series_id")),
        sa.PrimaryKeyConstraint("series_id", "day", name=op.f("pk_sample_days")),
        sqlite_with_rowid=False,
    )
