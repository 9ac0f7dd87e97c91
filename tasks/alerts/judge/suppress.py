"""Why nobody is told of an alert: maintenance, a silence, or a load test or drill of our own. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tasks.activities.facts import Activity
from tasks.alerts.facts import Condition
from tasks.alerts.judge.group import is_within
from tasks.observation import printable
from tasks.records.facts import Maintenance
from tasks.silences.facts import Silence
from tasks.silences.judge.match import silenced_by

_MOST = 200
_OF_THE_MACHINE = ("resources.",)
_THIS_MACHINE = ("host", "container")
"""Its subjects: of a machine that a Prometheus measures nobody knows whether it is this one."""
_OF_LOAD = ("resources.", "slo.", "kpi.", "health.latency")
"""What a load test changes. Liveness and readiness are not among it: a test that takes the service down is one."""


@dataclass(frozen=True, slots=True)
class KeptBack:
    """What may keep alerts from people at some time."""

    maintenance: Sequence[Maintenance] = ()
    silences: Sequence[Silence] = ()
    activities: Sequence[Activity] = ()


def suppressed_by(condition: Condition, at: datetime, kept_back: KeptBack) -> str:
    """Why an alert is not told at an instant, in words; empty where nothing keeps it back."""
    for window in kept_back.maintenance:
        mine = window.module is None or is_within(condition.subject, f"module:{window.module}")
        if mine and window.starts_at <= at < window.ends_at:
            return printable(f"maintenance: {window.reason} ({window.declared_by})", _MOST)
    silence = silenced_by(kept_back.silences, condition.check, condition.subject, at)
    if silence is not None:
        return printable(f"silence {silence.id}: {silence.reason} ({silence.by})", _MOST)
    for activity in kept_back.activities:
        if activity.started_at <= at < activity.until and _changes(activity, condition):
            return f"own {activity.kind.value} since {activity.started_at:%H:%MZ}"
    return ""


def _changes(activity: Activity, condition: Condition) -> bool:
    if activity.on_service:
        return condition.check.startswith(_OF_LOAD)
    mine = any(is_within(condition.subject, name) for name in _THIS_MACHINE)
    return mine and condition.check.startswith(_OF_THE_MACHINE)
