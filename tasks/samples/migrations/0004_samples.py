"""Figures by minute."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sample_series",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("service_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("subject", sa.String(length=250), nullable=False),
        sa.Column("unit", sa.String(length=20), nullable=False),
        sa.Column(
            "synthetic_until",
            sa.Integer(),
            nullable=False,
            comment="figures up to this minute are generated; 0: none are",
        ),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name=op.f("fk_sample_series_service_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sample_series")),
        sa.UniqueConstraint("service_id", "name", "subject", name=op.f("uq_sample_series_service_id_name_subject")),
    )
    op.create_table(
        "samples",
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("minute", sa.Integer(), nullable=False, comment="minutes since 1970, UTC"),
        sa.Column("value", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["series_id"], ["sample_series.id"], name=op.f("fk_samples_series_id")),
        sa.PrimaryKeyConstraint("series_id", "minute", name=op.f("pk_samples")),
        sqlite_with_rowid=False,
    )
