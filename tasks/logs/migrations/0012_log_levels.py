"""Levels that nobody knows, times that cannot be, and holes: lines that were taken for healthy or passed over."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("levelled", "odd_levels", "misdated", "hole_bytes", "lost_bytes"):
        op.add_column("log_hours", sa.Column(name, sa.BigInteger(), nullable=True))
    op.create_table(
        "log_levels",
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False, comment="hours since 1970, UTC"),
        sa.Column(
            "level",
            sa.String(20),
            nullable=False,
            comment="one that nobody knows, masked; empty for any further",
        ),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["log_sources.id"], name=op.f("fk_log_levels_source_id")),
        sa.PrimaryKeyConstraint("source_id", "hour", "level", name=op.f("pk_log_levels")),
    )
