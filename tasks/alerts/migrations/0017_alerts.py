"""Episodes of alerts, what was told of them, and what was done."""

import sqlalchemy as sa
from alembic import op

from tasks.history.engine import UtcDateTime

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alert_episodes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("service_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False, comment="SHA-256 of source, check, subject and labels"),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("check_id", sa.String(length=80), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False, comment="JSON: pairs of name and value"),
        sa.Column("phase", sa.String(length=12), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False, comment="JSON: a message with its parameters"),
        sa.Column("reason", sa.Text(), nullable=False, comment="the same"),
        sa.Column("observed", sa.Text(), nullable=True, comment="JSON: a quantity"),
        sa.Column("limit", sa.Text(), nullable=True, comment="JSON: a limit"),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("last_bad_at", UtcDateTime(), nullable=True),
        sa.Column("fired_at", UtcDateTime(), nullable=True),
        sa.Column("acknowledged_at", UtcDateTime(), nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=False),
        sa.Column("acknowledged_until", UtcDateTime(), nullable=True),
        sa.Column("resolved_at", UtcDateTime(), nullable=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("reopened", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False, comment="messages so far"),
        sa.Column("told_level", sa.Integer(), nullable=False, comment="0: told to nobody"),
        sa.Column("told_at", UtcDateTime(), nullable=True),
        sa.Column(
            "end_told",
            sa.Boolean(),
            nullable=False,
            comment="false: those who were told are still to hear that it is over",
        ),
        sa.Column("suppressed", sa.Text(), nullable=False, comment="why nobody is told; empty: it is not suppressed"),
        sa.Column("flapping", sa.Boolean(), nullable=False),
        sa.Column("no_data", sa.Boolean(), nullable=False),
        sa.Column("clock", sa.Boolean(), nullable=False, comment="the clock was set back while it was open"),
        sa.Column("group", sa.String(length=64), nullable=False, comment="key of the root that explains it"),
        sa.Column("incident", sa.Integer(), nullable=True, comment="number of its incident"),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False, comment="JSON: how it escalates, frozen when it began"),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name=op.f("fk_alert_episodes_service_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_episodes")),
    )
    op.create_index(
        op.f("ix_alert_episodes_service_id_updated_at"), "alert_episodes", ["service_id", "updated_at"], unique=False
    )
    op.create_index(
        "uq_alert_episodes_open",
        "alert_episodes",
        ["service_id", "key"],
        unique=True,
        sqlite_where=sa.text("phase != 'resolved'"),
        postgresql_where=sa.text("phase != 'resolved'"),
    )
    op.create_table(
        "alert_actions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("episode_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False, comment="started, done, failed, lost or dry-run"),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("output", sa.Text(), nullable=False),
        sa.Column(
            "effect", sa.String(length=12), nullable=False, comment="awaited, effective, ineffective, unknown or none"
        ),
        sa.ForeignKeyConstraint(["episode_id"], ["alert_episodes.id"], name=op.f("fk_alert_actions_episode_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_actions")),
    )
    op.create_index(op.f("ix_alert_actions_episode_id"), "alert_actions", ["episode_id"], unique=False)
    op.create_table(
        "alert_notices",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("episode_id", sa.Integer(), nullable=False, comment="the first of its episodes"),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("told", sa.String(length=24), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["episode_id"], ["alert_episodes.id"], name=op.f("fk_alert_notices_episode_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_notices")),
        sa.UniqueConstraint("episode_id", "step", name=op.f("uq_alert_notices_episode_id_step")),
    )
    op.create_table(
        "alert_notice_episodes",
        sa.Column("notice_id", sa.Integer(), nullable=False),
        sa.Column("episode_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["episode_id"], ["alert_episodes.id"], name=op.f("fk_alert_notice_episodes_episode_id")
        ),
        sa.ForeignKeyConstraint(["notice_id"], ["alert_notices.id"], name=op.f("fk_alert_notice_episodes_notice_id")),
        sa.PrimaryKeyConstraint("notice_id", "episode_id", name=op.f("pk_alert_notice_episodes")),
    )
