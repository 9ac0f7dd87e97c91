"""Which process monitors a service, and which minutes of it were monitored."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, String, Table

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

monitored_hours = Table(
    "monitored_hours",
    metadata,
    Column("service_id", ForeignKey("services.id"), primary_key=True, autoincrement=False),
    Column("hour", Integer, primary_key=True, autoincrement=False, comment="hours since 1970, UTC"),
    Column("minutes", BigInteger, nullable=False, comment="bit n: its minute n was monitored to the end"),
    sqlite_with_rowid=False,
)
