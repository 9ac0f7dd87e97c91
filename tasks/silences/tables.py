"""Silences; the migration 0020_silences makes this table."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from tasks.history.engine import UtcDateTime, metadata

silences = Table(
    "silences",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("service_id", ForeignKey("services.id"), nullable=False),
    Column("check_pattern", String(200), nullable=False, comment="glob pattern"),
    Column("subject_pattern", String(200), nullable=False, comment="glob pattern"),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False, comment="no longer silent; earlier than first said if ended"),
    Column("reason", Text, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("recorded_by", String(80), nullable=False),
    Index(None, "service_id", "ends_at"),
)
