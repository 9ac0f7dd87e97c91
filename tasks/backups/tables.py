"""Every restore drill: what was restored, by which version, and its verdict."""

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Integer, String, Table, Text, UniqueConstraint

from tasks.history.engine import UtcDateTime, metadata

backup_drills = Table(
    "backup_drills",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("service_id", ForeignKey("services.id"), nullable=False),
    Column("database", String(40), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("verdict", String(10), nullable=False, comment="passed, failed, or error: no verdict"),
    Column("backup", Text, nullable=False, comment="its name; empty: there was none"),
    Column("backup_at", UtcDateTime),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False, comment="empty for a folder"),
    Column("form", String(20), nullable=False),
    Column("server_version", String(20), nullable=False),
    Column("reached", String(40), nullable=False, comment="the check that ended it; empty: none did"),
    Column("recovery_s", Float),
    Column("seconds", Float, nullable=False),
    Column("facts", Text, nullable=False, comment="canonical JSON: tables, rows, and the host's processors"),
    UniqueConstraint("service_id", "database", "at"),
)
