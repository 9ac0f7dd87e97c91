"""Restore drills."""

import sqlalchemy as sa
from alembic import op

from tasks.history.engine import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "backup_drills",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("service_id", sa.Integer(), nullable=False),
        sa.Column("database", sa.String(length=40), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("verdict", sa.String(length=10), nullable=False, comment="passed, failed, or error: no verdict"),
        sa.Column("backup", sa.Text(), nullable=False, comment="its name; empty: there was none"),
        sa.Column("backup_at", UtcDateTime(), nullable=True),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False, comment="empty for a folder"),
        sa.Column("form", sa.String(length=20), nullable=False),
        sa.Column("server_version", sa.String(length=20), nullable=False),
        sa.Column("reached", sa.String(length=40), nullable=False, comment="the check that ended it; empty: none did"),
        sa.Column("recovery_s", sa.Float(), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column(
            "facts", sa.Text(), nullable=False, comment="canonical JSON: tables, rows, and the host's processors"
        ),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name=op.f("fk_backup_drills_service_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backup_drills")),
        sa.UniqueConstraint("service_id", "database", "at", name=op.f("uq_backup_drills_service_id_database_at")),
    )
