"""Incidents, their timelines and action items, and the outages that are theirs."""

import sqlalchemy as sa
from alembic import op

from tasks.history.engine import UtcDateTime

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", sa.Integer(), nullable=False, comment="the number that people use"),
        sa.Column("service_id", sa.Integer(), nullable=False),
        sa.Column(
            "opened_for",
            sa.String(length=100),
            nullable=False,
            comment="what it was opened for: the same again opens no other",
        ),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("module", sa.String(length=80), nullable=False, comment="empty: the whole service"),
        sa.Column("severity", sa.Integer(), nullable=False, comment="1 information, 2 warning, 3 emergency"),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column(
            "down",
            sa.Boolean(),
            nullable=False,
            comment="the service or module did not work at all: its time is an outage",
        ),
        sa.Column("detected_at", UtcDateTime(), nullable=False),
        sa.Column("impact_at", UtcDateTime(), nullable=False, comment="when it began to hurt"),
        sa.Column("opened_by", sa.String(length=80), nullable=False),
        sa.Column("acknowledged_at", UtcDateTime(), nullable=True),
        sa.Column("acknowledged_by", sa.String(length=80), nullable=False),
        sa.Column("mitigated_at", UtcDateTime(), nullable=True),
        sa.Column("fix", sa.String(length=10), nullable=True, comment="temporary or permanent; null: none yet"),
        sa.Column("resolved_at", UtcDateTime(), nullable=True),
        sa.Column("reviewed_at", UtcDateTime(), nullable=True, comment="when its report was complete"),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("went_well", sa.Text(), nullable=False),
        sa.Column("went_badly", sa.Text(), nullable=False),
        sa.Column("lucky", sa.Text(), nullable=False),
        sa.Column("no_actions_reason", sa.Text(), nullable=False),
        sa.Column("merged_into", sa.Integer(), nullable=True),
        sa.Column("follows", sa.Integer(), nullable=True, comment="the one that came back too late to be reopened"),
        sa.Column("changed_at", UtcDateTime(), nullable=False, comment="when anything was recorded last"),
        sa.ForeignKeyConstraint(["follows"], ["incidents.id"], name=op.f("fk_incidents_follows")),
        sa.ForeignKeyConstraint(["merged_into"], ["incidents.id"], name=op.f("fk_incidents_merged_into")),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name=op.f("fk_incidents_service_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
        sa.UniqueConstraint("service_id", "opened_for", name=op.f("uq_incidents_service_id_opened_for")),
    )
    op.create_index(op.f("ix_incidents_service_id_detected_at"), "incidents", ["service_id", "detected_at"])
    op.create_table(
        "incident_entries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False, comment="when it happened"),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_incident_entries_incident_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_entries")),
    )
    op.create_index(op.f("ix_incident_entries_incident_id_at"), "incident_entries", ["incident_id", "at"])
    op.create_table(
        "incident_actions",
        sa.Column("id", sa.Integer(), nullable=False, comment="the number that people use"),
        sa.Column("incident_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("owner", sa.String(length=80), nullable=False),
        sa.Column("due", sa.Date(), nullable=False, comment="in the service's zone"),
        sa.Column("kind", sa.String(length=20), nullable=False, comment="permanent-fix, prevention or other"),
        sa.Column("done_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_incident_actions_incident_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_actions")),
    )
    op.create_index(op.f("ix_incident_actions_incident_id"), "incident_actions", ["incident_id"])
    op.add_column(
        "outages",
        sa.Column("own_incident", sa.Integer(), nullable=True, comment="the incident here that it belongs to"),
    )
