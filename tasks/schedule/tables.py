"""Which flows are scheduled for a service, and since when."""

from sqlalchemy import Column, ForeignKey, Integer, String, Table

from tasks.history.engine import UtcDateTime, metadata

scheduled_flows = Table(
    "scheduled_flows",
    metadata,
    Column("service_id", ForeignKey("services.id"), primary_key=True, autoincrement=False),
    Column("flow", String(80), primary_key=True),
    Column("cron", String(80), comment="null: it starts every every_s"),
    Column("every_s", Integer, comment="null: it starts by cron"),
    Column("timezone", String(80), nullable=False),
    Column("period", String(10), comment="day, week or month; null: it stores no report"),
    Column("late_after_s", Integer, nullable=False, comment="when its run has ended at the latest"),
    Column("since", UtcDateTime, nullable=False, comment="when this schedule was registered"),
    Column("ended_at", UtcDateTime, comment="when it was no longer registered; null: it still is"),
    Column("last_run_at", UtcDateTime, comment="of a flow that stores no report"),
)
