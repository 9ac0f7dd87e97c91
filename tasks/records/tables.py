"""What is on record of deploys, outages and maintenance; the migration 0005_slo makes these tables."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from tasks.history.engine import UtcDateTime, metadata

deploys = Table(
    "deploys",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("service_id", ForeignKey("services.id"), nullable=False),
    Column("environment", String(40), nullable=False),
    Column("version", String(80), nullable=False),
    Column("commit_at", UtcDateTime),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime, comment="null: not known, or not yet"),
    Column("outcome", String(12), nullable=False, comment="succeeded, failed or rolled-back"),
    Column("origin", String(12), nullable=False, comment="recorded, inferred from a version, or first-seen"),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("recorded_by", String(80), nullable=False),
    UniqueConstraint("service_id", "environment", "version", "started_at"),
    Index(None, "service_id", "environment", "started_at"),
)

outages = Table(
    "outages",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("service_id", ForeignKey("services.id"), nullable=False),
    Column("module", String(80), nullable=False, comment="empty: the whole service"),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime, comment="null: it goes on"),
    Column("cause", Text, nullable=False),
    Column("incident_id", Integer),  # of another system, from which it was imported
    Column("own_incident", Integer, comment="the incident here that it belongs to"),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("recorded_by", String(80), nullable=False),
    UniqueConstraint("service_id", "module", "started_at"),
)

maintenance_windows = Table(
    "maintenance_windows",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("service_id", ForeignKey("services.id"), nullable=False),
    Column("module", String(80), nullable=False, comment="empty: the whole service"),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    Column("reason", Text, nullable=False),
    Column("late_reason", Text, nullable=False, comment="why it was declared after its start"),
    Column("recorded_at", UtcDateTime, nullable=False, comment="when it was declared first"),
    Column("recorded_by", String(80), nullable=False),
    UniqueConstraint("service_id", "module", "starts_at", "ends_at"),
)
