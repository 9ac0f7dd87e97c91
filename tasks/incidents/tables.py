"""Incidents, their timelines and action items; their outages are those of `tasks/records/tables.py`."""

from sqlalchemy import Boolean, Column, Date, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from tasks.history.engine import UtcDateTime, metadata

incidents = Table(
    "incidents",
    metadata,
    Column("id", Integer, primary_key=True, comment="the number that people use"),
    Column("service_id", ForeignKey("services.id"), nullable=False),
    Column("opened_for", String(100), nullable=False, comment="what it was opened for: the same again opens no other"),
    Column("title", String(200), nullable=False),
    Column("module", String(80), nullable=False, comment="empty: the whole service"),
    Column("severity", Integer, nullable=False, comment="1 information, 2 warning, 3 emergency"),
    Column("state", String(20), nullable=False),
    Column("down", Boolean, nullable=False, comment="the service or module did not work at all: its time is an outage"),
    Column("detected_at", UtcDateTime, nullable=False),
    Column("impact_at", UtcDateTime, nullable=False, comment="when it began to hurt"),
    Column("opened_by", String(80), nullable=False),
    Column("acknowledged_at", UtcDateTime),
    Column("acknowledged_by", String(80), nullable=False),
    Column("mitigated_at", UtcDateTime),
    Column("fix", String(10), comment="temporary or permanent; null: none yet"),
    Column("resolved_at", UtcDateTime),
    Column("reviewed_at", UtcDateTime, comment="when its report was complete"),
    Column("closed_at", UtcDateTime),
    Column("cause", Text, nullable=False),
    Column("went_well", Text, nullable=False),
    Column("went_badly", Text, nullable=False),
    Column("lucky", Text, nullable=False),
    Column("no_actions_reason", Text, nullable=False),
    Column("merged_into", ForeignKey("incidents.id")),
    Column("follows", ForeignKey("incidents.id"), comment="the one that came back too late to be reopened"),
    Column("changed_at", UtcDateTime, nullable=False, comment="when anything was recorded last"),
    UniqueConstraint("service_id", "opened_for"),
    Index(None, "service_id", "detected_at"),
)

incident_entries = Table(
    "incident_entries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("incident_id", ForeignKey("incidents.id"), nullable=False),
    Column("at", UtcDateTime, nullable=False, comment="when it happened"),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("by", String(80), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("text", Text, nullable=False),
    Index(None, "incident_id", "at"),
)

incident_actions = Table(
    "incident_actions",
    metadata,
    Column("id", Integer, primary_key=True, comment="the number that people use"),
    Column("incident_id", ForeignKey("incidents.id"), nullable=False),
    Column("text", Text, nullable=False),
    Column("owner", String(80), nullable=False),
    Column("due", Date, nullable=False, comment="in the service's zone"),
    Column("kind", String(20), nullable=False, comment="permanent-fix, prevention or other"),
    Column("done_at", UtcDateTime),
    Index(None, "incident_id"),
)
