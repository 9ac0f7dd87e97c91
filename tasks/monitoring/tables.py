"""Which process monitors a service, and up to which minute it was monitored."""

from sqlalchemy import Boolean, Column, ForeignKey, Integer, String, Table

from tasks.history.engine import UtcDateTime, metadata

monitoring_leases = Table(
    "monitoring_leases",
    metadata,
    Column("service_id", ForeignKey("services.id"), primary_key=True, autoincrement=False),
    Column("holder", String(80), nullable=False, comment="the flow run that monitors, as a person finds it"),
    Column("held_until", UtcDateTime, comment="null: its holder let go of it"),
    Column("minute", Integer, nullable=False, comment="the last one that was begun: minutes since 1970, UTC"),
    Column("ended", Boolean, nullable=False, comment="whether that one came to its end"),
)
