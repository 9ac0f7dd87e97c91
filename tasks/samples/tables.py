"""Figures by minute: probes, resources, queues and KPIs; and what is kept of them by hour and by day."""

from sqlalchemy import Column, Float, ForeignKey, Integer, String, Table, UniqueConstraint

from tasks.history.engine import metadata

sample_series = Table(
    "sample_series",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("service_id", ForeignKey("services.id"), nullable=False),
    Column("name", String(80), nullable=False),
    Column("subject", String(250), nullable=False),
    Column("unit", String(20), nullable=False),
    Column("synthetic_until", Integer, nullable=False, comment="figures up to this minute are generated; 0: none are"),
    UniqueConstraint("service_id", "name", "subject"),
)

samples = Table(
    "samples",
    metadata,
    Column("series_id", ForeignKey("sample_series.id"), primary_key=True),
    Column("minute", Integer, primary_key=True, comment="minutes since 1970, UTC"),
    Column("value", Float, nullable=False),
    sqlite_with_rowid=False,
)

sample_hours = Table(
    "sample_hours",
    metadata,
    Column("series_id", ForeignKey("sample_series.id"), primary_key=True),
    Column("minute", Integer, primary_key=True, comment="the hour's first one: minutes since 1970, UTC"),
    Column("samples", Integer, nullable=False, comment="minutes of the hour that had a figure"),
    Column("total", Float, nullable=False, comment="their sum"),
    Column("low", Float, nullable=False),
    Column("high", Float, nullable=False),
    Column("last", Float, nullable=False),
    sqlite_with_rowid=False,
)

sample_days = Table(
    "sample_days",
    metadata,
    Column("series_id", ForeignKey("sample_series.id"), primary_key=True),
    Column("day", Integer, primary_key=True, comment="days since 1970, of the service's zone"),
    Column("samples", Integer, nullable=False, comment="minutes of the day that have a figure"),
    Column("mean", Float, nullable=False),
    Column("p95", Float, nullable=False, comment="nearest rank"),
    Column("high", Float, nullable=False),
    Column("last", Float, nullable=False),
    sqlite_with_rowid=False,
)
