"""Requests and figures by hour, kept when those by minute are not, and from when on each is kept."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kept_from",
        sa.Column("service_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("what", sa.String(length=10), nullable=False, comment="minutes or hours"),
        sa.Column(
            "minute", sa.Integer(), nullable=False, comment="nothing before may be relied on: minutes since 1970, UTC"
        ),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name=op.f("fk_kept_from_service_id")),
        sa.PrimaryKeyConstraint("service_id", "what", name=op.f("pk_kept_from")),
    )
    first = "the hour's first one: minutes since 1970, UTC"
    op.create_table(
        "traffic_hours",
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("minute", sa.Integer(), nullable=False, comment=first),
        sa.Column("bounds_id", sa.Integer(), nullable=False),
        sa.Column("valid", sa.BigInteger(), nullable=False, comment="requests"),
        sa.Column("bad", sa.BigInteger(), nullable=False, comment="of them with a status from 500 on"),
        sa.Column("timed", sa.BigInteger(), nullable=False, comment="of them with a duration"),
        sa.Column("compared", sa.BigInteger(), nullable=False, comment="of these: counted at the bounds"),
        *(
            sa.Column(f"within_{place}", sa.BigInteger(), comment="compared requests at or under the bound")
            for place in (1, 2, 3, 4)
        ),
        sa.Column(
            "busy",
            sa.BigInteger(),
            nullable=False,
            comment="a bit for each minute that had a request, the first the lowest",
        ),
        sa.Column("sketch", sa.LargeBinary(), comment="latencies of the timed requests"),
        sa.ForeignKeyConstraint(["bounds_id"], ["latency_bounds.id"], name=op.f("fk_traffic_hours_bounds_id")),
        sa.ForeignKeyConstraint(["series_id"], ["traffic_series.id"], name=op.f("fk_traffic_hours_series_id")),
        sa.PrimaryKeyConstraint("series_id", "minute", "bounds_id", name=op.f("pk_traffic_hours")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sample_hours",
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("minute", sa.Integer(), nullable=False, comment=first),
        sa.Column("samples", sa.Integer(), nullable=False, comment="minutes of the hour that had a figure"),
        sa.Column("total", sa.Float(), nullable=False, comment="their sum"),
        sa.Column("low", sa.Float(), nullable=False),
        sa.Column("high", sa.Float(), nullable=False),
        sa.Column("last", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["series_id"], ["sample_series.id"], name=op.f("fk_sample_hours_series_id")),
        sa.PrimaryKeyConstraint("series_id", "minute", name=op.f("pk_sample_hours")),
        sqlite_with_rowid=False,
    )
