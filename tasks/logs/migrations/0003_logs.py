"""What the logs add up to, and how far they were read."""

import sqlalchemy as sa
from alembic import op

from tasks.history.engine import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "latency_bounds",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("bound_1_ms", sa.Float(), nullable=True),
        sa.Column("bound_2_ms", sa.Float(), nullable=True),
        sa.Column("bound_3_ms", sa.Float(), nullable=True),
        sa.Column("bound_4_ms", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_latency_bounds")),
    )
    op.create_table(
        "error_groups",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("service_id", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(length=32), nullable=False),
        sa.Column("module", sa.String(length=80), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("message", sa.Text(), nullable=False, comment="with what varies left out"),
        sa.Column("frame", sa.Text(), nullable=False),
        sa.Column("exemplar", sa.Text(), nullable=False, comment="JSON of one line: bounded and masked"),
        sa.Column("first_seen", UtcDateTime(), nullable=True),
        sa.Column("last_seen", UtcDateTime(), nullable=True),
        sa.Column("first_release", sa.String(length=80), nullable=False),
        sa.Column("last_release", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False, comment="open, resolved or ignored, as a person said"),
        sa.Column("resolved_at", UtcDateTime(), nullable=True),
        sa.Column("resolved_release", sa.String(length=80), nullable=False),
        sa.Column("assignee", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name=op.f("fk_error_groups_service_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_error_groups")),
        sa.UniqueConstraint("service_id", "fingerprint", name=op.f("uq_error_groups_service_id_fingerprint")),
    )
    op.create_index(
        op.f("ix_error_groups_service_id_module_name"), "error_groups", ["service_id", "module", "name"], unique=False
    )
    op.create_table(
        "log_modules",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("service_id", sa.Integer(), nullable=False),
        sa.Column("module", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name=op.f("fk_log_modules_service_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_modules")),
        sa.UniqueConstraint("service_id", "module", name=op.f("uq_log_modules_service_id_module")),
    )
    op.create_table(
        "log_sources",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("service_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("synthetic", sa.Boolean(), nullable=False, comment="generated lines"),
        sa.Column(
            "version", sa.Integer(), nullable=False, comment="counts the commits: a writer that is behind is refused"
        ),
        sa.Column("newest_minute", sa.Integer(), nullable=False, comment="of the newest line; 0 for none"),
        sa.Column("cursor", sa.LargeBinary(), nullable=False, comment="of a command or Loki: how far it was read"),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name=op.f("fk_log_sources_service_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_sources")),
        sa.UniqueConstraint("service_id", "name", name=op.f("uq_log_sources_service_id_name")),
    )
    op.create_table(
        "traffic_series",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("service_id", sa.Integer(), nullable=False),
        sa.Column("module", sa.String(length=80), nullable=False),
        sa.Column("route", sa.String(length=250), nullable=False),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name=op.f("fk_traffic_series_service_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_traffic_series")),
        sa.UniqueConstraint("service_id", "module", "route", name=op.f("uq_traffic_series_service_id_module_route")),
    )
    op.create_table(
        "error_decisions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=False),
        sa.Column("decided_by", sa.String(length=80), nullable=False),
        sa.Column("action", sa.String(length=10), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["error_groups.id"], name=op.f("fk_error_decisions_group_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_error_decisions")),
    )
    op.create_index(op.f("ix_error_decisions_group_id"), "error_decisions", ["group_id"], unique=False)
    op.create_table(
        "error_hours",
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["error_groups.id"], name=op.f("fk_error_hours_group_id")),
        sa.PrimaryKeyConstraint("group_id", "hour", name=op.f("pk_error_hours")),
    )
    op.create_table(
        "log_fields",
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False, comment="hours since 1970, UTC"),
        sa.Column(
            "field",
            sa.String(length=20),
            nullable=False,
            comment="a mapped field; empty for all lines that were looked at",
        ),
        sa.Column("lines", sa.BigInteger(), nullable=False, comment="looked at lines that held it"),
        sa.ForeignKeyConstraint(["source_id"], ["log_sources.id"], name=op.f("fk_log_fields_source_id")),
        sa.PrimaryKeyConstraint("source_id", "hour", "field", name=op.f("pk_log_fields")),
    )
    op.create_table(
        "log_files",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False, comment="where it was seen last"),
        sa.Column(
            "head", sa.LargeBinary(), nullable=False, comment="hash of its first bytes: what it is, whatever its name"
        ),
        sa.Column("head_length", sa.Integer(), nullable=False),
        sa.Column("tail", sa.LargeBinary(), nullable=False, comment="hash of the bytes before position"),
        sa.Column("position", sa.BigInteger(), nullable=False, comment="bytes read, of a packed file unpacked ones"),
        sa.Column("device", sa.BigInteger(), nullable=False),
        sa.Column("inode", sa.String(length=20), nullable=False, comment="up to 64 bits without sign"),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False, comment="read to its end at this size and time"),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False, comment="why a packed file could not be unpacked whole"),
        sa.ForeignKeyConstraint(["source_id"], ["log_sources.id"], name=op.f("fk_log_files_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_files")),
    )
    op.create_index(op.f("ix_log_files_source_id"), "log_files", ["source_id"], unique=False)
    op.create_table(
        "log_hours",
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False, comment="hours since 1970, UTC"),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("parsed", sa.BigInteger(), nullable=False),
        sa.Column("malformed", sa.BigInteger(), nullable=False),
        sa.Column("ignored", sa.BigInteger(), nullable=False),
        sa.Column("undated", sa.BigInteger(), nullable=False),
        sa.Column("drifted", sa.BigInteger(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("timed", sa.BigInteger(), nullable=False),
        sa.Column("crowded", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["log_sources.id"], name=op.f("fk_log_hours_source_id")),
        sa.PrimaryKeyConstraint("source_id", "hour", name=op.f("pk_log_hours")),
    )
    op.create_table(
        "malformed_lines",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False, comment="a sample: bounded and masked"),
        sa.ForeignKeyConstraint(["source_id"], ["log_sources.id"], name=op.f("fk_malformed_lines_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_malformed_lines")),
    )
    op.create_index(
        op.f("ix_malformed_lines_source_id_seen_at"), "malformed_lines", ["source_id", "seen_at"], unique=False
    )
    op.create_table(
        "module_hours",
        sa.Column("module_id", sa.Integer(), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False, comment="hours since 1970, UTC"),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("errors", sa.BigInteger(), nullable=False),
        sa.Column("warnings", sa.BigInteger(), nullable=False),
        sa.Column("unauthorized", sa.BigInteger(), nullable=False),
        sa.Column("forbidden", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["module_id"], ["log_modules.id"], name=op.f("fk_module_hours_module_id")),
        sa.PrimaryKeyConstraint("module_id", "hour", name=op.f("pk_module_hours")),
    )
    op.create_table(
        "personal_data_hours",
        sa.Column("module_id", sa.Integer(), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["module_id"], ["log_modules.id"], name=op.f("fk_personal_data_hours_module_id")),
        sa.PrimaryKeyConstraint("module_id", "hour", "kind", name=op.f("pk_personal_data_hours")),
    )
    op.create_table(
        "traffic_minutes",
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("minute", sa.Integer(), nullable=False, comment="minutes since 1970, UTC"),
        sa.Column("valid", sa.Integer(), nullable=False, comment="requests"),
        sa.Column("bad", sa.Integer(), nullable=False, comment="of them with a status from 500 on"),
        sa.Column("timed", sa.Integer(), nullable=False, comment="of them with a duration"),
        sa.Column("bounds_id", sa.Integer(), nullable=False),
        sa.Column(
            "within_1", sa.Integer(), nullable=True, comment="timed requests at or under the bound; null: not counted"
        ),
        sa.Column(
            "within_2", sa.Integer(), nullable=True, comment="timed requests at or under the bound; null: not counted"
        ),
        sa.Column(
            "within_3", sa.Integer(), nullable=True, comment="timed requests at or under the bound; null: not counted"
        ),
        sa.Column(
            "within_4", sa.Integer(), nullable=True, comment="timed requests at or under the bound; null: not counted"
        ),
        sa.Column("sketch", sa.LargeBinary(), nullable=True, comment="latencies of the timed requests"),
        sa.ForeignKeyConstraint(["bounds_id"], ["latency_bounds.id"], name=op.f("fk_traffic_minutes_bounds_id")),
        sa.ForeignKeyConstraint(["series_id"], ["traffic_series.id"], name=op.f("fk_traffic_minutes_series_id")),
        sa.PrimaryKeyConstraint("series_id", "minute", name=op.f("pk_traffic_minutes")),
        sqlite_with_rowid=False,
    )
