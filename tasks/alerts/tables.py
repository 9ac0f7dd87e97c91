"""Episodes of alerts and what was told of them; at most one unresolved episode a condition."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from tasks.history.engine import UtcDateTime, metadata

alert_episodes = Table(
    "alert_episodes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("service_id", ForeignKey("services.id"), nullable=False),
    Column("key", String(64), nullable=False, comment="SHA-256 of source, check, subject and labels"),
    Column("source", String(20), nullable=False),
    Column("check_id", String(80), nullable=False),
    Column("subject", Text, nullable=False),
    Column("labels", Text, nullable=False, comment="JSON: pairs of name and value"),
    Column("phase", String(12), nullable=False),
    Column("level", Integer, nullable=False),
    Column("title", Text, nullable=False, comment="JSON: a message with its parameters"),
    Column("reason", Text, nullable=False, comment="the same"),
    Column("observed", Text, comment="JSON: a quantity"),
    Column("limit", Text, comment="JSON: a limit"),
    Column("since", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("last_bad_at", UtcDateTime),
    Column("fired_at", UtcDateTime),
    Column("acknowledged_at", UtcDateTime),
    Column("acknowledged_by", Text, nullable=False),
    Column("acknowledged_until", UtcDateTime),
    Column("resolved_at", UtcDateTime),
    Column("count", Integer, nullable=False),
    Column("reopened", Integer, nullable=False),
    Column("step", Integer, nullable=False, comment="messages so far"),
    Column("told_level", Integer, nullable=False, comment="0: told to nobody"),
    Column("told_at", UtcDateTime),
    Column("end_told", Boolean, nullable=False, comment="false: those who were told are still to hear that it is over"),
    Column("suppressed", Text, nullable=False, comment="why nobody is told; empty: it is not suppressed"),
    Column("flapping", Boolean, nullable=False),
    Column("no_data", Boolean, nullable=False),
    Column("clock", Boolean, nullable=False, comment="the clock was set back while it was open"),
    Column("group", String(64), nullable=False, comment="key of the root that explains it"),
    Column("incident", Integer, comment="number of its incident"),
    Column("action", String(40), nullable=False),
    Column("policy", Text, nullable=False, comment="JSON: how it escalates, frozen when it began"),
)
Index(
    "uq_alert_episodes_open",
    alert_episodes.c.service_id,
    alert_episodes.c.key,
    unique=True,
    sqlite_where=alert_episodes.c.phase != "resolved",
    postgresql_where=alert_episodes.c.phase != "resolved",
)
Index(None, alert_episodes.c.service_id, alert_episodes.c.updated_at)

alert_notices = Table(
    "alert_notices",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("episode_id", ForeignKey("alert_episodes.id"), nullable=False, comment="the first of its episodes"),
    Column("step", Integer, nullable=False),
    Column("told", String(24), nullable=False),
    Column("level", Integer, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    UniqueConstraint("episode_id", "step"),
)

alert_notice_episodes = Table(
    "alert_notice_episodes",
    metadata,
    Column("notice_id", ForeignKey("alert_notices.id"), primary_key=True),
    Column("episode_id", ForeignKey("alert_episodes.id"), primary_key=True),
)

alert_actions = Table(
    "alert_actions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("episode_id", ForeignKey("alert_episodes.id"), nullable=False),
    Column("name", String(40), nullable=False),
    Column("state", String(12), nullable=False, comment="started, done, failed, lost or dry-run"),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("output", Text, nullable=False),
    Column("effect", String(12), nullable=False, comment="awaited, effective, ineffective, unknown or none"),
    Index(None, "episode_id"),
)
