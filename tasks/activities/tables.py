"""Load tests and restore drills of our own that are under way."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table

from tasks.history.engine import UtcDateTime, metadata

activities = Table(
    "activities",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("service_id", ForeignKey("services.id"), nullable=False),
    Column("kind", String(20), nullable=False, comment="load-test or restore-drill"),
    Column("on_service", Boolean, nullable=False, comment="it loads the service itself, not only this machine"),
    Column("started_at", UtcDateTime, nullable=False),
    Column("until", UtcDateTime, nullable=False, comment="its end; while it is under way, its latest"),
    Index(None, "service_id", "until"),
)
