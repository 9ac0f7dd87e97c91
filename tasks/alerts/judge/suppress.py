"""Why nobody is told of an alert: maintenance, a silence, or a load test or drill of our own. Pure."""

from collections.abc import Sequence
from datetime import datetime

from tasks.activities.facts import Activity
from tasks.alerts.facts import Condition
from tasks.alerts.judge.group import is_within
from tasks.observation import printable
from tasks.records.facts import Maintenance

_OF_THE_MACHINE = ("resources.",)
_OF_LOAD = ("resources.", "slo.", "kpi.", "health.latency")
"""What a load test changes. Liveness and readiness are not among it: a test that takes the service down is one."""


def suppressed_by(
    condition: Condition, at: datetime, maintenance: Sequence[Maintenance], activities: Sequence[Activity]
) -> str:
    """Why an alert is not told at an instant, in words; empty where nothing keeps it back."""
    for window in maintenance:
        mine = window.module is None or is_within(condition.subject, f"module:{window.module}")
        if mine and window.starts_at <= at < window.ends_at:
            return printable(f"maintenance: {window.reason} ({window.declared_by})", 200)
    for activity in activities:
        checks = _OF_LOAD if activity.on_service else _OF_THE_MACHINE
        if activity.started_at <= at < activity.until and condition.check.startswith(checks):
            return f"own {activity.kind.value} since {activity.started_at:%H:%MZ}"
    return ""
