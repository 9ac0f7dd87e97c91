"""Overrides of the on-call rota; the migration 0019_oncall makes this table."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from tasks.history.engine import UtcDateTime, metadata

oncall_overrides = Table(
    "oncall_overrides",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("service_id", ForeignKey("services.id"), nullable=False),
    Column("person", String(40), nullable=False, comment="a name of [[oncall.person]] when it was recorded"),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False, comment="no longer its own; earlier than first said if removed"),
    Column("reason", Text, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("recorded_by", String(80), nullable=False),
    Index(None, "service_id", "ends_at"),
)
