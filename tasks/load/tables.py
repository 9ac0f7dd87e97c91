"""Load tests."""

from sqlalchemy import Boolean, Column, Float, ForeignKey, Integer, String, Table, Text, UniqueConstraint

from tasks.history.engine import UtcDateTime, metadata

load_runs = Table(
    "load_runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("service_id", ForeignKey("services.id"), nullable=False),
    Column("at", UtcDateTime, nullable=False, comment="start of the load"),
    Column("profile", String(40), nullable=False),
    Column("environment", String(40), nullable=False),
    Column("script", String(64), nullable=False, comment="digest of Locust files, profile and processes"),
    Column("data_set", String(80), nullable=False),
    Column("verdict", String(10), nullable=False, comment="pass, fail or invalid"),
    Column("capacity_per_second", Float, comment="highest load that met the SLO; null: none known"),
    Column("synthetic", Boolean, nullable=False, comment="generated"),
    Column("facts", Text, nullable=False, comment="canonical JSON of the whole test"),
    UniqueConstraint("service_id", "at"),
)
