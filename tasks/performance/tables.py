"""The counters of pg_stat_statements at each weekly report."""

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Integer, Table, UniqueConstraint

from tasks.history.engine import UtcDateTime, metadata

statement_snapshots = Table(
    "statement_snapshots",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("service_id", ForeignKey("services.id"), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("reset_at", UtcDateTime, nullable=False, comment="from when on the counters count"),
    Column("total_ms", Float, nullable=False, comment="of all statements"),
    UniqueConstraint("service_id", "at"),
)

statement_totals = Table(
    "statement_totals",
    metadata,
    Column("snapshot_id", ForeignKey("statement_snapshots.id"), primary_key=True),
    Column("query_id", BigInteger, primary_key=True, autoincrement=False),
    Column("calls", BigInteger, nullable=False),
    Column("total_ms", Float, nullable=False),
    sqlite_with_rowid=False,
)
