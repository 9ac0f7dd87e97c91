"""The alerts of a Prometheus's own rules."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from tasks.alerts.facts import Condition, Said, Signal
from tasks.alerts.judge.group import PROMETHEUS
from tasks.alerts.settings import SEVERITIES, LevelName
from tasks.check_result import Severity, msg, verbatim
from tasks.prometheus.facts import PrometheusAlert
from tasks.prometheus.observe import read_alerts
from tasks.prometheus.opened import prometheus_of
from tasks.settings import Settings

CHECK: Final = "prometheus.alert"
_NOT_IDENTITY: Final = frozenset({"alertname", "severity", "alertstate", "prometheus", "prometheus_replica"})
_LONGEST_S = 10.0


async def read_prometheus_alerts(settings: Settings) -> tuple[PrometheusAlert, ...] | None:
    """What it reports now; None where it is not to be asked. Raises ObservationError, ConfigurationError."""
    if settings.metrics is None or settings.alerts is None or not settings.alerts.prometheus:
        return None
    async with prometheus_of(settings, settings.metrics, _LONGEST_S) as prometheus:
        return await read_alerts(prometheus)


def prometheus_signals(
    alerts: Collection[PrometheusAlert],
    levels: Mapping[str, LevelName],
    open_conditions: Collection[Condition],
    now: datetime,
) -> tuple[Signal, ...]:
    """Each of them, and that those which are open here are no longer reported.

    Of rules of one name for one thing, as for its warning and its critical limit, the gravest that fires counts. Pure.
    """
    found: dict[str, Signal] = {}
    for alert in alerts:
        signal = _signal(alert, levels, now)
        found[signal.condition.key] = max(found.get(signal.condition.key, signal), signal, key=_gravity)
    gone = (c for c in open_conditions if c.source == PROMETHEUS and c.key not in found)
    ended = (
        Signal(
            condition=condition,
            said=Said.GOOD,
            at=now,
            title=verbatim(condition.subject),
            reason=msg("Prometheus no longer reports this alert"),
        )
        for condition in gone
    )
    return (*found.values(), *ended)


def _gravity(signal: Signal) -> tuple[bool, Severity]:
    assert signal.level is not None
    return signal.said is Said.BAD, signal.level


def _signal(alert: PrometheusAlert, levels: Mapping[str, LevelName], now: datetime) -> Signal:
    name = alert.labels.get("alertname", "alert")
    place = alert.labels.get("instance") or alert.labels.get("job") or ""
    identity = tuple(sorted((n, v) for n, v in alert.labels.items() if n not in _NOT_IDENTITY))
    level = levels.get(alert.labels.get("severity", ""))
    return Signal(
        condition=Condition(PROMETHEUS, CHECK, f"{name} {place}".strip(), identity),
        said=Said.BAD if alert.firing else Said.PENDING,
        at=now,
        title=verbatim(name),
        reason=verbatim(alert.summary) if alert.summary else msg("Reported by Prometheus"),
        level=Severity.WARNING if level is None else SEVERITIES[level],
        since=min(alert.since, now),
    )
