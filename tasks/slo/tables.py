"""The figures of frozen months."""

from sqlalchemy import Column, ForeignKey, Integer, String, Table, Text

from tasks.history.engine import UtcDateTime, metadata

slo_months = Table(
    "slo_months",
    metadata,
    Column("service_id", ForeignKey("services.id"), primary_key=True),
    Column("period", String(20), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("figures", Text, nullable=False, comment="canonical JSON"),
    Column("digest", String(64), nullable=False, comment="SHA-256 of figures"),
    Column("frozen_at", UtcDateTime, nullable=False),
)
