"""Scans, findings, and everything that happened to a finding."""

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from tasks.history.engine import UtcDateTime, metadata

security_scans = Table(
    "security_scans",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("service_id", ForeignKey("services.id"), nullable=False),
    Column("scanner", String(40), nullable=False),
    Column("target", String(300), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("at", UtcDateTime, nullable=False, comment="of the round, the same for all targets of a kind"),
    Column("scanned_at", UtcDateTime, nullable=False, comment="earlier where nothing had changed since"),
    Column("version", String(40), nullable=False),
    Column("seconds", Float, nullable=False),
    Column("completeness", String(10), nullable=False, comment="complete, partial or failed"),
    Column("digest", String(64), nullable=False, comment="of all that the result rests on"),
    Column("facts", Text, nullable=False, comment="canonical JSON: reason, coverage, feed, suppressed"),
    UniqueConstraint("service_id", "scanner", "target", "at"),
)

security_findings = Table(
    "security_findings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("service_id", ForeignKey("services.id"), nullable=False),
    Column("fingerprint", String(64), nullable=False, comment="its first key: what people call it"),
    Column("key", String(64), nullable=False, comment="by which scans recognise it; changes when it moves"),
    Column("scanner", String(40), nullable=False),
    Column("target", String(300), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("open", Boolean, nullable=False, comment="as its newest event says"),
    Column("first_seen", UtcDateTime, nullable=False),
    Column("last_seen", UtcDateTime, nullable=False),
    Column("reopened", Integer, nullable=False),
    Column("facts", Text, nullable=False, comment="canonical JSON: the finding as it was last seen"),
    UniqueConstraint("service_id", "fingerprint"),
)

security_events = Table(
    "security_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("finding_id", ForeignKey("security_findings.id"), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("change", String(10), nullable=False, comment="found, fixed, reopened, moved or merged"),
    Column("detail", Text, nullable=False),
    Index("ix_security_events_finding_id", "finding_id"),
    comment="append-only",
)
